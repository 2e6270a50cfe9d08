"""Valence, arousal and dominance of a corpus on features: its ratings, or what its emotions say."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.transferred import transferred_values
from affectspace.errors import DataError
from affectspace.training.batches import step_seed
from affectspace.training.feature_configuration import FeatureLabelConfig
from affectspace.training.labels import read_transfer


@dataclass(frozen=True, eq=False)
class AffectDraws:
    """Labels of the rows whose training labels are samples: a function of the epoch.

    emotions : (n,) names, None in rows that are not sampled
    """

    transfer: AnnotationTransfer
    emotions: np.ndarray
    distribution: str
    redraw: bool
    seed: int
    stream: int  # which corpus, so that two corpora do not get the same draws

    def __call__(self, epoch: int) -> np.ndarray:
        """(n, 3) float32, NaN in rows that are not sampled."""
        moment = step_seed(self.seed, epoch if self.redraw else 0, self.stream) % 2**32
        return _on_all_axes(self.transfer, self.emotions, self.distribution, moment)


@dataclass(frozen=True, eq=False)
class FeatureLabels:
    """Labels of one corpus, a row each.

    affect : (n, 3) float32, ratings or centres, NaN where there is none
    draws : samples for training; None where training has `affect` too
    kind : (n,) "rated", "transferred" or None
    notes : what is to be told
    """

    affect: np.ndarray
    draws: AffectDraws | None
    kind: np.ndarray
    notes: list[str] = field(default_factory=list)


def make_feature_labels(
    table: pd.DataFrame, config: FeatureLabelConfig, *, seed: int, stream: int, where: str
) -> FeatureLabels:
    """Labels of a corpus' table.

    Raises DataError where `config.source` asks for labels that no row has, ConfigError for a distribution that the
    reference does not publish.
    """
    rated = table[list(AXES)].to_numpy(np.float32)
    kind = table["label_kind"].to_numpy(object, copy=True)
    has_rating = np.isfinite(rated).any(axis=1)
    nothing = np.full_like(rated, np.nan)
    if config.source == "none":
        return FeatureLabels(nothing, None, np.full(len(table), None, object))
    if config.source == "rated" and not has_rating.any():
        raise DataError(f"{where}: labels.source: rated, but no row has a rating; use transferred, auto or none")
    if config.source == "rated" or (config.source == "auto" and has_rating.all()):
        return FeatureLabels(rated, None, kind)
    open_ = np.ones(len(table), bool) if config.source == "transferred" else ~has_rating
    named = table["emotion"].notna().to_numpy()
    if not (open_ & named).any():
        if config.source == "transferred":
            raise DataError(f"{where}: labels.source: transferred, but no row has an emotion; use rated, auto or none")
        return FeatureLabels(rated, None, kind)
    transfer = read_transfer(config.reference)
    known = table["emotion"].isin(list(transfer.classes_)).to_numpy()
    emotions = table["emotion"].where(open_ & known, None).to_numpy(object)
    affect = np.where(open_[:, None], _on_all_axes(transfer, emotions, "centres"), rated)
    kind[open_] = None
    kind[open_ & known] = "transferred"
    draws = None
    if config.distribution != "centres":
        draws = AffectDraws(transfer, emotions, config.distribution, config.redraw, seed, stream)
        draws(0)  # a reference without deviations says so now
    unknown = table.loc[open_ & named & ~known, "emotion"].value_counts()
    notes = [f"{int((open_ & known).sum()):,} rows have labels transferred from their emotion ({config.reference})"]
    notes += [
        f"{n:,} rows of {name} have no labels: {config.reference} does not know it" for name, n in unknown.items()
    ]
    return FeatureLabels(affect.astype(np.float32), draws, kind, notes)


def _on_all_axes(
    transfer: AnnotationTransfer, emotions: np.ndarray, distribution: str, random_state: int | None = None
) -> np.ndarray:
    """(n, 3) float32; NaN on axes that the transfer does not have."""
    axes = [axis for axis in AXES if axis in transfer.axes_]
    if not axes:
        raise DataError(f"the transfer has the axes {', '.join(transfer.axes_)}, none of {', '.join(AXES)}")
    values = np.full((len(emotions), len(AXES)), np.nan, np.float32)
    values[:, [AXES.index(axis) for axis in axes]] = transferred_values(
        transfer, emotions, axes, distribution, random_state
    )
    return values
