"""The corpora of the study: where each one is, which vectors it has, and its rows with labels and vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from affectspace.affect import AXES
from affectspace.configuration import Configuration
from affectspace.corpora import Corpus, read_corpus
from affectspace.corpora.transferred import transfer_labels
from affectspace.data.labels import encode_categories
from affectspace.errors import ConfigError
from affectspace.features import FeatureStore

REFERENCE = "russell_mehrabian_1977"
WORDS = "words"  # statistics of lexicons: appended to a text's vector, or a modality of their own
LEXICONS = {"glasgow": ("glasgow2019/*.csv", "glasgow*.csv"), "vader": ("vader/vader*.txt", "vader*.txt")}


@dataclass(frozen=True)
class StudyCorpus:
    """How a corpus enters the study.

    reader : name of its reader; folder : its name below --data; role : what the study does with it
    stores : modality -> name of the store of its vectors, below --features
    separate : the same for floors, where `stores` has a text's vector and its lexicon statistics as one vector
    labels : rated, transferred (the centre of the emotion's term), known (by construction) or sentiment
    """

    title: str
    reader: str
    folder: str
    role: str
    stores: Mapping[str, str]
    separate: Mapping[str, str] = field(default_factory=dict)
    labels: str = "rated"


def _text(title: str, reader: str, folder: str, role: str, labels: str = "rated") -> StudyCorpus:
    """Declare a corpus of texts. Each text's vector has its lexicon statistics appended where there are lexicons."""
    separate = {"text": f"{reader}-text", WORDS: f"{reader}-words"}
    return StudyCorpus(title, reader, folder, role, {"text": f"{reader}-text-words"}, separate, labels)


MODALITIES = ("text", "audio", "video")


def _papers(title: str, name: str, role: str, labels: str = "rated") -> StudyCorpus:
    """Declare a corpus of the paper, with its three modalities."""
    return StudyCorpus(
        title, name, name, role, {modality: f"{name}-{modality}" for modality in MODALITIES}, labels=labels
    )


_RAVDESS = {"audio": "ravdess-audio", "action_units": "ravdess-au"}

CORPORA: dict[str, StudyCorpus] = {
    "emobank": _text("EmoBank", "emobank", "emobank", "trains and tests text"),
    "meld": _text("MELD", "meld", "meld", "probes of text", "transferred"),
    "vreg": _text("SemEval-2018 V-reg", "vreg", "semeval_vreg", "zero-shot test of text"),
    "ravdess": StudyCorpus(
        "RAVDESS", "ravdess", "ravdess", "trains and tests voice and face", _RAVDESS, labels="transferred"
    ),
    "emodb": StudyCorpus(
        "Berlin EmoDB", "emodb", "emodb", "zero-shot test of voice", {"audio": "emodb-audio"}, labels="transferred"
    ),
    "people": StudyCorpus(
        "synthetic people",
        "speakers",
        "speakers",
        "trains and tests all three",
        {modality: f"people-{modality}" for modality in ("text", WORDS, "audio", "video")},
        labels="known",
    ),
    "iemocap": _papers("IEMOCAP", "iemocap", "trains and tests dialogues"),
    "mosi": _papers("CMU-MOSI", "mosi", "zero-shot test of sentiment", "sentiment"),
    "mosei": _papers("CMU-MOSEI", "mosei", "zero-shot test of sentiment", "sentiment"),
}


class Folders(Configuration):
    """The folders of a study.

    A corpus is looked up in `corpora` first, then below `data` by its name. Stores are below `features`, which may belong to
    another study. Synthetic people and their stores are below `out`.
    """

    data: Path | None = Field(
        None, description="folder that holds emobank, meld, ravdess, emodb, semeval_vreg, lexicons"
    )
    corpora: dict[str, Path] = Field(default_factory=dict, description="corpus -> its folder")
    features: Path = Field(description="folder of the stores; missing stores are made here")
    out: Path = Field(description="folder of the study")
    lexicon: Path | None = Field(
        None, description="lexicon of the lexicon anchor; default: Glasgow's below data/lexicons"
    )
    backbones: dict[str, str] = Field(
        default_factory=dict, description="modality -> backbone: a built-in name, a folder or a hub name"
    )
    backbone_settings: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="modality -> settings of its backbone, for example {'video': {'crop': False}}"
    )

    def corpus(self, name: str) -> Path | None:
        """Return the folder of a corpus; None where there is none."""
        if name in self.corpora:
            return self.corpora[name]
        folder = self.data / CORPORA[name].folder if self.data is not None else None
        return folder if folder is not None and folder.is_dir() else None

    def has(self, name: str) -> bool:
        """Say whether a corpus is available; synthetic people can always be made."""
        return name == "people" or self.corpus(name) is not None

    @property
    def people(self) -> Path:
        """Folder of the synthetic people that the study makes."""
        return self.out / "people"

    def store(self, name: str, modality: str, *, separate: bool = False) -> Path:
        """Return the folder of the vectors of a corpus and modality; separate : text and lexicon statistics apart."""
        made = name == "people" and self.corpora.get(name, self.people) == self.people
        known = CORPORA[name]
        return (self.out / "features" if made else self.features) / (known.separate if separate else known.stores)[
            modality
        ]

    def lexicons(self) -> dict[str, Path]:
        """Return the files of the lexicons whose statistics are features of a text, by name."""
        if self.data is None:
            return {}
        folder = self.data / "lexicons"
        files = {
            name: [path for one in patterns for path in sorted(folder.glob(one))] for name, patterns in LEXICONS.items()
        }
        return {name: paths[0] for name, paths in files.items() if paths}

    def anchor_lexicon(self) -> Path | None:
        """Return the file of the lexicon that anchors the shared latent (L_lex); it has three axes."""
        return self.lexicon or self.lexicons().get("glasgow")


@dataclass(frozen=True, eq=False)
class Source:
    """A corpus as the study sees it.

    corpus : its rows, with transferred labels where it has emotions only; stores : modality -> store of its vectors
    separate_stores : of the text's vector and of its lexicon statistics, where `stores` has both as `text`
    """

    name: str
    folder: Path
    corpus: Corpus
    stores: dict[str, Path]
    separate_stores: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, folders: Folders, limit: int | None = None) -> Source:
        """Read a corpus, or at most `limit` of its rows. Raises ConfigError where its folder is not known."""
        folder, known = folders.corpus(name), CORPORA[name]
        if folder is None:
            raise ConfigError(f"{known.title} has no folder: pass --{name} FOLDER, or put {known.folder}/ below --data")
        corpus = read_corpus(known.reader, folder)
        if limit is not None and limit < len(corpus):  # the rows that a training's `limit` draws
            corpus = corpus.take(np.sort(np.random.default_rng(0).choice(len(corpus), limit, replace=False)))
        if known.labels == "transferred":
            corpus = transfer_labels(corpus, REFERENCE)
        stores = _finished({m: folders.store(name, m) for m in known.stores})
        separate = _finished({m: folders.store(name, m, separate=True) for m in known.separate})
        return cls(name, folder, corpus, stores or separate, separate if stores else {})

    @cached_property
    def separate(self) -> Source:
        """The corpus with a text's vector and its lexicon statistics as two modalities."""
        return replace(self, stores=self.separate_stores, separate_stores={}) if self.separate_stores else self

    def without(self, modalities: Sequence[str]) -> Source:
        """Return the corpus without these modalities; without lexicon statistics, texts have their plain vector."""
        return self.separate if WORDS in modalities else self

    def __len__(self) -> int:
        return len(self.table)

    @property
    def title(self) -> str:
        """The name of the corpus, with a word where synthetic people stand in its place."""
        title = CORPORA[self.name].title
        return f"{title} (synthetic)" if self.corpus.synthetic and self.name != "people" else title

    @property
    def table(self) -> pd.DataFrame:
        return self.corpus.table

    @property
    def truth(self) -> np.ndarray:
        """(n, 3) valence, arousal, dominance: ratings, or the centres of the emotions' terms; NaN where unknown."""
        return self.table[list(AXES)].to_numpy(np.float64)

    @cached_property
    def vectors(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """modality -> (n, width) float32 vectors, and modality -> (n,) which rows have one."""
        stored = {modality: FeatureStore(folder).read(self.table["id"]) for modality, folder in self.stores.items()}
        return {name: pair[0] for name, pair in stored.items()}, {name: pair[1] for name, pair in stored.items()}

    @property
    def features(self) -> dict[str, np.ndarray]:
        return self.vectors[0]

    @property
    def present(self) -> dict[str, np.ndarray]:
        return self.vectors[1]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that occur, in the order of `affectspace.affect`."""
        return encode_categories(self.table["emotion"])[0]

    def parts(self, split: pd.DataFrame) -> np.ndarray:
        """Return each row's part in a run's split (columns id, part and corpus); None for rows that the run did not have."""
        own = split[split["corpus"] == self.name] if "corpus" in split else split
        return own.set_index("id")["part"].reindex(self.table["id"].astype(str)).to_numpy(object)


def _finished(stores: dict[str, Path]) -> dict[str, Path]:
    """Keep the stores that hold a vector."""
    known = {name: folder for name, folder in stores.items() if (folder / "backbone.json").is_file()}
    return {name: folder for name, folder in known.items() if (FeatureStore(folder).index["row"] >= 0).any()}
