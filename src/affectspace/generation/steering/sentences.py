"""The sentences of a run's parts: which can be read, their labels, and what they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from affectspace.errors import DataError
from affectspace.generation.steering.encoder import SentenceEncoder
from affectspace.generation.steering.language_model import LanguageModel
from affectspace.training.feature_set import FeatureSet


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
