"""write_results and evaluate_run on made-up studies: planted signal, claims, missing members."""

import math
from collections.abc import Callable
from functools import partial

import pytest

from affectspace.evaluation.results import Result, Results
from affectspace.report import save_figure
from affectspace.studies import figures
from affectspace.studies.claims import decide
from affectspace.studies.levasa import paper_tables
from affectspace.studies.levasa.claims import AREA, CONTROL_CLAIMS, paper_claims
from affectspace.studies.levasa.report import evaluate_run, measure, write_results
from affectspace.studies.levasa.study import Study

CHUNKS = ("z_v", "z_a", "z_z")
MakeStudy = Callable[..., Study]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short MLP fits and coarse pictures: neither is what these tests are about."""
    monkeypatch.setitem(paper_tables.MLP, "max_looks", 2)
    monkeypatch.setattr(figures, "save_figure", partial(save_figure, dpi=20))


def verdicts(results: Results) -> dict[str, str]:
    """The paper's claims for its models, and our controls."""
    return {claim.text: claim.verdict for claim in decide((*paper_claims("paper_"), *CONTROL_CLAIMS, AREA), results)}


def get(results: Results, experiment: str, model: str, metric: str, **columns: str) -> Result:
    row = results.get(experiment=experiment, model=model, metric=metric, **columns)
    assert row.value is not None
    return row


def test_planted_signal_is_found_and_written(make_study: MakeStudy) -> None:
    study = make_study(
        vanilla=("useless", (0,)),
        continuous=("perfect", (0, 1)),
        permuted=("perfect", (0,)),
        discrete=("discrete", (0,)),
        cnn=("cnn", (0,)),
        paper_vanilla=("useless", (0,)),
        paper_continuous=("perfect", (0,)),
        paper_discrete=("discrete", (0,)),
        afew_paper_vanilla=("useless", (0,)),
        afew_paper_discrete=("discrete", (0,)),
    )
    path = write_results(study)
    results = Results.read(study.out / "metrics.json")
    perfect, useless = (get(results, "probes", model, "uar", latent="va") for model in ("continuous", "vanilla"))
    assert perfect.value == pytest.approx(1.0, abs=0.02)
    assert (perfect.n, perfect.groups, perfect.seeds) == (200, 10, (0, 1))
    assert useless.value == pytest.approx(0.25, abs=0.1)
    assert get(results, "probes", "cnn", "uar", latent="va").value == 1.0
    assert get(results, "probes", "majority", "uar", latent="va").value == 0.25
    gap = get(results, "probes", "continuous", "gap_closed", versus="vanilla to cnn", latent="va")
    assert gap.value == pytest.approx(1.0, abs=0.02)
    permuted = get(results, "probes", "continuous", "uar", versus="permuted", latent="va")
    assert permuted.value == pytest.approx(0.0, abs=0.02)
    assert get(results, "readouts", "continuous", "r2", target="valence").value > 0.99
    assert get(results, "readouts", "continuous", "uar", latent="heads").value == 1.0
    assert abs(get(results, "readouts", "vanilla", "r2", target="valence").value) < 0.2
    assert not results.filter(experiment="readouts", model="permuted", metric="r2", latent="heads")
    ratio = get(results, "reconstruction", "continuous", "mse_ratio", versus="vanilla")
    assert ratio.value == pytest.approx(1.05, abs=0.01)
    rate = get(results, "reconstruction", "vanilla", "rate_nats").value
    assert rate == pytest.approx(72 * 0.5 * (1 + math.exp(-2) - 1 + 2), rel=0.02)
    assert get(results, "reconstruction", "continuous", "active_units", latent="z_z").value == 24
    page = path.read_text("utf-8")
    for number in ("1.83", "0.256", "6.63", "0.38", "2.54"):  # the paper's
        assert number in page
    assert str(study.out) not in page
    drawn = {file.stem for file in (study.out / "figures").iterdir()}
    assert drawn >= {
        "primary_endpoint", "figure_2_ellipses", "figure_3_circumplex", "figure_3_paper", "figure_4_reconstructions",
        "afew_figure_3_paper", "afew_figure_4_reconstructions",
        "confusion", "history",
    }  # fmt: skip
    assert "rate_distortion" not in drawn  # two weights are no curve
    assert set(results.distinct("protocol")) == {"strict", "paper", "closed form", "Monte Carlo"}
    assert sum(verdict == "held" for verdict in verdicts(results).values()) >= 5


def test_the_residual_network_beside_the_default(make_study: MakeStudy) -> None:
    names = ("residual", "residual_squared", "residual_kl_0.01", "residual_kl_0.2", "residual_kl_0.5", "residual_kl_1")
    study = make_study(vanilla=("useless", (0,)), continuous=("useless", (0,)), **dict.fromkeys(names, ("wide", (0,))))
    results = Results.read(write_results(study).with_name("metrics.json"))
    ratio = get(results, "reconstruction", "residual", "mse_ratio", versus="continuous")
    assert ratio.value == pytest.approx(1.05, abs=0.01)
    assert not results.filter(experiment="reconstruction", model="residual", metric="mse_ratio", versus="vanilla")
    units = {
        latent: get(results, "reconstruction", "residual", "active_units", latent=latent).value for latent in CHUNKS
    }
    assert units == {"z_v": 16, "z_a": 16, "z_z": 40}
    assert results.filter(experiment="probes", model="residual", versus="continuous", metric="uar")
    assert not results.filter(experiment="probes", model="residual_kl_1", latent="z_z")
    drawn = {file.stem for file in (study.out / "figures").iterdir()}
    assert {"rate_distortion_kl", "primary_endpoint"} <= drawn


def test_published_tables(make_study: MakeStudy) -> None:
    kinds = {"vanilla": "useless", "continuous": "perfect", "discrete": "discrete"}
    members = {family + name: (kind, (0,)) for family in ("", "paper_") for name, kind in kinds.items()}
    levels = {"afew_paper_vanilla": ("useless", (0,)), "afew_paper_discrete": ("discrete", (0,))}
    results, _ = measure(make_study(**members, **levels, notebook=("perfect", (0,))))
    paper, strict = {"condition": "paper"}, {"condition": "strict"}
    entropy = {"metric": "cross_entropy", "target": "combined", **paper}
    for name, table, count, published in (
        ("paper_discrete", "table_1_discrete", 19, 6.63), ("discrete", "table_1_discrete", 21, None),
        ("paper_discrete", "afew_table_1_discrete", 21, 2.54),
    ):  # fmt: skip
        task = {"task": f"{count} levels", **entropy}
        uniform = get(results, table, "uniform", **task).value
        assert uniform == pytest.approx(2 * math.log(count), rel=1e-4)
        head = get(results, table, name, **task)
        assert (head.value, head.paper) == (pytest.approx(uniform, rel=1e-4), published)
        family = name.removesuffix("discrete")
        vanilla = get(results, table, f"{family}vanilla", **task)
        difference = get(results, table, name, versus=f"{family}vanilla", **task)
        assert difference.value == pytest.approx(head.value - vanilla.value, abs=1e-4)
    distance = {"metric": "mse", "target": "valence", **strict}
    vanilla = get(results, "table_1_continuous", "paper_vanilla", **distance)
    assert vanilla.value == pytest.approx(get(results, "table_1_continuous", "gaussian", **distance).value, rel=0.05)
    assert vanilla.paper == 1.83
    combined = {"metric": "mse", "target": "combined", **strict}
    for name, published in (("paper_continuous", 0.20), ("notebook", 0.20), ("continuous", None)):
        aligned = get(results, "table_1_continuous", name, **combined)
        assert (aligned.value, aligned.paper) == (pytest.approx(2 * 0.02**2, rel=0.05), published)
    assert get(results, "table_1_continuous", "continuous", latent="head", **combined).value == 0
    read = {"metric": "r2", "target": "valence"}
    assert get(results, "table_2", "paper_continuous", **read, **strict).value > 0.8
    assert get(results, "table_2", "vanilla", **read, **paper).value < 0.1
    assert get(results, "table_3", "continuous", "accuracy", latent="va", **paper).value > 0.8
    assert get(results, "table_3", "paper_vanilla_discrete", "accuracy", latent="va", **strict).paper == 0.25
    assert get(results, "table_3", "vanilla", "accuracy", latent="va", **paper).n == 48  # a fifth of the training rows
    assert get(results, "afew_table_3", "paper_discrete", "accuracy", latent="va", **paper).value > 0.6


def test_no_published_figure_stands_beside_drawn_faces(make_study: MakeStudy) -> None:
    kinds = {"paper_vanilla": ("useless", (0,)), "paper_discrete": ("discrete", (0,))}
    study = make_study(drawn=True, **kinds, **{f"afew_{name}": kind for name, kind in kinds.items()})
    results, _ = measure(study)
    assert results.filter(experiment="afew_table_1_discrete")
    assert [row for row in results if row.paper is not None] == []


def test_the_worst_pair_of_vanilla_is_named(make_study: MakeStudy) -> None:
    """Emotion is in chunk 3, which validation people do not choose."""
    study = make_study(vanilla=("misled", (0,)), continuous=("perfect", (0,)))
    page = write_results(study).read_text("utf-8")
    pairs = Results.read(study.out / "metrics.json").filter(experiment="vanilla_pairs")
    assert [row.value for row in pairs.filter(metric="chosen")] == [1, 0, 0]
    scores = [row.value for row in pairs.filter(metric="validation_r2")]
    assert scores[0] == max(scores)
    recalls = {row.latent: row.value for row in pairs.filter(metric="uar")}
    assert recalls["chunks 1 and 2"] == min(recalls.values())
    assert "the worst of its three pairs on test people" in page


def test_claims_turn_with_the_latents(make_study: MakeStudy) -> None:
    pairs = [{"vanilla": ("useless", (0,)), "continuous": ("perfect", (0,))}]
    pairs.append({"vanilla": ("perfect", (0,)), "continuous": ("useless", (0,))})
    good, bad = (
        measure(make_study(**pair, **{f"paper_{name}": kind for name, kind in pair.items()}))[0] for pair in pairs
    )
    expected, turned = verdicts(good), verdicts(bad)
    for start in ("LeVAsa's valence and arousal chunks pre", "Valence and arousal are read", "LeVAsa's chunks are"):
        for name, verdict in expected.items():
            if name.startswith(start):
                assert (verdict, turned[name]) == ("held", "not held"), name
    area = next(name for name in expected if name.startswith("The ellipses cover"))
    assert expected[area] == turned[area] == "not held"
    control = next(name for name in expected if name.startswith("The true ellipses"))
    assert expected[control] == "not measured"


@pytest.mark.parametrize("members", [{"continuous": ("perfect", (0,))}, {"vanilla": ("useless", (3,))}])
def test_missing_members_are_left_out(make_study: MakeStudy, members: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectspace.studies.levasa.report.pictures", lambda *_: iter(()))
    study = make_study(**members)
    page = write_results(study).read_text("utf-8")
    assert "lacks one of them" in page
    results = Results.read(study.out / "metrics.json")
    assert set(results.filter(experiment="probes").distinct("model")) == {*members, "majority", "pca_96"}
    assert not list(study.out.rglob("*.partial"))


def test_one_run(make_study: MakeStudy) -> None:
    study = make_study(continuous=("perfect", (0,)), cnn=("cnn", (0,)))
    for name, recall in (("continuous", 1.0), ("cnn", 1.0)):
        one = study.arms[0].trained[name][0]
        results, path = evaluate_run(one.run, study.arms[0].data, one.outputs)
        assert path == one.run.folder / "report.html"
        assert path.is_file()
        assert list(Results.read(one.run.folder / "metrics.json")) == list(results)
        assert get(results, "probes", f"{name}-seed0", "uar", latent="va").value == pytest.approx(recall, abs=0.02)
        read = results.filter(experiment="readouts", model=f"{name}-seed0")
        assert bool(read) == (name == "continuous")
    assert get(results, "probes", "pca_96", "uar", latent="va").low is not None
