"""Names and widths of a configuration's modalities, read from the stores before any corpus is."""

from affectspace.errors import ConfigError, RunError
from affectspace.features.backbone import IDENTITY_KEYS
from affectspace.features.items import SOURCES
from affectspace.features.store import FeatureStore
from affectspace.training.feature_configuration import FeatureDataConfig


def open_stores(data: FeatureDataConfig, where: str = "configuration") -> dict[str, dict[str, FeatureStore]]:
    """modality -> corpus -> store. Raises ConfigError for a store of another modality, and for different backbones."""
    stores: dict[str, dict[str, FeatureStore]] = {}
    for name, corpus in data.corpora.items():
        for modality, folder in corpus.features.items():
            try:
                stores.setdefault(modality, {})[name] = FeatureStore(folder)
            except RunError as error:
                raise ConfigError(f"{where}: data.corpora.{name}.features.{modality}: {error}") from error
            _require_modality(modality, stores[modality][name], f"{where}: data.corpora.{name}.features.{modality}")
    for modality, by_corpus in stores.items():
        (first, one), *others = by_corpus.items()
        for name, other in others:
            differs = [key for key in IDENTITY_KEYS if one.backbone.get(key) != other.backbone.get(key)]
            if differs and not (differs == ["revision"] and one.backbone["name"].endswith(":vectors")):
                raise ConfigError(
                    f"{where}: {modality} of {first} and of {name} were made by different backbones "
                    f"({differs[0]}: {one.backbone.get(differs[0])!r} and {other.backbone.get(differs[0])!r}); extract both "
                    "with the same one, or give them different names of modality"
                )
    return stores


def _require_modality(modality: str, store: FeatureStore, key: str) -> None:
    """Names of one's own may stand for any store; text, words, audio and video only for their own."""
    if modality in SOURCES and store.modality in SOURCES and modality != store.modality:
        raise ConfigError(
            f"{key}: {store.folder} holds vectors of {store.modality} ({store.backbone['name']}), not of {modality}; "
            f"write {store.modality}: {store.folder}, or name a store of {modality} (`affectspace extract --modality "
            f"{modality}` makes one)"
        )


def store_widths(data: FeatureDataConfig, where: str = "configuration") -> dict[str, int]:
    """modality -> width of its vectors."""
    widths = {name: next(iter(stores.values())).dimension for name, stores in open_stores(data, where).items()}
    if not widths:
        raise ConfigError(
            f"{where}: no modality: name stores in data.corpora.<name>.features (`affectspace extract` makes them), "
            "or the widths in model.modalities where the features are passed as arrays"
        )
    return widths


def corpus_names(data: FeatureDataConfig) -> tuple[str, ...]:
    """The corpora in the order of the batch's indices."""
    return tuple(data.corpora) or ("corpus",)
