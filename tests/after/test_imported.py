"""Runs of run_batch and Lancet as rows of the table: what they say is read, and nothing of theirs is executed.

The files below follow the formats of Topographica's `run_batch` (topo/command/__init__.py) and of Lancet
(`Log.write_log` in lancet/core.py, `Launcher._record_info` in lancet/launch.py; `TopoCommand` in topo/misc/lancext.py
names directories).
"""

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after.collate import collate, write_table
from topo_exp.after.literals import called, literal
from topo_exp.errors import RecordError, UnknownNameError

HEAD = """
Host: Linux node7 3.2.0-4-amd64 #1 SMP x86_64
Topographica: /home/ann/topographica/topographica
topo package: /home/ann/topographica/topo/__init__.py
script: /home/ann/topographica/examples/{script}.ty

Batch run started at Fri 23 Nov 2012 11:37:00 +0000.
Defined 3450-connection network; 1MB required for weight storage.
"""
END = """
Batch run completed at Fri 23 Nov 2012 11:52:10 +0000.
There were {errors} error(s) and 2 warning(s).
"""
COMMAND = (
    "./topographica -p area=1.5 -a -c 'run_batch(\"examples/tiny.ty\",cortex_density=3,times=[0,100],snapshot=False)'"
)


def old_run(folder: Path, name: str, *, log: str | None, times: tuple[str, ...] = (), below: str = "") -> Path:
    """Write a directory as run_batch leaves it, with pictures of some times and a pickle that is not one."""
    directory = folder / name
    (directory / below).mkdir(parents=True)
    stem = name.partition(",")[0]
    stem = re.sub(r"(_t\d+_).*=.*", r"\1", stem)  # TopoCommand of Lancet puts no comma before the settings
    for time in times:
        (directory / f"{stem}_{time}_V1_Activity.png").write_bytes(b"\x89PNG")
    (directory / below / f"{stem}.global_params.pickle").write_bytes(b"(dp0\n.")
    if log is not None:
        (directory / below / f"{stem}.out").write_text(log)
    return directory


def finished_log(command: str = COMMAND, script: str = "tiny", errors: int = 0) -> str:
    """Return the log of a run that has ended."""
    return f"{command}\n{HEAD.format(script=script)}{END.format(errors=errors)}"


def launch(folder: Path, specs: list[dict[str, Any]], **info: Any) -> Path:
    """Write the log and the description of a launch as Lancet does."""
    directory = folder / "2015-03-04_1913-density"
    directory.mkdir(parents=True)
    log = "\n".join(f"{tid} {json.dumps(spec)}" for tid, spec in enumerate(specs))
    (directory / "density.log").write_text(log)
    described = {
        "batch_name": "density",
        "batch_tag": "",
        "batch_description": "how density matters",
        "launcher": "Launcher(batch_name='density',args=List(key='cortex_density',values=[3, 4]),"
        "command=TopoCommand(executable='/opt/topographica',tyfile='/home/ann/tiny.ty'))",
        "platform": {"lancet_version": "0.8", "platform": "Linux", "python_version": "CPython2.7.8"},
        "timestamp": [2015, 3, 4, 19, 13, 43, 2, 63, 0],
        "end_time": None,
        "varying_keys": ["cortex_density"],
        **info,
    }
    (directory / "density.info").write_text(json.dumps(described, sort_keys=True, indent=4))
    return directory


def test_a_directory_of_run_batch_is_rows(tmp_path: Path) -> None:
    """Settings come from the command with their types, times from the pictures, status from the end of the log."""
    old_run(tmp_path, "201211231137_tiny_,cortex_density=3", log=finished_log(), times=("000000.00", "000100.00"))
    table = topo_exp.collate(tmp_path)
    assert table["time"].tolist() == [0.0, 100.0]
    first = table.iloc[0]
    assert list(table.columns[:6]) == ["run", "directory", "status", "model", "time", "source"]
    assert (first["source"], first["status"], first["model"]) == ("run_batch", "done", "tiny")
    assert (first["cortex_density"], first["area"], first["times"]) == (3, 1.5, "[0, 100]")
    (entry,) = table.attrs["imported"]
    assert entry["command"] == COMMAND
    assert entry["host"].startswith("Linux node7")
    assert (entry["started"], entry["ended"]) == ("Fri 23 Nov 2012 11:37:00 +0000", "Fri 23 Nov 2012 11:52:10 +0000")
    assert table.attrs["notes"] == []


@pytest.mark.parametrize(
    ("log", "status"),
    [
        (finished_log(), "done"),
        (finished_log(errors=1), "failed"),
        (COMMAND + "\nBatch run completed at Fri 12 Oct 2007 20:56:00 +0000.\n", "done"),  # the format of 2007
        (COMMAND + "\nTraceback (most recent call last):\nBatch run completed at Fri 12 Oct 2007.\n", "failed"),
        (COMMAND + "\n" + HEAD.format(script="tiny"), "unknown"),
        (None, "unknown"),
    ],
)
def test_the_status_is_that_of_the_log(tmp_path: Path, log: str | None, status: str) -> None:
    """Errors, a traceback, an end and a missing end are told apart; a missing end or log is noted."""
    old_run(tmp_path, "201211231137_tiny,cortex_density=3", log=log)
    table = collate(tmp_path)
    assert table["status"].tolist() == [status]
    assert table["cortex_density"].tolist() == [3]
    assert table["time"].isna().all()
    assert bool(table.attrs["notes"]) == (status == "unknown")


@pytest.mark.parametrize("below", ["", "metadata"])
def test_the_log_may_be_in_a_directory_below(tmp_path: Path, below: str) -> None:
    """With `metadata_dir` the log is found, too."""
    old_run(tmp_path, "201211231137_tiny_,cortex_density=3", log=finished_log(), below=below)
    assert collate(tmp_path)["area"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("201211231137_gcal_,area=1.5,dataset=Nature,gain_control=False", {"area": 1.5, "dataset": "Nature"}),
        ("batch201211231137_gcal_first_,times=0_100", {"times": "0_100"}),
        ("20121123113759_gcal_,cd=3,long_name=a___", {"cd": 3}),
    ],
)
def test_without_a_command_settings_are_those_of_the_name(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    """Numbers and truth values are read, lists stay texts, and the last setting of a cut name is left out."""
    stem = name[name.index("2012") :].partition(",")[0]
    (tmp_path / name).mkdir()
    (tmp_path / name / f"{stem}.out").write_text("python my_batch.py\n" + END.format(errors=0))
    row = collate(tmp_path).iloc[0]
    assert {column: row[column] for column in settings} == settings
    assert "long_name" not in row
    assert row["model"].startswith("gcal")


def test_arguments_that_are_no_literals_are_texts(tmp_path: Path) -> None:
    """The name of a function, a call and a lambda stay text; options of where to record are left out."""
    call = "run_batch('/home/ann/gcal.ty', analysis_fn=my_fn, t=pi/4, dirname_params_filter=lambda p: 'a', area=-1.0)"
    old_run(tmp_path, "201211231137_gcal_", log=finished_log(f'./topographica -a -c "{call}"'))
    row = collate(tmp_path).iloc[0]
    assert (row["analysis_fn"], row["t"], row["area"]) == ("my_fn", "pi / 4", -1.0)
    assert "dirname_params_filter" not in row


def test_tasks_of_lancet_are_rows(tmp_path: Path) -> None:
    """Each line of the log is a row with its number and the script of the launch; the description is kept."""
    launch(tmp_path, [{"cortex_density": 3, "gpu": False}, {"cortex_density": 4, "gpu": False}], batch_tag="first")
    table = collate(tmp_path)
    assert table["run"].tolist() == ["2015-03-04_1913-density/t0", "2015-03-04_1913-density/t1"]
    assert set(table["source"]) == {"lancet"}
    assert set(table["status"]) == {"unknown"}
    assert set(table["model"]) == {"tiny"}
    assert set(table["tag"]) == {"first"}
    assert table["cortex_density"].tolist() == [3, 4]
    assert table.attrs["varying"] == ["cortex_density", "tid"]
    (entry,) = table.attrs["imported"]
    assert entry["started"] == "2015-03-04 19:13:43"
    assert entry["platform"]["lancet_version"] == "0.8"
    assert entry["batch_description"] == "how density matters"


def test_a_directory_that_lancet_launched_is_one_row(tmp_path: Path) -> None:
    """Task 1 has a directory, whose row has the arguments of the launch, too; task 0 has none and keeps its row."""
    root = launch(tmp_path, [{"cortex_density": 3, "lesion": 1}, {"cortex_density": 4, "lesion": 2}])
    command = "/opt/topographica -a -c \"run_batch('/home/ann/tiny.ty',tag='t1_',cortex_density=4)\""
    old_run(root, "2015-03-04_1913_tiny_t1_cortex_density=4", log=finished_log(command), below="metadata")
    table = collate(tmp_path).sort_values("tid")
    assert table["source"].tolist() == ["lancet", "run_batch"]
    assert table["lesion"].tolist() == [1, 2]
    assert table["status"].tolist() == ["unknown", "done"]
    assert table.attrs["imported"][0]["launch"] == str(root)


def test_what_cannot_be_read_is_named_and_the_rest_comes(tmp_path: Path) -> None:
    """A damaged line, a damaged description and a damaged log are named by file and line; all other rows are there."""
    root = launch(tmp_path, [{"a": 1}, {"a": 2}])
    with (root / "density.log").open("a") as log:
        log.write("\nnot a line\n7 {'a': 3}\n8 {\"a\": __import__('os')}\n")
    (root / "density.info").write_text("{")
    old_run(tmp_path, "201211231137_tiny,a=4", log=finished_log("./topographica -c 'run_batch(tiny.ty, a=)'"))
    table = collate(tmp_path)
    assert sorted(table["a"]) == [1, 2, 3, 4]
    notes = "\n".join(table.attrs["notes"])
    assert f"{root / 'density.log'}, line 3: must be a number and the arguments of a task" in notes
    assert f"{root / 'density.log'}, line 5: must be a literal" in notes
    assert f"{root / 'density.info'}: must be a literal" in notes
    assert "tiny.out, line 1: must be a call of run_batch" in notes


class Trap:
    """An object that leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, (f"touch {self.path}",)


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Pickles are not opened, and commands and arguments with code are texts."""
    trap = tmp_path / "executed"
    code = f'__import__("os").system("touch {trap}")'
    place = tmp_path / "old"
    directory = old_run(
        place, "201211231137_tiny,a=1", log=finished_log(f"./topographica -c 'run_batch({code}, b={code})'")
    )
    (directory / "201211231137_tiny.global_params.pickle").write_bytes(pickle.dumps(Trap(trap)))
    root = launch(place, [{"a": 1}], launcher=f"Launcher(command=TopoCommand(tyfile={code}))")
    (root / "launcher.pickle").write_bytes(pickle.dumps(Trap(trap)))
    (root / "density.log").write_text(f"0 {{'a': {code}}}\n1 {{'a': 2}}\n")
    table = collate(place)
    assert not trap.exists()
    assert code.replace('"', "'") in set(table["b"])


@pytest.mark.parametrize("kind", ["pipe", "link", "nested", "long", "bytes"])
def test_hostile_files_are_refused(tmp_path: Path, kind: str) -> None:
    """A pipe does not block, a link is not followed, and nesting, length and bytes cost neither memory nor a crash."""
    directory = old_run(tmp_path, "201211231137_tiny,a=1", log=None)
    log = directory / "201211231137_tiny.out"
    root = launch(tmp_path, [{"a": 2}])
    if kind == "pipe":
        os.mkfifo(log)
    elif kind == "link":
        log.symlink_to("/etc/passwd")
    elif kind == "nested":
        log.write_text("run_batch('a', b=" + "[" * 90_000)
        (root / "density.info").write_text("[" * 90_000)
        (root / "density.log").write_text("0 {'a': 2}\n1 {'a': " + "-" * 90_000 + "1}\n")
    elif kind == "long":
        log.write_text("run_batch('a', b='" + "x" * 3_000_000)
    else:
        log.write_bytes(bytes(range(256)) * 100)
    table = collate(tmp_path)
    assert sorted(table["a"]) == [1, 2]
    assert any(str(log) in note for note in table.attrs["notes"])
    assert "root:" not in json.dumps(table.attrs)


def test_new_and_old_runs_are_one_table(finished: Path, tmp_path: Path) -> None:
    """Runs of this program keep their rows and metrics, and both have their program in `source`."""
    old_run(tmp_path, "201211231137_tiny_,cortex_density=5", log=finished_log(), times=("000010.00",))
    table = collate([finished, tmp_path])
    assert table["source"].tolist() == ["topo_exp"] * 8 + ["run_batch"]
    plain = collate([finished, tmp_path], imported=False)
    pd.testing.assert_frame_equal(plain, collate(finished))
    assert "source" not in plain
    written, beside = write_table(table, tmp_path / "table.csv")
    assert json.loads(beside.read_text())["imported"] == table.attrs["imported"]
    assert len(pd.read_csv(written)) == 9


def test_logs_of_other_programs_are_no_launches(tmp_path: Path) -> None:
    """A file `.log` without numbered arguments is ignored in silence, and a place with nothing else has no run."""
    (tmp_path / "worker.log").write_text("2015 started\n")
    with pytest.raises(UnknownNameError, match="must hold a run"):
        collate(tmp_path)


def test_the_command_tells_what_could_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table is printed, and the note goes to the error stream."""
    old_run(tmp_path, "201211231137_tiny_,cortex_density=3", log=None)
    assert main(["collate", str(tmp_path), "--query", "source == 'run_batch'"]) == 0
    out = capsys.readouterr()
    assert out.out.splitlines()[1].endswith("run_batch,3")
    assert "imported: " in out.err
    assert "no log" in out.err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2.5]", [1, 2.5]),
        ("(1, 'a')", [1, "a"]),
        ("null", None),
        ("u'a'", "a"),
        ("-3", -3),
        ('{"a": true}', {"a": True}),
    ],
)
def test_literals_are_those_of_json_and_python(text: str, value: object) -> None:
    """Both notations give the same data; tuples are lists."""
    assert literal(text) == value


@pytest.mark.parametrize("text", ["os", "1 +", "f()", "[" * 5000, "1" * 5000, "{}" + " " * 200_000])
def test_anything_else_is_no_literal(text: str) -> None:
    """Names, calls, broken and overlong texts are refused by one error."""
    with pytest.raises(RecordError, match="must be a literal"):
        literal(text)


def test_brackets_in_texts_do_not_end_a_call() -> None:
    """The call ends at its own bracket; a longer name that ends in the same letters is no call of it."""
    assert called("my_run_batch(1); x.run_batch(2); run_batch('a)', b=(1, ')'))", "run_batch") == (
        ["a)"],
        {"b": [1, ")"]},
    )
    assert called("run_batches(1)", "run_batch") is None


def test_a_directory_that_disappears_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is deleted while the table is made costs its own row only."""
    old_run(tmp_path, "201211231137_tiny,a=1", log=finished_log())
    gone = old_run(tmp_path, "201211231138_tiny,a=2", log=finished_log())
    listed = Path.iterdir

    def iterdir(path: Path) -> Any:
        if path == gone:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    table = collate(tmp_path)
    assert table["run"].tolist() == ["201211231137_tiny,a=1"]
    assert f"imported: {gone}: cannot be read (No such file or directory)" in table.attrs["notes"]
