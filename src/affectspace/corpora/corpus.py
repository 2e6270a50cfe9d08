"""A corpus: one table of samples with fixed columns, its ratings, media, licence, and a report of how it was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, Scale
from affectspace.corpora.registry import CORPORA
from affectspace.corpora.schema import MEDIA_KINDS, ReadReport, axis_columns, build_table
from affectspace.corpora.splits import FRACTIONS, split_table
from affectspace.errors import DataError, counted
from affectspace.progress import Progress, silent
from affectspace.tables.where import matching_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from affectspace.media.images import ImageSet


@dataclass(frozen=True, eq=False)
class Corpus:
    """Samples of one corpus.

    Attributes
    ----------
    name : str
    table : DataFrame
        One row for each sample, index 0..n-1: the columns of `COLUMNS`, then what else the corpus has. Valence, arousal and
        dominance are canonical, on [-1, 1], and NaN where not annotated.
    scale : Scale or None
        Scale on which the files are written.
    licence, citation : str
    report : ReadReport
        What was kept, left out and repaired.
    media : Path or None
        Folder or zip that the columns audio, video and image are relative to.
    ratings : DataFrame or None
        One row for each sample (column id) and rater or channel, where they are known.
    synthetic : bool
        Whether affectspace made the samples (`affectspace corpus make`), in a layout of its own or in an official one.
    numbered : bool
        Whether the ids are numbers of rows, as the file has no names for them.

    Examples
    --------
    >>> from affectspace.corpora import Corpus, build_table
    >>> columns = {"id": list("abcd"), "person": list("ppqr"), "emotion": ["calm", "fear"] * 2}
    >>> corpus = Corpus("mine", build_table("mine", columns, where="mine.csv"))
    >>> len(corpus.where("emotion == 'fear'"))
    2
    >>> sorted(set(corpus.split("person", seed=0)))
    ['test', 'train', 'validation']
    """

    name: str
    table: pd.DataFrame
    scale: Scale | None = None
    licence: str = ""
    citation: str = ""
    report: ReadReport = field(default_factory=lambda: ReadReport(0))
    media: Path | None = None
    ratings: pd.DataFrame | None = None
    synthetic: bool = False
    numbered: bool = False

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def build(
        cls,
        name: str,
        columns: Mapping[str, Any],
        extras: Mapping[str, Any] | None = None,
        *,
        where: str | Path,
        scale: Scale | None = None,
        native: Mapping[str, Any] | None = None,
        left_out: Mapping[str, int] | None = None,
        repaired: Mapping[str, int] | None = None,
        notes: Sequence[str] = (),
        media: Path | None = None,
        ratings: pd.DataFrame | None = None,
    ) -> Corpus:
        """Build the corpus that a reader has read; arguments as in `build_table` and the attributes.

        native: axis -> n values on the scale. left_out, repaired: reasons with a count of 0 are dropped. media: ignored if
        no row has a file. Licence and citation are those of the registry.
        """
        axes = {} if scale is None else axis_columns(scale, native or {}, rows=columns["id"], where=str(where))
        table = build_table(name, {**columns, **axes}, extras, where=str(where))
        report = ReadReport(len(table), dict(+Counter(left_out)), dict(+Counter(repaired)), list(notes))
        if table[list(MEDIA_KINDS)].isna().all(axis=None):
            media = None
        reader = CORPORA[name]
        return cls(name, table, scale, reader.licence, reader.citation, report, media, ratings)

    def where(self, expression: str, further: pd.DataFrame | None = None) -> Corpus:
        """Return the rows for which an expression over the columns is true, such as ``min(width, height) >= 48``.

        Comparisons, ``and or not in``, arithmetic, ``min max abs isna notna`` and constants are allowed. Raises DataError for
        anything else, for an unknown column, and if no row is left. further: more columns that it may use, of the same rows.
        """
        table = self.table if further is None else pd.concat([self.table, further], axis=1)
        rows = np.flatnonzero(matching_rows(table, expression))
        return self._keep(rows, f"where {expression}")

    def take(self, rows: Any) -> Corpus:
        """Return the rows at these positions, or where a mask is true, in that order. Raises DataError if there are none."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self._keep(rows.astype(np.int64), "not taken")

    def _keep(self, rows: np.ndarray, reason: str) -> Corpus:
        if not len(rows):
            raise DataError(f"corpus {self.name}: none of the {len(self)} rows is left ({reason})")
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
        """Assign each row to "train", "validation" or "test".

        Parameters
        ----------
        scheme : str
            "person" keeps people apart and stratifies by emotion. "document" does the same with documents. "random"
            distributes rows, so that people are in several parts (leaky). "published" is the split of the corpus' owners.
            "session5", "loso", "loso_improvised" and "script_independent" are IEMOCAP's splits by session. "auto" is the first
            possible one of "published", "person", "document" and "random".
        fold, folds : int, optional
            Fold 0..folds-1 is the test part, and validation is taken from the rest. In the splits by session, the fold is the
            session that is tested. Default: the fractions.
        seed : int
            The same seed gives the same split, in any order of the rows.
        fractions : tuple of three floats
            Shares of train, validation and test.

        Returns
        -------
        Series
            With the table's index. Rows in no part are missing. ``.attrs["notes"]`` holds remarks.

        Raises
        ------
        DataError
            If the people are unknown or too few; the message says what to do.
        """
        return split_table(
            self.table, scheme, fold=fold, folds=folds, seed=seed, fractions=fractions, where=f"corpus {self.name}"
        )

    def images(
        self,
        size: int = 64,
        cache: str | Path | None = None,
        workers: int | None = None,
        progress: Progress = silent,
        *,
        fit: str = "resize",
    ) -> ImageSet:
        """Decode the images, (rows, size, size, 3) uint8 RGB, through a cache on disk.

        cache: a folder; default $AFFECTSPACE_CACHE, else ~/.cache/affectspace. fit: "resize" stretches what is not square,
        "crop" takes its centre. An unreadable image is zeros and is listed in `.failures`. Raises DataError if the corpus has
        no images.
        """
        from affectspace.media.images import decode_images

        images = self.table["image"]
        if self.media is None or images.isna().all():
            raise DataError(
                f"corpus {self.name} was read without images; give their folder or zip (media=, --media) and their column "
                "(image)"
            )
        return decode_images(self.media, images, size, cache=cache, workers=workers, progress=progress, fit=fit)

    def plot(self, *, group: str = "emotion", density: bool = False) -> Figure:
        """Draw the samples on the plane of valence and arousal.

        Parameters
        ----------
        group : str
            Column that gives the colours. A column that the corpus does not have, or that is empty, gives none.
        density : bool
            Draw lines around shares of the samples in place of points.

        Raises
        ------
        DataError
            If no sample has valence and arousal.
        """
        from affectspace.report import plane_figure

        groups = self.table[group].tolist() if group in self.table else None
        return plane_figure(
            self.table[list(AXES[:2])].to_numpy(float), groups, density=density, group_name=group, title=self.name
        )

    def _repr_html_(self) -> str:
        """Return the first samples as a table for notebooks, with their number and the licence."""
        filled = self.table.dropna(axis=1, how="all")
        text = f"{self.name}: {counted(len(self), 'sample')}. Licence: {self.licence or 'not stated'}"
        return f"<p>{escape(text)}</p>" + filled.to_html(index=False, max_rows=10, max_cols=12)

    def describe(self) -> dict[str, Any]:
        """Return counts, ranges, agreement, splits and what their parts share, fit for JSON."""
        from affectspace.corpora.description import describe_corpus

        return describe_corpus(self)
