"""The strict protocol: held-out people, linear probes, read-outs, reconstruction, floors, controls, ceiling."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from affectspace.evaluation import (
    Interval,
    Measurement,
    MetricsFile,
    accuracy_interval,
    active_units,
    class_mean_ceiling,
    constant_floor,
    gap_closed,
    holm,
    kl_per_dimension,
    majority_floor,
    mean_interval,
    paired_mean_ratio,
    paired_r2_difference,
    paired_uar_difference,
    paired_uar_test,
    pca_pixels,
    r2_interval,
    uar_interval,
)
from affectspace.studies.levasa.plan import CONTROLS
from affectspace.studies.levasa.readings import AXES, Readings, alignment_of
from affectspace.studies.levasa.study import Trained
from affectspace.training.training_set import PARTS

Seeds = Sequence[Trained]

FULLY_PROBED = ("vanilla", "continuous", "discrete", *CONTROLS, "notebook")
PRIMARY = ("continuous", "vanilla")
COMPARISONS = (
    ("continuous", "permuted"),
    ("continuous", "class_means"),
    ("continuous", "seven_way"),
    ("discrete", "continuous"),
    ("continuous", "pca_96"),
)
RATIO_LIMIT = 1.15  # of the reconstruction error of LeVAsa to the Vanilla VAE's
COMPONENTS = 96


def put(metrics: MetricsFile, experiment: str, row: str, metric: str, interval: Interval, seeds: Sequence[int]) -> None:
    """Record an interval over people under the strict protocol."""
    metrics.set(experiment, row, metric, Measurement.of(interval, protocol="strict", seeds=tuple(seeds)))


def seeds_of(trained: Seeds) -> list[int]:
    return [one.member.seed for one in trained]


def probes(metrics: MetricsFile, name: str, trained: Seeds, readings: Readings, combinations: Sequence[str]) -> None:
    """UAR and accuracy of the linear probe on each combination of chunks; of its own logits for the classifier."""
    truth, people, seeds = readings.emotion("test"), readings.people("test"), seeds_of(trained)
    for combination in combinations:
        guesses = [readings.predictions(one, combination) for one in trained]
        put(metrics, "probes", name, f"uar_{combination}", uar_interval(truth, guesses, people), seeds)
        put(metrics, "probes", name, f"accuracy_{combination}", accuracy_interval(truth, guesses, people), seeds)
    spread = [metric_of(truth, readings.predictions(one, "va"), people) for one in trained]
    text = ", ".join(f"{value:.3f}" for value in spread)
    for metric, value in (("uar_va_lowest_seed", min(spread)), ("uar_va_highest_seed", max(spread))):
        measurement = Measurement(value, n=len(truth), protocol="strict", seeds=seeds, note=text)
        metrics.set("probes", name, metric, measurement)


def metric_of(truth: np.ndarray, guess: np.ndarray, people: np.ndarray) -> float:
    """UAR of one seed."""
    return uar_interval(truth, guess, people, resamples=1).value


def readouts(metrics: MetricsFile, name: str, trained: Seeds, readings: Readings) -> None:
    """R2 of valence and arousal against the centres: ridge on z_v and z_a, and the model's own heads."""
    truth, people, seeds = readings.centres("test"), readings.people("test"), seeds_of(trained)
    ridge = [readings.readout(one) for one in trained]
    for axis, label in enumerate(AXES):
        interval = r2_interval(truth[:, axis], [one[:, axis] for one in ridge], people)
        put(metrics, "readouts", name, f"r2_{label}", interval, seeds)
    if not all("test" in one.codes.affect for one in trained):
        return
    heads = [readings.head_emotions(one) for one in trained]
    put(metrics, "readouts", name, "uar_heads", uar_interval(readings.emotion("test"), heads, people), seeds)
    if all(one.member.config.labels.permute is None for one in trained):
        for axis, label in enumerate(AXES):
            interval = r2_interval(truth[:, axis], [one.codes.affect["test"][:, axis] for one in trained], people)
            put(metrics, "readouts", name, f"r2_{label}_heads", interval, seeds)


def reconstruction(metrics: MetricsFile, name: str, trained: Seeds, readings: Readings) -> None:
    """MSE, PSNR and SSIM of decoded means on test images; rate in nats and active units of the posterior."""
    people, seeds = readings.people("test"), seeds_of(trained)
    for measure in ("mse", "psnr", "ssim"):
        errors = [one.codes.errors[measure].astype(np.float64) for one in trained]
        put(metrics, "reconstruction", name, measure, mean_interval(errors, people), seeds)
    kl = [kl_per_dimension(one.codes.mean["test"], one.codes.log_variance["test"]) for one in trained]
    units = [active_units(one.codes.mean["test"]) for one in trained]
    n = len(people)

    def mean(metric: str, values: list[float]) -> None:
        value = float(np.mean(values))
        metrics.set("reconstruction", name, metric, Measurement(value, n=n, protocol="strict", seeds=seeds))

    mean("rate_nats", [float(one.sum()) for one in kl])
    mean("active_units", [float(one.sum()) for one in units])
    order = [readings.order(one) for one in trained]
    for index, chunk in enumerate(("z_v", "z_a", "z_z")):
        mean(f"rate_nats_{chunk}", [float(np.split(k, 3)[o[index]].sum()) for k, o in zip(kl, order, strict=True)])
        mean(
            f"active_units_{chunk}", [float(np.split(u, 3)[o[index]].sum()) for u, o in zip(units, order, strict=True)]
        )


def member(metrics: MetricsFile, name: str, trained: Seeds, readings: Readings, combinations: Sequence[str]) -> None:
    """All that is measured of one member under the strict protocol."""
    if alignment_of(trained[0]) == "classifier":
        probes(metrics, name, trained, readings, ("va",))
        return
    probes(metrics, name, trained, readings, combinations)
    readouts(metrics, name, trained, readings)
    reconstruction(metrics, name, trained, readings)


def floors(metrics: MetricsFile, readings: Readings) -> None:
    """Majority, constant, principal components of the pixels; what knowing the emotion would give."""
    n = len(readings.people("test"))
    majority = majority_floor(readings.emotion("train"), readings.emotion("test"))
    for metric, key in (("uar_va", "uar"), ("accuracy_va", "accuracy"), ("share_of_part", "share_of_part")):
        note = f"says {majority['label']} of every face"
        metrics.set("probes", "majority", metric, Measurement(majority[key], n=n, protocol="strict", note=note))
    constant = constant_floor(readings.centres("train"), readings.centres("test"))
    emotions = readings.emotion("test")
    ceilings = {"centres": readings.centres("test"), "sampled": readings.sampled("test")}
    for axis, label in enumerate(AXES):
        value = float(np.atleast_1d(constant["r2"])[axis])
        metrics.set("readouts", "constant", f"r2_{label}", Measurement(value, n=n, protocol="strict"))
        for kind, values in ceilings.items():
            note = f"mean of each emotion, in sample, against {kind} labels"
            value = float(np.atleast_1d(class_mean_ceiling(emotions, values))[axis])
            row = f"class_mean_{kind}"
            metrics.set("readouts", row, f"r2_{label}", Measurement(value, n=n, protocol="strict", note=note))
    truth, people = emotions, readings.people("test")
    guess = pixel_floor(readings)
    put(metrics, "probes", "pca_96", "uar_va", uar_interval(truth, guess, people), ())
    put(metrics, "probes", "pca_96", "accuracy_va", accuracy_interval(truth, guess, people), ())


def pixel_floor(readings: Readings) -> np.ndarray:
    """Emotions of the test rows by a linear probe on 96 principal components of the pixels, fewer for few images."""
    key, data = "pca_96", readings.data
    if key in readings.known:
        return readings.known[key].predictions
    pixels = {part: data.pixels[data.pixel_rows[data.rows(part)]] for part in PARTS}
    fitted = pca_pixels(pixels["train"], min(COMPONENTS, len(pixels["train"]) - 1))
    found = {part: fitted(images) for part, images in pixels.items()}
    return readings.fit_probe(key, found.__getitem__, "96 principal components of the pixels").predictions


def comparisons(metrics: MetricsFile, trained: dict[str, list[Trained]], readings: Readings) -> None:
    """The primary endpoint, the controls corrected by Holm, the share of the gap, and the ratio of errors."""
    truth, people = readings.emotion("test"), readings.people("test")

    def guesses(name: str, combination: str = "va") -> list[np.ndarray] | None:
        if name == "pca_96":
            return [pixel_floor(readings)]
        return [readings.predictions(one, combination) for one in trained.get(name, [])] or None

    def compare(row: str, a: list[np.ndarray], b: list[np.ndarray], seeds: Sequence[int]) -> float:
        put(metrics, "comparisons", row, "uar", paired_uar_difference(truth, a, b, people), seeds)
        return paired_uar_test(truth, a, b, people)

    tested: dict[str, float] = {}
    for name, other in (PRIMARY, *COMPARISONS):
        a, b = guesses(name), guesses(other)
        if a and b:
            tested[f"{name} - {other}"] = compare(f"{name} - {other}", a, b, seeds_of(trained[name]))
    for name in ("continuous", "discrete"):
        a, b = guesses(name, "va"), guesses(name, "vaz")
        if a and b:
            row = f"{name}: va - vaz"
            tested[row] = compare(row, a, b, seeds_of(trained[name]))
    _record_p(metrics, tested, len(people))
    model, floor, ceiling = guesses("continuous"), guesses("vanilla"), guesses("cnn")
    if model and floor and ceiling:
        share = gap_closed(truth, model, floor, ceiling, people)
        put(metrics, "comparisons", "gap_closed", "share", share, seeds_of(trained["continuous"]))
        for name in ("continuous", "vanilla"):
            compare(f"cnn - {name}", ceiling, guesses(name) or [], seeds_of(trained["cnn"]))
    if "vanilla" in trained:
        _against_vanilla(metrics, trained, readings)


def _record_p(metrics: MetricsFile, tested: dict[str, float], n: int) -> None:
    primary = " - ".join(PRIMARY)
    others = [row for row in tested if row != primary]
    corrected = dict(zip(others, holm([tested[row] for row in others]), strict=True)) if others else {}
    for row, p in tested.items():
        note = "people exchanged, two-sided" + ("; the primary endpoint, not corrected" if row == primary else "")
        metrics.set("comparisons", row, "p", Measurement(p, n=n, protocol="strict", note=note))
        if row in corrected:
            note = f"Holm over {len(others)} comparisons"
            metrics.set("comparisons", row, "p_holm", Measurement(corrected[row], n=n, protocol="strict", note=note))


def _against_vanilla(metrics: MetricsFile, trained: dict[str, list[Trained]], readings: Readings) -> None:
    people, truth = readings.people("test"), readings.centres("test")
    vanilla = trained["vanilla"]
    base = [one.codes.errors["mse"].astype(np.float64) for one in vanilla]
    ridge = [readings.readout(one) for one in vanilla]
    for name, ones in trained.items():
        if name == "vanilla" or alignment_of(ones[0]) == "classifier" or not _same_network(ones[0], vanilla[0]):
            continue
        errors = [one.codes.errors["mse"].astype(np.float64) for one in ones]
        put(metrics, "reconstruction", name, "mse_ratio", paired_mean_ratio(errors, base, people), seeds_of(ones))
        theirs = [readings.readout(one) for one in ones]
        for axis, label in enumerate(AXES):
            a, b = [one[:, axis] for one in theirs], [one[:, axis] for one in ridge]
            interval = paired_r2_difference(truth[:, axis], a, b, people)
            put(metrics, "readouts", name, f"r2_{label}_above_vanilla", interval, seeds_of(ones))


def _same_network(one: Trained, other: Trained) -> bool:
    fields = ("width", "padding", "hidden", "chunk", "image_size")
    models = (one.member.config.model, other.member.config.model)
    return all(getattr(models[0], field, None) == getattr(models[1], field, None) for field in fields)


def vanilla_pairs(metrics: MetricsFile, trained: Seeds, readings: Readings) -> None:
    """UAR of every pair of the Vanilla VAE's chunks, so that the choice of a pair can be judged."""
    truth, people = readings.emotion("test"), readings.people("test")
    for pair in ((0, 1), (0, 2), (1, 2)):
        row, guesses = f"chunks {pair[0] + 1} and {pair[1] + 1}", []
        for one in trained:
            if set(readings.order(one)[:2]) == set(pair):
                guesses.append(readings.predictions(one, "va"))
                continue
            of = partial(readings.pair, one, pair)
            guesses.append(readings.fit_probe((one.run.folder, pair), of, f"{one.member.folder} {row}").predictions)
        put(metrics, "vanilla_pairs", row, "uar", uar_interval(truth, guesses, people), seeds_of(trained))
