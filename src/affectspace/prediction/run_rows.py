"""The rows of a run's own corpus: which part a row of a table had in the training, and the samples of one part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectspace.corpora.splits import PARTS
from affectspace.data.reading import open_corpus
from affectspace.data.stores import require_same_inputs
from affectspace.errors import ConfigError, RunError
from affectspace.features.store import FeatureStore
from affectspace.media.content import stored_file
from affectspace.media.files import open_media, plain_name
from affectspace.prediction.inputs import NamedSample
from affectspace.prediction.result import Failure
from affectspace.prediction.sample import FILES, Sample
from affectspace.tables.blocks import Block
from affectspace.tables.formats import columns_of
from affectspace.training.places import fingerprint
from affectspace.training.runs import Run

PART = "run_part"  # name of the column


class RunParts:
    """Which part of a run's training the rows of a table had.

    A row is known by its id, by the name of its file, or, in the run's own table, by its number. `counts` counts the rows.

    run : the run; table : the table; columns : kind of input -> its column, with id, the names of the rows
    """

    def __init__(self, run: Run, table: Path, columns: Mapping[str, str]) -> None:
        self.counts: Counter[str] = Counter()
        split = run.split.dropna(subset="part")
        order = {part: number for number, part in enumerate(PARTS)}
        known = zip(split["id"], split["part"], strict=True)  # ids may repeat in several corpora
        self._parts = dict(sorted(known, key=lambda pair: order[pair[1]], reverse=True))
        names, digest = columns_of(table), fingerprint(table)
        places = run.facts.get("places", {})
        config: Any = run.config
        own = [
            corpus for name, corpus in config.data.corpora.items()
            if places.get(f"data.corpora.{name}.path", {}).get("sha256") == digest
        ]  # fmt: skip
        mapped = own[0].columns if own else {}
        wanted = [
            columns.get("id") or mapped.get("id", "id"),
            *(columns.get(kind) or mapped.get(kind, kind) for kind in FILES),
        ]
        self._columns, self._numbered = [name for name in wanted if name in names], bool(own)

    def of(self, block: Block) -> list[str | None]:
        """Return the part of each row of a block, None for a row that the run does not know."""
        cells = [block.values(column) for column in self._columns]
        parts = []
        for place, number in enumerate(block.row_numbers):
            keys = [plain_name(stored_file(column[place])[1] or "") for column in cells]
            keys += [str(number - 1)] if self._numbered else []
            parts.append(next((self._parts[key] for key in keys if key in self._parts), None))
        self.counts.update(part for part in parts if part)
        return parts


def samples_of_part(run: Run, part: str, folder: Path) -> tuple[list[NamedSample], dict[str, list[Any]]]:
    """Return the samples of a part of a run's own corpora, and their columns person and run_part.

    Rows have the vectors of the run's stores; pictures come from the corpus. folder : for pictures that are unpacked from a zip

    Raises
    ------
    ConfigError
        The part is unknown or has no rows.
    RunError
        A file or folder of the corpus is missing; the message names the option for its new place.
    """
    if part not in PARTS:
        raise ConfigError(f"--part {part}: choose one of {', '.join(PARTS)}")
    config: Any = run.config
    if not config.data.corpora:
        raise RunError(f"{run.folder} was trained on arrays and names no corpus; predict files or vectors instead")
    run.require_files(config)
    split = run.split
    split = split[split["part"] == part]
    samples: list[NamedSample] = []
    people: list[Any] = []
    for name, corpus_config in config.data.corpora.items():
        corpus = open_corpus(corpus_config)
        table = corpus.table[corpus.table["id"].isin(split.loc[split["corpus"] == name, "id"])]
        if config.reads_images:
            chosen: Sequence[Sample | Failure] = _pictures(corpus.media, table["image"].tolist(), folder / name)
        else:
            stores = {
                kind: FeatureStore(store)
                for kind, store in corpus_config.features.items()
                if kind in config.model.modalities
            }
            for store in stores.values():
                require_same_inputs(store, corpus, f"data.corpora.{name}")
            chosen = _vectors(stores, table["id"].tolist())
        samples += zip(table["id"], chosen, strict=True)
        people += table["person"].where(table["person"].notna(), None).tolist()
    if not samples:
        raise ConfigError(f"--part {part}: {run.folder} has no rows in that part")
    return samples, {"person": people, PART: [part] * len(samples)}


def _vectors(stores: Mapping[str, FeatureStore], ids: Sequence[str]) -> list[Sample | Failure]:
    read = {kind: store.read(ids) for kind, store in stores.items()}
    folders = ", ".join(str(store.folder) for store in stores.values())
    missing = Failure(
        f"the row has no vector in {folders}; run `affectspace extract` on the corpus, or name its store again"
    )
    known = [{kind: vectors[row] for kind, (vectors, there) in read.items() if there[row]} for row in range(len(ids))]
    return [Sample(vectors=vectors) if vectors else missing for vectors in known]


def _pictures(media: Path | None, names: Sequence[str], folder: Path) -> list[Sample]:
    if media is None:
        raise RunError("the run's corpus is read without pictures; name their place with --moved")
    if media.is_dir():
        return [Sample(image=media / name) for name in names]
    with open_media(media) as opened:
        for name in names:
            content = opened.read(name)
            try:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            except OSError as error:
                raise RunError(
                    f"{folder}: pictures of {media} cannot be unpacked ({error.strerror or error}); set TMPDIR to a folder "
                    "with more space"
                ) from error
    return [Sample(image=folder / name) for name in names]
