"""The drawn faces with AFEW-VA's labels: a table of its own, because the images are a renderer's and not AFEW-VA's."""

import numpy as np

from affectspace.annotation import AnnotationTransfer
from affectspace.evaluation import MetricsFile, majority_floor
from affectspace.evaluation.result import Measurement
from affectspace.studies.levasa.paper_tables import table_1_discrete
from affectspace.studies.levasa.readings import STRICT, Readings, paper_protocol
from affectspace.studies.levasa.strict import member
from affectspace.studies.levasa.study import Study, Trained
from affectspace.training.training_set import Progress, TrainingSet, silent

DRAWN = ("afew_vanilla", "afew_discrete")


def transferred_emotions(data: TrainingSet, reference: str = "affectnet") -> np.ndarray:
    """Emotion of the nearest ellipse's centre for each row (Algorithm 1, line 6); None without valence and arousal."""
    affect = data.labels.evaluation.astype(np.float64)
    known = np.isfinite(affect).all(axis=1)
    emotions = np.full(len(affect), None, dtype=object)
    emotions[known] = AnnotationTransfer.reference(reference).predict(affect[known])
    return emotions


def drawn_results(metrics: MetricsFile, study: Study, progress: Progress = silent) -> Readings | None:
    """Table 1 (discrete), probes and read-outs of the members trained on drawn faces, in experiments named drawn."""
    trained: dict[str, list[Trained]] = {name: study.trained[name] for name in DRAWN if study.trained.get(name)}
    if study.drawn is None or not trained:
        return None
    readings = Readings(study.drawn, transferred_emotions(study.drawn), progress)
    first = {name: ones[0] for name, ones in trained.items()}
    for protocol in (paper_protocol(study.drawn), STRICT):
        table_1_discrete(metrics, first, readings, protocol, "drawn")
    own = MetricsFile()
    for name, ones in trained.items():
        member(own, name, ones, readings, ("va", "vaz"))
    majority = majority_floor(readings.emotion("train"), readings.emotion("test"))
    n = len(readings.people("test"))
    for metric, key in (("uar_va", "uar"), ("accuracy_va", "accuracy")):
        own.set("probes", "majority", metric, Measurement(majority[key], n=n, protocol="strict"))
    for experiment, row, metric, measurement in own:
        metrics.set(f"drawn_{experiment}", row, metric, measurement)
    return readings
