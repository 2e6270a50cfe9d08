"""Metrics, probes, intervals and floors: plain functions on NumPy arrays; names load on first use."""

import importlib
from typing import Any

_PUBLIC = {
    "metrics": (
        "accuracy balanced_accuracy class_recalls classification_measures concordance confusion cross_entropy "
        "explained_variance macro_f1 mae marginal_entropy mse pearson r2 regression_measures spread_ratio "
        "uniform_entropy"
    ),
    "reconstruction": "Reconstruction image_mse image_ssim psnr_of reconstruction_quality",
    "alignment": (
        "best_chunks chunk_distance constant_distance gaussian_distance levels_cross_entropy marginal_cross_entropy "
        "uniform_cross_entropy"
    ),
    "probes": "ProbeResult linear_probe mlp_probe",
    "readouts": "ReadoutResult linear_readout mlp_readout",
    "pixels": "PixelPCA pca_pixels",
    "intervals": (
        "Interval accuracy_interval gap_closed group_bootstrap mean_interval paired_mean_difference paired_mean_ratio "
        "paired_r2_difference paired_uar_difference r2_interval uar_interval"
    ),
    "significance": "holm paired_uar_test per_group sign_flip_test t_interval",
    "floors": (
        "PermutationFloor active_units class_mean_ceiling constant_floor kl_per_dimension majority_floor "
        "permutation_floor"
    ),
    "raw_floors": "RidgeFloor SoftmaxFloor class_centres ridge_floor softmax_floor",
    "rate_distortion": "pareto_front",
    "correlation_intervals": (
        "axis_correlations concordance_interval mae_interval paired_concordance_difference paired_mae_difference "
        "paired_pearson_difference pearson_interval"
    ),
    "independence": "cka_interval correlation_matrix debiased_cka linear_cka mean_abs_correlation",
    "mutual_information": "binned_information ksg_information pairwise_ksg_information",
    "dependence": "dependence_test distance_correlation fixed_rows rbf_hsic",
    "independence_table": "independence_measures",
    "uncertainty": (
        "Widening constant_deviation coverage fit_scale gaussian_crps gaussian_nll tercile_coverage "
        "uncertainty_measures widening width_error_correlation"
    ),
    "cross_modal": "Retrieval retrieval",
    "two_sample": "centroid_distance classifier_two_sample two_sample_test",
    "boosted": "boosted_probe boosted_readout",
    "folds": "Fold OutOfFold grouped_folds out_of_fold out_of_fold_readout reduced",
    "dissociation": "Dissociation double_dissociation speaker_probe",
    "within_person": "WithinPerson within_person_difference",
    "sentiment": (
        "negative_non_negative negative_positive round_half_away sentiment_classes sentiment_measures "
        "seven_class_accuracy"
    ),
    "robustness": (
        "Curve drop_modality feature_noise robustness_curve sound_gain sound_noise sound_padding "
        "sound_reverberation sound_telephone"
    ),
    "result": "Measurement MetricsFile",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'affectspace.evaluation' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.evaluation.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
