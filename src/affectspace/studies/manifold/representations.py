"""What a trained model computes for every row of a corpus: latents, affect with its deviation, reconstruction errors.

It is computed once for a run and a corpus, and then read from the run's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from affectspace.studies.engine import keep_on_disk
from affectspace.tensors import UNSEALED, require_unchanged, write_sealed

BATCH = 1024
BY_MODALITY = ("present", "shared", "private", "affect", "deviation", "rebuilt")

Change = Callable[[str, np.ndarray], np.ndarray]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Representations:
    """Rows of one corpus in the order of its table. Absent modalities hold anything: use `present`.

    present : modality -> (n,) bool
    affect, deviation : modality -> (n, 3), predicted from it alone, and the standard deviation
    fused, fused_deviation : (n, 3), from all modalities of a row; NaN for a row without any
    shared, private : modality -> (n, d), posterior means; empty for a model without such latents
    rebuilt : modality -> (n, 3): squared error of the reconstruction, the same with the private latent at its mean over the
        rows, and the features' squared distance from their mean on train; empty without a decoder
    """

    present: Arrays
    affect: Arrays
    deviation: Arrays
    fused: np.ndarray
    fused_deviation: np.ndarray
    shared: Arrays = field(default_factory=dict)
    private: Arrays = field(default_factory=dict)
    rebuilt: Arrays = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fused)

    def write(self, path: Path) -> None:
        """Write safetensors, completely or not at all."""
        tensors = {f"{kind}/{name}": values for kind in BY_MODALITY for name, values in getattr(self, kind).items()}
        tensors |= {"fused": self.fused, "fused_deviation": self.fused_deviation}
        plain = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
        write_sealed(path, lambda partial: save_file(plain, partial, dict(UNSEALED)))

    @classmethod
    def read(cls, path: Path) -> Representations:
        """Read what `write` wrote."""
        require_unchanged(path, "delete it, and it is computed again")
        tensors = load_file(path)
        kinds: dict[str, Arrays] = {kind: {} for kind in BY_MODALITY}
        for name, values in tensors.items():
            kind, _, modality = name.partition("/")
            if modality:
                kinds[kind][modality] = values
        return cls(fused=tensors["fused"], fused_deviation=tensors["fused_deviation"], **kinds)

    @classmethod
    def kept(cls, path: Path, n: int, make: Callable[[], Representations]) -> Representations:
        """Read the representations in a file, or make them where it is missing, damaged or has another number of rows."""

        def read(path: Path) -> Representations | None:
            representations = cls.read(path)
            return representations if len(representations) == n else None

        return keep_on_disk(path, read, make, cls.write)

    @classmethod
    def joined(cls, blocks: Sequence[Representations]) -> Representations:
        """Concatenate the rows of several blocks."""
        kinds: dict[str, Any] = {
            kind: {
                name: np.concatenate([getattr(block, kind)[name] for block in blocks])
                for name in getattr(blocks[0], kind)
            }
            for kind in BY_MODALITY
        }
        fused, deviation = (
            np.concatenate([getattr(one, name) for one in blocks]) for name in ("fused", "fused_deviation")
        )
        return cls(**kinds, fused=fused, fused_deviation=deviation)

    @classmethod
    def mixture(cls, members: Sequence[Representations]) -> Representations:
        """Average several models' affect, with the deviation of their mixture. No latents: these do not share axes."""

        def mean(values: Sequence[np.ndarray]) -> np.ndarray:
            return np.asarray(np.mean(values, axis=0, dtype=np.float64), dtype=np.float32)

        def spread(means: Sequence[np.ndarray], deviations: Sequence[np.ndarray]) -> np.ndarray:
            within = np.mean(np.square(deviations), axis=0, dtype=np.float64)
            return np.asarray(np.sqrt(within + np.var(means, axis=0, dtype=np.float64)), dtype=np.float32)

        affect = {name: [member.affect[name] for member in members] for name in members[0].affect}
        deviation = {name: [member.deviation[name] for member in members] for name in affect}
        fused = [member.fused for member in members]
        return cls(
            members[0].present,
            {name: mean(values) for name, values in affect.items()},
            {name: spread(affect[name], deviation[name]) for name in affect},
            mean(fused),
            spread(fused, [member.fused_deviation for member in members]),
        )


@torch.no_grad()
def represent_rows(
    model: Any,
    features: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    *,
    only: Collection[str] | None = None,
    change: Change | None = None,
    corpus: str | None = None,
) -> Representations:
    """Compute a model's representations of rows that have any of its modalities.

    features, present : modality -> (n, width), (n,) bool; modalities of the model that are missing here are absent everywhere
    only : the modalities that are shown; change : of a modality's vectors, such as added noise
    corpus : affect is in the units of this training corpus where the model knows several, otherwise in the model's own
    """
    corpora = getattr(model.config, "corpora", ())
    units = corpora.index(corpus) if corpus in corpora and hasattr(model, "in_corpus_units") else None
    n = len(next(iter(features.values())))
    blocks = []
    for start in range(0, n, BATCH):
        rows = slice(start, min(start + BATCH, n))
        vectors, masks = {}, {}
        for name, width in model.config.modalities.items():
            shown = name in features and (only is None or name in only)
            values = features[name][rows] if shown else np.zeros((rows.stop - start, width), np.float32)
            values = change(name, values) if shown and change is not None else values
            mask = present[name][rows] if shown else np.zeros(rows.stop - start, bool)
            vectors[name] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
            masks[name] = torch.from_numpy(np.ascontiguousarray(mask))
        blocks.append(_represent(model, vectors, masks, units))
    representations = Representations.joined(blocks)
    if not hasattr(model, "decode") or not representations.private or not representations.shared:
        return representations
    rebuilt = {name: _rebuilding_errors(model, representations, features, name) for name in model.config.modalities}
    return replace(representations, rebuilt=rebuilt)


def _represent(
    model: Any, vectors: dict[str, torch.Tensor], masks: dict[str, torch.Tensor], units: int | None
) -> Representations:
    output = model.represent(vectors, masks)
    pairs = {name: (output.affect[name], output.deviation[name]) for name in output.affect}
    fused = output.fused, output.fused_deviation
    if units is not None:
        pairs = {name: model.in_corpus_units(*pair, units) for name, pair in pairs.items()}
        fused = model.in_corpus_units(*fused, units)

    def arrays(tensors: Mapping[str, torch.Tensor]) -> Arrays:
        return {name: values.float().numpy() for name, values in tensors.items()}

    return Representations(
        present={name: mask.numpy() for name, mask in masks.items()},
        affect=arrays({name: affect for name, (affect, _) in pairs.items()}),
        deviation=arrays({name: deviation for name, (_, deviation) in pairs.items()}),
        fused=fused[0].float().numpy(),
        fused_deviation=fused[1].float().numpy(),
        shared=arrays({name: posterior.mean for name, posterior in output.shared.items()}),
        private=arrays({name: posterior.mean for name, posterior in output.private.items()}),
    )


def _rebuilding_errors(
    model: Any, representations: Representations, features: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """Compute squared errors of one modality, (n, 3), as in `Representations.rebuilt`; 0 where it is absent."""
    errors = np.zeros((len(representations), 3), np.float32)
    present = representations.present[name]
    rows = np.flatnonzero(present)
    average = torch.from_numpy(representations.private[name][present].mean(axis=0)) if len(rows) else torch.empty(0)
    for start in range(0, len(rows), BATCH):
        block = rows[start : start + BATCH]
        mask = torch.ones(len(block), dtype=torch.bool)
        truth = model.standardise(name, torch.from_numpy(np.ascontiguousarray(features[name][block])), mask)
        shared, private = (
            torch.from_numpy(kind[name][block]) for kind in (representations.shared, representations.private)
        )
        decoded = [model.decode(name, shared, latent) for latent in (private, average.expand_as(private))]
        squares = [(values - truth).square().sum(dim=1) for values in (*decoded, torch.zeros_like(truth))]
        errors[block] = torch.stack(squares, dim=1).numpy()
    return errors
