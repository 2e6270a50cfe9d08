"""Eqs. 1-11 by hand: terms, reductions, weights, the joint code; and what a row or a batch lacks: masked equals subset."""

from itertools import permutations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models import Manifold, Posterior, training_statistics
from affectspace.models.manifold.objective import drop_modalities

from ..noise import fixed_noise
from .small import EVERYTHING, NAN, PAPER, WIDTHS, make_batch, make_model, prepared

ADDITIVE = ("self", "cross", "joint", "kl", "anchor", "lexicon", "prototypes", "uncertainty", "probe")


def by_hand(model: Manifold, batch: Batch) -> dict[str, torch.Tensor]:
    """Eqs. 4-10 with loops over modalities, pairs and rows."""
    codes, kl, means = {}, torch.zeros(()), {}
    for name in WIDTHS:
        for row in batch.present[name].nonzero().squeeze(1).tolist():
            shared, private, *_ = model.encode(name, batch.features[name][row : row + 1])
            codes[name, row] = (shared.sample(fixed_noise), private.sample(fixed_noise))
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
def test_the_papers_reduction_is_equations_4_to_11(seed: int) -> None:
    weights = {
        "reconstruction.cross_weight": 0.7,
        "anchors.weight": 3.0,
        "anchors.lexicon.weight": 0.4,
        "independence.weight": 0.2,
    }
    model, batch = make_model(**PAPER, **weights, **{"kl.weight": 0.5, "kl.beta": 0.3}), make_batch(seed=seed)
    expected = by_hand(model, batch)
    terms = model.loss(batch, noise=fixed_noise)
    assert set(terms.terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms.terms[name], value, rtol=1e-5, atol=1e-6)
    total = (
        expected["self"] + 0.7 * expected["cross"] + 3.0 * (expected["anchor"] + 0.4 * expected["lexicon"])
        + 0.2 * expected["independence"] + 0.5 * 0.3 * expected["kl"]
    )  # fmt: skip
    torch.testing.assert_close(terms.total, total, rtol=1e-5, atol=1e-6)


def test_the_default_takes_means_over_all_vectors_that_are_there() -> None:
    widths = {"text": 6}
    batch = make_batch(widths=widths)
    ours = make_model(**{**PAPER, "reduction": "default"}, modalities=widths).loss(batch, noise=fixed_noise).terms
    paper = make_model(**PAPER, modalities=widths).loss(batch, noise=fixed_noise).terms
    for name, divisor in (("self", 6), ("kl", 6), ("independence", 3 * 4)):
        torch.testing.assert_close(ours[name], paper[name] / divisor)
    full = make_batch(widths=widths).affect.nan_to_num(0.1)
    whole = Batch(batch.features, batch.present, full, full, batch.category, batch.corpus)
    ours = make_model(**{**PAPER, "reduction": "default"}, modalities=widths).loss(whole, noise=fixed_noise).terms
    paper = make_model(**PAPER, modalities=widths).loss(whole, noise=fixed_noise).terms
    torch.testing.assert_close(ours["anchor"], paper["anchor"] / 3)
    torch.testing.assert_close(ours["lexicon"], paper["lexicon"] / 3)


@pytest.mark.parametrize("fields", [{}, EVERYTHING, {**EVERYTHING, "private.emotion.kind": "adversarial"}])
def test_weights_mean_the_same_with_a_modality_twice(fields: dict[str, Any]) -> None:
    one, two = {"text": 6}, {"text": 6, "again": 6}
    fields = {**fields, "reconstruction.joint_weight": 0.0}  # a product of two equal experts is sharper than one
    single, double = make_model(**fields, modalities=one).eval(), make_model(**fields, modalities=two).eval()
    batch = make_batch(widths=one)
    single.prepare(training_statistics(batch, single.config))
    state = single.state_dict()
    names = [name for name in double.state_dict() if not name.startswith("calibration.")]
    double.load_state_dict({name: state[name.replace("again", "text")] for name in names}, strict=False)
    twice = Batch(
        dict.fromkeys(two, batch.features["text"]),
        dict.fromkeys(two, batch.present["text"]),
        batch.affect, batch.lexicon, batch.category, batch.corpus,
    )  # fmt: skip
    once, doubled = single.loss(batch, noise=fixed_noise).terms, double.loss(twice, noise=fixed_noise).terms
    torch.testing.assert_close(doubled.pop("cross"), doubled["self"])
    for name, value in once.items():
        torch.testing.assert_close(doubled[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["default", "paper"])
def test_additive_losses_do_not_depend_on_the_batch_size(reduction: str) -> None:
    model = prepared(
        **{**EVERYTHING, "anchors.loss": "mse", "private.emotion.kind": "adversarial"}, reduction=reduction
    ).eval()
    batch = make_batch()
    once, thrice = (model.loss(rows, noise=fixed_noise) for rows in (batch, batch.take(torch.arange(12).repeat(3))))
    for name in ADDITIVE:
        torch.testing.assert_close(thrice.terms[name], once.terms[name], rtol=1e-5, atol=1e-6)


def test_weights_are_warmed_up() -> None:
    model = prepared(
        **{
            "kl.warmup": 0.5,
            "independence.warmup": 0.2,
            "private.emotion.warmup": 0.2,
            "kl.weight": 2.0,
            "independence.weight": 3.0,
        }
    ).eval()
    batch = make_batch()
    begun, middle = (model.loss(batch, torch.Generator().manual_seed(0), progress=p) for p in (0.0, 0.1))
    expected = begun.total + 2.0 * 0.2 * begun.terms["kl"] + 3.0 * 0.5 * begun.terms["independence"]
    torch.testing.assert_close(middle.total, expected)


def test_the_joint_code_is_the_product_of_experts() -> None:
    model, batch = make_model(**PAPER, **{"reconstruction.joint_weight": 0.5, "kl.warmup": 0.0}), make_batch()
    plain = make_model(**PAPER)
    plain.load_state_dict(model.state_dict())
    terms, others = (network.loss(batch, noise=fixed_noise) for network in (model, plain))
    kls, sums = [], {name: [] for name in WIDTHS}
    for row in range(len(batch)):
        names = [name for name in WIDTHS if batch.present[name][row]]
        if not names:
            continue
        encodings = {name: model.encode(name, batch.features[name][row : row + 1]) for name in names}
        shared = [encoding.shared for encoding in encodings.values()]
        precision = 1 + sum(torch.exp(-posterior.log_variance) for posterior in shared)
        mean = sum(posterior.mean * torch.exp(-posterior.log_variance) for posterior in shared) / precision
        joint = Posterior(mean, -precision.log())
        kls.append(joint.kl_to_standard().sum())
        for name in names:
            made = model.decode(name, joint.sample(fixed_noise), encodings[name].private.sample(fixed_noise))
            sums[name].append((made[0] - batch.features[name][row]).square().sum())
    joint_kl = torch.stack(kls).mean()
    errors = sum((torch.stack(each).mean() for each in sums.values()), start=torch.zeros(()))
    torch.testing.assert_close(terms.terms["joint"], errors, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(terms.terms["kl"], others.terms["kl"] + joint_kl, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(terms.total, others.total + 0.5 * errors + joint_kl, rtol=1e-4, atol=1e-5)


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
        outputs, alone = (model.eval().represent(each.features, each.present) for each in (batch, subset))
    rows = batch.present["text"]
    torch.testing.assert_close(outputs.fused[rows], alone.fused)
    assert outputs.fused[~rows].isnan().all()


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


@pytest.mark.parametrize("independence", ["covariance", "correlation", "hsic"])
def test_a_modality_that_no_row_has_does_not_dilute_a_term(independence: str) -> None:
    fields = {**EVERYTHING, "independence.kind": independence, "reconstruction.cross_weight": 0.0}
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
    model = prepared(**{**EVERYTHING, "independence.kind": independence})
    batch = make_batch().take(torch.arange(rows))
    terms = model.loss(batch, torch.Generator().manual_seed(0))
    terms.total.backward()
    assert terms.terms["independence"] == 0
    assert terms.total.isfinite()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_modality_dropout_leaves_every_row_one() -> None:
    batch = make_batch(400)
    dropped = drop_modalities(batch, 0.5, torch.Generator().manual_seed(0))
    before, after = (torch.stack(list(each.present.values())) for each in (batch, dropped))
    assert not (after & ~before).any()
    assert torch.equal(after.any(dim=0), before.any(dim=0))
    assert 0.3 < (after.sum() / before.sum()).item() < 0.8
    assert torch.equal(batch.present["text"], make_batch(400).present["text"])


def test_any_subset_of_modalities_is_represented() -> None:
    model, batch = prepared().eval(), make_batch()
    there = torch.ones(12, dtype=torch.bool)
    outputs = model.represent({"audio": batch.features["audio"]}, {"audio": there})
    torch.testing.assert_close(outputs.fused, outputs.affect["audio"])
    torch.testing.assert_close(outputs.fused_deviation, outputs.deviation["audio"])
    with pytest.raises(DataError, match="'smell'"):
        model.represent({"smell": batch.features["audio"]}, {"smell": there})


def test_rows_that_are_not_finite_are_named() -> None:
    model, batch = prepared(), make_batch()
    batch.present["audio"][4] = True
    batch.features["audio"][4, 2] = NAN
    with pytest.raises(DataError, match=r"'audio'.*rows 4; dimension 2 of row 4 is nan"):
        model.loss(batch)
    with pytest.raises(DataError, match=r"'audio'.*rows 4; dimension 2 of row 4 is nan"):
        model.represent(batch.features, batch.present)
