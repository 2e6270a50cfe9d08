"""Kill long jobs at random moments, run the same command again, and compare the result with that of an uninterrupted job.

    python benchmarks/kill_jobs.py [--trials 6] [--seed 0] [--only train,extract]

Each trial starts a job as a process of its own, sends it SIGKILL, SIGTERM or SIGINT after a random time, checks that no process
of it is left, and runs the same command to its end. Results must be equal byte for byte; studies are compared by metrics.json.
The exit status is 1 if a trial differs.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CONFIG = """
data:
  corpora:
    own: {corpus: table, path: rows.csv, features: {units: store}}
model: {kind: manifold, private: 4}
fit: {epochs: 60, batch_size: 32, checkpoint_seconds: 0, threads: 1}
"""


@dataclass(frozen=True)
class Job:
    """A command, without its output; the option of the output; the files that are compared; what it starts from."""

    name: str
    command: tuple[str, ...]
    out: str
    compared: tuple[str, ...]
    starts_from: str | None = None  # a folder that the command works in, instead of --out


TERMS = "term=word,valence=v,arousal=a"
JOBS = (
    Job("annotate", ("annotate", "sample", "names.csv", "--levels"), "sampled.csv", ("sampled.csv",)),
    Job(
        "lexicon",
        ("lexicon", "score", "texts.csv", "--text", "text", "--lexicon", "words.csv", "--columns", TERMS),
        "scored.csv",
        ("scored.csv",),
    ),
    Job(
        "extract",
        ("extract", "table", "sounds.csv", "--media", "sounds", "--modality", "audio"),
        "sounds_store",
        ("sounds_store/*",),
    ),
    Job("train", ("train", "config.yaml"), "run", ("run/model/*", "run/history.csv", "run/split.csv")),
    Job("predict", ("predict", "few_texts.csv", "--text-column", "text"), "predicted.csv", ("predicted.csv",)),
    Job("evaluate", ("evaluate", "evaluated"), "", ("evaluated/metrics.json",), "trained"),
    Job("folds", ("train", "short.yaml", "--folds", "3", "--workers", "2"), "folds", ("folds/metrics.json",)),
    Job(
        "reproduce",
        ("reproduce", "levasa", "--corpus", "faces", "--path", "faces", "--quick", "--seeds", "1", "--workers", "2"),
        "study",
        ("study/metrics.json",),
    ),
)


def make_inputs(folder: Path) -> None:
    """Write tables, sounds, vectors, a store and a finished run."""
    generator = np.random.default_rng(0)
    names = ["happiness", "sadness", "anger", "fear", "neutral"]
    (folder / "names.csv").write_text("emotion\n" + "\n".join(generator.choice(names, 400_000)) + "\n")
    words = ["good", "bad", "house", "day", "happy", "sad", "rain", "walk", "never", "always"]
    texts = [" ".join(generator.choice(words, 12)) for _ in range(60_000)]
    (folder / "texts.csv").write_text("text\n" + "\n".join(texts) + "\n")
    (folder / "few_texts.csv").write_text("text\n" + "\n".join(texts[:6000]) + "\n")
    (folder / "words.csv").write_text(
        "word,v,a\ngood,0.8,0.4\nbad,-0.7,0.5\nhappy,0.9,0.5\nsad,-0.8,-0.2\nrain,-0.2,0.1\n"
    )
    (folder / "sounds").mkdir()
    for row in range(1200):
        tone = 0.3 * np.sin(2 * np.pi * generator.uniform(120, 300) * np.arange(8000) / 16000) + generator.normal(
            0, 0.02, 8000
        )
        with wave.open(str(folder / "sounds" / f"{row}.wav"), "wb") as sound:
            sound.setparams((1, 2, 16000, 0, "NONE", ""))
            sound.writeframes((tone * 32000).astype("<i2").tobytes())
    (folder / "sounds.csv").write_text("id,audio\n" + "".join(f"s{row},{row}.wav\n" for row in range(1200)))
    values = generator.uniform(-0.9, 0.9, (600, 2))
    vectors = values @ generator.normal(size=(2, 16)) + generator.normal(0, 0.3, (600, 16))
    rows = [f"r{row},p{row % 12},{names[row % 4]},{v:.3f},{a:.3f}" for row, (v, a) in enumerate(values)]
    (folder / "rows.csv").write_text("id,person,emotion,valence,arousal\n" + "\n".join(rows) + "\n")
    np.savez(folder / "units.npz", ids=np.array([f"r{row}" for row in range(600)]), vectors=vectors.astype(np.float32))
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "short.yaml").write_text(CONFIG.replace("epochs: 60", "epochs: 10"))
    for command in (
        ("extract", "table", "rows.csv", "--modality", "units", "--vectors", "units.npz", "--out", "store"),
        ("train", "short.yaml", "--out", "trained"),
        ("corpus", "make", "faces", "faces", "--n", "240", "--people", "10", "--size", "32"),
    ):
        subprocess.run(started(command), cwd=folder, check=True, capture_output=True)


def started(command: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "affectspace", *command]


def clean(job: Job, folder: Path) -> tuple[str, ...]:
    """Remove what the job left, and return its whole command."""
    for path in {Path(pattern).parts[0] for pattern in job.compared}:
        place = folder / path
        shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
        shutil.rmtree(folder / f"{path}.parts", ignore_errors=True)
    if job.starts_from is not None:
        shutil.copytree(folder / job.starts_from, folder / Path(job.compared[0]).parts[0])
    return (*job.command, *(("--out", job.out) if job.out else ()))


def result_of(job: Job, folder: Path) -> dict[str, str]:
    """Return a digest of each compared file; hidden files do not count."""
    files = sorted(
        path for pattern in job.compared for path in folder.glob(pattern) if path.is_file() and path.name[0] != "."
    )
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def session_of(pid: int) -> list[int]:
    """Return the living processes of the session that a process leads."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


def kill_once(job: Job, folder: Path, number: signal.Signals, wait: float) -> list[str]:
    """Start the job, kill it after a while, run it to the end. Return what is wrong."""
    command, problems = clean(job, folder), []
    process = subprocess.Popen(
        started(command),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        process.wait(wait)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, number)
    try:
        errors = process.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        problems.append("it did not stop within 30 s")
        process.kill()
        errors = process.communicate()[1]
    if "Traceback" in errors:
        problems.append(f"a traceback: {errors.strip().splitlines()[-1]}")
    deadline = time.monotonic() + 10
    while (left := session_of(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        problems.append(f"processes are left: {left}")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    if process.returncode != 0:
        again = subprocess.run(started(command), cwd=folder, capture_output=True, text=True, check=False)
        complete = (
            "exists already" in again.stderr
            or "was evaluated already" in again.stderr
            or "finished run" in again.stderr
        )
        if again.returncode and not complete:
            problems.append(f"the same command ends with status {again.returncode}: {again.stderr.strip()[-200:]}")
    leftovers = [str(path.relative_to(folder)) for path in folder.rglob("*.partial")]
    if leftovers:
        problems.append(f"partial files are left: {leftovers}")
        for path in leftovers:
            (folder / path).unlink()
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=6, help="of each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="names of jobs, separated by commas")
    options = parser.parse_args()
    chosen = [job for job in JOBS if not options.only or job.name in options.only.split(",")]
    draw, failed = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_inputs(folder)
        print(f"{'job':10} {'seconds':>8} {'killed':>7} {'differ':>7}  problems")
        for job in chosen:
            begin = time.monotonic()
            whole = subprocess.run(started(clean(job, folder)), cwd=folder, capture_output=True, text=True, check=False)
            seconds, wanted = time.monotonic() - begin, result_of(job, folder)
            problems = [] if whole.returncode == 0 and wanted else [f"alone: {whole.stderr.strip()[-300:]}"]
            differ = 0
            for trial in range(0 if problems else options.trials):
                number, wait = SIGNALS[trial % len(SIGNALS)], draw.uniform(0.2, 0.98) * seconds
                found = kill_once(job, folder, number, wait)
                result = result_of(job, folder)
                if result != wanted:
                    differ += 1
                    found.append(f"differs: {sorted(k for k in {*wanted, *result} if wanted.get(k) != result.get(k))}")
                problems += [f"{number.name} after {wait:.1f} s: {problem}" for problem in found]
            failed += bool(problems)
            print(
                f"{job.name:10} {seconds:8.1f} {options.trials:7} {differ:7}  {'; '.join(problems) or '-'}", flush=True
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
