"""Dealing rows, or people with all of their rows, to parts in given shares."""

from __future__ import annotations

import numpy as np

_ROUNDS = 20
_MOST_TO_EXCHANGE = 3000  # with more people, moving them singly comes near enough, and exchanging is quadratic


def deal_rows(strata: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) part numbers: every stratum in proportion to the shares, part sizes exact to a row.

    strata: (n,) ints. shares: (parts,), sum 1. The rows of each stratum, in a drawn order, are spread evenly over a
    line, and the line is cut where the shares say.
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
    """(n,) part numbers such that no person is in two parts, and no part with a share is empty.

    people: (n,) numbers 0..p-1, with p at least the number of parts with a share. strata: (n,) ints. shares:
    (parts,), sum 1. Minimises the squared distance from the shares of rows, of each stratum's rows and of people:
    greedily, in a drawn order, then by moving and exchanging people until nothing helps.
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

    A stratum weighs by the root of its size: one that has a row or two cannot be in proportion and must not rule.
    """
    p, (names, numbers) = int(people.max()) + 1, np.unique(strata, return_inverse=True)
    counts = np.zeros((p, len(names)))
    np.add.at(counts, (people, numbers), 1)
    totals = counts.sum(axis=0)
    weight = np.sqrt(totals / totals.sum())
    size = counts.sum(axis=1, keepdims=True) / totals.sum()
    return np.hstack([2 * size, np.full((p, 1), 1 / p), counts / totals * weight])


def _greedy(traits: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Person by person in a drawn order, to the part that lacks most of what the person brings."""
    target = share[:, None] * traits.sum(axis=0)
    held = np.zeros_like(target)
    part = np.empty(len(traits), dtype=np.int64)
    for person in rng.permutation(len(traits)):
        # adding x to a part at h with target t changes its cost by x.(x - 2 (t - h)), here relative to its share
        gain = ((traits[person] - 2 * (target - held)) * traits[person]).sum(axis=1) / share
        part[person] = int(np.argmin(gain))
        held[part[person]] += traits[person]
    return part


def _fill_empty(part: np.ndarray, traits: np.ndarray, parts: int) -> None:
    for empty in range(parts):
        if not (part == empty).any():
            richest = int(np.argmax(np.bincount(part, minlength=parts)))
            members = np.flatnonzero(part == richest)
            part[members[np.argmin(traits[members, 0])]] = empty


def _excess(part: np.ndarray, traits: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(parts, traits): what each part holds above its target."""
    held = np.zeros((len(share), traits.shape[1]))
    np.add.at(held, part, traits)
    return held - share[:, None] * traits.sum(axis=0)


def _move(part: np.ndarray, traits: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> bool:
    """Move single people as long as it helps; True where somebody moved."""
    excess, moved = _excess(part, traits, share), False
    size = np.bincount(part, minlength=len(share))
    for person in rng.permutation(len(traits)):
        here, x = part[person], traits[person]
        if size[here] == 1:
            continue
        change = (x * (x + 2 * excess)).sum(axis=1) + (x * (x - 2 * excess[here])).sum()
        change[here] = 0
        there = int(np.argmin(change))
        if change[there] < -1e-12:
            excess[here] -= x
            excess[there] += x
            size[here] -= 1
            size[there] += 1
            part[person], moved = there, True
    return moved


def _exchange(part: np.ndarray, traits: np.ndarray, share: np.ndarray) -> bool:
    """For each person the best exchange with one of another part, where it helps; True where there was any."""
    excess, exchanged = _excess(part, traits, share), False
    for person in range(len(traits)):
        here = part[person]
        others = np.flatnonzero(part != here)
        if not len(others):
            return exchanged
        d = traits[others] - traits[person]  # comes here, and leaves there
        change = 2 * (d * (d + excess[here] - excess[part[others]])).sum(axis=1)
        best = int(np.argmin(change))
        if change[best] < -1e-12:
            there = part[others[best]]
            excess[here] += d[best]
            excess[there] -= d[best]
            part[person], part[others[best]] = there, here
            exchanged = True
    return exchanged
