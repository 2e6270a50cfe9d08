"""The network that tells training people apart: what a LeVAsa with `identity_weight` keeps of a face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.errors import ConfigError
from affectspace.models import ClassifierConfig, EmotionClassifier
from affectspace.progress import Progress, silent
from affectspace.training.networks import JudgeSettings, KeptNetworks, teach_classifier

PASSES = 9  # over the training images
CENTRED = 2000  # images over which its outputs have the mean 0


def people_network(data: Dataset, folder: Path, seed: int, progress: Progress = silent) -> EmotionClassifier:
    """Train a network on who is who among the training people, or load the one that is in the folder.

    Its outputs for an image, one for each person, have the mean 0 over training images: they describe a face by the people whom
    it resembles. No image of validation or test people has a part in it.

    Raises
    ------
    ConfigError
        The training images are of fewer than two people.
    """
    rows = data.rows("train")
    person = data.table["person"].iloc[rows]
    known = person.notna().to_numpy()
    rows, names = rows[known], person[known].astype(str)
    people = tuple(dict.fromkeys(names))
    if len(people) < 2:
        raise ConfigError(
            f"model.identity_weight needs training images of two people or more, and their names; {data.name} has "
            f"{len(people)}: name the column of the people, or set it to 0"
        )
    settings = JudgeSettings(images=PASSES * len(rows), seed=seed)
    facts = {"settings": settings.model_dump(mode="json"), "people": list(people)}

    def teach(network: Any) -> None:
        labels = pd.Index(people).get_indexer(pd.Index(names))
        teach_classifier(network, data, rows, labels, settings, progress=progress, text="network of the people")
        shown = rows[np.unique(np.linspace(0, len(rows) - 1, min(CENTRED, len(rows))).astype(int))]
        with torch.no_grad():
            outputs = torch.cat(
                [network(to_image(data.images(part))) for part in np.array_split(shown, 20) if len(part)]
            )
            network.head[-1].bias -= outputs.mean(dim=0)

    config = ClassifierConfig(
        image_size=data.image_size, width=settings.width, dropout=settings.dropout, categories=people
    )
    network = KeptNetworks(folder, facts, seed).get("people", EmotionClassifier, config, teach)
    return network.eval().requires_grad_(False)
