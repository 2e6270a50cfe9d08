"""From samples to the vectors that a run's model reads: each modality by the backbone that made its training features."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, RunError, UnreadableItem
from affectspace.features.backbone import Backbone, Item, recipe_of, remake_backbone
from affectspace.features.items import SOURCES
from affectspace.prediction.sample import Sample

BATCH = 32


@dataclass(eq=False)
class Encoded:
    """What one modality has of some samples.

    features : (n, width) float32, zero where absent; present : (n,) bool
    reasons : row -> why it could not be read; remarks : row -> what the backbone noticed
    """

    features: np.ndarray
    present: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)
    remarks: dict[int, list[str]] = field(default_factory=dict)


class Modality:
    """One modality of a run. Its backbone is loaded when it is first needed.

    name, width : as the model has them; identity : what the run records of the backbone, None where it records none
    source : where its weights are now, for a backbone that is not where it was: a folder, a hub name, a LeVAsa run
    """

    def __init__(
        self, name: str, width: int, identity: Mapping[str, Any] | None, source: str | Path | None, device: str
    ) -> None:
        self.name, self.width, self.identity = name, width, identity
        self._source, self._device = source, device
        self._backbone: Backbone | None = None

    @property
    def ready_made(self) -> bool:
        """Whether its vectors come from elsewhere."""
        return self.identity is None or str(self.identity["name"]).endswith(":vectors")

    @property
    def reads(self) -> tuple[str, ...]:
        """What of a sample it reads: of text, audio, video, image the ones that do; vectors are always read."""
        if self.identity is None or self.ready_made:
            return ()
        return SOURCES.get(str(self.identity["modality"]), ())

    @property
    def backbone(self) -> Backbone:
        """Raises RunError with the remedy where it cannot run here."""
        if self._backbone is None:
            assert self.identity is not None
            try:
                self._backbone = remake_backbone(self._written(), device=self._device)
            except ConfigError as error:
                raise RunError(
                    f"modality {self.name}: {error}; --backbone {self.name}=... (in Python backbones=) names a folder, a hub "
                    "name or a run with the same weights, and ready-made vectors need no backbone"
                ) from error
        return self._backbone

    def _written(self) -> dict[str, Any]:
        """What the run records, with the source that the caller names."""
        written = dict(self.identity or {})
        if self._source is None:
            return written
        recipe = recipe_of(written)
        if recipe["name"] == "levasa":
            moved: dict[str, Any] = {"settings": {**recipe["settings"], "run": str(self._source)}}
        elif "lexicons" in recipe["settings"]:
            moved = {"settings": {**recipe["settings"], "lexicons": self._lexicons(recipe["settings"]["lexicons"])}}
        else:
            moved = {"name": str(self._source)}
        return {**written, "recipe": {**recipe, **moved}}

    def _lexicons(self, known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """The settings of lexicons whose files have moved: name=FILE,name=FILE, or the file alone where there is one."""
        text = str(self._source)
        pairs = [part.partition("=") for part in text.split(",")] if "=" in text or len(known) > 1 else []
        files = {name.strip(): file.strip() for name, _, file in pairs} if pairs else dict.fromkeys(known, text)
        unknown = [name for name in files if name not in known]
        if unknown:
            raise ConfigError(f"no lexicon is called {unknown[0]!r}; write {'=FILE,'.join(known)}=FILE")
        return {name: {**options, "path": files.get(name, options["path"])} for name, options in known.items()}

    def kind_in(self, sample: Sample) -> str | None:
        """Which of the sample's inputs it reads: "vectors", "text", "audio", ...; None where there is none for it."""
        if self.name in sample.vectors:
            return "vectors"
        return next((kind for kind in self.reads if sample.given(kind)), None)

    def encode(self, samples: Sequence[Sample]) -> Encoded:
        """The vectors of these samples. What cannot be read is absent, with its reason."""
        found = Encoded(np.zeros((len(samples), self.width), np.float32), np.zeros(len(samples), bool))
        kinds = [self.kind_in(sample) for sample in samples]
        for row, kind in enumerate(kinds):
            if kind == "vectors":
                self._take(found, row, samples[row].vectors[self.name])
        rows = [row for row, kind in enumerate(kinds) if kind not in (None, "vectors")]
        if not rows:
            return found
        items = [_item(samples[row], str(kinds[row])) for row in rows]
        loaded = _load(self.backbone, items, found.remarks, rows)
        good = [place for place, one in enumerate(loaded) if not isinstance(one, UnreadableItem)]
        found.reasons |= {
            row: str(one) for row, one in zip(rows, loaded, strict=True) if isinstance(one, UnreadableItem)
        }
        good.sort(key=lambda place: self.backbone.length(loaded[place]))
        size = getattr(self.backbone, "batch_rows", BATCH)
        for start in range(0, len(good), size):
            part = good[start : start + size]
            for place, vector in zip(part, self.backbone.encode([loaded[place] for place in part]), strict=True):
                self._take(found, rows[place], vector)
        return found

    def _take(self, found: Encoded, row: int, vector: Any) -> None:
        try:
            numbers = np.asarray(vector, dtype=np.float32)
        except (TypeError, ValueError):
            found.reasons[row] = f"the vector of {self.name} is not numbers"
            return
        if numbers.shape != (self.width,):
            found.reasons[row] = (
                f"the vector of {self.name} has shape {numbers.shape}; the run was trained on {self.width}"
            )
        elif not np.isfinite(numbers).all():
            found.reasons[row] = f"the vector of {self.name} has missing or infinite numbers"
        else:
            found.features[row], found.present[row] = numbers, True


def _item(sample: Sample, kind: str) -> Item:
    if kind == "text":
        return Item("sample", text=sample.text)
    path = Path(getattr(sample, kind))
    cut = (None, None) if kind == "image" else (sample.start, sample.end)
    return Item(path.name, path=path, start=cut[0], end=cut[1])


def _load(backbone: Backbone, items: list[Item], remarks: dict[int, list[str]], rows: list[int]) -> list[Any]:
    """What the backbone reads of each item, or the UnreadableItem.

    Of a backbone that counts what it notices, one by one, so that every remark finds its row; else in threads.
    """

    def load(item: Item) -> Any:
        try:
            return backbone.load(item)
        except UnreadableItem as reason:
            return reason

    counts = getattr(backbone, "counts", None)
    if len(items) > 1 and items[0].path is not None and counts is None:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8), thread_name_prefix="decode") as pool:
            return list(pool.map(load, items))
    loaded = []
    for row, item in zip(rows, items, strict=True):
        before = Counter(counts or {})
        loaded.append(load(item))
        remarks[row] = list(Counter(counts or {}) - before)
    return loaded
