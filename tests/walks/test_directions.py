"""Directions: recovered where they are planted, read as asked, people told apart from expressions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa, LevasaConfig
from affectspace.walks import AffectDirections, fit_directions, move, walk

CHUNK = 4


def make_model(**fields: Any) -> Levasa:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,), chunk=CHUNK, **fields)).eval()


def planted(
    n: int = 4000, people: int = 20, noise: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes in which valence and arousal have one direction each, and people another that goes along with their valence."""
    random = np.random.default_rng(0)
    ways = random.normal(size=(2, 2 * CHUNK))
    person = np.arange(n) % people
    habit = random.normal(size=people)[person]
    affect = np.column_stack([0.3 * habit, np.zeros(n)]) + random.uniform(-0.6, 0.6, (n, 2))
    codes = random.normal(size=(n, 3 * CHUNK)) * noise
    codes[:, : 2 * CHUNK] += affect @ ways
    codes[:, 0] += 5 * habit
    return codes, affect, np.array([f"p{number}" for number in person]), ways


def test_planted_directions_are_found_within_people() -> None:
    codes, affect, people, ways = planted()
    result = fit_directions(codes[:, : 2 * CHUNK], affect, people)
    np.testing.assert_allclose(result.directions, ways, atol=0.05)
    confused = fit_directions(codes[:, : 2 * CHUNK], affect).directions  # without people their habits pass for valence
    assert abs(confused[0, 0] - ways[0, 0]) > 1


def test_the_reading_has_the_labels_mean_and_spread() -> None:
    codes, affect, people, _ = planted(noise=1.5)
    result = fit_directions(codes[:, : 2 * CHUNK], affect, people)
    reading = codes[:, : 2 * CHUNK] @ result.readout[:, :-1].T + result.readout[:, -1]
    np.testing.assert_allclose(reading.mean(axis=0), affect.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(reading.std(axis=0), affect.std(axis=0), rtol=1e-6)


def test_codes_read_as_asked_and_move_along_the_directions_only() -> None:
    codes, affect, people, _ = planted()
    model, result = make_model(), fit_directions(codes[:, : 2 * CHUNK], affect, people)
    start = torch.from_numpy(codes[:5]).float()
    asked = torch.tensor([[-0.8, 0.3], [0.8, 0.3], [0.0, 0.0], [0.5, -1.0], [1.0, 1.0]])
    moved, reached = move(model, start, result, asked[:, 0], asked[:, 1])
    torch.testing.assert_close(reached, asked, rtol=0, atol=1e-4)
    torch.testing.assert_close(result.readings(model, moved), reached)
    assert torch.equal(moved[:, 2 * CHUNK :], start[:, 2 * CHUNK :])
    gone = (moved - start)[:, : 2 * CHUNK].numpy()
    rest = gone - gone @ np.linalg.pinv(result.directions) @ result.directions
    assert np.abs(rest).max() < 1e-4


def test_one_axis_alone_goes_its_own_way() -> None:
    codes, affect, people, _ = planted()
    model, result = make_model(), fit_directions(codes[:, : 2 * CHUNK], affect, people)
    start = torch.from_numpy(codes[:3]).float()
    moved, reached = move(model, start, result, arousal=torch.full((3,), 0.4))
    np.testing.assert_allclose(reached[:, 1], 0.4, atol=1e-4)
    gone = (moved - start)[:, : 2 * CHUNK].numpy()
    cosine = gone @ result.directions[1] / np.linalg.norm(gone, axis=1) / np.linalg.norm(result.directions[1])
    np.testing.assert_allclose(np.abs(cosine), 1, atol=1e-4)
    assert torch.equal(move(model, start, result)[0], start)


def test_rows_without_labels_are_the_subset_without_them() -> None:
    codes, affect, people, _ = planted(400)
    missing = affect.copy()
    missing[::3, 1] = np.nan
    known = np.isfinite(missing).all(axis=1)
    expected = fit_directions(codes[known, : 2 * CHUNK], affect[known], people[known])
    np.testing.assert_allclose(fit_directions(codes[:, : 2 * CHUNK], missing, people).directions, expected.directions)


def test_one_image_a_person_tells_no_people() -> None:
    codes, affect, _, _ = planted(60)
    alone = fit_directions(codes[:, : 2 * CHUNK], affect, np.arange(60).astype(str))
    np.testing.assert_allclose(alone.directions, fit_directions(codes[:, : 2 * CHUNK], affect).directions)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"affect": np.zeros((400, 1))}, r"\(400, 1\) do not fit"),
        ({"affect": np.full((400, 2), np.nan)}, "0 of 400 codes have valence and arousal"),
        ({"affect": np.full((400, 2), 0.3)}, "do not vary independently"),
        ({"people": np.zeros(3)}, r"people have shape \(3,\) for 400 codes"),
        ({"codes": np.zeros((400, 12))}, "do not depend on valence"),
        ({"codes": np.full((400, 12), np.nan)}, "not finite"),
    ],
)
def test_what_tells_no_direction_is_refused(change: dict[str, Any], text: str) -> None:
    codes, affect, people, _ = planted(400)
    with pytest.raises(DataError, match=text):
        fit_directions(**{"codes": codes[:, : 2 * CHUNK], "affect": affect, "people": people, **change})


def test_stretched_walks_go_further_from_the_labels_mean_and_read_as_asked() -> None:
    codes, affect, people, _ = planted()
    model, result = make_model(), fit_directions(codes[:, : 2 * CHUNK], affect, people)
    start = torch.from_numpy(codes[:2]).float()
    centre, asked = torch.from_numpy(affect.mean(axis=0)).float(), torch.tensor([[0.5, -0.2], [-0.7, 0.1]])
    twice, reached = move(model, start, result.stretched(2.0), asked[:, 0], asked[:, 1])
    torch.testing.assert_close(reached, asked, rtol=0, atol=1e-4)
    torch.testing.assert_close(result.readings(model, twice), centre + 2 * (asked - centre), rtol=0, atol=1e-4)
    np.testing.assert_allclose(result.stretched(1.0).readout, result.readout)
    for strength in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(DataError, match="give a number above 0"):
            result.stretched(strength)


def test_they_are_saved_and_read(tmp_path: Path) -> None:
    codes, affect, people, _ = planted(400)
    result = fit_directions(codes[:, : 2 * CHUNK], affect, people)
    result.save(tmp_path / "directions.safetensors")
    again = AffectDirections.read(tmp_path / "directions.safetensors", result.directions.shape)
    assert np.array_equal(again.directions, result.directions)
    assert np.array_equal(again.readout, result.readout)
    assert np.array_equal(again.centre, result.centre)
    (tmp_path / "bad").write_bytes(b"no tensors")
    with pytest.raises(RunError, match=r"bad is damaged .* delete it"):
        AffectDirections.read(tmp_path / "bad", (2, 8))


def test_directions_of_another_chunk_are_refused() -> None:
    result = AffectDirections(np.ones((2, 6)), np.ones((2, 7)), np.zeros(2))
    with pytest.raises(DataError, match="6 dimensions, but z_v and z_a have 8"):
        move(make_model(), torch.zeros(1, 12), result, torch.zeros(1))


def test_a_walk_leaves_an_axis_that_is_nan_and_any_model_with_chunks_walks() -> None:
    codes, affect, people, _ = planted()
    result = fit_directions(codes[:, : 2 * CHUNK], affect, people)
    face = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for alignment, heads in (("continuous", True), ("none", False)):
        moved = walk(make_model(alignment=alignment), face, np.array([[-0.5, np.nan], [0.5, np.nan]]), result)
        np.testing.assert_allclose(moved.reached[:, 0], [-0.5, 0.5], atol=1e-4)
        assert moved.images.shape == (2, 32, 32, 3)
        assert np.isfinite(moved.heads).all() == heads
        assert moved.codes.shape == (2, 12)
        assert not moved.missed.any()
    with pytest.raises(DataError, match="the target valence is nan"):
        walk(make_model(), face, np.array([[np.nan, 0.0], [0.5, 0.0]]), result)


def test_each_axis_may_have_a_strength_of_its_own() -> None:
    directions = AffectDirections(np.eye(2), np.column_stack([np.eye(2), [0.0, 0.0]]), np.array([0.1, -0.2]))
    both, each = directions.stretched(2.0), directions.stretched((2.0, 1.0))
    np.testing.assert_array_equal(both.readout[0], each.readout[0])
    np.testing.assert_array_equal(directions.readout[1], each.readout[1])
    for wrong in (0.0, (1.0, -1.0), np.nan, (1.0, np.inf)):
        with pytest.raises(DataError, match=r"strength .*: give a number above 0"):
            directions.stretched(wrong)
