"""Factors of the standard deviations: right on average, alone and fused, and what happens without labels."""

import math

import torch

from affectspace.models.manifold.fusion import Calibration, ModalityOutputs

NAMES = ("text", "audio", "video")


def views(
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
    affect, deviation, present, truth = views()
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, truth, torch.zeros(3))
    torch.testing.assert_close(calibration.modality.mean(dim=1), torch.tensor([1.0, 2.0, 4.0]), rtol=0.05, atol=0)
    torch.testing.assert_close(calibration.fused, torch.ones(3, 3), rtol=0.05, atol=0)


def test_fused_deviations_are_right_though_errors_are_shared() -> None:
    affect, deviation, present, truth = views(shared=0.3)
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
    affect, deviation, present, truth = views(200)
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
    affect, deviation, present, truth = views(50)
    calibration = Calibration(NAMES, "precision")
    calibration.fit(ModalityOutputs(affect, deviation), present, torch.full_like(truth, math.nan), torch.zeros(3))
    assert (calibration.modality == 1).all()
    _, _, spread = calibration(ModalityOutputs(affect, deviation), present)
    torch.testing.assert_close(spread, deviation["text"])


def test_a_row_without_any_modality_stays_unknown() -> None:
    affect, deviation, present, _ = views(2)
    for name in NAMES:
        present[name][1] = False
    _, fused, spread = Calibration(NAMES, "precision")(ModalityOutputs(affect, deviation), present)
    assert fused[0].isfinite().all()
    assert fused[1].isnan().all()
    assert spread[1].isnan().all()
