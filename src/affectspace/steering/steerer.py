"""The user's interface: sentences in, the same sentences at other valence, arousal and dominance out."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.devices import choose_device
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.models import Projector
from affectspace.progress import Progress, silent
from affectspace.steering.calibration import Calibration
from affectspace.steering.decoding import Sampling, sample
from affectspace.steering.encoder import Latents, SentenceEncoder
from affectspace.steering.language_model import LanguageModel, load_language_model
from affectspace.steering.masking import BLANK, PATTERNS, Masker
from affectspace.steering.ranking import Candidates, ContentSimilarity, rank
from affectspace.steering.targets import absolute_targets
from affectspace.training.runs import Run, open_run

MAX_CANDIDATES = 64
CLIPPED = 0.95  # share of the projector's reach beyond which an input no longer follows its target


@dataclass(frozen=True, eq=False)
class SteeredText:
    """One sentence along a path. All affect is in standard deviations of the corpus.

    Attributes
    ----------
    seed : str
        The sentence.
    seed_affect : ndarray, (3,)
        What the encoder reads of it.
    targets : ndarray, (steps, 3)
        Target affect, NaN for axes that stay as they are.
    inputs : ndarray, (steps, 3)
        The projector's input: the targets after calibration.
    texts : tuple of str
        A text a step.
    affect : ndarray, (steps, 3)
        What the encoder reads of the texts.
    content : ndarray, (steps,)
        Cosine of each text to the seed, NaN where content is not measured.
    clipped : int
        Number of steps whose input lies at the projector's limit.
    """

    seed: str
    seed_affect: np.ndarray
    targets: np.ndarray
    inputs: np.ndarray
    texts: tuple[str, ...]
    affect: np.ndarray
    content: np.ndarray
    clipped: int = 0

    @property
    def target_axes(self) -> tuple[int, ...]:
        """Places of the axes that have a target."""
        return tuple(int(axis) for axis in np.flatnonzero(~np.isnan(self.targets).all(axis=0)))

    def table(self) -> pd.DataFrame:
        """Return a row a step: seed, step, target and encoder's affect in sd, content, text."""
        columns: dict[str, object] = {"seed": self.seed, "step": np.arange(len(self.texts))}
        columns |= {f"target_{AXES[axis]}": self.targets[:, axis] for axis in self.target_axes}
        columns |= {f"encoder_{name}": self.affect[:, axis] for axis, name in enumerate(AXES)}
        return pd.DataFrame({**columns, "content": self.content, "text": list(self.texts)})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None where an axis stays or content is not measured."""

        def plain(value: float) -> float | None:
            return None if np.isnan(value) else round(float(value), 4)

        def by_axis(values: np.ndarray) -> dict[str, float | None]:
            return {axis: plain(value) for axis, value in zip(AXES, values, strict=True)}

        steps = [
            {"target": by_axis(target), "text": text, "encoder": by_axis(affect), "content": plain(content)}
            for target, text, affect, content in zip(self.targets, self.texts, self.affect, self.content, strict=True)
        ]
        return {"seed": self.seed, "seed_affect": by_axis(self.seed_affect), "clipped": self.clipped, "steps": steps}


@dataclass(frozen=True, eq=False)
class Steerer:
    """A trained projector with its language model, encoder, mask and calibration. `of_run` opens one.

    Examples
    --------
    >>> steerer = Steerer.of_run("runs/steering")                                              # doctest: +SKIP
    >>> [result] = steerer.steer(["The day was long."], target_points(valence=[-2, 0, 2]))     # doctest: +SKIP
    >>> result.texts                                                                           # doctest: +SKIP
    """

    run: Run
    projector: Projector
    encoder: SentenceEncoder
    model: LanguageModel
    masker: Masker | None
    calibration: Calibration
    similarity: ContentSimilarity | None
    longest: int

    @classmethod
    def of_run(
        cls,
        run: str | Path,
        *,
        device: str = "auto",
        language_model: str | LanguageModel | None = None,
        backbones: Mapping[str, str | Path] | None = None,
        content: str | None = "minilm",
    ) -> Steerer:
        """Open a projector's finished run.

        Parameters
        ----------
        run : str or Path
            The run's folder.
        device : str
            Where the models run, such as "cpu" or "cuda".
        language_model : str or LanguageModel, optional
            Where its weights are now (a folder or hub name), or the loaded model; by default the name in the run.
        backbones : mapping, optional
            Modality -> where its backbone's weights are now.
        content : str or None
            Text encoder that measures content: "minilm", a folder or a hub name. None leaves content out.

        Raises
        ------
        RunError
            For a run of another kind or an unfinished one, or a language model other than that of the training.
        ConfigError
            Where the language model, the text encoder or the device is not available.
        """
        device = choose_device(device)
        opened = open_run(Path(run))
        config = opened.projector_config
        if not opened.finished:
            raise RunError(f"{run}: its training has not finished; run the same train command again to continue it")
        encoder = SentenceEncoder(opened.folder / "encoder", device=device, backbones=backbones)
        recorded = opened.fact("language_model")
        if isinstance(language_model, LanguageModel):
            model = language_model
            model.to(device)
        else:
            name = language_model or config.language_model.name
            model = load_language_model(name, dtype=recorded["dtype"], device=device)
        digest = model.digest()
        if recorded["digest"] != digest:
            raise RunError(
                f"{run} was trained on other weights than those of {model.name} (hash {recorded['digest'][:16]} then, "
                f"{digest[:16]} now); give their place with --language-model, or train a projector for these weights"
            )
        similarity = None if content is None else ContentSimilarity.load(content, device=device)
        return cls.of_parts(opened, encoder, model, similarity)

    @classmethod
    def of_parts(
        cls, run: Run, encoder: SentenceEncoder, model: LanguageModel, similarity: ContentSimilarity | None = None
    ) -> Steerer:
        """Combine a run's trained projector with an encoder and a language model that are loaded already."""
        config = run.projector_config
        projector = Projector.from_pretrained(run.folder / "model").to(model.device)
        masker = Masker.read(run.folder / "mask.json") if config.model.mode == "rewriting" else None
        calibration = Calibration.read(run.folder / "calibration.json")
        return cls(run, projector, encoder, model, masker, calibration, similarity, config.fit.longest)

    @property
    def corpus_mean(self) -> np.ndarray:
        """Mean of the training labels, canonical, (3,)."""
        return self.projector.affect_mean.cpu().numpy().astype(np.float64)

    @property
    def corpus_deviation(self) -> np.ndarray:
        """Standard deviation of the training labels, canonical, (3,)."""
        return self.projector.affect_scale.cpu().numpy().astype(np.float64)

    def standardised(self, affect: np.ndarray) -> np.ndarray:
        """Convert canonical affect, (n, 3), to standard deviations of the corpus."""
        return (affect - self.corpus_mean) / self.corpus_deviation

    def affect_of(self, texts: Sequence[str]) -> np.ndarray:
        """What the encoder reads of texts, in standard deviations of the corpus, (n, 3)."""
        return self.standardised(self.encoder.latents(texts).affect)

    def steer(
        self,
        texts: Sequence[str],
        points: np.ndarray,
        *,
        units: str = "sd",
        relative: bool = False,
        candidates: int = 1,
        calibrated: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress = silent,
    ) -> list[SteeredText]:
        """Write each text again at each point. Its private codes stay as they are.

        Parameters
        ----------
        texts : sequence of str
            Sentences.
        points : ndarray, (steps, 3)
            Targets, as `target_points` builds them; NaN for an axis that stays.
        units : {"sd", "canonical"}
            Standard deviations of the training corpus, or values on [-1, 1].
        relative : bool
            Whether points are differences from each sentence's own affect.
        candidates : int
            Number of texts a step. The one that the encoder reads nearest to the target is kept.
        calibrated : bool
            Whether targets pass through the run's calibration.
        seed : int
            Seed of the sampling. Texts depend on (seed, sentence, step, candidate) alone.
        sampling : Sampling, optional
            How tokens are drawn.
        progress : callable, optional
            Called with (done, total, message).

        Returns
        -------
        list of SteeredText
            One a sentence, in order.

        Raises
        ------
        DataError
            For an empty sentence, or one longer than those of the training.
        ConfigError
            For targets out of range, or more tokens than the language model reads.
        """
        if not 1 <= candidates <= MAX_CANDIDATES:
            raise ConfigError(f"candidates {candidates}: give 1 to {MAX_CANDIDATES}")
        if seed < 0:
            raise ConfigError(f"seed {seed}: give 0 or more")
        seeds = self.require_sentences(texts)
        latents = self.encoder.latents(seeds)
        seed_affect = self.standardised(latents.affect)
        targets = absolute_targets(points, units, relative, self.corpus_mean, self.corpus_deviation, seed_affect)
        inputs = self._inputs(latents, targets, relative, calibrated)
        written = self._write(seeds, latents, inputs, np.isnan(targets), candidates, seed, sampling, progress)
        ranked = rank(seeds, seed_affect, targets, written, self.affect_of, self.similarity)
        steps = np.arange(len(points))
        clipped = (np.abs(inputs) > CLIPPED * self.projector.config.reach).any(axis=2).sum(axis=1)
        return [
            SteeredText(
                text, seed_affect[row], targets[row], inputs[row], tuple(best_texts),
                ranked.affect[row, steps, ranked.best[row]], ranked.content[row, steps, ranked.best[row]], int(clipped[row]),
            )
            for row, (text, best_texts) in enumerate(zip(seeds, ranked.texts(), strict=True))
        ]  # fmt: skip

    def write(
        self,
        seeds: Sequence[str],
        targets: np.ndarray,
        *,
        candidates: int = 1,
        calibrated: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress = silent,
    ) -> Candidates:
        """Write all candidates without ranking them, by seed, step and candidate.

        Parameters
        ----------
        seeds : sequence of str
            Sentences, as `require_sentences` returns them.
        targets : ndarray, (seeds, steps, 3)
            Absolute targets in standard deviations of the corpus, NaN where an axis stays.
        candidates, calibrated, seed, sampling, progress
            As in `steer`.
        """
        latents = self.encoder.latents(seeds)
        inputs = self._inputs(latents, targets, False, calibrated)
        return self._write(seeds, latents, inputs, np.isnan(targets), candidates, seed, sampling, progress)

    def tokens(self, text: str) -> int:
        """Count the language model's tokens of a text. Texts with `longest` tokens or more are not steered."""
        return len(self.model.encode(text))

    def require_sentences(self, texts: Sequence[str]) -> list[str]:
        """Return the texts with single spaces. Raises DataError that names one that is empty, too long or not valid text."""
        if isinstance(texts, str):
            raise DataError("texts is a single string; put it into a list")
        cleaned = [" ".join(text.split()) for text in texts]
        if not cleaned:
            raise DataError("no text is given; give at least one sentence")
        for number, text in enumerate(cleaned, 1):
            if not text:
                raise DataError(f"text {number} is empty; give a sentence")
            if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
                shown = text[:40].encode("unicode_escape").decode()
                raise DataError(f"text {number} ('{shown}') contains bytes that are not text; save it as UTF-8")
            length = self.tokens(text)
            if length >= self.longest:
                raise DataError(
                    f"text {number} ({text[:40]!r}...) has {length} tokens, and this run was trained on sentences of less "
                    f"than {self.longest}; split it into sentences"
                )
        return cleaned

    def _inputs(self, latents: Latents, targets: np.ndarray, relative: bool, calibrated: bool) -> np.ndarray:
        """Projector's inputs of targets, (texts, steps, 3)."""
        calibration = self.calibration if calibrated else Calibration({})
        return calibration.inputs(targets, self.standardised(latents.affect), relative)

    @torch.inference_mode()
    def _write(
        self, seeds: Sequence[str], latents: Latents, inputs: np.ndarray, stays: np.ndarray, candidates: int, seed: int,
        sampling: Sampling | None, progress: Progress,
    ) -> Candidates:  # fmt: skip
        """Write candidates at inputs (texts, steps, 3); stays : which axes have no target and are the same in neutral."""
        steps = inputs.shape[1]
        prompts: list[list[int]] = []
        soft: list[Tensor] = []
        neutral: list[Tensor] = []
        generators = []
        for row, text in enumerate(seeds):
            prompts += self._prompts(text, candidates) * steps
            soft += self._soft_tokens(inputs[row], latents.private[row], candidates)
            neutral += self._soft_tokens(np.where(stays[row], inputs[row], 0.0), latents.private[row], candidates)
            name = zlib.crc32(text.encode())
            generators += [
                np.random.default_rng([seed, name, step, candidate])
                for step in range(steps)
                for candidate in range(candidates)
            ]
        texts = iter(
            sample(
                self.model, prompts, soft, generators, sampling or Sampling(), neutral, progress, "steered sentences",
                self._blanks,
            )
        )  # fmt: skip
        return [[[next(texts) for _ in range(candidates)] for _ in range(steps)] for _ in seeds]

    @cached_property
    def _blanks(self) -> list[int]:
        """Tokens of the prompt's blanks, which are never drawn. Finding them decodes the whole vocabulary."""
        return [] if self.masker is None else self.model.tokens_with(BLANK[0])

    def _prompts(self, text: str, candidates: int) -> list[list[int]]:
        """Prompt of each candidate. They take turns: blanks inside, with one more at the end, or at the start."""
        if self.masker is None:
            return [[] for _ in range(candidates)]
        patterns = [PATTERNS[place % len(PATTERNS)] for place in range(candidates)]
        return [self.model.encode_prompt(self.masker.prompt(text, pattern)) for pattern in patterns]

    def _soft_tokens(self, points: np.ndarray, private: np.ndarray, candidates: int) -> list[Tensor]:
        """Soft tokens of one text at points (steps, 3), repeated for each candidate."""
        points = np.repeat(points, candidates, axis=0).astype(np.float32)
        codes = private[None, : self.projector.config.private or 0].astype(np.float32)
        device = self.model.device
        standard = self.projector.standard_private(torch.from_numpy(codes).to(device))
        return list(self.projector(torch.from_numpy(points).to(device), standard.expand(len(points), -1)))
