"""Sums, noise and work in blocks that do not depend on how a table is cut into pieces."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from affectspace.errors import ConfigError

BLOCK = 16_384
_WORTH_THREADS = 16 * BLOCK  # numpy lets go of the interpreter's lock inside a block; starting threads costs 0.1 ms


def in_blocks(work: Callable[[int, int], None], n: int) -> None:
    """Call work(start, stop) for consecutive blocks of n rows. Each call writes its own rows only."""
    starts = range(0, n, BLOCK)
    workers = min(4, os.cpu_count() or 1)
    if n < _WORTH_THREADS or workers == 1:
        for start in starts:
            work(start, min(start + BLOCK, n))
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda start: work(start, min(start + BLOCK, n)), starts):
            pass


DISTRIBUTIONS = ("uniform", "gaussian")
_SHORTER = 1 - 2e-7  # float32's (cos, sin) may be longer than 1 by its last bit; nothing may lie outside the ball


def seed_of(random_state: Any) -> int:
    """The seed that a `random_state` stands for: an int is itself, None is fresh, a generator is drawn from once."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**62, dtype=np.int64))
    if isinstance(random_state, int | np.integer) and 0 <= random_state < 2**128:
        return int(random_state)
    raise ConfigError(f"random_state is {random_state!r}; it must be None, a whole number from 0, or a numpy generator")


class UnitNoise:
    """Rows of noise with as many columns as there are axes: uniform in the unit ball, or standard normal.

    Every block of rows has a generator of its own, seeded with (seed, block), so that row i is the same whether it is
    asked for alone or with all the others. Radii are float64: a float32 uniform has 2^24 values only; in ten million
    labels most would come twice. For the angle in the plane that many are plenty, and sine and cosine 20 times as fast.
    """

    def __init__(self, seed: int, axes: int, distribution: str) -> None:
        self.seed, self.axes, self.distribution = seed, axes, distribution

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start..stop, float64, shape (stop - start, axes)."""
        out = np.empty((stop - start, self.axes))
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            low, high = max(start, first), min(stop, first + BLOCK)
            # Draws go row by row, so that the beginning of a block does not depend on how much of it is asked for.
            out[low - start : high - start] = self._draw(block, high - first)[low - first :]
        return out

    def _draw(self, block: int, n: int) -> np.ndarray:
        if self.distribution == "gaussian":
            return self._generator(block, 0).standard_normal((n, self.axes))
        if self.axes == 1:
            return self._generator(block, 0).uniform(-1, 1, (n, 1))
        if self.axes == 2:  # line 4 of Algorithm 1: x = sqrt(r) cos(theta), y = sqrt(r) sin(theta)
            radius = np.sqrt(self._generator(block, 0).random(n)) * _SHORTER
            angle = self._generator(block, 1).random(n, dtype=np.float32)
            angle *= np.float32(2 * np.pi)
            out = np.empty((n, 2))
            np.multiply(radius, np.cos(angle), out=out[:, 0])
            np.multiply(radius, np.sin(angle), out=out[:, 1])
            return out
        direction = self._generator(block, 0).standard_normal((n, self.axes))
        radius = self._generator(block, 1).random(n) ** (1 / self.axes)  # the volume within r grows as r^d
        return direction * (radius / np.sqrt((direction * direction).sum(axis=1)))[:, None]

    def _generator(self, block: int, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(self.seed, spawn_key=(block, stream))))


class Moments:
    """Weighted first and second moments of the rows of each emotion (lines 1 and 2 of Algorithm 1).

    A weight is a number of repetitions: a row of weight 2 counts as two rows, one of weight 0 as none.
    """

    def __init__(self, axes: int) -> None:
        self.axes = axes
        self._groups: dict[Any, tuple[float, np.ndarray, np.ndarray]] = {}

    def add(self, vad: np.ndarray, emotions: np.ndarray, weights: np.ndarray | None = None) -> Moments:
        """Add rows: vad (n, axes) without NaN, emotions (n,), weights (n,) or None. Returns itself."""
        names, codes = np.unique(emotions, return_inverse=True)
        for position, name in enumerate(names.tolist()):
            mine = codes == position
            rows = vad[mine]
            weight = np.ones(len(rows)) if weights is None else weights[mine]
            total = float(weight.sum())
            if total <= 0:
                continue
            mean = weight @ rows / total
            spread = (rows - mean).T @ ((rows - mean) * weight[:, None])
            self._groups[name] = _merged(self._groups.get(name), (total, mean, spread))
        return self

    @property
    def names(self) -> list[Any]:
        """The emotions seen, sorted."""
        return sorted(self._groups)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts (k,), means (k, axes) and covariances (k, axes, axes), in the order of `names`.

        The covariance divides by the count less one, as the published statistics do; it is NaN for a single row.
        """
        groups = [self._groups[name] for name in self.names]
        counts = np.array([count for count, _, _ in groups])
        freedom = np.where(counts > 1, counts - 1, np.nan)
        spreads = np.array([spread for _, _, spread in groups]).reshape(-1, self.axes, self.axes)
        means = np.array([mean for _, mean, _ in groups]).reshape(-1, self.axes)
        return counts, means, spreads / freedom[:, None, None]


def _merged(
    old: tuple[float, np.ndarray, np.ndarray] | None, new: tuple[float, np.ndarray, np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The moments of two pieces together (Chan, Golub & LeVeque 1979): stable, unlike a sum of squares."""
    if old is None:
        return new
    total = old[0] + new[0]
    step = new[1] - old[1]
    spread = old[2] + new[2] + np.outer(step, step) * (old[0] * new[0] / total)
    return total, old[1] + step * (new[0] / total), spread
