"""A corpus of people who speak on disk, with the true values of every utterance."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora import Corpus, read_corpus
from affectspace.corpora.readers.synthetic import INDEX
from affectspace.corpora.registry import KINDS
from affectspace.errors import ConfigError
from affectspace.files import is_written, write_atomic, write_text
from affectspace.media.container import import_av
from affectspace.processes import map_in_order
from affectspace.progress import Progress, silent
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.faces.sampling import nuisance
from affectspace.synthetic.folder import is_finished, write_about
from affectspace.synthetic.speakers.dialogues import Utterance, plan, turns_of
from affectspace.synthetic.speakers.face import faces, frames
from affectspace.synthetic.speakers.prosody import score
from affectspace.synthetic.speakers.voice import RATE, speak
from affectspace.synthetic.speakers.writing import WRITING_CLIPS, write_clip, write_wav

VERSION = 1  # of the making; to be raised when the same seed makes another corpus
REFERENCE = "russell_mehrabian_1977"
MODALITIES = ("text", "audio", "video")
PLACE = ("yaw", "pitch", "roll", "light_x", "light_y", "exposure", "background_hue", "background_lightness", "tone")
PRIVATE = ("topic", "turn", "seconds", "tract", "base_pitch", "base_rate", "breath", "gain_db", "snr_db")
_SUFFIXES = {"text": ".txt", "audio": ".wav", "video": ".mp4"}
_ALONE = 100  # utterances up to which other processes do not save time

_Row = tuple[Utterance, frozenset[str]]  # an utterance and its modalities


def truth_table(utterances: Sequence[Utterance]) -> pd.DataFrame:
    """Return the true values, one row for each utterance.

    Columns: id, person, session, dialogue, emotion (the nearest centre of Russell & Mehrabian 1977), affect, label_kind,
    `PRIVATE` (seconds: of the recording), home_valence, ... (the home base of the person), and `PLACE` (of the first frame of
    the clip, as in the drawn faces).
    """
    affect = np.array([utterance.affect for utterance in utterances])
    people = [utterance.speaker for utterance in utterances]
    table = pd.DataFrame(
        {
            "id": [utterance.id for utterance in utterances],
            "person": [person.name for person in people],
            "session": [utterance.session for utterance in utterances],
            "dialogue": [utterance.dialogue for utterance in utterances],
            "emotion": nearest_emotions(affect),
            **dict(zip(AXES, affect.T, strict=True)),
            "label_kind": "rated",
            "topic": [utterance.topic for utterance in utterances],
            "turn": [utterance.turn for utterance in utterances],
            "seconds": [score(utterance).seconds for utterance in utterances],
            "tract": [person.tract for person in people],
            "base_pitch": [person.pitch for person in people],
            "base_rate": [person.rate for person in people],
            "breath": [person.breath for person in people],
            "gain_db": [utterance.gain_db for utterance in utterances],
            "snr_db": [utterance.snr_db for utterance in utterances],
            **{f"home_{axis}": [person.home[k] for person in people] for k, axis in enumerate(AXES)},
        }
    )
    place = pd.DataFrame([nuisance(faces(utterance, 1)[0]) for utterance in utterances])
    return table.join(place[list(PLACE)]).round(5)


def nearest_emotions(affect: np.ndarray) -> list[str]:
    """Return the category whose published centre is nearest to each of (n, 3) points."""
    transfer = AnnotationTransfer.reference(REFERENCE)
    return [str(name) for name in transfer.predict(affect)]


def make_speakers(
    out: str | Path,
    *,
    n: int = 400,
    people: int = 20,
    seed: int = 0,
    turns: int | None = None,
    modalities: Iterable[str] = MODALITIES,
    missing: Mapping[str, float] | None = None,
    size: int = 64,
    fps: float = 10.0,
    sound_in_video: bool = False,
    workers: int | None = None,
    progress: Progress = silent,
    force: bool = False,
) -> Corpus:
    """Make utterances of invented people in a folder, and read them.

    A row is a function of (seed, id). Existing files are kept, so that an interrupted corpus, or a larger `n`, continues where
    it stopped.

    Parameters
    ----------
    out : path
        Folder for ``{text,audio,video}/<session>/<id>.{txt,wav,mp4}``, index.csv and corpus.json.
    n, people : int
        Number of utterances and of people.
    seed : int
        The same seed makes the same corpus.
    turns : int, optional
        Utterances of a dialogue. Default: 10, or fewer so that everybody speaks.
    modalities : iterable of str
        Which of text, audio and video are made.
    missing : mapping, optional
        Modality -> share of the rows that lack it, drawn at random. Every row keeps at least one modality.
    size, fps : int, float
        Pixels of a clip's side (even), and its frames per second.
    sound_in_video : bool
        Add the voice to the clips.
    workers : int, optional
        Processes; the corpus does not depend on their number. Default: one for each core.
    progress : callable, optional
        Called with (done, total, text).
    force : bool
        Overwrite another corpus of speakers in the folder.

    Returns
    -------
    Corpus

    Raises
    ------
    ConfigError
        If a setting is impossible, or PyAV is missing.
    DataError
        If the folder holds something else.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.synthetic.speakers import make_speakers
    >>> with TemporaryDirectory() as folder:
    ...     corpus = make_speakers(folder, n=4, people=2, modalities=["text"], workers=1)
    >>> corpus.table["text"][0]
    'The piano went a key down at leisure, I am somewhat quiet.'
    """
    out = Path(out).expanduser()
    made = tuple(name for name in MODALITIES if name in set(modalities))
    absent = _checked(made, set(modalities), dict(missing or {}), size, fps, workers)
    settings: dict[str, Any] = {
        "kind": KINDS["speakers"], "version": VERSION, "seed": seed, "people": people,
        "turns": turns_of(n, people, turns), "modalities": list(made), "missing": absent, "size": size, "fps": fps,
        "sound_in_video": sound_in_video, "rows": n,
    }  # fmt: skip
    if "video" in made:
        import_av(WRITING_CLIPS)
    if is_finished(out, "speakers", settings, force=force, growing=True):
        return read_corpus("speakers", out)
    utterances = plan(n, people, seed, turns)
    write_about(out, settings, finished=False)
    if force:
        for name in MODALITIES:
            shutil.rmtree(out / name, ignore_errors=True)
    rows = [(utterance, _modalities_of(utterance, made, absent)) for utterance in utterances]
    work = partial(_make, out=out, size=size, fps=fps, sound=sound_in_video)
    processes = workers or (1 if n <= _ALONE else os.cpu_count() or 1)
    for done, _ in enumerate(map_in_order(work, rows, processes), 1):
        progress(done, n, "utterances made")
    index = truth_table(utterances)
    for name in MODALITIES:
        index[name] = [
            None if name not in held else utterance.text if name == "text" else path_of(utterance, name)
            for utterance, held in rows
        ]
    write_atomic(out / INDEX, lambda path: index.to_csv(path, index=False))
    write_about(out, settings, finished=True)
    return read_corpus("speakers", out)


def path_of(utterance: Utterance, modality: str) -> str:
    """Return the path of an utterance's file, relative to the corpus."""
    return f"{modality}/{utterance.session}/{utterance.id}{_SUFFIXES[modality]}"


def _checked(
    made: tuple[str, ...], modalities: set[str], missing: dict[str, float], size: int, fps: float, workers: int | None
) -> dict[str, float]:
    """The shares of missing modalities, in their order."""
    unknown = sorted((modalities | set(missing)) - set(MODALITIES))
    if unknown or not made:
        raise ConfigError(f"modalities {', '.join(unknown) or 'none'}: choose from {', '.join(MODALITIES)}")
    for name, share in missing.items():
        if not 0.0 <= share < 1.0 or name not in made:
            raise ConfigError(
                f"missing {name}={share}: give a share from 0 to below 1 of a modality that is made ({', '.join(made)})"
            )
    if not 32 <= size <= 512 or size % 2:
        raise ConfigError(f"size={size}: clips have an even number of 32 to 512 pixels a side")
    if not 1 <= fps <= 60:
        raise ConfigError(f"fps={fps}: clips have 1 to 60 frames per second")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: at least one process is needed")
    return {name: float(missing[name]) for name in MODALITIES if missing.get(name)}


def _modalities_of(utterance: Utterance, made: tuple[str, ...], missing: dict[str, float]) -> frozenset[str]:
    """The modalities of a row: each is missing with its share; if none were left, a random one is kept."""
    held = [
        name
        for name in made
        if name not in missing or stream("missing", utterance.seed, utterance.id, name).random() >= missing[name]
    ]
    return frozenset(held or [str(stream("kept", utterance.seed, utterance.id).choice(made))])


def _make(row: _Row, out: Path, size: int, fps: float, sound: bool) -> None:
    """Make the files of a row that do not exist yet. Runs in a worker."""
    utterance, held = row
    paths = {name: out / path_of(utterance, name) for name in held}
    todo = {name for name, path in paths.items() if not is_written(path)}
    if "text" in todo:
        write_text(paths["text"], utterance.text + "\n")
    voice = speak(utterance) if "audio" in todo or ("video" in todo and sound) else None
    if "audio" in todo and voice is not None:
        recording = voice
        write_atomic(paths["audio"], lambda path: write_wav(path, recording, RATE))
    if "video" in todo:
        pictures = frames(utterance, fps, size)
        write_atomic(paths["video"], lambda path: write_clip(path, pictures, fps, voice if sound else None, RATE))
