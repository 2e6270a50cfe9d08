"""How large squared errors are on new people, estimated from validation people, few as these may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import torch
from torch import Tensor

from affectspace.data.batches import Batch

SPREAD_OF_PEOPLE = 0.4  # standard deviation over people of their mean squared error, as a share of its mean
PEOPLE_ASSUMED = 4.0  # people that this prior value counts as
RATIO_PEOPLE = 1.0  # people that a ratio of 1 counts as, of a model's squared error and a regression's
FEW_PEOPLE = 10  # of validation: below it, regressions on all people say how difficult these are
FOLDS = 5  # of people
MOST_ROWS = 800  # that a regression is fitted on
MIN_ROWS = 20  # of validation
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of regressions on rows of length about 1


@dataclass(frozen=True)
class Control:
    """Mean squared errors of ridge regressions on one view, (axes,) each, NaN where there are no labels.

    validation : on validation rows, of the regression on the training rows
    everyone : on training and validation rows, each by a regression on other people, plus one standard error over people
    people : number of validation people
    """

    validation: Tensor
    everyone: Tensor
    people: int

    def factor(self, error: Tensor, axis: int) -> Tensor:
        """Factor from a model's mean squared error on validation people to that on new ones.

        How much better a model is than the regression varies less over people than its error does. The ratio is shrunk
        towards 1 and multiplied by the error of the regression on everyone (a ratio estimate).
        """
        weight = self.people / (self.people + RATIO_PEOPLE)
        ratio = (error / self.validation[axis]).clamp(min=1e-6)
        return ratio.pow(weight) * self.everyone[axis] / error.clamp(min=1e-12)


@dataclass(frozen=True)
class NewPeople:
    """Estimates mean squares on new people; controls : modalities of a view -> its control, empty for many people."""

    controls: Mapping[frozenset[str], Control] = field(default_factory=dict)

    def factor(self, view: Iterable[str], axis: int, errors: Tensor) -> Tensor | None:
        """Factor on mean squares of one view and axis, see `Control.factor`; None without a control.

        errors : (rows,) squared errors of validation rows in the unit of the labels
        """
        control = self.controls.get(frozenset(view))
        if control is None or not (control.everyone[axis].isfinite() and control.validation[axis] > 0):
            return None
        return control.factor(errors.mean(), axis)

    def mean_square(
        self, squares: Tensor, people: Tensor | None, view: Iterable[str], axis: int, errors: Tensor
    ) -> Tensor:
        """Estimate the mean of squares (rows,) of one view and axis; errors : as in `factor`"""
        factor = self.factor(view, axis, errors)
        return mean_square(squares, people) if factor is None else squares.mean() * factor


def mean_square(squares: Tensor, people: Tensor | None) -> Tensor:
    """Mean of squared errors (rows,), plus one standard error over people.

    The standard deviation over people is shrunk towards SPREAD_OF_PEOPLE of the mean, because few people show little of it.
    """
    mean = squares.mean()
    if people is None or not (people >= 0).any():
        return mean
    known = people[people >= 0]
    groups, position, count = known.unique(return_inverse=True, return_counts=True)
    own = squares.new_zeros(len(groups)).index_add(0, position, squares[people >= 0]) / count
    number = len(groups)
    scatter = (own - own.mean()).square().sum() + PEOPLE_ASSUMED * (SPREAD_OF_PEOPLE * mean).square()
    return mean + (scatter / (number - 1 + PEOPLE_ASSUMED) / number).sqrt()


@torch.no_grad()
def new_people(
    train: Batch,
    validation: Batch,
    labels: tuple[Tensor, Tensor],
    standardise: Callable[[str, Tensor], Tensor],
) -> NewPeople:
    """Fit the controls of every view of few validation people.

    labels : of train and validation rows, (rows, 3), NaN where unknown
    standardise : modality, features -> features in standard deviations of the training rows
    """
    if train.person is None or validation.person is None:
        return NewPeople()
    number = len(validation.person[validation.person >= 0].unique())
    if not 0 < number < FEW_PEOPLE or len(train.person[train.person >= 0].unique()) < FOLDS:
        return NewPeople()
    axes = torch.stack([(~own.isnan()).any(dim=0) for own in labels]).all(dim=0)
    if not axes.any():
        return NewPeople()
    controls = {}
    for size in range(1, len(train.present) + 1):
        for view in combinations(train.present, size):
            first, second = (
                _rows_of(view, batch, torch.where(axes, own, torch.nan), standardise)
                for batch, own in zip((train, validation), labels, strict=True)
            )
            if min(len(first[0]), len(second[0])) >= MIN_ROWS:
                controls[frozenset(view)] = _control(first, second, number)
    return NewPeople(controls)


Rows = tuple[Tensor, Tensor, Tensor]  # vectors of length about 1, labels, people


def _rows_of(view: tuple[str, ...], batch: Batch, labels: Tensor, standardise: Callable[[str, Tensor], Tensor]) -> Rows:
    """Take the rows of known people that have a view and all labels that any row has, evenly thinned."""
    assert batch.person is not None
    axes = ~labels.isnan().all(dim=0)
    known = torch.stack([batch.present[name] for name in view]).all(dim=0) & (batch.person >= 0)
    rows = (known & ~labels[:, axes].isnan().any(dim=1)).nonzero().squeeze(1)
    rows = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
    scaled = [standardise(name, batch.features[name][rows]) / batch.features[name].shape[1] ** 0.5 for name in view]
    return torch.cat(scaled, dim=1).double() / len(view) ** 0.5, labels[rows].double(), batch.person[rows]


def _control(train: Rows, validation: Rows, number: int) -> Control:
    vectors, labels, people = (torch.cat(pair) for pair in zip(train, validation, strict=True))
    fold = people.unique(return_inverse=True)[1] % FOLDS
    errors = torch.full((len(PENALTIES), *labels.shape), torch.nan, dtype=torch.float64)
    for index in range(FOLDS):
        out = fold == index
        for place, predictions in enumerate(_ridge(vectors[~out], labels[~out], vectors[out])):
            errors[place, out] = (predictions - labels[out]).square()
    means = errors.mean(dim=1)
    best = means.nanmean(dim=1).nan_to_num(torch.inf).argmin()
    predictions = _ridge(train[0], train[1], validation[0], PENALTIES[best : best + 1])[0]
    everyone = torch.stack([mean_square(errors[best, :, axis], people) for axis in range(labels.shape[1])])
    return Control((predictions - validation[1]).square().mean(dim=0), everyone, number)


def _ridge(vectors: Tensor, labels: Tensor, others: Tensor, penalties: tuple[float, ...] = PENALTIES) -> list[Tensor]:
    """Fit a ridge with each penalty; return its predictions of other rows. In dual form, for few rows of many columns."""
    mean, centre = vectors.mean(dim=0), labels.mean(dim=0)
    centred = vectors - mean
    products, crossed = centred @ centred.T, (others - mean) @ centred.T
    identity = torch.eye(len(vectors), dtype=vectors.dtype)
    return [
        crossed @ torch.linalg.solve(products + penalty * identity, labels - centre) + centre for penalty in penalties
    ]
