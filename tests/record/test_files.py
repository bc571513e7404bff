"""A run directory belongs to one run, and its files are whole."""

import errno
import fcntl
import os
import re
import stat
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import ROOT, ended, script
from topo_exp.errors import RecordError
from topo_exp.record import files, layout
from topo_exp.record.files import (
    UNABLE,
    file_lock,
    locked,
    make_directory,
    path_errors,
    replacing,
    require_space,
    reserve_space,
    write_text,
)
from topo_exp.record.layout import find_runs, time_label
from topo_exp.record.metrics import append_metrics
from topo_exp.record.pictures import cell_of
from topo_exp.record.states import copy_state, read_state, write_state

TIMES = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(TIMES)
def test_a_time_can_be_read_back_from_its_label(time):
    """The label of a time is that time, so that no two times share one."""
    assert float(time_label(time)) == time


@given(st.floats(min_value=0, max_value=999_999), st.floats(min_value=0, max_value=999_999))
def test_labels_sort_as_times_do(first, second):
    """File names in order are times in order, up to a million iterations."""
    assert (time_label(first) < time_label(second)) == (first < second)


@pytest.mark.parametrize(
    ("time", "label"), [(0, "000000.00"), (10000, "010000.00"), (0.05, "000000.05"), (0.125, "000000.125")]
)
def test_labels_look_as_they_always_did(time, label):
    """A time with up to two decimals is written in nine characters."""
    assert time_label(time) == label


def test_eight_runs_of_one_name_at_once_get_eight_directories(tmp_path):
    """Of several processes that want one name, each gets a directory of its own."""
    want = """if True:
        import sys, time
        from pathlib import Path
        from topo_exp.record.files import make_directory
        until = float(sys.argv[2])
        time.sleep(max(0.0, until - time.time()))
        print(make_directory(Path(sys.argv[1]), "run").name)
    """
    import time

    outcomes = ended([script(want, tmp_path / "Output", time.time() + 2.0) for _ in range(8)])
    names = {output.strip() for _, output, _ in outcomes}
    assert names == {"run", *(f"run-{number}" for number in range(2, 9))}
    assert {path.name for path in (tmp_path / "Output").iterdir()} == names


def test_an_output_dir_that_cannot_be_is_refused(tmp_path):
    """The error names the path that cannot be written, and a remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        RecordError, match=r"output_dir .*file/Output: must be writable \(got: Not a directory\)\. Choose"
    ):
        make_directory(tmp_path / "file" / "Output", "run")


def test_a_name_that_is_too_long_is_refused(tmp_path):
    """The error names the option that bounds names."""
    with pytest.raises(RecordError, match="max_name_length"):
        make_directory(tmp_path, "x" * 300)


def test_space_that_is_not_there_is_refused(tmp_path):
    """A run that could not keep its snapshots does not start."""
    with pytest.raises(RecordError, match=r"MB are needed for snapshots \(got .* MB free\)"):
        require_space(tmp_path, 10**18)
    require_space(tmp_path, 1)


def test_as_much_space_as_is_needed_is_enough(tmp_path, monkeypatch):
    """Only fewer bytes are refused."""
    monkeypatch.setattr(files.shutil, "disk_usage", lambda place: SimpleNamespace(free=100))
    require_space(tmp_path, 100)
    with pytest.raises(RecordError):
        require_space(tmp_path, 101)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    """A writer that fails half-way leaves the file as it was, and nothing beside it."""
    path = tmp_path / "file"
    write_text(path, "before")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half of wh")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_writer_that_fails_before_it_begins_is_told_as_it_is(tmp_path):
    """There is nothing to clean up, also where the directory had to be made."""

    def fail_at_once():
        with replacing(tmp_path / "new" / "file"):
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail_at_once()
    assert os.listdir(tmp_path / "new") == []


def failing(code: int):
    """Return a system call that fails with an error."""

    def call(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """After a power failure the name has the old content or the new one: the file is synced, renamed, then its name."""
    path, synced = tmp_path / "file", []
    write_text(path, "before")

    def fsync(handle: int) -> None:
        status = os.fstat(handle)
        synced.append(("directory" if stat.S_ISDIR(status.st_mode) else status.st_size, path.read_text()))

    monkeypatch.setattr(files.os, "fsync", fsync)
    write_text(path, "and after")
    assert synced == [(9, "before"), ("directory", "and after")]


def test_what_is_appended_or_reserved_is_on_the_disk(tmp_path, monkeypatch):
    """It is handed to the system before the file is synced, so that neither is lost with the process."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    path = tmp_path / "metrics.csv"
    append_metrics(path, [(0.0, "a", 1.0)])
    append_metrics(path, [(1.0, "a", 1.0)])
    reserve_space(tmp_path / ".reserve", 1000)
    assert synced == [10, 20, 1000]


@pytest.mark.parametrize("code", UNABLE)
def test_a_file_system_without_sync_is_written_all_the_same(tmp_path, monkeypatch, code):
    """Some network file systems support neither the sync of a file nor that of a directory."""
    monkeypatch.setattr(files.os, "fsync", failing(code))
    write_text(tmp_path / "file", "after")
    assert (tmp_path / "file").read_text() == "after"


def test_a_file_that_does_not_reach_the_disk_is_an_error(tmp_path, monkeypatch):
    """The file stays as it was, nothing is left beside it, and no handle stays open."""
    path, before = tmp_path / "file", len(os.listdir("/proc/self/fd"))
    write_text(path, "before")
    monkeypatch.setattr(files.os, "fsync", failing(errno.EIO))
    with pytest.raises(RecordError, match="must be writable \\(got: Input/output error"):
        write_text(path, "after")
    assert (path.read_text(), os.listdir(tmp_path)) == ("before", ["file"])
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Free some space, or choose another {}."),
        (errno.EDQUOT, "Free some of the quota, or choose another {}."),
        (errno.ENAMETOOLONG, "Lower max_name_length, or give {} a shorter path."),
        (errno.EACCES, "Choose another {}, one that can be written to."),
        (None, "Choose another {}, one that can be written to."),
    ],
)
@pytest.mark.parametrize("option", [None, "metadata_dir"])
def test_an_error_of_the_disk_has_its_remedy(code, remedy, option):
    """The message names the path, the option that chose it, the reason and what to do."""
    error = OSError("odd") if code is None else OSError(code, "because")
    with pytest.raises(RecordError) as found, path_errors(Path("/a/b"), option):
        raise error
    where, reason = "metadata_dir /a/b" if option else "/a/b", "odd" if code is None else "because"
    expected = f"{where}: must be writable (got: {reason}). {remedy.format(option or 'output_dir')}"
    assert str(found.value) == expected


def test_an_error_that_names_its_file_keeps_its_text():
    """A RecordError of an inner block is not wrapped again, although it is an OSError."""
    inner = RecordError("inner: must be so (got not). Do.")
    with pytest.raises(RecordError) as found, path_errors(Path("/a")):
        raise inner
    assert found.value is inner


def test_nobody_sees_half_a_file(tmp_path):
    """The new content appears under the name in one step."""
    path = tmp_path / "file"
    write_text(path, "before")
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


def test_states_are_kept_without_pickle(tmp_path):
    """A written state is read back exactly; objects are refused by name."""
    state = {
        "V1.Afferent.weights": np.arange(6, dtype=np.float32).reshape(2, 3),
        "time": np.array(3.5),
        "n": np.array(7),
    }
    write_state(tmp_path / "state.npz", state)
    back = read_state(tmp_path / "state.npz")
    assert all(np.array_equal(back[name], state[name]) and back[name].dtype == state[name].dtype for name in state)
    with pytest.raises(RecordError, match="streams"):
        write_state(tmp_path / "bad.npz", {"streams": np.array([object()])})
    assert not (tmp_path / "bad.npz").exists()


@pytest.mark.parametrize("code", [None, errno.EPERM, errno.EIO])
def test_a_state_is_given_a_second_name(tmp_path, monkeypatch, code):
    """It is linked, or copied where there are no links; any other error leaves the file as it was."""
    source, path = tmp_path / "source.npz", tmp_path / "state.npz"
    write_state(source, {"a": np.array(1.0)})
    write_state(path, {"a": np.array(2.0)})
    if code is not None:
        monkeypatch.setattr(Path, "hardlink_to", failing(code))
    if code == errno.EIO:
        with pytest.raises(RecordError, match="Input/output error"):
            copy_state(source, path)
        assert float(read_state(path)["a"]) == 2.0
    else:
        for _ in range(2):  # two names of one file are left as they are
            copy_state(source, path)
        assert path.samefile(source) == (code is None)
        assert float(read_state(path)["a"]) == 1.0
    assert sorted(os.listdir(tmp_path)) == ["source.npz", "state.npz"]


def test_a_damaged_state_is_told_as_such(tmp_path):
    """Half a file is an error that names it, and no traceback of a library."""
    path = tmp_path / "state.npz"
    write_state(path, {"a": np.zeros(1000)})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RecordError, match=r"state\.npz: must be a whole npz file"):
        read_state(path)


def test_runs_are_found_at_and_below_a_path(tmp_path):
    """Each directory with a run.yaml is found once, in order; MLflow's copies are not taken for runs."""
    for name in ("sweep/b", "sweep/a", "c", "c/inside", "mlartifacts/1/artifacts", "mlruns/1", ".trash/d"):
        write_text(tmp_path / name / "run.yaml", "")
    found = find_runs([tmp_path, tmp_path / "c", tmp_path / "c" / "run.yaml"])
    assert [path.relative_to(tmp_path) for path in found] == [Path("c"), Path("sweep/a"), Path("sweep/b")]
    assert find_runs(tmp_path / "sweep" / "a" / "run.yaml") == [tmp_path / "sweep" / "a"]
    with pytest.raises(RecordError, match="nowhere"):
        find_runs(tmp_path / "nowhere")


def test_files_have_the_names_that_the_documentation_gives():
    """Users read directories without this package, so a name that changes is a promise broken."""
    rows = (ROOT / "docs" / "user_guide.md").read_text(encoding="utf-8").partition("| file | content |")[2]
    cells = [row.split("|")[1] for row in rows.partition("\n\n")[0].splitlines() if row.startswith("| `")]
    documented = {name for cell in cells for name in re.findall("`([^`]+)`", cell)}
    here, picture = Path(), layout.picture_path(Path(), "<figure>", 5.0, "png")
    written = {
        *(layout.RUN_YAML, layout.RUN_LOG, layout.METRICS, layout.NETWORK, layout.SNAPSHOT, layout.CHECKSUMS),
        *(f"{layout.HYDRA}/", f"{layout.PROVENANCE}/", f"{layout.restart_path(here, 5.0).parent}/"),
        *(str(path) for path in (layout.map_path(here, "<analysis>", 5.0), layout.results_path(here, 5.0))),
        *(str(path) for path in (picture, cell_of(picture))),
    }
    assert {re.sub("[<>]", "_", name.replace("<time>", "000005.00")) for name in documented} == written
    sweeps = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    assert f"      {layout.SWEEP_YAML} " in sweeps
    assert f"no page `{layout.REPORT}`" in sweeps
    assert layout.checkpoint_path(here, 5.0) == Path("checkpoints/000005.00.npz")
    assert layout.network_path(here, 5.0) == Path("networks/000005.00.py")


def test_one_process_at_a_time_has_the_lock_of_a_directory(tmp_path):
    """A second process is refused at once; afterwards the lock is free again."""
    with locked(tmp_path) as first, locked(tmp_path) as second:
        assert (first, second) == (True, False)
    with locked(tmp_path) as later:
        assert later
    with locked(tmp_path / "nowhere") as nothing:
        assert nothing, "there is nothing to lock"


@pytest.mark.parametrize("code", [*UNABLE, errno.EIO])
def test_a_file_system_without_locks_refuses_no_process(tmp_path, monkeypatch, code):
    """Its errors mean that there are no locks; any other error is one."""
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(fcntl, "flock", failing(code))
    if code == errno.EIO:
        with pytest.raises(OSError, match="Input/output"), locked(tmp_path):
            pass
    else:
        with locked(tmp_path) as held:
            assert held
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("waits", "flags"), [(False, fcntl.LOCK_EX | fcntl.LOCK_NB), (True, fcntl.LOCK_EX)])
def test_a_lock_is_waited_for_if_asked(tmp_path, monkeypatch, waits, flags):
    """Without `waits` the call returns at once."""
    asked = []
    monkeypatch.setattr(fcntl, "flock", lambda handle, how: asked.append(how))
    with locked(tmp_path, waits=waits):
        assert asked == [flags]


def test_a_file_lock_excludes_others_until_the_block_ends(tmp_path):
    """The file and its directory are made, its content stays, and others get the lock afterwards."""
    path = tmp_path / "locks" / "a"
    with file_lock(path), path.open("ab") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other.write(b"kept")
    with file_lock(path):
        pass
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert other.read() == b"kept"
