"""A recorded run as a Python object, whether it has ended or is still running."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import RecordError, UnknownNameError, nearest
from topo_exp.record.checked import file_sha256
from topo_exp.record.checksums import changed_files, read_checksums, require_unchanged
from topo_exp.record.layout import CHECKSUMS, METRICS, RUN_YAML, SNAPSHOT, time_label
from topo_exp.record.maps import StoredMaps
from topo_exp.record.metrics import read_metrics
from topo_exp.record.pictures import pictures_by_name
from topo_exp.record.run_yaml import RunData, Status, actual_status, read_record, record_is_unchanged
from topo_exp.record.states import read_state
from topo_exp.typing import Data, State

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

ENGINE_OF_PRECISION = {"single": "compiled", "reference": "reference"}
"""The engine that each value of the option `precision` of version 0.1.0 chose."""


class RunHandle:
    """Read a run directory.

    Everything is read when it is asked for, and nothing in the directory is executed.

    Args:
        directory: Of the run, or its run.yaml; `~` is the home directory.

    Raises:
        RecordError: It is no run directory.
    """

    def __init__(self, directory: Path | str) -> None:
        try:
            path = Path(directory).expanduser().absolute()
        except RuntimeError as error:  # ~name of an unknown user
            raise RecordError(f"{directory}: must be a run directory (got: {error}) Correct the path.") from error
        self.directory = path.parent if path.name == RUN_YAML and not path.is_dir() else path
        self.metadata: RunData = read_record(self.directory)
        """The contents of run.yaml."""

    def __repr__(self) -> str:
        return f"<run {self.directory.name}: {self.status}>"

    @property
    def status(self) -> Status:
        """Status of the run: running, done, failed or killed."""
        return actual_status(self.metadata)

    @property
    def parameters(self) -> Mapping[str, Data]:
        """All parameters of the model, with the values that were in force."""
        return self.metadata["parameters"]

    @property
    def engine(self) -> str | None:
        """The implementation that simulated: "compiled" or "reference"; None if the simulation was never built.

        Records of version 0.1.0 name the precision instead, from which the engine follows.
        """
        options = self.metadata["options"]
        if "precision" in options:
            return ENGINE_OF_PRECISION[str(options["precision"])]
        engine = options.get("engine")
        return None if engine is None else str(engine)

    @property
    def times(self) -> tuple[float, ...]:
        """Analysis times that are recorded."""
        return tuple(entry["time"] for entry in self.metadata["recorded"])

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics over time: indexed by time, one column per metric, in order of name."""
        import pandas as pd

        self._require_unchanged(self.directory / METRICS)
        recorded = read_metrics(self.directory / METRICS)
        if self.status in ("running", "killed"):  # a time of which a crash left only a part is left out
            recorded = [row for row in recorded if row[0] in self.times]
        rows = pd.DataFrame(recorded, columns=["time", "name", "value"])
        table = rows.pivot(index="time", columns="name", values="value").astype(float)
        table.columns.name = None
        return table

    @cached_property
    def maps(self) -> Mapping[str, xr.Dataset]:
        """The measured maps, by name of the analysis: Datasets with a dimension `time`, read when looked up."""
        return StoredMaps(self.directory)

    def maps_at(self, time: float) -> Mapping[str, xr.Dataset]:
        """Return the measured maps of one time, by name of the analysis: Datasets, read when looked up."""
        return StoredMaps(self.directory, time)

    @property
    def figures(self) -> dict[str, dict[float, Path]]:
        """The files of the pictures: name -> time -> path; PNG where there is one."""
        return pictures_by_name(self.directory)

    def checkpoints(self) -> dict[float, Path]:
        """Return the states that are kept: time -> file."""
        found = {float(path.stem): path for path in sorted((self.directory / "checkpoints").glob("[0-9]*.npz"))}
        snapshot, time = self.directory / SNAPSHOT, self.metadata.get("snapshot")
        if snapshot.exists() and time is not None:
            found.setdefault(time, snapshot)
        return dict(sorted(found.items()))

    def state(self, time: float | None = None) -> State:
        """Read the state of the simulation at a time.

        Args:
            time: One of `checkpoints()`; the last of them if None.

        Returns:
            The argument for `Simulation.restore`.

        Raises:
            UnknownNameError: No state is kept for that time.
            RecordError: The file is damaged.
        """
        kept = self.checkpoints()
        wanted = max(kept, default=None) if time is None else time
        if wanted is None or wanted not in kept:
            advice = "Run with snapshot=all to keep them."
            if wanted is not None and kept:
                advice = nearest(time_label(wanted), [time_label(each) for each in kept])
            raise UnknownNameError(f"{self.directory.name}: a state must be kept at that time (got {time}). {advice}")
        self._require_unchanged(kept[wanted])
        return read_state(kept[wanted])

    def verify(self) -> list[str]:
        """Compare the files of the run with the checksums that it left.

        Returns:
            The files that are missing or changed since the run ended, each with the finding; empty if there are none.

        Raises:
            RecordError: The run has not ended, or was made by a version that kept no checksums.
        """
        expected = self.metadata.get("checksums")
        if expected is None:
            raise RecordError(
                f"{self.directory.name}: must have kept checksums (got a run that is {self.status} without them). "
                f"Resume it: python -m topo_exp resume {self.directory}"
            )
        found = [] if record_is_unchanged(self.directory) else [f"{RUN_YAML}: changed"]
        path = self.directory / CHECKSUMS
        if not path.is_file():
            return [*found, f"{CHECKSUMS}: missing"]
        if file_sha256(path) != expected:
            return [*found, f"{CHECKSUMS}: changed"]
        return found + changed_files(self.directory, read_checksums(self.directory))

    def _require_unchanged(self, path: Path) -> None:
        require_unchanged(path, self.directory, read_checksums(self.directory))


def load_run(path: Path | str) -> RunHandle:
    """Return a handle to the run in a directory.

    Args:
        path: A run directory, or the run.yaml in it; `~` is the home directory.

    Raises:
        RecordError: It is no run directory.
    """
    return RunHandle(path)
