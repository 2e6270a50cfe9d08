"""Cost of predicting texts: a whole process, one sentence warm, and a table against a plain loop with the same weights.

    python benchmarks/predict_cold.py [--run RUN] [--sentences 400] [--runs 5]

Without --run it uses a manifold of the default size with random weights on MiniLM's vectors; the time does not depend on them.
The first row is the first use, which makes the graph. The plain loop passes one sentence at a time through transformers and the
model. With one thread both are measured in CPU time, so that other jobs on the machine matter less. `--all-processors` also
measures both with all of them, in wall time; that needs an idle machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import affectspace
from affectspace.features import make_backbone
from affectspace.features.backbone import identity_of
from affectspace.models import Manifold, ManifoldConfig
from affectspace.prediction import Predictor, Sample
from affectspace.training.runs import open_run

GOALS = {"cpu": 1.5, "megabytes": 400, "milliseconds": 10, "ratio": 4}


def sentences(number: int) -> list[str]:
    """Sentences of random words, with lengths as in text: 13 words in the middle."""
    random = np.random.default_rng(0)
    words = ["day", "house", "because", "happy", "never", "she", "walked", "terrible", "music", "of", "the", "tomorrow"]
    lengths = np.clip(np.round(random.lognormal(2.6, 0.5, number)), 3, 40).astype(int)
    return [" ".join(random.choice(words, size=length)) + "." for length in lengths]


def stand_in(folder: Path) -> Path:
    """Make a finished run of an untrained manifold on MiniLM's vectors."""
    backbone = make_backbone("text")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Manifold(ManifoldConfig(modalities={"text": backbone.dimension})).eval().save_pretrained(folder / "model")
    facts = {"kind": "manifold", "state": "finished", "modalities": {"text": identity_of(backbone)}}
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "config.yaml").write_text("model: {kind: manifold}\n")
    return folder


def process(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak megabytes of a process."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024


def plain_loop(run: Path) -> Callable[[list[str]], np.ndarray]:
    """One sentence at a time through transformers and the model."""
    from transformers import AutoModel, AutoTokenizer

    [modality] = affectspace.load(run).config.modalities
    backbone = make_backbone("text", **open_run(run).facts["modalities"][modality]["recipe"]["settings"])
    folder = backbone.model.config._name_or_path
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    model, present = affectspace.load(run), torch.ones(1, dtype=torch.bool)

    def predict(texts: list[str]) -> np.ndarray:
        means = []
        with torch.inference_mode():
            for text in texts:
                inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=512)
                hidden = encoder(**inputs, output_hidden_states=True).hidden_states
                vector = torch.cat([hidden[layer].mean(dim=1) for layer in backbone.settings["layers"]], dim=1)
                means.append(model.represent({modality: vector}, {modality: present}).fused)
        return torch.cat(means).numpy()

    return predict


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return clock() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path)
    parser.add_argument("--sentences", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--all-processors", action="store_true")
    options = parser.parse_args()
    texts = sentences(options.sentences)
    processors = sorted(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AFFECTSPACE_CACHE"] = folder
        run = options.run or stand_in(Path(folder))
        arguments = ["-m", "affectspace", "predict", "--run", str(run), "What a wonderful day!"]
        measured = [process(arguments, dict(os.environ)) for _ in range(options.runs + 1)]
        for name, rows in (("first use", measured[:1]), ("cold", measured[1:])):
            cpu, wall, memory = map(statistics.median, zip(*rows, strict=True))
            print(f"{name:<10} process   {cpu:6.2f} s CPU   {wall:6.2f} s   {memory:5.0f} MB")
        print(f"           goal     {GOALS['cpu']:6.2f} s CPU              {GOALS['megabytes']:5.0f} MB")
        predictor = Predictor.of_run(run)
        predictor.predict(texts[0])
        for name, clock in (("CPU", time.process_time), ("wall", time.perf_counter)):
            times = [seconds(lambda text=text: predictor.predict(text), clock) * 1e3 for text in texts]
            low, middle, high = np.percentile(times, (10, 50, 90))
            print(
                f"one, warm  {middle:.1f} ms {name} (10 % under {low:.1f}, 90 % under {high:.1f}; goal {GOALS['milliseconds']})"
            )
        loop, samples = plain_loop(run), [Sample(text) for text in texts]
        expected = loop(texts)
        outcomes = predictor.predict_many(samples)
        means = np.array([outcome.mean for outcome in outcomes])
        print(f"largest difference from the loop: {np.nanmax(np.abs(means - expected)):.1e}")
        for threads in (1, len(processors)) if options.all_processors else (1,):
            torch.set_num_threads(threads)
            os.sched_setaffinity(0, processors[:threads])
            clock = time.process_time if threads == 1 else time.perf_counter
            pairs = [
                (seconds(lambda: predictor.predict_many(samples), clock), seconds(lambda: loop(texts), clock))
                for _ in range(3)
            ]
            ours, theirs = (len(texts) / min(column) for column in zip(*pairs, strict=True))
            print(
                f"table, {threads} thread(s): {ours:.0f} sentences/s; plain loop {theirs:.0f}; ratio {ours / theirs:.2f}"
            )
        print(f"goal of the ratio: {GOALS['ratio']}")


if __name__ == "__main__":
    main()
