"""Valence, arousal and dominance from emotions, where a corpus has no ratings of its own."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.annotation import AnnotationTransfer
    from affectspace.corpora.corpus import Corpus

KINDS = ("centres", "uniform", "gaussian")


def transferred_values(
    transfer: AnnotationTransfer, emotions: Any, axes: Sequence[str], distribution: str, random_state: Any = None
) -> np.ndarray:
    """Points of emotions, (n, axes) float64; NaN where the emotion is missing (None, NaN, "").

    distribution : one of `KINDS`; samples of row i depend on the seed and on i only, whatever the other rows hold. The
    transfer keeps its own distribution. Raises as `AnnotationTransfer.centres` and `sample`, ConfigError for another kind.
    """
    if distribution not in KINDS:
        raise ConfigError(f"distribution {distribution!r}; there are {', '.join(KINDS)}")
    if distribution == "centres":
        values = transfer.centres(emotions)
    else:
        values = copy(transfer).set_params(distribution=distribution).sample(emotions, random_state=random_state)
    return values[:, [list(transfer.axes_).index(axis) for axis in axes]]


def transfer_labels(
    corpus: Corpus, transfer: AnnotationTransfer | str, *, distribution: str = "centres", random_state: Any = None
) -> Corpus:
    """The corpus with the axes of a transfer filled in for rows that have an emotion and no rating; those are `transferred`.

    transfer : fitted, or the name of a published reference. distribution : "centres" (evaluation), or "uniform" and "gaussian"
    samples (training; the reference must publish deviations). Rated rows stay as they are; emotions that the transfer does not
    know stay without values and are counted in the report. Raises DataError where nothing can be transferred.
    """
    from affectspace.annotation import AnnotationTransfer

    if isinstance(transfer, str):
        transfer = AnnotationTransfer.reference(transfer)
    axes = [axis for axis in AXES if axis in transfer.axes_]
    if not axes:
        raise DataError(f"the transfer has the axes {', '.join(transfer.axes_)}, none of {', '.join(AXES)}")
    table = corpus.table.copy()
    open_ = table["emotion"].notna() & table[list(AXES)].isna().all(axis=1)
    known = table["emotion"].isin(list(transfer.classes_))
    rows = np.flatnonzero(open_ & known)
    if not len(rows):
        raise DataError(
            f"corpus {corpus.name}: no row without ratings has an emotion of the transfer ({', '.join(transfer.classes_)})"
        )
    emotions = table["emotion"].where(open_ & known, None).to_numpy(object)
    values = transferred_values(transfer, emotions, axes, distribution, random_state)
    for index, axis in enumerate(axes):
        table[axis] = np.where(open_ & known, values[:, index], table[axis])
    kind = table["label_kind"].to_numpy(object, copy=True)
    kind[rows] = "transferred"
    table["label_kind"] = kind
    unknown = table.loc[open_ & ~known, "emotion"].value_counts()
    notes = [
        *corpus.report.notes,
        f"{len(rows):,} rows have {', '.join(axes)} transferred from their emotion ({distribution}; {transfer.source_})",
        *(f"{n:,} rows of {name} have no values: the transfer does not know it" for name, n in unknown.items()),
    ]
    return replace(corpus, table=table, report=replace(corpus.report, notes=notes))
