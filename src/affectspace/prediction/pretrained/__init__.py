"""The models that ship with the package: one folder each, with `pretrained.json` and, for a trained model, its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from affectspace.errors import ConfigError, RunError
from affectspace.files import parse_json
from affectspace.prediction.readers import CombinedReader, Expert, Reader

FOLDER = Path(__file__).parent
FILE = "pretrained.json"
ANY = ("text", "voice", "face")  # the models that `any` combines
WALKER = "drawn-face"  # the model that walks faces
ORDER = ("text", "text-large", "voice", "face", WALKER)  # of the list
KINDS = {"text": ("text",), "audio": ("audio", "video"), "video": ("video", "image")}  # modality -> kinds of input

OpenReader = Callable[["ShippedModel"], Reader]


@dataclass(frozen=True)
class ShippedModel:
    """A model that ships with the package.

    Attributes
    ----------
    name, title : str
    modalities : tuple of str
        What it reads, of text, audio and video.
    base : mapping
        The pretrained encoder below it: hub name, package, bytes. Empty without one.
    licence, notice : str
        Licence of the weights, and what the user is told at the first use.
    training : sequence
        The corpora that it was trained on.
    scores : sequence of mapping
        data, metric, value, n, seeds.
    limits : sequence of str
    folder : Path
    walks : bool
        Whether it moves faces and predicts nothing.

    Examples
    --------
    >>> shipped_model("text").modalities  # doctest: +SKIP
    ('text',)
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    base: Mapping[str, Any]
    licence: str
    notice: str
    training: Sequence[Any]
    scores: Sequence[Mapping[str, Any]]
    limits: Sequence[str]
    folder: Path
    walks: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of input that it reads, of text, audio, video and image."""
        return tuple(dict.fromkeys(kind for name in self.modalities for kind in KINDS[name]))

    @property
    def size(self) -> int:
        """Bytes in this package, without the base."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    @property
    def card(self) -> str:
        """The model card, in Markdown. Raises RunError where it is missing."""
        path = next(
            (path for path in (self.folder / "model/README.md", self.folder / "README.md") if path.is_file()), None
        )
        if path is None:
            raise RunError(f"{self.folder} has no model card; install affectspace again")
        return path.read_text("utf-8")

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "folder"}
        return {**kept, "kinds": list(self.kinds), "bytes": self.size}


def shipped_models() -> list[ShippedModel]:
    """Return the models that ship.

    Raises
    ------
    RunError
        If a model's description is damaged.

    Examples
    --------
    >>> [model.name for model in shipped_models()]  # doctest: +SKIP
    ['text', 'text-large', 'voice', 'face']
    """
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))
    return [_read(FOLDER / name) for name in sorted(names, key=lambda name: (*ORDER, name).index(name))]


def shipped_model(name: str) -> ShippedModel:
    """Return a model that ships, by name. Raises ConfigError for an unknown name."""
    models = {model.name: model for model in shipped_models()}
    if name not in models:
        raise ConfigError(f"no model {name!r}; choose from {', '.join(['any', *models])} (`affectspace models`)")
    return models[name]


def shipped_walker(name: str = WALKER) -> ShippedModel:
    """Return a model that ships and walks faces. Raises RunError where there is none, and ConfigError for another name."""
    names = [model.name for model in shipped_models() if model.walks]
    if not names:
        raise RunError(
            f"{FOLDER} holds no model that walks faces; install affectspace again, or name a run of your own"
        )
    if name not in names:
        raise ConfigError(f"no model {name!r} that walks faces; there is {' and '.join(names)}")
    return shipped_model(name)


def combined_reader(open_reader: OpenReader, notices: list[str]) -> CombinedReader:
    """Combine the text, voice and face model. open_reader : opens one of them; notices : gets messages for the user"""
    experts = [
        Expert(model.name, model.kinds, model.modalities, partial(open_reader, model), model.licence, model.notice)
        for model in shipped_models()
        if model.name in ANY
    ]
    if not experts:
        raise RunError(f"{FOLDER} holds no model; install affectspace again, or predict with a run of your own (--run)")
    return CombinedReader(experts, notices)


def _read(folder: Path) -> ShippedModel:
    path = folder / FILE
    try:
        facts = parse_json(path.read_text("utf-8"))
        return ShippedModel(
            folder.name, facts["title"], tuple(facts["modalities"]), facts.get("base") or {}, facts["licence"],
            facts.get("notice") or "", facts["training"], facts["scores"], facts["limits"], folder, facts.get("walks") is True,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}); install affectspace again") from error
