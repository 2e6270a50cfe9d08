"""Which licence is the strictest, and which licences a run has."""

import itertools

import pytest

from affectspace.prediction.licences import licences_of, strictest

FROM_STRICT = [
    "research only; ask its owners", "CC BY-NC-SA 4.0", "CC BY-SA 4.0", "see the model's card", "Apache-2.0",
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FROM_STRICT, 2)))
def test_order(one: str, other: str) -> None:
    assert strictest([one, other]) == strictest([other, "", one]) == one


@pytest.mark.parametrize(
    "licence", ["free for research", "signed agreement with its owner", "CC BY-NC 4.0", "non-commercial"]
)
def test_stricter_than_share_alike(licence: str) -> None:
    assert strictest(["GPL-3.0", licence, "ODbL 1.0", "MIT"]) == licence


def test_none() -> None:
    assert strictest([]) == strictest([""]) == ""


def test_a_run() -> None:
    facts = {
        "corpora": {"a": {"licence": "CC BY-SA 4.0"}, "b": {}},
        "modalities": {"text": {"licence": "MIT"}, "units": None},
    }
    assert licences_of(facts) == {"a": "CC BY-SA 4.0", "backbone of text": "MIT"}
    assert licences_of({"licence": "research only"}) == {"corpus": "research only"}
    assert licences_of({}) == {}
