"""Sheets: arrays of units with a place in sheet coordinates, and those that show patterns.

Sheets that respond to others are in `cortex`.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import param

from topo_exp.engine.coordinates import BoundingBox, Grid
from topo_exp.engine.patterns import Constant, Drawing, Pattern, Sampler
from topo_exp.engine.presentation import Shown, pack_activity, unpack_activity
from topo_exp.engine.streams import Real, Streams
from topo_exp.errors import ModelError, StateError
from topo_exp.typing import FloatArray, State, read_only


class Connection(Protocol):
    """A projection as seen from its sheets: its name, and the way that activity takes through it."""

    name: str
    src: "Sheet"
    dest: "Sheet"
    delay: float

    @property
    def path(self) -> str:
        """Destination and name, by which states and messages refer to it."""


class Sheet(param.Parameterized):
    """Declares the extent and density of an array of units; `sim.add(sheet)` makes it part of a network."""

    nominal_density = Real(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units per unit of length, before rounding."
    )
    nominal_bounds = param.ClassSelector(
        class_=BoundingBox, default=BoundingBox(radius=0.5), doc="Extent in sheet coordinates, before rounding."
    )
    measure_maps = param.Boolean(False, doc="Whether analyses measure feature maps on this sheet.")

    is_generator = False

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.grid = Grid.fit(self.nominal_bounds, self.nominal_density, where=self.name)
        self.projections: Mapping[str, Connection] = {}
        """Incoming projections by name, in the order in which they were connected."""
        self.outgoing: list[Connection] = []
        self._streams: Streams | None = None

    def attach(self, streams: Streams) -> None:
        """Make this sheet part of one network; called by `Simulation.add`.

        Args:
            streams: The network's random streams.

        Raises:
            ModelError: If the sheet is part of a network already.
        """
        if self._streams is not None:
            raise ModelError(f"{self.name}: must belong to one simulation only (got a second). Declare another one.")
        self._streams = streams

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.grid.shape

    @property
    def bounds(self) -> BoundingBox:
        """The true bounds, in sheet coordinates."""
        return self.grid.bounds

    @property
    def density(self) -> float:
        """The true density, in units per unit of length."""
        return self.grid.density

    @property
    def x(self) -> FloatArray:
        """Unit centres along x, (columns,), ascending; read-only."""
        return read_only(self.grid.x)

    @property
    def y(self) -> FloatArray:
        """Unit centres along y, (rows,), descending; read-only."""
        return read_only(self.grid.y)

    def sheet2matrix(self, x: float, y: float) -> tuple[float, float]:
        """Return the continuous (row, column) of a point in sheet coordinates."""
        return self.grid.sheet2matrix(x, y)

    def sheet2matrixidx(self, x: float, y: float) -> tuple[int, int]:
        """Return the (row, column) of the unit whose cell holds a point in sheet coordinates."""
        return self.grid.sheet2matrixidx(x, y)

    def matrixidx2sheet(self, row: int, column: int) -> tuple[float, float]:
        """Return the centre (x, y) of a unit, in sheet coordinates."""
        return self.grid.matrixidx2sheet(row, column)

    @property
    def activity(self) -> FloatArray:
        """Present activity, (rows, columns), row 0 at the top; read-only."""
        raise TypeError(f"{type(self).__name__}.activity: must be defined by every sheet. Define it.")

    @property
    def threshold(self) -> FloatArray | None:
        """Adaptive thresholds (rows, columns), or None while there are none; read-only."""
        return None

    def refresh(self) -> None:
        """Read all parameters again; called before each run and after each scheduled action."""

    def clear(self) -> None:
        """Set activity to zero and begin a new iteration."""

    def state(self) -> State:
        """Return everything about this sheet, without its projections, that a run changes."""
        return {}

    def restore(self, state: State) -> None:
        """Set this sheet to a stored state."""


class GeneratorSheet(Sheet):
    """A sheet that shows a pattern, drawn anew once every `period`."""

    input_generator = param.ClassSelector(
        class_=Pattern, default=Constant(scale=0.0), instantiate=True, doc="The pattern that is drawn and shown."
    )
    period = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Time between presentations.")
    phase = Real(0.05, bounds=(0, None), doc="Time of the first presentation.")

    is_generator = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.shown: Shown | np.ndarray = np.zeros(self.shape)
        self._known = [self.input_generator]
        self._sampler: Sampler | None = None

    @property
    def activity(self) -> FloatArray:
        """The pattern that is shown, (rows, columns), row 0 at the top; read-only."""
        return read_only(np.asarray(self.shown))

    def expect(self, pattern: Pattern) -> None:
        """Register a pattern that a scheduled action will set, so that stored states can refer to it."""
        self._known.append(pattern)

    def set_input_generator(self, pattern: Pattern) -> None:
        """Show another pattern from the next presentation on, with fresh streams."""
        if self._streams is not None:
            self._streams.forget(self.name)
        self.input_generator = pattern
        self._sampler = None

    def refresh(self) -> None:
        """Read the pattern again before it is next drawn; its streams continue."""
        self._sampler = None

    def present(self, now: Fraction) -> Shown | np.ndarray:
        """Draw the next presentation, show it and return it.

        Args:
            now: The exact time.

        Raises:
            ModelError: If the sheet is not part of a network, whose streams the pattern draws from.
        """
        if self._sampler is None:
            if self._streams is None:
                raise ModelError(f"{self.name}: must be part of a simulation to present (it is not). Add it to one.")
            self._sampler = Sampler(self.input_generator, self._streams, self.name)
        return self.show(self._sampler.draw(now, self.grid.x, self.grid.y))

    def show(self, drawing: Drawing) -> Shown | np.ndarray:
        """Show a drawing and return it as it is sent to other sheets."""
        self.shown = Shown(drawing, self.grid)
        return self.shown

    def clear(self) -> None:
        """Show nothing."""
        self.shown = np.zeros(self.shape)

    def state(self) -> State:
        """Return the activity that is shown, and the index of its pattern among the expected ones."""
        index = next((i for i, pattern in enumerate(self._known) if pattern is self.input_generator), -1)
        return {"input_generator": np.array(index), **pack_activity("shown", self.shown)}

    def restore(self, state: State) -> None:
        """Show the stored activity, and go on with the stored pattern.

        Raises:
            StateError: If that pattern was set by hand, so that this sheet does not know it.
        """
        index = int(state["input_generator"])
        if index < 0 or index >= len(self._known):
            raise StateError(
                f"{self.name}.input_generator: must be the model's own, or set by a scheduled ShowPattern, to be "
                "restored (got a pattern that was set by hand). Set it by a scheduled ShowPattern."
            )
        self.input_generator = self._known[index]
        self._sampler = None
        self.shown = unpack_activity("shown", state, self.grid)
