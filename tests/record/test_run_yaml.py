"""run.yaml describes a run as plain data."""

import hashlib
import math
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from topo_exp.record.run_yaml import (
    amend_record,
    dump_yaml,
    milliseconds,
    now,
    read_record,
    record_is_unchanged,
    write_record,
    yaml_data,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@settings(deadline=None)  # the first example loads YAML
@given(DATA)
def test_plain_data_is_read_back_as_it_was(data):
    """Whatever texts, numbers and collections a parameter holds, YAML gives them back."""
    assert yaml.safe_load(dump_yaml({"value": yaml_data(data)})) == {"value": data}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.1), 0.1),
        (np.arange(3), [0, 1, 2]),
        (np.bool_(True), True),
        ((1, (2.5,)), [1, [2.5]]),
        (Path("/a/b"), "/a/b"),
        ({2, 1}, [1, 2]),
        ({1: None}, {"1": None}),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_other_values_become_plain(value, expected):
    """Arrays become lists, paths become texts, and the rest is written as Python shows it."""
    assert yaml_data(value) == expected


def test_not_a_number_is_kept():
    """NaN is a value like any other."""
    assert math.isnan(yaml.safe_load(dump_yaml({"x": yaml_data(np.nan)}))["x"])


def test_the_last_line_has_the_checksum_of_the_lines_before_it(tmp_path):
    """Any program can check it, and this form is read by all versions that write layout 2."""
    write_record(tmp_path, {"id": "ü", "status": "done", "format": 1})
    *lines, last = (tmp_path / "run.yaml").read_bytes().splitlines(keepends=True)
    assert lines == ["id: ü\n".encode(), b"status: done\n", b"format: 2\n"]
    assert last.decode() == f"# sha256 {hashlib.sha256(b''.join(lines)).hexdigest()}\n"
    assert record_is_unchanged(tmp_path)


@pytest.mark.parametrize("is_edited", [True, False])
def test_an_amended_record_is_known_as_edited_if_it_was(tmp_path, is_edited):
    """A command that adds to run.yaml writes no valid checksum over what a user has changed by hand."""
    write_record(tmp_path, {"id": "a", "status": "done", "format": 2, "tag": "old"})
    path = tmp_path / "run.yaml"
    if is_edited:
        path.write_text(path.read_text().replace("old", "new"))
    for name in ("first", "second"):
        amend_record(tmp_path, lambda data, name=name: data.update({name: 1}))
    data = read_record(tmp_path)
    assert (data["first"], data["second"], data["tag"]) == (1, 1, "new" if is_edited else "old")
    assert record_is_unchanged(tmp_path) != is_edited


def test_lists_of_numbers_are_on_one_line_and_keys_in_their_order():
    """Long lists of lists are written line by line, and letters of any alphabet as they are."""
    data = {"z": [1, 2.5, "ü"], "a": [[1], {"b": None}], "empty": []}
    assert dump_yaml(data) == "z: [1, 2.5, ü]\na:\n- [1]\n- b: null\nempty: []\n"


def test_times_of_day_are_written_to_the_millisecond():
    """They are in UTC, and a text of any zone is read as the moment that it names."""
    assert milliseconds("1970-01-01T00:00:01.234+00:00") == 1234
    assert milliseconds("1970-01-01T01:00:01.234+01:00") == 1234
    before, text, after = time.time(), now(), time.time()
    assert text.endswith("+00:00")
    assert before * 1000 - 1 <= milliseconds(text) <= after * 1000 + 1
