"""Figures of matrices: confused emotions, and correlations."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.report.checks import check_not_empty, checked_array
from affectspace.report.formatting import MISSING
from affectspace.report.theme import MUTED, ON_DARK, ON_LIGHT, figure_style, new_figure, remove_frame

NARROW, NUMBERED = 6, 12  # columns of a matrix that has others beside it, and of one that shows its values


def confusion_figure(matrix: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw counts of true labels (rows) by predicted labels (columns), as per cent of the row.

    Raises DataError if the shape is another one, or counts are negative or not finite.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
        Counts. A label that never occurs has en dashes in its row.
    labels : sequence of str
        Names of the k labels.

    Examples
    --------
    >>> figure = confusion_figure([[5, 1], [0, 3]], ["anger", "fear"])
    """
    k = len(labels)
    counts = checked_array(matrix, (k or 1, k or 1), f"matrix of {k} labels")
    if (counts < 0).any():
        raise DataError("the matrix holds negative counts; give counts of true by predicted labels")
    totals = counts.sum(1)
    share = np.divide(counts, totals[:, None], out=np.zeros_like(counts), where=totals[:, None] > 0)
    size = min(max(0.62 * k, 3.0), 7.4)
    with figure_style():
        figure = new_figure(size + 2.2, size + 1.0)
        axes = figure.subplots()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i in range(k):
            for j in range(k):
                text = f"{100 * share[i, j]:.0f}" if totals[i] else MISSING
                weight = "bold" if i == j else "normal"
                shade = ON_DARK if share[i, j] > 0.55 else ON_LIGHT
                axes.text(j, i, text, ha="center", va="center", color=shade, fontsize=9.5, fontweight=weight)
        names = [f"{name}  (n {int(total):,})" for name, total in zip(labels, totals, strict=True)]
        axes.set_yticks(range(k), names)
        axes.set_xticks(range(k), [str(name) for name in labels], rotation=35, ha="right", rotation_mode="anchor")
        remove_frame(axes)
        axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(True, which="minor", color="white", linewidth=1.5)
        axes.set(xlabel="predicted", ylabel="true")
        axes.text(1, 1.015, "per cent of the row", transform=axes.transAxes, ha="right", fontsize=8, color=MUTED)
    return figure


def heatmap_figure(
    matrices: Mapping[str, np.ndarray], columns: Mapping[str, Sequence[str]], rows: Sequence[str] = AXES
) -> Figure:
    """Draw correlations of valence, arousal and dominance with each other and with private dimensions.

    This is Figure 3 of "Anchoring the Affective Manifold".

    Parameters
    ----------
    matrices : mapping
        Name -> matrix of shape (rows, k) with values on [-1, 1]. Each gets a panel; the colours are the same in all. Narrow
        matrices (k up to 6) stand three in a row. Values are shown for k up to 12.
    columns : mapping
        Name -> names of the k columns, the rows' own first.
    rows : sequence of str
        Names of the rows.

    Raises
    ------
    DataError
        If there is no matrix or a shape is wrong.

    Examples
    --------
    >>> figure = heatmap_figure({"text": [[1, 0.1], [0.1, 1], [0.2, 0.3]]}, {"text": ["valence", "arousal"]})
    """
    check_not_empty(matrices, "{name: (rows, k)}")
    panels = {name: checked_array(matrix, (len(rows), len(columns[name])), name) for name, matrix in matrices.items()}
    widest = max(matrix.shape[1] for matrix in panels.values())
    narrow = widest <= NARROW
    across = min(3, len(panels)) if narrow else 1
    down = -(-len(panels) // across)
    with figure_style():
        figure = new_figure(7.6, ((0.6 + 0.7 * len(rows)) if narrow else (0.55 + 0.4 * len(rows))) * down + 0.4)
        places = list(figure.subplots(down, across, squeeze=False).flat)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        for axes, (name, matrix) in zip(places, panels.items(), strict=False):
            image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
            axes.set_yticks(range(len(rows)), rows)
            step = max(1, -(-len(columns[name]) // 34))
            shown = [place for place in range(len(columns[name])) if place < len(rows) or place % step == 0]
            axes.set_xticks(shown, [columns[name][place] for place in shown], fontsize=7.5)
            axes.axvline(len(rows) - 0.5, color="white", linewidth=3)
            if widest <= NUMBERED:
                for (i, j), value in np.ndenumerate(matrix):
                    shade = ON_DARK if abs(value) > 0.6 else ON_LIGHT
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=8.5)
            remove_frame(axes)
            axes.set_title(fill(name, 24 if narrow else 80))
        figure.colorbar(image, ax=places, label="Pearson's r", fraction=0.03)
    return figure
