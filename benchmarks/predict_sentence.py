"""How long one sentence takes, warm, and how many a second many sentences make.

    python benchmarks/predict_sentence.py [--run RUN] [--sentences 200]

Without --run a manifold of the default size with random weights on MiniLM's vectors stands in: the time does not depend on the
weights. The aim is one sentence under 50 ms warm. "cold" is the first prediction, with the backbone still to be loaded.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from affectspace.features import make_backbone
from affectspace.features.backbone import identity_of
from affectspace.models import Manifold, ManifoldConfig
from affectspace.prediction import Predictor, Sample


def sentences(number: int) -> list[str]:
    random = np.random.default_rng(0)
    words = ["day", "house", "because", "happy", "never", "she", "walked", "terrible", "music", "of", "the", "tomorrow"]
    lengths = np.clip(np.round(random.lognormal(2.6, 0.5, number)), 3, 40).astype(int)
    return [" ".join(random.choice(words, size=length)) + "." for length in lengths]


def stand_in(folder: Path) -> Path:
    """A finished run of an untrained manifold on MiniLM's vectors."""
    backbone = make_backbone("text")
    Manifold(ManifoldConfig(modalities={"text": backbone.dimension})).eval().save_pretrained(folder / "model")
    facts = {"kind": "manifold", "state": "finished", "modalities": {"text": identity_of(backbone)}}
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "config.yaml").write_text("model: {kind: manifold}\n")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path)
    parser.add_argument("--sentences", type=int, default=200)
    asked = parser.parse_args()
    texts = sentences(asked.sentences)
    with tempfile.TemporaryDirectory() as folder:
        run = asked.run or stand_in(Path(folder))
        started = time.perf_counter()
        predictor = Predictor.of_run(run)
        predictor.predict(text=texts[0])
        cold = time.perf_counter() - started
        times, busy = [], time.process_time()
        for text in texts:
            started = time.perf_counter()
            predictor.predict(text=text)
            times.append(time.perf_counter() - started)
        busy = time.process_time() - busy
        started = time.perf_counter()
        predictor.predict_many([Sample(text=text) for text in texts])
        together = time.perf_counter() - started
    low, middle, high = np.percentile(np.array(times) * 1e3, (10, 50, 90))
    print(f"{len(texts)} sentences, {torch.get_num_threads()} threads")
    print(f"cold          {cold:7.2f} s")
    print(f"one, warm     {middle:7.1f} ms (10 % under {low:.1f}, 90 % under {high:.1f}; the aim is 50)")
    print(f"  of which    {busy / len(texts) * 1e3:7.1f} ms of a core's time; the rest is what others take")
    print(f"many at once  {len(texts) / together:7.1f} sentences/s")


if __name__ == "__main__":
    main()
