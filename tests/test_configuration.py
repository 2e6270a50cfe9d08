"""YAML that cannot mean what was written is refused: keys that stand twice, and values that would fill the memory."""

import re

import pytest

from affectspace.configuration import parse_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' stands in line 1 and again in line 3; keep one"),
        ("a: {b: 1, b: 1}", "the key 'b' stands in line 1 and again in line 1"),
        ("x:\n- {a: 1}\n- {yes: 1, true: 2}", "the key 'true' stands in line 3"),
        ("1: a\n01: b", "the key '01' stands"),
        (BOMB, "aliases repeat values more than 100,000 times"),
        ("a: &a [1, *a]", "an alias stands inside the value that it repeats"),
        ("[" * 60 + "]" * 60, "nested in more than 50 levels"),
        ("[" * 100_000, "nested in more than 50 levels"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: [1", "expected ',' or ']'"),
        ("a: *b", "undefined alias"),
        ("a: \x00", "special characters are not allowed"),
        ("{[1]: 2}", "unhashable key"),
        ("a: 2020-13-45", "month must be in 1..12"),
    ],
)
def test_yaml_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as error:
        parse_yaml(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &d {x: 1}\nb: {<<: *d, x: 2}\n", {"a": {"x": 1}, "b": {"x": 2}}),
        ("c: &c {x: 1}\nd: &d {<<: *c, x: 2}\ne: {<<: *d, x: 3}", {"c": {"x": 1}, "d": {"x": 2}, "e": {"x": 3}}),
        ("a: &l [1, 2]\nb: *l\nc: *l", {"a": [1, 2], "b": [1, 2], "c": [1, 2]}),
        ("x: {a: 1}\ny: {a: 1}", {"x": {"a": 1}, "y": {"a": 1}}),
        ("", None),
    ],
)
def test_yaml_that_means_something(text: str, value: object) -> None:
    assert parse_yaml(text) == value
