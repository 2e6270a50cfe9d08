"""What a trained model says of every row of a corpus: latents, affect with its deviation, errors of reconstruction.

Computed once for a run and a corpus, then read from the run's folder `codes/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from affectspace.files import write_atomic

BATCH = 1024
KINDS = ("present", "shared", "private", "affect", "deviation", "rebuilt")

Change = Callable[[str, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Codes:
    """Rows of one corpus in the order of its table. Absent modalities hold anything: use `present`.

    present : modality -> (n,) bool
    shared, private : modality -> (n, d), posterior means; a model without one of the kinds leaves the dict empty
    affect, deviation : modality -> (n, 3), read from it alone, and its standard deviation
    fused, fused_deviation : (n, 3) of all modalities that a row has; NaN for a row without any
    rebuilt : modality -> (n, 3): squared error of the reconstruction, the same with the private code at its mean over the
        rows, and squared distance of the standardised features from their mean on train; absent without a decoder
    """

    present: dict[str, np.ndarray]
    affect: dict[str, np.ndarray]
    deviation: dict[str, np.ndarray]
    fused: np.ndarray
    fused_deviation: np.ndarray
    shared: dict[str, np.ndarray] = field(default_factory=dict)
    private: dict[str, np.ndarray] = field(default_factory=dict)
    rebuilt: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fused)

    def write(self, path: Path) -> None:
        """As safetensors, whole or not at all."""
        tensors = {f"{kind}/{name}": values for kind in KINDS for name, values in getattr(self, kind).items()}
        tensors |= {"fused": self.fused, "fused_deviation": self.fused_deviation}
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
        write_atomic(path, lambda partial: save_file(plain, partial))

    @classmethod
    def read(cls, path: Path) -> Codes:
        """The inverse of `write`."""
        tensors = load_file(path)
        kinds: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in KINDS}
        for name, values in tensors.items():
            kind, _, modality = name.partition("/")
            if modality:
                kinds[kind][modality] = values
        return cls(fused=tensors["fused"], fused_deviation=tensors["fused_deviation"], **kinds)


def kept_codes(path: Path, rows: int, make: Callable[[], Codes]) -> Codes:
    """The codes in a file, made where it is missing, damaged, or not of so many rows."""
    if path.is_file():
        try:
            codes = Codes.read(path)
        except (SafetensorError, KeyError):
            pass  # made anew below
        else:
            if len(codes) == rows:
                return codes
    codes = make()
    codes.write(path)
    return codes


@torch.no_grad()
def encode_rows(
    model: Any,
    features: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    *,
    only: Iterable[str] | None = None,
    change: Change | None = None,
    corpus: str | None = None,
) -> Codes:
    """What a model says of rows that have any of its modalities.

    features, present : modality -> (n, width), (n,) bool; modalities that are not the model's are not used, those that
        are missing here are absent from every row
    only : the modalities that may be seen; change : of the vectors of a modality, such as added noise
    corpus : affect is told in the units of this training corpus, where the model knows several; else in its own
    """
    names = list(model.config.modalities)
    corpora = getattr(model.config, "corpora", ())
    units = corpora.index(corpus) if corpus in corpora and hasattr(model, "in_corpus_units") else None
    seen = set(names if only is None else only)
    n = len(next(iter(features.values())))
    parts: list[Codes] = []
    for start in range(0, n, BATCH):
        block = slice(start, min(start + BATCH, n))
        vectors, there = {}, {}
        for name, width in model.config.modalities.items():
            has = name in features and name in seen
            values = features[name][block] if has else np.zeros((block.stop - start, width), np.float32)
            values = change(name, values) if has and change is not None else values
            vectors[name] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
            mask = present[name][block] if has else np.zeros(block.stop - start, bool)
            there[name] = torch.from_numpy(np.ascontiguousarray(mask))
        parts.append(_said(model, vectors, there, units))
    codes = _joined(parts)
    return _with_rebuilt(model, codes, features, names)


def _said(model: Any, vectors: dict[str, torch.Tensor], there: dict[str, torch.Tensor], units: int | None) -> Codes:
    said = model.represent(vectors, there)
    pairs = {name: (said.affect[name], said.deviation[name]) for name in said.affect}
    fused = said.fused, said.fused_deviation
    if units is not None:
        pairs = {name: model.in_corpus_units(*pair, units) for name, pair in pairs.items()}
        fused = model.in_corpus_units(*fused, units)

    def arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
        return {name: values.float().numpy() for name, values in tensors.items()}

    return Codes(
        present={name: mask.numpy() for name, mask in there.items()},
        affect=arrays({name: affect for name, (affect, _) in pairs.items()}),
        deviation=arrays({name: deviation for name, (_, deviation) in pairs.items()}),
        fused=fused[0].float().numpy(),
        fused_deviation=fused[1].float().numpy(),
        shared=arrays({name: posterior.mean for name, posterior in said.shared.items()}),
        private=arrays({name: posterior.mean for name, posterior in said.private.items()}),
    )


def _joined(parts: list[Codes]) -> Codes:
    def together(kind: str) -> dict[str, np.ndarray]:
        first = getattr(parts[0], kind)
        return {name: np.concatenate([getattr(part, kind)[name] for part in parts]) for name in first}

    return Codes(
        **{kind: together(kind) for kind in KINDS},
        fused=np.concatenate([part.fused for part in parts]),
        fused_deviation=np.concatenate([part.fused_deviation for part in parts]),
    )


def _with_rebuilt(model: Any, codes: Codes, features: Mapping[str, np.ndarray], names: list[str]) -> Codes:
    """The codes with the errors of reconstruction, where the model has a decoder of shared and private codes."""
    if not hasattr(model, "decode") or not codes.private or not codes.shared:
        return codes
    rebuilt = {}
    for name in names:
        there = codes.present[name]
        errors = np.zeros((len(codes), 3), np.float32)
        rows = np.flatnonzero(there)
        average = torch.from_numpy(codes.private[name][there].mean(axis=0)) if len(rows) else None
        for start in range(0, len(rows), BATCH):
            block = rows[start : start + BATCH]
            mask = torch.ones(len(block), dtype=torch.bool)
            truth = model.standardise(name, torch.from_numpy(np.ascontiguousarray(features[name][block])), mask)
            shared, private = (torch.from_numpy(kind[name][block]) for kind in (codes.shared, codes.private))
            assert average is not None
            made = [model.decode(name, shared, code) for code in (private, average.expand_as(private))]
            squares = [(one - truth).square().sum(dim=1) for one in (*made, torch.zeros_like(truth))]
            errors[block] = torch.stack(squares, dim=1).numpy()
        rebuilt[name] = errors
    return Codes(
        codes.present, codes.affect, codes.deviation, codes.fused, codes.fused_deviation, codes.shared, codes.private, rebuilt
    )  # fmt: skip
