"""A sheet for human raters: pairs of a sentence and a rewriting in blinded order, to print or to fill in, with a key file."""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.errors import DataError
from affectspace.files import write_text
from affectspace.tables.formats import for_spreadsheets

METHODS = ("steered", "steered_one", "prompt", "prompt_one", "template")
QUESTIONS = (
    ("valence", "how does the writer feel? 1 very bad - 5 neutral - 9 very good"),
    ("content", "is it about the same as the first sentence? 1 not at all - 5 wholly"),
    ("language", "is it good English? 1 not at all - 5 wholly"),
)
_STYLE = (
    "body{font:11pt/1.45 Georgia,serif;max-width:46em;margin:2em auto;color:#111}"
    "article{break-inside:avoid;border-top:1px solid #999;padding:.7em 0}"
    "h2{font-size:1em;margin:0}p{margin:.25em 0}.name{white-space:nowrap}"
    "span{display:inline-block;width:3.2em;border-bottom:1px solid #111;margin:0 .4em}small{color:#444}"
)


def write_sheet(folder: Path, texts: pd.DataFrame, sentences: int, seed: int = 0) -> list[Path]:
    """Write sheet.html (to print), sheet.csv (to fill in) and key.csv (method and target, not for raters).

    texts : columns method, axis, sentence, seed, target, text; `sentences` seeds of valence are shown, with all steps and one
    text of each method in METHODS. Raises DataError where there is none.
    """
    rows = texts[(texts["axis"] == "valence") & texts["method"].isin(METHODS)]
    if any(rows["method"] == "steered"):
        rows = rows[~rows["method"].isin(("steered_one", "prompt_one"))]
    random = np.random.default_rng(seed)
    known = rows["sentence"].unique()
    if not len(known) or sentences < 1:
        raise DataError("there is no steered sentence to be rated")
    chosen = random.permutation(known)[:sentences]
    rows = rows[rows["sentence"].isin(chosen)]
    rows = rows.iloc[random.permutation(len(rows))].reset_index(drop=True)
    rows.insert(0, "item", np.arange(1, len(rows) + 1))
    names = [name for name, _ in QUESTIONS]
    shown = rows[["item", "seed", "text"]].assign(**dict.fromkeys(names, ""))
    key = rows[["item", "method", "axis", "target", "sentence"]]
    files = {"sheet.html": _page(rows), "sheet.csv": _csv(shown), "key.csv": _csv(key)}
    for name, content in files.items():
        write_text(folder / name, content)
    return [folder / name for name in files]


def _csv(table: pd.DataFrame) -> str:
    buffer = io.StringIO()
    for_spreadsheets(table, always=True).to_csv(buffer, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    return buffer.getvalue()


def _page(rows: pd.DataFrame) -> str:
    questions = "".join(f"<li><b>{name}</b>: {html.escape(text)}</li>" for name, text in QUESTIONS)
    fields = " ".join(f'<span></span><small class="name">{name}</small>' for name, _ in QUESTIONS)
    items = "\n".join(
        f"<article><h2>{row.item}</h2><p>First sentence: {html.escape(str(row.seed))}</p>"
        f"<p>Second sentence: <b>{html.escape(str(row.text)) or '(nothing)'}</b></p><p>{fields}</p></article>"
        for row in rows.itertuples()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Rating sheet</title>'
        f"<style>{_STYLE}</style></head><body><h1>Rating sheet</h1>"
        f"<p>Rater: <span></span> Date: <span></span></p><p>Rate the second sentence of each pair:</p><ul>{questions}</ul>\n"
        f"{items}\n</body></html>\n"
    )
