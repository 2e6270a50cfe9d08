"""Every model of the study beside every other: key figures, ablations, trainings."""

from __future__ import annotations

from affectspace.evaluation import MetricsFile
from affectspace.report import KeyFigure, Report
from affectspace.studies.manifold.plan import HEADLINE, TITLES
from affectspace.studies.manifold.printed_tables import ablation_rows
from affectspace.studies.manifold.study import Study

TRAINED = (
    "What is compared has the same rows, batches, epochs and schedule. The learning rate and weight decay of MVAE and MISA are "
    "those that did best on validation rows. An ablation that changes nothing in a training is not listed there."
)


def key_figures(metrics: MetricsFile) -> list[KeyFigure]:
    """The primary endpoints that were measured."""
    wanted = (
        ("Text, EmoBank: mean r", "text_axes", HEADLINE, "r_mean", None),
        ("Tweets, zero-shot: r of valence", "zero_shot_text", HEADLINE, "r_valence", None),
        (
            "MELD: emotion, shared less private",
            "text_probes_emotion_linear",
            f"{HEADLINE} text",
            "accuracy shared - private",
            None,
        ),
        ("RAVDESS: arousal, strong less normal", "audio_face_intensity", HEADLINE, "difference_arousal", None),
        ("EmoDB, zero-shot: r of arousal", "zero_shot_audio", HEADLINE, "r_arousal", None),
        (
            "Synthetic people: found among ten",
            "trimodal_retrieval",
            f"{HEADLINE}: all pairs",
            "top_10",
            None,
        ),
        ("IEMOCAP: mean r", "iemocap", HEADLINE, "r_mean", sum((0.533, 0.630, 0.503)) / 3),
    )
    found = []
    for label, experiment, row, metric, paper in wanted:
        if (experiment, row, metric) in metrics:
            one = metrics.get(experiment, row, metric)
            note = f"{one.protocol}, n {one.n:,}" if one.n else one.protocol
            found.append(
                KeyFigure(label, one.value, one.low, one.high, None if paper is None else round(paper, 3), note)
            )
    return found


def ablations(report: Report, metrics: MetricsFile) -> None:
    """Every variant across experiments: at home, in transfer, what leaks, what depends."""
    text = {
        "EmoBank, mean r": ("text_axes", "{model}", "r_mean"),
        "V-reg, r of valence": ("zero_shot_text", "{model}", "r_valence"),
        "debiased CKA, text": ("text_axes_independence", "{model} text", "debiased_cka"),
        "HSIC, text": ("text_axes_independence", "{model} text", "hsic"),
        "MELD: emotion from private, UAR": ("text_probes_emotion_linear", "{model} text", "uar_private"),
    }
    speech = {
        "RAVDESS, arousal with intensity": ("audio_face_intensity", "{model}", "difference_arousal"),
        "RAVDESS, mean r": ("audio_face", "{model}", "r_mean"),
        "EmoDB, r of arousal": ("zero_shot_audio", "{model}", "r_arousal"),
        "EmoDB, r of valence": ("zero_shot_audio", "{model}", "r_valence"),
        "debiased CKA, audio": ("audio_face_independence", "{model} audio", "debiased_cka"),
        "HSIC, audio": ("audio_face_independence", "{model} audio", "hsic"),
        "emotion from private audio": ("audio_face_emotion_linear", "{model} audio", "accuracy_private"),
        "emotion from private action units": ("audio_face_emotion_linear", "{model} action_units", "accuracy_private"),
    }
    people = {
        "people, mean r": ("trimodal", "{model}", "r_mean"),
        "found among ten, all pairs": ("trimodal_retrieval", "{model}: all pairs", "top_10"),
        "text and voice told apart, UAR": ("trimodal_gap", "{model}: text and audio", "classifier_uar"),
        "debiased CKA, audio": ("trimodal_independence", "{model} audio", "debiased_cka"),
    }
    bodies = [(caption, columns, ablation_rows(metrics, columns)) for caption, columns in
              (("Text", text), ("Voice and face", speech), ("Synthetic people", people))]  # fmt: skip
    if any(body for _, _, body in bodies):
        report.section(
            "Every model side by side", "Baselines, floors and the ablation of each term, at home and in transfer."
        )
    note = (
        "Each ablation changes one thing and keeps rows, batches, epochs and schedule. Fewer seeds than the headline's."
    )
    for caption, columns, body in bodies:
        if body:
            report.table(caption, ("model", *columns), body, note)


def trainings(report: Report, study: Study) -> None:
    """What was trained, and how long."""
    report.section("Trainings")
    rows = []
    for (training, name), group in study.members.items():
        facts = [study.run_of(member).facts for member in group]
        seconds = sum(float(fact.get("seconds", 0)) for fact in facts)
        seeds = len({member.seed for member in group})
        rows.append(
            (
                training.replace("_", " "),
                TITLES[name],
                seeds,
                len(group),
                group[0].config.fit.epochs,
                round(seconds / len(group), 1),
            )
        )
    columns = ("training", "model", "seeds", "runs", "epochs", "seconds a run")
    report.table("Every training", columns, rows, TRAINED)
