"""Noise that depends only on the seed and the row, and work in blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from affectspace.errors import ConfigError

BLOCK = 16_384
DISTRIBUTIONS = ("uniform", "gaussian")
_WORTH_THREADS = 16 * BLOCK  # NumPy releases the interpreter lock inside a block; starting threads costs 0.1 ms
_SHORTER = 1 - 2e-7  # float32's (cos, sin) may be longer than 1 by its last bit; no point may lie outside the ball


def in_blocks(work: Callable[[int, int], None], n: int) -> None:
    """Call work(start, stop) for consecutive blocks of n rows. A call must write only its own rows."""
    starts = range(0, n, BLOCK)
    workers = min(4, os.cpu_count() or 1)
    if n < _WORTH_THREADS or workers == 1:
        for start in starts:
            work(start, min(start + BLOCK, n))
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda start: work(start, min(start + BLOCK, n)), starts):
            pass


def seed_of(random_state: Any) -> int:
    """Return the seed of a `random_state`: an int itself, a fresh seed for None, one draw from a generator."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**62, dtype=np.int64))
    if isinstance(random_state, int | np.integer) and 0 <= random_state < 2**128:
        return int(random_state)
    raise ConfigError(f"random_state is {random_state!r}; it must be None, an integer from 0, or a NumPy generator")


class UnitNoise:
    """Rows of noise with one column for each axis: uniform in the unit ball, or standard normal.

    Every block of rows has its own generator, seeded with (seed, block), so that row i is the same whether it is drawn alone or
    with others. Radii are float64: a float32 uniform has only 2^24 values, and most of ten million labels would occur twice.
    For the angle in the plane that is enough, and sine and cosine are 20 times as fast.
    """

    def __init__(self, seed: int, axes: int, distribution: str) -> None:
        self.seed, self.axes, self.distribution = seed, axes, distribution

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return rows start..stop, (stop - start, axes) float64."""
        out = np.empty((stop - start, self.axes))
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            low, high = max(start, first), min(stop, first + BLOCK)
            # Draws go row by row, so that the beginning of a block does not depend on how much of it is drawn.
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
