"""Which rows belong together, and how they are distributed over parts in given shares."""

from __future__ import annotations

import numpy as np
import pandas as pd

_UNITS = {"person": "people", "document": "documents", "dialogue": "dialogues", "id": "rows"}
_ROUNDS = 20
_MOST_TO_EXCHANGE = 3000  # with more people, single moves are good enough, and exchanging is quadratic
_GAIN = 1e-12  # a change of the cost that counts


def row_groups(table: pd.DataFrame, first: str = "person") -> tuple[np.ndarray, str]:
    """Return what each row belongs to, and what these groups are in words.

    A row belongs to its person; without one to its document, else to its dialogue, else only to itself. Intervals, tests and
    folds are over these groups. In a table of several corpora names of one corpus never meet those of another.

    Parameters
    ----------
    table : DataFrame
        A corpus's table.
    first : str
        The column to begin with, such as "document" for a split by documents.

    Returns
    -------
    groups : numpy.ndarray
        (n,) names.
    units : str
        Such as "people", or "people and documents".

    Examples
    --------
    >>> import pandas as pd
    >>> from affectspace.corpora import row_groups
    >>> table = pd.DataFrame({"id": ["1", "2", "3"], "person": ["ann", None, None], "document": ["a", "b", None]})
    >>> row_groups(table)
    (array(['ann', 'document b', 'id 3'], dtype='<U10'), 'people and documents and rows')
    """
    groups, units = pd.Series(None, table.index, dtype=object), []
    for column in dict.fromkeys((first, *_UNITS)):
        if column in table and groups.isna().any():
            named = groups.isna() & table[column].notna()
            kind = "" if column == first else f"{column} "
            groups = groups.where(~named, kind + table[column].astype(str))
            units += [_UNITS[column]] if named.any() else []
    if "corpus" in table and table["corpus"].nunique() > 1:
        groups = table["corpus"].astype(str) + ": " + groups
    return groups.to_numpy(str), " and ".join(units)


def deal_rows(strata: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) numbers of parts: every stratum in proportion to the shares, the sizes of parts exact to a row.

    strata: (n,) int. shares: (parts,), sum 1. The rows of each stratum, in random order, are spread evenly over a line, and the
    line is cut at the shares.
    """
    n = len(strata)
    order = rng.permutation(n)
    position = np.empty(n)
    for stratum in np.unique(strata):
        rows = order[strata[order] == stratum]
        position[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    ends = np.rint(np.cumsum(shares) * n).astype(int)
    parts = np.empty(n, dtype=np.int64)
    parts[np.argsort(position, kind="stable")] = np.searchsorted(ends, np.arange(n), side="right")
    return parts


def deal_people(people: np.ndarray, strata: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) numbers of parts such that no person is in two parts, and no part with a share is empty.

    people: (n,) numbers 0..p-1, where p is at least the number of parts with a share. strata: (n,) int. shares: (parts,),
    sum 1. Minimises the squared distance to the shares of rows, of each stratum's rows and of people: greedily in random
    order, then by moving and exchanging people until nothing improves.
    """
    used = np.flatnonzero(shares > 0)
    share = shares[used] / shares[used].sum()
    traits = _traits(people, strata)
    part = _greedy(traits, share, rng)
    _fill_empty(part, traits, len(used))
    for _ in range(_ROUNDS):
        moved = _move(part, traits, share, rng)
        exchanged = len(traits) <= _MOST_TO_EXCHANGE and _exchange(part, traits, share)
        if not (moved or exchanged):
            break
    return used[part][people]


def _traits(people: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """(people, traits): each person's share of all rows, of all people and of each stratum, times the trait's weight.

    A stratum has the root of its size as weight: a stratum of one or two rows cannot be in proportion and must not dominate.
    """
    p, (names, numbers) = int(people.max()) + 1, np.unique(strata, return_inverse=True)
    counts = np.zeros((p, len(names)))
    np.add.at(counts, (people, numbers), 1)
    totals = counts.sum(axis=0)
    weight = np.sqrt(totals / totals.sum())
    size = counts.sum(axis=1, keepdims=True) / totals.sum()
    return np.hstack([2 * size, np.full((p, 1), 1 / p), counts / totals * weight])


def _greedy(traits: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Assign each person, in random order, to the part that lacks most of the person's traits."""
    target = share[:, None] * traits.sum(axis=0)
    held = np.zeros_like(target)
    part = np.empty(len(traits), dtype=np.int64)
    for person in rng.permutation(len(traits)):
        # adding x to a part that holds h with target t changes its cost by x.(x - 2 (t - h)), here relative to its share
        gain = ((traits[person] - 2 * (target - held)) * traits[person]).sum(axis=1) / share
        part[person] = int(np.argmin(gain))
        held[part[person]] += traits[person]
    return part


def _fill_empty(part: np.ndarray, traits: np.ndarray, parts: int) -> None:
    for empty in range(parts):
        if not (part == empty).any():
            largest = int(np.argmax(np.bincount(part, minlength=parts)))
            members = np.flatnonzero(part == largest)
            part[members[np.argmin(traits[members, 0])]] = empty


def _excess(part: np.ndarray, traits: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(parts, traits): what each part holds above its target."""
    held = np.zeros((len(share), traits.shape[1]))
    np.add.at(held, part, traits)
    return held - share[:, None] * traits.sum(axis=0)


def _move(part: np.ndarray, traits: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> bool:
    """Move single people as long as it helps; return whether anybody moved."""
    excess, moved = _excess(part, traits, share), False
    size = np.bincount(part, minlength=len(share))
    for person in rng.permutation(len(traits)):
        source, x = part[person], traits[person]
        if size[source] == 1:
            continue
        change = (x * (x + 2 * excess)).sum(axis=1) + (x * (x - 2 * excess[source])).sum()
        change[source] = 0
        target = int(np.argmin(change))
        if change[target] < -_GAIN:
            excess[source] -= x
            excess[target] += x
            size[source] -= 1
            size[target] += 1
            part[person], moved = target, True
    return moved


def _exchange(part: np.ndarray, traits: np.ndarray, share: np.ndarray) -> bool:
    """Exchange each person with the best one of another part, if it helps; return whether anybody was exchanged."""
    excess, exchanged = _excess(part, traits, share), False
    for person in range(len(traits)):
        own = part[person]
        others = np.flatnonzero(part != own)
        if not len(others):
            return exchanged
        difference = traits[others] - traits[person]  # enters this part and leaves the other
        change = 2 * (difference * (difference + excess[own] - excess[part[others]])).sum(axis=1)
        best = int(np.argmin(change))
        if change[best] < -_GAIN:
            other = part[others[best]]
            excess[own] += difference[best]
            excess[other] -= difference[best]
            part[person], part[others[best]] = other, own
            exchanged = True
    return exchanged
