"""Which corpora can be read, and `read_corpus`. A reader is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


_SIGNS = {  # what lies in the folder that a reader wants, as patterns of names below it
    "imfdb": ("IMFDB_final", "*/*/images"),
    "afew_va": ("labels.json", "[0-9][0-9][0-9]/[0-9][0-9][0-9].json"),
    "affectnet": ("training.csv", "validation.csv", "Manually_Annotated_file_lists", "Manually_Annotated"),
    "iemocap": ("Session[1-5]/dialog/EmoEvaluation",),
    "mosi": ("CMU_MOSI_Opinion_Labels.csd", "label.csv"),
    "mosei": ("CMU_MOSEI_Labels.csd", "label.csv"),
    "ch_sims": ("label.csv",),
    "emobank": ("emobank.csv", "corpus/emobank.csv"),
    "meld": ("train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv"),
    "ravdess": ("Actor_[0-9][0-9]",),
    "emodb": ("wav/[01][0-9][ab][0-9][0-9][A-Z]*.wav",),
    "cremad": ("SentenceFilenames.csv",),
    "vreg": ("*Valence-reg-En-*.txt",),
    "faces": ("faces.zip",),
    "speakers": ("text/*/*.txt", "audio/*/*.wav", "video/*/*.mp4"),
}
_MOST = 300  # folders looked into


def elsewhere(name: str, root: Path) -> Path | None:
    """The folder near root, at most two below or above it, that looks like a reader's; None where there is none, or root does.

    name : of the reader
    """
    signs = _SIGNS.get(name, ())
    if not root.is_dir() or _looks_right(root, signs):
        return None
    above = [folder for folder in root.absolute().parents[:2] if folder != Path(folder.anchor)]
    return next((folder for folder in [*_below(root), *above] if _looks_right(folder, signs)), None)


def _looks_right(folder: Path, signs: tuple[str, ...]) -> bool:
    try:
        return any(next(folder.glob(sign), None) is not None for sign in signs)
    except OSError:
        return False


def _below(root: Path) -> list[Path]:
    """Folders in root, then those in them."""
    found = _folders(root)
    for folder in list(found):
        if len(found) < _MOST:
            found += _folders(folder)
    return found[:_MOST]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []


@dataclass(frozen=True)
class Reader:
    """A corpus that we can read.

    function: ``module:name`` of ``f(root, **options) -> Corpus``. what, labels, layout, licence: one line each.
    """

    name: str
    function: str
    what: str
    labels: str
    layout: str
    licence: str

    def load(self) -> Any:
        """The reader's function."""
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module), name)


CORPORA: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "imfdb",
            "affectspace.corpora.readers.imfdb:read_imfdb",
            "IMFDB, faces of Indian film actors (Setty et al. 2013)",
            "7 emotions",
            "IMFDB_final/<actor>/<movie>/{<movie>.txt, images/}",
            "research only",
        ),
        Reader(
            "afew_va",
            "affectspace.corpora.readers.afew_va:read_afew_va",
            "AFEW-VA, frames of film clips (Kossaifi et al. 2017)",
            "valence, arousal: integers -10..10",
            "NNN/NNN.json with NNN/FFFFF.png; or labels.json alone",
            "research only",
        ),
        Reader(
            "affectnet",
            "affectspace.corpora.readers.affectnet:read_affectnet",
            "AffectNet, manually annotated faces of the web (Mollahosseini et al. 2017)",
            "8 emotions; valence, arousal in [-1, 1]",
            "training.csv, validation.csv, Manually_Annotated_Images/",
            "research only",
        ),
        Reader(
            "iemocap",
            "affectspace.corpora.readers.iemocap:read_iemocap",
            "IEMOCAP, ten actors in improvised and scripted dialogues (Busso et al. 2008)",
            "9 emotions; valence, arousal, dominance 1..5; every rater",
            "Session{1..5}/dialog/{EmoEvaluation, transcriptions, avi/DivX}, sentences/wav",
            "research only, signed agreement",
        ),
        Reader(
            "mosi",
            "affectspace.corpora.readers.mosi:read_mosi",
            "CMU-MOSI, opinions in videos of the web (Zadeh et al. 2016)",
            "sentiment -3..3",
            "Raw/ with CMU_MOSI_Opinion_Labels.csd; or label.csv with Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "mosei",
            "affectspace.corpora.readers.mosei:read_mosei",
            "CMU-MOSEI, opinions in videos of the web (Zadeh et al. 2018)",
            "sentiment -3..3; 6 emotions, 0..3",
            "Raw/ with CMU_MOSEI_Labels.csd; or label.csv with Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "ch_sims",
            "affectspace.corpora.readers.sentiment:read_ch_sims",
            "CH-SIMS, clips of Chinese films and shows (Yu et al. 2020)",
            "sentiment -1..1, also by channel",
            "label.csv, Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "emobank",
            "affectspace.corpora.readers.emobank:read_emobank",
            "EmoBank, English sentences (Buechel & Hahn 2017)",
            "valence, arousal, dominance 1..5; readers and writers",
            "emobank.csv, reader.csv, writer.csv",
            "CC BY-SA 4.0",
        ),
        Reader(
            "meld",
            "affectspace.corpora.readers.meld:read_meld",
            "MELD, dialogues of a television series (Poria et al. 2019)",
            "7 emotions, 3 sentiments",
            "{train,dev,test}_sent_emo.csv, train_splits/dia0_utt0.mp4",
            "GPL-3.0",
        ),
        Reader(
            "ravdess",
            "affectspace.corpora.readers.ravdess:read_ravdess",
            "RAVDESS, 24 actors speak and sing (Livingstone & Russo 2018)",
            "8 emotions, 2 intensities",
            "Actor_NN/03-01-EE-II-SS-RR-AA.wav, 01-...mp4",
            "CC BY-NC-SA 4.0",
        ),
        Reader(
            "emodb",
            "affectspace.corpora.readers.emodb:read_emodb",
            "Berlin EmoDB, 10 actors, German (Burkhardt et al. 2005)",
            "7 emotions",
            "wav/03a01Fa.wav, erkennung.txt",
            "free for research",
        ),
        Reader(
            "cremad",
            "affectspace.corpora.readers.cremad:read_cremad",
            "CREMA-D, 91 actors (Cao et al. 2014)",
            "6 emotions; as perceived from voice, face, both",
            "SentenceFilenames.csv, tabulatedVotes.csv, AudioWAV/1001_DFA_ANG_XX.wav",
            "ODbL 1.0",
        ),
        Reader(
            "vreg",
            "affectspace.corpora.readers.vreg:read_vreg",
            "SemEval-2018 V-reg, English tweets (Mohammad et al. 2018)",
            "valence 0..1",
            "Valence-reg-En-{train,dev,test-gold}.txt",
            "research only",
        ),
        Reader(
            "table",
            "affectspace.corpora.readers.table:read_table",
            "anybody's CSV or Parquet with a folder or zip of images",
            "what its columns say",
            "one row a sample; --columns names what is what",
            "as its owner states",
        ),
        Reader(
            "faces",
            "affectspace.corpora.readers.faces:read_faces",
            "drawn faces with known truth (`affectspace corpus make faces`)",
            "emotion; valence, arousal in [-1, 1]",
            "index.csv, faces.zip",
            "free: drawn by this package",
        ),
        Reader(
            "speakers",
            "affectspace.corpora.readers.speakers:read_speakers",
            "invented people who speak, with known truth (`affectspace corpus make speakers`)",
            "emotion; valence, arousal, dominance in [-1, 1]",
            "index.csv, {text,audio,video}/<session>/<id>.{txt,wav,mp4}",
            "free: made by this package",
        ),
    )
}


def read_corpus(
    name: str,
    root: str | Path,
    *,
    where: str | None = None,
    media: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    emotion_spelling: str | None = None,
    **options: Any,
) -> Corpus:
    """Read a corpus into one table.

    name: a key of `CORPORA`. root: its folder (for `table` the CSV or Parquet file). where: an expression that keeps
    some rows (`Corpus.where`). media: folder or zip of the images; columns: our name of a column <- theirs;
    emotion_spelling: a key of `affectspace.affect.SPELLINGS`; options: what the reader takes besides (`scale=` of
    `table`).

    Raises ConfigError for an unknown corpus or an option that its reader does not take, DataError for files that are
    not in its layout or hold what they must not.
    """
    if name not in CORPORA:
        close = difflib.get_close_matches(name, CORPORA, n=1)
        guess = f"did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"unknown corpus {name!r}; {guess}there are {', '.join(CORPORA)}")
    root = Path(root).expanduser()
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder; {name} needs {CORPORA[name].layout}")
    read = CORPORA[name].load()
    named = {"media": media, "columns": columns, "emotion_spelling": emotion_spelling}
    asked = {key: value for key, value in named.items() if value is not None} | options
    taken = inspect.signature(read).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        refused = [key for key in asked if key not in taken]
        if refused:
            known = [key for key in taken if key != "root"]
            raise ConfigError(
                f"the reader {name!r} takes no {', '.join(refused)}; it takes {', '.join(known) or 'the folder alone'}"
            )
    try:
        corpus: Corpus = read(root, **asked)
    except DataError as error:
        place = elsewhere(name, root)
        if place is None:
            raise
        raise DataError(f"{error}; {place} looks like {name}: name that folder") from error
    return corpus if where is None else corpus.where(where)
