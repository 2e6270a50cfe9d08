"""What a study needs before it trains: which experiments are possible, synthetic people, and missing vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from affectspace.errors import ConfigError
from affectspace.features import Backbone, FeatureStore, extract, make_backbone
from affectspace.features.backbones.vectors import read_vectors
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.corpora import CORPORA, WORDS, Folders, Source
from affectspace.studies.manifold.disturbances import DISTURBED, covers, make_disturbed_stores
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


def prepare(folders: Folders, experiments: Sequence[str], budget: Budget, progress: Progress = silent) -> Folders:
    """Make synthetic people and missing vectors; return the folders with the people's among them.

    A store that covers all rows is used as it is, whatever made it. An interrupted store is continued.
    """
    corpora = needed_corpora(experiments, folders)
    if "people" in corpora and "people" not in folders.corpora:
        settings: dict[str, Any] = {"n": budget.utterances, "people": budget.people, "workers": budget.workers}
        make_speakers(folders.people, seed=0, progress=progress, **settings)
        folders = folders.model_copy(update={"corpora": {**folders.corpora, "people": folders.people}})
    for name in corpora:
        source = Source.read(name, folders, budget.limit)
        for modality in CORPORA[name].separate or CORPORA[name].stores:
            make_store(folders, source, modality, progress)
        if CORPORA[name].separate:
            _append_words(folders, source, progress)
    for name in (DISTURBED[one] for one in experiments if one in DISTURBED and budget.perturbations):
        make_disturbed_stores(folders, Source.read(name, folders, budget.limit), progress)
    return folders


def make_store(folders: Folders, source: Source, modality: str, progress: Progress = silent) -> None:
    """Make or continue the vectors of a corpus where a backbone of ours can; a text without its lexicon statistics."""
    folder = folders.store(source.name, modality, separate=bool(CORPORA[source.name].separate))
    if covers(folder, source.corpus):
        return
    options: dict[str, Any] = {}
    backbone: Backbone
    if modality == "action_units":
        path = source.folder / ACTION_UNITS
        if not path.is_file():
            return
        backbone, options["items"] = read_vectors(path, modality, source.corpus, array="au")
    elif modality == WORDS:
        if not folders.lexicons():
            return
        backbone = make_backbone(WORDS, lexicons=_lexicon_paths(folders))
    elif modality == "video":
        if source.name != "people":
            return
        backbone = make_backbone("video", PEOPLE_VIDEO, crop=False)
    else:
        backbone = make_backbone(modality)
    progress(0, 0, f"vectors of {source.title}: {modality}")
    extract(source.corpus, backbone, folder, progress=progress, **options)


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
