"""The figures and claims of the LeVAsa paper, as data with their source. Nothing here is ours."""

from dataclasses import dataclass

CITATION = "LeVAsa: Latent Encodings for Valence-Arousal Structure Alignment (annotation transfer and VA-aligned VAE)"

# Table 1(a): "normalized" distances; the paper does not say how they are normalised.
_TABLE_1_CONTINUOUS = {
    "vanilla": {
        "mse_valence": 1.83,
        "abs_mean_error_valence": 0.29,
        "mse_arousal": 1.49,
        "abs_mean_error_arousal": 0.26,
        "mse_combined": 3.31,
        "abs_mean_error_combined": 0.55,
    },
    "continuous": {
        "mse_valence": 0.14,
        "abs_mean_error_valence": 0.14,
        "mse_arousal": 0.06,
        "abs_mean_error_arousal": 0.09,
        "mse_combined": 0.20,
        "abs_mean_error_combined": 0.23,
    },
}
_TABLE_1_DISCRETE = {"vanilla": {"cross_entropy_combined": 8.9}, "discrete": {"cross_entropy_combined": 6.63}}
_TABLE_1_DRAWN = {"afew_vanilla": {"cross_entropy_combined": 8.9}, "afew_discrete": {"cross_entropy_combined": 2.54}}
_TABLE_2 = {
    "vanilla": {
        "mse_valence": 0.256,
        "mae_valence": 0.420,
        "ev_valence": -0.011,
        "r2_valence": -0.012,
        "mse_arousal": 0.092,
        "mae_arousal": 0.242,
        "ev_arousal": -0.022,
        "r2_arousal": -0.048,
    },
    "continuous": {
        "mse_valence": 0.251,
        "mae_valence": 0.414,
        "ev_valence": 0.016,
        "r2_valence": 0.015,
        "mse_arousal": 0.074,
        "mae_arousal": 0.224,
        "ev_arousal": 0.095,
        "r2_arousal": 0.086,
    },
}
_TABLE_3 = {
    "vanilla": {"z_v": 0.29, "z_a": 0.32, "z_z": 0.32, "va": 0.32, "vaz": 0.29},
    "continuous": {"z_v": 0.36, "z_a": 0.35, "z_z": 0.36, "va": 0.38, "vaz": 0.33},
    "vanilla_discrete": {"z_v": 0.30, "z_a": 0.27, "z_z": 0.24, "va": 0.25, "vaz": 0.26},
    "discrete": {"z_v": 0.35, "z_a": 0.30, "z_z": 0.30, "va": 0.33, "vaz": 0.30},
}

PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "table_1_continuous": _TABLE_1_CONTINUOUS,
    "table_1_discrete": _TABLE_1_DISCRETE,
    "drawn": _TABLE_1_DRAWN,
    "table_2": _TABLE_2,
    "table_3": {row: {f"accuracy_{chunk}": value for chunk, value in cells.items()} for row, cells in _TABLE_3.items()},
}


def published(table: str, row: str, metric: str) -> float | None:
    """The paper's figure, None where it has none."""
    return PUBLISHED.get(table, {}).get(row, {}).get(metric)


@dataclass(frozen=True)
class Statement:
    """A claim to be tested: its key, its words, and who says so."""

    key: str
    text: str
    source: str


PAPER = "the paper"
OURS = "our control"

STATEMENTS = (
    Statement("emotion", "LeVAsa's valence and arousal chunks tell emotions better than the Vanilla VAE's", "Table 3"),
    Statement("regression", "Valence and arousal are read better off LeVAsa's chunks than off Vanilla's", "Table 2"),
    Statement("alignment", "LeVAsa's chunks lie closer to valence and arousal than the Vanilla VAE's", "Table 1"),
    Statement("va_vaz", "For LeVAsa the two affective chunks tell emotions better than all three together", "Table 3"),
    Statement(
        "discrete", "Discrete annotations give chunks that tell emotions better than continuous ones", "section 3.3"
    ),
    Statement("reconstruction", "LeVAsa's reconstructions are slightly worse than the Vanilla VAE's", "Figure 4"),
    Statement("area", "The ellipses cover 3 % of the valence-arousal square on average", "section 2.1"),
    Statement(
        "permuted", "The true ellipses tell emotions better than the same ellipses permuted among emotions", OURS
    ),
    Statement("class_means", "Sampling from the ellipses tells emotions better than aligning with their centres", OURS),
    Statement("seven_way", "Valence and arousal as targets tell emotions better than an emotion head", OURS),
    Statement("constant", "LeVAsa's raw chunks lie closer to valence and arousal than a constant does", OURS),
    Statement("gap", "LeVAsa closes at least half of the way from the Vanilla VAE to a supervised network", OURS),
)

FAULTS = (
    "The authors' notebooks evaluate on training images, without a split by actor.",
    "They tune on train and test together.",
    "The column 'MAE' of Table 1 is the absolute value of the mean error, not the mean of absolute errors; both stand "
    "here.",
    "The values of Table 1 are halved in the notebooks; the text calls them 'normalized' and does not say how. Ours "
    "are means over rows and dimensions, not halved: they are not known to be the paper's measure.",
    "Table 1 compares 32 raw dimensions with one number: a code that is constant passes it; it stands beside.",
    "The discrete cross-entropy of 6.63 is worse than a uniform guess over 19 levels (2 ln 19 = 5.89 over both axes).",
    "The Vanilla VAE's last run has no KL term.",
    "Continuous and discrete experiments have different random splits; here both have the same.",
    "LeVAsa against Vanilla is supervised against unsupervised: transferred valence and arousal are the class mean "
    "plus noise. A win alone says nothing about the geometry of the circumplex; the permuted control does.",
)
