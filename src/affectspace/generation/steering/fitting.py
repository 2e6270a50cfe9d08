"""Training of a projector: from a configuration to a finished run folder, or on from where it stopped.

RUN/encoder/ is a copy of the model whose latents steer, mask.json the words that prompts hide, calibration.json how asked
affect becomes the projector's input. The language model is not copied; its name and the hash of its weights are recorded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.generation.steering.encoder import SentenceEncoder, open_encoder
from affectspace.generation.steering.examples import ExampleData, Examples, steps_of
from affectspace.generation.steering.language_model import LanguageModel, licence_of, load_language_model
from affectspace.generation.steering.masking import Masker, lexicon_masker, ridge_masker
from affectspace.generation.steering.objective import ProjectorTraining
from affectspace.lexicon.reading import Lexicon
from affectspace.models.projector import Projector
from affectspace.training.feature_set import FeatureSet
from affectspace.training.fit import keep_split, started_run, training_of
from affectspace.training.progress import Progress, silent
from affectspace.training.projector_configuration import MaskConfig, ProjectorTrainConfig
from affectspace.training.runs import Run
from affectspace.training.tasks import Task
from affectspace.training.trainer import run_trainer

log = logging.getLogger("affectspace.training.fit")  # the run's log.txt listens there


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a projector is trained on; notes : lines for the log."""

    training: Examples
    validation: Examples
    masker: Masker | None
    notes: tuple[str, ...]


def fit_projector(
    config: ProjectorTrainConfig,
    out: Path,
    *,
    force: bool = False,
    data: FeatureSet | None = None,
    language_model: LanguageModel | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train a projector, or continue, calibrate it, and leave a finished run folder.

    data : the run's rows, where the caller has them already; language_model : likewise
    Raises RunError, DataError or ConfigError with the remedy; RunError too where the language model's weights have changed.
    """
    encoder = open_encoder(config.run)
    with started_run(config, out, force=force) as run:
        rows = data if data is not None else FeatureSet.of_run(encoder.run, progress)
        keep_split(run, rows.split_table())
        model = language_model or load_language_model(config.language_model.name, dtype=config.language_model.dtype)
        with training_of(run, threads or config.fit.threads):
            _train(config, run, encoder, rows, model, progress)
            if config.calibration.sentences:
                _calibrate(config, run, rows, model, progress)
            run.record(state="finished")
    return run


def _train(
    config: ProjectorTrainConfig,
    run: Run,
    encoder: SentenceEncoder,
    rows: FeatureSet,
    model: LanguageModel,
    progress: Progress,
) -> None:
    before = model.digest()
    recorded = run.facts.get("language_model", {}).get("digest", before)
    if recorded != before:
        raise RunError(
            f"{run.folder} was started on another language model than {model.name} is now (hash {recorded[:16]} then, "
            f"{before[:16]} now); bring that one back, or start anew with --force"
        )
    named = {"name": config.language_model.name, "dtype": config.language_model.dtype, "digest": before}
    run.record(language_model={**named, "licence": licence_of(config.language_model.name)})
    encoder.keep(run.folder / "encoder")
    projector = new_projector(config, encoder, rows, model)
    prepared = prepare(config, encoder, rows, model, projector, progress)
    if prepared.masker is not None:
        prepared.masker.write(run.folder / "mask.json")
    task = projector_task(config, projector, prepared, model)
    for note in task.notes:
        log.info("%s", note)
    run_trainer(task, config.fit, run.folder, progress, log.info)
    if config.fit.keeps_best:
        from affectspace.training.checkpoints import read_checkpoint
        from affectspace.training.recorder import best_path

        task.module.load_state_dict(read_checkpoint(best_path(run.folder))["state_dict"])
    after = model.digest()
    if after != before:
        raise RunError(
            f"the weights of {model.name} have changed during the training (hash {before[:16]} before, {after[:16]} after); "
            "they must not: something besides the projector was optimised"
        )
    projector.to("cpu").eval().save_pretrained(run.folder / "model")
    run.record(epochs=len(run.history), kept_epoch=len(run.history) - 1, unchanged=True, **task.facts)


def new_projector(
    config: ProjectorTrainConfig, encoder: SentenceEncoder, rows: FeatureSet, model: LanguageModel
) -> Projector:
    """A projector that knows the training rows' statistics and starts from the embeddings of its instruction."""
    train = rows.batch("train")
    latents = encoder.latents_of_batch(train.take(_readable(rows, encoder)[rows.rows("train")]))
    private = latents.private.shape[1]
    if config.model.private not in (None, 0, private):
        raise ConfigError(f"model.private is {config.model.private}; the run's private codes have {private} dimensions")
    if config.model.width not in (None, model.width):
        raise ConfigError(f"model.width is {config.model.width}; {model.name} has embeddings of {model.width}")
    used = private if config.model.private is None else config.model.private
    complete = config.model.model_copy(update={"private": used, "width": model.width})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        projector = Projector(complete)
    labels = torch.from_numpy(encoder.pooled_labels(train))
    projector.take_statistics(labels, torch.from_numpy(latents.private[:, :used]))
    instruction = model.encode(complete.started_from) or [model.start]
    projector.start(model.embed(instruction).float(), model.embedding_size)
    return projector


def _readable(rows: FeatureSet, encoder: SentenceEncoder) -> np.ndarray:
    """Rows that have a text and every modality that reads it, (n,) bool."""
    if "text" not in rows.table:
        raise DataError(f"{encoder.run.folder} was trained on rows without texts; steering needs sentences")
    there = rows.table["text"].fillna("").astype(str).str.strip().ne("").to_numpy()
    for name in encoder.modalities:
        there = there & rows.features.present[name].numpy()
    if not there[rows.rows("train")].any():
        raise DataError(
            f"{encoder.run.folder}: no training row has a text and features of {', '.join(encoder.modalities)}"
        )
    return there


def prepare(
    config: ProjectorTrainConfig, encoder: SentenceEncoder, rows: FeatureSet, model: LanguageModel, projector: Projector,
    progress: Progress = silent,
) -> Prepared:  # fmt: skip
    """The sentences of train and validation as the projector sees them. Raises DataError where too few are short enough."""
    readable, notes = _readable(rows, encoder), []
    parts: dict[str, Examples] = {}
    limits = {"train": config.fit.rows, "validation": config.fit.validation_rows}
    for part, limit in limits.items():
        where = rows.rows(part)[readable[rows.rows(part)]]
        progress(0, 0, f"latents of {part} sentences")
        texts = [" ".join(str(text).split()) for text in rows.table["text"].iloc[where]]
        tokens = [[*model.encode(text), model.end] for text in texts]
        short = np.array([len(row) <= config.fit.longest for row in tokens])
        if not short.all():
            notes.append(
                f"{part}: {int((~short).sum())} of {len(short)} sentences have over {config.fit.longest} tokens: left out"
            )
        kept = np.flatnonzero(short)
        if limit is not None and len(kept) > limit:
            kept = np.sort(np.random.default_rng([config.fit.seed, 7]).permutation(kept)[:limit])
        if len(kept) < 2:
            raise DataError(f"{part}: {len(kept)} sentences of at most {config.fit.longest} tokens; raise fit.longest")
        batch = rows.features.take(torch.from_numpy(where[kept]))
        latents = encoder.latents_of_batch(batch)
        with torch.no_grad():
            encoded, labels = (
                projector.standard_affect(torch.from_numpy(one)).numpy()
                for one in (latents.affect, encoder.pooled_labels(batch))
            )
            width = projector.config.private or 0
            private = projector.standard_private(torch.from_numpy(latents.private[:, :width])).numpy()
        ids = rows.table["id"].to_numpy(object)[where[kept]]
        parts[part] = Examples(
            [texts[row] for row in kept], ids, [tokens[row] for row in kept], encoded, labels, private
        )
    masker = make_masker(config.mask, rows, encoder) if config.model.mode == "rewriting" else None
    return Prepared(parts["train"], parts["validation"], masker, tuple(notes))


def make_masker(config: MaskConfig, rows: FeatureSet, encoder: SentenceEncoder) -> Masker:
    """The masker of a lexicon, or of a ridge regression of the training rows' labels on their words."""
    if config.lexicon is not None:
        return lexicon_masker(Lexicon.read(config.lexicon), config.share, config.negators)
    where = rows.rows("train")[_readable(rows, encoder)[rows.rows("train")]]
    labels = encoder.pooled_labels(rows.features.take(torch.from_numpy(where)))
    return ridge_masker(rows.table["text"].iloc[where].astype(str).tolist(), labels, config.share, config.negators)


def projector_task(
    config: ProjectorTrainConfig, projector: Projector, prepared: Prepared, model: LanguageModel
) -> Task:
    """The training as the machinery takes it."""
    steps = steps_of(len(prepared.training), config.fit)
    dropout = (config.model.affect_dropout, config.model.private_dropout)
    data = ExampleData(
        prepared.training, prepared.validation, model, prepared.masker, config.fit, config.mask.spans, dropout
    )
    means = (prepared.training.mean_tokens, prepared.validation.mean_tokens)
    names = [str(name) for name in prepared.training.ids]
    facts: dict[str, Any] = {"sentences": {"train": len(prepared.training), "validation": len(prepared.validation)}}
    return Task(
        module=ProjectorTraining(projector, config.fit, steps, model, means, names),
        batches=data,
        rows=len(prepared.training),
        unit="sentences",
        finish=lambda: None,
        facts=facts,
        notes=prepared.notes,
    )


def _calibrate(
    config: ProjectorTrainConfig, run: Run, rows: FeatureSet, model: LanguageModel, progress: Progress
) -> None:
    """Fit calibration.json on validation sentences, by a judge that no encoder of ours has a part in."""
    from affectspace.generation.steering.calibration import calibrate
    from affectspace.generation.steering.judges import ridge_judge
    from affectspace.generation.steering.steerer import Steerer

    encoder = open_encoder(run.folder / "encoder")
    readable = _readable(rows, encoder)
    train = rows.rows("train")[readable[rows.rows("train")]]
    labels = encoder.pooled_labels(rows.features.take(torch.from_numpy(train)))
    texts = rows.table["text"].iloc[train].astype(str).tolist()
    groups = rows.table["person"].iloc[train].to_numpy(object)
    judge = ridge_judge(texts, labels, groups)
    where = rows.rows("validation")[readable[rows.rows("validation")]]
    seeds = [
        text for text in rows.table["text"].iloc[where].astype(str) if len(model.encode(text)) < config.fit.longest
    ]
    chosen = np.random.default_rng([config.fit.seed, 8]).permutation(len(seeds))[: config.calibration.sentences]
    steerer = Steerer.of_parts(run, encoder, model)
    found = calibrate(
        steerer, [seeds[row] for row in sorted(chosen)], judge, config.calibration.points, progress=progress
    )
    found.write(run.folder / "calibration.json")
    for line in found.lines():
        log.info("%s", line)
