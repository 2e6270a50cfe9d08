"""An annotation transfer as a JSON document, and the published references."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.errors import ConfigError, DataError
from affectspace.files import write_text

if TYPE_CHECKING:
    from affectspace.annotation.transfer import AnnotationTransfer


# Mean and standard deviation (divided by n - 1) of valence and arousal per expression: valence, arousal, sd, sd.
_AFFECTNET = {
    "neutral": (-0.062719, -0.019574, 0.183525, 0.147558),
    "happiness": (0.664328, 0.070280, 0.162671, 0.166012),
    "sadness": (-0.637006, -0.257004, 0.221066, 0.141985),
    "anger": (-0.452736, 0.566778, 0.174105, 0.197566),
    "fear": (-0.125745, 0.766180, 0.071007, 0.136925),
    "disgust": (-0.693719, 0.457344, 0.151534, 0.110895),
    "surprise": (0.180444, 0.689328, 0.174439, 0.157603),
}
# Pleasure, arousal, dominance of the term in brackets. "neutral" is no term of the study.
_RUSSELL_MEHRABIAN = {
    "neutral": (0.0, 0.0, 0.0),  # (convention)
    "happiness": (0.81, 0.51, 0.46),  # happy
    "sadness": (-0.63, -0.27, -0.33),  # sad
    "anger": (-0.51, 0.59, 0.25),  # angry
    "fear": (-0.64, 0.60, -0.43),  # fearful
    "disgust": (-0.60, 0.35, 0.11),  # disgusted
    "surprise": (0.40, 0.67, -0.13),  # surprised
    "contempt": (-0.23, 0.31, 0.18),  # contempt
    "calm": (0.68, -0.46, 0.06),  # relaxed (convention)
    "boredom": (-0.65, -0.62, -0.33),  # bored
    "excitement": (0.62, 0.75, 0.38),  # excited
    "frustration": (-0.64, 0.52, -0.35),  # frustrated
}
REFERENCES = ("affectnet", "russell_mehrabian_1977")


def read_reference(name: str) -> dict[str, Any]:
    """The content of a reference in the form of a transfer's JSON. An unknown name is a ConfigError."""
    if name == "affectnet":
        classes = sorted(_AFFECTNET)
        return {
            "axes": ["valence", "arousal"],
            "classes": classes,
            "centres": [list(_AFFECTNET[emotion][:2]) for emotion in classes],
            "deviations": [list(_AFFECTNET[emotion][2:]) for emotion in classes],
            "covariances": None,
            "counts": None,
            "source": "AffectNet (Mollahosseini et al. 2017), training set without the rows that have no valence or "
            "arousal; mean and standard deviation per expression as in the notebooks of LeVAsa (Nanwani et al. 2020)",
        }
    if name == "russell_mehrabian_1977":
        classes = sorted(_RUSSELL_MEHRABIAN)
        return {
            "axes": ["valence", "arousal", "dominance"],
            "classes": classes,
            "centres": [list(_RUSSELL_MEHRABIAN[emotion]) for emotion in classes],
            "deviations": None,
            "covariances": None,
            "counts": None,
            "source": "Russell & Mehrabian 1977, table 4: pleasure, arousal, dominance of the emotion's term; by our "
            "convention neutral is the origin and calm is the term relaxed",
        }
    raise ConfigError(f"unknown reference {name!r}; there are {', '.join(REFERENCES)}")


_FORMAT = "affectspace.annotation_transfer/1"
_FIELDS = ("format", "parameters", "axes", "classes", "centres", "deviations", "covariances", "counts", "source")


def write(transfer: AnnotationTransfer, path: str | Path | None = None) -> str:
    """The JSON text; with a path also the file, under a temporary name until it is complete."""
    parameters = transfer.get_params()
    if parameters["axes"] is not None:
        parameters["axes"] = list(parameters["axes"])
    content = {
        "format": _FORMAT,
        "parameters": parameters,
        "axes": list(transfer.axes_),
        "classes": transfer.classes_.tolist(),
        "centres": _plain(transfer.centres_),
        "deviations": _plain(transfer.deviations_),
        "covariances": _plain(transfer.covariances_),
        "counts": _plain(transfer.counts_),
        "source": transfer.source_,
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    if path is not None:
        write_text(Path(path), text)
    return text


def read(source: str | Path) -> tuple[dict[str, Any], str]:
    """The content of a path or of JSON text, with its place for messages; DataError if it is not such a document."""
    where = "the JSON text"
    text = str(source)
    if isinstance(source, Path) or not text.lstrip().startswith("{"):
        where = text
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the transfer {where}: {error}; `annotate fit` writes one") from error
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error}; `annotate fit` writes a transfer") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise DataError(f"{where} is not an annotation transfer (format {_FORMAT!r}); `annotate fit` writes one")
    wrong = sorted(set(content) ^ set(_FIELDS))
    if wrong:
        raise DataError(f"{where}: fields missing or unknown: {', '.join(wrong)}; expected {', '.join(_FIELDS)}")
    return content, where


def build(
    cls: type[AnnotationTransfer], content: dict[str, Any], parameters: Any, where: str = "reference"
) -> AnnotationTransfer:
    """A transfer from a document's content. Raises DataError that names the field at fault."""
    known = cls().get_params()
    if not isinstance(parameters, dict) or set(parameters) - set(known):
        unknown = sorted(set(parameters) - set(known)) if isinstance(parameters, dict) else [repr(parameters)]
        raise DataError(f"{where}: unknown parameters {', '.join(unknown)}; there are {', '.join(known)}")
    axes, classes = content["axes"], content["classes"]
    _require(isinstance(axes, list) and axes and all(isinstance(axis, str) for axis in axes), where, "axes", axes)
    _require(isinstance(classes, list) and len(classes) > 0, where, "classes", classes)
    _require(len({type(name) for name in classes}) == 1, where, "classes", classes)
    _require(isinstance(classes[0], str | int | float) and len(set(classes)) == len(classes), where, "classes", classes)
    k, d = len(classes), len(axes)
    transfer = cls(**parameters)
    if isinstance(transfer.axes, list):
        transfer.axes = tuple(transfer.axes)
    transfer.axes_ = tuple(axes)
    transfer.classes_ = np.array(classes)
    transfer.centres_ = _numbers(content, "centres", (k, d), where, gaps=False)
    transfer.deviations_ = _numbers(content, "deviations", (k, d), where, optional=True)
    transfer.covariances_ = _numbers(content, "covariances", (k, d, d), where, optional=True)
    transfer.counts_ = _numbers(content, "counts", (k,), where, optional=True, gaps=False)
    transfer.n_features_in_ = d
    transfer.source_ = content["source"]
    _require(isinstance(transfer.source_, str), where, "source", transfer.source_)
    if list(transfer.classes_) != sorted(classes):
        raise DataError(f"{where}: classes must be sorted, with the rows of the other fields in that order")
    return transfer


def _plain(values: np.ndarray | None) -> Any:
    """Nested lists with null for NaN, which JSON does not have."""
    if values is None:
        return None
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()


def _numbers(
    content: dict[str, Any],
    field: str,
    shape: tuple[int, ...],
    where: str,
    *,
    optional: bool = False,
    gaps: bool = True,
) -> Any:
    values = content[field]
    if values is None and optional:
        return None
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    good = array.shape == shape and not np.isinf(array).any() and (gaps or not np.isnan(array).any())
    if field in ("deviations", "counts"):
        good = good and not (array < 0).any()
    _require(good, where, field, f"not numbers of shape {shape}")
    return array


def _require(condition: Any, where: str, field: str, value: Any) -> None:
    if not condition:
        raise DataError(f"{where}: field {field!r} is wrong: {value!r}"[:400])
