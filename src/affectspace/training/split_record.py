"""Whether the rows of a run are still those that it was trained on, in the same parts."""

import numpy as np
import pandas as pd

from affectspace.errors import RunError
from affectspace.training.runs import Run


def require_split(run: Run, now: pd.DataFrame) -> None:
    """Raise RunError unless the parts are those in the run's split.csv.

    now : id, person, part (and corpus) of every row
    """
    if not (run.folder / "split.csv").is_file():
        raise RunError(
            f"{run.folder}/split.csv is missing, so nobody knows who was trained on; train again with --force"
        )
    kept = run.split
    same = len(kept) == len(now) and list(kept.columns) == list(now.columns)
    if same:
        differs = np.flatnonzero((kept.fillna("") != now.fillna("").astype(str)).any(axis=1))
        if not len(differs):
            return
    first = f", the first {now['id'].iloc[differs[0]]}" if same else ""
    count = f"{len(differs)} rows differ{first}" if same else f"{len(kept)} rows then, {len(now)} now"
    raise RunError(
        f"{run.folder}: the corpus or its split has changed since the training ({count}), and people of the training "
        "could be tested; restore the corpus, or train anew with --force"
    )
