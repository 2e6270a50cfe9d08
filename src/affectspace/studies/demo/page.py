"""The page of a demonstration: one held-out example, key figures, and links to both reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectspace.affect import AXES
from affectspace.evaluation.results import Results
from affectspace.media.clips import read_frames
from affectspace.media.sound import read_sound
from affectspace.prediction import Prediction
from affectspace.report import Cell, Report, sample_figure, subsets_figure
from affectspace.studies.demo.held_out_example import MODALITIES, Example, ShippedPrediction, SubsetPrediction
from affectspace.studies.figures import Picture
from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.tables import Renderer, Table, grid, key_figures

NAMES = {"text": "text", "audio": "voice", "video": "face"}
FRAMES = 6  # of the clip that are shown
RATE = 16_000
SHIPPED = (
    "These models were trained on real sentences, voices and faces. They have not seen the recordings above, which are "
    "invented: a made sentence, a synthetic voice and a drawn face. The rows show how the models answer to unusual input. They "
    "are no test of the models."
)
_UAR = {"experiment": "probes", "model": "continuous", "latent": "va", "metric": "uar"}
FACES_FIGURES = {
    "Drawn faces: emotion of new people, LeVAsa's UAR": _UAR,
    "... minus that of a Vanilla VAE": {**_UAR, "versus": "vanilla"},
}
PEOPLE_FIGURES = {
    "Synthetic people: mean r of valence, arousal, dominance": {
        "experiment": "trimodal", "task": "axes", "model": HEADLINE, "target": "mean", "metric": "r",
    },
    "... the same row found among the first ten": {
        "experiment": "trimodal", "task": "retrieval", "model": HEADLINE, "modality": ALL_PAIRS, "metric": "top_10",
    },
}  # fmt: skip


def names_of(modalities: tuple[str, ...]) -> str:
    """Write modalities in words: text + voice."""
    return " + ".join(NAMES[name] for name in modalities)


def make_page(
    out: Path,
    links: Mapping[str, Path],
    example: Example,
    predictions: Sequence[SubsetPrediction],
    shipped: Sequence[ShippedPrediction],
    facts: Mapping[str, object],
) -> Report:
    """Make the page of a demonstration, and save its figures into its folder.

    links : paths below ``out``: reports "faces" and "people", folders "run", "face run" and "recordings"
    """
    address = {name: path.relative_to(out).as_posix() for name, path in links.items()}
    faces, people = (Results.read(links[name].parent / "metrics.json") for name in ("faces", "people"))
    report = Report(
        "affectspace, demonstrated without any data",
        "Drawn faces, and synthetic people with a voice, a face and something to say",
        {"run on synthetic people": address["run"], **facts},
    )
    report.key_figures([*key_figures(faces, FACES_FIGURES), *key_figures(people, PEOPLE_FIGURES)])
    report.text(
        f"- [Drawn faces: the report]({address['faces']}). LeVAsa, a Vanilla VAE, a control and a ceiling were trained on "
        "drawn faces, whose labels come from the names of emotions, and evaluated on people unseen in training.\n"
        f"- [Synthetic people: the report]({address['people']}). An affective manifold was trained on text, voice and face of "
        "synthetic people, beside MVAE, MISA, an encoder with supervision only, and ridge regression."
    )
    report.callout("warning", "Nobody here is real. The figures test the method and say nothing about people.")
    _add_example(report, out, example, predictions)
    _add_shipped(report, shipped)
    renderer = Renderer(report, people, {}, out)
    renderer.add(ALL_EXAMPLES)
    for title, name, captions in COPIED_FIGURES:
        report.section(title)
        for figure, caption in captions.items():
            path = links[name].parent / "figures" / f"{figure}.png"
            if path.is_file():
                report.figure(path, caption, caption)
    report.section(
        "Next steps",
        f'- your own sentence: `affectspace predict --run {links["run"]} "I will never forgive you!"`\n'
        f"- a clip from `{links['recordings']}`: `affectspace predict --run {links['run']} CLIP.mp4`\n"
        f"- a face moved over the map: `affectspace traverse {links['face run']} --image FACE.png --gif --out walks`\n"
        "- real data: `affectspace reproduce levasa --help`, `affectspace reproduce manifold --help`",
    )
    return report


def _add_example(report: Report, out: Path, example: Example, predictions: Sequence[SubsetPrediction]) -> None:
    """Append the recordings of the held-out example, and a prediction from each subset of them."""
    report.section(
        "One held-out example, from every subset of text, voice and face",
        f"`{example.id}` is of a person whom no model has seen: of the held-out rows the one with the median distance from "
        f"neutral ({example.emotion}). Each row is a prediction from the files that are named and from nothing else.",
    )
    for picture in _pictures(example, predictions):
        picture.save(out)
        report.figure(picture.path(out), picture.caption, picture.alt)
    rows = [(names_of(entry.modalities), *_cells(entry.prediction), entry.prediction.emotion) for entry in predictions]
    truth = ("truth", *(Cell(value, digits=2) for value in example.truth), example.emotion)
    note = "Mean and standard deviation, calibrated on validation people."
    report.table("Predictions from each subset", ("given", *AXES, "nearest emotion"), [*rows, truth], note)


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


def _pictures(example: Example, predictions: Sequence[SubsetPrediction]) -> list[Picture]:
    sample = example.sample
    assert sample.audio is not None
    assert sample.video is not None
    seen = sample_figure(read_frames(sample.video, FRAMES), read_sound(sample.audio, RATE), RATE, sample.text or "")
    rows = {names_of(entry.modalities): (entry.prediction.mean, entry.prediction.deviation) for entry in predictions}
    return [
        Picture(
            "example", seen, "The words, the face and the voice.", f"Frames of a face, the wave of a voice: {sample.text}"
        ),
        Picture(
            "subsets",
            subsets_figure(rows, example.truth),
            "Predictions with bars of one standard deviation; the dashed line is the truth.",
            "Valence, arousal and dominance with bars, a row for each subset of modalities",
        ),
    ]  # fmt: skip


ALL_EXAMPLES = Table(
    "All held-out rows",
    {"experiment": "trimodal", "task": "subsets", "model": HEADLINE},
    grid("{target}", metric="r", target=(*AXES, "mean")),
    ("modality",),
    "given",
    "Pearson's r with the truth on held-out people, with 95 % intervals over people; seeds averaged.",
    names={", ".join(modalities): names_of(modalities) for modalities in subsets(MODALITIES)}
    | {"all": names_of(MODALITIES)},
    basis=False,
)
COPIED_FIGURES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("From the report on drawn faces", "faces", {
        "primary_endpoint": "UAR of the emotion on held-out people, read from the valence and arousal chunks.",
        "walk": "A face is encoded, moved along valence and arousal in the latent space, and decoded.",
    }),
    ("From the report on synthetic people", "people", {
        "trimodal": "Mean r on held-out people from text, voice and face together; 95 % intervals.",
        "figure_2_space": "Where text, voice and face of held-out rows lie in the shared space.",
    }),
)  # fmt: skip
