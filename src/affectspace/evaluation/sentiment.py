"""CMU-MOSI's and CMU-MOSEI's measures of sentiment in [-3, 3], each named by how it is counted.

Sentiment is not valence: a proxy for it. Toolkits differ in what they call accuracy; none of these is simply "acc2".
"""

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Floats, as_floats, require_finite, require_same_length
from affectspace.evaluation.metrics import mae, pearson


def round_half_away(values: ArrayLike) -> Floats:
    """The nearest whole number, halves away from zero: 0.5 -> 1, -2.5 -> -3 (NumPy rounds them to even: 0, -2)."""
    numbers = as_floats(values, "values")
    whole = np.trunc(numbers)
    return whole + np.sign(numbers) * (np.abs(numbers - whole) >= 0.5)


def sentiment_classes(values: ArrayLike) -> Floats:
    """The seven classes -3 .. 3: clipped, then rounded half away from zero."""
    return round_half_away(np.clip(as_floats(values, "values"), -3, 3))


def negative_non_negative(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Below 0 against 0 and above, over all rows: "accuracy", and "f1" weighted by the true classes' rows.

    A prediction of exactly 0 is non-negative. `truth` (n,), NaN left out; `predicted` (n,).
    """
    true, guess = _pair(truth, predicted)
    return _two_classes(true >= 0, guess >= 0)


def negative_positive(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Below 0 against above, over the rows whose truth is not 0: "accuracy" and weighted "f1", NaN without such rows.

    A prediction of exactly 0 is not positive, so it counts as negative (as in the field's toolkits).
    """
    true, guess = _pair(truth, predicted)
    clear = true != 0
    return _two_classes(true[clear] > 0, guess[clear] > 0)


def seven_class_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of rows whose prediction falls into the true one of the seven classes (`sentiment_classes`)."""
    true, guess = _pair(truth, predicted)
    return float(np.mean(sentiment_classes(true) == sentiment_classes(guess))) if len(true) else float("nan")


def sentiment_measures(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """All measures by name, over (n,) sentiment in [-3, 3], NaN left out of the truth.

    n, mae, pearson, negative_non_negative_accuracy and _f1, negative_positive_accuracy and _f1, seven_class_accuracy. Raises
    DataError for a truth outside -3 .. 3 (a valence on [-1, 1] is not refused: scale it first) or shapes that differ.
    """
    true, guess = _pair(truth, predicted)
    measures = {"n": float(len(true)), "mae": float("nan"), "pearson": float("nan")}
    if len(true):
        measures["mae"], measures["pearson"] = float(mae(true, guess)), float(pearson(true, guess))
    for two in (negative_non_negative, negative_positive):
        measures |= {f"{two.__name__}_{name}": value for name, value in two(true, guess).items()}
    measures["seven_class_accuracy"] = seven_class_accuracy(true, guess)
    return measures


def _two_classes(true: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    if not len(true):
        return {"accuracy": float("nan"), "f1": float("nan")}
    f1 = 0.0
    for which in (False, True):
        hits, of, said = np.sum((true == which) & (guess == which)), np.sum(true == which), np.sum(guess == which)
        f1 += float(of / len(true) * (2 * hits / (of + said))) if of else 0.0
    return {"accuracy": float(np.mean(true == guess)), "f1": f1}


def _pair(truth: ArrayLike, predicted: ArrayLike) -> tuple[Floats, Floats]:
    """The labelled rows of both."""
    true, guess = as_floats(truth, "truth"), as_floats(predicted, "predicted")
    if true.ndim != 1 or guess.ndim != 1:
        raise DataError(f"truth has shape {true.shape} and predicted {guess.shape}: sentiment is (n,)")
    require_same_length(len(true), "truth", len(guess), "predicted")
    known = np.flatnonzero(~np.isnan(true))
    outside = np.abs(true[known]) > 3
    if outside.any():
        row = int(known[outside][0])
        raise DataError(f"truth is {true[row]:g} in row {row}: sentiment lies in -3 .. 3; is it on another scale?")
    require_finite(guess[known], "predicted", known)
    return true[known], guess[known]
