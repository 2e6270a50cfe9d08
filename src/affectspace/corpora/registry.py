"""The corpora that can be read, and `read_corpus`. The module of a reader is imported only when it is used."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.errors import ConfigError, DataError
from affectspace.files import answered, parse_json

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


@dataclass(frozen=True)
class Reader:
    """A corpus that can be read.

    description, labels, layout, licence, citation: for people. signs: patterns of names below its folder, by which the folder
    can be recognised. module: in `affectspace.corpora.readers`, default the name; its function is ``read_<name>``.
    """

    name: str
    description: str
    labels: str
    layout: str
    licence: str
    citation: str = ""
    signs: tuple[str, ...] = ()
    module: str = ""

    def load(self) -> Callable[..., Corpus]:
        """Import the reader and return its function ``f(root, **options) -> Corpus``."""
        module = importlib.import_module(f"affectspace.corpora.readers.{self.module or self.name}")
        return getattr(module, f"read_{self.name}")


ABOUT = "corpus.json"  # what a corpus that affectspace made was made with
KINDS = {"faces": "drawn faces", "speakers": "synthetic speakers"}  # "kind" in corpus.json
_CMU = "research only; ask its owners (MultiComp Lab, Carnegie Mellon University) for other use"
_LABEL_CSV = "or label.csv with Raw/<video>/<clip>.mp4"
CORPORA: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "imfdb",
            description="IMFDB, faces of Indian film actors",
            labels="7 emotions",
            layout="IMFDB_final/<actor>/<movie>/{<movie>.txt, images/}",
            licence="research only; ask its owners (CVIT, IIIT Hyderabad) for other use",
            citation="Setty, S., Husain, M., Beham, P., et al. (2013). Indian Movie Face Database: a benchmark for face "
            "recognition under wide variations. NCVPRIPG.",
            signs=("IMFDB_final", "*/*/images"),
        ),
        Reader(
            "afew_va",
            description="AFEW-VA, frames of film clips",
            labels="valence, arousal: integers -10..10",
            layout="NNN/NNN.json with NNN/FFFFF.png; or labels.json alone",
            licence="research only; ask its owners (iBUG, Imperial College London) for other use",
            citation="Kossaifi, J., Tzimiropoulos, G., Todorovic, S., Pantic, M. (2017). AFEW-VA database for valence and "
            "arousal estimation in-the-wild. Image and Vision Computing 65.",
            signs=("labels.json", "[0-9][0-9][0-9]/[0-9][0-9][0-9].json"),
        ),
        Reader(
            "affectnet",
            description="AffectNet, manually annotated faces from the web",
            labels="8 emotions; valence, arousal in [-1, 1]",
            layout="training.csv, validation.csv, Manually_Annotated_Images/; or train_set/ and val_set/ (since 2021)",
            licence="research only; signed agreement with its owner (University of Denver)",
            citation="Mollahosseini, A., Hasani, B., Mahoor, M. H. (2019). AffectNet: a database for facial expression, "
            "valence, and arousal computing in the wild. IEEE Transactions on Affective Computing 10(1).",
            signs=(
                "training.csv",
                "validation.csv",
                "Manually_Annotated_file_lists",
                "Manually_Annotated",
                "train_set",
                "val_set",
            ),
        ),
        Reader(
            "iemocap",
            description="IEMOCAP, ten actors in improvised and scripted dialogues",
            labels="9 emotions; valence, arousal, dominance 1..5; every rater",
            layout="Session{1..5}/dialog/{EmoEvaluation, transcriptions, avi/DivX}, Session{1..5}/sentences/wav",
            licence="research only; signed agreement with its owners (SAIL, University of Southern California)",
            citation="Busso, C., Bulut, M., Lee, C.-C., et al. (2008). IEMOCAP: interactive emotional dyadic motion capture "
            "database. Language Resources and Evaluation 42(4).",
            signs=("Session[1-5]/dialog/EmoEvaluation",),
        ),
        Reader(
            "mosi",
            description="CMU-MOSI, opinions in videos from the web",
            labels="sentiment -3..3",
            layout=f"Raw/ with CMU_MOSI_Opinion_Labels.csd; {_LABEL_CSV}",
            licence=_CMU,
            citation="Zadeh, A., Zellers, R., Pincus, E., Morency, L.-P. (2016). Multimodal sentiment intensity analysis in "
            "videos: facial gestures and verbal messages. IEEE Intelligent Systems 31(6).",
            signs=("CMU_MOSI_Opinion_Labels.csd", "label.csv"),
            module="sentiment",
        ),
        Reader(
            "mosei",
            description="CMU-MOSEI, opinions in videos from the web",
            labels="sentiment -3..3; 6 emotions, 0..3",
            layout=f"Raw/ with CMU_MOSEI_Labels.csd; {_LABEL_CSV}",
            licence=_CMU,
            citation="Zadeh, A., Liang, P. P., Poria, S., Cambria, E., Morency, L.-P. (2018). Multimodal language analysis in "
            "the wild: CMU-MOSEI dataset and interpretable dynamic fusion graph. ACL.",
            signs=("CMU_MOSEI_Labels.csd", "label.csv"),
            module="sentiment",
        ),
        Reader(
            "ch_sims",
            description="CH-SIMS, clips from Chinese films and shows",
            labels="sentiment -1..1, also of each channel",
            layout="label.csv, Raw/<video>/<clip>.mp4",
            licence="research only; ask its owners (Tsinghua University) for other use",
            citation="Yu, W., Xu, H., Meng, F., et al. (2020). CH-SIMS: a Chinese multimodal sentiment analysis dataset with "
            "fine-grained annotation of modality. ACL.",
            signs=("label.csv",),
            module="sentiment",
        ),
        Reader(
            "emobank",
            description="EmoBank, English sentences",
            labels="valence, arousal, dominance 1..5, of readers and of writers",
            layout="emobank.csv, reader.csv, writer.csv",
            licence="CC BY-SA 4.0",
            citation="Buechel, S., Hahn, U. (2017). EmoBank: studying the impact of annotation perspective and representation "
            "format on dimensional emotion analysis. EACL.",
            signs=("emobank.csv", "corpus/emobank.csv"),
        ),
        Reader(
            "meld",
            description="MELD, dialogues from a television series",
            labels="7 emotions, 3 sentiments",
            layout="{train,dev,test}_sent_emo.csv, train_splits/dia0_utt0.mp4",
            licence="GPL-3.0 (annotations); the recordings belong to their owners",
            citation="Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., Mihalcea, R. (2019). MELD: a multimodal "
            "multi-party dataset for emotion recognition in conversations. ACL.",
            signs=("train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv"),
        ),
        Reader(
            "ravdess",
            description="RAVDESS, 24 actors speak and sing",
            labels="8 emotions, 2 intensities",
            layout="Actor_NN/03-01-EE-II-SS-RR-AA.wav, 01-...mp4",
            licence="CC BY-NC-SA 4.0",
            citation="Livingstone, S. R., Russo, F. A. (2018). The Ryerson audio-visual database of emotional speech and song "
            "(RAVDESS). PLoS ONE 13(5).",
            signs=("Actor_[0-9][0-9]",),
        ),
        Reader(
            "emodb",
            description="Berlin EmoDB, 10 actors, German",
            labels="7 emotions",
            layout="wav/03a01Fa.wav, erkennung.txt",
            licence="free for research",
            citation="Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W., Weiss, B. (2005). A database of German "
            "emotional speech. Interspeech.",
            signs=("wav/[01][0-9][ab][0-9][0-9][A-Z]*.wav",),
        ),
        Reader(
            "cremad",
            description="CREMA-D, 91 actors",
            labels="6 emotions, as acted and as perceived from voice, face, both",
            layout="SentenceFilenames.csv, tabulatedVotes.csv, AudioWAV/1001_DFA_ANG_XX.wav",
            licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
            citation="Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., Verma, R. (2014). CREMA-D: "
            "crowd-sourced emotional multimodal actors dataset. IEEE Transactions on Affective Computing 5(4).",
            signs=("SentenceFilenames.csv",),
        ),
        Reader(
            "vreg",
            description="SemEval-2018 V-reg, English tweets",
            labels="valence 0..1",
            layout="Valence-reg-En-{train,dev,test-gold}.txt",
            licence="research only; the texts belong to Twitter and their writers",
            citation="Mohammad, S., Bravo-Marquez, F., Salameh, M., Kiritchenko, S. (2018). SemEval-2018 Task 1: affect in "
            "tweets. SemEval.",
            signs=("*Valence-reg-En-*.txt",),
        ),
        Reader(
            "table",
            description="your own CSV or Parquet table, with a folder or zip of images",
            labels="as its columns say",
            layout="one row for each sample; --columns names the columns",
            licence="as its owner states",
        ),
        Reader(
            "faces",
            description="drawn faces with known truth (`affectspace corpus make faces`)",
            labels="emotion; valence, arousal in [-1, 1]",
            layout="index.csv, faces.zip",
            licence="drawn by affectspace (Apache-2.0); no real person",
            citation="affectspace, drawn faces",
            signs=("faces.zip",),
            module="synthetic",
        ),
        Reader(
            "speakers",
            description="invented people who speak, with known truth (`affectspace corpus make speakers`)",
            labels="emotion; valence, arousal, dominance in [-1, 1]",
            layout="index.csv, {text,audio,video}/<session>/<id>.{txt,wav,mp4}",
            licence="made by affectspace (Apache-2.0); no real person",
            citation="affectspace, synthetic speakers",
            signs=("text/*/*.txt", "audio/*/*.wav", "video/*/*.mp4"),
            module="synthetic",
        ),
    )
}


def require_reader(name: str) -> None:
    """Raise ConfigError, with the nearest name, unless a corpus of that name can be read."""
    if name not in CORPORA:
        similar = difflib.get_close_matches(name, CORPORA, n=1)
        guess = f"did you mean {similar[0]!r}? " if similar else ""
        raise ConfigError(f"unknown corpus {name!r}; {guess}there are {', '.join(CORPORA)}")


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

    Parameters
    ----------
    name : str
        A key of `CORPORA`.
    root : path
        Folder of the corpus; for "table" the CSV or Parquet file.
    where : str, optional
        Expression that chooses rows (`Corpus.where`).
    media : path, optional
        Folder or zip of the images, or folder of the sounds and clips.
    columns : mapping, optional
        For "table": our name of a column -> its name in the file.
    emotion_spelling : str, optional
        A key of `affectspace.emotions.SPELLINGS`: the spelling of the emotions.
    options
        Further options of the reader, such as ``scale=`` of "table".

    Returns
    -------
    Corpus

    Raises
    ------
    ConfigError
        If the corpus is unknown, or the reader does not take an option.
    DataError
        If the files are not in the layout of the corpus, or have contents that are not allowed.

    Examples
    --------
    >>> from affectspace import read_corpus
    >>> corpus = read_corpus("emobank", "data/emobank", where="dominance > 0")  # doctest: +SKIP
    >>> corpus.table[["text", "valence"]].head()  # doctest: +SKIP
    """
    require_reader(name)
    root = Path(root).expanduser()
    if not root.exists():
        raise DataError(f"{root}: there is no such file or folder; {name} needs {CORPORA[name].layout}")
    read = CORPORA[name].load()
    named = {"media": media, "columns": columns, "emotion_spelling": emotion_spelling}
    options = {key: value for key, value in named.items() if value is not None} | options
    known = [key for key in inspect.signature(read).parameters if key not in ("root", "where")]
    refused = [key for key in options if key not in known]
    if refused:
        raise ConfigError(
            f"the reader {name!r} does not take {', '.join(refused)}; it takes {', '.join(known) or 'only the folder'}"
        )
    reads_where = "where" in inspect.signature(read).parameters  # by the file's own names of columns too
    try:
        corpus = read(root, **options, **({"where": where} if reads_where else {}))
    except DataError as error:
        likely, others = find_root(name, root), _readers_of(root)
        if likely is not None:
            raise DataError(f"{error}; {likely} looks like {name}: use that folder") from error
        if others and name not in others:
            raise DataError(f"{error}; the folder looks like {' or '.join(others)}: use that reader") from error
        raise
    corpus = _as_made(corpus, root)
    return corpus if where is None or reads_where else corpus.where(where)


def _as_made(corpus: Corpus, root: Path) -> Corpus:
    """Return a corpus that `affectspace corpus make` wrote as synthetic, with the licence of such data."""
    for folder in (root, root.parent):
        try:
            about = parse_json((folder / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        made = next(
            (CORPORA[name] for name, kind in KINDS.items() if isinstance(about, dict) and about.get("kind") == kind),
            None,
        )
        if made is not None:
            notes = [*corpus.report.notes, *([made.description] if made.name != corpus.name else [])]
            report = replace(corpus.report, notes=notes)
            return replace(corpus, licence=made.licence, citation=made.citation, report=report, synthetic=True)
    return corpus


_MOST_FOLDERS = 300  # to search


def find_root(name: str, root: Path) -> Path | None:
    """Return a folder at most two levels below or above root that looks like the corpus; None if root does, or none."""
    signs = CORPORA[name].signs
    if not root.is_dir() or _looks_right(root, signs):
        return None
    above = [folder for folder in root.absolute().parents[:2] if folder != Path(folder.anchor)]
    below = _folders(root)
    for folder in list(below):
        if len(below) < _MOST_FOLDERS:
            below += _folders(folder)
    return next((folder for folder in [*below[:_MOST_FOLDERS], *above] if _looks_right(folder, signs)), None)


def _readers_of(root: Path) -> list[str]:
    """Return the readers whose corpus a folder looks like; of those that share a sign, the ones with a sign of their own."""
    by_sign: dict[str, list[str]] = {}
    for reader in CORPORA.values():
        for sign in reader.signs:
            by_sign.setdefault(sign, []).append(reader.name)
    fitting = [names for sign, names in by_sign.items() if _looks_right(root, (sign,))]
    fewest = min(map(len, fitting), default=0)
    return list(dict.fromkeys(name for names in fitting if len(names) == fewest for name in names))


def _looks_right(folder: Path, signs: tuple[str, ...]) -> bool:
    try:
        return any(next(folder.glob(sign), None) is not None for sign in signs)
    except OSError:
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path) for entry in entries if answered(entry.is_dir) and not entry.name.startswith(".")
            )
    except OSError:
        return []
