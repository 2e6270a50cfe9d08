"""The pictures of the report. They are written into the run's folder only: some show faces of real people."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from affectspace.annotation import AnnotationTransfer, plot_ellipses
from affectspace.evaluation import MetricsFile, confusion
from affectspace.report import (
    IntervalRow,
    Reference,
    circumplex_figure,
    confusion_figure,
    history_figure,
    interval_figure,
    rate_distortion_figure,
    reconstruction_figure,
    scatter_readout_figure,
    walk_figure,
)
from affectspace.studies.levasa.plan import TITLES
from affectspace.studies.levasa.readings import Readings
from affectspace.studies.levasa.study import Study, Trained
from affectspace.studies.pictures import Picture

if TYPE_CHECKING:
    pass

STEPS = (-0.8, -0.4, 0.0, 0.4, 0.8)  # of the walk, valence and arousal
FACES = ("vanilla", "continuous", "discrete")
GROUPS = {"vanilla": "no alignment", "continuous": "LeVAsa", "discrete": "LeVAsa", "cnn": "supervised"}


def one_dimension(readings: Readings, trained: Trained) -> np.ndarray:
    """z_v and z_a of the test rows, each by its first principal component fitted on train, (n, 2).

    The sign is such that the component rises with its label on train; a permuted member has none of its own.
    """
    columns = []
    for axis, chunk in enumerate(("z_v", "z_a")):
        train, truth = readings.features(trained, chunk, "train"), readings.centres("train")[:, axis]
        fitted = PCA(1, svd_solver="full").fit(train)
        known = np.isfinite(truth)
        scores = fitted.transform(train)[known, 0]
        sign = 1.0 if np.mean((scores - scores.mean()) * (truth[known] - truth[known].mean())) >= 0 else -1.0
        columns.append(sign * fitted.transform(readings.features(trained, chunk, "test"))[:, 0])
    return np.column_stack(columns)


def ellipses(study: Study, readings: Readings, metrics: MetricsFile) -> Picture:
    reference = AnnotationTransfer.reference("affectnet")
    caption = "Figure 2 of the paper: ellipses of one standard deviation from AffectNet, continuous and discretised."
    return Picture(
        "figure_2_ellipses", plot_ellipses(reference), caption, "Ellipses of emotions on valence and arousal"
    )


def circumplex(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    panels = {}
    for name in ("vanilla", "continuous", "discrete", "permuted"):
        if name in study.trained:
            panels[TITLES[name]] = (one_dimension(readings, study.trained[name][0]), list(readings.emotion("test")))
    if not panels:
        return None
    truth, known = readings.sampled("test"), np.isfinite(readings.sampled("test")).all(axis=1)
    true = (truth[known], list(readings.emotion("test")[known]))
    caption = (
        "Figure 3 of the paper, on people unseen in training: each chunk reduced to one dimension by PCA fitted on "
        f"train, beside labels sampled from the ellipses (n {len(truth)})."
    )
    figure = circumplex_figure(panels, true, truth_name="sampled labels")
    return Picture("figure_3_circumplex", figure, caption, "Scatter of the reduced chunks beside the labels")


def reconstructions(study: Study, readings: Readings, metrics: MetricsFile) -> Iterator[Picture]:
    for names, what in ((FACES, "the corpus"), (("afew_vanilla", "afew_discrete"), "drawn faces, not AFEW-VA's")):
        present = {TITLES[name]: study.trained[name][0].codes for name in names if name in study.trained}
        if not present:
            continue
        codes = next(iter(present.values()))
        figure = reconstruction_figure(codes.shown, {title: one.decoded for title, one in present.items()})
        name = "figure_4_reconstructions" if names == FACES else "figure_4_drawn"
        caption = f"Figure 4 of the paper: test faces of {what}, one a person, and their reconstructions (first seed)."
        yield Picture(name, figure, caption, "Rows of faces: originals, and reconstructions of each model")


def curve_members(study: Study) -> list[tuple[float, str]]:
    """Weight and name of the members of the rate-distortion curve, the weight rising; the Vanilla VAE has 0."""
    found = []
    for name, ones in study.trained.items():
        weight = getattr(ones[0].member.config.model, "alignment_weight", None)
        if name == "vanilla":
            found.append((0.0, name))
        elif weight is not None and (name == "continuous" or name.startswith("weight_")):
            found.append((float(weight), name))
    return sorted(found)


def rate_distortion(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    points = []
    for weight, name in curve_members(study):
        rate, distortion = (metrics.get("reconstruction", name, metric).value for metric in ("rate_nats", "mse"))
        points.append({"name": f"weight {weight:g}", "rate": rate, "distortion": distortion})
    if len(points) < 2:
        return None
    caption = "Rate and distortion on test people over the weight of the alignment; weight 0 is the Vanilla VAE."
    return Picture("rate_distortion", rate_distortion_figure(points), caption, "Curve of rate against distortion")


def alignment_gain(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    rows = [_row(metrics, "probes", name, "uar_va", f"weight {weight:g}") for weight, name in curve_members(study)]
    if len(rows) < 2:
        return None
    figure = interval_figure(rows, label="UAR of a linear probe on z_v and z_a, test people")
    caption = "What the weight of the alignment buys in emotion (intervals over people)."
    return Picture("uar_over_weight", figure, caption, "Intervals of UAR for each alignment weight")


def _row(metrics: MetricsFile, experiment: str, row: str, metric: str, label: str, group: str = "") -> IntervalRow:
    found = metrics.get(experiment, row, metric)
    value = float("nan") if found.value is None else found.value
    return IntervalRow(label, value, found.low, found.high, group)


def primary_rows(study: Study) -> list[str]:
    return [name for name in study.trained if not name.startswith(("afew_", "weight_")) and name != "cnn"]


def forest(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    groups = {"permuted": "control", "class_means": "control", "seven_way": "control", "notebook": "LeVAsa"}
    rows = []
    for name in primary_rows(study):
        group = {**GROUPS, **groups}.get(name, "paper's network")
        rows.append(_row(metrics, "probes", name, "uar_va", TITLES.get(name, name), group))
    if not rows:
        return None
    chance = metrics.get("probes", "majority", "uar_va").value
    pixels = metrics.get("probes", "pca_96", "uar_va").value
    lines = [Reference("majority", chance or 0.0), Reference("PCA of pixels", pixels or 0.0)]
    if ("probes", "cnn", "uar_va") in metrics:
        lines.append(Reference("supervised CNN", metrics.get("probes", "cnn", "uar_va").value or 0.0, "ceiling"))
    n = len(readings.people("test"))
    caption = (
        f"Primary endpoint: UAR on test people (n {n} images, {len(np.unique(readings.people('test')))} people) of "
        "a linear probe on the valence and arousal chunks; intervals by bootstrap over people, seeds averaged."
    )
    figure = interval_figure(rows, lines, label="UAR, linear probe on z_v and z_a")
    return Picture("primary_endpoint", figure, caption, "Intervals of UAR for every model, with floors and ceiling")


def confusions(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    if "continuous" not in study.trained:
        return None
    one = study.trained["continuous"][0]
    truth = readings.emotion("test")
    known = np.array([name is not None for name in truth])
    found, counts = confusion(truth[known], readings.predictions(one)[known])
    order = [name for name in readings.categories if name in found]
    index = [list(found).index(name) for name in order]
    figure = confusion_figure(counts[np.ix_(index, index)], order)
    caption = f"Emotions of test faces by the linear probe on LeVAsa's z_v and z_a (seed {one.member.seed})."
    return Picture("confusion", figure, caption, "Confusion matrix of true and predicted emotions")


def readout_scatter(study: Study, readings: Readings, metrics: MetricsFile) -> Iterator[Picture]:
    if "continuous" not in study.trained:
        return
    guess, truth = readings.readout(study.trained["continuous"][0]), readings.centres("test")
    for axis, label in enumerate(("valence", "arousal")):
        value = metrics.get("readouts", "continuous", f"r2_{label}").value
        measures = {} if value is None else {"R2, seeds averaged": value}
        figure = scatter_readout_figure(truth[:, axis], guess[:, axis], label, measures=measures)
        caption = f"Ridge read-out of {label} from LeVAsa's z_v and z_a against the ellipses' centres, test people."
        yield Picture(f"readout_{label}", figure, caption, f"Read {label} against its label")


def history_picture(one: Trained) -> Picture | None:
    """A run's losses over its epochs; None where it left no history."""
    if not (one.run.folder / "history.csv").is_file():
        return None
    figure = history_figure(one.run.history, best_epoch=one.run.facts.get("kept_epoch"))
    caption = (
        f"Training of {one.member.title} (seed {one.member.seed}); the kept epoch is the best on validation people."
    )
    return Picture("history", figure, caption, "Losses over epochs on train and validation")


def history(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    return history_picture(study.trained["continuous"][0]) if study.trained.get("continuous") else None


def walk(study: Study, readings: Readings, metrics: MetricsFile) -> Picture | None:
    """One test face moved over the circumplex by the headline model."""
    one = next(iter(study.trained.get("continuous", [])), None)
    if one is None or not (one.run.folder / "model").is_dir():
        return None
    from affectspace.walks import fit_directions, walk_grid

    model: Any = one.run.model()
    rows, face = study.data.rows("train"), one.codes.shown[0]
    people = study.data.table["person"].to_numpy()[rows]
    directions = fit_directions(one.codes.mean["train"], study.data.labels.evaluation[rows], people)
    grid = walk_grid(model, face, STEPS, STEPS, directions)
    caption = (
        f"A test face moved to {len(STEPS)} x {len(STEPS)} points of valence and arousal, the rest of its code kept."
    )
    return Picture("walk", walk_figure(grid, STEPS, STEPS, face), caption, "Grid of one face over valence and arousal")


MAKERS: tuple[Callable[..., Any], ...] = (
    forest,
    ellipses,
    circumplex,
    reconstructions,
    rate_distortion,
    alignment_gain,
    confusions,
    readout_scatter,
    walk,
    history,
)


def pictures(study: Study, readings: Readings, metrics: MetricsFile) -> list[Picture]:
    """Every figure for which the study has the members."""
    made: list[Picture] = []
    for make in MAKERS:
        found = make(study, readings, metrics)
        made.extend([found] if isinstance(found, Picture) else list(found or ()))
    return made
