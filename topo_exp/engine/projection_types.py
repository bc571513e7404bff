"""Projections beside `CFProjection` and `SharedWeightCFProjection`: one-to-one, leaky, and scaled by their averages.

In the equations x_j is the activity of source unit j as it arrives, w_ij the weight from there to unit i, and g the
strength.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import param

from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Template
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.mapping import mapped
from topo_exp.engine.patterns import Constant, Pattern, Sampler
from topo_exp.engine.presentation import Shown
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import Real, Streams
from topo_exp.errors import ParameterError
from topo_exp.typing import BoolArray, FloatArray, State, read_only, read_only_copy


class OneToOneProjection(CFProjection):
    """A projection in which each unit has one connection, from the source unit at its own place: g w_i x_m(i).

    m(i) is the source unit in whose cell the place of unit i lies, as `coord_mapper` maps it. Units whose place lies
    beyond the source sheet have no connection, and respond with zero. A field has no extent, so `nominal_bounds` and
    `cf_shape` cannot be given. Its `weights` are (units of the destination row-major, 1, 1).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the projections of Topographica.
    """

    weights_generator = param.ClassSelector(
        class_=Pattern, default=Constant(), instantiate=True, doc="Initial weights: a pattern on the destination sheet."
    )
    weights_output_fn = param.Callable(
        KeepWeights(),
        instantiate=True,
        doc="f(weights) -> weights, applied after learning. A sum of one weight normalises that weight to 1.",
    )

    def __init__(self, **params: Any) -> None:
        for name in ("nominal_bounds", "cf_shape"):
            if name in params:
                raise ParameterError(
                    f"{type(self).__name__}.{name}: must be left out, since each unit has one connection "
                    f"(got {params[name]!r}). Leave it out, or use a CFProjection."
                )
        super().__init__(**params)

    def _check_extent(self) -> None:
        """Accept any density: a field is one cell."""

    def _lay_out(self, bounds: BoundingBox) -> None:
        """Lay one cell for each unit."""
        centres = mapped(self.coord_mapper, self.dest.grid, f"{self.path}.coord_mapper")
        self.geometry = FieldGeometry.lay(
            Template(0, 0), self.src.grid, self.dest.grid, centres=centres, where=self.path, may_miss=True
        )
        self.template_mask: BoolArray = np.ones((1, 1), bool)
        self.n_units = 1

    def draw_initial(self, streams: Streams) -> None:
        """Draw the initial weights of all units at once, on the destination sheet."""
        grid, mask = self.dest.grid, self.mask
        drawn = Sampler(self.weights_generator, streams, self.path).draw(Fraction(0), grid.x, grid.y)
        weights = drawn.render(grid.x, grid.y).astype(np.float32).reshape(mask.shape)
        self.fields = DenseFields(self.geometry, mask, weights * mask, np.float64)
        self.normalize(np.arange(self.geometry.units))


class LeakyCFProjection(CFProjection):
    """A projection whose input decays slowly: u_j <- x_j + exp(-decay_rate) u_j, response g Σ_j w_ij u_j.

    u is updated whenever activity arrives, so that `decay_rate` is the decay between two arrivals: between iterations,
    or between activations where the source is the sheet itself. Learning uses u, too. A presentation by itself, as in
    measurements, begins with u = 0.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the projections of Topographica.
        Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, chapter 11: synapses that are
        leaky integrators.
    """

    decay_rate = Real(1.0, bounds=(0, None), doc="Decay of earlier input between two arrivals, as an exponent.")

    def incoming(self, activity: FloatArray | Shown) -> FloatArray | Shown:
        """Return the activity that arrives, with what is left of earlier input."""
        if self.input is None:
            return activity
        return read_only(np.asarray(activity, np.float64) + np.exp(-self.decay_rate) * np.asarray(self.input))

    def forget(self) -> None:
        """Forget all input."""
        self.input = None


class ScaledCFProjection(CFProjection):
    """A projection that scales each unit's response, and its learning, so that the average response meets a target.

    With the response a_i = g Σ_j w_ij x_j to what has arrived, the average ā_i (`target` at the start) and plasticity:
    f_i <- target / ā_i, r_i <- target_lr / ā_i, then ā_i <- (1 - smoothing) a_i + smoothing ā_i. The activity is
    f_i a_i, and what the learning rule changes is multiplied by r_i. Without plasticity, f, r and ā stay. Where an
    average is 0, f and r stay.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the projections of Topographica.
    """

    target = Real(
        0.045, bounds=(0, None), inclusive_bounds=(False, True), doc="Average response that the scaling leads to."
    )
    target_lr = Real(0.045, bounds=(0, None), doc="Average response at which the learning rate is the declared one.")
    smoothing = Real(0.999, bounds=(0, 1), doc="Share of the old average in the new one.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.averages: FloatArray
        """ā, (units,); changed in place, also by kernels."""
        self.factors: FloatArray
        """f, (units,), likewise."""
        self.rate_factors: FloatArray
        self._is_new = False
        """Whether input has arrived to which the response is not scaled yet."""

    def attach(self, src: Sheet, dest: Sheet, streams: Streams, *, bytes_of_others: int = 0) -> None:
        """Lay the fields between two sheets, draw the initial weights, and begin the averages at their target."""
        units = dest.shape[0] * dest.shape[1]
        self.averages, self.factors, self.rate_factors = np.full(units, self.target), np.ones(units), np.ones(units)
        super().attach(src, dest, streams, bytes_of_others=bytes_of_others)

    @property
    def average(self) -> FloatArray:
        """Average ā of the responses before scaling, (rows, columns); a read-only copy."""
        return read_only_copy(self.averages.reshape(self.dest.shape))

    @property
    def factor(self) -> FloatArray:
        """Factor f of the responses, (rows, columns); a read-only copy."""
        return read_only_copy(self.factors.reshape(self.dest.shape))

    @property
    def rate_factor(self) -> FloatArray:
        """Factor r of the learning, (rows, columns); a read-only copy."""
        return read_only_copy(self.rate_factors.reshape(self.dest.shape))

    def receive(self, activity: FloatArray | Shown, mask: BoolArray | None = None) -> None:
        """Take the source's activity, and respond to it, not scaled yet."""
        super().receive(activity, mask)
        self._is_new = True

    def adapt(self, *, plastic: bool) -> None:
        """Update factors and averages if plastic, and scale the response to new input."""
        if not self._is_new:
            return
        self._is_new = False
        if plastic:
            some = self.averages != 0
            np.divide(self.target, self.averages, out=self.factors, where=some)
            np.divide(self.target_lr, self.averages, out=self.rate_factors, where=some)
            self.averages[:] = (1.0 - self.smoothing) * self.response.ravel() + self.smoothing * self.averages
        self.response = self.response * self.factors.reshape(self.response.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that weights, memory, averages and factors take."""
        return super().nbytes + 3 * self.averages.nbytes

    def state(self) -> State:
        """Return response, last input, averages and factors."""
        scaling = {"average": self.averages, "factor": self.factors, "rate_factor": self.rate_factors}
        return super().state() | {name: array.copy() for name, array in scaling.items()}

    def restore(self, state: State) -> None:
        """Set all of these to stored ones."""
        super().restore(state)
        self._is_new = False
        self.averages[:], self.factors[:] = state["average"], state["factor"]
        self.rate_factors[:] = state["rate_factor"]
