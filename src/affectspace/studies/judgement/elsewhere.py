"""A frozen run on rows that it was not trained on, of another corpus (table 4 of the manifold paper) or of its own."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import AXES
from affectspace.corpora import Corpus, row_groups
from affectspace.corpora.registry import require_reader
from affectspace.corpora.transferred import transfer_labels
from affectspace.data.configuration import CorpusConfig
from affectspace.data.reading import open_corpus
from affectspace.data.stores import require_same_inputs
from affectspace.errors import AffectspaceError, ConfigError, DataError, RunError, counted
from affectspace.evaluation import constant_floor, interval, sentiment_measures
from affectspace.evaluation.results import Results
from affectspace.features import FeatureStore, extract
from affectspace.features.backbone import IDENTITY_KEYS, differing_keys
from affectspace.features.items import items_of
from affectspace.prediction.features import open_modalities
from affectspace.progress import Progress, silent
from affectspace.studies.judgement.measure import (
    absent_axes,
    measure_axes,
    measure_emotions,
    measure_residuals,
    record_missing,
)
from affectspace.studies.judgement.report import run_facts, write_judgement
from affectspace.studies.judgement.rows import (
    OTHER_ROWS,
    RIDGE,
    STUDY,
    ZERO_SHOT,
    JudgedRows,
    held_out_rows,
    named_emotions,
    trained_axes,
)
from affectspace.studies.manifold.axes import VALENCE
from affectspace.studies.manifold.corpora import REFERENCE
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows, test_only
from affectspace.studies.manifold.representations import Arrays, represent_rows
from affectspace.training.places import fingerprint
from affectspace.training.runs import Run

SENTIMENT = {"mosi": 3.0, "mosei": 3.0, "ch_sims": 1.0}  # the largest sentiment of a corpus


def evaluate_on(
    run: Run,
    target: CorpusConfig,
    *,
    backbones: Mapping[str, str | Path] | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> tuple[Results, Path]:
    """Judge a frozen run on another corpus, without any statistic of it. Writes metrics.json, report.html and figures/.

    Parameters
    ----------
    run : Run
        Of a model on features.
    target : CorpusConfig
        The corpus. Stores of modalities in `features` are read; vectors of the others are made with the run's own backbones
        and kept.
    backbones : mapping of str to path, optional
        Modality -> location of its backbone's weights, if they have moved.
    device : str
        Device of the backbones.
    force : bool
        Evaluate again.
    progress : callable
        Called with (done, total, message).

    Returns
    -------
    results : Results
    report : Path
        `on/<corpus>-<digest>/report.html` in the run's folder; the digest is of the corpus' place and of how it was read.

    Raises
    ------
    ConfigError, DataError, RunError
        The run reads no features; the corpus has no labels, none of the run's modalities, or vectors of another backbone; or
        it was judged already.

    Examples
    --------
    >>> target = CorpusConfig(corpus="vreg", path="semeval_vreg")
    >>> results, report = evaluate_on(open_run(Path("runs/emobank")), target)  # doctest: +SKIP
    """
    started = time.perf_counter()
    if run.facts["kind"] in ("adapter", "projector") or run.config.reads != "features":  # type: ignore[union-attr]
        raise ConfigError(
            f"--on judges models on features; {run.folder} has a model of kind {run.facts['kind']}. Leave --on out"
        )
    name = target.corpus if target.corpus != "table" else target.path.stem
    read = _read_as(target)
    digest = hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:8]
    folder = run.folder / "on" / f"{name}-{digest}"  # so that a table of the same name or another scale has its own
    if (folder / "report.html").is_file() and not force:
        raise RunError(f"{run.folder} was evaluated on {name} already: open {folder / 'report.html'}, or use --force")
    missing: list[str] = []
    unseen, own = _unseen(run, target, open_corpus(target), missing)
    corpus, kind_of_labels = _labelled(unseen, target)
    stores = _stores(run, target, corpus, folder / "features", backbones or {}, device, missing, progress)
    judged, home = _judged(run, name, corpus, stores, own, missing, progress)
    judged = JudgedRows(
        judged.rows, judged.kind, judged.unit, judged.vectors, judged.emotions, labels=kind_of_labels, missing=missing
    )
    results = Results()
    progress(0, 0, f"measuring {name}")
    if kind_of_labels == "sentiment":
        _measure_sentiment(results, judged)
    else:
        judged.missing.extend(absent_axes(judged.rows))
        measure_axes(results, judged)
        measure_residuals(results, judged)
        if home is not None:
            _measure_constant(results, judged, home)
    measure_emotions(results, judged)
    record_missing(results, judged)
    facts = {**run_facts(run, run.folder.resolve().name), "judged on": read, "licence of that corpus": corpus.licence}
    title = f"Run {run.folder.resolve().name} on {name}"
    return results, write_judgement(folder, judged, results, title, facts, started, progress)


def _read_as(target: CorpusConfig) -> dict[str, Any]:
    """Return which corpus is judged and how it is read, with absolute places."""
    fields = target.model_dump(exclude_defaults=True)
    for name in fields.keys() & {"path", "media"}:
        fields[name] = str(fields[name].resolve())
    fields["features"] = {name: str(store.resolve()) for name, store in target.features.items()}
    return fields


def _unseen(run: Run, target: CorpusConfig, corpus: Corpus, missing: list[str]) -> tuple[Corpus, bool]:
    """Leave out the rows of the training and validation parts; whether the corpus is one of the run's own.

    Raises DataError where no row is left.
    """
    split, places = run.split, run.facts.get("places", {})
    parts: dict[str, str] = {}
    own = False
    for name, config in run.feature_config.data.corpora.items():
        if config.corpus != target.corpus:
            continue
        if target.corpus == "table" and config.path.resolve() != target.path.resolve():
            recorded = places.get(f"data.corpora.{name}.path", {}).get("sha256")
            if recorded is None or recorded != fingerprint(target.path):  # else a copy of the table
                continue
        own = True
        rows = split[split["corpus"] == name] if "corpus" in split else split
        for number, chosen in zip(rows["id"].astype(str), rows["part"], strict=True):
            if parts.get(number) not in ("train", "validation"):  # a row that any of the corpora trained on was seen
                parts[number] = chosen
    part = corpus.table["id"].astype(str).map(parts)
    seen = part.isin(("train", "validation")).to_numpy()
    if seen.all():
        tested = "test" in parts.values()
        remedy = (
            f"`affectspace evaluate {run.folder}` judges it on its own test part" if tested else "name another table"
        )
        raise DataError(
            f"{target.path}: every row of this corpus was in the training or the validation part of the run; {remedy}"
        )
    if own:
        counts = [f"{int((part == name).sum()):,} rows of the {name} part" for name in ("train", "validation")]
        missing.append(
            f"the run was trained on this corpus: {' and '.join(counts)} are left out"
            if part.notna().any()
            else "the run was trained on this corpus, but no row has an id of the training: rows of the training may be judged"
        )
    return corpus.take(~seen), own


def _labelled(corpus: Corpus, target: CorpusConfig) -> tuple[Corpus, str]:
    """Return the corpus with labels, and their kind: rated, sentiment or transferred. Raises DataError without labels."""
    table = corpus.table
    if table[list(AXES)].notna().any(axis=None):
        return corpus, "rated"
    if "sentiment" in table and table["sentiment"].notna().any():
        return corpus, "sentiment"
    if table["emotion"].notna().any():
        return transfer_labels(corpus, REFERENCE), "transferred"
    raise DataError(
        f"{target.path} has no valence, arousal, dominance, sentiment or emotions, so nothing can be compared with it; name "
        "the columns with --columns valence=..., or use `affectspace predict`"
    )


def _stores(
    run: Run,
    target: CorpusConfig,
    corpus: Corpus,
    made: Path,
    backbones: Mapping[str, str | Path],
    device: str,
    missing: list[str],
    progress: Progress,
) -> dict[str, FeatureStore]:
    """Open the stores that are named, and make the others: modality -> store. Raises ConfigError and RunError."""
    known, stores = run.backbones, {}
    unknown = [name for name in target.features if name not in known]
    if unknown:
        raise ConfigError(f"--features {unknown[0]}: {run.folder} has no such modality; it has {', '.join(known)}")
    modalities = open_modalities(run, backbones, device)
    for name, identity in known.items():
        if name in target.features:
            try:
                stores[name] = FeatureStore(target.features[name])
            except RunError as error:
                raise ConfigError(f"--features {name}: {error}") from error
            _require_same_backbone(name, stores[name], identity)
            require_same_inputs(stores[name], corpus, str(target.path))
        elif modalities[name].ready_made:
            missing.append(
                f"{name} is left out: its vectors are made elsewhere; name their store with --features {name}=..."
            )
        else:
            try:
                items = items_of(corpus, modalities[name].backbone.modality)
            except (DataError, RunError) as error:  # the corpus lacks it, or the backbone cannot run here
                missing.append(f"{name} is left out: {error}")
                continue
            progress(0, 0, f"vectors of {name}")
            stores[name] = extract(corpus, modalities[name].backbone, made / name, items=items, progress=progress).store
    if not stores:
        raise DataError(f"{target.path} has none of the run's modalities ({', '.join(known)}): {'; '.join(missing)}")
    return stores


def _require_same_backbone(name: str, store: FeatureStore, identity: Mapping[str, Any] | None) -> None:
    """Raise ConfigError where vectors of a store were not made as those of the training."""
    recorded = identity or {}
    differs = differing_keys(recorded, store.backbone, [key for key in IDENTITY_KEYS if key in recorded])
    if differs:
        raise ConfigError(
            f"--features {name}: {store.folder} was made by another backbone than the run's ({differs[0]}: "
            f"{store.backbone.get(differs[0])!r}, and {recorded[differs[0]]!r} in training); extract the corpus with the run's "
            f"backbone, or leave --features {name} out"
        )


def _judged(
    run: Run,
    name: str,
    corpus: Corpus,
    stores: Mapping[str, FeatureStore],
    own: bool,
    missing: list[str],
    progress: Progress,
) -> tuple[JudgedRows, JudgedRows | None]:
    """Return the rows with the outputs of the model and of its ridge, and the run's own rows, None where they are gone.

    own : whether the rows are of a corpus that the run was trained on
    """
    table = corpus.table.assign(corpus=name)
    features: Arrays = {}
    present: Arrays = {}
    for modality, store in stores.items():
        features[modality], present[modality] = store.read(table["id"])
    there = np.any(list(present.values()), axis=0)
    if not there.any():
        folders = ", ".join(str(store.folder) for store in stores.values())
        raise DataError(
            f"no row of {name} has a vector in {folders}; name the stores of this corpus, or leave --features out"
        )
    truth = table[list(AXES)].to_numpy(np.float64, copy=True)
    if not np.isfinite(truth).any():  # valence stands in for sentiment
        truth[:, VALENCE] = table["sentiment"] / SENTIMENT.get(name, 3.0)
    truth[~there] = np.nan
    if not there.all():
        missing.append(f"{counted(int((~there).sum()), 'row', 'has')} no vector")
    home = None
    try:
        home = held_out_rows([run], progress)
    except AffectspaceError as error:
        missing.append(f"the ridge and the constant are left out, because the run's own corpus cannot be read: {error}")
    kind, model = run.facts["kind"], run.model()
    models: dict[str, Any] = {kind: model}
    if home is not None and home.floors:
        models[RIDGE] = home.floors[0]
    alone = [Condition((modality,)) for modality in features] if len(features) > 1 else []
    outputs = {
        condition: {
            named: [[represent_rows(one, features, present, only=condition.only)]] for named, one in models.items()
        }
        for condition in (EVERYTHING, *alone)
    }
    groups, unit = row_groups(table)
    how = "rows that the training did not see" if own else "zero-shot, frozen"
    rows = EvaluationRows(
        experiment=OTHER_ROWS if own else ZERO_SHOT, protocol=f"{name}, {how}", table=table, truth=truth, groups=groups,
        folds=[test_only(len(table))], outputs=outputs, seeds={kind: (run.feature_config.fit.seed,)}, features=features,
        present=present, axes=trained_axes([run]), study=STUDY,
    )  # fmt: skip
    emotions = named_emotions(model, features, present, np.arange(len(table)))
    return JudgedRows(rows, kind, unit, (features, present), emotions, missing=missing), home


def _measure_constant(results: Results, judged: JudgedRows, home: JudgedRows) -> None:
    """Record the mean absolute error of the mean of the run's own train part."""
    fitted = home.truth[home.rows.folds[0].train]
    recorder = judged.rows.recorder(results, "axes", model="constant", note="mean of the run's train part")
    for axis in judged.rows.known_axes:
        if np.isfinite(fitted[:, axis]).any():
            tested = judged.rows.tested_truth[:, axis]
            floor = constant_floor(fitted[:, axis], tested)
            recorder.add("mae", floor["mae"], int(np.isfinite(tested).sum()), target=AXES[axis])


def _measure_sentiment(results: Results, judged: JudgedRows) -> None:
    """Record the field's measures of sentiment with predicted valence as a proxy, brought to -3 .. 3."""
    rows = judged.rows
    recorder = rows.recorder(
        results, "sentiment", target="sentiment", note="three times the predicted valence, a proxy"
    )
    for condition in (EVERYTHING, *judged.alone):
        shown = rows.shown(condition)
        groups = shown.tested_groups
        known = np.isfinite(shown.tested_truth[:, VALENCE])
        truth = 3.0 * shown.tested_truth[known, VALENCE]
        modality = "" if condition == EVERYTHING else condition.columns["modality"]
        for model in rows.models:
            if not shown.predicts(model, [VALENCE], condition):
                continue
            predicted = 3.0 * shown.predictions(model, condition)[0][known, VALENCE].astype(np.float64)
            named = {"model": model, "modality": modality}
            measures = sentiment_measures(truth, predicted)
            n = int(measures.pop("n"))
            intervals = {
                "pearson": interval("pearson", truth, predicted, groups[known]),
                "mae": interval("mae", truth, predicted, groups[known]),
            }
            for measure, value in measures.items():
                metric = "r" if measure == "pearson" else measure
                recorder.add(metric, intervals.get(measure, value), n, **named)


def target_of(
    name: str,
    path: Path | None,
    features: Mapping[str, str],
    *,
    media: Path | None = None,
    where: str | None = None,
    **table: Any,
) -> CorpusConfig:
    """Return the corpus that `--on` names: a reader with a path, or a table. table : columns, scale, axes of a table."""
    if path is None:
        if not Path(name).is_file():
            raise ConfigError(
                f"--on {name}: give a table that exists, or the name of a reader with the corpus' folder as --path"
            )
        name, path = "table", Path(name)
    require_reader(name)
    fields = {"corpus": name, "path": path, "media": media, "where": where, "features": dict(features), **table}
    return CorpusConfig.model_validate(fields)
