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
    "rate_distortion": "pareto_front",
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
