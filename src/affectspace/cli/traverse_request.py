"""What `affectspace traverse` is asked for, checked before anything is read: ranges, rows, paths, and where figures go."""

import os
from pathlib import Path

from affectspace.errors import ConfigError, RunError

MOST = 21  # steps of an axis
METHODS = ("directions", "heads")
CROPS = ("auto", "face", "middle")
VALENCES, AROUSALS, FRAMES = "-0.8:0.8:5", "-0.6:0.8:5", 48
STRONGEST = 5


class Asked:
    """What a walk is asked for, checked. Raises ConfigError.

    valences, arousals : the grid; path : as it was written, or None; points : (frames, 2) of it, or None
    """

    def __init__(
        self, valence: str, arousal: str, path: str | None, frames: int, crop: str, method: str, strength: float
    ) -> None:
        self.valences, self.arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
        for option, value, known in (("--crop", crop, CROPS), ("--method", method, METHODS)):
            if value not in known:
                raise ConfigError(f"{option} {value}: choose {' or '.join(known)}")
        if not 0 < strength <= STRONGEST:
            raise ConfigError(f"--strength {strength:g}: it lies above 0 and is at most {STRONGEST}; 1 changes nothing")
        if strength != 1 and method != "directions":
            raise ConfigError(f"--strength {strength:g}: for --method directions only")
        self.path, self.crop, self.method, self.strength, self.points = path, crop, method, strength, None
        if path is not None:
            from affectspace.generation.paths import path_points

            self.points = path_points(path, self.valences, self.arousals, frames)


def parse_range(text: str, option: str) -> list[float]:
    """``low:high:steps`` as values; from high to low where low is the greater. Raises ConfigError."""
    example = f"{option} {text!r}: write low:high:steps, such as -0.8:0.8:5"
    parts = text.split(":")
    if len(parts) != 3:
        raise ConfigError(example)
    try:
        low, high, steps = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ConfigError(example) from None
    if not (-1 <= low <= 1 and -1 <= high <= 1):
        raise ConfigError(f"{option} {text!r}: valence and arousal lie on [-1, 1]")
    if low == high or not 2 <= steps <= MOST:
        raise ConfigError(f"{option} {text!r}: give two ends that differ, and 2 to {MOST} steps")
    return [round(low + (high - low) * step / (steps - 1), 6) for step in range(steps)]


def parse_rows(text: str) -> tuple[str, int]:
    """``part:number``, or only the part for 4 of it. Raises ConfigError."""
    part, colon, number = text.partition(":")
    if part not in ("train", "validation", "test") or (colon and not number.isdecimal()) or (colon and int(number) < 1):
        raise ConfigError(f"--dataset-rows {text!r}: write part:number, such as test:8 (train, validation, test)")
    return part, int(number) if colon else 4


def check_folder(folder: Path) -> None:
    """Raises RunError where a folder cannot be made or written into; said before minutes of work, not after them."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise RunError(f"--out {folder}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise RunError(f"--out {folder}: nothing may be written into {there}; name another folder")


def stems_to_write(folder: Path, names: list[str], suffixes: list[str], force: bool) -> list[Path]:
    """Paths without their ending, one a face. Raises RunError where a file is there and must not be replaced."""
    stems = [folder / name for name in file_names(names)]
    files = [stem.with_name(stem.name + suffix) for stem in stems for suffix in suffixes]
    there = [file for file in (*files, folder / "walks.json") if file.exists()]
    if there and not force:
        raise RunError(f"{there[0]} is there already; --force replaces it, --out names another folder")
    return stems


def file_names(names: list[str]) -> list[str]:
    """Names that are safe for files and differ from each other even where capitals do not count."""
    found: list[str] = []
    for name in names:
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        safe = safe.strip(".")[:80] or "face"
        candidate, number = safe, 2
        while candidate.lower() in (taken.lower() for taken in found):
            candidate, number = f"{safe}-{number}", number + 1
        found.append(candidate)
    return found
