"""MISA: its network, the discrepancy and the difference of codes, masks, and what it does without a modality."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from affectspace.data.batches import Batch
from affectspace.models import Misa, MisaConfig
from affectspace.models.misa.model import code_difference, moment_discrepancy

NAN = math.nan
WIDTHS = {"text": 8, "audio": 5, "video": 6}


def make_model(widths: dict[str, int] = WIDTHS, **fields: Any) -> Misa:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Misa(MisaConfig(modalities=widths, **{"hidden": 8, "feedforward": 16, **fields})).eval()


def make_batch(rows: int = 12, seed: int = 3, share: float = 1.0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    features = {name: torch.randn(rows, width, generator=generator) for name, width in WIDTHS.items()}
    present = {name: torch.rand(rows, generator=generator) < share for name in WIDTHS}
    affect = 0.3 * torch.randn(rows, 3, generator=generator)
    missing, zero = torch.full((rows, 3), NAN), torch.zeros(rows, dtype=torch.long)
    return Batch(features, present, affect, missing, zero - 1, zero)


def codes(rows: int, seed: int, width: int = 6) -> torch.Tensor:
    return torch.rand(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("moments", [1, 2, 5])
def test_identical_codes_have_no_discrepancy_and_a_finite_gradient(moments: int) -> None:
    one = codes(20, 0).requires_grad_()
    other = one.detach().clone().requires_grad_()
    value = moment_discrepancy(one, other, moments)
    value.backward()
    assert value == 0
    assert one.grad.isfinite().all()
    assert other.grad.isfinite().all()
    assert moment_discrepancy(one, one.flip(0)).item() == pytest.approx(0, abs=1e-9)  # a matter of distributions


def test_constant_codes_have_a_finite_gradient() -> None:
    one, other = torch.full((2, 5, 3), 0.5).unbind()
    one.requires_grad_()
    moment_discrepancy(one, other).backward()
    assert one.grad.isfinite().all()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 5), st.integers(0, 999))
def test_discrepancy_is_the_distance_of_central_moments(rows: int, others: int, moments: int, seed: int) -> None:
    one, other = codes(rows, seed), codes(others, seed + 1) ** 2
    first, second = one.numpy(), other.numpy()
    expected = np.linalg.norm(first.mean(0) - second.mean(0))
    for order in range(2, moments + 1):
        sides = [((side - side.mean(0)) ** order).mean(0) for side in (first, second)]
        expected += np.linalg.norm(sides[0] - sides[1])
    # the epsilon takes at most its root from each distance
    assert expected - moments * 1e-4 <= moment_discrepancy(one, other, moments).item() <= expected + 1e-12
    assert moment_discrepancy(other, one, moments).item() == pytest.approx(
        moment_discrepancy(one, other, moments).item()
    )


def test_discrepancy_of_two_constants_by_hand() -> None:
    one, other = torch.zeros(4, 4), torch.ones(7, 4)
    assert moment_discrepancy(one, other).item() == pytest.approx(2.0, abs=2e-4)  # means only: sqrt(4)


def test_difference_by_hand_and_by_numpy() -> None:
    one, other = codes(50, 0), codes(50, 1)
    rows = [side.numpy() - side.numpy().mean(0) for side in (one, other)]
    rows = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in rows]
    assert code_difference(one, other).item() == pytest.approx(np.mean((rows[0].T @ rows[1]) ** 2), rel=1e-4)
    line = torch.tensor([[0.0, 0.0], [1.0, 0.0]])  # about the mean, of length 1: (-1, 0), (1, 0)
    assert code_difference(line, line.flip(1)).item() == pytest.approx(
        1.0, abs=1e-5
    )  # A^T B has one 2 among four entries
    assert code_difference(line, line).item() == pytest.approx(1.0, abs=1e-5)


def test_difference_tells_identical_from_independent_codes_only_with_more_rows_than_dimensions() -> None:
    width = 32
    ratio = {}
    for rows in (16, 3200):
        one, other = codes(rows, 0, width), codes(rows, 1, width)
        ratio[rows] = (code_difference(one, one) / code_difference(one, other)).item()
    assert ratio[3200] > 20
    assert ratio[16] < 2


def test_difference_of_less_than_two_rows_is_zero_with_a_gradient() -> None:
    one = codes(1, 0).requires_grad_()
    code_difference(one, one).backward()
    assert one.grad.abs().max() == 0
    same = torch.full((5, 3), 0.5, requires_grad=True)
    code_difference(same, same).backward()
    assert same.grad.isfinite().all()


def test_the_papers_sizes_are_the_defaults() -> None:
    model = Misa(MisaConfig(modalities={"text": 768, "audio": 74, "video": 35}))
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    assert [shapes[f"project.{index}.0.weight"] for index in range(3)] == [(128, 768), (128, 74), (128, 35)]
    assert shapes["project.0.2.weight"] == (128,)  # the layer norm
    assert shapes["private.2.0.weight"] == shapes["reconstruct.2.weight"] == (128, 128)
    assert (shapes["head.0.weight"], shapes["head.3.weight"]) == ((384, 768), (3, 384))
    assert model.head[1].p == 0.5
    assert model.transformer.self_attn.num_heads == 2
    assert model.transformer.linear1.out_features == 2048


def test_the_shared_layer_is_tied_over_modalities() -> None:
    model, batch = make_model({"one": 5, "two": 5}), make_batch()
    assert [name for name, _ in model.named_parameters() if name.startswith("shared")] == [
        "shared.0.weight",
        "shared.0.bias",
    ]
    model.project[1].load_state_dict(model.project[0].state_dict())
    _, private, shared = model.codes([batch.features["audio"]] * 2)
    assert torch.equal(shared[0], shared[1])
    assert not torch.equal(private[0], private[1])


def test_codes_lie_in_0_1_and_have_no_width() -> None:
    model, batch = make_model(), make_batch()
    read = model.represent(batch.features, batch.present)
    for kind in (read.shared, read.private):
        assert list(kind) == list(WIDTHS)
        for posterior in kind.values():
            assert posterior.mean.min() > 0
            assert posterior.mean.max() < 1
            assert (posterior.log_variance == -20).all()


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    model, batch = make_model(), make_batch(40)
    model.label_mean.copy_(torch.tensor([0.1, 0.2, 0.0]))
    model.label_scale.copy_(torch.tensor([0.5, 0.2, 1.0]))
    found = model.loss(batch)
    with torch.no_grad():
        rows, there = model.rows(batch.features, batch.present)
        projected, private, shared = model.codes(rows)
        guess = model.predict(private, shared, there)
        prediction = (guess - (batch.affect - model.label_mean) / model.label_scale).square().mean()
        rebuilt = [model.reconstruct[i](private[i] + shared[i]) for i in range(3)]
        reconstruction = sum((rebuilt[i] - projected[i]).square().mean() for i in range(3)) / 3
        pairs = [(0, 1), (0, 2), (1, 2)]
        different = sum(code_difference(private[i], private[j]) for i, j in pairs)
        different += sum(code_difference(private[i], shared[i]) for i in range(3))
        similar = sum(moment_discrepancy(shared[i], shared[j]) for i, j in pairs) / 3
    for name, value in zip(found.terms, (prediction, different, similar, reconstruction), strict=True):
        torch.testing.assert_close(found.terms[name], value)
    torch.testing.assert_close(found.total, prediction + 0.3 * different + similar + reconstruction)
    assert list(found.terms) == ["prediction", "difference", "similarity", "reconstruction"]


@given(st.integers(0, 999), st.sampled_from([0.5, 0.8]))
@settings(max_examples=15, deadline=None)
def test_masked_equals_subset_in_every_term(seed: int, share: float) -> None:
    model, batch = make_model(), make_batch(14, seed, share)
    batch.affect[seed % 14] = NAN
    batch.affect[(seed + 3) % 14, 1] = NAN
    found = model.loss(batch).terms
    with torch.no_grad():
        rows, there = model.rows(batch.features, batch.present)
        projected, private, shared = model.codes(rows)
        guess = model.predict(private, shared, there)
        errors, expected_difference, discrepancies, rebuilt = [], 0.0, [], []
        for row in range(14):
            known = ~batch.affect[row].isnan() & there[:, row].any()
            errors += (guess[row] - batch.affect[row])[known].square().tolist()
        for i in range(3):
            own = there[i]
            expected_difference += code_difference(private[i, own], shared[i, own]).item()
            if own.any():
                again = model.reconstruct[i]((private[i] + shared[i])[own])
                rebuilt.append((again - projected[i, own]).square().mean().item())
            for j in range(i):
                both = there[i] & there[j]
                expected_difference += code_difference(private[i, both], private[j, both]).item()
                if both.sum() > 1:
                    discrepancies.append(moment_discrepancy(shared[i, both], shared[j, both]).item())
    assert found["prediction"].item() == pytest.approx(np.mean(errors), rel=1e-4)
    assert found["difference"].item() == pytest.approx(expected_difference, rel=1e-4)
    assert found["similarity"].item() == pytest.approx(np.mean(discrepancies) if discrepancies else 0.0, rel=1e-4)
    assert found["reconstruction"].item() == pytest.approx(np.mean(rebuilt), rel=1e-4)


def test_prediction_and_reconstruction_do_not_depend_on_the_batch_size() -> None:
    model, batch = make_model(), make_batch(12, 0, 0.7)
    once, thrice = model.loss(batch).terms, model.loss(batch.take(torch.arange(12).repeat(3))).terms
    for name in ("prediction", "reconstruction", "similarity"):
        torch.testing.assert_close(thrice[name], once[name])


@pytest.mark.parametrize("missing", ["zero", "dropout"])
def test_tokens_of_absent_modalities(missing: str) -> None:
    model, batch = make_model(missing=missing), make_batch(3)
    batch.present["audio"][:] = False
    seen: list[torch.Tensor] = []
    model.transformer.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((args[0], kwargs.get("src_key_padding_mask"))), with_kwargs=True
    )
    model.loss(batch)
    tokens, mask = seen[0]
    assert tokens.shape == (3, 6, 8)
    assert tokens[:, [1, 4]].abs().max() == 0
    assert tokens[:, [0, 2, 3, 5]].abs().min() > 0
    if missing == "zero":
        assert mask is None
    else:
        assert mask.tolist() == [[False, True, False, False, True, False]] * 3


def test_masked_attention_is_attention_among_the_others() -> None:
    model = make_model(missing="dropout")
    with torch.no_grad():
        rows, there = model.rows(make_batch(4).features, make_batch(4).present)
        _, private, shared = model.codes(rows)
        there[1] = False
        fused = torch.zeros(4, 6, 8)
        kept = [0, 2, 3, 5]
        fused[:, kept] = model.transformer(torch.cat([private, shared]).transpose(0, 1)[:, kept])
        torch.testing.assert_close(
            model.predict(private, shared, there), model.head(fused.flatten(1)), rtol=1e-4, atol=1e-5
        )


def test_modalities_are_dropped_in_training_only_and_one_is_always_kept() -> None:
    model = make_model(missing="dropout", modality_dropout=0.5)
    there = torch.rand(3, 4000, generator=torch.Generator().manual_seed(0)) < 0.7
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)  # not that of `there`, whose draws it would repeat
        kept = model._drop(there)
    assert not (kept & ~there).any()
    assert torch.equal(kept.any(dim=0), there.any(dim=0))
    whole = there.all(dim=0)
    assert kept[:, whole].float().mean().item() == pytest.approx(0.5 + 0.5**3 / 3, abs=0.03)
    batch = make_batch()
    losses = [model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (0, 1)]
    assert losses[0] == losses[1]
    dropless = make_model(missing="dropout", modality_dropout=0.5, dropout=0.0, attention_dropout=0.0).train()
    losses = [dropless.loss(batch, torch.Generator().manual_seed(seed)).terms for seed in (0, 1)]
    assert losses[0]["prediction"] != losses[1]["prediction"]
    assert losses[0]["similarity"] == losses[1]["similarity"]  # dropped from the fusion, not from the codes' losses


def test_affect_per_modality_is_the_heads_given_only_that_one() -> None:
    model, batch = make_model(), make_batch()
    with torch.no_grad():
        read = model.represent(batch.features, batch.present)
        only = {name: torch.full((12,), name == "video") for name in WIDTHS}
        torch.testing.assert_close(read.affect["video"], model.represent(batch.features, only).fused)
    assert not torch.allclose(read.affect["video"], read.fused)


def test_a_representation_has_no_dropout_and_leaves_the_model_in_training() -> None:
    model, batch = make_model().train(), make_batch()
    one, other = (model.represent(batch.features, batch.present) for _ in range(2))
    assert torch.equal(one.fused, other.fused)
    assert model.training
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"hidden": 9}, r"hidden \(9\) must be a multiple of heads \(2\)"),
        ({"missing": "mean"}, "'zero' or 'dropout'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"moments": 0}, "greater than or equal to 1"),
        ({"cmd_weight": 1.0}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_configurations_are_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        MisaConfig(modalities=WIDTHS, **fields)
