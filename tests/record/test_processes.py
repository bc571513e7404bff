"""Helper processes get a known environment, and the processes of runs are told apart."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from topo_exp.record import processes
from topo_exp.record.processes import process_is_gone, process_start, start_beside

TELL = """
import json, os, random, sys
print(json.dumps({"environment": dict(os.environ), "words": sys.argv[1:], "path": sys.path, "session": os.getsid(0),
                  "random": random.__file__, "input": sys.stdin.read()}))
sys.stderr.write("an error")
"""


def test_a_helper_imports_what_this_process_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the working directory replaces a library; it has one thread, no display and a session of its own."""
    (tmp_path / "random.py").write_text("")
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "helper_that_tells.py").write_text(TELL)
    monkeypatch.chdir(tmp_path)
    home = str(Path(processes.__file__).parents[2])
    monkeypatch.setattr(sys, "path", ["places", *(place for place in sys.path if place != home), "places"])
    monkeypatch.setenv("KEPT", "yes")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with (tmp_path / "errors").open("wb") as errors:
        process = start_beside("helper_that_tells", "a", "b c", output=subprocess.PIPE, errors=errors)
        told = json.loads(process.communicate(b"a request")[0])
    assert process.returncode == 0
    assert (told["words"], told["input"], (tmp_path / "errors").read_text()) == (["a", "b c"], "a request", "an error")
    environment = told["environment"]
    assert {name: environment[name] for name in ("MPLBACKEND", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "KEPT")} == {
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "KEPT": "yes",
    }
    places = environment["PYTHONPATH"].split(os.pathsep)
    assert (places[0], places[-1]) == (str(tmp_path / "places"), home)
    assert len(set(places)) == len(places)
    assert "/nowhere" not in places
    assert told["random"] != str(tmp_path / "random.py")
    assert told["session"] == process.pid


def test_a_process_that_waits_to_be_collected_has_ended() -> None:
    """A zombie runs nothing, although the kernel still lists it."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        started = process_start(child.pid)
        assert started is not None
        assert started >= (process_start(os.getpid()) or 0) > 0
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) is None
    assert process_start(child.pid) is None


def test_a_name_with_blanks_and_brackets_does_not_shift_the_start(tmp_path: Path) -> None:
    """The kernel writes the name of the program unescaped before the numbers."""
    program = tmp_path / "a) Z (b"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b".")
        child.stdin.flush()
        assert child.stdout.read(1) == b"."  # the program runs, so it has its name
        now = float(Path("/proc/uptime").read_text().split()[0]) * os.sysconf("SC_CLK_TCK")
        assert (process_start(os.getpid()) or 0) <= (process_start(child.pid) or 0) <= now + 1
        child.stdin.close()
    assert process_start(child.pid) is None


@pytest.mark.parametrize(
    ("error", "start"), [(None, 0), (ProcessLookupError, None), (PermissionError, 0)], ids=["own", "none", "other"]
)
def test_without_proc_a_signal_that_does_nothing_asks_for_the_process(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None, start: int | None
) -> None:
    """A process of another user exists; its start is unknown."""
    sent = []

    def kill(pid: int, signal: int) -> None:
        sent.append((pid, signal))
        if error is not None:
            raise error

    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr("topo_exp.record.processes.os.kill", kill)
    assert process_start(77) == start
    assert sent == [(77, 0)]


def test_a_process_is_known_by_host_number_and_start() -> None:
    """A process that ended is gone, also when its number is in use again; of another host nothing is known."""
    here, own = socket.gethostname(), os.getpid()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert process_is_gone({"host": here, "pid": child.pid, "start": None})
    assert process_is_gone({"host": here, "pid": own, "start": -1})
    assert not process_is_gone({"host": here, "pid": own, "start": None})
    assert not process_is_gone({"host": here, "pid": own, "start": process_start(own)})
    assert not process_is_gone({"host": f"not-{here}", "pid": child.pid, "start": -1})


def test_a_process_of_this_package_ends_without_a_search_for_garbage():
    """At its end Python must not search all objects for cycles, which takes as long as loading some libraries."""
    code = """if True:
        import atexit, gc
        atexit.register(lambda: print(gc.get_freeze_count()))  # called last
        from topo_exp.record.processes import collect_rarely
        collect_rarely()
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    assert int(done.stdout) > 1000
