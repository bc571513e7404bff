"""A run that is over, or at least under way, as Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo_exp.errors import UnknownNameError, nearest
from topo_exp.runner.directory import read_state, time_label
from topo_exp.runner.drawing import picture_name
from topo_exp.runner.record import Status, read_record, settled_status
from topo_exp.runner.recorders import METRICS, read_metrics
from topo_exp.typing import State

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

OF_ONE_TIME = ("time", "simulation_time")
"""Attributes of maps that say when they were measured."""


class RunHandle:
    """Read a run directory.

    Args:
        directory: Of the run. Everything is read when asked for, and nothing in it is executed.

    Raises:
        RecordError: It is no run directory.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory).absolute()
        self.metadata: dict[str, Any] = read_record(self.directory)

    def __repr__(self) -> str:
        return f"<run {self.directory.name}: {self.status}>"

    @property
    def status(self) -> Status:
        """How the run stands: running, done, failed or killed."""
        return settled_status(self.metadata)

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the model that were in force."""
        return self.metadata["parameters"]

    @property
    def engine(self) -> str:
        """The implementation that simulated: "compiled" or "reference"; records of version 0.1.0 name its precision."""
        options = self.metadata["options"]
        if "engine" in options:
            return str(options["engine"])
        return {"single": "compiled", "reference": "reference"}[options["precision"]]

    @property
    def times(self) -> tuple[float, ...]:
        """Analysis times that are recorded."""
        return tuple(entry["time"] for entry in self.metadata["recorded"])

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics over time: indexed by time, one column per metric, in order of name."""
        import pandas as pd

        rows = pd.DataFrame(read_metrics(self.directory / METRICS), columns=["time", "name", "value"])
        table = rows.pivot(index="time", columns="name", values="value").astype(float)
        table.columns.name = None
        return table

    @cached_property
    def maps(self) -> Mapping[str, xr.Dataset]:
        """The measured maps, by name of the analysis: Datasets with a dimension `time`, read when looked up."""
        return _Maps(self.directory / "maps")

    def maps_at(self, time: float) -> Mapping[str, xr.Dataset]:
        """Return the measured maps of one time, by name of the analysis: Datasets, read when looked up."""
        return _Maps(self.directory / "maps", time)

    @property
    def figures(self) -> dict[str, dict[float, Path]]:
        """The pictures' files: name -> time -> path; PNG where there is one."""
        found: dict[str, dict[float, Path]] = {}
        # PNG last, so that it wins
        paths = sorted((self.directory / "plots").glob("[0-9]*_*"), key=lambda path: (path.suffix == ".png", path.name))
        for path in paths:
            name = picture_name(path.with_suffix(".png") if path.with_suffix(".png").exists() else path)
            found.setdefault(name, {})[float(path.name.partition("_")[0])] = path
        return {name: dict(sorted(found[name].items())) for name in sorted(found)}

    def checkpoints(self) -> dict[float, Path]:
        """The states that are kept: time -> file."""
        found = {float(path.stem): path for path in sorted((self.directory / "checkpoints").glob("[0-9]*.npz"))}
        snapshot = self.directory / "snapshot.npz"
        if snapshot.exists() and self.metadata.get("snapshot") is not None:
            found.setdefault(self.metadata["snapshot"], snapshot)
        return dict(sorted(found.items()))

    def state(self, time: float | None = None) -> State:
        """Read the state of the simulation at a time.

        Args:
            time: One of `checkpoints()`; the last of them if None.

        Returns:
            What `Simulation.restore` takes.

        Raises:
            UnknownNameError: None is kept for that time.
            RecordError: The file is damaged.
        """
        kept = self.checkpoints()
        wanted = max(kept, default=None) if time is None else time
        if wanted not in kept:
            names = [time_label(each) for each in kept]
            advice = nearest(time_label(wanted or 0.0), names) if names else "Run with snapshot=all to keep them."
            raise UnknownNameError(f"{self.directory.name}: a state must be kept at that time (got {time}). {advice}")
        return read_state(kept[wanted])


class _Maps(Mapping[str, "xr.Dataset"]):
    """The Datasets below maps/, read as they are looked up: those of one time, or joined over all times."""

    def __init__(self, folder: Path, time: float | None = None) -> None:
        self._only = time
        self._files: dict[str, dict[float, Path]] = {}
        for path in sorted(folder.glob("*_*.nc")):
            name, _, label = path.stem.rpartition("_")
            if time in (None, float(label)):
                self._files.setdefault(name, {})[float(label)] = path
        self._read: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        if name not in self._files:
            raise KeyError(name)
        if name not in self._read:
            files = self._files[name]
            self._read[name] = _join(files) if self._only is None else _load(files[self._only])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<maps of {', '.join(self._files) or 'nothing'}>"


def load_run(path: Path | str) -> RunHandle:
    """Return a handle to the run in a directory.

    Args:
        path: A run directory.

    Raises:
        RecordError: It is none.
    """
    return RunHandle(path)


def _join(files: Mapping[float, Path]) -> xr.Dataset:
    import numpy as np
    import xarray as xr

    datasets = [_load(path) for path in files.values()]
    times = xr.DataArray(np.array(list(files), dtype=float), dims="time", name="time", attrs={"units": "iterations"})
    # an attribute that differs between times says nothing about all of them
    joined = xr.concat(
        datasets,
        dim=times,
        join="outer",
        coords="minimal",
        compat="override",
        data_vars="all",
        combine_attrs="drop_conflicts",
    )
    for name in OF_ONE_TIME:
        joined.attrs.pop(name, None)
    return joined


def _load(path: Path) -> xr.Dataset:
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()
