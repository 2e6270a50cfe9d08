"""The pictures of the report. They are written into the study's folder only: some show faces of real people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from affectspace.annotation import AnnotationTransfer, plot_ellipses
from affectspace.errors import DataError, counted
from affectspace.evaluation import confusion, pearson, r2
from affectspace.evaluation.results import Results
from affectspace.report import (
    Reference,
    circumplex_figure,
    confusion_figure,
    history_figure,
    rate_distortion_figure,
    reconstruction_figure,
    scatter_readout_figure,
    walk_figure,
)
from affectspace.studies.figures import Picture, interval_picture
from affectspace.studies.levasa.plan import FAMILIES, KL, TITLES
from affectspace.studies.levasa.study import AXES, Arm, Readings, Trained
from affectspace.walks import fit_directions, walk_grid

CURVE = 4  # weights from which on there is a curve
STEPS = (-0.8, -0.4, 0.0, 0.4, 0.8)  # of the walk, valence and arousal
GROUPS = {
    "vanilla": "no alignment", "continuous": "LeVAsa", "discrete": "LeVAsa", "permuted": "control", "class_means": "control",
    "seven_way": "control", "notebook": "LeVAsa",
}  # fmt: skip
_UAR = {"latent": "va", "metric": "uar"}


def _group(name: str) -> str:
    return GROUPS.get(name, "residual network" if name.startswith("residual") else "the paper's letter")


def pictures(arm: Arm, readings: Readings, results: Results) -> Iterator[Picture]:
    """Draw every figure of one corpus for which there are members."""
    ours = arm.trained.get("discrete" if arm.prefix else "continuous", [])[:1]
    made: list[Picture | None] = [_primary_endpoint(arm, readings, results)]
    if not arm.prefix:
        made.append(_ellipses())
    made += [_circumplex(arm, readings, family) for family in FAMILIES]
    made += [_reconstructions(arm), *_over_weights(arm, results)]
    for entry in ours:
        made += [_confusion(entry, readings), *_readouts(entry, readings), _walk(arm, entry), history_picture(entry)]
    for picture in made:
        if picture is not None:
            yield replace(picture, name=arm.prefix + picture.name)


def one_dimension(readings: Readings, trained: Trained) -> np.ndarray:
    """Reduce z_v and z_a of the test rows, each to its first principal component, in deviations of the train part, (n, 2).

    The component rises with its label on train; a permuted member has no labels of its own.
    """
    columns = []
    for axis, chunk in enumerate(("z_v", "z_a")):
        train, truth = readings.features(trained, chunk, "train"), readings.centres("train")[:, axis]
        fitted = PCA(1, svd_solver="full").fit(train)
        known = np.isfinite(truth)
        scores = fitted.transform(train)[known, 0]
        sign = 1.0 if np.mean((scores - scores.mean()) * (truth[known] - truth[known].mean())) >= 0 else -1.0
        deviation = float(fitted.transform(train)[:, 0].std()) or 1.0
        columns.append(sign * fitted.transform(readings.features(trained, chunk, "test"))[:, 0] / deviation)
    return np.column_stack(columns)


def _ellipses() -> Picture:
    figure = plot_ellipses(AnnotationTransfer.reference("affectnet"))
    caption = "Figure 2 of the paper: ellipses of one standard deviation from AffectNet, continuous and discretised."
    alt = "Happiness lies at the pleasant side, anger and fear are unpleasant and excited, sadness is unpleasant and calm."
    return Picture("figure_2_ellipses", figure, "Where emotions lie on valence and arousal", alt, caption)


def _circumplex(arm: Arm, readings: Readings, family: str) -> Picture | None:
    """Draw Figure 3: panels (a) and (b) of a corpus with emotions, (c) of one with levels."""
    panels = {}
    for name in ("vanilla", "continuous", "discrete", "permuted"):
        for entry in arm.trained.get(family + name, [])[:1]:
            panels[entry.member.title] = (one_dimension(readings, entry), list(readings.emotion("test")))
    if not panels:
        return None
    labels = readings.sampled("test")
    truth = readings.centres("test")
    follows = [
        f"{title}: " + ", ".join(f"{axis} r {_follows(xy[:, i], truth[:, i]):.2f}" for i, axis in enumerate(AXES))
        for title, (xy, _) in panels.items()
    ]
    known = np.isfinite(labels).all(axis=1)
    true = (labels[known], list(readings.emotion("test")[known]))
    panel = "panel (c)" if arm.prefix else "panels (a), continuous, and (b), discrete"
    beside = "its levels" if arm.prefix else "labels sampled from the ellipses"
    caption = (
        f"Figure 3 of the paper, {panel}, on people of {arm.name} unseen in training: each chunk reduced to one dimension by "
        f"PCA fitted on train, in its own standard deviations, beside {beside} (n {len(labels)})."
    )
    figure = circumplex_figure(panels, true, truth_name="levels / 10" if arm.prefix else "sampled labels")
    name = "figure_3_paper" if family else "figure_3_circumplex"
    title = "Do the two chunks arrange faces as valence and arousal do?"
    return Picture(name, figure, title, f"How far the chunks follow the labels. {'; '.join(follows)}.", caption)


def _follows(chunk: np.ndarray, truth: np.ndarray) -> float:
    known = np.isfinite(truth)
    return float(pearson(truth[known], chunk[known]))


def _reconstructions(arm: Arm) -> Picture | None:
    names = [family + name for family in FAMILIES[::-1] for name in ("vanilla", "continuous", "discrete")]
    outputs = {TITLES[name]: arm.trained[name][0].outputs for name in names if arm.trained.get(name)}
    if not outputs:
        return None
    shown = next(iter(outputs.values())).shown
    figure = reconstruction_figure(shown, {title: entry.decoded for title, entry in outputs.items()})
    caption = f"Figure 4 of the paper: test faces of {arm.name}, one per person. First seed."
    quality = {
        title: float(np.mean(entry.errors["psnr"])) for title, entry in outputs.items() if "psnr" in entry.errors
    }
    alt = "Faces on top, reconstructions below. Mean likeness: " + ", ".join(
        f"{title} {value:.1f} dB" for title, value in quality.items()
    )
    return Picture("figure_4_reconstructions", figure, "What each model keeps of a face", f"{alt}.", caption)


def _over_weights(arm: Arm, results: Results) -> Iterator[Picture | None]:
    """Draw rate, distortion and UAR over the weight of the alignment; the Vanilla VAE has weight 0."""
    members, rates = [], []
    for name, seeds in arm.trained.items():
        weight = getattr(seeds[0].member.config.model, "alignment_weight", None)
        if name == "residual" or name.startswith(KL):
            rates.append((seeds[0].member.config.model.kl_weight, name))
        if name == "vanilla":
            members.append((0.0, name))
        elif weight is not None and (name == "continuous" or name.startswith("weight_")):
            members.append((float(weight), name))
    if len(rates) >= CURVE:
        points = _points(sorted(rates), results)
        title, caption = "What the weight of the KL costs: rate and distortion", "On test people, residual network."
        yield Picture("rate_distortion_kl", rate_distortion_figure(points), title, _ends(points), caption)
    if len(members) < CURVE:
        return
    members.sort()
    points = _points(members, results)
    title, caption = (
        "What the weight of the alignment costs: rate and distortion",
        "On test people. Weight 0 is the Vanilla VAE.",
    )
    yield Picture("rate_distortion", rate_distortion_figure(points), title, _ends(points), caption)
    rows = [
        (f"weight {weight:g}", "", results.find(experiment="probes", model=name, **_UAR)) for weight, name in members
    ]
    label = "UAR of a linear probe on z_v and z_a, test people"
    title = "What the weight of the alignment gains: emotion of new people"
    yield interval_picture("uar_over_weight", rows, label, title, "Intervals are over people.", order=False)


def _points(members: Sequence[tuple[float, str]], results: Results) -> list[dict[str, Any]]:
    """Return the rate and the distortion of members with their weights."""
    points: list[dict[str, Any]] = []
    for weight, name in members:
        reconstruction = {"experiment": "reconstruction", "model": name}
        rate, distortion = (results.get(metric=metric, **reconstruction).value for metric in ("rate_nats", "mse"))
        points.append({"name": f"weight {weight:g}", "rate": rate, "distortion": distortion})
    return points


def _ends(points: Sequence[dict[str, Any]]) -> str:
    return (
        "; ".join(f"{point['name']}: {point['rate']:.0f} nats, error {point['distortion']:.4f}" for point in points)
        + "."
    )


def _primary_endpoint(arm: Arm, readings: Readings, results: Results) -> Picture | None:
    named = {"experiment": f"{arm.prefix}probes", **_UAR}
    names = [name for name in arm.trained if not name.startswith(("weight_", KL)) and name != "cnn"]
    rows = [(TITLES.get(name, name), _group(name), results.find(model=name, **named)) for name in names]
    references = []
    for model, label, kind in (
        ("majority", "chance", "floor"), ("pca_96", "floor: PCA of the pixels", "floor"),
        ("cnn", "ceiling: supervised CNN", "ceiling"),
    ):  # fmt: skip
        line = results.find(model=model, **named)
        if line is not None:
            references.append(Reference(label, line.value or 0.0, kind))  # type: ignore[arg-type]
    people = readings.people("test")
    n = f"{counted(len(people), 'image')} of {counted(len(np.unique(people)), 'person')}"
    caption = f"On {n} ({arm.name}). Intervals are over people, seeds are averaged."
    label = "Unweighted average recall (UAR) of a linear probe on the valence and arousal chunks"
    title = "Who recognises the emotion of people that no model has seen?"
    return interval_picture("primary_endpoint", rows, label, title, caption, references)


def _confusion(entry: Trained, readings: Readings) -> Picture:
    truth = readings.emotion("test")
    known = np.array([name is not None for name in truth])
    names, counts = confusion(truth[known], readings.predictions(entry)[known])
    order = [name for name in readings.categories if name in names]
    index = [list(names).index(name) for name in order]
    figure = confusion_figure(counts[np.ix_(index, index)], order)
    caption = f"Test faces, linear probe on LeVAsa's z_v and z_a (seed {entry.member.seed})."
    return Picture(
        "confusion", figure, "Which emotions are mistaken for which", confusion_in_words(counts, names), caption
    )


def confusion_in_words(counts: np.ndarray, names: np.ndarray) -> str:
    """Write which class is recognised best and worst, and the most frequent mistake."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    own, wrong = np.diag(share), share - np.diag(np.diag(share))
    best, worst = names[own.argmax()], names[own.argmin()]
    true, guess = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"Best recognised: {best}, {100 * own.max():.0f} %. Worst: {worst}, {100 * own.min():.0f} %. Most frequent mistake: "
        f"{100 * wrong.max():.0f} % of {names[true]} are taken for {names[guess]}."
    )


def _readouts(entry: Trained, readings: Readings) -> Iterator[Picture]:
    prediction, truth = readings.readout(entry), readings.centres("test")
    for axis, target in enumerate(AXES):
        measures = {"R2": float(r2(truth[:, axis], prediction[:, axis]))}
        figure = scatter_readout_figure(truth[:, axis], prediction[:, axis], target, measures=measures)
        labels = "the levels" if readings.inferred else "the ellipses' centres"
        caption = f"Ridge on LeVAsa's z_v and z_a against {labels}, test people (seed {entry.member.seed})."
        r = float(pearson(truth[:, axis], prediction[:, axis]))
        alt = f"Read {target} follows its label with r {r:.2f}; it explains a share of {measures['R2']:.2f} of the variance."
        yield Picture(
            f"readout_{target}", figure, f"{target.capitalize()} read from the code, against the label", alt, caption
        )


def history_picture(entry: Trained) -> Picture | None:
    """Draw a run's losses over its epochs; None where it has no history."""
    if not (entry.run.folder / "history.csv").is_file():
        return None
    figure = history_figure(entry.run.history, kept_epoch=entry.run.facts.get("kept_epoch"))
    history = entry.run.history
    alt = " ".join(
        f"The {part} loss goes from {column.iloc[0]:.4g} to {column.iloc[-1]:.4g}."
        for part in ("train", "validation")
        for column in [history.get(f"{part}_total", history.iloc[:, -1]).dropna()]
        if len(column)
    )
    caption = f"{entry.member.title}, seed {entry.member.seed}. The marked epoch is the one that was kept."
    return Picture("history", figure, "How the training went", alt or "Losses over epochs.", caption)


def _walk(arm: Arm, entry: Trained) -> Picture | None:
    """Draw one test face moved over the circumplex by a model."""
    if arm.data.drawn or not (entry.run.folder / "model").is_dir():  # a model of drawn faces ships, and walks better
        return None
    model: Any = entry.run.model()
    rows, face = arm.data.rows("train"), entry.outputs.shown[0]
    people = arm.data.table["person"].to_numpy()[rows]
    try:
        directions = fit_directions(np.hstack(entry.outputs.chunks("train")[:2]), arm.data.affect[rows, :2], people)
    except DataError:  # too few people, or nobody has several expressions
        return None
    grid = walk_grid(model, face, STEPS, STEPS, directions)
    change = np.abs(grid[-1, -1].astype(float) - grid[0, 0]).mean() / 255
    alt = f"One face, {len(STEPS) ** 2} times. Between opposite corners, a pixel changes by {change:.3f} of its range."
    caption = f"Moved to {len(STEPS)} x {len(STEPS)} points, the rest of its code kept."
    figure = walk_figure(grid, STEPS, STEPS, face)
    return Picture("walk", figure, "One test face, moved along valence and arousal", alt, caption)
