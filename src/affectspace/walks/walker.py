"""A face walker: a trained model, the calibrated directions, and a reader of the pictures, behind one object."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from affectspace.errors import ConfigError
from affectspace.media.content import Source, is_animated
from affectspace.models import Levasa
from affectspace.prediction.photos import Framing, Photo, cut_photo, read_framing, read_picture
from affectspace.prediction.pretrained import shipped_walker
from affectspace.synthetic.faces import render_face, sample_parameters
from affectspace.training.runs import open_run
from affectspace.walks.pictures import Geometry, Walk, walk
from affectspace.walks.readers import Reader, named_reader
from affectspace.walks.runs import run_geometry, walkable_model
from affectspace.walks.strength import Strength

EXAMPLE_SEED = 15485863  # of example people, who are in no corpus
FIRST_FRAME = "the picture is animated: its first frame was used"


class ExampleFace(NamedTuple):
    """A drawn face of a person that no model was trained on. pixels : (size, size, 3) uint8"""

    name: str
    pixels: np.ndarray
    valence: float
    arousal: float


@dataclass(frozen=True, eq=False)
class WalkedFace(Walk):
    """A walk with what the reader reads in its pictures.

    readings : (n, 2), valence and arousal of each picture by the reader, NaN without one
    start : (2,), the same of the face itself; notes : what a user should know
    """

    readings: np.ndarray
    start: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FaceWalker:
    """Moves a face over valence and arousal.

    Parameters
    ----------
    model : Levasa
        The model, in evaluation mode.
    geometry : AffectDirections or WalkGeometry
        How codes move, stretched by the strength.
    strength : Strength, optional
        The calibration, where the run has one.
    reader : Reader, optional
        Reads valence and arousal off the pictures; it had no part in the training of the model.
    run : Path
        The run folder.
    drawn : bool
        Whether the model knows drawn faces only.

    Examples
    --------
    >>> from affectspace.walks import FaceWalker
    >>> walker = FaceWalker.pretrained()                               # doctest: +SKIP
    >>> face = walker.examples(1)[0].pixels                            # doctest: +SKIP
    >>> walk = walker.walk(face, [(0.8, 0.4), (-0.8, 0.4)])            # doctest: +SKIP
    >>> walk.images.shape, walk.readings.shape                         # doctest: +SKIP
    ((2, 64, 64, 3), (2, 2))
    """

    model: Levasa
    geometry: Geometry
    strength: Strength | None
    reader: Reader | None
    run: Path
    drawn: bool

    @classmethod
    def pretrained(cls) -> Self:
        """Open the model of drawn faces that ships. Raises RunError where it is missing."""
        return cls.of_run(shipped_walker().folder)

    @classmethod
    def of_run(cls, folder: str | Path) -> Self:
        """Open the LeVAsa of a run folder, with its calibrated strength and reader where it has them.

        Raises RunError for another kind of run, and where the directions were never fitted and the corpus is gone.
        """
        run = open_run(Path(folder))
        model, strength = walkable_model(run), Strength.read(run.folder)
        geometry = run_geometry(run, model, "directions", strength or 1.0)
        reader = named_reader(strength.reader, run.folder) if strength else None
        return cls(model, geometry, strength, reader, run.folder, run.drawn_faces)

    @property
    def size(self) -> int:
        """Pixels of the sides of a face."""
        return self.model.config.image_size

    def face(self, picture: Source, crop: str = "auto") -> tuple[np.ndarray, list[str]]:
        """Read a picture and cut it to the face, as the training images are; return pixels (size, size, 3) and notes.

        picture : a file, or its content; crop : "auto", "face" or "middle", see `cut_photo`

        Raises DataError for what is no readable picture, or is too small.
        """
        framing = None if self.drawn else read_framing(self.run / "framing.json")
        photo, notes = cut_face(picture, read_picture(picture), self.size, framing, crop)
        return photo.pixels, notes

    def walk(self, face: np.ndarray, points: Any) -> WalkedFace:
        """Move a face to points of the map, and read the pictures.

        Parameters
        ----------
        face : ndarray of shape (size, size, 3), uint8
            From `face` or `examples`.
        points : array of shape (n, 2)
            Valence and arousal on [-1, 1]. An axis that is NaN at all points is left as it is.

        Returns
        -------
        WalkedFace

        Raises
        ------
        DataError
            If the face or a point does not fit.
        """
        walked = walk(self.model, face, points, self.geometry)
        readings, start = np.full((len(walked.images), 2), np.nan), np.full(2, np.nan)
        if self.reader is not None:
            read = self.reader.read(np.concatenate([face[None], walked.images]))[:, :2]
            start, readings = read[0], read[1:]
        unlike = self.strength.unlike(face, walked, self.drawn) if self.strength is not None else ""
        return WalkedFace(**vars(walked), readings=readings, start=start, notes=(unlike,) if unlike else ())

    def examples(self, number: int = 6) -> list[ExampleFace]:
        """Draw faces of people that are in no corpus, see `example_faces`. They fit a model of drawn faces."""
        return example_faces(self.size, number)


def cut_face(
    picture: Source, pixels: np.ndarray, size: int, framing: Framing | None, crop: str
) -> tuple[Photo, list[str]]:
    """Cut a picture that was read to the face, and return notes for the user; arguments and errors as in `cut_photo`."""
    name = Path("the picture") if isinstance(picture, bytes) else picture
    photo = cut_photo(name, pixels, size, framing, crop)
    notes = [f"{photo.note}; the middle of the picture was walked"] if photo.note else []
    return photo, [*notes, FIRST_FRAME] if is_animated(picture) else notes


def example_faces(size: int, number: int = 6) -> list[ExampleFace]:
    """Draw faces of people that are in no corpus; the same call draws the same faces.

    Raises ConfigError for a number below 1.
    """
    if number < 1:
        raise ConfigError(f"{number} example faces: ask for 1 or more")
    random, faces = np.random.default_rng(EXAMPLE_SEED), []
    for place in range(number):
        valence, arousal = (round(float(value), 2) for value in random.uniform(-0.2, 0.2, 2))
        name = f"person-{place + 1}"
        pixels = render_face(sample_parameters(valence, arousal, person=name, seed=EXAMPLE_SEED), size)
        faces.append(ExampleFace(name, pixels, valence, arousal))
    return faces
