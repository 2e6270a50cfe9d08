"""Comparison: a contrastive steering vector, added to the hidden states of one layer while the model writes.

Source: Turner et al. 2023 and Rimsky et al. 2024 (contrastive activation addition): the mean difference of a layer's states
between sentences of either end of an axis, here per standard deviation of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectspace.errors import ConfigError
from affectspace.progress import Progress, silent
from affectspace.steering.decoding import Sampling
from affectspace.steering.language_model import LanguageModel, positions
from affectspace.steering.ranking import Candidates
from affectspace.studies.steering.prompting import prompted

BATCH = 16


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """direction : (width,), for one sd of the axis; layer : behind which it is added; strength : its factor."""

    axis: str
    direction: Tensor
    layer: int
    strength: float = 1.0


def decoder_layers(model: LanguageModel) -> nn.ModuleList:
    """Find the layers of a decoder. Raises ConfigError where there are none."""
    count = int(model.network.config.num_hidden_layers)
    for module in model.network.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ConfigError(f"{model.name}: its {count} layers were not found, so no steering vector can be added")


def layer_at(model: LanguageModel, depth: float) -> int:
    """Return the layer at a share of the network's depth; never the last, whose output is normalised."""
    count = int(model.network.config.num_hidden_layers)
    return min(max(round(depth * count), 0), max(count - 2, 0))


@torch.inference_mode()
def mean_states(model: LanguageModel, texts: Sequence[str], layers: Sequence[int]) -> np.ndarray:
    """Compute the mean over tokens of the states after layers, (texts, layers, width)."""
    blocks = []
    for start in range(0, len(texts), BATCH):
        ids, mask = model.pad([[model.start, *model.encode(text)] for text in texts[start : start + BATCH]])
        output = model.network(
            input_ids=ids, attention_mask=mask.long(), position_ids=positions(mask),
            output_hidden_states=True, use_cache=False, logits_to_keep=1,
        )  # fmt: skip
        share = (mask / mask.sum(dim=1, keepdim=True))[..., None].float()
        states = [(output.hidden_states[layer + 1].float() * share).sum(dim=1) for layer in layers]
        blocks.append(torch.stack(states, dim=1).cpu().numpy())
    return np.concatenate(blocks)


def steering_vectors(
    model: LanguageModel, texts: Sequence[str], affect: np.ndarray, axis: str, layers: Sequence[int], number: int
) -> list[SteeringVector]:
    """Make one vector per layer from the `number` texts nearest the ends of an axis; affect : (n,) labels in sd.

    Raises ConfigError where the labels do not differ.
    """
    known = np.flatnonzero(np.isfinite(affect))
    ordered = known[np.argsort(affect[known], kind="stable")]
    half = min(number // 2, len(ordered) // 2)
    low, high = ordered[:half], ordered[len(ordered) - half :]
    apart = float(affect[high].mean() - affect[low].mean()) if half else 0.0
    if apart <= 0:
        raise ConfigError(f"{axis}: the training sentences have no two ends, so that there is no steering vector")
    states = mean_states(model, [texts[row] for row in [*low.tolist(), *high.tolist()]], layers)
    difference = (states[half:].mean(axis=0) - states[:half].mean(axis=0)) / apart
    return [
        SteeringVector(axis, torch.from_numpy(difference[place]).to(model.device, model.dtype), layer)
        for place, layer in enumerate(layers)
    ]


@contextmanager
def added(model: LanguageModel, vector: SteeringVector, target: float) -> Iterator[None]:
    """Add strength * target * direction to the model's states after the layer, at every position."""
    moved = vector.strength * target * vector.direction

    def hook(module: nn.Module, given: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + moved, *output[1:])
        return output + moved

    handle = decoder_layers(model)[vector.layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def written_with_vector(
    model: LanguageModel,
    vector: SteeringVector,
    seeds: Sequence[str],
    targets: Sequence[float],
    candidates: int,
    sampling: Sampling,
    seed: int,
    progress: Progress = silent,
) -> Candidates:
    """Rewrite sentences in other words while the vector is added: [seed][step][candidate]."""
    steps = []
    for number, value in enumerate(targets):
        with added(model, vector, value):
            steps.append(prompted(model, seeds, None, [value], candidates, sampling, seed + 1000 * number, progress))
    return [[steps[step][row][0] for step in range(len(targets))] for row in range(len(seeds))]
