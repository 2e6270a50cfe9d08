"""How a code is set for an asked valence or arousal: along labelled directions, or to the nearest that the heads read so.

With `AffectDirections` a code moves in z_v and z_a in one go, see there. With `WalkGeometry` each axis moves in its own chunk.
A chunk has many dimensions and the asked value is one number, so that many codes would do. We take the nearest, where
near is measured as the training codes vary: with h the model's reading of an axis (any head; discrete heads read their
mean level), g its gradient and Sigma the covariance of that chunk over the training codes, a code z moves to

    z' = z + Sigma g (asked - h(z)) / (g' Sigma g).

Where h is linear this is the least Mahalanobis move that reaches the asked value, in one go. Where it is not, the step
is repeated from where it came to (damped Gauss-Newton). z_z stays either way.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from affectspace.errors import DataError
from affectspace.models import Levasa
from affectspace.walks.directions import AffectDirections
from affectspace.walks.geometry import AXES, WalkGeometry

Geometry = WalkGeometry | AffectDirections

TOLERANCE = 1e-3  # of the reached against the asked value
STEPS = 20
LONGEST = 1.0  # Mahalanobis length of one step at most: 20 standard deviations in all
HALVINGS = 6


def move(
    model: Levasa,
    code: Tensor,
    geometry: Geometry,
    valence: Tensor | None = None,
    arousal: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Codes that read as the asked values, and what they read as.

    code : (batch, 3 * chunk); valence, arousal : (batch,) on [-1, 1], None to leave an axis as it is
    returns : codes (batch, 3 * chunk), detached, and readings (batch, 2); a value that cannot be reached is approached

    Raises DataError where an asked value is not on [-1, 1], its number is not the codes', or the geometry is of another chunk.
    """
    if code.ndim != 2 or code.shape[1] != model.latent:
        raise DataError(f"codes have shape {tuple(code.shape)}; give (batch, {model.latent})")
    whole = code.detach().clone()
    asked = torch.stack([_asked(whole, *item) for item in zip(AXES, (valence, arousal), strict=True)], dim=1)
    if isinstance(geometry, AffectDirections):
        moved = _along(whole, asked, geometry, 2 * model.config.chunk)
    else:
        moved = _nearest(model, whole, asked, geometry)
    with torch.no_grad():
        return moved, read(model, moved, geometry)


def read(model: Levasa, code: Tensor, geometry: Geometry) -> Tensor:
    """Valence and arousal of codes, (batch, 2): by the geometry's read-out where it has one, else by the heads."""
    if geometry.readout is None:
        return model.read_affect(code)
    readout = torch.as_tensor(geometry.readout, dtype=code.dtype, device=code.device)
    weights, intercept = readout[:, :-1], readout[:, -1]
    if isinstance(geometry, AffectDirections):
        return code[:, : 2 * model.config.chunk] @ weights.T + intercept
    parts = torch.stack(model.chunks(code)[:2], dim=1)
    return (parts * weights).sum(dim=2) + intercept


def _along(code: Tensor, asked: Tensor, geometry: AffectDirections, width: int) -> Tensor:
    """Codes moved along the directions until both readings, or the one that is asked, are as asked."""
    if geometry.directions.shape[1] != width:
        raise DataError(f"the directions are of {geometry.directions.shape[1]} dimensions, z_v and z_a have {width}")
    # in double precision, so that what was asked is what is read
    readout = torch.as_tensor(geometry.readout, dtype=torch.float64, device=code.device)
    directions = torch.as_tensor(geometry.directions, dtype=torch.float64, device=code.device)
    gains = torch.as_tensor(geometry.gains, dtype=torch.float64, device=code.device)
    parts = code[:, :width].double()
    gap = asked.double() - (parts @ readout[:, :-1].T + readout[:, -1])
    both = torch.linalg.solve(gains, gap.nan_to_num().T).T
    alone = gap.nan_to_num() / gains.diagonal()
    amount = torch.where(asked.isnan().any(dim=1, keepdim=True), alone, both)
    return torch.cat([(parts + amount @ directions).to(code.dtype), code[:, width:]], dim=1)


def _nearest(model: Levasa, code: Tensor, asked: Tensor, geometry: WalkGeometry) -> Tensor:
    """Codes moved to the nearest that read as asked, each axis in its own chunk."""
    with torch.inference_mode(False), torch.enable_grad():
        sigma = torch.as_tensor(geometry.covariance, dtype=code.dtype, device=code.device)
        rest = code[:, 2 * model.config.chunk :]

        def join(parts: Tensor) -> Tensor:
            return torch.cat([parts.flatten(1), rest], dim=1)

        parts = torch.stack(model.chunks(code)[:2], dim=1)  # (batch, axis, chunk)
        for _ in range(STEPS):
            parts = parts.detach().requires_grad_()
            reading = read(model, join(parts), geometry)
            gap = torch.where(asked.isnan(), torch.zeros_like(asked), asked - reading.detach())
            if bool((gap.abs() < TOLERANCE).all()):
                break
            # an axis is read off its own chunk only, so that the gradient of the sum holds both axes' gradients
            (gradient,) = torch.autograd.grad(reading.sum(), parts)
            with torch.no_grad():
                step = _step(gap, gradient, sigma)
                share = _share(lambda at: read(model, join(at), geometry), parts, step, asked, gap)
                parts = parts + share[..., None] * step
            if not bool(share.any()):
                break
        return join(parts.detach())


def _asked(code: Tensor, axis: str, values: Tensor | None) -> Tensor:
    """(batch,) of the code's type; NaN stands for an axis to leave as it is."""
    if values is None:
        return torch.full_like(code[:, 0], torch.nan)
    values = torch.as_tensor(values, dtype=code.dtype, device=code.device).detach()
    if values.shape != code.shape[:1]:
        raise DataError(f"{axis} has shape {tuple(values.shape)} for {len(code)} codes; give one value a code")
    wrong = ~(values.abs() <= 1)
    if bool(wrong.any()):
        raise DataError(f"{axis} {float(values[wrong][0]):g} was asked; valence and arousal lie on [-1, 1]")
    return values.clone()


def _step(gap: Tensor, gradient: Tensor, sigma: Tensor) -> Tensor:
    """Sigma g gap / (g' Sigma g) of each row and axis, (batch, 2, chunk), of Mahalanobis length LONGEST at most."""
    push = torch.einsum("aij,baj->bai", sigma, gradient)
    variance = (gradient * push).sum(dim=2)
    length = gap.abs() / variance.sqrt()
    scale = gap / variance * (LONGEST / length.clamp(min=LONGEST))
    return torch.where(variance > 0, scale, torch.zeros_like(scale))[..., None] * push


def _share(reader: Callable[[Tensor], Tensor], parts: Tensor, step: Tensor, asked: Tensor, gap: Tensor) -> Tensor:
    """How much of the step to go, (batch, 2): 1, 1/2, 1/4, ..., the first that comes nearer; 0 where none does."""
    share = torch.zeros_like(gap)
    open_ = gap.abs() >= TOLERANCE
    for halvings in range(HALVINGS + 1):
        trial = torch.where(open_, torch.full_like(gap, 0.5**halvings), share)
        nearer = (asked - reader(parts + trial[..., None] * step)).abs() < gap.abs()
        share = torch.where(open_ & nearer, trial, share)
        open_ = open_ & ~nearer
        if not bool(open_.any()):
            break
    return share
