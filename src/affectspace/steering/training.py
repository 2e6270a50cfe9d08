"""Training of a projector: the loss, and the way from a configuration to a finished run.

RUN/encoder/ is a copy of the model whose latents steer, mask.json holds the words that prompts hide, calibration.json how
targets become the projector's input. The language model is not copied; its name and the hash of its weights are recorded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features.backbones.text import has_minilm
from affectspace.lexicon.reading import Lexicon
from affectspace.models import LossTerms, Projector
from affectspace.progress import Progress, silent
from affectspace.steering.calibration import calibrate
from affectspace.steering.encoder import SentenceEncoder, Sentences, sentences_of
from affectspace.steering.examples import ExampleBatch, ExampleBatches, Examples, batch_count
from affectspace.steering.judges import ridge_judge
from affectspace.steering.language_model import LICENCES, LanguageModel, load_language_model
from affectspace.steering.masking import Masker, lexicon_masker, ridge_masker
from affectspace.steering.ranking import ContentSimilarity
from affectspace.steering.steerer import Steerer
from affectspace.training.configuration import ProjectorTrainConfig
from affectspace.training.fit import keep_split, require_memory, train_kept, training_of
from affectspace.training.loop import Training
from affectspace.training.runs import Run, started_run

log = logging.getLogger("affectspace.training.fit")  # the run's log.txt listens there


class ProjectorTraining(Training):
    """Training of a projector. The language model is frozen and no part of the projector: it is not saved.

    The loss is a mean over tokens: a batch's sum divided by the number of tokens that as many rows have on average. So
    accumulated batches equal one large batch exactly, and an epoch's mean is the mean over its tokens.
    """

    unit = "sentences"
    model: Projector

    def __init__(
        self,
        projector: Projector,
        config: ProjectorTrainConfig,
        train: Examples,
        validation: Examples,
        language_model: LanguageModel,
        masker: Masker | None,
    ) -> None:
        super().__init__(projector, config.fit, batch_count(len(train), config), len(train))
        self.train, self.validation, self.language_model = train, validation, language_model
        self._shared = (language_model, masker, config)

    def batches(self, epoch: int, rank: int, ranks: int) -> ExampleBatches:
        return ExampleBatches(self.train, *self._shared, epoch=epoch)

    def validation_batches(self, rank: int, ranks: int) -> ExampleBatches:
        return ExampleBatches(self.validation, *self._shared, training=False)

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.language_model.to(device)

    def loss(self, batch: ExampleBatch, seed: int, progress: float, training: bool) -> LossTerms:
        """Loss of a batch; in validation also with the latents, and with the affect alone, of another row.

        The differences show how much the projector uses them.
        """
        mean_tokens = (self.train if training else self.validation).mean_tokens

        def loss(affect: Tensor, private: Tensor) -> Tensor:
            losses, _ = self.language_model.token_losses(self.model(affect, private), batch.targets, batch.prompts)
            return losses.sum() / (len(batch) * mean_tokens)

        total = loss(batch.affect, batch.private)
        if training:
            return LossTerms(total, {})
        affect, private = batch.affect.roll(1, dims=0), batch.private.roll(1, dims=0)
        shuffled = {"shuffled_latents": loss(affect, private), "shuffled_affect": loss(affect, batch.private)}
        return LossTerms(total, shuffled)


def fit_projector(
    config: ProjectorTrainConfig,
    out: Path,
    *,
    force: bool = False,
    data: Dataset | None = None,
    language_model: LanguageModel | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train and calibrate a projector, or continue an interrupted training.

    Parameters
    ----------
    config : ProjectorTrainConfig
        Encoder's run, language model, mask, and how to train.
    out : Path
        Folder of the run. The same call continues an unfinished one.
    force : bool
        Replace a run that is there.
    data : Dataset, optional
        Rows of the encoder's run, where they are loaded already.
    language_model : LanguageModel, optional
        The model that the configuration names, where it is loaded already.
    threads : int, optional
        Threads of PyTorch, instead of those of the configuration.
    progress : callable, optional
        Called with (done, total, message).

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    RunError, DataError, ConfigError
        With the remedy; RunError also where the weights of the language model have changed.

    Examples
    --------
    >>> from affectspace.training.configuration import read_config              # doctest: +SKIP
    >>> config = read_config(Path("configs/steering.yaml"))                     # doctest: +SKIP
    >>> fit_projector(config, Path("runs/steering"))                            # doctest: +SKIP
    """
    encoder = SentenceEncoder(config.run)
    with started_run(out, config, force=force) as run:
        rows = data if data is not None else encoder.run.dataset("features", progress)
        keep_split(run, rows.split_table())
        recorded = run.facts.get("language_model", {})
        dtype = recorded.get("dtype", config.language_model.dtype)  # what "auto" meant when the training started
        model = language_model or load_language_model(config.language_model.name, dtype=dtype)
        if recorded and recorded["digest"] != model.digest():
            raise RunError(
                f"{run.folder} was started with other weights of {model.name} than those that are loaded now (their hash was "
                f"{recorded['digest'][:16]}); use those weights, or start again with --force"
            )
        fitting = _Fitting(config, run, encoder, rows, model)
        with training_of(run, threads or config.fit.threads):
            fitting.train(progress)
            if config.calibration.sentences:
                fitting.calibrate(progress)
            run.record(state="finished")
    return run


@dataclass(frozen=True, eq=False)
class _Fitting:
    """One training: its configuration and run, the encoder and the rows that it reads, and the frozen language model."""

    config: ProjectorTrainConfig
    run: Run
    encoder: SentenceEncoder
    rows: Dataset
    model: LanguageModel

    def train(self, progress: Progress) -> None:
        """Train the projector and leave RUN/encoder, mask.json and model/. Raises RunError where the frozen model changed."""
        config, run, model = self.config, self.run, self.model
        name, digest = config.language_model.name, model.digest()
        dtype = str(model.dtype).removeprefix("torch.")
        licence = LICENCES.get(name, f"see the card of {Path(name).name}")
        run.record(language_model={"name": name, "dtype": dtype, "digest": digest, "licence": licence})
        self.encoder.copy_to(run.folder / "encoder")
        progress(0, 0, "latents of the sentences")
        projector = self.new_projector()
        training, validation = self.examples("train", projector), self.examples("validation", projector)
        masker = self.masker()
        if masker is not None:
            masker.write(run.folder / "mask.json")
        fitted = ProjectorTraining(projector, config, training, validation, model, masker)
        kept = train_kept(fitted, run, progress)
        if model.digest() != digest:
            raise RunError(
                f"the weights of {model.name} changed during the training (hash {digest[:16]} before, {model.digest()[:16]} "
                "after), although they are frozen; something else in this process optimises them"
            )
        projector.to("cpu").eval().save_pretrained(run.folder / "model")
        run.record(
            epochs=len(run.history),
            kept_epoch=kept,
            unchanged=True,
            sentences={"train": len(training), "validation": len(validation)},
        )

    def sentences(self, part: str) -> Sentences:
        return sentences_of(self.rows, self.encoder, part)

    def new_projector(self) -> Projector:
        """Make a projector with the training rows' statistics that starts from the embeddings of its instruction."""
        settings, model, train = self.config.model, self.model, self.sentences("train")
        codes = self.encoder.latents_of_rows(self.rows, train.rows).private
        if settings.private not in (None, 0, codes.shape[1]):
            raise ConfigError(
                f"model.private is {settings.private}; the run's private codes have {codes.shape[1]} dimensions"
            )
        if settings.width not in (None, model.width):
            raise ConfigError(f"model.width is {settings.width}; {model.name} has embeddings of {model.width}")
        private = codes.shape[1] if settings.private is None else settings.private
        complete = settings.model_copy(update={"private": private, "width": model.width})
        require_memory(Projector, complete)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.fit.seed)
            projector = Projector(complete)
        projector.take_statistics(torch.from_numpy(train.labels), torch.from_numpy(codes[:, :private]))
        instruction = model.encode(complete.started_from) or [model.start]
        projector.start(model.embed(instruction).float(), model.embedding_size)
        return projector

    @torch.no_grad()
    def examples(self, part: str, projector: Projector) -> Examples:
        """Choose the sentences of "train" or "validation" and encode them. Longer ones are left out and counted in the log."""
        fit, model = self.config.fit, self.model
        number, strong = (fit.rows, fit.strong) if part == "train" else (fit.validation_rows, 0.0)
        available = self.sentences(part)
        sentences = available.short(model, fit.longest)
        if len(sentences) < len(available):
            long = len(available) - len(sentences)
            log.info("%s: %d of %d sentences have over %d tokens: left out", part, long, len(available), fit.longest)
        if number is not None and not strong:
            sentences = sentences.drawn(number, fit.seed)
        if len(sentences) < 2:
            raise DataError(f"{part}: {len(sentences)} sentences of at most {fit.longest} tokens; raise fit.longest")
        latents = self.encoder.latents_of_rows(self.rows, sentences.rows)
        private = torch.from_numpy(latents.private[:, : projector.config.private or 0])
        examples = Examples(
            sentences.texts,
            self.rows.table["id"].to_numpy(object)[sentences.rows],
            [[*model.encode(text), model.end] for text in sentences.texts],
            projector.standard_affect(torch.from_numpy(latents.affect)).numpy(),
            projector.standard_affect(torch.from_numpy(sentences.labels)).numpy(),
            projector.standard_private(private).numpy(),
        )
        return examples.strong(number, strong, fit.seed) if number is not None and strong else examples

    def masker(self) -> Masker | None:
        """Make the masker of a lexicon, or of a ridge of the training labels on words; None in reconstruction."""
        mask = self.config.mask
        if self.config.model.mode == "reconstruction":
            return None
        if mask.lexicon is not None:
            return lexicon_masker(Lexicon.read(mask.lexicon), mask.share, mask.negators)
        train = self.sentences("train")
        return ridge_masker(train.texts, train.labels, mask.share, mask.negators)

    def calibrate(self, progress: Progress) -> None:
        """Write calibration.json, fitted on validation sentences with a judge that is independent of the encoder."""
        settings, fit, train = self.config.calibration, self.config.fit, self.sentences("train")
        judge = ridge_judge(train.texts, train.labels, train.groups)
        seeds = self.sentences("validation").short(self.model, fit.longest).drawn(settings.sentences, fit.seed)
        similarity = ContentSimilarity.load() if settings.candidates > 1 and has_minilm() else None
        steerer = Steerer.of_parts(self.run, self.encoder, self.model, similarity)
        calibration = calibrate(
            steerer, seeds.texts, judge, settings.points, candidates=settings.candidates, progress=progress
        )
        calibration.write(self.run.folder / "calibration.json")
        for line in calibration.summary():
            log.info("%s", line)
