"""The manifold as a model: Eqs. 1-11 by hand, masks, reductions, starts, saving."""

import math
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from affectspace.errors import DataError
from affectspace.models import Manifold, ManifoldConfig, Posterior
from affectspace.models.affect_model import FeatureBatch
from affectspace.models.manifold_codes import drop_modalities
from affectspace.models.training_statistics import training_statistics

NAN = math.nan
WIDTHS = {"text": 7, "audio": 5, "video": 4}
PLAIN: dict[str, Any] = {
    "dropout": 0.0, "feature_dropout": 0.0, "skip": "none", "link": "none", "label_weighting": "none",
    "prior": "standard", "uncertainty": "constant",
}  # fmt: skip
PAPER = {
    **PLAIN,
    "reduction": "paper",
    "independence": "covariance",
    "independence_on": "sample",
    "anchor_on": "sample",
}
EVERYTHING: dict[str, Any] = {
    "categories": ("neutral", "anger", "calm"), "independence": "hsic", "anchor_loss": "both",
    "private_emotion": "linear", "private_erasure": "both", "prototype_weight": 0.3, "class_weights": "balanced",
    "joint_weight": 0.2, "private_projection": "both", "feature_noise": 0.1,
}  # fmt: skip
ADDITIVE = ("self", "cross", "joint", "kl", "anchor", "lexicon", "prototypes", "uncertainty", "probe")


def make_model(**fields: Any) -> Manifold:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Manifold(
            ManifoldConfig(**{"modalities": WIDTHS, "hidden": (6,), "private": 4, "corpora": ("x", "y"), **fields})
        )


def make_batch(rows: int = 12, seed: int = 0, widths: dict[str, int] = WIDTHS) -> FeatureBatch:
    generator = torch.Generator().manual_seed(seed)
    affect = 0.3 * torch.randn(rows, 3, generator=generator)
    affect[torch.rand(rows, 3, generator=generator) < 0.2] = NAN
    lexicon = 0.3 * torch.randn(rows, 3, generator=generator)
    lexicon[::3] = NAN
    features = {name: torch.randn(rows, width, generator=generator) for name, width in widths.items()}
    present = {name: torch.rand(rows, generator=generator) > 0.25 for name in widths}
    category = torch.randint(-1, 3, (rows,), generator=generator)
    return FeatureBatch(features, present, affect, lexicon, category, torch.arange(rows) % 2)


def prepared(**fields: Any) -> Manifold:
    model, batch = make_model(**fields), make_batch(80, seed=1)
    model.prepare(training_statistics(batch, model.config))
    return model


@pytest.fixture
def fixed_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise of a row depends on its mean only, so that a row is sampled alike in any batch."""

    def sample(self: Posterior, generator: torch.Generator | None = None) -> torch.Tensor:
        noise = torch.sin(30 * self.mean.detach().double()).float()
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    monkeypatch.setattr(Posterior, "sample", sample)


def by_hand(model: Manifold, batch: FeatureBatch) -> dict[str, torch.Tensor]:
    """Eqs. 4-10 with loops over modalities, pairs and rows."""
    codes, kl, means = {}, torch.zeros(()), {}
    for name in WIDTHS:
        for row in batch.present[name].nonzero().squeeze(1).tolist():
            shared, private, *_ = model.encode(name, batch.features[name][row : row + 1])
            codes[name, row] = (shared.sample(), private.sample())
            means.setdefault(name, []).append(shared.kl_to_standard().sum() + private.kl_to_standard().sum())
    kl = sum((torch.stack(values).mean() for values in means.values()), start=torch.zeros(()))

    def error(source: str, target: str) -> torch.Tensor:
        rows = [row for row in range(len(batch)) if (source, row) in codes and (target, row) in codes]
        errors = [
            (model.decode(target, codes[source, row][0], codes[target, row][1])[0] - batch.features[target][row])
            .square()
            .sum()
            for row in rows
        ]
        return torch.stack(errors).mean() if errors else torch.zeros(())

    def anchor(name: str, target: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(())
        for axis in range(3):
            errors = [
                (codes[name, row][0][0, axis] - target[row, axis]).square()
                for row in range(len(batch))
                if (name, row) in codes and not target[row, axis].isnan()
            ]
            total = total + (torch.stack(errors).mean() if errors else 0)
        return total

    independence = torch.zeros(())
    for name in WIDTHS:
        chosen = [codes[key] for key in codes if key[0] == name]
        shared, private = (torch.cat([code[index] for code in chosen]) for index in (0, 1))
        cross = (shared - shared.mean(dim=0)).T @ (private - private.mean(dim=0)) / (len(chosen) - 1)
        independence = independence + cross.square().sum()
    return {
        "self": sum((error(name, name) for name in WIDTHS), start=torch.zeros(())),
        "cross": sum((error(*pair) for pair in permutations(WIDTHS, 2)), start=torch.zeros(())),
        "anchor": sum((anchor(name, batch.affect) for name in WIDTHS), start=torch.zeros(())),
        "lexicon": anchor("text", batch.lexicon),
        "independence": independence,
        "kl": kl,
    }


@pytest.mark.parametrize("seed", [0, 3])
def test_the_papers_reduction_is_equations_4_to_11(seed: int, fixed_noise: None) -> None:
    weights = {"cross_weight": 0.7, "anchor_weight": 3.0, "lexicon_weight": 0.4, "independence_weight": 0.2}
    model, batch = make_model(**PAPER, **weights, kl_weight=0.5, beta=0.3), make_batch(seed=seed)
    expected = by_hand(model, batch)
    terms = model.loss(batch)
    assert set(terms.terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms.terms[name], value, rtol=1e-5, atol=1e-6)
    total = (
        expected["self"] + 0.7 * expected["cross"] + 3.0 * (expected["anchor"] + 0.4 * expected["lexicon"])
        + 0.2 * expected["independence"] + 0.5 * 0.3 * expected["kl"]
    )  # fmt: skip
    torch.testing.assert_close(terms.total, total, rtol=1e-5, atol=1e-6)


def test_the_default_takes_means_over_all_vectors_that_are_there(fixed_noise: None) -> None:
    widths = {"text": 6}
    batch = make_batch(widths=widths)
    ours = make_model(**{**PAPER, "reduction": "default"}, modalities=widths).loss(batch).terms
    paper = make_model(**PAPER, modalities=widths).loss(batch).terms
    for name, divisor in (("self", 6), ("kl", 6), ("independence", 3 * 4)):
        torch.testing.assert_close(ours[name], paper[name] / divisor)
    full = make_batch(widths=widths).affect.nan_to_num(0.1)
    whole = FeatureBatch(batch.features, batch.present, full, full, batch.category, batch.corpus)
    ours = make_model(**{**PAPER, "reduction": "default"}, modalities=widths).loss(whole).terms
    paper = make_model(**PAPER, modalities=widths).loss(whole).terms
    torch.testing.assert_close(ours["anchor"], paper["anchor"] / 3)
    torch.testing.assert_close(ours["lexicon"], paper["lexicon"] / 3)


@pytest.mark.parametrize("fields", [{}, EVERYTHING, {**EVERYTHING, "private_emotion": "adversarial"}])
def test_weights_mean_the_same_with_a_modality_twice(fields: dict[str, Any], fixed_noise: None) -> None:
    one, two = {"text": 6}, {"text": 6, "again": 6}
    fields = {**fields, "joint_weight": 0.0}  # a product of two equal experts is sharper than one
    single, double = make_model(**fields, modalities=one).eval(), make_model(**fields, modalities=two).eval()
    batch = make_batch(widths=one)
    single.prepare(training_statistics(batch, single.config))
    state = single.state_dict()
    names = [name for name in double.state_dict() if not name.startswith("calibration.")]
    double.load_state_dict({name: state[name.replace("again", "text")] for name in names}, strict=False)
    twice = FeatureBatch(
        dict.fromkeys(two, batch.features["text"]),
        dict.fromkeys(two, batch.present["text"]),
        batch.affect, batch.lexicon, batch.category, batch.corpus,
    )  # fmt: skip
    once, doubled = single.loss(batch).terms, double.loss(twice).terms
    torch.testing.assert_close(doubled.pop("cross"), doubled["self"])
    for name, value in once.items():
        torch.testing.assert_close(doubled[name], value, rtol=1e-5, atol=1e-6)


@given(mask=st.lists(st.booleans(), min_size=8, max_size=8), seed=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_masked_equals_subset_exactly(mask: list[bool], seed: int) -> None:
    widths = {"text": 7}
    model, batch = prepared(**EVERYTHING, modalities=widths), make_batch(8, seed, widths)
    batch.present["text"][:] = torch.tensor(mask)
    batch.features["text"][~batch.present["text"]] = NAN
    subset = batch.take(batch.present["text"])
    whole = model.loss(batch, torch.Generator().manual_seed(seed))
    apart = model.loss(subset, torch.Generator().manual_seed(seed))
    assert torch.equal(whole.total, apart.total)
    for name, value in apart.terms.items():
        assert torch.equal(whole.terms[name], value)
    with torch.no_grad():
        said, alone = (model.eval().represent(each.features, each.present) for each in (batch, subset))
    rows = batch.present["text"]
    torch.testing.assert_close(said.fused[rows], alone.fused)
    assert said.fused[~rows].isnan().all()


@pytest.mark.parametrize("fields", [PAPER, EVERYTHING])
def test_what_is_absent_is_never_read(fields: dict[str, Any]) -> None:
    model, batch = prepared(**fields), make_batch()
    spoilt = make_batch()
    for name in WIDTHS:
        spoilt.features[name][~spoilt.present[name]] = NAN
    losses = []
    for each in (batch, spoilt):
        model.zero_grad()
        losses.append(model.loss(each, torch.Generator().manual_seed(0)).total)
        losses[-1].backward()
    assert losses[0] == losses[1]
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_a_row_without_anything_changes_nothing() -> None:
    model, batch = prepared(**EVERYTHING).eval(), make_batch()
    for present in batch.present.values():
        present[5] = False
    others = batch.take(torch.tensor([row for row in range(12) if row != 5]))
    losses = [model.loss(each, torch.Generator().manual_seed(0)).total for each in (batch, others)]
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("reduction", ["default", "paper"])
def test_additive_losses_do_not_depend_on_the_batch_size(reduction: str, fixed_noise: None) -> None:
    model = prepared(
        **{**EVERYTHING, "anchor_loss": "mse", "private_emotion": "adversarial"}, reduction=reduction
    ).eval()
    batch = make_batch()
    once, thrice = model.loss(batch), model.loss(batch.take(torch.arange(12).repeat(3)))
    for name in ADDITIVE:
        torch.testing.assert_close(thrice.terms[name], once.terms[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("independence", ["covariance", "correlation", "hsic"])
def test_a_modality_that_no_row_has_does_not_dilute_a_term(independence: str) -> None:
    fields = {**EVERYTHING, "independence": independence, "cross_weight": 0.0}
    whole, batch = prepared(**fields).eval(), make_batch()
    batch.present["video"][:] = False
    part = make_model(**fields, modalities={name: WIDTHS[name] for name in ("text", "audio")}).eval()
    state = whole.state_dict()
    part.load_state_dict(
        {name: state[name] for name in part.state_dict() if not name.startswith("calib")}, strict=False
    )
    losses = [model.loss(batch, torch.Generator().manual_seed(0)).terms for model in (whole, part)]
    for name, value in losses[1].items():
        if name not in ("joint", "kl"):  # the joint code's KL is divided by the mean width of all modalities
            torch.testing.assert_close(losses[0][name], value)


@pytest.mark.parametrize("independence", ["covariance", "correlation", "hsic"])
@pytest.mark.parametrize("rows", [0, 1])
def test_one_row_has_no_penalty_and_no_nan(independence: str, rows: int) -> None:
    model = prepared(**{**EVERYTHING, "independence": independence})
    batch = make_batch().take(torch.arange(rows))
    terms = model.loss(batch, torch.Generator().manual_seed(0))
    terms.total.backward()
    assert terms.terms["independence"] == 0
    assert terms.total.isfinite()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_every_weight_that_learns_has_a_gradient() -> None:
    for fields in (
        {},
        EVERYTHING,
        {**EVERYTHING, "private_emotion": "adversarial"},
        {"encoder": "trunk", "skip": "linear"},
    ):
        model = prepared(**fields)
        model.loss(make_batch(), torch.Generator().manual_seed(0)).total.backward()
        missing = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
        assert not missing


def test_dropout_and_noise_are_functions_of_the_generator() -> None:
    model, batch = prepared(dropout=0.3, feature_dropout=0.3, modality_dropout=0.3), make_batch()
    totals = [model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2)]
    assert totals[0] == totals[1] != totals[2]


def test_modality_dropout_leaves_every_row_one() -> None:
    batch = make_batch(400)
    dropped = drop_modalities(batch, 0.5, torch.Generator().manual_seed(0))
    before, after = (torch.stack(list(each.present.values())) for each in (batch, dropped))
    assert not (after & ~before).any()
    assert torch.equal(after.any(dim=0), before.any(dim=0))
    assert 0.3 < (after.sum() / before.sum()).item() < 0.8
    assert torch.equal(batch.present["text"], make_batch(400).present["text"])


def test_weights_are_warmed_up() -> None:
    model = prepared(kl_warmup=0.5, penalty_warmup=0.2, kl_weight=2.0, independence_weight=3.0).eval()
    batch = make_batch()
    begun, middle = (model.loss(batch, torch.Generator().manual_seed(0), progress=p) for p in (0.0, 0.1))
    expected = begun.total + 2.0 * 0.2 * begun.terms["kl"] + 3.0 * 0.5 * begun.terms["independence"]
    torch.testing.assert_close(middle.total, expected)


def test_the_uncertainty_touches_nothing_but_its_own_head() -> None:
    gradients = []
    for uncertainty in ("head", "constant"):
        model = make_model(uncertainty=uncertainty)
        model.load_state_dict(make_model(uncertainty="constant").state_dict(), strict=False)
        model.loss(make_batch(), torch.Generator().manual_seed(0)).total.backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    heads = {name for name in gradients[0] if "to_deviation" in name}
    assert heads
    assert all(gradients[0][name].abs().sum() > 0 for name in heads)
    for name, gradient in gradients[1].items():
        assert (gradient is None and gradients[0][name] is None) or torch.equal(gradients[0][name], gradient)


def test_the_skip_starts_at_ridge() -> None:
    batch = make_batch(80, seed=1)
    model = prepared(skip="ridge", link="none", prior="standard", skip_penalty=0.3)
    statistics = training_statistics(batch, model.config)
    assert statistics.pooled is not None
    rows = batch.present["text"]
    features = (batch.features["text"][rows] - statistics.feature_mean["text"]) / statistics.feature_scale["text"]
    ridge = statistics.ridge["text"]
    expected = statistics.pooled.mean + statistics.pooled.deviation * (features @ ridge[:, :-1].T + ridge[:, -1])
    said = model.eval().represent({"text": batch.features["text"]}, {"text": rows})
    torch.testing.assert_close(said.affect["text"][rows], expected, rtol=1e-4, atol=1e-5)
    assert not model.encoders["text"].skip.weight.requires_grad
    assert prepared(skip="linear").encoders["text"].skip.weight.requires_grad


def test_the_prior_is_that_of_the_labels() -> None:
    model, batch = prepared(link="none"), make_batch(80, seed=1)
    statistics = training_statistics(batch, model.config)
    torch.testing.assert_close(model.prior_mean, torch.nanmean(batch.affect, dim=0), rtol=1e-4, atol=1e-5)
    covariance = torch.linalg.inv(model.prior_precision)
    torch.testing.assert_close(covariance, statistics.pooled_covariance, rtol=0.03, atol=1e-3)
    assert torch.equal(prepared(prior="standard").prior_precision, torch.eye(3))


def test_private_heads_do_not_see_what_is_erased() -> None:
    model = prepared(private_erasure="affect", categories=("a", "b", "c"))
    erasure = training_statistics(make_batch(80, seed=1), model.config).erasure["text"]
    along = erasure.writing[0] / erasure.writing[0].norm()
    features = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    moved = features + 3.0 * along
    model.eval()
    (shared, private, *_), (shared_moved, private_moved, *_) = (
        model.encode("text", each) for each in (features, moved)
    )
    torch.testing.assert_close(private_moved.mean, private.mean, rtol=1e-4, atol=1e-4)
    assert (shared_moved.mean - shared.mean).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["emotion", "shared", "both"])
def test_private_means_are_projected_after_training(kind: str) -> None:
    model = prepared(private_projection=kind, private=6, categories=("neutral", "anger", "calm"))
    train = make_batch(200, seed=5)
    with torch.no_grad():
        before = model.eval().represent(train.features, train.present)
        model.after_training(train, train)
        after = model.represent(train.features, train.present)
        model.after_training(train, train)
        again = model.represent(train.features, train.present)
    rows = train.present["text"]
    torch.testing.assert_close(again.private["text"].mean[rows], after.private["text"].mean[rows])
    shared = before.shared["text"].mean[rows]
    category = train.category[rows]
    known = category >= 0
    indicator = torch.nn.functional.one_hot(category[known], 3).float()

    def covariances(private: torch.Tensor) -> tuple[float, float]:
        of_shared = torch.cov(torch.cat([shared, private], dim=1).T)[:3, 3:]
        of_emotion = torch.cov(torch.cat([indicator, private[known]], dim=1).T)[:3, 3:]
        return of_shared.abs().max().item(), of_emotion.abs().max().item()

    shared_before, emotion_before = covariances(before.private["text"].mean[rows])
    shared_after, emotion_after = covariances(after.private["text"].mean[rows])
    assert (shared_after < 1e-5) == (kind != "emotion")
    assert (emotion_after < 1e-5) == (kind != "shared")
    assert min(shared_before, emotion_before) > 1e-3


def test_the_joint_code_is_the_product_of_experts(fixed_noise: None) -> None:
    model, batch = make_model(**PAPER, joint_weight=0.5, kl_warmup=0.0), make_batch()
    plain = make_model(**PAPER)
    plain.load_state_dict(model.state_dict())
    terms, others = model.loss(batch), plain.loss(batch)
    kls, sums = [], {name: [] for name in WIDTHS}
    for row in range(len(batch)):
        names = [name for name in WIDTHS if batch.present[name][row]]
        if not names:
            continue
        said = {name: model.encode(name, batch.features[name][row : row + 1]) for name in names}
        precision = 1 + sum(torch.exp(-shared.log_variance) for shared, *_ in said.values())
        mean = sum(shared.mean * torch.exp(-shared.log_variance) for shared, *_ in said.values()) / precision
        joint = Posterior(mean, -precision.log())
        kls.append(joint.kl_to_standard().sum())
        for name in names:
            made = model.decode(name, joint.sample(), said[name][1].sample())
            sums[name].append((made[0] - batch.features[name][row]).square().sum())
    joint_kl = torch.stack(kls).mean()
    errors = sum((torch.stack(each).mean() for each in sums.values()), start=torch.zeros(()))
    torch.testing.assert_close(terms.terms["joint"], errors, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(terms.terms["kl"], others.terms["kl"] + joint_kl, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(terms.total, others.total + 0.5 * errors + joint_kl, rtol=1e-4, atol=1e-5)


def test_corpora_have_their_own_units() -> None:
    model = prepared()
    affect, deviation = torch.zeros(2, 3), torch.ones(2, 3)
    shift, scale = model.links.links()
    said, width = model.in_corpus_units(affect, deviation, 1)
    assert torch.equal(said, shift[1].expand(2, 3))
    assert torch.equal(width, scale[1].expand(2, 3))
    back = model.in_pooled_units(said, torch.tensor([1, 1]))
    torch.testing.assert_close(back, affect, rtol=0, atol=1e-6)


def test_emotions_are_those_of_the_nearest_centres() -> None:
    model = prepared(categories=("a", "b", "c"))
    centres = model.location + model.spread * model.prototypes.centres
    probability = model.emotion_probabilities(centres)
    assert probability.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(3))
    with pytest.raises(DataError, match="categories"):
        prepared().emotion_probabilities(centres)


def test_any_subset_of_modalities_is_represented() -> None:
    model, batch = prepared().eval(), make_batch()
    there = torch.ones(12, dtype=torch.bool)
    said = model.represent({"audio": batch.features["audio"]}, {"audio": there})
    torch.testing.assert_close(said.fused, said.affect["audio"])
    torch.testing.assert_close(said.fused_deviation, said.deviation["audio"])
    with pytest.raises(DataError, match="'smell'"):
        model.represent({"smell": batch.features["audio"]}, {"smell": there})


def test_deviations_are_calibrated_on_validation() -> None:
    model, validation = prepared(uncertainty="constant", link="none"), make_batch(300, seed=2)
    model.after_training(make_batch(), validation)
    assert model.training
    with torch.no_grad():
        said = model.eval().represent(validation.features, validation.present)
    squares = ((said.fused - validation.affect) / said.fused_deviation).square()
    assert squares.nanmean().sqrt().item() == pytest.approx(1, abs=0.03)


def test_rows_that_are_not_finite_are_named() -> None:
    model, batch = prepared(), make_batch()
    batch.present["audio"][4] = True
    batch.features["audio"][4, 2] = NAN
    with pytest.raises(DataError, match=r"'audio'.*rows 4\)"):
        model.loss(batch)
    with pytest.raises(DataError, match=r"'audio'.*rows 4\)"):
        model.represent(batch.features, batch.present)


@pytest.mark.parametrize(
    "fields", [{}, EVERYTHING, {"encoder": "trunk", "skip": "linear", "hidden": (6, 5)}, {"hidden": ()}]
)
def test_a_saved_model_says_the_same(fields: dict[str, Any], tmp_path: Path) -> None:
    model, batch = prepared(**fields).eval(), make_batch()
    model.after_training(batch, make_batch(60, seed=4))
    model.save_pretrained(tmp_path / "model")
    again = Manifold.from_pretrained(tmp_path / "model")
    assert again.config == model.config
    for one, other in zip(
        vars(model.represent(batch.features, batch.present)).values(),
        vars(again.represent(batch.features, batch.present)).values(),
        strict=True,
    ):
        parts = (list(each.values()) if isinstance(each, dict) else [each] for each in (one, other))
        for mine, theirs in zip(*parts, strict=True):
            tensors = ((p.mean, p.log_variance) if isinstance(p, Posterior) else (p,) for p in (mine, theirs))
            for a, b in zip(*tensors, strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"anchor_wieght": 1}, "anchor_wieght"),
        ({"prototype_weight": 0.5}, "categories"),
        ({"private_emotion": "linear"}, "categories"),
        ({"encoder": "trunk", "private_erasure": "affect"}, "trunk"),
        ({"hidden": (0,)}, "hidden"),
        ({"modalities": {"action units": 3}}, "plain word"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_model(**fields)
