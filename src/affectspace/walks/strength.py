"""The strength at which an independent reader reads what walks were asked for, chosen on validation people.

Along one axis the reading is nearly a line, reading = a + slope * target. Strength and offset of the axis are searched where,
over the faces of all validation people, the slope is 1 and the mean reading is the mean target.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from affectspace.configuration import Configuration, explain
from affectspace.errors import DataError, RunError
from affectspace.evaluation.reconstruction import image_mse
from affectspace.files import read_object, write_text
from affectspace.models import Levasa
from affectspace.progress import Progress, silent
from affectspace.walks.directions import AffectDirections
from affectspace.walks.geometry import AXES
from affectspace.walks.paths import RANGES
from affectspace.walks.pictures import Walk, walk

FILE = "strength.json"  # in a run folder
MOST = 5.0  # beyond it codes leave what the decoder has seen
LEAST = 0.2
TRIALS = 6
NEAR = 0.02  # of the slope to 1, and of the mean reading to the mean target, where the search ends
REACHED = 0.1  # a slope further from 1 than this is told
LONGEST = 2.5  # factor by which the strength changes at most from one trial to the next


class AxisStrength(Configuration):
    """The strength of one axis, and what the reader read with it."""

    strength: float = Field(gt=0)
    offset: float = Field(0.0, description="what the pictures show too much of, which walks leave out")
    slope: float = Field(description="change of the reading for each unit of the target, over all faces")
    r: float = Field(description="of target and reading, over all faces")
    targets: tuple[float, float]
    readings: tuple[float, float] = Field(description="mean reading at the two targets")

    @property
    def reached(self) -> bool:
        """Whether the reader reads what was asked for."""
        return abs(self.slope - 1) <= REACHED

    @property
    def error(self) -> float:
        """Mean distance of target and mean reading at the two ends."""
        return float(np.mean(np.abs(np.subtract(self.targets, self.readings))))


class Strength(Configuration):
    """The calibrated strength of a run's walks, as strength.json in the run folder keeps it."""

    valence: AxisStrength
    arousal: AxisStrength
    reader: str = Field(description="the judge in RUN/judges that read the pictures")
    people: int = Field(ge=1, description="validation people")
    faces: int = Field(ge=1)
    usual_error: float = Field(
        ge=0, description="squared error that 99 % of these faces' reconstructions stay below, on [0, 1]"
    )
    usual_uncertainty: float = Field(1e9, description="mean log variance that 99 % of these faces' codes stay below")

    @property
    def values(self) -> tuple[float, float]:
        """The strengths of valence and arousal."""
        return self.valence.strength, self.arousal.strength

    def stretch(self, directions: AffectDirections) -> AffectDirections:
        """Return directions whose walks have this strength."""
        return directions.stretched(self.values, (self.valence.offset, self.arousal.offset))

    @property
    def messages(self) -> list[str]:
        """What a user should know about the strength."""
        text = f"strength {self.valence.strength:.2f} (valence) and {self.arousal.strength:.2f} (arousal)"
        lines = [f"{text}, calibrated on {self.faces} faces of {self.people} validation people, read by {self.reader}"]
        for name in AXES:
            axis: AxisStrength = getattr(self, name)
            if not axis.reached:
                lines.append(
                    f"no strength shows as much {name} as it is asked for: {_span(axis.targets)} is read as "
                    f"{_span(axis.readings)}"
                )
        return lines

    def unlike(self, face: np.ndarray, walked: Walk, drawn: bool) -> str:
        """Return a note where a face is shown worse, or encoded less surely, than the faces that the model knows."""
        error = float(image_mse(face[None], walked.reconstruction[None])[0])
        if error <= self.usual_error and walked.uncertainty <= self.usual_uncertainty:
            return ""
        return (
            f"this picture is unlike the {'drawn faces' if drawn else 'faces'} that the model was trained on: the walk shows "
            "another face, and its readings are wrong"
        )

    def save(self, folder: Path) -> None:
        """Write strength.json into a run folder."""
        write_text(folder / FILE, json.dumps(self.model_dump(mode="json"), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Strength | None":
        """Read strength.json of a run folder; None without one. Raises RunError where it is damaged."""
        path, remedy = folder / FILE, "delete it, and --strength auto makes it again"
        if not path.is_file():
            return None
        try:
            return cls(**read_object(path, remedy))
        except ValidationError as error:
            raise RunError(f"{path} is damaged ({explain(error, cls)}); {remedy}") from error


def _span(values: tuple[float, float]) -> str:
    return f"{values[0]:+.2f} to {values[1]:+.2f}"


def axis_points(axis: int, steps: int) -> np.ndarray:
    """Return targets along one axis over its range, (steps, 2), NaN for the other axis, which stays as it is."""
    points = np.full((steps, 2), np.nan)
    points[:, axis] = np.linspace(*RANGES[AXES[axis]], steps)
    return points


def find_strength(
    model: Levasa,
    directions: AffectDirections,
    faces: np.ndarray,
    read: Callable[[np.ndarray], np.ndarray],
    *,
    steps: int = 5,
    progress: Progress = silent,
) -> tuple[AxisStrength, AxisStrength]:
    """Search the strength of each axis at which the readings of walked faces change as their targets do.

    The search ends where slope and mean reading are within `NEAR` of what they should be. If no trial comes that near, the
    one whose mean readings at both ends are nearest to their targets is returned.

    Parameters
    ----------
    model : Levasa
        The model, in evaluation mode.
    directions : AffectDirections
        Directions of the model, not stretched.
    faces : ndarray of shape (n, size, size, 3), uint8
        Faces of people that neither the model nor the reader was trained on.
    read : callable
        Pictures (m, size, size, 3) -> valence and arousal, (m, 2).
    steps : int
        Number of targets of each walk.

    Returns
    -------
    valence, arousal : AxisStrength

    Raises
    ------
    DataError
        If there is no face, or a reading does not follow walks at any strength.
    """
    if not len(faces):
        raise DataError("a strength is chosen on faces of validation people; there are none")
    chosen = []
    for axis, name in enumerate(AXES):
        points, tried = axis_points(axis, steps), []
        targets, strength, offset = points[:, axis], 1.0, 0.0
        for trial in range(TRIALS):
            progress(axis * TRIALS + trial, 2 * TRIALS, f"strength {strength:.2f} of {name} on validation people")
            strengths, offsets = [1.0, 1.0], [0.0, 0.0]
            strengths[axis], offsets[axis] = strength, offset
            way = directions.stretched(strengths, offsets)
            images = np.concatenate([walk(model, face, points, way).images for face in faces])
            readings = np.asarray(read(images))[:, axis].reshape(len(faces), steps)
            slope, r = slope_of(np.tile(targets, (len(faces), 1)), readings)
            ends = (float(readings[:, 0].mean()), float(readings[:, -1].mean()))
            surplus = float(readings.mean() - targets.mean())
            tried.append(
                AxisStrength(
                    strength=strength, offset=offset, slope=slope, r=r, targets=(targets[0], targets[-1]), readings=ends
                )
            )
            if abs(slope - 1) <= NEAR and abs(surplus) <= NEAR:
                best = tried[-1]
                break
            strength *= float(np.clip(1 / max(slope, 0.01), 1 / LONGEST, LONGEST))
            strength = round(float(np.clip(strength, LEAST, MOST)), 4)
            offset = round(float(np.clip(offset + surplus, -1, 1)), 4)
        else:  # no trial meets the rule
            best = min(tried, key=lambda trial: trial.error)
        if best.slope <= 0:
            raise DataError(f"the reading of {name} does not follow walks along {name}, so no strength can be chosen")
        chosen.append(best)
    progress(2 * TRIALS, 2 * TRIALS, "strength of walks")
    return chosen[0], chosen[1]


def slope_of(targets: np.ndarray, readings: np.ndarray) -> tuple[float, float]:
    """Return the slope of the regression of all readings on their targets, and their correlation (0 where undefined)."""
    x, y = targets.ravel() - targets.mean(), readings.ravel() - readings.mean()
    slope = float(x @ y / (x @ x))
    length = float(np.sqrt((x @ x) * (y @ y)))
    return slope, float(x @ y / length) if length else 0.0
