"""Synthetic people in the official layouts of IEMOCAP, CMU-MOSI and CMU-MOSEI, to try commands without the licence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectspace.affect import SCALES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.readers.synthetic import read_about
from affectspace.corpora.registry import KINDS
from affectspace.errors import ConfigError, DataError
from affectspace.files import write_atomic, write_text
from affectspace.progress import Progress, silent
from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.faces.parameters import stream
from affectspace.synthetic.folder import is_finished, write_about
from affectspace.synthetic.speakers import dialogues
from affectspace.synthetic.speakers.dialogues import Utterance, plan
from affectspace.synthetic.speakers.face import faces, frames
from affectspace.synthetic.speakers.make import REFERENCE, nearest_emotions
from affectspace.synthetic.speakers.voice import RATE, speak
from affectspace.synthetic.speakers.writing import write_clip, write_wav

People = Corpus | Sequence[Utterance]

_GAP = 0.4  # seconds between utterances
_RATER = 0.6  # standard deviation of a rater's error on 1..5
_CODES = {
    "anger": ("ang", "Anger"), "happiness": ("hap", "Happiness"), "excitement": ("exc", "Excited"),
    "sadness": ("sad", "Sadness"), "neutral": ("neu", "Neutral state"), "frustration": ("fru", "Frustration"),
    "fear": ("fea", "Fear"), "surprise": ("sur", "Surprise"), "disgust": ("dis", "Disgust"),
}  # fmt: skip
_STRENGTHS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")  # in the order of MOSEI's features


def write_iemocap(
    people: People,
    folder: str | Path,
    *,
    video: bool = True,
    size: int = 48,
    fps: float = 6.0,
    progress: Progress = silent,
) -> Path:
    """Write IEMOCAP's layout, and return the folder.

    people: a corpus that `make_speakers` wrote, or utterances of `plan`. The first five pairs are the sessions; the first
    person of a pair is F, the second M. Dialogues are named after F and M in turn; that person has the markers and is on the
    left half of the picture. Every third dialogue of a session is named after a script; sessions begin with different ones.
    Labels are the true values on 1..5 with four decimals; a category that IEMOCAP does not have is ``oth``; two evaluators and
    a self-rating follow, which differ from the truth by noise. video: also write the dialogues as avi, `size` pixels for each
    person; needs PyAV.
    """
    root = Path(folder)
    utterances = _utterances(people)
    sessions = list(dict.fromkeys(utterance.session for utterance in utterances))[:5]
    for number, session in enumerate(sessions, 1):
        progress(number - 1, len(sessions), f"Session{number}")
        in_session = [utterance for utterance in utterances if utterance.session == session]
        for k, dialogue in enumerate(dict.fromkeys(utterance.dialogue for utterance in in_session)):
            marked = "FM"[k % 2]
            scenario = f"script{(k // 3 + number - 1) % 3 + 1:02d}_{k // 9 + 1}" if k % 3 == 2 else f"impro{k + 1:02d}"
            name = f"Ses{number:02d}{marked}_{scenario}"
            turns = [utterance for utterance in in_session if utterance.dialogue == dialogue]
            sounds = [speak(utterance) for utterance in turns]
            _write_dialogue(root / f"Session{number}", name, turns, sounds)
            if video:
                pair = session.split("-") if marked == "F" else session.split("-")[::-1]
                pictures = _side_by_side(turns, sounds, pair, size, fps)
                _save_clip(
                    root / f"Session{number}" / "dialog" / "avi" / "DivX" / f"{name}.avi",
                    pictures,
                    fps,
                    _joined(sounds),
                )
    return root


def _write_dialogue(place: Path, name: str, turns: list[Utterance], sounds: list[np.ndarray]) -> None:
    """Labels, transcripts and sounds of a dialogue."""
    letters = dict(zip(turns[0].session.split("-"), "FM", strict=True))
    emotions = nearest_emotions(np.array([utterance.affect for utterance in turns]))
    labels, spoken, counts = [], [], {"F": 0, "M": 0}
    for utterance, sound, emotion, (start, end) in zip(turns, sounds, emotions, _intervals(sounds), strict=True):
        letter = letters[utterance.speaker.name]
        turn = f"{name}_{letter}{counts[letter]:03d}"
        counts[letter] += 1
        code, category = _CODES.get(emotion, ("oth", "Other"))
        native = SCALES["iemocap"].to_native(np.array([utterance.affect]))[0]
        vad = ", ".join(f"{x:.4f}" for x in native)
        raters = ("E1", "E2", f"{letter}1")
        noise = stream("raters", utterance.seed, utterance.id).normal(0.0, _RATER, (len(raters), 3))
        votes = np.clip(np.rint(native + noise), 1, 5).astype(int).tolist()
        labels.append(f"[{start:.4f} - {end:.4f}]\t{turn}\t{code}\t[{vad}]")
        labels += [f"C-{rater}:\t{category};\t()" for rater in raters]
        labels += [
            f"A-{rater}:\tval {v}; act {a}; dom  {d};\t()" for rater, (v, a, d) in zip(raters, votes, strict=True)
        ]
        labels.append("")
        spoken.append(f"{turn} [{start:08.4f}-{end:08.4f}]: {utterance.text}")
        _save_sound(place / "sentences" / "wav" / name / f"{turn}.wav", sound)
    head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    write_text(place / "dialog" / "EmoEvaluation" / f"{name}.txt", head + "\n".join(labels) + "\n")
    write_text(place / "dialog" / "transcriptions" / f"{name}.txt", "\n".join(spoken) + "\n")


def _side_by_side(
    turns: list[Utterance], sounds: list[np.ndarray], pair: list[str], size: int, fps: float
) -> np.ndarray:
    """The dialogue's frames, (n, size, 2 size, 3): the speaker moves, the listener keeps the last face."""
    resting = {utterance.speaker.name: render_face(faces(utterance, 1)[0], size) for utterance in reversed(turns)}
    blank = np.full((size, size, 3), 90, np.uint8)
    shown = {name: resting.get(name, blank) for name in pair}
    intervals = _intervals(sounds)
    n = int(np.ceil((intervals[-1, 1] + _GAP) * fps))
    pictures = np.empty((n, size, 2 * size, 3), np.uint8)
    at = 0
    for utterance, (begin, _) in zip(turns, intervals, strict=True):
        start = round(begin * fps)
        pictures[at:start] = np.hstack([shown[name] for name in pair])
        clip = frames(utterance, fps, size)
        for k, picture in enumerate(clip):
            shown[utterance.speaker.name] = picture
            pictures[min(start + k, n - 1)] = np.hstack([shown[name] for name in pair])
        at = start + len(clip)
    pictures[at:] = np.hstack([shown[name] for name in pair])
    return pictures


def write_mosi(
    people: People,
    folder: str | Path,
    *,
    video: bool = True,
    size: int = 48,
    fps: float = 6.0,
    progress: Progress = silent,
) -> Path:
    """Write CMU-MOSI's raw layout, and return the folder; arguments as in `write_iemocap`.

    All utterances of a person, in order, are a video; sentiment is three times the valence. Transcripts in capitals, segments
    from 1, a wav and an mp4 for each segment, labels as .csd (needs h5py).
    """
    root = Path(folder)
    raw = root / "Raw"
    labels = {}
    persons = _by_person(people)
    for number, (name, utterances) in enumerate(persons.items()):
        progress(number, len(persons), name)
        sounds = [speak(utterance) for utterance in utterances]
        lines = [f"{k}_DELIM_{utterance.text.upper()}" for k, utterance in enumerate(utterances, 1)]
        write_text(raw / "Transcript" / "Segmented" / f"{name}.annotprocessed", "\n".join(lines) + "\n")
        for k, (utterance, sound) in enumerate(zip(utterances, sounds, strict=True), 1):
            _save_sound(raw / "Audio" / "WAV_16000" / "Segmented" / f"{name}_{k}.wav", sound)
            if video:
                _save_clip(raw / "Video" / "Segmented" / f"{name}_{k}.mp4", frames(utterance, fps, size), fps, sound)
        sentiment = 3.0 * np.array([[utterance.affect[0]] for utterance in utterances])
        labels[name] = (sentiment, _intervals(sounds))
    _write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    return root


def write_mosei(
    people: People,
    folder: str | Path,
    *,
    video: bool = True,
    size: int = 48,
    fps: float = 6.0,
    progress: Progress = silent,
) -> Path:
    """Write CMU-MOSEI's raw layout, and return the folder; arguments as in `write_iemocap`.

    All utterances of a person, in order, are a video; sentiment is three times the valence, and the strengths of the emotions
    fall with the distance from their centres. One wav for each video, an mp4 for each clip, labels in random order as .csd
    (needs h5py).
    """
    root = Path(folder)
    raw = root / "Raw"
    labels = {}
    persons = _by_person(people)
    for number, (name, utterances) in enumerate(persons.items()):
        progress(number, len(persons), name)
        sounds = [speak(utterance) for utterance in utterances]
        intervals = _intervals(sounds)
        lines = [
            f"{name}___{k}___{start:.4f}___{end:.4f}___{utterance.text}"
            for k, (utterance, (start, end)) in enumerate(zip(utterances, intervals.tolist(), strict=True))
        ]
        write_text(raw / "Transcript" / "Segmented" / "Combined" / f"{name}.txt", "\n".join(lines) + "\n")
        _save_sound(raw / "Audio" / "Full" / "WAV_16000" / f"{name}.wav", _joined(sounds))
        for k, (utterance, sound) in enumerate(zip(utterances, sounds, strict=True)):
            if video:
                clip = frames(utterance, fps, size)
                _save_clip(raw / "Videos" / "Segmented" / "Combined" / f"{name}_{k}.mp4", clip, fps, sound)
        affect = np.array([utterance.affect for utterance in utterances])
        features = np.column_stack([3.0 * affect[:, 0], mosei_strengths(affect)])
        order = np.random.default_rng(number).permutation(len(utterances))
        labels[name] = (features[order], intervals[order])
    _write_csd(root / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    return root


def make_official(
    name: str,
    folder: str | Path,
    *,
    n: int = 400,
    seed: int = 0,
    video: bool = True,
    size: int = 48,
    fps: float = 6.0,
    progress: Progress = silent,
) -> Path:
    """Make synthetic people in an official layout: of `iemocap` ten people, of `mosi` and `mosei` up to twenty.

    The three corpora have different people under the same seed. corpus.json says that they are synthetic, and the same call
    continues an interrupted one. Raises DataError if the folder holds something else.

    Examples
    --------
    >>> from affectspace.synthetic.speakers import make_official
    >>> folder = make_official("mosi", "runs/MOSI", n=20, video=False)  # doctest: +SKIP
    """
    writers = {"iemocap": write_iemocap, "mosi": write_mosi, "mosei": write_mosei}
    if name not in writers:
        raise ConfigError(f"{name!r}: there is no such layout; choose from {', '.join(writers)}")
    root = Path(folder).expanduser()
    people = 10 if name == "iemocap" else min(20, n // 2)
    settings = {
        "kind": KINDS["speakers"], "layout": name, "seed": seed, "people": people, "video": video, "size": size, "fps": fps,
        "rows": n,
    }  # fmt: skip
    if is_finished(root, "speakers", settings, force=False):
        return root
    utterances = plan(n, people, seed=len(writers) * seed + list(writers).index(name))
    write_about(root, settings, finished=False)
    writers[name](utterances, root, video=video, size=size, fps=fps, progress=progress)
    write_about(root, settings, finished=True)
    return root


def mosei_strengths(affect: np.ndarray) -> np.ndarray:
    """Return (n, 6) strengths from 0 to 3, in thirds, of happiness, sadness, anger, surprise, disgust, fear."""
    centres = AnnotationTransfer.reference(REFERENCE).centres(list(_STRENGTHS))
    distance = ((affect[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return np.asarray(np.rint(9.0 * np.exp(-distance / (2 * 0.4**2))) / 3.0)


def _save_sound(path: Path, sound: np.ndarray) -> None:
    write_atomic(path, lambda partial: write_wav(partial, sound, RATE))


def _save_clip(path: Path, pictures: np.ndarray, fps: float, sound: np.ndarray) -> None:
    write_atomic(path, lambda partial: write_clip(partial, pictures, fps, sound, RATE, path.suffix[1:]))


def _joined(sounds: list[np.ndarray]) -> np.ndarray:
    """The recordings one after another, with gaps before, between and after them."""
    gap = np.zeros(round(_GAP * RATE), np.float32)
    return np.concatenate([gap, *[part for sound in sounds for part in (sound, gap)]])


def _intervals(sounds: list[np.ndarray]) -> np.ndarray:
    """(n, 2) seconds of each recording in `_joined`."""
    lengths = np.array([len(sound) / RATE for sound in sounds])
    starts = _GAP + np.concatenate([[0.0], np.cumsum(lengths + _GAP)[:-1]])
    return np.column_stack([starts, starts + lengths])


def _utterances(people: People) -> list[Utterance]:
    if not isinstance(people, Corpus):
        return list(people)
    if people.name != "speakers" or people.media is None:
        raise DataError(
            f"corpus {people.name}: only a corpus that make_speakers wrote, with its files, can be converted"
        )
    seed = int(read_about(people.media, "speakers")["seed"])
    return [dialogues.utterance(seed, name) for name in people.table["id"]]


def _by_person(people: People) -> dict[str, list[Utterance]]:
    persons: dict[str, list[Utterance]] = {}
    for utterance in _utterances(people):
        persons.setdefault(utterance.speaker.name, []).append(utterance)
    return persons


def _write_csd(path: Path, name: str, labels: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(f"{path}: writing .csd needs h5py: pip install 'affectspace[video]'") from error

    def write(partial: Path) -> None:
        with h5py.File(partial, "w") as file:
            for video, (features, intervals) in labels.items():
                group = file.create_group(f"{name}/data/{video}")
                group["features"] = features.astype(np.float32)
                group["intervals"] = intervals.astype(np.float32)
            file.create_group(f"{name}/metadata")

    write_atomic(path, write)
