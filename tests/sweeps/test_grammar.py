"""The mapping `sweep:` in YAML: each form, the errors, and points from files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.sweeps.space import Sweep


def space(text: str, base: Path | None = None) -> Sweep:
    """Read the mapping below `sweep:`."""
    return Sweep.from_data(yaml.safe_load(text), base=base)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{contrast: [15, 100], seed: {range: [0, 8]}}", Sweep(contrast=[15, 100], seed=range(8))),
        ("{a: 1, times: [[0, 10]]}", Sweep(a=[1], times=[[0, 10]])),
        ("{analysis.default.curves: [x, y]}", Sweep({"analysis.default.curves": ["x", "y"]})),
        ("{product: [{a: [1, 2]}, {b: [3, 4]}]}", Sweep(a=[1, 2]) * Sweep(b=[3, 4])),
        ("{concat: [{a: [1, 2]}, {b: [3, 4]}]}", Sweep(a=[1, 2]) + Sweep(b=[3, 4])),
        ("{concat: [{a: 1}, {a: 2}], b: [3, 4]}", (Sweep(a=1) + Sweep(a=2)) * Sweep(b=[3, 4])),
        ("{zip: {a: [1, 2], b: [3, 4]}}", Sweep.zip(a=[1, 2], b=[3, 4])),
        ("{zip: [{a: [1, 2]}, {b: [3, 4]}]}", Sweep.zip(a=[1, 2], b=[3, 4])),
        ("{a: [1, 2], b: [3, 4], zip: [a, b]}", Sweep.zip(a=[1, 2], b=[3, 4])),
        ("{a: [1, 2], c: [5, 6], b: [3, 4], zip: [a, b]}", Sweep.zip(a=[1, 2], b=[3, 4]) * Sweep(c=[5, 6])),
        (
            "{a: [1, 2], b: [3, 4], c: [5, 6], d: [7, 8], zip: [[a, c], [b, d]]}",
            Sweep.zip(a=[1, 2], c=[5, 6]) * Sweep.zip(b=[3, 4], d=[7, 8]),
        ),
        ("{a: [1, 2], exclude: a == 1}", Sweep(a=[2])),
        ("{a: [1, 2, 3], exclude: [a == 1, a == 3]}", Sweep(a=[2])),
        ("{a: [1, 2], replicates: {s: 3}}", Sweep(a=[1, 2], s=[0, 1, 2])),
        ("{a: [1, 2], replicates: {s: [5, 6], t: 2}}", Sweep(a=[1, 2]) * Sweep.zip(s=[5, 6], t=[0, 1])),
        ("{points: [{a: 1, b: 2}, {a: 2}]}", Sweep.of([{"a": 1, "b": 2}, {"a": 2}])),
        ("{x: {uniform: [0, 1]}, sample: 4}", Sweep.sample(4, x={"uniform": [0, 1]})),
        (
            "{x: {uniform: [0, 1]}, k: [1, 2], y: {integers: [1, 99]}, sample: {n: 4, seed: 2, method: halton}}",
            Sweep.sample(4, seed=2, method="halton", x={"uniform": [0, 1]}, y={"integers": [1, 99]}) * Sweep(k=[1, 2]),
        ),
        ("{settings: {zip: [1, 2], a: 3}}", Sweep({"zip": [1, 2], "a": 3})),
        ("{settings: {csv: [1, 2], b: [3, 4]}, zip: [csv, b]}", Sweep.zip(csv=[1, 2], b=[3, 4])),
        ("{}", Sweep()),
    ],
)
def test_each_form_is_the_space_that_python_makes(text: str, expected: Sweep) -> None:
    """The same points in the same order, and the description is read back."""
    assert space(text) == expected
    assert Sweep.from_data(space(text).data()).data() == space(text).data()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", r"sweep: must be a mapping"),
        ("{1: 2}", r"sweep: must be a mapping with names as keys"),
        ("{a b: [1]}", r"sweep: must be the name of a setting \(got 'a b'\)"),
        ("{zip: {a: {linspace: [0, 1]}}}", r"sweep\.zip\.a: linspace must have the form"),
        (
            "{product: [{a: 1}, {concat: [{b: []}]}]}",
            r"sweep\.product\[1\]\.concat\[0\]\.b: must have at least one value",
        ),
        ("{product: {a: 1}}", r"sweep\.product: must be a list of mappings"),
        ("{product: [{a: 1}, {a: 2}]}", r"sweep\.product: .*got 'a' in two"),
        ("{a: [1, 2], zip: {a: [3, 4]}}", r"sweep: .*got 'a' in two"),
        ("{zip: [a, b], a: [1], bb: [2]}", r"sweep\.zip: each name .*got 'b'.*Did you mean|Known are"),
        ("{zip: [a, a], a: [1, 2]}", r"sweep\.zip: a setting must be paired or drawn once \(got 'a'\)"),
        ("{zip: [], a: 1}", r"sweep\.zip: must be a list"),
        ("{a: 1, settings: {a: 2}}", r"sweep: a setting must get its values once \(got 'a' twice\)"),
        ("{a: [1, 2], exclude: 3}", r"sweep\.exclude: must be a condition"),
        ("{a: [1, 2], exclude: b == 1}", r"sweep\.exclude: .*got 'b'"),
        ("{concat: [{a: [1, 2], exclude: b == 1}]}", r"sweep\.concat\[0\]\.exclude: .*got 'b'"),
        ("{a: 1, replicates: 8}", r"sweep\.replicates: must be a mapping"),
        ("{a: 1, replicates: {}}", r"sweep\.replicates: must name a seed"),
        ("{a: 1, replicates: {a: 8}}", r"sweep\.replicates: .*got 'a' in two"),
        ("{x: {uniform: [0, 1]}}", r"sweep\.x: a distribution must be drawn from"),
        ("{x: [1, 2], sample: 3}", r"sweep\.sample: must have a setting to draw"),
        ("{x: {uniform: [0, 1]}, sample: {seed: 1}}", r"sweep\.sample: must say how many points"),
        ("{x: {uniform: [0, 1]}, sample: {n: 3, sed: 1}}", r"sweep\.sample: .*got 'sed'.*Did you mean 'seed'"),
        ("{x: {uniform: [0, 1]}, sample: {n: 3, method: lhs}}", r"sweep\.sample\.method: must be one of"),
        ("{x: {uniform: [1, 0]}, sample: 3}", r"sweep\.x: uniform must have two numbers that increase"),
        ("{points: []}", r"sweep\.points: must be a list of points"),
        ("{points: [1]}", r"sweep\.points\[0\]: must be a mapping"),
        ("{points: [{a b: 1}]}", r"sweep\.points\[0\]: must be the name of a setting"),
        ("{csv: 3}", r"sweep\.csv: must be a path"),
        ("{csv: missing.csv}", r"sweep\.csv: must be a readable text file"),
        ("{record: missing}", r"missing: must be a sweep's directory"),
    ],
)
def test_a_mistake_is_reported_with_its_place(text: str, message: str) -> None:
    """The path in the mapping, the rule, and the value that was given."""
    with pytest.raises(TopoExpError, match=message):
        space(text)


def test_points_come_from_a_table(tmp_path: Path) -> None:
    """Cells have the types that a command line gives them; an empty cell leaves the setting out."""
    (tmp_path / "points.csv").write_text(
        "contrast, homeostasis,kind,times,analysis.default.curves\n"
        '15,true,images,"[0, 1e2]",null\n'
        "1.5e1,FALSE,'1',[0],\n"
        "\n"
        "-3,nan,on, {a: [x],\n".replace("{a: [x],\n", "\"{a: [x, '2']}\",yes\n")
    )
    expected: list[dict[str, Any]] = [
        {"contrast": 15, "homeostasis": True, "kind": "images", "times": [0, 100.0], "analysis.default.curves": None},
        {"contrast": 15.0, "homeostasis": False, "kind": "1", "times": [0]},
    ]
    sweep = space("{csv: points.csv}", tmp_path)
    assert [dict(point) for point in sweep][:2] == expected
    assert type(sweep[0]["contrast"]) is int
    assert type(sweep[1]["contrast"]) is float
    last = dict(sweep[2])
    assert str(last.pop("homeostasis")) == "nan"
    assert last == {"contrast": -3, "kind": "on", "times": {"a": ["x", "2"]}, "analysis.default.curves": "yes"}
    assert Sweep.csv(tmp_path / "points.csv") == sweep


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, separator: str) -> None:
    """Another separator, a byte order mark, and Windows line ends."""
    path = tmp_path / "points.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + separator.join("ab").encode() + b"\r\n" + separator.join("12").encode() + b"\r\n"
    )
    assert [dict(point) for point in Sweep.csv(path)] == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a line of names"),
        ("a,b\n", "must have a line of names and at least one point"),
        ("a,a\n1,2\n", r"points.csv, line 1: must name each column once"),
        ("a,\n1,2\n", r"points.csv, line 1: must name each column once"),
        ("a,b\n1,2\n1\n", r"points.csv, line 3: must have 2 cells, as the first line \(got 1\)"),
        ("a,b c\n1,2\n", r"points.csv, line 2: must be the name of a setting \(got 'b c'\)"),
        ("a\n[1\n", r"points.csv, line 2, a: must be a list"),
        ('a,b\n"1"2,3\n', r"points.csv, line 2: must be CSV"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """So that the cell is found at once."""
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Sweep.csv(tmp_path / "points.csv")


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Rather than read with wrong letters."""
    (tmp_path / "points.csv").write_bytes("tag\ngröße\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"sweep\.csv: must be a readable text file"):
        Sweep.csv(tmp_path / "points.csv")
