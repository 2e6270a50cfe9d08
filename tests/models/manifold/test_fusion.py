"""Fusion of the modalities: calibrated deviations, and weights by regression for every subset."""

import math

import pytest
import torch

from affectspace.data.batches import Batch
from affectspace.models.manifold.fusion import Calibration
from affectspace.models.manifold.outputs import ModalityOutputs
from affectspace.models.manifold.stacking import Stacking

NAMES = ("text", "audio", "video")


def make_outputs(
    rows: int = 4000, shared: float = 0.0
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor], torch.Tensor]:
    """Three readings of a truth with errors of .1, .2, .4, each said to be known to .1; `shared` : sd of a common error."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(rows, 3, generator=generator)
    common = shared * torch.randn(rows, 3, generator=generator)
    affect = {
        name: truth + common + sd * torch.randn(rows, 3, generator=generator)
        for name, sd in zip(NAMES, (0.1, 0.2, 0.4), strict=True)
    }
    deviation = {name: torch.full((rows, 3), 0.1) for name in NAMES}
    present = {name: torch.ones(rows, dtype=torch.bool) for name in NAMES}
    return affect, deviation, present, truth


def test_each_modality_gets_the_size_of_its_error() -> None:
    affect, deviation, present, truth = make_outputs()
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, truth, torch.zeros(3))
    torch.testing.assert_close(calibration.modality.mean(dim=1), torch.tensor([0.1, 0.2, 0.4]), rtol=0.05, atol=0)
    torch.testing.assert_close(calibration.reference, torch.full((3, 3), 0.1))
    torch.testing.assert_close(calibration.fused, torch.ones(3, 3), rtol=0.05, atol=0)


def test_fused_deviations_are_right_though_errors_are_shared() -> None:
    affect, deviation, present, truth = make_outputs(shared=0.3)
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, truth, torch.zeros(3))
    assert (calibration.fused[1:] > 1.2).all()
    for number in (1, 3):
        there = {name: torch.full_like(each, index < number) for index, (name, each) in enumerate(present.items())}
        calibrated, fused, spread = calibration(ModalityOutputs(affect, deviation), there)
        squares = ((fused - truth) / spread).square().mean().sqrt()
        assert abs(squares.item() - 1) < 0.02
        if number == 1:
            torch.testing.assert_close(spread, calibrated["text"])


def test_absent_rows_and_missing_labels_do_not_count() -> None:
    affect, deviation, present, truth = make_outputs(200)
    expected = Calibration(NAMES, "precision")
    half = {kind: {n: v[:100] for n, v in each.items()} for kind, each in (("a", affect), ("d", deviation))}
    expected.fit(
        ModalityOutputs(half["a"], half["d"]), {n: v[:100] for n, v in present.items()}, truth[:100], torch.zeros(3)
    )
    truth[100:150] = math.nan
    for name in NAMES:
        present[name][150:] = False
        affect[name][150:] = math.nan
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, truth, torch.zeros(3))
    torch.testing.assert_close(calibration.modality, expected.modality)
    torch.testing.assert_close(calibration.fused, expected.fused)


def test_without_labels_several_modalities_know_no_more_than_one() -> None:
    affect, deviation, present, truth = make_outputs(50)
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, torch.full_like(truth, math.nan), torch.zeros(3))
    assert (calibration.modality == 1).all()
    _, _, spread = calibration(ModalityOutputs(affect, deviation), present)
    torch.testing.assert_close(spread, deviation["text"])


def test_a_row_without_any_modality_stays_unknown() -> None:
    affect, deviation, present, _ = make_outputs(2)
    for name in NAMES:
        present[name][1] = False
    _, fused, spread = Calibration(NAMES, "precision")(ModalityOutputs(affect, deviation), present)
    assert fused[0].isfinite().all()
    assert fused[1].isnan().all()
    assert spread[1].isnan().all()


Part = dict[str, torch.Tensor]


MIDDLE = torch.zeros(3)


def make_copies(rows: int = 3000) -> tuple[Part, Part, Part, torch.Tensor]:
    """Text is good, audio the same with more noise on top, video knows nothing."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(rows, 3, generator=generator)
    text = truth + 0.3 * torch.randn(rows, 3, generator=generator)
    audio = text + 0.5 * torch.randn(rows, 3, generator=generator)
    affect = {"text": text, "audio": audio, "video": 0.1 * torch.randn(rows, 3, generator=generator)}
    deviation = {name: torch.full((rows, 3), size) for name, size in zip(NAMES, (0.3, 0.58, 1.0), strict=True)}
    return affect, deviation, {name: torch.ones(rows, dtype=torch.bool) for name in NAMES}, truth


def fitted() -> tuple[Stacking, Part, Part, Part, torch.Tensor]:
    affect, deviation, present, truth = make_copies()
    stacking = Stacking(NAMES)
    stacking.fit(ModalityOutputs(affect, deviation), deviation, present, truth, MIDDLE)
    return stacking, affect, deviation, present, truth


def test_a_copy_with_noise_gets_no_weight() -> None:
    stacking, *_ = fitted()
    weight = stacking.weight[0b111].mean(dim=1)
    assert weight[0] > 0.85
    assert (weight[1:] < 0.05).all()


def test_every_subset_has_its_own_weights() -> None:
    stacking, affect, deviation, present, truth = fitted()
    for subset in (("audio",), ("audio", "video"), ("text", "video")):
        there = {name: torch.full_like(present[name], name in subset) for name in NAMES}
        fused, spread, _ = stacking(affect, deviation, there)
        assert abs(((fused - truth) / spread).square().mean().sqrt().item() - 1) < 0.05
        if len(subset) == 1:
            torch.testing.assert_close(fused, affect["audio"])
            torch.testing.assert_close(spread, deviation["audio"])
    assert stacking.weight[0b110, 1].mean() > 0.6


def test_fusion_is_at_least_as_good_as_the_best_modality() -> None:
    stacking, affect, deviation, present, truth = fitted()
    fused, *_ = stacking(affect, deviation, present)
    assert (fused - truth).square().mean() < (affect["text"] - truth).square().mean()


def test_the_mean_of_the_training_labels_is_fused_to_itself() -> None:
    affect, deviation, present, truth = make_copies()
    middle = torch.tensor([0.5, -1.0, 2.0])
    moved = {name: values + middle for name, values in affect.items()}
    stacking, at_zero = Stacking(NAMES), fitted()[0]
    stacking.fit(ModalityOutputs(moved, deviation), deviation, present, truth + middle, middle)
    torch.testing.assert_close(stacking.weight, at_zero.weight, atol=1e-4, rtol=0.0)
    at_middle = {name: middle.expand(2, 3) for name in NAMES}
    two = {name: values[:2] for name, values in present.items()}
    for without in (None, "video", "text"):
        there = {name: values & (name != without) for name, values in two.items()}
        fused, *_ = stacking(at_middle, {name: values[:2] for name, values in deviation.items()}, there)
        torch.testing.assert_close(fused, middle.expand(2, 3))


def test_validation_people_who_are_all_rated_higher_move_nothing() -> None:
    affect, deviation, present, truth = make_copies()
    shifted, plain = Stacking(NAMES), fitted()[0]
    shifted.fit(ModalityOutputs(affect, deviation), deviation, present, truth + 0.7, MIDDLE)
    assert (shifted.offset == 0).all()
    torch.testing.assert_close(shifted.weight[0b111], plain.weight[0b111], atol=0.05, rtol=0.0)
    assert (shifted.factor[0b111] > 1.5 * plain.factor[0b111]).all()  # the error shows in the width


def test_modalities_of_one_voice_keep_what_it_says() -> None:
    _, deviation, present, _ = make_copies()
    generator = torch.Generator().manual_seed(1)
    logits = {name: torch.randn(3000, 4, generator=generator) for name in ("text", "audio")}
    centres = torch.randn(4, 3, generator=generator)
    views = ModalityOutputs({name: torch.zeros(3000, 3) for name in NAMES}, deviation, logits, centres)
    there = {**present, "video": torch.zeros(3000, dtype=torch.bool)}
    together = views.affect_to_fuse(there)["text"]
    truth = 0.5 * together + 0.2 * torch.randn(3000, 3, generator=generator)
    stacking = Stacking(NAMES)
    stacking.fit(views, deviation, present, truth, MIDDLE)
    fused, spread, _ = stacking(views.affect_to_fuse(there), deviation, there)
    torch.testing.assert_close(fused, together)
    assert abs(((fused - truth) / spread).square().mean().sqrt().item() - 1) < 0.05
    assert views.share_emotions(["text", "audio"])
    assert not views.share_emotions(["text", "video"])


def test_absent_rows_and_unknown_labels_are_not_read() -> None:
    affect, deviation, present, truth = make_copies(400)
    expected = Stacking(NAMES)
    halves = [{name: values[:200] for name, values in part.items()} for part in (affect, deviation, present)]
    expected.fit(ModalityOutputs(halves[0], halves[1]), halves[1], halves[2], truth[:200], MIDDLE)
    truth[200:300] = math.nan
    for name in NAMES:
        present[name][300:] = False
        affect[name][300:] = math.nan
    stacking = Stacking(NAMES)
    stacking.fit(ModalityOutputs(affect, deviation), deviation, present, truth, MIDDLE)
    torch.testing.assert_close(stacking.weight, expected.weight)
    fused, spread, _ = stacking(affect, deviation, present)
    assert fused[:300].isfinite().all()
    assert fused[300:].isnan().all()
    assert spread[300:].isnan().all()


def test_without_labels_weights_are_by_variance() -> None:
    affect, deviation, present, truth = make_copies(10)
    stacking = Stacking(NAMES)
    stacking.fit(ModalityOutputs(affect, deviation), deviation, present, torch.full_like(truth, math.nan), MIDDLE)
    expected = torch.tensor([0.3, 0.58, 1.0]).square().reciprocal()
    torch.testing.assert_close(stacking.weight[0b111, :, 0], expected / expected.sum())
    assert (stacking.factor == 1).all()


def test_calibration_stacks_where_it_is_asked_to() -> None:
    affect, deviation, present, truth = make_copies()
    calibration = Calibration(NAMES, "stacked")
    calibration.fit(ModalityOutputs(affect, deviation), present, truth, MIDDLE)
    calibrated, fused, _ = calibration(ModalityOutputs(affect, deviation), present)
    expected, *_ = calibration.stacking(affect, calibrated, present)
    torch.testing.assert_close(fused, expected)


def test_slopes_are_what_validation_rows_confirm() -> None:
    """A perfect modality keeps its estimates, one that exaggerates twofold is halved, and a useless one says the mean."""
    random = torch.Generator().manual_seed(0)
    truth = torch.randn(2000, 3, generator=random)
    affect = {"right": truth, "twice": 2 * truth, "noise": torch.randn(2000, 3, generator=random)}
    there = torch.ones(2000, dtype=torch.bool)
    features = {name: torch.zeros(2000, 1) for name in affect}
    unknown = torch.full((2000, 3), torch.nan)
    batch = Batch(
        features, dict.fromkeys(affect, there), truth, unknown, torch.full((2000,), -1), torch.zeros(2000).long()
    )
    outputs = ModalityOutputs(affect, {name: torch.ones(2000, 3) for name in affect})
    calibration = Calibration(tuple(affect), "stacked")
    calibration.fit_slopes(lambda features, present: outputs, batch, truth, torch.zeros(3))
    right, twice, noise = calibration.slope
    assert torch.allclose(right, torch.ones(3), atol=0.02)
    assert torch.allclose(twice, torch.full((3,), 0.5), atol=0.01)
    assert noise.max() < 0.1
    shrunk = outputs.discounted(torch.zeros(3), calibration.slopes())
    assert torch.allclose(shrunk.affect["twice"], truth, atol=0.15)
    few = batch.take(slice(0, 20))
    calibration.fit_slopes(lambda features, present: outputs.take(torch.arange(20)), few, truth[:20], torch.zeros(3))
    assert torch.equal(calibration.slope, torch.ones(3, 3))


def test_a_distant_modality_counts_less_and_its_fusion_is_not_narrower_than_the_other_alone() -> None:
    affect, deviation, present, truth = make_outputs()
    near = {name: torch.ones(len(truth)) for name in NAMES}
    for method in ("stacked", "precision"):
        calibration = Calibration(NAMES, method)
        calibration.fit(ModalityOutputs(affect, deviation), present, truth, torch.zeros(3))
        two = {name: values & (name != "video") for name, values in present.items()}
        widths, errors = [], []
        for distance in (1.0, 1.2, 1.6, 3.0):
            moved = {**affect, "text": affect["text"] + (distance - 1.0)}  # the better one is wrong where it is far
            distances = {**near, "text": torch.full((len(truth),), distance)}
            outputs = ModalityOutputs(moved, deviation, {}, None, distances, torch.ones(3)).discounted(torch.zeros(3))
            _, fused, spread = calibration(outputs, two)
            widths.append(spread.mean().item())
            errors.append((fused - truth).square().mean().sqrt().item())
        assert min(widths) == widths[0]
        assert errors[-1] < 0.25  # little more than that of audio alone
        alone = {name: values & (name == "audio") for name, values in present.items()}
        assert widths[-1] > 0.9 * calibration(outputs, alone)[2].mean().item()


def test_emotions_of_a_distant_modality_count_less() -> None:
    logits = {"text": torch.tensor([[3.0, 0.0]]), "audio": torch.tensor([[0.0, 2.0]])}
    affect = {name: torch.zeros(1, 3) for name in logits}
    there = {name: torch.ones(1, dtype=torch.bool) for name in logits}
    centres = torch.tensor([[1.0] * 3, [-1.0] * 3])

    def fused(distance: float) -> float:
        distances = {"text": torch.tensor([distance]), "audio": torch.tensor([1.0])}
        outputs = ModalityOutputs(affect, affect, logits, centres, distances, torch.ones(3))
        return outputs.affect_to_fuse(there)["text"][0, 0].item()

    assert fused(1.0) == pytest.approx(math.tanh(0.5))  # both count in full
    assert fused(1.5) == pytest.approx(math.tanh(-0.25))  # text counts half
    assert fused(100.0) == pytest.approx(math.tanh(-1.0), abs=0.01)
