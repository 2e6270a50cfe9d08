"""The sections of results, in the order of reading: the paper's tables, then what goes beyond them."""

from __future__ import annotations

from collections.abc import Callable

from affectspace.affect import AXES
from affectspace.report import Report
from affectspace.studies.manifold.data_section import LOOKED_AT
from affectspace.studies.manifold.plan import HEADLINE, TITLES
from affectspace.studies.manifold.printed_tables import Tables, as_printed, cell
from affectspace.studies.manifold.published import PUBLISHED
from affectspace.studies.manifold.sources import CORPORA
from affectspace.studies.manifold.study import Study

Draw = Callable[..., None]
Section = Callable[[Report, Tables, Study, Draw], None]


def sections() -> tuple[Section, ...]:
    """The sections of results."""
    return (_table_1, _speech, _table_2, _table_3, _table_4, _union, _people, _uncertainty, _robustness)


def _table_1(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    report.section("Table 1: the axes of the shared space")
    columns = {f"r_{axis}": f"true {axis}" for axis in AXES}
    tables.published(
        "table_1", "Table 1 as published: Pearson's r on IEMOCAP's test set", columns, "Rows are axes of z_vad."
    )
    for experiment, where in (
        ("text_axes", "EmoBank, published parts"),
        ("text_axes_documents", "EmoBank, documents apart"),
        ("iemocap", "IEMOCAP, session 5"),
    ):
        if tables.has(experiment):
            tables.matrix(f"{experiment}_matrix", where)
            tables.axes(experiment, where)
            draw(experiment)
            tables.comparisons(f"{experiment}_comparisons", where)
            draw(*(f"readout_{experiment}_{axis}" for axis in AXES))


def _speech(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    if not tables.has("audio_face"):
        return
    report.section("Voice and face: RAVDESS, out of fold over all actors")
    columns = {f"difference_{axis}": axis for axis in AXES} | {"share_above": "actors above 0", "effect": "effect"}
    columns |= {"p": "p", "p_holm": "p after Holm"}
    note = (
        "Within each actor and emotion, then over emotions, then over actors with a t interval; p by sign-flip over actors. "
        "Primary: arousal, the manifold, both modalities. No training saw the intensity."
    )
    tables.add(
        "Predicted value of strong less normal acting", "audio_face_intensity", columns, note=note, first="model, shown"
    )
    draw("intensity")
    tables.axes("audio_face", "against the proxies", "8 points for 8 emotions: the softmax is the floor, not a rival.")
    draw("audio_face")
    tables.comparisons("audio_face_comparisons", "against the proxies", "softmax")
    tables.matrix("audio_face_matrix", "RAVDESS' proxies")
    tables.gap("audio_face", "audio and action units")
    _generated(tables, "audio_face", "RAVDESS")


def _table_2(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    places = (
        ("text_axes", "EmoBank's test part"),
        ("audio_face", "RAVDESS out of fold"),
        ("trimodal", "synthetic people"),
        ("iemocap", "IEMOCAP, session 5"),
    )
    if not any(tables.has(f"{name}_independence") for name, _ in places):
        return
    report.section("Table 2: independence, honestly")
    columns = {"mean_abs_r": "mean |r|", "cka": "CKA", "mi": "mean MI"}
    note = (
        "Independent Gaussians of 3 and 64 dimensions, 1,000 rows: .025, .012, and .009 by pairs of nearest neighbours."
    )
    tables.published("table_2", "Table 2 as published, IEMOCAP", columns, note)
    draw("figure_3_heatmaps")
    for name, where in places:
        if tables.has(f"{name}_independence"):
            report.section(where, level=3)
            tables.independence(name, where)


def _table_3(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    places = (
        ("text_probes", "MELD, encoder of EmoBank"),
        ("audio_face", "RAVDESS out of fold"),
        ("trimodal", "synthetic people"),
        ("iemocap", "IEMOCAP, session 5"),
        ("zero_shot_audio", "EmoDB"),
    )
    if not any(tables.has(f"{name}_{task}_linear") for name, _ in places for task in ("emotion", "speaker")):
        return
    report.section("Table 3: what shared and private latents tell")
    columns = {what: what for what in ("full", "shared", "private")}
    note = (
        "IEMOCAP, classes not stated; the usual four classes have a majority of .309. Video stands beside action units."
    )
    tables.published("table_3", "Table 3 as published: accuracy of a linear probe of the emotion", columns, note)
    for name, where in places:
        for task in ("emotion", "speaker", "gender", "topic"):
            if tables.has(f"{name}_{task}_linear"):
                report.section(f"{task.capitalize()}, {where}", level=3)
                tables.probes(name, where, task, _probe_note(task))
        draw(f"dissociation_{name}")


def _probe_note(task: str) -> str:
    if task == "speaker":
        return (
            "People (or lines) that the encoder has not seen; the probe's rows share people and differ in sentences or "
            "dialogues. Bounds: the raw vectors above, the labels alone below."
        )
    return (
        "C and the number of trees are chosen on validation rows by UAR, for every latent alike; classes weigh alike."
    )


def _table_4(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    metrics = tables.metrics
    ours = {
        "zero_shot_text": ("r_valence", "V-reg, valence"),
        "zero_shot_audio": ("r_arousal", "EmoDB, arousal"),
        "zero_shot_sentiment": ("mosi", "MOSI, sentiment"),
    }
    there = {name: told for name, told in ours.items() if tables.has(name)}
    if not there:
        return
    report.section("Table 4: zero-shot transfer")
    rows = []
    for model in (*PUBLISHED["table_4"], "supervised", "ridge", "softmax", "lexicon", "ensemble"):
        cells = [cell(metrics, name, model, metric) for name, (metric, _) in there.items()]
        paper = PUBLISHED["table_4"].get(model, {})
        if paper or any(one is not None for one in cells):
            rows.append((TITLES[model], as_printed(paper.get("mosi"), 2), as_printed(paper.get("mosei"), 2), *cells))
    columns = ("model", "published: MOSI", "published: MOSEI", *(f"ours: {told}" for _, told in there.values()))
    note = "r of frozen models on corpora that no training saw; no statistic of the target is used."
    report.table("Table 4: the published figures beside ours, on other corpora", columns, rows, note)
    if tables.has("zero_shot_text"):
        tables.axes("zero_shot_text", "all V-reg tweets", "Trained on EmoBank.")
        draw("zero_shot_text")
        tables.comparisons("zero_shot_text_comparisons", "V-reg")
    if tables.has("zero_shot_audio"):
        report.callout("warning", LOOKED_AT)
        tables.axes(
            "zero_shot_audio", "EmoDB", "Trained on RAVDESS' voices: another language, other people, another room."
        )
        draw("zero_shot_audio")
        tables.comparisons("zero_shot_audio_comparisons", "EmoDB")
        within = {"r_arousal": "r of arousal within speakers", "p": "p", "p_holm": "p after Holm"}
        note = "Mean over the ten speakers of each one's own r, t interval; paired by speaker, p by sign-flip."
        tables.add("Within each speaker of EmoDB", "zero_shot_audio_within_people", within, note=note)
    for name in ("mosi", "mosei"):
        if tables.has(f"zero_shot_{name}_comparisons"):
            tables.comparisons(f"zero_shot_{name}_comparisons", CORPORA[name].title, "misa")


def _union(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    if not tables.has("union"):
        return
    report.section(
        "Union: one model for all corpora", "Rows lack modalities: a sentence has no voice, a voice no words."
    )
    columns = {"r_mean": "mean r", "intensity": "arousal with intensity", "r_arousal_within": "arousal within speakers"}
    note = "Paired over the groups of each experiment. On EmoBank, V-reg and EmoDB the union's first fold speaks."
    tables.add("The union less the single model", "union", columns, note=note, first="corpus")
    for name, where in (("emobank", "EmoBank"), ("ravdess", "RAVDESS"), ("vreg", "V-reg"), ("emodb", "EmoDB")):
        if tables.has(f"union_{name}"):
            tables.axes(f"union_{name}", f"{where}, models of the union")
            tables.conditions(f"union_{name}", "subsets", f"The union from one modality alone, {where}")


def _people(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    if not tables.has("trimodal"):
        return
    report.section("Text, voice and face together: synthetic people, held out")
    text = "These people follow conventions of ours. Their tables test the method and say nothing about people."
    report.callout("warning", text)
    columns = {f"top_{k}": f"among the first {k}" for k in (1, 5, 10)} | {
        f"top_{k}_chance": f"chance {k}" for k in (1, 5, 10)
    }
    note = "From a moment in one modality to the same in another, by the distance of shared latents, among all held-out ones."
    rows = tables.rows_of("trimodal_retrieval")
    rows = [row for row in rows if row.startswith(f"{HEADLINE}: ") or row.endswith(": all pairs")]
    tables.add("Cross-modal retrieval", "trimodal_retrieval", columns, rows, note=note, first="model: from, to")
    _generated(tables, "trimodal", "synthetic people")
    tables.gap("trimodal", "synthetic people")
    tables.axes("trimodal", "all modalities")
    draw("trimodal")
    tables.comparisons("trimodal_comparisons", "all modalities")
    tables.matrix("trimodal_matrix", "synthetic people")
    tables.conditions("trimodal", "subsets", "From every subset of modalities")
    draw(*(f"readout_trimodal_{axis}" for axis in AXES))


def _generated(tables: Tables, experiment: str, where: str) -> None:
    """Eq. 6: vectors made from another modality's affect, by what they find and how near they come."""
    name = f"{experiment}_generated"
    columns = {"top_1": "first", "top_10": "among the first 10", "top_10_chance": "chance 10"}
    columns |= {"same_emotion": "of the emotion", "same_emotion_above_chance": "above chance"}
    note = (
        "Made from the affect of the first alone, the private code at its mean; cosine to the true vectors of held-out rows: "
        "is the row's own among the nearest, and how many of the nearest ten others carry its emotion? "
        "Labels: made from the corpus' own valence, arousal and dominance."
    )
    tables.add(f"Made from another's affect, {where}", name, columns, note=note, first="model: from, to")
    columns = {"r2_rebuilt": "own affect", "r2_crossed": "the other's (Eq. 6)", "r2_exchanged": "of another row"}
    columns |= {"r2_gain": "Eq. 6 less another row's"}
    note = "R2 of the vectors with the private content of their own row, under the affect that is named."
    tables.add(f"Error of Eq. 6, {where}", name, columns, note=note, first="model: from, to")


def _uncertainty(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    places = (
        ("text_axes", "EmoBank"),
        ("audio_face", "RAVDESS"),
        ("zero_shot_text", "V-reg, a shift"),
        ("trimodal", "synthetic people"),
        ("zero_shot_audio", "EmoDB, a shift"),
        ("iemocap", "IEMOCAP"),
    )
    if not any(tables.has(f"{name}_uncertainty") for name, _ in places):
        return
    report.section(
        "Uncertainty",
        "Widths are calibrated on validation rows; under a shift of corpus they can be too narrow.",
    )
    for name, where in places:
        tables.uncertainty(name, where)
    draw("dialogue")


def _robustness(report: Report, tables: Tables, study: Study, draw: Draw) -> None:
    if not any(tables.has(f"{name}_noise") for name in ("text_axes", "audio_face", "trimodal")):
        return
    report.section("Robustness")
    tables.conditions("text_axes", "subsets", "EmoBank from one view alone")
    tables.conditions("audio_face", "subsets", "RAVDESS from one modality alone")
    note = "RAVDESS' sounds made again; audio alone is shown. Models were trained on the plain sounds."
    tables.conditions("audio_face", "disturbed", "Disturbed sounds", note)
    for name, where in (("text_axes", "EmoBank"), ("audio_face", "RAVDESS"), ("trimodal", "synthetic people")):
        draw(f"noise_{name}")
        tables.conditions(name, "noise", f"Noise on the vectors, {where}", "Standard deviations of each dimension.")
