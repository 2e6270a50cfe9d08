"""Figures and the one-file HTML report; names load on first use, so that nothing light pays for matplotlib."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Report": "document",
    "Cell": "blocks",
    "Claim": "blocks",
    "KeyFigure": "blocks",
    "EMOTION_COLOURS": "theme",
    "figure_style": "theme",
    "new_figure": "theme",
    "colours_for": "theme",
    "markers_for": "theme",
    "save_figure": "saving",
    "image_grid": "faces",
    "reconstruction_figure": "faces",
    "walk_figure": "faces",
    "circumplex_figure": "latents",
    "rate_distortion_figure": "latents",
    "scatter_readout_figure": "latents",
    "history_figure": "history",
    "Interval": "comparisons",
    "Reference": "comparisons",
    "interval_figure": "comparisons",
    "confusion_figure": "comparisons",
    "curves_figure": "spaces",
    "heatmap_figure": "spaces",
    "modality_figure": "spaces",
    "sequence_figure": "spaces",
    "moment_figure": "moments",
    "subsets_figure": "moments",
}

__all__ = [
    "EMOTION_COLOURS",
    "Cell",
    "Claim",
    "Interval",
    "KeyFigure",
    "Reference",
    "Report",
    "circumplex_figure",
    "colours_for",
    "confusion_figure",
    "curves_figure",
    "figure_style",
    "heatmap_figure",
    "history_figure",
    "image_grid",
    "interval_figure",
    "markers_for",
    "modality_figure",
    "moment_figure",
    "new_figure",
    "rate_distortion_figure",
    "reconstruction_figure",
    "save_figure",
    "scatter_readout_figure",
    "sequence_figure",
    "subsets_figure",
    "walk_figure",
]

if TYPE_CHECKING:
    from affectspace.report.blocks import Cell, Claim, KeyFigure
    from affectspace.report.comparisons import Interval, Reference, confusion_figure, interval_figure
    from affectspace.report.document import Report
    from affectspace.report.faces import image_grid, reconstruction_figure, walk_figure
    from affectspace.report.history import history_figure
    from affectspace.report.latents import circumplex_figure, rate_distortion_figure, scatter_readout_figure
    from affectspace.report.moments import moment_figure, subsets_figure
    from affectspace.report.saving import save_figure
    from affectspace.report.spaces import curves_figure, heatmap_figure, modality_figure, sequence_figure
    from affectspace.report.theme import EMOTION_COLOURS, colours_for, figure_style, markers_for, new_figure


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.report' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.report.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
