"""The report's sections of results as declarations: the paper's tables, then what goes beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectspace.affect import AXES
from affectspace.evaluation.results import Where
from affectspace.studies.manifold.ablations import ablations
from affectspace.studies.manifold.corpora import CORPORA
from affectspace.studies.manifold.cross_modal import ALL_PAIRS, TOP
from affectspace.studies.manifold.plan import HEADLINE, PAPER_MODEL, SPLITS, TITLES
from affectspace.studies.manifold.uncertainty import CONSTANT, EQUAL, THIRDS
from affectspace.studies.tables import Callout, Columns, Figures, Part, Section, Table, grid

WORDS = {
    "constant": "floor: mean of train",
    "majority": "floor: most frequent of train",
    "most frequent of the part": "floor: most frequent of the part",
    "raw": "bound: raw vectors",
    "labels": "bound: valence, arousal, dominance themselves",
    "full": "shared and private",
    "private_3": "private, PCA-3",
}
LATENTS = {name: WORDS.get(name, name) for name in ("full", "shared", "private", "private_3")}
OTHERS = {name: title for name, title in LATENTS.items() if name != "shared"}
LOOKED_AT = (
    "EmoDB is a diagnosis set and not untouched: about 25 variants had been scored on it before this model was made. Its "
    "figures show where a model stands; they are no proof on unseen data."
)
SYNTHETIC = "The synthetic people follow our conventions. Their tables test the method and say nothing about people."
HELD_OUT = {
    "text_axes": "EmoBank's test part", "text_probes": "MELD, encoder of EmoBank", "audio_face": "RAVDESS out of fold",
    "trimodal": "synthetic people", "iemocap": "IEMOCAP", "zero_shot_audio": "EmoDB",
}  # fmt: skip
BESIDE = (HEADLINE, "ridge")  # models of the long tables of disturbances
ALSO = "The other models are in metrics.json."
R = grid("r {target}", metric="r", target=("mean", *AXES))
BY_MODALITY: dict[str, Any] = {"rows": ("model", "modality"), "head": "model, modality"}
BY_PAIR: dict[str, Any] = {"rows": ("model", "modality", "target"), "head": "model: from, to"}


def rows_of(experiment: str, task: str, **columns: Where) -> Mapping[str, Where]:
    """Select the results of one task of an experiment."""
    return {"experiment": experiment, "task": task, **columns}


def axes(experiment: str, where: str, note: str = "") -> list[Part]:
    """Declare tables of r with intervals, concordance and spread, and the mean absolute error."""
    rows = rows_of(experiment, "axes", versus="")
    shrinking = "CCC falls when predictions shrink: at r .70, with .3, .5, .7 of the labels' sd, it is .39, .56, .66."
    spread = grid("{metric} {target}", metric={"ccc": "CCC", "spread": "sd ratio"}, target=AXES)
    return [
        Table(f"Pearson's r, {where}", rows, R, note=note),
        Table(f"Concordance and spread, {where}", rows, spread, note=shrinking),
        Table(f"Mean absolute error, {where}", rows, grid("MAE {target}", metric="mae", target=AXES)),
    ]


def comparisons(experiment: str, where: str, primary: str = "ridge") -> Table:
    """Declare the table of the headline minus every other model, with p values."""
    columns = [
        *grid("r {target}", metric="r", target=("mean", *AXES, "sentiment")),
        *grid("{metric}", metric={"p": "p", "p_holm": "p after Holm"}),
    ]
    note = (
        f"Paired over the groups of the intervals. p is of sign flips: n groups allow no p below 2 / 2^n. Versus "
        f"{TITLES.get(primary, primary)} is the primary comparison and not corrected; the others are corrected together."
    )
    rows = rows_of(experiment, "axes", versus=bool, target=lambda name: True)
    caption = f"The manifold minus every other model, {where}"
    return Table(caption, rows, columns, ("model", "versus"), "difference", note)


def matrix(experiment: str, where: str) -> Table:
    """Declare table 1: the axes of the shared latent against the attributes, beside the labels among themselves."""
    columns = [
        *grid("true {target}", metric="r", target=AXES),
        ("own above the largest other", {"metric": "own_above_others"}),
    ]
    note = (
        "Rows of labels are their own correlations: no axis can be separated "
        "from another better than those allow. Axes without a modality are the fused ones; the others see one modality alone."
    )
    rows, named = rows_of(experiment, "matrix"), ("model", "modality", "latent")
    names = {
        "labels": "labels among themselves", "raters": "agreement of two raters",
        "ceiling": "bound: root of the reliability of the raters' mean",
    }  # fmt: skip
    return Table(f"Table 1, {where}", rows, columns, named, "model: axis", note, names=names)


def probes(experiment: str, where: str, task: str) -> Section:
    """Declare accuracy and balanced accuracy (UAR) of a task from each part of the latents, then the gaps."""
    note = "C and the number of trees are chosen on validation rows by UAR, for every latent alike; classes have equal weight."
    if task == "speaker":
        note = (
            "People (or lines) that the encoder has not seen; the probe's rows share people and differ in sentences or "
            "dialogues. Bounds: the raw vectors above, the labels alone below."
        )
    accurate = {name: LATENTS[name] for name in ("full", "private")}
    gaps = [
        *grid("UAR: shared minus {versus}", metric="uar", latent="shared", versus=OTHERS),
        *grid("accuracy: shared minus {versus}", metric="accuracy", latent="shared", versus=accurate),
    ]
    parts = []
    for condition, probe in (("linear", "linear probe"), ("boosted", "gradient-boosted trees")):
        rows = rows_of(experiment, task, condition=condition)
        for metric, measure in (("accuracy", "plain accuracy"), ("uar", "balanced accuracy (UAR)")):
            columns = [
                *grid("{latent}", metric=metric, latent=LATENTS),
                ("fits that converged", {"metric": "converged"}),
            ]
            caption = f"{task.capitalize()}, {probe}, {measure}; {where}"
            parts.append(Table(caption, {**rows, "versus": ""}, columns, note=note, **BY_MODALITY))
        parts.append(Table(f"{task.capitalize()}, {probe}, gaps; {where}", rows, gaps, **BY_MODALITY))
    return Section(f"{task.capitalize()}, {where}", parts=parts, level=3)


def independence(experiment: str, where: str) -> Section:
    """Declare table 2 with its floors, and measures that detect more."""
    rows = rows_of(experiment, "independence", versus="")
    published = {
        "mean_abs_r": "mean |r|", "mean_abs_r_floor": "floor", "cka": "CKA", "cka_floor": "floor",
        "mi_pairs": "mean MI, pairs (KSG)", "mi_pairs_floor": "floor", "mi_bins": "mean MI, 10 bins",
        "mi_bins_floor": "floor",
    }  # fmt: skip
    published_note = (
        "The published measures, on posterior means of active dimensions and at most 1,000 rows. A floor is the same measure "
        "with rows permuted. The paper does not say how it estimates MI; pairs by nearest neighbours come nearest to it."
    )
    beyond = {
        "debiased_cka": "debiased CKA", "hsic": "HSIC, debiased", "hsic_floor": "floor", "hsic_p": "p",
        "distance": "distance correlation, debiased", "distance_p": "p", "ksg": "MI of the blocks (KSG), nats",
        "ksg_floor": "floor",
    }  # fmt: skip
    beyond_note = (
        "Debiased CKA is 0 under independence and leaves pairs of rows of one person out. An interval is a jackknife over "
        "people. HSIC and distance correlation detect dependence that is not linear; p by permuting rows within people."
    )
    active = {
        "dimensions": "private dimensions", "active": "active", "r2_rebuilt": "R2 of the reconstruction",
        "r2_rebuilt_without": "with the private latent at its mean",
    }  # fmt: skip
    active_note = "Active: the variance of the mean over rows exceeds .01. An inactive latent is independent of all."
    versus = {"hsic": "HSIC", "distance": "distance correlation", "ksg": "KSG"}
    leak = grid("{target}, {condition}", metric="r", condition={"linear": "linear", "boosted": "trees"}, target=AXES)
    leak_note = "What affect can be read from the private latents of held-out people; 0 is nothing."
    parts = (
        Table(f"Table 2, {where}", rows, grid("{metric}", metric=published), note=published_note, **BY_MODALITY),
        Table(f"Beyond the paper, {where}", rows, grid("{metric}", metric=beyond), note=beyond_note, **BY_MODALITY),
        Table(
            f"Is the private latent active? {where}", rows, grid("{metric}", metric=active), note=active_note, **BY_MODALITY
        ),
        Table(
            f"With a penalty minus without any, {where}", {**rows, "versus": bool}, grid("{metric}", metric=versus),
            ("model", "versus", "modality"), "difference",
        ),
        Table(
            f"r read from the private latents, {where}", rows_of(experiment, "private affect"), leak, note=leak_note,
            **BY_MODALITY,
        ),
    )  # fmt: skip
    return Section(where, parts=parts, level=3)


def uncertainty(experiment: str, where: str) -> list[Table]:
    """Declare scores of predicted deviations, their coverage, and how they grow as modalities are missing."""
    rows = rows_of(experiment, "uncertainty")
    scores = grid("{metric} {target}", metric={"nll": "NLL", "crps": "CRPS"}, target=AXES, versus=CONSTANT)
    constant = "Minus that of one constant deviation for each axis, fitted on validation rows: below 0 is better."
    rank = "Rank: Spearman of the deviation and the absolute error; far below 1 even for exact Gaussians."
    coverage = [*grid("{target}", metric="coverage", target=AXES), *grid("rank, {target}", metric="rank", target=AXES)]
    widths = {"mean_width": "mean deviation", "ratio": "without over with", "share_wider": "share that is wider"}
    return [
        Table(f"Scores of predicted deviations, {where}", rows, scores, note=constant),
        Table(f"Coverage of 90 % intervals, and whether the deviation ranks errors, {where}", rows, coverage, note=rank),
        Table(
            f"Coverage by third of the predicted deviation, {where}", rows,
            grid("{target}, {condition}", metric="coverage", target=AXES, condition=THIRDS),
            note=f"The rows with the narrowest to the widest deviations; {EQUAL}, so a third can have no row (–).",
        ),
        Table(
            f"Deviations as modalities are missing, {where}", rows_of(experiment, "widening"),
            grid("{metric}", metric=widths), ("model", "condition"), "shown",
        ),
    ]  # fmt: skip


def conditions(experiment: str, task: str, caption: str, note: str = "", **where: Where) -> Table:
    """Declare r of each model under each condition; where : of the models that are shown"""
    rows = rows_of(experiment, task, **where)
    return Table(caption, rows, R, ("model", "modality", "condition"), "model: shown", note, sort=False)


def robustness(experiment: str, where: str) -> Table:
    """Declare coverage, width, NLL and error of the predicted deviations under each disturbance."""
    columns = [
        *grid("90 %: {target}", metric="coverage", target=AXES),
        *grid("{metric}", metric={"width": "mean deviation", "rmse": "error", "nll": "NLL"}, target="mean"),
    ]
    note = (
        "Coverage of 90 % intervals by axis; mean deviation, root mean squared error and NLL are means of the axes. All: "
        "fused, with the named modality disturbed; noise is on every modality. A deviation that can be relied on grows with "
        f"the error. {ALSO}"
    )
    rows, named = rows_of(experiment, "robustness", model=BESIDE), ("model", "modality", "condition")
    caption = f"Deviations under disturbances, {where}"
    return Table(caption, rows, columns, named, "model: from, disturbance", note, sort=False)


def gap(experiment: str, where: str) -> Table:
    """Declare the table of the modality gap: does a point reveal its modality?"""
    measures = {
        "classifier_uar": "classifier's UAR", "centroids": "centroids, sd", "energy": "energy distance",
        "energy_floor": "floor", "energy_p": "p",
    }  # fmt: skip
    note = (
        "Does a point reveal its modality? UAR .5 is no, 1 is yes, people kept apart. Centroids in pooled standard deviations. "
        "Energy distance with its value and p when the modalities of a row are exchanged, all rows of a group together: few "
        "groups allow no small p."
    )
    caption, columns = f"The modality gap, {where}", grid("{metric}", metric=measures)
    named = ("model", "versus", "modality", "target")
    return Table(caption, rows_of(experiment, "gap"), columns, named, "model: modalities", note, link="and")


def generation(experiment: str, where: str) -> list[Table]:
    """Declare tables of Eq. 6: vectors generated from another modality's affect, by what they find and how near they come."""
    rows, names = rows_of(experiment, "generation"), {"labels": "labels"}
    ranks = {
        "top_1": "first", "top_10": "among the first 10", "top_10_chance": "chance 10", "same_emotion": "of the emotion",
        "same_emotion_above_chance": "above chance",
    }  # fmt: skip
    ranks_note = (
        "Generated from the affect of the first alone, the private latent at its mean; cosine to the true vectors of held-out "
        "rows: is the row's own among the nearest, and how many of the nearest ten others carry its emotion? "
        "Labels: generated from the corpus' own valence, arousal and dominance."
    )
    errors = {
        "r2_own": "own affect", "r2_crossed": "the other's (Eq. 6)", "r2_exchanged": "of another row",
        "r2_gain": "Eq. 6 minus another row's",
    }  # fmt: skip
    errors_note = "R2 of the vectors with the private latent of their own row, under the affect that is named."
    return [
        Table(
            f"Generated from another's affect, {where}", rows, grid("{metric}", metric=ranks), note=ranks_note, names=names,
            **BY_PAIR,
        ),
        Table(f"Error of Eq. 6, {where}", rows, grid("{metric}", metric=errors), note=errors_note, names=names, **BY_PAIR),
    ]  # fmt: skip


def published(experiment: str, caption: str, columns: Columns, rows: tuple[str, ...], digits: int, note: str) -> Table:
    """Declare the paper's own table."""
    where: Mapping[str, Where] = {
        "study": "published", "experiment": experiment, "model": bool, "modality": lambda name: name != "action_units",
    }  # fmt: skip
    return Table(caption, where, columns, rows, "row", note, digits, basis=False)


def draw_axes(experiment: str) -> Figures:
    return Figures(tuple(f"readout_{experiment}_{axis}" for axis in AXES))


def _table_1(iemocap: str) -> Section:
    caption = "Table 1 as published: Pearson's r on IEMOCAP's test set"
    columns, note = grid("true {target}", metric="r", target=AXES), "Rows are axes of z_vad; raters: their agreement."
    parts: list[Part] = [published("table_1", caption, columns, ("model", "latent"), 3, note)]
    for experiment, where in (
        ("iemocap", iemocap), ("text_axes", "EmoBank, published parts"),
        ("text_axes_documents", "EmoBank, documents apart"),
    ):  # fmt: skip
        parts += [
            matrix(experiment, where), *axes(experiment, where), Figures((experiment,)), comparisons(experiment, where),
            draw_axes(experiment),
        ]  # fmt: skip
    parts.append(conditions("iemocap", "subsets", f"From every subset of modalities, {iemocap}"))
    return Section("Table 1: the axes of the shared space", parts=parts)


def _figure_2(iemocap: str) -> Section:
    parts = [gap("iemocap", iemocap), *generation("iemocap", iemocap)]
    return Section("Figure 2 and Eq. 6: do the modalities meet in the shared space?", parts=parts)


def _speech() -> Section:
    arousal = {"share_above": "actors above 0", "effect": "effect", "p": "p", "p_holm": "p after Holm"}
    columns = [*grid("{target}", metric="difference", target=AXES), *grid("{metric}", metric=arousal, target="arousal")]
    note = (
        "Within each actor and emotion, then over emotions, then over actors with a t interval; p by sign-flip over actors. "
        "Primary: arousal, the manifold, both modalities. No training has seen the intensity."
    )
    proxies = "8 points for 8 emotions: the softmax is the floor, not a rival."
    return Section(
        "Voice and face: RAVDESS, out of fold over all actors",
        parts=[
            Table(
                "Predicted value of strong minus normal acting", rows_of("audio_face", "intensity"), columns,
                ("model", "modality"), "model, shown", note,
            ),
            Figures(("intensity",)), *axes("audio_face", "against the proxies", proxies), Figures(("audio_face",)),
            comparisons("audio_face", "against the proxies", "softmax"), matrix("audio_face", "RAVDESS' proxies"),
            gap("audio_face", "audio and action units"), *generation("audio_face", "RAVDESS"),
        ],
    )  # fmt: skip


def _table_2(iemocap: str) -> Section:
    note = "Independent Gaussians of 3 and 64 dimensions, 1,000 rows: .025, .012, and .009 (nearest neighbours)."
    columns = grid("{metric}", metric={"mean_abs_r": "mean |r|", "cka": "CKA", "mi_pairs": "mean MI"})
    held_out = {**HELD_OUT, "iemocap": iemocap}
    places = [independence(name, held_out[name]) for name in ("iemocap", "text_axes", "audio_face", "trimodal")]
    paper = published("table_2", "Table 2 as published, IEMOCAP", columns, ("modality",), 4, note)
    return Section(
        "Table 2: independence of shared and private latents",
        parts=[paper, Figures(("figure_3_average", "figure_3_heatmaps")), *places],
    )


def _table_3(iemocap: str) -> Section:
    columns = grid("{latent}", metric="accuracy", latent=("full", "shared", "private"))
    note = (
        "Plain accuracy on IEMOCAP, classes not stated; the usual four classes (happiness with excitement) have a majority of "
        ".309 and are ours, too. Video stands beside action units."
    )
    caption = "Table 3 as published: accuracy of a linear probe of the emotion"
    parts: list[Part] = [published("table_3", caption, columns, ("modality",), 3, note)]
    held_out = {**HELD_OUT, "iemocap": iemocap}
    for name in ("iemocap", "text_probes", "audio_face", "trimodal", "zero_shot_audio"):
        parts += [probes(name, held_out[name], task) for task in ("emotion", "speaker", "gender", "topic")]
        parts.append(Figures((f"dissociation_{name}",)))
    return Section("Table 3: what shared and private latents reveal", parts=parts)


def _table_4(iemocap: str) -> Section:
    sentiment: dict[str, Any] = {"metric": "r", "target": "sentiment", "condition": {"mosi": "MOSI", "mosei": "MOSEI"}}
    ours = {"task": "axes", "metric": "r"}
    columns = [
        *grid("published: {condition}", experiment="table_4", **sentiment),
        ("ours: V-reg, valence", {"experiment": "zero_shot_text", "target": "valence", **ours}),
        ("ours: EmoDB, arousal", {"experiment": "zero_shot_audio", "target": "arousal", **ours}),
        *grid("ours: {condition}, sentiment", experiment="zero_shot_sentiment", task="axes", **sentiment),
    ]
    order = ("mvae", "misa", PAPER_MODEL, HEADLINE, "supervised", "ridge", "softmax", "lexicon", "ensemble")
    note = (
        "r of frozen models on corpora that no training has seen; no statistic of the target is used. Models for MOSI and "
        f"MOSEI are trained on IEMOCAP ({iemocap}). Where every session is tested in turn, they are the models that have not "
        "seen session 5."
    )
    by_modality: dict[str, Any] = {"experiment": "zero_shot_sentiment", "task": "subsets", "target": "sentiment"}
    caption = "Table 4: frozen models on other corpora"
    within = {"r": "r of arousal within speakers", "p": "p", "p_holm": "p after Holm"}
    within_note = "Mean over the ten speakers of each one's own r, t interval; paired by speaker, p by sign-flip."
    emodb = [
        Callout("warning", LOOKED_AT),
        *axes("zero_shot_audio", "EmoDB", "Trained on RAVDESS' voices: another language, other people and room."),
        Figures(("zero_shot_audio",)),
        comparisons("zero_shot_audio", "EmoDB"),
        Table(
            "Within each speaker of EmoDB", rows_of("zero_shot_audio", "within people"),
            grid("{metric}", metric=within, target="arousal"), ("model", "versus"), note=within_note,
        ),
    ]  # fmt: skip
    return Section(
        "Table 4: zero-shot transfer",
        parts=[
            Table(caption, {"versus": ""}, columns, order=order, note=note, digits=2, basis=False),
            Table(
                "Table 4 by modality: r of valence with sentiment from one modality alone", by_modality,
                grid("{condition}", metric="r", condition={"mosi": "CMU-MOSI", "mosei": "CMU-MOSEI"}), ("model", "modality"),
                "model: shown",
            ),
            *axes("zero_shot_text", "all V-reg tweets", "Trained on EmoBank."), Figures(("zero_shot_text",)),
            comparisons("zero_shot_text", "V-reg"),
            Section("EmoDB", parts=emodb, level=3),
            *(comparisons(f"zero_shot_{name}", CORPORA[name].title, "misa") for name in ("mosi", "mosei")),
        ],
    )  # fmt: skip


def _union() -> Section:
    columns: Columns = (
        ("mean r", {"metric": "r", "task": "axes", "target": "mean"}),
        ("arousal with intensity", {"metric": "difference", "task": "intensity", "target": "arousal"}),
        ("arousal within speakers", {"metric": "r", "task": "within people", "target": "arousal"}),
    )
    note = (
        "Paired over the groups of each experiment. On EmoBank, V-reg and EmoDB, the models of the union's first fold."
    )
    rows = {"experiment": "union", "versus": "single"}
    parts: list[Part] = [Table("The union minus the single model", rows, columns, ("condition",), "corpus", note)]
    for name, where in (("emobank", "EmoBank"), ("ravdess", "RAVDESS"), ("vreg", "V-reg"), ("emodb", "EmoDB")):
        parts += axes(f"union_{name}", f"{where}, models of the union")
        parts.append(conditions(f"union_{name}", "subsets", f"The union from one modality alone, {where}"))
    text = "Rows lack modalities: a sentence has no voice, a voice has no words."
    return Section("Union: one model for all corpora", text, parts)


def _people() -> Section:
    ranks = {f"top_{k}": f"among the first {k}" for k in TOP} | {f"top_{k}_chance": f"chance {k}" for k in TOP}
    columns = grid("{metric}", metric=ranks)
    note = "From a sample in one modality to the same in another by the distance of shared latents, among all held-out ones."
    rows = rows_of("trimodal", "retrieval", versus="")
    return Section(
        "Text, voice and face together: synthetic people, held out",
        parts=[
            Callout("warning", SYNTHETIC),
            Table("Cross-modal retrieval", {**rows, "model": HEADLINE}, columns, note=note, **BY_PAIR),
            Table("Cross-modal retrieval, mean over all pairs", {**rows, "modality": ALL_PAIRS}, columns),
            *generation("trimodal", "synthetic people"), gap("trimodal", "synthetic people"),
            *axes("trimodal", "all modalities"), Figures(("trimodal",)), comparisons("trimodal", "all modalities"),
            matrix("trimodal", "synthetic people"), conditions("trimodal", "subsets", "From every subset of modalities"),
            draw_axes("trimodal"),
        ],
    )  # fmt: skip


def _uncertainty(iemocap: str) -> Section:
    places = {
        "text_axes": "EmoBank", "audio_face": "RAVDESS", "zero_shot_text": "V-reg, a shift", "trimodal": "synthetic people",
        "zero_shot_audio": "EmoDB, a shift", "iemocap": iemocap,
    }  # fmt: skip
    text = "Deviations are calibrated on validation rows. On another corpus they can be too narrow."
    tables = [table for name, where in places.items() for table in uncertainty(name, where)]
    return Section("Calibration of the uncertainty", text, [*tables, Figures(("dialogue",))])


def _robustness() -> Section:
    noise = f"Standard deviations of each dimension. {ALSO}"
    shown = {"model": BESIDE}
    parts: list[Part] = [
        conditions("text_axes", "subsets", "EmoBank from one view alone"),
        conditions("audio_face", "subsets", "RAVDESS from one modality alone"),
    ]
    for name, where in (("text_axes", "EmoBank"), ("audio_face", "RAVDESS"), ("trimodal", "synthetic people")):
        disturbed = f"{where}, the disturbed modality alone. Models were trained on the undisturbed recordings. {ALSO}"
        parts += [
            Figures((f"noise_{name}",)), conditions(name, "noise", f"Noise on the vectors, {where}", noise, **shown),
            conditions(name, "disturbed", f"Disturbed recordings, {where}", disturbed, **shown), robustness(name, where),
        ]  # fmt: skip
    return Section("Robustness", parts=parts)


def sections(split: str = "session5", title: str = "") -> list[Section]:
    """List the sections of results, in the order of reading: the paper's tables, then what goes beyond them.

    split, title : of IEMOCAP, for the captions
    """
    iemocap = f"{title or 'IEMOCAP'}, {SPLITS[split]}"
    return [
        _table_1(iemocap), _figure_2(iemocap), _speech(), _table_2(iemocap), _table_3(iemocap), _table_4(SPLITS[split]),
        _union(), _people(), _uncertainty(iemocap), _robustness(), ablations(),
    ]  # fmt: skip
