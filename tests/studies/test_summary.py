"""Sentences and key figures on top of a report: rules over the results, true for every run."""

import pytest

from affectspace.evaluation.results import Result, Results
from affectspace.report import Claim
from affectspace.studies.levasa.report import KEY_FIGURES as FACES
from affectspace.studies.levasa.report import emotion_sentence
from affectspace.studies.manifold.report import KEY_FIGURES as PEOPLE
from affectspace.studies.summary import beside, chance_of, correlation_sentence, key_figures, tally_sentence

UAR = {"experiment": "probes", "latent": "va", "metric": "uar", "n": 30}


def faces(ours: float, floor: float, low: float, high: float) -> Results:
    return Results(
        [
            Result(model="continuous", value=ours, **UAR),
            Result(model="majority", value=0.25, **UAR),
            Result(model="pca_96", value=floor, **UAR),
            Result(model="continuous", versus="pca_96", value=ours - floor, low=low, high=high, **UAR),
        ]
    )


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (0.1, 0.3, "LeVAsa is better."),
        (-0.3, -0.1, "LeVAsa is worse."),
        (-0.1, 0.1, "whether LeVAsa is better is not decided."),
    ],
)
def test_the_first_sentence_names_chance_and_the_strongest_floor(low: float, high: float, end: str) -> None:
    text = emotion_sentence(faces(0.62, 0.58, low, high), "continuous", "LeVAsa")
    assert "the right one of 4 emotions in 62 of 100 cases; guessing is right in 25" in text
    assert "the main components (PCA) of the pixels, in 58" in text
    assert text.endswith(end)


def test_the_sentences_change_with_the_results() -> None:
    first, second = (emotion_sentence(faces(ours, 0.3, 0.1, 0.2), "continuous", "LeVAsa") for ours in (0.5, 0.9))
    assert "50 of 100" in first
    assert "90 of 100" in second
    assert emotion_sentence(Results(), "continuous", "LeVAsa") == ""
    row = Result(experiment="e", task="axes", model="m", target="mean", metric="r", value=0.7)
    floor = Result(experiment="e", task="axes", model="ridge", target="mean", metric="r", value=0.6)
    results = Results([row, floor])
    text = correlation_sentence(results, row, "On rows")
    assert text.startswith(
        "On rows, predictions follow the truth with a correlation of 0.70 (1 is perfect, a guess has 0)"
    )
    assert text.endswith("ridge regression on the same input, has 0.60: whether the model is better was not measured.")
    assert correlation_sentence(results, None, "On rows") == ""


def test_every_key_figure_stands_beside_chance() -> None:
    """Where there is no chance level, the figure is a ratio, beside which stands the value of no difference."""
    for columns in (*FACES.values(), *PEOPLE.values()):
        rows = Results([Result(**columns, value=0.5, n=9)])
        if not columns.get("versus") and columns["metric"] == "top_10":
            rows.add(Result(**{**columns, "metric": "top_10_chance"}, value=0.1))
        if not columns.get("versus") and columns["metric"] == "uar":
            rows.add(Result(**{**columns, "model": "majority"}, value=0.2))
        (figure,) = key_figures(rows, {"label": columns})
        assert set(figure.beside) & {"chance", "no difference is"}, columns


def test_the_strongest_floor_stands_beside_a_figure() -> None:
    results = faces(0.6, 0.5, 0.0, 0.2)
    row = results.get(**{name: value for name, value in UAR.items() if name != "n"}, model="continuous")
    assert chance_of(results, row) == 0.25
    assert beside(results, row) == {"chance": 0.25, "the main components (PCA) of the pixels": 0.5}


def test_the_tally_tells_not_measured_from_not_decided() -> None:
    claims = [Claim("a", "held"), Claim("b", "not decided"), *[Claim("c", "not measured")] * 3]
    assert tally_sentence(claims) == (
        "Of 2 claims that this study can test, 1 holds, 0 do not, and 1 is not decided; 3 more cannot be tested here."
    )
    assert tally_sentence(claims[2:]) == ""
