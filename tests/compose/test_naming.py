"""Names of run directories."""

import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topo_exp.compose.naming import SHORTEST_NAME, canonical, directory_name, ordered
from topo_exp.errors import ConfigError

WHEN = datetime(2026, 11, 22, 11, 37, 5)
WINDOWS_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}

# few letters, so that similar names occur; among them letters that file systems refuse or change
letters = st.sampled_from('aAbB12_.,=~+- /\\:*?"<>|\n\0éÉßµ\u0301\u212a€😀')
words = st.text(letters, max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
lookalikes = st.sampled_from(
    [
        "1",
        "1.0",
        "true",
        "null",
        "1_2",
        "a",
        "A",
        "a_b",
        "a-b",
        "a b",
        "a.",
        "a-2",
        "é",
        "e",
        "é",
        "nan",
        "",
        "x=1",
        "1e3",
    ]
)
values = st.recursive(scalars | lookalikes, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
parameter_sets = st.dictionaries(st.sampled_from(["a", "b", "cortex_density", "size", "Size"]), values, max_size=4)


def name_of(given_parameters: dict[str, Any], **options: Any) -> str:
    """Name a run of the model `tiny` that has the parameters of these tests."""
    options = {"parameters": ["a", "b", "cortex_density", "size", "Size"], "timestamp": WHEN, **options}
    return directory_name("tiny", given_parameters, **options)


@pytest.mark.parametrize(
    ("parameters", "options", "expected"),
    [
        ({}, {}, "202611221137_tiny"),
        ({"cortex_density": 3}, {}, "202611221137_tiny,cortex_density=3"),
        ({"cortex_density": 3.0}, {}, "202611221137_tiny,cortex_density=3"),
        ({"cortex_density": 0.25}, {"tag": "first"}, "202611221137_tiny_first,cortex_density=0.25"),
        ({"b": [1, 2.5], "a": True}, {}, "202611221137_tiny,a=true,b=1_2.5"),
        ({"a": "images", "b": None}, {"prefix": "x_"}, "x_202611221137_tiny,a=images,b=null"),
        ({"a": 1, "b": 2}, {"abbreviations": {"b": "bee"}}, "202611221137_tiny,bee=2,a=1"),
        ({"a": "Gaussian"}, {"enumerated": ["a"]}, "202611221137_tiny,a=Gaussian"),
        ({"a": 1}, {"time_format": "%Y-%m-%d"}, "2026-11-22_tiny,a=1"),
    ],
)
def test_a_name_reads_as_documented(parameters: dict[str, Any], options: dict[str, Any], expected: str) -> None:
    """The name is the date, the model, the tag, and the varied settings, in their order."""
    assert name_of(parameters, **options) == expected


@given(first=parameter_sets, second=parameter_sets)
@settings(max_examples=400)
def test_two_parameter_sets_never_share_a_name(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Different parameters give different names, even where case and Unicode normalisation do not count."""
    one, other = (unicodedata.normalize("NFC", name_of(each)).casefold() for each in (first, second))
    assert (one == other) == (canonical(first) == canonical(second))


def test_parameters_that_differ_in_case_only_are_told_apart() -> None:
    """Where upper and lower case are the same file, their names would be, too."""
    one, other = (name_of(each).casefold() for each in ({"size": 1}, {"Size": 1}))
    assert one != other
    assert name_of({"size": 1}, parameters=["size", "sizes"]) == "202611221137_tiny,size=1"


@given(first=parameter_sets, second=parameter_sets)
def test_two_parameter_sets_never_share_a_cut_name(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Cutting a name to its allowed length keeps it different from those of other parameters."""
    one, other = (name_of(each, max_length=SHORTEST_NAME).casefold() for each in (first, second))
    assert (one == other) == (canonical(first) == canonical(second))


@pytest.mark.parametrize("length", [SHORTEST_NAME, 100, 200])
def test_a_name_that_is_too_long_uses_all_the_length_it_has(length: int) -> None:
    """As much as possible can be read of it."""
    full = name_of({"weights": "w" * 300}, max_length=1000)
    cut = name_of({"weights": "w" * 300}, max_length=length)
    assert len(cut) == length
    assert full.startswith(cut.partition("~")[0])


@given(
    parameters=parameter_sets,
    tag=st.none() | words | words.map(lambda word: word * 30),
    prefix=words,
    time_format=st.sampled_from(["%Y%m%d%H%M", "", "%c", "%H:%M"]),
    length=st.integers(SHORTEST_NAME, 240),
)
def test_a_name_is_legal_on_every_file_system(
    parameters: dict[str, Any], tag: str | None, prefix: str, time_format: str, length: int
) -> None:
    """A name has the allowed length, legal characters, no trailing dot or blank, and is no device of Windows."""
    name = name_of(parameters, tag=tag, prefix=prefix, time_format=time_format, max_length=length)
    assert 0 < len(name) <= length
    assert name.isascii()
    assert not set(name) & set('<>:"/\\|?*\0 ')
    assert name.isprintable()
    assert name[-1] not in ". "
    assert name.partition(".")[0].casefold() not in WINDOWS_RESERVED


@given(parameters=parameter_sets)
def test_a_name_is_a_function_of_its_arguments(parameters: dict[str, Any]) -> None:
    """The order in which parameters were given does not show in the name."""
    backwards = dict(reversed(parameters.items()))
    assert name_of(parameters) == name_of(backwards)


def test_a_second_run_of_one_set_cannot_be_taken_for_the_first_of_another() -> None:
    """The `-2` that the runner appends to a taken name does not lead to the name of another set."""
    assert name_of({"a": "x"}) + "-2" != name_of({"a": "x-2"})


@pytest.mark.parametrize(
    ("abbreviations", "message"),
    [
        ({"a": "b"}, "name of another parameter"),
        ({"a": "B"}, "name of another parameter"),
        ({"a": "x", "b": "X"}, "differ from the abbreviation of a"),
        ({"a": "x,y"}, "must be letters"),
        ({"a": ""}, "must be letters"),
    ],
)
def test_abbreviations_that_could_be_confused_are_refused(abbreviations: dict[str, str], message: str) -> None:
    """Two parameters cannot have one abbreviation, nor one the name of the other."""
    with pytest.raises(ConfigError, match=message):
        name_of({"a": 1}, abbreviations=abbreviations)


def test_a_map_of_abbreviations_may_serve_several_models() -> None:
    """Names that the model at hand does not have are passed over."""
    assert name_of({"a": 1}, abbreviations={"lateral": "l", "a": "x"}) == "202611221137_tiny,x=1"


def test_too_short_a_length_is_refused() -> None:
    """There is room for a date and a hash in every name."""
    with pytest.raises(ConfigError, match="at least 40"):
        name_of({}, max_length=10)


def test_parameters_are_ordered_by_the_map_and_then_alphabetically() -> None:
    """The order of the abbreviations comes first."""
    assert ordered(["d", "a", "c", "b"], {"c": "see", "b": "bee"}) == ["c", "b", "a", "d"]


KINDS = [
    "cortex_density",
    "times",
    "analysis",
    "analysis.fields.most",
    "engine",
    "snapshot",
    "experiment",
    "tag",
    "model",
]
settings_of_all_kinds = st.dictionaries(st.sampled_from(KINDS), values, max_size=4)


@given(first=settings_of_all_kinds, second=settings_of_all_kinds)
@settings(max_examples=200, deadline=None)
def test_settings_of_different_kinds_never_share_a_name(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Whatever is swept, different settings have different names: times, analyses, options, files and parameters."""
    one, other = (name_of(each, tag="mine").casefold() for each in (first, second))
    assert (one == other) == (canonical(first) == canonical(second))


@pytest.mark.parametrize("tags", [("a b", "a-b"), ("A", "a"), ("é", "e"), ("a/b", "a:b")])
def test_tags_that_are_swept_are_told_apart(tags: tuple[str, str]) -> None:
    """A tag that varies is one of the settings, so that its name is exact, too."""
    one, other = (name_of({"tag": tag}, tag=tag).casefold() for tag in tags)
    assert one != other


def test_a_device_of_windows_is_no_name() -> None:
    """`con.txt` cannot be made there, whatever follows the point; `cone.` and `xcon.` can."""
    assert name_of({}, prefix="con.") == "_con.202611221137_tiny"
    assert name_of({}, prefix="LPT1.") == "_LPT1.202611221137_tiny"
    assert name_of({}, prefix="cone.") == "cone.202611221137_tiny"
    assert name_of({}, prefix="xcon.") == "xcon.202611221137_tiny"


def test_mappings_and_other_values_are_named_with_a_hash() -> None:
    """Their texts are not unique, so different ones have different hashes, and equal ones the same."""
    values: list[Any] = [{"x": 1}, {"x": 2}, {"x": {1: 2}}, {1: "x"}, {"1": "x"}, 2j, [{"x": 1}], ["x"]]
    names = [name_of({"a": value}) for value in values]
    assert len(set(names)) == len(names)
    assert all("~" in name for name in names)
    assert name_of({"a": {"y": 1, "x": 2.0}}) == name_of({"a": {"x": 2, "y": 1}})
    assert canonical({"a": 2j}) == '{"map":[["a",{"repr":"2j"}]]}'


def test_whole_floats_are_named_as_integers_as_far_as_they_are_exact() -> None:
    """From 2**53 on, several whole numbers are one float."""
    for number in (0, 107, -1000, 2**53 - 1):
        assert name_of({"a": float(number)}) == name_of({"a": number})
    assert name_of({"a": float(2**53)}) != name_of({"a": 2**53})
