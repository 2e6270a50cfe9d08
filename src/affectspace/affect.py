"""The axes of affect, the scales on which corpora write them, and the emotion categories.

Canonical values are in the order valence, arousal, dominance (of those that a scale has), on [-1, 1], and NaN where nothing
was annotated. Sentiment is an axis of its own: it is not valence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


AXES = ("valence", "arousal", "dominance")
ALL_AXES = (*AXES, "sentiment")
_TOLERANCE = 1e-6  # share of the nominal range; a value that went through float32 counts as inside


@dataclass(frozen=True)
class Scale:
    """The scale on which a corpus writes its axes.

    Parameters
    ----------
    name : str
        Name for messages.
    axes : tuple of str
        Axes in the order of the corpus' columns.
    low, high : float or tuple of float
        Nominal range, one number or one for each axis. It is mapped to [-1, 1].
    neutral : tuple of float, optional
        What the corpus calls neutral, for each axis. For information only, never used as an offset.
    missing : float, optional
        Code for "not annotated".
    accepted : tuple of two floats, optional
        Range outside of which a value is an error. Default: the nominal range.
    source : str, optional
        Publication that describes the scale.

    Raises
    ------
    ConfigError
        If an axis is unknown or repeated, or if the numbers contradict each other.

    Examples
    --------
    >>> from affectspace import Scale
    >>> sam = Scale("sam", ("valence", "arousal"), 1, 9)
    >>> sam.to_canonical([[9, 5], [1, 3]])
    array([[ 1. ,  0. ],
           [-1. , -0.5]])
    """

    name: str
    axes: tuple[str, ...]
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    neutral: tuple[float, ...] | None = None
    missing: float | None = None
    accepted: tuple[float, float] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        def refuse(reason: str) -> None:
            raise ConfigError(f"scale {self.name!r}: {reason}")

        if not self.axes or not set(self.axes) <= set(ALL_AXES) or len(set(self.axes)) != len(self.axes):
            refuse(f"axes {self.axes} must be different names of {', '.join(ALL_AXES)}")
        for end in (self.low, self.high):
            if isinstance(end, tuple) and len(end) != len(self.axes):
                refuse(f"{len(end)} ranges for {len(self.axes)} axes ({', '.join(self.axes)}); give one, or one each")
        for axis, (low, high) in zip(self.axes, self.ranges, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                refuse(f"{axis} runs from {low:g} to {high:g}; low must be below high")
            if self.missing is not None and low <= self.missing <= high:
                refuse(f"the missing code {self.missing} lies inside {low}..{high}")
        if self.accepted is not None and any(self.accepted[0] > a or self.accepted[1] < b for a, b in self.ranges):
            refuse(f"the accepted range {self.accepted} must contain the nominal range")
        if self.neutral is not None and len(self.neutral) != len(self.axes):
            refuse(f"neutral needs one number for each of {', '.join(self.axes)}")

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each axis, in the scale's own order."""
        ends = (self.low, self.high)
        lows, highs = (end if isinstance(end, tuple) else (end,) * len(self.axes) for end in ends)
        return tuple(zip(lows, highs, strict=True))

    @property
    def canonical_axes(self) -> tuple[str, ...]:
        """The scale's axes in canonical order: the columns that `to_canonical` returns."""
        return tuple(axis for axis in ALL_AXES if axis in self.axes)

    def select(self, axes: Sequence[str]) -> Scale:
        """Return the same scale for some of its axes, in the given order."""
        absent = [axis for axis in axes if axis not in self.axes]
        if absent:
            raise ConfigError(f"scale {self.name!r} has no {', '.join(absent)}; it has {', '.join(self.axes)}")
        places = [self.axes.index(axis) for axis in axes]
        return replace(
            self,
            axes=tuple(axes),
            low=tuple(self.ranges[i][0] for i in places),
            high=tuple(self.ranges[i][1] for i in places),
            neutral=None if self.neutral is None else tuple(self.neutral[i] for i in places),
        )

    def to_canonical(
        self,
        values: ArrayLike,
        *,
        rows: Sequence[Any] | None = None,
        where: str = "",
        columns: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Map native values to [-1, 1], by the affine map of the nominal range.

        Parameters
        ----------
        values : array_like of shape (n, axes)
            Columns in the scale's own order; shape (n,) is accepted for a scale of one axis.
        rows : sequence of length n, optional
            Names of the rows for messages. Default: 0, 1, ...
        where : str, optional
            File name for messages.
        columns : mapping, optional
            Axis -> name of its column in the file, for messages.

        Returns
        -------
        ndarray of the same shape
            float64, columns in canonical order (`canonical_axes`). The missing code and NaN become NaN. Values outside the
            nominal but inside the accepted range are kept; `outside_nominal` counts them.

        Raises
        ------
        DataError
            If a value lies outside the accepted range; the message names its row.
        """
        import numpy as np

        native, flat = self._matrix(values, where)
        if self.missing is not None:
            native[native == self.missing] = np.nan
        low, high = np.array(self.ranges).T
        accepted_low, accepted_high = (low, high) if self.accepted is None else np.array(self.accepted)[:, None]
        slack = _TOLERANCE * (high - low)
        outside = (native < accepted_low - slack) | (native > accepted_high + slack)
        if outside.any():
            row, column = (int(i) for i in np.argwhere(outside)[0])
            others = int(outside.any(axis=1).sum()) - 1
            limits = self.accepted or self.ranges[column]
            raise DataError(
                f"{where}{': ' if where else ''}row {row if rows is None else rows[row]}: "
                f"{(columns or {}).get(self.axes[column], self.axes[column])} is {native[row, column]:g}, "
                f"outside {limits[0]:g}..{limits[1]:g}, the range of the scale {self.name!r}"
                f"{f' (other bad rows: {others:,})' if others else ''}; correct the value, or give the scale on which the "
                f"file is written: {known_scales()}"
            )
        canonical = (native - (low + high) / 2) / ((high - low) / 2)
        canonical = canonical[:, [self.axes.index(axis) for axis in self.canonical_axes]]
        return canonical[:, 0] if flat else canonical

    def to_native(self, values: ArrayLike) -> np.ndarray:
        """Map canonical values, (n, axes) in canonical order or (n,), to the scale's own range and order.

        NaN becomes the missing code, or stays NaN if the scale has none. Nothing is rounded or clipped.
        """
        import numpy as np

        canonical, flat = self._matrix(values)
        low, high = np.array(self.ranges).T
        native = canonical[:, [self.canonical_axes.index(axis) for axis in self.axes]]
        native = native * ((high - low) / 2) + (low + high) / 2
        if self.missing is not None:
            native[np.isnan(native)] = self.missing
        return native[:, 0] if flat else native

    def outside_nominal(self, values: ArrayLike) -> int:
        """Count the native values outside the nominal range. Missing ones do not count."""
        import numpy as np

        native, _ = self._matrix(values)
        low, high = np.array(self.ranges).T
        slack = _TOLERANCE * (high - low)
        return int((((native < low - slack) | (native > high + slack)) & (native != self.missing)).sum())

    def _matrix(self, values: ArrayLike, where: str = "") -> tuple[np.ndarray, bool]:
        """A float64 copy of shape (n, axes), and whether the input had the shape (n,)."""
        import numpy as np

        where = where or f"scale {self.name!r}"
        try:
            matrix = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: values must be numbers: {error}") from error
        flat = matrix.ndim == 1 and len(self.axes) == 1
        if flat:
            matrix = matrix[:, None]
        if matrix.ndim != 2 or matrix.shape[1] != len(self.axes):
            raise DataError(f"{where}: expected an array of shape (n, {len(self.axes)}), got {np.shape(values)}")
        return matrix, flat


def scale(name: str | Scale, axes: str | Sequence[str] | None = None) -> Scale:
    """Return the scale of a name in `SCALES`, or of a range of your own.

    A range is ``LOW:HIGH``; several have commas, one for each of the axes. axes : in the order of the columns, default those of
    the named scale, or valence, arousal, dominance. Raises ConfigError, with all scales and their ranges.

    Examples
    --------
    >>> scale("1:7").to_canonical([[1, 4, 7]])
    array([[-1.,  0.,  1.]])
    >>> scale("0:1,-3:3", "arousal,valence").ranges
    ((0.0, 1.0), (-3.0, 3.0))
    """
    wanted = None if axes is None else parse_axes(axes)
    known = name if isinstance(name, Scale) else SCALES.get(name.strip())
    if known is not None:
        return known if wanted is None else known.select(wanted)
    ranges = [_OWN_RANGE.fullmatch(part.strip()) for part in str(name).split(",")]
    if None in ranges:
        raise ConfigError(f"unknown scale {name!r}; give {known_scales()}")
    lows, highs = (tuple(float(found[side]) for found in ranges if found) for side in (1, 2))
    order = wanted or (AXES if len(lows) == 1 else AXES[: len(lows)])
    if len(lows) == 1:
        return Scale(str(name), order, lows[0], highs[0])
    return Scale(str(name), order, lows, highs)


def parse_axes(axes: str | Sequence[str]) -> tuple[str, ...]:
    """Return the axes in ``arousal,valence``. Raises ConfigError for an unknown axis and for one that is given twice."""
    names = tuple(name.strip() for name in (axes.split(",") if isinstance(axes, str) else axes))
    for name in names:
        if name not in ALL_AXES or names.count(name) > 1:
            problem = "is given twice" if name in ALL_AXES else "is no axis"
            raise ConfigError(
                f"axes {','.join(names)!r}: {name!r} {problem}; give some of {', '.join(AXES)} in the order of the columns"
            )
    return names


def known_scales() -> str:
    """Return how to write a range of one's own, and the names of the scales, a line for each range, for messages."""
    by_range: dict[str, list[str]] = {}
    for item in SCALES.values():
        ranges = dict.fromkeys(f"{low:g}:{high:g}" for low, high in item.ranges)
        by_range.setdefault(",".join(ranges), []).append(item.name)
    lines = [f"\n  {span:<9} {', '.join(names)}" for span, names in by_range.items()]
    return f"a range as LOW:HIGH, for example 1:7, or one of these names:{''.join(lines)}"


_OWN_RANGE = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)):([-+]?(?:\d+\.?\d*|\.\d+))")
_VA = AXES[:2]
SCALES: dict[str, Scale] = {
    item.name: item
    for item in (
        Scale("canonical", AXES, -1, 1, (0, 0, 0), source="affectspace's own"),
        Scale("iemocap", AXES, 1, 5, (3, 3, 3), accepted=(0.5, 5.5), source="Busso et al. 2008; 0.5 and 5.5 do occur"),
        # the order of the speech models that are trained on it
        Scale("msp_podcast", ("arousal", "dominance", "valence"), 1, 7, (4, 4, 4), source="Lotfian & Busso 2019"),
        Scale("nrc_vad_1", AXES, 0, 1, (0.5, 0.5, 0.5), source="Mohammad 2018"),
        Scale("nrc_vad_2", AXES, -1, 1, (0, 0, 0), source="Mohammad 2025"),
        Scale("sam", AXES, 1, 9, (5, 5, 5), source="Bradley & Lang 1994, nine points"),
        Scale("anew", AXES, 1, 9, (5, 5, 5), source="Bradley & Lang 1999"),
        Scale("warriner", AXES, 1, 9, (5, 5, 5), source="Warriner et al. 2013"),
        Scale("glasgow", AXES, 1, 9, (5, 5, 5), source="Scott et al. 2019"),
        Scale("emobank", AXES, 1, 5, (3, 3, 3), source="Buechel & Hahn 2017"),
        Scale("affectnet", _VA, -1, 1, (0, 0), missing=-2, source="Mollahosseini et al. 2017"),
        Scale("afew_va", _VA, -10, 10, (0, 0), source="Kossaifi et al. 2017"),
        Scale("aff_wild2", _VA, -1, 1, (0, 0), missing=-5, source="Kollias & Zafeiriou 2019"),
        # arousal on 0..1 may be one-sided, so no neutral is stated
        Scale("omg", ("arousal", "valence"), (0, -1), (1, 1), source="Barros et al. 2018"),
        Scale("vreg", ("valence",), 0, 1, (0.5,), source="SemEval-2018 Task 1 (Mohammad et al. 2018)"),
        Scale("vader", ("valence",), -4, 4, (0,), source="Hutto & Gilbert 2014"),
        Scale("unit", AXES, 0, 1, (0.5, 0.5, 0.5), source="every axis from 0 to 1"),
        Scale("mosi", ("sentiment",), -3, 3, (0,), source="Zadeh et al. 2016; sentiment is not valence"),
        Scale("ch_sims", ("sentiment",), -1, 1, (0,), source="Yu et al. 2020; sentiment is not valence"),
    )
}


CATEGORIES = (
    "neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise", "contempt", "calm", "boredom", "excitement",
    "frustration",
)  # fmt: skip
