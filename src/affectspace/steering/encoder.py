"""What a run's model reads of sentences, and the sentences of the run's parts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from affectspace.corpora import row_groups
from affectspace.data.dataset import Dataset
from affectspace.errors import DataError, RunError
from affectspace.features.backbones.pretrained import threads_for
from affectspace.files import write_atomic
from affectspace.models import AffectModel
from affectspace.prediction.features import open_modalities
from affectspace.prediction.sample import Sample
from affectspace.steering.language_model import LanguageModel
from affectspace.training.runs import open_run

BATCH = 512  # rows that go through the model at once
COPIED = ("config.yaml", "run.json")  # of the encoder's run, beside its model
REMEDY = "steering needs a run on features of text, such as one of configs/manifold_emobank.yaml"


@dataclass(frozen=True, eq=False)
class Latents:
    """Posterior means of n sentences.

    affect : (n, 3), canonical; private : (n, width), of all modalities that read text, side by side
    """

    affect: np.ndarray
    private: np.ndarray


class SentenceEncoder:
    """A finished run of a model on features that reads text. Backbones are loaded when they are first needed."""

    def __init__(self, folder: Path, *, device: str = "cpu", backbones: Mapping[str, str | Path] | None = None) -> None:
        """Open a run folder. Raises RunError for a run that is not finished or reads no text."""
        run = open_run(folder)
        model = run.model()
        if not isinstance(model, AffectModel):
            raise RunError(f"{run.folder} holds a model of kind {run.facts['kind']}, which reads no text; {REMEDY}")
        self.run, self.model, self.device = run, model.to(device).eval(), device
        modalities = open_modalities(run, backbones or {}, device)
        self._modalities = [modality for modality in modalities.values() if "text" in modality.reads]
        if not self._modalities:
            raise RunError(
                f"{run.folder} has the modalities {', '.join(modalities)}, of which none reads text; {REMEDY}"
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the run that read text."""
        return tuple(modality.name for modality in self._modalities)

    def latents(self, texts: Sequence[str]) -> Latents:
        """Encode sentences. Raises DataError that names a sentence which a backbone cannot read."""
        samples = [Sample(text=text) for text in texts]
        features, present = {}, {}
        for modality in self._modalities:
            encoded = modality.encode(samples)
            for row, reason in encoded.reasons.items():
                raise DataError(f"text {row + 1} ({texts[row][:40]!r}): {reason}")
            features[modality.name] = torch.from_numpy(encoded.features)
            present[modality.name] = torch.from_numpy(encoded.present)
        return self._latents(features, present)

    def latents_of_rows(self, rows: Dataset, places: np.ndarray) -> Latents:
        """Encode rows of a feature set by their stored features. Only modalities that read text are used."""
        batch = rows.features.take(torch.from_numpy(places))
        return self._latents(batch.features, batch.present)

    @torch.inference_mode()
    def _latents(self, features: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor]) -> Latents:
        affect, private = [], []
        rows = len(present[self.modalities[0]])
        operations = 2.0 * sum(parameter.numel() for parameter in self.model.parameters()) * min(rows, BATCH)
        with threads_for(operations):
            for start in range(0, rows, BATCH):
                part = slice(start, start + BATCH)
                output = self.model.represent(
                    {name: features[name][part].to(self.device) for name in self.modalities},
                    {name: present[name][part].to(self.device) for name in self.modalities},
                )
                codes = [output.private[name].mean for name in self.modalities if name in output.private]
                affect.append(output.fused.cpu())
                private.append(torch.cat([output.fused[:, :0], *codes], dim=1).cpu())
        return Latents(torch.cat(affect).double().numpy(), torch.cat(private).double().numpy())

    def copy_to(self, folder: Path) -> None:
        """Copy what the encoder needs into a folder, so that a projector's run is complete.

        Raises RunError where the folder holds a copy of an encoder with other weights.
        """
        if (folder / "model").is_dir():
            if _weights_hash(folder) != _weights_hash(self.run.folder):
                raise RunError(
                    f"{self.run.folder} was trained again after {folder} was copied from it; train the projector again with "
                    "--force"
                )
            return

        def copy(partial: Path) -> None:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(self.run.folder / "model", partial / "model")
            for name in COPIED:
                shutil.copyfile(self.run.folder / name, partial / name)

        shutil.rmtree(folder, ignore_errors=True)
        write_atomic(folder, copy)


def _weights_hash(run: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted((run / "model").rglob("*.safetensors")):
        digest.update(path.relative_to(run).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Sentences:
    """n sentences of a part of a feature set.

    rows : their places in its table; labels : (n, 3), in the encoder's units, NaN where there is none
    groups : (n,) person, document, dialogue or the sentence itself, the first that is known
    """

    texts: list[str]
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: np.ndarray) -> Sentences:
        """Select sentences by their places."""
        return Sentences(
            [self.texts[place] for place in places], self.rows[places], self.labels[places], self.groups[places]
        )

    def drawn(self, number: int, seed: int) -> Sentences:
        """Draw at most this number of sentences at random; they keep their order."""
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:number]))

    def short(self, model: LanguageModel, longest: int) -> Sentences:
        """Select those of at most `longest` tokens, counting the one that ends them."""
        fits = [len(model.encode(text)) < longest for text in self.texts]
        return self.take(np.flatnonzero(fits))


def sentences_of(rows: Dataset, encoder: SentenceEncoder, part: str) -> Sentences:
    """List the sentences of a part that have a text and all features of text, with single spaces.

    Raises DataError where there are none.
    """
    if "text" not in rows.table:
        raise DataError(f"{encoder.run.folder} was trained on rows without texts; steering needs a column of sentences")
    places = rows.rows(part)
    complete = rows.table["text"].iloc[places].fillna("").astype(str).str.strip().ne("").to_numpy()
    for name in encoder.modalities:
        complete = complete & rows.features.present[name].numpy()[places]
    places = places[complete]
    if not len(places):
        raise DataError(
            f"{encoder.run.folder}: no row of {part} has a text and features of {', '.join(encoder.modalities)}"
        )
    table = rows.table.iloc[places]
    texts = [" ".join(str(text).split()) for text in table["text"]]
    batch = rows.features.take(torch.from_numpy(places)).to(encoder.device)
    with torch.inference_mode():
        labels = encoder.model.in_pooled_units(batch.affect, batch.corpus).cpu().numpy().astype(np.float64)
    return Sentences(texts, places, labels, row_groups(table)[0])
