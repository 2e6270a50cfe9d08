"""Training of an adapter: samples pass the encoder itself, whose changes and whose linear layer are trained."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.data.batches import Batches
from affectspace.data.dataset import Dataset
from affectspace.errors import DataError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.features.extraction import load_item
from affectspace.features.items import ItemFiles, open_item_files
from affectspace.models import LossTerms
from affectspace.models.adapter.model import Adapter, ItemBatch
from affectspace.progress import Progress, silent
from affectspace.training.configuration import TrainConfig
from affectspace.training.loop import Training

log = logging.getLogger("affectspace.training.fit")

JUDGED = 512  # validation rows over which concordance is computed


class Samples:
    """The samples of a dataset as the backbone decodes them: texts once, files again in every epoch.

    unreadable : row -> reason. Such rows are left out of their batches.
    """

    def __init__(self, adapter: Adapter, items: Sequence[tuple[Item, Path | None]]) -> None:
        self.backbone, self.items = adapter.backbone, items
        self.unreadable: dict[int, str] = {}
        self._stack = ExitStack()
        self._files: dict[Path | None, ItemFiles] = {}
        for media in dict.fromkeys(media for _, media in items):
            self._files[media] = self._stack.enter_context(open_item_files(media))
        self._texts: list[Any] | None = None
        if adapter.config.modality == "text":
            self._texts = [self.backbone.load(item) for item, _ in items]

    @property
    def lengths(self) -> np.ndarray | None:
        """Length of every sample, (n,), where it is known without decoding files."""
        if self._texts is None:
            return None
        return np.array([self.backbone.length(loaded) for loaded in self._texts])

    def read(self, rows: np.ndarray) -> tuple[list[Any], list[int]]:
        """Decode rows; return the samples that can be read, and their places in `rows`."""
        if self._texts is not None:
            return [self._texts[row] for row in rows], list(range(len(rows)))
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8), thread_name_prefix="decode") as pool:
            loaded = list(pool.map(self._load, rows))
        for row, sample in zip(rows, loaded, strict=True):
            if isinstance(sample, UnreadableItem) and int(row) not in self.unreadable:
                self.unreadable[int(row)] = str(sample)
                log.info("left out: %s: %s", self.items[row][0].path, sample)
        places = [place for place, sample in enumerate(loaded) if not isinstance(sample, UnreadableItem)]
        return [loaded[place] for place in places], places

    def _load(self, row: int) -> Any:
        item, media = self.items[row]
        return load_item(self.backbone, self._files[media], item)


class ItemBatches(Batches):
    """Batches of decoded samples."""

    def __init__(self, samples: Samples, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.samples = samples

    def __iter__(self) -> Iterator[Any]:
        for rows, labels in zip(self.parts, super().__iter__(), strict=True):
            items, places = self.samples.read(rows)
            if places:
                yield ItemBatch(items, labels if len(places) == len(rows) else labels.take(torch.tensor(places)))


class AdapterTraining(Training):
    """Training of an adapter on the samples of a dataset."""

    unit = "samples"
    model: Adapter

    def __init__(self, config: TrainConfig, data: Dataset) -> None:
        assert data.items is not None
        settings = config.fit
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            adapter = Adapter(config.model.model_copy(update={"licence": data.corpus_fact("licence") or None}))
        adapter.prepare(data.batch("train"))
        self.data, self.samples = data, Samples(adapter, data.items)
        self._lengths = self.samples.lengths
        batches = Batches(data, "train", settings.batch_size, seed=0)
        super().__init__(adapter, settings, len(batches), sum(map(len, batches.whole)))

    def batches(self, epoch: int, rank: int, ranks: int) -> ItemBatches:
        return self._batches("train", self.config.batch_size, epoch, self.config.balance, True)

    def validation_batches(self, rank: int, ranks: int) -> ItemBatches:
        return self._batches("validation", JUDGED, 0, 0.0, False)  # concordance needs many rows

    def _batches(self, part: str, batch_size: int, epoch: int, balance: float, shuffle: bool) -> ItemBatches:
        return ItemBatches(
            self.samples, self.data, part, batch_size, seed=self.config.seed, epoch=epoch, balance=balance, shuffle=shuffle,
            lengths=self._lengths if shuffle else None,
        )  # fmt: skip

    def loss(self, batch: Any, seed: int, progress: float, training: bool) -> LossTerms:
        return self.model.loss(batch, progress=progress)

    def facts(self) -> dict[str, Any]:
        """Return what the run records of the encoder, and how well validation rows are predicted."""
        if len(self.samples.unreadable) == len(self.data.table):
            raise DataError("no sample can be read; log.txt has the reasons")
        config = self.model.config
        trained = sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)
        return {
            "encoder": {
                "modality": config.modality,
                "name": config.encoder,
                "revision": config.revision,
                "licence": self.model.backbone.licence,
                "method": config.method,
                "trained_parameters": trained,
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            },
            "unreadable": len(self.samples.unreadable),
        }


@torch.inference_mode()
def predict_part(adapter: Adapter, data: Dataset, part: str, progress: Progress = silent) -> torch.Tensor:
    """Predict the rows of a part in the units of all labels pooled, (n, 3); NaN in rows that cannot be read."""
    assert data.items is not None
    rows = data.rows(part)
    samples = Samples(adapter, [data.items[row] for row in rows])
    affect = torch.full((len(rows), len(AXES)), torch.nan)
    for start in range(0, len(rows), JUDGED):
        progress(start, len(rows), f"predicting the {part} part")
        places = np.arange(start, min(start + JUDGED, len(rows)))
        items, kept = samples.read(places)
        if kept:
            affect[torch.from_numpy(places[kept])] = adapter.eval()(items)
    return affect
