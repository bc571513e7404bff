"""Changes to a network at a given time: `sim.schedule(time, action)`.

Any function of the simulation is an action. Those declared here can also be written into `script_repr`, and their
effects are stored in states. An action of a user's own may have the same optional methods: `prepare(sim)`, called when
it is scheduled, and `redo(sim)`, called when a state is restored in which it has run (see `simulation.Redoable`).
"""

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.patterns import Pattern
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import Real
from topo_exp.errors import ModelError, UnknownNameError, nearest

FIXED = {
    "name": "Leave it as it is.",
    "nominal_density": "Build another network.",
    "nominal_bounds": "Use ChangeBounds for fields that shrink.",
    "cf_shape": "Use ChangeBounds for fields that shrink.",
    "coord_mapper": "Build another network.",
    "weights_generator": "Let a learning rule change the weights.",
    "normalize_weights": "Change the strength.",
    "phase": "Change the period.",
    "input_generator": "Use ShowPattern.",
}
"""Parameters that a network reads only while it is built, and the alternative."""


class SetParameter(param.Parameterized):
    """Sets one parameter of a sheet, a projection or an output function."""

    path = param.String("", doc='"Sheet", "Sheet/Projection" or "Sheet/output_fns/0".')
    parameter = param.String("", doc="The parameter's name.")
    value = param.Parameter(None, doc="Its new value.")

    def __call__(self, sim: Simulation) -> None:
        """Set the parameter.

        Raises:
            UnknownNameError: If there is no such object or parameter.
            ModelError: If the parameter is read only while the network is built.
        """
        target = sim.network.find(self.path)
        if self.parameter not in target.param:
            raise UnknownNameError(
                f"{self.path}: must have the parameter named (got {self.parameter!r}). "
                f"{nearest(self.parameter, target.param)}"
            )
        if self.parameter in FIXED:
            raise ModelError(
                f"{self.path}.{self.parameter}: must be chosen before the network is built (got a scheduled change). "
                f"{FIXED[self.parameter]}"
            )
        sim.replace_parameter(self.path, self.parameter, self.value)

    def redo(self, sim: Simulation) -> None:
        """Set the parameter again, when a state is restored in which it had been set."""
        self(sim)


class ChangeBounds(param.Parameterized):
    """Shrinks the fields of a projection."""

    path = param.String("", doc='"Sheet/Projection".')
    bounds = param.ClassSelector(class_=BoundingBox, default=BoundingBox(radius=0.1), doc="The new nominal bounds.")

    def __call__(self, sim: Simulation) -> None:
        """Shrink the fields.

        Raises:
            ModelError: If the path does not name a CFProjection.
        """
        projection = sim.network.find(self.path)
        if not isinstance(projection, CFProjection):
            raise ModelError(f"ChangeBounds.path: must name a CFProjection (got {self.path!r}). Name one.")
        projection.change_bounds(self.bounds)

    def redo(self, sim: Simulation) -> None:
        """Do nothing: stored weights have their bounds with them."""


class SetRatePerConnection(param.Parameterized):
    """Sets the learning rate of a projection so that each connection of the present fields has the given one.

    A projection's learning rate is that of a whole field; where fields shrink at the same time, schedule this action
    after `ChangeBounds`. The rate does not follow fields that shrink later. Like a function of a user's own, this
    action cannot be repeated when a state is restored, since the fields may have changed: the state's parameters are
    taken.
    """

    path = param.String("", doc='"Sheet/Projection".')
    rate = Real(0.0, bounds=(0, None), doc="Learning rate of one connection.")

    def __call__(self, sim: Simulation) -> None:
        """Set the learning rate.

        Raises:
            ModelError: If the path does not name a CFProjection.
        """
        projection = sim.network.find(self.path)
        if not isinstance(projection, CFProjection):
            raise ModelError(f"SetRatePerConnection.path: must name a CFProjection (got {self.path!r}). Name one.")
        sim.replace_parameter(self.path, "learning_rate", self.rate * projection.n_units)


class ShowPattern(param.Parameterized):
    """Makes a generator sheet show another pattern, with fresh streams."""

    sheet = param.String("", doc="Name of the generator sheet.")
    pattern = param.ClassSelector(class_=Pattern, default=None, instantiate=True, doc="The pattern.")

    def prepare(self, sim: Simulation) -> None:
        """Register the pattern with the sheet, so that stored states can refer to it."""
        sheet = sim[self.sheet]
        if isinstance(sheet, GeneratorSheet):
            sheet.expect(self.pattern)

    def __call__(self, sim: Simulation) -> None:
        """Show the pattern.

        Raises:
            ModelError: If the sheet is not a GeneratorSheet.
        """
        sheet = sim[self.sheet]
        if not isinstance(sheet, GeneratorSheet):
            raise ModelError(f"ShowPattern.sheet: must name a GeneratorSheet (got {self.sheet!r}). Name one.")
        sheet.set_input_generator(self.pattern)

    def redo(self, sim: Simulation) -> None:
        """Do nothing: a stored generator sheet refers to its pattern."""
