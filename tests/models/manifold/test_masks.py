"""What a row or a batch lacks: masked equals subset, nothing absent is read, modalities that drop."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import DataError
from affectspace.models.manifold.objective import drop_modalities

from .small import EVERYTHING, NAN, PAPER, WIDTHS, make_batch, make_model, prepared


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
    said = model.represent({"audio": batch.features["audio"]}, {"audio": there})
    torch.testing.assert_close(said.fused, said.affect["audio"])
    torch.testing.assert_close(said.fused_deviation, said.deviation["audio"])
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
