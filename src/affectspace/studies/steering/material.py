"""What an evaluation works on: held-out sentences, those that tune the comparisons, and the judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.data.dataset import Dataset
from affectspace.errors import DataError, counted
from affectspace.lexicon.reading import Lexicon
from affectspace.steering.encoder import Sentences, sentences_of
from affectspace.steering.judges import Judge, lexicon_judge, ridge_judge
from affectspace.steering.steerer import Steerer
from affectspace.studies.steering.plan import SteeringPlan

RIDGE = "ridge"


@dataclass(frozen=True, eq=False)
class Material:
    """seeds : held-out sentences; tuning : validation sentences; train : those of the training part

    judges : name -> judge; parts : name -> what a judge, or its lexicon, had a part in; an independent one has none
    """

    steerer: Steerer
    seeds: Sentences
    tuning: Sentences
    train: Sentences
    judges: dict[str, Judge]
    parts: dict[str, tuple[str, ...]]


def material_of(steerer: Steerer, rows: Dataset, lexicons: Mapping[str, Path], plan: SteeringPlan) -> Material:
    """Collect the sentences and judges of a projector's run; lexicons : name -> file of further judges.

    Raises DataError where the test part has no sentence that is short enough.
    """
    train = sentences_of(rows, steerer.encoder, "train")
    short = {
        part: sentences_of(rows, steerer.encoder, part).short(steerer.model, steerer.longest)
        for part in ("validation", "test")
    }
    if len(short["test"]) < 2:
        raise DataError(
            f"{steerer.run.folder}: {counted(len(short['test']), 'test sentence', 'has')} less than {steerer.longest} "
            "tokens of the language model; train with a larger fit.longest, or with a larger test part"
        )
    reference = [*short["validation"].texts, *train.texts]
    judges: dict[str, Judge] = {RIDGE: ridge_judge(train.texts, train.labels, train.groups, name=RIDGE)}
    judges |= {name: lexicon_judge(name, Lexicon.read(path), reference) for name, path in lexicons.items()}
    return Material(
        steerer,
        short["test"].drawn(plan.sentences, plan.seed),
        short["validation"].drawn(plan.tuning_sentences, plan.seed + 1),
        train,
        judges,
        {RIDGE: _parts_of_ridge(steerer)} | {name: parts_of(steerer, path) for name, path in lexicons.items()},
    )


def _parts_of_ridge(steerer: Steerer) -> tuple[str, ...]:
    uses = []
    if steerer.calibration.lines:
        uses.append("calibrated the targets")
    if steerer.masker is not None and steerer.run.projector_config.mask.lexicon is None:
        uses.append("is of the kind that chose the hidden words")
    return tuple(uses)


def parts_of(steerer: Steerer, path: Path) -> tuple[str, ...]:
    """Say where a lexicon's file was used: for the hidden words, the encoder's anchor, the encoder's features."""
    uses = []
    mask = steerer.run.projector_config.mask.lexicon
    if steerer.masker is not None and mask is not None and Path(mask).name == path.name:
        uses.append("chose the hidden words")
    config: Any = steerer.encoder.run.config
    anchor = getattr(config.data, "lexicon", None)
    if anchor is not None and Path(anchor.path).name == path.name:
        uses.append("anchored the encoder")
    for facts in (steerer.encoder.run.facts.get("modalities") or {}).values():
        settings = ((facts or {}).get("recipe") or {}).get("settings") or {}
        for lexicon in (settings.get("lexicons") or {}).values():
            if Path(lexicon["path"]).name == path.name:
                uses.append("is among the encoder's features")
    return tuple(dict.fromkeys(uses))


def deviations(material: Material, sentences: Sentences) -> np.ndarray:
    """Convert labels to standard deviations of the corpus."""
    steerer = material.steerer
    return (sentences.labels - steerer.corpus_mean) / steerer.corpus_deviation
