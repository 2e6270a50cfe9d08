"""Times are seconds, in whatever form a column has them; nothing is ordered as text."""

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.errors import DataError
from affectspace.tables.times import to_seconds

DAY = 86_400.0


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["1", "10", " 2.5 ", "-3", "1e2"], [1, 10, 2.5, -3, 100]),
        (["8s", "250 ms", "1,5 sec.", "2 min", "1h"], [8, 0.25, 1.5, 120, 3600]),
        (["9:58", "10:02", "75:10", "0:00.5"], [598, 602, 4510, 0.5]),
        (["00:09:58.5", "1:00:00", "00:00:01,250", "-0:00:01"], [598.5, 3600, 1.25, -1]),
        (["9:58 PM", "12:00 am", "12:01pm", "1:02:03 p.m."], [79_080, 0, 43_260, 46_923]),
        (["1970-01-02", "1970-01-01T00:00:01", "1970-01-01 00:01"], [DAY, 1, 60]),
        (["1970-01-01T00:00:01Z", "1970-01-01T01:00:01+01:00"], [1, 1]),
        (["31/1/1970", "1/2/1970"], [30 * DAY, 31 * DAY]),
        (["1/31/1970", "2/1/1970 0:01 AM"], [30 * DAY, 31 * DAY + 60]),
        (["31.01.1970", "01.02.1970 00:01"], [30 * DAY, 31 * DAY + 60]),
        ([datetime.datetime(1970, 1, 2), datetime.date(1970, 1, 3)], [DAY, 2 * DAY]),
        ([pd.Timedelta("90s"), np.timedelta64(1, "s"), 3, 4.5], [90, 1, 3, 4.5]),
        ([datetime.time(0, 9, 58, 500_000)], [598.5]),
        (["\u22121.5"], [-1.5]),
    ],
)
def test_forms_of_times(cells: list[Any], seconds: list[float]) -> None:
    np.testing.assert_allclose(to_seconds(cells, "when", "t.csv"), seconds)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "", "3"], "row 2: when is empty; fill in the time"),
        (["1", "NA"], "row 2: when is empty"),
        (["1", None], "row 2: when is empty"),
        ([np.nan], "row 1: when is empty"),
        (["1", "later"], "row 2: when is 'later', which is not a time; write seconds"),
        (["inf"], "'inf', which is not a time"),
        (["1e999"], "'1e999', which is not a time"),
        (["00:00:01:12"], "which is not a time"),
        (["1:75"], "which is not a time"),
        (["1:75:00"], "which is not a time"),
        (["13:00 pm"], "which is not a time"),
        (["1:30,5 pm"], "which is not a time"),
        (["2024-02-31"], "which is not a time"),
        ([True], "row 1: when is True, which is not a time"),
        (["1,234"], "may be a thousand or a fraction"),
        (["1/2/2024", "3/4/2024"], "row 1: when is '1/2/2024', which may be month/day or day/month"),
        (["58", "1:02"], "row 2: when is '1:02', a clock time, but row 1 has '58', seconds; write all times"),
        (["2024-01-01", "2024-01-01T00:00Z"], "a date with a time zone, but row 1 has '2024-01-01', a date;"),
    ],
)
def test_times_that_cannot_be_ordered(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        to_seconds(cells, "when", "t.csv")


def test_optional_times_may_be_empty() -> None:
    np.testing.assert_array_equal(to_seconds(["", "0:01", None], "end", "t.csv", required=False), [np.nan, 1, np.nan])


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_every_form_orders_times_alike(seconds: list[int]) -> None:
    moments = [datetime.timedelta(seconds=value) for value in seconds]
    start = datetime.datetime(2024, 1, 1)
    forms = (
        [str(value) for value in seconds],
        [f"{value // 60}:{value % 60:02}" for value in seconds],
        [f"{value // 3600}:{value // 60 % 60:02}:{value % 60:02}" for value in seconds],
        [(start + moment).isoformat() for moment in moments],
        [f"{start + moment:%d.%m.%Y %H:%M:%S}" for moment in moments],
    )
    for cells in forms:
        read = to_seconds(cells, "when", "t.csv")
        np.testing.assert_allclose(read - read[0], np.array(seconds) - seconds[0], atol=1e-6)
