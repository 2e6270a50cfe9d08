"""Walks: closed forms with linear heads, what stays, what is reached, and what the pictures may change."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa, LevasaConfig
from affectspace.walks import WalkGeometry, fit_geometry, fit_readout, move, walk, walk_grid, walk_path

CHUNK = 6
SMALL = {"image_size": 32, "width": 4, "hidden": (16,), "chunk": CHUNK, "head_inputs": None}


def make_model(**fields: Any) -> Levasa:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Levasa(LevasaConfig(**{**SMALL, **fields})).eval()


def make_codes(rows: int = 300, chunk: int = CHUNK) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(rows, 3 * chunk)) @ random.normal(size=(3 * chunk, 3 * chunk)) * 0.4


def start_codes(rows: int = 4, dtype: torch.dtype = torch.float64, chunk: int = CHUNK) -> Tensor:
    return torch.from_numpy(make_codes(chunk=chunk)[:rows]).to(dtype)


def asked(rows: int, value: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.full((rows,), value, dtype=dtype)


def make_face() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_with_linear_heads_it_is_the_least_mahalanobis_move() -> None:
    model = make_model(head="linear").double()
    geometry, code = fit_geometry(model, make_codes()), start_codes(1)
    moved, reached = move(model, code, geometry, asked(1, 0.4))
    assert reached[0, 0].item() == pytest.approx(0.4, abs=1e-3)
    weight = model.heads["valence"].weight[0].detach().numpy()
    sigma, start = geometry.covariance[0], code[0, :CHUNK].numpy()
    gap = reached[0, 0].item() - model.read_affect(code)[0, 0].item()
    closed = start + sigma @ weight * gap / (weight @ sigma @ weight)
    np.testing.assert_allclose(moved[0, :CHUNK].numpy(), closed, atol=1e-9)
    inverse = np.linalg.inv(sigma)
    result = minimize(
        lambda step: step @ inverse @ step,
        np.zeros(CHUNK),
        jac=lambda step: 2 * inverse @ step,
        constraints={"type": "eq", "fun": lambda step: weight @ step - gap, "jac": lambda step: weight},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(closed - start, result.x, atol=1e-4)


@pytest.mark.parametrize("head", ["mlp", "linear", "identity"])
@pytest.mark.parametrize("alignment", ["continuous", "discrete"])
def test_each_axis_moves_in_its_own_chunk(alignment: Any, head: Any) -> None:
    model = make_model(alignment=alignment, head=head, chunk=24).double()
    geometry, code = fit_geometry(model, make_codes(chunk=24)), start_codes(chunk=24) * 0.1
    before = model.read_affect(code).detach()
    moved, reached = move(model, code, geometry, valence=before[:, 0] + 0.05)
    assert torch.equal(moved[:, 24:], code[:, 24:])
    assert not torch.equal(moved[:, :24], code[:, :24])
    torch.testing.assert_close(reached[:, 0], before[:, 0] + 0.05, rtol=0, atol=1e-3)
    torch.testing.assert_close(reached[:, 1], before[:, 1])
    moved, _ = move(model, code, geometry, arousal=before[:, 1] - 0.05)
    assert torch.equal(moved[:, :24], code[:, :24])
    assert torch.equal(moved[:, 48:], code[:, 48:])


def test_mlp_and_discrete_heads_reach_what_they_can() -> None:
    for alignment in ("continuous", "discrete"):
        model = make_model(alignment=alignment).double()
        for head in model.heads.values():  # as steep as trained heads are
            head[-1].weight.data.mul_(8)
        geometry = fit_geometry(model, make_codes())
        reading = model.read_affect(torch.from_numpy(make_codes())).detach()
        low, high = reading.quantile(0.2, dim=0), reading.quantile(0.8, dim=0)
        for values in (low, high):
            values = values.clamp(-1, 1)
            _, reached = move(model, start_codes(), geometry, *values[:, None].expand(2, 4))
            torch.testing.assert_close(reached, values.expand(4, 2), rtol=0, atol=1e-3)


def test_what_is_read_already_does_not_move() -> None:
    model = make_model().double()
    geometry, code = fit_geometry(model, make_codes()), start_codes()
    before = model.read_affect(code).detach()
    moved, reached = move(model, code, geometry, before[:, 0], before[:, 1])
    assert torch.equal(moved, code)
    assert torch.equal(reached, before)
    assert torch.equal(move(model, code, geometry)[0], code)


def test_what_cannot_be_reached_is_approached_and_told() -> None:
    model = make_model(alignment="discrete", head="linear", level_low=-2, level_high=2).double()
    geometry, code = fit_geometry(model, make_codes()), start_codes()
    before = model.read_affect(code).detach()
    moved, reached = move(model, code, geometry, asked(4, 1.0), asked(4, -1.0))
    assert torch.isfinite(moved).all()
    assert (reached[:, 0] > before[:, 0]).all()
    assert (reached[:, 0] < 0.2).all()  # the highest level is .2
    assert (reached[:, 1] < before[:, 1]).all()
    torch.testing.assert_close(reached, model.read_affect(moved).detach())


def test_a_dead_head_moves_nothing() -> None:
    model = make_model(head="linear").double()
    nn.init.zeros_(model.heads["valence"].weight)
    code = start_codes()
    moved, reached = move(model, code, fit_geometry(model, make_codes()), asked(4, 0.5))
    assert torch.equal(moved, code)
    assert torch.equal(reached[:, 0], model.heads["valence"].bias.detach().expand(4))


def test_a_batch_is_its_rows() -> None:
    model = make_model().double()
    geometry, code = fit_geometry(model, make_codes()), start_codes()
    values = torch.tensor([-0.5, 0.0, 0.1, 0.9], dtype=torch.float64)
    together, _ = move(model, code, geometry, values, values.flip(0))
    for row in range(4):
        alone, _ = move(model, code[row : row + 1], geometry, values[row : row + 1], values.flip(0)[row : row + 1])
        torch.testing.assert_close(together[row], alone[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_gradient_leaks_and_the_type_stays(dtype: torch.dtype) -> None:
    model = make_model().to(dtype)
    geometry, code = fit_geometry(model, make_codes()), start_codes(dtype=dtype).requires_grad_()
    kept = code.detach().clone()
    with torch.inference_mode():
        inside, _ = move(model, kept, geometry, asked(4, 0.3, dtype))
    moved, reached = move(model, code, geometry, asked(4, 0.3, dtype))
    torch.testing.assert_close(inside, moved)
    assert moved.dtype == reached.dtype == dtype
    assert not moved.requires_grad
    assert not reached.requires_grad
    assert code.grad is None
    assert torch.equal(code.detach(), kept)
    assert all(weight.grad is None for weight in model.parameters())


def test_a_vanilla_model_walks_by_its_readout() -> None:
    model = make_model(alignment="none").double()
    codes = make_codes()
    weights = np.random.default_rng(3).normal(size=(2, CHUNK))
    affect = np.tanh(np.stack([codes[:, :CHUNK] @ weights[0], codes[:, CHUNK : 2 * CHUNK] @ weights[1]], axis=1))
    geometry = fit_geometry(model, codes, fit_readout(codes[:, : 2 * CHUNK], affect))
    _, reached = move(model, start_codes(), geometry, asked(4, -0.2), asked(4, 0.6))
    torch.testing.assert_close(reached, torch.tensor([[-0.2, 0.6]] * 4, dtype=torch.float64), rtol=0, atol=1e-3)


def test_a_readout_goes_before_the_heads() -> None:
    model = make_model(head="linear").double()
    readout = np.zeros((2, CHUNK + 1))
    readout[0, 0] = readout[1, 1] = 1.0
    geometry, code = fit_geometry(model, make_codes(), readout), start_codes()
    expected = torch.stack([code[:, 0], code[:, CHUNK + 1]], dim=1)
    torch.testing.assert_close(geometry.readings(model, code), expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.tensor([0.0, 1.2, 0.0, 0.0]), r"the target valence is 1\.2; valence and arousal lie on \[-1, 1\]"),
        (torch.tensor([0.0, torch.nan, 0.0, 0.0]), "the target valence is nan"),
        (torch.tensor([0.0]), r"valence has shape \(1,\) for 4 codes"),
    ],
)
def test_impossible_values_are_refused(value: Tensor, text: str) -> None:
    model = make_model().double()
    with pytest.raises(DataError, match=text):
        move(model, start_codes(), fit_geometry(model, make_codes()), value)


def test_codes_of_another_width_are_refused() -> None:
    model = make_model()
    with pytest.raises(DataError, match=r"\(2, 5\); give \(batch, 18\)"):
        move(model, torch.zeros(2, 5), fit_geometry(model, make_codes()))


class Painter(nn.Module):
    """A linear decoder: red is painted by z_v, green by z_a, blue by z_z."""

    def forward(self, code: Tensor) -> Tensor:
        colours = 0.5 + 0.05 * torch.stack([part.mean(dim=1) for part in code.split(CHUNK, dim=1)], dim=1)
        return colours[:, :, None, None].expand(-1, -1, 32, 32)


def painted() -> tuple[Levasa, WalkGeometry]:
    model = make_model(head="identity")
    model.decoder = Painter()  # type: ignore[assignment]
    return model, fit_geometry(model, make_codes())


def test_a_grid_changes_only_what_it_should() -> None:
    model, geometry = painted()
    valences, arousals = [-0.8, 0.0, 0.8], [-0.6, 0.6]
    grid = walk_grid(model, make_face(), valences, arousals, geometry)
    assert grid.shape == (2, 3, 32, 32, 3)
    assert grid.dtype == np.uint8
    corner = grid[:, :, 0, 0].astype(int)
    expected = np.round(255 * (0.5 + 0.05 * np.array(valences)))
    assert np.abs(corner[..., 0] - expected).max() <= 1  # columns: valence, in the order given
    expected = np.round(255 * (0.5 + 0.05 * np.array(arousals)))[:, None]
    assert np.abs(corner[..., 1] - expected).max() <= 1  # rows: arousal, row 0 the first given
    assert np.ptp(corner[..., 2]) == 0  # z_z stays
    assert np.array_equal(walk_grid(model, make_face(), valences[::-1], arousals, geometry), grid[:, ::-1])


def test_walks_of_many_points_go_in_batches() -> None:
    model, geometry = painted()
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (150, 2))
    result = walk(model, make_face(), points, geometry)
    assert result.images.shape == (150, 32, 32, 3)
    np.testing.assert_allclose(result.reached, points, atol=1e-3)
    assert not result.missed.any()
    alone = walk(model, make_face(), points[149:], geometry)
    assert np.array_equal(alone.images[0], result.images[149])


def test_a_path_passes_its_corners() -> None:
    model, geometry = painted()
    result = walk_path(model, make_face(), np.array([[0.0, 0.0], [0.4, 0.0], [0.4, -0.4]]), geometry, steps=2)
    np.testing.assert_allclose(result.targets, [[0, 0], [0.2, 0], [0.4, 0], [0.4, -0.2], [0.4, -0.4]], atol=1e-12)
    assert result.images.shape == (5, 32, 32, 3)
    with pytest.raises(DataError, match="at least two corners"):
        walk_path(model, make_face(), np.zeros((1, 2)), geometry)


def test_missed_points_are_told() -> None:
    model = make_model(alignment="discrete", level_low=-2, level_high=2)
    result = walk(model, make_face(), np.array([[1.0, 0.0]]), fit_geometry(model, make_codes()))
    assert result.missed.tolist() == [[True, False]]


def test_impossible_walks_are_refused() -> None:
    model, geometry = painted()
    with pytest.raises(DataError, match=r"\(16, 16, 3\) of uint8; give \(32, 32, 3\)"):
        walk(model, make_face()[:16, :16], np.zeros((1, 2)), geometry)
    with pytest.raises(DataError, match=r"give \(n, 2\)"):
        walk(model, make_face(), np.zeros(2), geometry)
    with pytest.raises(RunError, match=r"call model\.eval"):
        walk(model.train(), make_face(), np.zeros((1, 2)), geometry)
