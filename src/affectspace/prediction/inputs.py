"""What a user names as input: texts, files, folders and tables, as samples with a name."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from affectspace.errors import ConfigError, DataError
from affectspace.media.content import kind_of, stored_file
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Failure, Prediction, table_of
from affectspace.prediction.sample import FILES, SUFFIXES, Sample, kind_of_file, sample_of_file
from affectspace.progress import Progress, silent
from affectspace.tables import SUFFIXES as SUFFIXES_OF_TABLES
from affectspace.tables.transcripts import is_transcript

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from affectspace.features.backbones.named_vectors import NamedVectors

TABLES = tuple(suffix for suffix in SUFFIXES_OF_TABLES if suffix not in (".txt", ".json"))
NAME = 60  # characters of a text that are its name
_RUN = ("run.json", "config.yaml")
_STORE = ("backbone.json", "index.parquet")
_SUFFIX = re.compile(r"\w\.[A-Za-z][A-Za-z0-9]{1,4}$")
_KNOWN = (*TABLES, *(suffix for suffixes in SUFFIXES.values() for suffix in suffixes))
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)

NamedSample = tuple[str, Sample | Failure]


def resolve(argument: str) -> str | Path:
    """Return the path of a file or folder that exists, or else the argument as a text.

    Raises DataError for a path that does not exist, with the nearest name, and for an address of the web.
    """
    if argument.strip() and os.path.exists(argument):
        return Path(argument)
    if _ADDRESS.fullmatch(argument.strip()):
        raise DataError(f"{argument}: nothing is downloaded; download the file first, or give the text with --text")
    if _looks_like_path(argument):
        near = _nearest(Path(argument))
        hint = f"did you mean {near}? " if near else ""
        raise DataError(f"{argument}: there is no such file or folder; {hint}--text predicts it as a text")
    return argument


def _looks_like_path(argument: str) -> bool:
    """Whether it has a known suffix, or no space and a separator or a suffix, such as report.docx."""
    if "\n" in argument or not argument.strip():
        return False
    separated = os.sep in argument or "/" in argument
    single = not re.search(r"\s", argument)
    return argument.lower().endswith(_KNOWN) or (single and (separated or bool(_SUFFIX.search(argument))))


def _nearest(path: Path) -> Path | None:
    """The file or folder with the most similar name in the same folder."""
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):
        return None
    close = difflib.get_close_matches(path.name, names, 1)
    return path.parent / close[0] if close else None


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run."""
    return all((folder / name).is_file() for name in _RUN)


def is_table(path: Path, columns: bool = False) -> bool:
    """Return whether a file is a table by its suffix, or a transcript of ELAN by its first line.

    columns: whether columns are named, so that a .txt or a .json is a table too
    """
    return path.suffix.lower() in (*TABLES, *((".txt", ".json") if columns else ())) or is_transcript(path)


def name_of(text: str) -> str:
    """Return a name for a text: its beginning."""
    words = " ".join(text.split())
    return words if len(words) <= NAME else f"{words[:NAME]}..."


def samples_of_folder(folder: Path, predictor: Predictor) -> tuple[list[NamedSample], Counter[str]]:
    """Return the files below a folder that the model reads, by name, and the number of the others by suffix.

    Files of runs and of feature stores are left out. Raises DataError where no file is left, and for the folder of a run.
    """
    if is_run(folder):
        raise DataError(f"{folder} is a run, not an input; predict with it: affectspace predict --run {folder} INPUT")
    paths, own = [], []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if is_run(here) or all((here / name).is_file() for name in _STORE):
            own.append(here)
            folders.clear()
        else:
            paths += [here / name for name in files if not name.startswith(".")]
    paths.sort()
    kinds = [None if is_table(path) else kind_of_file(path) for path in paths]
    readable = [path for path, kind in zip(paths, kinds, strict=True) if kind in predictor.kinds]
    chosen = set(readable)
    skipped = Counter(path.suffix.lower() or "no suffix" for path in paths if path not in chosen)
    samples = [_named(path, folder) for path in readable]
    if not samples:
        known = sorted(suffix for kind in predictor.kinds for suffix in SUFFIXES.get(kind, ()))
        content = [f"{number} {suffix}" for suffix, number in skipped.most_common(5)]
        content += [f"the run {run}, for --run" for run in own[:5] if is_run(run)]
        raise DataError(
            f"{folder} has no file that {predictor.name} reads ({', '.join(known) or 'none'}); "
            + (f"it has {', '.join(content)}" if content else "it is empty")
        )
    return samples, skipped


def _named(path: Path, folder: Path) -> NamedSample:
    return path.relative_to(folder).as_posix(), sample_or_failure(path)[1]


def samples_of_vectors(vectors: Mapping[str, NamedVectors]) -> list[NamedSample]:
    """Return a sample for every name in the files of vectors, in their order."""
    names = dict.fromkeys(key for part in vectors.values() for key in part.keys)
    chosen = vectors_of(vectors, [(name,) for name in names])
    return [(name, Sample(vectors=own)) for name, own in zip(names, chosen, strict=True)]


def vectors_of(
    vectors: Mapping[str, NamedVectors], rows: Sequence[Sequence[str | None]], notices: list[str] | None = None
) -> list[dict[str, np.ndarray]]:
    """Return the vectors of all samples, modality -> vector.

    rows : id of each sample, and the paths of its files, see `NamedVectors.match`; notices : gets what is doubtful
    """
    chosen: list[dict[str, np.ndarray]] = [{} for _ in rows]
    for kind, part in vectors.items():
        matches = part.match(rows)
        for own, number in zip(chosen, matches.vectors.tolist(), strict=True):
            if number >= 0:
                own[kind] = part.matrix[number]
        if notices is not None:
            notices += matches.notes(part.path)
    return chosen


def sample_of(item: str | Path, vectors: Mapping[str, np.ndarray] | None = None) -> NamedSample:
    """Return the sample of a text or of a file, with the vectors of its name."""
    if isinstance(item, str):
        return name_of(item) or "text", Sample(item)
    return str(item), replace(sample_of_file(item), vectors=vectors or {})


def sample_or_failure(item: str | Path, vectors: Mapping[str, np.ndarray] | None = None) -> NamedSample:
    """Return the sample of one of several inputs; a file that cannot be a sample is a failure, and the others go on."""
    try:
        return sample_of(item, vectors)
    except DataError as error:
        return str(item), Failure(str(error))


def each_face(samples: Sequence[NamedSample], progress: Progress = silent) -> list[NamedSample]:
    """Replace each picture and clip by a sample for every face in it: "face 1 of group.jpg". Others stay."""
    from affectspace.prediction.photos import samples_of_faces

    expanded: list[NamedSample] = []
    for done, (name, sample) in enumerate(samples):
        progress(done, len(samples), "searching faces")
        faces = samples_of_faces(sample) if isinstance(sample, Sample) else []
        several = [(f"face {number} of {name}", face) for number, face in enumerate(faces, start=1)]
        expanded += several if len(faces) > 1 else [(name, faces[0] if faces else sample)]
    return expanded


def face_columns(samples: Sequence[NamedSample]) -> dict[str, list[Any]]:
    """Return the columns left, top, right and bottom of the samples' faces, in pixels; None for a sample without one."""
    from affectspace.prediction.photos import frame_of

    frames = [(frame_of(sample) if isinstance(sample, Sample) else None) or (None,) * 4 for _, sample in samples]
    return {name: [frame[side] for frame in frames] for side, name in enumerate(("left", "top", "right", "bottom"))}


def combined_sample(inputs: Sequence[str | Path], vectors: Mapping[str, NamedVectors]) -> NamedSample:
    """Combine a text and files of different kinds into one sample with the name of the first file.

    Raises DataError for two inputs of a kind.
    """
    sample = Sample()
    for item in inputs:
        name, added = sample_of(item)
        assert isinstance(added, Sample)
        [kind] = added.kinds
        if sample.has(kind):
            raise DataError(
                f"{name}: one sample takes one input of kind {kind}, and there is one already; without --together each input "
                "is a sample of its own"
            )
        sample = replace(sample, **{kind: getattr(added, kind)})
    files = [str(item) for item in inputs if isinstance(item, Path)]
    [chosen] = vectors_of(vectors, [(None, *files)])
    for kind, part in vectors.items():
        if kind not in chosen and len(part.keys) > 1:
            raise DataError(
                f"{part.path}: it has {len(part.keys):,} vectors, none with the name of a given file; give a single vector"
            )
        chosen.setdefault(kind, part.matrix[0])
    name = files[0] if files else name_of(" ".join(map(str, inputs))) or "text"
    return name, replace(sample, vectors=chosen)


@overload
def predict(
    inputs: str | Path | bytes | Mapping[str, Any] | Sample,
    *,
    model: str = ...,
    run: str | Path | None = ...,
    kind: str | None = ...,
    device: str = ...,
) -> Prediction: ...


@overload
def predict(
    inputs: Iterable[Any], *, model: str = ..., run: str | Path | None = ..., kind: str | None = ..., device: str = ...
) -> pd.DataFrame: ...


def predict(
    inputs: str | Path | bytes | Mapping[str, Any] | Sample | Iterable[Any],
    *,
    model: str = "any",
    run: str | Path | None = None,
    kind: str | None = None,
    device: str = "auto",
) -> Prediction | pd.DataFrame:
    """Predict valence, arousal and dominance of one input, or of many.

    The model is opened once and kept for the next call.

    Parameters
    ----------
    inputs : str, path, bytes, Sample, or iterable of them
        A text that is the path of an existing file is read as this file; any other text is predicted itself. Bytes, or a
        mapping with bytes and path, are the content of a sound, clip or picture. Many inputs are for example a list or a
        column of a DataFrame.
    model : str
        Name of a model that ships, see `shipped_models`.
    run : path, optional
        Folder of a finished run to use instead.
    kind : {"text", "audio", "video", "image"}, optional
        What all inputs are. With "text" no input is read as a file.
    device : str
        Device to compute on.

    Returns
    -------
    Prediction or pandas.DataFrame
        A Prediction for one input. For many, a row each with the columns of `table_of` and the index of a column; rows
        that cannot be predicted have a reason.

    Raises
    ------
    DataError
        If the only input cannot be predicted.
    ConfigError
        If there is no such model or kind.

    Examples
    --------
    >>> import affectspace
    >>> affectspace.predict("What a great day!").valence                  # doctest: +SKIP
    0.62
    >>> affectspace.predict(["What a great day!", "voice.wav"])           # doctest: +SKIP
    >>> messages.join(affectspace.predict(messages["said"], kind="text"))  # doctest: +SKIP
    """
    if kind is not None and kind not in SUFFIXES:
        raise ConfigError(f"unknown kind {kind!r}; choose from {', '.join(SUFFIXES)}")
    if not isinstance(inputs, str | Path | Sample | Iterable):
        raise ConfigError(
            f"{inputs!r:.60} is no input; give a text, a path, a list of them, or a column of a DataFrame"
        )
    predictor = _opened(model, None if run is None else str(run), device)
    if isinstance(inputs, str | Path | bytes | Mapping | Sample):
        [outcome] = predictor.predict_many([_sample_of_any(inputs, kind)])
        if isinstance(outcome, Failure):
            raise DataError(outcome.reason)
        return outcome
    if hasattr(inputs, "columns"):
        raise ConfigError("these inputs have columns; predict one column, for example frame['message']")
    index = getattr(inputs, "index", None)
    table = table_of(predictor.predict_many([_sample_of_any(item, kind) for item in inputs]))
    return table if index is None or callable(index) else table.set_index(index)


@lru_cache(maxsize=4)
def _opened(model: str, run: str | None, device: str) -> Predictor:
    return Predictor.pretrained(model, device=device) if run is None else Predictor.of_run(run, device=device)


def _sample_of_any(item: Any, kind: str | None) -> Sample | Failure:
    """The sample of an input of `predict`, or the reason why there is none."""
    if isinstance(item, Sample):
        return item
    content, name = stored_file(item)
    if content is not None:
        known = kind or kind_of(content)
        if known in FILES:
            given: dict[str, Any] = {str(known): content}
            return Sample(**given)
        return Failure("its bytes are no sound, clip or picture in a known format")
    item = Path(name) if isinstance(item, Mapping) and name is not None else item
    if not isinstance(item, str | Path):
        return Failure(
            "its cell is empty" if stored_file(item) == (None, None) else f"not a text or a path: {item!r:.60}"
        )
    try:
        if kind in FILES:
            paths: dict[str, Any] = {str(kind): Path(item)}
            return Sample(**paths)
        resolved = resolve(str(item)) if kind is None else str(item)
        if isinstance(item, Path) and isinstance(resolved, str):
            raise DataError(f"{item}: there is no such file")
        if isinstance(resolved, str):
            return Sample(resolved)
        if resolved.is_dir():
            raise DataError(
                f"{resolved} is a folder; give its files, for example sorted(Path({str(resolved)!r}).iterdir())"
            )
        if is_table(resolved):
            raise DataError(f"{resolved} is a table; read it, and predict one of its columns")
        return sample_of_file(resolved)
    except DataError as error:
        return Failure(str(error))
