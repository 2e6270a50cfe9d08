"""Walks of test people along each axis, and the judges' readings of every picture on the way."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr

from affectspace.data.dataset import Dataset
from affectspace.models import Levasa
from affectspace.progress import Progress, silent
from affectspace.studies.walks.judges import Judges
from affectspace.training.networks import outputs_of
from affectspace.walks.geometry import AXES
from affectspace.walks.pictures import Geometry, decode, walk
from affectspace.walks.runs import encode_rows
from affectspace.walks.strength import axis_points

WALK = "walk"
HEADS = "heads"  # of the walked model, which read codes and no pictures
ELSEWHERE = "elsewhere"  # moved as far in z_z, along a random direction a face


@dataclass(frozen=True)
class Line:
    """Faces walked along one axis, or as far elsewhere.

    targets : (steps,); read : name of the reader -> (faces, steps, outputs), its first two are valence and arousal
    sure : (faces, steps), the identity network's probability of the true person; named : whether it is the likeliest
    """

    targets: np.ndarray
    read: dict[str, np.ndarray]
    sure: np.ndarray
    named: np.ndarray

    def rho(self, reader: str, axis: int) -> np.ndarray:
        """Correlate the ranks of target and reading, (faces,); 0 where the reading does not change."""
        return np.array(
            [0.0 if not np.ptp(row) else spearmanr(self.targets, row).statistic for row in self.read[reader][..., axis]]
        )

    def rise(self, reader: str, axis: int) -> np.ndarray:
        """Subtract the reading at the start from that at the end, (faces,)."""
        return self.read[reader][:, -1, axis] - self.read[reader][:, 0, axis]


@dataclass(frozen=True)
class Still:
    """Pictures that are not walked, the faces themselves or their reconstructions: as in `Line`, without steps."""

    read: dict[str, np.ndarray]
    sure: np.ndarray
    named: np.ndarray


@dataclass(frozen=True)
class Judged:
    """All readings of the judges.

    rows : (faces,) of the corpus' table; people : (faces,); lines : by axis and WALK or ELSEWHERE
    real, rebuilt : the faces, and their reconstructions
    shown : (people, 2, steps, size, size, 3), one face each of six people along both axes
    """

    rows: np.ndarray
    people: np.ndarray
    lines: dict[tuple[str, str], Line]
    real: Still
    rebuilt: Still
    shown: np.ndarray


def judge_walks(
    model: Levasa,
    geometry: Geometry,
    data: Dataset,
    judges: Judges,
    faces: int,
    steps: int,
    progress: Progress = silent,
) -> Judged:
    """Walk faces of each test person along valence and arousal, without a target for the other axis, and judge them."""
    rows = chosen_rows(data, judges.walkable, faces)
    people = data.table["person"].astype(str).to_numpy()[rows]
    who = np.array([judges.people.index(person) for person in people])
    pixels = np.array(data.images(rows))
    codes = encode_rows(model, data, rows)
    spread = encode_rows(model, data, _sample(data.rows("train"))).std(axis=0)
    lines, pictures = {}, []
    for axis, name in enumerate(AXES):
        points = axis_points(axis, steps)
        targets = points[:, axis]
        moved = []
        for number, face in enumerate(pixels):
            progress(number, len(pixels), f"walks along {name}")
            moved.append(walk(model, face, points, geometry))
        images = np.stack([one.images for one in moved])
        pictures.append(images[shown_faces(people)])
        lines[name, WALK] = _line(targets, images, judges, people, who)
        lines[name, WALK].read[HEADS] = np.stack([one.heads for one in moved])
        away = elsewhere(codes, np.stack([one.codes for one in moved]), spread, model.config.chunk)
        lines[name, ELSEWHERE] = _line(targets, _decode(model, away), judges, people, who)
    return Judged(
        rows, people, lines, _still(pixels, judges, people, who), _still(_decode(model, codes), judges, people, who),
        np.stack(pictures, axis=1),
    )  # fmt: skip


def elsewhere(codes: np.ndarray, moved: np.ndarray, spread: np.ndarray, chunk: int, seed: int = 0) -> np.ndarray:
    """Move codes as far as `moved`, but in z_z and each face along its own random direction: (faces, steps, latent).

    codes : (faces, latent), where they start; spread : (latent,), deviations of training codes, in which far is measured
    """
    scale = np.where(spread > 0, spread, 1.0)
    gone = (moved - codes[:, None]) / scale
    along = gone[:, -1] - gone[:, 0]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    far = (gone * along[:, None]).sum(axis=2)  # signed, for walks pass their face
    ways = np.random.default_rng(seed).normal(size=(len(codes), codes.shape[1] - 2 * chunk))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    out = np.repeat(codes[:, None], moved.shape[1], axis=1)
    out[..., 2 * chunk :] += far[..., None] * ways[:, None] * scale[2 * chunk :]
    return out.astype(np.float32)


def chosen_rows(data: Dataset, rows: np.ndarray, faces: int) -> np.ndarray:
    """Choose at most `faces` rows of each person, evenly spaced in the order of the table."""
    people = data.table["person"].to_numpy()[rows]
    chosen = []
    for person in dict.fromkeys(people.tolist()):
        own = rows[people == person]
        chosen.append(own[np.unique(np.linspace(0, len(own) - 1, min(faces, len(own))).round().astype(int))])
    return np.concatenate(chosen)


def _sample(rows: np.ndarray, most: int = 2000) -> np.ndarray:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]


def shown_faces(people: np.ndarray, most: int = 6) -> np.ndarray:
    """Return the first face of each of the first people, as `Judged.shown` has them."""
    first = np.unique(people, return_index=True)[1]
    return np.sort(first)[:most]


def _decode(model: Levasa, codes: np.ndarray) -> np.ndarray:
    flat = torch.from_numpy(np.ascontiguousarray(codes.reshape(-1, codes.shape[-1]), dtype=np.float32))
    images = decode(model, flat)
    return images.reshape(*codes.shape[:-1], *images.shape[1:])


def _line(targets: np.ndarray, images: np.ndarray, judges: Judges, people: np.ndarray, who: np.ndarray) -> Line:
    faces, steps = images.shape[:2]
    still = _still(images.reshape(-1, *images.shape[2:]), judges, np.repeat(people, steps), np.repeat(who, steps))
    read = {name: values.reshape(faces, steps, -1) for name, values in still.read.items()}
    return Line(targets, read, still.sure.reshape(faces, steps), still.named.reshape(faces, steps))


def _still(images: np.ndarray, judges: Judges, people: np.ndarray, who: np.ndarray) -> Still:
    outputs = outputs_of(judges.identity, images)
    read = {reader.name: reader.read(images, people) for reader in judges.readers}
    return Still(read, outputs[np.arange(len(who)), who], outputs.argmax(axis=1) == who)
