"""What a study needs before it trains: which experiments can be made, and the vectors that are missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectspace.corpora import Corpus
from affectspace.errors import ConfigError
from affectspace.features import Backbone, FeatureStore, extract, make_backbone, remake_backbone
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.perturbed import PERTURBATIONS, Disturbed, store_name
from affectspace.studies.manifold.plan import CORPORA_OF, EXPERIMENTS, TABLES, Budget
from affectspace.studies.manifold.sources import CORPORA, WORDS, Places, Source

ACTION_UNITS = "action_units.npz"  # beside RAVDESS: per clip the means of its face's action units, array `au`
MADE_VIDEO = "gradients"  # the eye of synthetic people; other videos need vectors of the user's


def possible_experiments(places: Places, asked: Sequence[str] = (), table: int | None = None) -> tuple[str, ...]:
    """The experiments whose corpora are there, in the order of the plan; all of `asked`, or those that can be made.

    table : of the paper; only those that stand beside it

    Raises ConfigError for a name that is none, for one that lacks a corpus, and where nothing can be made.
    """
    unknown = [name for name in asked if name not in EXPERIMENTS]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: there is no such experiment; there are {', '.join(EXPERIMENTS)}")
    lacking = {name: [one for one in CORPORA_OF[name] if not _is_there(places, one)] for name in EXPERIMENTS}
    if "zero_shot_sentiment" in lacking and not any(_is_there(places, one) for one in ("mosi", "mosei")):
        lacking["zero_shot_sentiment"] = [*lacking["zero_shot_sentiment"], "mosi or mosei"]
    for name in asked:
        if lacking[name]:
            named = ", ".join(CORPORA[one].title if one in CORPORA else one for one in lacking[name])
            raise ConfigError(f"--only {name} needs {named}: name its folder, or put it below --data")
    wanted = TABLES[table] if table is not None else tuple(EXPERIMENTS)
    found = tuple(name for name in EXPERIMENTS if (name in asked if asked else name in wanted and not lacking[name]))
    if not found:
        raise ConfigError(
            "no experiment can be made: name --data, or a corpus' folder, or leave both for synthetic people"
        )
    return found


def _is_there(places: Places, name: str) -> bool:
    return name == "people" or places.folder_of(name) is not None


def needed_corpora(experiments: Sequence[str], places: Places) -> list[str]:
    """The corpora of these experiments, targets of the union and of sentiment included where they are there."""
    names = {name for experiment in experiments for name in CORPORA_OF[experiment]}
    if "union" in experiments:
        names |= {name for name in ("vreg", "emodb") if _is_there(places, name)}
    if "zero_shot_sentiment" in experiments:
        names |= {name for name in ("mosi", "mosei") if _is_there(places, name)}
    return [name for name in CORPORA if name in names]


def prepare(places: Places, experiments: Sequence[str], budget: Budget, progress: Progress = silent) -> Places:
    """Make synthetic people and the vectors that are missing; the places with the people's folder among them.

    A store that has vectors of all rows is taken as it is, whatever made it. What was interrupted goes on.
    """
    if "people" in needed_corpora(experiments, places) and "people" not in places.corpora:
        places = places.model_copy(update={"corpora": {**places.corpora, "people": _people(places, budget, progress)}})
    for name in needed_corpora(experiments, places):
        source = Source.read(name, places, budget.limit)
        for modality in CORPORA[name].apart or CORPORA[name].stores:
            make_store(places, source, modality, progress)
        if CORPORA[name].apart:
            _text_and_words(places, source, progress)
    if "audio_face" in experiments and budget.perturbations:
        _disturbed(places, Source.read("ravdess", places, budget.limit), progress)
    return places


def _people(places: Places, budget: Budget, progress: Progress) -> Path:
    from affectspace.synthetic.speakers import make_speakers

    folder = places.people
    make_speakers(folder, n=budget.utterances, people=budget.people, seed=0, workers=budget.workers, progress=progress)
    return folder


def make_store(places: Places, source: Source, modality: str, progress: Progress = silent) -> None:
    """Make or continue the vectors of a corpus, where our own backbones can; text and words apart where a corpus has both."""
    folder = places.store_of(source.name, modality, apart=bool(CORPORA[source.name].apart))
    if _covers(folder, source.corpus):
        return
    given: dict[str, Any] = {}
    backbone: Backbone
    if modality == "action_units":
        path = source.folder / ACTION_UNITS
        if not path.is_file():
            return
        from affectspace.features.backbones.vectors import read_vectors

        backbone, given["items"] = read_vectors(path, modality, source.corpus, array="au")
    elif modality == WORDS:
        lexicons = {name: str(path) for name, path in places.lexicons().items()}
        if not lexicons:
            return
        backbone = make_backbone(WORDS, lexicons=lexicons)
    elif modality == "video":
        if source.name != "people":
            return
        backbone = make_backbone("video", MADE_VIDEO, crop=False)
    else:
        backbone = make_backbone(modality)
    progress(0, 0, f"vectors of {source.title}: {modality}")
    extract(source.corpus, backbone, folder, progress=progress, **given)


def _text_and_words(places: Places, source: Source, progress: Progress) -> None:
    """A text's vector with its words behind it, where there are lexicons and our own encoder made the plain vectors."""
    folder, lexicons = places.store_of(source.name, "text"), places.lexicons()
    plain = FeatureStore(places.store_of(source.name, "text", apart=True)).backbone
    if not lexicons or plain["name"] != "text:minilm" or _covers(folder, source.corpus):
        return
    if plain["settings"] != json.loads(json.dumps(make_backbone("text").settings)):
        return
    progress(0, 0, f"vectors of {source.title}: text and words")
    backbone = make_backbone("text", lexicons={name: str(path) for name, path in lexicons.items()})
    extract(source.corpus, backbone, folder, progress=progress)


def _covers(folder: Path, corpus: Corpus) -> bool:
    """Whether a store knows every row of a corpus, as a vector or as a failure."""
    if not (folder / "backbone.json").is_file():
        return False
    known = set(FeatureStore(folder).index["id"])
    return bool(corpus.table["id"].astype(str).isin(known).all())


def _disturbed(places: Places, source: Source, progress: Progress) -> None:
    """RAVDESS' sounds under every disturbance, where the offline backbone made the plain store."""
    plain = FeatureStore(places.store_of("ravdess", "audio")).backbone
    if plain["name"] != "audio:functionals":
        return
    backbone = remake_backbone(plain)  # of the same revision as the store that the models were trained on
    for key, change in PERTURBATIONS.items():
        folder = places.features / store_name(key)
        if not _covers(folder, source.corpus):
            progress(0, 0, f"vectors of {source.title} under disturbance: {key}")
            extract(source.corpus, Disturbed(backbone, key, change), folder, progress=progress)
