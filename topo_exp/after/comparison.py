"""Two recorded runs: what differs, the first time at which their results diverge, and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.after.arrays import array_difference
from topo_exp.after.causes import causes_between
from topo_exp.after.differences import Comparison, Divergence, ResultKind, rank
from topo_exp.errors import RecordError
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import METRICS, map_path
from topo_exp.record.results import read_results

if TYPE_CHECKING:
    import xarray as xr

ORDER = ("state", "map", "metric")
STREAMS = "streams/"
"""Beginning of the names of the states of random numbers, whose differences have no size."""


def compare(a: Path | str | RunHandle, b: Path | str | RunHandle) -> Comparison:
    """Compare two recorded runs; nothing that a record names is executed.

        found = topo_exp.compare("Output/202611221137_gcal", "Output/202611231137_gcal")
        print(found)
        found.is_equal, found.first_time, found.causes, found.divergences

    States are compared at the times of which both runs keep one; maps and metrics at all times. A map or metric
    that one run has and the other lacks counts as a difference, a state does not. Differences of cyclic maps are those
    of the shorter way round.

    Args:
        a: The first run: its directory, or a handle.
        b: The second run.

    Returns:
        All differences; printed, they are a report.

    Raises:
        RecordError: One of them is no run directory.
    """
    one, two = (run if isinstance(run, RunHandle) else RunHandle(run) for run in (a, b))
    search = _Search(one, two)
    for find in (search.states, search.maps, search.metrics):
        search.read(find)
    found = sorted(search.found, key=lambda each: (each.time, ORDER.index(each.kind), *rank(each.name)))
    for run, name in ((one, "A"), (two, "B")):
        if run.status != "done":
            search.notes.append(f"{name} is {run.status}, with {len(run.times)} analysis times")
    return Comparison(
        one.directory,
        two.directory,
        tuple(causes_between(one, two)),
        tuple(found),
        search.compared,
        tuple(search.notes),
        search.is_readable,
    )


@dataclass
class _Search:
    """The results of two runs that differ, as far as they have been searched."""

    a: RunHandle
    b: RunHandle
    found: list[Divergence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    compared: int = 0
    is_readable: bool = True

    def read(self, find: Callable[[], Iterator[Divergence]]) -> None:
        """Search one kind of results; a damaged file becomes a note."""
        try:
            self.found.extend(find())
        except RecordError as error:
            self.notes.append(str(error))
            self.is_readable = False

    def states(self) -> Iterator[Divergence]:
        """Compare the states at the times of which both runs keep one."""
        kept = self.a.checkpoints(), self.b.checkpoints()
        self._note_missing("states", set(kept[0]), set(kept[1]))
        for time in sorted({*kept[0]} & {*kept[1]}):
            one, two = self.a.state(time), self.b.state(time)
            file = kept[0][time].relative_to(self.a.directory).as_posix()
            for name in dict.fromkeys([*one, *two]):
                for each in self._array("state", name, time, one.get(name), two.get(name)):
                    yield replace(each, file=file)

    def maps(self) -> Iterator[Divergence]:
        """Compare the maps at all times."""
        for time in self._times(set(self.a.times), set(self.b.times)):
            one, two = self.a.maps_at(time), self.b.maps_at(time)
            for name in sorted({*one, *two}):
                file = map_path(self.a.directory, name, time).relative_to(self.a.directory).as_posix()
                for each in self._dataset(name, time, one.get(name), two.get(name)):
                    yield replace(each, file=file)

    def metrics(self) -> Iterator[Divergence]:
        """Compare the metrics at all times."""
        one, two = self.a.metrics, self.b.metrics
        over_time = {name for run in (self.a, self.b) for name in _over_time(run)}
        for time in self._times({*map(float, one.index)}, {*map(float, two.index)}):
            for name in sorted({*one.columns, *two.columns}):
                x, y = (
                    np.array(table.at[time, name], dtype=float) if name in table.columns else None
                    for table in (one, two)
                )
                for each in self._array("metric", name, time, x, y):
                    text = each.amount if x is None or y is None else f"{float(x):.6g} | {float(y):.6g}"
                    text = f"{text}, {each.amount}" if math.isfinite(each.size) else text
                    yield replace(each, text=text, file=METRICS, is_over_time=name in over_time)

    def _dataset(self, name: str, time: float, one: xr.Dataset | None, two: xr.Dataset | None) -> Iterator[Divergence]:
        if one is None or two is None:
            yield Divergence("map", name, time, text="only in B" if one is None else "only in A")
            return
        for variable in dict.fromkeys([*map(str, one.variables), *map(str, two.variables)]):
            found = [dataset.variables.get(variable) for dataset in (one, two)]
            attributes: Mapping[str, object] = next(each.attrs for each in found if each is not None)
            x, y = (None if each is None else np.asarray(each.values) for each in found)
            yield from self._array("map", f"{name}/{variable}", time, x, y, attributes)

    def _array(
        self,
        kind: ResultKind,
        name: str,
        time: float,
        one: np.ndarray | None,
        two: np.ndarray | None,
        attributes: Mapping[str, object] | None = None,
    ) -> Iterator[Divergence]:
        if one is None or two is None:
            yield Divergence(kind, name, time, text="only in B" if one is None else "only in A")
            return
        self.compared += 1
        attributes = attributes or {}
        difference = array_difference(one, two, period_of(attributes))
        if difference is None:
            return
        text = "other random numbers" if kind == "state" and name.startswith(STREAMS) else difference.text
        yield Divergence(
            kind,
            name,
            time,
            size=difference.size,
            mean=difference.mean,
            relative=math.inf if text else difference.relative,
            count=difference.count,
            total=difference.total,
            unit=str(attributes.get("units", "")),
            text=text,
        )

    def _times(self, one: set[float], two: set[float]) -> list[float]:
        self._note_missing("results", one, two)
        return sorted(one & two)

    def _note_missing(self, what: str, one: set[float], two: set[float]) -> None:
        for name, times in (("A", one - two), ("B", two - one)):
            if times:
                shown = ", ".join(f"{time:g}" for time in sorted(times)[:10]) + (" ..." if len(times) > 10 else "")
                note = f"{what} of {len(times)} times are in {name} only: {shown}"
                if note not in self.notes:
                    self.notes.append(note)


def _over_time(run: RunHandle) -> set[str]:
    """Return the names of the metrics that were measured from the maps of all times."""
    return {row[1] for entry in read_results(run.directory, None).values() for row in entry.rows}


def period_of(attributes: Mapping[str, object]) -> float | None:
    """Return the period of a map from its attributes; None if it is not cyclic."""
    value = attributes.get("period")
    period = float(value) if isinstance(value, int | float | np.number) else math.nan
    return period if math.isfinite(period) and period > 0 else None
