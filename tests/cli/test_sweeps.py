"""Sweeps from the command line and from files: their points, their directory, and that mistakes start nothing."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import QUICK, Outcome, runs
from topo_exp.record.layout import find_runs
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.view.store import store_of

Program = Callable[..., Outcome]
DENSITY, RETINA = "cortex_density", "retina_density"
BASIC = ["hydra/launcher=basic", *QUICK]
"""Runs in this process, one after the other."""


def points(directory: Path) -> list[tuple[object, ...]]:
    """Return the swept settings of each run, in the order of their directories' names."""
    return [tuple(run["given"].values()) for run in runs(directory)]


def sweep_in(directory: Path) -> Path:
    """Return the directory of the only sweep."""
    (found,) = directory.glob("*_sweep*")
    return found


SPACES = [
    (["cortex_density=3,4", "retina_density=12,24", "sweep.zip=[cortex_density,retina_density]"], [(3, 12), (4, 24)]),
    (
        ["cortex_density=3,4", "retina_density=12,24", "sweep.exclude=cortex_density > 3 and retina_density == 12"],
        [(3, 12), (3, 24), (4, 24)],
    ),
    (["cortex_density=linspace(3,5,3)"], [(3,), (4,), (5,)]),
    (["sweep.replicates={retina_density:[12,24]}", "cortex_density=3,4"], [(3, 12), (3, 24), (4, 12), (4, 24)]),
    (["sweep.csv=points.csv"], [(3, 12), (5, 24)]),
    (["cortex_density=3,4", "retina_density=12"], [(3, 12), (4, 12)]),
]


@pytest.mark.parametrize(("words", "expected"), SPACES, ids=lambda value: str(value)[:40])
def test_a_space_is_written_on_the_command_line(
    program: Program, tmp_path: Path, words: list[str], expected: list[tuple[int, ...]]
) -> None:
    """Pairs, conditions, ranges, replicates and tables make exactly the runs that they describe."""
    (tmp_path / "points.csv").write_text("cortex_density,retina_density\n3,12\n5,24\n")
    outcome = program("-m", *words, *BASIC)
    assert outcome.code == 0, outcome.err
    assert points(tmp_path / "Output") == expected


def test_a_sample_is_drawn_with_its_seed(program: Program, tmp_path: Path) -> None:
    """Random settings are within their bounds, as many as asked for, and equal for equal seeds."""
    words = ["-m", "cortex_density=uniform(3,5)", "sweep.sample={n:2,seed:7}", *BASIC]
    assert program(*words, "output_dir=a").code == program(*words, "output_dir=b").code == 0
    first, second = points(tmp_path / "a"), points(tmp_path / "b")
    assert len(first) == 2
    assert first == second
    assert all(3 <= density <= 5 for (density,) in first)  # type: ignore[operator]


def test_a_space_is_written_in_a_file(program: Program, tmp_path: Path) -> None:
    """`sweep:` of an experiment file, with concatenated parts; the command line replaces one of its settings."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /analysis: []\ntimes: [0, 1]\ntracking: none\n"
        "sweep:\n  concat:\n    - {cortex_density: [3, 4]}\n    - {cortex_density: 5}\n  retina_density: [12, 24]\n"
    )
    words = ["--config-dir", "conf", "-m", "experiment=mine", "hydra/launcher=basic"]
    assert program(*words, "retina_density=12", "output_dir=a").code == 0
    assert points(tmp_path / "a") == [(3, 12), (4, 12), (5, 12)]
    assert program("--config-dir", "conf", "experiment=mine", "output_dir=b").code == 0
    assert points(tmp_path / "b") == [()]


def test_settings_that_refer_to_others_are_resolved_in_each_point(program: Program, tmp_path: Path) -> None:
    """A value `${name}` follows the setting that varies."""
    assert program("-m", "cortex_density=3,4", "retina_density=${cortex_density}", *BASIC).code == 0
    assert [run["parameters"]["retina_density"] for run in runs(tmp_path / "Output")] == [3, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cortex_density=3,-1"], "cortex_density=-1; none was started"),
        (["cortex_density=3,4", "retina_densty=5"], "Did you mean 'retina_density'"),
        (["cortex_density=3,4", "sweep.zip=[cortex_density,tag]"], "sweep.zip"),
        (["cortex_density=3,4", "sweep.exclude=cortex_density >"], "sweep.exclude"),
        (["cortex_density=3,4", "sweep.exclud=1"], "exclud"),
        (["cortex_density=linspac(3,4,2)"], "linspace"),
        (["cortex_density=uniform(3,4)"], "sweep.sample"),
        (["output_dir=a,b"], "output_dir"),
        (["model=tiny,absent.py"], "absent.py"),
    ],
)
def test_a_mistake_in_any_point_starts_nothing(
    program: Program, tmp_path: Path, words: list[str], message: str
) -> None:
    """All points are checked before the first run, and no directory is made."""
    outcome = program("-m", *words, *BASIC)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "Output").exists()


def test_words_about_a_sweep_need_the_flag(program: Program) -> None:
    """`sweep.NAME=...` without -m would do nothing, and is refused."""
    outcome = program("sweep.sample=3", *QUICK)
    assert outcome.code == 2
    assert "Add -m" in outcome.err


def test_a_model_cannot_have_a_parameter_named_sweep(program: Program, tmp_path: Path) -> None:
    """`sweep` and the options of a sweep are reserved names."""
    (tmp_path / "other.py").write_text((tmp_path / "mine.py").read_text().replace("size", "sweep"))
    outcome = program("model=other.py", *QUICK)
    assert outcome.code == 2
    assert "sweep" in outcome.err


def test_a_sweep_is_a_directory_of_runs(program: Program, tmp_path: Path) -> None:
    """Its name has date, model, tag and what varies; sweep.yaml the space; every reader of runs finds those in it."""
    words = ["-m", "cortex_density=3,4", "tag=mine", "timestamp=202611221137", *BASIC]
    assert program(*words).code == 0
    path = tmp_path / "Output" / "202611221137_tiny_mine_sweep,cortex_density"
    assert sweep_in(tmp_path / "Output") == path
    names = ["202611221137_tiny_mine,cortex_density=3", "202611221137_tiny_mine,cortex_density=4"]
    assert [run.name for run in find_runs(tmp_path)] == names
    sweep = SweepDirectory.open(path)
    assert [str(point) for point in sweep.manifest.space] == [
        f"cortex_density={density} tag=mine timestamp=202611221137 times=[0,1] analysis=[] tracking=none"
        for density in (3, 4)
    ]
    assert "-m cortex_density=3,4" in sweep.manifest.command
    assert store_of(path / names[0]) == store_of(tmp_path / "Output" / "a_single_run")
    assert program(*words).code == 0
    assert path.with_name(f"{path.name}-2").is_dir()
    assert program("analyse", str(path), "analysis=[functions.py:measure]", "tracking=none").out.count("tiny") == 2


def test_the_name_of_a_sweep_is_bounded(program: Program, tmp_path: Path) -> None:
    """A long name is cut and ends in a hash."""
    assert program("-m", "cortex_density=3,4", "retina_density=12,24", "max_name_length=40", *BASIC).code == 0
    (path,) = (tmp_path / "Output").iterdir()
    assert len(path.name) == 40
    assert "~" in path.name


def test_a_run_of_a_sweep_records_its_point(program: Program, tmp_path: Path) -> None:
    """run.yaml names the sweep and the key of the point, and its command repeats the run alone."""
    assert program("-m", "cortex_density=3,4", *BASIC).code == 0
    path = sweep_in(tmp_path / "Output")
    keys = [point.key for point in SweepDirectory.open(path).manifest.space]
    assert [run["sweep_point"] for run in runs(path)] == keys
    assert "sweep" not in runs(path)[0]["command"].partition("; ")[2]
    assert yaml.safe_load((path / runs(path)[0]["name"] / ".hydra" / "overrides.yaml").read_text())[0] == (
        "cortex_density=3"
    )


def test_the_status_of_sweeps_is_printed(program: Program, tmp_path: Path) -> None:
    """`status` counts the points of each sweep below a path, and `--watch` ends when nothing is left."""
    assert program("-m", "cortex_density=3,4", *BASIC).code == 0
    outcome = program("status", "--watch", "Output")
    assert outcome.code == 0
    assert outcome.out == f"{sweep_in(tmp_path / 'Output').name}: 2 runs: 2 done\n"
    (tmp_path / "empty").mkdir()
    assert program("status", "empty").code == 2


def test_a_plan_counts_names_and_estimates_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    """The command prints the runs and an estimate; no directory is made."""
    outcome = program("plan", "-m", "cortex_density=3,4", *QUICK)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("2 runs, in ")
    assert "varying   cortex_density: 3, 4 (2 values)" in outcome.out
    assert "from 2 of 2 kinds of runs" in outcome.out
    assert "wall time" in outcome.out
    assert not (tmp_path / "Output").exists()


def test_a_plan_knows_what_is_done(program: Program) -> None:
    """Points of the sweep that the command would join are not counted again."""
    assert program("-m", "cortex_density=3,4", *QUICK).code == 0
    outcome = program("plan", "-m", "cortex_density=3,4,5", *QUICK)
    assert outcome.out.startswith("3 runs, 2 of them done already, in ")
    assert "estimate for 1 runs" in outcome.out


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("budget={hours:1e-9}", "budget: must hold the whole sweep"),
        ("budget={days:1}", "budget: must have numbers > 0 for hours or gb"),
        ("review=true", "review: must be answered on a terminal"),
    ],
)
def test_a_sweep_beyond_its_budget_or_without_review_is_not_started(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, text: str
) -> None:
    """It is refused with exit code 2, and nothing is made."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    outcome = program("-m", "cortex_density=3,4", word, *QUICK)
    assert outcome.code == 2
    assert text in outcome.err
    assert not (tmp_path / "Output").exists()
