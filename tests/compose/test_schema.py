"""The rules that declarations make for values."""

import math
from pathlib import Path
from typing import Any

import param
import pytest

from topo_exp.compose import schema
from topo_exp.compose.schema import (
    NamedAnalysis,
    analysis_functions,
    checked,
    conf_directory,
    declared,
    defaults,
    is_plain,
    plain,
    rule,
)
from topo_exp.errors import ParameterError, UnknownNameError
from topo_exp.runner.options import OPTIONS
from topo_exp.runner.times import STANDARD_TIMES, analysis_times


class Family(param.Parameterized):
    """One parameter of each kind."""

    number = param.Number(1.0, bounds=(0, 10), inclusive_bounds=(False, True), doc="A number.")
    half_open = param.Number(1.0, bounds=(None, 3))
    optional = param.Number(None, allow_None=True)
    integer = param.Integer(1, bounds=(1, None))
    boolean = param.Boolean(False)
    string = param.String("a")
    matched = param.String("ab", regex="^ab*$")
    choice = param.Selector(default="on", objects=["on", "off", "Gaussian"])
    mixed = param.Selector(default=1, objects=[1, 2.5, None, True])
    many = param.ListSelector(default=["a"], objects=["a", "b"])
    numbers = param.List([1.0], item_type=float)
    pair = param.NumericTuple((0.0, 1.0))
    range = param.Range((0.0, 1.0), bounds=(0, 2))
    mapping = param.Dict({})
    anything = param.Parameter(None)
    named = param.Selector(default=1.5, objects={"low": 1.5, "high": [2]})
    listed = param.List([], item_type=(int, str))
    any_list = param.List([])
    one_class = param.ClassSelector(class_=Path, default=None, allow_None=True)
    classes = param.ClassSelector(class_=(int, dict), default=1)
    _private = param.Number(1.0)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", 3, 3),
        ("number", 3.5, 3.5),
        ("number", 10, 10),
        ("optional", None, None),
        ("optional", "None", None),
        ("optional", "null", None),
        ("optional", 0.0, 0.0),
        ("string", "None", "None"),
        ("string", 0.5, "0.5"),
        ("string", False, "false"),
        ("string", Path("/a"), "/a"),
        ("mixed", "true", True),
        ("mixed", "2.5", 2.5),
        ("mixed", 1.0, 1),
        ("named", "high", [2]),
        ("named", 1.5, 1.5),
        ("named", "1.5", 1.5),
        ("listed", (1, "a"), [1, "a"]),
        ("one_class", None, None),
        ("classes", {"a": 1}, {"a": 1}),
        ("integer", 3, 3),
        ("integer", 1e4, 10000),
        ("boolean", True, True),
        ("string", "x", "x"),
        ("string", 12, "12"),
        ("string", True, "true"),
        ("choice", "off", "off"),
        ("mixed", 2.5, 2.5),
        ("mixed", "1", 1),
        ("mixed", True, True),
        ("mixed", None, None),
        ("many", ["b"], ["b"]),
        ("numbers", [1.0, 2.0], [1.0, 2.0]),
        ("pair", [1, 2], (1, 2)),
        ("range", [0.5, 1], (0.5, 1)),
        ("mapping", {"a": 1}, {"a": 1}),
        ("anything", [1, "x"], [1, "x"]),
    ],
)
def test_a_value_becomes_what_its_declaration_asks_for(name: str, value: Any, expected: Any) -> None:
    """A value from a command line is converted to the declared kind, and stays equal."""
    result = checked(declared(Family), {name: value}, where="Family")[name]
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "rule_told"),
    [
        ("number", 0, "a number > 0 and <= 10"),
        ("number", 11, "a number > 0 and <= 10"),
        ("number", "banana", "a number > 0 and <= 10"),
        ("number", True, "a number > 0 and <= 10"),
        ("number", None, "a number > 0 and <= 10"),
        ("number", [1], "a number > 0 and <= 10"),
        ("number", math.nan, "a number > 0 and <= 10"),
        ("half_open", 4, "a number <= 3"),
        ("optional", "x", "a number, or null"),
        ("integer", 1.5, "a whole number >= 1"),
        ("integer", 0, "a whole number >= 1"),
        ("boolean", "yes", "true or false"),
        ("boolean", 1, "true or false"),
        ("string", [1], "a text"),
        ("matched", "b", "a text that matches"),
        ("choice", "On", "one of on, off, Gaussian"),
        ("mixed", 3, "one of 1, 2.5, null, True"),
        ("many", ["c"], "a list of values from a, b"),
        ("numbers", 1.0, "a list of numbers"),
        ("numbers", ["x"], "a list of numbers"),
        ("pair", [1, 2, 3], "a list of 2 numbers"),
        ("range", [1, 3], "two numbers in a list, each >= 0 and <= 2"),
        ("mapping", [1], "a mapping"),
        ("mixed", False, "one of 1, 2.5, null, True"),
        ("named", 2, "one of 1.5, [2]"),
        ("listed", [1.5], "a list of whole numbers or texts (got"),
        ("any_list", 3, "a list (got 3)"),
        ("one_class", "x", "a Path, or null (got 'x')"),
        ("classes", "x", "a int or a dict (got 'x')"),
    ],
)
def test_a_bad_value_is_told_with_parameter_rule_and_value(name: str, value: Any, rule_told: str) -> None:
    """The message names the parameter, the rule and the value."""
    with pytest.raises(ParameterError) as error:
        checked(declared(Family), {name: value}, where="Family")
    assert str(error.value).startswith(f"Family.{name}: must be {rule_told}")
    assert "(got " in str(error.value)


def test_a_long_value_is_cut_in_the_message() -> None:
    """To eighty characters, with dots; one of eighty is whole, and the default follows."""
    for length, told in ((78, repr("x" * 78)), (79, "'" + "x" * 76 + "...")):
        with pytest.raises(ParameterError) as error:
            checked(declared(Family), {"number": "x" * length}, where="Family")
        assert f"(got {told}). The default is 1.0." in str(error.value)
        assert len(told) == 80


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    """A name that is not declared is refused."""
    with pytest.raises(UnknownNameError, match="Did you mean 'number'"):
        checked(declared(Family), {"numbr": 1}, where="Family")


def test_a_private_parameter_cannot_be_set() -> None:
    """A parameter whose name starts with an underscore is none of the user's."""
    assert "_private" not in declared(Family)
    with pytest.raises(UnknownNameError):
        checked(declared(Family), {"_private": 1}, where="Family")


def test_parameters_keep_the_order_of_their_declaration() -> None:
    """Help and records list parameters as the class does, a parent's first."""

    class Child(Family):
        number = param.Number(2.0)
        added = param.Number(1.0)

    assert list(declared(Child)) == [*declared(Family), "added"]
    assert list(declared(Family))[:2] == ["number", "half_open"]


def test_defaults_are_plain_data() -> None:
    """Defaults in a configuration contain no tuples."""
    assert defaults(declared(Family))["pair"] == [0.0, 1.0]


def test_plain_data_stay_and_others_are_described() -> None:
    """Every value can be written down."""
    assert plain({"a": (1, "x", None)}) == {"a": [1, "x", None]}
    assert plain(object) == repr(object)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_is_documented(name: str) -> None:
    """An option has a description that ends like a sentence, and its default obeys its own rule."""
    option = OPTIONS[name]
    assert option.doc.endswith(".")
    assert rule(option)
    assert checked(OPTIONS, {name: option.default})[name] == option.default


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (1.0, STANDARD_TIMES),
        (2, tuple(2 * time for time in STANDARD_TIMES)),
        (0.7, (0, 35, 70, 350, 700, 1400, 2100, 2800, 3500, 7000)),
        ([0], (0.0,)),
        ([0, 0.5, 10], (0.0, 0.5, 10.0)),
        ((5, 6), (5.0, 6.0)),
    ],
)
def test_times_are_a_list_or_a_factor(times: Any, expected: tuple[float, ...]) -> None:
    """A number multiplies the standard list exactly as written."""
    assert analysis_times(times) == expected


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([5, 1], "must increase"),
        ([1, 1], "must increase"),
        ([], "must be a list"),
        ([-1, 1], ">= 0"),
        ([0, math.inf], ">= 0"),
        ([0, math.nan], ">= 0"),
        ([0, True], ">= 0"),
        ([0, "x"], ">= 0"),
        (0, "> 0"),
        (-1, "> 0"),
        (math.inf, "> 0"),
        (math.nan, "> 0"),
        (True, "must be a list"),
        ("banana", "must be a list"),
        (None, "must be a list"),
        ({"a": 1}, "must be a list"),
    ],
)
def test_other_times_are_refused(times: Any, message: str) -> None:
    """Anything that does not increase from 0 on is no list of times."""
    with pytest.raises(ParameterError, match=message):
        analysis_times(times)


def test_the_configuration_is_found() -> None:
    """The directory of configuration files has the primary one."""
    assert (conf_directory() / "config.yaml").is_file()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_is_finite(value):
    """Infinity is refused like nan, also where there is no upper bound."""
    declaration = param.Number(1.0, bounds=(0, None), inclusive_bounds=(False, True))
    with pytest.raises(ParameterError, match=r"area: must be a number > 0 \(got "):
        checked({"area": declaration}, {"area": value})


def test_analyses_are_found_by_their_names_and_those_of_their_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries without a function are none; of two of one name, the first file counts."""
    (tmp_path / "analysis").mkdir()
    texts = {
        "a": "defaults: [x]\ntwo: {_target_: pkg.other}\nnothing: null\ntext: _target_\nopen: {b: 1}\n",
        "b": "two: {_target_: pkg.third}\n",
        "c": "",
    }
    for name, text in texts.items():
        (tmp_path / "analysis" / f"{name}.yaml").write_text(text)
    monkeypatch.setattr(schema, "conf_directory", lambda: tmp_path)
    first, second = NamedAnalysis("a", "pkg.other"), NamedAnalysis("b", "pkg.third")
    assert analysis_functions() == {"two": first, "other": first, "third": second}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, "b", True, None]}, True),
        ((1, {"a": {"b": ()}}), True),
        ({1: 2}, False),
        ({"a": object()}, False),
        ({"a": 1, 2: "b"}, False),
        ([1, {1}], False),
        (1j, False),
    ],
)
def test_plain_values_are_what_configuration_files_can_hold(value: object, expected: bool) -> None:
    """Numbers, texts, truth values and none, in lists and in mappings with texts as keys, at any depth."""
    assert is_plain(value) is expected
