"""The supervised ceiling."""

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from affectspace.data.batches import ImageBatch
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa, LevasaConfig

NAMES = ("neutral", "happiness", "anger")


def make_classifier() -> EmotionClassifier:
    return EmotionClassifier(ClassifierConfig(image_size=32, width=4, hidden=(16,), categories=NAMES)).eval()


def make_batch(category: list[int]) -> ImageBatch:
    image = torch.rand(len(category), 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return ImageBatch(image, torch.full((len(category), 2), torch.nan), torch.tensor(category))


def test_the_loss_is_the_cross_entropy_of_the_rows_with_an_emotion() -> None:
    model, batch = make_classifier(), make_batch([0, -1, 2, 1])
    terms = model.loss(batch)
    rows = [0, 2, 3]
    torch.testing.assert_close(terms.total, F.cross_entropy(model(batch.image)[rows], batch.category[rows]))
    assert terms.terms == {"cross_entropy": terms.total}


def test_without_any_emotion_the_loss_is_zero() -> None:
    terms = make_classifier().loss(make_batch([-1, -1]))
    assert terms.total == 0
    terms.total.backward()


def test_its_encoder_is_that_of_levasa() -> None:
    ours = make_classifier().encoder.state_dict()
    theirs = Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,))).encoder.state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


def test_one_category_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 2 items"):
        ClassifierConfig(categories=("neutral",))
