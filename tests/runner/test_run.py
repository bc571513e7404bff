"""A run ends with everything on disk, and its record says how it ended."""

import errno
import logging
import signal
import tarfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from tests.doubles import ended, finished_run, numbers, script
from topo_exp.analysis.result import Result
from topo_exp.errors import AnalysisError, GeometryError, NumericalError, RecordError, RunError
from topo_exp.record.handle import load_run
from topo_exp.testing import FakeSimulation, run_spec


def spec(path, **changes):
    """Describe a run of numbers only."""
    return run_spec(path, **{"analyses": {"numbers": numbers}, **changes})


def failed(run_spec):
    """Carry out a run that must fail; return its error and the handle to its directory."""
    with pytest.raises(RunError) as caught:
        finished_run(run_spec)
    return caught.value, load_run(run_spec.options.output_dir / run_spec.directory_name)


def only_directory(path):
    """Return the one run directory below a path."""
    (directory,) = (entry for entry in path.iterdir() if entry.is_dir())
    return directory


def test_a_run_leaves_a_complete_directory(tmp_path):
    """Everything that the run was and found is in its directory, under the promised names."""
    source = tmp_path / "my_model.py"
    source.write_text("# a model\n")
    config = {"config.yaml": "a: 1\n", "overrides.yaml": "- a=1\n", "hydra.yaml": "b: 2\n"}
    run = finished_run(
        run_spec(tmp_path / "Output", model_source=source, config=config, snapshot="all", figure_formats=("png", "pdf"))
    )
    files = {path.relative_to(run.directory).as_posix() for path in run.directory.rglob("*") if path.is_file()}
    labels = ("000000.00", "000005.00", "000010.00")
    assert files >= {
        *("run.yaml", "run.log", "metrics.csv", "network.py", "snapshot.npz"),
        *(".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml"),
        *("provenance/my_model.py", "provenance/packages.txt"),
        *(f"maps/activity_{label}.nc" for label in labels),
        *(f"plots/{label}_V1_activity.{kind}" for label in labels for kind in ("png", "pdf")),
        *(f"checkpoints/{label}.npz" for label in labels),
    }
    assert not [name for name in files if name.endswith(".tmp")]
    record = yaml.safe_load((run.directory / "run.yaml").read_text())
    assert record["status"] == run.status == "done"
    assert record["command"] == "python -m topo_exp model=fake"
    assert record["parameters"] == {"rows": 4, "seed": 0}
    assert record["size"] == {"connections": 256, "weights_mb": 0.001}
    assert record["errors"] == record["warnings"] == 0
    assert record["seconds"]["wall"] > 0
    assert (run.directory / "run.log").read_text().startswith("python -m topo_exp model=fake\n")
    assert (run.directory / ".hydra" / "config.yaml").read_text() == "a: 1\n"


def test_two_equal_runs_find_the_same(tmp_path):
    """Metrics, maps, pictures and states of equal runs are equal byte for byte."""
    first, second = (finished_run(run_spec(tmp_path, figure_formats=("png", "svg", "pdf"))) for _ in range(2))
    assert first.directory != second.directory
    results = [
        path.relative_to(first.directory)
        for pattern in ("metrics.csv", "maps/*", "plots/*")
        for path in first.directory.glob(pattern)
    ]
    assert len(results) == 1 + 3 + 9
    different = [
        path for path in results if (first.directory / path).read_bytes() != (second.directory / path).read_bytes()
    ]
    assert not different
    assert all(np.array_equal(value, second.state()[name]) for name, value in first.state().items())


def test_metrics_are_written_exactly(tmp_path):
    """metrics.csv has one line per time and name, sorted, with all digits of each number."""
    run = finished_run(
        spec(
            tmp_path,
            times=(0.0, 0.5, 3.0),
            analyses={"b": numbers, "a": lambda sim: Result(metrics={"A/x": 0.1 + 0.2})},
        )
    )
    lines = (run.directory / "metrics.csv").read_text().splitlines()
    assert lines[:4] == ["time,name,value", "0.0,A/x,0.30000000000000004", "0.0,V1/max,0.0", "0.0,V1/mean,0.0"]
    assert [line.split(",")[0] for line in lines[1:]] == ["0.0"] * 3 + ["0.5"] * 3 + ["3.0"] * 3
    sim = FakeSimulation()
    sim.run(3.0)
    assert run.metrics.loc[3.0, "V1/mean"] == sim["V1"].activity.mean()


def test_slices_change_nothing(tmp_path, monkeypatch):
    """However often a run is looked after, it finds the same."""
    monkeypatch.setattr("topo_exp.runner.loop.SLICE_SECONDS", 0.0)
    fine = finished_run(spec(tmp_path, times=(0.0, 40.0)))
    monkeypatch.setattr("topo_exp.runner.loop.SLICE_SECONDS", 100.0)
    coarse = finished_run(spec(tmp_path, times=(0.0, 40.0)))
    assert fine.metrics.equals(coarse.metrics)


def test_everything_printed_or_logged_is_in_the_log(tmp_path, capsys):
    """run.log has prints, log records and warnings of the user's functions; the terminal has prints and warnings."""

    def talk(sim):
        print("printed by the user")  # noqa: T201  a user's function may print
        logging.getLogger("mine").info("logged by the user")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("warned by the user", stacklevel=1)

    run = finished_run(spec(tmp_path, before=(talk,)))
    log, terminal = (run.directory / "run.log").read_text(), capsys.readouterr()
    assert all(f"{way} by the user" in log for way in ("printed", "logged", "warned"))
    assert terminal.out == "printed by the user\n"
    assert "warned by the user" in terminal.err
    assert "logged by the user" not in terminal.err
    assert run.metadata["warnings"] == 1


def test_verbose_shows_the_log_on_the_terminal(tmp_path, capsys):
    """With verbose, log records are also shown."""
    finished_run(spec(tmp_path, verbose=True))
    assert "built fake: 256 connections" in capsys.readouterr().err


def test_logging_is_put_back(tmp_path):
    """After a run, loggers and output streams are as before."""
    import sys

    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM))
    finished_run(spec(tmp_path))
    assert (list(root.handlers), root.level, sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)) == before


def test_before_and_after_are_called_inside_the_record(tmp_path):
    """`before` sees time 0, `after` the last time; both stand in run.yaml."""
    seen = []

    def look(sim):
        seen.append(sim.time)

    run = finished_run(spec(tmp_path, before=(look,), after=(look,)))
    assert seen == [0.0, 10.0]
    assert run.metadata["options"]["before"][0].endswith("look")


def test_a_refused_model_leaves_nothing_behind(tmp_path):
    """A model that cannot be built from these parameters makes no run."""

    def refuse():
        raise GeometryError("V1.Afferent: the field must cover a cell (got 0.2 cells). Use a larger one.")

    with pytest.raises(GeometryError, match=r"0\.2 cells"):
        finished_run(spec(tmp_path, build=refuse))
    assert not list(tmp_path.iterdir())


def test_a_run_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    """Snapshots that would not fit are refused before the first step, with their size, and nothing is left behind."""
    monkeypatch.setattr(FakeSimulation, "run", lambda self, until: pytest.fail("a step was simulated"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10_000))
    with pytest.raises(RecordError, match=r"needed for snapshots \(got 0 MB free\)"):
        finished_run(spec(tmp_path, sim={"rows": 20}))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_ends_the_run(tmp_path, monkeypatch):
    """A file that cannot be written ends the run with a clear error; files that exist stay complete."""

    def savez(file, **state):
        if state["time"] == 5 and "restart" in file.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_savez(file, **state)

    real_savez = np.savez
    monkeypatch.setattr("numpy.savez", savez)
    with pytest.raises(RecordError, match=r"000005\.00\.npz: must be writable \(got: No space left on device\)\. Free"):
        finished_run(spec(tmp_path, snapshot="all"))
    run = load_run(only_directory(tmp_path))
    assert run.status == "failed"
    assert list(run.checkpoints()) == [0.0]
    assert list(run.metrics.index) == [0.0]
    assert not list(run.directory.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("named", "environment", "expected"), [(None, None, "fake"), (None, "theirs", "theirs"), ("mine", "theirs", "mine")]
)
def test_the_experiment_is_the_model_unless_named(tmp_path, monkeypatch, named, environment, expected):
    """The option goes before MLFLOW_EXPERIMENT_NAME, and that before the model's name."""
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    if environment:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", environment)
    assert finished_run(spec(tmp_path, experiment_name=named, times=(0.0,))).metadata["experiment"] == expected


def test_a_failing_model_is_recorded(tmp_path):
    """An error of the user's own in build ends the run, whose log has the traceback."""

    def build():
        raise ZeroDivisionError("in my model")

    error, run = failed(spec(tmp_path, build=build))
    assert "ZeroDivisionError: in my model" in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert run.status == "failed"
    assert run.metadata["error"] == {"type": "ZeroDivisionError", "message": "in my model"}
    assert "in build\n    raise ZeroDivisionError" in (run.directory / "run.log").read_text()


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_an_analysis_that_fails_leaves_the_other_results(tmp_path, policy):
    """The error names the function and the time; whether the run goes on is the user's choice."""

    def drift(sim):
        if sim.time >= 5:
            raise KeyError("no such sheet")
        return Result(metrics={"drift": 1.0})

    described = spec(tmp_path, analyses={"first": numbers, "drift": drift}, on_analysis_error=policy)
    if policy == "fail":
        error, run = failed(described)
        assert "drift: failed at time 5 (got KeyError: 'no such sheet', in " in str(error)
        assert isinstance(error.__cause__, AnalysisError)
        assert list(run.metrics.index) == [0.0, 5.0]
    else:
        run = finished_run(described)
        assert run.status == "done"
        assert run.metadata["errors"] == 2
        assert list(run.metrics.index) == [0.0, 5.0, 10.0]
    assert run.metrics["V1/mean"].notna().all()
    assert run.metrics["drift"].notna().tolist() == [True] + [False] * (len(run.metrics) - 1)
    assert "KeyError" in (run.directory / "run.log").read_text()


def broken_figure():
    """Raise as a user's figure may."""
    raise ValueError("no colours left")


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_a_figure_that_fails_is_not_lost(tmp_path, policy):
    """An error in drawing, wherever it happens, is an error of its analysis."""
    analyses = {"pale": lambda sim: Result(figures={"pale/one": broken_figure})}
    described = spec(tmp_path, analyses=analyses, on_analysis_error=policy, times=(0.0,))
    if policy == "fail":
        error, run = failed(described)
        assert "pale, time 0: figure 'pale/one' could not be drawn" in str(error)
    else:
        run = finished_run(described)
        assert run.metadata["errors"] == 1
    assert "ValueError: no colours left" in (run.directory / "run.log").read_text()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "must return a Result, or a mapping of names to Results (got NoneType)"),
        ({"a": 1.0}, "must return a Result, or a mapping of names to Results (got dict)"),
    ],
)
def test_an_analysis_that_returns_something_else_is_told(tmp_path, returned, message):
    """The error states the return value that is required of an analysis."""
    error, _ = failed(spec(tmp_path, analyses={"odd": lambda sim: returned}))
    assert message in str(error)


def test_two_analyses_cannot_claim_one_metric(tmp_path):
    """A name that two analyses use is refused, for one value would be lost."""
    error, _ = failed(spec(tmp_path, analyses={"a": numbers, "b": numbers}))
    assert "b: the metric 'V1/mean' must be its own (got the same from 'a' at time 0)" in str(error)


def test_results_by_name_are_kept_by_name(tmp_path):
    """An analysis may return several Results; their maps are named after it and them."""
    import xarray as xr

    maps = xr.Dataset({"a": ("x", [1.0])})
    run = finished_run(
        spec(tmp_path, analyses={"many": lambda sim: {"left": Result(maps=maps), "right": Result(maps=maps)}})
    )
    assert list(run.maps) == ["many.left", "many.right"]


def test_numbers_gone_bad_end_the_run_with_the_last_good_state_kept(tmp_path):
    """After NaN, the snapshot is that of the last analysis time at which all was well."""
    error, run = failed(spec(tmp_path, sim={"breaks_at": 7}))
    assert isinstance(error.__cause__, NumericalError)
    assert run.metadata["reached"] == 5.0
    assert float(run.state()["time"]) == 5.0
    assert list(run.metrics.index) == [0.0, 5.0]


@pytest.mark.parametrize(("keep", "times"), [("none", []), ("last", [10.0]), ("all", [0.0, 5.0, 10.0])])
def test_states_are_kept_as_asked(tmp_path, keep, times):
    """snapshot=none keeps no state, last the last one, all every one."""
    run = finished_run(spec(tmp_path, snapshot=keep))
    assert list(run.checkpoints()) == times
    assert all(float(run.state(time)["time"]) == time for time in times)


@pytest.mark.parametrize("form", ["tar.gz", "zip", None])
def test_a_copy_of_the_finished_directory_is_put_where_asked(tmp_path, form):
    """The copy has the finished record; the second run of that name gets a copy of its own."""
    for output in ("one", "two"):
        finished_run(spec(tmp_path / output, metadata_dir=tmp_path / "kept", compress_metadata=form))
    name = "202611221137_fake"
    suffix = f".{form}" if form else ""
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(
        [f"{name}-2{suffix}", f"{name}{suffix}"]
    )
    if form == "tar.gz":
        with tarfile.open(tmp_path / "kept" / f"{name}.tar.gz") as archived:
            assert b"status: done" in archived.extractfile(f"{name}/run.yaml").read()
            assert {entry.mtime for entry in archived.getmembers()} == {0}


def test_a_metadata_dir_that_cannot_be_is_told_by_name(tmp_path):
    """The error names the option that is to be changed, and nothing is run."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"metadata_dir .*file/kept: .*Choose another metadata_dir"):
        finished_run(spec(tmp_path / "Output", metadata_dir=tmp_path / "file" / "kept"))
    assert not (tmp_path / "Output").exists()


def test_an_output_dir_that_cannot_be_stops_the_run_before_it_starts(tmp_path):
    """Nothing is built where nothing can be kept."""
    (tmp_path / "file").write_text("")

    def build():
        raise AssertionError("built")

    with pytest.raises(RecordError, match="output_dir"):
        finished_run(spec(tmp_path / "file", build=build))


def test_findings_worth_a_warning_are_warned_of_once(tmp_path, monkeypatch, capsys):
    """A silent sheet is reported when it falls silent, and not again while it stays so."""
    monkeypatch.setattr(FakeSimulation, "diagnostics", lambda self: {"V1 silent": self.time >= 5})
    run = finished_run(spec(tmp_path))
    assert run.metadata["warnings"] == 1
    assert capsys.readouterr().err == "warning: time 5: V1 silent: True\n"


def test_a_directory_is_described_by_its_git(tmp_path, monkeypatch):
    """Commit, patch and untracked files of the working tree that holds the model are recorded."""
    import subprocess

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    model = tmp_path / "my_model.py"
    model.write_text("rate = 1\n")
    git("init", "-q")
    git("add", "my_model.py")
    git("commit", "-qm", "first")
    model.write_text("rate = 2\n")
    (tmp_path / "notes.txt").write_text("")
    output = tmp_path.parent / f"{tmp_path.name}_output"
    run = finished_run(spec(output, model_source=model))
    code = run.metadata["code"]["model"]
    assert code["dirty"] is True
    assert len(code["commit"]) == 40
    assert "+rate = 2" in (run.directory / code["patch"]).read_text()
    assert (run.directory / code["untracked"]).read_text() == "notes.txt\n"
    assert (run.directory / "provenance" / "my_model.py").read_text() == "rate = 2\n"


STOPPED = """if True:
    import sys
    from pathlib import Path
    from tests.doubles import finished_run, numbers
    from topo_exp.testing import run_spec
    finished_run(run_spec(Path(sys.argv[1]), analyses={"numbers": numbers}, times=(0.0, 5.0, 1e6),
                     sim={"seconds_per_iteration": 0.01}))
"""


def wait_for(condition, seconds=60.0):
    """Wait until a condition holds; fail if it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, None)])
def test_a_run_that_is_stopped_says_so(tmp_path, number, code):
    """SIGTERM and Ctrl-C end the run at once, killed, with everything so far on disk."""
    process = script(STOPPED, tmp_path)
    wait_for(
        lambda: list(tmp_path.glob("*/metrics.csv")) and "\n5.0," in next(tmp_path.glob("*/metrics.csv")).read_text()
    )
    process.send_signal(number)
    ((returned, _, errors),) = ended([process])
    run = load_run(only_directory(tmp_path))
    assert run.status == "killed"
    assert run.metadata["error"] == {"type": "Interrupted", "message": number.name}
    assert list(run.metrics.index) == [0.0, 5.0]
    assert float(run.state()["time"]) == 5.0
    assert run.metadata["stopped_at"] >= 5.0
    if code is None:
        assert returned != 0
        assert "KeyboardInterrupt" in errors
    else:
        assert returned == code


def test_a_run_whose_process_vanished_counts_as_killed(tmp_path):
    """After SIGKILL, run.yaml still says running, and the handle knows better."""
    process = script(STOPPED, tmp_path)
    wait_for(lambda: list(tmp_path.glob("*/snapshot.npz")))
    assert load_run(only_directory(tmp_path)).status == "running"
    process.kill()
    ended([process])
    run = load_run(only_directory(tmp_path))
    assert run.metadata["status"] == "running"
    assert run.status == "killed"


def test_a_spec_is_not_changed_by_its_run(tmp_path):
    """The same description can be carried out twice."""
    described = spec(tmp_path)
    copy = replace(described)
    finished_run(described)
    assert described == copy
    assert finished_run(described).directory.name == f"{described.directory_name}-2"
    assert isinstance(described.options.output_dir, Path)
