"""Workers end with the process that started them, also when that is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from affectspace.errors import RunError
from affectspace.processes import end_with_parent, map_in_order, worker_pool

SCRIPT = """
import signal
import time
from affectspace.processes import worker_pool

def work(seconds):
    print("working", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it
    with worker_pool(2) as pool:
        list(pool.map(work, [600.0, 600.0]))
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["working\n"] * 2
    finally:
        parent.kill()
    # the workers hold the other end, too: it is closed when the last of them has ended; otherwise this times out
    assert parent.communicate(timeout=30) == ("", None)


def test_workers_end_when_their_parent_is_interrupted(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["working\n"] * 2
        parent.send_signal(signal.SIGINT)  # to this process alone; a terminal sends it to the workers, too
        assert parent.communicate(timeout=30) == ("", None)
    finally:
        parent.kill()


def test_a_pool_works_and_ends() -> None:
    with worker_pool(1) as pool:
        assert pool.submit(abs, -3).result() == 3
    assert list(map_in_order(abs, [-1, 2, -3], 2)) == list(map_in_order(abs, [-1, 2, -3], 1)) == [1, 2, 3]


def test_a_process_without_a_parent_continues() -> None:
    threads = threading.active_count()
    end_with_parent()
    assert threading.active_count() == threads


@pytest.mark.parametrize("items", [[0, signal.SIGKILL, 0], [signal.SIGTERM, 0, 0, 0]])
def test_a_killed_worker_is_an_error_that_says_so(items: list[int]) -> None:
    with pytest.raises(
        RunError, match=r"a worker process was killed, .*run the same command again, with fewer --workers"
    ):
        list(map_in_order(killed_by, items, 2))


def killed_by(number: int) -> int:
    if number:
        os.kill(os.getpid(), number)
    return number
