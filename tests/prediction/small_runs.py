"""What a small run itself says of vectors, for tests of what is predicted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.models import AffectModel
from affectspace.training.runs import load

from .conftest import Letters

MakeRun = Callable[..., Path]
SMALL = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}


def expected(run: Path, **given: np.ndarray) -> Any:
    """What the model itself says of vectors; modality -> (n, width)."""
    model = load(run)
    assert isinstance(model, AffectModel)
    n = len(next(iter(given.values())))
    with torch.inference_mode():
        return model.represent(
            {name: torch.from_numpy(value.astype(np.float32)) for name, value in given.items()},
            {name: torch.ones(n, dtype=torch.bool) for name in given},
        )


def letters(text: str) -> np.ndarray:
    return Letters(400).encode([text.lower()])
