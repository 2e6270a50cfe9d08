"""What a user calls: sentences in, the same sentences at asked valence, arousal and dominance out."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.models.projector import Projector
from affectspace.prediction.predictor import require_device
from affectspace.progress import Progress, silent
from affectspace.steering.asking import Steered, in_deviations
from affectspace.steering.calibration import Calibration
from affectspace.steering.decoding import Sampling, sample, uniform_draws
from affectspace.steering.encoder import Latents, SentenceEncoder, open_encoder
from affectspace.steering.language_model import LanguageModel, load_language_model
from affectspace.steering.masking import BLANK, PATTERNS, Masker
from affectspace.steering.objective import frame
from affectspace.steering.ranking import CONTENT, ContentSimilarity, Ranked, Written, rank
from affectspace.training.runs import Run, open_run

MOST_CANDIDATES = 64
NEARLY = 0.95  # of the projector's reach: an input that is bent so far no longer follows what is asked


@dataclass(frozen=True, eq=False)
class Steerer:
    """A projector with everything that it needs. `of_run` makes it.

    >>> steerer = Steerer.of_run("runs/steering")                                    # doctest: +SKIP
    >>> [found] = steerer.steer(["The day was long."], ask(valence=[-2, 0, 2]))      # doctest: +SKIP
    >>> found.texts                                                                  # doctest: +SKIP
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
        device: str = "cpu",
        language_model: str | None = None,
        backbones: Mapping[str, str | Path] | None = None,
        content: str | None = "minilm",
    ) -> Steerer:
        """The steerer of a projector's finished run.

        language_model : where its weights are now: a folder or hub name; by default the name that the run records
        backbones : modality -> where its backbone's weights are; content : text encoder that content is measured with; None:
            content is not measured
        Raises RunError for a run of another kind, or where the language model is not the one of the training; ConfigError
        where it, or a device, cannot be had.
        """
        require_device(device)
        opened = open_run(Path(run))
        config = opened.projector_config
        if not opened.finished:
            raise RunError(f"{run}: its training has not finished; run the same train command again to continue it")
        encoder = open_encoder(opened.folder / "encoder", device=device, backbones=backbones)
        name = language_model or config.language_model.name
        model = load_language_model(name, dtype=config.language_model.dtype, device=device)
        recorded, found = opened.facts["language_model"]["digest"], model.digest()
        if recorded != found:
            raise RunError(
                f"{run} was trained on other weights than those of {name} (hash {recorded[:16]} then, {found[:16]} now); name "
                "where they are with --language-model, or train a projector for these"
            )
        similarity = ContentSimilarity(content, device=device) if content is not None else None
        return cls.of_parts(opened, encoder, model, similarity)

    @classmethod
    def of_parts(
        cls, run: Run, encoder: SentenceEncoder, model: LanguageModel, similarity: ContentSimilarity | None = None
    ) -> Steerer:
        """From a run folder with a trained projector, and what the caller has loaded already."""
        config = run.projector_config
        projector = Projector.from_pretrained(run.folder / "model").to(model.device)
        masker = Masker.read(run.folder / "mask.json") if config.model.mode == "rewriting" else None
        calibration = Calibration.read(run.folder / "calibration.json")
        return cls(run, projector, encoder, model, masker, calibration, similarity, config.fit.longest)

    @property
    def corpus_mean(self) -> np.ndarray:
        """Of the training labels, canonical, (3,)."""
        return self.projector.affect_mean.cpu().numpy().astype(np.float64)

    @property
    def corpus_deviation(self) -> np.ndarray:
        """The unit "sd" in canonical units, (3,)."""
        return self.projector.affect_scale.cpu().numpy().astype(np.float64)

    def own_affect(self, texts: Sequence[str]) -> np.ndarray:
        """What the encoder reads of texts, in sd of the corpus, (n, 3)."""
        return (self.encoder.latents(texts).affect - self.corpus_mean) / self.corpus_deviation

    def steer(
        self,
        texts: Sequence[str],
        points: np.ndarray,
        *,
        units: str = "sd",
        relative: bool = False,
        candidates: int = 1,
        content_weight: float = CONTENT,
        calibrated: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress = silent,
    ) -> list[Steered]:
        """Each text at each point, its private codes as they are.

        points : (steps, 3), NaN for an axis that stays; see `ask`. units : "sd" of the corpus, or "canonical", on [-1, 1]
        relative : points are differences from each text's own affect; candidates : texts a step, of which the one that our
            encoder reads nearest to the asked point, and whose content is nearest, is kept; content_weight : of the latter, sd
        seed : of the sampling; a text's draws depend on it, the text, the step and the candidate, not on other texts
        Raises DataError for an empty or too long text, ConfigError for values beyond the range and for more tokens than
        the language model reads.
        """
        sampling = sampling or Sampling()
        if not 1 <= candidates <= MOST_CANDIDATES:
            raise ConfigError(f"candidates {candidates}: give 1 to {MOST_CANDIDATES}")
        if seed < 0:
            raise ConfigError(f"seed {seed}: give 0 or more")
        seeds = self.require_sentences(texts)
        latents = self.encoder.latents(seeds)
        own = (latents.affect - self.corpus_mean) / self.corpus_deviation
        asked = in_deviations(points, units, relative, self.corpus_mean, self.corpus_deviation, own)
        calibration = self.calibration if calibrated else Calibration({})
        given = calibration.input_of(asked, own, relative)
        written = self._write(seeds, latents, given, np.isnan(asked), candidates, seed, sampling, progress)
        ranked = rank(seeds, own, asked, written, self.own_affect, self.similarity, content_weight)
        return self._steered(seeds, own, asked, given, ranked)

    def write(
        self,
        seeds: Sequence[str],
        asked: np.ndarray,
        *,
        relative: bool = False,
        candidates: int = 1,
        calibrated: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        progress: Progress = silent,
    ) -> Written:
        """All candidates, [seed][step][candidate], unranked.

        seeds : as `require_sentences` gives them; asked : (seeds, steps, 3), absolute, in sd, NaN where an axis stays
        """
        latents = self.encoder.latents(seeds)
        own = (latents.affect - self.corpus_mean) / self.corpus_deviation
        given = (self.calibration if calibrated else Calibration({})).input_of(asked, own, relative)
        left = np.isnan(asked)
        return self._write(list(seeds), latents, given, left, candidates, seed, sampling or Sampling(), progress)

    def _steered(
        self, seeds: list[str], own: np.ndarray, asked: np.ndarray, given: np.ndarray, ranked: Ranked
    ) -> list[Steered]:
        steps = np.arange(given.shape[1])
        beyond = (np.abs(given) > NEARLY * self.projector.config.reach).any(axis=2).sum(axis=1)
        texts = ranked.texts()
        return [
            Steered(
                seed,
                own[row],
                asked[row],
                given[row],
                tuple(texts[row]),
                ranked.affect[row, steps, ranked.best[row]],
                ranked.content[row, steps, ranked.best[row]],
                int(beyond[row]),
            )
            for row, seed in enumerate(seeds)
        ]

    def tokens(self, text: str) -> int:
        """How many tokens of the language model a text has; those with `longest` or more are not steered."""
        return len(self.model.encode(text))

    def require_sentences(self, texts: Sequence[str]) -> list[str]:
        """The texts without superfluous white space. Raises DataError that names one that is empty, too long, or no text."""
        if isinstance(texts, str):
            raise DataError("texts is a single string; put it into a list")
        cleaned = [" ".join(text.split()) for text in texts]
        if not cleaned:
            raise DataError("no text is given")
        for number, text in enumerate(cleaned, 1):
            if not text:
                raise DataError(f"text {number} is empty; give a sentence")
            if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
                shown = text[:40].encode("unicode_escape").decode()
                raise DataError(f"text {number} ('{shown}') has bytes in it that are no text; write it in UTF-8")
            length = self.tokens(text)
            if length >= self.longest:
                raise DataError(
                    f"text {number} ({text[:40]!r}...) has {length} tokens; this run was trained on sentences of less than "
                    f"{self.longest}: split it into sentences"
                )
        return cleaned

    @torch.inference_mode()
    def _write(
        self, seeds: list[str], latents: Latents, given: np.ndarray, left: np.ndarray, candidates: int, seed: int,
        sampling: Sampling, progress: Progress,
    ) -> Written:  # fmt: skip
        """Texts, [seed][step][candidate]."""
        shown: list[list[int]] = []
        asked: list[Tensor] = []
        neutral: list[Tensor] = []
        draws = []
        steps = given.shape[1]
        for row, text in enumerate(seeds):
            prompts = self._prompts(text, candidates)
            at_mean = np.where(left[row], given[row], 0.0)  # what was not asked for is the same in both
            private = self._private(latents.private[row])
            shown += prompts * steps
            for points, rows in ((given[row], asked), (at_mean, neutral)):
                rows += self._soft(np.repeat(points, candidates, axis=0), private)
            name = zlib.crc32(text.encode())
            draws += [
                uniform_draws(seed, name, step, candidate) for step in range(steps) for candidate in range(candidates)
            ]
        texts = iter(
            sample(self.model, shown, asked, draws, sampling, neutral, progress, "steered sentences", self._blanks)
        )
        return [[[next(texts) for _ in range(candidates)] for _ in range(steps)] for _ in seeds]

    @cached_property
    def _blanks(self) -> list[int]:
        """Tokens of the prompt's blanks, which no text has. To find them the whole vocabulary is decoded."""
        return [] if self.masker is None else self.model.tokens_with(BLANK[0])

    def _prompts(self, text: str, candidates: int) -> list[list[int]]:
        """The prompt of each candidate: with blanks inside, then with one more at the end, at the start, and again."""
        if self.masker is None:
            return [[] for _ in range(candidates)]
        return [
            frame(self.model, self.masker.prompt(text, PATTERNS[place % len(PATTERNS)])) for place in range(candidates)
        ]

    def _private(self, private: np.ndarray) -> Tensor:
        width = self.projector.config.private or 0
        codes = torch.from_numpy(private[None, :width].astype(np.float32)).to(self.model.device)
        return self.projector.standard_private(codes)

    def _soft(self, points: np.ndarray, private: Tensor) -> list[Tensor]:
        """Soft tokens of one text at each of these points."""
        affect = torch.from_numpy(points.astype(np.float32)).to(self.model.device)
        return list(self.projector(affect, private.expand(len(affect), -1)))
