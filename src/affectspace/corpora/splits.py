"""Train, validation and test: people kept apart, emotions in proportion, the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectspace.corpora.grouping import deal_people, deal_rows
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


PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.1, 0.2)
SCHEMES = ("person", "random", "published", "document", *SESSION_SCHEMES)
_SHARED = ("person", "session", "dialogue", "document", "sentence")
_CALLED = {"person": ("person", "people"), "document": ("document", "documents")}
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
    """Which part each row is in; see `Corpus.split`. where: the name for messages.

    The parts of "person" are found by dealing people greedily, in an order drawn by the seed, to where rows,
    emotions and people are lacking most, and then exchanging them as long as that helps. Without emotions the signs of
    valence and arousal are the strata.
    """
    shares = _shares(fractions)
    if scheme not in SCHEMES:
        raise ConfigError(f"unknown split {scheme!r}; there are {', '.join(SCHEMES)}")
    if scheme in SESSION_SCHEMES:
        parts, notes = session_parts(table, scheme, fold, bool(shares[1]), where)
        return _named(parts, notes, table)
    if fold is not None and not (folds >= 2 and 0 <= fold < folds):
        raise ConfigError(f"fold {fold} of {folds}: folds count from 0 to folds - 1, and there are at least 2")
    strata, notes = _strata(table)
    if scheme == "published":
        parts = _published(table, strata, seed, shares, notes, where)
    else:
        people = {"person": _people, "document": _documents}[scheme](table, where) if scheme != "random" else None
        parts = _dealt(strata, people, fold, folds, seed, shares, where, _CALLED.get(scheme, ("row", "rows")))
        if scheme == "random" and table["person"].notna().any():
            notes.append("leaky: people are in several parts, so figures on the test part are too good")
    return _named(parts, notes, table)


def schemes_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The schemes for which a table has the columns; people may still be unknown or too few."""
    absent = {
        name for name, column in (("published", "split"), ("document", "document")) if column not in table.columns
    }
    if not has_sessions(table):
        absent |= set(SESSION_SCHEMES)
    return tuple(scheme for scheme in SCHEMES if scheme not in absent)


def _named(parts: np.ndarray, notes: list[str], table: pd.DataFrame) -> pd.Series:
    split = pd.Series(np.asarray(PARTS)[parts], index=table.index, name="split").where(parts >= 0)
    split.attrs["notes"] = notes
    return split


def leakage(table: pd.DataFrame, split: pd.Series) -> dict[str, dict[str, list[str]]]:
    """What two parts share: column -> "train/test" -> the values in both; {}: nothing.

    Columns: person, session, dialogue, and document and sentence (a code of what is said) where the table has them; text
    is compared without case, punctuation and blanks.
    """
    columns = [name for name in (*_SHARED, "text") if name in table.columns and table[name].notna().any()]
    shared: dict[str, dict[str, list[str]]] = {}
    parts = [part for part in PARTS if (split == part).any()]
    for column in columns:
        cells = compared(table[column], column)
        values = {part: set(cells[(split == part).to_numpy()].dropna()) for part in parts}
        for i, first in enumerate(parts):
            for second in parts[i + 1 :]:
                both = sorted((values[first] & values[second]) - {""})
                if both:
                    shared.setdefault(column, {})[f"{first}/{second}"] = both
    return shared


def compared(cells: pd.Series, column: str) -> pd.Series:
    """A column as `leakage` compares it."""
    return cells.map(_words, na_action="ignore") if column == "text" else cells


def _words(text: str) -> str:
    return _NO_WORD.sub(" ", text.casefold()).strip()


def _shares(fractions: Sequence[float]) -> np.ndarray:
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or not np.isfinite(shares).all() or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ConfigError(f"fractions {tuple(fractions)}: three numbers, of train, validation and test, that sum to 1")
    if shares[0] == 0:
        raise ConfigError("the fraction of train is 0; there would be nothing to learn from")
    return shares / shares.sum()


def _strata(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """(rows,) stratum numbers, and a note on the emotions that cannot be in every part."""
    if table["emotion"].notna().any():
        codes, names = pd.factorize(table["emotion"], sort=True)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        rare = [f"{name} ({n})" for name, n in zip(names, counts, strict=True) if n < len(PARTS)]
        notes = [f"too few rows to be in every part: {', '.join(rare)}"] if rare else []
        return np.where(codes < 0, len(names), codes), notes
    signs = table[["valence", "arousal"]].to_numpy()
    quadrant = 2 * (signs[:, 0] >= 0) + (signs[:, 1] >= 0)
    return np.where(np.isnan(signs).any(axis=1), 4, quadrant), []


def _people(table: pd.DataFrame, where: str) -> np.ndarray:
    person = table["person"]
    absent = person.isna()
    if absent.all():
        published = "split 'published' or " if "split" in table.columns else ""
        raise DataError(
            f"{where}: no person is known, so people cannot be kept apart; use {published}split 'random' (which is "
            "leaky), or name the column of people (--columns person=...)"
        )
    if absent.any():
        raise DataError(
            f"{where}: {int(absent.sum())} rows have no person, the first is row {int(np.flatnonzero(absent)[0]) + 1}; "
            "leave them out with where 'notna(person)', or use split 'random'"
        )
    return pd.factorize(person, sort=True)[0]


def _documents(table: pd.DataFrame, where: str) -> np.ndarray:
    if "document" not in table.columns or table["document"].isna().any():
        raise DataError(f"{where}: the split 'document' needs a column document that says where each row is from")
    return pd.factorize(table["document"], sort=True)[0]


def _dealt(
    strata: np.ndarray,
    people: np.ndarray | None,
    fold: int | None,
    folds: int,
    seed: int,
    shares: np.ndarray,
    where: str,
    called: tuple[str, str],
) -> np.ndarray:
    one, many = called

    def deal(rows: np.ndarray, parts: np.ndarray, draw: list[int]) -> np.ndarray:
        rng = np.random.default_rng(draw)
        if people is None:
            return deal_rows(strata[rows], parts, rng)
        known, numbers = np.unique(people[rows], return_inverse=True)
        needed = int((parts > 0).sum())
        if len(known) < needed:
            have = f"one {one} only" if len(known) == 1 else f"only {len(known)} {many}"
            raise DataError(
                f"{where}: {have}, and {needed} parts that must not share any; use split 'random' (which is leaky), "
                "fewer folds, or a fraction of 0 for a part that can be spared"
            )
        return deal_people(numbers, strata[rows], parts, rng)

    everything = np.arange(len(strata))
    if people is None and len(strata) < int((shares > 0).sum()):
        raise DataError(f"{where}: {len(strata)} rows are fewer than the parts; add rows or set a fraction to 0")
    if fold is None:
        return deal(everything, shares, [seed])
    dealt = deal(everything, np.full(folds, 1 / folds), [seed])
    parts = np.full(len(strata), PARTS.index("test"))
    rest = np.flatnonzero(dealt != fold)
    inner = np.array([shares[0], shares[1]]) / (shares[0] + shares[1])
    parts[rest] = deal(rest, inner, [seed, fold])
    return parts


def _published(
    table: pd.DataFrame, strata: np.ndarray, seed: int, shares: np.ndarray, notes: list[str], where: str
) -> np.ndarray:
    """The column split. Without a published test part, validation is the test, and validation is taken out of train."""
    if "split" not in table.columns or table["split"].isna().any():
        what = (
            "no column split"
            if "split" not in table.columns
            else f"{int(table['split'].isna().sum())} rows without one"
        )
        raise DataError(f"{where}: it came with no published split ({what}); use 'person' or 'random'")
    wrong = sorted(set(table["split"]) - set(PARTS))
    if wrong:
        raise DataError(f"{where}: the column split holds {', '.join(map(repr, wrong))}; parts are {', '.join(PARTS)}")
    parts = table["split"].map({part: i for i, part in enumerate(PARTS)}).to_numpy(dtype=np.int64, copy=True)
    if not (parts == 2).any() and (parts == 1).any():
        parts[parts == 1] = 2
        train = np.flatnonzero(parts == 0)
        inner = np.array([shares[0], shares[1]]) / (shares[0] + shares[1])
        parts[train] = deal_rows(strata[train], inner, np.random.default_rng([seed]))
        notes.append(
            "published without a test part: the published validation part is the test here, and validation is drawn "
            "from the rows of train"
        )
    return parts
