"""write_results and evaluate_run on made-up studies: planted signal, claims, missing members."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from affectspace.evaluation import MetricsFile
from affectspace.report import save_figure
from affectspace.studies import pictures
from affectspace.studies.levasa import paper_tables
from affectspace.studies.levasa.claims import decide_claims
from affectspace.studies.levasa.report import evaluate_run, measure, write_results
from affectspace.studies.levasa.study import Study

MakeStudy = Callable[..., Study]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short MLP fits and coarse pictures: neither is what these tests are about."""
    monkeypatch.setattr(paper_tables, "EPOCHS", 8)
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: save_figure(figure, path, dpi=50))


def verdicts(metrics: MetricsFile) -> dict[str, str]:
    return {claim.text: claim.verdict for claims in decide_claims(metrics) for claim in claims}


def test_planted_signal_is_found_and_written(make_study: MakeStudy) -> None:
    study = make_study(
        vanilla=("useless", (0,)),
        continuous=("perfect", (0, 1)),
        permuted=("perfect", (0,)),
        discrete=("discrete", (0,)),
        cnn=("cnn", (0,)),
        afew_vanilla=("useless", (0,)),
        afew_discrete=("discrete", (0,)),
    )
    path = write_results(study)
    metrics = MetricsFile.read(study.out / "metrics.json")
    perfect, useless = metrics.get("probes", "continuous", "uar_va"), metrics.get("probes", "vanilla", "uar_va")
    assert perfect.value == pytest.approx(1.0, abs=0.02)
    assert perfect.n == 200
    assert list(perfect.seeds) == [0, 1]
    assert useless.value == pytest.approx(0.25, abs=0.1)
    assert metrics.get("probes", "cnn", "uar_va").value == 1.0
    assert metrics.get("probes", "majority", "uar_va").value == 0.25
    assert metrics.get("comparisons", "gap_closed", "share").value == pytest.approx(1.0, abs=0.02)
    assert metrics.get("comparisons", "continuous - permuted", "uar").value == pytest.approx(0.0, abs=0.02)
    assert metrics.get("readouts", "continuous", "r2_valence").value > 0.99  # type: ignore[operator]
    assert metrics.get("readouts", "continuous", "uar_heads").value == 1.0
    assert abs(metrics.get("readouts", "vanilla", "r2_valence").value) < 0.2  # type: ignore[arg-type]
    assert ("readouts", "permuted", "r2_valence_heads") not in metrics
    assert metrics.get("reconstruction", "continuous", "mse_ratio").value == pytest.approx(1.05, abs=0.01)
    rate = metrics.get("reconstruction", "vanilla", "rate_nats").value
    assert rate == pytest.approx(72 * 0.5 * (1 + math.exp(-2) - 1 + 2), rel=0.02)
    assert metrics.get("reconstruction", "continuous", "active_units_z_z").value == 24
    page = path.read_text("utf-8")
    for number in ("1.83", "0.256", "6.63", "0.38", "2.54"):  # the paper's
        assert number in page
    assert str(study.out) not in page
    drawn = {file.stem for file in (study.out / "figures").iterdir()}
    assert drawn >= {
        "primary_endpoint", "figure_2_ellipses", "figure_3_circumplex", "figure_4_reconstructions", "figure_4_drawn",
        "rate_distortion", "uar_over_weight", "confusion", "history",
    }  # fmt: skip
    for experiment, row, metric, one in metrics:
        assert one.protocol in ("strict", "paper", "closed form", "Monte Carlo"), (experiment, row, metric)
    told = verdicts(metrics)
    assert sum(verdict == "held" for verdict in told.values()) >= 5


def test_published_tables(make_study: MakeStudy) -> None:
    metrics, _ = measure(
        make_study(vanilla=("useless", (0,)), continuous=("perfect", (0,)), discrete=("discrete", (0,)))
    )
    uniform = metrics.get("table_1_discrete_paper", "uniform", "cross_entropy_combined").value
    assert uniform == pytest.approx(2 * math.log(21), rel=1e-4)
    told = metrics.get("table_1_discrete_paper", "discrete", "cross_entropy_combined")
    assert told.value == pytest.approx(uniform, rel=1e-4)
    assert told.paper == 6.63
    vanilla = metrics.get("table_1_continuous_strict", "vanilla", "mse_valence")
    gaussian = metrics.get("table_1_continuous_strict", "gaussian", "mse_valence")
    assert vanilla.value == pytest.approx(gaussian.value, rel=0.05)
    assert vanilla.paper == 1.83
    aligned = metrics.get("table_1_continuous_strict", "continuous", "mse_combined").value
    assert aligned == pytest.approx(2 * 0.02**2, rel=0.05)
    assert metrics.get("table_1_continuous_strict", "continuous head", "mse_combined").value == 0
    assert metrics.get("table_2_strict", "continuous", "r2_valence").value > 0.8  # type: ignore[operator]
    assert metrics.get("table_2_paper", "vanilla", "r2_valence").value < 0.1  # type: ignore[operator]
    assert metrics.get("table_3_paper", "continuous", "accuracy_va").value > 0.8  # type: ignore[operator]
    assert metrics.get("table_3_strict", "vanilla_discrete", "accuracy_va").paper == 0.25
    assert metrics.get("table_3_paper", "vanilla", "accuracy_va").n == 48  # a fifth of the training rows


def test_claims_turn_with_the_codes(make_study: MakeStudy) -> None:
    good, _ = measure(make_study(vanilla=("useless", (0,)), continuous=("perfect", (0,))))
    bad, _ = measure(make_study(vanilla=("perfect", (0,)), continuous=("useless", (0,))))
    told, turned = verdicts(good), verdicts(bad)
    for start in ("LeVAsa's valence and arousal chunks tell", "Valence and arousal are read", "LeVAsa's chunks lie"):
        for name, verdict in told.items():
            if name.startswith(start):
                assert (verdict, turned[name]) == ("held", "not held"), name
    area = next(name for name in told if name.startswith("The ellipses cover"))
    assert told[area] == turned[area] == "not held"
    control = next(name for name in told if name.startswith("The true ellipses"))
    assert told[control] == "not decided"


@pytest.mark.parametrize("members", [{"continuous": ("perfect", (0,))}, {"vanilla": ("useless", (3,))}])
def test_missing_members_are_left_out(make_study: MakeStudy, members: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectspace.studies.levasa.figures.MAKERS", ())
    study = make_study(**members)
    page = write_results(study).read_text("utf-8")
    assert "lacks one of them" in page
    content = json.loads((study.out / "metrics.json").read_text("utf-8"))
    assert set(content["probes"]) == {*members, "majority", "pca_96"}
    assert not list(study.out.rglob("*.partial"))


def test_one_run(make_study: MakeStudy) -> None:
    study = make_study(continuous=("perfect", (0,)), cnn=("cnn", (0,)))
    for name, recall in (("continuous", 1.0), ("cnn", 1.0)):
        one = study.trained[name][0]
        values, path = evaluate_run(one.run, study.data, one.codes)
        assert path == one.run.folder / "report.html"
        assert path.is_file()
        assert (one.run.folder / "metrics.json").is_file()
        row = values["probes"][f"{name}-seed0"]
        assert row["uar_va"]["value"] == pytest.approx(recall, abs=0.02)
        assert ("readouts" in values and f"{name}-seed0" in values["readouts"]) == (name == "continuous")
    assert np.isfinite(values["probes"]["pca_96"]["uar_va"]["value"])
