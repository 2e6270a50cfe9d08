"""CPU time of predictions with the models that ship: sentences, seconds of speech, and pictures.

    python benchmarks/prediction_cost.py ../shared/data

The folder holds emobank/, ravdess/ and imfdb/ (imfdb_64x64.zip). CPU time hardly depends on what else runs.
"""

import csv
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import soundfile

from affectspace.prediction import Predictor, Sample

SENTENCES, SOUNDS, PICTURES = 1500, 40, 60


def core_ms(model: str, samples: list[Sample]) -> float:
    """Return the CPU time of predictions in milliseconds, without that of opening the model."""
    predictor = Predictor.pretrained(model)
    predictor.predict_many(samples[:1])
    started = time.process_time()
    predictor.predict_many(samples)
    return (time.process_time() - started) * 1e3


def main(data: Path) -> None:
    with (data / "emobank/emobank.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:SENTENCES]
    for model in ("text", "text-large"):
        print(f"{model}: {core_ms(model, [Sample(text) for text in texts]) / len(texts):.2f} core-ms a sentence")
    sounds = sorted((data / "ravdess").rglob("*.flac"))[::24][:SOUNDS]
    seconds = sum(soundfile.info(str(path)).duration for path in sounds)
    print(
        f"voice: {core_ms('voice', [Sample(audio=path) for path in sounds]) / seconds:.2f} core-ms a second of speech"
    )
    with zipfile.ZipFile(data / "imfdb/imfdb_64x64.zip") as archive, tempfile.TemporaryDirectory() as folder:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::50][:PICTURES]
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(names))]
        for path, name in zip(paths, names, strict=True):
            path.write_bytes(archive.read(name))
        samples = [Sample(image=path) for path in paths]
        print(f"face: {core_ms('face', samples) / len(samples):.1f} core-ms a picture of 64 pixels")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
