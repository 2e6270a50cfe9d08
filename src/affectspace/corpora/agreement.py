"""Agreement of raters, and the ceiling that it sets for a correlation with their mean.

The correlation of anything with the mean of n raters is bounded by the root of that mean's reliability (Spearman-Brown), not by
the agreement of two raters, which is lower. Ratings are tables with one row for each sample and rater, or each sample and
channel: the column id; axes and an emotion; rater or channel. Self-ratings (column own) are left out everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import ALL_AXES, AXES, CATEGORIES
from affectspace.errors import DataError

_ALL_ALIKE = 1 - 1e-12  # expected agreement from which kappa is not defined


def axis_agreement(ratings: pd.DataFrame) -> pd.DataFrame:
    """Compute agreement on valence, arousal and dominance by one-way analysis of variance.

    Parameters
    ----------
    ratings : DataFrame
        One row for each rater and sample (columns id and any of the axes), or one for each sample and channel with the
        raters' mean (the axis), population standard deviation (sd_valence, ...) and number (n).

    Returns
    -------
    DataFrame
        One row for each channel and axis: ``items`` with two raters or more; ``raters``, their mean number; ``icc``, the
        reliability of one rater, ICC(1); ``reliability``, the share of the means' variance that is not error of their own
        raters; ``ceiling``, its root. If all items have equally many raters, the reliability is ICC(1,k); otherwise ICC(1,k)
        is too high a bound for a correlation in which each item counts once. Negative reliabilities are 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from affectspace.corpora import axis_agreement
    >>> ratings = pd.DataFrame({"id": list("aabbcc"), "valence": [0.0, 0.1, 0.5, 0.6, -0.5, -0.4]})
    >>> round(axis_agreement(ratings)["reliability"].item(), 2)
    0.99
    """
    rows = []
    for channel, part in _by_channel(_without_self_ratings(ratings)):
        for axis in AXES:
            moments = _moments(part, axis) if axis in part and part[axis].notna().any() else None
            if moments is not None:
                rows.append({"channel": channel, "axis": axis, **_reliabilities(*moments)})
    return pd.DataFrame(rows, columns=["channel", "axis", "items", "raters", "icc", "reliability", "ceiling"])


def channel_correlations(ratings: pd.DataFrame) -> pd.DataFrame:
    """Compute Pearson's r of two channels' means over the samples that both rated, for each pair of channels and axis."""
    rows = _pairwise_correlations(_without_self_ratings(ratings), "channel") if "channel" in ratings else []
    return pd.DataFrame(rows, columns=["first", "second", "axis", "n", "r"])


def rater_correlations(ratings: pd.DataFrame) -> pd.DataFrame:
    """Compute Pearson's r of two raters over the n samples that both rated, for each channel, axis and pair of raters.

    Empty if the raters are not named. These are no ceilings for correlations with raters' means: see `axis_agreement`.
    """
    rows: list[dict[str, Any]] = []
    if "rater" in ratings:
        for channel, part in _by_channel(_without_self_ratings(ratings)):
            rows += [{"channel": channel, **pair} for pair in _pairwise_correlations(part, "rater")]
    return pd.DataFrame(rows, columns=["channel", "first", "second", "axis", "n", "r"])


def channel_emotions(ratings: pd.DataFrame) -> pd.DataFrame:
    """Compute the agreement of the emotions perceived through two channels, for each pair of channels.

    ratings: one row for each sample and channel, with the column emotion, which is missing where votes are tied. Columns: ``n``
    samples with an emotion in both; ``same``, the share of equal emotions; ``kappa``, Cohen's, NaN where it is not defined.
    """
    rows = []
    if {"channel", "emotion"} <= set(ratings) and not ratings.duplicated(["id", "channel"]).any():
        wide = ratings.pivot(index="id", columns="channel", values="emotion")
        for first, second in combinations(sorted(wide.columns), 2):
            both = wide[[first, second]].dropna()
            if not len(both):
                continue
            same = float((both[first] == both[second]).mean())
            shares = [both[name].value_counts(normalize=True) for name in (first, second)]
            chance = float(shares[0].mul(shares[1], fill_value=0).sum())
            kappa = (same - chance) / (1 - chance) if chance < _ALL_ALIKE else np.nan
            rows.append({"first": first, "second": second, "n": len(both), "same": same, "kappa": kappa})
    return pd.DataFrame(rows, columns=["first", "second", "n", "same", "kappa"])


def emotion_agreement(ratings: pd.DataFrame, acted: pd.Series | None = None) -> pd.DataFrame:
    """Compute agreement on emotions, one row for each channel.

    Parameters
    ----------
    ratings : DataFrame
        One row for each rater and sample with the column emotion, or one for each sample and channel with a column of votes
        for each emotion.
    acted : Series, optional
        The acted emotion, indexed by id.

    Returns
    -------
    DataFrame
        ``items`` with two votes or more; ``raters``, their mean number; ``kappa``, Fleiss' for any number of votes;
        ``majority``, the mean share of the most frequent vote; ``human``, the balanced accuracy with which one vote predicts
        the majority of the others, which is what a single human reaches; ``acted``, the share of samples whose majority is
        the acted emotion. Ties count in part.
    """
    rows = []
    for channel, part in _by_channel(_without_self_ratings(ratings)):
        counts = _votes(part)
        if counts is None:
            continue
        counts = counts[counts.sum(axis=1) >= 2]
        if not len(counts):
            continue
        votes = counts.to_numpy(np.float64)
        row = {
            "channel": channel,
            "items": len(votes),
            "raters": float(votes.sum(axis=1).mean()),
            "kappa": fleiss_kappa(votes),
            "majority": float((votes.max(axis=1) / votes.sum(axis=1)).mean()),
            "human": _one_against_others(votes),
        }
        rows.append(row if acted is None else row | {"acted": _share_as_acted(counts, acted)})
    columns = ["channel", "items", "raters", "kappa", "majority", "human", *(["acted"] if acted is not None else [])]
    return pd.DataFrame(rows, columns=columns)


def fleiss_kappa(votes: np.ndarray) -> float:
    """Compute Fleiss' kappa of (items, categories) counts, with two votes or more for each item; NaN for one category."""
    votes = np.asarray(votes, dtype=np.float64)
    number = votes.sum(axis=1)
    if (number < 2).any():
        raise DataError("kappa needs two votes or more for every item; leave the other items out")
    observed = ((votes**2).sum(axis=1) - number) / (number * (number - 1))
    expected = float(((votes.sum(axis=0) / votes.sum()) ** 2).sum())
    return float("nan") if expected > _ALL_ALIKE else float((observed.mean() - expected) / (1 - expected))


def _without_self_ratings(ratings: pd.DataFrame) -> pd.DataFrame:
    return ratings[~ratings["own"].astype(bool)] if "own" in ratings else ratings


def _by_channel(ratings: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if "channel" not in ratings:
        yield "", ratings
        return
    for name, part in ratings.groupby("channel", sort=False):
        yield str(name), part


def _pairwise_correlations(ratings: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """r for each pair of the column's values and axis; NaN for fewer than three samples or a constant."""
    rows = []
    for axis in ALL_AXES:
        if axis not in ratings or ratings[axis].isna().all():
            continue
        wide = ratings.pivot_table(index="id", columns=column, values=axis, aggfunc="mean")
        for first, second in combinations(sorted(wide.columns), 2):
            both = wide[[first, second]].dropna()
            if len(both):
                r = both[first].corr(both[second]) if len(both) > 2 and both.std().min() > 0 else np.nan
                rows.append({"first": first, "second": second, "axis": axis, "n": len(both), "r": float(r)})
    return rows


def _moments(part: pd.DataFrame, axis: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Mean, sum of squares within, and number of raters of each item with two or more; None if the spread is unknown."""
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


def _reliabilities(mean: np.ndarray, within: np.ndarray, number: np.ndarray) -> dict[str, float]:
    items, total = len(mean), number.sum()
    inside = within.sum() / (total - items)
    between = (number * (mean - (number * mean).sum() / total) ** 2).sum() / (items - 1)
    size = (total - (number**2).sum() / total) / (items - 1)
    observed = mean.var(ddof=1)
    icc = reliability = np.nan
    if between > 0 and observed > 0:
        icc = max(float((between - inside) / (between + (size - 1) * inside)), 0.0)
        reliability = max(float(1 - (within / (number - 1) / number).mean() / observed), 0.0)
    ceiling = float(np.sqrt(reliability))
    raters = float(number.mean())
    return {"items": items, "raters": raters, "icc": icc, "reliability": reliability, "ceiling": ceiling}


def _votes(part: pd.DataFrame) -> pd.DataFrame | None:
    """Counts of votes, samples by emotions; None if there are none."""
    columns = [name for name in CATEGORIES if name in part]
    if columns:
        return part.set_index("id")[columns].fillna(0)
    if "rater" in part and "emotion" in part and part["emotion"].notna().any():
        known = part.dropna(subset=["emotion"])
        return pd.crosstab(known["id"], known["emotion"])
    return None


def _one_against_others(votes: np.ndarray) -> float:
    """Mean over emotions of how often a vote is the majority of the item's other votes, where that is the emotion."""
    hits, rows = np.zeros(votes.shape[1]), np.zeros(votes.shape[1])
    for emotion in range(votes.shape[1]):
        cast = votes[:, emotion] > 0
        rest = votes[cast] - np.eye(votes.shape[1])[emotion]
        best = rest == rest.max(axis=1, keepdims=True)
        share = best / best.sum(axis=1, keepdims=True) * votes[cast, emotion][:, None]
        rows += share.sum(axis=0)
        hits[emotion] += share[:, emotion].sum()
    return float((hits[rows > 0] / rows[rows > 0]).mean())


def _share_as_acted(votes: pd.DataFrame, acted: pd.Series) -> float:
    best = votes.to_numpy() == votes.max(axis=1).to_numpy()[:, None]
    acted = acted.reindex(votes.index)
    place = votes.columns.get_indexer(pd.Index(acted.fillna("")))
    share = np.where(place >= 0, best[np.arange(len(best)), place] / best.sum(axis=1), 0.0)[acted.notna()]
    return float(share.mean()) if len(share) else float("nan")
