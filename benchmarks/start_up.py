"""What `import affectspace` and `affectspace --help` cost over Python itself: medians of whole processes.

python benchmarks/start_up.py [--runs 7]
"""

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str], runs: int) -> float:
    """Median wall time of a command after one warm-up."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    python = seconds([sys.executable, "-c", "pass"], runs)
    imported = seconds([sys.executable, "-c", "import affectspace"], runs)
    helped = seconds([sys.executable, "-m", "affectspace", "--help"], runs)
    print(f"python -c pass        {python:.3f} s")
    print(f"import affectspace    {imported:.3f} s, {imported - python:.3f} s over Python (aim 0.2)")
    print(f"affectspace --help    {helped:.3f} s (aim 0.5)")


if __name__ == "__main__":
    main()
