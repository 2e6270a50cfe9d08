"""What is taken from the training rows, from these only, and the messages where it cannot be."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from affectspace.configuration import nested
from affectspace.data.batches import Batch
from affectspace.errors import DataError
from affectspace.models import ManifoldConfig, MvaeConfig, training_statistics
from affectspace.models.statistics import PENALTIES, check_features, fit_ridge

NAN = math.nan
WIDTHS = {"text": 6, "audio": 4}


def make_config(**fields: Any) -> ManifoldConfig:
    return ManifoldConfig(
        **nested(
            {
                "modalities": WIDTHS,
                "categories": ("a", "b", "c"),
                "corpora": ("x", "y"),
                "encoder.skip.kind": "ridge",
                **fields,
            }
        )
    )


def make_rows(rows: int = 120, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    affect = 0.3 * torch.randn(rows, 3, generator=generator)
    corpus = (torch.arange(rows) % 3 == 0).long()
    affect[corpus == 1] *= 0.4
    features = {
        name: 5 + 2 * torch.randn(rows, width, generator=generator) + 4 * affect @ torch.ones(3, width)
        for name, width in WIDTHS.items()
    }
    present = {name: torch.rand(rows, generator=generator) > 0.2 for name in WIDTHS}
    category = torch.randint(-1, 3, (rows,), generator=generator)
    return Batch(features, present, affect, affect + 0.1, category, corpus)


def test_moments_are_of_the_present_rows() -> None:
    batch = make_rows()
    batch.features["audio"][~batch.present["audio"]] = NAN
    statistics = training_statistics(batch, make_config())
    rows = batch.features["audio"][batch.present["audio"]]
    torch.testing.assert_close(statistics.spaces["audio"].mean, rows.mean(dim=0))
    torch.testing.assert_close(statistics.spaces["audio"].scale, rows.std(dim=0, correction=0))
    torch.testing.assert_close(statistics.lexicon_mean, batch.lexicon.mean(dim=0))
    assert statistics.category_count.tolist() == [(batch.category == index).sum().item() for index in range(3)]


@pytest.mark.parametrize("value", [0.0, 1e-8, 123456.7])
def test_a_constant_dimension_has_scale_one(value: float) -> None:
    batch = make_rows()
    batch.features["text"][:, 2] = value
    assert training_statistics(batch, make_config()).spaces["text"].scale[2] == 1.0


def test_centres_are_in_the_units_of_the_latent() -> None:
    batch = make_rows()
    raw = training_statistics(batch, make_config(**{"anchors.link": "none"}))
    torch.testing.assert_close(raw.centres[1], batch.affect[batch.category == 1].mean(dim=0))
    linked = training_statistics(batch, make_config())
    assert linked.pooled is not None
    pooled = linked.pooled.pool(batch.affect, batch.corpus)
    torch.testing.assert_close(linked.centres[1], pooled[batch.category == 1].mean(dim=0))
    torch.testing.assert_close(linked.pooled_covariance, torch.cov(pooled.T), rtol=0.02, atol=1e-3)


def test_an_emotion_without_labels_has_no_centre() -> None:
    batch = make_rows()
    batch.affect[batch.category == 2] = NAN
    assert training_statistics(batch, make_config()).centres[2].isnan().all()


def test_the_ridge_is_scikit_learns() -> None:
    batch = make_rows()
    statistics = training_statistics(batch, make_config(**{"encoder.skip.penalty": 0.5, "anchors.link": "none"}))
    pooled, rows = statistics.pooled, batch.present["text"]
    assert pooled is not None
    features = statistics.spaces["text"].standardise(batch.features["text"][rows])
    target = (batch.affect[rows] - pooled.mean) / pooled.deviation
    expected = Ridge(alpha=0.5 * int(rows.sum())).fit(features.double().numpy(), target.double().numpy())
    weights = statistics.ridge["text"]
    torch.testing.assert_close(weights[:, :-1], torch.from_numpy(expected.coef_).float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights[:, -1], torch.from_numpy(expected.intercept_).float(), rtol=1e-4, atol=1e-5)


def test_validation_chooses_the_ridges_penalty() -> None:
    batch, other = make_rows(), make_rows(seed=1)
    chosen = training_statistics(batch, make_config(), other).ridge["text"]
    shrunk = make_rows(seed=1)
    shrunk.affect[torch.randperm(120, generator=torch.Generator().manual_seed(0))] = shrunk.affect.clone()
    careful = training_statistics(batch, make_config(), shrunk).ridge["text"]
    assert careful[:, :-1].abs().sum() < 0.7 * chosen[:, :-1].abs().sum()


def test_an_axis_without_labels_has_no_ridge() -> None:
    batch = make_rows()
    batch.affect[:, 1] = NAN
    statistics = training_statistics(batch, make_config(**{"private.erasure": "both"}))
    assert (statistics.ridge["text"][1] == 0).all()
    assert (statistics.ridge["text"][0] != 0).any()
    assert statistics.pooled_covariance.isfinite().all()


@pytest.mark.parametrize(("erasure", "rank"), [("emotion", 3), ("affect", 3), ("both", 6)])
def test_erasure_is_of_what_is_asked(erasure: str, rank: int) -> None:
    batch, config = make_rows(), make_config(**{"private.erasure": erasure, "anchors.link": "none"})
    statistics = training_statistics(batch, config)
    rows = batch.present["text"]
    features = statistics.spaces["text"].standardise(batch.features["text"][rows])
    erased = statistics.erasure["text"](features)
    assert statistics.erasure["text"].reading.shape[1] == rank == config.erased
    affect, category = batch.affect[rows], batch.category[rows]
    if erasure != "emotion":
        across = (erased - erased.mean(dim=0)).T @ (affect - affect.mean(dim=0)) / len(erased)
        assert across.abs().max() < 1e-5
    if erasure != "affect":
        means = torch.stack([erased[category == index].mean(dim=0) for index in range(3)])
        assert (means - means.mean(dim=0)).abs().max() < 1e-3


def test_other_models_get_what_is_theirs() -> None:
    statistics = training_statistics(make_rows(), MvaeConfig(modalities=WIDTHS, corpora=("x", "y")))
    assert not statistics.ridge
    assert not statistics.erasure
    assert statistics.centres.shape == (0, 3)


def test_features_that_are_not_finite_are_named() -> None:
    batch = make_rows()
    batch.present["audio"][[3, 7]] = True
    batch.features["audio"][3, 1], batch.features["audio"][7, 0] = NAN, math.inf
    with pytest.raises(DataError, match=r"'audio'.*2 of \d+ present rows \(rows 3, 7; dimension 1 of row 3 is nan\)"):
        training_statistics(batch, make_config())


def test_another_width_is_named() -> None:
    batch = make_rows()
    with pytest.raises(DataError, match=r"'text'.*\(120, 6\).*needs \(120, 9\)"):
        check_features(batch.features, batch.present, {"text": 9, "audio": 4})


def test_a_modality_that_is_never_present_is_named() -> None:
    batch = make_rows()
    batch.present["audio"][:] = False
    with pytest.raises(DataError, match="no training row has the modality 'audio'"):
        training_statistics(batch, make_config())


def test_labels_that_are_all_missing_are_an_error_only_where_they_are_needed() -> None:
    batch = make_rows()
    batch.affect[:] = NAN
    with pytest.raises(DataError, match=r"anchors\.weight"):
        training_statistics(batch, make_config())
    statistics = training_statistics(batch, make_config(**{"anchors.weight": 0.0}))
    assert statistics.ridge["text"].abs().sum() == 0


def test_a_corpus_or_an_emotion_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(DataError, match="a row has corpus 1, the model knows 1: x"):
        training_statistics(make_rows(), make_config(corpora=("x",)))
    with pytest.raises(DataError, match="a row has category 2, the model knows 2: a, b"):
        training_statistics(make_rows(), make_config(categories=("a", "b")))


def ridge_data(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, 5, generator=generator) + 1.0
    noise = torch.randn(rows, 2, generator=generator)
    return codes, torch.stack([codes[:, 0] - codes[:, 1], 0.1 * codes[:, 2]], dim=1) + torch.tensor([0.1, 3.0]) * noise


def test_it_is_ridge_with_the_penalty_that_validation_chooses() -> None:
    (codes, labels), (checked, checked_labels) = ridge_data(80, 0), ridge_data(60, 1)
    weight, bias = fit_ridge(codes, labels, (checked, checked_labels))
    chosen = []
    for axis in range(2):
        models = [Ridge(alpha=penalty).fit(codes.numpy(), labels[:, axis].numpy()) for penalty in PENALTIES]
        errors = [np.mean((model.predict(checked.numpy()) - checked_labels[:, axis].numpy()) ** 2) for model in models]
        chosen.append(int(np.argmin(errors)))
        np.testing.assert_allclose(weight[:, axis].numpy(), models[chosen[-1]].coef_, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(bias[axis].item(), models[chosen[-1]].intercept_, rtol=1e-4)
    assert PENALTIES[chosen[0]] < PENALTIES[chosen[1]]  # the noisy axis is shrunk more


def test_unknown_labels_are_left_out_and_an_axis_without_any_is_nan() -> None:
    (codes, labels), (checked, checked_labels) = ridge_data(80, 0), ridge_data(60, 1)
    labels[::2, 0], labels[:, 1] = torch.nan, torch.nan
    weight, bias = fit_ridge(codes, labels, (checked, checked_labels))
    alone, offset = fit_ridge(codes[1::2], labels[1::2, :1], (checked, checked_labels[:, :1]))
    torch.testing.assert_close(weight[:, :1], alone)
    torch.testing.assert_close(bias[:1], offset)
    assert bias[1].isnan()


def test_without_validation_the_penalty_is_fixed() -> None:
    codes, labels = ridge_data(80, 0)
    weight, _ = fit_ridge(codes, labels, default=3.0)
    expected = Ridge(alpha=3.0).fit(codes.numpy(), labels.numpy()).coef_.T
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_constant_codes_give_the_mean() -> None:
    _, labels = ridge_data(30, 0)
    weight, bias = fit_ridge(torch.ones(30, 3), labels, (torch.ones(9, 3), labels[:9]))
    torch.testing.assert_close(torch.ones(1, 3).double() @ weight + bias, labels.double().mean(dim=0, keepdim=True))
