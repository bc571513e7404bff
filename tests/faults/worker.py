"""A run that may be killed: started if its directory does not exist, otherwise continued.

    python -m tests.faults.worker OUTPUT NAME [KILL_AT]

The process ends itself by SIGKILL just before call KILL_AT of fsync: each file of a record is synced before it is
renamed, and its directory afterwards, so that these calls are before and after each change on the disk.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import numpy as np

from topo_exp.analysis.result import Result, of_maps, over_time
from topo_exp.record.files import delete_leftovers
from topo_exp.record.handle import RunHandle
from topo_exp.runner.continuing import Continuation
from topo_exp.runner.measuring import Measuring
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.run import continue_run, execute
from topo_exp.runner.spec import RunSpec
from topo_exp.testing import fake_analysis, run_spec

TIMES = (0.0, 5.0, 10.0, 30.0)


def spread(sim):
    """Measure the activity's spread, without maps or pictures."""
    return Result(metrics={"V1/spread": float(np.ptp(sim["V1"].activity))})


@of_maps
def contrast(maps):
    """Measure the range of a map of the same time."""
    found = maps["activity"]["activity"]
    return Result(metrics={"V1/contrast": float(found.max() - found.min())}, maps=(found * 2).to_dataset(name="twice"))


@over_time
def drift(maps):
    """Measure how far each map is from the last one."""
    found = maps["activity"]["activity"]
    last = found.isel(time=-1)
    return {
        float(time): Result(metrics={"V1/drift": float(abs(found.sel(time=time) - last).max())})
        for time in found["time"].values
    }


def described(output: Path, name: str, times: tuple[float, ...] = TIMES, **changes: object) -> RunSpec:
    """Describe the run."""
    analyses = {"activity": fake_analysis, "spread": spread, "contrast": contrast, "drift": drift}
    defaults = {"checkpoint_every": 0.0005, "sim": {"seconds_per_iteration": 0.003}, "snapshot": "all"}
    return run_spec(output, directory_name=name, times=times, analyses=analyses, **{**defaults, **changes})


def started_or_continued(spec: RunSpec, *, is_extension: bool = False) -> Outcome:
    """Start a run, or continue it if its directory exists."""
    directory = spec.options.output_dir / spec.directory_name
    if not (directory / "run.yaml").exists():
        if directory.exists():  # killed before the record was made: no run yet
            directory.rename(directory.with_name(f"{directory.name}.never"))
        return execute(spec)
    if RunHandle(directory).status == "done" and not is_extension:
        delete_leftovers(directory)  # as `resume` does
        return Outcome("done", directory)
    return continue_run(spec, continuation(spec, is_extension=is_extension))


def continuation(spec: RunSpec, *, is_extension: bool = False) -> Continuation:
    """Describe how the run is continued."""
    names = Measuring(spec.analyses, fail=print).names_at
    directory = spec.options.output_dir / spec.directory_name
    return Continuation(directory, spec.options.times, names, is_extension=is_extension)


def usable_time(spec: RunSpec) -> float:
    """Return the time from which the run would continue; minus infinity for its beginning."""
    return continuation(spec)._resumption()[1]


def kill_at(number: int) -> None:
    """End this process just before a call of fsync."""
    count, fsync = itertools.count(1), os.fsync

    def counted(descriptor: int) -> None:
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = counted


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(int(sys.argv[3]))
    started_or_continued(described(Path(sys.argv[1]), sys.argv[2])).raise_error()
