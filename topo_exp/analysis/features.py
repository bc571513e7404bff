"""Features of a stimulus, and the patterns that show them.

A measurement presents a `Stimulus` at every combination of the values of some `Feature`s. A feature changes the
parameters of the stimulus' pattern: most set the parameter of their own name; others (direction, ocularity ...) set
several, or differ between input sheets. Angles are in radians, lengths in sheet coordinates, times in iterations.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from topo_exp.engine.patterns import Disk, Pattern, SineGrating
from topo_exp.engine.streams import Quantity
from topo_exp.errors import AnalysisError, ParameterError
from topo_exp.typing import FloatArray

Parameters: TypeAlias = Mapping[str, float]
"""Parameters of a pattern by name, as plain numbers."""

Modification: TypeAlias = Callable[[Parameters, float, str], Parameters]
"""(parameters so far, value of the feature, name of the input sheet) -> parameters of the pattern on that sheet."""


@dataclass(frozen=True)
class Feature:
    """A dimension along which stimuli differ.

    Attributes:
        name: Of the feature; must not be `x` or `y`, which are the axes of a sheet.
        values: The values to present, at least one.
        period: Of a cyclic feature, in the unit of the values; None for a linear one.
        unit: Of the values, as text for labels.
        modify: Returns the pattern's parameters for a value; None sets the parameter called `name`.

    Raises:
        ParameterError: There are no values, the name is taken, or the period is not positive.
    """

    name: str
    values: tuple[float, ...]
    period: float | None = None
    unit: str = ""
    modify: Modification | None = None

    def __post_init__(self) -> None:
        """Make the values floats, and check them."""
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if not self.values:
            raise ParameterError(f"Feature {self.name}.values: must not be empty (got none). Give at least one value.")
        if self.name in ("x", "y"):
            raise ParameterError(
                f"Feature.name: must not be 'x' or 'y', the axes of a sheet (got {self.name!r}). "
                "Call it position_x or position_y."
            )
        if self.period is not None and not self.period > 0:
            raise ParameterError(
                f"Feature {self.name}.period: must be > 0 (got {self.period}). Use None if not cyclic."
            )

    @property
    def cyclic(self) -> bool:
        """True if the values are angles of some kind, the last one next to the first."""
        return self.period is not None

    @classmethod
    def spanning(
        cls,
        name: str,
        low: float,
        high: float,
        *,
        steps: int,
        cyclic: bool = False,
        unit: str = "",
        modify: Modification | None = None,
    ) -> "Feature":
        """Return a feature of `steps` evenly spread values from `low` to `high`; a cyclic one leaves out `high`."""
        if steps < 1 or not high > low:
            raise ParameterError(
                f"Feature {name}: needs steps >= 1 and high > low (got {steps} from {low} to {high}). Mend the range."
            )
        width = (high - low) / (steps if cyclic else max(steps - 1, 1))
        values = tuple(low + i * width for i in range(steps))
        return cls(name, values, high - low if cyclic else None, unit, modify)

    def applied(self, parameters: Parameters, value: float, sheet: str) -> Parameters:
        """Return the pattern's parameters on input sheet `sheet` with this feature at `value`."""
        if self.modify is None:
            return {**parameters, self.name: value}
        return self.modify(parameters, value, sheet)


@dataclass(frozen=True)
class Stimulus:
    """A pattern class, or a function that makes a pattern, and the parameters that stay the same in a measurement."""

    pattern: Callable[..., Pattern] = SineGrating
    parameters: Parameters = field(default_factory=dict)

    def at(self, features: Sequence[Feature], point: Sequence[float], sheet: str) -> Pattern:
        """Return the pattern on input sheet `sheet` with `features` at the values `point`, applied in their order."""
        parameters: Parameters = dict(self.parameters)
        for feature, value in zip(features, point, strict=True):
            parameters = feature.applied(parameters, value, sheet)
        return self.pattern(**parameters)


class GratingPatch(SineGrating):
    """A sinusoidal grating in a disk, on a ground of its mean luminance, moving with the disk's centre."""

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter of the disk.")
    smoothing = Quantity(0.02, bounds=(0, None), doc="Standard deviation of the disk's edge; 0 for a sharp one.")

    def function(self, values: Mapping[str, float], px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the grating's values inside the disk, fading into 1/2 outside."""
        window = Disk().function({"aspect_ratio": 1.0, **values}, px, py)
        return 0.5 + (super().function(values, px, py) - 0.5) * window


def orientation(steps: int = 4) -> Feature:
    """Return orientations from 0 to pi."""
    return Feature.spanning("orientation", 0.0, math.pi, steps=steps, cyclic=True, unit="rad")


def phase(steps: int = 18) -> Feature:
    """Return phases of a grating from 0 to 2 pi."""
    return Feature.spanning("phase", 0.0, 2 * math.pi, steps=steps, cyclic=True, unit="rad")


def frequency(values: Sequence[float]) -> Feature:
    """Return spatial frequencies of a grating, in cycles per unit of sheet coordinates."""
    return Feature("frequency", tuple(values), None, "cycles per sheet unit")


def size(values: Sequence[float]) -> Feature:
    """Return sizes of a pattern, in sheet coordinates."""
    return Feature("size", tuple(values), None, "sheet units")


def contrast(values: Sequence[float], *, mean_luminance: float | None = None) -> Feature:
    """Return contrasts in percent.

    Contrast c sets the pattern's scale to c / 100 on a dark ground, as in Stevens et al. (2013,
    doi:10.1523/JNEUROSCI.1037-13.2013). With `mean_luminance` L it is the contrast of Michelson (1927),
    (Imax - Imin) / (Imax + Imin), of a grating of mean L: scale 2 L c / 100, offset L (1 - c / 100).
    """

    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        del sheet
        if mean_luminance is None:
            return {**parameters, "scale": value / 100}
        return {**parameters, "scale": mean_luminance * value / 50, "offset": mean_luminance * (1 - value / 100)}

    return Feature("contrast", tuple(values), None, "%", modify)


def position_x(low: float, high: float, steps: int) -> Feature:
    """Return positions of a pattern's centre along x."""
    return Feature.spanning("position_x", low, high, steps=steps, unit="sheet units", modify=_sets("x"))


def position_y(low: float, high: float, steps: int) -> Feature:
    """Return positions of a pattern's centre along y."""
    return Feature.spanning("position_y", low, high, steps=steps, unit="sheet units", modify=_sets("y"))


def direction(steps: int = 8) -> Feature:
    """Return directions of motion from 0 to 2 pi, counter-clockwise from rightwards.

    A pattern moves across its bars: direction d stands for orientation d - pi/2. Motion itself needs `speed` after it.
    """

    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        del sheet
        return {**parameters, "orientation": value - math.pi / 2}

    return Feature.spanning("direction", 0.0, 2 * math.pi, steps=steps, cyclic=True, unit="rad", modify=modify)


def speed(values: Sequence[float]) -> Feature:
    """Return speeds across the bars, in sheet units per step, for models with one input sheet for each step of time.

    The name of such a sheet ends in its step k (`Retina0`, `Retina1` ...); at speed v it shows the pattern v k further
    in the direction at right angles to its orientation: a grating at phase - 2 pi f v k, any other pattern with its
    centre moved.
    """

    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        distance = value * time_step(sheet)
        if "frequency" in parameters:
            shift = 2 * math.pi * parameters["frequency"] * distance
            return {**parameters, "phase": parameters.get("phase", 0.0) - shift}
        angle = parameters.get("orientation", 0.0) + math.pi / 2
        return {
            **parameters,
            "x": parameters.get("x", 0.0) + distance * math.cos(angle),
            "y": parameters.get("y", 0.0) + distance * math.sin(angle),
        }

    return Feature("speed", tuple(values), None, "sheet units per step", modify)


def ocularity(values: Sequence[float] = (0.0, 1.0)) -> Feature:
    """Return shares of the right eye: at share o, the left eye's scale is multiplied by 1 - o, the right one's by o."""

    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        share = 1 - value if eye(sheet) == "Left" else value
        return {**parameters, "scale": parameters.get("scale", 1.0) * share}

    return Feature("ocularity", tuple(values), None, "share of the right eye", modify)


def disparity(steps: int = 12) -> Feature:
    """Return phase disparities of a grating, -pi to pi: at d the left eye's phase is d/2 ahead, the right's behind.

    It shifts the phase that is already set, so it comes after `phase`.
    """

    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        shift = value / 2 if eye(sheet) == "Left" else -value / 2
        return {**parameters, "phase": parameters.get("phase", 0.0) + shift}

    return Feature.spanning("disparity", -math.pi, math.pi, steps=steps, cyclic=True, unit="rad", modify=modify)


def eye(sheet: str) -> str:
    """Return "Left" or "Right", with which the name of an eye's input sheet begins, or raise AnalysisError."""
    for side in ("Left", "Right"):
        if sheet.startswith(side):
            return side
    raise AnalysisError(
        f"eye: input sheets of a model with two eyes must be named Left... and Right... (got {sheet!r}). "
        "Measure ocular dominance and disparity only in models with two eyes."
    )


def time_step(sheet: str) -> int:
    """Return the step of time with which the name of an input sheet for motion ends, or raise AnalysisError."""
    match = re.search(r"\d+$", sheet)
    if match is None:
        raise AnalysisError(
            "time_step: names of input sheets for motion must end in their step of time, as in Retina0, Retina1 "
            f"(got {sheet!r}). Measure direction and speed only in models that have such sheets."
        )
    return int(match.group())


def _sets(name: str) -> Modification:
    def modify(parameters: Parameters, value: float, sheet: str) -> Parameters:
        del sheet
        return {**parameters, name: value}

    return modify
