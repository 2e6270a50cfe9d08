"""What every measure accepts: equal lengths, finite predictions, and missing labels (NaN or None) that are left out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


def require_rows(n: int, what: str) -> None:
    """Refuse an empty array."""
    if n == 0:
        raise DataError(f"{what} has no rows: there is nothing to measure; check the split or the filter that made it")


def require_same_length(n: int, what: str, other_n: int, other: str) -> None:
    """Refuse two arrays that do not describe the same rows."""
    if n != other_n:
        raise DataError(f"{what} has {n} rows and {other} has {other_n}: give one row of each per sample")


def as_floats(values: ArrayLike, what: str) -> Floats:
    """A float64 array; text and objects are refused with the array's name."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must hold numbers: {error}") from error


def require_finite(values: Floats, what: str, rows: NDArray[Any] | None = None) -> None:
    """Refuse NaN and infinity with the first row that has one; `rows` are the original numbers of the rows."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return
    where = np.argwhere(bad)[0]
    row = int(where[0] if rows is None else rows[where[0]])
    raise DataError(
        f"{what} has {int(bad.sum())} values that are not finite, the first in row {row} ({values[tuple(where)]}): "
        "check whether the model diverged, or leave such rows out and count them"
    )


def regression_pair(truth: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats, bool]:
    """Truth and prediction as (n, axes) float64, and whether they came as (n,). NaN truth is "not annotated".

    Raises DataError for shapes that differ, no rows, infinite truth, or a prediction that is not finite where the truth is
    known.
    """
    true, predicted = as_floats(truth, "truth"), as_floats(prediction, "prediction")
    if true.ndim not in (1, 2) or true.shape != predicted.shape:
        raise DataError(
            f"truth has shape {true.shape} and prediction {predicted.shape}: both must be (n,) or both (n, axes)"
        )
    require_rows(len(true), "truth")
    if np.isinf(true).any():
        row = int(np.argwhere(np.isinf(true))[0][0])
        raise DataError(f"truth is infinite in row {row}: use NaN for 'not annotated'")
    require_finite(np.where(np.isnan(true), 0.0, predicted), "prediction")
    return true.reshape(len(true), -1), predicted.reshape(len(true), -1), true.ndim == 1


def known_labels(labels: ArrayLike, what: str = "truth") -> tuple[NDArray[Any], Mask]:
    """Labels as a one-dimensional array, and which of them are known (not NaN, not None)."""
    values = np.asarray(labels)
    if values.ndim != 1:
        raise DataError(f"{what} has shape {values.shape}: labels must be one per row, (n,)")
    require_rows(len(values), what)
    if values.dtype.kind == "f":
        return values, ~np.isnan(values)
    if values.dtype.kind == "O":
        missing = [value is None or (isinstance(value, float) and np.isnan(value)) for value in values]
        return values, ~np.array(missing, dtype=bool)
    return values, np.ones(len(values), dtype=bool)


def plain_labels(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Known labels with a sortable type: text of any NumPy or object kind as str, numbers as they are."""
    if values.dtype.kind not in "OSU":
        return values
    kinds = {type(value) for value in values.tolist()}
    if kinds and not all(issubclass(kind, str) for kind in kinds):
        if all(issubclass(kind, int | float | np.number) for kind in kinds):
            return values.astype(np.float64)
        raise DataError(f"{what} mixes {', '.join(sorted(kind.__name__ for kind in kinds))}: use one kind of label")
    return values.astype(str)


def by_seed(predictions: Any) -> list[NDArray[Any]]:
    """One array per seed: a list or tuple of arrays holds several, anything else is a single seed."""
    if isinstance(predictions, list | tuple) and len(predictions) and np.ndim(predictions[0]) >= 1:
        return [np.asarray(values) for values in predictions]
    return [np.asarray(predictions)]


def seed_columns(seeds: Sequence[ArrayLike], n: int, what: str) -> list[Floats]:
    """Values (n,) of each seed as float64."""
    columns = [as_floats(values, what) for values in seeds]
    for column in columns:
        if column.ndim != 1:
            raise DataError(f"{what} has shape {column.shape}: give (n,), or a list of (n,) for several seeds")
        require_same_length(n, "the truth or groups", len(column), what)
    return columns


def label_codes(truth: ArrayLike, predictions: Sequence[ArrayLike]) -> tuple[NDArray[Any], Codes, list[Codes], Mask]:
    """Classes of truth and predictions (sorted), their codes over the labelled rows, and the mask of those rows.

    Raises DataError for lengths that differ, no labelled row, text against numbers, or a missing prediction in a labelled row.
    """
    values, known = known_labels(truth)
    if not known.any():
        raise DataError(f"none of the {len(values)} rows of truth has a label: there is nothing to measure")
    parts = [plain_labels(values[known], "truth")]
    for prediction in predictions:
        predicted, has_label = known_labels(prediction, "prediction")
        require_same_length(len(values), "truth", len(predicted), "prediction")
        if not has_label[known].all():
            row = int(np.flatnonzero(known & ~has_label)[0])
            raise DataError(f"prediction has no label in row {row}: every row with a true label needs a prediction")
        parts.append(plain_labels(predicted[known], "prediction"))
    if len({part.dtype.kind == "U" for part in parts}) > 1:
        raise DataError("truth and prediction are text on one side and numbers on the other: use the same in both")
    classes, codes = np.unique(np.concatenate(parts), return_inverse=True)
    split = np.split(codes.astype(np.int64), len(parts))
    return classes, split[0], split[1:], known


def group_codes(
    groups: ArrayLike, n: int, keep: Mask | None = None, *, least: int = 2, what: str = "groups"
) -> tuple[NDArray[Any], Codes]:
    """Names of the groups of the rows in `keep`, sorted, and the number of each such row's group."""
    values, known = known_labels(groups, what)
    require_same_length(n, "the data", len(values), what)
    keep = np.ones(n, dtype=bool) if keep is None else keep
    if not known[keep].all():
        row = int(np.flatnonzero(keep & ~known)[0])
        raise DataError(f"{what} has no value in row {row}: every row needs one; leave the row out")
    names, codes = np.unique(plain_labels(values[keep], what), return_inverse=True)
    if len(names) < least:
        raise DataError(
            f"the {int(keep.sum())} labelled rows belong to {len(names)} group ({', '.join(map(str, names))}): "
            "an interval over people needs at least two; pool out-of-fold predictions over more people, or group by "
            "document or session"
        )
    return names, codes.astype(np.int64)


def feature_matrix(values: ArrayLike, what: str, width: int | None = None) -> Floats:
    """Features as finite (n, k) float64. Raises DataError with the array's name otherwise."""
    matrix = as_floats(values, what)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError(f"{what} has shape {matrix.shape}: features must be (n, k) with k at least 1")
    require_rows(len(matrix), what)
    if width is not None and matrix.shape[1] != width:
        raise DataError(
            f"{what} has {matrix.shape[1]} columns and the training features {width}: use the same features"
        )
    require_finite(matrix, what)
    return matrix


def rows_with_classes(
    features: ArrayLike, labels: ArrayLike, part: str, width: int | None = None
) -> tuple[Floats, NDArray]:
    """Features and labels of the rows of a part that have a label. Raises DataError if there are none."""
    x = feature_matrix(features, f"{part} features", width)
    values, known = known_labels(labels, f"{part} labels")
    require_same_length(len(x), f"{part} features", len(values), f"{part} labels")
    if not known.any():
        raise DataError(f"none of the {len(values)} {part} rows has a label: a probe needs labelled rows there")
    return x[known], plain_labels(values[known], f"{part} labels")


def rows_with_targets(
    features: ArrayLike, targets: ArrayLike, part: str, width: int | None = None
) -> tuple[Floats, Floats]:
    """Features (n, k) and targets (n, t) of a part, NaN where unknown. Raises DataError for a target without any label."""
    x, y = feature_matrix(features, f"{part} features", width), as_floats(targets, f"{part} labels")
    require_same_length(len(x), f"{part} features", len(y), f"{part} labels")
    if y.ndim not in (1, 2):
        raise DataError(f"{part} labels have shape {y.shape}: give (n,) or (n, targets)")
    if np.isinf(y).any():
        raise DataError(f"{part} labels are infinite: use NaN for 'not annotated'")
    y = y.reshape(len(y), -1)
    unknown = np.flatnonzero(np.isnan(y).all(axis=0))
    if len(unknown):
        raise DataError(f"no {part} row is annotated for target {unknown[0]}: leave that target out")
    return x, y


def require_same_targets(train_y: ArrayLike, validation_y: ArrayLike) -> None:
    """Refuse labels of train and validation with different numbers of targets."""
    shapes = np.shape(train_y), np.shape(validation_y)
    if shapes[0][1:] != shapes[1][1:]:
        raise DataError(
            f"train labels have shape {shapes[0]}, validation labels {shapes[1]}: both must be (n,) or both (n, targets)"
        )
