"""Losses of MVAE and MISA: masks, tiny batches, gradients, noise, two processes."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from .noise import fixed_noise
from .small_baselines import KINDS, NAN, make_batch, make_model


@pytest.mark.parametrize("kind", list(KINDS))
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.4, 0.7]))
@settings(max_examples=15, deadline=None)
def test_what_stands_in_absent_rows_changes_no_loss_and_no_gradient(kind: str, seed: int, share: float) -> None:
    totals, gradients = [], []
    for filling in (0.0, NAN, 1e6):
        model, batch = make_model(kind).train(), make_batch(10, seed, share)
        batch.affect[seed % 10] = NAN
        for name, values in batch.features.items():
            values[~batch.present[name]] = filling
        total = model.loss(batch, torch.Generator().manual_seed(seed)).total
        total.backward()
        totals.append(total.detach())
        gradients.append([weight.grad for weight in model.parameters()])
    assert totals[0].isfinite()
    assert totals[0] == totals[1] == totals[2]
    for grads in zip(*gradients, strict=True):
        if grads[0] is not None:
            assert torch.equal(grads[0], grads[1])
            assert torch.equal(grads[0], grads[2])


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_row_without_any_modality_changes_no_loss(kind: str) -> None:
    model, batch = make_model(kind), make_batch(8)
    for mask in batch.present.values():
        mask[[2, 5]] = False
    batch.affect[[2, 5]] = NAN
    kept = batch.take(torch.tensor([0, 1, 3, 4, 6, 7]))
    one, other = (model.loss(rows, torch.Generator().manual_seed(0), noise=fixed_noise) for rows in (batch, kept))
    torch.testing.assert_close(one.total, other.total)
    for name, value in one.terms.items():
        torch.testing.assert_close(value, other.terms[name])


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("rows", [1, 2])
def test_tiny_batches_and_batches_without_labels_or_modalities_are_finite(kind: str, rows: int) -> None:
    for drop in ("nothing", "labels", "modalities"):
        model, batch = make_model(kind).train(), make_batch(rows)
        if drop == "labels":
            batch.affect.fill_(NAN)
        if drop == "modalities":
            for mask in batch.present.values():
                mask[:] = False
        terms = model.loss(batch, torch.Generator().manual_seed(0))
        terms.total.backward()
        assert terms.total.isfinite()
        assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_weight_has_a_gradient_also_where_a_modality_is_absent(kind: str) -> None:
    """So that processes of a distributed training, whose rows differ, wait for the same gradients."""
    model, batch = make_model(kind).train(), make_batch(6)
    batch.present["audio"][:] = False
    batch.affect[:] = NAN
    model.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    assert all(weight.grad is not None for weight in model.parameters())


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_generator_fixes_the_loss_and_leaves_the_global_noise_alone(kind: str) -> None:
    model, batch = make_model(kind).train(), make_batch(6)
    state = torch.random.get_rng_state()
    totals = [model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2)]
    assert totals[0] == totals[1] != totals[2]
    assert torch.equal(torch.random.get_rng_state(), state)


PROCESS = """
    import sys, torch, torch.distributed as dist
    from affectspace.models import MODELS
    from affectspace.data.batches import FeatureBatch

    kind, fields, rank, meeting = {kind!r}, {fields!r}, int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = MODELS[kind](MODELS[kind].config_class(modalities={widths!r}, **fields)).eval()
    affect = 0.3 * torch.randn(21, 3)
    affect[4] = affect[9, 1] = torch.nan
    features = {{name: torch.randn(21, width) for name, width in {widths!r}.items()}}
    present = {{name: torch.rand(21) < 0.7 for name in features}}
    zero = torch.zeros(21, dtype=torch.long)
    whole = FeatureBatch(features, present, affect, affect * torch.nan, zero - 1, zero)

    def run(batch):
        model.zero_grad()
        terms = model.loss(batch, torch.Generator().manual_seed(0), noise=lambda mean: torch.sin(99 * mean.detach()))
        terms.total.backward()
        return torch.cat([torch.stack([terms.total, *terms.terms.values()]).detach(),
                          *(weight.grad.flatten() for weight in model.parameters())])

    alone = run(whole)
    dist.init_process_group("gloo", init_method="file://" + meeting, rank=rank, world_size=2)
    mine = run(whole.take(slice(0, 8) if rank == 0 else slice(8, 21)))  # shares of different size
    dist.all_reduce(mine)
    torch.testing.assert_close(mine / 2, alone, rtol=1e-3, atol=1e-5)
    dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mvae", "misa"])
def test_the_mean_of_two_processes_is_the_loss_and_gradient_of_the_whole_batch(kind: str, tmp_path: Path) -> None:
    widths = {"text": 12, "audio": 7}  # with two modalities no subset is drawn
    script = textwrap.dedent(PROCESS.format(kind=kind, fields=KINDS[kind][2], widths=widths))
    command = [sys.executable, "-c", script]
    started = [subprocess.Popen([*command, rank, str(tmp_path / "meeting")], stderr=subprocess.PIPE) for rank in "01"]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()[-2000:]
