"""Curves, and the head as a turning ellipsoid: from points in head units to points on the canvas.

The unit is half the width of an average face; x points right and y down in the picture, z to the viewer; the origin is between
the eyes and the nose.
"""

from functools import lru_cache

import numpy as np

from affectspace.synthetic.faces.parameters import Identity, Pose

DEPTH = 0.72  # of the face's surface in front of the plane of the outline
SIDES = np.array([[[-1.0, 1.0]], [[1.0, 1.0]]])  # points (n, 2) * SIDES: both sides, (2, n, 2), left first
SCALE = 0.326  # half the width of an average face, as a share of the canvas' side

Points = list[tuple[float, float]]


@lru_cache(maxsize=64)
def _basis(n: int, per: int, closed: bool) -> np.ndarray:
    """Matrix of a uniform Catmull-Rom spline, from control points (n, d) to curve points."""
    t = np.arange(per)[:, None] / per
    weights = 0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    spans = n if closed else n - 1
    matrix = np.zeros((spans * per + (not closed), n))
    for span in range(spans):
        for k, column in enumerate(range(span - 1, span + 3)):
            column = column % n if closed else min(max(column, 0), n - 1)
            matrix[span * per : (span + 1) * per, column] += weights[:, k]
    if not closed:
        matrix[-1, -1] = 1.0
    matrix.setflags(write=False)
    return matrix


def mirror(points: Points) -> Points:
    """Return the points on the other side of the face, in the opposite order."""
    return [(-x, y) for x, y in reversed(points)]


def smooth(points: np.ndarray | Points, per: int = 6, closed: bool = True) -> np.ndarray:
    """Return smooth curves through control points (..., n, d), with `per` points in each span."""
    points = np.asarray(points, dtype=float)
    return _basis(points.shape[-2], per, closed) @ points


@lru_cache(maxsize=8)
def _circle(n: int) -> np.ndarray:
    t = np.arange(n) * (2 * np.pi / n)
    circle = np.column_stack([np.cos(t), np.sin(t)])
    circle.setflags(write=False)
    return circle


def ellipse(x: float, y: float, rx: float, ry: float, n: int = 24) -> np.ndarray:
    """Return points (n, 2) of an ellipse."""
    return _circle(n) * (rx, ry) + (x, y)


def ribbon(line: np.ndarray, widths: np.ndarray | float) -> np.ndarray:
    """Return the outlines (..., 2 n, 2) of brush strokes: polylines (..., n, 2) with a width at every point."""
    dx, dy = np.empty(line.shape[:-1]), np.empty(line.shape[:-1])
    for along, values in ((dx, line[..., 0]), (dy, line[..., 1])):
        along[..., 1:-1] = values[..., 2:] - values[..., :-2]
        along[..., 0], along[..., -1] = values[..., 1] - values[..., 0], values[..., -1] - values[..., -2]
    factor = 0.5 * widths / (np.sqrt(dx * dx + dy * dy) + 1e-9)
    across = np.stack([-dy * factor, dx * factor], axis=-1)
    return np.concatenate([line + across, (line - across)[..., ::-1, :]], axis=-2)


Stroke = tuple[np.ndarray, float, int]  # points (n, 2) on the face, height above it, opacity 0..255


class Head:
    """A turned head: the outline of the face, and the positions of its points on the canvas."""

    def __init__(self, person: Identity, pose: Pose, side: int, jaw_drop: float = 0.0) -> None:
        self.person, self.side = person, side
        yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)]])
        lean = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        self.scale = SCALE * side * pose.zoom
        self.centre = np.array([(0.5 + SCALE * pose.shift_x) * side, (0.505 + SCALE * pose.shift_y) * side])
        self._view = (lean @ nod @ turn).T * self.scale
        self._body = lean.T * self.scale
        self.yaw, self.pitch = float(yaw), float(pitch)
        self._outline(jaw_drop)

    def _outline(self, jaw_drop: float) -> None:
        w, length, jaw = self.person.width, self.person.length, self.person.jaw
        drop = 0.13 * jaw_drop
        right = [
            (0.36 * w, -1.27 * length),
            (0.70 * w, -1.05 * length),
            (0.92 * w, -0.62),
            (0.99 * w, -0.12),
            (0.965 * w, 0.30),
            (jaw * w, 0.70 * length + 0.5 * drop),
            (0.5 * (jaw + self.person.chin) * w + 0.03, 0.98 * length + drop),
            (self.person.chin * w * 0.72, 1.155 * length + drop),
        ]
        self.chin = 1.205 * length + drop
        self.outline = smooth([(0.0, -1.32 * length), *right, (0.0, self.chin), *mirror(right)], 4)

    def surface(self, points: np.ndarray | Points, lift: float | np.ndarray = 0.0) -> np.ndarray:
        """Return canvas points (..., 2) of points (..., 2) on the face, `lift` head units above its surface."""
        points = np.asarray(points, dtype=float)
        x, y = points[..., 0] / (1.12 * self.person.width), points[..., 1] / 1.5
        z = DEPTH * np.sqrt(np.maximum(1.0 - x * x - y * y, 0.0)) + lift
        return points @ self._view[:2] + z[..., None] * self._view[2] + self.centre

    def strokes(self, strokes: list[Stroke]) -> list[tuple[np.ndarray, int]]:
        """Return canvas points and opacities of strokes on the face, computed together."""
        lengths = [len(points) for points, _, _ in strokes]
        lifts = np.repeat([lift for _, lift, _ in strokes], lengths)
        placed = self.surface(np.concatenate([points for points, _, _ in strokes]), lifts)
        ends = np.cumsum(lengths).tolist()
        return [(placed[end - n : end], s[2]) for s, n, end in zip(strokes, lengths, ends, strict=True)]

    def plane(self, points: np.ndarray | Points, depth: float = 0.0) -> np.ndarray:
        """Return canvas points of points in the plane `depth` head units in front of the middle of the head."""
        return np.asarray(points, dtype=float) @ self._view[:2] + depth * self._view[2] + self.centre

    def contour(self, points: np.ndarray | Points | None = None, grow: float = 0.0) -> np.ndarray:
        """Return canvas points of points on the face's outline (default: all of it). The jaw is nearer than the skull."""
        points = self.outline if points is None else np.asarray(points, dtype=float)
        depth = 0.30 * np.clip(points[:, 1], 0.0, 1.2) + 0.05
        return points * (1.0 + grow) @ self._view[:2] + depth[:, None] * self._view[2] + self.centre

    def body(self, points: np.ndarray | Points) -> np.ndarray:
        """Return canvas points of neck and shoulders, which lean and move with the head but do not turn."""
        points = np.asarray(points, dtype=float)
        return points @ self._body + self.centre
