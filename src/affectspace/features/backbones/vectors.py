"""Ready-made vectors, which enter a store as a modality with a name of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.corpora.schema import MEDIA_KINDS
from affectspace.errors import ConfigError, DataError, UnreadableItem, quoted
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.backbones.named_vectors import NamedVectors, Pool
from affectspace.features.items import SOURCES
from affectspace.media.files import EVERY_FILE

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


class VectorsBackbone(BaseBackbone):
    """A backbone that returns vectors which were computed elsewhere.

    notes : doubts about the names of the vectors
    """

    def __init__(
        self,
        modality: str,
        dimension: int,
        revision: str,
        columns: tuple[str, ...] | None,
        licence: str,
        pool: Pool | None = None,
        notes: Sequence[str] = (),
    ):
        super().__init__()
        self.name, self.modality, self.dimension = f"{modality}:vectors", modality, dimension
        self.licence, self.revision, self.columns = licence, revision, columns
        self.settings: dict[str, Any] = {} if pool is None else {"pool": pool}
        self.notes = notes

    def load(self, item: Item) -> np.ndarray:
        """Return the vector. Raises UnreadableItem if it is not finite."""
        assert item.vector is not None
        if not np.isfinite(item.vector).all():
            raise UnreadableItem("the ready-made vector has missing, infinite or too large numbers")
        return item.vector

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch).astype(np.float32)


def read_vectors(
    path: Path,
    modality: str,
    corpus: Corpus,
    *,
    array: str | None = None,
    names: str | None = None,
    pool: Pool | None = None,
    among: Corpus | None = None,
) -> tuple[VectorsBackbone, list[Item]]:
    """Read vectors from a file and match them with the rows of a corpus, by id or by the name of the media file.

    Parameters
    ----------
    path : Path
        An .npz with an (n, d) array and an array of n names; or a .csv or .parquet with a column ``id`` and columns of
        numbers.
    modality : str
        Name of the new modality.
    corpus : Corpus
        The corpus.
    array, names : str, optional
        Names of the arrays in an .npz. Default: the only array of vectors, and ``files`` or else the only array of texts.
    pool : {"mean", "max", "last"}, optional
        Turns an (n, time, d) array of sequences into vectors: mean or maximum over time, or the last step. Steps at either
        end that are all zero are padding and do not count.
    among : Corpus, optional
        The corpus before rows were chosen, in which the names must be unique. Default: `corpus`.

    Returns
    -------
    backbone : Backbone
        For `extract`.
    items : list of Item
        For `extract`.

    Raises
    ------
    ConfigError
        If the modality has the name of a built-in one, or `pool` is unknown.
    DataError
        If the file cannot be read, has other shapes, names a row twice, or matches no row.

    Notes
    -----
    A vector belongs to the row whose id or path is its name. Else suffixes of media files are left out, and the longest common
    end of the names decides, at least the file name. It must be unique in the file and in the corpus. A file of which rows are
    cuts names none of them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.corpora import Corpus, build_table
    >>> corpus = Corpus("talk", build_table("talk", {"id": ["a", "b"], "text": ["no", "yes"]}, where="example"))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "smiles.csv"
    ...     _ = path.write_text("id,smile\\nb,0.5\\n")
    ...     backbone, items = read_vectors(path, "smiles", corpus)
    >>> backbone.columns, items[0].id
    (('smile',), 'b')
    """
    if modality in SOURCES:
        raise ConfigError(
            f"ready-made vectors need a modality name of their own, not {modality!r}; try --modality my_units"
        )
    vectors = NamedVectors.read(path, array=array, names=names, pool=pool)
    whole = corpus if among is None else among
    matches = vectors.match(_names_of_rows(whole))
    ids, chosen = whole.table["id"].tolist(), set(corpus.table["id"])
    items = [
        Item(name, vector=vectors.matrix[number])
        for name, number in zip(ids, matches.vectors.tolist(), strict=True)
        if number >= 0 and name in chosen
    ]
    if not items and matches.ambiguous:
        raise DataError(
            f"{path}: its names fit several rows of corpus {corpus.name} or several of its vectors fit one, such as "
            f"{quoted(matches.ambiguous[0])}; name vectors by the ids of the rows ({quoted(ids[0])}, ...) or the paths of files"
        )
    if not items:
        raise DataError(
            f"{path}: none of its {len(vectors.keys):,} names ({vectors.keys[0]}, ...) is an id or a file of the rows of "
            f"corpus {corpus.name} ({ids[0]}, ...)"
        )
    revision = hashlib.sha256(np.ascontiguousarray(vectors.matrix).tobytes()).hexdigest()[:16]
    width, columns, notes = vectors.matrix.shape[1], vectors.columns, matches.notes(path)
    return VectorsBackbone(modality, width, revision, columns, corpus.licence, pool, notes), items


def _names_of_rows(corpus: Corpus) -> list[tuple[str | None, ...]]:
    """Return id, audio, video and image of each row.

    None for a file of which the row is a cut, and for an id that is only the number of a row with files.
    """
    table = corpus.table
    cuts = table["cut"].tolist() if "cut" in table else [None] * len(table)
    rows = []
    for name, cut, *paths in zip(table["id"], cuts, *(table[kind] for kind in MEDIA_KINDS), strict=True):
        files = [
            path if isinstance(path, str) and cut not in (kind, EVERY_FILE) else None
            for kind, path in zip(MEDIA_KINDS, paths, strict=True)
        ]
        rows.append((None if corpus.numbered and any(files) else name, *files))
    return rows
