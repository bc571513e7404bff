"""Conditions on the settings of a point, such as `contrast > 50 and not homeostasis`.

A condition is parsed to Python's syntax tree and computed by the functions below, which know comparisons, boolean
operators, arithmetic, literals and names of settings. Nothing is evaluated or compiled as Python code.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.sweeps.values import Value, same, shown

LONGEST = 1000
"""Most characters in a condition."""

DEEPEST = 50
"""Most operators inside one another."""

_HELP = "Use names of settings, numbers, 'texts', true, false, null, + - * / // % **, == != < <= > >= in, and or not."
_CONSTANTS: Mapping[str, Value] = {"true": True, "false": False, "null": None}

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: float(base) ** float(exponent),  # bounded in size, unlike powers of integers
}
_ORDER: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """A condition on settings, checked when it is made.

    Args:
        text: The condition as written.
        where: Its place, for errors.

    Raises:
        ConfigError: It contains something else than the operators, literals and names allowed.
    """

    text: str
    where: str = "sweep.exclude"

    def __post_init__(self) -> None:
        """Check the syntax."""
        if not isinstance(self.text, str):
            raise ConfigError(f"{self.where}: must be a condition as a text (got {shown(self.text)}). {_HELP}")
        self._check(self._tree())

    def __eq__(self, other: object) -> bool:
        """Compare the texts."""
        return self.text == other.text if isinstance(other, Condition) else NotImplemented

    def __hash__(self) -> int:
        """Hash the text."""
        return hash(self.text)

    @property
    def names(self) -> list[str]:
        """Names of the settings that the condition reads."""
        found: list[str] = []
        _collect(self._tree(), found)
        return [name for name in dict.fromkeys(found) if name not in _CONSTANTS]

    def holds(self, settings: Mapping[str, Value]) -> bool:
        """Return True if the condition is true of these settings.

        Raises:
            UnknownNameError: A setting in the condition has no value here.
            ConfigError: An operator does not fit its values, or the result is not a truth value.
        """
        result = self._value(self._tree(), settings)
        return self._truth(result, "the condition")

    def _tree(self) -> ast.expr:
        if len(self.text) > LONGEST:
            raise ConfigError(f"{self.where}: must have at most {LONGEST} characters (got {len(self.text)}). Split it.")
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = getattr(error, "msg", None) or type(error).__name__
            raise ConfigError(f"{self.where}: must be a condition (got {self.text!r}: {reason}). {_HELP}") from error

    def _check(self, node: ast.expr, depth: int = 0) -> None:
        """Refuse every part of the syntax that is not allowed, before any point is looked at."""
        if depth > DEEPEST:
            raise ConfigError(f"{self.where}: must have at most {DEEPEST} nested operators (got more). Simplify it.")
        if _dotted(node):
            return
        allowed = (
            (isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str | None))
            or isinstance(node, ast.List | ast.Tuple | ast.BoolOp)
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd | ast.Not))
            or (isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC)
            or (
                isinstance(node, ast.Compare)
                and all(type(each) in _ORDER or isinstance(each, _EQUALITY) for each in node.ops)
            )
        )
        if not allowed:
            part = ast.unparse(node)
            raise ConfigError(f"{self.where}: must not contain {part!r} (got {self.text!r}). {_HELP}")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._check(child, depth + 1)

    def _value(self, node: ast.expr, settings: Mapping[str, Value]) -> Value:
        name = _dotted(node)
        if name:
            return self._setting(name, settings)
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, bool | int | float | str | None)
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(item, settings) for item in node.elts]
        if isinstance(node, ast.BoolOp):
            return self._boolean(node, settings)
        if isinstance(node, ast.UnaryOp):
            operand = self._value(node.operand, settings)
            if isinstance(node.op, ast.Not):
                return not self._truth(operand, ast.unparse(node.operand))
            number = self._number(operand, node.operand)
            return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node, settings)
        assert isinstance(node, ast.Compare)
        return self._comparison(node, settings)

    def _setting(self, name: str, settings: Mapping[str, Value]) -> Value:
        if name in settings:
            return settings[name]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise UnknownNameError(
            f"{self.where}: each name must be a setting with a value in every point (got {name!r} in {self.text!r}). "
            f"{nearest(name, settings)} A setting that does not vary needs a value beside those that do: {name}=..."
        )

    def _boolean(self, node: ast.BoolOp, settings: Mapping[str, Value]) -> bool:
        is_and = isinstance(node.op, ast.And)
        for part in node.values:
            if self._truth(self._value(part, settings), ast.unparse(part)) is not is_and:
                return not is_and
        return is_and

    def _arithmetic(self, node: ast.BinOp, settings: Mapping[str, Value]) -> float:
        left = self._number(self._value(node.left, settings), node.left)
        right = self._number(self._value(node.right, settings), node.right)
        try:
            result = _ARITHMETIC[type(node.op)](left, right)
        except (ZeroDivisionError, OverflowError) as error:
            raise ConfigError(
                f"{self.where}: must have a value in every point (got {ast.unparse(node)!r}: {error}). "
                "Exclude such points first."
            ) from error
        return self._number(result, node)  # a root of a negative number is complex

    def _comparison(self, node: ast.Compare, settings: Mapping[str, Value]) -> bool:
        left = self._value(node.left, settings)
        for operation, part in zip(node.ops, node.comparators, strict=True):
            right = self._value(part, settings)
            if not self._compare(operation, left, right, part):
                return False
            left = right
        return True

    def _compare(self, operation: ast.cmpop, left: Value, right: Value, part: ast.expr) -> bool:
        if isinstance(operation, ast.Eq | ast.NotEq):
            return same(left, right) is isinstance(operation, ast.Eq)
        if isinstance(operation, ast.In | ast.NotIn):
            if not isinstance(right, list):
                raise ConfigError(
                    f"{self.where}: 'in' must be followed by a list (got {ast.unparse(part)!r} in {self.text!r}). "
                    "Write x in [1, 2]."
                )
            return any(same(left, item) for item in right) is isinstance(operation, ast.In)
        both_texts = isinstance(left, str) and isinstance(right, str)
        if not both_texts and not (_is_number(left) and _is_number(right)):
            raise ConfigError(
                f"{self.where}: < and > must stand between two numbers or two texts "
                f"(got {shown(left)} and {shown(right)} in {self.text!r}). Compare with == instead."
            )
        return _ORDER[type(operation)](left, right)

    def _truth(self, value: Value, part: str) -> bool:
        if isinstance(value, bool):
            return value
        raise ConfigError(
            f"{self.where}: {part} must be true or false (got {shown(value)} in {self.text!r}). Compare it."
        )

    def _number(self, value: object, node: ast.expr) -> float:
        if _is_number(value):
            return value  # type: ignore[return-value]
        raise ConfigError(
            f"{self.where}: {ast.unparse(node)} must be a number (got {shown(value)} in {self.text!r}). {_HELP}"
        )


_EQUALITY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dotted(node: ast.expr) -> str:
    """Return the name of a setting that a node stands for, `contrast` or `analysis.default.curves`; else ''."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _collect(node: ast.expr, found: list[str]) -> None:
    name = _dotted(node)
    if name:
        found.append(name)
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _collect(child, found)
