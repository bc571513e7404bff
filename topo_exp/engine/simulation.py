"""The simulation: a network, its clock, and the actions that are scheduled on it.

At each time all arrivals are delivered first, then every sheet that received something is processed, then scheduled
actions run.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from topo_exp.engine.compiled.adoption import adopt
from topo_exp.engine.events import Events
from topo_exp.engine.explain import Explanation
from topo_exp.engine.health import diagnoses, require_finite
from topo_exp.engine.moment import Moment
from topo_exp.engine.network import Network
from topo_exp.engine.patterns import Pattern, Sampler
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.script import script_of
from topo_exp.engine.sheet import GeneratorSheet, Sheet
from topo_exp.engine.state import (
    Undo,
    differences_text,
    differing,
    network_state,
    require_same_sheets,
    restore_network,
    set_parameters,
    stored_parameters,
)
from topo_exp.engine.streams import Streams
from topo_exp.engine.workers import Watch, WatchedWorker, Workers
from topo_exp.errors import ModelError, ParameterError, StateError, nearest
from topo_exp.typing import FloatArray, State

Action: TypeAlias = Callable[["Simulation"], None]

REFERENCE_SEED = (500, 500)
"""Seed of the stream from which the reference draws all initial weights."""

ENGINES = ("compiled", "reference")


@runtime_checkable
class Prepared(Protocol):
    """An action that has work to do as soon as it is scheduled."""

    def prepare(self, sim: "Simulation") -> None:
        """Prepare the simulation for this action."""


@runtime_checkable
class Redoable(Protocol):
    """An action whose effects can be restored: they are part of states, or `redo` repeats the rest."""

    def redo(self, sim: "Simulation") -> None:
        """Repeat the effects that are not part of a state in which this action has run."""


class Simulation:
    """A network of sheets and the time it has reached.

    Args:
        name: Name in messages and scripts.
        seed: Seed of the stream that all initial weights are drawn from.
        engine: "compiled", fast and in single precision, or "reference": dense, in double precision, with weights
            rounded to float32 as the reference simulator rounds them.
    """

    def __init__(
        self, name: str = "Simulation", *, seed: int | tuple[int, ...] = REFERENCE_SEED, engine: str = "compiled"
    ) -> None:
        self.name = name
        self.seed = seed
        self.network = Network(name, seed)
        self.sheets = self.network.sheets
        """Sheets by name, in the order in which they were added."""
        self.streams = self.network.streams
        self.plastic = True
        """False while frozen: nothing learns."""
        self.actions: list[tuple[Fraction, Action]] = []
        """Scheduled actions with their times, in the order in which they were scheduled."""
        self.events = Events()
        """The clock and its pending events."""
        self._done: set[int] = set()
        self._declared: dict[tuple[str, str], object] = {}
        """Values that scheduled actions have replaced, by path and parameter."""
        self._time = Fraction(0)
        self._workers: Workers | None = None
        """None before the first run."""
        self._watch: Watch | None = None
        self._frozen = False
        self.engine = engine

    # --- building ---------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> str:
        """The implementation that simulates: "compiled" or "reference". Set it before the first run."""
        return self._engine

    @engine.setter
    def engine(self, engine: str) -> None:
        if engine not in ENGINES:
            raise ParameterError(
                f"Simulation.engine: must be one of {ENGINES} (got {engine!r}). {nearest(engine, ENGINES)}"
            )
        if self._workers is not None:
            raise ModelError("Simulation.engine: must be chosen before the first run (it has begun). Build it anew.")
        self._engine = engine

    def add(self, sheet: Sheet) -> Sheet:
        """Add a sheet to the network, and return it."""
        self.network.add(sheet)
        return sheet

    def connect(self, src: str, dest: str, projection: Projection) -> Projection:
        """Connect two sheets by a projection, drawing its initial weights, and return it."""
        self.network.connect(src, dest, projection)
        return projection

    def schedule(self, time: float, action: Action) -> None:
        """Run `action(sim)` when `time` is reached, after all events of that time.

        Args:
            time: When; actions of equal times run in the order in which they were scheduled.
            action: Any function of the simulation, or an object from `actions`.

        Raises:
            ParameterError: If the time has passed.
        """
        when = Fraction(str(time))
        if when < self._time or (when == self._time and self._workers is not None):
            raise ParameterError(
                f"Simulation.schedule: time must lie ahead (got {time} at {self.time}). Choose a later one."
            )
        if isinstance(action, Prepared):
            action.prepare(self)
        self.actions.append((when, action))

    def __getitem__(self, name: str) -> Sheet:
        return self.network.sheet(name)

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """The time reached, in iterations."""
        return float(self._time)

    def start(self) -> None:
        """Finish building: normalise joint groups, lay the clock, choose the implementation of each sheet."""
        self._started()

    def _started(self) -> Workers:
        """Return the workers of a simulation that is started, if it was not."""
        if self._workers is None:
            self.network.start()
            self._workers = self._new_workers()
            self.refresh()
            for sheet in self.sheets.values():
                if isinstance(sheet, GeneratorSheet):
                    self.events.push(self.events.ticks(sheet.phase), sheet)
        return self._workers

    def _new_workers(self) -> Workers:
        return adopt(self.network, self.events) if self.engine == "compiled" else Workers(self.network)

    def refresh(self) -> None:
        """Read all parameters again: lay the clock, and choose the implementation of each sheet."""
        for sheet in self.sheets.values():
            sheet.refresh()
        self.streams.refresh()
        self.events.lay(self.sheets)
        if self._workers is not None:
            self._workers.refresh()

    def run(self, until: float) -> None:
        """Process all events up to and including the time `until`; slicing a run changes no bit of it.

        Args:
            until: The time to reach.

        Raises:
            ParameterError: If the time has passed.
        """
        end = Fraction(str(until))
        if end < self._time:
            raise ParameterError(
                f"Simulation.run: until must not lie behind (got {until} at {self.time}). Choose a later time."
            )
        workers = self._started()
        self.refresh()
        due = sorted((when, i) for i, (when, _) in enumerate(self.actions) if i not in self._done and when <= end)
        try:
            for when, i in () if self._frozen else due:
                self._advance(workers, when)
                self._complete(workers)
                self._done.add(i)
                self.actions[i][1](self)
                self.refresh()
            self._advance(workers, end)
        finally:  # a caller that catches an exception may read state
            self._complete(workers)

    def _advance(self, workers: Workers, end: Fraction) -> None:
        events, reached = self.events, self.events.reached
        events.limit = events.ticks_at(end)
        acting = workers if self._watch is None else _watched(workers, self._watch)
        while happening := events.next_moment():
            moment = Moment(events.tick, events.ticks_per_unit, self.plastic, self.streams, events.send)
            for sheet, projection, activity in happening:
                if projection is None or activity is None:
                    self._present(sheet, moment)
                else:
                    reached.add(sheet)
                    acting[sheet].receive(projection, activity)  # type: ignore[arg-type]  # they are projections
            for sheet, worker in acting.items():
                if sheet in reached:
                    worker.process(moment)
                    reached.remove(sheet)
        self._time = end

    def _complete(self, workers: Workers) -> None:
        """Run deferred work of all sheets: the caller may read state next."""
        for worker in workers.values():
            worker.complete()

    def _present(self, sheet: Sheet, moment: Moment) -> None:
        assert isinstance(sheet, GeneratorSheet)
        moment.send(sheet.present(moment.now), sheet.outgoing)
        self.events.present_again(sheet)

    @contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """Run the work of each sheet within a context of the caller's, for example one that takes the time.

        Args:
            watch: f(name of the sheet) -> context manager, entered around each piece of that sheet's work.
        """
        before, self._watch = self._watch, watch
        try:
            yield
        finally:
            self._watch = before

    # --- looking ----------------------------------------------------------------------------------------------------

    @contextmanager
    def frozen(self) -> Iterator["Simulation"]:
        """Switch plasticity off, and on leaving restore everything bit for bit to its state on entering.

        Scheduled actions wait, since not all of their effects could be undone.
        """
        self._started()
        undo = Undo(self.network, self._state(weights=False))
        before = self.plastic, self._frozen
        self.plastic, self._frozen = False, True
        try:
            yield self
        finally:
            self.plastic, self._frozen = before
            self._restore(undo.end())

    @property
    def is_frozen(self) -> bool:
        """Whether everything that happens now will be undone."""
        return self._frozen

    def respond(
        self,
        patterns: Mapping[str, Sequence[Pattern]],
        *,
        sheets: Iterable[str] | None = None,
        duration: float = 1.0,
        afferent_only: bool = False,
    ) -> dict[str, FloatArray]:
        """Return the sheets' responses to each of a list of presentations.

        Each presentation begins with no activity anywhere and no pending events. Works inside `frozen` only, which
        restores the state afterwards.

        Args:
            patterns: For each generator sheet by name a list of patterns with constant numbers, all lists equally
                long. Other generator sheets show nothing.
            sheets: Names of the sheets whose responses are returned; None for all.
            duration: Time that each presentation lasts.
            afferent_only: Whether measured sheets return the input of their first activation, before output functions
                and lateral input.

        Returns:
            By sheet a new array (presentations, rows, columns).

        Raises:
            ModelError: If the simulation is not frozen, or a sheet with patterns is no GeneratorSheet.
            ParameterError: If the lists are not equally long.
        """
        if not self._frozen:
            raise ModelError(
                "Simulation.respond: must be called within `with sim.frozen():` (it is not). Wrap the call."
            )
        lengths = {name: len(shown) for name, shown in patterns.items()}
        if len(set(lengths.values())) != 1:
            raise ParameterError(
                f"Simulation.respond: lists of patterns must be equally long (got {lengths}). Align them."
            )
        workers = self._started()
        self.refresh()
        count = next(iter(lengths.values()))
        responses: dict[str, FloatArray] = {
            name: np.zeros((count, *self[name].shape)) for name in (self.sheets if sheets is None else sheets)
        }
        try:
            for i in range(count):
                for sheet, worker in workers.items():
                    if sheet.name in responses:  # the sheets keep the last presentation
                        worker.defer_settling(responses[sheet.name][i] if i < count - 1 else None)
                self._present_alone(
                    workers, {name: shown[i] for name, shown in patterns.items()}, duration, afferent_only=afferent_only
                )
                for name, response in responses.items():
                    response[i] = self.sheets[name].activity
        finally:
            for worker in workers.values():
                worker.settle_deferred()
        self._complete(workers)
        return responses

    def _present_alone(
        self, workers: Workers, patterns: Mapping[str, Pattern], duration: float, *, afferent_only: bool
    ) -> None:
        begin = self._time
        self.events.clear()
        for sheet in self.sheets.values():
            sheet.clear()
        for worker in workers.values():
            worker.reset()
        self._set_afferent_only(afferent_only)
        for name, pattern in patterns.items():
            generator = self[name]
            if not isinstance(generator, GeneratorSheet):
                raise ModelError(f"Simulation.respond: {name!r} must be a GeneratorSheet (it is not). Name one.")
            now = begin + Fraction(str(generator.phase))
            self.events.tick = self.events.ticks_at(now)
            drawing = Sampler(pattern, Streams(0), name).draw(now, generator.grid.x, generator.grid.y)
            self.events.send(generator.show(drawing), generator.outgoing)
        self._advance(workers, begin + Fraction(str(duration)))
        self._time = begin
        self._set_afferent_only(False)

    def _set_afferent_only(self, afferent_only: bool) -> None:
        for sheet in self.network.cortical:
            sheet.afferent_only = afferent_only

    @property
    def projections(self) -> list[Projection]:
        """All projections, sheet by sheet."""
        return self.network.projections

    @property
    def n_connections(self) -> int:
        """Connections of all projections together."""
        return sum(projection.n_connections for projection in self.projections)

    @property
    def nbytes(self) -> int:
        """Bytes that all weights take."""
        return self.network.nbytes

    def explain(self) -> Explanation:
        """Return which implementation computes each sheet and each projection, and for a dense one the reason.

        `print(sim.explain())` shows an aligned table. A run may have begun or not.
        """
        return (self._workers or self._new_workers()).explain()

    def check_finite(self) -> None:
        """Raise NumericalError if an activity or a weight is no longer a finite number, naming where and when."""
        require_finite(self.network, self.time)

    def diagnostics(self) -> dict[str, str]:
        """Return a warning by sheet for silent and saturated activity, which are results, not errors."""
        return diagnoses(self.network) if self._time > 0 else {}

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that a run changes, bit for bit, as named arrays without objects.

        The arrays are copies. Before the first run this is the state with which that run would begin.
        """
        if self._workers is None:
            begun = copy.deepcopy(self)
            begun.start()
            return begun.state()
        return self._state(weights=True)

    def _state(self, *, weights: bool) -> State:
        state: State = {"time": np.array([self._time.numerator, self._time.denominator])}
        state["actions_done"] = np.array(sorted(self._done), np.int64)
        return state | network_state(self.network, self.events, weights=weights)

    def restore(self, state: State, parameters: Literal["state", "keep"] | None = None) -> None:
        """Set this simulation to a stored state of the same model.

        Args:
            state: The state, from `state()`.
            parameters: Which values parameters take where those of the state differ from those of this simulation:
                "state" takes the state's, so that the run continues as it would have, "keep" keeps this simulation's,
                so that it continues with, for example, another learning rate. By default they must not differ, except
                after actions that are plain functions: these may have changed any parameter, and the state's are taken.

        Raises:
            StateError: If the state lacks a sheet, an array has another shape, or parameters differ and `parameters`
                is not given; the message names them.
        """
        if parameters not in (None, "state", "keep"):
            raise ParameterError(
                f'Simulation.restore: parameters must be "state" or "keep" (got {parameters!r}). '
                f"{nearest(str(parameters), ('state', 'keep'))}"
            )
        self._started()
        require_same_sheets(self.network, state)
        before, done = self._done, {int(i) for i in state["actions_done"]}
        self._redo_actions(done)
        if parameters is None and not self._has_run_functions(before | done):
            found = differing(self.network, stored_parameters(state))
            if found:
                self._redo_actions(before)
                raise StateError(differences_text(self.name, found))
        self._restore(state, parameters or "state")

    def _restore(self, state: State, parameters: str = "state") -> None:
        workers = self._started()
        self._time = Fraction(int(state["time"][0]), int(state["time"][1]))
        self._redo_actions({int(i) for i in state["actions_done"]})
        if parameters == "state":
            set_parameters(self.network, stored_parameters(state))
        restore_network(self.network, self.events, state, self.refresh)
        for worker in workers.values():
            worker.reset()

    def _has_run_functions(self, done: set[int]) -> bool:
        """Return True if one of some actions is a plain function, whose effects are not known."""
        return any(not isinstance(self.actions[i][1], Redoable) for i in done if i < len(self.actions))

    def _redo_actions(self, done: set[int]) -> None:
        """Reset the parameters that actions have set, and set those that the given actions set."""
        if done == self._done:
            return
        for (path, name), value in self._declared.items():
            setattr(self.network.find(path), name, value)
        self._declared.clear()
        self._done = done
        for _, i in sorted((self.actions[i][0], i) for i in done if i < len(self.actions)):
            action = self.actions[i][1]
            if isinstance(action, Redoable):
                action.redo(self)

    def replace_parameter(self, path: str, parameter: str, value: object) -> None:
        """Set a parameter from an action, so that restoring a state from before the action resets it.

        Args:
            path: Path of its owner, such as "V1/Afferent".
            parameter: Its name.
            value: Its new value; streams of a varying number begin afresh.
        """
        owner = self.network.find(path)
        self._declared.setdefault((path, parameter), getattr(owner, parameter))
        self.streams.forget(f"{path}.{parameter}")
        setattr(owner, parameter, value)

    def script_repr(self) -> str:
        """Return Python source that builds this network, with its present parameters, as `sim`."""
        return script_of(self.network, type(self), engine=self.engine, actions=self.actions, time=self.time)


def _watched(workers: Workers, watch: Watch) -> dict[Sheet, WatchedWorker]:
    return {sheet: WatchedWorker(worker, sheet.name, watch) for sheet, worker in workers.items()}
