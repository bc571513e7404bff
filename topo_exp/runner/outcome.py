"""How one run ended, as a value that any process can return."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from topo_exp import errors
from topo_exp.errors import TopoExpError
from topo_exp.record.handle import RunHandle


@dataclass(frozen=True)
class Outcome:
    """State how a run ended.

    It consists of plain values, so that a process can return it to another one; only `exception`, with its traceback
    for a caller in the same process, is dropped when it is pickled.

    Args:
        status: "done"; "failed", with a directory that says how; or "refused": the run never began.
        directory: Of the run; None if there is none.
        error_type: Name of the class in `topo_exp.errors`; empty if the run is done.
        error: Message of the error; empty if the run is done.
        exception: The error itself, in the process of the run.
    """

    status: Literal["done", "failed", "refused"]
    directory: Path | None
    error_type: str = ""
    error: str = ""
    exception: TopoExpError | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_error(cls, error: TopoExpError, directory: Path | None = None) -> Outcome:
        """Describe a run that ended by an error: refused if it left no directory."""
        return cls("failed" if directory else "refused", directory, _public_name(error), str(error), error)

    def handle(self) -> RunHandle:
        """Return the finished run.

        Raises:
            TopoExpError: The run failed or was refused; the class is the one that `error_type` names.
        """
        self.raise_error()
        assert self.directory is not None
        return RunHandle(self.directory)

    def raise_error(self) -> None:
        """Raise the error by which the run ended, if it did.

        Raises:
            TopoExpError: The run failed or was refused.
        """
        if self.exception is not None:
            raise self.exception
        if self.error_type:
            raise vars(errors)[self.error_type](self.error)

    def __reduce__(self) -> tuple[type[Outcome], tuple[str, Path | None, str, str]]:
        return Outcome, (self.status, self.directory, self.error_type, self.error)


def _public_name(error: TopoExpError) -> str:
    """Return the name of the nearest class of the error that the package defines."""
    return next(cls.__name__ for cls in type(error).__mro__ if vars(errors).get(cls.__name__) is cls)
