"""run.log: everything that a run writes, in the order of writing, and what was there before is there afterwards."""

import logging
import signal
import sys
import warnings
from pathlib import Path
from typing import TextIO

import pytest

from tests.doubles import ended, script
from topo_exp.record.log import ONLY_IN_FILE, RunLog, _LogFile


class Stream:
    """A terminal that notes each call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.encoding = "utf-7"

    def write(self, text: str) -> int:
        self.calls.append(text)
        return len(text)

    def flush(self) -> None:
        self.calls.append("<flush>")


def noting_terminal(monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Put a noting stream in place of both streams of this process."""
    stream = Stream()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    return stream


def write(text: str, stream: TextIO) -> None:
    """Write to the terminal, as a run without a progress bar does."""
    stream.write(text)


def log_to(path: Path, *, verbose: bool = False) -> RunLog:
    """Return the log of a run."""
    return RunLog(path, command="python -m topo_exp\nx=1", verbose=verbose, write=write)


def test_output_goes_to_the_terminal_and_the_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A printed line is in both before the next one, a flush reaches the terminal, and other attributes are its own."""
    terminal = noting_terminal(monkeypatch)
    path = tmp_path / "run.log"
    with log_to(path):
        sys.stdout.write("first\n")
        sys.stdout.flush()
        assert path.read_text() == "python -m topo_exp x=1\nfirst\n"
        assert sys.stdout.encoding == "utf-7"
        assert sys.stdout.write("four") == 4
        sys.stderr.write("!\n")
    assert "".join(terminal.calls) == "first\n<flush>four!\n"
    assert path.read_text() == "python -m topo_exp x=1\nfirst\nfour!\n"


@pytest.mark.parametrize("verbose", [False, True])
def test_records_are_counted_and_shown_by_their_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verbose: bool
) -> None:
    """The file has all records; the terminal has warnings and errors, with verbose all but those for the file alone."""
    terminal = noting_terminal(monkeypatch)
    path = tmp_path / "run.log"
    with log_to(path, verbose=verbose) as log, warnings.catch_warnings():
        warnings.simplefilter("always")
        logger = logging.getLogger("topo_exp.test")
        logger.info("all is well")
        logger.warning("nearly")
        logger.error("not at all")
        logger.critical("worse")
        logger.error("details", extra=ONLY_IN_FILE)
        warnings.warn("of Python's own", stacklevel=1)
    assert (log.errors, log.warnings) == (3, 2)
    for text in ("all is well", "nearly", "not at all", "worse", "details", "of Python's own"):
        assert text in path.read_text()
    shown = "".join(terminal.calls)
    assert ("all is well\n" in shown) == verbose
    assert "warning: nearly\nerror: not at all\ncritical: worse\n" in shown
    assert "details" not in shown


def test_everything_is_as_before_when_the_log_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, handlers, level and the display of warnings are restored; no line is shown twice meanwhile."""
    terminal = noting_terminal(monkeypatch)
    root = logging.getLogger()
    twice = logging.StreamHandler(sys.stderr)
    root.addHandler(twice)
    before = (sys.stdout, sys.stderr, set(root.handlers), root.level, warnings.showwarning)
    try:
        with log_to(tmp_path / "run.log"):
            assert twice not in root.handlers
            logging.getLogger("topo_exp.test").warning("once")
        assert (sys.stdout, sys.stderr, set(root.handlers), root.level, warnings.showwarning) == before
    finally:
        root.removeHandler(twice)
    assert "".join(terminal.calls).count("once") == 1


def test_a_stream_kept_from_a_run_writes_to_the_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that has found the stream during the run and writes later must not fail, and not change the log."""
    terminal = noting_terminal(monkeypatch)
    path = tmp_path / "run.log"
    with log_to(path):
        kept = sys.stdout
    ended = path.read_text()
    kept.write("after\n")
    kept.flush()
    assert terminal.calls == ["after\n", "<flush>"]
    assert path.read_text() == ended


def test_a_resumed_run_keeps_its_earlier_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is replaced, and new lines begin on a line of their own, also after a cut; no byte is lost."""
    noting_terminal(monkeypatch)
    path = tmp_path / "run.log"
    path.write_bytes(b"old command\nearlier\nhalf a l\xff")
    with log_to(path):
        sys.stdout.write("later \udcff\n")
    assert path.read_text() == "python -m topo_exp x=1\nearlier\nhalf a l\\xff\nlater \\udcff\n"


def test_a_crash_in_compiled_code_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    """The place is written by the interpreter itself; afterwards it is as it was before."""
    code = """if True:
        import faulthandler, os, sys
        from pathlib import Path
        from topo_exp.record.log import RunLog
        def log():
            return RunLog(Path(sys.argv[1]), command="x", verbose=False, write=lambda text, stream: None)
        with log():
            assert faulthandler.is_enabled()
        assert not faulthandler.is_enabled()
        with log():
            os.abort()
    """
    ((status, _, _),) = ended([script(code, tmp_path / "run.log")])
    assert status == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in (tmp_path / "run.log").read_text()


def test_a_full_disk_is_told_once_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first text that cannot be written names the file; the run continues, and its output stays on the terminal."""
    terminal = noting_terminal(monkeypatch)
    path = tmp_path / "run.log"
    path.touch()
    file = _LogFile(path)

    class Full:
        closed = False

        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

        flush = close = lambda self: self.write("")

    file._file.close()
    monkeypatch.setattr(file, "_file", Full())
    monkeypatch.setattr(sys, "__stderr__", terminal)
    assert file.write("three") == 5
    file.write("more")
    file.flush()
    file.close()
    expected = f"topo_exp: {path}: must be writable (got: No space left on device). The rest of the log is lost."
    assert "".join(terminal.calls) == expected + "\n"
