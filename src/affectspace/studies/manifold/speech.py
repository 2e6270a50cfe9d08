"""Voice and face: RAVDESS out of fold over its actors (Tables 1 to 3), and its voices carried over to EmoDB (Table 4)."""

from __future__ import annotations

from affectspace.evaluation import MetricsFile
from affectspace.studies.manifold.axis_tables import axis_comparisons, axis_matrix, axis_table
from affectspace.studies.manifold.generated_tables import generation_table
from affectspace.studies.manifold.independence_tables import independence_table
from affectspace.studies.manifold.panel import Panel, with_ensemble
from affectspace.studies.manifold.people_tables import gap_table
from affectspace.studies.manifold.perturbed import perturbed_stores
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.probe_tables import column_task, private_affect, probe_table, speaker_task
from affectspace.studies.manifold.robustness_tables import NOISE, condition_table, noise_name, subset_name
from affectspace.studies.manifold.speech_tables import intensity_table, person_table
from affectspace.studies.manifold.study import Condition, Study
from affectspace.studies.manifold.text import ENSEMBLE, training_widths
from affectspace.studies.manifold.uncertainty_tables import uncertainty_table, widening_table

SHOWN = (HEADLINE, ENSEMBLE, "supervised", "mvae", "misa", "ridge", "softmax")
GENERATING = (HEADLINE, "no_cross")
INDEPENDENT = (HEADLINE, "no_independence", "covariance", "hsic", "no_kl", "no_erasure", "letter", "misa")
PROBED = (HEADLINE, "no_independence", "no_erasure", "adversarial", "hsic", "letter", "misa", "mvae", "supervised")
NONLINEAR = (HEADLINE, "no_erasure", "hsic")
WIDTHS = (HEADLINE, ENSEMBLE, "constant_width", "mvae", "misa")
AROUSAL = 1


def ravdess_panel(study: Study, training: str = "ravdess", name: str = "audio_face", *, noisy: bool = True) -> Panel:
    """RAVDESS out of fold, all modalities, each alone, and under disturbances."""
    modalities = list(study.source("ravdess").stores)
    shown = [Condition(subset_name((one,)), (one,)) for one in modalities]
    if noisy:
        shown += [Condition(noise_name(level), noise=level) for level in NOISE]
        shown += [
            Condition(key, ("audio",), store=("audio", folder))
            for key, folder in perturbed_stores(study.places).items()
        ]
    panel = study.panel(
        name, training, "ravdess", "out of fold over all actors", "person", conditions=shown, conditioned=SHOWN
    )
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def measure_audio_face(study: Study, metrics: MetricsFile) -> None:
    """RAVDESS' voices and action units: intensity, proxies, probes, independence, widths, robustness."""
    panel, budget = ravdess_panel(study), study.budget
    modalities = list(study.source("ravdess").stores)
    alone = [subset_name((one,)) for one in modalities]
    intensity_table(metrics, panel, panel.models, ("", *alone))
    axis_table(metrics, panel, budget.resamples)
    axis_matrix(metrics, panel)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, budget.resamples, primary="softmax")
    _probes(metrics, panel, study, modalities)
    independence_table(metrics, panel, INDEPENDENT, modalities, budget.permutations, study.progress)
    private_affect(metrics, panel, NONLINEAR, modalities, budget.probe_seeds)
    if len(modalities) > 1:
        pair = [(modalities[0], modalities[1])]
        gap_table(metrics, panel, (HEADLINE, "no_cross", "supervised", "misa"), pair, budget.permutations)
        generation_table(metrics, panel, lambda name: study.trained("ravdess", name), GENERATING, modalities)
        seen = {"": tuple(modalities)} | {subset_name((one,)): (one,) for one in modalities}
        widening_table(metrics, panel, HEADLINE, seen)
    uncertainty_table(metrics, panel, WIDTHS)
    condition_table(
        metrics, panel, "subsets", SHOWN, {subset_name((one,)): one for one in modalities}, budget.resamples
    )
    condition_table(
        metrics, panel, "noise", SHOWN, {noise_name(one): f"noise {one:g} sd" for one in NOISE}, budget.resamples
    )
    disturbed = {key: key for key in perturbed_stores(study.places)}
    if disturbed:
        whole = {subset_name(("audio",)): "audio as it is"}
        condition_table(metrics, panel, "disturbed", SHOWN, whole | disturbed, budget.resamples)


def _probes(metrics: MetricsFile, panel: Panel, study: Study, modalities: list[str]) -> None:
    tasks = (column_task(panel, "emotion"), speaker_task(panel, "sentence"), column_task(panel, "gender"))
    for task in tasks:
        probe_table(metrics, panel, task, PROBED, modalities, progress=study.progress)
        probe_table(
            metrics, panel, task, NONLINEAR, modalities, probe="boosted", seeds=study.budget.probe_seeds,
            latents=("full", "shared", "private"), progress=study.progress,
        )  # fmt: skip


def emodb_panel(study: Study, training: str, name: str, *, only_fold: int | None = None) -> Panel:
    """EmoDB as the frozen models of a training hear it."""
    protocol = "zero-shot; a diagnosis set, not untouched"
    panel = study.panel(name, training, "emodb", protocol, "person", folds=study.whole("emodb"), only_fold=only_fold)
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def measure_zero_shot_audio(study: Study, metrics: MetricsFile) -> None:
    """Arousal (and valence, as it is) of German voices by models that heard RAVDESS' actors only."""
    panel, budget = emodb_panel(study, "ravdess_audio", "zero_shot_audio"), study.budget
    axis_table(metrics, panel, budget.resamples)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, budget.resamples, axes=[AROUSAL], primary="ridge", metric="r_arousal")
    person_table(metrics, panel, panel.models, AROUSAL, others, "ridge")
    home = study.panel("home", "ravdess_audio", "ravdess", "", "person")
    uncertainty_table(metrics, panel, WIDTHS, training_widths(with_ensemble(home, HEADLINE, ENSEMBLE)))
    speaker = speaker_task(panel, "sentence")
    probe_table(metrics, panel, speaker, (HEADLINE, "no_independence", "misa"), ["audio"], progress=study.progress)
