"""Squared errors on new people: the ratio estimate from few validation people is less variable than their own mean."""

import math

import pytest
import torch

from affectspace.data.batches import Batch
from affectspace.models.new_people import FEW_PEOPLE, RATIO_PEOPLE, Control, NewPeople, mean_square, new_people

EACH, WIDTH = 20, 4


def make_people(people: range, seed: int) -> tuple[Batch, torch.Tensor]:
    """People of whom some are difficult; returns their rows and the noise of each row's labels."""
    random = torch.Generator().manual_seed(seed)
    person = torch.tensor(people).repeat_interleave(EACH)
    features = torch.randn(len(person), WIDTH, generator=random)
    noise = (0.2 + 0.6 * torch.rand(len(people), generator=random)).repeat_interleave(EACH)
    affect = features[:, :3] + noise[:, None] * torch.randn(len(person), 3, generator=random)
    nothing = torch.full((len(person), 3), math.nan)
    there, zero = torch.ones(len(person), dtype=torch.bool), torch.zeros(len(person)).long()
    return Batch({"text": features}, {"text": there}, affect, nothing, zero - 1, zero, person), noise


def estimates(people: int, seed: int) -> tuple[float, float]:
    """Estimate the squared error of a perfect model on new people: as ratio, and as mean of the validation people."""
    train, _ = make_people(range(10), seed)
    validation, _ = make_people(range(10, 10 + people), seed + 1000)
    errors = new_people(train, validation, (train.affect, validation.affect), lambda name, features: features)
    squares = (validation.affect - validation.features["text"][:, :3]).square()[:, 0].double()
    assert validation.person is not None
    estimated = errors.mean_square(squares, validation.person, ["text"], 0, squares)
    return float(estimated), float(squares.mean())


def test_few_people_give_less_variable_estimates() -> None:
    both = torch.tensor([estimates(3, seed) for seed in range(40)], dtype=torch.float64)
    expected = 0.2**2 + 0.2 * 0.6 + 0.6**2 / 3  # mean of the squared noise
    spread = both.log().std(dim=0)
    assert spread[0] < 0.75 * spread[1]
    assert both[:, 0].log().mean().exp().item() == pytest.approx(expected, rel=0.25)


def test_the_factor_is_a_shrunken_ratio() -> None:
    control = Control(torch.tensor([0.5]), torch.tensor([0.8]), 3)
    weight = 3 / (3 + RATIO_PEOPLE)
    expected = 0.8 * (0.25 / 0.5) ** weight
    assert (0.25 * control.factor(torch.tensor(0.25), 0)).item() == pytest.approx(expected)
    squares = torch.full((6,), 0.25)
    errors = NewPeople({frozenset(["text", "audio"]): control})
    named = errors.mean_square(2 * squares, None, ("audio", "text"), 0, squares)
    assert named.item() == pytest.approx(2 * expected)
    assert errors.mean_square(squares, None, ["text"], 0, squares).item() == pytest.approx(0.25)


def test_many_unknown_or_unlabelled_people_have_no_control() -> None:
    train, _ = make_people(range(10), 0)
    many, _ = make_people(range(10, 10 + FEW_PEOPLE), 1)
    few, _ = make_people(range(10, 12), 1)

    def controls(first: Batch, second: Batch) -> int:
        return len(new_people(first, second, (first.affect, second.affect), lambda _, features: features).controls)

    assert controls(train, few) == 1
    assert controls(train, many) == 0
    assert few.person is not None
    few.person.fill_(-1)
    assert controls(train, few) == 0
    few, _ = make_people(range(10, 12), 1)
    few.affect.fill_(math.nan)
    assert controls(train, few) == 0


def test_the_ridge_in_dual_form_is_scikit_learns() -> None:
    from sklearn.linear_model import Ridge

    from affectspace.models.new_people import _ridge

    train, _ = make_people(range(4), 0)
    other, _ = make_people(range(4, 6), 1)
    vectors, labels = train.features["text"].double(), train.affect.double()
    [found] = _ridge(vectors, labels, other.features["text"].double(), (3.0,))
    expected = Ridge(alpha=3.0).fit(vectors.numpy(), labels.numpy()).predict(other.features["text"].numpy())
    torch.testing.assert_close(found.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_a_mean_square_has_one_standard_error_of_people() -> None:
    squares = torch.ones(300)
    assert mean_square(squares, torch.zeros(300)).item() == pytest.approx(1.4)
