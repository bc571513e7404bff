"""What a record says of the code of a run, and which of that may be executed."""

import hashlib
import os
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import topo_exp
from tests.doubles import OWN_MODEL
from topo_exp.compose import again, resumption, trust
from topo_exp.compose.again import code_of
from topo_exp.compose.resumption import (
    COMPARED_VERSIONS,
    absolute_path,
    code_differences,
    differences,
    extended_times,
    recorded_config,
    recorded_spec,
    require_same_code,
)
from topo_exp.compose.trust import is_own_file, model_code, permission, recorded_code
from topo_exp.errors import ConfigError, GeometryError, ParameterError, RecordError, UnknownNameError
from topo_exp.models import tiny
from topo_exp.record.handle import RunHandle
from topo_exp.record.run_yaml import write_record
from topo_exp.runner.describe import installed_versions, package_checksums


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Recorded:
    """A run directory of a user's model in `mine/model.py`, with its copies; parts of the record can be replaced."""

    def __init__(self, folder: Path) -> None:
        """Write the files."""
        self.directory = folder / "run"
        self.source = folder / "mine" / "model.py"
        self.helper = folder / "mine" / "helper.py"
        for place in (folder / "mine", self.directory / "provenance"):
            place.mkdir(parents=True)
            (place / "model.py").write_text(OWN_MODEL)
            (place / "helper.py").write_text("HELP = 1\n")
        write_record(self.directory, cast("Any", {"id": "a", "status": "killed"}))
        (self.directory / ".hydra").mkdir()
        self.config = "size: 4\ntimes: [0, 2]\nanalysis: {}\n"
        self.overrides = "[size=4]\n"

    def handle(self, **changes: Any) -> RunHandle:
        """Return the handle."""
        (self.directory / ".hydra" / "config.yaml").write_text(self.config)
        (self.directory / ".hydra" / "overrides.yaml").write_text(self.overrides)
        metadata = {
            "model": "model",
            "model_source": str(self.source),
            "command": "python -m topo_exp model=model.py times=[0,2] size=4",
            "sources": {str(path): digest(path) for path in (self.source, self.helper) if path.exists()},
            "versions": dict(installed_versions()),
            "analysis": {},
            "times": [0.0, 2.0],
            "working_directory": str(self.source.parent),
            **changes,
        }
        times = tuple(metadata["times"])
        return cast("RunHandle", SimpleNamespace(metadata=metadata, directory=self.directory, times=times))


@pytest.fixture
def record(tmp_path: Path) -> Recorded:
    """Return the files of a record."""
    return Recorded(tmp_path)


def test_code_differs_if_a_room_a_file_or_a_library_does(tmp_path: Path) -> None:
    """Each difference is named, rooms and files in order; versions of other software may differ."""
    here, versions = package_checksums(), installed_versions()
    path = tmp_path / "a.py"
    path.write_text("a")
    assert code_differences({**here, str(path): digest(path)}, versions) == []
    assert code_differences({}, {}) == []
    sources = {str(tmp_path / "z.py"): "1", str(path): "2", "topo_exp.engine": "0", "topo_exp.none": "0"}
    found = code_differences(sources, {"numpy": "0.1", "matplotlib": "0.1", "python": versions["python"]})
    assert found == [
        f"{path}: changed",
        f"{tmp_path / 'z.py'}: missing",
        "topo_exp.engine: changed",
        "topo_exp.none: changed",
        f"numpy: version 0.1 in the record, {versions['numpy']} here",
    ]
    for name in COMPARED_VERSIONS:
        assert len(code_differences({}, {name: "0"})) == 1


def test_a_missing_model_file_is_no_difference_if_the_record_has_its_copy(record: Recorded) -> None:
    """The copy must be the recorded one; other files, and a changed model, are differences."""
    run = record.handle()
    assert require_same_code(run, force=False) == []
    record.source.unlink()
    assert differences(run) == []
    copy = record.directory / "provenance" / "model.py"
    copy.write_text("another")
    assert differences(run) == [f"{record.source}: missing"]
    copy.unlink()
    with pytest.raises(ConfigError, match=rf"run: must be continued .*got {record.source}: missing\)"):
        require_same_code(run, force=False)
    assert require_same_code(run, force=True) == [f"{record.source}: missing"]
    record.source.write_text(OWN_MODEL)
    record.helper.unlink()
    assert differences(run) == [f"{record.helper}: missing"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [([5], (0, 2, 4, 5)), ([0, 2, 4, 5], (0, 2, 4, 5)), ([2, 4.5, 9], (0, 2, 4, 4.5, 9))],
)
def test_a_run_is_extended_by_later_times(record: Recorded, times: list[float], expected: tuple[float, ...]) -> None:
    """Times that are recorded may be repeated."""
    assert extended_times(record.handle(times=[0.0, 2.0, 4.0]), times) == expected


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ([3, 5], ConfigError, r"later than the last time of run, 4 \(got 3\)"),
        ([0, 4], ConfigError, r"must hold a time later than 4 \(got \[0\.0, 4\.0\]\)"),
        ([5, 4], ParameterError, "must increase"),
    ],
)
def test_a_run_is_not_extended_backwards(
    record: Recorded, times: list[float], error: type[Exception], message: str
) -> None:
    """A time between the recorded ones would be another run."""
    with pytest.raises(error, match=message):
        extended_times(record.handle(times=[0.0, 2.0, 4.0]), times)


@pytest.mark.parametrize("text", ["a: [1", "a: ${nowhere}\n", "[1, 2]", None])
def test_a_configuration_that_cannot_be_read_is_an_error(record: Recorded, text: str | None) -> None:
    """Its place is named, whether it is cut, refers to nothing, holds something else, or is missing."""
    run = record.handle()
    path = record.directory / ".hydra" / "config.yaml"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(RecordError, match=r"\.hydra/config\.yaml: must "):
        recorded_config(run)


def test_references_in_a_configuration_are_resolved(record: Recorded) -> None:
    """A value that refers to another is that value."""
    record.config = "a: 3\nb: ${a}\n"
    assert recorded_config(record.handle()) == {"a": 3, "b": 3}


def test_relative_files_start_where_the_run_was_made(record: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home directory."""
    monkeypatch.setenv("HOME", "/home/me")
    run = record.handle()
    assert absolute_path(run, "a/../b.py") == record.source.parent / "b.py"
    assert absolute_path(run, "/c.py") == Path("/c.py")
    assert absolute_path(run, "~/d.py") == Path("/home/me/d.py")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_run_is_described_again_as_it_was(record: Recorded, is_there: bool) -> None:
    """Model and analyses are taken from their files, or the model from its copy where its file is gone."""
    record.config = """
size: 4
times: [0, 2]
analysis:
  mine: {_target_: "look.py:look"}
  off: null
before: ["look.py:look"]
tracking: none
"""
    record.overrides = "['size=4', 'analysis=[look.py:look]']"
    (record.source.parent / "look.py").write_text(OWN_MODEL)
    run = record.handle()
    if not is_there:
        record.source.unlink()
    spec = recorded_spec(run)
    place = record.source if is_there else record.directory / "provenance" / "model.py"
    assert (spec.model, spec.model_source, spec.parameters["size"]) == ("model", place, 4)
    assert spec.options.times == (0.0, 2.0)
    assert list(spec.analyses) == ["mine"]
    look = f"{record.source.parent / 'look.py'}:look"
    assert cast("Any", spec.analysis_config)["mine"]["_target_"] == look
    assert [function.__code__.co_filename for function in cast("Any", spec.before)] == [look.removesuffix(":look")]
    assert spec.command == run.metadata["command"]
    assert not spec.config


def test_other_times_replace_those_of_the_command(record: Recorded) -> None:
    """In the command, the words and the recorded configuration, whichever quotes they had; the rest stays."""
    for written in ("times=[0,2]", "'times=[0, 2]'", '"times=[0, 2]"'):
        record.overrides = "['size=4', 'times=[0,2]', 'tag=größte times=x']"
        run = record.handle(command=f"python -m topo_exp model=model.py {written} size=4")
        spec = recorded_spec(run, times=(0.0, 2.0, 7.0, 8.5))
        assert spec.options.times == (0.0, 2.0, 7.0, 8.5)
        assert shlex.split(spec.command)[3:] == ["model=model.py", "size=4", "times=[0,2,7,8.5]"]
        assert "times:\n- 0.0\n- 2.0\n- 7.0\n- 8.5\n" in spec.config["config.yaml"]
        assert spec.config["overrides.yaml"] == "- size=4\n- tag=größte times=x\n- times=[0,2,7,8.5]\n"


def test_a_model_that_was_in_no_file_cannot_be_described_again(record: Recorded) -> None:
    """The error says where the run can be continued."""
    with pytest.raises(RecordError, match="run: must have the file of its model"):
        recorded_spec(record.handle(model_source=None))


def test_the_code_of_a_model_is_its_file_or_the_copy_of_what_it_was(record: Recorded) -> None:
    """If the file or one that it imports has changed, all of the copies are used."""
    run, copy = record.handle(), record.directory / "provenance" / "model.py"
    assert code_of(run) == record.source
    record.helper.write_text("HELP = 2\n")
    assert code_of(run) == copy
    record.helper.unlink()
    assert code_of(run) == copy
    copy.unlink()
    with pytest.raises(UnknownNameError, match="run: must have a copy of its model's file"):
        code_of(run)
    with pytest.raises(UnknownNameError):
        code_of(record.handle(model_source=None))


@pytest.mark.parametrize("place", ["topo_exp/models/tiny.py", "mine/tiny.py", "topo_exp/other/tiny.py", None])
def test_a_model_of_this_package_needs_no_file(record: Recorded, place: str | None) -> None:
    """Its name is enough, wherever the package was; a user's file of that name is another model."""
    run = record.handle(model="tiny", model_source=None if place is None else f"/elsewhere/{place}")
    if place == "mine/tiny.py" or place == "topo_exp/other/tiny.py":
        with pytest.raises(UnknownNameError):
            code_of(run)
        assert not resumption.is_of_this_package(run)
    else:
        assert code_of(run) is None
        assert model_code(run) == []
        assert resumption.is_of_this_package(run) == (place is not None)


def test_a_simulation_is_built_again_from_the_file_or_the_copy(record: Recorded) -> None:
    """With the recorded parameters and engine; a line says so if the copy is used."""
    said: list[str] = []
    changes = {"parameters": {"size": 5}, "engine": "reference"}
    for place in (record.source, record.directory / "provenance" / "model.py"):
        run = cast("Any", record.handle())
        run.parameters, run.engine = changes["parameters"], changes["engine"]
        sim = again.build_again(run, said.append)
        assert sim.engine == "reference"
        assert sim["V1"].nominal_density == 5
        assert said == ([] if place == record.source else [f"run: the model is built from its recorded copy, {place}"])
        record.helper.write_text("HELP = 2\n")


def test_an_error_of_this_package_has_no_place_of_the_users(record: Recorded) -> None:
    """No line of a user's file has led to it, so its text is the same as when the run was made."""
    run = cast("Any", record.handle(model="tiny", model_source=tiny.__file__))
    run.parameters, run.engine = {"cortex_density": 0.01}, None
    with pytest.raises(GeometryError) as first:
        topo_exp.build("tiny", cortex_density=0.01)
    with pytest.raises(GeometryError) as again_raised:
        again.build_again(run, pytest.fail)
    assert str(again_raised.value) == str(first.value)


def test_a_file_is_the_users_own_if_it_lies_where_it_was_unchanged(
    record: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one in the record, with another checksum, of another user, or given by a relative path."""
    directory, path = record.directory, record.source
    checksum = digest(path)
    assert is_own_file(directory, str(path), checksum)
    assert is_own_file(directory, str(path), None)
    assert not is_own_file(directory, str(path), "0" * 64)
    assert not is_own_file(directory, str(path.parent), None)
    assert not is_own_file(directory, str(path.parent / "gone.py"), None)
    copy = directory / "provenance" / "model.py"
    assert not is_own_file(directory, str(copy), checksum)
    link = path.parent / "link"
    link.symlink_to(directory)
    assert not is_own_file(directory, str(link / "provenance" / "model.py"), checksum)
    assert not is_own_file(link, str(copy), checksum)
    monkeypatch.chdir(path.parent)
    assert not is_own_file(directory, "model.py", checksum)
    monkeypatch.setattr(trust, "_user", lambda: os.getuid() + 1)
    assert not is_own_file(directory, str(path), checksum)


def test_the_code_of_a_record_is_listed_unless_it_is_the_users_own(record: Recorded) -> None:
    """Model, analyses, functions before and after, and imported files, each once; functions of this package are not."""
    record.config = """
analysis:
  mine: {_target_: "look.py:look"}
  ours: {_target_: "topo_exp.analysis.default:default"}
  theirs: {_target_: "os.system"}
  off: null
before: ["model.py:prepare"]
after: ["shutil.rmtree"]
"""
    look = record.source.parent / "look.py"
    run = record.handle(analysis={"mine": {"_target_": "look.py:look"}})
    assert recorded_code(run) == [str(look), "os.system", "shutil.rmtree"]
    record.helper.write_text("HELP = 2\n")
    assert recorded_code(run) == [str(look), "os.system", "shutil.rmtree", str(record.helper)]
    assert recorded_code(run, may_differ=True) == [str(look), "os.system", "shutil.rmtree"]
    look.write_text("")
    assert recorded_code(run) == [str(look), "os.system", "shutil.rmtree", str(record.helper)]
    assert recorded_code(run, may_differ=True) == ["os.system", "shutil.rmtree"]
    record.config = "analysis: null\n"
    assert (
        recorded_code(record.handle(model="tiny", model_source=tiny.__file__, sources={"topo_exp.engine": "1"})) == []
    )
    assert recorded_code(record.handle(sources={})) == [str(record.source)]


def test_the_code_of_a_model_is_listed_unless_it_is_the_users_own(record: Recorded) -> None:
    """The copy in the record never is, nor a file whose checksum is not recorded."""
    run = record.handle()
    assert model_code(run) == []
    assert model_code(record.handle(sources={})) == [str(record.source)]
    record.source.write_text(OWN_MODEL + "\n")
    assert model_code(run) == [str(record.directory / "provenance" / "model.py")]


@pytest.mark.parametrize(
    ("trust_given", "answer", "code", "is_permitted", "asked"),
    [
        (False, False, [], True, 0),
        (False, False, ["a.py", "b.py"], False, 1),
        (False, True, ["a.py", "b.py"], True, 1),
        (True, False, ["a.py", "b.py"], True, 0),
    ],
)
def test_code_of_others_is_run_with_permission_only(
    trust_given: bool, answer: bool, code: list[str], is_permitted: bool, asked: int
) -> None:
    """The user is asked about all of it at once, unless there is none or it was trusted beforehand."""
    questions: list[object] = []

    def ask(where: str, files: object) -> bool:
        questions.append((where, files))
        return answer

    permit = permission(trust=trust_given, ask=ask)
    if is_permitted:
        permit("run", code)
    else:
        with pytest.raises(ConfigError, match=r"run: code of the record must be trusted .*got a\.py, b\.py\)"):
            permit("run", code)
        with pytest.raises(ConfigError):
            permission(trust=False)("run", code)
    assert questions == [("run", code)] * asked
