"""A corpus: one table of samples, with where it came from and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import Scale
from affectspace.corpora.splits import FRACTIONS, split_table
from affectspace.errors import DataError
from affectspace.tables.where import matching_rows

if TYPE_CHECKING:
    from affectspace.media.images import ImageSet
from affectspace.corpora.schema import ReadReport


@dataclass(frozen=True, eq=False)
class Corpus:
    """Samples of one corpus.

    table: one row a sample, index 0..n-1, the columns of `COLUMNS` and then what else the corpus has; valence, arousal,
    dominance are canonical, [-1, 1], NaN where not annotated. ratings: one row per rater or channel and sample
    (column id), where known. scale: the scale that the files are written in. report: what was read and left out.
    media: folder or zip that the columns audio, video and image are relative to; None without such
    files.
    """

    name: str
    table: pd.DataFrame
    scale: Scale | None = None
    licence: str = ""
    citation: str = ""
    report: ReadReport = field(default_factory=lambda: ReadReport(0))
    media: Path | None = None
    ratings: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.table)

    def where(self, expression: str) -> Corpus:
        """The rows for which an expression over the columns holds, such as ``min(width, height) >= 48``.

        Comparisons, ``and or not in``, arithmetic, ``min max abs isna notna``, and constants. Raises DataError for an
        unknown column or a word that is none, and where no row is left.
        """
        rows = np.flatnonzero(matching_rows(self.table, expression))
        return self._keep(rows, f"where {expression}")

    def take(self, rows: Any) -> Corpus:
        """The rows at these positions, in that order. Raises DataError for none."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self._keep(rows.astype(np.int64), "not taken")

    def _keep(self, rows: np.ndarray, reason: str) -> Corpus:
        if not len(rows):
            raise DataError(f"corpus {self.name}: no row of {len(self)} is left ({reason})")
        table = self.table.iloc[rows].reset_index(drop=True)
        ratings = self.ratings
        if ratings is not None:
            ratings = ratings[ratings["id"].isin(table["id"])].reset_index(drop=True)
        return replace(self, table=table, ratings=ratings, report=self.report.then(len(table), reason))

    def split(
        self,
        scheme: str = "person",
        *,
        fold: int | None = None,
        folds: int = 5,
        seed: int = 0,
        fractions: tuple[float, float, float] = FRACTIONS,
    ) -> pd.Series:
        """Which part each row is in, with the table's index: "train", "validation" or "test".

        scheme: "person" keeps people apart, stratified by emotion; "random" deals rows, stratified, and people are in
        several parts (leaky); "published" is what the corpus came with; "document" keeps documents apart; "session5",
        "loso", "loso_improvised" and "script_independent" are IEMOCAP's (`session_parts`; fold is the session from 0, and
        rows in no part are missing). fold: k of 0..folds-1 as the test part,
        validation out of the rest; None: fractions of train, validation, test. The same seed gives the same split.
        Remarks are in ``.attrs["notes"]``. Raises DataError where people are unknown or too few, naming the remedy.
        """
        return split_table(
            self.table, scheme, fold=fold, folds=folds, seed=seed, fractions=fractions, where=f"corpus {self.name}"
        )

    def images(
        self,
        size: int = 64,
        cache: str | Path | None = None,
        workers: int | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        *,
        fit: str = "resize",
    ) -> ImageSet:
        """The decoded images, (rows, size, size, 3) uint8 RGB, through a cache on disk.

        cache: folder, else $AFFECTSPACE_CACHE, else ~/.cache/affectspace. fit: "resize" squeezes what is not square,
        "crop" takes its centre. An unreadable image is zeros and stands in `.failures`. Raises DataError without
        media.
        """
        from affectspace.media.images import decode_images

        if self.media is None or not self.table["image"].notna().any():
            raise DataError(
                f"corpus {self.name} was read without images; name their folder or zip (media=, --media) and their "
                "column (image)"
            )
        images = self.table["image"]
        return decode_images(self.media, images, size, cache=cache, workers=workers, progress=progress, fit=fit)

    def describe(self) -> dict[str, Any]:
        """Counts, ranges, splits and leakage of the corpus, fit for JSON."""
        from affectspace.corpora.description import describe_corpus

        return describe_corpus(self)
