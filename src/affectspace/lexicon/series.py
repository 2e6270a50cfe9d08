"""Emotion dynamics of one series: its home base, the displacements from it, and how fast they rise and recover.

Source: Hipson & Mohammad (2021), "Emotion dynamics in movie dialogues". The figures equal those of the authors' tool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from affectspace.errors import ConfigError, DataError

HOME_BASES = ("deviation", "t")
_ROUNDING = 1e-12  # two states lie exactly on the edges of their home base and must count as inside, on any scale


@dataclass(frozen=True)
class HomeBase:
    """The home base of a series: mean +- width standard deviations (divided by n), or a t-interval.

    Parameters
    ----------
    kind : {"deviation", "t"}
        "t": n - 1 degrees of freedom around the mean, scaled by the standard deviation.
    width : float
        Standard deviations, for "deviation".
    level : float
        Level of the interval, for "t".
    shortest : int
        Displacements of fewer steps have no length, rise or recovery.
    """

    kind: str = "deviation"
    width: float = 1.0
    level: float = 0.68
    shortest: int = 1

    def __post_init__(self) -> None:
        if self.kind not in HOME_BASES:
            raise ConfigError(f"unknown home base {self.kind!r}; choose from {', '.join(HOME_BASES)}")
        if not (0 < self.width < np.inf and 0 < self.level < 1 and self.shortest >= 1):
            raise ConfigError(f"{self}: width must be above 0, level between 0 and 1, shortest at least 1")

    def band(self, values: np.ndarray) -> tuple[float, float]:
        """Return (low, high) of the values, (n,) without NaN."""
        mean, deviation = float(values.mean()), float(values.std())
        factor = self.width
        if self.kind == "t":
            if len(values) < 2:
                return mean, mean
            from scipy.stats import t

            factor = float(t.ppf(0.5 + self.level / 2, len(values) - 1))
        return mean - factor * deviation, mean + factor * deviation


@dataclass(frozen=True)
class Dynamics:
    """Dynamics of one series.

    Attributes
    ----------
    states : DataFrame
        One row for each step: value, state (HOME, LOW, HIGH), in_home_base, distance (to the home base, 0 inside),
        displacement (number from 1, NaN inside), is_peak (NaN inside), step (from the peak: negative while rising, positive
        while recovering), length, peak_distance, rise_rate and recovery_rate (the peak's distance per step of rise or
        recovery).
    summary : dict
        Figures of the series.
    low, high : float
        Home base.
    """

    states: pd.DataFrame
    summary: dict[str, float]
    low: float
    high: float


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the means of `window` consecutive values, (n - window + 1,); empty if there are fewer values."""
    if window < 1:
        raise ConfigError(f"window is {window}; it must be at least 1")
    if len(values) < window:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(values, window).mean(axis=1)


def dynamics(series: ArrayLike, *, window: int = 1, home_base: HomeBase | None = None) -> Dynamics:
    """Compute the dynamics of values in order of time: of a lexicon's words, or of any model's predictions.

    Parameters
    ----------
    series : array_like of shape (n,)
        Finite, in any unit.
    window : int
        Steps of the rolling mean.
    home_base : HomeBase, optional

    Returns
    -------
    Dynamics
        A state for each of the n - window + 1 windows. The summary's means are over steps, as in the original tool, not over
        displacements, so a long displacement has more weight in `length`. `displacements`, `low_displacements` and
        `high_displacements` are counts; `*_displacements_original` are the original's counters, one more than the
        displacements that returned.

    Raises
    ------
    DataError
        If the series is shorter than the window or not finite.

    Examples
    --------
    >>> from affectspace.lexicon import dynamics
    >>> result = dynamics([0, 0, 1, 5, 1, 0, 0, 0, 0, 0])
    >>> result.states["state"].tolist()[2:5]
    ['HOME', 'HIGH', 'HOME']
    >>> result.summary["displacements"]
    1.0
    """
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise DataError(
            f"a series must be finite numbers of shape (n,), got shape {values.shape}; leave gaps out before"
        )
    rolled = rolling_mean(values, window)
    if not len(rolled):
        raise DataError(
            f"a series of {len(values)} steps is shorter than the window of {window}; choose a smaller window"
        )
    chosen = home_base or HomeBase()
    low, high = chosen.band(rolled)
    states = _states(rolled, low, high, chosen.shortest)
    summary = {"mean": float(rolled.mean()), "std": float(rolled.std(ddof=1)) if len(rolled) > 1 else np.nan}
    summary |= {"lexical_mean": float(values.mean()), **_summary(states)}
    return Dynamics(states, summary, low, high)


def _states(values: np.ndarray, low: float, high: float, shortest: int) -> pd.DataFrame:
    slack = _ROUNDING * max(1.0, float(np.abs(values).max()))
    above, below = values > high + slack, values < low - slack
    away = above | below
    n = len(values)
    table: dict[str, Any] = {
        "value": values,
        "state": np.where(above, "HIGH", np.where(below, "LOW", "HOME")),
        "in_home_base": ~away,
        "distance": np.where(above, values - high, np.where(below, low - values, 0.0)),
        "peak_distance": np.zeros(n),
    }
    for name in ("displacement", "is_peak", "step", "length", "rise_rate", "recovery_rate"):
        table[name] = np.full(n, np.nan)
    edges = np.flatnonzero(np.diff(away.astype(np.int8), prepend=0, append=0))
    for number, (start, stop) in enumerate(edges.reshape(-1, 2), start=1):
        run = slice(int(start), int(stop))
        distance = table["distance"][run]
        peak = int(distance.argmax())
        steps = np.arange(len(distance)) - peak
        table["displacement"][run] = number
        table["peak_distance"][run] = distance[peak]
        table["is_peak"][run] = distance == distance[peak]
        table["step"][run] = steps
        if len(distance) >= shortest:
            table["length"][run] = len(distance)
            table["rise_rate"][run] = np.where(steps < 0, distance[peak] / max(peak, 1), np.nan)
            after = len(distance) - 1 - peak
            table["recovery_rate"][run] = np.where(steps > 0, distance[peak] / max(after, 1), np.nan)
    return pd.DataFrame(table)


def _summary(states: pd.DataFrame) -> dict[str, float]:
    """Means over steps, as in the original tool, and the numbers of displacements in both ways of counting."""
    state = states["state"].to_numpy()
    rise, recovery = states["rise_rate"].to_numpy(), states["recovery_rate"].to_numpy()
    away = state != "HOME"
    last = away & np.append(~away[1:], True)  # the state in the last step of a displacement is its side
    returned = last.copy()
    returned[-1] = False
    return {
        "in_home_base": float((~away).mean()),
        "distance": float(states["distance"].mean()),
        "peak_distance": float(states["peak_distance"].mean()),
        "length": _mean(states["length"].to_numpy()),
        "rise_rate": _mean(rise),
        "recovery_rate": _mean(recovery),
        "home_to_low_rate": _mean(rise[state == "LOW"]),
        "low_to_home_rate": _mean(recovery[state == "LOW"]),
        "home_to_high_rate": _mean(rise[state == "HIGH"]),
        "high_to_home_rate": _mean(recovery[state == "HIGH"]),
        "displacements": float(last.sum()),
        "low_displacements": float((last & (state == "LOW")).sum()),
        "high_displacements": float((last & (state == "HIGH")).sum()),
        "displacements_original": float(returned.sum() + 1),
        "low_displacements_original": float((returned & (state == "LOW")).sum() + 1),
        "high_displacements_original": float((returned & (state == "HIGH")).sum() + 1),
    }


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
