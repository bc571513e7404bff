"""sweep.yaml: what is written, and that it is read back as the same sweep."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from topo_exp.errors import ConfigError, RecordError
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.space import Sweep

texts = st.text(max_size=8) | st.sampled_from(
    ["1e3", "on", "null", "1.0", "~", "'", "- a", "a: b", "#", "", " ", "1:30"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def written(sweep: Sweep, directory: Path, **further: Any) -> Manifest:
    """Write a sweep's description, and return it."""
    manifest = Manifest(sweep, "python -m topo_exp -m a=1,2", "2026-11-26T11:37:00", **further)
    (directory / "sweep.yaml").write_text(manifest.text(), encoding="utf-8")
    return manifest


def test_the_file_says_what_the_sweep_is(tmp_path: Path) -> None:
    """Space, points, constants and varying settings, each in plain YAML."""
    sweep = Sweep(contrast=[15, 100], times=[[0, 10.5]]) * Sweep.zip(tag=["1e3", "b"], x=[1, 2])
    written(sweep, tmp_path, options={"launcher": "local"}, budget={"hours": 2}, code={"commit": "abc"})
    content = yaml.safe_load((tmp_path / "sweep.yaml").read_text())
    points = content.pop("points")
    assert content == {
        "format": 1,
        "created": "2026-11-26T11:37:00",
        "command": "python -m topo_exp -m a=1,2",
        "runs": 4,
        "key": sweep.key,
        "id": "",
        "working_directory": "",
        "config_dirs": [],
        "others": [],
        "constant": {"times": [0, 10.5]},
        "varying": {"contrast": [15, 100], "tag": ["1e3", "b"], "x": [1, 2]},
        "space": sweep.data(),
        "options": {"launcher": "local"},
        "budget": {"hours": 2},
        "code": {"commit": "abc"},
        "order": ["contrast", "times", "tag", "x"],
    }
    assert points[1] == {"key": sweep[1].key, "settings": {"contrast": 15, "tag": "b", "x": 2}}
    assert "tag: ['1e3', b]" in (tmp_path / "sweep.yaml").read_text()


def test_a_sweep_is_read_back(tmp_path: Path) -> None:
    """The points in their order, with the order of their settings, and all that was noted."""
    sweep = (Sweep(a=[1, 2], b="x") + Sweep(b="x", c=[0.1, 1e-7])).replicates(seed=2)
    manifest = written(sweep, tmp_path, options={"n_jobs": 2})
    read = Manifest.read(tmp_path)
    assert read.space == sweep
    assert [point.words for point in read.space] == [point.words for point in sweep]
    assert read.options == {"n_jobs": 2}
    assert Sweep.from_data(read.description) == sweep
    assert Manifest.read(tmp_path / "sweep.yaml") == read
    again, first = (yaml.safe_load(each.text()) for each in (read, manifest))
    assert {**again, "order": None} == {**first, "order": None}


@given(rows=st.lists(st.dictionaries(st.sampled_from("xyz"), values, max_size=3), min_size=1, max_size=3))
def test_any_values_are_read_back(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Texts that look like numbers, odd characters, nan, and lists of lists."""
    directory = tmp_path_factory.mktemp("sweep")
    unique = list({point.key: dict(point) for point in Sweep.of(rows)._node.points()}.values())
    sweep = Sweep.of(unique)
    written(sweep, directory)
    assert [repr(sorted(dict(point).items())) for point in Manifest.read(directory).space] == [
        repr(sorted(row.items())) for row in unique
    ]


def test_points_of_an_earlier_sweep_are_a_space(tmp_path: Path) -> None:
    """As recorded, not as its description would give them today."""
    sweep = Sweep.sample(6, seed=1, x={"uniform": [0, 1]}) * Sweep(a=[1, 2])
    written(sweep, tmp_path)
    assert Sweep.recorded(tmp_path) == sweep
    assert Sweep.from_data({"record": str(tmp_path), "b": [1, 2], "exclude": "a == 1"}) == (
        Sweep.recorded(tmp_path) * Sweep(b=[1, 2])
    ).exclude("a == 1")


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("format: 1", "format: 2", RecordError, r"must be a sweep of format 1 \(got 2\)"),
        ("a: 2}", "a: 3}", ConfigError, r"points\[1\] must have the key of its settings"),
        ("\npoints:", "\npoint:", ConfigError, "must be the record of a sweep"),
        ("\npoints:", "\npoints: [", ConfigError, "must be a sweep's directory or its sweep.yaml"),
        ("key: ", "key: 0", RecordError, "must list the points that were written"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, error: type[Exception], message: str) -> None:
    """Rather than run points that are not the sweep's."""
    written(Sweep(a=[1, 2]), tmp_path)
    path = tmp_path / "sweep.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(error, match=message):
        Manifest.read(tmp_path)


def test_a_directory_without_the_file_is_refused(tmp_path: Path) -> None:
    """With the path."""
    with pytest.raises(ConfigError, match="must be a sweep's directory"):
        Manifest.read(tmp_path)
