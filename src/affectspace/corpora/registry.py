"""Which corpora can be read, and `read_corpus`. A reader is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.corpora.whereabouts import elsewhere
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


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
            "affectspace.corpora.imfdb:read_imfdb",
            "IMFDB, faces of Indian film actors (Setty et al. 2013)",
            "7 emotions",
            "IMFDB_final/<actor>/<movie>/{<movie>.txt, images/}",
            "research only",
        ),
        Reader(
            "afew_va",
            "affectspace.corpora.afew_va:read_afew_va",
            "AFEW-VA, frames of film clips (Kossaifi et al. 2017)",
            "valence, arousal: integers -10..10",
            "NNN/NNN.json with NNN/FFFFF.png; or labels.json alone",
            "research only",
        ),
        Reader(
            "affectnet",
            "affectspace.corpora.affectnet:read_affectnet",
            "AffectNet, manually annotated faces of the web (Mollahosseini et al. 2017)",
            "8 emotions; valence, arousal in [-1, 1]",
            "training.csv, validation.csv, Manually_Annotated_Images/",
            "research only",
        ),
        Reader(
            "iemocap",
            "affectspace.corpora.iemocap:read_iemocap",
            "IEMOCAP, ten actors in improvised and scripted dialogues (Busso et al. 2008)",
            "9 emotions; valence, arousal, dominance 1..5; every rater",
            "Session{1..5}/dialog/{EmoEvaluation, transcriptions, avi/DivX}, sentences/wav",
            "research only, signed agreement",
        ),
        Reader(
            "mosi",
            "affectspace.corpora.mosi:read_mosi",
            "CMU-MOSI, opinions in videos of the web (Zadeh et al. 2016)",
            "sentiment -3..3",
            "Raw/ with CMU_MOSI_Opinion_Labels.csd; or label.csv with Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "mosei",
            "affectspace.corpora.mosei:read_mosei",
            "CMU-MOSEI, opinions in videos of the web (Zadeh et al. 2018)",
            "sentiment -3..3; 6 emotions, 0..3",
            "Raw/ with CMU_MOSEI_Labels.csd; or label.csv with Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "ch_sims",
            "affectspace.corpora.label_csv:read_ch_sims",
            "CH-SIMS, clips of Chinese films and shows (Yu et al. 2020)",
            "sentiment -1..1, also by channel",
            "label.csv, Raw/<video>/<clip>.mp4",
            "research only",
        ),
        Reader(
            "emobank",
            "affectspace.corpora.emobank:read_emobank",
            "EmoBank, English sentences (Buechel & Hahn 2017)",
            "valence, arousal, dominance 1..5; readers and writers",
            "emobank.csv, reader.csv, writer.csv",
            "CC BY-SA 4.0",
        ),
        Reader(
            "meld",
            "affectspace.corpora.meld:read_meld",
            "MELD, dialogues of a television series (Poria et al. 2019)",
            "7 emotions, 3 sentiments",
            "{train,dev,test}_sent_emo.csv, train_splits/dia0_utt0.mp4",
            "GPL-3.0",
        ),
        Reader(
            "ravdess",
            "affectspace.corpora.ravdess:read_ravdess",
            "RAVDESS, 24 actors speak and sing (Livingstone & Russo 2018)",
            "8 emotions, 2 intensities",
            "Actor_NN/03-01-EE-II-SS-RR-AA.wav, 01-...mp4",
            "CC BY-NC-SA 4.0",
        ),
        Reader(
            "emodb",
            "affectspace.corpora.emodb:read_emodb",
            "Berlin EmoDB, 10 actors, German (Burkhardt et al. 2005)",
            "7 emotions",
            "wav/03a01Fa.wav, erkennung.txt",
            "free for research",
        ),
        Reader(
            "cremad",
            "affectspace.corpora.cremad:read_cremad",
            "CREMA-D, 91 actors (Cao et al. 2014)",
            "6 emotions; as perceived from voice, face, both",
            "SentenceFilenames.csv, tabulatedVotes.csv, AudioWAV/1001_DFA_ANG_XX.wav",
            "ODbL 1.0",
        ),
        Reader(
            "vreg",
            "affectspace.corpora.vreg:read_vreg",
            "SemEval-2018 V-reg, English tweets (Mohammad et al. 2018)",
            "valence 0..1",
            "Valence-reg-En-{train,dev,test-gold}.txt",
            "research only",
        ),
        Reader(
            "table",
            "affectspace.corpora.table:read_table",
            "anybody's CSV or Parquet with a folder or zip of images",
            "what its columns say",
            "one row a sample; --columns names what is what",
            "as its owner states",
        ),
        Reader(
            "faces",
            "affectspace.corpora.faces:read_faces",
            "drawn faces with known truth (`affectspace corpus make faces`)",
            "emotion; valence, arousal in [-1, 1]",
            "index.csv, faces.zip",
            "free: drawn by this package",
        ),
        Reader(
            "speakers",
            "affectspace.corpora.speakers:read_speakers",
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
    emotion_spelling: a key of `affectspace.emotions.SPELLINGS`; options: what the reader takes besides (`scale=` of
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
