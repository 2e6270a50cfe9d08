"""MVAE: which ELBOs a row has, what they decode, how they are weighed, and how affect is read."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from affectspace.data.batches import Batch
from affectspace.models import Mvae, MvaeConfig
from affectspace.models.mvae.model import elbo_masks

from ..noise import fixed_noise

NAN = math.nan
WIDTHS = {"text": 8, "audio": 5, "video": 6}


def make_model(widths: dict[str, int] = WIDTHS, **fields: Any) -> Mvae:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Mvae(MvaeConfig(modalities=widths, **{"latent": 4, "hidden": (7,), "kl_weight": 0.7, **fields})).eval()


def make_batch(rows: int = 6, absent: tuple[str, ...] = (), widths: dict[str, int] = WIDTHS) -> Batch:
    generator = torch.Generator().manual_seed(3)
    features = {name: torch.randn(rows, width, generator=generator) for name, width in widths.items()}
    present = {name: torch.full((rows,), name not in absent) for name in widths}
    affect = 0.3 * torch.randn(rows, 3, generator=generator)
    missing, zero = torch.full((rows, 3), NAN), torch.zeros(rows, dtype=torch.long)
    return Batch(features, present, affect, missing, zero - 1, zero)


def terms_of(there: list[int], seed: int = 0) -> list[tuple[int, ...]]:
    """The terms of one row with these modalities."""
    masks = elbo_masks(torch.tensor(there).bool()[:, None], torch.Generator().manual_seed(seed))
    terms = [tuple(masks[:, term, 0].nonzero().flatten().tolist()) for term in range(masks.shape[1])]
    return [term for term in terms if term]


def test_three_modalities_have_five_terms_two_three_and_one_one() -> None:
    terms = terms_of([1, 1, 1])
    assert terms[:4] == [(0, 1, 2), (0,), (1,), (2,)]
    assert len(terms) == 5
    assert len(terms[4]) == 2
    assert terms_of([1, 1]) == terms_of([1, 1, 0]) == [(0, 1), (0,), (1,)]
    assert terms_of([0, 1, 1]) == [(1, 2), (1,), (2,)]
    assert terms_of([1]) == [(0,)]
    assert terms_of([0, 0, 1]) == [(2,)]
    assert terms_of([0, 0, 0]) == []


def test_the_pair_is_drawn_from_the_generator_and_all_are_as_likely() -> None:
    drawn = [terms_of([1, 1, 1], seed)[4] for seed in range(300)]
    assert drawn == [terms_of([1, 1, 1], seed)[4] for seed in range(300)]
    for pair in itertools.combinations(range(3), 2):
        assert 70 < drawn.count(pair) < 130


def test_of_four_modalities_a_pair_or_a_triple_is_drawn() -> None:
    drawn = {terms_of([1, 1, 1, 1], seed)[5] for seed in range(200)}
    assert drawn == {subset for size in (2, 3) for subset in itertools.combinations(range(4), size)}


def test_rows_are_treated_by_the_modalities_that_they_have() -> None:
    there = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 0]]).bool()
    masks = elbo_masks(there, torch.Generator().manual_seed(0))
    assert masks.any(dim=0).sum(dim=0).tolist() == [5, 3, 3, 0]
    assert not (masks & ~there[:, None]).any()
    together = elbo_masks(torch.ones(3, 50, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert (together == together[..., :1]).all()  # one pair a step for all rows alike


def expected_loss(model: Mvae, batch: Batch, seed: int) -> tuple[float, float]:
    """Reconstruction and KL of the five terms, worked out in NumPy's way, row by row."""
    names = list(model.config.modalities)
    subsets = terms_of([1] * len(names), seed)
    error = divergence = 0.0
    for row in range(len(batch)):
        rows = {name: batch.features[name][row] for name in names}
        for subset in subsets:
            precision, weighted = np.ones(model.config.latent), np.zeros(model.config.latent)
            for index in subset:
                mean, log_variance = model.encoders[index](rows[names[index]]).detach().numpy().reshape(2, -1)
                precision += np.exp(-log_variance)
                weighted += mean * np.exp(-log_variance)
            mean, variance = weighted / precision, 1.0 / precision
            divergence += 0.5 * (mean**2 + variance - 1.0 - np.log(variance)).sum()
            code = torch.from_numpy(mean + np.sqrt(variance) * np.sin(30 * mean)).float()
            for index in subset:
                made = model.decoders[index](code).detach().numpy()
                error += 0.5 * ((made - rows[names[index]].numpy()) ** 2).mean()
    return error / len(batch), divergence / len(batch) / max(WIDTHS.values())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_loss_is_the_sum_of_the_terms(seed: int) -> None:
    model, batch = make_model(), make_batch()
    terms = model.loss(batch, torch.Generator().manual_seed(seed), noise=fixed_noise)
    error, divergence = expected_loss(model, batch, seed)
    assert terms.terms["reconstruction"].item() == pytest.approx(error, rel=1e-4)
    assert terms.terms["kl"].item() == pytest.approx(divergence, rel=1e-4)
    assert terms.total.item() == pytest.approx(error + 0.7 * divergence, rel=1e-4)


def test_a_term_decodes_its_own_modalities_only() -> None:
    model, batch = make_model(), make_batch()
    decoded: dict[int, int] = {}
    for index, decoder in enumerate(model.decoders):
        decoder.register_forward_hook(lambda _, __, made, index=index: decoded.update({index: len(made)}))
    model.loss(batch, torch.Generator().manual_seed(0), noise=fixed_noise)
    pair = terms_of([1, 1, 1])[4]
    assert decoded == {index: 6 * (2 + (index in pair)) for index in range(3)}
    model.loss(make_batch(absent=("audio", "video")), torch.Generator().manual_seed(0), noise=fixed_noise)
    assert decoded == {0: 6, 1: 0, 2: 0}


def test_rows_without_a_modality_are_those_of_a_model_without_it() -> None:
    whole = make_model()
    fewer = make_model({"text": 8, "audio": 5})
    for index in range(2):
        fewer.encoders[index].load_state_dict(whole.encoders[index].state_dict())
        fewer.decoders[index].load_state_dict(whole.decoders[index].state_dict())
    batch = make_batch(absent=("video",))
    known = Batch(
        {name: batch.features[name] for name in fewer.names}, {name: batch.present[name] for name in fewer.names},
        batch.affect, batch.lexicon, batch.category, batch.corpus,
    )  # fmt: skip
    torch.testing.assert_close(whole.loss(batch, noise=fixed_noise).total, fewer.loss(known, noise=fixed_noise).total)


@pytest.mark.parametrize("vad", [False, True])
def test_the_loss_does_not_depend_on_the_batch_size(vad: bool) -> None:
    model, batch = make_model(vad_modality=vad), make_batch()
    batch.present["video"][2:4] = False
    batch.affect[1, 1] = batch.affect[2] = NAN
    once = model.loss(batch, torch.Generator().manual_seed(0), noise=fixed_noise)
    thrice = model.loss(batch.take(torch.arange(6).repeat(3)), torch.Generator().manual_seed(0), noise=fixed_noise)
    torch.testing.assert_close(thrice.total, once.total)


def test_the_kl_is_warmed_up_linearly() -> None:
    model, batch = make_model(kl_warmup=0.5), make_batch()
    at = {
        progress: model.loss(batch, torch.Generator().manual_seed(0), progress=progress, noise=fixed_noise)
        for progress in (0.0, 0.25, 0.5, 1.0)
    }
    reconstruction, kl = at[0.0].terms["reconstruction"], at[0.0].terms["kl"]
    torch.testing.assert_close(at[0.0].total, reconstruction)
    torch.testing.assert_close(at[0.25].total, reconstruction + 0.5 * 0.7 * kl)
    torch.testing.assert_close(at[0.5].total, reconstruction + 0.7 * kl)
    torch.testing.assert_close(at[1.0].total, at[0.5].total)
    immediate = make_model(kl_warmup=0.0).loss(batch, torch.Generator().manual_seed(0), progress=0.0, noise=fixed_noise)
    torch.testing.assert_close(immediate.total, at[1.0].total)


def test_shared_is_the_posterior_given_one_modality_and_there_is_nothing_private() -> None:
    model, batch = make_model(), make_batch()
    with torch.no_grad():
        read = model.represent(batch.features, batch.present)
        assert read.private == {}
        for index, name in enumerate(WIDTHS):
            mean, log_variance = model.encoders[index](batch.features[name]).chunk(2, dim=1)
            precision = 1.0 + torch.exp(-log_variance)
            torch.testing.assert_close(read.shared[name].mean, mean * torch.exp(-log_variance) / precision)
            torch.testing.assert_close(read.shared[name].log_variance, -precision.log())


def test_affect_is_nan_until_the_read_out_is_fitted_and_then_linear_in_the_posterior_mean() -> None:
    model, batch = make_model(), make_batch(60)
    assert model.represent(batch.features, batch.present).fused.isnan().all()
    batch.present["audio"][:20] = False
    model.after_training(batch, batch)
    with torch.no_grad():
        read = model.represent(batch.features, batch.present)
        rows, there = model.rows(batch.features, batch.present)
        joint = model.encode(rows, there).mean
        weight, bias = model.readout_weight, model.readout_bias
    torch.testing.assert_close(read.fused, joint @ weight[-1] + bias[-1])
    torch.testing.assert_close(read.affect["audio"], read.shared["audio"].mean @ weight[1] + bias[1])


def test_a_modality_without_labelled_rows_takes_the_read_out_of_all() -> None:
    model, batch = make_model(), make_batch(60)
    batch.present["audio"][:40] = False
    batch.affect[40:] = NAN
    model.after_training(batch, batch)
    assert torch.equal(model.readout_weight[1], model.readout_weight[-1])
    assert torch.equal(model.readout_bias[1], model.readout_bias[-1])
    assert torch.equal(model.deviations[1], model.deviations[-1])
    assert not torch.equal(model.readout_weight[0], model.readout_weight[-1])


def test_vad_as_a_modality_is_one_more_expert_in_training_only() -> None:
    model, batch = make_model(vad_modality=True), make_batch()
    assert "readout_weight" not in dict(model.named_buffers())
    decoded: list[int] = []
    model.decoders[-1].register_forward_hook(lambda _, __, made: decoded.append(len(made)))
    batch.affect[:2] = NAN
    batch.affect[2, 0] = NAN
    model.loss(batch, torch.Generator().manual_seed(0), noise=fixed_noise)
    assert decoded[0] in (4 * 2, 4 * 3)  # all and alone, and the drawn subset where it has VAD
    shifted = make_batch()
    shifted.affect[2:] = batch.affect[2:] + 0.5
    shifted.affect[:2] = NAN
    with torch.no_grad():
        one, other = (
            model.loss(each, torch.Generator().manual_seed(0), noise=fixed_noise) for each in (batch, shifted)
        )
        assert one.total != other.total
        read = model.represent(batch.features, batch.present)
        rows, there = model.rows(batch.features, batch.present)
        torch.testing.assert_close(read.fused, model.decoders[-1](model.encode(rows, there).mean))


def test_an_unknown_axis_is_neither_encoded_nor_decoded() -> None:
    model, batch = make_model(vad_modality=True), make_batch()
    batch.affect[:, 2] = NAN
    model.loss(batch, torch.Generator().manual_seed(0), noise=fixed_noise).total.backward()
    assert model.decoders[-1][-1].bias.grad[2] == 0
    assert model.decoders[-1][-1].bias.grad[:2].abs().min() > 0
    assert model.encoders[-1][0].weight.grad[:, [2, 5]].abs().max() == 0  # its value and its mark


@pytest.mark.parametrize("latent", [3, 16, 32])
def test_latent_sizes(latent: int) -> None:
    model, batch = make_model(latent=latent), make_batch()
    assert model.represent(batch.features, batch.present).shared["text"].mean.shape == (6, latent)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"modalities": {"vad": 3}, "vad_modality": True}, "adds a modality 'vad', which exists"),
        ({"modalities": WIDTHS, "hidden": (0,)}, "greater than or equal to 1"),
        ({"modalities": WIDTHS, "latent": 0}, "greater than or equal to 1"),
        ({"modalities": WIDTHS, "kl_warmup": 2}, "less than or equal to 1"),
        ({"modalities": WIDTHS, "beta": 1}, "Extra inputs are not permitted"),
        ({"modalities": {}}, "at least 1"),
    ],
)
def test_impossible_configurations_are_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        MvaeConfig(**fields)
