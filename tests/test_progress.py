"""Remarks are counted for all, and each thread knows its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from affectspace.progress import note, remarks_of_thread, take_notes


def test_each_thread_hears_its_own_remarks() -> None:
    counts: Counter[str] = Counter()

    def work(name: int) -> list[str]:
        with remarks_of_thread() as remarks:
            for number in range(50):
                note(counts, f"{name} {number % 3}")
        return list(remarks)

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(work, range(40)))
    assert heard == [[f"{name} {number}" for number in range(3)] for name in range(40)]
    assert take_notes(counts).total() == 40 * 50
    assert not counts


def test_remarks_of_an_inner_call_do_not_reach_the_outer_one() -> None:
    counts: Counter[str] = Counter()
    with remarks_of_thread() as outer:
        note(counts, "before")
        with remarks_of_thread() as inner:
            note(counts, "within")
        note(counts, "after")
    note(counts, "outside")
    assert (list(outer), list(inner)) == (["before", "after"], ["within"])
