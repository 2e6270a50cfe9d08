"""The page of a demonstration: what to take home, one example that works, one that does not and why, and both reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectspace.affect import AXES
from affectspace.evaluation.results import Results
from affectspace.media.clips import read_frames
from affectspace.media.sound import read_sound
from affectspace.prediction import Prediction
from affectspace.report import Cell, IntervalRow, Reference, Report, affect_map_figure, sample_figure
from affectspace.report.formatting import signed
from affectspace.studies.demo.held_out_example import MODALITIES, Example, ShippedPrediction, SubsetPrediction
from affectspace.studies.demo.verdict import names_of, verdict, why
from affectspace.studies.figures import Picture
from affectspace.studies.levasa.report import emotion_sentence
from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.report import SEEN
from affectspace.studies.summary import correlation_sentence, key_figures
from affectspace.studies.tables import Renderer, Table, grid

FRAMES = 6  # of the clip that are shown
RATE = 16_000
NOBODY = "Nobody here is real: this page shows that the methods work, and says nothing about people."
SHIPPED = (
    "These models were trained on real sentences, voices and faces. They have not seen the recordings above, which are "
    "invented: a made sentence, a synthetic voice and a drawn face. The rows show how the models answer to unusual input. They "
    "are no test of the models."
)
_R = {"experiment": "trimodal", "task": "axes", "model": HEADLINE, "target": "mean", "metric": "r"}
FACES_FIGURES = {
    "Drawn faces: emotions of new people that LeVAsa recognises, unweighted average recall (UAR)": {
        "experiment": "probes", "model": "continuous", "latent": "va", "metric": "uar",
    },
}  # fmt: skip
PEOPLE_FIGURES = {
    "Synthetic people: mean correlation (r) with the true valence, arousal and dominance": _R,
    "Synthetic people: the matching recording is among the first ten": {
        "experiment": "trimodal", "task": "retrieval", "model": HEADLINE, "modality": ALL_PAIRS, "metric": "top_10",
    },
}  # fmt: skip


def make_page(
    out: Path,
    links: Mapping[str, Path],
    examples: Sequence[tuple[Example, Sequence[SubsetPrediction]]],
    shipped: Sequence[ShippedPrediction],
    walk: Picture | None,
    facts: Mapping[str, object],
) -> Report:
    """Make the page of a demonstration, and save its figures into its folder.

    links : paths below ``out``: reports "faces" and "people", folders "run", "face run" and "recordings"
    examples : a held-out row with its predictions, and, where known, the one that is predicted worst
    """
    address = {name: path.relative_to(out).as_posix() for name, path in links.items()}
    faces, people = (Results.read(links[name].parent / "metrics.json") for name in ("faces", "people"))
    report = Report(
        "affectspace in one page",
        "Both papers on generated data: drawn faces, and synthetic people with a voice, a face and something to say",
        {"run on synthetic people": address["run"], **facts},
    )
    follow = correlation_sentence(people, people.find(**_R), SEEN["trimodal"])
    report.summary([follow, emotion_sentence(faces, "continuous", "LeVAsa", " drawn"), NOBODY])
    (first, predictions), *wrong = examples
    _add_example(report, out, first, predictions, "example", "The model meets somebody new")
    report.key_figures([*key_figures(people, PEOPLE_FIGURES), *key_figures(faces, FACES_FIGURES)])
    report.text(
        f"Read on: [the report on synthetic people]({address['people']}) and [the report on drawn faces]({address['faces']})."
    )
    for example, predicted in wrong:
        text = "Of all held-out recordings, this is the one that the model predicts worst."
        report.section("Where the model is wrong, and why", text, open=True)
        _add_example(report, out, example, predicted, "mistake", "The model's worst prediction")
    _add_subsets(report, first, predictions)
    if walk is not None:
        report.section("One face, moved over the map", "The model of drawn faces that ships.")
        walk.save(out)
        report.figure(walk.figure, walk.title, walk.alt, walk.caption)
    _add_shipped(report, shipped)
    report.section("All held-out people", "The same for every held-out recording, not only for the examples.")
    Renderer(report, people, {}).add(ALL_EXAMPLES)
    report.section(
        "Next steps",
        f'- your own sentence: `affectspace predict --run {links["run"]} "I will never forgive you!"`\n'
        f"- a clip from `{links['recordings']}`: `affectspace predict --run {links['run']} CLIP.mp4`\n"
        f"- a face moved over the map: `affectspace traverse {links['face run']} --image FACE.png --gif --out walks`\n"
        "- real data: `affectspace reproduce levasa --help`, `affectspace reproduce manifold --help`",
    )
    return report


def _add_example(
    report: Report, out: Path, example: Example, predictions: Sequence[SubsetPrediction], name: str, title: str
) -> None:
    """Append the recordings of an example, where the model puts it on the map, and whether that is right."""
    sample = example.sample
    assert sample.audio is not None
    assert sample.video is not None
    everything = predictions[-1].prediction
    seen = sample_figure(read_frames(sample.video, FRAMES), read_sound(sample.audio, RATE), RATE, sample.text or "")
    points = {
        names_of(entry.modalities): (entry.prediction.mean[:2], entry.prediction.deviation[:2])
        for entry in predictions
        if len(entry.modalities) in (1, len(MODALITIES))
    }
    truth, mean = example.truth, everything.mean
    drawn = affect_map_figure(points, truth[:2])
    place = f"valence {signed(mean.valence)} and arousal {signed(mean.arousal)}"
    for picture in (
        Picture(
            name, seen, f"{title}: words, face and voice",
            f"A drawn face in {FRAMES} frames and the wave of its voice, which says: {sample.text}",
            f"`{example.id}`, of a person whom the model has not met. Emotion: {example.emotion}.",
        ),
        Picture(
            f"{name}_map", drawn, "What the model reads in it",
            f"From everything the model reads {place}; the truth is {signed(truth.valence)} and {signed(truth.arousal)}.",
            "The star is the truth. An ellipse is one standard deviation of the prediction.",
        ),
    ):  # fmt: skip
        picture.save(out)
        report.figure(picture.figure, picture.title, picture.alt, picture.caption)
    report.text("\n\n".join(filter(None, [verdict(example, everything), " ".join(why(example, predictions))])))


def _add_subsets(report: Report, example: Example, predictions: Sequence[SubsetPrediction]) -> None:
    """Append what each subset of the recordings gives."""
    report.section(
        "The first example from every subset of text, voice and face",
        "Of the held-out happy recordings the one of median strength, chosen before anything was predicted. Each row is a "
        "prediction from what is named and from nothing else.",
    )
    for place, axis in enumerate(AXES):
        rows = [
            IntervalRow(names_of(entry.modalities), mean, mean - deviation, mean + deviation)
            for entry in predictions
            for mean, deviation in [(entry.prediction.mean[place], entry.prediction.deviation[place])]
            if math.isfinite(mean)
        ]
        if rows:
            report.bars(
                rows, [Reference("truth", example.truth[place], "ceiling")], title=f"{axis.capitalize()} from each subset",
                label=f"Predicted {axis}, one standard deviation to each side", order=False, digits=2,
            )  # fmt: skip
    emotions = [(names_of(entry.modalities), entry.prediction.emotion or "-") for entry in predictions]
    report.table("The nearest emotion", ("given", "emotion"), [*emotions, ("truth", example.emotion)])


def _add_shipped(report: Report, shipped: Sequence[ShippedPrediction]) -> None:
    """Append the predictions of the models that ship; nothing without one."""
    if not shipped:
        return
    rows = []
    for entry in shipped:
        outcome = entry.outcome
        if isinstance(outcome, Prediction):
            rows.append((entry.model, names_of(entry.modalities), *_cells(outcome), outcome.emotion or "-"))
        else:
            rows.append((entry.model, names_of(entry.modalities), "-", "-", "-", outcome.reason))
    report.section("The models that ship, on the same recordings", SHIPPED)
    report.table("Predictions of the models that ship", ("model", "given", *AXES, "emotion"), rows)


def _cells(prediction: Prediction) -> list[Cell | str]:
    pairs = zip(prediction.mean, prediction.deviation, strict=True)
    return [
        "-" if math.isnan(mean) else Cell(mean, digits=2, note=f"\u00b1 {deviation:.2f}") for mean, deviation in pairs
    ]


ALL_EXAMPLES = Table(
    "Correlation with the truth, by what the model is given",
    {"experiment": "trimodal", "task": "subsets", "model": HEADLINE},
    grid("{target}", metric="r", target=("mean", *AXES)),
    ("modality",),
    "given",
    "Pearson's r on held-out people, with 95 % intervals over people.",
    names={", ".join(modalities): names_of(modalities) for modalities in subsets(MODALITIES)}
    | {"all": names_of(MODALITIES)},
)
