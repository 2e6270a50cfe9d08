"""Valence, arousal and dominance from emotions, for corpora without ratings."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import AXES
from affectspace.annotation import AnnotationTransfer
from affectspace.errors import ConfigError, DataError, counted

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

KINDS = ("centres", "uniform", "gaussian")


def transferred_values(
    transfer: AnnotationTransfer, emotions: Any, axes: Sequence[str], distribution: str, random_state: Any = None
) -> np.ndarray:
    """Return a point for each emotion, (n, axes) float64; NaN where the emotion is missing (None, NaN, "").

    distribution: one of `KINDS`. A sample depends only on the seed and on its row. The transfer keeps its own distribution.
    """
    if distribution not in KINDS:
        raise ConfigError(f"unknown distribution {distribution!r}; choose from {', '.join(KINDS)}")
    if distribution == "centres":
        values = transfer.centres(emotions)
    else:
        values = copy(transfer).set_params(distribution=distribution).sample(emotions, random_state=random_state)
    return values[:, [list(transfer.axes_).index(axis) for axis in axes]]


def transfer_labels(
    corpus: Corpus, transfer: AnnotationTransfer | str, *, distribution: str = "centres", random_state: Any = None
) -> Corpus:
    """Fill in the axes of the rows that have an emotion and no rating, and mark them as "transferred".

    Parameters
    ----------
    corpus : Corpus
    transfer : AnnotationTransfer or str
        A fitted transfer, or the name of a published reference.
    distribution : str
        "centres" for evaluation; "uniform" or "gaussian" samples for training.
    random_state : int, optional
        Seed of the samples.

    Returns
    -------
    Corpus
        Rated rows are unchanged. Emotions that the transfer does not know stay without values and are counted in the report.

    Raises
    ------
    DataError
        If no row can be transferred, or if the reference has no deviations to sample with.

    Examples
    --------
    >>> from affectspace.corpora import Corpus, build_table, transfer_labels
    >>> corpus = Corpus("mine", build_table("mine", {"id": ["a"], "emotion": ["anger"]}, where="mine.csv"))
    >>> transfer_labels(corpus, "russell_mehrabian_1977").table[["valence", "arousal", "dominance"]].to_numpy()
    array([[-0.51,  0.59,  0.25]])
    """
    if isinstance(transfer, str):
        transfer = AnnotationTransfer.reference(transfer)
    axes = [axis for axis in AXES if axis in transfer.axes_]
    if not axes:
        raise DataError(f"the transfer has the axes {', '.join(transfer.axes_)}, none of {', '.join(AXES)}")
    table = corpus.table.copy()
    unrated = table["emotion"].notna() & table[list(AXES)].isna().all(axis=1)
    rows = (unrated & table["emotion"].isin(list(transfer.classes_))).to_numpy()
    if not rows.any():
        raise DataError(
            f"corpus {corpus.name}: no row without ratings has an emotion of the transfer ({', '.join(transfer.classes_)})"
        )
    emotions = table["emotion"].where(rows, None).to_numpy(object)
    values = transferred_values(transfer, emotions, axes, distribution, random_state)
    for axis, column in zip(axes, values.T, strict=True):
        table[axis] = np.where(rows, column, table[axis])
    kind = table["label_kind"].to_numpy(object, copy=True)
    kind[rows] = "transferred"
    table["label_kind"] = kind
    unknown = table.loc[unrated & ~rows, "emotion"].value_counts()
    notes = [
        *corpus.report.notes,
        f"{counted(int(rows.sum()), 'row', 'has')} {', '.join(axes)} transferred from their emotion ({distribution}; "
        f"{transfer.source_})",
        *(
            f"no values for {counted(n, 'row')} of {name}: the transfer does not know this emotion"
            for name, n in unknown.items()
        ),
    ]
    return replace(corpus, table=table, report=replace(corpus.report, notes=notes))
