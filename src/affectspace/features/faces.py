"""An item for each face of the pictures and clips of a corpus."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Backbone, Item
from affectspace.features.items import ItemFiles, items_of, open_item_files
from affectspace.media.faces import Track
from affectspace.media.tracks import faces_in, frame_of_track
from affectspace.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from affectspace.corpora.corpus import Corpus

FILE = "faces.csv"  # in the folder of a store


def face_items(
    corpus: Corpus, backbone: Backbone, *, workers: int | None = None, progress: Progress = silent
) -> tuple[list[Item], pd.DataFrame]:
    """List an item for each face of a corpus' pictures and clips, and where the faces are.

    A row with several faces has the items ``<id>#1``, ``<id>#2``, ...: of a picture the largest face first, of a clip the one
    that is seen most. A row with one face, or with none, keeps its item.

    Parameters
    ----------
    corpus : Corpus
        The corpus.
    backbone : Backbone
        The encoder; it must read single faces.
    workers : int, optional
        Number of threads. Default: one per core, at most 8.
    progress : callable
        Called with (rows done, rows, text).

    Returns
    -------
    items : list of Item
    faces : DataFrame
        id, row (the id in the corpus), file, face (from 1), start and end in seconds, left, top, right and bottom in pixels:
        of a clip, the medians over time.

    Raises
    ------
    ConfigError
        If the backbone reads the largest face only, or does not crop faces; or where dlib is missing.
    DataError
        If no row has pictures or clips.
    """
    if not getattr(backbone, "reads_faces", False) or not backbone.settings.get("crop", True):
        raise ConfigError(
            f"{backbone.name} does not read each face; use gradients, expression, levasa or an encoder of pictures, with crop"
        )
    import pandas as pd

    items, rows = items_of(corpus, backbone.modality), []
    expanded: list[Item] = []
    with (
        open_item_files(corpus.media) as files,
        ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 8), thread_name_prefix="faces") as pool,
    ):
        for done, (item, tracks) in enumerate(
            zip(items, pool.map(lambda item: _tracks(files, item), items), strict=True), 1
        ):
            progress(done, len(items), "searching faces")
            several = len(tracks) > 1
            expanded += [] if several else [item]
            for n, track in enumerate(tracks, 1):
                face = replace(item, id=f"{item.id}#{n}", track=track) if several else item
                expanded += [face] if several else []
                seconds = (round(second, 3) for second in (track[0][0], track[-1][0]))
                rows.append((face.id, item.id, str(item.path), n, *seconds, *frame_of_track(track)))
    columns = ["id", "row", "file", "face", "start", "end", "left", "top", "right", "bottom"]
    return expanded, pd.DataFrame(rows, columns=columns)


def _tracks(files: ItemFiles, item: Item) -> Sequence[Track]:
    """The faces of an item; none of a half of a picture, which shows one person, and of a file that cannot be read."""
    if item.half is not None:
        return ()
    try:
        return faces_in(files.locate(item).source, item.start, item.end)
    except UnreadableItem:  # the extraction records the reason
        return ()
