"""Learning rules beside the Hebb rule; see `topo_exp.engine.learning` for the arguments that they are called with.

In the equations x_j is the activity of input j as last sent, y_i that of unit i, w_ij the weight between them, and
rate that of a single connection. A weight that is not on a unit's field stays zero whatever a rule says.
"""

from typing import ClassVar

import numpy as np
import param

from topo_exp.engine.learning import Hebbian, LinearChange, is_linear
from topo_exp.engine.memory import Declaration, PerUnit
from topo_exp.engine.streams import Real
from topo_exp.typing import FloatArray


class Oja(param.Parameterized):
    """The Hebb rule with a decay that keeps the weights' length: Δw_ij = rate (y_i x_j - alpha y_i² w_ij).

    With a linear unit the weights tend to the first principal component of the inputs, of length alpha^(-1/2).

    References:
        Oja 1982, J Math Biol 15:267, doi:10.1007/BF00275687.
    """

    active_units_only = True

    alpha = Real(1.0, bounds=(0, None), doc="Weight of the decay: the inverse of the weights' squared length.")

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        y = activity[:, None, None]
        return weights + rate * y * (inputs - self.alpha * y * weights)

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * activity, decay=rate * self.alpha * activity**2)


class Covariance(param.Parameterized):
    """Weights grow where deviations from two thresholds agree: Δw_ij = rate (y_i - θ_y)(x_j - θ_x).

    With the means as thresholds, weights change by the covariance of unit and input. Units that are silent learn, too.

    References:
        Sejnowski 1977, J Math Biol 4:303, doi:10.1007/BF00275079.
    """

    active_units_only = False

    unit_threshold = Real(0.15, doc="θ_y, activity of a unit at which its weights do not change.")
    input_threshold = Real(0.15, doc="θ_x, activity of an input at which its weights do not change.")

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        y = activity[:, None, None]
        return weights + rate * (y - self.unit_threshold) * (inputs - self.input_threshold)


class CPCA(param.Parameterized):
    """Conditional principal components: Δw_ij = rate y_i (m x_j - w_ij).

    For binary inputs and m = 1 a weight tends to the probability that its input is active, given that the unit is. A
    larger m makes up for inputs that are active rarely.

    References:
        O'Reilly & Munakata 2000, Computational Explorations in Cognitive Neuroscience, chapter 4.
        Rumelhart & Zipser 1985, Cogn Sci 9:75, doi:10.1207/s15516709cog0901_5.
    """

    active_units_only = True

    m = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Factor of the inputs.")

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + rate * activity[:, None, None] * (self.m * inputs - weights)

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * self.m * activity, decay=rate * activity)


class Outstar(param.Parameterized):
    """The weights from an active input move towards the pattern of the units: Δw_ij = rate x_j (y_i - w_ij).

    Units that are silent learn, too: their weights from active inputs decay.

    References:
        Grossberg 1968, Proc Natl Acad Sci USA 59:368, doi:10.1073/pnas.59.2.368.
    """

    active_units_only = False

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + rate * inputs * (activity[:, None, None] - weights)

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * activity, input_decay=np.full(len(activity), rate))


class BCMFixed(param.Parameterized):
    """The rule of Bienenstock, Cooper and Munro with a fixed threshold: Δw_ij = rate y_i (y_i - θ) x_j.

    References:
        Bienenstock, Cooper & Munro 1982, J Neurosci 2:32, doi:10.1523/JNEUROSCI.02-01-00032.1982.
    """

    active_units_only = True

    unit_threshold = Real(
        0.5, bounds=(0, None), doc="θ, activity above which weights grow and below which they shrink."
    )

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + (rate * activity * (activity - self.unit_threshold))[:, None, None] * inputs

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * activity * (activity - self.unit_threshold))


class BCM(param.Parameterized):
    """The rule of Bienenstock, Cooper and Munro with a threshold that follows each unit's mean squared activity.

    Δw_ij = rate y_i (y_i - θ_i) x_j, then θ_i <- smoothing θ_i + (1 - smoothing) y_i². A unit becomes selective: it
    responds to one of several inputs, with 1 over the probability of that input if the inputs are independent.

    References:
        Bienenstock, Cooper & Munro 1982, J Neurosci 2:32, doi:10.1523/JNEUROSCI.02-01-00032.1982.
        Intrator & Cooper 1992, Neural Networks 5:3, doi:10.1016/S0893-6080(05)80003-6: this threshold.
    """

    active_units_only = False

    t_init = Real(0.0, bounds=(0, None), doc="Threshold θ of all units at the start.")
    smoothing = Real(0.99, bounds=(0, 1), doc="Share of the old threshold in the new one.")

    @property
    def memory(self) -> Declaration:
        """The threshold of each unit."""
        return {"threshold": PerUnit(self.t_init)}

    def __call__(
        self,
        weights: FloatArray,
        inputs: FloatArray,
        activity: FloatArray,
        rate: float,
        memory: dict[str, FloatArray],
    ) -> FloatArray:
        """Return the weights after one step, and update the thresholds."""
        threshold = memory["threshold"]
        new = weights + (rate * activity * (activity - threshold))[:, None, None] * inputs
        memory["threshold"] = self._followed(threshold, activity)
        return new

    def change(self, activity: FloatArray, rate: float, memory: dict[str, FloatArray]) -> LinearChange:
        """Return the coefficients of the change, and update the thresholds."""
        threshold = memory["threshold"]
        memory["threshold"] = self._followed(threshold, activity)
        return LinearChange(rate * activity * (activity - threshold))

    def _followed(self, threshold: FloatArray, activity: FloatArray) -> FloatArray:
        return self.smoothing * threshold + (1 - self.smoothing) * activity**2


class Trace(param.Parameterized):
    """Another rule, applied to a trace of each unit's activity: what follows each other in time is learned together.

    With s = trace_strength, ȳ_i <- s y_i + (1 - s) ȳ_i; then `rule` is applied with ȳ_i for y_i. Földiák's rule is that
    with rule=CPCA(). Silent units learn as long as their trace lasts.

    References:
        Földiák 1991, Neural Comput 3:194, doi:10.1162/neco.1991.3.2.194.
    """

    active_units_only = False
    memory: ClassVar[Declaration] = {"trace": PerUnit(0.0)}

    trace_strength = Real(0.5, bounds=(0, 1), doc="Share of the present activity in the trace.")
    rule = param.Callable(Hebbian(), instantiate=True, doc="f(weights, inputs, trace, rate) -> new weights, any rule.")

    @property
    def rate_of_whole_field(self) -> bool:
        """Whether the rate is that of the whole field, as the rule that is applied says."""
        return bool(getattr(self.rule, "rate_of_whole_field", False))

    def __call__(
        self,
        weights: FloatArray,
        inputs: FloatArray,
        activity: FloatArray,
        rate: float,
        memory: dict[str, FloatArray],
    ) -> FloatArray:
        """Return the weights after one step, and update the traces."""
        return self.rule(weights, inputs, self._followed(activity, memory), rate)

    @property
    def is_linear(self) -> bool:
        """Whether the rule that is applied has a `change`."""
        return is_linear(self.rule)

    def change(self, activity: FloatArray, rate: float, memory: dict[str, FloatArray]) -> LinearChange:
        """Return the coefficients of the change by the rule that is applied, and update the traces."""
        change: LinearChange = self.rule.change(self._followed(activity, memory), rate)
        return change

    def _followed(self, activity: FloatArray, memory: dict[str, FloatArray]) -> FloatArray:
        """Update the traces and return them."""
        trace = self.trace_strength * activity + (1 - self.trace_strength) * memory["trace"]
        memory["trace"] = trace
        return trace
