"""`/v1/steer`: a sentence at another valence, arousal and dominance, and what two readers make of each candidate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import Field

from affectspace.affect import AXES
from affectspace.app.answers import Refusal, read_json
from affectspace.app.models import models_of
from affectspace.app.runs import finished_runs, version_of
from affectspace.app.work import compute, given_up
from affectspace.configuration import Configuration
from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.prediction.result import Failure, Outcome
from affectspace.prediction.sample import Sample
from affectspace.synthetic.speakers.sentences import ADJECTIVES

if TYPE_CHECKING:
    from affectspace.lexicon import Lexicon
    from affectspace.steering import LanguageModel, Steerer
    from affectspace.steering.ranking import ContentSimilarity

PROMPTS, KIND = "prompts", "projector"  # the writer that needs no training, and the kind of the runs that are others
ENCODER = "text"  # the model that reads the candidates
MOST_CANDIDATES, LONGEST = 12, 300  # texts, and characters of a sentence
WORDS = 3  # adjectives nearest to the target that requests name
GUIDANCE, LONGEST_ANSWER = 2.0, 40  # away from sentences of someone who feels nothing; tokens
OTHER_AXES = 0.25  # weight of the axes without a target when adjectives are chosen
EXAMPLES = "".join(
    f"Sentence: {plain}\nSaid by someone who feels {word}: {coloured}\n\n"
    for plain, word, coloured in (
        ("The train leaves at nine.", "excited", "Hurray, the train finally leaves at nine!"),
        ("My sister called me last night.", "gloomy", "My sister called me last night, and it only made me lonelier."),
        ("He put the box on the table.", "angry", "He just threw that damned box on the table!"),
        ("We are waiting for the doctor.", "relaxed", "We are sitting quietly and waiting for the doctor, no hurry."),
        (
            "The letter arrived this morning.",
            "helpless",
            "The letter arrived, and I have no idea what I can do about it.",
        ),
        ("I will talk to the manager.", "confident", "I will talk to the manager and settle this myself."),
        ("They moved into the house.", "happy", "They are so glad to move into that beautiful house."),
        ("It rained all day.", "nervous", "It rained all day, oh no, what if the river rises?"),
    )
)
SECONDS = 120.0  # of one sentence at most
router = APIRouter()


class Stopped(Exception):
    """The sentence is no longer wanted, or took too long."""


@dataclass(frozen=True)
class Rewriting:
    """What is asked for. targets : axis -> value on [-1, 1]; axes without a target stay as the sentence has them"""

    text: str
    targets: Mapping[str, float]
    candidates: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise DataError("the text is empty; give one sentence")
        if len(self.text) > LONGEST:
            raise DataError(f"the text has {len(self.text):,} characters; give one sentence of at most {LONGEST}")
        if not self.targets:
            raise ConfigError("no axis has a target; give a value for valence, arousal or dominance")
        for axis, value in self.targets.items():
            if not -1 <= value <= 1:
                raise ConfigError(f"{axis} is {value:g}; give a value from -1 to 1")
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise ConfigError(f"candidates is {self.candidates}; give a number from 1 to {MOST_CANDIDATES}")

    @property
    def point(self) -> np.ndarray:
        """Targets (3,), NaN for axes that stay."""
        return np.array([self.targets.get(axis, np.nan) for axis in AXES])


@dataclass
class SentenceWriter:
    """Rewrites sentences with a frozen language model, or with the projectors in a folder of runs. Models load at first use.

    predict : what the encoder reads of samples of one text; runs : name -> folder of a finished run of a projector
    """

    predict: Callable[[Sequence[Sample]], Sequence[Outcome]]
    runs: Mapping[str, Path] = field(default_factory=dict)
    device: str = "auto"
    _steerers: dict[str, tuple[tuple[Any, ...], Steerer]] = field(default_factory=dict, init=False, repr=False)

    def rewrite(
        self, wanted: Rewriting, writer: str = PROMPTS, stop: Callable[[], bool] = lambda: False
    ) -> dict[str, Any]:
        """Write candidates, and choose the one that the encoder reads nearest to the target.

        Parameters
        ----------
        wanted : Rewriting
            The sentence and its targets.
        writer : str
            "prompts", or the name of a projector's run.
        stop : callable
            Asked before every token; true ends the work.

        Returns
        -------
        dict
            original, target, aim (what the encoder reads of sentences with this target), candidates (text, reached by the
            encoder, lexicon, content, chosen), writer and notes.

        Raises
        ------
        ConfigError
            If the writer is not known, or the language model is not installed.
        DataError
            If the sentence cannot be read.
        Stopped
            If `stop` was true.
        """
        if writer != PROMPTS and writer not in self.runs:
            known = ", ".join([PROMPTS, *self.runs])
            raise ConfigError(
                f"there is no writer {writer!r}; choose from {known}. `affectspace train` makes projectors"
            )
        text = " ".join(wanted.text.split())
        own = self._read([text])[0]
        with _stopping(self.language_model, stop):
            texts = self._prompted(text, wanted, own) if writer == PROMPTS else self._steered(text, wanted, writer)
        written = [candidate for candidate in dict.fromkeys(texts) if candidate.strip()]
        kept = [candidate for candidate in written if candidate != text] or written
        if not kept:
            raise DataError(
                f"the language model wrote nothing for {text[:40]!r}; try another target, or more candidates"
            )
        return self._answer(text, own, kept, wanted, writer)

    @cached_property
    def language_model(self) -> LanguageModel:
        """The frozen language model."""
        from affectspace.devices import choose_device
        from affectspace.steering import load_language_model

        return load_language_model(dtype="auto", device=choose_device(self.device))

    @cached_property
    def _lexicon(self) -> Lexicon | None:
        from affectspace.lexicon import Lexicon

        try:
            return Lexicon.vader()
        except ConfigError:
            return None

    @cached_property
    def _similarity(self) -> ContentSimilarity | None:
        from affectspace.features.backbones.text import has_minilm
        from affectspace.steering.ranking import ContentSimilarity

        return ContentSimilarity.load() if has_minilm() else None

    def _read(self, texts: Sequence[str]) -> np.ndarray:
        """What the encoder reads of texts, (n, 3) on [-1, 1]."""
        outcomes = self.predict([Sample(text=text) for text in texts])
        for outcome, text in zip(outcomes, texts, strict=True):
            if isinstance(outcome, Failure):
                raise UnreadableItem(f"{text[:40]!r}: {outcome.reason}")
        return np.array([outcome.mean for outcome in outcomes if not isinstance(outcome, Failure)], dtype=np.float64)

    @cached_property
    def _readings_of_words(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How the encoder reads sentences that name a feeling: offset, slope on the words' ratings, deviation; (3,) each.

        Its readings are nearer to 0 than the ratings. A target is what it reads, on average, of words with that rating.
        """
        readings = self._read([f"I feel {word}." for word in ADJECTIVES])
        ratings = np.array(list(ADJECTIVES.values()))
        centred = ratings - ratings.mean(axis=0)
        slope = (centred * readings).sum(axis=0) / (centred**2).sum(axis=0)
        return readings.mean(axis=0) - slope * ratings.mean(axis=0), slope, readings.std(axis=0)

    def _prompted(self, text: str, wanted: Rewriting, own: np.ndarray) -> list[str]:
        """Let the language model continue a list of examples with the sentence, said with adjectives near the target.

        Guidance moves the texts away from those of someone who feels nothing.
        """
        from affectspace.steering.decoding import Sampling, sample
        from affectspace.studies.steering.prompting import bare

        model = self.language_model
        model = replace(model, stops=model.stops | set(model.encode("\n")))
        words = [f" {word}:" for word in nearest_words(wanted.point, own)]
        rows: dict[int, list[int]] = {}  # number of tokens of the word -> candidates, which are sampled together
        tokens = [model.encode(words[place % len(words)]) for place in range(wanted.candidates)]
        for place, word in enumerate(tokens):
            rows.setdefault(len(word), []).append(place)
        prompt = [model.start, *model.encode(f"{EXAMPLES}Sentence: {text}\nSaid by someone who feels")]
        sampling = Sampling(guidance=GUIDANCE, longest=LONGEST_ANSWER)
        answers: dict[int, str] = {}
        for length, places in rows.items():
            plain = model.embed((model.encode(" nothing") * length)[: length - 1] + tokens[places[0]][-1:])
            soft = [model.embed(tokens[place]) for place in places]
            draws = [np.random.default_rng([wanted.seed, place]) for place in places]
            count = len(places)
            texts = sample(model, [prompt] * count, soft, draws, sampling, [plain] * count)
            answers.update(zip(places, map(bare, texts), strict=True))
        return [answers[place] for place in sorted(answers)]

    def _steered(self, text: str, wanted: Rewriting, writer: str) -> list[str]:
        from affectspace.steering import Steerer
        from affectspace.steering.targets import absolute_targets

        version = version_of(self.runs[writer])
        if self._steerers.get(writer, (None,))[0] != version:
            self._steerers[writer] = (
                version,
                Steerer.of_run(self.runs[writer], device=self.device, language_model=self.language_model, content=None),
            )
        steerer = self._steerers[writer][1]
        seeds = steerer.require_sentences([text])
        targets = absolute_targets(
            wanted.point[None],
            "canonical",
            False,
            steerer.corpus_mean,
            steerer.corpus_deviation,
            steerer.affect_of(seeds),
        )
        written = steerer.write(seeds, targets, candidates=wanted.candidates, seed=wanted.seed)
        return written[0][0]

    def _answer(self, text: str, own: np.ndarray, texts: list[str], wanted: Rewriting, writer: str) -> dict[str, Any]:
        from affectspace.steering.ranking import rank

        offset, slope, spread = self._readings_of_words

        def scaled(texts: Sequence[str]) -> np.ndarray:
            return (self._read(texts) - offset) / spread

        aim = offset + slope * wanted.point  # what the encoder reads of words with this rating
        goal = (aim - offset) / spread
        ranked = rank([text], (own[None] - offset) / spread, goal[None, None], [[texts]], scaled, self._similarity)
        valence = self._lexicon_valence([text, *texts])
        affect, content = ranked.affect[0, 0] * spread + offset, ranked.content[0, 0]
        notes = []
        if self._lexicon is None:
            notes.append("No lexicon reads the candidates: pip install 'affectspace[lexicon]' adds one for valence.")
        if writer == PROMPTS:
            notes.append(
                "The language model is asked in words; nothing was trained. A projector (`affectspace train "
                "configs/steering.yaml`) follows targets more closely."
            )
        return {
            "original": {"text": text, "encoder": _by_axis(own), "lexicon": valence[0]},
            "target": {axis: wanted.targets.get(axis) for axis in AXES},
            "aim": {
                axis: None if np.isnan(value) else round(float(value), 4) for axis, value in zip(AXES, aim, strict=True)
            },
            "candidates": [
                {
                    "text": candidate,
                    "encoder": _by_axis(affect[place]),
                    "lexicon": valence[place + 1],
                    "content": None if np.isnan(content[place]) else round(float(content[place]), 3),
                    "chosen": place == int(ranked.best[0, 0]),
                }
                for place, candidate in enumerate(texts)
            ],
            "writer": writer,
            "notes": notes,
        }

    def _lexicon_valence(self, texts: Sequence[str]) -> list[float | None]:
        """Valence of texts by the words of a lexicon, None where it has none of them."""
        if self._lexicon is None:
            return [None] * len(texts)
        from affectspace.lexicon import score_texts

        values = score_texts(list(texts), self._lexicon, "contextual")["valence"].tolist()
        return [None if np.isnan(value) else round(float(value), 3) for value in values]


def nearest_words(target: np.ndarray, own: np.ndarray) -> list[str]:
    """Return the adjectives whose valence, arousal and dominance lie nearest to a target.

    Axes without a target count less, and with the sentence's own value.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_words(np.array([0.9, 0.9, np.nan]), np.zeros(3))[0]
    'thrilled'
    """
    stays = np.isnan(target)
    goal, weights = np.where(stays, own, target), np.where(stays, OTHER_AXES, 1.0)
    distance = {word: float((weights * (np.array(rated) - goal) ** 2).sum()) for word, rated in ADJECTIVES.items()}
    return sorted(distance, key=lambda word: distance[word])[:WORDS]


@contextmanager
def _stopping(model: LanguageModel, stop: Callable[[], bool]) -> Iterator[None]:
    """Raise Stopped from the model's next pass once `stop` is true."""

    def check(*_: Any) -> None:
        if stop():
            raise Stopped

    handle = model.network.register_forward_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()


def _by_axis(values: np.ndarray) -> dict[str, float]:
    return {axis: round(float(value), 3) for axis, value in zip(AXES, values, strict=True)}


class Body(Configuration):
    """The JSON body of `POST /v1/steer`. Axes that are null stay as the sentence has them."""

    text: str
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    candidates: int = 6
    seed: int = Field(0, ge=0, lt=2**32)
    writer: str = PROMPTS


class Desk:
    """The one writer of a worker, which rewrites one sentence at a time."""

    def __init__(self) -> None:
        self.writer: SentenceWriter | None = None
        self.lock = threading.Lock()  # held while a sentence is rewritten

    def writer_of(self, request: Request) -> SentenceWriter:
        """Return the writer, with the projectors that are in the folder of runs now."""
        settings, models = request.app.state.settings, models_of(request)
        if self.writer is None:

            def predict(samples: Sequence[Sample]) -> Sequence[Outcome]:
                return models.lane(ENCODER, texts=True).use(lambda predictor: predictor.predict_many(samples))

            self.writer = SentenceWriter(predict, device=settings.device)
        self.writer.runs = finished_runs(settings.runs, KIND)
        return self.writer


@router.get("/v1/steer")
async def list_writers(request: Request) -> dict[str, Any]:
    """List what `POST /v1/steer` can be asked for: the writers and the limits."""
    trained = await compute(request, finished_runs, request.app.state.settings.runs, KIND)
    writers = [{"name": PROMPTS, "title": "examples in words (no training)"}]
    writers += [{"name": name, "title": f"projector {name}"} for name in trained]
    return {"writers": writers, "most_candidates": MOST_CANDIDATES, "longest_text": LONGEST, "seconds": SECONDS}


@router.post("/v1/steer")
async def steer(request: Request) -> dict[str, Any]:
    """Rewrite a sentence. One sentence at a time: another request meanwhile is refused as busy.

    Closing the connection stops the work.
    """
    body = await read_json(request, Body)
    targets = {axis: value for axis in AXES if (value := getattr(body, axis)) is not None}
    wanted = Rewriting(body.text, targets, body.candidates, body.seed)
    desk: Desk = request.app.state.sentences

    def work() -> dict[str, Any]:
        if not desk.lock.acquire(blocking=False):
            raise Refusal(
                503, "another sentence is being rewritten; try again in some seconds", "busy", {"Retry-After": "5"}
            )
        deadline = time.monotonic() + SECONDS
        try:
            writer = desk.writer_of(request)
            return writer.rewrite(wanted, body.writer, lambda: given_up() or time.monotonic() > deadline)
        finally:
            desk.lock.release()

    try:
        return await compute(request, work)
    except Stopped:
        raise Refusal(
            503, f"the sentence took longer than {SECONDS:g} s; ask for fewer candidates", "timeout"
        ) from None
