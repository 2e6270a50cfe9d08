"""Splits by session of a corpus of dialogues (IEMOCAP): one session is the test part, the one before it validation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError

SESSION_SCHEMES = ("session5", "loso", "loso_improvised", "script_independent")
_NEEDED = ("session", "scenario", "improvised")
TRAIN, VALIDATION, TEST, NONE = 0, 1, 2, -1


def has_sessions(table: pd.DataFrame) -> bool:
    """Whether a table says what these splits need."""
    return set(_NEEDED) <= set(table.columns)


def session_parts(
    table: pd.DataFrame, scheme: str, fold: int | None, validation: bool, where: str
) -> tuple[np.ndarray, list[str]]:
    """(rows,) part numbers, -1 for rows that are in no part, and remarks.

    fold: which session, from 0, is tested; "session5" is the last one and takes none. validation: False puts the
    validation session into train. "loso_improvised" takes improvised dialogues only. "script_independent": scripts have
    names such as script01_2, of which script01 is the play; the test session keeps its improvised dialogues and one
    play (fold modulo their number), train never has that play, and validation has improvised dialogues only.
    Raises ConfigError for a fold that is missing or none, DataError for a table without sessions and scripts or with too
    few of them.
    """
    if not has_sessions(table):
        raise DataError(f"{where}: the split {scheme!r} needs the columns {', '.join(_NEEDED)}, as IEMOCAP's table has")
    sessions = sorted(table["session"].unique())
    n = len(sessions)
    if n < 2 + validation:
        raise DataError(f"{where}: {n} sessions are too few for {scheme!r}; it needs {2 + validation}")
    if scheme == "session5":
        if fold is not None:
            raise ConfigError(f"the split 'session5' takes no fold (it was {fold}); use 'loso'")
        fold = n - 1
    if fold is None or not 0 <= fold < n:
        raise ConfigError(
            f"the split {scheme!r} needs fold=, the session that is tested, from 0 to {n - 1}; it is {fold}"
        )
    tested, before = sessions[fold], sessions[fold - 1]
    session = table["session"].to_numpy()
    parts = np.full(len(table), TRAIN)
    if validation:
        parts[session == before] = VALIDATION
    parts[session == tested] = TEST
    notes = [f"test is {tested}" + (f", validation {before}" if validation else "")]
    improvised = table["improvised"].to_numpy(dtype=bool)
    if scheme == "loso_improvised":
        parts[~improvised] = NONE
    elif scheme == "script_independent":
        plays = table["scenario"].str.split("_").str[0].where(~table["improvised"].astype(bool)).to_numpy()
        names = sorted({play for play in plays if isinstance(play, str)})
        if len(names) < 2:
            raise DataError(f"{where}: {len(names)} plays are too few for {scheme!r}; it needs two")
        play = names[fold % len(names)]
        parts[~improvised & (parts == VALIDATION)] = NONE
        parts[~improvised & (parts == TEST) & (plays != play)] = NONE
        parts[~improvised & (parts == TRAIN) & (plays == play)] = NONE
        notes.append(f"{play} is in test alone, the other scripts in train alone")
    outside = int((parts == NONE).sum())
    if outside:
        notes.append(f"{outside:,} scripted rows are in no part")
    return parts, notes
