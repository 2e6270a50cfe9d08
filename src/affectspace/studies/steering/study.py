"""`reproduce manifold --table 5`: an encoder of sentences, a projector on it, and the whole evaluation.

The encoder is that of a finished run, or one that is trained on EmoBank's sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectspace.configuration import nested
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError
from affectspace.progress import Progress, silent
from affectspace.steering import Steerer, fit_projector, load_language_model
from affectspace.steering.encoder import SentenceEncoder
from affectspace.studies.engine import claim_folder, is_finished
from affectspace.studies.manifold.corpora import Folders, Source
from affectspace.studies.manifold.plan import FIT, TRAININGS
from affectspace.studies.manifold.preparation import make_store
from affectspace.studies.steering.plan import PAPER, SteeringPlan, quick_plan
from affectspace.studies.steering.report import evaluate_projector
from affectspace.training.configuration import ProjectorTrainConfig, TrainConfig, build_config, build_projector_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run, require_split

CORPUS = "emobank"
MODES = ("rewriting", "reconstruction")
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


@dataclass(frozen=True)
class Setting:
    """What steers: ours by default, or the paper's, which is `Setting(run, "Qwen/Qwen2.5-3B", "reconstruction")`.

    run : finished run whose encoder is used; None: one is trained on EmoBank
    language_model : folder or hub name; None: SmolLM2 from its package
    mode : "rewriting", or "reconstruction" from the latents alone, as in the paper
    private : whether the projector reads the private latent; None: in reconstruction

    Raises
    ------
    ConfigError
        For an unknown mode, and for a private latent in rewriting.
    """

    run: Path | None = None
    language_model: str | None = None
    mode: str = "rewriting"
    private: bool | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"unknown mode {self.mode!r}; choose {' or '.join(MODES)}")
        if self.private and self.mode == "rewriting":
            raise ConfigError(
                "the private latent is for the mode reconstruction: in rewriting the prompt has the content already, and the "
                "private latent describes the hidden words; use --private off, or --mode reconstruction"
            )

    @property
    def reads_private(self) -> bool:
        """Whether the projector reads the private latent."""
        return self.mode == "reconstruction" if self.private is None else self.private

    def plan(self, quick: bool) -> SteeringPlan:
        """Return what is measured; in reconstruction as the paper has it."""
        plan = quick_plan() if quick else SteeringPlan()
        return plan.model_copy(update=PAPER) if self.mode == "reconstruction" else plan

    def facts(self) -> dict[str, Any]:
        """Return what differs from the default, for study.json."""
        kept = {"run": self.run and str(self.run), "language_model": self.language_model, "private": self.private}
        changed = {name: value for name, value in kept.items() if value is not None}
        return changed | ({"mode": self.mode} if self.mode != "rewriting" else {})


def reproduce_steering(
    out: Path,
    folders: Folders,
    *,
    setting: Setting | None = None,
    quick: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Train what is missing, evaluate, and return the path of the report. The same call continues an interrupted study.

    An encoder that is trained here reads the text's vector alone and has no lexicon anchor, so that lexicons can judge what it
    ranks.

    Raises
    ------
    ConfigError
        Without a run and without EmoBank, and where the language model cannot be loaded.
    RunError
        For a run that reads no text, or that has no private latent for a setting with it.
    """
    setting = setting or Setting()
    if setting.run is not None:
        SentenceEncoder(setting.run)  # refuses a run that reads no text
    elif folders.corpus(CORPUS) is None:
        raise ConfigError(
            "--table 5 steers EmoBank's sentences: name --data, or --emobank; or use the encoder of a finished run with --run"
        )
    encoder, projector, model = setting.run or out / "encoder", out / "projector", None
    settings = projector_config(encoder, folders, setting, quick)
    if not is_finished(projector):
        model = load_language_model(settings.language_model.name, dtype=settings.language_model.dtype)
    claim_folder(out, {"experiment": "steering", "quick": quick, **setting.facts()})
    if setting.run is None:
        rows = _train_encoder(encoder, folders, quick, progress)
    else:
        rows = open_run(encoder).dataset("features", progress)
    require_split(open_run(encoder), rows.split_table())
    if (
        setting.reads_private
        and not SentenceEncoder(encoder).latents_of_rows(rows, rows.rows("train")[:1]).private.size
    ):
        raise RunError(f"{encoder} has no private latent of texts; use --private off, or the run of a manifold")
    if not is_finished(projector):
        fit_projector(settings, projector, data=rows, language_model=model, threads=threads, progress=progress)
    _, report = evaluate_projector(
        projector,
        lexicons=folders.lexicons(),
        plan=setting.plan(quick),
        rows=rows,
        steerer=Steerer.of_run(projector, language_model=model),
        progress=progress,
    )
    return report


def _train_encoder(encoder: Path, folders: Folders, quick: bool, progress: Progress) -> Dataset:
    """Train the encoder of EmoBank's sentences if it is missing; return its rows."""
    make_store(folders, Source.read(CORPUS, folders), "text", progress)
    config = encoder_config(folders, quick)
    rows = Dataset.of_config(config, progress)
    if not is_finished(encoder):
        fit(config, encoder, data=rows, progress=progress)
    return rows


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


def projector_config(
    encoder: Path, folders: Folders, setting: Setting | None = None, quick: bool = False
) -> ProjectorTrainConfig:
    """Return the configuration of the projector; in rewriting, Glasgow's norms, if available, choose the hidden words."""
    setting = setting or Setting()
    named = {"name": setting.language_model} if setting.language_model else PROJECTOR["language_model"]
    latents_only = setting.mode == "reconstruction"
    fields = {
        "run": str(encoder),
        **PROJECTOR,
        "language_model": {"dtype": "auto", **named},
        "model": {**PROJECTOR["model"], "mode": setting.mode, "private": None if setting.reads_private else 0},
        "mask": {"lexicon": None if latents_only else folders.anchor_lexicon()},
    }
    overrides = [*(QUICK if quick else ()), *(["calibration.sentences=0"] if latents_only else [])]
    return build_projector_config(fields, where="the projector", overrides=overrides)
