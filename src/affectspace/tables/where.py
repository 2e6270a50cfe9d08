"""Expressions that choose rows, such as ``min(width, height) >= 48 and pose == "FRONTAL"``.

Parsed with `ast` and walked by hand: columns, constants and a few functions, and nothing else, can be said in them.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
from collections.abc import Callable
from functools import reduce
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from affectspace.affect import CATEGORIES
from affectspace.errors import DataError, listed, quoted

_LONGEST = 2000
_SHOWN = 100  # characters of an expression in messages
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: _divided(operator.truediv, a, b),
    ast.Mod: lambda a, b: _divided(operator.mod, a, b),
    ast.FloorDiv: lambda a, b: _divided(operator.floordiv, a, b),
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS = ("min", "max", "abs", "isna", "notna")
_GRAMMAR = "use columns, numbers, quoted words, comparisons, and, or, not, in, + - * / // %, " + ", ".join(
    f"{name}()" for name in _FUNCTIONS
)


def matching_rows(table: pd.DataFrame, expression: str) -> np.ndarray:
    """(rows,) bool: where the expression holds; a comparison with a missing value, or with x / 0, does not hold.

    Emotions compare in our spelling, other columns as the file has them. A column whose name is no identifier is
    written in backticks. Raises DataError for what cannot be understood, for unknown columns and emotions, and where
    no row is left.
    """
    walk = _Walk(table, expression)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = walk.value(walk.tree.body)
    except RecursionError:
        walk.fail("is nested too deeply")
    if not walk.is_condition(found):
        walk.fail("is not a condition; compare it with something")
    rows = np.broadcast_to(np.asarray(found, dtype=bool), (len(table),)).copy()
    if not rows.any():
        seen = dict.fromkeys(name for name in walk.used if table[name].notna().any())
        values = "; ".join(f"{name}: {_values(table[name])}" for name in seen)
        walk.fail(f"holds for none of {len(table)} rows" + (f"; the column has {values}" if values else ""))
    return rows


def _values(column: pd.Series) -> str:
    """What a column holds, for a message: the range of numbers, else the most frequent values."""
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return f"{column.min():g} .. {column.max():g}"
    return listed(column.value_counts().index[:8])


def _divided(divide: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A quotient or remainder, missing where a column is divided by zero; ZeroDivisionError for two constants."""
    result = divide(a, b)
    if not isinstance(result, pd.Series):
        return result
    return result.mask(
        (b == 0).fillna(False).astype(bool) if isinstance(b, pd.Series) else np.full(len(result), b == 0)
    )


class _Walk:
    """One expression over one table."""

    def __init__(self, table: pd.DataFrame, expression: str) -> None:
        self.table, self.expression = table, expression
        self.quoted: dict[str, str] = {}
        self.used: list[str] = []
        if len(expression) > _LONGEST:
            raise DataError(f"where: an expression of {len(expression)} characters; {_LONGEST} are the most")
        try:
            self.tree = ast.parse(self._unquote(expression).strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DataError(f"where {quoted(expression, _SHOWN)} cannot be understood ({error}); {_GRAMMAR}") from None

    def fail(self, what: str) -> NoReturn:
        raise DataError(f"where {quoted(self.expression, _SHOWN)} {what}")

    def _unquote(self, expression: str) -> str:
        """`a name` in backticks -> an identifier that stands for it."""

        def stand_in(match: re.Match[str]) -> str:
            if match.group(1) is None:
                return match.group(0)
            identifier = f"_quoted_{len(self.quoted)}"
            self.quoted[identifier] = match.group(1)
            return identifier

        return re.sub(r"'[^']*'|\"[^\"]*\"|`([^`]+)`", stand_in, expression)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as constant):
                return constant
            case ast.Name(id=name):
                return self._column(self.quoted.get(name, name))
            case ast.BoolOp(op=op, values=parts):
                combine = operator.and_ if isinstance(op, ast.And) else operator.or_
                return reduce(combine, [self._condition(part) for part in parts])
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op, left=left, right=right):
                combine = operator.and_ if isinstance(op, ast.BitAnd) else operator.or_
                return combine(self._condition(left), self._condition(right))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return np.logical_not(self._condition(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
                try:
                    return _ARITHMETIC[type(op)](self._number(left), self._number(right))
                except ZeroDivisionError:
                    self.fail("divides by zero")
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._comparison(left, ops, others)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return self._call(name, arguments)
        self.fail(f"holds {ast.unparse(node)!r}, which cannot be said here; {_GRAMMAR}")

    def _column(self, name: str) -> pd.Series:
        if name not in self.table.columns:
            columns = [str(column) for column in self.table.columns]
            close = difflib.get_close_matches(name, columns, n=1)
            guess = f"did you mean {close[0]!r}? " if close else ""
            self.fail(f"names {name!r}, which is no column; {guess}columns are {listed(columns)}")
        self.used.append(name)
        return self.table[name]

    def is_condition(self, value: Any) -> bool:
        return isinstance(value, bool | np.bool_) or (hasattr(value, "dtype") and is_bool_dtype(value.dtype))

    def _condition(self, node: ast.expr) -> Any:
        found = self.value(node)
        if not self.is_condition(found):
            self.fail(f"uses {ast.unparse(node)!r} as a condition; compare it with something (and put it in brackets)")
        return np.asarray(found, dtype=bool)

    def _number(self, node: ast.expr) -> Any:
        found = self.value(node)
        number = isinstance(found, int | float) or (hasattr(found, "dtype") and is_numeric_dtype(found.dtype))
        if not number:
            self.fail(f"uses {ast.unparse(node)!r} as a number, which it is not")
        return found

    def _comparison(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> np.ndarray:
        held, before = np.asarray(True), left
        for op, node in zip(ops, others, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                one = self._membership(before, node)
                one = np.logical_not(one) if isinstance(op, ast.NotIn) else one
            elif type(op) in _COMPARE:
                a, b = self.value(before), self.value(node)
                self._check_emotion(before, [b])
                self._check_emotion(node, [a])
                try:
                    one = _COMPARE[type(op)](a, b)
                except TypeError:
                    self.fail(f"compares {ast.unparse(before)!r} with {ast.unparse(node)!r}, words with numbers")
                if isinstance(op, ast.NotEq):  # missing differs from nothing
                    one = np.asarray(one) & self._known(a) & self._known(b)
            else:
                self.fail(f"uses {type(op).__name__}; {_GRAMMAR}")
            if isinstance(one, pd.Series) and one.dtype == "boolean":
                one = one.fillna(False)
            held, before = held & np.asarray(one, dtype=bool), node
        return held

    def _membership(self, node: ast.expr, choices: ast.expr) -> np.ndarray:
        found = self.value(node)
        if not isinstance(choices, ast.List | ast.Tuple | ast.Set):
            self.fail(f"needs a list after in, such as {ast.unparse(node)} in ['a', 'b']")
        listed = [self.value(choice) for choice in choices.elts]
        if not isinstance(found, pd.Series) or any(isinstance(item, pd.Series) for item in listed):
            self.fail("needs a column before in and constants in the list after it")
        self._check_emotion(node, listed)
        return found.isin(listed).to_numpy()

    def _known(self, value: Any) -> np.ndarray:
        return value.notna().to_numpy() if isinstance(value, pd.Series) else np.asarray(True)

    def _check_emotion(self, node: ast.expr, values: list[Any]) -> None:
        if isinstance(node, ast.Name) and node.id == "emotion":
            for value in values:
                if isinstance(value, str) and value not in CATEGORIES:
                    from affectspace.affect import GENERAL

                    ours = GENERAL.get(value.casefold())
                    guess = f"we call it {ours!r}; " if ours else ""
                    self.fail(f"names the emotion {value!r}; {guess}emotions are {', '.join(CATEGORIES)}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Any:
        if name in ("isna", "notna"):
            found = self.value(arguments[0]) if len(arguments) == 1 else None
            if not isinstance(found, pd.Series):
                self.fail(f"calls {name} with something else than one column")
            return (found.isna() if name == "isna" else found.notna()).to_numpy()
        values = [self._number(argument) for argument in arguments]
        if name == "abs" and len(values) == 1:
            return abs(values[0])
        if name == "abs" or len(values) < 2:
            self.fail(f"calls {name} with {len(values)} arguments; abs takes one, min and max two or more")
        return reduce(np.minimum if name == "min" else np.maximum, values)
