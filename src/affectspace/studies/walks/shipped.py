"""The model of drawn faces that ships: trained, calibrated, measured on unseen people, and packed into at most 5 MB."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.evaluation import Interval, image_mse, image_ssim, interval, psnr_of
from affectspace.evaluation.results import Results
from affectspace.files import write_text
from affectspace.prediction.pretrained import WALKER
from affectspace.progress import Progress, silent
from affectspace.studies.shipped import empty_pack, publish, score_entry, trained, training_facts
from affectspace.studies.walks.calibration import calibrate_run
from affectspace.studies.walks.judge_run import judge_run
from affectspace.synthetic.faces import make_faces
from affectspace.synthetic.faces.labels import EVEN
from affectspace.training.networks import JudgeSettings
from affectspace.training.runs import Run
from affectspace.walks.geometry import AXES
from affectspace.walks.pictures import decode
from affectspace.walks.readers import named_reader
from affectspace.walks.runs import encode_rows, open_data, run_directions, walkable_model
from affectspace.walks.strength import Strength

CORPUS: dict[str, Any] = {"n": 24_000, "people": 1200, "seed": 7, "size": 64, "distribution": EVEN}
TRAINING: dict[str, Any] = {  # configs/levasa_drawn.yaml
    "model": {
        "kind": "levasa", "network": "residual", "width": 24, "chunk": 1, "rest": 132, "head": "linear", "align_on": "sample",
        "reconstruction": "absolute", "similarity_weight": 0.5, "kl_weight": 0.05, "kl_warmup": 0.2, "editing_weight": 0.1,
        "identity_weight": 0.1,
    },
    "fit": {
        "epochs": 20, "batch_size": 16, "learning_rate": 0.002, "balance": 0, "precision": "bf16-mixed",
        "augmentation": {"mirror": True, "rotation": 0, "scale": 0, "shift": 0, "contrast": 0, "brightness": 0},
    },
}  # fmt: skip
TITLE = "Drawn faces at another valence and arousal"
LICENCE = "Apache-2.0"
LIMITS = (
    "Drawn faces only. It knows no photograph: of one it shows a drawn face that resembles it, and the readings are "
    "wrong. A note says so for most photographs, not for all.",
    "64 pixels a side. Fine lines, such as lashes and thin glasses, are lost.",
    "It shows how affectspace draws expressions, which is a rule and no statement about people.",
)
JUDGED = JudgeSettings(images=120_000, drawn_faces=10_000, faces=3)  # readers that see drawn faces nearly as they are
REBUILT = 2400  # test faces whose reconstruction is measured


def make_walker(out: Path, *, work: Path, progress: Progress = silent) -> Path:
    """Train the model of drawn faces, or use the run that is there, measure it, and write its folder.

    Parameters
    ----------
    out : path
        Folder that gets the folder of the model.
    work : path
        Folder for the drawn faces, the run and its judges. The same call continues from what is there.
    progress : callable

    Returns
    -------
    Path
        The model's folder.

    Examples
    --------
    >>> make_walker(Path("models"), work=Path("runs/models"))  # doctest: +SKIP
    """
    place = work / WALKER
    make_faces(place / "faces", progress=progress, **CORPUS)
    fields = {"data": {"corpus": "faces", "path": str(place / "faces")}, **TRAINING}
    run = trained(fields, 0, place / "run", progress)
    return pack_walker(run, out, work=place, progress=progress)


def pack_walker(run: Run, out: Path, *, work: Path, progress: Progress = silent) -> Path:
    """Calibrate a run on drawn faces, measure it on its test people, and write the folder of the model that ships.

    work : folder for the judged walks. The remaining parameters are those of `make_walker`.
    """
    packed = work / "packed"
    strength = Strength.read(run.folder) or calibrate_run(run, JUDGED, progress)
    scores = [
        {**score_entry("drawn faces of unseen people", name, value, 1), "n": value.n}
        for name, value, _ in walker_scores(run, work / "judged", strength, JUDGED, progress)
    ]
    model, facts = walkable_model(run), empty_pack(run, packed)
    model.save_half(packed / "model")
    named_reader(strength.reader, run.folder).networks[0].save_half(packed / "judges" / strength.reader)
    run_directions(run, model).save(packed / "directions.safetensors")
    strength.save(packed)
    write_text(packed / "run.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    description = {
        "title": TITLE, "modalities": ["video"], "walks": True, "base": {}, "licence": LICENCE, "notice": "",
        "training": training_facts(run), "scores": scores, "limits": list(LIMITS),
    }  # fmt: skip
    return publish(packed, out / WALKER, description)


def walker_scores(
    run: Run,
    out: Path,
    strength: Strength | float,
    settings: JudgeSettings = JUDGED,
    progress: Progress = silent,
    rebuilt: int = REBUILT,
) -> Iterator[tuple[str, Interval, str]]:
    """Measure reconstructions and walks of a run's test people: name, value with an interval over people, and what is asked.

    What is asked is that of the residual network at 64 pixels. out : folder of the judged walks
    """
    model, data = walkable_model(run), open_data(run, progress)
    rows = data.rows("test")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(rebuilt, len(rows))).astype(int))]
    faces, shown = np.array(data.images(rows)), decode(model, torch.from_numpy(encode_rows(model, data, rows)))
    people = data.table["person"].astype(str).to_numpy()[rows]
    yield (
        "PSNR of reconstructions (dB)",
        interval("mean", None, psnr_of(image_mse(faces, shown)), people),
        "at least 25",
    )
    yield "SSIM of reconstructions", interval("mean", None, image_ssim(faces, shown), people), "at least .82"
    results, _ = judge_run(run, out, strength=strength, settings=settings, progress=progress)
    named = {"experiment": "identity"}
    yield "person recognised, faces", _value(results, **named, condition="face", metric="named"), ""
    yield (
        "person recognised, reconstructions",
        _value(results, **named, condition="reconstruction", metric="named"),
        ">= .80",
    )
    for axis in AXES:
        ends = _value(results, **named, condition="walk", task=axis, metric="named_ends")
        yield f"person recognised, ends of walks along {axis}", ends, ">= .70"
    read = {"experiment": "expression", "model": "regressor", "condition": "walk"}
    for axis in AXES:
        own = {**read, "task": axis, "target": axis}
        yield f"r of asked and true {axis}", _value(results, **own, metric="r"), ">= .95"
        yield f"true {axis} for each unit asked", _value(results, **own, metric="slope"), ".8 to 1.2"


def _value(results: Results, **chosen: Any) -> Interval:
    """Return the only result of a choice as an interval."""
    (row,) = results.filter(**chosen)
    value, low, high = (np.nan if number is None else number for number in (row.value, row.low, row.high))
    return Interval(value, low, high, row.n or 0, row.groups or 0)
