"""The simulation: a network of sheets, its clock, and the events between them.

Time is rational and counted in whole ticks, the common measure of all delays, periods and phases. At each time all
arrivals are delivered first, then every sheet that received something acts, then scheduled actions run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import param

from topo_exp.engine.actions import SetParameter, ShowPattern, find
from topo_exp.engine.events import Events
from topo_exp.engine.patterns import Pattern, Sampler
from topo_exp.engine.presentation import unpack_activity
from topo_exp.engine.projection import CFProjection, Projection
from topo_exp.engine.sheet import CFSheet, GeneratorSheet, Sheet
from topo_exp.engine.streams import NumberGenerator, Streams
from topo_exp.errors import ModelError, NumericalError, ParameterError, StateError, UnknownNameError, nearest
from topo_exp.typing import FloatArray, State

Action = Callable[["Simulation"], None]

REFERENCE_SEED = (500, 500)
"""Seed of the stream from which the reference draws all initial weights."""

ENGINES = ("compiled", "reference")


class Simulation:
    """A network of sheets and the time it has reached.

    `seed` starts the stream that all initial weights are drawn from. `engine` is "compiled", fast and in
    single precision, or "reference": dense, in double precision, with weights rounded to float32 as the reference
    simulator rounds them.
    """

    def __init__(
        self, name: str = "Simulation", *, seed: int | tuple[int, ...] = REFERENCE_SEED, engine: str = "compiled"
    ) -> None:
        self.name = name
        self.seed = seed
        self.sheets: dict[str, Sheet] = {}
        """Sheets by name, in the order in which they were added."""
        self.streams = Streams(seed)
        self.plastic = True
        """False while frozen: nothing learns."""
        self.actions: list[tuple[Fraction, Action]] = []
        """Scheduled actions with their times, in the order in which they were scheduled."""
        self.projections_in_order: list[Projection] = []
        """Projections in the order in which they were connected, and their initial weights drawn."""
        self._done: set[int] = set()
        self._declared: dict[tuple[str, str], Any] = {}
        """What scheduled actions have replaced, by path and parameter."""
        self._time = Fraction(0)
        self._now: Fraction | None = Fraction(0)
        self.events = Events()
        """What is to come, and the clock."""
        self._workers: dict[Sheet, Any] = {}
        """What does the work of each sheet that receives something: its executor, or the sheet itself."""
        self._kept: list[State] = []
        self._started = False
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
        if self._started:
            raise ModelError("Simulation.engine: must be chosen before the first run (it has begun). Build it anew.")
        self._engine = engine

    def add(self, sheet: Sheet) -> Sheet:
        """Add a sheet to the network, and return it."""
        self._refuse_when_started(f"sheet {sheet.name!r}")
        if sheet.name in self.sheets:
            raise ModelError(f"Simulation.add: names must differ (got a second {sheet.name!r}). Rename one.")
        if hasattr(sheet, "simulation"):
            raise ModelError(f"{sheet.name}: must belong to one simulation only (got a second). Declare another one.")
        sheet.simulation = self
        self.sheets[sheet.name] = sheet
        return sheet

    def connect(self, src: str, dest: str, projection: Projection) -> Projection:
        """Connect two sheets by a projection, drawing its initial weights, and return it."""
        self._refuse_when_started(f"projection {projection.name!r}")
        source, destination = self[src], self[dest]
        if not isinstance(destination, CFSheet):
            raise ModelError(f"Simulation.connect: a projection must lead to a CFSheet (got {dest!r}). Choose another.")
        if projection.name in destination.projections:
            raise ModelError(
                f"{dest}: names of projections must differ (got a second {projection.name!r}). Rename one."
            )
        projection.attach(source, destination, self.streams)
        destination.projections[projection.name] = projection
        source.outgoing.append(projection)
        self.projections_in_order.append(projection)
        return projection

    def schedule(self, time: float, action: Action) -> None:
        """Let `action(sim)` run when `time` is reached, after all that happens then; equal times in this order."""
        when = Fraction(str(time))
        if when < self._time or (when == self._time and self._started):
            raise ParameterError(
                f"Simulation.schedule: time must lie ahead (got {time} at {self.time}). Choose a later one."
            )
        if isinstance(action, ShowPattern):
            sheet = self[action.sheet]
            if isinstance(sheet, GeneratorSheet):
                sheet.expect(action.pattern)
        self.actions.append((when, action))

    def __getitem__(self, name: str) -> Sheet:
        if name not in self.sheets:
            raise UnknownNameError(
                f"{self.name}: must have the sheet named (got {name!r}). {nearest(name, self.sheets)}"
            )
        return self.sheets[name]

    def _refuse_when_started(self, what: str) -> None:
        if self._started:
            raise ModelError(f"{what}: must be added before the first run (it has begun). Add it while building.")

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """The time reached, in iterations."""
        return float(self._time)

    @property
    def now(self) -> Fraction:
        """The exact time of the event that is being processed."""
        if self._now is None:
            self._now = Fraction(self.events.tick, self.events.ticks_per_unit)
        return self._now

    def number(self, path: str, value: float | NumberGenerator) -> float:
        """Return a number, drawn for the present moment if it varies."""
        number = self.streams.number(path, value)
        return number(self.now) if callable(number) else number

    def start(self) -> None:
        """Finish building: normalise joint groups, lay the clock, choose how each sheet is computed."""
        if self._started:
            return
        self._started = True
        for sheet in self.sheets.values():
            if isinstance(sheet, CFSheet):
                sheet.start()
        self.refresh()
        for sheet in self.sheets.values():
            if isinstance(sheet, GeneratorSheet):
                self.events.push(self.events.ticks(sheet.phase), sheet)

    def refresh(self) -> None:
        """Look at all parameters anew: lay the clock, and choose how each sheet is computed."""
        for sheet in self.sheets.values():
            sheet.refresh()
        self.events.lay(self.sheets)
        if self.engine == "compiled":
            from topo_exp.engine.adoption import adopt

            adopt(self)
        responding = [sheet for sheet in self.sheets.values() if isinstance(sheet, CFSheet)]
        self._workers = {sheet: sheet.executor or sheet for sheet in responding}

    def run(self, until: float) -> None:
        """Let everything happen up to and including the time `until`; slicing a run changes no bit of it."""
        end = Fraction(str(until))
        if end < self._time:
            raise ParameterError(
                f"Simulation.run: until must not lie behind (got {until} at {self.time}). Choose a later time."
            )
        self.start()
        self.refresh()
        ahead = sorted((when, i) for i, (when, _) in enumerate(self.actions) if i not in self._done and when <= end)
        try:
            for when, i in () if self._frozen else ahead:
                self._advance(when)
                self._complete()
                self._done.add(i)
                self.actions[i][1](self)
                self.refresh()
            self._advance(end)
        finally:  # whoever catches what went wrong may look too
            self._complete()

    def _advance(self, end: Fraction) -> None:
        events, reached, workers = self.events, self.events.reached, self._workers
        events.limit = events.ticks_at(end)
        while happening := events.next_moment():
            self._now = None
            for sheet, projection, activity in happening:
                if projection is None:
                    self._present(sheet)
                else:
                    reached.add(sheet)
                    workers[sheet].receive(projection, activity)
            for sheet, worker in workers.items():
                if sheet in reached:
                    worker.process()
                    reached.remove(sheet)
        self._time = self._now = end

    def _complete(self) -> None:
        """Let every sheet do what it put off, for somebody may look now."""
        for worker in self._workers.values():
            worker.complete()

    def _present(self, sheet: Sheet) -> None:
        assert isinstance(sheet, GeneratorSheet)
        self.events.send(sheet.present(self.now), sheet.outgoing)
        self.events.present_again(sheet)

    # --- looking ----------------------------------------------------------------------------------------------------

    @contextmanager
    def frozen(self) -> Iterator["Simulation"]:
        """Switch plasticity off, and on leaving restore everything bit for bit to what it was on entering.

        Scheduled actions wait: what is frozen is the network as it is now, and not all that they do can be taken back.
        """
        state = self._state(weights=False)
        was_plastic, was_frozen = self.plastic, self._frozen
        self.plastic, self._frozen = False, True
        kept: State = {}
        self._kept.append(kept)
        declared = [(owner, owner.param.values()) for owner in self._owners().values()]
        try:
            yield self
        finally:
            self._kept.pop()
            self.plastic, self._frozen = was_plastic, was_frozen
            for owner, values in declared:
                for name, value in values.items():
                    if name != "nominal_bounds" and getattr(owner, name) is not value:
                        setattr(owner, name, value)
            self.restore(state | kept)  # bounds go with the weights

    @property
    def is_frozen(self) -> bool:
        """Whether what happens now will be taken back."""
        return self._frozen

    def keep_weights(self, projection: CFProjection) -> None:
        """Remember weights that are about to change, if that is to be taken back: large copies are made only then."""
        prefix = f"projections/{projection.path}/"
        for kept in self._kept:
            if not _below(kept, prefix):
                kept.update({f"{prefix}{key}": value for key, value in projection.weights_state().items()})

    def respond(
        self,
        patterns: Mapping[str, Sequence[Pattern]],
        *,
        sheets: Iterable[str] | None = None,
        duration: float = 1.0,
        afferent_only: bool = False,
    ) -> dict[str, FloatArray]:
        """Return the sheets' responses to each of a list of presentations, (presentations, rows, columns).

        `patterns` names generator sheets, with lists of equal length of patterns whose numbers are plain; the other
        generator sheets show nothing. `sheets` names those whose responses are wanted; None takes all. Each
        presentation begins with no activity anywhere and nothing on its way, and lasts for `duration`. With
        `afferent_only` the measured sheets give the input of their first activation, before output functions and
        lateral input. Works inside `frozen` only, which takes back what it leaves behind.
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
        self.start()
        self.refresh()
        count = next(iter(lengths.values()))
        responses: dict[str, FloatArray] = {
            name: np.zeros((count, *self[name].shape)) for name in (self.sheets if sheets is None else sheets)
        }
        try:
            for i in range(count):
                for sheet, worker in self._workers.items():
                    if sheet.name in responses:  # the last presentation stays to be looked at
                        worker.settle_later(responses[sheet.name][i] if i < count - 1 else None)
                self._present_alone({name: shown[i] for name, shown in patterns.items()}, duration, afferent_only)
                for name, response in responses.items():
                    response[i] = self.sheets[name].activity
        finally:
            for worker in self._workers.values():
                worker.settle_together()
        self._complete()
        return responses

    def _present_alone(self, patterns: Mapping[str, Pattern], duration: float, afferent_only: bool) -> None:
        begin = self._time
        self.events.clear()
        for sheet in self.sheets.values():
            sheet.clear()
            if isinstance(sheet, CFSheet):
                sheet.afferent_only = afferent_only
        for name, pattern in patterns.items():
            generator = self[name]
            if not isinstance(generator, GeneratorSheet):
                raise ModelError(f"Simulation.respond: {name!r} must be a GeneratorSheet (it is not). Name one.")
            sampler = Sampler(pattern, Streams(0), name)
            self._now = begin + Fraction(str(generator.phase))
            self.events.tick = self.events.ticks_at(self._now)
            shown = generator.show(sampler.draw(self._now, generator.x, generator.y))
            self.events.send(shown, generator.outgoing)
        self._advance(begin + Fraction(str(duration)))
        self._time = self._now = begin
        for sheet in self.sheets.values():
            if isinstance(sheet, CFSheet):
                sheet.afferent_only = False

    @property
    def projections(self) -> list[Projection]:
        """All projections, sheet by sheet."""
        return [p for sheet in self.sheets.values() for p in sheet.projections.values()]

    @property
    def n_connections(self) -> int:
        """Connections of all projections together."""
        return sum(projection.n_connections for projection in self.projections)

    @property
    def nbytes(self) -> int:
        """Bytes that all weights take."""
        return sum(projection.nbytes for projection in self.projections)

    def check_finite(self) -> None:
        """Raise NumericalError if an activity or a weight is no longer a finite number, naming where and when."""
        for sheet in self.sheets.values():
            self._refuse_non_finite(f"{sheet.name}.activity", sheet.activity)
            for projection in sheet.projections.values():
                self._refuse_non_finite(f"{projection.path}.weights", projection.weights)

    def _refuse_non_finite(self, where: str, values: FloatArray) -> None:
        if not np.isfinite(values.sum()):
            bad = int(np.count_nonzero(~np.isfinite(values)))
            if bad:
                raise NumericalError(
                    f"{where}: must be finite numbers (got {bad} of {values.size} that are not, at time {self.time:g})."
                    " Lower strengths or learning rates."
                )

    def diagnostics(self) -> dict[str, str]:
        """Return by sheet what about its activity deserves a warning; a silent sheet is a result, not an error."""
        found = {}
        for sheet in self.sheets.values():
            if isinstance(sheet, CFSheet) and self._time > 0:
                activity = sheet.activity
                if not activity.any():
                    found[sheet.name] = "silent: no unit is active"
                elif activity.min() == activity.max() or np.mean(activity == activity.max()) > 0.5:
                    found[sheet.name] = f"saturated: most units have the same activity {activity.max():g}"
        return found

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that this simulation is, bit for bit, as named arrays without objects."""
        return self._state(weights=True)

    def _state(self, *, weights: bool) -> State:
        self.start()
        state: State = {"time": np.array([self._time.numerator, self._time.denominator])}
        state["actions_done"] = np.array(sorted(self._done), np.int64)
        state["parameters"] = np.array(json.dumps(self._plain_parameters()))
        state.update(self.streams.state())
        for sheet in self.sheets.values():
            state.update({f"sheets/{sheet.name}/{key}": value for key, value in sheet.state().items()})
            for p in sheet.projections.values():
                stored = p.state()
                if weights and isinstance(p, CFProjection):
                    stored |= p.weights_state()
                state.update({f"projections/{p.path}/{key}": value for key, value in stored.items()})
        state.update(self.events.state())
        return state

    def restore(self, state: State) -> None:
        """Become what a simulation of the same model and parameters was when `state` was taken."""
        self.start()
        missing = [sheet.name for sheet in self.sheets.values() if not _below(state, f"sheets/{sheet.name}/")]
        if missing or "time" not in state:
            raise StateError(
                f"{self.name}: the state must come from the same model and parameters (lacks {missing or 'the time'}). "
                "Build that model, then restore."
            )
        self._time = self._now = Fraction(int(state["time"][0]), int(state["time"][1]))
        self._redo_actions({int(i) for i in state["actions_done"]})
        for path, values in json.loads(str(state["parameters"])).items():
            target = find(self, path)
            for name, value in values.items():
                if getattr(target, name) != value:
                    setattr(target, name, value)
        self.refresh()
        self.streams.restore(_below(state, "streams/", keep=True))
        for sheet in self.sheets.values():
            sheet.restore(_below(state, f"sheets/{sheet.name}/"))
            for p in sheet.projections.values():
                p.restore(_below(state, f"projections/{p.path}/"))
        self._restore_events(state)

    def _redo_actions(self, done: set[int]) -> None:
        """Take back the values that actions have set, and set those that the given actions set."""
        if done == self._done:
            return
        for (path, name), value in self._declared.items():
            setattr(find(self, path), name, value)
        self._declared.clear()
        self._done = done
        for _, i in sorted((self.actions[i][0], i) for i in done if i < len(self.actions)):
            action = self.actions[i][1]
            if isinstance(action, SetParameter):
                action(self)

    def replacing(self, path: str, parameter: str, value: Any) -> None:
        """Remember the value that a scheduled action is about to replace for the first time."""
        self._declared.setdefault((path, parameter), value)

    def _restore_events(self, state: State) -> None:
        self.events.clear()
        count = sum(key.startswith("events/") and key.endswith("/time") for key in state)
        events = [_below(state, f"events/{i:04d}/") for i in range(count)]
        times = [Fraction(str(event["time"])) for event in events]
        self.events.refine(times)
        for event, time in zip(events, times, strict=True):
            target = find(self, str(event["target"]))
            if isinstance(target, Projection):
                activity = unpack_activity("activity", event, target.src.grid)
                self.events.push(self.events.ticks_at(time), target.dest, target, activity)
            elif isinstance(target, GeneratorSheet):
                self.events.push(self.events.ticks_at(time), target)

    def _plain_parameters(self) -> dict[str, dict[str, Any]]:
        """Return every parameter that is a plain number or truth value, by the path of its owner."""
        return {
            path: {k: _plain(v) for k, v in owner.param.values().items() if isinstance(v, _PLAIN)}
            for path, owner in self._owners().items()
        }

    def _owners(self) -> dict[str, param.Parameterized]:
        """Return everything whose parameters may change while the network runs, by its path."""
        owners: dict[str, param.Parameterized] = {}
        for sheet in self.sheets.values():
            owners[sheet.name] = sheet
            owners.update({p.path: p for p in sheet.projections.values()})
            for i, fn in enumerate(getattr(sheet, "output_fns", [])):
                if isinstance(fn, param.Parameterized):
                    owners[f"{sheet.name}/output_fns/{i}"] = fn
        return owners

    def script_repr(self) -> str:
        """Return Python source that builds this network, with its present parameters, as `sim`."""
        from topo_exp.engine.script import script_of

        return script_of(self)


_PLAIN = (bool, int, float, np.bool_, np.integer, np.floating)


def _plain(value: Any) -> bool | int | float:
    """Return a number or truth value of Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _below(state: State, prefix: str, *, keep: bool = False) -> State:
    """Return the part of a state below a prefix, which is left out of its keys unless asked to `keep` it."""
    return {key if keep else key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
