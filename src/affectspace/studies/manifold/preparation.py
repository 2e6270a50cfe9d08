"""What a study needs before it trains: which experiments are possible, synthetic people, and missing vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectspace.errors import ConfigError, counted
from affectspace.features import Backbone, FeatureStore, extract, make_backbone, remake_backbone
from affectspace.features.backbone import identity_of
from affectspace.features.backbones.vectors import read_vectors
from affectspace.features.items import SOURCES
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.corpora import CORPORA, MODALITIES, WORDS, Folders, Source
from affectspace.studies.manifold.disturbances import DISTURBED, covers, make_disturbed_stores
from affectspace.studies.manifold.members import needed_trainings, require_splits
from affectspace.studies.manifold.plan import EXPERIMENTS, TARGETS, Budget
from affectspace.synthetic.speakers import make_speakers

ACTION_UNITS = "action_units.npz"  # in RAVDESS' folder: the mean action units of each clip's face, array `au`
PEOPLE_VIDEO = "gradients"  # backbone of the synthetic people's clips; other videos need vectors of the user's


def possible_experiments(folders: Folders, only: Sequence[str] = (), table: int | None = None) -> tuple[str, ...]:
    """List the experiments whose corpora are available, in the order of the plan.

    only : the experiments that are wanted, all of which must be possible; table : of the paper, that they stand beside
    Raises ConfigError for an unknown experiment, for one that lacks a corpus, and where nothing is possible.
    """
    unknown = [name for name in only if name not in EXPERIMENTS]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: there is no such experiment; choose from {', '.join(EXPERIMENTS)}")
    missing = {
        name: [CORPORA[corpus].title for corpus in experiment.corpora if not folders.has(corpus)]
        for name, experiment in EXPERIMENTS.items()
    }
    if not any(folders.has(corpus) for corpus in TARGETS["zero_shot_sentiment"]):
        missing["zero_shot_sentiment"].append("CMU-MOSI or CMU-MOSEI")
    for name in only:
        if missing[name]:
            raise ConfigError(
                f"--only {name} needs {', '.join(missing[name])}: pass the corpus' folder, or put it below --data"
            )
    possible = [name for name in EXPERIMENTS if not missing[name]]
    if folders.has("iemocap") and "people" not in folders.corpora:
        possible.remove("trimodal")  # synthetic people stand in for a corpus of text, voice and face
    users = {
        corpus: [name for name in EXPERIMENTS if corpus in (*EXPERIMENTS[name].corpora, *TARGETS.get(name, ()))]
        for corpus in folders.corpora
    }
    for idle in (corpus for corpus, names in users.items() if not set(names) & set(possible)):
        lacking = [missing[name] for name in users[idle]]
        needed = " or ".join(dict.fromkeys(" and ".join(titles) for titles in lacking if titles))
        raise ConfigError(f"--{idle}: no experiment uses {CORPORA[idle].title} without {needed}; pass that corpus, too")
    wanted = only or [name for name in possible if table is None or table in EXPERIMENTS[name].tables]
    if not wanted:
        raise ConfigError(
            "no experiment is possible: pass --data or the folder of a corpus, or neither for synthetic people"
        )
    return tuple(name for name in EXPERIMENTS if name in wanted)


def needed_corpora(experiments: Sequence[str], folders: Folders) -> list[str]:
    """List the corpora of these experiments, with the optional test corpora that are available."""
    names = {name for experiment in experiments for name in EXPERIMENTS[experiment].corpora}
    names |= {name for experiment in experiments for name in TARGETS.get(experiment, ()) if folders.has(name)}
    return [name for name in CORPORA if name in names]


def prepare(
    folders: Folders,
    experiments: Sequence[str],
    budget: Budget,
    progress: Progress = silent,
    tell: Callable[[str], None] = lambda message: None,
) -> Folders:
    """Make synthetic people and missing vectors; return the folders with the people's among them.

    A store that covers all rows is used as it is, and an incomplete one is continued with its own backbone. `tell` hears which
    backbone makes which vectors, and what is left out and why.

    Raises ConfigError, before anything is trained, where corpora of an experiment have vectors of different backbones, or no
    modality in common, and DataError where a corpus cannot be split.
    """
    unknown = [name for name in (*folders.backbones, *folders.backbone_settings) if name not in MODALITIES]
    if unknown:
        raise ConfigError(
            f"--backbone {unknown[0]}=...: there is no such modality; choose from {', '.join(MODALITIES)}"
        )
    corpora = needed_corpora(experiments, folders)
    if "people" in corpora and "people" not in folders.corpora:
        settings: dict[str, Any] = {"n": budget.utterances, "people": budget.people, "workers": budget.workers}
        make_speakers(folders.people, seed=0, progress=progress, **settings)
        folders = folders.model_copy(update={"corpora": {**folders.corpora, "people": folders.people}})
    sources = {name: Source.read(name, folders, budget.limit) for name in corpora}
    require_splits(needed_trainings(experiments), sources, budget)
    backbones = {
        (name, modality): _backbone(folders, source, modality)
        for name, source in sources.items()
        for modality in CORPORA[name].separate or CORPORA[name].stores
        if left_out(folders, source, modality) is None
    }
    planned = {key: identity_of(backbone) for key, backbone in backbones.items() if backbone}
    stored = {key: _stored(folders, *key) for key, backbone in backbones.items() if backbone is None}
    require_same_backbones(experiments, folders, {**planned, **stored})
    for (name, modality), backbone in backbones.items():
        if backbone is not None:
            _extract(folders, sources[name], modality, backbone, progress)
    for name, source in sources.items():
        if CORPORA[name].separate:
            _append_words(folders, source, progress)
    sources = {name: Source.read(name, folders, budget.limit) for name in corpora}
    used = {
        (name, modality): FeatureStore(folder).backbone
        for name, source in sources.items()
        for modality, folder in source.stores.items()
    }
    require_same_backbones(experiments, folders, used)
    _require_common_modalities(experiments, folders, sources)
    for message in _summary(folders, sources):
        tell(message)
    for name in (DISTURBED[one] for one in experiments if one in DISTURBED and budget.perturbations):
        make_disturbed_stores(folders, sources[name], progress)
    return folders


def make_store(folders: Folders, source: Source, modality: str, progress: Progress = silent) -> None:
    """Make or continue the vectors of a corpus where a backbone of ours can; a text without its lexicon statistics."""
    if left_out(folders, source, modality) is None:
        backbone = _backbone(folders, source, modality)
        if backbone is not None:
            _extract(folders, source, modality, backbone, progress)


def _extract(folders: Folders, source: Source, modality: str, backbone: Backbone, progress: Progress) -> None:
    options: dict[str, Any] = {}
    if modality == "action_units":
        backbone, options["items"] = read_vectors(source.folder / ACTION_UNITS, modality, source.corpus, array="au")
    progress(0, 0, f"vectors of {source.title}: {modality}")
    extract(source.corpus, backbone, _folder(folders, source.name, modality), progress=progress, **options)


def left_out(folders: Folders, source: Source, modality: str) -> str | None:
    """Say why a corpus' modality cannot be used; None where it can."""
    folder = _folder(folders, source.name, modality)
    if (folder / "backbone.json").is_file():
        index = FeatureStore(folder).index
        if len(index) and not (index["row"] >= 0).any():
            return f"no row could be read: {index['reason'].value_counts().index[0]}"
        return None
    if modality == "action_units":
        return None if (source.folder / ACTION_UNITS).is_file() else f"there is no {ACTION_UNITS} in its folder"
    if modality == WORDS and not folders.lexicons():
        return "there are no lexicons below --data"
    if not any(source.table[column].notna().any() for column in SOURCES[modality]):
        return f"the corpus has no {' or '.join(SOURCES[modality])}"
    if modality == "video" and source.name != "people" and modality not in folders.backbones:
        return f"no backbone reads its clips: pass --backbone video=NAME, or put a store at {folder}"
    return None


def _folder(folders: Folders, name: str, modality: str) -> Path:
    return folders.store(name, modality, separate=bool(CORPORA[name].separate))


def _stored(folders: Folders, name: str, modality: str) -> dict[str, Any]:
    return FeatureStore(_folder(folders, name, modality)).backbone


def _backbone(folders: Folders, source: Source, modality: str) -> Backbone | None:
    """Return the backbone that makes or continues a store; None where the store is complete.

    Raises ConfigError where a complete store is not of the backbone that `--backbone` names.
    """
    folder, named = _folder(folders, source.name, modality), folders.backbones.get(modality)
    complete = covers(folder, source.corpus)
    if complete and named is None:
        return None
    if modality == "action_units":
        return read_vectors(source.folder / ACTION_UNITS, modality, source.corpus, array="au")[0]
    if modality == WORDS:
        return make_backbone(WORDS, lexicons=_lexicon_paths(folders))
    settings: dict[str, Any] = dict(folders.backbone_settings.get(modality, {}))
    if modality == "video" and source.name == "people":
        named, settings = named or PEOPLE_VIDEO, {"crop": False, **settings}
    if named is None and not settings and (folder / "backbone.json").is_file():
        return remake_backbone(FeatureStore(folder).backbone)
    backbone = make_backbone(modality, named, **settings)
    if complete:
        _require_backbone(folder, backbone)
        return None
    return backbone


def _require_backbone(folder: Path, backbone: Backbone) -> None:
    different = _differences(FeatureStore(folder).backbone, identity_of(backbone))
    if different:
        raise ConfigError(
            f"{folder} holds vectors of another backbone than --backbone names ({different}); choose another --features, or "
            "leave out --backbone"
        )


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Write the first difference of two backbones in words; empty where they make the same vectors."""
    for key in ("name", "dimension", "revision", "settings"):
        if first.get(key) != second.get(key):
            return f"{key} {first.get(key)} and {second.get(key)}"
    return ""


def require_same_backbones(
    experiments: Sequence[str], folders: Folders, identities: Mapping[tuple[str, str], Mapping[str, Any]]
) -> None:
    """Raise ConfigError where two corpora of an experiment have vectors of different backbones.

    identities : (corpus, modality) -> content of backbone.json
    """
    for experiment in experiments:
        first: dict[str, str] = {}
        for name in needed_corpora([experiment], folders):
            for modality in MODALITIES:
                if (name, modality) not in identities:
                    continue
                other = first.setdefault(modality, name)
                different = _differences(identities[other, modality], identities[name, modality])
                if different:
                    raise ConfigError(
                        f"{modality} vectors of {CORPORA[other].title} and {CORPORA[name].title} are of different backbones "
                        f"({different}). A study needs the same backbone for all its corpora: remove one of the stores "
                        f"{folders.store(other, modality)} and {folders.store(name, modality)}, or choose another --features, "
                        f"and name the backbone with --backbone {modality}=NAME"
                    )


def _require_common_modalities(experiments: Sequence[str], folders: Folders, sources: Mapping[str, Source]) -> None:
    """Raise ConfigError where a corpus has no vectors, or none that the experiment's training has."""
    for experiment in experiments:
        trained = {m for name in EXPERIMENTS[experiment].corpora[:1] for m in sources[name].stores}
        for name in needed_corpora([experiment], folders):
            known = set(sources[name].stores)
            if not known or (experiment != "union" and not known & trained):
                reasons = "; ".join(f"{modality}: {reason}" for modality, reason in _reasons(folders, sources[name]))
                lacks = (
                    f"none of the modalities {', '.join(sorted(trained))} of the training" if known else "no vectors"
                )
                raise ConfigError(f"{sources[name].title} has {lacks}" + (f" ({reasons})" if reasons else ""))


def _reasons(folders: Folders, source: Source) -> list[tuple[str, str]]:
    """List the modalities of a corpus that are left out, with the reason."""
    known = CORPORA[source.name]
    reasons = [(modality, left_out(folders, source, modality)) for modality in known.separate or known.stores]
    return [(modality, reason) for modality, reason in reasons if reason is not None]


def _summary(folders: Folders, sources: Mapping[str, Source]) -> Iterator[str]:
    """Say for each corpus what its vectors are, and what is left out."""
    for source in sources.values():
        vectors = [f"{row['modality']} by {row['backbone']}" for row in store_facts(source)]
        yield f"{source.title}: {counted(len(source), 'row')}; " + ", ".join(vectors)
        for modality, reason in _reasons(folders, source):
            yield f"{source.title}: {modality.replace('_', ' ')} is left out: {reason}"
    texts = [source for source in sources.values() if "text" in source.stores]
    if texts and folders.anchor_lexicon() is None:
        yield (
            "no lexicon: the term L_lex and the ablation without it are left out; pass --lexicon FILE, for example the "
            "NRC-VAD lexicon"
        )


def store_facts(source: Source) -> list[dict[str, Any]]:
    """List what made the vectors of a corpus: modality, backbone, dimension, revision, settings, vectors, failed, licence."""
    facts = []
    for modality, folder in source.stores.items():
        store = FeatureStore(folder)
        known = store.backbone
        have = store.read(source.table["id"])[1]
        facts.append({
            "modality": modality, "backbone": known["name"], "dimension": known["dimension"],
            "revision": str(known.get("revision", "")), "settings": json.dumps(known.get("settings", {}), sort_keys=True),
            "vectors": int(have.sum()), "without": int((~have).sum()), "licence": known.get("licence", ""),
        })  # fmt: skip
    return facts


def excluded(folders: Folders, sources: Iterable[Source]) -> list[tuple[str, str, str]]:
    """List (corpus, modality, reason) of what a study does without."""
    return [(source.title, modality, reason) for source in sources for modality, reason in _reasons(folders, source)]


def _lexicon_paths(folders: Folders) -> dict[str, str]:
    return {name: str(path) for name, path in folders.lexicons().items()}


def _append_words(folders: Folders, source: Source, progress: Progress) -> None:
    """Make a text's vector with its lexicon statistics, where there are lexicons and our encoder made the plain vectors."""
    folder = folders.store(source.name, "text")
    plain = FeatureStore(folders.store(source.name, "text", separate=True)).backbone
    if not folders.lexicons() or plain["name"] != "text:minilm" or covers(folder, source.corpus):
        return
    if plain["settings"] != json.loads(json.dumps(make_backbone("text").settings)):
        return
    progress(0, 0, f"vectors of {source.title}: text and words")
    extract(source.corpus, make_backbone("text", lexicons=_lexicon_paths(folders)), folder, progress=progress)
