"""Measure the time of one sentence, warm, and the throughput of many sentences.

    python benchmarks/predict_sentence.py [--run RUN] [--sentences 200]

Without --run it uses a manifold of the default size with random weights on MiniLM's vectors; the time does not depend on the
weights. Goal: one sentence in 10 ms, warm. "cold" is the first prediction, which loads the backbone. "without the backbone" is
the time of everything else, measured with ready-made vectors.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import affectspace
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
    """Make a finished run of an untrained manifold on MiniLM's vectors."""
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
    options = parser.parse_args()
    texts = sentences(options.sentences)
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or stand_in(Path(folder))
        started = time.perf_counter()
        predictor = Predictor.of_run(run)
        predictor.predict(texts[0])
        cold = time.perf_counter() - started
        times, busy = [], time.process_time()
        for text in texts:
            started = time.perf_counter()
            predictor.predict(text)
            times.append(time.perf_counter() - started)
        busy = time.process_time() - busy
        vectors = {name: np.ones(width) for name, width in affectspace.load(run).config.modalities.items()}
        bare = []
        for _ in texts:
            started = time.perf_counter()
            predictor.predict(vectors=vectors)
            bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        predictor.predict_many([Sample(text=text) for text in texts])
        together = time.perf_counter() - started
    low, middle, high = np.percentile(np.array(times) * 1e3, (10, 50, 90))
    print(f"{len(texts)} sentences, {torch.get_num_threads()} threads")
    print(f"cold          {cold:7.2f} s")
    print(f"one, warm     {middle:7.1f} ms (10 % under {low:.1f}, 90 % under {high:.1f}; goal: 10)")
    print(f"  CPU time    {busy / len(texts) * 1e3:7.1f} ms")
    print(f"  without the backbone {np.median(bare) * 1e3:.1f} ms")
    print(f"many at once  {len(texts) / together:7.1f} sentences/s")


if __name__ == "__main__":
    main()
