"""A corpus of people who speak on disk, with what is known of every utterance."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.readers.speakers import ABOUT, INDEX, KIND, MAKING, read_about, read_speakers
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.files import write_atomic, write_text
from affectspace.processes import worker_pool
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.faces.sampling import NUISANCE, nuisance
from affectspace.synthetic.speakers.dialogues import Utterance, plan, turns_of
from affectspace.synthetic.speakers.face import faces, frames
from affectspace.synthetic.speakers.prosody import score
from affectspace.synthetic.speakers.voice import speak
from affectspace.synthetic.speakers.writing import require_av, whole, write_clip, write_wav

REFERENCE = "russell_mehrabian_1977"
PLACE = ("yaw", "pitch", "roll", "light_x", "light_y", "exposure", "background_hue", "background_lightness", "tone")
PRIVATE = ("topic", "turn", "seconds", "tract", "base_pitch", "base_rate", "breath", "gain_db", "snr_db")


def truth_table(said: Sequence[Utterance]) -> pd.DataFrame:
    """A row an utterance: id, person, session, dialogue, affect, emotion, label_kind, `PRIVATE`, homes, `PLACE`.

    emotion: the nearest centre of Russell & Mehrabian (1977). seconds: of the recording. home_valence, ...: the home
    base of the person. `PLACE`: of the first frame of the clip, as in the drawn faces.
    """
    affect = np.array([one.affect for one in said])
    people = [one.speaker for one in said]
    table = pd.DataFrame(
        {
            "id": [one.id for one in said],
            "person": [one.name for one in people],
            "session": [one.session for one in said],
            "dialogue": [one.dialogue for one in said],
            "emotion": nearest_emotions(affect),
            **{axis: affect[:, k] for k, axis in enumerate(AXES)},
            "label_kind": "rated",
            "topic": [one.topic for one in said],
            "turn": [one.turn for one in said],
            "seconds": [score(one).seconds for one in said],
            "tract": [one.tract for one in people],
            "base_pitch": [one.pitch for one in people],
            "base_rate": [one.rate for one in people],
            "breath": [one.breath for one in people],
            "gain_db": [one.gain_db for one in said],
            "snr_db": [one.snr_db for one in said],
            **{f"home_{axis}": [one.home[k] for one in people] for k, axis in enumerate(AXES)},
        }
    )
    place = [nuisance(faces(one, 1)[0]) for one in said]
    for name in PLACE:
        table[name] = [values[NUISANCE.index(name)] for values in place]
    return table.round(5)


def nearest_emotions(affect: np.ndarray) -> list[str]:
    """The category whose published centre is nearest to each of (n, 3)."""
    transfer = AnnotationTransfer.reference(REFERENCE)
    return [str(name) for name in transfer.predict(affect)]


VERSION = 1  # of the making: to be raised when the same seed makes another corpus
MODALITIES = ("text", "audio", "video")
_SUFFIXES = {"text": ".txt", "audio": ".wav", "video": ".mp4"}
_ALONE = 100  # so few utterances are made faster without other processes


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
    progress: Callable[[int, int, str], None] | None = None,
    force: bool = False,
) -> Corpus:
    """Make n utterances of `people` invented people in a folder, and read them.

    turns: of a dialogue. modalities: which of text, audio, video are made. missing: modality -> share of the rows without
    it, drawn a row; one modality is always left. size: pixels of a clip's side, even; fps: its frames a second.
    sound_in_video: the voice in the clip, too. workers: processes (default: one a core), which change nothing.
    progress(done, total, what).

    Writes ``{text,audio,video}/<session>/<id>.{txt,wav,mp4}``, index.csv and corpus.json. A row is a function of (seed, id);
    files that are there are kept, so that what was interrupted, or is made again with a larger n, goes on. Raises
    ConfigError for impossible settings and where video is asked for without PyAV; DataError where the folder holds another
    corpus and force is False, and, force or not, where it holds what is not ours.
    """
    out = Path(out).expanduser()
    made = tuple(name for name in MODALITIES if name in set(modalities))
    absent = _checked(made, set(modalities), dict(missing or {}), size, fps, workers)
    settings: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "seed": seed,
        "people": people,
        "turns": turns_of(n, people, turns),
        "modalities": list(made),
        "missing": absent,
        "size": size,
        "fps": fps,
        "sound_in_video": sound_in_video,
        "rows": n,
    }
    if "video" in made:
        require_av()
    if _finished(out, settings, force):
        return read_speakers(out)
    said = plan(n, people, seed, turns)
    write_text(out / ABOUT, json.dumps(settings | {"state": MAKING}, indent=1) + "\n")
    if force:
        for name in MODALITIES:
            shutil.rmtree(out / name, ignore_errors=True)
    held = [_held(one, made, absent) for one in said]
    work = partial(_make, out=out, size=size, fps=fps, sound=sound_in_video)
    _run(work, list(zip(said, held, strict=True)), workers, progress)
    index = truth_table(said)
    for name in MODALITIES:
        index[name] = [
            None if name not in has else one.text if name == "text" else path_of(one, name)
            for one, has in zip(said, held, strict=True)
        ]
    write_atomic(out / INDEX, lambda path: index.to_csv(path, index=False))
    write_text(out / ABOUT, json.dumps(settings, indent=1) + "\n")
    return read_speakers(out)


def path_of(said: Utterance, modality: str) -> str:
    """Where a file of an utterance is, relative to the corpus."""
    return f"{modality}/{said.session}/{said.id}{_SUFFIXES[modality]}"


def _checked(
    made: tuple[str, ...], asked: set[str], missing: dict[str, float], size: int, fps: float, workers: int | None
) -> dict[str, float]:
    unknown = sorted((asked | set(missing)) - set(MODALITIES))
    if unknown or not made:
        raise ConfigError(f"modalities {', '.join(unknown) or 'none'}: choose from {', '.join(MODALITIES)}")
    for name, share in missing.items():
        if not 0.0 <= share < 1.0 or name not in made:
            raise ConfigError(
                f"missing {name}={share}: a share on [0, 1) of a modality that is made ({', '.join(made)})"
            )
    if not 32 <= size <= 512 or size % 2:
        raise ConfigError(f"size={size}: clips have an even number of 32 to 512 pixels a side")
    if not 1 <= fps <= 60:
        raise ConfigError(f"fps={fps}: clips have 1 to 60 frames a second")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: at least one process must work")
    return {name: float(missing[name]) for name in MODALITIES if missing.get(name)}


def _held(said: Utterance, made: tuple[str, ...], missing: dict[str, float]) -> frozenset[str]:
    """Which modalities a row has: each is absent with its share; where none would be left, one by chance is."""
    held = [
        name
        for name in made
        if name not in missing or stream("missing", said.seed, said.id, name).random() >= missing[name]
    ]
    return frozenset(held or [str(stream("kept", said.seed, said.id).choice(made))])


def _finished(out: Path, settings: dict[str, Any], force: bool) -> bool:
    """Whether the folder holds this corpus already; an error where it holds what must not be written over."""
    try:
        there = {entry.name for entry in out.iterdir()} - {f"{ABOUT}.partial"}
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RunError(f"{out}: not a folder to write into ({error.strerror or error}); choose another") from error
    if not there:
        return False
    try:
        found = read_about(out)
    except DataError as error:
        raise DataError(
            f"{out} is not empty and holds no speakers of ours; choose another folder (nothing was changed)"
        ) from error
    if force:
        return False
    state = found.pop("state", None)
    differing = [key for key in settings if found.get(key) != settings[key] and key != "rows"]
    if differing or found["rows"] > settings["rows"]:
        raise DataError(
            f"{out} holds speakers made with {'another ' + ', '.join(differing) if differing else 'more rows'}; choose "
            "another folder, or force=True (--force) to make them anew"
        )
    return state != MAKING and found["rows"] == settings["rows"]


def _make(row: tuple[Utterance, frozenset[str]], out: Path, size: int, fps: float, sound: bool) -> None:
    """The files of a row that are not there yet; runs in a worker."""
    said, held = row
    paths = {name: out / path_of(said, name) for name in held}
    todo = {name for name, path in paths.items() if not whole(path)}
    if "text" in todo:
        write_text(paths["text"], said.text + "\n")
    voice = speak(said) if "audio" in todo or ("video" in todo and sound) else None
    if "audio" in todo and voice is not None:
        recording = voice
        write_atomic(paths["audio"], lambda path: write_wav(path, recording))
    if "video" in todo:
        pictures = frames(said, fps, size, score(said))
        write_atomic(paths["video"], lambda path: write_clip(path, pictures, fps, voice if sound else None))


def _run(
    work: Callable[[tuple[Utterance, frozenset[str]]], None],
    rows: list[tuple[Utterance, frozenset[str]]],
    workers: int | None,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    processes = min(workers or os.cpu_count() or 1, len(rows))
    if processes == 1 or (workers is None and len(rows) <= _ALONE):
        _count(map(work, rows), len(rows), progress)
        return
    with worker_pool(processes) as pool:
        try:
            _count(pool.map(work, rows, chunksize=8), len(rows), progress)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _count(done: Iterable[None], total: int, progress: Callable[[int, int, str], None] | None) -> None:
    for number, _ in enumerate(done, 1):
        if progress is not None:
            progress(number, total, "utterances made")
