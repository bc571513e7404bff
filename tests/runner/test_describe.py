"""run.yaml opens with everything that is known of a run before it simulates."""

import os
import platform
import socket
import threading
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest

from topo_exp.about import VERSION
from topo_exp.record.run_yaml import RUN_YAML_FORMAT, HostData, LaterEntries, ProcessData, RunData
from topo_exp.runner.describe import REPORTED_PACKAGES, _file_of, describe, installed_versions, source_checksums
from topo_exp.runner.provenance import ProvenanceThread
from topo_exp.runner.spec import Setting
from topo_exp.testing import run_spec


@pytest.fixture
def spec(tmp_path):
    """Describe a run of which every entry differs from its default."""
    return run_spec(
        tmp_path,
        given={"rows": 5},
        settings={"rows": Setting("parameter", 5, True)},
        seeds={"seed": 3},
        tag="mine",
        sweep_id="s",
        sweep_point="p",
        experiment_name="exp",
    )


def test_a_run_begins_with_every_entry_of_its_type(spec, tmp_path):
    """The first contents have the required entries of RunData, those known already of the others, and no more."""
    known = {"code", "size", "working_directory", "sources"}
    assert known < LaterEntries.__optional_keys__
    found = describe(spec, tmp_path / "a_run")
    assert set(found) == RunData.__required_keys__ | known
    assert set(found["host"]) == HostData.__required_keys__
    assert set(found["process"]) == ProcessData.__required_keys__
    assert set(found["versions"]) == {"python", "topo-exp", *REPORTED_PACKAGES}


def test_a_run_begins_with_the_values_of_its_description(spec, tmp_path):
    """What the user chose is taken over as it is; what is not known yet is empty."""
    found = describe(spec, tmp_path / "a_run")
    chosen = {
        "format": RUN_YAML_FORMAT,
        "name": "a_run",
        "status": "running",
        "model": "fake",
        "given": {"rows": 5},
        "settings": {"rows": {"kind": "parameter", "value": 5, "swept": True}},
        "parameters": {"rows": 4, "seed": 0},
        "seeds": {"seed": 3},
        "times": [0.0, 5.0, 10.0],
        "analysis": {"activity": {}},
        "command": "python -m topo_exp model=fake",
        "directory": str(tmp_path / "a_run"),
        "tag": "mine",
        "sweep": "s",
        "sweep_point": "p",
        "experiment": "exp",
        "working_directory": str(Path.cwd()),
        "model_source": None,
    }
    empty = {"ended": None, "reached": None, "recorded": [], "code": {}, "size": {}, "seconds": {}, "error": None}
    expected = chosen | empty | {"errors": 0, "warnings": 0}
    assert {name: found[name] for name in expected} == expected
    assert found["id"] != describe(spec, tmp_path / "a_run")["id"]


def test_the_machine_is_described(spec, tmp_path):
    """Host, process and memory are those that the system itself names; memory is in MB of a million bytes."""
    found = describe(spec, tmp_path)
    assert found["host"]["name"] == found["process"]["host"] == socket.gethostname()
    assert found["process"]["pid"] == os.getpid()
    assert 1 <= found["host"]["cores"] <= os.cpu_count()
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        kilobytes = int(meminfo.read_text().split("MemTotal:")[1].split()[0])
        assert found["host"]["memory_mb"] == pytest.approx(kilobytes * 1024 / 1e6, rel=0.01)


def test_the_code_of_a_run_is_known_by_its_checksums(tmp_path):
    """Rooms of the package that compute results, and the file of the model, each by a SHA-256 of its content."""
    model = tmp_path / "my_model.py"
    found = []
    for text in ("rate = 1\n", "rate = 2\n", "rate = 1\n"):
        model.write_text(text)
        found.append(source_checksums(run_spec(tmp_path, model_source=model)))
    first, changed, again = found
    assert set(first) == {*(f"topo_exp.{room}" for room in ("engine", "models", "analysis")), str(model)}
    assert {name for name in first if first[name] != changed[name]} == {str(model)}
    assert again == first
    assert all(len(checksum) == 64 for checksum in first.values())


def test_git_is_asked_in_a_thread_that_a_process_need_not_wait_for(tmp_path):
    """A process that must end does not wait for git."""
    thread = ProvenanceThread(None, record=type("Record", (), {"directory": tmp_path})())
    assert isinstance(thread, threading.Thread)
    assert thread.daemon


def test_libraries_that_are_missing_are_named(monkeypatch):
    """A library that is not installed is listed as such; this package, run from its source, by its own version."""

    def version(package):
        if package in ("topo-exp", "scipy"):
            raise metadata.PackageNotFoundError(package)
        return "1.2"

    monkeypatch.setattr(metadata, "version", version)
    found = installed_versions.__wrapped__()
    assert found["python"] == platform.python_version()
    assert (found["topo-exp"], found["scipy"], found["numpy"]) == (VERSION, "not installed", "1.2")


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_memory_that_the_system_does_not_tell_is_unknown(spec, tmp_path, monkeypatch, error):
    """Where the system has no such number there is none in the record."""

    def unknown(name):
        raise error(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert describe(spec, tmp_path)["host"]["memory_mb"] is None


@pytest.mark.parametrize(
    ("function", "is_found"), [(run_spec, True), (partial(run_spec, 1), True), (Path(), False), (len, False)]
)
def test_the_file_of_a_function_is_found(function, is_found):
    """A function is found through what wraps it; what is written in C has no file."""
    found = _file_of(function)
    assert (found is not None and found.name == "testing.py") == is_found
