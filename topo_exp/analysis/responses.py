"""Collect responses over every combination of feature values, on a frozen simulation.

A measurement accepts a callback `progress`: it is called after each batch of presentations with a `Cost`, which holds
the presentations done, their total, and the time elapsed.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.engine.checks import name_of
from topo_exp.errors import AnalysisError, UnknownNameError, nearest
from topo_exp.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import DataArray

    from topo_exp.engine.patterns import Pattern
    from topo_exp.engine.sheet import Sheet
    from topo_exp.engine.simulation import Simulation

BATCH = 17
"""Default number of presentations given to the simulation at once: few enough for several reports of progress.

One more than a multiple of four: sheets settle to four presentations at once, except for the last.
"""


@dataclass(frozen=True)
class Cost:
    """The state of a measurement: presentations `done` of `total`, and seconds `elapsed`."""

    done: int
    total: int
    elapsed: float

    @property
    def remaining(self) -> float:
        """Estimated seconds for the rest, at the rate so far; NaN before the first batch."""
        return self.elapsed / self.done * (self.total - self.done) if self.done else math.nan

    def __str__(self) -> str:
        """Return the state as a progress bar shows it."""
        left = "" if math.isnan(self.remaining) else f", {self.remaining:.0f} s left"
        return f"{self.done}/{self.total}{left}"


Progress: TypeAlias = Callable[[Cost], None]


def silent(cost: Cost) -> None:
    """Report nothing."""


def collect(
    sim: "Simulation",
    features: Sequence[Feature],
    stimulus: Stimulus,
    *,
    sheets: Iterable[str] | None = None,
    inputs: Iterable[str] | None = None,
    duration: float = 1.0,
    afferent_only: bool = False,
    batch: int = BATCH,
    progress: Progress = silent,
) -> "dict[str, DataArray]":
    """Present `stimulus` at every combination of the values of `features`, and collect the responses.

    Each presentation begins from zero activity with plasticity off, and the simulation is afterwards restored, bit for
    bit.

    Args:
        sim: The simulation.
        features: In order of the result's axes; each modifies the pattern after those before it.
        stimulus: The pattern that they modify.
        sheets: Names of the sheets to record; None records those with `measure_maps`.
        inputs: Names of the generator sheets that show the pattern; None takes all.
        duration: Of a presentation, in iterations.
        afferent_only: Record the response before settling and without output functions.
        batch: Presentations given to the simulation at once.
        progress: Called after each batch.

    Returns:
        For each recorded sheet a DataArray (features ..., y, x), with the features' values and the unit centres in
        sheet coordinates, and the measurement's parameters as attributes.

    Raises:
        AnalysisError: The simulation has no sheet to measure or none to show a pattern on.
        UnknownNameError: A sheet that the simulation does not have.
    """
    from xarray import DataArray  # here, because xarray takes longer to load than the whole package

    if len({feature.name for feature in features}) != len(features):
        raise AnalysisError(
            f"collect.features: names must differ (got {[feature.name for feature in features]}). Drop one of them."
        )
    recorded = measured_sheets(sim, sheets)
    shown = input_sheets(sim, inputs)
    shape = tuple(len(feature.values) for feature in features)
    points = list(itertools.product(*(feature.values for feature in features)))
    patterns = {name: [stimulus.at(features, point, name) for point in points] for name in shown}
    collected = present(
        sim, patterns, sheets=recorded, duration=duration, afferent_only=afferent_only, batch=batch, progress=progress
    )
    attributes = {
        "pattern": name_of(stimulus.pattern),
        **{f"pattern_{name}": value for name, value in stimulus.parameters.items()},
        "inputs": " ".join(shown),
        "presentations": len(points),
        "presentation_duration": duration,
        "afferent_only": afferent_only,
        "simulation_time": float(sim.time),
    }
    coordinates = {f.name: (f.name, np.array(f.values), _feature_attributes(f)) for f in features}
    return {
        name: DataArray(
            responses.reshape(*shape, *responses.shape[1:]),
            dims=(*coordinates, "y", "x"),
            coords={**coordinates, **sheet_coordinates(sim[name])},
            name="response",
            attrs=plain_attributes({"sheet": name, **attributes}),
        )
        for name, responses in collected.items()
    }


def present(
    sim: "Simulation",
    patterns: "Mapping[str, Sequence[Pattern]]",
    *,
    sheets: Iterable[str],
    duration: float = 1.0,
    afferent_only: bool = False,
    batch: int = BATCH,
    progress: Progress = silent,
) -> dict[str, FloatArray]:
    """Present lists of patterns, one list for each input sheet, and return {sheet: (presentations, rows, cols)}.

    The arguments are those of `collect`; the simulation is restored as there.
    """
    total = max((len(given) for given in patterns.values()), default=0)
    parts: dict[str, list[FloatArray]] = {name: [] for name in sheets}
    began = time.perf_counter()
    with sim.frozen():
        for start in range(0, total, batch):
            portion = {name: list(given[start : start + batch]) for name, given in patterns.items()}
            answers = sim.respond(portion, sheets=parts, duration=duration, afferent_only=afferent_only)
            for name, collected in parts.items():
                collected.append(np.asarray(answers[name]))
            progress(Cost(min(start + batch, total), total, time.perf_counter() - began))
    return {name: np.concatenate(collected) for name, collected in parts.items()}


def measured_sheets(sim: "Simulation", names: "Iterable[str] | str | None" = None) -> list[str]:
    """Return the names of the sheets to measure: those given, or all with `measure_maps`.

    Raises UnknownNameError for a name that the simulation does not have, AnalysisError if there is nothing to measure.
    """
    found = measurable_sheets(sim, names)
    if not found:
        raise AnalysisError(f"{sim.name}: has no sheet with measure_maps=True (got {list(sim.sheets)}). Name a sheet.")
    return found


def measurable_sheets(sim: "Simulation", names: "Iterable[str] | str | None" = None) -> list[str]:
    """Return the names of the sheets to measure as `measured_sheets` does; the list may be empty."""
    if names is not None:
        return _known(sim, names)
    return [name for name, sheet in sim.sheets.items() if sheet.measure_maps and not sheet.is_generator]


def input_sheets(sim: "Simulation", names: "Iterable[str] | str | None" = None) -> list[str]:
    """Return the names of the generator sheets that show patterns: those given, or all. Raises as `measured_sheets`."""
    found = _known(sim, names) if names is not None else list(sim.sheets)
    generators = [name for name in found if sim.sheets[name].is_generator]
    if not generators or (names is not None and generators != found):
        raise AnalysisError(f"{sim.name}: patterns are shown on generator sheets (got {found}). Name generator sheets.")
    return generators


def sheet_coordinates(
    sheet: "Sheet", *, rows: IntArray | slice = slice(None), cols: IntArray | slice = slice(None), prefix: str = ""
) -> dict[str, Any]:
    """Return the coordinates of a sheet's units, or of some rows and columns, named <prefix>y and <prefix>x."""
    attributes = {"units": "sheet coordinates"}
    return {
        f"{prefix}y": (f"{prefix}y", np.asarray(sheet.y)[rows], {"long_name": "y of the unit", **attributes}),
        f"{prefix}x": (f"{prefix}x", np.asarray(sheet.x)[cols], {"long_name": "x of the unit", **attributes}),
    }


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes that NetCDF can hold: truth values as 0 and 1, sequences as lists, None left out."""
    plain: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, bool | np.bool_):
            plain[name] = int(value)
        elif isinstance(value, str | int | float | np.number):
            plain[name] = value
        elif value is not None:
            plain[name] = np.asarray(value).tolist()
    return plain


def _feature_attributes(feature: Feature) -> dict[str, Any]:
    return plain_attributes({"units": feature.unit, "period": feature.period})


def _known(sim: "Simulation", names: "Iterable[str] | str") -> list[str]:
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in sim.sheets:
            raise UnknownNameError(f"{sim.name}: has no sheet {name!r}. {nearest(name, sim.sheets)}")
    return wanted
