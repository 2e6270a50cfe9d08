"""Load on `affectspace serve` over the loopback address, beside a direct loop over the same sentences in this process.

Each sentence is unique and its answer is compared with the direct prediction: no request may be lost, or answered with
another's result. Usage: python benchmarks/serve_load.py [--requests 200] [--clients 16] [--sentences 1] [--workers 1]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

import httpx

from affectspace.prediction import Predictor

TAIL = "The train was late again and nobody said a word about it to the tired people on the cold platform"
MOODS = ("wonderful", "terrible", "boring", "exciting", "sad", "calm", "awful", "lovely")
TOLERANCE = 2e-3  # on [-1, 1]: a batch of another size rounds otherwise


def sentences(count: int) -> list[str]:
    """Make different sentences of different lengths."""
    words = TAIL.split()
    return [
        f"{MOODS[number % len(MOODS)]} day {number}: {' '.join(words[: 5 + number % 14])}." for number in range(count)
    ]


def metric(client: httpx.Client, name: str) -> float:
    """Read one number of /metrics."""
    match = re.search(rf"^{name} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(match[1]) if match else float("nan")


def load(url: str, bodies: list[list[str]], clients: int) -> tuple[list[Any], list[float], float]:
    """Send all requests from several clients; return answers, seconds of each, and seconds in total."""
    own = local()

    def send(texts: list[str]) -> tuple[Any, float]:
        if not hasattr(own, "client"):
            own.client = httpx.Client(base_url=url, timeout=120)
        began = time.perf_counter()
        answer = own.client.post("/v1/predict", json={"texts": texts})
        answer.raise_for_status()
        return answer.json(), time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers, seconds = zip(*pool.map(send, bodies), strict=True)
    return list(answers), list(seconds), time.perf_counter() - began


def main() -> None:
    """Run the load and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("requests", 200), ("clients", 16), ("sentences", 1), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    texts = sentences(options.requests * options.sentences)
    predictor = Predictor.pretrained()
    predictor.predict("Good morning.")
    began, processor = time.perf_counter(), time.process_time()
    direct = [predictor.predict(text) for text in texts]
    one_by_one, processor = time.perf_counter() - began, time.process_time() - processor
    size = options.sentences
    bodies = [texts[place : place + size] for place in range(0, len(texts), size)]
    command = [sys.executable, "-m", "affectspace", "serve", "--port", "0", "--warm", "--workers", str(options.workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[2]
            with httpx.Client(base_url=url, timeout=120) as client:
                for _ in range(4 * options.workers):
                    client.post("/v1/predict", json={"texts": ["Good morning."]}).raise_for_status()
                used = metric(client, "affectspace_cpu_seconds_total")
                answers, seconds, total = load(url, bodies, options.clients)
                used = metric(client, "affectspace_cpu_seconds_total") - used
                memory = metric(client, "affectspace_memory_bytes")
        finally:
            process.terminate()
    predictions = [prediction for answer in answers for prediction in answer["predictions"]]
    wrong = sum(
        abs(prediction[axis]["mean"] - getattr(expected, axis)) > TOLERANCE
        for prediction, expected in zip(predictions, direct, strict=True)
        for axis in ("valence", "arousal", "dominance")
    )
    print(f"{options.requests} requests of {size} sentence(s), {options.clients} clients, {options.workers} worker(s)")
    print(f"service      {len(texts) / total:8.1f} sentences/s")
    print(f"direct loop  {len(texts) / one_by_one:8.1f} sentences/s (one process, one sentence at a time)")
    print(f"ratio        {one_by_one / total:8.2f}")
    print(f"processor    {1e3 * used / len(texts):8.1f} ms a sentence; the loop {1e3 * processor / len(texts):.1f} ms")
    print(f"median       {1e3 * statistics.median(seconds):8.1f} ms a request")
    print(f"95th perc.   {1e3 * statistics.quantiles(seconds, n=20)[-1]:8.1f} ms a request")
    print(f"memory       {memory / 1e6:8.1f} MB of the service")
    print(f"lost         {len(texts) - len(predictions):8d}")
    print(f"wrong        {wrong:8d} values that differ from the direct prediction by more than {TOLERANCE}")
    sys.exit(bool(wrong) or len(texts) != len(predictions))


if __name__ == "__main__":
    main()
