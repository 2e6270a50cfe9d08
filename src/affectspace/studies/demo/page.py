"""The one page of a demonstration: the moment told from every subset, and the way to both reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectspace.affect import AXES
from affectspace.evaluation.results import Results
from affectspace.media.clips import read_frames
from affectspace.media.sound import read_sound
from affectspace.report import Cell, Report, sample_figure, subsets_figure
from affectspace.studies.demo.moment import PARTS, Demonstration, Moment, Told
from affectspace.studies.figures import Picture
from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.tables import Renderer, Table, key_figures, per_axis

NAMES = {"text": "text", "audio": "voice", "video": "face"}
FRAMES = 6  # of the clip that are shown
RATE = 16_000
_UAR = {"experiment": "probes", "model": "continuous", "latent": "va", "metric": "uar"}
FACES_FIGURES = {
    "Drawn faces: emotion of new people, LeVAsa's UAR": _UAR,
    "... minus that of a Vanilla VAE": {**_UAR, "versus": "vanilla"},
}
PEOPLE_FIGURES = {
    "Synthetic people: mean r of valence, arousal, dominance": {
        "experiment": "trimodal", "task": "axes", "model": HEADLINE, "target": "mean", "metric": "r",
    },
    "... the same moment found among the first ten": {
        "experiment": "trimodal", "task": "retrieval", "model": HEADLINE, "modality": ALL_PAIRS, "metric": "top_10",
    },
}  # fmt: skip


def names_of(parts: tuple[str, ...]) -> str:
    """What was given, for a reader: text + voice."""
    return " + ".join(NAMES[part] for part in parts)


def write_page(done: Demonstration, facts: Mapping[str, object]) -> None:
    """Write report.html with its figures into the demonstration's folder."""
    out = done.report.parent
    faces, people = (Results.read(report.parent / "metrics.json") for report in (done.faces, done.people))
    report = Report(
        "affectspace, the whole of it without any data",
        "Drawn faces, and invented people with a voice, a face and something to say",
        {"run on synthetic people": _address(done.run, out), **facts},
    )
    report.key_figures([*key_figures(faces, FACES_FIGURES), *key_figures(people, PEOPLE_FIGURES)])
    report.text(
        f"- [Drawn faces: the report]({_address(done.faces, out)}). LeVAsa, a Vanilla VAE, a control and a ceiling were "
        "trained on drawn faces whose labels come from the names of emotions, and judged on people unseen in training.\n"
        f"- [Synthetic people: the report]({_address(done.people, out)}). An affective manifold was trained on text, voice and "
        "face of invented people, beside MVAE, MISA, an encoder with supervision only, and ridge regression."
    )
    report.callout("warning", "Nobody here is real. The figures test the method and say nothing about people.")
    _moment(report, out, done.moment, done.told)
    _all_moments(report, people)
    _from_the_reports(report, done)
    _go_on(report, done)
    report.write(done.report)


def _address(path: Path, page: Path) -> str:
    """A path as seen from the page's folder."""
    return path.relative_to(page).as_posix()


def _moment(report: Report, out: Path, moment: Moment, told: list[Told]) -> None:
    """What is seen, heard and said, and what is predicted from each part of it."""
    report.section(
        "One moment from every subset of text, voice and face",
        f"`{moment.id}`, of a person whom no model has seen: of the held-out moments the median one in distance from neutral "
        f"({moment.emotion}). Each row is a prediction from the files that are named and from nothing else.",
    )
    for picture in _pictures(moment, told):
        picture.save(out)
        report.figure(picture.path(out), picture.caption, picture.alt)
    truth = ("truth", *(Cell(value, digits=2) for value in moment.truth), moment.emotion)
    rows = [(names_of(one.parts), *_cells(one), one.prediction.emotion) for one in told]
    note = "Mean and standard deviation, calibrated on validation people."
    report.table("What each subset tells", ("given", *AXES, "nearest emotion"), [*rows, truth], note)


def _cells(one: Told) -> list[Cell]:
    estimate = one.prediction
    return [Cell(m, digits=2, note=f"\u00b1 {sd:.2f}") for m, sd in zip(estimate.mean, estimate.deviation, strict=True)]


def _pictures(moment: Moment, told: list[Told]) -> list[Picture]:
    sample = moment.sample
    assert sample.audio is not None
    assert sample.video is not None
    seen = sample_figure(read_frames(sample.video, FRAMES), read_sound(sample.audio, RATE), RATE, sample.text or "")
    rows = {names_of(one.parts): (one.prediction.mean, one.prediction.deviation) for one in told}
    return [
        Picture("moment", seen, "What is said, seen and heard.", f"Frames of a face, the wave of a voice: {sample.text}"),
        Picture(
            "subsets",
            subsets_figure(rows, moment.truth),
            "Predictions with bars of one standard deviation; the dashed line is the truth.",
            "Valence, arousal and dominance with bars, a row for each subset of modalities",
        ),
    ]  # fmt: skip


def _all_moments(report: Report, results: Results) -> None:
    """The same over every held-out moment, from the study's results."""
    note = "Pearson's r with the truth on held-out people, with 95 % intervals over people; seeds averaged."
    columns = [*per_axis("r"), ("mean", {"metric": "r", "target": "mean"})]
    names = {", ".join(parts): names_of(parts) for parts in subsets(PARTS)} | {"all": names_of(PARTS)}
    where = {"experiment": "trimodal", "task": "subsets", "model": HEADLINE}
    table = Table("Every held-out moment", where, columns, ("modality",), "given", note, names=names, basis=False)
    Renderer(report, results, {}, Path()).add(table)


def _from_the_reports(report: Report, done: Demonstration) -> None:
    """A figure or two of each study, those that were made."""
    for title, whole, names in (
        ("From the report on drawn faces", done.faces, {
            "primary_endpoint": "UAR of the emotion on held-out people, read off the valence and arousal chunks.",
            "walk": "A face is encoded, moved along valence and arousal in the latent space, and decoded.",
        }),
        ("From the report on synthetic people", done.people, {
            "trimodal": "Mean r on held-out people from text, voice and face together; 95 % intervals.",
            "figure_2_space": "Where text, voice and face of held-out moments lie in the shared space.",
        }),
    ):  # fmt: skip
        report.section(title)
        for name, caption in names.items():
            path = whole.parent / "figures" / f"{name}.png"
            if path.is_file():
                report.figure(path, caption, caption)


def _go_on(report: Report, done: Demonstration) -> None:
    run, study = done.run, done.people.parent
    face_run = done.faces.parent / "runs" / "continuous-seed0"
    report.section(
        "Go on from here",
        f'- your own sentence: `affectspace predict {run} --text "I will never forgive you!"`\n'
        f"- any of the recordings and clips below `{study / 'people'}`: `affectspace predict {run} --file CLIP.mp4`\n"
        f"- a face over the map: `affectspace traverse {face_run} --image FACE.png --gif --out walks`\n"
        "- on real data: `affectspace reproduce levasa --help`, `affectspace reproduce manifold --help`",
    )
