"""The report's section on corpora, parts, transferred labels, and what the paper leaves open."""

from __future__ import annotations

from collections.abc import Iterator

from affectspace.report import Report
from affectspace.studies.manifold.plan import TRAININGS
from affectspace.studies.manifold.preparation import needed_corpora
from affectspace.studies.manifold.published import ASSUMED, FAULTS, NOT_STATED
from affectspace.studies.manifold.sources import CORPORA
from affectspace.studies.manifold.study import Study

NO_TRIAD = (
    "No row of the real corpora here has text together with audio or video. Eq. 7 ties audio to action units on RAVDESS and a "
    "text's vector to the lexicon statistics of the same text on EmoBank (two views of one modality); it never ties text to "
    "another modality on real data. Only the synthetic people have all three."
)
PROXIES = (
    "RAVDESS, EmoDB and MELD are not rated: their valence, arousal and dominance are the published centres of the "
    "emotion's term (Russell & Mehrabian 1977; neutral at the origin and calm as relaxed are conventions of ours). On RAVDESS "
    "these are 8 points for 8 emotions: telling emotions apart is all there is to reach, a softmax over emotions is the "
    "floor, and r with them is no evidence for regression. The intensity of acting was never used in training and is "
    "evidence."
)
LOOKED_AT = (
    "EmoDB is a diagnosis set and not untouched: about 25 variants had been scored on it before this model was made. Its "
    "figures tell where a model stands; they are no proof on unseen data."
)
ROLES = {
    "emobank": "trains and tests text", "vreg": "zero-shot test of text", "meld": "probes of text",
    "ravdess": "trains and tests voice and face", "emodb": "zero-shot test of voice", "people": "trains and tests all three",
    "iemocap": "trains and tests dialogues", "mosi": "zero-shot test of sentiment", "mosei": "zero-shot test of sentiment",
}  # fmt: skip


def data_and_protocol(report: Report, study: Study) -> None:
    """Corpora, parts, what is transferred, and what the paper leaves open."""
    report.section("Data and protocol")
    rows = []
    for name in needed_corpora(study.experiments, study.places):
        source = study.source(name)
        people = int(source.table["person"].nunique()) or None
        labels = (
            "emotions' centres"
            if CORPORA[name].transferred
            else "rated"
            if name != "people"
            else "known by construction"
        )
        labels = "sentiment" if name in ("mosi", "mosei") else labels
        modalities = ", ".join(one.replace("_", " ") for one in source.stores)
        rows.append((source.title, len(source), people, modalities, labels, ROLES[name], source.corpus.licence))
    columns = ("corpus", "rows", "people", "modalities", "valence, arousal, dominance", "role", "licence")
    report.table("Corpora of this study", columns, rows)
    report.table(
        "The parts that models were trained, kept and tested on",
        ("training", "corpus", "train", "validation", "test"),
        list(_parts(study)),
        "People are disjoint between parts where they are known. EmoBank's published parts share "
        "documents: 88 % of its test sentences have one in train; a second training keeps documents apart.",
    )
    names = needed_corpora(study.experiments, study.places)
    if {"ravdess", "emodb", "meld"} & set(names):
        report.callout("warning", PROXIES)
    if {"ravdess", "emobank"} & set(names):
        report.callout("note", NO_TRIAD)
    if "emodb" in names:
        report.callout("warning", LOOKED_AT)
    if "iemocap" not in names:
        report.callout(
            "note",
            "None of these corpora is the paper's (IEMOCAP, CMU-MOSI, CMU-MOSEI may not be handed on). Published figures stand "
            "beside ours as landmarks: data, backbones and protocol differ, measures are the same where a table says so.",
        )
    report.section("What the paper leaves open", level=3)
    report.text("Not stated:\n\n" + "\n".join(f"- {one}" for one in NOT_STATED))
    report.text("Our assumptions:\n\n" + "\n".join(f"- {one}" for one in ASSUMED))
    report.section("Faults of the published protocol", level=3)
    for fault in FAULTS:
        report.callout("fault", fault)


def _parts(study: Study) -> Iterator[tuple[object, ...]]:
    for training in dict.fromkeys(name for name, _ in study.members):
        for source in TRAININGS[training].splits:
            folds = study.folds_of(training, source)
            sizes = [[len(part) for part in (fold.train, fold.validation, fold.test)] for fold in folds]
            told = [
                f"{min(each):,}" if min(each) == max(each) else f"{min(each):,}-{max(each):,}"
                for each in zip(*sizes, strict=True)
            ]
            name = training.replace("_", " ") + (f", {len(folds)} folds" if len(folds) > 1 else "")
            yield (name, CORPORA[source].title, *told)
