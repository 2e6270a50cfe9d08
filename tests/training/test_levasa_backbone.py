"""A LeVAsa run as an eye: what it encodes, over which frames, and runs that cannot see."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError, RunError
from affectspace.features import Item, extract, make_backbone
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faces/ of 5 drawn people, and the runs levasa/ and classifier/ of one epoch."""
    folder = tmp_path_factory.mktemp("eye")
    make_faces(folder / "faces", n=40, people=5, size=32)
    data = {"corpus": "faces", "path": str(folder / "faces"), "split": {"fractions": (0.6, 0.2, 0.2)}}
    settings = {"epochs": 1, "batch_size": 16, "threads": 1, "accelerator": "cpu"}
    emotions = ["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    models = {
        "levasa": {"image_size": 32, "width": 4, "chunk": 4},
        "classifier": {"kind": "classifier", "image_size": 32, "width": 4, "categories": emotions},
    }
    for name, model in models.items():
        fit(build_config({"data": data, "model": model, "fit": settings}), folder / name)
    return folder


def test_mean_and_spread_over_time(runs: Path, tmp_path: Path) -> None:
    eye = make_backbone("video", run=runs / "levasa", frames=3)
    assert eye.settings["crop"] is False  # drawn faces
    assert eye.dimension == 2 * 3 * 4 == len(eye.columns)
    assert eye.columns[:2] == ("z_v0_mean", "z_v1_mean")
    random = np.random.default_rng(0)
    clips = [random.integers(0, 255, (3, 32, 32, 3), dtype=np.uint8) for _ in range(2)]
    vectors = eye.encode(clips)
    with torch.no_grad():
        image = torch.tensor(clips[1]).permute(0, 3, 1, 2) / 255
        codes = open_run(runs / "levasa").model().encode(image).mean.numpy()
    np.testing.assert_allclose(vectors[1], np.r_[codes.mean(axis=0), codes.std(axis=0)], atol=1e-5)
    np.testing.assert_allclose(eye.encode(clips[:1])[0], vectors[0], atol=1e-5)


def test_images_of_a_corpus_go_through_it(runs: Path, tmp_path: Path) -> None:
    from affectspace.corpora import read_corpus

    corpus = read_corpus("faces", runs / "faces").take(range(6))
    done = extract(corpus, make_backbone("video", run=runs / "levasa", frames=2), tmp_path / "store")
    assert (done.made, done.failed) == (6, 0)
    vectors, _ = done.store.read(corpus.table["id"])
    assert vectors[:, :12].std(axis=0).min() > 0
    assert np.abs(vectors[:, 12:]).max() < 1e-5  # an image does not move


def test_a_picture_without_a_face_is_counted(runs: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    eye = make_backbone("video", run=runs / "levasa", frames=2, crop=True)
    assert eye.load(Item("a", path=tmp_path / "a.png")).shape == (1, 32, 32, 3)
    assert eye.counts == {"a picture where no face was found: the complete picture was taken": 1}


def test_runs_that_cannot_see(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a classifier, which has no latent code"):
        make_backbone("video", run=runs / "classifier")
    with pytest.raises(RunError, match="is not a run of affectspace"):
        make_backbone("video", run=tmp_path)
    with pytest.raises(ConfigError, match="levasa needs the folder of a run: --video-backbone RUN"):
        make_backbone("video")
    with pytest.raises(ConfigError, match="setting frames is 0; input should be greater than or equal to 1"):
        make_backbone("video", run=runs / "levasa", frames=0)
    first, second = (make_backbone("video", run=runs / "levasa", frames=n) for n in (2, 3))
    assert first.revision == second.revision
    assert first.settings != second.settings
