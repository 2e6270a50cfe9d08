"""The figures of the LeVAsa paper, as results with their source, and the faults of its protocol."""

from collections.abc import Mapping
from typing import Any

from affectspace.evaluation.results import Result, Results

CITATION = "LeVAsa: Latent Encodings for Valence-Arousal Structure Alignment (annotation transfer and VA-aligned VAE)"

# Table 1(a): "normalized" distances; the paper does not say how they are normalised. Valence, arousal, combined.
_ALIGNED = {"mse": (0.14, 0.06, 0.20), "abs_mean_error": (0.14, 0.09, 0.23)}
_TABLE_1_CONTINUOUS = {
    "paper_vanilla": {"mse": (1.83, 1.49, 3.31), "abs_mean_error": (0.29, 0.26, 0.55)},
    "paper_continuous": _ALIGNED,
    "notebook": _ALIGNED,  # the model behind the figures, which compares every dimension with the label
}
_TABLE_1_DISCRETE = {"paper_vanilla": 8.9, "paper_discrete": 6.63}
_TABLE_1_AFEW = {"paper_vanilla": 8.9, "paper_discrete": 2.54}
_TABLE_2 = {  # valence, arousal
    "paper_vanilla": {"mse": (0.256, 0.092), "mae": (0.420, 0.242), "ev": (-0.011, -0.022), "r2": (-0.012, -0.048)},
    "paper_continuous": {"mse": (0.251, 0.074), "mae": (0.414, 0.224), "ev": (0.016, 0.095), "r2": (0.015, 0.086)},
}
_TABLE_3 = {
    "paper_vanilla": {"z_v": 0.29, "z_a": 0.32, "z_z": 0.32, "va": 0.32, "vaz": 0.29},
    "paper_continuous": {"z_v": 0.36, "z_a": 0.35, "z_z": 0.36, "va": 0.38, "vaz": 0.33},
    "paper_vanilla_discrete": {"z_v": 0.30, "z_a": 0.27, "z_z": 0.24, "va": 0.25, "vaz": 0.26},
    "paper_discrete": {"z_v": 0.35, "z_a": 0.30, "z_z": 0.30, "va": 0.33, "vaz": 0.30},
}


def _by_axis(experiment: str, table: Mapping[str, Mapping[str, tuple[float, ...]]]) -> list[Result]:
    return [
        Result(study="published", experiment=experiment, model=model, target=target, metric=metric, value=value)
        for model, metrics in table.items()
        for metric, values in metrics.items()
        for target, value in zip(("valence", "arousal", "combined"), values, strict=False)
    ]


def _cross_entropy(experiment: str, table: Mapping[str, float]) -> list[Result]:
    named: dict[str, Any] = {
        "study": "published",
        "experiment": experiment,
        "target": "combined",
        "metric": "cross_entropy",
    }
    return [Result(**named, model=model, value=value) for model, value in table.items()]


PUBLISHED = Results(
    [
        *_by_axis("table_1_continuous", _TABLE_1_CONTINUOUS),
        *_cross_entropy("table_1_discrete", _TABLE_1_DISCRETE),
        *_cross_entropy("afew_table_1_discrete", _TABLE_1_AFEW),
        *_by_axis("table_2", _TABLE_2),
        *(
            Result(study="published", experiment="table_3", model=model, latent=latent, metric="accuracy", value=value)
            for model, cells in _TABLE_3.items()
            for latent, value in cells.items()
        ),
    ]
)

FAULTS = (
    "The authors' notebooks evaluate on training images, without a split by actor.",
    "They tune on train and test together.",
    "The column 'MAE' of Table 1 is the absolute value of the mean error, not the mean of absolute errors; both are here.",
    "The values of Table 1 are halved in the notebooks. The text calls them 'normalized' and does not say how. Ours are "
    "means over rows and dimensions, not halved: they are not known to be the paper's measure.",
    "The text has projection heads, which do not pull the raw chunks of Table 1 towards the labels. The authors' notebooks "
    "have none and compare every dimension with the label; both models are here.",
    "Table 1 compares 32 raw dimensions with one number: a constant latent passes it; a constant stands beside.",
    "The discrete cross-entropy of 6.63 on IMFDB is worse than a uniform guess over 19 levels (2 ln 19 = 5.89 over both axes).",
    "The last run of the Vanilla VAE has no KL term.",
    "Continuous and discrete experiments have different random splits; here both have the same.",
    "LeVAsa against Vanilla is supervised against unsupervised: transferred valence and arousal are the class mean plus "
    "noise. A win alone says nothing about the geometry of the circumplex; the permuted control does.",
)
