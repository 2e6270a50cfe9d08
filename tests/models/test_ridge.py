"""Ridge in closed form against scikit-learn, and its choice of a penalty."""

import numpy as np
import torch
from sklearn.linear_model import Ridge

from affectspace.models.ridge import PENALTIES, UNCHECKED, fit_ridge


def data(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, 5, generator=generator) + 1.0
    noise = torch.randn(rows, 2, generator=generator)
    return codes, torch.stack([codes[:, 0] - codes[:, 1], 0.1 * codes[:, 2]], dim=1) + torch.tensor([0.1, 3.0]) * noise


def test_it_is_ridge_with_the_penalty_that_validation_chooses() -> None:
    (codes, labels), (checked, checked_labels) = data(80, 0), data(60, 1)
    weight, bias = fit_ridge(codes, labels, checked, checked_labels)
    chosen = []
    for axis in range(2):
        models = [Ridge(alpha=penalty).fit(codes.numpy(), labels[:, axis].numpy()) for penalty in PENALTIES]
        errors = [np.mean((model.predict(checked.numpy()) - checked_labels[:, axis].numpy()) ** 2) for model in models]
        chosen.append(int(np.argmin(errors)))
        np.testing.assert_allclose(weight[:, axis].numpy(), models[chosen[-1]].coef_, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(bias[axis].item(), models[chosen[-1]].intercept_, rtol=1e-4)
    assert PENALTIES[chosen[0]] < PENALTIES[chosen[1]]  # the noisy axis is shrunk more


def test_unknown_labels_are_left_out_and_an_axis_without_any_is_nan() -> None:
    (codes, labels), (checked, checked_labels) = data(80, 0), data(60, 1)
    labels[::2, 0], labels[:, 1] = torch.nan, torch.nan
    weight, bias = fit_ridge(codes, labels, checked, checked_labels)
    alone, offset = fit_ridge(codes[1::2], labels[1::2, :1], checked, checked_labels[:, :1])
    torch.testing.assert_close(weight[:, :1], alone)
    torch.testing.assert_close(bias[:1], offset)
    assert bias[1].isnan()


def test_without_validation_the_penalty_is_fixed() -> None:
    codes, labels = data(80, 0)
    weight, _ = fit_ridge(codes, labels, codes[:0], labels[:0])
    expected = Ridge(alpha=UNCHECKED).fit(codes.numpy(), labels.numpy()).coef_.T
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_constant_codes_give_the_mean() -> None:
    _, labels = data(30, 0)
    weight, bias = fit_ridge(torch.ones(30, 3), labels, torch.ones(9, 3), labels[:9])
    torch.testing.assert_close(torch.ones(1, 3).double() @ weight + bias, labels.double().mean(dim=0, keepdim=True))
