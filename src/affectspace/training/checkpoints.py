"""Checkpoints for continuation: written whole or not at all, read without unpickling."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from affectspace.errors import RunError
from affectspace.files import write_atomic


class WholeCheckpoints(TorchCheckpointIO):
    """What the trainer writes and reads; a full disk or a damaged file is a RunError with the remedy."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write_atomic(Path(path), lambda partial: torch.save(checkpoint, partial))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU. Raises RunError where it is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a cut file fails in many ways: zip, OS, unpickling
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} is damaged ({reason}); delete it to train from the first epoch, or use --force"
        ) from error
