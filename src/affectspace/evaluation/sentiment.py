"""CMU-MOSI's and CMU-MOSEI's measures of sentiment in [-3, 3].

Sentiment is a proxy for valence. Toolkits differ in what they call accuracy; none of these is simply "acc2".
"""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import f1_score

from affectspace.errors import DataError
from affectspace.evaluation.inputs import Floats, as_floats, require_finite, require_same_length
from affectspace.evaluation.metrics import mae, pearson


def sentiment_measures(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Compute all measures of the two corpora by name.

    Parameters
    ----------
    truth, prediction : array_like
        Sentiment (n,) in [-3, 3]. NaN truth is left out.

    Returns
    -------
    dict
        "n", "mae" and "pearson"; "negative_non_negative_accuracy" and "..._f1", over all rows, where a prediction of 0 is
        non-negative; "negative_positive_accuracy" and "..._f1", over the rows whose truth is not 0, where a prediction of 0
        counts as negative (as in the field's toolkits); "seven_class_accuracy", of values clipped to -3 .. 3 and rounded,
        halves away from zero. F1 is weighted by the true rows of both classes. NaN without rows.

    Raises
    ------
    DataError
        If shapes differ, the truth is outside -3 .. 3 (scale a valence on [-1, 1] first, it is not refused), or a prediction is
        not finite.

    Examples
    --------
    >>> from affectspace.evaluation import sentiment_measures
    >>> sentiment_measures([-2.0, 0.0, 1.4], [-1.0, 0.3, 1.1])["seven_class_accuracy"]
    0.6666666666666666
    """
    true, predicted = as_floats(truth, "truth"), as_floats(prediction, "prediction")
    if true.ndim != 1 or predicted.ndim != 1:
        raise DataError(f"truth has shape {true.shape} and prediction {predicted.shape}: sentiment is (n,)")
    require_same_length(len(true), "truth", len(predicted), "prediction")
    known = np.flatnonzero(~np.isnan(true))
    outside = known[np.abs(true[known]) > 3]
    if len(outside):
        row = int(outside[0])
        raise DataError(f"truth is {true[row]:g} in row {row}: sentiment lies in -3 .. 3; is it on another scale?")
    require_finite(predicted[known], "prediction", known)
    true, predicted = true[known], predicted[known]
    clear = true != 0
    measures = {"n": float(len(true)), "mae": float("nan"), "pearson": float("nan")}
    if len(true):
        measures |= {"mae": float(mae(true, predicted)), "pearson": float(pearson(true, predicted))}
    measures |= _two_classes("negative_non_negative", true >= 0, predicted >= 0)
    measures |= _two_classes("negative_positive", true[clear] > 0, predicted[clear] > 0)
    right = _seven_classes(true) == _seven_classes(predicted)
    return measures | {"seven_class_accuracy": float(right.mean()) if len(right) else float("nan")}


def _two_classes(name: str, true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    if not len(true):
        return {f"{name}_accuracy": float("nan"), f"{name}_f1": float("nan")}
    f1 = f1_score(true, predicted, average="weighted", zero_division=0.0)
    return {f"{name}_accuracy": float(np.mean(true == predicted)), f"{name}_f1": float(f1)}


def _seven_classes(values: Floats) -> Floats:
    """The classes -3 .. 3, halves rounded away from zero (NumPy rounds them to even)."""
    clipped = np.clip(values, -3, 3)
    whole = np.trunc(clipped)
    return whole + np.sign(clipped) * (np.abs(clipped - whole) >= 0.5)
