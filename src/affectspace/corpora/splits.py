"""Train, validation and test: people kept apart, emotions in proportion, the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.corpora.grouping import deal_people, deal_rows, row_groups
from affectspace.errors import ConfigError, DataError, counted, listed

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST, NONE = 0, 1, 2, -1  # positions in PARTS; NONE: in no part
FRACTIONS = (0.7, 0.1, 0.2)
SESSION_SCHEMES = ("session5", "loso", "loso_improvised", "script_independent")
SCHEMES = ("person", "random", "published", "document", *SESSION_SCHEMES)
AUTO = "auto"  # the first possible of published, person, document and random
_SESSION_COLUMNS = ("session", "scenario", "improvised")
_SHARED = ("person", "session", "dialogue", "document", "sentence", "text")
_NO_WORD = re.compile(r"[\W_]+")


def split_table(
    table: pd.DataFrame,
    scheme: str = "person",
    *,
    fold: int | None = None,
    folds: int = 5,
    seed: int = 0,
    fractions: Sequence[float] = FRACTIONS,
    where: str = "the table",
) -> pd.Series:
    """Assign each row of a table to a part; see `Corpus.split`. where: name of the table for messages.

    As many folds as people (or documents) leave one out each. Else the parts of "person" and "document" are found greedily,
    in an order drawn with the seed, and improved by moving and exchanging people until rows, emotions and people are as near
    to the fractions as possible. If there are no emotions, the signs of valence and arousal are the strata.
    """
    shares = _shares(fractions)
    if scheme == AUTO:
        known = (name for name in ("person", "document") if name in table and table[name].notna().all())
        published = fold is None and "published" in schemes_of(table)
        scheme = "published" if published else next(known, "random")
    if scheme not in SCHEMES:
        raise ConfigError(f"unknown split {scheme!r}; choose from {', '.join((*SCHEMES, AUTO))}")
    if scheme in SESSION_SCHEMES:
        parts, notes = _split_sessions(table, scheme, fold, bool(shares[VALIDATION]), where)
        return _named(parts, notes, table)
    if fold is not None and not (folds >= 2 and 0 <= fold < folds):
        raise ConfigError(f"fold {fold} of {folds}: folds count from 0 to folds - 1, and there are at least 2")
    strata, notes = _strata(table)
    if scheme == "published":
        parts = _published(table, strata, seed, shares, notes, where)
    else:
        groups = None if scheme == "random" else _groups(table, scheme, where)
        parts = _deal(strata, groups, scheme, fold, folds, seed, shares, where)
        if scheme == "random" and table["person"].notna().any():
            notes.append("leaky: people are in several parts, so figures on the test part are too good")
    return _named(parts, notes, table)


def schemes_of(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the schemes for which a table has the columns. People may still be unknown or too few."""
    needed = {"published": ("split",), "document": ("document",), **dict.fromkeys(SESSION_SCHEMES, _SESSION_COLUMNS)}
    return tuple(scheme for scheme in SCHEMES if set(needed.get(scheme, ())) <= set(table.columns))


def leakage(table: pd.DataFrame, split: pd.Series) -> dict[str, dict[str, list[str]]]:
    """Return what parts share: column -> "train/test" -> the values in both. An empty result: nothing.

    Columns: person, session, dialogue, text, and document and sentence (a code of the words) if the table has them. Texts are
    compared without case, punctuation and blanks.

    Examples
    --------
    >>> import pandas as pd
    >>> from affectspace.corpora import leakage
    >>> table = pd.DataFrame({"person": ["a", "a", "b"], "text": ["Hi!", "hello", "hi"]})
    >>> leakage(table, pd.Series(["train", "train", "test"]))
    {'text': {'train/test': ['hi']}}
    """
    shared: dict[str, dict[str, list[str]]] = {}
    parts = [part for part in PARTS if (split == part).any()]
    for column in (name for name in _SHARED if name in table.columns and table[name].notna().any()):
        cells = comparable(table[column], column)
        values = {part: set(cells[(split == part).to_numpy()].dropna()) for part in parts}
        for i, first in enumerate(parts):
            for second in parts[i + 1 :]:
                both = sorted((values[first] & values[second]) - {""})
                if both:
                    shared.setdefault(column, {})[f"{first}/{second}"] = both
    return shared


def comparable(cells: pd.Series, column: str) -> pd.Series:
    """Return a column as `leakage` compares it."""
    if column != "text":
        return cells
    return cells.map(lambda text: _NO_WORD.sub(" ", text.casefold()).strip(), na_action="ignore")


def _named(parts: np.ndarray, notes: list[str], table: pd.DataFrame) -> pd.Series:
    split = pd.Series(np.asarray(PARTS)[parts], index=table.index, name="split").where(parts >= 0)
    split.attrs["notes"] = notes
    return split


def _shares(fractions: Sequence[float]) -> np.ndarray:
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or not np.isfinite(shares).all() or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ConfigError(
            f"fractions {tuple(fractions)}: give three numbers, of train, validation and test, that sum to 1"
        )
    if shares[TRAIN] == 0:
        raise ConfigError("the fraction of train is 0; nothing would be left to learn from")
    return shares / shares.sum()


def _split_sessions(
    table: pd.DataFrame, scheme: str, fold: int | None, validation: bool, where: str
) -> tuple[np.ndarray, list[str]]:
    """(rows,) positions in PARTS, and remarks.

    fold: the session, from 0, that is tested; "session5" is the last one and takes no fold. The session before it validates,
    or is in train if validation is False. "loso_improvised" uses improvised dialogues only. "script_independent": scripts have
    names such as script01_2, of which script01 is the play; the test session keeps its improvised dialogues and one play
    (fold modulo the number of plays), train never has that play, and validation has improvised dialogues only.
    """
    if not set(_SESSION_COLUMNS) <= set(table.columns):
        needed = ", ".join(_SESSION_COLUMNS)
        raise DataError(f"{where}: the split {scheme!r} needs the columns {needed}, as in IEMOCAP's table")
    sessions = sorted(table["session"].unique())
    n = len(sessions)
    if n < 2 + validation:
        raise DataError(f"{where}: {counted(n, 'session', 'is')} too few for {scheme!r}; it needs {2 + validation}")
    if scheme == "session5":
        if fold is not None:
            raise ConfigError(f"the split 'session5' takes no fold (got {fold}); use 'loso'")
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
    scripted = ~table["improvised"].to_numpy(dtype=bool)
    if scheme == "loso_improvised":
        parts[scripted] = NONE
    elif scheme == "script_independent":
        plays = table["scenario"].str.split("_").str[0].where(scripted).to_numpy()
        names = sorted({play for play in plays if isinstance(play, str)})
        if len(names) < 2:
            have = f"{counted(len(names), 'script')} ({listed(names) or 'all dialogues are improvised'})"
            raise DataError(
                f"{where}: the split {scheme!r} tests a script that train does not have, and needs two; the corpus has {have}. "
                "Use split 'loso'"
            )
        play = names[fold % len(names)]
        parts[scripted & (parts == VALIDATION)] = NONE
        parts[scripted & (parts == TEST) & (plays != play)] = NONE
        parts[scripted & (parts == TRAIN) & (plays == play)] = NONE
        notes.append(f"{play} is only in test, the other scripts are only in train")
    outside = int((parts == NONE).sum())
    if outside:
        notes.append(f"{counted(outside, 'scripted row', 'is')} in no part")
    return parts, notes


def _strata(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """(rows,) numbers of strata, and a note on the emotions that cannot be in every part."""
    if table["emotion"].notna().any():
        codes, names = pd.factorize(table["emotion"], sort=True)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        rare = [f"{name} ({n})" for name, n in zip(names, counts, strict=True) if n < len(PARTS)]
        notes = [f"too few rows to be in every part: {', '.join(rare)}"] if rare else []
        return np.where(codes < 0, len(names), codes), notes
    signs = table[list(AXES[:2])].to_numpy()
    quadrant = 2 * (signs[:, 0] >= 0) + (signs[:, 1] >= 0)
    return np.where(np.isnan(signs).any(axis=1), 4, quadrant), []


def _groups(table: pd.DataFrame, scheme: str, where: str) -> np.ndarray:
    """(rows,) numbers of the people or documents that must be kept apart."""
    if scheme == "document":
        if "document" not in table.columns or table["document"].isna().any():
            raise DataError(f"{where}: the split 'document' needs a column document with the source of each row")
        return pd.factorize(row_groups(table, scheme)[0], sort=True)[0]
    absent = table["person"].isna()
    if absent.all():
        published = "split 'published' or " if "split" in table.columns else ""
        raise DataError(
            f"{where}: no person is known, so people cannot be kept apart; use {published}split 'random' (which is "
            "leaky), or name the column of people (--columns person=...)"
        )
    if absent.any():
        raise DataError(
            f"{where}: {counted(int(absent.sum()), 'row', 'has')} no person, the first is row "
            f"{int(np.flatnonzero(absent)[0]) + 1}; leave them out with where 'notna(person)', or use split 'random'"
        )
    return pd.factorize(row_groups(table, scheme)[0], sort=True)[0]


def _deal(
    strata: np.ndarray,
    groups: np.ndarray | None,
    scheme: str,
    fold: int | None,
    folds: int,
    seed: int,
    shares: np.ndarray,
    where: str,
) -> np.ndarray:
    """(rows,) positions in PARTS, with the rows of a group in the same part."""

    def deal(rows: np.ndarray, shares: np.ndarray, seeds: list[int]) -> np.ndarray:
        """Distribute some rows, (n,) positions in the shares."""
        rng = np.random.default_rng(seeds)
        if groups is None:
            return deal_rows(strata[rows], shares, rng)
        known, numbers = np.unique(groups[rows], return_inverse=True)
        needed = int((shares > 0).sum())
        if len(known) < needed:
            have, fewer = f"only {counted(len(known), scheme)}", "" if fold is None else "fewer folds, "
            raise DataError(
                f"{where}: {have}, but {needed} parts that must not share any; use split 'random' (which is leaky), {fewer}or "
                "a fraction of 0 for a part that is not needed"
            )
        return deal_people(numbers, strata[rows], shares, rng)

    everything = np.arange(len(strata))
    if groups is None and len(strata) < int((shares > 0).sum()):
        raise DataError(
            f"{where}: {counted(len(strata), 'row', 'is')} fewer than the parts; add rows or set a fraction to 0"
        )
    if fold is None:
        return deal(everything, shares, [seed])
    if groups is not None and len(np.unique(groups)) == folds:  # leave one out
        dealt = np.random.default_rng([seed]).permutation(folds)[np.unique(groups, return_inverse=True)[1]]
    else:
        dealt = deal(everything, np.full(folds, 1 / folds), [seed])
    parts = np.full(len(strata), TEST)
    rest = np.flatnonzero(dealt != fold)
    parts[rest] = deal(rest, _without_test(shares), [seed, fold])
    return parts


def _without_test(shares: np.ndarray) -> np.ndarray:
    return shares[:TEST] / shares[:TEST].sum()


def _published(
    table: pd.DataFrame, strata: np.ndarray, seed: int, shares: np.ndarray, notes: list[str], where: str
) -> np.ndarray:
    """The column split. Without a published test part, validation becomes the test, and a new validation part is drawn."""
    lacking = len(table) if "split" not in table.columns else int(table["split"].isna().sum())
    if lacking:
        reason = "no column split" if "split" not in table.columns else f"{counted(lacking, 'row')} without one"
        raise DataError(f"{where}: the corpus has no published split ({reason}); use 'person' or 'random'")
    wrong = sorted(set(table["split"]) - set(PARTS))
    if wrong:
        raise DataError(f"{where}: the column split holds {', '.join(map(repr, wrong))}; parts are {', '.join(PARTS)}")
    parts = table["split"].map({part: i for i, part in enumerate(PARTS)}).to_numpy(dtype=np.int64, copy=True)
    if not (parts == TEST).any() and (parts == VALIDATION).any():
        parts[parts == VALIDATION] = TEST
        train = np.flatnonzero(parts == TRAIN)
        parts[train] = deal_rows(strata[train], _without_test(shares), np.random.default_rng([seed]))
        notes.append(
            "there is no published test part: the published validation part is the test here, and validation is drawn from the "
            "rows of train"
        )
    return parts
