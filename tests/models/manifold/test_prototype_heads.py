"""Expectations over emotions, and several modalities that tell emotions apart with one voice."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from affectspace.configuration import nested
from affectspace.data.batches import Batch
from affectspace.models import Manifold, ManifoldConfig, training_statistics
from affectspace.models.manifold.networks import expected_affect, masked_log_softmax
from affectspace.models.manifold.outputs import ModalityOutputs

CENTRES = torch.tensor([[1.0, 0.0, 0.5], [-1.0, 0.5, 0.0], [math.nan, math.nan, math.nan], [0.0, -1.0, 0.2]])


def test_the_expectation_lies_among_the_centres_that_are_known() -> None:
    sure = torch.tensor([[50.0, 0.0, 90.0, 0.0]])
    torch.testing.assert_close(expected_affect(sure, CENTRES), CENTRES[:1])
    even = expected_affect(torch.zeros(1, 4), CENTRES)
    torch.testing.assert_close(even, CENTRES[[0, 1, 3]].mean(dim=0, keepdim=True))
    assert masked_log_softmax(torch.zeros(1, 4), CENTRES).exp()[0, 2] == 0


def views(rows: int = 6) -> ModalityOutputs:
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(rows, 4, generator=generator) for name in ("audio", "video")}
    log_emotion = {name: masked_log_softmax(values, CENTRES) for name, values in logits.items()}
    affect = {name: expected_affect(values, CENTRES) for name, values in log_emotion.items()}
    affect["text"] = torch.randn(rows, 3, generator=generator)
    return ModalityOutputs(affect, {name: torch.ones(rows, 3) for name in affect}, log_emotion, CENTRES)


def test_experts_multiply_and_speak_with_one_voice() -> None:
    outputs = views()
    everywhere = {name: torch.ones(6, dtype=torch.bool) for name in outputs.affect}
    agreed = outputs.affect_to_fuse(everywhere)
    product = torch.stack([values.exp() for values in outputs.log_emotion.values()]).prod(dim=0)
    product = product / product.sum(dim=1, keepdim=True)
    by_hand = product @ CENTRES.nan_to_num(0.0)
    torch.testing.assert_close(agreed["audio"], by_hand)
    torch.testing.assert_close(agreed["video"], by_hand)
    torch.testing.assert_close(agreed["text"], outputs.affect["text"])


def test_an_expert_alone_is_itself_and_an_absent_one_says_nothing() -> None:
    outputs = views()
    there = {name: torch.ones(6, dtype=torch.bool) for name in outputs.affect}
    there["video"] = torch.tensor([True, False, True, False, True, False])
    agreed = outputs.affect_to_fuse(there)
    torch.testing.assert_close(agreed["audio"][1::2], outputs.affect["audio"][1::2])
    assert not torch.allclose(agreed["audio"][::2], outputs.affect["audio"][::2])
    one = ModalityOutputs(outputs.affect, outputs.deviation, {"audio": outputs.log_emotion["audio"]}, CENTRES)
    assert one.affect_to_fuse(there) is one.affect


def test_pieces_come_together_in_order() -> None:
    outputs = views()
    again = ModalityOutputs.concatenated([outputs.take(torch.arange(2)), outputs.take(torch.arange(2, 6))])
    for name in outputs.affect:
        torch.testing.assert_close(again.affect[name], outputs.affect[name])
    torch.testing.assert_close(again.log_emotion["audio"], outputs.log_emotion["audio"])


def emotional(rows: int = 240) -> Batch:
    """Two modalities that both show the emotion, and a text that does not."""
    generator = torch.Generator().manual_seed(1)
    category = torch.randint(0, 3, (rows,), generator=generator)
    centres = CENTRES[[0, 1, 3]]
    shown = torch.nn.functional.one_hot(category, 3).float()
    features = {
        name: 2.0 * shown @ torch.randn(3, 6, generator=generator) + torch.randn(rows, 6, generator=generator)
        for name in ("audio", "video")
    }
    features["text"] = torch.randn(rows, 4, generator=generator)
    present = {name: torch.ones(rows, dtype=torch.bool) for name in features}
    present["video"][::5] = False
    nothing = torch.full((rows, 3), math.nan)
    return Batch(features, present, centres[category], nothing, category, torch.zeros(rows, dtype=torch.long))


def config(**fields: Any) -> ManifoldConfig:
    return ManifoldConfig(
        **nested({
            "modalities": {"audio": 6, "video": 6, "text": 4}, "categories": ("joy", "rage", "calm"),
            "encoder.hidden": (8,),
            "encoder.skip.kind": "linear", "private.size": 3, "prototypes.heads": ("audio", "video"),
            "prototypes.weight": 1.0, **fields,
        })
    )  # fmt: skip


def trained(batch: Batch, **fields: Any) -> Manifold:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Manifold(config(**fields))
    model.prepare(training_statistics(batch, model.config))
    optimizer, generator = torch.optim.Adam(model.parameters(), 0.01), torch.Generator().manual_seed(0)
    for step in range(100):
        optimizer.zero_grad()
        model.loss(batch, generator, progress=step / 100).total.backward()
        optimizer.step()
    model.after_training(batch, batch)
    return model.eval()


def test_heads_with_prototypes_learn_emotions_and_agree_better_than_alone() -> None:
    batch = emotional()
    model = trained(batch)
    outputs = model.represent(batch.features, batch.present)
    both = batch.present["video"]

    def error(guess: torch.Tensor) -> float:
        return (guess[both] - batch.affect[both]).square().mean().item()

    assert error(outputs.fused) < min(error(outputs.affect["audio"]), error(outputs.affect["video"]))
    assert error(outputs.fused) < 0.3 * batch.affect.var(dim=0).mean().item()
    assert (outputs.affect["audio"].max(dim=0).values <= 1.0001).all()  # inside the hull of the centres


def test_the_joint_cross_entropy_is_the_summed_experts() -> None:
    batch = emotional(30)
    model = Manifold(config(reduction="default", uncertainty="constant", **{"encoder.dropout": 0, "inputs.dropout": 0}))
    model.prepare(training_statistics(batch, model.config))
    torch.nn.init.normal_(model.encoders["audio"].skip.weight)  # type: ignore[union-attr, arg-type]
    torch.nn.init.normal_(model.encoders["video"].skip.weight)  # type: ignore[union-attr, arg-type]
    model.eval()
    typical = {name: torch.ones(len(batch)) for name in batch.present}
    outputs = model.modality_outputs(model.encode_present(batch.features, batch.present), typical)
    truth = torch.nn.functional.one_hot(batch.category, 3).bool()
    both = batch.present["video"]
    audio, video = outputs.log_emotion["audio"], outputs.log_emotion["video"]
    together = -(audio + video).log_softmax(dim=1)[truth][both]
    standard = model.standard_affect(outputs.affect["text"])
    text = -model.prototypes(standard).log_softmax(dim=1)[truth]
    expected = torch.cat([-audio[truth], -video[truth][both], text, together]).mean()
    torch.testing.assert_close(model.loss(batch).terms["prototypes"], expected, rtol=1e-5, atol=1e-5)


def test_prototype_heads_need_emotions_and_known_modalities() -> None:
    with pytest.raises(ValidationError, match="needs at least two names in `categories`"):
        config(categories=(), **{"prototypes.weight": 0.0})
    with pytest.raises(ValidationError, match=r"prototypes\.heads names 'smell'"):
        config(**{"prototypes.heads": ("smell",)})


def test_modalities_that_are_not_shown_have_no_word() -> None:
    outputs = views()
    assert outputs.affect_to_fuse({"text": torch.ones(len(outputs.affect["text"]), dtype=torch.bool)}) is outputs.affect
