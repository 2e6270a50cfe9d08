"""Published references, and an annotation transfer as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError
from affectspace.files import parse_json, text_of

if TYPE_CHECKING:
    from affectspace.annotation.transfer import AnnotationTransfer


# Mean and standard deviation (divided by n - 1) of valence and arousal of each expression: valence, arousal, sd, sd.
_AFFECTNET = {
    "neutral": (-0.062719, -0.019574, 0.183525, 0.147558),
    "happiness": (0.664328, 0.070280, 0.162671, 0.166012),
    "sadness": (-0.637006, -0.257004, 0.221066, 0.141985),
    "anger": (-0.452736, 0.566778, 0.174105, 0.197566),
    "fear": (-0.125745, 0.766180, 0.071007, 0.136925),
    "disgust": (-0.693719, 0.457344, 0.151534, 0.110895),
    "surprise": (0.180444, 0.689328, 0.174439, 0.157603),
}
# Pleasure, arousal, dominance of the term in the comment. "neutral" is not a term of the study.
_RUSSELL_MEHRABIAN = {
    "neutral": (0.0, 0.0, 0.0),  # convention
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
LARGEST = 1e15  # size of a number in a transfer, so that its square is finite
_FORMAT = "affectspace.annotation_transfer/1"
_FIELDS = (
    "format",
    "parameters",
    "axes",
    "classes",
    "centres",
    "deviations",
    "covariances",
    "counts",
    "source",
    "note",
)


def _published(values: Mapping[str, tuple[float, ...]], d: int, source: str, note: str) -> dict[str, Any]:
    """A reference in the form of a document. values: emotion -> d means, and d deviations if they are published."""
    rows = [values[emotion] for emotion in sorted(values)]
    deviations = [list(row[d:]) for row in rows] if len(rows[0]) > d else None
    return {
        "axes": list(AXES[:d]),
        "classes": sorted(values),
        "centres": [list(row[:d]) for row in rows],
        "deviations": deviations,
        "covariances": None,
        "counts": None,
        "source": source,
        "note": note,
    }


_YOUR_ROWS = "`affectspace annotate fit` learns calibrated ellipses from your own rows that have emotions and values."
REFERENCES = {
    "affectnet": _published(
        _AFFECTNET,
        2,
        "AffectNet (Mollahosseini et al. 2017), training set without the rows that have no valence or arousal; mean and "
        "standard deviation per expression as in the notebooks of LeVAsa (Nanwani et al. 2020)",
        "These ellipses describe another corpus, AffectNet: faces from the web. Their probabilities are not calibrated on your "
        f"rows: `affectspace annotate evaluate` measures that. {_YOUR_ROWS}",
    ),
    "russell_mehrabian_1977": _published(
        _RUSSELL_MEHRABIAN,
        3,
        "Russell & Mehrabian 1977, table 4: pleasure, arousal, dominance of the emotion's term; by our convention neutral is "
        "the origin and calm is the term relaxed",
        f"These centres describe words, and not the samples of your corpus. {_YOUR_ROWS}",
    ),
}


def read_reference(name: str) -> dict[str, Any]:
    """Return the document of a published reference. Raises ConfigError for an unknown name."""
    if name not in REFERENCES:
        raise ConfigError(f"unknown reference {name!r}; choose from {', '.join(REFERENCES)}")
    return REFERENCES[name]


def document_text(transfer: AnnotationTransfer) -> str:
    """Return a transfer as JSON text."""
    parameters = transfer.get_params()
    if parameters["axes"] is not None:
        parameters["axes"] = list(parameters["axes"])
    content = {
        "format": _FORMAT,
        "parameters": parameters,
        "axes": list(transfer.axes_),
        "classes": transfer.classes_.tolist(),
        "centres": _lists(transfer.centres_),
        "deviations": _lists(transfer.deviations_),
        "covariances": _lists(transfer.covariances_),
        "counts": _lists(transfer.counts_),
        "source": transfer.source_,
        "note": transfer.note_,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def read_document(source: str | Path) -> tuple[dict[str, Any], str]:
    """Read a path or JSON text; return the content and its name for messages. Raises DataError for any other document."""
    where, text = "the JSON text", str(source)
    if isinstance(source, Path) or not text.lstrip().startswith("{"):
        where = text
        try:
            text = text_of(source)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the transfer {where}: {error}; `annotate fit` writes one") from error
    try:
        content = parse_json(text)
    except ValueError as error:
        raise DataError(f"{where} is not JSON: {error}; `annotate fit` writes a transfer") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise DataError(f"{where} is not an annotation transfer (format {_FORMAT!r}); `annotate fit` writes one")
    content.setdefault("note", "")  # files of earlier versions have none
    wrong = sorted(set(content) ^ set(_FIELDS))
    if wrong:
        raise DataError(f"{where}: missing or unknown fields: {', '.join(wrong)}; expected {', '.join(_FIELDS)}")
    return content, where


def restore(transfer: AnnotationTransfer, content: dict[str, Any], where: str) -> None:
    """Set the fitted attributes of a transfer from a document. Raises DataError that names the field at fault."""

    def require(condition: Any, field: str, value: Any) -> None:
        if not condition:
            raise DataError(f"{where}: field {field!r} is wrong: {value!r}"[:400])

    axes, classes = content["axes"], content["classes"]
    require(isinstance(axes, list) and axes and all(isinstance(axis, str) for axis in axes), "axes", axes)
    require(len(set(axes)) == len(axes), "axes", f"an axis stands twice: {', '.join(axes)}")
    require(isinstance(classes, list) and classes and len({type(name) for name in classes}) == 1, "classes", classes)
    require(isinstance(classes[0], str | int | float) and len(set(classes)) == len(classes), "classes", classes)
    for field in ("source", "note"):
        require(isinstance(content[field], str), field, content[field])
    if classes != sorted(classes):
        raise DataError(f"{where}: classes must be sorted, with the rows of the other fields in the same order")
    k, d = len(classes), len(axes)
    shapes = {"centres": (k, d), "deviations": (k, d), "covariances": (k, d, d), "counts": (k,)}
    transfer.axes_, transfer.classes_, transfer.n_features_in_ = tuple(axes), np.array(classes), d
    transfer.source_, transfer.note_ = content["source"], content["note"]
    for field, shape in shapes.items():
        values = content[field]
        if values is not None or field == "centres":
            try:
                values = np.array(values, dtype=np.float64)
            except (TypeError, ValueError):
                values = np.empty(0)
            known = values.shape == shape and not np.isinf(values).any()
            known = known and (field in ("deviations", "covariances") or not np.isnan(values).any())
            known = known and not (field in ("deviations", "counts") and (values < 0).any())
            require(known and (np.abs(np.nan_to_num(values)) <= LARGEST).all(), field, f"not numbers of shape {shape}")
        setattr(transfer, f"{field}_", values)
    try:
        transfer._check_parameters()
        transfer.priors_  # noqa: B018 -- it is computed, so that wrong priors are found here
    except ConfigError as error:
        raise DataError(f"{where}: {error}; `annotate fit` writes a transfer") from error


def _lists(values: np.ndarray | None) -> Any:
    """Nested lists with null for NaN, which JSON does not have."""
    if values is None:
        return None
    lists = values.astype(object)
    lists[np.isnan(values)] = None
    return lists.tolist()
