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
from affectspace.features.backbones.text import has_minilm
from affectspace.lexicon.reading import Lexicon
from affectspace.models.projector import Projector
from affectspace.progress import Progress, silent
from affectspace.steering.encoder import SentenceEncoder, Sentences, sentences_of
from affectspace.steering.language_model import LanguageModel, licence_of, load_language_model
from affectspace.steering.masking import Masker, lexicon_masker, ridge_masker
from affectspace.steering.objective import ExampleData, Examples, ProjectorTraining, steps_of
from affectspace.steering.ranking import ContentSimilarity
from affectspace.training.checkpoints import read_checkpoint
from affectspace.training.feature_set import FeatureSet
from affectspace.training.fit import keep_split, started_run, training_of
from affectspace.training.projector_configuration import MaskConfig, ProjectorTrainConfig
from affectspace.training.recorder import best_path
from affectspace.training.runs import Run
from affectspace.training.tasks import Task
from affectspace.training.trainer import run_trainer

log = logging.getLogger("affectspace.training.fit")  # the run's log.txt listens there
LEAST_WEIGHT = 0.15  # of a sentence at the mean, in sd


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
    encoder = SentenceEncoder.of_run(config.run)
    with started_run(config, out, force=force) as run:
        rows = data if data is not None else FeatureSet.of_run(encoder.run, progress)
        keep_split(run, rows.split_table())
        recorded = run.facts.get("language_model", {})  # a continued training keeps the dtype that "auto" meant
        model = language_model or load_language_model(
            config.language_model.name, dtype=recorded.get("dtype", config.language_model.dtype)
        )
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
    name, dtype = config.language_model.name, str(model.dtype).removeprefix("torch.")
    run.record(language_model={"name": name, "dtype": dtype, "digest": before, "licence": licence_of(name)})
    encoder.copy_to(run.folder / "encoder")
    projector = new_projector(config, encoder, rows, model)
    prepared = prepare(config, encoder, rows, model, projector, progress)
    if prepared.masker is not None:
        prepared.masker.write(run.folder / "mask.json")
    task = projector_task(config, projector, prepared, model)
    for note in task.notes:
        log.info("%s", note)
    run_trainer(task, config.fit, run.folder, progress, log.info)
    kept = len(run.history) - 1
    if config.fit.keeps_best:
        best = read_checkpoint(best_path(run.folder))
        task.module.load_state_dict(best["state_dict"])
        kept = int(best["epoch"])
    after = model.digest()
    if after != before:
        raise RunError(
            f"the weights of {model.name} have changed during the training (hash {before[:16]} before, {after[:16]} after); "
            "they must not: something besides the projector was optimised"
        )
    projector.to("cpu").eval().save_pretrained(run.folder / "model")
    run.record(epochs=len(run.history), kept_epoch=kept, unchanged=True, **task.facts)


def new_projector(
    config: ProjectorTrainConfig, encoder: SentenceEncoder, rows: FeatureSet, model: LanguageModel
) -> Projector:
    """A projector that knows the training rows' statistics and starts from the embeddings of its instruction."""
    train = sentences_of(rows, encoder, "train")
    latents = encoder.latents_of_rows(rows, train.rows)
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
    projector.take_statistics(torch.from_numpy(train.labels), torch.from_numpy(latents.private[:, :used]))
    instruction = model.encode(complete.started_from) or [model.start]
    projector.start(model.embed(instruction).float(), model.embedding_size)
    return projector


def prepare(
    config: ProjectorTrainConfig, encoder: SentenceEncoder, rows: FeatureSet, model: LanguageModel, projector: Projector,
    progress: Progress = silent,
) -> Prepared:  # fmt: skip
    """The sentences of train and validation as the projector sees them. Raises DataError where too few are short enough."""
    notes = []
    parts: dict[str, Examples] = {}
    limits = {"train": config.fit.rows, "validation": config.fit.validation_rows}
    for part, limit in limits.items():
        progress(0, 0, f"latents of {part} sentences")
        all_of = sentences_of(rows, encoder, part)
        found = all_of.short(model, config.fit.longest)
        if len(found) < len(all_of):
            left = len(all_of) - len(found)
            notes.append(f"{part}: {left} of {len(all_of)} sentences have over {config.fit.longest} tokens: left out")
        strong = config.fit.strong if part == "train" else 0.0
        if limit is not None and not strong:
            found = found.drawn(limit, config.fit.seed)
        if len(found) < 2:
            raise DataError(f"{part}: {len(found)} sentences of at most {config.fit.longest} tokens; raise fit.longest")
        parts[part] = _examples(found, rows, encoder, model, projector)
        if limit is not None and strong:
            parts[part] = parts[part].take(strong_rows(parts[part], limit, strong, config.fit.seed))
    masker = make_masker(config.mask, rows, encoder) if config.model.mode == "rewriting" else None
    return Prepared(parts["train"], parts["validation"], masker, tuple(notes))


def strong_rows(examples: Examples, number: int, power: float, seed: int) -> np.ndarray:
    """At most so many rows, ascending, likelier the farther their affect (rated, where it is, and encoded) lies from the mean.

    Most sentences of a corpus are nearly neutral, and teach a projector little of what affect does to a sentence.
    """
    rated = np.where(np.isfinite(examples.labels), examples.labels, examples.encoded)
    weights = (LEAST_WEIGHT + np.linalg.norm((rated + examples.encoded) / 2, axis=1)) ** power
    random = np.random.default_rng([seed, len(examples)])
    keep = min(number, len(examples))
    return np.sort(random.choice(len(examples), keep, replace=False, p=weights / weights.sum()))


def _examples(
    sentences: Sentences, rows: FeatureSet, encoder: SentenceEncoder, model: LanguageModel, projector: Projector
) -> Examples:
    latents = encoder.latents_of_rows(rows, sentences.rows)
    private = torch.from_numpy(latents.private[:, : projector.config.private or 0])
    with torch.no_grad():
        return Examples(
            sentences.texts,
            rows.table["id"].to_numpy(object)[sentences.rows],
            [[*model.encode(text), model.end] for text in sentences.texts],
            projector.standard_affect(torch.from_numpy(latents.affect)).numpy(),
            projector.standard_affect(torch.from_numpy(sentences.labels)).numpy(),
            projector.standard_private(private).numpy(),
        )


def make_masker(config: MaskConfig, rows: FeatureSet, encoder: SentenceEncoder) -> Masker:
    """The masker of a lexicon, or of a ridge regression of the training rows' labels on their words."""
    if config.lexicon is not None:
        return lexicon_masker(Lexicon.read(config.lexicon), config.share, config.negators)
    train = sentences_of(rows, encoder, "train")
    return ridge_masker(train.texts, train.labels, config.share, config.negators)


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
    from affectspace.steering.calibration import calibrate
    from affectspace.steering.judges import ridge_judge
    from affectspace.steering.steerer import Steerer

    encoder = SentenceEncoder.of_run(run.folder / "encoder")
    train = sentences_of(rows, encoder, "train")
    judge = ridge_judge(train.texts, train.labels, train.groups)
    seeds = sentences_of(rows, encoder, "validation").short(model, config.fit.longest)
    texts = seeds.drawn(config.calibration.sentences, config.fit.seed).texts
    ranked = config.calibration.candidates
    steerer = Steerer.of_parts(run, encoder, model, ContentSimilarity() if ranked > 1 and has_minilm() else None)
    found = calibrate(steerer, texts, judge, config.calibration.points, candidates=ranked, progress=progress)
    found.write(run.folder / "calibration.json")
    for line in found.summary():
        log.info("%s", line)
