"""Descriptions of searches, and their trials."""

from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="not installed: optuna")

from topo_exp.errors import ConfigError, RecordError, UnknownNameError
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.search import Search
from topo_exp.sweeps.study import JOURNAL, Study

ENTRY = {"metric": "error", "direction": "minimize", "n": 10, "seed": 1}
DATA = {
    "x": {"uniform": [0, 4]},
    "rate": {"log_uniform": [0.01, 1]},
    "n": {"integers": [1, 9]},
    "times": [[0, 10], [0, 20]],
    "kind": ["a", "b", None],
    "model": "tiny",
    "search": ENTRY,
}


@pytest.fixture
def search() -> Search:
    return Search.from_data(DATA)


def test_a_description_survives_being_written(search: Search) -> None:
    """What sweep.yaml holds is read as an equal search."""
    assert Search.from_data(search.data()) == search
    assert search.constant == {"model": "tiny"}
    assert list(search.settings) == ["x", "rate", "n", "times", "kind"]


def test_a_search_begins_in_the_middle_and_probes_every_end(search: Search) -> None:
    """Each range is checked at both ends, each value of a list is checked once."""
    assert search.first["x"] == 2.0
    assert search.first["rate"] == pytest.approx(0.1)
    for name, values in {"x": [2.0, 0.0, 4.0], "n": [5, 1, 9], "kind": ["b", "a", None]}.items():
        assert search.probes.varying[name] == pytest.approx(values) if name != "kind" else values
    assert len(search.probes) == 1 + 2 + 2 + 2 + 1 + 2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"metric": ""}, ConfigError, "must be the name of a metric"),
        ({"direction": "up"}, ConfigError, "minimize, maximize"),
        ({"sampler": "bayes"}, ConfigError, "tpe"),
        ({"pruner": "all"}, ConfigError, "median"),
        ({"n": 0}, ConfigError, "whole number >= 1"),
        ({"seed": -1}, ConfigError, "whole number >= 0"),
        ({"nn": 3}, UnknownNameError, "Did you mean 'n'"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Search.from_data({**DATA, "search": {**ENTRY, **change}})


def test_a_search_stands_alone_and_varies_something() -> None:
    with pytest.raises(ConfigError, match=r"got sweep\.csv"):
        Search.from_data({**DATA, "csv": "points.csv"})
    with pytest.raises(ConfigError, match="must have a setting to vary"):
        Search.from_data({"model": "tiny", "search": ENTRY})


def test_a_trial_is_proposed_told_and_found_by_another_process(search: Search, tmp_path: Path) -> None:
    """The first point is that of the description; values of lists come back as they were."""
    study = Study(tmp_path, search)
    assert study.trials() == []
    first = study.ask()
    assert dict(first.point) == {"model": "tiny", **search.first}
    study.tell(first.point, state="done", value=3.0)
    second = study.ask()
    assert second.point["times"] in ([0, 10], [0, 20])
    other = Study(tmp_path, search)
    assert [(trial.state, trial.value) for trial in other.trials()] == [("done", 3.0), ("running", None)]
    assert other.trials()[1].point == second.point
    assert other.best is not None
    assert other.best.point == first.point


def test_a_result_is_told_once(search: Search, tmp_path: Path) -> None:
    """Of two processes that tell a result, the first counts; a failed point that succeeds later has a value."""
    study, other = Study(tmp_path, search), Study(tmp_path, search)
    first, second = study.ask(), study.ask()
    study.tell(first.point, state="done", value=3.0)
    other.tell(first.point, state="done", value=5.0)
    study.tell(second.point, state="failed")
    assert study.best is not None
    assert study.best.value == 3.0
    other.tell(second.point, state="done", value=1.0)
    assert Study(tmp_path, search).best.value == 1.0  # type: ignore[union-attr]  # there are two


def test_tpe_finds_the_minimum_of_a_parabola(tmp_path: Path) -> None:
    """After 40 points, the best is nearer to the minimum than the best of 40 random ones would be on average."""
    search = Search.from_data({"x": {"uniform": [-10, 10]}, "y": {"uniform": [-10, 10]}, "search": {**ENTRY, "n": 40}})
    study = Study(tmp_path, search)
    for _ in range(40):
        trial = study.ask()
        x, y = float(trial.point["x"]), float(trial.point["y"])  # type: ignore[arg-type]  # numbers
        study.tell(trial.point, state="done", value=(x - 3) ** 2 + (y + 2) ** 2)
    assert study.best is not None
    assert study.best.value is not None
    assert study.best.value < 400 / (3.14159 * 41)  # expected least squared distance of 40 uniform points


def test_the_median_pruner_stops_what_is_worse_than_most(tmp_path: Path) -> None:
    """A run whose values are above the median of earlier ones has no prospects, one below it has."""
    search = Search.from_data({"x": {"uniform": [0, 1]}, "search": {**ENTRY, "n": 20, "pruner": "median"}})
    study = Study(tmp_path, search)
    for value in range(6):
        trial = study.ask()
        assert not study.is_hopeless(trial, {1: float(value)}) or value >= 5
        study.tell(trial.point, state="done", value=float(value))
    assert study.is_hopeless(study.ask(), {1: 4.5})
    assert not study.is_hopeless(study.ask(), {1: 0.5})
    assert not study.is_hopeless(study.ask(), {1: float("nan")})


def test_a_damaged_journal_is_named(search: Search, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"op_code": 0}\nnonsense\n{"op_code": 1}\n')
    with pytest.raises(RecordError, match=JOURNAL):
        Study(tmp_path, search)


def test_points_have_constant_settings_first(search: Search) -> None:
    assert search.point({"x": 1.0}) == Point({"model": "tiny", "x": 1.0})
