"""Conditions: what they compute, and everything that they refuse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topo_exp.errors import ConfigError, TopoExpError, UnknownNameError
from topo_exp.sweeps.conditions import LONGEST, Condition

SETTINGS: dict[str, Any] = {
    "a": 3,
    "b": 0.5,
    "on": True,
    "off": False,
    "kind": "images",
    "none": None,
    "times": [0, 100],
    "analysis.default.curves": "sf",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 2", True),
        ("a >= 3 and b < 0.5", False),
        ("a == 3.0", True),
        ("a != 3", False),
        ("0 < a < 4", True),
        ("0 < a < 3", False),
        ("a + 2 * b - 1 == 3", True),
        ("a // 2 == 1 and a % 2 == 1 and a / 2 == 1.5 and a ** 2 == 9 and -a == -3 and +a == 3", True),
        ("on", True),
        ("not off", True),
        ("on == true and off == false and none == null", True),
        ("on == True and off == False and none == None", True),
        ("on == 1", False),
        ("kind == 'images'", True),
        ('kind in ["noise", "images"]', True),
        ("a not in (1, 2)", True),
        ("kind < 'z'", True),
        ("times == [0, 100]", True),
        ("analysis.default.curves == 'sf'", True),
        ("a > 5 or on", True),
        ("on or missing_is_never_read", True),
        ("(a > 5 or on) and not (b == 0.5 and off)", True),
        ("  a > 2  ", True),
    ],
)
def test_a_condition_is_computed(text: str, expected: bool) -> None:
    """Comparisons, arithmetic and boolean operators mean what they mean in Python; numbers are not truth values."""
    assert Condition(text).holds(SETTINGS) is expected


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "__import__('os').system('true')",
        "a.bit_length()",
        "(1).real > 0",
        "'x'.upper == 1",
        "times[0] == 0",
        "[x for x in times] == 1",
        "(lambda: 1) == 1",
        "a if on else b",
        "{'a': 1} == 1",
        "{1, 2} == 1",
        "f'{a}' == '3'",
        "(a := 4) == 4",
        "a is 3",
        "a & 1 == 1",
        "a << 2 > 1",
        "~a == 1",
        "a @ b == 1",
        "b'x' == 1",
        "1j == 1",
        "... == 1",
        "*a == 1",
        "await a",
    ],
)
def test_everything_else_is_refused_before_a_point_is_looked_at(text: str) -> None:
    """No calls, attributes of values, subscripts, comprehensions, or other syntax."""
    with pytest.raises(ConfigError, match=r"sweep\.exclude: must"):
        Condition(text)


@pytest.mark.parametrize("text", ["a.__class__ == 1", "__builtins__ == 1", "kind.upper == 1", "analysis == 1"])
def test_a_dotted_name_is_only_ever_a_setting(text: str) -> None:
    """Attributes of values are never looked up."""
    with pytest.raises(UnknownNameError, match="must be a setting with a value"):
        Condition(text).holds(SETTINGS)


@pytest.mark.parametrize("text", ["", "a >", "a > 3; b", "a = 3", "import os", "(" * 450 + "a" + ")" * 450, "a\0b"])
def test_what_is_not_an_expression_is_refused(text: str) -> None:
    """With the text and what may stand in it."""
    with pytest.raises(ConfigError, match=r"must be a condition \(got"):
        Condition(text)


def test_a_condition_has_a_largest_length() -> None:
    """So that reading it takes no time, and no depth of calls."""
    with pytest.raises(ConfigError, match=f"at most {LONGEST} characters"):
        Condition("a == 1 or " * LONGEST + "on")
    for text in ("-" * 900 + "a", "not " * 200 + "on", "[" * 60 + "]" * 60):
        with pytest.raises(ConfigError, match=r"nested operators|must be a condition"):
            Condition(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "must be true or false"),
        ("a and on", "a must be true or false"),
        ("not a", "a must be true or false"),
        ("kind", "must be true or false"),
        ("kind > 3", "two numbers or two texts"),
        ("on > 0", "two numbers or two texts"),
        ("none < 1", "two numbers or two texts"),
        ("kind + 'x' == 1", "kind must be a number"),
        ("kind * 9 == 1", "kind must be a number"),
        ("on + 1 == 2", "on must be a number"),
        ("a / (b - 0.5) > 1", "must have a value in every point"),
        ("9 ** 9 ** 9 ** 9 > 1", "must have a value in every point"),
        ("(-a) ** b > 0", "must be a number"),
        ("a in kind", "'in' must be followed by a list"),
    ],
)
def test_operators_that_do_not_fit_their_values_are_refused(text: str, message: str) -> None:
    """A condition without a clear meaning excludes nothing silently."""
    with pytest.raises(ConfigError, match=message):
        Condition(text).holds(SETTINGS)


def test_the_names_of_a_condition_are_listed() -> None:
    """Each once, without the words for constants."""
    assert Condition("a > 1 and (b == true or x.y in [a, c, null])").names == ["a", "b", "x.y", "c"]


@given(text=st.text(st.sampled_from("ab 013.()[]<>=!+-*/%'\"\\,:_andortisf{}@&|^~\n"), max_size=30))
def test_any_text_is_computed_or_refused(text: str) -> None:
    """No text raises anything else than an error of this package."""
    try:
        result = Condition(text).holds(SETTINGS)
    except TopoExpError:
        return
    assert isinstance(result, bool)
