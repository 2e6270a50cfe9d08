"""The experiments: which rows are measured, and by which measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from affectspace.affect import AXES
from affectspace.evaluation import interval
from affectspace.evaluation.results import Recorder, Result, Results
from affectspace.progress import Progress, silent
from affectspace.studies.engine import run_side_by_side
from affectspace.studies.manifold.axes import (
    AROUSAL,
    axis_comparisons,
    axis_matrix,
    axis_table,
    ceilings,
    condition_table,
    intensity,
    intensity_table,
    over_people,
    r_within_people,
    within_people_table,
)
from affectspace.studies.manifold.corpora import WORDS, Folders
from affectspace.studies.manifold.cross_modal import gap_table, generation_table, retrieval_table
from affectspace.studies.manifold.disturbances import complete_disturbed_stores
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows, alone
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.iemocap import measure_iemocap, measure_zero_shot_sentiment
from affectspace.studies.manifold.independence import independence_table
from affectspace.studies.manifold.plan import ENSEMBLE, HEADLINE, Budget
from affectspace.studies.manifold.preparation import needed_corpora, store_facts
from affectspace.studies.manifold.probes import Task, column_task, private_affect_table, probe_table, speaker_task
from affectspace.studies.manifold.study import Study
from affectspace.studies.manifold.uncertainty import (
    robustness_table,
    training_deviations,
    uncertainty_table,
    widening_table,
)

NOISE = tuple(Condition(noise=level) for level in (0.0, 0.25, 0.5, 1.0, 2.0))
TREES = ("full", "shared", "private")  # latents that boosted trees are fitted on
FREQUENT = 500  # lines that a speaker of MELD must have: the six main characters
BASELINES = ("supervised", "mvae", "misa")
DEVIATIONS = (HEADLINE, ENSEMBLE, "constant_width", "mvae", "misa")


def versus(rows: EvaluationRows) -> list[str]:
    """List the models that the headline is compared with."""
    return [model for model in rows.models if model not in (HEADLINE, ENSEMBLE)]


def _axes(results: Results, rows: EvaluationRows, study: Study, primary: str = "ridge") -> None:
    axis_table(results, rows)
    axis_comparisons(results, rows, versus(rows), primary=primary)


def measure_text_axes(study: Study, results: Results) -> None:
    """Measure EmoBank under its published split, whose parts share documents, and with documents kept apart."""
    budget, modalities = study.budget, list(study.source("emobank").stores)
    single = alone(modalities) if len(modalities) > 1 else []
    models = (HEADLINE, *BASELINES, "ridge")
    rows = study.rows("text_axes", conditions=[*NOISE, *single], conditioned=models)
    _axes(results, rows, study)
    ceilings(results, rows, study.source("emobank").corpus.ratings)
    axis_matrix(results, rows)
    uncertainty_table(results, rows, DEVIATIONS)
    condition_table(results, rows, "noise", models, NOISE)
    robustness_table(results, rows, (*models, ENSEMBLE), [EVERYTHING, *NOISE[1:]])
    if single:
        condition_table(results, rows, "subsets", models, single)
        shown = {EVERYTHING: tuple(modalities)} | {condition: condition.only or () for condition in single}
        widening_table(results, rows, HEADLINE, shown)
    independent = (HEADLINE, "no_independence", "covariance", "hsic", "no_kl", "letter", "misa")
    independence_table(results, rows, independent, modalities, budget.permutations, study.progress)
    leaking = (HEADLINE, "no_independence", "hsic", "letter")
    private_affect_table(results, rows, leaking, modalities, budget.probe_seeds)
    training: dict[str, Any] = {
        "experiment": "text_axes",
        "training": "emobank_documents",
        "protocol": "documents apart",
    }
    _axes(results, study.rows("text_axes_documents", **training), study)


def measure_zero_shot_text(study: Study, results: Results) -> None:
    """Measure valence of V-reg's tweets by models that were trained on EmoBank and have seen no tweet."""
    rows = study.rows("zero_shot_text")
    axis_table(results, rows)
    axis_comparisons(results, rows, versus(rows), primary="ridge", target="valence")
    uncertainty_table(results, rows, DEVIATIONS, training_deviations(study.rows("text_axes")))


def measure_text_probes(study: Study, results: Results) -> None:
    """Probe emotion and speaker from the latents of lines that no encoder was trained on."""
    probed = (HEADLINE, "no_independence", "hsic", "letter", "misa", "mvae", "supervised")
    rows, modalities = study.rows("text_probes", models=probed), list(study.source("meld").stores)
    least = FREQUENT if study.budget.limit is None else 8
    for task in (column_task(rows, "emotion"), column_task(rows, "speaker", "person", least=least)):
        _probe(results, rows, study, task, probed, modalities, (HEADLINE, "no_independence", "hsic"))


def _probe(
    results: Results,
    rows: EvaluationRows,
    study: Study,
    task: Task,
    models: Sequence[str],
    modalities: Sequence[str],
    boosted: Sequence[str] = (),
) -> None:
    """Fit linear probes, and boosted trees for some models."""
    probe_table(results, rows, task, models, modalities, progress=study.progress)
    if boosted:
        probe_table(
            results, rows, task, boosted, modalities, probe="boosted", seeds=study.budget.probe_seeds, latents=TREES,
            progress=study.progress,
        )  # fmt: skip


def _ravdess(
    study: Study, name: str = "audio_face", training: str = "ravdess", *, noisy: bool = True
) -> EvaluationRows:
    """Return RAVDESS out of fold: all modalities, each alone, and under disturbances."""
    shown = alone(study.source("ravdess").stores)
    if noisy:
        shown += [*NOISE, *(condition for pair in _disturbances(study, "ravdess") for condition in pair)]
    models = (HEADLINE, *BASELINES, "ridge", "softmax")
    return study.rows(name, experiment="audio_face", training=training, conditions=shown, conditioned=models)


def _disturbances(study: Study, corpus: str) -> list[tuple[Condition, Condition]]:
    """List the disturbances of a corpus' recordings: the disturbed modality alone, and all with it disturbed."""
    stores = complete_disturbed_stores(study.folders, corpus)
    return [
        (Condition((modality,), store=(modality, folder, name)), Condition(store=(modality, folder, name)))
        for (modality, name), folder in stores.items()
    ]


def measure_audio_face(study: Study, results: Results) -> None:
    """Measure RAVDESS' voices and action units: intensity, proxies, probes, independence, deviations, robustness."""
    rows, budget, modalities = _ravdess(study), study.budget, list(study.source("ravdess").stores)
    single = alone(modalities)
    intensity_table(results, rows, rows.models, (EVERYTHING, *single))
    _axes(results, rows, study, primary="softmax")
    axis_matrix(results, rows)
    probed = (
        HEADLINE, "no_independence", "no_erasure", "adversarial", "hsic", "letter", "misa", "mvae", "supervised"
    )  # fmt: skip
    nonlinear = (HEADLINE, "no_erasure", "hsic")
    for task in (column_task(rows, "emotion"), speaker_task(rows, "sentence"), column_task(rows, "gender")):
        _probe(results, rows, study, task, probed, modalities, nonlinear)
    independent = (HEADLINE, "no_independence", "covariance", "hsic", "no_kl", "no_erasure", "letter", "misa")
    independence_table(results, rows, independent, modalities, budget.permutations, study.progress)
    private_affect_table(results, rows, nonlinear, modalities, budget.probe_seeds)
    if len(modalities) > 1:
        pair = [(modalities[0], modalities[1])]
        gap_table(results, rows, (HEADLINE, "no_cross", "supervised", "misa"), pair, budget.permutations)
        generation_table(results, rows, partial(study.models, "ravdess"), (HEADLINE, "no_cross"), modalities)
        shown = {EVERYTHING: tuple(modalities)} | {condition: condition.only or () for condition in single}
        widening_table(results, rows, HEADLINE, shown)
    uncertainty_table(results, rows, DEVIATIONS)
    models = (HEADLINE, ENSEMBLE, *BASELINES, "ridge", "softmax")
    for name, conditions in (("subsets", single), ("noise", NOISE)):
        condition_table(results, rows, name, models, conditions)
    _measure_disturbances(study, results, rows, "ravdess", models)


def _measure_disturbances(
    study: Study, results: Results, rows: EvaluationRows, corpus: str, models: Sequence[str]
) -> None:
    """Measure r from the disturbed modality alone, and deviations under noise and under every disturbance."""
    pairs = _disturbances(study, corpus)
    modalities = dict.fromkeys(one.only[0] for one, _ in pairs if one.only)
    alone_disturbed = [*alone(modalities), *(one for one, _ in pairs)]
    condition_table(results, rows, "disturbed", models, alone_disturbed)
    robustness_table(results, rows, models, [EVERYTHING, *NOISE[1:], *(together for _, together in pairs)])


def measure_zero_shot_audio(study: Study, results: Results) -> None:
    """Measure arousal and valence of German voices by models that were trained on RAVDESS' actors only."""
    rows = study.rows("zero_shot_audio")
    axis_table(results, rows)
    axis_comparisons(results, rows, versus(rows), axes=[AROUSAL], primary="ridge", target="arousal")
    within_people_table(results, rows, AROUSAL, versus(rows), "ridge")
    home = study.rows("home", experiment="audio_face", training="ravdess_audio", protocol="")
    uncertainty_table(results, rows, DEVIATIONS, training_deviations(home))
    _probe(results, rows, study, speaker_task(rows, "sentence"), (HEADLINE, "no_independence", "misa"), ["audio"])


UNION_FOLD = "the union's first fold"


def measure_union(study: Study, results: Results) -> None:
    """Compare one model for all corpora with one model for each, on every corpus, and from each modality alone."""
    for corpus, (union, single) in _union_pairs(study).items():
        columns = {"experiment": "union", "model": "union", "versus": "single", "condition": corpus}
        recorder = Recorder(results, {**columns, "study": "manifold", "protocol": "as each single experiment"}).under(
            seeds=union.seeds.get(HEADLINE, ())
        )
        axis_table(results, union)
        _union_axes(recorder, union, single)
        if corpus == "ravdess":
            measured = [intensity(rows, HEADLINE, AROUSAL) for rows in (union, single)]
            named = {"task": "intensity", "target": "arousal"}
            for model, one in zip(("union", "single"), measured, strict=True):
                recorder.add("difference", one.interval, **named, **{"model": model, "versus": ""})
            difference = over_people(measured[0].differences - measured[1].differences, measured[0].interval.n)
            recorder.add("difference", difference, note="paired by actor", **named)
        if corpus == "emodb":
            difference = r_within_people(union, HEADLINE, AROUSAL) - r_within_people(single, HEADLINE, AROUSAL)
            named = {"task": "within people", "target": "arousal", "note": "paired by speaker"}
            recorder.add("r", over_people(difference, len(union.tested)), **named)
        if corpus in ("emobank", "ravdess"):
            condition_table(results, union, "subsets", (HEADLINE,), alone(study.source(corpus).stores))


def _union_pairs(study: Study) -> dict[str, tuple[EvaluationRows, EvaluationRows]]:
    """Return corpus -> the union's rows and the single model's, with the same rows and truth."""
    pairs = {}
    if study.has("emobank"):
        union = study.rows(
            "union_emobank", experiment="text_axes", training="union", protocol=f"published; {UNION_FOLD}",
            conditions=alone(study.source("emobank").stores), conditioned=(HEADLINE,), only_fold=0,
        )  # fmt: skip
        pairs["emobank"] = union, study.rows("text_axes", protocol="published", models=(HEADLINE,))
    if study.has("ravdess"):
        pairs["ravdess"] = (
            _ravdess(study, "union_ravdess", "union", noisy=False),
            _ravdess(study, "audio_face", noisy=False),
        )
    for corpus, experiment, training in (
        ("vreg", "zero_shot_text", "emobank"),
        ("emodb", "zero_shot_audio", "ravdess_audio"),
    ):
        if study.has(training) and study.folders.corpus(corpus) is not None:
            union = study.rows(f"union_{corpus}", experiment=experiment, training="union", only_fold=0)
            pairs[corpus] = union, study.rows(experiment)
    return pairs


def _union_axes(recorder: Recorder, union: EvaluationRows, single: EvaluationRows) -> None:
    axes = union.known_axes
    ours, theirs = ([prediction[:, axes] for prediction in rows.predictions(HEADLINE)] for rows in (union, single))
    truth = union.tested_truth[:, axes]
    difference = interval("pearson", truth, ours, union.tested_groups, theirs)
    note = "mean over " + ", ".join(AXES[axis] for axis in axes)
    recorder.add("r", difference, task="axes", target="mean", note=note)


def measure_trimodal(study: Study, results: Results) -> None:
    """Measure held-out synthetic people under every subset of text, voice and face.

    No open corpus has text, voice and face together, so only here does Eq. 7 tie all three. The synthetic people follow
    conventions of ours: the tables test the method and say nothing about people.
    """
    budget, stores = study.budget, study.source("people").stores
    modalities = [one for one in stores if one != WORDS]
    partial_subsets = [names for names in subsets(modalities) if len(names) < len(modalities)]
    shown = {_subset(names, WORDS in stores): names for names in partial_subsets}
    models = (HEADLINE, "no_cross", "modality_dropout", *BASELINES, "misa_dropout", "ridge")
    disturbed = [condition for pair in _disturbances(study, "people") for condition in pair]
    conditions = [*shown, *alone(modalities), *NOISE, *disturbed]
    rows = study.rows("trimodal", conditions=list(dict.fromkeys(conditions)), conditioned=models)
    axis_table(results, rows)
    axis_matrix(results, rows)
    axis_comparisons(results, rows, versus(rows), primary="ridge")
    retrieval_table(results, rows, models[:-1], modalities)
    generating = (HEADLINE, "no_cross", "modality_dropout")
    generation_table(results, rows, partial(study.models, "people"), generating, modalities)
    pairs = list(combinations(modalities, 2))
    gap_table(results, rows, (HEADLINE, "no_cross", "supervised", "misa"), pairs, budget.permutations)
    condition_table(results, rows, "subsets", models, [*shown, EVERYTHING])
    condition_table(results, rows, "noise", models, NOISE)
    uncertainty_table(results, rows, (HEADLINE, ENSEMBLE, "mvae", "misa"))
    _measure_disturbances(study, results, rows, "people", (HEADLINE, ENSEMBLE, *BASELINES, "ridge"))
    widening_table(results, rows, HEADLINE, {EVERYTHING: tuple(modalities)} | shown)
    independent = (HEADLINE, "no_independence", "covariance", "hsic", "letter", "misa")
    independence_table(results, rows, independent, modalities, budget.permutations, study.progress)
    for task in (column_task(rows, "emotion"), speaker_task(rows, "dialogue"), column_task(rows, "topic")):
        _probe(results, rows, study, task, (HEADLINE, "no_independence", "hsic", "misa"), modalities)


def _subset(names: tuple[str, ...], words: bool) -> Condition:
    """Return the condition in which modalities are shown; a text's lexicon statistics are shown with it."""
    return Condition((*names, WORDS) if words and "text" in names else names, ", ".join(names))


MEASURES: dict[str, Callable[[Study, Results], None]] = {
    "text_axes": measure_text_axes,
    "zero_shot_text": measure_zero_shot_text,
    "text_probes": measure_text_probes,
    "audio_face": measure_audio_face,
    "zero_shot_audio": measure_zero_shot_audio,
    "union": measure_union,
    "trimodal": measure_trimodal,
    "iemocap": measure_iemocap,
    "zero_shot_sentiment": measure_zero_shot_sentiment,
}
LONGEST = ("audio_face", "trimodal", "text_probes", "text_axes")  # started first, so that processes end together


def measure(study: Study) -> Results:
    """Measure all experiments of a study, in the order of the plan; each is written to measured/<name>.json."""
    ordered = sorted(study.experiments, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
    if study.budget.workers > 1 and len(ordered) > 1:
        arguments = (study.out, study.folders, study.budget, study.experiments)

        def report(left: Sequence[str]) -> None:
            study.progress(len(ordered) - len(left), len(ordered), f"measuring; left: {', '.join(left) or 'none'}")

        run_side_by_side(_measure_alone, {name: (*arguments, name) for name in ordered}, study.budget.workers, report)
    else:
        for name in ordered:
            study.progress(0, 0, f"measuring {name}")
            measure_experiment(study.out, study.folders, study.budget, study.experiments, name, study.progress)
    rows = [row for name in study.experiments for row in Results.read(_measured(study.out, name))]
    return Results([*rows, *_backbones(study)])


def _backbones(study: Study) -> Iterator[Result]:
    """Say in the results what made the vectors of each corpus."""
    for corpus in needed_corpora(study.experiments, study.folders):
        for facts in store_facts(study.source(corpus)):
            note = f"{facts['backbone']}, revision {facts['revision']}, settings {facts['settings']}"
            yield Result(
                study="manifold", experiment="features", task="backbone", modality=facts["modality"], condition=corpus,
                protocol="as stored", metric="dimension", value=facts["dimension"], n=facts["vectors"], note=note,
            )  # fmt: skip


def measure_experiment(
    out: Path, folders: Folders, budget: Budget, experiments: tuple[str, ...], name: str, progress: Progress = silent
) -> None:
    """Measure one experiment and write its results."""
    results = Results()
    MEASURES[name](Study(out, folders, budget, experiments, progress), results)
    _measured(out, name).parent.mkdir(parents=True, exist_ok=True)
    results.write(_measured(out, name))


def _measured(out: Path, name: str) -> Path:
    return out / "measured" / f"{name}.json"


def _measure_alone(out: Path, folders: Folders, budget: Budget, experiments: tuple[str, ...], name: str) -> None:
    """Measure one experiment in a process of its own, on one thread."""
    torch.set_num_threads(1)
    measure_experiment(out, folders, budget, experiments, name)
