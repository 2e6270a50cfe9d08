"""The figures: same input, same bytes; degenerate input drawn; bad input refused with a reason."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectspace.errors import DataError
from affectspace.report import (
    IntervalRow,
    Reference,
    circumplex_figure,
    confusion_figure,
    history_figure,
    image_grid,
    interval_figure,
    rate_distortion_figure,
    reconstruction_figure,
    save_figure,
    scatter_readout_figure,
    walk_figure,
)

RANDOM = np.random.default_rng(0)
FACES = RANDOM.integers(0, 256, (3, 4, 16, 16, 3), dtype=np.uint8)
POINTS = RANDOM.normal(size=(60, 2))
EMOTIONS = ["anger", "happiness", "neutral", None, "own name", "contempt"] * 10
HISTORY = pd.DataFrame({"epoch": [0, 1, 2], "train_loss": [100.0, 3.0, 1.0], "validation_loss": [90.0, np.nan, 2.0]})

FIGURES: dict[str, Callable[[], Any]] = {
    "grid": lambda: image_grid(FACES, ["a", "b", "a very long name"], ["w", "x y z w", "unbreakablelongword", ""], "t"),
    "reconstruction": lambda: reconstruction_figure(FACES[0], {"Vanilla": FACES[1], "LeVAsa": FACES[2]}),
    "walk": lambda: walk_figure(FACES, [-1, -0.5, 0.5, 1], [-1, 0, 1], FACES[0, 0]),
    "circumplex": lambda: circumplex_figure({"a": (POINTS, EMOTIONS)}, (np.tanh(POINTS), EMOTIONS)),
    "rate": lambda: rate_distortion_figure([{"name": str(i), "rate": 9.0**i, "distortion": i} for i in range(4)]),
    "history": lambda: history_figure(HISTORY, kept_epoch=1),
    "interval": lambda: interval_figure(
        [IntervalRow("a", 0.2, 0.1, 0.3, "x"), IntervalRow("b", 0.3, paper=0.36), IntervalRow("c", float("nan"))],
        [Reference("chance", 0.14), Reference("CNN", 0.4, "ceiling")],
        label="UAR",
    ),
    "confusion": lambda: confusion_figure(np.diag([5, 0, 3]), ["anger", "fear", "calm"]),
    "readout": lambda: scatter_readout_figure(POINTS[:, 0], POINTS[:, 1], "valence", measures={"R²": -0.1}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_same_input_same_bytes_and_settings_left_alone(name: str, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    first = save_figure(figure, tmp_path / "first.png", dpi=50).read_bytes()
    assert save_figure(FIGURES[name](), tmp_path / "second.png", dpi=50).read_bytes() == first
    assert dict(matplotlib.rcParams) == before
    with Image.open(tmp_path / "first.png") as image:
        assert image.width <= 1050 / 2  # 10 inches and a margin
        assert not {"Software", "Creation Time"} & image.info.keys()
        assert len(np.unique(np.asarray(image))) > 10
    assert not list(tmp_path.glob("*.partial"))


def test_vector_drawings_are_the_same_too(tmp_path: Path) -> None:
    first, second = (save_figure(FIGURES["confusion"](), tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"dc:date" not in first


def test_pyplot_is_never_loaded() -> None:
    code = (
        "import sys, affectspace.report as r; assert 'matplotlib' not in sys.modules;"
        "from affectspace.report import *; assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_images_land_where_their_values_say(tmp_path: Path) -> None:
    """A walk handed over in falling order is drawn with valence to the right and arousal upwards."""
    grid = np.zeros((2, 2, 8, 8, 3), np.uint8)
    grid[0, 0], grid[1, 1] = (255, 0, 0), (0, 0, 255)  # red at arousal 1, valence 1; blue at -1, -1
    with Image.open(save_figure(walk_figure(grid, [1, -1], [1, -1]), tmp_path / "walk.png", dpi=50)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red = np.argwhere((pixels[..., 0] > 200) & (pixels[..., 1] < 40)).mean(0)
    blue = np.argwhere((pixels[..., 2] > 200) & (pixels[..., 1] < 40)).mean(0)
    assert red[0] < blue[0]
    assert red[1] > blue[1]


@pytest.mark.parametrize(
    ("truth", "legend"),
    [
        (np.tile([-0.5, 0.0, 0.5], 8), "mean of a level"),
        (np.linspace(-1, 1, 25), ""),  # 25 rows of 25 values have no levels
        (np.repeat(np.linspace(-1, 1, 24), 2), ""),
        (np.linspace(-1, 1, 200), "mean of a tenth"),
    ],
)
def test_means_are_of_levels_only_where_there_are_some(truth: np.ndarray, legend: str) -> None:
    figure = scatter_readout_figure(truth, truth, "valence")
    texts = [text.get_text() for box in figure.legends for text in box.get_texts()]
    assert len(texts) == (1 if legend else 0)
    assert all(text.startswith(legend) and "one standard deviation" in text for text in texts)


def test_few_points_are_seen_and_many_do_not_hide_each_other() -> None:
    def dots(n: int) -> Any:
        points = RANDOM.normal(size=(n, 2))
        return circumplex_figure({"a": (points, [None] * n)}).axes[0].collections[0]

    few, many = dots(25), dots(3000)
    assert few.get_sizes()[0] > 3 * many.get_sizes()[0]
    assert few.get_alpha() > 2 * many.get_alpha()
    assert (
        few.get_facecolor()[0][:3].max() - few.get_facecolor()[0][:3].min() > 0.2
    )  # no grey where nothing is labelled


def test_targets_beyond_reach_are_framed_where_they_are() -> None:
    """Valence rises to the right and arousal upwards, whatever the order of the grid; without a miss nothing is added."""
    grid, missed = np.zeros((2, 3, 8, 8, 3), np.uint8), np.zeros((2, 3), bool)
    plain = walk_figure(grid, [0.5, 0, -0.5], [-0.5, 0.5], missed=missed)
    assert not plain.axes[0].patches
    missed[0, 0] = missed[1, 2] = True  # arousal -0.5 at valence 0.5; arousal 0.5 at valence -0.5
    (axes,) = walk_figure(grid, [0.5, 0, -0.5], [-0.5, 0.5], missed=missed).axes
    frames = sorted((frame.get_x(), frame.get_y()) for frame in axes.patches)
    assert len(frames) == 2
    assert frames[0][0] < frames[1][0]
    assert frames[0][1] > frames[1][1]
    assert any(
        "beyond the reach of the model" in text.get_text() and "2 of 6" in text.get_text() for text in axes.texts
    )
    with pytest.raises(DataError, match=r"missed has shape \(3, 2\); give \(2, 3\)"):
        walk_figure(grid, [0.5, 0, -0.5], [-0.5, 0.5], missed=missed.T)


def test_degenerate_input_is_drawn(tmp_path: Path) -> None:
    same = np.zeros((5, 2))
    figures = [
        circumplex_figure({"constant": (same, ["anger"] * 5)}),
        circumplex_figure({"one point": (same[:1], [None])}),
        scatter_readout_figure(np.zeros(4), np.zeros(4), "arousal"),
        rate_distortion_figure([{"name": "only", "rate": 0.0, "distortion": 0.0}]),
        history_figure(HISTORY[:1]),
        interval_figure([IntervalRow("only", 0.2)]),
        confusion_figure(np.zeros((1, 1)), ["anger"]),
        image_grid(RANDOM.integers(0, 256, (1, 1, 20, 9, 3), dtype=np.uint8)),
    ]
    for i, figure in enumerate(figures):
        assert save_figure(figure, tmp_path / f"{i}.png", dpi=40).stat().st_size > 300


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image_grid(FACES / 255), "type float64; give uint8"),
        (lambda: image_grid(FACES[0]), r"shape \(4, 16, 16, 3\); give \(rows, columns, height, width, 3\)"),
        (lambda: image_grid(FACES, ["a"]), "3 rows, but 1 row labels"),
        (
            lambda: reconstruction_figure(FACES[0], {"m": FACES[0, :2]}),
            r"reconstructions of 'm', .*: shape \(2, 16, 16, 3\); give \(4, 16, 16, 3\)",
        ),
        (lambda: reconstruction_figure(FACES[0], {}), "nothing to draw; give {model: reconstructions}"),
        (lambda: walk_figure(FACES, [0, 1], [0, 1, 2]), "3 arousal by 4 valence steps, but 3 arousals and 2 valences"),
        (lambda: circumplex_figure({"a": (POINTS[:, :1], EMOTIONS)}), r"panel 'a': shape \(60, 1\); give \(n, 2\)"),
        (lambda: circumplex_figure({"a": (POINTS, EMOTIONS[:9])}), "60 points but 9 emotions"),
        (lambda: circumplex_figure({"a": (POINTS * np.nan, EMOTIONS)}), r"panel 'a': row 0 is \[nan, nan\]"),
        (lambda: circumplex_figure({}), "nothing to draw"),
        (lambda: rate_distortion_figure([{"name": "a", "rate": 1}]), "point 0 has no distortion"),
        (lambda: rate_distortion_figure([{"name": "a", "rate": 1, "distortion": np.nan}]), "distortion nan"),
        (lambda: rate_distortion_figure([]), "nothing to draw; give dicts with name"),
        (lambda: history_figure(pd.DataFrame({"train_loss": [1]})), "no column `epoch`"),
        (lambda: history_figure(pd.DataFrame({"epoch": [1], "train_a": [np.nan]})), "no values in columns train_"),
        (lambda: interval_figure([]), "at least one row with a finite value"),
        (lambda: IntervalRow("a", 1, 2, 0), "low must not be above high"),
        (lambda: Reference("a", 1, "roof"), "'roof'; choose one of floor, ceiling"),  # type: ignore[arg-type]
        (lambda: confusion_figure(np.eye(2), ["a"]), r"matrix of 1 labels: shape \(2, 2\); give \(1, 1\)"),
        (lambda: confusion_figure(-np.eye(2), ["a", "b"]), "negative"),
        (lambda: scatter_readout_figure(np.zeros(3), np.zeros(2), "valence"), r"shape \(3,\) and prediction \(2,\)"),
        (lambda: scatter_readout_figure(np.array([np.nan]), np.zeros(1), "valence"), "no row has both"),
        (lambda: save_figure(FIGURES["confusion"](), "a.gif"), "'gif'; choose one of png, svg, pdf"),
        (lambda: save_figure(FIGURES["confusion"](), "a.png", dpi=2), "2 dots per inch"),
    ],
)
def test_bad_input_says_what_is_wrong(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
