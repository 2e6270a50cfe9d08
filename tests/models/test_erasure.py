"""Linear erasure: what is erased, that little else changes, and degenerate cases."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from affectspace.models.erasure import fit_erasure


def emotional_features(rows: int = 600, width: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    emotion = torch.randint(0, 4, (rows,), generator=generator)
    one_hot = torch.nn.functional.one_hot(emotion, 4).double()
    shift = torch.randn(4, width, generator=generator).double()
    mixing = torch.randn(width, width, generator=generator).double()
    return (torch.randn(rows, width, generator=generator).double() @ mixing + one_hot @ shift).float(), one_hot, emotion


def covariance(features: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
    around = features.double() - features.double().mean(dim=0)
    return around.T @ (concepts - concepts.mean(dim=0)) / (len(features) - 1)


def test_a_linear_probe_finds_nothing_any_more() -> None:
    features, one_hot, emotion = emotional_features()
    erased = fit_erasure(features, one_hot, 4)(features)
    assert covariance(erased, one_hot).abs().max() < 1e-5 < 0.1 < covariance(features, one_hot).abs().max()
    probe = LogisticRegression(max_iter=2000)
    before = probe.fit(features.numpy(), emotion.numpy()).score(features.numpy(), emotion.numpy())
    after = probe.fit(erased.numpy(), emotion.numpy()).score(erased.numpy(), emotion.numpy())
    majority = np.bincount(emotion.numpy()).max() / len(emotion)
    assert before > majority + 0.2
    assert after <= majority + 0.01


def test_only_as_many_directions_change_as_the_concept_has() -> None:
    features, one_hot, _ = emotional_features()
    change = fit_erasure(features, one_hot, 4)(features) - features
    assert torch.linalg.matrix_rank(change - change.mean(dim=0), rtol=1e-4) == 3


def test_one_erasure_after_another_keeps_both() -> None:
    features, one_hot, _ = emotional_features()
    affect = torch.stack([features[:, 0] + features[:, 1], features[:, 2], features[:, 3]], dim=1).double()
    first = fit_erasure(features, one_hot, 4)
    second = fit_erasure(first(features), affect, 3)
    both = first.then(second)
    torch.testing.assert_close(both(features), second(first(features)), rtol=1e-4, atol=1e-4)
    assert both.reading.shape == (12, 7)
    for concept in (one_hot, affect):
        assert covariance(both(features), concept).abs().max() < 1e-3


def test_more_dimensions_than_rows() -> None:
    features, one_hot, _ = emotional_features(rows=30, width=50)
    erased = fit_erasure(features, one_hot, 4)(features)
    assert erased.isfinite().all()
    assert covariance(erased, one_hot).abs().max() < 1e-4


@pytest.mark.parametrize("rows", [0, 1])
def test_without_rows_nothing_is_erased(rows: int) -> None:
    features, one_hot, _ = emotional_features(rows=8)
    erasure = fit_erasure(features[:rows], one_hot[:rows], 4)
    assert torch.equal(erasure(features), features)


def test_a_concept_that_is_constant_erases_nothing() -> None:
    features, one_hot, _ = emotional_features(rows=40)
    torch.testing.assert_close(fit_erasure(features, torch.ones_like(one_hot), 4)(features), features)
