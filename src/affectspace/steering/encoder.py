"""What our own model reads from sentences, and the sentences of a run's parts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError, RunError
from affectspace.features.backbones.pretrained import threads_for
from affectspace.models import Ensemble, Manifold
from affectspace.models.affect_model import AffectModel
from affectspace.prediction.encoding import Modality
from affectspace.prediction.feature_run import modality_facts
from affectspace.prediction.sample import Sample
from affectspace.steering.language_model import LanguageModel
from affectspace.training.feature_set import FeatureSet
from affectspace.training.runs import Run, open_run

TOGETHER = 512  # rows that go through the model at once
KEPT = ("config.yaml", "run.json")  # of a run, beside its model


@dataclass(frozen=True, eq=False)
class Latents:
    """affect : (n, 3), posterior means on [-1, 1]; private : (n, width), of all modalities that read text, side by side."""

    affect: np.ndarray
    private: np.ndarray


class SentenceEncoder:
    """A finished run of a model on features that reads text. Backbones are loaded when they are first needed.

    Raises RunError for a run of another kind, or one that reads no text, and for a backbone of no modality of it.
    """

    def __init__(self, run: Run, *, device: str = "cpu", backbones: Mapping[str, str | Path] | None = None) -> None:
        model = run.model()
        if not isinstance(model, AffectModel):
            raise RunError(
                f"{run.folder} holds a model of kind {run.facts['kind']}, which reads no text; steering needs a run on "
                "features of text, such as one of configs/manifold_emobank.yaml"
            )
        self.run, self.model, self.device = run, model.to(device).eval(), device
        given = backbones or {}
        unknown = [name for name in given if name not in model.config.modalities]
        if unknown:
            raise RunError(f"{run.folder} has no modality {unknown[0]!r}; it has {', '.join(model.config.modalities)}")
        modalities = [
            Modality(name, width, identity, given.get(name), device)
            for (name, width), identity in zip(
                model.config.modalities.items(), modality_facts(run, model).values(), strict=True
            )
        ]
        self._modalities = [one for one in modalities if "text" in one.reads]
        if not self._modalities:
            raise RunError(
                f"{run.folder} has the modalities {', '.join(model.config.modalities)}, of which none reads text; steering "
                "needs a run on features of text, such as one of configs/manifold_emobank.yaml"
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """The run's modalities that read text."""
        return tuple(one.name for one in self._modalities)

    def latents(self, texts: Sequence[str]) -> Latents:
        """Of sentences. Raises DataError that names one which a backbone cannot read."""
        samples = [Sample(text=text) for text in texts]
        features, present = {}, {}
        for one in self._modalities:
            encoded = one.encode(samples)
            for row, reason in encoded.reasons.items():
                raise DataError(f"text {row + 1} ({texts[row][:40]!r}): {reason}")
            features[one.name] = torch.from_numpy(encoded.features)
            present[one.name] = torch.from_numpy(encoded.present)
        return self.latents_of(features, present)

    def latents_of_batch(self, batch: FeatureBatch) -> Latents:
        """Of rows whose features are there; only the modalities that read text are looked at."""
        return self.latents_of(
            {name: batch.features[name] for name in self.modalities},
            {name: batch.present[name] for name in self.modalities},
        )

    @torch.inference_mode()
    def latents_of(self, features: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor]) -> Latents:
        """Of features, modality -> (n, width), that are present, (n,) bool."""
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        rows = len(next(iter(present.values())))
        operations = 2.0 * sum(parameter.numel() for parameter in self.model.parameters()) * min(rows, TOGETHER)
        with threads_for(operations):
            for start in range(0, rows, TOGETHER):
                piece = slice(start, start + TOGETHER)
                said = self.model.represent(
                    {name: values[piece].to(self.device) for name, values in features.items()},
                    {name: mask[piece].to(self.device) for name, mask in present.items()},
                )
                private = [said.private[name].mean for name in self.modalities if name in said.private]
                codes = torch.cat(private, dim=1) if private else said.fused.new_zeros(len(said.fused), 0)
                parts.append((said.fused.cpu().numpy(), codes.cpu().numpy()))
        return Latents(*(np.concatenate([part[place] for part in parts]).astype(np.float64) for place in (0, 1)))

    def pooled_labels(self, batch: FeatureBatch) -> np.ndarray:
        """The rows' labels (n, 3) in the units of `latents`, NaN where there is none."""
        members = self.model.manifolds if isinstance(self.model, Ensemble) else [self.model]
        linked = [one for one in members if isinstance(one, Manifold)]
        labels, corpus = batch.affect.to(self.device), batch.corpus.to(self.device)
        with torch.inference_mode():
            if linked:  # the baselines know no links
                labels = torch.stack([one.in_pooled_units(labels, corpus) for one in linked]).mean(dim=0)
        return labels.cpu().numpy().astype(np.float64)

    def keep(self, folder: Path) -> None:
        """Copy what the encoder needs into a folder, so that a projector's run is complete in itself.

        Raises RunError where another encoder's copy is there: what began with one does not go on with another.
        """
        if (folder / "model").is_dir():
            if _weights_hash(folder) != _weights_hash(self.run.folder):
                raise RunError(
                    f"{self.run.folder} has been trained anew since {folder} was copied from it; train the projector anew "
                    "with --force"
                )
            return
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in KEPT:
            shutil.copyfile(self.run.folder / name, partial / name)
        shutil.copytree(self.run.folder / "model", partial / "model")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)


def _weights_hash(run: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted((run / "model").rglob("*.safetensors")):
        digest.update(path.relative_to(run).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def open_encoder(
    folder: Path, *, device: str = "cpu", backbones: Mapping[str, str | Path] | None = None
) -> SentenceEncoder:
    """The encoder of a run folder. Raises RunError as `open_run` and `SentenceEncoder`."""
    return SentenceEncoder(open_run(folder), device=device, backbones=backbones)


@dataclass(frozen=True, eq=False)
class Sentences:
    """n sentences.

    rows : their places in the feature set's table; labels : (n, 3), in the encoder's units, NaN where there is none
    groups : (n,) the document, person or, where neither is known, the sentence itself
    """

    texts: list[str]
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: np.ndarray) -> Sentences:
        """The sentences at these places."""
        return Sentences(
            [self.texts[place] for place in places], self.rows[places], self.labels[places], self.groups[places]
        )

    def drawn(self, number: int, seed: int) -> Sentences:
        """At most so many of them at random, in their order."""
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:number]))


def sentences_of(rows: FeatureSet, encoder: SentenceEncoder, part: str) -> Sentences:
    """The sentences of a part that have a text and every modality that reads it, without superfluous white space.

    Raises DataError where the rows have no texts, or the part none that can be read.
    """
    if "text" not in rows.table:
        raise DataError(f"{encoder.run.folder} was trained on rows without texts; steering needs sentences")
    where = rows.rows(part)
    there = rows.table["text"].iloc[where].fillna("").astype(str).str.strip().ne("").to_numpy()
    for name in encoder.modalities:
        there = there & rows.features.present[name].numpy()[where]
    where = where[there]
    if not len(where):
        raise DataError(
            f"{encoder.run.folder}: no row of {part} has a text and features of {', '.join(encoder.modalities)}"
        )
    texts = [" ".join(str(text).split()) for text in rows.table["text"].iloc[where]]
    labels = encoder.pooled_labels(rows.features.take(torch.from_numpy(where)))
    return Sentences(texts, where, labels, _groups(rows.table.iloc[where]))


def short_sentences(sentences: Sentences, model: LanguageModel, longest: int) -> Sentences:
    """Those that have at most so many tokens, with the one that ends them."""
    return sentences.take(
        np.array([place for place, text in enumerate(sentences.texts) if len(model.encode(text)) < longest], dtype=int)
    )


def _groups(table: pd.DataFrame) -> np.ndarray:
    for column in ("document", "dialogue", "person"):
        if column in table and table[column].notna().all():
            return table[column].astype(str).to_numpy(object)
    return table["id"].astype(str).to_numpy(object)
