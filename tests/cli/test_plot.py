"""`affectspace plot`, the figures that it draws, and how results show themselves."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Ellipse

from affectspace.cli import main
from affectspace.corpora import Corpus, build_table
from affectspace.errors import DataError
from affectspace.prediction.result import VAD, Estimate, Failure, Prediction
from affectspace.prediction.sample import Sample
from affectspace.prediction.trajectory import Trajectory, Window
from affectspace.report import plane_figure, time_figure

RANDOM = np.random.default_rng(0)


def ellipses(figure) -> list[Ellipse]:
    return [patch for patch in figure.axes[0].patches if type(patch) is Ellipse]


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def run(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["affectspace", "plot", *arguments])
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                raise


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    rows = "".join(
        f"{row},{RANDOM.uniform(1, 7):.2f},{RANDOM.uniform(1, 7):.2f},0.5,0.4,{'happiness' if row % 2 else 'fear'},p{row % 3}\n"
        for row in range(30)
    )
    path.write_text(f"t,v,a,v_sd,a_sd,emotion,person\n{rows}")
    return path


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--density",),
        ("--group", "person"),
        ("--truth", "v", "--prediction", "a"),
        ("--time", "t"),
    ],
)
def test_every_figure_of_a_table_is_written(table: Path, options: tuple[str, ...]) -> None:
    out = table.with_suffix(".png")
    run(str(table), "--out", str(out), "--valence", "v", "--arousal", "a", "--scale", "1:7", *options)
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "mine_plane.png"),
        (("--truth", "v", "--prediction", "a"), "mine_truth.png"),
        (("--time", "t"), "mine_time.png"),
    ],
)
def test_a_figure_without_a_name_is_named_after_its_table_and_never_replaces_a_file(
    table: Path, monkeypatch, capsys, options: tuple[str, ...], name: str
) -> None:
    here = table.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    command = (str(table), "--valence", "v", "--arousal", "a", "--scale", "1:7", *options)
    run(*command)
    assert [path.name for path in here.iterdir()] == [name]
    with pytest.raises(SystemExit):
        run(*command)
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--valence", "x"), "has no column 'x'"),
        (("--group", "x"), "choose one with --group"),
        (("--truth", "v"), "give both"),
        (("--truth", "v", "--prediction", "a", "--time", "t"), "two figures"),
        (("--scale", "0:1"), "row 1"),
        (("--time", "person"), "person"),
        (("--out", "a.gif"), ".png, .svg, .pdf"),
        (("--truth", "emotion", "--prediction", "a"), "row 1: emotion is 'fear', which is not a number"),
    ],
)
def test_bad_options_are_named(table: Path, capsys, options: tuple[str, ...], message: str) -> None:
    given = {"--out": str(table.with_suffix(".png")), "--valence": "v", "--arousal": "a", "--scale": "1:7"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    with pytest.raises(SystemExit) as stop:
        run(str(table), *(part for pair in given.items() for part in pair))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_ellipse_of_a_group_is_one_deviation_and_that_of_a_point_its_own() -> None:
    points = RANDOM.multivariate_normal([0.1, -0.2], [[0.04, 0.01], [0.01, 0.02]], 50)
    [ellipse] = ellipses(plane_figure(points, ["calm"] * 50))
    values = np.linalg.eigvalsh(np.cov(points, rowvar=False))
    assert sorted((ellipse.width, ellipse.height)) == pytest.approx(2 * np.sqrt(values))
    [own] = ellipses(plane_figure([[0.5, 0.5]], deviations=[[0.1, 0.2]]))
    assert (own.width, own.height) == pytest.approx((0.2, 0.4))


@pytest.mark.parametrize(("rows", "means"), [(1, 0), (2, 0), (3, 1)])
@pytest.mark.parametrize("density", [False, True])
def test_a_mean_covers_no_small_group_and_is_explained(rows: int, means: int, density: bool) -> None:
    points = RANDOM.uniform(-0.5, 0.5, (rows, 2))
    figure = plane_figure(points, ["calm"] * rows, density=density)
    drawn = [line for line in figure.axes[0].lines if line.get_markeredgecolor() == "white"]
    assert len(drawn) == means
    explained = [text.get_text() for text in figure.legends[0].get_texts() if "mean" in text.get_text()]
    assert len(explained) == means
    if means:
        assert [drawn[0].get_xdata()[0], drawn[0].get_ydata()[0]] == pytest.approx(points.mean(axis=0))


@pytest.mark.parametrize(("groups", "note"), [(1, "25, 50, 75 and 95 %"), (3, "25, 50, 75 and 95 %"), (4, "half")])
def test_densities_of_many_groups_have_one_line_each(groups: int, note: str) -> None:
    points = RANDOM.normal(0, 0.3, (120, 2))
    figure = plane_figure(points, [f"g{row % groups}" for row in range(120)], density=True)
    assert f"lines around {note} of the rows of a group" in texts(figure)
    half = sum(len(collection.get_paths()) for collection in figure.axes[0].collections)
    assert half == (groups if note == "half" else 2 * 4 * groups)


def test_rows_without_values_are_counted_and_many_groups_become_others() -> None:
    points = np.where(np.arange(40)[:, None] < 2, np.nan, 0.1)
    assert "n 38 (2 without a value left out)" in texts(plane_figure(np.repeat(points, 2, axis=1)))
    figure = plane_figure(RANDOM.uniform(-1, 1, (40, 2)), [f"person {row % 20}" for row in range(40)])
    assert [text.get_text() for text in figure.legends[0].get_texts()][-2:] == [
        "others",
        "mean of a group, one deviation",
    ]
    assert len(figure.legends[0].get_texts()) == 9
    many = plane_figure(RANDOM.uniform(-1, 1, (40, 2)), [f"person {row % 8}" for row in range(40)])
    names = [text.get_text() for text in many.legends[0].get_texts()]
    colours = [dot.get_color() for dot in many.legends[0].legend_handles]
    assert len(names) == 9
    assert len(set(colours)) == 9  # no two groups look alike


@pytest.mark.parametrize("points", [np.zeros((3, 3)), np.full((3, 2), np.nan), np.zeros((0, 2))])
def test_points_that_cannot_be_drawn_are_refused(points) -> None:
    with pytest.raises(DataError):
        plane_figure(points)


def test_values_over_time_are_in_the_order_of_time_with_gaps() -> None:
    figure = time_figure([2.0, 0.0, 1.0, np.nan], [[0.2], [0.0], [np.nan], [0.9]], axes=("valence",))
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(line.get_ydata()[1])
    with pytest.raises(DataError, match="needs two"):
        time_figure([0.0], [[0.1]], axes=("valence",))


def prediction(valence: float, notes: tuple[str, ...] = ()) -> Prediction:
    point = Estimate(VAD(valence, 0.1, -0.2), VAD(0.1, 0.2, 0.3))
    alone = {"text": point, "audio": point}
    return Prediction(point.mean, point.deviation, alone, "happiness", 0.8, {"happiness": 0.8}, notes)


def test_a_prediction_shows_itself() -> None:
    one = prediction(0.5, ("<script>alert(1)</script>",))
    page = one._repr_html_()
    assert "+0.50" in page
    assert "happiness (80%)" in page
    assert "<script>" not in page
    assert [text.get_text() for text in one.plot().legends[0].get_texts()] == ["all together", "text", "audio"]


def test_a_trajectory_and_a_corpus_show_themselves() -> None:
    windows = [Window(place, place + 1, Sample(text=f"<b>{place}</b>")) for place in range(3)]
    course = Trajectory("talk", "sentence", windows, [prediction(0.1), Failure("no text"), prediction(0.3)], ("text",))
    assert "<b>" not in course._repr_html_()
    assert len(course.plot().axes) == 3
    columns = {
        "id": ["a", "b", "<i>"],
        "valence": [0.1, 0.2, 0.3],
        "arousal": [0.0, 0.5, 0.2],
        "emotion": ["calm", "fear", "calm"],
    }
    corpus = Corpus("mine", build_table("mine", columns, where="mine.csv"))
    assert "3 samples" in corpus._repr_html_()
    assert "<i>" not in corpus._repr_html_()
    assert {text.get_text() for text in corpus.plot().legends[0].get_texts()} == {"calm", "fear"}
