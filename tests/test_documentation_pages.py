"""Links between the pages lead somewhere, the index and the reference are complete, and results become a page."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from affectspace.configuration import Configuration
from affectspace.data.configuration import DataConfig
from affectspace.evaluation.results import Result, Results
from affectspace.models import MODELS
from affectspace.training.configuration import FeatureFitConfig, ImageFitConfig

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """The links of a page, without those to the web, that lead to no file or no heading."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not link.startswith("http") and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_recognised(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#none) [c](none.md) [d](https://example.org)\n")
    assert broken_links(page) == ["#none", "none.md"]


def test_the_navigation_of_the_site_names_every_page() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    made = {page for page in listed if page.startswith(("project/", "notebooks/"))}
    assert set(listed) - made == pages
    assert len(listed) == len(set(listed))


def test_the_architecture_names_the_tree() -> None:
    text, source = (ROOT / "ARCHITECTURE.md").read_text("utf-8"), ROOT / "src" / "affectspace"
    places = {place.name + "/" * place.is_dir() for place in source.iterdir()} - {"__pycache__/", "py.typed"}
    assert [name for name in sorted(places) if not name.startswith("__") and f"`{name}`" not in text] == []
    for file, name in re.findall(r"`([a-z_/]+/[a-z_]+\.py)(?:: ([A-Za-z_.]+))?`", text):
        path = source / file if (source / file).exists() else ROOT / file
        assert path.is_file(), file
        assert all(part in path.read_text("utf-8") for part in name.split(".")), f"{file}: {name}"


def keys_of(configuration: Any) -> Iterator[str]:
    """The keys of a configuration and of those nested in it."""
    for name, field in configuration.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Configuration):
                yield from keys_of(part)


@pytest.mark.parametrize("kind", MODELS)
def test_the_reference_names_every_key_of_a_model(kind: str) -> None:
    pages = {
        "levasa": "levasa",
        "classifier": "levasa",
        "projector": "steering",
        "mvae": "baselines",
        "misa": "baselines",
        "adapter": "adapters",
    }
    page = ROOT / "docs" / "reference" / f"{pages.get(kind, 'manifold')}.md"
    named = set(re.findall(r"\w+", page.read_text("utf-8"))) | {"kind"}
    assert [key for key in keys_of(MODELS[kind].config_class) if key not in named] == []


@pytest.mark.parametrize("part", [DataConfig, ImageFitConfig, FeatureFitConfig], ids=lambda part: part.__name__)
def test_the_reference_names_every_key_of_data_and_fit(part: Any) -> None:
    named = set(re.findall(r"\w+", (ROOT / "docs" / "reference" / "training.md").read_text("utf-8")))
    assert [key for key in keys_of(part) if key not in named] == []


def test_a_page_of_results(tmp_path: Path) -> None:
    results = Results()
    results.add(
        Result(experiment="text_axes", model="manifold", target="valence", metric="r", value=0.7, low=0.6, high=0.8, n=9),
        Result(experiment="text_axes", model="manifold", target="arousal", metric="r", value=0.5, paper=0.42, n=9),
        Result(experiment="text_axes", model="ridge", target="valence", metric="r", seeds=(0, 1), protocol="strict"),
        Result(experiment="probes", task="emotion", model="manifold", versus="ridge", metric="uar", value=0.1),
    )  # fmt: skip
    results.write(tmp_path / "metrics.json")
    page = runpy.run_path(str(ROOT / "docs" / "make_results.py"))["page"]([tmp_path], "text", "affectspace x", "today")
    assert (
        page
        == """\
# Results: text

`affectspace x`. today.

Made by `python docs/make_results.py`. Brackets hold 95 % intervals.

## text axes

| model | valence r | arousal r | n |
|---|---|---|---|
| manifold | 0.700 [0.600, 0.800] | 0.500 (paper 0.420) | 9 |
| ridge |  |  |  |

Protocol: strict. Seeds: 0, 1.

## probes: emotion

| model | minus | uar | n |
|---|---|---|---|
| manifold | ridge | 0.100 |  |
"""
    )
