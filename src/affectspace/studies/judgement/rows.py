"""The rows on which runs on features are judged, with what their models compute for them, and a ridge beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectspace.affect import AXES
from affectspace.corpora import row_groups
from affectspace.data.dataset import Dataset
from affectspace.errors import RunError, counted
from affectspace.evaluation.folds import Fold
from affectspace.models.adapter.model import Adapter
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, BySeed, Condition, EvaluationRows, fold_of
from affectspace.studies.manifold.floors import Floor, fit_floor
from affectspace.studies.manifold.representations import BATCH, Arrays, Representations, represent_rows
from affectspace.training.adapters import predict_part
from affectspace.training.runs import Run

TEST, STUDY = "test", "run"
ZERO_SHOT, OTHER_ROWS = "zero-shot", "other rows"  # another corpus; rows of a training's corpus that were not in it
SINGULAR = {"people": "person", "documents": "document", "dialogues": "dialogue", "rows": "row"}  # of units
RIDGE = "ridge"  # the floor, under its name in the results


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Rows with the outputs of one model, which has the name of its kind, and of the ridge.

    rows : of the tables; unit : what the groups of the intervals are: people, documents or rows
    emotions : (n,) names that the model gives, None where it gives none; None for a model without emotions
    vectors : modality -> (n, width), and which rows have one; floors : the ridge of each fold
    labels : rated, transferred from emotions, or sentiment, which then stands in the place of valence
    missing : what cannot be measured, and why
    """

    rows: EvaluationRows
    kind: str
    unit: str
    vectors: tuple[Arrays, Arrays]
    emotions: np.ndarray | None = None
    floors: list[Floor] = field(default_factory=list)
    labels: str = "rated"
    missing: list[str] = field(default_factory=list)

    @property
    def table(self) -> pd.DataFrame:
        return self.rows.table

    @property
    def truth(self) -> np.ndarray:
        return self.rows.truth

    @property
    def modalities(self) -> list[str]:
        """The modalities that tested rows have."""
        return [name for name, mask in self.rows.present.items() if mask[self.rows.tested].any()]

    @property
    def outputs(self) -> Representations:
        """The model's outputs of the first fold."""
        return self.rows.of(self.kind)[0][0]

    @property
    def alone(self) -> list[Condition]:
        """The conditions in which one modality is shown alone; none where there is one modality."""
        return [condition for condition in self.rows.outputs if condition.only and condition.only[0] in self.modalities]

    def of_corpus(self, corpus: str) -> EvaluationRows:
        """Return the rows of which only one corpus is tested, as an experiment of its own."""
        own = self.table["corpus"].to_numpy(str) == corpus
        folds = [Fold(fold.train, fold.validation, fold.test[own[fold.test]]) for fold in self.rows.folds]
        return replace(self.rows, experiment=f"{self.rows.experiment}: {corpus}", folds=folds)


def held_out_rows(runs: Sequence[Run], progress: Progress = silent) -> JudgedRows:
    """Return the rows of one run, or of the folds of one configuration, each tested by the run that has not seen it.

    Raises
    ------
    RunError
        No test row has valence, arousal or dominance; or the corpus has changed since the training.
    """
    first = runs[0]
    data = first.dataset("items" if first.facts["kind"] == "adapter" else "features", progress)
    order = np.argsort(data.corpus_index, kind="stable")  # each corpus has units of its own
    table = data.table.iloc[order].reset_index(drop=True)
    folds = (
        [fold_of(table["part"].to_numpy(object))]
        if len(runs) == 1
        else [fold_of(_parts(table, run.split)) for run in runs]
    )
    truth = table[list(AXES)].to_numpy(np.float64)
    tested = np.concatenate([fold.test for fold in folds])
    if not len(tested):
        raise RunError(f"{first.folder} has no test rows; train with a split that leaves rows for the test part")
    if not np.isfinite(truth[tested]).any():
        raise RunError(
            f"{first.folder}: no test row has valence, arousal or dominance; train with a split that leaves labelled rows for "
            "the test part"
        )
    features = {name: values.numpy()[order] for name, values in data.features.features.items()}
    present = {name: mask.numpy()[order] for name, mask in data.features.present.items()}
    kind, models = first.facts["kind"], [run.model() for run in runs]
    missing: list[str] = []
    floors = _ridges(table, truth, (features, present), folds, missing, progress)
    alone = [Condition((name,)) for name in features] if len(features) > 1 else []
    outputs: dict[Condition, BySeed] = {}
    for condition in (EVERYTHING, *alone):
        progress(0, 0, f"predicting from {', '.join(condition.only or ('all',))}")
        if isinstance(models[0], Adapter):
            outputs[condition] = {kind: [[_adapted(models[0], data, order, progress)]]}
            continue
        named: Mapping[str, Sequence[Any]] = {kind: models, **({RIDGE: floors} if floors else {})}
        outputs[condition] = {
            name: [[_represent(model, table, features, present, condition) for model in fitted]]
            for name, fitted in named.items()
        }
    unread = tested[~np.isfinite(outputs[EVERYTHING][kind][0][0].fused[tested]).all(axis=1)] if not features else []
    if len(unread):
        truth[unread] = np.nan
        missing.append(f"{counted(len(unread), 'test row')} cannot be read")
    groups, unit = row_groups(table)[0], row_groups(table.iloc[tested])[1]
    rows = EvaluationRows(
        experiment=TEST,
        protocol="test part" if len(runs) == 1 else f"out of fold, {len(runs)} folds",
        table=table,
        truth=truth,
        groups=groups,
        folds=folds,
        outputs=outputs,
        seeds={kind: (first.feature_config.fit.seed,) if features else ()},
        features=features,
        present=present,
        axes=trained_axes(runs),
        study=STUDY,
    )
    emotions = _emotions(models, rows) if features else None
    labels = "transferred" if "transferred" in data.label_kind else "rated"
    return JudgedRows(rows, kind, unit, (features, present), emotions, floors, labels, missing)


def trained_axes(runs: Sequence[Run]) -> tuple[int, ...]:
    """Return the axes of which every run had a label or a lexicon's score in training."""
    known = [run.facts.get("axes", AXES) for run in runs]
    return tuple(place for place, axis in enumerate(AXES) if all(axis in axes for axes in known))


def _parts(table: pd.DataFrame, split: pd.DataFrame) -> np.ndarray:
    """Return each row's part in a run's split; None for rows that the run did not have."""
    parts = split.set_index(["corpus", "id"])["part"]
    return parts.reindex(pd.MultiIndex.from_arrays([table["corpus"], table["id"].astype(str)])).to_numpy(object)


def _ridges(
    table: pd.DataFrame,
    truth: np.ndarray,
    vectors: tuple[Arrays, Arrays],
    folds: Sequence[Fold],
    missing: list[str],
    progress: Progress,
) -> list[Floor]:
    """Fit the ridge of every fold on the subsets of modalities that occur, and on each modality; empty without labels."""
    features, present = vectors
    if not features:
        missing.append("the encoder itself was trained, so there are no frozen vectors for a ridge")
        return []
    masks = np.stack(list(present.values()), axis=1)
    occur = [tuple(np.array(list(features))[pattern]) for pattern in np.unique(masks, axis=0) if pattern.any()]
    wanted = list(dict.fromkeys([*((name,) for name in features), *occur]))
    fitted = []
    for number, fold in enumerate(folds):
        progress(number, len(folds), "fitting the ridge")
        fitted.append(fit_floor(RIDGE, LabelledVectors(table, truth, vectors), fold, list(features), wanted))
    if not all(floor.subsets for floor in fitted):
        missing.append("no validation row has a rating, which the ridge is chosen on")
        return []
    return fitted


@dataclass(frozen=True, eq=False)
class LabelledVectors:
    """What the ridge is fitted on."""

    table: pd.DataFrame
    truth: np.ndarray
    vectors: tuple[Arrays, Arrays]


def _represent(
    model: Any, table: pd.DataFrame, features: Arrays, present: Arrays, condition: Condition
) -> Representations:
    """Compute a model's representations of rows that are ordered by corpus, each corpus in its own units."""
    corpora = table["corpus"].to_numpy(str)
    blocks = []
    for corpus in dict.fromkeys(corpora):
        rows = corpora == corpus
        vectors, masks = ({name: values[rows] for name, values in arrays.items()} for arrays in (features, present))
        blocks.append(represent_rows(model, vectors, masks, only=condition.only, corpus=corpus))
    return Representations.joined(blocks)


def _adapted(model: Adapter, data: Dataset, order: np.ndarray, progress: Progress) -> Representations:
    """Predict the test part with an adapter; the other rows are not predicted."""
    affect = np.full((len(order), len(AXES)), np.nan, np.float32)
    affect[data.rows(TEST)] = predict_part(model, data, TEST, progress).numpy()
    present = {name: mask.numpy()[order] for name, mask in data.features.present.items()}
    unknown = np.full_like(affect, np.nan)
    (name,) = present
    return Representations(present, {name: affect[order]}, {name: unknown}, affect[order], unknown)


@torch.no_grad()
def named_emotions(model: Any, features: Arrays, present: Arrays, rows: np.ndarray) -> np.ndarray | None:
    """Return the likeliest emotion of rows, (rows,) names; None for a model that predicts no emotions."""
    names = []
    for start in range(0, len(rows), BATCH):
        block = rows[start : start + BATCH]
        vectors = {
            name: torch.from_numpy(features[name][block]) if name in features else torch.zeros(len(block), width)
            for name, width in model.config.modalities.items()
        }
        masks = {
            name: torch.from_numpy(present[name][block])
            if name in present
            else torch.zeros(len(block), dtype=torch.bool)
            for name in vectors
        }
        output = model.represent(vectors, masks)
        if output.log_emotion is None:
            return None
        names.append(np.array(model.config.categories, dtype=object)[output.log_emotion.argmax(dim=1).numpy()])
    return np.concatenate(names) if names else None


def _emotions(models: Sequence[Any], rows: EvaluationRows) -> np.ndarray | None:
    emotions = np.full(len(rows.table), None, dtype=object)
    for model, fold in zip(models, rows.folds, strict=True):
        named = named_emotions(model, dict(rows.features), dict(rows.present), fold.test)
        if named is None:
            return None
        emotions[fold.test] = named
    return emotions
