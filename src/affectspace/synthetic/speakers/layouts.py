"""The same invented people in the official layouts of IEMOCAP, CMU-MOSI and CMU-MOSEI: small, for tests of the whole way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectspace.affect import SCALES
from affectspace.corpora.corpus import Corpus
from affectspace.corpora.readers.speakers import read_about
from affectspace.errors import ConfigError, DataError
from affectspace.files import write_atomic, write_text
from affectspace.synthetic.faces.drawing import render_face
from affectspace.synthetic.speakers.dialogues import Utterance, utterance
from affectspace.synthetic.speakers.face import faces, frames
from affectspace.synthetic.speakers.make import nearest_emotions
from affectspace.synthetic.speakers.voice import RATE, speak
from affectspace.synthetic.speakers.writing import write_clip, write_wav

People = Corpus | Sequence[Utterance]

_GAP = 0.4  # seconds between utterances
_CODES = {
    "anger": "ang", "happiness": "hap", "excitement": "exc", "sadness": "sad", "neutral": "neu", "frustration": "fru",
    "fear": "fea", "surprise": "sur", "disgust": "dis",
}  # fmt: skip
_NAMES = {"ang": "Anger", "hap": "Happiness", "exc": "Excited", "sad": "Sadness", "neu": "Neutral state",
          "fru": "Frustration", "fea": "Fear", "sur": "Surprise", "dis": "Disgust", "oth": "Other"}  # fmt: skip
_STRENGTHS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")  # in the order of MOSEI's features


def write_iemocap(people: People, folder: str | Path, *, video: bool = True, size: int = 48, fps: float = 6.0) -> Path:
    """IEMOCAP's layout: the first five pairs are the sessions, the first of a pair F, the second M.

    A dialogue is named after F and M in turn, who then has the markers and is on the left half of the picture. Labels are
    the truth on 1..5 with four decimals; a category that IEMOCAP has none of is ``oth``; two evaluators and a self-rating
    stand below. video: dialogues as avi, size pixels a person; needs PyAV. Returns the folder.
    """
    root = Path(folder)
    said = _utterances(people)
    sessions = list(dict.fromkeys(one.session for one in said))[:5]
    for number, session in enumerate(sessions, 1):
        of_session = [one for one in said if one.session == session]
        for k, dialogue in enumerate(dict.fromkeys(one.dialogue for one in of_session)):
            marked = "FM"[k % 2]
            name = f"Ses{number:02d}{marked}_impro{k + 1:02d}"
            turns = [one for one in of_session if one.dialogue == dialogue]
            _write_dialogue(root / f"Session{number}", name, turns, session, marked, video, size, fps)
    return root


def _write_dialogue(
    place: Path, name: str, turns: list[Utterance], session: str, marked: str, video: bool, size: int, fps: float
) -> None:
    letters = dict(zip(session.split("-"), "FM", strict=True))
    sounds = [speak(one) for one in turns]
    emotions = nearest_emotions(np.array([one.affect for one in turns]))
    scale = SCALES["iemocap"]
    labels, spoken, counts, clock = [], [], {"F": 0, "M": 0}, _GAP
    for one, sound, emotion in zip(turns, sounds, emotions, strict=True):
        letter = letters[one.speaker.name]
        turn = f"{name}_{letter}{counts[letter]:03d}"
        counts[letter] += 1
        end = clock + len(sound) / RATE
        code = _CODES.get(emotion, "oth")
        native = scale.to_native(np.array([one.affect]))[0]
        vad = ", ".join(f"{x:.4f}" for x in native)
        labels.append(f"[{clock:.4f} - {end:.4f}]\t{turn}\t{code}\t[{vad}]")
        whole = np.clip(np.rint(native), 1, 5).astype(int).tolist()
        for rater in ("E1", "E2", f"{letter}1"):
            labels.append(f"C-{rater}:\t{_NAMES[code]};\t()")
        for rater in ("E1", "E2", f"{letter}1"):
            labels.append(f"A-{rater}:\tval {whole[0]}; act {whole[1]}; dom  {whole[2]};\t()")
        labels.append("")
        spoken.append(f"{turn} [{clock:08.4f}-{end:08.4f}]: {one.text}")
        recording = sound
        wav = place / "sentences" / "wav" / name / f"{turn}.wav"
        write_atomic(wav, lambda path, recording=recording: write_wav(path, recording))  # type: ignore[misc]
        clock = end + _GAP
    head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    write_text(place / "dialog" / "EmoEvaluation" / f"{name}.txt", head + "\n".join(labels) + "\n")
    write_text(place / "dialog" / "transcriptions" / f"{name}.txt", "\n".join(spoken) + "\n")
    if video:
        pair = [name_ for name_ in letters if letters[name_] == marked] + [n for n in letters if letters[n] != marked]
        pictures = _side_by_side(turns, sounds, pair, size, fps)
        sound = _joined(sounds)
        avi = place / "dialog" / "avi" / "DivX" / f"{name}.avi"
        write_atomic(avi, lambda path: write_clip(path, pictures, fps, sound, "avi"))


def _side_by_side(
    turns: list[Utterance], sounds: list[np.ndarray], pair: list[str], size: int, fps: float
) -> np.ndarray:
    """The dialogue's frames (n, size, 2 size, 3): who speaks moves, who listens keeps the last face."""
    resting = {one.speaker.name: render_face(faces(one, 1)[0], size) for one in reversed(turns)}
    blank = np.full((size, size, 3), 90, np.uint8)
    shown = {name: resting.get(name, blank) for name in pair}
    n = int(np.ceil((_GAP + sum(len(sound) / RATE + _GAP for sound in sounds)) * fps))
    pictures = np.empty((n, size, 2 * size, 3), np.uint8)
    at, clock = 0, _GAP
    for one, sound in zip(turns, sounds, strict=True):
        start = round(clock * fps)
        pictures[at:start] = np.hstack([shown[name] for name in pair])
        clip = frames(one, fps, size)
        for k, picture in enumerate(clip):
            shown[one.speaker.name] = picture
            pictures[min(start + k, n - 1)] = np.hstack([shown[name] for name in pair])
        at = start + len(clip)
        clock += len(sound) / RATE + _GAP
    pictures[at:] = np.hstack([shown[name] for name in pair])
    return pictures


def write_mosi(people: People, folder: str | Path, *, video: bool = True, size: int = 48, fps: float = 6.0) -> Path:
    """CMU-MOSI's raw layout: what a person says, in order, is a video; sentiment is three times the valence.

    Transcripts in capitals, segments from 1, wav and mp4 a segment, the labels as .csd (needs h5py). Returns the folder.
    """
    root = Path(folder)
    labels = {}
    for name, said in _by_person(people).items():
        sounds = [speak(one) for one in said]
        lines = [f"{k}_DELIM_{one.text.upper()}" for k, one in enumerate(said, 1)]
        raw = root / "Raw"
        write_text(raw / "Transcript" / "Segmented" / f"{name}.annotprocessed", "\n".join(lines) + "\n")
        for k, (one, sound) in enumerate(zip(said, sounds, strict=True), 1):
            wav = raw / "Audio" / "WAV_16000" / "Segmented" / f"{name}_{k}.wav"
            write_atomic(wav, lambda path, sound=sound: write_wav(path, sound))  # type: ignore[misc]
            if video:
                _write_segment(raw / "Video" / "Segmented" / f"{name}_{k}.mp4", one, sound, size, fps)
        labels[name] = (np.array([[3.0 * one.affect[0]] for one in said]), _intervals(sounds))
    _write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    return root


def write_mosei(people: People, folder: str | Path, *, video: bool = True, size: int = 48, fps: float = 6.0) -> Path:
    """CMU-MOSEI's raw layout: what a person says, in order, is a video; clips from 0; labels in no order.

    The wav is the whole video's, mp4 a clip. Sentiment is three times the valence; an emotion's strength, 0..3, falls
    with the distance from its centre. Needs h5py. Returns the folder.
    """
    root = Path(folder)
    labels = {}
    for number, (name, said) in enumerate(_by_person(people).items()):
        sounds = [speak(one) for one in said]
        intervals = _intervals(sounds)
        lines = [
            f"{name}___{k}___{start:.4f}___{end:.4f}___{one.text}"
            for k, (one, (start, end)) in enumerate(zip(said, intervals.tolist(), strict=True))
        ]
        raw = root / "Raw"
        write_text(raw / "Transcript" / "Segmented" / "Combined" / f"{name}.txt", "\n".join(lines) + "\n")
        joined = _joined(sounds)
        wav = raw / "Audio" / "Full" / "WAV_16000" / f"{name}.wav"
        write_atomic(wav, lambda path, joined=joined: write_wav(path, joined))  # type: ignore[misc]
        for k, (one, sound) in enumerate(zip(said, sounds, strict=True)):
            if video:
                _write_segment(raw / "Videos" / "Segmented" / "Combined" / f"{name}_{k}.mp4", one, sound, size, fps)
        affect = np.array([one.affect for one in said])
        features = np.column_stack([3.0 * affect[:, 0], mosei_strengths(affect)])
        order = np.random.default_rng(number).permutation(len(said))
        labels[name] = (features[order], intervals[order])
    _write_csd(root / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    return root


def mosei_strengths(affect: np.ndarray) -> np.ndarray:
    """(n, 6) strengths 0..3 in thirds of happiness, sadness, anger, surprise, disgust, fear."""
    from affectspace.annotation import AnnotationTransfer
    from affectspace.synthetic.speakers.make import REFERENCE

    centres = AnnotationTransfer.reference(REFERENCE).centres(list(_STRENGTHS))
    distance = ((affect[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return np.asarray(np.rint(9.0 * np.exp(-distance / (2 * 0.4**2))) / 3.0)


def _write_segment(path: Path, said: Utterance, sound: np.ndarray, size: int, fps: float) -> None:
    pictures = frames(said, fps, size)
    write_atomic(path, lambda partial: write_clip(partial, pictures, fps, sound))


def _joined(sounds: list[np.ndarray]) -> np.ndarray:
    """The recordings one after another, with gaps before, between and after."""
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
        raise DataError(f"corpus {people.name}: only the corpus that make_speakers wrote, with its files, has layouts")
    seed = int(read_about(people.media)["seed"])
    return [utterance(seed, name) for name in people.table["id"]]


def _by_person(people: People) -> dict[str, list[Utterance]]:
    found: dict[str, list[Utterance]] = {}
    for one in _utterances(people):
        found.setdefault(one.speaker.name, []).append(one)
    return found


def _write_csd(path: Path, name: str, labels: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(f"{path}: writing .csd needs h5py; install it: pip install 'affectspace[video]'") from error

    def write(partial: Path) -> None:
        with h5py.File(partial, "w") as file:
            for video, (features, intervals) in labels.items():
                group = file.create_group(f"{name}/data/{video}")
                group["features"] = features.astype(np.float32)
                group["intervals"] = intervals.astype(np.float32)
            file.create_group(f"{name}/metadata")

    write_atomic(path, write)
