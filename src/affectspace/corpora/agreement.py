"""How far raters agree, and the ceiling that it sets: from single ratings, or from means with their spread.

The correlation of anything with the mean of n raters is bounded by the root of that mean's reliability (Spearman-Brown), not by
the agreement of two raters, which is lower.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, CATEGORIES
from affectspace.errors import DataError


def axis_agreement(ratings: pd.DataFrame) -> pd.DataFrame:
    """Agreement on valence, arousal and dominance, a row a channel and axis, by one-way analysis of variance.

    ratings : a row a rater and sample (columns id, and any of the axes), or a row a sample and channel with the raters' mean
    (the axis), population deviation (sd_valence, ...) and number (n). Self-ratings (column own) are left out.

    Columns: items with two raters or more; raters, their mean number; icc, the reliability of one rater (ICC(1)); reliability,
    the share of the means' variance that is not error of their own few raters: ICC(1,k) where all items have as many, and
    where they do not, what bounds a correlation in which each item counts once (ICC(1,k) is then too high); ceiling, its
    root. Negative reliabilities are 0. Items without two raters do not count.
    """
    ratings = _others(ratings)
    rows = []
    for channel, part in _channels(ratings):
        for axis in AXES:
            if axis not in part or part[axis].isna().all():
                continue
            moments = _moments(part, axis)
            if moments is not None:
                rows.append({"channel": channel, "axis": axis, **_one_way(*moments)})
    return pd.DataFrame(rows, columns=["channel", "axis", "items", "raters", "icc", "reliability", "ceiling"])


def channel_correlations(ratings: pd.DataFrame) -> pd.DataFrame:
    """Pearson's r of two channels' means over the samples that both rated, a row a pair of channels and axis."""
    rows = _pairwise(_others(ratings), "channel") if "channel" in ratings else []
    return pd.DataFrame(rows, columns=["one", "other", "axis", "n", "r"])


def rater_correlations(ratings: pd.DataFrame) -> pd.DataFrame:
    """Pearson's r of two raters over the samples that both rated, a row a channel, axis and pair; n counts the samples.

    Self-ratings are left out; empty where the ratings do not name raters. No ceiling for a correlation with raters' means:
    that is `axis_agreement`'s.
    """
    rows: list[dict[str, Any]] = []
    if "rater" in ratings:
        for channel, part in _channels(_others(ratings)):
            rows += [{"channel": channel, **pair} for pair in _pairwise(part, "rater")]
    return pd.DataFrame(rows, columns=["channel", "one", "other", "axis", "n", "r"])


def channel_emotions(ratings: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the emotion perceived through two channels, a row a pair of channels.

    ratings : a row a sample and channel, with the column emotion (missing where votes are tied). Columns: n samples with an
    emotion in both; same, the share in which it is one; kappa, Cohen's; NaN where that share is all that chance allows.
    """
    rows = []
    if {"channel", "emotion"} <= set(ratings) and not ratings.duplicated(["id", "channel"]).any():
        wide = ratings.pivot(index="id", columns="channel", values="emotion")
        for one, other in combinations(sorted(wide.columns), 2):
            both = wide[[one, other]].dropna()
            if not len(both):
                continue
            same = float((both[one] == both[other]).mean())
            shares = [both[name].value_counts(normalize=True) for name in (one, other)]
            chance = float(shares[0].mul(shares[1], fill_value=0).sum())
            kappa = (same - chance) / (1 - chance) if chance < 1 - 1e-12 else float("nan")
            rows.append({"one": one, "other": other, "n": len(both), "same": same, "kappa": kappa})
    return pd.DataFrame(rows, columns=["one", "other", "n", "same", "kappa"])


def emotion_agreement(ratings: pd.DataFrame, acted: pd.Series | None = None) -> pd.DataFrame:
    """Agreement on emotions, a row a channel.

    ratings : a row a rater and sample with a column emotion, or a row a sample and channel with a column of votes an emotion.
    acted : what was played, indexed by id.

    Columns: items with two votes or more; raters; kappa, Fleiss' with any number of votes an item; majority, the mean share of
    the most frequent vote; other, the balanced accuracy with which one vote names the majority of the others (ties count in
    part): what a single human reaches; acted, the share of samples whose majority is what was played (ties count in part).
    """
    ratings = _others(ratings)
    rows = []
    for channel, part in _channels(ratings):
        counts = _votes(part)
        if counts is None:
            continue
        enough = counts[counts.sum(axis=1) >= 2]
        if not len(enough):
            continue
        row = {"channel": channel, "items": len(enough), "raters": float(enough.sum(axis=1).mean())}
        votes = enough.to_numpy(np.float64)
        row |= {"kappa": fleiss_kappa(votes), "majority": float((votes.max(axis=1) / votes.sum(axis=1)).mean())}
        row["other"] = _one_against_others(votes)
        if acted is not None:
            row["acted"] = _as_acted(enough, acted)
        rows.append(row)
    columns = ["channel", "items", "raters", "kappa", "majority", "other", *(["acted"] if acted is not None else [])]
    return pd.DataFrame(rows, columns=columns)


def fleiss_kappa(votes: np.ndarray) -> float:
    """Fleiss' kappa of (items, categories) counts, two votes or more an item; NaN where all is one category."""
    votes = np.asarray(votes, dtype=np.float64)
    number = votes.sum(axis=1)
    if (number < 2).any():
        raise DataError("kappa needs two votes or more of every item; leave the others out")
    observed = ((votes**2).sum(axis=1) - number) / (number * (number - 1))
    expected = float(((votes.sum(axis=0) / votes.sum()) ** 2).sum())
    return float("nan") if expected > 1 - 1e-12 else float((observed.mean() - expected) / (1 - expected))


def _others(ratings: pd.DataFrame) -> pd.DataFrame:
    return ratings[~ratings["own"].astype(bool)] if "own" in ratings else ratings


def _channels(ratings: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    if "channel" not in ratings:
        return [("", ratings)]
    return [(str(name), part) for name, part in ratings.groupby("channel", sort=False)]


def _pairwise(ratings: pd.DataFrame, who: str) -> list[dict[str, Any]]:
    """r of each pair of the column's values, on each axis that both have; NaN of fewer than three samples, or constants."""
    rows = []
    for axis in (*AXES, "sentiment"):
        if axis not in ratings or ratings[axis].isna().all():
            continue
        wide = ratings.pivot_table(index="id", columns=who, values=axis, aggfunc="mean")
        for one, other in combinations(sorted(wide.columns), 2):
            both = wide[[one, other]].dropna()
            if len(both):
                r = both[one].corr(both[other]) if len(both) > 2 and both.std().min() > 0 else float("nan")
                rows.append({"one": one, "other": other, "axis": axis, "n": len(both), "r": float(r)})
    return rows


def _moments(part: pd.DataFrame, axis: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Mean, sum of squares within, and number of raters of each item with two or more; None where spreads are not known."""
    if f"sd_{axis}" in part and "n" in part:
        known = part[[axis, f"sd_{axis}", "n"]].dropna().to_numpy(np.float64)
        mean, within, number = known[:, 0], known[:, 1] ** 2 * known[:, 2], known[:, 2]
    elif part["id"].duplicated().any():
        groups = part.dropna(subset=[axis]).groupby("id")[axis]
        mean, number = groups.mean().to_numpy(np.float64), groups.size().to_numpy(np.float64)
        within = groups.var(ddof=0).to_numpy(np.float64) * number
    else:
        return None
    enough = number >= 2
    return (mean[enough], within[enough], number[enough]) if enough.sum() >= 2 else None


def _one_way(mean: np.ndarray, within: np.ndarray, number: np.ndarray) -> dict[str, float]:
    items, total = len(mean), number.sum()
    inside = within.sum() / (total - items)
    between = (number * (mean - (number * mean).sum() / total) ** 2).sum() / (items - 1)
    size = (total - (number**2).sum() / total) / (items - 1)
    icc = (between - inside) / (between + (size - 1) * inside) if between + inside > 0 else float("nan")
    observed = mean.var(ddof=1)
    reliability = 1 - (within / (number - 1) / number).mean() / observed if observed > 0 else float("nan")
    varied = between > 0 and observed > 0
    floor = (max(float(icc), 0.0), max(float(reliability), 0.0)) if varied else (float("nan"), float("nan"))
    return {
        "items": items, "raters": float(number.mean()), "icc": floor[0], "reliability": floor[1],
        "ceiling": float(np.sqrt(floor[1])),
    }  # fmt: skip


def _votes(part: pd.DataFrame) -> pd.DataFrame | None:
    """Counts by sample and emotion; None without votes."""
    columns = [name for name in CATEGORIES if name in part]
    if columns:
        return part.set_index("id")[columns].fillna(0)
    if "rater" in part and "emotion" in part and part["emotion"].notna().any():
        known = part.dropna(subset=["emotion"])
        return pd.crosstab(known["id"], known["emotion"])
    return None


def _one_against_others(votes: np.ndarray) -> float:
    """Mean over emotions of how often a vote is the majority of the other votes of its item, where that is the emotion."""
    hits, rows = np.zeros(votes.shape[1]), np.zeros(votes.shape[1])
    for name in range(votes.shape[1]):
        cast = votes[:, name] > 0
        rest = votes[cast] - np.eye(votes.shape[1])[name]
        best = rest == rest.max(axis=1, keepdims=True)
        share = best / best.sum(axis=1, keepdims=True) * votes[cast, name][:, None]
        rows += share.sum(axis=0)
        hits[name] += share[:, name].sum()
    return float((hits[rows > 0] / rows[rows > 0]).mean())


def _as_acted(votes: pd.DataFrame, acted: pd.Series) -> float:
    best = votes.to_numpy() == votes.max(axis=1).to_numpy()[:, None]
    played = acted.reindex(votes.index)
    place = votes.columns.get_indexer(pd.Index(played.fillna("")))
    share = np.where(place >= 0, best[np.arange(len(best)), place] / best.sum(axis=1), 0.0)[played.notna()]
    return float(share.mean()) if len(share) else float("nan")
