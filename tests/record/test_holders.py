"""Files that exactly one process makes, and the processes that they describe."""

import errno
import os
from pathlib import Path

import pytest

from topo_exp.errors import RecordError
from topo_exp.record import holders
from topo_exp.record.holders import Holder, create_once, holder_in, read_facts

FACTS = {"pid": 7, "host": "here"}


def failing(code: int):
    """Return a system call that fails with an error."""

    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_the_first_call_makes_the_file_and_later_ones_leave_it(tmp_path: Path) -> None:
    """Folders above it are made, nothing temporary is left, and the second call says that it was late."""
    path = tmp_path / "a" / "b" / "lease"
    assert create_once(path, FACTS)
    assert not create_once(path, {"pid": 8})
    assert read_facts(path) == FACTS
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("code", [None, errno.EPERM, errno.ENOTSUP])
def test_the_facts_are_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    """A crash leaves the whole file or none: its content is synced first, with and without hard links."""
    path, synced = tmp_path / "lease", []

    def fsync(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        synced.append((os.fstat(file).st_size, path.exists()))

    monkeypatch.setattr("topo_exp.record.holders.os.fsync", fsync)
    if code is not None:
        monkeypatch.setattr("topo_exp.record.holders.os.link", failing(code))
    assert create_once(path, FACTS)
    size = path.stat().st_size
    assert synced == [(size, False)] if code is None else [(size, False), (size, True)]
    assert not create_once(path, {})
    assert read_facts(path) == FACTS


def test_a_link_that_the_server_made_twice_is_this_calls_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS repeats a request whose answer was lost: the link is there, and the error says that it exists."""
    link = os.link

    def twice(first: Path, second: Path) -> None:
        link(first, second)
        link(first, second)

    monkeypatch.setattr("topo_exp.record.holders.os.link", twice)
    assert create_once(tmp_path / "lease", FACTS)
    assert not create_once(tmp_path / "lease", FACTS)


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC])
def test_a_disk_that_refuses_is_told_and_left_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Any other error than missing hard links ends the call, and nothing temporary is left."""
    monkeypatch.setattr("topo_exp.record.holders.os.link", failing(code))
    with pytest.raises(RecordError, match=r"lease: must be writable \(got .*\)\. Check the disk"):
        create_once(tmp_path / "lease", FACTS)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_file_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is that of the file, not that there is nothing to clean up."""
    monkeypatch.setattr(Path, "open", failing(errno.EROFS))
    with pytest.raises(RecordError, match=r"lease: must be writable \(got .*Read-only file system"):
        create_once(tmp_path / "lease", FACTS)


@pytest.mark.parametrize("text", [None, "", '{"pid": 7', "[1]", "7"])
def test_a_file_without_facts_has_none(tmp_path: Path, text: str | None) -> None:
    """One that is gone, was cut off, or holds something else, describes nothing."""
    if text is not None:
        (tmp_path / "lease").write_text(text)
    assert read_facts(tmp_path / "lease") == {}


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It may hold facts, so it is not taken for an empty one."""
    (tmp_path / "lease").mkdir()
    with pytest.raises(RecordError, match="must be readable"):
        read_facts(tmp_path / "lease")


WHOLE = {"host": "h", "machine": "m", "pid": 3, "start": 9}


@pytest.mark.parametrize(
    ("change", "holder"),
    [
        ({}, Holder("h", "m", 3, 9)),
        ({"start": None}, Holder("h", "m", 3, None)),
        ({"start": "9"}, Holder("h", "m", 3, None)),
        ({"host": None}, None),
        ({"machine": 1}, None),
        ({"pid": "3"}, None),
    ],
)
def test_a_process_is_described_by_host_machine_and_id(change: dict[str, object], holder: Holder | None) -> None:
    """Without one of them there is no process to ask for; its start may be unknown."""
    assert holder_in({**WHOLE, **change}) == holder


def test_where_the_system_does_not_name_the_kernel_hosts_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of one host are then taken to be of one machine."""
    machine = holders._machine.__wrapped__
    assert machine() == Holder.of(os.getpid()).machine != ""
    monkeypatch.setattr(Path, "read_text", failing(errno.ENOENT))
    assert machine() == ""


def test_only_a_process_of_this_machine_is_known_to_be_gone() -> None:
    """Another host or boot cannot be asked; here the id and the start of the process decide."""
    own = Holder.of(os.getpid())
    assert own.is_here
    assert not own.is_gone
    assert not Holder(own.host, own.machine, own.pid, None).is_gone
    assert Holder(own.host, own.machine, own.pid, (own.start or 0) + 1).is_gone
    for elsewhere in (Holder("other", own.machine, own.pid, 1), Holder(own.host, "other", own.pid, 1)):
        assert not elsewhere.is_here
        assert not elsewhere.is_gone
