"""Analyses, each called with what it looks at, and their errors by name and time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo_exp.errors import AnalysisError
from topo_exp.runner.handle import RunHandle
from topo_exp.runner.recorders import flatten

if TYPE_CHECKING:
    import xarray as xr

    from topo_exp.analysis.responses import Cost
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation

Analysis = Callable[..., Any]
"""A function of the simulation, or of maps; see `topo_exp.analysis.result`."""
Found = tuple[str, float, "Result"]
"""Name, time, and result."""
NOTHING = nullcontext()


class Measuring:
    """Call the analyses of a run.

    Args:
        analyses: By name, in order.
        fail: Told of each error of an analysis, an AnalysisError with its cause; raises it if it is to end everything.
        begin: Called with the name of an analysis that begins; returns what is told of its progress.
        timed: Makes a context, from the name of an analysis, for the time that it takes.
    """

    def __init__(
        self,
        analyses: Mapping[str, Analysis],
        *,
        fail: Callable[[AnalysisError], None],
        begin: Callable[[str], Callable[[Cost], None]] = lambda name: _unheard,
        timed: Callable[[str], AbstractContextManager[Any]] = lambda name: NOTHING,
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
        """Whether any analysis looks at the simulation."""
        return bool(self._of["simulation"])

    @property
    def looks_over_time(self) -> bool:
        """Whether any analysis looks at the whole run."""
        return bool(self._of["maps over time"])

    def at(
        self, sim: Simulation | None, time: float, stored: Mapping[str, xr.Dataset] | None = None
    ) -> Iterator[Found]:
        """Yield what is found at a time: by those that look at the simulation, then by those that look at maps.

        Args:
            sim: Is at that time, and is afterwards as before; None where nobody looks at it.
            time: Of the results.
            stored: Maps of that time that are there already; those measured now go before them.
        """
        when = f"at time {time:g}"
        measured: dict[str, xr.Dataset] = {}
        for name, analysis in self._of["simulation"].items():
            assert sim is not None
            found = self._call(name, when, analysis, sim, within=sim.frozen())
            measured.update({key: result.maps for key, result in found.items() if result.maps is not None})
            yield from ((key, time, result) for key, result in found.items())
        for name, analysis in self._of["maps"].items():
            found = self._call(name, when, analysis, _Copies(measured, stored or {}))
            measured.update({key: result.maps for key, result in found.items() if result.maps is not None})
            yield from ((key, time, result) for key, result in found.items())

    def over_time(self, directory: Path) -> Iterator[Found]:
        """Yield what is found by those that look at the whole of a run, in its directory."""
        for name, analysis in self._of["maps over time"].items():
            run = RunHandle(directory)
            check = partial(_by_time, name, run.times)
            for time, results in self._call(name, "over time", analysis, run.maps, check=check).items():
                yield from ((key, time, result) for key, result in results.items())

    def _call(
        self,
        name: str,
        when: str,
        analysis: Analysis,
        subject: Any,
        *,
        within: AbstractContextManager[Any] = NOTHING,
        check: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Return what an analysis finds, checked; nothing if it fails and that is no reason to end."""
        heard = self._begin(name)
        options = {"progress": heard} if name in self._with_progress else {}
        try:
            with self._timed(name), within:
                return (check or partial(flatten, name))(analysis(subject, **options))
        except Exception as error:  # noqa: BLE001  whatever a user's function raises is told by its name
            failure = AnalysisError(f"{name}: failed {when} (got {type(error).__name__}: {error}).")
            failure.__cause__ = error
            self._fail(failure)
            return {}


class _Copies(Mapping[str, "xr.Dataset"]):
    """Maps that whoever looks at them may change, although they are still being recorded.

    Args:
        layers: Where a map is looked up, in this order.
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


def _unheard(cost: Cost) -> None:
    """Tell nobody."""


def _takes_progress(analysis: Analysis) -> bool:
    """Tell whether a function wants to be given `progress`, as measurements do."""
    if isinstance(analysis, partial) and "progress" in analysis.keywords:
        return False
    try:
        parameter = inspect.signature(analysis).parameters.get("progress")
    except ValueError:  # some functions written in C have no signature
        return False
    return parameter is not None and (parameter.default is None or callable(parameter.default))


def _by_time(name: str, times: tuple[float, ...], returned: Any) -> dict[float, dict[str, Result]]:
    """Take what an analysis over time returned as results by time and name."""
    if not isinstance(returned, Mapping):
        raise AnalysisError(
            f"{name}: an analysis over time must return a mapping of times to Results "
            f"(got {type(returned).__name__}). Return {{time: Result(...), ...}}."
        )
    for time in returned:
        if time not in times:
            raise AnalysisError(
                f"{name}: an analysis over time must speak of analysis times (got {time!r}, of {list(times)}). "
                "Take them from the maps: maps[of]['time']."
            )
    return {float(time): flatten(name, result) for time, result in returned.items()}
