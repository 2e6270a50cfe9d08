"""The pictures of the report: latent spaces, heatmaps, read-outs, and intervals of every model on every endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import active_units, correlation_matrix, pearson
from affectspace.evaluation.results import Results
from affectspace.report import (
    Reference,
    heatmap_figure,
    history_figure,
    modality_figure,
    scatter_readout_figure,
    sequence_figure,
)
from affectspace.studies.figures import Picture, curve_picture, interval_picture
from affectspace.studies.manifold.cross_modal import shared_of
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, EvaluationRows
from affectspace.studies.manifold.plan import EXPERIMENTS, HEADLINE, PAPER_MODEL, SPLITS, TITLES, VARIANTS
from affectspace.studies.manifold.representations import Representations
from affectspace.studies.manifold.study import Study

GROUPS = {variant.name: variant.group for variant in VARIANTS} | {
    "ensemble": "headline", **dict.fromkeys(("ridge", "ridge_text", "softmax", "lexicon"), "floor"),
}  # fmt: skip
STRONGEST = 8  # private dimensions that figure 3 shows
_MEAN = {"task": "axes", "metric": "r", "target": "mean"}
ENDPOINTS: dict[str, tuple[dict[str, str], str]] = {  # name of the file -> results, caption
    "text_axes": (
        {"experiment": "text_axes", **_MEAN},
        "Mean correlation with rated valence, arousal and dominance: EmoBank's test part",
    ),
    "text_axes_documents": (
        {"experiment": "text_axes_documents", **_MEAN},
        "Mean correlation with rated valence, arousal and dominance: EmoBank with documents kept apart",
    ),
    "zero_shot_text": (
        {"experiment": "zero_shot_text", "task": "axes", "metric": "r", "target": "valence"},
        "Zero-shot: valence of all V-reg tweets by models of EmoBank",
    ),
    "intensity": (
        {"experiment": "audio_face", "task": "intensity", "metric": "difference", "target": "arousal", "modality": "all"},
        "Predicted arousal of strong minus normal acting, within actor and emotion, out of fold over RAVDESS' actors",
    ),
    "audio_face": (
        {"experiment": "audio_face", **_MEAN}, "Mean r with RAVDESS' proxies (8 points for 8 emotions), out of fold",
    ),
    "zero_shot_audio": (
        {"experiment": "zero_shot_audio", "task": "axes", "metric": "r", "target": "arousal"},
        "Zero-shot: arousal of EmoDB by models trained on RAVDESS only",
    ),
    "trimodal": ({"experiment": "trimodal", **_MEAN}, "Who follows the true feelings of new people best?"),
    "iemocap": ({"experiment": "iemocap", **_MEAN}, "Mean r over valence, arousal and dominance on IEMOCAP"),
}  # fmt: skip
SHOWN = {  # experiment -> the rows of its pictures, in words
    "text_axes": "EmoBank's test part", "text_probes": "MELD's test part", "audio_face": "RAVDESS, held-out actors",
    "trimodal": "held-out synthetic people", "iemocap": "IEMOCAP",
}  # fmt: skip


def pictures(study: Study, results: Results) -> Iterator[Picture]:
    """Draw every figure for which the study has results or rows."""
    for picture in (*_endpoints(results), *_probes(results), *_noise(results)):
        if picture is not None:
            yield picture
    iemocap = study.source("iemocap").title if "iemocap" in study.experiments else ""
    shown = {**SHOWN, "iemocap": f"{iemocap}, {SPLITS[study.budget.split]}"}
    rows = {
        name: study.rows(name, protocol=where, models=(HEADLINE,))
        for name, where in shown.items()
        if name in study.experiments and study.has(EXPERIMENTS[name].trainings[0])
    }
    latents = {name: panel for name, panel in rows.items() if name != "text_probes"}
    latents |= _letter(study, shown["iemocap"])
    yield from space_pictures(latents)
    yield from heatmap_pictures(latents)
    yield from _readouts(rows)
    yield from _dialogue(rows)
    yield from _histories(study)


def _letter(study: Study, where: str) -> dict[str, EvaluationRows]:
    """Return IEMOCAP's rows with the paper's model in the place of the headline, for the paper's figures."""
    if "iemocap" not in study.experiments or not study.has("iemocap", PAPER_MODEL):
        return {}
    rows = study.rows("iemocap", protocol=f"{where}, equations to the letter", models=(PAPER_MODEL,))
    return {PAPER_MODEL: replace(rows, outputs={EVERYTHING: {HEADLINE: rows.of(PAPER_MODEL)}})}


def _endpoints(results: Results) -> Iterator[Picture | None]:
    for name, (columns, caption) in ENDPOINTS.items():
        rows = results.filter(versus="", **columns)
        known = [(TITLES[row.model], GROUPS[row.model], row) for row in rows if row.model in GROUPS]
        label = {"r": "Pearson's r (0 is a guess, 1 is perfect)"}.get(columns["metric"], columns["metric"])
        basis = "; ".join(dict.fromkeys(row.protocol for _, _, row in known))
        chance = Reference("chance" if columns["metric"] == "r" else "no difference", 0.0)
        where = f"{basis[:1].upper()}{basis[1:]}; 95 % intervals, seeds averaged."
        yield interval_picture(name, known, label, caption, where, [chance])


def _probes(results: Results) -> Iterator[Picture | None]:
    """Draw the double dissociation: what shared and private latents of the headline reveal of emotion and speaker."""
    caption = (
        "Linear probes on rows that the encoder has not seen. Double dissociation: shared is above private for emotion, and "
        "below it for speaker."
    )
    title = "What the shared and the private part reveal of emotion and speaker"
    for experiment in ("text_probes", "audio_face", "trimodal", "iemocap"):
        rows = []
        for task in ("emotion", "speaker"):
            named = {"experiment": experiment, "task": task, "model": HEADLINE, "condition": "linear", "versus": ""}
            uar = results.filter(metric="uar", **named)
            for modality in uar.distinct("modality"):
                for latent, words in (("shared", "shared"), ("private", "private"), ("full", "both")):
                    label = f"{task} from {modality.replace('_', ' ')}, {words}"
                    rows += [(label, words, row) for row in uar.filter(modality=modality, latent=latent)]
        label = "Unweighted average recall (UAR)"
        yield interval_picture(f"dissociation_{experiment}", rows, label, title, caption, order=False)


def _noise(results: Results) -> Iterator[Picture | None]:
    across = "noise on every dimension, standard deviations"
    title, caption = "How predictions suffer from noise on the vectors", "Mean r with its 95 % interval."
    for experiment in ("text_axes", "audio_face", "trimodal"):
        where = {"experiment": experiment, "task": "noise", "metric": "r", "target": "mean"}
        yield curve_picture(f"noise_{experiment}", results, TITLES, across, "mean r", title, caption, **where)


def _first(rows: EvaluationRows, model: str = HEADLINE) -> tuple[Representations, np.ndarray]:
    """Return a model's representations of the first seed and fold, and the rows which that fold tests."""
    return rows.of(model)[0][0], rows.folds[0].test


def _modalities(rows: EvaluationRows, outputs: Representations) -> list[str]:
    known = EXPERIMENTS[rows.experiment].modalities if rows.experiment in EXPERIMENTS else tuple(outputs.present)
    return [modality for modality in known if modality in outputs.present and outputs.present[modality].any()]


def _axes(panels: Mapping[str, EvaluationRows]) -> list[int]:
    """List the axes with labels in training: another dimension of the shared latent means nothing."""
    return sorted(set.intersection(*(set(rows.axes) for rows in panels.values()))) if panels else []


def space_pictures(panels: Mapping[str, EvaluationRows], model: str = HEADLINE) -> Iterator[Picture]:
    """Draw figure 2: where points of different modalities lie in the shared space, in the planes of the axes with labels."""
    clouds: dict[str, dict[str, np.ndarray]] = {}
    axes = _axes(panels)
    for rows in panels.values():
        outputs, tested = _first(rows, model)
        names = _modalities(rows, outputs)
        if len(names) > 1:
            common = tested[np.all([outputs.present[name][tested] for name in names], axis=0)]
            points = {name: np.asarray(shared_of(outputs, name))[common][:, axes] for name in names}
            if len(common):
                clouds[f"{rows.protocol} (n {len(common):,})"] = points
    if clouds and len(axes) > 1:
        caption = (
            "Figure 2 of the paper, all planes: held-out rows, centroids as stars. First seed (and fold) of the headline, or "
            "of the model that a panel names."
        )
        figure = modality_figure(clouds, [AXES[axis] for axis in axes])
        title = "Do text, voice and face of the same rows lie in the same place?"
        alt = " ".join(f"{panel}: {_apart(points)}." for panel, points in clouds.items())
        yield Picture("figure_2_space", figure, title, alt, caption)


def _apart(points: Mapping[str, np.ndarray]) -> str:
    """Write how far the centroids of modalities are apart, in standard deviations of all points."""
    spread = np.concatenate(list(points.values())).std(axis=0)
    pairs = {
        f"{first} and {second}": float(np.linalg.norm((points[first].mean(0) - points[second].mean(0)) / spread))
        for first, second in combinations(points, 2)
    }
    return "centroids are apart, in deviations: " + ", ".join(f"{pair} {value:.2f}" for pair, value in pairs.items())


def heatmap_pictures(panels: Mapping[str, EvaluationRows], model: str = HEADLINE) -> Iterator[Picture]:
    """Draw figure 3: correlations within the shared latent and with the active private dimensions, held-out rows."""
    matrices: dict[str, np.ndarray] = {}
    averages: dict[str, np.ndarray] = {}
    columns: dict[str, list[str]] = {}
    left: dict[str, int] = {}
    axes = _axes(panels)
    titles, initials = [AXES[axis] for axis in axes], [AXES[axis][0].upper() for axis in axes]
    for rows in panels.values() if axes else ():
        outputs, tested = _first(rows, model)
        for name in _modalities(rows, outputs):
            if name in outputs.shared and name in outputs.private:
                known = tested[outputs.present[name][tested]]
                shared, private = outputs.shared[name][known][:, axes], outputs.private[name][known]
                active = np.flatnonzero(active_units(private))
                title = f"{name.replace('_', ' ')}, {rows.protocol}"
                average = np.concatenate([shared, private.mean(axis=1, keepdims=True)], axis=1)
                averages[title] = np.nan_to_num(correlation_matrix(shared, average))
                both = np.nan_to_num(correlation_matrix(shared, np.concatenate([shared, private[:, active]], axis=1)))
                own, with_private = both[:, : len(axes)], both[:, len(axes) :]
                strongest = np.argsort(-np.abs(with_private).max(axis=0), kind="stable")[:STRONGEST]
                matrices[title] = np.concatenate([own, with_private[:, strongest]], axis=1)
                columns[title] = [*initials, *(f"p{number}" for number in active[strongest])]
                left[title] = len(active) - len(strongest)
    if matrices:
        names = {title: [*initials, "private"] for title in averages}
        figure = heatmap_figure(averages, names, titles)
        title = "Does the private part, on average, follow valence, arousal or dominance?"
        caption = (
            "Figure 3 as the paper draws it: Pearson's r of the shared axes with each other and with the average over the "
            "dimensions of the private part. An average can hide single dimensions. First seed (and fold)."
        )
        yield Picture("figure_3_average", figure, title, _largest(averages, len(axes)), caption)
        caption = (
            f"Figure 3 in detail: the {STRONGEST} active private dimensions (p and their number) that follow an axis most; all "
            f"others, {' / '.join(map(str, left.values()))}, follow less. First seed (and fold)."
        )
        figure = heatmap_figure(matrices, columns, titles)
        title = "Which single private dimensions follow valence, arousal or dominance?"
        yield Picture("figure_3_heatmaps", figure, title, _largest(matrices, len(axes)), caption)


def _largest(matrices: Mapping[str, np.ndarray], axes: int) -> str:
    """Write the largest correlation of a shared axis with the private part in each panel."""
    largest = {title: float(np.abs(matrix[:, axes:]).max(initial=0.0)) for title, matrix in matrices.items()}
    listed = ", ".join(f"{title} {value:.2f}" for title, value in largest.items())
    return f"Largest |r| with the private part: {listed}."


def _readouts(panels: Mapping[str, EvaluationRows]) -> Iterator[Picture]:
    for name, kind in (("text_axes", "rated"), ("trimodal", "true"), ("iemocap", "rated")):
        if name in panels:
            rows = panels[name]
            prediction, truth = rows.predictions(HEADLINE)[0], rows.tested_truth
            for place, axis in enumerate(AXES):
                figure = scatter_readout_figure(truth[:, place], prediction[:, place], axis)
                known = np.isfinite(truth[:, place]) & np.isfinite(prediction[:, place])
                r = float(pearson(truth[known, place], prediction[known, place]))
                title, caption = f"Predicted against {kind} {axis}", f"{rows.protocol}, headline, first seed."
                yield Picture(
                    f"readout_{name}_{axis}",
                    figure,
                    title,
                    f"Predictions follow {kind} {axis} with r {r:.2f}.",
                    caption,
                )


def _dialogue(panels: Mapping[str, EvaluationRows]) -> Iterator[Picture]:
    """Draw the course of the longest test dialogue of MELD."""
    if "text_probes" not in panels:
        return
    rows = panels["text_probes"]
    outputs, tested = _first(rows)
    tested = tested[np.isfinite(outputs.fused[tested]).all(axis=1)]
    dialogues = rows.groups[tested].astype(str)
    names, counts = np.unique(dialogues, return_counts=True)
    if not len(names):
        return
    longest = names[counts.argmax()]
    chosen = tested[dialogues == longest]
    chosen = chosen[np.argsort(rows.table["utterance"].to_numpy()[chosen], kind="stable")]
    figure = sequence_figure(outputs.fused[chosen], outputs.fused_deviation[chosen], across="line of the dialogue")
    caption = f"MELD, {longest}, by the model of EmoBank; bands are one predicted deviation."
    low, high = outputs.fused[chosen].min(axis=0), outputs.fused[chosen].max(axis=0)
    ranges = [f"{axis} from {low[place]:.2f} to {high[place]:.2f}" for place, axis in enumerate(AXES)]
    yield Picture("dialogue", figure, "One dialogue, line by line", f"Over the lines go {', '.join(ranges)}.", caption)


def _histories(study: Study) -> Iterator[Picture]:
    for training in ("emobank", "ravdess", "people", "iemocap"):
        for member in study.trained.get((training, HEADLINE), [])[:1]:
            run = study.run_of(member)
            if (run.folder / "history.csv").is_file():
                caption = "The headline, every term, first seed (and fold)."
                losses = run.history.filter(like="_total").dropna()
                alt = "; ".join(f"{str(name).replace('_', ' ')} from {column.iloc[0]:.4g} to {column.iloc[-1]:.4g}"
                                for name, column in losses.items() if len(column))  # fmt: skip
                title = f"How the training on {training} went"
                yield Picture(
                    f"history_{training}", history_figure(run.history), title, f"Loss: {alt or 'unknown'}.", caption
                )
