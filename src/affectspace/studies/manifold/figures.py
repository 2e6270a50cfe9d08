"""The pictures of the report: latent spaces, heatmaps, read-outs, and intervals of every model on every endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import active_units, correlation_matrix
from affectspace.evaluation.results import Results
from affectspace.report import heatmap_figure, history_figure, modality_figure, scatter_readout_figure, sequence_figure
from affectspace.studies.figures import Picture, curve_picture, interval_picture
from affectspace.studies.manifold.cross_modal import shared_of
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, EvaluationRows
from affectspace.studies.manifold.plan import EXPERIMENTS, HEADLINE, PAPER_MODEL, SPLITS, TITLES, VARIANTS
from affectspace.studies.manifold.representations import Representations
from affectspace.studies.manifold.study import Study

GROUPS = {variant.name: variant.group for variant in VARIANTS} | {
    "ensemble": "headline", **dict.fromkeys(("ridge", "ridge_text", "softmax", "lexicon"), "floor"),
}  # fmt: skip
_MEAN = {"task": "axes", "metric": "r", "target": "mean"}
ENDPOINTS: dict[str, tuple[dict[str, str], str]] = {  # name of the file -> results, caption
    "text_axes": (
        {"experiment": "text_axes", **_MEAN},
        "Mean r over valence, arousal and dominance, EmoBank's published test part",
    ),
    "text_axes_documents": (
        {"experiment": "text_axes_documents", **_MEAN},
        "Mean r over valence, arousal and dominance, EmoBank with documents kept apart",
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
    "trimodal": ({"experiment": "trimodal", **_MEAN}, "Mean r on held-out synthetic people, all modalities"),
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
        label = f"{columns['metric']}, {columns['target']}"
        basis = "; ".join(dict.fromkeys(row.protocol for _, _, row in known))
        text, alt = f"{caption} ({basis}); 95 % intervals, seeds averaged.", f"Intervals of {label} for every model"
        yield interval_picture(name, known, label, text, alt)


def _probes(results: Results) -> Iterator[Picture | None]:
    """Draw the double dissociation: what shared and private latents of the headline reveal of emotion and speaker."""
    caption = (
        "Double dissociation: UAR of linear probes on the manifold's latents of rows that the encoder has not seen."
    )
    for experiment in ("text_probes", "audio_face", "trimodal", "iemocap"):
        rows = []
        for task in ("emotion", "speaker"):
            named = {"experiment": experiment, "task": task, "model": HEADLINE, "condition": "linear", "versus": ""}
            uar = results.filter(metric="uar", **named)
            for modality in uar.distinct("modality"):
                for latent, words in (("shared", "shared"), ("private", "private"), ("full", "both")):
                    label = f"{task} from {modality.replace('_', ' ')}, {words}"
                    rows += [(label, words, row) for row in uar.filter(modality=modality, latent=latent)]
        alt = "Intervals of UAR of emotion and speaker by latent"
        yield interval_picture(f"dissociation_{experiment}", rows, "UAR, linear probe", caption, alt)


def _noise(results: Results) -> Iterator[Picture | None]:
    across, caption = "noise on every dimension, standard deviations", "Noise on the vectors: mean r with its interval."
    for experiment in ("text_axes", "audio_face", "trimodal"):
        where = {"experiment": experiment, "task": "noise", "metric": "r", "target": "mean"}
        alt = "Lines of mean r over the level of noise"
        yield curve_picture(f"noise_{experiment}", results, TITLES, across, "mean r", caption, alt, **where)


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
            "Figure 2 of the paper, all planes: the shared space by modality, centroids as stars. First seed (and fold) of the "
            "headline, or of the model that a panel names."
        )
        figure = modality_figure(clouds, [AXES[axis] for axis in axes])
        yield Picture(
            "figure_2_space", figure, caption, "Scatter of the shared axes by modality, a panel for each plane"
        )


def heatmap_pictures(panels: Mapping[str, EvaluationRows], model: str = HEADLINE) -> Iterator[Picture]:
    """Draw figure 3: correlations within the shared latent and with the active private dimensions, held-out rows."""
    matrices: dict[str, np.ndarray] = {}
    averages: dict[str, np.ndarray] = {}
    columns: dict[str, list[str]] = {}
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
                both = np.concatenate([shared, private[:, active]], axis=1)
                matrices[title] = np.nan_to_num(correlation_matrix(shared, both))
                columns[title] = [*initials, *(str(number) for number in active)]
    if matrices:
        caption = (
            "Figure 3 as the paper draws it: Pearson's r of the shared axes with each other and with the average over the "
            "dimensions of the private latent. An average can hide single dimensions. First seed (and fold)."
        )
        names = {title: [*initials, "private"] for title in averages}
        yield Picture("figure_3_average", heatmap_figure(averages, names, titles), caption, "Heatmaps of correlations")
        caption = (
            "Figure 3 in full: Pearson's r of the shared axes with each other and with every active private dimension. "
            "First seed (and fold)."
        )
        yield Picture(
            "figure_3_heatmaps", heatmap_figure(matrices, columns, titles), caption, "Heatmaps of correlations"
        )


def _readouts(panels: Mapping[str, EvaluationRows]) -> Iterator[Picture]:
    for name, kind in (("text_axes", "rated"), ("trimodal", "true"), ("iemocap", "rated")):
        if name in panels:
            rows = panels[name]
            prediction, truth = rows.predictions(HEADLINE)[0], rows.tested_truth
            for place, axis in enumerate(AXES):
                figure = scatter_readout_figure(truth[:, place], prediction[:, place], axis)
                caption = f"Predicted against {kind} {axis}; {rows.protocol}, headline, first seed."
                yield Picture(f"readout_{name}_{axis}", figure, caption, f"Scatter of predicted over {kind} {axis}")


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
    caption = f"A dialogue of MELD, {longest}, by the model of EmoBank; bands are one predicted deviation."
    yield Picture("dialogue", figure, caption, "Valence, arousal and dominance over the lines of one dialogue")


def _histories(study: Study) -> Iterator[Picture]:
    for training in ("emobank", "ravdess", "people", "iemocap"):
        for member in study.trained.get((training, HEADLINE), [])[:1]:
            run = study.run_of(member)
            if (run.folder / "history.csv").is_file():
                caption = f"Training of the headline on {training}: every term, first seed (and fold)."
                yield Picture(f"history_{training}", history_figure(run.history), caption, "Losses over epochs")
