"""The strict protocol: held-out people, linear probes, read-outs, reconstruction, floors, controls, ceiling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

from affectspace.annotation import AnnotationTransfer, r2_given_emotion, recovery_rates
from affectspace.evaluation import (
    active_units,
    class_mean_ceiling,
    constant_floor,
    interval,
    kl_per_dimension,
    majority_floor,
    pca_pixels,
)
from affectspace.evaluation.intervals import Metric
from affectspace.evaluation.results import Recorder, Results
from affectspace.studies.levasa.plan import KL, LETTER
from affectspace.studies.levasa.study import AXES, COMBINATIONS, Arm, Readings, Seeds

PRIMARY = ("continuous", "vanilla")
COMPARISONS = (  # of two models, or of a model's z_v and z_a with all its chunks
    PRIMARY,
    ("continuous", "permuted"),
    ("continuous", "class_means"),
    ("continuous", "seven_way"),
    ("discrete", "continuous"),
    ("discrete", "vanilla"),
    ("continuous", "pca_96"),
    ("continuous", "vaz"),
    ("discrete", "vaz"),
    ("residual", "continuous"),
    ("residual", "residual_permuted"),
    (f"{LETTER}continuous", f"{LETTER}vanilla"),
    (f"{LETTER}discrete", f"{LETTER}vanilla"),
    (f"{LETTER}discrete", f"{LETTER}continuous"),
    (f"{LETTER}continuous", "vaz"),
)
ALIGNED = ("continuous", "discrete")
COMPONENTS = 96
METRICS: tuple[Metric, ...] = ("uar", "accuracy")
NETWORK = (
    "network",
    "width",
    "padding",
    "hidden",
    "chunk",
    "rest",
    "image_size",
)  # settings that must be equal where errors are compared


def recorder_of(results: Results, experiment: str, seeds: Seeds = (), **columns: str) -> Recorder:
    """Return a recorder of results under the strict protocol, averaged over the seeds of trained members."""
    named = {"study": "levasa", "experiment": experiment, "protocol": "strict", **columns}
    return Recorder(results, {**named, "seeds": tuple(entry.member.seed for entry in seeds)})


def measure_arm(results: Results, arm: Arm, readings: Readings) -> None:
    """Record everything that the strict protocol measures of one corpus: members, floors and comparisons."""
    for name, seeds in arm.trained.items():
        measure_member(results, name, seeds, readings, arm.prefix, few=name.startswith(("weight_", KL)))
    measure_floors(results, readings, arm.prefix)
    measure_comparisons(results, arm, readings)


def measure_member(
    results: Results, name: str, seeds: Seeds, readings: Readings, prefix: str = "", *, few: bool = False
) -> None:
    """Record everything that is measured of one member.

    prefix : of the experiments' names; few : probe z_v and z_a together, and no other chunks
    """
    classifier = seeds[0].alignment == "classifier"
    combinations = ("va",) if classifier or few else COMBINATIONS
    _probes(recorder_of(results, f"{prefix}probes", seeds, model=name), seeds, readings, combinations)
    if not classifier:
        _readouts(recorder_of(results, f"{prefix}readouts", seeds, model=name), seeds, readings)
        _reconstruction(recorder_of(results, f"{prefix}reconstruction", seeds, model=name), seeds, readings)


def _probes(recorder: Recorder, seeds: Seeds, readings: Readings, combinations: Sequence[str]) -> None:
    """Record UAR and accuracy of the linear probe on each combination of chunks; of its own logits for the classifier."""
    truth, people = readings.emotion("test"), readings.people("test")
    for latent in combinations:
        predictions = [readings.predictions(entry, latent) for entry in seeds]
        for metric in METRICS:
            recorder.add(metric, interval(metric, truth, predictions, people), latent=latent)
    fitted = [entry for entry in seeds if entry.alignment != "classifier"]
    converged = [readings.probe(entry, latent).converged for entry in fitted for latent in combinations]
    if converged:
        recorder.add("converged", float(np.mean(converged)), len(converged), note="share of the linear probes")
    by_seed = [interval("uar", truth, readings.predictions(entry), people).value for entry in seeds]
    note = ", ".join(f"{value:.3f}" for value in by_seed)
    recorder.add("uar_lowest_seed", min(by_seed), len(truth), latent="va", note=note)
    recorder.add("uar_highest_seed", max(by_seed), len(truth), latent="va", note=note)


def _readouts(recorder: Recorder, seeds: Seeds, readings: Readings) -> None:
    """Record R2 of valence and arousal against the centres: ridge on z_v and z_a, and the model's own heads."""
    truth, people = readings.centres("test"), readings.people("test")
    ridge = [readings.readout(entry) for entry in seeds]
    for axis, target in enumerate(AXES):
        recorder.add("r2", interval("r2", truth[:, axis], [entry[:, axis] for entry in ridge], people), target=target)
    if not all("test" in entry.outputs.affect for entry in seeds):
        return
    heads = [readings.head_emotions(entry) for entry in seeds]
    recorder.add("uar", interval("uar", readings.emotion("test"), heads, people), latent="heads")
    if all(entry.permute is None for entry in seeds):
        for axis, target in enumerate(AXES):
            affect = [entry.outputs.affect["test"][:, axis] for entry in seeds]
            recorder.add("r2", interval("r2", truth[:, axis], affect, people), target=target, latent="heads")


def _reconstruction(recorder: Recorder, seeds: Seeds, readings: Readings) -> None:
    """Record MSE, PSNR and SSIM of decoded means on test images; rate in nats and active units of the posterior."""
    people = readings.people("test")
    for metric in ("mse", "psnr", "ssim"):
        errors = [entry.outputs.errors[metric].astype(np.float64) for entry in seeds]
        recorder.add(metric, interval("mean", None, errors, people))
    n, order = len(people), [readings.order(entry) for entry in seeds]
    rates = [kl_per_dimension(entry.outputs.mean["test"], entry.outputs.log_variance["test"]) for entry in seeds]
    units = [active_units(entry.outputs.mean["test"]) for entry in seeds]
    for metric, by_seed in (("rate_nats", rates), ("active_units", units)):
        recorder.add(metric, np.mean([float(entry.sum()) for entry in by_seed]), n)
        for index, latent in enumerate(("z_v", "z_a", "z_z")):
            sums = [
                float(np.split(values, np.cumsum(entry.outputs.sizes)[:2])[place[index]].sum())
                for entry, values, place in zip(seeds, by_seed, order, strict=True)
            ]
            recorder.add(metric, np.mean(sums), n, latent=latent)


def measure_floors(results: Results, readings: Readings, prefix: str = "") -> None:
    """Record majority, constant, principal components of the pixels, and what knowing the emotion would give."""
    probes, readouts = recorder_of(results, f"{prefix}probes"), recorder_of(results, f"{prefix}readouts")
    emotions, people, n = readings.emotion("test"), readings.people("test"), len(readings.people("test"))
    majority = majority_floor(readings.emotion("train"), emotions)
    for metric, key in (("uar", "uar"), ("accuracy", "accuracy"), ("share_of_part", "share_of_part")):
        note = f"predicts {majority['label']} for every face"
        latent = "" if metric == "share_of_part" else "va"
        probes.add(metric, majority[key], n, model="majority", latent=latent, note=note)
    constant = constant_floor(readings.centres("train"), readings.centres("test"))
    ceilings = {} if readings.inferred else {"centres": readings.centres("test"), "sampled": readings.sampled("test")}
    for axis, target in enumerate(AXES):
        readouts.add("r2", np.atleast_1d(constant["r2"])[axis], n, model="constant", target=target)
        for kind, values in ceilings.items():
            value = np.atleast_1d(class_mean_ceiling(emotions, values))[axis]
            note = f"mean of each emotion, in sample, against {kind} labels"
            readouts.add("r2", value, n, model=f"class_mean_{kind}", target=target, note=note)
    for metric in METRICS:
        probes.add(metric, interval(metric, emotions, pixel_floor(readings), people), model="pca_96", latent="va")


def pixel_floor(readings: Readings) -> np.ndarray:
    """Predict emotions of the test rows by a linear probe on 96 principal components of the pixels, fewer for few images."""

    def pixels(part: str) -> np.ndarray:
        return readings.data.images(readings.data.rows(part))

    @cache
    def fitted() -> Callable[[np.ndarray], np.ndarray]:
        train = pixels("train")
        return pca_pixels(train, min(COMPONENTS, len(train) - 1))

    text = f"{COMPONENTS} principal components of the pixels"
    return readings.fit_probe("pca_96", lambda part: fitted()(pixels(part)), text).predictions


def measure_comparisons(results: Results, arm: Arm, readings: Readings) -> None:
    """Record the primary endpoint, the controls corrected by Holm, the share of the gap, and differences to the Vanilla VAE."""
    trained, experiment = arm.trained, f"{arm.prefix}probes"
    truth, people = readings.emotion("test"), readings.people("test")

    def predictions(name: str, latent: str = "va") -> list[np.ndarray]:
        if name == "pca_96":
            return [pixel_floor(readings)]
        return [readings.predictions(entry, latent) for entry in trained.get(name, ())]

    def compare(name: str, versus: str) -> None:
        """Record the UAR of a model minus that of another one, or of its own from all chunks."""
        ours, theirs = predictions(name), predictions(name, "vaz") if versus == "vaz" else predictions(versus)
        if ours and theirs:
            named = {"model": name, "versus": versus, "latent": "va"}
            difference = interval("uar", truth, ours, people, theirs)
            recorder_of(results, experiment, trained[name], **named).add("uar", difference)
            tested.append((named, difference.p))

    tested: list[tuple[dict[str, str], float]] = []
    for name, versus in COMPARISONS:
        compare(name, versus)
    primary = {"model": PRIMARY[0], "versus": PRIMARY[1], "latent": "va"}
    recorder_of(results, experiment).add_p_values(tested, len(people), primary, "sign flips over people, two-sided")
    model, floor, ceiling = (predictions(name) for name in ("continuous", "vanilla", "cnn"))
    if model and floor and ceiling:
        share = interval("uar", truth, model, people, (floor, ceiling), how="gap_closed")
        named = {"model": "continuous", "versus": "vanilla to cnn", "latent": "va"}
        recorder_of(results, experiment, trained["continuous"], **named).add("gap_closed", share)
        for versus in ("continuous", "vanilla"):
            compare("cnn", versus)
    for family in ("", LETTER):
        if f"{family}vanilla" in trained:
            _against_vanilla(results, arm, f"{family}vanilla", readings)
            _vanilla_pairs(results, arm, family, readings)
    for name in trained:
        if name.startswith("residual") and "continuous" in trained:
            ratio = interval(
                "mean", None, errors_of(trained[name]), people, errors_of(trained["continuous"]), how="ratio"
            )
            named = {"model": name, "versus": "continuous"}
            recorder_of(results, f"{arm.prefix}reconstruction", trained[name], **named).add("mse_ratio", ratio)


def errors_of(seeds: Seeds) -> list[np.ndarray]:
    """Return the squared errors of each seed's reconstructions of the test images; none of a classifier."""
    return [entry.outputs.errors.get("mse", np.empty(0)).astype(np.float64) for entry in seeds]


def _against_vanilla(results: Results, arm: Arm, vanilla: str, readings: Readings) -> None:
    people, truth, trained = readings.people("test"), readings.centres("test"), arm.trained
    ridge = [readings.readout(entry) for entry in trained[vanilla]]
    models = {name: seeds[0].member.config.model for name, seeds in trained.items()}
    for name, seeds in trained.items():
        same = all(getattr(models[name], field, None) == getattr(models[vanilla], field, None) for field in NETWORK)
        letter = name.startswith(LETTER) == vanilla.startswith(LETTER)
        if name == vanilla or seeds[0].alignment == "classifier" or not same or not letter:
            continue
        ratio = interval("mean", None, errors_of(seeds), people, errors_of(trained[vanilla]), how="ratio")
        named = {"model": name, "versus": "vanilla"}  # that of the same network
        recorder_of(results, f"{arm.prefix}reconstruction", seeds, **named).add("mse_ratio", ratio)
        readouts = [readings.readout(entry) for entry in seeds]
        for axis, target in enumerate(AXES):
            ours, theirs = ([entry[:, axis] for entry in affect] for affect in (readouts, ridge))
            difference = interval("r2", truth[:, axis], ours, people, theirs)
            recorder_of(results, f"{arm.prefix}readouts", seeds, **named).add("r2", difference, target=target)


def _vanilla_pairs(results: Results, arm: Arm, family: str, readings: Readings) -> None:
    """Record every pair of the Vanilla VAE's chunks: UAR on test people, and what validation people chose it by.

    Also LeVAsa's UAR minus that of the pair, so that the choice of a pair can be judged.
    """
    truth, people, seeds = readings.emotion("test"), readings.people("test"), arm.trained[f"{family}vanilla"]
    recorder = recorder_of(results, f"{arm.prefix}vanilla_pairs", seeds, model=f"{family}vanilla")
    aligned = next((family + name for name in ALIGNED if arm.trained.get(family + name)), "")
    ours = [readings.predictions(entry) for entry in arm.trained.get(aligned, ())]
    for pair in ((0, 1), (0, 2), (1, 2)):
        latent, predictions = f"chunks {pair[0] + 1} and {pair[1] + 1}", []
        chosen = [set(readings.order(entry)[:2]) == set(pair) for entry in seeds]
        for entry, own in zip(seeds, chosen, strict=True):
            if own:
                predictions.append(readings.predictions(entry))
            else:
                key, of = (entry.run.folder, pair), partial(readings.chunks, entry, pair)
                predictions.append(readings.fit_probe(key, of, f"{entry.member.folder} {latent}").predictions)
        recorder.add("uar", interval("uar", truth, predictions, people), latent=latent)
        scores = [max(readings.alignments(entry)[pair], readings.alignments(entry)[pair[::-1]]) for entry in seeds]
        recorder.add_mean("validation_r2", scores, len(readings.people("validation")), latent=latent)
        recorder.add("chosen", sum(chosen), len(seeds), latent=latent, note="number of seeds")
        if ours:
            difference = interval("uar", truth, ours, people, predictions)
            recorder.add("levasa_minus_pair", difference, latent=latent, note=aligned)


def measure_transferred_labels(results: Results, points: int = 50_000) -> None:
    """Record what transferred labels allow at best, by the way in which they are sampled."""
    reference, recorder = AnnotationTransfer.reference("affectnet"), recorder_of(results, "transferred_labels")
    for distribution, name in (("uniform", "uniform in the ellipse"), ("gaussian", "Gaussian of the emotion")):
        ceilings = r2_given_emotion(reference, distribution)
        for target in AXES:
            recorder.add("r2", ceilings[target], model=name, target=target, protocol="closed form")
        returns = recovery_rates(reference, distribution, points=points)
        sampled = {"model": name, "protocol": "Monte Carlo", "note": "n samples an emotion"}
        recorder.add("returns", returns["anger"], points, target="anger", **sampled)
        recorder.add("returns", np.mean(list(returns.values())), points, target="mean", **sampled)
