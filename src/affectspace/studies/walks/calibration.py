"""`traverse --strength auto`: the strength of a run's walks, with a reader that shares no person with validation and test."""

import numpy as np
import torch

from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.errors import DataError, RunError
from affectspace.evaluation.reconstruction import image_mse
from affectspace.models import Levasa
from affectspace.progress import Progress, silent
from affectspace.studies.walks.judged import chosen_rows
from affectspace.studies.walks.judges import judge_training, judged_people
from affectspace.training.networks import JudgeSettings
from affectspace.training.runs import Run
from affectspace.walks.pictures import decode
from affectspace.walks.runs import BATCH, open_data, run_directions, walkable_model
from affectspace.walks.strength import Strength, find_strength

CHOOSER_SEED = 49979687  # of the chooser's people and weights; the judges' is another
MOST_FACES = 120  # that are walked for a trial
USUAL = 0.99  # share of validation faces that `usual_error` cover
MOST_RECONSTRUCTED = 2000


def calibrate_run(run: Run, settings: JudgeSettings | None = None, progress: Progress = silent) -> Strength:
    """Choose the strength of a run's walks on its validation people, and keep it in RUN/strength.json.

    The reader of drawn faces is a regressor that learned from other people with known truth (``chooser``); that of other faces
    learned from the training people of the run (``others``). Neither judges walks of test people alone: the primary judges
    (``regressor``, ``apart``) have no part in this. Both are kept in RUN/judges.

    Parameters
    ----------
    run : Run
        A finished LeVAsa.
    settings : JudgeSettings, optional
        How the reader is trained.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Strength

    Raises
    ------
    RunError
        If the run cannot be walked, has no validation people, or the reader does not follow its walks.
    """
    settings, model = settings or JudgeSettings(), walkable_model(run)
    data = open_data(run, progress)
    validation = data.rows("validation")
    if not len(validation):
        raise RunError(f"{run.folder} has no validation people to choose a strength on; give --strength as a number")
    judged, *_ = judged_people(data)
    training = judge_training(run.folder / "judges", data, judged, settings, progress)
    reader = training.chooser(CHOOSER_SEED) if data.drawn else training.others()
    people = len(set(data.table["person"].iloc[validation]))
    rows = chosen_rows(data, validation, max(1, min(settings.faces, MOST_FACES // people)))
    faces = np.array(data.images(rows))
    directions = run_directions(run, model, progress, data)
    try:
        valence, arousal = find_strength(
            model, directions, faces, lambda images: reader.read(images)[:, :2], progress=progress
        )
    except DataError as error:
        raise RunError(f"{run.folder}: {error}; give --strength as a number") from error
    some = validation[
        np.unique(np.linspace(0, len(validation) - 1, min(MOST_RECONSTRUCTED, len(validation))).astype(int))
    ]
    squared, uncertainty = usual_limits(model, data, some)
    strength = Strength(
        valence=valence, arousal=arousal, reader=reader.name, people=people, faces=len(rows), usual_error=squared,
        usual_uncertainty=uncertainty,
    )  # fmt: skip
    strength.save(run.folder)
    return strength


@torch.no_grad()
def usual_limits(model: Levasa, data: Dataset, rows: np.ndarray) -> tuple[float, float]:
    """Return the squared error of reconstructions and the mean log variance of codes that 99 % of rows stay below."""
    errors, uncertainties = [], []
    for start in range(0, len(rows), BATCH):
        faces = np.array(data.images(rows[start : start + BATCH]))
        posterior = model.encode(to_image(faces))
        errors.append(image_mse(faces, decode(model, posterior.mean)))
        uncertainties.append(posterior.log_variance.mean(dim=1).numpy())
    limits = [round(float(np.quantile(np.concatenate(values), USUAL)), 6) for values in (errors, uncertainties)]
    return limits[0], limits[1]
