"""Backbones: what they are, how they are made by name, and how the backbone of a store is made again."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints, runtime_checkable

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from affectspace.errors import ConfigError, RunError, quoted
from affectspace.media.content import Source
from affectspace.media.faces import Track

DTYPES = ("float32", "bfloat16", "float16", "float64")  # of networks
ENTRY_POINTS = "affectspace.backbones"  # group in which other packages register their backbones
DEFAULTS = {"text": "minilm", "audio": "functionals", "video": "levasa", "words": "lexicon"}
_FACTORIES = {
    ("text", "minilm"): "affectspace.features.backbones.text:text_backbone",
    ("words", "lexicon"): "affectspace.features.backbones.words:words_backbone",
    ("audio", "functionals"): "affectspace.features.backbones.functionals:functionals_backbone",
    ("video", "gradients"): "affectspace.features.backbones.video:gradients_backbone",
    ("video", "expression"): "affectspace.features.backbones.expression:expression_backbone",
}
_PRETRAINED = {  # factories that take any folder or hub name
    "text": "affectspace.features.backbones.text:text_backbone",
    "audio": "affectspace.features.backbones.speech:speech_backbone",
    "video": "affectspace.features.backbones.video:video_backbone",
}
ADAPTER_WEIGHTS = "model.safetensors"  # of a saved adapter, beside its config.json
_ADAPTED = "affectspace.features.backbones.adapted:adapted_backbone"
IDENTITY_KEYS = ("name", "modality", "dimension", "licence", "revision", "settings")  # equal for all vectors of a store
_PACKAGES = ("numpy", "torch", "transformers", "librosa", "soundfile", "soxr", "av", "dlib-bin")


@dataclass(frozen=True, eq=False)
class Item:
    """One sample of one modality, as a backbone reads it."""

    id: str
    text: str | None = None
    path: Path | None = None  # of the sound, the clip or the image; its name, where `content` is given
    start: float | None = None  # in seconds; None is the beginning of the file
    end: float | None = None
    half: str | None = None  # "left" or "right": half of the picture that shows the person
    vector: np.ndarray | None = None  # (dimension,), ready-made
    content: bytes | None = None  # of the file, for one that is in a zip or a table
    track: Track = ()  # the face to read: its boxes over time; () reads the largest face

    @property
    def source(self) -> Source:
        """What to read: the content of the file, or else its path."""
        source = self.path if self.content is None else self.content
        assert source is not None
        return source


@runtime_checkable
class Backbone(Protocol):
    """A frozen encoder that turns samples of one modality into vectors.

    A class of your own needs these members only. It may also have those of `BaseBackbone`. Packages register a factory
    under the entry point ``affectspace.backbones``, for example as ``audio:mine``.
    """

    name: str  # modality and name, for example "text:minilm"
    modality: str  # "text", "words", "audio", "video", or a name of your own for ready-made vectors
    dimension: int  # of a vector
    licence: str  # of the weights, or of the code
    revision: str
    settings: dict[str, Any]  # everything that changes the numbers, as JSON
    columns: tuple[str, ...] | None  # names of the dimensions

    def load(self, item: Item) -> Any:
        """Decode one sample. Called from several threads. Raises UnreadableItem with the reason."""

    def length(self, loaded: Any) -> float:
        """Length of a decoded sample. Batches hold samples of similar length."""

    def encode(self, batch: list[Any]) -> np.ndarray:
        """Encode decoded samples as (batch, dimension) float32. Rows do not depend on each other, except for rounding."""


class BaseBackbone:
    """Defaults of the members that a backbone may have."""

    columns: tuple[str, ...] | None = None
    shard_rows: int = 256  # rows of a shard
    batch_rows: int | None = None  # rows that are encoded together, instead of the caller's batch size
    reads_faces: bool = False  # whether it reads the face in `Item.track`
    recipe: dict[str, Any] | None = None  # arguments with which `make_backbone` makes this backbone again

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # remarks on samples, see `affectspace.progress.note`

    def length(self, loaded: Any) -> float:
        """Return 0: all decoded samples count as equally long."""
        return 0.0


def make_backbone(
    modality: str, name: str | None = None, *, device: str = "cpu", dtype: str = "float32", **settings: Any
) -> Backbone:
    """Make a backbone by name.

    Parameters
    ----------
    modality : {"text", "words", "audio", "video"}
        What the backbone reads.
    name : str, optional
        A built-in backbone, one that an installed package registers, or the folder or hub name of a pretrained model.
        Default: ``minilm`` (text), ``lexicon`` (words), ``functionals`` (audio), ``levasa`` (video).
    device, dtype : str
        Device and precision of neural networks.
    **settings
        Settings of the backbone.

    Returns
    -------
    Backbone

    Raises
    ------
    ConfigError
        If no backbone has this name, the backbone does not have such a setting, or a setting has an impossible value.

    Examples
    --------
    >>> backbone = make_backbone("video", "gradients", frames=2, crop=False)
    >>> backbone.name, backbone.dimension
    ('video:gradients', 1568)
    """
    name = name or DEFAULTS.get(modality)
    if name is None:
        raise ConfigError(
            f"modality {modality!r} has no default backbone; defaults exist for {', '.join(sorted(DEFAULTS))}"
        )
    require_dtype(dtype)
    factory = backbone_factory(modality, name)
    _check_settings(factory, f"backbone {modality}:{name}", {"dtype": dtype, **settings})
    backbone = factory(name=name, device=device, dtype=dtype, **settings)
    if getattr(backbone, "recipe", None) is None:
        with contextlib.suppress(AttributeError):  # a backbone of another package may not accept attributes
            backbone.recipe = make_recipe(modality, name, {"dtype": dtype, **settings})  # type: ignore[attr-defined]
    return backbone


def require_dtype(dtype: str) -> None:
    """Raise ConfigError, with the names, unless networks can compute with a precision of this name."""
    if dtype not in DTYPES:
        raise ConfigError(f"dtype {dtype!r}; choose {', '.join(DTYPES[:-1])} or {DTYPES[-1]}")


def _check_settings(factory: Callable[..., Backbone], backbone: str, settings: Mapping[str, Any]) -> None:
    """Raise ConfigError, which names the setting, for an unknown one, and a value of another type or range than is declared."""
    parameters = inspect.signature(factory).parameters
    known = [name for name in parameters if name not in ("name", "device", "dtype")]
    unknown = [name for name in settings if name not in parameters]
    if unknown and not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        raise ConfigError(
            f"{backbone} has no setting {unknown[0]!r}; "
            + (f"its settings are {', '.join(known)}" if known else "it has no settings")
        )
    if not inspect.isfunction(factory):
        return
    hints = get_type_hints(factory, include_extras=True)
    for name in settings.keys() & hints.keys():
        declared = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
        try:
            declared.validate_python(settings[name], strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ConfigError(
                f"{backbone}: setting {name} is {quoted(settings[name])}; {reason[0].lower()}{reason[1:]}"
            ) from error


def encode_by_length(
    backbone: Backbone, loaded: Mapping[int, Any], batch_size: int = 32
) -> Iterator[tuple[int, np.ndarray]]:
    """Encode decoded samples, row -> sample, in batches of similar length; yields rows with their vectors.

    batch_size : where the backbone does not say. Raises RunError for vectors of another shape than the backbone declares.
    """
    rows = sorted(loaded, key=lambda row: backbone.length(loaded[row]))
    size = getattr(backbone, "batch_rows", None) or batch_size
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        vectors = np.asarray(backbone.encode([loaded[row] for row in batch]), dtype=np.float32)
        if vectors.shape != (len(batch), backbone.dimension):
            raise RunError(
                f"backbone {backbone.name} returned vectors of shape {vectors.shape} for {len(batch)} rows, but declares "
                f"dimension {backbone.dimension}; correct the backbone"
            )
        yield from zip(batch, vectors, strict=True)


def backbone_factory(modality: str, name: str) -> Callable[..., Backbone]:
    """Find the function that makes a backbone. Raises ConfigError for an unknown name."""
    points = {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if f"{modality}:{name}" in points:
        return points[f"{modality}:{name}"].load()
    named = [*_FACTORIES, *DEFAULTS.items(), *(tuple(point.split(":", 1)) for point in points)]
    modalities = list(dict.fromkeys(kind for kind, *known in named if known == [name]))
    if modalities and modality not in modalities and not Path(name).is_dir():
        raise ConfigError(
            f"the backbone {name!r} is of the modality {' or '.join(modalities)}, not {modality} (--modality {modalities[0]})"
        )
    target = _FACTORIES.get((modality, name)) or (_ADAPTED if adapter_folder(name) else _PRETRAINED.get(modality))
    if target is None:
        names = [known for kind, known in _FACTORIES if kind == modality]
        known = f"{modality!r} has {', '.join(names)}" if names else f"there are backbones for {', '.join(_PRETRAINED)}"
        raise ConfigError(f"no backbone {name!r} for {modality!r}; {known}")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def adapter_folder(name: str | Path) -> Path | None:
    """Return the folder of a saved adapter: `name`, or `model/` in the run folder `name`; None for anything else."""
    for folder in (Path(name), Path(name) / "model"):
        path = folder / "config.json"
        try:
            if (folder / ADAPTER_WEIGHTS).is_file() and json.loads(path.read_text("utf-8")).get("kind") == "adapter":
                return folder
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return None


def make_recipe(modality: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return arguments for `make_backbone` that do not depend on the working directory."""
    folder = (modality, name) not in _FACTORIES and Path(name).is_dir()
    return {"modality": modality, "name": str(Path(name).resolve()) if folder else name, "settings": settings}


def recipe_of(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe in a backbone.json. Where it has none, use the settings that the backbone takes."""
    if identity.get("recipe"):
        return dict(identity["recipe"])
    modality, _, name = str(identity["name"]).partition(":")
    parameters = inspect.signature(backbone_factory(modality, name)).parameters
    settings = {key: value for key, value in identity["settings"].items() if key in parameters}
    return {"modality": modality, "name": name, "settings": settings}


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that compute the vectors."""
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def identity_of(backbone: Backbone) -> dict[str, Any]:
    """Return the content of backbone.json, as it reads back from the file."""
    columns = getattr(backbone, "columns", None)
    identity = {
        "name": backbone.name, "modality": backbone.modality, "dimension": backbone.dimension,
        "licence": backbone.licence, "revision": backbone.revision, "settings": backbone.settings,
        "columns": None if columns is None else list(columns), "versions": package_versions(),
        "recipe": getattr(backbone, "recipe", None),
    }  # fmt: skip
    return dict(json.loads(json.dumps(identity)))


def is_ready_made(identity: Mapping[str, Any]) -> bool:
    """Say whether vectors were made elsewhere and read from a file, so that none can be made here."""
    return str(identity["name"]).endswith(":vectors")


def differing_keys(
    first: Mapping[str, Any], second: Mapping[str, Any], keys: Sequence[str] = IDENTITY_KEYS
) -> list[str]:
    """Return the keys in which two identities differ; the revision of ready-made vectors, that of a file, does not count."""
    differs = [key for key in keys if first.get(key) != second.get(key)]
    return [] if differs == ["revision"] and is_ready_made(first) else differs


def remake_backbone(identity: Mapping[str, Any], *, device: str = "cpu", **changes: Any) -> Backbone:
    """Make the backbone of a store again.

    Parameters
    ----------
    identity : mapping
        Content of the store's backbone.json, see `FeatureStore.backbone`.
    device : str
        Device of neural networks.
    **changes
        Settings to replace, for example the new location of a run or a lexicon: ``run=...``, ``lexicons={...}``.

    Returns
    -------
    Backbone

    Raises
    ------
    ConfigError
        If the backbone is not available, or if it would compute other vectors than those of the store.

    Examples
    --------
    >>> from affectspace.features.backbone import identity_of
    >>> identity = identity_of(make_backbone("video", "gradients", frames=2))
    >>> remake_backbone(identity).settings
    {'frames': 2, 'size': 64, 'crop': True}
    """
    name = str(identity["name"])
    modality, _, short_name = name.partition(":")
    if short_name == "vectors":
        raise ConfigError(
            f"the vectors {name} were computed elsewhere and cannot be computed here; pass ready-made vectors of the new "
            f"samples, or leave out the modality {modality!r}"
        )
    recipe = recipe_of(identity)
    settings = {**recipe["settings"], **changes}
    if "revision" in inspect.signature(backbone_factory(str(recipe["modality"]), str(recipe["name"]))).parameters:
        settings["revision"] = identity["revision"]  # the backbone still computes the vectors of its earlier revisions
    try:
        backbone = make_backbone(str(recipe["modality"]), str(recipe["name"]), device=device, **settings)
    except ConfigError as error:
        raise ConfigError(f"the backbone {name} of these vectors cannot run here: {error}") from error
    current = identity_of(backbone)
    for key in IDENTITY_KEYS:
        if current[key] != identity.get(key):
            raise ConfigError(
                f"the backbone {name} computes other vectors now ({key}: {identity.get(key)!r} before, "
                f"{current[key]!r} now); restore the earlier version, or extract and train again"
            )
    return backbone
