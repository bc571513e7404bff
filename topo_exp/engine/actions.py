"""Changes to a network at a given time: `sim.schedule(time, action)`.

Any function of the simulation is an action. Those declared here can also be written into `script_repr`, and what they
do survives in stored states.
"""

from typing import TYPE_CHECKING

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.patterns import Pattern
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.errors import ModelError, UnknownNameError, nearest

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def find(sim: "Simulation", path: str) -> param.Parameterized:
    """Return the object at "Sheet", "Sheet/Projection" or "Sheet/output_fns/0"."""
    sheet_name, *rest = path.split("/")
    sheet = sim[sheet_name]
    if not rest:
        return sheet
    if rest[0] == "output_fns":
        return sheet.output_fns[int(rest[1])]
    if rest[0] not in sheet.projections:
        raise UnknownNameError(
            f"{sheet_name}: must have the projection named (got {rest[0]!r}). {nearest(rest[0], sheet.projections)}"
        )
    return sheet.projections[rest[0]]


FIXED = {
    "name": "Leave it as it is.",
    "nominal_density": "Build another network.",
    "nominal_bounds": "Use ChangeBounds for fields that shrink.",
    "cf_shape": "Use ChangeBounds for fields that shrink.",
    "weights_generator": "Let a learning rule change the weights.",
    "normalize_weights": "Change the strength.",
    "phase": "Change the period.",
    "input_generator": "Use ShowPattern.",
}
"""What a network does not look at again once it is built, and what to do instead."""


class SetParameter(param.Parameterized):
    """Sets one parameter of a sheet, a projection or an output function."""

    path = param.String("", doc='"Sheet", "Sheet/Projection" or "Sheet/output_fns/0".')
    parameter = param.String("", doc="The parameter's name.")
    value = param.Parameter(None, doc="Its new value.")

    def __call__(self, sim: "Simulation") -> None:
        """Set the parameter."""
        target = find(sim, self.path)
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
        sim.replacing(self.path, self.parameter, getattr(target, self.parameter))
        sim.streams.forget(f"{self.path}.{self.parameter}")
        setattr(target, self.parameter, self.value)


class ChangeBounds(param.Parameterized):
    """Shrinks the fields of a projection."""

    path = param.String("", doc='"Sheet/Projection".')
    bounds = param.ClassSelector(class_=BoundingBox, default=BoundingBox(radius=0.1), doc="The new nominal bounds.")

    def __call__(self, sim: "Simulation") -> None:
        """Shrink the fields."""
        projection = find(sim, self.path)
        if not isinstance(projection, CFProjection):
            raise ModelError(f"ChangeBounds.path: must name a CFProjection (got {self.path!r}). Name one.")
        projection.change_bounds(self.bounds)


class ShowPattern(param.Parameterized):
    """Makes a generator sheet show another pattern, with fresh streams."""

    sheet = param.String("", doc="Name of the generator sheet.")
    pattern = param.ClassSelector(class_=Pattern, default=None, allow_None=True, instantiate=True, doc="The pattern.")

    def __call__(self, sim: "Simulation") -> None:
        """Show the pattern."""
        sheet = sim[self.sheet]
        if not isinstance(sheet, GeneratorSheet):
            raise ModelError(f"ShowPattern.sheet: must name a GeneratorSheet (got {self.sheet!r}). Name one.")
        sheet.set_input_generator(self.pattern)
