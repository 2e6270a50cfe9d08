"""Backbones made again for new samples: those that cannot run, other places of the same weights, lexicons."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectspace.errors import DataError, RunError
from affectspace.features.backbone import make_backbone
from affectspace.models import Manifold, ManifoldConfig
from affectspace.prediction import Prediction, Predictor, Sample

from .conftest import spread, tone, written
from .small_runs import SMALL, MakeRun, expected, letters


def test_what_the_backbone_noticed_is_told(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", **SMALL))
    first, second = predictor.predict_many([Sample(text="short"), Sample(text="a" * 500)])
    assert isinstance(first, Prediction)
    assert isinstance(second, Prediction)
    assert ["a text that was cut" in one.notes for one in (first, second)] == [False, True]


def test_a_backbone_that_cannot_run_is_refused_with_its_remedy(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("text", "audio", **SMALL)
    facts = json.loads((run / "run.json").read_text())
    sound = tone(tmp_path / "a.wav", 1.0)

    def with_text(**changes: Any) -> Predictor:
        changed = {**facts, "modalities": {**facts["modalities"], "text": {**facts["modalities"]["text"], **changes}}}
        (run / "run.json").write_text(json.dumps(changed))
        return Predictor.of_run(run)

    gone = with_text(name="text:no/such/encoder", recipe=None)
    assert gone.predict(audio=sound).modalities == ("audio",)  # only what is asked for must be there
    with pytest.raises(RunError, match=r"modality text: .*no/such/encoder.* cannot run here: .*--backbone text=\.\.\."):
        gone.predict(text="hello")
    with pytest.raises(
        RunError, match=r"modality text: .* computes other vectors now \(revision: '0' before, '1' now\)"
    ):
        with_text(revision="0").predict(text="hello")
    settings = {"longest": 7}
    other = {**facts["modalities"]["text"]["recipe"], "settings": settings}
    cut = with_text(settings=settings, recipe=other).predict(text="hello hello")
    assert "a text that was cut" in cut.notes


def test_another_source_of_the_same_weights(make_run: MakeRun) -> None:
    run = make_run("text", **SMALL)
    assert Predictor.of_run(run, backbones={"text": "letters"}).predict(text="hello")
    with pytest.raises(RunError, match="has no modality 'voice'; it has text"):
        Predictor.of_run(run, backbones={"voice": "somewhere"})
    with pytest.raises(RunError, match=r"modality text: .*somewhere.*--backbone text="):
        Predictor.of_run(run, backbones={"text": "somewhere"}).predict(text="hello")


def test_a_backbone_inside_the_run(make_run: MakeRun) -> None:
    run = make_run("text", **SMALL)
    facts = json.loads((run / "run.json").read_text("utf-8"))
    facts["modalities"]["text"]["recipe"]["name"] = "./backbone"
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(RunError, match=rf"{run}/backbone"):
        Predictor.of_run(run).predict("hello")
    assert Predictor.of_run(run, backbones={"text": "letters"}).predict("hello")


def test_a_run_on_arrays_reads_vectors_only(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", facts={}, **SMALL))
    assert predictor.predict(vectors={"text": letters("hello")[0]}).modalities == ("text",)
    with pytest.raises(DataError, match="has no modality that reads text; it reads ready-made vectors of text"):
        predictor.predict(text="hello")


def test_a_lexicon_beside_the_text(make_run: MakeRun, tmp_path: Path) -> None:
    lexicon = tmp_path / "norms.csv"
    lexicon.write_text("term,valence,arousal\ngood,0.8,0.1\nbad,-0.8,0.4\n")
    columns = {"term": "term", "valence": "valence", "arousal": "arousal"}
    options = {"path": str(lexicon), "columns": columns, "scale": "canonical"}
    recorded = written("words:lexicon", lexicons={"norms": options})
    run = make_run("text", "words", facts={"text": written("text:letters"), "words": recorded}, **SMALL)
    model = Manifold(ManifoldConfig(modalities={"text": 27, "words": recorded["dimension"]}, **SMALL))
    spread(model)
    model.eval().save_pretrained(run / "model")
    prediction = Predictor.of_run(run).predict(text="a good day")
    assert prediction.modalities == ("text", "words")
    vector = make_backbone("words", lexicons={"norms": options}).encode(["a good day"])
    representation = expected(run, text=letters("a good day"), words=vector)
    np.testing.assert_allclose(prediction.mean, representation.fused[0].numpy(), atol=1e-5)
    moved = lexicon.rename(tmp_path / "moved.csv")
    with pytest.raises(RunError, match=r"modality words: .*norms\.csv.*--backbone words="):
        Predictor.of_run(run).predict(text="a good day")
    for source in (str(moved), f"norms={moved}"):
        again = Predictor.of_run(run, backbones={"words": source}).predict(text="a good day")
        assert again.mean == prediction.mean
    with pytest.raises(RunError, match="unknown lexicon 'other'; write norms=FILE"):
        Predictor.of_run(run, backbones={"words": f"other={moved}"}).predict(text="a good day")
    moved.write_text("term,valence,arousal\ngood,-0.8,0.1\n")
    with pytest.raises(RunError, match="is not the lexicon norms that was used before"):
        Predictor.of_run(run, backbones={"words": str(moved)}).predict(text="a good day")


def test_an_axis_without_training_labels_is_not_predicted(make_run: MakeRun) -> None:
    folder = make_run("text", **SMALL)
    before = Predictor.of_run(folder).predict("a day")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "axes": ["valence", "arousal"]}))
    after = Predictor.of_run(folder).predict("a day")
    assert (after.valence, after.arousal, after.emotion) == (before.valence, before.arousal, before.emotion)
    assert np.isnan([after.dominance, after.deviation.dominance, after.by_modality["text"].dominance]).all()


def test_notes_belong_to_their_own_prediction_in_threads(make_run: MakeRun) -> None:
    predictor = Predictor.of_run(make_run("text", **SMALL))
    texts = ["a" * 500 if number % 2 else "short" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda text: predictor.predict(text), texts))
    assert ["a text that was cut" in outcome.notes for outcome in outcomes] == [number % 2 == 1 for number in range(60)]
