"""Doubles for tests, of this package and of whoever extends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from topo_exp.errors import NumericalError, StateError
from topo_exp.runner.spec import RunSpec
from topo_exp.typing import FloatArray, State

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


class FakeSheet:
    """A sheet that holds an activity and has no projections."""

    def __init__(self, name: str, shape: tuple[int, int]) -> None:
        self.name = name
        self.shape = shape
        self.activity: FloatArray = np.zeros(shape)
        self.projections: dict[str, Any] = {}
        self.measure_maps = True
        self.is_generator = False


class FakeSimulation:
    """A simulation without a network: time passes, and one sheet's activity follows a random walk.

    It has what the runner and an analysis of activity ask of a simulation, and is bit-identical for equal seeds,
    however its run is cut in pieces.

    Args:
        seed: Of the random walk.
        rows: Height and width of the sheet V1, in units.
        seconds_per_iteration: Time that each iteration is made to take.
        breaks_at: Time from which `check_finite` finds an activity that is no number; None for never.
    """

    def __init__(
        self, *, seed: int = 0, rows: int = 4, seconds_per_iteration: float = 0.0, breaks_at: float | None = None
    ) -> None:
        self.name = "fake"
        self.time = 0.0
        self.sheets = {"V1": FakeSheet("V1", (rows, rows))}
        self.n_connections = rows**4
        self.nbytes = 4 * rows**4
        self.warnings: list[str] = []
        self._seed = seed
        self._seconds = seconds_per_iteration
        self._breaks_at = breaks_at
        self._frozen = False

    def __getitem__(self, name: str) -> FakeSheet:
        return self.sheets[name]

    def run(self, until: float) -> None:
        """Let time pass."""
        while np.floor(self.time) + 1 <= until:
            self.time = float(np.floor(self.time) + 1)
            step = np.random.default_rng([self._seed, int(self.time)]).normal(size=self["V1"].shape)
            self["V1"].activity = self["V1"].activity + step
            if self._seconds:
                time.sleep(self._seconds)
        self.time = max(self.time, float(until))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Put everything back on leaving."""
        before, activity = self.time, self["V1"].activity.copy()
        try:
            yield
        finally:
            self.time, self["V1"].activity = before, activity

    def state(self) -> State:
        """Return everything."""
        return {"time": np.array(self.time), "V1.activity": self["V1"].activity.copy()}

    def restore(self, state: State) -> None:
        """Become what `state` says."""
        if state["V1.activity"].shape != self["V1"].shape:
            raise StateError(
                f"V1: activity must have shape {self['V1'].shape} (got {state['V1.activity'].shape}). "
                "Build with the parameters of the run that the state is from."
            )
        self.time = float(state["time"])
        self["V1"].activity = state["V1.activity"].copy()

    def script_repr(self) -> str:
        """Return source that builds the same."""
        return f"from topo_exp.testing import FakeSimulation\n\nsim = FakeSimulation(seed={self._seed})\n"

    def check_finite(self) -> None:
        """Raise as a real simulation does when numbers have gone bad."""
        if self._breaks_at is not None and self.time >= self._breaks_at:
            raise NumericalError(f"V1: activity must be finite (got nan at time {self.time:g}). Lower a learning rate.")

    def diagnostics(self) -> dict[str, int | float | str]:
        """Count results that deserve a warning."""
        return {}


def run_spec(output_dir: Path, **changes: Any) -> RunSpec:
    """Describe a short run of a `FakeSimulation`, complete but for what `changes` says.

    Args:
        output_dir: Where its directory is made.
        **changes: Fields of RunSpec; `sim` stands for the arguments of FakeSimulation.
    """
    arguments = changes.pop("sim", {})
    build = cast("Callable[[], Simulation]", lambda: FakeSimulation(**arguments))
    fields: dict[str, Any] = {
        "model": "fake",
        "build": build,
        "parameters": {"rows": 4, "seed": 0, **arguments},
        "given": arguments,
        "times": (0.0, 5.0, 10.0),
        "analyses": {"activity": fake_analysis},
        "on_analysis_error": "fail",
        "engine": "compiled",
        "directory_name": "202611221137_fake",
        "output_dir": output_dir,
        "command": "python -m topo_exp model=fake",
        "script_repr": "last",
        "snapshot": "last",
        "progress": False,
        "verbose": False,
        "tracking": "none",
    }
    return RunSpec(**{**fields, **changes})


def fake_analysis(sim: Simulation) -> Any:
    """Measure the activity of V1: its mean, its map and its picture."""
    from functools import partial

    import xarray as xr

    from topo_exp.analysis.result import Result

    activity = sim["V1"].activity
    rows, cols = activity.shape
    coordinates = {"y": np.linspace(0.5, -0.5, rows), "x": np.linspace(-0.5, 0.5, cols)}
    return Result(
        metrics={"V1/activity_mean": float(activity.mean()), "V1/activity_max": float(activity.max())},
        maps=xr.Dataset({"activity": (("y", "x"), activity)}, coords=coordinates),
        figures={"V1/activity": partial(draw_matrix, activity, title=f"V1 at {sim.time:g}")},
    )


def draw_matrix(matrix: FloatArray, *, title: str) -> Any:
    """Draw a matrix as an image, small and plain."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    axes = figure.add_subplot()
    axes.imshow(matrix)
    axes.set_title(title)
    return figure
