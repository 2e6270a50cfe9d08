"""Where a corpus seems to be, when the folder that was named is one too high or too low."""

from __future__ import annotations

import os
from pathlib import Path

_SIGNS = {  # what lies in the folder that a reader wants, as patterns of names below it
    "imfdb": ("IMFDB_final", "*/*/images"),
    "afew_va": ("labels.json", "[0-9][0-9][0-9]/[0-9][0-9][0-9].json"),
    "affectnet": ("training.csv", "validation.csv", "Manually_Annotated_file_lists", "Manually_Annotated"),
    "iemocap": ("Session[1-5]/dialog/EmoEvaluation",),
    "mosi": ("CMU_MOSI_Opinion_Labels.csd", "label.csv"),
    "mosei": ("CMU_MOSEI_Labels.csd", "label.csv"),
    "ch_sims": ("label.csv",),
    "emobank": ("emobank.csv", "corpus/emobank.csv"),
    "meld": ("train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv"),
    "ravdess": ("Actor_[0-9][0-9]",),
    "emodb": ("wav/[01][0-9][ab][0-9][0-9][A-Z]*.wav",),
    "cremad": ("SentenceFilenames.csv",),
    "vreg": ("*Valence-reg-En-*.txt",),
    "faces": ("faces.zip",),
    "speakers": ("text/*/*.txt", "audio/*/*.wav", "video/*/*.mp4"),
}
_MOST = 300  # folders looked into


def elsewhere(name: str, root: Path) -> Path | None:
    """The folder near root, at most two below or above it, that looks like a reader's; None where there is none, or root does.

    name : of the reader
    """
    signs = _SIGNS.get(name, ())
    if not root.is_dir() or _looks_right(root, signs):
        return None
    above = [folder for folder in root.absolute().parents[:2] if folder != Path(folder.anchor)]
    return next((folder for folder in [*_below(root), *above] if _looks_right(folder, signs)), None)


def _looks_right(folder: Path, signs: tuple[str, ...]) -> bool:
    try:
        return any(next(folder.glob(sign), None) is not None for sign in signs)
    except OSError:
        return False


def _below(root: Path) -> list[Path]:
    """Folders in root, then those in them."""
    found = _folders(root)
    for folder in list(found):
        if len(found) < _MOST:
            found += _folders(folder)
    return found[:_MOST]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []
