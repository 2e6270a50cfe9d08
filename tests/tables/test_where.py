"""Expressions over the columns: what they mean, and that nothing else is allowed in them."""

import numpy as np
import pandas as pd
import pytest

from affectspace.errors import DataError
from affectspace.tables.where import matching_rows

TABLE = pd.DataFrame(
    {
        "emotion": ["happiness", "sadness", None, "happiness"],
        "width": [10, 20, 30, 40],
        "height": [40.0, 10.0, np.nan, 35.0],
        "pose": ["FRONTAL", "UP", "FRONTAL", ""],
        "two words": [1, 2, 3, 4],
        "flag": [True, False, True, False],
    }
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("min(width, height) >= 10", [0, 1, 3]),
        ("max(width, height, 25) > 25", [0, 3]),
        ("emotion == 'happiness'", [0, 3]),
        ("emotion != 'happiness'", [1]),
        ("not emotion == 'happiness'", [1, 2]),
        ("isna(emotion) or height == 10", [1, 2]),
        ("pose in ['UP', 'DOWN']", [1]),
        ("pose not in ('UP',) and width < 40", [0, 2]),
        ("10 < width <= 30", [1, 2]),
        ("width * 2 - 10 > height / 1 + 5", [1, 3]),
        ("abs(width - 25) <= 5 and notna(height)", [1]),
        ("-width < -25", [2, 3]),
        ("`two words` % 2 == 0", [1, 3]),
        ("width / (width - 10) > 1", [1, 2, 3]),
        ("width % (width - 10) == 0 or width // 0 != 1", [1]),
        ("flag", [0, 2]),
        ("~flag & (width // 20 == 2)", [3]),
        ('pose == "FRONTAL"', [0, 2]),
        ("pose == 'it`s` no column' or flag", [0, 2]),
    ],
)
def test_meaning(expression: str, rows: list[int]) -> None:
    assert np.flatnonzero(matching_rows(TABLE, expression)).tolist() == rows


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("widht > 3", "uses the unknown column 'widht'; did you mean 'width'\\? columns are emotion, width"),
        ("emotion == 'happy'", "uses the unknown emotion 'happy'; our name is 'happiness'"),
        ("emotion in ['bliss']", "uses the unknown emotion 'bliss'; emotions are neutral"),
        ("pose == 'frontal'", "matches none of 4 rows; the column has pose: FRONTAL"),
        ("width > 100", "matches none of 4 rows; the column has width: 10 .. 40$"),
        ("width / 0 > 1", "matches none of 4 rows"),
        ("flag == 3", "the column has flag: True, False"),
        ("width > " + "1" * 300, "^where 'width > 1{91}\\.\\.\\. matches none"),
        ("width >", "cannot be understood"),
        ("width", "is not a condition"),
        ("width and flag", "uses 'width' as a condition"),
        ("pose > 3", "compares 'pose' with '3', words with numbers"),
        ("pose + 1 == 2", "uses 'pose' as a number"),
        ("'a' * 10 == 'b'", "uses \"'a'\" as a number"),
        ("width > 1 & height > 2", "as a condition"),
        ("__import__('os').system('true')", "not allowed here"),
        ("(lambda: 1)() == 1", "not allowed here"),
        ("width.size == 4", "not allowed here"),
        ("width[0] == 4", "not allowed here"),
        ("9 ** 9 ** 9 > width", "not allowed here"),
        ("eval('1') == 1", "not allowed here"),
        ("min(width) > 1", "calls min with 1 arguments"),
        ("isna(3)", "calls isna with something other than one column"),
        ("width in 3", "needs a list after in"),
        ("width is 3", "uses Is"),
        ("width > 1 / 0", "divides by zero"),
        ("(" * 300 + "flag" + ")" * 300, "cannot be understood"),
        ("flag and " * 300 + "flag", "the expression has 2704 characters"),
    ],
)
def test_errors(expression: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        matching_rows(TABLE, expression)
