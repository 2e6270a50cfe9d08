"""What messages quote stays short and printable."""

import pytest

from affectspace.table_errors import listed, quoted, reason, repeated


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("high", "'high'"),
        ("x" * 60, repr("x" * 60)),
        ("x" * 61, "'" + "x" * 59 + "..."),
        ("\0" * 10_000, "'" + ("\\x00" * 15)[:59] + "..."),
        (1.5, "1.5"),
        (None, "None"),
        (list(range(1_000)), repr(list(range(1_000)))[:60] + "..."),
    ],
)
def test_values_are_cut(value: object, text: str) -> None:
    assert quoted(value) == text


def test_names_are_listed() -> None:
    assert listed(["a", "two words", 3]) == "a, two words, 3"
    assert listed(["a\0b"]) == r"'a\x00b'"
    many = listed(f"c{i}" for i in range(1_040))
    assert many.endswith("c38, c39 and 1,000 more")


def test_reasons_are_one_line() -> None:
    assert reason(ValueError("Error\nC error:  saw 3\n")) == "Error C error: saw 3"
    with pytest.raises(UnicodeDecodeError) as raised:
        b"ab\xe9".decode()
    assert reason(raised.value) == "it is not UTF-8 (byte 2): save it as UTF-8 (it looks like latin-1 or UTF-16)"


def test_a_name_that_stands_twice() -> None:
    assert repeated(["a", "b", " a"]) == "a"
    assert repeated(["a", "", "", "b"]) is None
