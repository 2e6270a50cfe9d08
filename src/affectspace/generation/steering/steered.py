"""What steering gives: for each sentence a text a step, what was asked, and what our encoder reads of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectspace.scales import AXES


@dataclass(frozen=True, eq=False)
class Steered:
    """One sentence along a path. All affect is in standard deviations of the corpus.

    text : the seed; own : (3,), what the encoder reads of it; asked : (steps, 3), NaN for axes that were left as they are
    given : (steps, 3), the projector's input: the asked values through the calibration
    texts : one a step; reached : (steps, 3), what the encoder reads of them; content : (steps,) cosine to the seed
    clipped : steps whose input lies at the projector's reach, or was cut to it
    """

    text: str
    own: np.ndarray
    asked: np.ndarray
    given: np.ndarray
    texts: tuple[str, ...]
    reached: np.ndarray
    content: np.ndarray
    clipped: int = 0

    @property
    def asked_axes(self) -> tuple[int, ...]:
        """Places of the axes that were asked for."""
        return tuple(int(axis) for axis in np.flatnonzero(~np.isnan(self.asked).all(axis=0)))

    def table(self) -> pd.DataFrame:
        """A row a step: seed, step, asked and encoder's values in sd, content, text."""
        columns: dict[str, object] = {"seed": self.text, "step": np.arange(len(self.texts))}
        for axis in self.asked_axes:
            columns[f"asked_{AXES[axis]}"] = self.asked[:, axis]
        for axis, name in enumerate(AXES):
            columns[f"encoder_{name}"] = self.reached[:, axis]
        return pd.DataFrame({**columns, "content": self.content, "text": list(self.texts)})


def table_of(found: Sequence[Steered]) -> pd.DataFrame:
    """The tables of several sentences one after another."""
    return pd.concat([one.table() for one in found], ignore_index=True)
