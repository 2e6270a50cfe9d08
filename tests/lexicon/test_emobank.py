"""The promise of the contextual method, on real sentences: better than the exact one on every axis of EmoBank's test part."""

import numpy as np
import pandas as pd

from affectspace.lexicon import Lexicon, score_texts


def correlations(scores, ratings):
    """Pearson's r per axis over all sentences (no hit: neutral), and over those with a hit."""
    hit = (scores["numLexTokens"] > 0).to_numpy()
    values = scores[["valence", "arousal", "dominance"]].fillna(0.0).to_numpy()
    every = [np.corrcoef(values[:, k], ratings[:, k])[0, 1] for k in range(3)]
    return np.array(every), np.array([np.corrcoef(values[hit, k], ratings[hit, k])[0, 1] for k in range(3)]), hit.mean()


def test_contextual_beats_the_exact_mode_on_every_axis(shared_data):
    lexicon = Lexicon.read(shared_data / "lexicons" / "glasgow2019" / "glasgow_norms.csv")
    table = pd.read_csv(shared_data / "emobank" / "emobank.csv", keep_default_na=False)
    table = table[table["split"] == "test"]
    ratings = table[["V", "A", "D"]].to_numpy(dtype=float)
    assert len(ratings) == 1000
    exact = correlations(score_texts(table["text"], lexicon), ratings)
    ours = correlations(score_texts(table["text"], lexicon, "contextual"), ratings)
    assert (ours[0] > exact[0]).all()
    assert (ours[1] > exact[1]).all()
    assert ours[2] > exact[2]
