"""Unit noise that is a function of (seed, row): the same numbers in whatever pieces a table is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.annotation.blocks import BLOCK
from affectspace.errors import ConfigError

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
