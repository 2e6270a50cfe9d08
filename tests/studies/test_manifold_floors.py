"""Ridge and softmax without a network: planted vectors are read, every subset of modalities has its own view."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.studies.manifold.evaluation_rows import fold_of
from affectspace.studies.manifold.floors import fit_floor, lexicon_representations, subsets
from affectspace.studies.manifold.representations import represent_rows

EMOTIONS = ("neutral", "happiness", "sadness", "anger")


def make_source(n: int = 240) -> SimpleNamespace:
    """What a floor asks of a source: emotions, their centres, and vectors that hold them."""
    random = np.random.default_rng(0)
    emotion = np.array(EMOTIONS, dtype=object)[random.integers(0, 4, n)]
    truth = AnnotationTransfer.reference("russell_mehrabian_1977").centres(emotion)
    features = {
        name: (truth @ random.normal(size=(3, 8)) + 0.3 * random.normal(size=(n, 8))).astype(np.float32)
        for name in ("audio", "action_units")
    }
    features["audio"][:, 0] = 1.0  # a constant dimension
    present = {"audio": np.arange(n) % 5 > 0, "action_units": np.ones(n, bool)}
    table = pd.DataFrame({"emotion": emotion})
    return SimpleNamespace(table=table, truth=truth, features=features, present=present, vectors=(features, present))


@pytest.mark.parametrize("kind", ["ridge", "softmax"])
def test_planted_affect_is_read(kind: str) -> None:
    source = make_source()
    part = np.repeat(["train", "validation", "test"], [120, 40, 80])
    fold = fold_of(part)
    floor = fit_floor(kind, source, fold, ["audio", "action_units"])  # type: ignore[arg-type]
    outputs = represent_rows(floor, *source.vectors)
    for axis in range(3):
        assert np.corrcoef(outputs.fused[fold.test, axis], source.truth[fold.test, axis])[0, 1] > 0.8
    alone = represent_rows(floor, *source.vectors, only=["audio"])
    assert np.isnan(alone.fused[~source.present["audio"]]).all()
    lacking = ~source.present["audio"]
    np.testing.assert_allclose(outputs.fused[lacking], outputs.affect["action_units"][lacking], atol=1e-5)
    assert np.isfinite(outputs.fused_deviation).all()
    assert (outputs.fused_deviation > 0).all()
    assert not outputs.shared


@pytest.mark.parametrize("kind", ["ridge", "softmax"])
def test_test_rows_take_no_part(kind: str) -> None:
    source, other = make_source(), make_source()
    fold = fold_of(np.repeat(["train", "validation", "test"], [120, 40, 80]))
    other.truth[fold.test] += 1.0  # ratings of tested people can be anything
    floors = [fit_floor(kind, one, fold, ["audio"]) for one in (source, other)]  # type: ignore[arg-type]
    one, two = (floor.subsets["audio",].predict(source.features, np.arange(240)) for floor in floors)
    np.testing.assert_array_equal(one, two)


def test_subsets() -> None:
    assert list(subsets(["a", "b"])) == [("a",), ("b",), ("a", "b")]


def test_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "nrc.txt"
    path.write_text("term\tvalence\tarousal\tdominance\njoy\t0.9\t0.4\t0.2\nwar\t-0.8\t0.6\t0.1\n", encoding="utf-8")
    table = pd.DataFrame({"text": ["joy joy", "war", "nothing here", None]})
    outputs = lexicon_representations(SimpleNamespace(table=table), path)  # type: ignore[arg-type]
    assert outputs.fused[0, 0] > outputs.fused[2, 0] > outputs.fused[1, 0]
    assert np.isnan(outputs.fused[3]).all()
