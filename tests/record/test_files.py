"""A run directory belongs to one run, and its files are whole."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import ended, script
from topo_exp.errors import RecordError
from topo_exp.record.files import locked, make_directory, replacing, require_space, write_text
from topo_exp.record.layout import find_runs, time_label
from topo_exp.record.states import read_state, write_state

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


def test_a_damaged_state_is_told_as_such(tmp_path):
    """Half a file is an error that names it, and no traceback of a library."""
    path = tmp_path / "state.npz"
    write_state(path, {"a": np.zeros(1000)})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RecordError, match=r"state\.npz: must be a whole npz file"):
        read_state(path)


def test_runs_are_found_at_and_below_a_path(tmp_path):
    """Each directory with a run.yaml is found once, in order; MLflow's copies are not taken for runs."""
    for name in ("sweep/b", "sweep/a", "c", "c/inside", "mlartifacts/1/artifacts", ".trash/d"):
        write_text(tmp_path / name / "run.yaml", "")
    found = find_runs([tmp_path, tmp_path / "c", tmp_path / "c" / "run.yaml"])
    assert [path.relative_to(tmp_path) for path in found] == [Path("c"), Path("sweep/a"), Path("sweep/b")]
    assert find_runs(tmp_path / "sweep" / "a" / "run.yaml") == [tmp_path / "sweep" / "a"]
    with pytest.raises(RecordError, match="nowhere"):
        find_runs(tmp_path / "nowhere")


def test_one_process_at_a_time_has_the_lock_of_a_directory(tmp_path):
    """A second process is refused at once; afterwards the lock is free again."""
    with locked(tmp_path) as first, locked(tmp_path) as second:
        assert (first, second) == (True, False)
    with locked(tmp_path) as later:
        assert later
