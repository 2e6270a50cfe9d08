"""CMU's computational sequences (``.csd``): HDF5 of /<name>/data/<video>/{features, intervals}."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectspace.errors import DataError

Sequence = dict[str, tuple[np.ndarray, np.ndarray]]


def sequence_file(root: Path, name: str) -> Path:
    """The file of that name in the root or up to two folders below. Raises DataError where there is none."""
    for pattern in (name, f"*/{name}", f"*/*/{name}"):
        found = sorted(root.glob(pattern))
        if found:
            return found[0]
    raise DataError(f"{root}: no label.csv and no {name} here; expected Raw/ beside {name}, or label.csv beside Raw/")


def read_sequence(path: Path, *, width: int) -> Sequence:
    """Video -> (features (n, width), intervals (n, 2) in seconds), float64, in the file's order of rows.

    Raises DataError where h5py is not installed, the file is no HDF5 and no computational sequence, or a video's arrays
    have other shapes.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: reading .csd needs h5py; install it: pip install 'affectspace[video]'") from error
    found: Sequence = {}
    try:
        with h5py.File(path, "r") as file:
            named = [name for name in file if isinstance(file[name], h5py.Group) and "data" in file[name]]
            if len(named) != 1:
                raise DataError(f"{path}: no computational sequence; expected one group with data, found {list(file)}")
            data = file[named[0]]["data"]
            for video in data:
                features = np.asarray(data[video]["features"], dtype=np.float64)
                intervals = np.asarray(data[video]["intervals"], dtype=np.float64)
                n = len(features)
                if features.shape != (n, width) or intervals.shape != (n, 2):
                    raise DataError(
                        f"{path}: video {video!r} has features {features.shape} and intervals {intervals.shape}; "
                        f"expected (n, {width}) and (n, 2)"
                    )
                found[str(video)] = (features, intervals)
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: not a computational sequence that can be read ({error}); copy it again") from error
    if not found:
        raise DataError(f"{path}: no videos in it; copy it again")
    return found
