"""The corpora of the study: where each is, which vectors it has, and its rows with labels and vectors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from affectspace.affect import AXES
from affectspace.configuration import Configuration
from affectspace.corpora import Corpus, read_corpus
from affectspace.corpora.transferred import transfer_labels
from affectspace.errors import ConfigError
from affectspace.features import FeatureStore

REFERENCE = "russell_mehrabian_1977"
WORDS = "words"  # statistics of lexicons: behind a text's vector, or as a modality beside it
LEXICONS = {"glasgow": ("glasgow2019/*.csv", "glasgow*.csv"), "vader": ("vader/vader*.txt", "vader*.txt")}


@dataclass(frozen=True)
class Known:
    """How a corpus enters the study.

    reader : name of the reader; folder : its name below --data
    stores : modality -> name of the store of its vectors, below --features
    apart : the same of a text's vector and lexicon statistics that `stores` has side by side as `text`, for floors
    transferred : whether valence, arousal and dominance are those of the emotion's term
    """

    reader: str
    folder: str
    stores: dict[str, str]
    transferred: bool = False
    title: str = ""
    apart: dict[str, str] = field(default_factory=dict)


def _text(reader: str, folder: str, title: str, transferred: bool = False) -> Known:
    """A corpus of texts, with a lexicon's statistics behind each text's vector where there are lexicons."""
    apart = {"text": f"{reader}-text", WORDS: f"{reader}-words"}
    return Known(reader, folder, {"text": f"{reader}-text-words"}, transferred, title, apart)


CORPORA: dict[str, Known] = {
    "emobank": _text("emobank", "emobank", "EmoBank"),
    "meld": _text("meld", "meld", "MELD", transferred=True),
    "vreg": _text("vreg", "semeval_vreg", "SemEval-2018 V-reg"),
    "ravdess": Known(
        "ravdess",
        "ravdess",
        {"audio": "ravdess-audio", "action_units": "ravdess-au"},
        transferred=True,
        title="RAVDESS",
    ),
    "emodb": Known("emodb", "emodb", {"audio": "emodb-audio"}, transferred=True, title="Berlin EmoDB"),
    "people": Known(
        "speakers",
        "speakers",
        {"text": "people-text", "words": "people-words", "audio": "people-audio", "video": "people-video"},
        title="synthetic people",
    ),
    "iemocap": Known(
        "iemocap",
        "iemocap",
        {"text": "iemocap-text", "words": "iemocap-words", "audio": "iemocap-audio", "video": "iemocap-video"},
        title="IEMOCAP",
    ),
    "mosi": Known(
        "mosi",
        "mosi",
        {"text": "mosi-text", "words": "mosi-words", "audio": "mosi-audio", "video": "mosi-video"},
        title="CMU-MOSI",
    ),
    "mosei": Known(
        "mosei",
        "mosei",
        {"text": "mosei-text", "words": "mosei-words", "audio": "mosei-audio", "video": "mosei-video"},
        title="CMU-MOSEI",
    ),
}


class Places(Configuration):
    """Which folders the user names.

    A corpus is looked for under its own key first, then below `data` by its name; stores below `features`, which may
    be another study's. What is made of synthetic people is the study's own.
    """

    data: Path | None = Field(
        None, description="folder that holds emobank, meld, ravdess, emodb, semeval_vreg, lexicons"
    )
    corpora: dict[str, Path] = Field(default_factory=dict, description="corpus -> its folder")
    features: Path = Field(description="folder of the stores; those that are missing are made here")
    own: Path = Field(description="folder of the study, for synthetic people and their stores")
    lexicon: Path | None = Field(None, description="of the lexicon anchor; default Glasgow's below data/lexicons")

    def folder_of(self, name: str) -> Path | None:
        """The folder of a corpus; None where none is named and none is found."""
        if name in self.corpora:
            return self.corpora[name]
        found = self.data / CORPORA[name].folder if self.data is not None else None
        return found if found is not None and found.is_dir() else None

    @property
    def people(self) -> Path:
        """Where synthetic people are made who are not the user's."""
        return self.own / "people"

    def store_of(self, name: str, modality: str, *, apart: bool = False) -> Path:
        """Where the vectors of a corpus and modality are, or will be; apart : of the text without its words, or these."""
        made = name == "people" and self.corpora.get(name, self.people) == self.people
        folder = self.own / "features" if made else self.features
        known = CORPORA[name]
        return folder / (known.apart if apart else known.stores)[modality]

    def lexicons(self) -> dict[str, Path]:
        """Lexicons whose statistics stand beside a text, by name."""
        folder = self.data / "lexicons" if self.data is not None else None
        found: dict[str, Path] = {}
        for name, patterns in LEXICONS.items():
            paths = (
                [path for pattern in patterns for path in sorted(folder.glob(pattern))] if folder is not None else []
            )
            if paths:
                found[name] = paths[0]
        return found

    def anchor_lexicon(self) -> Path | None:
        """The lexicon of L_lex; one with three axes."""
        return self.lexicon or self.lexicons().get("glasgow")


@dataclass(frozen=True, eq=False)
class Source:
    """A corpus as the study sees it: its rows, labels and vectors.

    table : the corpus' table, labels transferred where it has emotions only
    stores : modality -> store of its vectors
    apart_stores : those of the text's vector and of its words, where `stores` has both as `text`
    """

    name: str
    folder: Path
    corpus: Corpus
    stores: dict[str, Path]
    apart_stores: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, places: Places, limit: int | None = None) -> Source:
        """Read a corpus. Raises ConfigError where its folder is not named."""
        folder, known = places.folder_of(name), CORPORA[name]
        if folder is None:
            raise ConfigError(f"{known.title}: name its folder with --{name} or put {known.folder}/ below --data")
        corpus = read_corpus(known.reader, folder)
        if limit is not None and limit < len(corpus):
            corpus = corpus.take(limited_rows(len(corpus), limit))
        if known.transferred:
            corpus = transfer_labels(corpus, REFERENCE)
        stores = _there({m: places.store_of(name, m) for m in known.stores})
        apart = _there({m: places.store_of(name, m, apart=True) for m in known.apart})
        return cls(name, folder, corpus, stores or apart, apart if stores else {})

    @cached_property
    def apart(self) -> Source:
        """The same with a text's vector and its words as two modalities; itself where they are not one."""
        return replace(self, stores=self.apart_stores, apart_stores={}) if self.apart_stores else self

    def without(self, names: Sequence[str]) -> Source:
        """The rows as a variant sees them that does not get these modalities: without words, the text's vector alone."""
        return self.apart if WORDS in names else self

    def __len__(self) -> int:
        return len(self.table)

    @property
    def title(self) -> str:
        return CORPORA[self.name].title

    @property
    def table(self) -> pd.DataFrame:
        return self.corpus.table

    @property
    def truth(self) -> np.ndarray:
        """(n, 3) valence, arousal, dominance: ratings, or the centres of the emotions' terms; NaN where there is none."""
        return self.table[list(AXES)].to_numpy(np.float64)

    @cached_property
    def vectors(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """modality -> (n, width) float32 and (n,) bool, from the stores."""
        features: dict[str, np.ndarray] = {}
        present: dict[str, np.ndarray] = {}
        for modality, folder in self.stores.items():
            features[modality], present[modality] = FeatureStore(folder).read(self.table["id"])
        return features, present

    @property
    def features(self) -> dict[str, np.ndarray]:
        return self.vectors[0]

    @property
    def present(self) -> dict[str, np.ndarray]:
        return self.vectors[1]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that occur, in our order."""
        from affectspace.training.labels import encode_categories

        return encode_categories(self.table["emotion"])[0]

    def parts(self, split: pd.DataFrame) -> np.ndarray:
        """Part of each row by a run's split.csv (columns id, part and corpus); None where the run did not have the row."""
        own = split[split["corpus"] == self.name] if "corpus" in split else split
        return own.set_index("id")["part"].reindex(self.table["id"].astype(str)).to_numpy(object)


def _there(stores: dict[str, Path]) -> dict[str, Path]:
    return {name: folder for name, folder in stores.items() if (folder / "backbone.json").is_file()}


def limited_rows(n: int, limit: int, seed: int = 0) -> np.ndarray:
    """At most `limit` of n rows, drawn as a training's `limit` draws them, ascending."""
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))
