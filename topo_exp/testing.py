"""Doubles for tests, of this package and of extensions of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from topo_exp.errors import NumericalError, StateError
from topo_exp.runner.options import OPTIONS, RunOptions
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


@dataclass(frozen=True)
class FakeForm:
    """A row of `Simulation.explain()`.

    Args:
        sheet: Destination.
        projection: Name of the projection.
        form: "compiled" or "dense".
        reason: The reason for the dense form.
        weights: Number of weights.
        megabytes: Memory of the weights.
    """

    sheet: str = "V1"
    projection: str = "Afferent"
    form: str = "compiled"
    reason: str = ""
    weights: int = 100
    megabytes: float = 0.001


class FakeSimulation:
    """A simulation without a network: time passes, and one sheet's activity follows a random walk.

    It has the attributes that the runner and an analysis of activity use, and its results depend on the seed alone, not
    on the slices in which it is run.

    Args:
        seed: Seed of the random walk.
        rows: Height and width of the sheet V1, in units.
        seconds_per_iteration: Time that each iteration takes at least.
        breaks_at: Time from which `check_finite` raises; None for never.
        forms: Rows that `explain` returns.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rows: int = 4,
        seconds_per_iteration: float = 0.0,
        breaks_at: float | None = None,
        forms: Sequence[FakeForm] = (),
    ) -> None:
        self.name = "fake"
        self.engine = "compiled"
        self.time = 0.0
        self.sheets = {"V1": FakeSheet("V1", (rows, rows))}
        self.n_connections = rows**4
        self.nbytes = 4 * rows**4
        self.warnings: list[str] = []
        self._seed = seed
        self._seconds = seconds_per_iteration
        self._breaks_at = breaks_at
        self._forms = tuple(forms)
        self._watch: Callable[[str], AbstractContextManager[None]] = _unwatched

    def __getitem__(self, name: str) -> FakeSheet:
        return self.sheets[name]

    def run(self, until: float) -> None:
        """Advance the time."""
        while np.floor(self.time) + 1 <= until:
            self.time = float(np.floor(self.time) + 1)
            with self._watch("V1"):
                step = np.random.default_rng([self._seed, int(self.time)]).normal(size=self["V1"].shape)
                self["V1"].activity = self["V1"].activity + step
                if self._seconds:
                    time.sleep(self._seconds)
        self.time = max(self.time, float(until))

    @contextmanager
    def watched(self, watch: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
        """Enter `watch("V1")` around each iteration within the block."""
        self._watch = watch
        try:
            yield
        finally:
            self._watch = _unwatched

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Restore the state at the end of the block."""
        before, activity = self.time, self["V1"].activity.copy()
        try:
            yield
        finally:
            self.time, self["V1"].activity = before, activity

    def state(self) -> State:
        """Return the complete state."""
        return {"time": np.array(self.time), "V1.activity": self["V1"].activity.copy()}

    def restore(self, state: State) -> None:
        """Take on a state."""
        if state["V1.activity"].shape != self["V1"].shape:
            raise StateError(
                f"V1: activity must have shape {self['V1'].shape} (got {state['V1.activity'].shape}). "
                "Build with the parameters of the run that the state is from."
            )
        self.time = float(state["time"])
        self["V1"].activity = state["V1.activity"].copy()

    def script_repr(self) -> str:
        """Return source that builds an equal simulation."""
        return f"from topo_exp.testing import FakeSimulation\n\nsim = FakeSimulation(seed={self._seed})\n"

    def check_finite(self) -> None:
        """Raise as a real simulation does when a number is not finite."""
        if self._breaks_at is not None and self.time >= self._breaks_at:
            raise NumericalError(f"V1: activity must be finite (got nan at time {self.time:g}). Lower a learning rate.")

    def diagnostics(self) -> dict[str, int | float | str]:
        """Return no finding."""
        return {}

    def explain(self) -> tuple[FakeForm, ...]:
        """Return the given rows."""
        return self._forms


def _unwatched(name: str) -> AbstractContextManager[None]:
    return nullcontext()


def run_spec(output_dir: Path, **changes: Any) -> RunSpec:
    """Describe a short run of a `FakeSimulation`.

    Args:
        output_dir: Directory in which its run directory is made.
        **changes: Fields of RunSpec and of RunOptions that replace those of the short run; `sim` for the arguments of
            FakeSimulation.
    """
    arguments = changes.pop("sim", {})
    build = cast("Callable[[], Simulation]", lambda: FakeSimulation(**arguments))
    options: dict[str, Any] = {
        "output_dir": output_dir,
        "times": (0.0, 5.0, 10.0),
        "script_repr": "last",
        "progress": False,
        "tracking": "none",
    }
    options.update({name: changes.pop(name) for name in list(changes) if name in {*OPTIONS} - {"before", "after"}})
    fields: dict[str, Any] = {
        "model": "fake",
        "build": build,
        "parameters": {"rows": 4, "seed": 0, **arguments},
        "given": arguments,
        "options": RunOptions(**options),
        "analyses": {"activity": fake_analysis},
        "directory_name": "202611221137_fake",
        "command": "python -m topo_exp model=fake",
    }
    return RunSpec(**{**fields, **changes})


def fake_analysis(sim: Simulation) -> Any:
    """Measure the activity of V1: its mean and maximum, its map and its picture."""
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
