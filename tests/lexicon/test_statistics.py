import numpy as np
import pandas as pd
import pytest

from affectspace.errors import ConfigError
from affectspace.lexicon import Contextual, Lexicon, lexicon_statistics

VAD = Lexicon.from_terms({"glad": (0.8, 0.4, 0.2), "dull": (-0.4, -0.6, -0.2)})
VALENCE = Lexicon.from_terms({"glad": 3.0, "awful": -3.0}, scale="vader")


def test_statistics_of_each_text_in_closed_form():
    texts = pd.Series(["glad dull day", "", "awful, glad", None], index=list("abcd"))
    table = lexicon_statistics(texts, {"norms": VAD, "polar": VALENCE})
    assert table.shape == (4, 18)
    assert table.index.tolist() == list("abcd")
    first = table.loc["a"]
    assert first["norms_valence_mean"] == pytest.approx(0.2)
    assert (first["norms_valence_low"], first["norms_valence_high"]) == pytest.approx((-0.4, 0.8))
    assert first["norms_valence_spread"] == pytest.approx(np.std([0.8, -0.4]))
    assert (first["norms_coverage"], first["polar_coverage"]) == pytest.approx((2 / 3, 1 / 3))
    assert table.loc["c", "polar_valence_spread"] == pytest.approx(0.75)
    assert (table.loc[["b", "d"]] == 0).all(axis=None)
    assert np.isfinite(table.to_numpy()).all()


def test_neutral_band_and_no_texts():
    table = lexicon_statistics(["glad"], {"n": VAD}, contextual=Contextual(neutral_band=0.5))
    assert (table.loc[0, "n_valence_mean"], table.loc[0, "n_arousal_high"]) == pytest.approx((0.8, 0))
    assert lexicon_statistics([], {"n": VAD}).shape == (0, 13)
    with pytest.raises(ConfigError, match="at least one lexicon"):
        lexicon_statistics(["glad"], {})
