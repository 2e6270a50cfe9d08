"""Write a page of results from the metrics.json of studies: one table for each experiment and task.

python docs/make_results.py runs/manifold --title "Affective manifold" --command "affectspace reproduce manifold ..."
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from affectspace.evaluation.results import Result, Results
from affectspace.files import write_text

ROW = ("model", "versus", "modality", "latent", "condition")  # columns that name a row; target and metric name a column


def number(result: Result | None) -> str:
    """Format a value with its interval and the paper's figure."""
    if result is None or result.value is None:
        return ""
    interval = "" if result.low is None or result.high is None else f" [{result.low:.3f}, {result.high:.3f}]"
    paper = "" if result.paper is None else f" (paper {result.paper:.3f})"
    return f"{result.value:.3f}{interval}{paper}"


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table with a row for each model and a column for each target and metric."""
    columns = list(dict.fromkeys((result.target, result.metric) for result in results))
    named = [name for name in ROW if any(getattr(result, name) for result in results)]
    rows: dict[tuple[str, ...], dict[tuple[str, str], Result]] = {}
    for result in results:
        key = tuple(getattr(result, name) for name in named)
        rows.setdefault(key, {})[result.target, result.metric] = result
    head = [
        *("minus" if name == "versus" else name for name in named),
        *(" ".join(filter(None, c)) for c in columns),
        "n",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, cells in rows.items():
        n = sorted({result.n for result in cells.values() if result.n})
        values = [*key, *(number(cells.get(column)) for column in columns), ", ".join(map(str, n))]
        lines.append("| " + " | ".join(value.replace("_", " ") for value in values) + " |")
    return "\n".join(lines)


def section(results: Results, experiment: str, task: str) -> list[str]:
    """Return heading, table, table of differences, and what was measured how."""
    rows = list(results.filter(experiment=experiment, task=task))
    measured, differences = [row for row in rows if not row.versus], [row for row in rows if row.versus]
    protocols = ", ".join(dict.fromkeys(row.protocol for row in rows if row.protocol))
    seeds = ", ".join(map(str, sorted({seed for row in rows for seed in row.seeds})))
    basis = [f"Protocol: {protocols}." if protocols else "", f"Seeds: {seeds}." if seeds else ""]
    heading = "## " + ": ".join(filter(None, (experiment, task))).replace("_", " ")
    return [heading, *(table(part) for part in (measured, differences) if part), " ".join(filter(None, basis))]


def page(folders: Sequence[Path], title: str, command: str = "", revision: str = "") -> str:
    """Return the page. Every section states its protocols and seeds."""
    source = [f"`{command}`." if command else "", f"{revision}." if revision else ""]
    parts = [f"# Results: {title}", " ".join(filter(None, source))]
    parts.append("Made by `python docs/make_results.py`. Brackets hold 95 % intervals.")
    for folder in folders:
        results = Results.read(folder / "metrics.json")
        for experiment, task in dict.fromkeys((result.experiment, result.task) for result in results):
            parts += section(results, experiment, task)
    return "\n\n".join(filter(None, parts)) + "\n"


def main() -> None:
    """Read the command line and write or print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs or studies, each with a metrics.json")
    parser.add_argument("--title", required=True, help="title of the page")
    parser.add_argument("--command", default="", help="the command that measured the figures")
    parser.add_argument("--revision", default="", help="date and revision of the measurement")
    parser.add_argument("--out", type=Path, help="file to write; printed by default")
    options = parser.parse_args()
    text = page(options.runs, options.title, options.command, options.revision)
    if options.out is None:
        print(text, end="")
    else:
        write_text(options.out, text)


if __name__ == "__main__":
    main()
