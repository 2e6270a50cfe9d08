"""Small networks that judge pictures, and the one loop that trains them: equal numbers of images, whatever the corpus."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectspace.configuration import Configuration
from affectspace.data.dataset import Dataset
from affectspace.data.images import AugmentationConfig, augment, to_image
from affectspace.data.labels import step_seed
from affectspace.errors import DataError
from affectspace.files import parse_json, write_text
from affectspace.models import EmotionClassifier, Pretrained
from affectspace.models.levasa.networks import ImageEncoder
from affectspace.progress import Progress, silent

BATCH = 256
SHARPEST, DULLEST = 32, 10  # pixels a side that blurred images are brought down to
BLURRED = 0.5  # share of the images, so that a judge has seen what a decoder's blur looks like


class JudgeSettings(Configuration):
    """How judges are trained. The same for all of a study."""

    images: int = Field(50_000, ge=1, description="images that a network sees, repeats included")
    width: int = Field(32, ge=4, description="channels of the first convolution")
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    dropout: float = Field(0.3, ge=0, lt=1)
    faces: int = Field(12, ge=1, description="faces of a person that are walked")
    steps: int = Field(9, ge=3, description="points of a walk along one axis")
    drawn_faces: int = Field(5000, ge=10, description="that the regressor learns from, where the corpus is drawn")
    seed: int = 1000


class RegressorConfig(Configuration):
    kind: Literal["affect_regressor"] = "affect_regressor"
    image_size: int = Field(64, ge=32, multiple_of=16)
    width: int = Field(32, ge=4)
    dropout: float = Field(0.0, ge=0, lt=1)
    outputs: tuple[str, ...] = Field(("valence", "arousal"), min_length=1)


class AffectRegressor(Pretrained):
    """(batch, 3, size, size) in [0, 1] -> (batch, outputs), in the units of what it was trained on."""

    config_class = RegressorConfig
    config: RegressorConfig

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config.image_size, config.width, 1, ())
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.encoder.outputs, len(config.outputs)))
        self.register_buffer("mean", torch.zeros(len(config.outputs)))
        self.register_buffer("deviation", torch.ones(len(config.outputs)))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image)) * self.deviation + self.mean

    def set_scale(self, targets: np.ndarray) -> None:
        """Take mean and deviation of the targets (n, outputs), so that all outputs weigh alike."""
        deviation = targets.std(axis=0)
        self.mean.copy_(torch.as_tensor(targets.mean(axis=0)))
        self.deviation.copy_(torch.as_tensor(np.where(deviation > 0, deviation, 1.0)))


def drawn_rows(weights: np.ndarray, settings: JudgeSettings) -> Iterator[np.ndarray]:
    """Draw the rows of each step with weights (n,); they depend on the settings' seed and the step."""
    share = weights / weights.sum()
    for step in range(max(1, settings.images // settings.batch_size)):
        yield np.random.default_rng([settings.seed, step]).choice(len(share), settings.batch_size, p=share)


def train_network(
    network: Pretrained,
    images: Callable[[np.ndarray], np.ndarray],
    loss: Callable[[Tensor, np.ndarray], Tensor],
    weights: np.ndarray,
    settings: JudgeSettings,
    *,
    blur: bool = True,
    augmentation: AugmentationConfig | None = None,
    progress: Progress = silent,
    text: str = "judge",
) -> None:
    """Train in place and leave in evaluation mode; equal settings and inputs give equal weights.

    images : rows -> pixels (batch, size, size, 3) uint8; loss : (outputs, rows) -> scalar; weights : (n,), of drawing a row
    """
    augmentation = augmentation or AugmentationConfig()
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    steps = max(1, settings.images // settings.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps + 1, pct_start=0.1
    )
    with torch.random.fork_rng(devices=[]):
        for step, rows in enumerate(drawn_rows(weights, settings)):
            seed = step_seed(settings.seed, 0, step)
            torch.manual_seed(seed)  # of the dropout
            generator = torch.Generator().manual_seed(seed)
            batch = augment(to_image(images(rows)), augmentation, generator)
            if blur:
                batch = blurred(batch, generator)
            value = loss(network(batch), rows)
            if not torch.isfinite(value):
                raise DataError(f"the {text}'s loss is {value.item()} in step {step}; lower its learning rate")
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            progress(step + 1, steps, f"{text}, loss {value.item():.3f}" if step % 20 == 0 else text)
    network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def blurred(image: Tensor, generator: torch.Generator) -> Tensor:
    """Blur half the images of a batch: scale them down to 10 to 32 pixels per side and up again."""
    chosen = torch.rand(len(image), generator=generator) < BLURRED
    side = int(torch.randint(DULLEST, SHARPEST + 1, (1,), generator=generator))
    if not chosen.any() or side >= image.shape[-1]:
        return image
    low = F.interpolate(image[chosen], size=(side, side), mode="area")
    out = image.clone()
    out[chosen] = F.interpolate(low, size=image.shape[-2:], mode="bilinear", align_corners=False)
    return out


def saved_facts(folder: Path, file: str = "facts.json") -> dict[str, Any]:
    """Return the content of a JSON file; nothing if there is none that can be read."""
    try:
        return dict(parse_json((folder / file).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


@dataclass(frozen=True)
class KeptNetworks:
    """Networks in the subfolders of a folder, each with the facts that it was trained under; others are trained again."""

    folder: Path
    facts: dict[str, Any]
    seed: int

    def get(self, name: str, kind: Any, config: Any, teach: Callable[[Any], None]) -> Any:
        """Load the network of this name, or make and teach it where it is missing or has other facts."""
        where = self.folder / name
        if saved_facts(where) == self.facts:  # or it is not there yet, or not whole
            return kind.from_pretrained(where)
        (where / "facts.json").unlink(missing_ok=True)  # an interrupted training must not count as this one
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            made = kind(config)
        teach(made)
        made.save_pretrained(where)
        write_text(where / "facts.json", json.dumps(self.facts) + "\n")
        return made


def teach_classifier(
    network: EmotionClassifier,
    data: Dataset,
    rows: np.ndarray,
    labels: np.ndarray,
    settings: JudgeSettings,
    *,
    progress: Progress = silent,
    text: str = "classifier",
) -> None:
    """Train on rows of a corpus, all classes drawn equally often; labels : (rows,), index of the class."""
    target = torch.as_tensor(labels, dtype=torch.int64)
    train_network(
        network,
        lambda chosen: data.images(rows[chosen]),
        lambda out, chosen: F.cross_entropy(out, target[chosen]),
        1.0 / np.bincount(labels)[labels],
        settings,
        progress=progress,
        text=text,
    )


@torch.no_grad()
def outputs_of(network: Pretrained, pixels: np.ndarray) -> np.ndarray:
    """Compute a network's outputs for pictures (n, size, size, 3) uint8: probabilities for a classifier."""
    blocks = []
    for start in range(0, len(pixels), BATCH):
        out = network(to_image(pixels[start : start + BATCH]))
        blocks.append((out.softmax(dim=1) if isinstance(network, EmotionClassifier) else out).double().numpy())
    return np.concatenate(blocks)
