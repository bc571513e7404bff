"""Comparison of a run that was interrupted with one that was not."""

from pathlib import Path

import numpy as np

from topo_exp.record.handle import load_run

COMPARED = ("metrics.csv", "network.py", "snapshot.npz", "maps/*", "plots/*", "checkpoints/*", "results/*")


def results(directory: Path) -> dict[str, bytes]:
    """Return the contents of all files that hold results, by name; of states, the contents of their arrays."""
    paths = sorted(path for pattern in COMPARED for path in directory.glob(pattern))
    return {path.relative_to(directory).as_posix(): content(path) for path in paths}


def content(path: Path) -> bytes:
    """Return the bytes of a file, or of the arrays in an npz file, which also holds dates."""
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path, allow_pickle=False) as stored:
        return b"".join(name.encode() + stored[name].tobytes() for name in sorted(stored.files))


def assert_same_bits(run: Path, twin: Path) -> None:
    """Assert that two runs are done and have the same results, to the last bit."""
    ours, theirs = load_run(run), load_run(twin)
    assert (ours.status, theirs.status) == ("done", "done")
    assert ours.times == theirs.times == tuple(ours.metadata["times"])
    found, expected = results(run), results(twin)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []
    assert ours.verify() == []
    assert not list(run.rglob("*.tmp"))
    assert not (run / "restart").exists()
