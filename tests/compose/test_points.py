"""Settings of points: applied to one composition as Hydra would, and what of them names and identifies a sweep."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

import topo_exp
from topo_exp.compose.points import PointComposer, SweepIdentity, name_without_date, sweep_directory_name
from topo_exp.errors import ConfigError
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.space import Sweep

BASE: dict[str, Any] = {"a": 1, "b": {"c": 2, "d": [1, 2]}, "model": "tiny", "n_jobs": 1, "sweep": None}


class Composer:
    """A composition that notes its words, in place of Hydra's."""

    def __init__(self, base: dict[str, Any]) -> None:
        """Start with nothing asked."""
        self.base = base
        self.asked: list[list[str]] = []

    def __call__(self, words: Sequence[str]) -> DictConfig:
        """Return the base."""
        self.asked.append(list(words))
        node = {
            "overrides": {"task": ["model=tiny", "x=1"]},
            "runtime": {"config_sources": []},
            "job": {"config_name": None},
        }
        return OmegaConf.create({**self.base, "hydra": node})


def composer(*points: dict[str, Any], base: dict[str, Any] | None = None, others: Sequence[str] = ()) -> PointComposer:
    """Return a composer of points."""
    return PointComposer(
        space=Sweep.of([Point(point) for point in points]),
        compose=Composer(BASE if base is None else base),
        is_group=lambda name: name == "figure_style",
        others=others,
        identity=SweepIdentity("the id", datetime(2026, 11, 26, 11, 37, 5)),
    )


def applied(point: dict[str, Any], base: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a point makes of the composed configuration."""
    made = composer(point, base=base)
    config = dict(made.settings(Point(point)).config)
    return {name: value for name, value in config.items() if not name.startswith("sweep")}


@pytest.mark.parametrize(
    ("point", "changed"),
    [
        ({"a": 5}, {"a": 5}),
        ({"new": [1, {"x": None}]}, {"new": [1, {"x": None}]}),
        ({"b.c": 7}, {"b": {"c": 7, "d": [1, 2]}}),
        ({"b.e.f": 7}, {"b": {"c": 2, "d": [1, 2], "e": {"f": 7}}}),
        ({"b": {"c": 7, "g": 8}}, {"b": {"c": 7, "d": [1, 2], "g": 8}}),
        ({"b": 3}, {"b": 3}),
        ({"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"b.d": [3]}, {"b": {"c": 2, "d": [3]}}),
    ],
)
@pytest.mark.parametrize("has_reference", [False, True])
def test_settings_are_applied_as_hydra_would(
    point: dict[str, Any], changed: dict[str, Any], has_reference: bool
) -> None:
    """A mapping is merged, anything else replaced, what is missing is added; also where values refer to others."""
    base = {**BASE, "r": "${model}"} if has_reference else BASE
    expected = {name: value for name, value in {**base, **changed}.items() if name != "sweep"}
    if has_reference:
        expected["r"] = "tiny"
    assert applied(point, base) == expected
    assert applied({}, base)["b"] == {"c": 2, "d": [1, 2]}


def test_a_point_leaves_the_composition_as_it_was() -> None:
    """The points after it begin with the same."""
    first, second = {"b.c": 7, "b.d": [9]}, {"a": 4}
    made = composer(first, second)
    made.settings(Point(first))
    assert made.settings(Point(second)).config["b"] == BASE["b"]


def test_references_are_resolved_with_the_settings_of_each_point() -> None:
    """A value that refers to another follows it."""
    made = composer({"a": 4}, {"a": 5}, base={**BASE, "r": "${a}"})
    assert [made.settings(point).config["r"] for point in made.space] == [4, 5]


def test_each_choice_of_files_is_composed_once() -> None:
    """Groups, names with a slash or a package, and what the search path has as groups; other words are set later."""
    points = [{"model": "tiny", "hydra/x": 1, "y@z": 2, "figure_style": 3, "a": number} for number in range(3)]
    made = composer(*points, {"model": "gcal", "a": 1}, others=["~tag"])
    for point in made.space:
        made.settings(point)
    asked = made.compose.asked  # type: ignore[attr-defined]
    assert len(asked) == 2
    assert not any("a=" in word for words in asked for word in words)
    assert all("~tag" in words for words in asked)


def test_options_of_the_sweep_are_no_part_of_the_configuration() -> None:
    """A sweep may be continued with other numbers of jobs, and not with other settings."""
    found = []
    for change in ({}, {"n_jobs": 7}, {"sweep": None}, {"a": 2}):
        made = composer({"model": "tiny"}, base={**BASE, **change})
        assert made.configurations() == {}
        made.settings(next(iter(made.space)))
        found.append(made.configurations())
    assert list(found[0]) == ["model=tiny"]
    assert found[0] == found[1] == found[2] != found[3]


def test_a_file_that_varies_must_not_describe_a_sweep() -> None:
    """Its points would be another sweep's."""
    made = composer({"experiment": "one"}, {"experiment": "two"}, base={**BASE, "sweep": {"a": [1, 2]}})
    with pytest.raises(ConfigError, match=r"experiment: files that vary .*got experiment=one\)"):
        made.settings(next(iter(made.space)))
    single = composer({"experiment": "one", "a": 1}, {"experiment": "one", "a": 2}, base={**BASE, "sweep": {"a": [1]}})
    single.settings(next(iter(single.space)))


def test_a_run_records_the_sweep_and_its_point(tmp_path: Path) -> None:
    """With the names that vary; files for the record are written for a directory only."""
    made = composer({"a": 1, "model": "tiny"}, {"a": 2, "model": "tiny"}, others=["~tag"])
    point = next(iter(made.space))
    checked, stored = made.settings(point), made.settings(point, tmp_path)
    assert {name: value for name, value in stored.config.items() if name.startswith("sweep_")} == {
        "sweep_id": "the id",
        "sweep_time": "2026-11-26T11:37:05",
        "sweep_names": ["a"],
        "sweep_dir": str(tmp_path),
        "sweep_point": point.key,
    }
    assert checked.config["sweep_dir"] is None
    assert checked.texts == {}
    assert OmegaConf.create(stored.texts["overrides.yaml"]) == ["a=1", "model=tiny", "~tag"]
    assert "sweep_id" not in stored.texts["config.yaml"]
    assert OmegaConf.create(stored.texts["config.yaml"])["a"] == 1
    assert OmegaConf.create(stored.texts["hydra.yaml"])["hydra"]["overrides"]["task"] == ["model=tiny", "x=1"]
    words = made.job_words(point, tmp_path)
    assert "++sweep_id='the id'" in words
    assert f"++sweep_point={point.key}" in words or f"++sweep_point='{point.key}'" in words
    assert sum("model" in word for word in words) == 1
    without = composer({"a": 1})
    assert "model=tiny" in without.job_words(next(iter(without.space)), tmp_path)


def test_a_new_sweep_has_an_identity_of_its_own() -> None:
    """The date of its beginning, and random characters."""
    first, second = SweepIdentity.new(), SweepIdentity.new()
    assert first.id != second.id
    assert first.id.startswith(f"{first.time:%Y%m%d%H%M%S}_")
    assert len(first.id) == 14 + 1 + 6


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "202611221137_tiny_sweep,cortex_density"),
        ({"tag": "x y"}, "202611221137_tiny_x-y_sweep,cortex_density"),
        ({"tag": ["x", "y"]}, "202611221137_tiny_sweep,cortex_density,tag"),
        ({"dirname_prefix": "p/q_"}, "p-q_202611221137_tiny_sweep,cortex_density"),
        ({"name_time_format": "%Y"}, "2026_tiny_sweep,cortex_density"),
    ],
)
def test_a_sweep_is_named_by_what_varies(empty: Path, settings: dict[str, Any], name: str) -> None:
    """After prefix, date, model and a tag that all runs share."""
    settings = {"cortex_density": [3, 4], "timestamp": "202611221137", "analysis": [], **settings}
    planned = topo_exp.sweep("tiny", **settings)
    assert sweep_directory_name(planned._checked, planned.space) == name


@pytest.mark.parametrize("most", [40, 41, 43, 200])
def test_the_name_of_a_sweep_is_bounded(empty: Path, most: int) -> None:
    """A name that is cut ends in a hash of all that varies; one that fits is whole."""
    whole = "202611221137_tiny_sweep,cortex_density,ti"[:-3] + ",times"
    names = set()
    for third in ("times", "retina_density"):
        varied: dict[str, Any] = {"times": [[0, 1], [0, 2]], "retina_density": [12, 24]}
        planned = topo_exp.sweep(
            "tiny",
            cortex_density=[3, 4],
            timestamp="202611221137",
            max_name_length=most,
            analysis=[],
            **{third: varied[third]},
        )
        name = sweep_directory_name(planned._checked, planned.space)
        assert len(name) <= most
        assert name == f"202611221137{name_without_date(planned._checked, planned.space)}"
        assert ("~" in name) == (most < len(f"202611221137_tiny_sweep,cortex_density,{third}"))
        assert ("~" not in name) or len(name) == most
        names.add(name)
    assert len(names) == 2
    assert most < 200 or whole in names


@pytest.mark.parametrize("name", ["output_dir", "name_time_format", "timestamp", "dirname_prefix", "max_name_length"])
def test_options_that_place_the_sweep_do_not_vary(empty: Path, name: str) -> None:
    """All runs are in one directory."""
    values = {"max_name_length": [100, 120]}.get(name, ["a", "b"])
    with pytest.raises(ConfigError, match=f"{name}: must be the same in all runs of a sweep"):
        topo_exp.sweep("tiny", analysis=[], **{name: values})
