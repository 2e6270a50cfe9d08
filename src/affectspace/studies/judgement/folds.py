"""Cross-validation over people: a run for each fold, trained side by side, and one judgement of all rows out of fold."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from affectspace.data.reading import open_corpus
from affectspace.errors import ConfigError, counted
from affectspace.evaluation.results import Results
from affectspace.progress import Progress, silent
from affectspace.studies.engine import claim_folder, run_folder, train_missing
from affectspace.studies.judgement.measure import measure_held_out
from affectspace.studies.judgement.report import run_facts, write_judgement
from affectspace.studies.judgement.rows import held_out_rows
from affectspace.training.configuration import TrainConfig
from affectspace.training.runs import open_run

SPEAKER = "speaker"  # instead of a number: every person is a fold
FOLDED = (
    "auto",
    "person",
    "document",
    "random",
    "loso",
    "loso_improvised",
)  # schemes in which every row is tested once


@dataclass(frozen=True)
class FoldMember:
    """The training that tests one fold."""

    number: int
    config: TrainConfig

    @property
    def folder(self) -> str:
        return f"fold{self.number}"


def fold_members(config: TrainConfig, folds: int | str) -> list[FoldMember]:
    """List the trainings of a cross-validation. folds : their number, or "speaker".

    Raises ConfigError for a model that predicts no rows, for a split without folds, and for speakers of several corpora.
    """
    if config.reads not in ("features", "items"):
        raise ConfigError(
            f"--folds judges models by their predictions of rows; a model of kind {config.kind} reads {config.reads}. "
            "Train it without --folds, and `affectspace evaluate` judges it"
        )
    corpora = config.data.corpora
    for name, corpus in corpora.items():
        if corpus.split.scheme not in FOLDED:
            raise ConfigError(
                f"--folds: data.corpora.{name}.split.scheme is {corpus.split.scheme}, which does not test every row once; "
                f"choose {', '.join(FOLDED)}"
            )
    changes = {}
    if folds == SPEAKER:
        if len(corpora) > 1:
            raise ConfigError(
                f"--folds {SPEAKER}: there are {len(corpora)} corpora with different people; give a number of folds"
            )
        (corpus,) = corpora.values()
        number = int(open_corpus(corpus).table["person"].nunique())
        changes = {"scheme": "person"}
        if number < 3:
            raise ConfigError(
                f"--folds {SPEAKER}: {counted(number, 'speaker', 'is')} known, and train, validation and test need three"
            )
    else:
        number = int(folds)
    members = []
    for fold in range(number):
        folded = {
            name: corpus.model_copy(
                update={"split": corpus.split.model_copy(update={"fold": fold, "folds": number, **changes})}
            )
            for name, corpus in corpora.items()
        }
        data = config.data.model_copy(update={"corpora": folded})
        members.append(FoldMember(fold, config.model_copy(update={"data": data})))
    return members


def train_folds(
    config: TrainConfig,
    out: Path,
    folds: int | str,
    *,
    workers: int = 2,
    force: bool = False,
    progress: Progress = silent,
) -> tuple[Results, Path]:
    """Train every fold that has no finished run, and judge all rows by the run that has not seen them.

    Parameters
    ----------
    config : TrainConfig
        Of a model on features, or of an adapter.
    out : Path
        Folder of the runs (`runs/fold0`, ...), metrics.json, figures/ and report.html. The same call continues it.
    folds : int or "speaker"
        Number of folds over people, or one fold for each speaker.
    workers : int
        Number of trainings at a time, one thread each.
    force : bool
        Delete what an earlier call left in `out`.
    progress : callable
        Called with (done, total, message).

    Returns
    -------
    results : Results
        The pooled out-of-fold figures, with intervals over people.
    report : Path

    Raises
    ------
    ConfigError, DataError, RunError
        With the remedy.

    Examples
    --------
    >>> results, report = train_folds(read_config(Path("mine.yaml")), Path("runs/mine"), "speaker")  # doctest: +SKIP
    """
    members = fold_members(config, folds)
    if force and (out / "study.json").is_file():
        shutil.rmtree(out)
    claim_folder(out, {"folds": len(members), "configuration": config.model_dump(mode="json")})
    train_missing(out, members, workers, progress)
    started = time.perf_counter()
    runs = [open_run(run_folder(out, member)) for member in members]
    judged = held_out_rows(runs, progress)
    results = measure_held_out(judged, progress)
    name = out.resolve().name
    facts = {**run_facts(runs[0], name), "folds": len(runs)}
    return results, write_judgement(out, judged, results, f"{name}: every row out of fold", facts, started, progress)
