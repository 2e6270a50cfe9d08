"""Expressions that choose rows, such as ``min(width, height) >= 48 and pose == "FRONTAL"``.

An expression is parsed with `ast` and evaluated by hand. It can use columns, constants and a few functions, nothing else.
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
from affectspace.emotions import ENGLISH
from affectspace.errors import DataError, listed, quoted

_LONGEST = 2000  # characters of an expression
_SHOWN = 100  # of them in messages
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: _divided(operator.truediv, a, b),
    ast.Mod: lambda a, b: _divided(operator.mod, a, b),
    ast.FloorDiv: lambda a, b: _divided(operator.floordiv, a, b),
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
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
    """Return where the expression is true, (rows,) bool.

    A comparison with a missing value, or with the result of a division by zero, is false. Emotions are compared in our
    spelling, other columns as the file has them. A column whose name is not an identifier is written in backticks. Raises
    DataError for an expression that cannot be understood, an unknown column or emotion, and if no row matches.
    """
    evaluation = _Evaluation(table, expression)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            result = evaluation.value(evaluation.tree.body)
    except RecursionError:
        evaluation.fail("is nested too deeply")
    if not _is_condition(result):
        evaluation.fail("is not a condition; compare it with something")
    rows = np.broadcast_to(np.asarray(result, dtype=bool), (len(table),)).copy()
    if not rows.any():
        used = dict.fromkeys(name for name in evaluation.used if table[name].notna().any())
        values = "; ".join(f"{name}: {_summary(table[name])}" for name in used)
        evaluation.fail(f"matches none of {len(table)} rows" + (f"; the column has {values}" if values else ""))
    return rows


def _summary(column: pd.Series) -> str:
    """The range of a column of numbers, else its most frequent values."""
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return f"{column.min():g} .. {column.max():g}"
    return listed(column.value_counts().index[:8])


def _divided(divide: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A quotient or remainder, missing where a column is divided by zero; ZeroDivisionError for two constants."""
    result = divide(a, b)
    if not isinstance(result, pd.Series):
        return result
    zero = (b == 0).fillna(False).astype(bool) if isinstance(b, pd.Series) else np.full(len(result), b == 0)
    return result.mask(zero)


def _is_condition(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (hasattr(value, "dtype") and is_bool_dtype(value.dtype))


def _known(value: Any) -> np.ndarray:
    return value.notna().to_numpy() if isinstance(value, pd.Series) else np.asarray(True)


class _Evaluation:
    """One expression over one table."""

    def __init__(self, table: pd.DataFrame, expression: str) -> None:
        self.table, self.expression = table, expression
        self.backticked: dict[str, str] = {}  # identifier that replaces a name in backticks -> the name
        self.used: list[str] = []
        if len(expression) > _LONGEST:
            raise DataError(f"where: the expression has {len(expression)} characters; at most {_LONGEST} are allowed")
        try:
            self.tree = ast.parse(self._without_backticks(expression).strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DataError(f"where {quoted(expression, _SHOWN)} cannot be understood ({error}); {_GRAMMAR}") from None

    def fail(self, reason: str) -> NoReturn:
        raise DataError(f"where {quoted(self.expression, _SHOWN)} {reason}")

    def _without_backticks(self, expression: str) -> str:
        def identifier(match: re.Match[str]) -> str:
            if match.group(1) is None:
                return match.group(0)
            name = f"_backticked_{len(self.backticked)}"
            self.backticked[name] = match.group(1)
            return name

        return re.sub(r"'[^']*'|\"[^\"]*\"|`([^`]+)`", identifier, expression)

    def value(self, node: ast.expr) -> Any:
        """Evaluate a node: a column, a constant, or an operation on them."""
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as constant):
                return constant
            case ast.Name(id=name):
                return self._column(self.backticked.get(name, name))
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
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._comparison(left, ops, comparators)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return self._call(name, arguments)
        self.fail(f"contains {ast.unparse(node)!r}, which is not allowed here; {_GRAMMAR}")

    def _column(self, name: str) -> pd.Series:
        if name not in self.table.columns:
            columns = [str(column) for column in self.table.columns]
            similar = difflib.get_close_matches(name, columns, n=1)
            guess = f"did you mean {similar[0]!r}? " if similar else ""
            self.fail(f"uses the unknown column {name!r}; {guess}columns are {listed(columns)}")
        self.used.append(name)
        return self.table[name]

    def _condition(self, node: ast.expr) -> Any:
        value = self.value(node)
        if not _is_condition(value):
            self.fail(f"uses {ast.unparse(node)!r} as a condition; compare it with something (in brackets)")
        return np.asarray(value, dtype=bool)

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if not (isinstance(value, int | float) or (hasattr(value, "dtype") and is_numeric_dtype(value.dtype))):
            self.fail(f"uses {ast.unparse(node)!r} as a number, but it is not one")
        return value

    def _comparison(self, left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr]) -> np.ndarray:
        result = np.asarray(True)
        for op, right in zip(ops, comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                link: Any = self._membership(left, right)
                link = np.logical_not(link) if isinstance(op, ast.NotIn) else link
            elif type(op) in _COMPARISONS:
                a, b = self.value(left), self.value(right)
                self._check_emotions(left, [b])
                self._check_emotions(right, [a])
                try:
                    link = _COMPARISONS[type(op)](a, b)
                except TypeError:
                    self.fail(f"compares {ast.unparse(left)!r} with {ast.unparse(right)!r}, words with numbers")
                if isinstance(op, ast.NotEq):  # a missing value differs from nothing
                    link = np.asarray(link) & _known(a) & _known(b)
            else:
                self.fail(f"uses {type(op).__name__}; {_GRAMMAR}")
            if isinstance(link, pd.Series) and link.dtype == "boolean":
                link = link.fillna(False)
            result, left = result & np.asarray(link, dtype=bool), right
        return result

    def _membership(self, node: ast.expr, choices: ast.expr) -> np.ndarray:
        column = self.value(node)
        if not isinstance(choices, ast.List | ast.Tuple | ast.Set):
            self.fail(f"needs a list after in, such as {ast.unparse(node)} in ['a', 'b']")
        values = [self.value(choice) for choice in choices.elts]
        if not isinstance(column, pd.Series) or any(isinstance(value, pd.Series) for value in values):
            self.fail("needs a column before in and constants in the list after it")
        self._check_emotions(node, values)
        return column.isin(values).to_numpy()

    def _check_emotions(self, node: ast.expr, values: list[Any]) -> None:
        if not (isinstance(node, ast.Name) and node.id == "emotion"):
            return
        for value in values:
            if isinstance(value, str) and value not in CATEGORIES:
                category = ENGLISH.get(value.casefold())
                guess = f"our name is {category!r}; " if category else ""
                self.fail(f"uses the unknown emotion {value!r}; {guess}emotions are {', '.join(CATEGORIES)}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Any:
        if name in ("isna", "notna"):
            column = self.value(arguments[0]) if len(arguments) == 1 else None
            if not isinstance(column, pd.Series):
                self.fail(f"calls {name} with something other than one column")
            return (column.isna() if name == "isna" else column.notna()).to_numpy()
        values = [self._number(argument) for argument in arguments]
        if name == "abs" and len(values) == 1:
            return abs(values[0])
        if name == "abs" or len(values) < 2:
            self.fail(f"calls {name} with {len(values)} arguments; abs takes one, min and max two or more")
        return reduce(np.minimum if name == "min" else np.maximum, values)
