"""Calls of the analyses, each with the subject that it measures, and their errors by name and time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from topo_exp.errors import AnalysisError, reason_of
from topo_exp.record.handle import RunHandle
from topo_exp.runner.spec import Analysis

if TYPE_CHECKING:
    import xarray as xr

    from topo_exp.analysis.responses import Cost
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation

NamedResult: TypeAlias = "tuple[str, float, Result]"
"""Name, time, and result."""
NOTHING = nullcontext()
Checked = TypeVar("Checked")


class Measuring:
    """Call the analyses of a run.

    Args:
        analyses: By name, in order.
        fail: Called with the error of an analysis, an AnalysisError with its cause; raises it if the run must end.
        begin: Called with the name of an analysis that begins; returns a function that receives its progress.
        timed: Returns a context manager, from the name of an analysis, that measures the time of its block.
    """

    def __init__(
        self,
        analyses: Mapping[str, Analysis],
        *,
        fail: Callable[[AnalysisError], None],
        begin: Callable[[str], Callable[[Cost], None]] = lambda name: _ignore,
        timed: Callable[[str], AbstractContextManager[object]] = lambda name: NOTHING,
    ) -> None:
        from topo_exp.analysis.result import subject_of

        subjects = {name: subject_of(analysis) for name, analysis in analyses.items()}
        self._of = {
            subject: {name: analyses[name] for name in analyses if subjects[name] == subject}
            for subject in ("simulation", "maps", "maps over time")
        }
        self._fail = fail
        self._begin = begin
        self._timed = timed
        self._with_progress = {name for name, analysis in analyses.items() if _takes_progress(analysis)}

    @property
    def needs_simulation(self) -> bool:
        """True if any analysis measures the simulation."""
        return bool(self._of["simulation"])

    @property
    def has_analyses_over_time(self) -> bool:
        """True if any analysis uses the maps of all times."""
        return bool(self._of["maps over time"])

    @property
    def names_at(self) -> frozenset[str]:
        """Names of the analyses that are applied at each time."""
        return frozenset([*self._of["simulation"], *self._of["maps"]])

    def at(
        self, sim: Simulation | None, time: float, stored: Mapping[str, xr.Dataset] | None = None
    ) -> Iterator[NamedResult]:
        """Yield name, time and result of each result at a time; see `by_analysis`."""
        for _, results in self.by_analysis(sim, time, stored):
            yield from ((key, time, result) for key, result in results.items())

    def by_analysis(
        self,
        sim: Simulation | None,
        time: float,
        stored: Mapping[str, xr.Dataset] | None = None,
        *,
        skip: Collection[str] = (),
    ) -> Iterator[tuple[str, dict[str, Result]]]:
        """Apply the analyses of a time: those of the simulation, then those of maps.

        Args:
            sim: The simulation at that time, which is left unchanged; None if no analysis needs it.
            time: Of the results.
            stored: Maps of that time that were recorded earlier; maps measured now take precedence.
            skip: Names of analyses that are not applied, since their results are recorded.

        Yields:
            Name of the analysis, and its results by their names; none if it failed and `fail` did not raise.
        """
        when = f"at time {time:g}"
        measured: dict[str, xr.Dataset] = {}
        for name, analysis in self._of["simulation"].items():
            if name not in skip:
                assert sim is not None
                found = self._call(name, when, analysis, sim, results_by_name, context=sim.frozen()) or {}
                measured.update({key: result.maps for key, result in found.items() if result.maps is not None})
                yield name, found
        for name, analysis in self._of["maps"].items():
            if name not in skip:
                found = self._call(name, when, analysis, _Copies(measured, stored or {}), results_by_name) or {}
                measured.update({key: result.maps for key, result in found.items() if result.maps is not None})
                yield name, found

    def over_time(self, directory: Path) -> Iterator[NamedResult]:
        """Yield name, time and result of each result of the analyses over time; see `over_time_by_analysis`."""
        for _, results in self.over_time_by_analysis(directory):
            for time, named in results.items():
                yield from ((key, time, result) for key, result in named.items())

    def over_time_by_analysis(self, directory: Path) -> Iterator[tuple[str, dict[float, dict[str, Result]]]]:
        """Apply the analyses over time, which read the maps of a whole run from its directory.

        Yields:
            Name of the analysis, and its results by time and name.
        """
        for name, analysis in self._of["maps over time"].items():
            run = RunHandle(directory)
            check = partial(_results_by_time, times=run.times)
            yield name, self._call(name, "over time", analysis, run.maps, check) or {}

    def _call(
        self,
        name: str,
        when: str,
        analysis: Analysis,
        subject: Simulation | Mapping[str, xr.Dataset],
        check: Callable[[str, object], Checked],
        *,
        context: AbstractContextManager[object] = NOTHING,
    ) -> Checked | None:
        """Call one analysis.

        Returns:
            Its checked results; None if it fails and `fail` does not raise.
        """
        on_progress = self._begin(name)
        options = {"progress": on_progress} if name in self._with_progress else {}
        try:
            with self._timed(name), context:
                return check(name, analysis(subject, **options))
        except Exception as error:  # noqa: BLE001  a user's function may raise anything; the error names the function
            failure = AnalysisError(f"{name}: failed {when}{reason_of(error)}")
            failure.__cause__ = error
            self._fail(failure)
            return None


class _Copies(Mapping[str, "xr.Dataset"]):
    """Give copies of maps, so that an analysis may change them while they are still being recorded.

    Args:
        layers: Mappings in which a map is looked up, in this order.
    """

    def __init__(self, *layers: Mapping[str, xr.Dataset]) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> xr.Dataset:
        for layer in self._layers:
            if name in layer:
                return layer[name].copy(deep=True)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for layer in self._layers for name in layer})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _ignore(cost: Cost) -> None:
    """Ignore the progress of an analysis."""


def _takes_progress(analysis: Analysis) -> bool:
    """Return True if a function takes an argument `progress`, as measurements do."""
    if isinstance(analysis, partial) and "progress" in analysis.keywords:
        return False
    try:
        parameter = inspect.signature(analysis).parameters.get("progress")
    except ValueError:  # some functions written in C have no signature
        return False
    return parameter is not None and (parameter.default is None or callable(parameter.default))


def _results_by_time(name: str, returned: object, *, times: tuple[float, ...]) -> dict[float, dict[str, Result]]:
    """Check the return value of an analysis over time, and return results by time and name."""
    if not isinstance(returned, Mapping):
        raise AnalysisError(
            f"{name}: an analysis over time must return a mapping of times to Results "
            f"(got {type(returned).__name__}). Return {{time: Result(...), ...}}."
        )
    for time in returned:
        if time not in times:
            raise AnalysisError(
                f"{name}: an analysis over time must return analysis times (got {time!r}, of {list(times)}). "
                "Take them from the maps: maps[of]['time']."
            )
    return {float(time): results_by_name(name, result) for time, result in returned.items()}


def results_by_name(name: str, returned: object) -> dict[str, Result]:
    """Check the return value of an analysis, and return its results by name.

    Args:
        name: Of the analysis.
        returned: A Result, or a mapping of them, which are then named `<name>.<key>`.

    Raises:
        AnalysisError: It is something else.
    """
    from topo_exp.analysis.result import Result

    if isinstance(returned, Result):
        return {name: returned}
    if isinstance(returned, Mapping) and all(isinstance(entry, Result) for entry in returned.values()):
        return {f"{name}.{key}": entry for key, entry in returned.items()}
    raise AnalysisError(
        f"{name}: an analysis must return a Result, or a mapping of names to Results (got {type(returned).__name__}). "
        "End it with `return topo_exp.analysis.Result(metrics=..., maps=..., figures=...)`."
    )
