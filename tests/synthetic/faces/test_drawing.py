"""The expression follows valence and arousal; identity, pose, light and place do not."""

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError
from affectspace.synthetic import faces
from affectspace.synthetic.faces import (
    BEARDS,
    GLASSES,
    HAIR_STYLES,
    NUISANCE,
    FaceParameters,
    Light,
    Pose,
    expression,
    face_sheet,
    identity,
    render_face,
    sample_parameters,
    valence_arousal_grid,
)
from affectspace.synthetic.faces.eyes import brow_of, eye_of
from affectspace.synthetic.faces.features import mouth_of
from affectspace.synthetic.faces.geometry import Head, ribbon, smooth
from affectspace.synthetic.faces.sampling import nuisance

AXIS = np.linspace(-1, 1, 41)
CENTRES = {
    "neutral": (-0.063, -0.020),
    "happiness": (0.664, 0.070),
    "sadness": (-0.637, -0.257),
    "anger": (-0.453, 0.567),
    "fear": (-0.126, 0.766),
    "disgust": (-0.694, 0.457),
    "surprise": (0.180, 0.689),
}
UNIT = st.floats(-1, 1)


@pytest.mark.parametrize("person", range(5))
@pytest.mark.parametrize("other", [-1.0, -0.4, 0.0, 0.5, 1.0])
def test_mouth_curvature_rises_with_valence_and_eye_opening_with_arousal(person: int, other: float) -> None:
    who = identity(person)
    curvature = [expression(v, other).mouth_curve for v in AXIS]
    drawn = [mouth_of(who, expression(v, other)) for v in AXIS]
    corners = [mouth.outer_upper[0, 1] for mouth in drawn]
    opening = [eye_of(who, expression(other, a), 1).opening for a in AXIS]
    assert np.all(np.diff(curvature) > 0)
    assert np.all(np.diff(corners) < 0), "corners go up in the picture"
    assert np.all(np.diff(opening) > 0)
    assert min(opening) > 0, "lids do not cross"
    assert drawn[-1].curvature > 0 > drawn[0].curvature


def test_the_expression_is_smooth() -> None:
    step = 1e-3
    for v, a in itertools.product(np.linspace(-0.99, 0.99, 23), repeat=2):
        here, right, up = expression(v, a), expression(v + step, a), expression(v, a + step)
        for field in fields(here):
            for there in (right, up):
                assert abs(getattr(there, field.name) - getattr(here, field.name)) < 8 * step, (field.name, v, a)


def test_emotions_look_like_themselves() -> None:
    at = {emotion: expression(*centre) for emotion, centre in CENTRES.items()}

    def most(name: str) -> str:
        return max(at, key=lambda emotion: getattr(at[emotion], name))

    assert most("mouth_curve") == most("cheek") == "happiness"
    assert most("gaze_down") == "sadness"
    assert at["sadness"].brow_inner > 0.5
    assert min(at, key=lambda e: at[e].brow_inner) == "anger"
    assert most("nose_wrinkle") == most("upper_lip") == "disgust"
    assert most("brow_raise") == most("mouth_open") == "surprise"
    assert at["fear"].brow_inner > 0.5
    assert at["fear"].mouth_width > 1 > at["surprise"].mouth_width
    assert abs(at["neutral"].mouth_curve) < 0.1
    assert at["neutral"].mouth_open < 0.1


def test_dominance_lowers_the_brows_and_none_is_zero() -> None:
    assert expression(0.1, 0.2, None) == expression(0.1, 0.2, 0.0)
    who = identity(1)
    heights = [brow_of(who, expression(0, 0, d), 1)[:, 1].mean() for d in (-1, 0, 1)]
    assert heights == sorted(heights)


def test_a_picture_is_a_function_of_its_parameters() -> None:
    face = sample_parameters(0.4, -0.2, person="a", session="b", frame=3, seed=5)
    picture = render_face(face, 64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20
    assert np.array_equal(picture, render_face(face, 64))
    assert not np.array_equal(picture, render_face(face.at(-0.4, 0.6), 64))


def test_affect_moves_the_face_and_not_the_place() -> None:
    face = FaceParameters(identity=identity(0), pose=Pose())
    moved = np.abs(render_face(face.at(0.9, 0.0), 64).astype(int) - render_face(face.at(-0.9, 0.0), 64)).sum(axis=2)
    assert moved[:, :4].max() == 0
    assert moved[:, -4:].max() == 0
    mouth = moved[38:56, 18:46].mean()
    assert mouth > 5 * moved[:12].mean()


def test_hair_styles_beards_and_glasses_differ() -> None:
    looks = [{"beard": beard} for beard in BEARDS] + [{"glasses": glasses} for glasses in GLASSES[1:]]
    pictures = {
        render_face(FaceParameters(identity=replace(identity(3), **{"hair_style": style} | look)), 32).tobytes()
        for style in HAIR_STYLES
        for look in looks
    }
    assert len(pictures) == len(HAIR_STYLES) * len(looks)


def test_people_are_diverse() -> None:
    crowd = [identity(k) for k in range(300)]
    assert {p.hair_style for p in crowd} == set(HAIR_STYLES)
    assert {p.beard for p in crowd} == set(BEARDS)
    assert {p.glasses for p in crowd} == set(GLASSES)
    assert np.ptp([p.tone for p in crowd]) > 0.9
    assert len(set(crowd)) == 300
    assert identity("7") == identity(7)


def test_nuisance_does_not_follow_affect() -> None:
    labels = faces.invented_labels(2000, 400, seed=1)
    faces_drawn = [
        sample_parameters(r.valence, r.arousal, person=r.person, session=r.session) for r in labels.itertuples()
    ]
    truth = np.array([list(nuisance(face).values()) for face in faces_drawn])
    affect = labels[["valence", "arousal"]].to_numpy()
    r = np.corrcoef(np.hstack([truth, affect]).T)[: len(NUISANCE), len(NUISANCE) :]
    assert np.abs(r).max() < 4.5 / np.sqrt(2000)
    other = [sample_parameters(-r.valence, 0.0, person=r.person, session=r.session) for r in labels[:50].itertuples()]
    assert np.array_equal(np.array([list(nuisance(face).values()) for face in other]), truth[:50])


def test_a_clip_drifts_smoothly_and_keeps_its_person() -> None:
    frames = [sample_parameters(0, 0, person="p", session="c", frame=t, seed=2) for t in range(120)]
    assert len({(f.identity, f.light, f.background) for f in frames}) == 1
    yaw = np.array([f.pose.yaw for f in frames])
    assert 0 < np.abs(np.diff(yaw)).max() < 1.0
    assert frames[0].pose != sample_parameters(0, 0, person="p", session="d", seed=2).pose
    assert frames[0].identity == sample_parameters(0, 0, person="p", session="d", seed=2).identity
    assert frames[0].identity != sample_parameters(0, 0, person="p", session="c", seed=3).identity


def test_turning_moves_the_nose_to_that_side() -> None:
    nose = [[0.0, 0.3]]
    left, middle, right = (Head(identity(0), Pose(yaw=yaw), 200).surface(nose)[0] for yaw in (-20, 0, 20))
    assert left[0] < middle[0] < right[0]
    up = Head(identity(0), Pose(pitch=10), 200).surface(nose)[0]
    assert up[1] < middle[1]


def test_light_from_a_side_lights_that_side() -> None:
    face = FaceParameters(identity=identity(2))
    left, right = (render_face(replace(face, light=Light(x=x, y=0.0, contrast=1.0)), 64).astype(float) for x in (-1, 1))
    cheek = np.s_[30:44, 16:24]
    assert left[cheek].mean() > right[cheek].mean() + 15
    dim, bright = (render_face(replace(face, light=Light(exposure=e)), 64).mean() for e in (-1, 1))
    assert bright > 1.15 * dim


@settings(max_examples=25, deadline=None)
@given(
    v=UNIT, a=UNIT, d=st.none() | UNIT, person=st.integers(0, 500), frame=st.integers(0, 5000), size=st.integers(16, 80)
)
def test_anything_can_be_drawn(v: float, a: float, d: float | None, person: int, frame: int, size: int) -> None:
    picture = render_face(sample_parameters(v, a, dominance=d, person=person, session=frame, frame=frame), size)
    assert picture.shape == (size, size, 3)
    assert picture.std() > 5


def test_extreme_poses_are_drawn() -> None:
    for pose in (Pose(yaw=45), Pose(pitch=-30), Pose(roll=90), Pose(shift_x=4.0), Pose(zoom=2.5), Pose(zoom=0.2)):
        assert render_face(FaceParameters(pose=pose), 32).shape == (32, 32, 3)


def test_a_spline_goes_through_its_points_and_a_ribbon_has_its_width() -> None:
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [4.0, 4.0]])
    assert np.allclose(smooth(points, 5, closed=False)[::5], points)
    assert np.allclose(smooth(points, 5)[::5], points)
    line = np.column_stack([np.linspace(0, 1, 9), np.zeros(9)])
    stroke = ribbon(line, 0.2)
    assert np.allclose(np.abs(stroke[:, 1]), 0.1)
    assert np.allclose(ribbon(np.stack([line, line + 1]), 0.2)[1], stroke + 1)


def test_sheets() -> None:
    grid = valence_arousal_grid(1, steps=3, size=32)
    assert grid.shape == (96, 96, 3)
    assert face_sheet(2, 3, 32).shape == (64, 96, 3)
    with pytest.raises(ConfigError, match="at least two"):
        valence_arousal_grid(1, steps=1)


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"valence must be on \[-1, 1\], got 1.2"):
        FaceParameters(valence=1.2)
    with pytest.raises(ValueError, match="arousal"):
        FaceParameters(arousal=float("nan"))
    with pytest.raises(ValueError, match=r"16\.\.1024 pixels, got 4"):
        render_face(FaceParameters(), 4)
    with pytest.raises(AttributeError, match="attribute nothing"):
        faces.nothing  # noqa: B018
