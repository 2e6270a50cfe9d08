"""What holds for MVAE and MISA alike: losses with masks, learning, representations, calibration, saving, messages."""

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models import MODELS, Representation, training_statistics
from affectspace.models.baseline import BaselineModel

from .noise import fixed_noise
from .small_baselines import KINDS, NAN, WIDTHS, make_batch, make_model


def trained(kind: str, train: Batch, validation: Batch, steps: int = 120) -> BaselineModel:
    model = make_model(kind).train()
    model.prepare(training_statistics(train, model.config))
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    order = torch.Generator().manual_seed(1)
    for step in range(steps):
        batch = train.take(torch.randint(len(train), (128,), generator=order))
        optimiser.zero_grad()
        model.loss(batch, torch.Generator().manual_seed(step), progress=step / steps).total.backward()
        optimiser.step()
    model.eval().after_training(train, validation)
    return model


def outputs(model: BaselineModel, batch: Batch) -> Representation:
    with torch.no_grad():
        return model.represent(batch.features, batch.present)


CLOSE: dict[str, float] = {"rtol": 0.25, "atol": 0.0}


def root_mean_square(values: torch.Tensor) -> torch.Tensor:
    return values.square().mean(dim=0).sqrt()


def correlation(truth: torch.Tensor, guess: torch.Tensor) -> float:
    return min(np.corrcoef(truth[:, axis].numpy(), guess[:, axis].numpy())[0, 1] for axis in range(3))


@pytest.fixture(scope="module")
def parts() -> tuple[Batch, Batch, Batch]:
    return make_batch(1500, 0, 0.7), make_batch(300, 1, 0.7), make_batch(400, 2)


@pytest.fixture(scope="module", params=list(KINDS))
def learnt(request: pytest.FixtureRequest, parts: tuple[Batch, ...]) -> BaselineModel:
    return trained(request.param, parts[0], parts[1])


def test_it_learns_a_toy_problem_from_rows_with_holes(learnt: BaselineModel, parts: tuple[Batch, ...]) -> None:
    test = parts[2]
    read = outputs(learnt, test)
    assert correlation(test.affect, read.fused) > 0.9
    for name in WIDTHS:
        assert correlation(test.affect, read.affect[name]) > 0.8
        assert 0.4 < read.affect[name].std() / test.affect.std() < 1.4


def test_deviations_are_the_errors_to_expect_and_grow_as_modalities_drop(learnt: BaselineModel) -> None:
    test = make_batch(500, 3, 0.7)
    read = outputs(learnt, test)
    several = torch.stack(list(test.present.values())).sum(dim=0) > 1
    fused = read.fused_deviation[several]
    torch.testing.assert_close(root_mean_square(fused), root_mean_square((read.fused - test.affect)[several]), **CLOSE)
    for name, there in test.present.items():
        alone = read.deviation[name][there]
        torch.testing.assert_close(
            root_mean_square(alone), root_mean_square((read.affect[name] - test.affect)[there]), **CLOSE
        )
        assert (root_mean_square(alone) > root_mean_square(fused)).all()


def test_distant_rows_are_wider_and_nearer_to_the_mean(learnt: BaselineModel) -> None:
    test = make_batch(200, 3)
    near = outputs(learnt, test)
    far = outputs(learnt, replace(test, features={name: 6 * values for name, values in test.features.items()}))
    for name in WIDTHS:
        assert (far.distance[name] > near.distance[name]).all()
        assert (far.deviation[name] > near.deviation[name]).all()
        assert (far.affect[name] - learnt.label_mean).abs().mean() < (
            near.affect[name] - learnt.label_mean
        ).abs().mean()
    assert (far.fused_deviation > near.fused_deviation).all()
    one = {name: (6 if name == "text" else 1) * values for name, values in test.features.items()}
    some = outputs(learnt, replace(test, features=one))
    assert (some.fused_deviation > near.fused_deviation).all()
    assert (some.fused_deviation < far.fused_deviation).all()


def test_with_one_modality_the_fused_affect_is_its_own(learnt: BaselineModel, parts: tuple[Batch, ...]) -> None:
    test = parts[2].take(torch.arange(9))
    for name in WIDTHS:
        read = learnt.represent({name: test.features[name]}, {name: test.present[name]})
        torch.testing.assert_close(read.fused, read.affect[name])
        torch.testing.assert_close(read.fused_deviation, read.deviation[name])
        whole = outputs(learnt, test)
        torch.testing.assert_close(whole.affect[name], read.affect[name], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(whole.shared[name].mean, read.shared[name].mean, rtol=1e-4, atol=1e-5)


def test_a_saved_model_says_the_same(learnt: BaselineModel, parts: tuple[Batch, ...], tmp_path: Path) -> None:
    learnt.save_pretrained(tmp_path)
    again = MODELS[learnt.config.kind].from_pretrained(tmp_path)
    assert again.config == learnt.config
    rows = make_batch(40, 5, 0.6)
    one, other = outputs(learnt, rows), outputs(again, rows)
    for kind in ("affect", "deviation"):
        for name in WIDTHS:
            assert torch.equal(getattr(one, kind)[name], getattr(other, kind)[name])
    for kind in ("shared", "private"):
        assert getattr(one, kind).keys() == getattr(other, kind).keys()
        for name, posterior in getattr(one, kind).items():
            assert torch.equal(posterior.mean, getattr(other, kind)[name].mean)
            assert torch.equal(posterior.log_variance, getattr(other, kind)[name].log_variance)
    assert one.fused.isnan().any()  # a row without any modality
    assert torch.equal(one.fused.nan_to_num(9.0), other.fused.nan_to_num(9.0))
    assert torch.equal(one.fused_deviation.nan_to_num(9.0), other.fused_deviation.nan_to_num(9.0))


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.3, 0.6, 1.0]))
@settings(max_examples=15, deadline=None)
def test_a_row_is_represented_alike_in_any_batch_and_without_its_absent_features(
    learnt: BaselineModel, seed: int, share: float
) -> None:
    batch = make_batch(12, seed, share)
    for name, values in batch.features.items():
        values[~batch.present[name]] = NAN
    whole = outputs(learnt, batch)
    rows = torch.randperm(12, generator=torch.Generator().manual_seed(seed))[:5]
    subset = outputs(learnt, batch.take(rows))
    close: dict[str, float] = {"rtol": 0.0, "atol": 1e-3}  # distances of few dimensions are rounded
    torch.testing.assert_close(subset.fused, whole.fused[rows], equal_nan=True, **close)
    for name in WIDTHS:
        there = batch.present[name][rows]
        torch.testing.assert_close(subset.affect[name][there], whole.affect[name][rows][there], **close)
    nothing = ~torch.stack(list(batch.present.values())).any(dim=0)
    assert torch.equal(whole.fused.isnan().all(dim=1), nothing)
    assert torch.equal(whole.fused_deviation.isnan().all(dim=1), nothing)


def test_affect_of_an_axis_without_training_labels_is_nan(parts: tuple[Batch, ...]) -> None:
    train, validation = (part.take(torch.arange(200)) for part in parts[:2])
    for kind in KINDS:
        train.affect[:, 2], validation.affect[:, 2] = NAN, NAN
        model = trained(kind, train, validation, steps=2)
        read = outputs(model, parts[2])
        assert read.fused[:, 2].isnan().all()
        assert read.affect["text"][:, 2].isnan().all()
        assert read.fused[:, :2].isfinite().all()
        assert read.fused_deviation[:, :2].isfinite().all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_without_labels_on_validation_deviations_are_those_of_train(kind: str, parts: tuple[Batch, ...]) -> None:
    train, validation = (part.take(torch.arange(200)) for part in parts[:2])
    validation.affect.fill_(NAN)
    model = trained(kind, train, validation, steps=2)
    read = outputs(model, train)
    there = train.present["audio"]
    expected = root_mean_square(read.affect["audio"][there] - train.affect[there])
    torch.testing.assert_close(root_mean_square(read.deviation["audio"][there]), expected, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_modality_is_enough(kind: str) -> None:
    widths = {"text": 12}
    model, batch = make_model(kind, widths).train(), make_batch(60, widths=widths)
    model.prepare(training_statistics(batch, model.config))
    model.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    model.after_training(batch, batch)
    assert model.training
    read = outputs(model.eval(), batch)
    torch.testing.assert_close(read.fused, read.affect["text"])
    assert torch.equal(read.fused_deviation, read.deviation["text"])


@pytest.mark.parametrize("kind", list(KINDS))
def test_bad_input_is_told(kind: str) -> None:
    model, batch = make_model(kind), make_batch(6)
    features, present = batch.features, batch.present
    with pytest.raises(DataError, match="unknown modality 'eeg': the model reads text, audio, video"):
        model.represent({"eeg": features["text"]}, {"eeg": present["text"]})
    with pytest.raises(DataError, match="no modality is given"):
        model.represent({}, {})
    with pytest.raises(DataError, match=r"\(6, 7\).*the model needs \(6, 12\).*another backbone"):
        model.represent({"text": features["audio"]}, {"text": present["text"]})
    features["audio"][4, 2] = NAN
    with pytest.raises(
        DataError,
        match=r"'audio'.*1 of \d+ present rows \(rows 4; dimension 2 of row 4 is nan\).*mark these rows as absent",
    ):
        model.loss(batch)
    batch = make_batch(6)
    batch.present["video"][:] = False
    with pytest.raises(DataError, match=r"no training row has the modality 'video'.*leave it out of model.modalities"):
        model.after_training(batch, batch)
    batch = make_batch(6)
    batch.affect.fill_(NAN)
    with pytest.raises(
        DataError, match=r"no training row has valence, arousal or dominance.*labels.source: transferred"
    ):
        model.after_training(batch, batch)


class Graph(torch.nn.Module):
    """What an export traces: features and masks in, affect and deviations out."""

    def __init__(self, model: BaselineModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: dict[str, torch.Tensor], present: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        read = self.model.represent(features, present)
        return read.fused, read.fused_deviation, *read.affect.values(), *read.deviation.values()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_representation_can_be_traced_for_any_number_of_rows(kind: str, parts: tuple[Batch, ...]) -> None:
    train, validation = (part.take(torch.arange(200)) for part in parts[:2])
    model, example = trained(kind, train, validation, steps=2), train.take(torch.arange(2))
    rows = {name: {0: torch.export.Dim("rows", min=1)} for name in WIDTHS}
    with torch.no_grad():
        traced = torch.export.export(Graph(model), (example.features, example.present), dynamic_shapes=(rows, rows))
        for count in (1, 9):
            batch = train.take(torch.arange(20, 20 + count))
            found = traced.module()(batch.features, batch.present)
            for one, other in zip(found, Graph(model)(batch.features, batch.present), strict=True):
                torch.testing.assert_close(one, other, equal_nan=True)


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
    from affectspace.data.batches import Batch

    kind, fields, rank, meeting = {kind!r}, {fields!r}, int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = MODELS[kind](MODELS[kind].config_class(modalities={widths!r}, **fields)).eval()
    affect = 0.3 * torch.randn(21, 3)
    affect[4] = affect[9, 1] = torch.nan
    features = {{name: torch.randn(21, width) for name, width in {widths!r}.items()}}
    present = {{name: torch.rand(21) < 0.7 for name in features}}
    zero = torch.zeros(21, dtype=torch.long)
    whole = Batch(features, present, affect, affect * torch.nan, zero - 1, zero)

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
