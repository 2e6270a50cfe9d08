"""CPU time of whole processes: importing the package, the help, and the error for a missing configuration.

python benchmarks/start_up.py [--runs 7]
"""

import argparse
import os
import statistics
import subprocess
import sys

JOBS = {  # command line after `python`, and the goal in seconds of CPU time
    "python -c pass": (["-c", "pass"], None),
    "import affectspace": (["-c", "import affectspace"], 0.05),
    "affectspace --help": (["-m", "affectspace", "--help"], 0.2),
    "affectspace predict --help": (["-m", "affectspace", "predict", "--help"], None),
    "affectspace train missing.yaml": (["-m", "affectspace", "train", "missing.yaml", "--out", "missing"], 0.5),
}


def cpu_seconds(arguments: list[str], runs: int) -> float:
    """Median user and system time of a Python process, after one warm-up."""
    times = []
    for _ in range(runs + 1):
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        times.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    for name, (arguments, goal) in JOBS.items():
        aim = "" if goal is None else f"   goal {goal:.2f}"
        print(f"{name:<32} {cpu_seconds(arguments, runs):.3f} s{aim}")


if __name__ == "__main__":
    main()
