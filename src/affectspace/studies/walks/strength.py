"""How wide drawn faces must be walked so that one unit more asked is one unit more seen: chosen on validation people.

The reader that chooses is none of the judges: it learned from other drawn people than they did, and never sees a test person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from affectspace.errors import RunError
from affectspace.evaluation import pearson
from affectspace.progress import Progress, silent
from affectspace.studies.walks.judged import AXES, RANGES, chosen_rows
from affectspace.studies.walks.networks import AffectRegressor, JudgeSettings, RegressorConfig, outputs_of
from affectspace.studies.walks.teaching import drawn_faces, teach_regressor
from affectspace.training.runs import Run
from affectspace.walks.pictures import walk
from affectspace.walks.runs import open_data, run_directions, walkable_model

STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)
CHOOSER_SEED = 49979687  # of the chooser's people and weights; the judges' is another


@dataclass(frozen=True)
class Tried:
    """What a strength does on validation people, by axis.

    rise : reading at the end less at the start, over what was asked of it, mean over faces; r : of asked and read, all points
    """

    strength: float
    rise: dict[str, float]
    r: dict[str, float]

    @property
    def off(self) -> float:
        """How far the rises are from what was asked, mean over axes."""
        return float(np.mean([abs(one - 1) for one in self.rise.values()]))


def chooser(folder: Path, size: int, settings: JudgeSettings, progress: Progress = silent) -> AffectRegressor:
    """A reader of drawn faces' valence and arousal, of people that neither a corpus nor a judge has; kept in a folder."""
    if (folder / "config.json").is_file():
        return AffectRegressor.from_pretrained(folder)
    own = settings.model_copy(update={"seed": CHOOSER_SEED})
    pictures = drawn_faces(folder.parent / f"{folder.name}-people", size, AXES, own, progress, seed=CHOOSER_SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(CHOOSER_SEED)
        network = AffectRegressor(RegressorConfig(image_size=size, width=settings.width))
    teach_regressor(network, *pictures, own, progress, "chooser")
    network.save_pretrained(folder)
    return network


def try_strengths(
    run: Run,
    reader: AffectRegressor,
    settings: JudgeSettings,
    strengths: Sequence[float] = STRENGTHS,
    progress: Progress = silent,
) -> tuple[float, list[Tried]]:
    """The strength whose walks of validation people rise most nearly as asked, and what each did.

    Raises RunError where the run has no validation people, or is not of drawn faces.
    """
    model, data = walkable_model(run), open_data(run, progress)
    if data.corpus.name != "faces":
        raise RunError(f"{run.folder} was trained on {data.corpus.name}; a strength is chosen where the truth is known")
    if not len(data.rows("validation")):
        raise RunError(f"{run.folder} has no validation people to choose a strength on")
    rows = chosen_rows(data, data.rows("validation"), settings.faces)
    pixels = np.array(data.pixels[data.pixel_rows[rows]])
    directions, tried = run_directions(run, model, progress, data), []
    for place, strength in enumerate(strengths):
        progress(place, len(strengths), f"strength {strength:g} on validation people")
        way, rise, r = directions.stretched(strength), {}, {}
        for axis, name in enumerate(AXES):
            asked = np.linspace(*RANGES[name], settings.steps)
            points = np.full((settings.steps, 2), np.nan)
            points[:, axis] = asked
            read = np.stack([outputs_of(reader, walk(model, face, points, way).images)[:, axis] for face in pixels])
            rise[name] = float((read[:, -1] - read[:, 0]).mean() / (asked[-1] - asked[0]))
            r[name] = float(pearson(np.tile(asked, len(read)), read.ravel()))
        tried.append(Tried(strength, rise, r))
    return min(tried, key=lambda one: one.off).strength, tried
