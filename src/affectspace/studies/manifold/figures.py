"""The pictures of the report: spaces, heatmaps, read-outs, and intervals of every model on every endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile, active_units, correlation_matrix
from affectspace.report import (
    IntervalRow,
    curves_figure,
    heatmap_figure,
    history_figure,
    interval_figure,
    modality_figure,
    scatter_readout_figure,
    sequence_figure,
)
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.people_tables import shared_of
from affectspace.studies.manifold.plan import HEADLINE, TITLES, VARIANTS
from affectspace.studies.manifold.printed_tables import title
from affectspace.studies.manifold.robustness_tables import NOISE
from affectspace.studies.manifold.study import Study
from affectspace.studies.pictures import Picture

GROUPS = {one.name: one.group for one in VARIANTS} | {
    "ensemble": "headline", **dict.fromkeys(("ridge", "ridge_text", "softmax", "lexicon", "constant"), "floor"),
}  # fmt: skip
ENDPOINTS = (  # experiment, metric, name of the file, caption
    ("text_axes", "r_mean", "text_axes", "Mean r over valence, arousal and dominance, EmoBank's published test part"),
    ("text_axes_documents", "r_mean", "text_axes_documents", "The same with documents kept apart"),
    ("zero_shot_text", "r_valence", "zero_shot_text", "Zero-shot: valence of all V-reg tweets by models of EmoBank"),
    ("audio_face_intensity", "difference_arousal", "intensity",
     "Predicted arousal of strong less normal acting, within actor and emotion, out of fold over RAVDESS' actors"),
    ("audio_face", "r_mean", "audio_face", "Mean r with RAVDESS' proxies (8 points for 8 emotions), out of fold"),
    ("zero_shot_audio", "r_arousal", "zero_shot_audio", "Zero-shot: arousal of EmoDB by models that heard RAVDESS only"),
    ("trimodal", "r_mean", "trimodal", "Mean r on held-out synthetic people, all modalities"),
    ("iemocap", "r_mean", "iemocap", "Mean r over valence, arousal and dominance, IEMOCAP's session 5"),
)  # fmt: skip
MODALITIES = {
    "text_axes": ("text",), "audio_face": ("audio", "action_units"), "trimodal": ("text", "audio", "video"),
    "iemocap": ("text", "audio", "video"),
}  # fmt: skip


def pictures(study: Study, metrics: MetricsFile, panels: Mapping[str, Panel]) -> Iterator[Picture]:
    """Every figure for which the study has the figures. panels : experiment -> its panel with the headline's codes."""
    for make in (_endpoints, _probes, _curves):
        yield from make(metrics)
    for make_of_panels in (_spaces, _heatmaps, _readouts, _dialogue):
        yield from make_of_panels(panels)
    yield from _histories(study)


def interval_of(
    metrics: MetricsFile, experiment: str, row: str, metric: str, label: str, group: str
) -> IntervalRow | None:
    """A measurement as a row of an interval figure; None where it was not measured."""
    if (experiment, row, metric) not in metrics:
        return None
    one = metrics.get(experiment, row, metric)
    return IntervalRow(label, float("nan") if one.value is None else one.value, one.low, one.high, group, one.paper)


def _endpoints(metrics: MetricsFile) -> Iterator[Picture]:
    for experiment, metric, name, caption in ENDPOINTS:
        rows = []
        for row in metrics.experiments.get(experiment, {}):
            if row in GROUPS:
                rows.append(interval_of(metrics, experiment, row, metric, TITLES.get(row, row), GROUPS[row]))
        kept = [row for row in rows if row is not None]
        if kept:
            figure = interval_figure(kept, label=metric.replace("_", " "))
            yield Picture(
                name, figure, f"{caption}; 95 % intervals, seeds averaged.", f"Intervals of {metric} for every model"
            )


def _probes(metrics: MetricsFile) -> Iterator[Picture]:
    """Double dissociation: what shared and private latents of the headline tell of emotion and speaker."""
    for experiment in ("text_probes", "audio_face", "trimodal", "iemocap"):
        rows = []
        for task in ("emotion", "speaker"):
            name = f"{experiment}_{task}_linear"
            for row in metrics.experiments.get(name, {}):
                model, _, modality = row.partition(" ")
                if model == HEADLINE:
                    for what in ("shared", "private", "full"):
                        label = f"{task} from {modality.replace('_', ' ')}, {what.replace('full', 'both')}"
                        rows.append(interval_of(metrics, name, row, f"uar_{what}", label, what.replace("full", "both")))
        kept = [row for row in rows if row is not None]
        if kept:
            caption = (
                "Double dissociation: UAR of linear probes on the manifold's latents of rows unseen by the encoder."
            )
            figure = interval_figure(kept, label="UAR, linear probe")
            yield Picture(
                f"dissociation_{experiment}", figure, caption, "Intervals of UAR of emotion and speaker by latent"
            )


def _curves(metrics: MetricsFile) -> Iterator[Picture]:
    for experiment in ("text_axes", "audio_face", "trimodal"):
        lines: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in metrics.experiments.get(f"{experiment}_noise", {}):
            model, _, shown = row.partition(": noise ")
            level = float(shown.removesuffix(" sd"))
            one = interval_of(metrics, f"{experiment}_noise", row, "r_mean", row, "")
            if one is not None and level in NOISE and one.low is not None and one.high is not None:
                lines.setdefault(title(model), []).append((level, one.value, one.low, one.high))
        if lines:
            figure = curves_figure(lines, across="noise on every dimension, standard deviations", up="mean r")
            caption = "Noise on the vectors: mean r with its interval."
            yield Picture(f"noise_{experiment}", figure, caption, "Lines of mean r over the level of noise")


def _first(panel: Panel) -> tuple[Codes, np.ndarray]:
    """The headline's codes of the first seed and fold, and the rows which that fold tests."""
    return panel.of(HEADLINE)[0][0], panel.folds[0].test


def _modalities(name: str, codes: Codes) -> list[str]:
    return [one for one in MODALITIES.get(name, ()) if one in codes.present and codes.present[one].any()]


def _spaces(panels: Mapping[str, Panel]) -> Iterator[Picture]:
    """Figure 2: where points of different modalities lie in the shared space."""
    clouds: dict[str, dict[str, np.ndarray]] = {}
    for name, panel in panels.items():
        codes, rows = _first(panel)
        names = _modalities(name, codes)
        if len(names) > 1:
            both = rows[np.all([codes.present[one][rows] for one in names], axis=0)]
            clouds[f"{panel.protocol} (n {len(both):,})"] = {
                one: np.asarray(shared_of(codes, one))[both] for one in names
            }
    if clouds:
        caption = (
            "Figure 2 of the paper: the shared space by modality, centroids as stars; headline, first seed (and fold)."
        )
        yield Picture("figure_2_space", modality_figure(clouds), caption, "Scatter of valence and arousal by modality")


def _heatmaps(panels: Mapping[str, Panel]) -> Iterator[Picture]:
    """Figure 3: correlations within the shared latent and with the active private dimensions, held-out rows."""
    matrices: dict[str, np.ndarray] = {}
    columns: dict[str, list[str]] = {}
    for name, panel in panels.items():
        codes, rows = _first(panel)
        for one in _modalities(name, codes):
            if one not in codes.shared or one not in codes.private:
                continue
            there = rows[codes.present[one][rows]]
            shared, private = codes.shared[one][there], codes.private[one][there]
            kept = np.flatnonzero(active_units(private))
            both = np.concatenate([shared, private[:, kept]], axis=1)
            key = f"{one.replace('_', ' ')}, {panel.protocol}"
            matrices[key] = np.nan_to_num(correlation_matrix(shared, both))
            columns[key] = [*(axis[0].upper() for axis in AXES), *(str(number) for number in kept)]
    if matrices:
        caption = (
            "Figure 3 of the paper: Pearson's r of the shared axes with each other and with every active private dimension "
            "(the paper shows an average of the private latent, which hides single ones). Headline, first seed (and fold)."
        )
        yield Picture("figure_3_heatmaps", heatmap_figure(matrices, columns), caption, "Heatmaps of correlations")


def _readouts(panels: Mapping[str, Panel]) -> Iterator[Picture]:
    for name, what in (("text_axes", "rated"), ("trimodal", "true"), ("iemocap", "rated")):
        if name not in panels:
            continue
        panel = panels[name]
        guess, truth = panel.fused(HEADLINE)[0], panel.truth[panel.tested]
        for place, axis in enumerate(AXES):
            figure = scatter_readout_figure(truth[:, place], guess[:, place], axis)
            caption = f"Predicted against {what} {axis}; {panel.protocol}, headline, first seed."
            yield Picture(f"readout_{name}_{axis}", figure, caption, f"Scatter of predicted over {what} {axis}")


def _dialogue(panels: Mapping[str, Panel]) -> Iterator[Picture]:
    """The course of the longest test dialogue of MELD."""
    panel = panels.get("text_probes")
    if panel is None:
        return
    codes, rows = _first(panel)
    rows = rows[np.isfinite(codes.fused[rows]).all(axis=1)]
    names, counts = np.unique(panel.groups[rows].astype(str), return_counts=True)
    if not len(names):
        return
    chosen = rows[panel.groups[rows].astype(str) == names[counts.argmax()]]
    chosen = chosen[np.argsort(panel.table["utterance"].to_numpy()[chosen], kind="stable")]
    figure = sequence_figure(codes.fused[chosen], codes.fused_deviation[chosen], across="line of the dialogue")
    which = names[counts.argmax()]
    caption = f"A dialogue of MELD, {which}, by the model of EmoBank; bands are one predicted deviation."
    yield Picture("dialogue", figure, caption, "Valence, arousal and dominance over the lines of one dialogue")


def _histories(study: Study) -> Iterator[Picture]:
    for (training, name), group in study.members.items():
        if name == HEADLINE and training in ("emobank", "ravdess", "people", "iemocap"):
            run = study.run_of(group[0])
            if (run.folder / "history.csv").is_file():
                caption = (
                    f"Training of the headline on {training.replace('_', ' ')}: every term, first seed (and fold)."
                )
                yield Picture(f"history_{training}", history_figure(run.history), caption, "Losses over epochs")
