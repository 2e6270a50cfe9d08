"""`reproduce manifold --table 5`: an encoder of EmoBank's sentences, a projector on it, and the whole evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affectspace.configuration import nested
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError
from affectspace.progress import Progress, silent
from affectspace.steering import Steerer, fit_projector, load_language_model
from affectspace.studies.engine import claim_folder, is_finished
from affectspace.studies.manifold.corpora import Folders, Source
from affectspace.studies.manifold.plan import FIT, TRAININGS
from affectspace.studies.manifold.preparation import make_store
from affectspace.studies.steering.plan import SteeringPlan, quick_plan
from affectspace.studies.steering.report import evaluate_projector
from affectspace.training.configuration import ProjectorTrainConfig, TrainConfig, build_config, build_projector_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run, require_split

CORPUS = "emobank"
PROJECTOR: dict[str, Any] = {  # chosen on validation sentences, see docs/results/steering.md
    "language_model": {"name": "smollm2"},
    "model": {"kind": "projector", "mode": "rewriting", "tokens": 12, "private": 0},
    "fit": {
        "epochs": 2,
        "batch_size": 16,
        "rows": 4000,
        "strong": 1.5,
        "longest": 32,
        "learning_rate": 3e-3,
        "label_share": 0.0,
    },
}
QUICK = (
    "fit.epochs=1", "fit.rows=48", "fit.validation_rows=16", "fit.longest=24", "model.tokens=4",
    "calibration.sentences=2", "calibration.candidates=2",
)  # fmt: skip


def reproduce_steering(
    out: Path, folders: Folders, *, quick: bool = False, threads: int | None = None, progress: Progress = silent
) -> Path:
    """Train what is missing, evaluate, and return the path of the report. The same call continues an interrupted study.

    The encoder reads the text's vector alone and has no lexicon anchor, so that lexicons can judge what it ranks.
    Raises ConfigError without EmoBank.
    """
    if folders.corpus(CORPUS) is None:
        raise ConfigError("--table 5 steers EmoBank's sentences: name --data, or --emobank")
    claim_folder(out, {"experiment": "steering", "quick": quick})
    source = Source.read(CORPUS, folders)
    make_store(folders, source, "text", progress)
    config = encoder_config(folders, quick)
    encoder = out / "encoder"
    rows = Dataset.of_config(config, progress)
    if not is_finished(encoder):
        fit(config, encoder, data=rows, progress=progress)
    require_split(open_run(encoder), rows.split_table())
    projector, model = out / "projector", None
    if not is_finished(projector):
        settings = projector_config(encoder, folders, quick)
        model = load_language_model(settings.language_model.name, dtype=settings.language_model.dtype)
        fit_projector(settings, projector, data=rows, language_model=model, threads=threads, progress=progress)
    _, report = evaluate_projector(
        projector,
        lexicons=folders.lexicons(),
        plan=quick_plan() if quick else SteeringPlan(),
        rows=rows,
        steerer=Steerer.of_run(projector, language_model=model),
        progress=progress,
    )
    return report


def encoder_config(folders: Folders, quick: bool = False) -> TrainConfig:
    """Return the manifold study's configuration for EmoBank's texts, without any lexicon."""
    training = TRAININGS[CORPUS]
    corpus = {
        "corpus": CORPUS,
        "path": str(folders.corpus(CORPUS)),
        "features": {"text": str(folders.store(CORPUS, "text", separate=True))},
        "split": training.splits[CORPUS],
    }
    fields = {
        "data": {"corpora": {CORPUS: corpus}},
        "model": {"kind": "manifold", **nested(training.model)},
        "fit": {**FIT, **training.fit, "epochs": 2 if quick else training.epochs, "seed": 0},
    }
    return build_config(fields, where="the encoder")


def projector_config(encoder: Path, folders: Folders, quick: bool = False) -> ProjectorTrainConfig:
    """Return the configuration of the projector; Glasgow's norms, if available, choose the hidden words."""
    fields = {
        "run": str(encoder),
        **PROJECTOR,
        "language_model": {"dtype": "auto", **PROJECTOR["language_model"]},
        "mask": {"lexicon": folders.anchor_lexicon()},
    }
    return build_projector_config(fields, where="the projector", overrides=QUICK if quick else ())
