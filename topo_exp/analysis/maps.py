"""Feature maps: the preferences of each unit of a sheet, measured by presentation.

Every measurement presents a pattern at all combinations of some features' values, takes for each feature and unit the
maximum over the other features, and finds from it preference and selectivity. All run on the frozen simulation, which
is restored bit for bit.

The options that they share, each a keyword argument (`presentation.Presentation` holds them as one value):

* `sheet`: name of the sheet, or a list of names; None measures those with `measure_maps`.
* `inputs`: names of the generator sheets that show the pattern; None takes all.
* `scale`: brightness of the pattern, its largest value.
* `duration`: of each presentation, in iterations.
* `afferent_only`: measure the response to the afferent input alone, before settling and without output functions, as
  for the feed-forward maps of Stevens et al. (2013, doi:10.1523/JNEUROSCI.1037-13.2013), there with scale=1.0.
* `method`: how preferences are found, a name of `preference.METHODS`; the fits apply to cyclic features only, linear
  ones then take the vector average.
* `selectivity_multiplier`: factor of every selectivity; 1 leaves it in [0, 1]. Topographica's scripts display theirs
  multiplied (by 2 in gcal_oo_or).
* `units`: "responding" (default) leaves preference and selectivity of a unit without any response above 0 undefined
  (NaN), and leaves such units out of every number; "all" counts them with preference 0 and selectivity 0, as Stevens
  et al. (2013) did.
* `progress`: called with the state of the measurement, see `responses.Cost`.

Each returns a `Result`: `.maps` with `<feature>_preference` and `<feature>_selectivity` on (y, x) in sheet coordinates,
`response_maximum`, and all parameters as attributes; `.metrics` with mean selectivities and the fraction of units that
respond; and `.figures`. With several sheets the dims are `<Sheet>_y`, `<Sheet>_x` and every name is preceded by
`<Sheet>_`. Each raises UnknownNameError for an unknown sheet or method, AnalysisError where the model has nothing to
measure, ParameterError for impossible values.
"""

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.analysis import features as feature
from topo_exp.analysis.feature_maps import feature_map
from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.analysis.presentation import PREFERRING, Presentation, measurement
from topo_exp.analysis.responses import input_sheets, measurable_sheets
from topo_exp.analysis.result import Result
from topo_exp.engine.cortex import SettlingCFSheet
from topo_exp.engine.patterns import Gaussian, SineGrating
from topo_exp.engine.patterns_moving import Periodic
from topo_exp.errors import AnalysisError, ParameterError

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

LEAST_POSITIONS = 12
"""Positions along each axis of a sheet that is not much larger than the stimulus; those of the reference simulator."""


@measurement(*PREFERRING, scale=0.3)
def orientation_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    frequencies: Sequence[float] = (2.4,),
    orientations: int = 4,
    phases: int = 18,
    settling_only: bool = False,
) -> Result:
    """Measure preferences for orientation and phase with sine gratings.

    The defaults are those of Topographica: 72 gratings scale (1/2 + 1/2 sin(2 pi f py + phase)), 4 orientations o from
    0 in steps of pi/4, 18 phases, f = 2.4. With m_o the maximum over phases (and frequencies) for orientation o,
    preference is arg(sum_o m_o exp(2 i o)) / 2 in [0, pi), selectivity |sum_o m_o exp(2 i o)| / sum_o m_o times
    `selectivity_multiplier`; phase likewise on [0, 2 pi), from the maxima over orientations.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        frequencies: Of the gratings, in cycles per unit of sheet coordinates; with several, preferences for frequency
            are measured too.
        orientations: Their number, evenly spread.
        phases: Their number, evenly spread.
        settling_only: Measure only sheets that settle by lateral interaction (SettlingCFSheet), in which orientation
            maps are expected; the Result is empty where there is none. The default analysis sets it, to save 72
            presentations in toy networks and in models of retinotopy alone.

    Returns:
        Result; maps `orientation_preference` (radians, [0, pi)), `orientation_selectivity`, `phase_preference`
        (radians, [0, 2 pi)), `phase_selectivity`.

    References:
        Blasdel, G. G. & Salama, G. (1986), Nature 321:579-585, doi:10.1038/321579a0 (vector average).
    """
    if settling_only:
        settling = _settling(sim, shown)
        if not settling:
            return Result()
        shown = replace(shown, sheet=settling)
    return feature_map.of(
        sim,
        shown,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": shown.scale}),
        reported=("orientation", "phase"),
        label="afferent_" if shown.afferent_only else "",
    )


@measurement(*PREFERRING, scale=1.0)
def orientation_map_gaussians(
    sim: "Simulation",
    shown: Presentation,
    *,
    orientations: int = 4,
    positions: int | None = None,
    size: float = 0.088388,
    aspect_ratio: float = 4.66667,
    periodic: bool = False,
) -> Result:
    """Measure preferences for orientation and position with elongated Gaussians on a grid of positions.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        orientations: Their number, evenly spread over [0, pi).
        positions: Their number along x and along y, evenly spread over the measured sheet's own bounds; None takes 12,
            or more on a larger sheet: neighbours lie no further apart than half the standard deviation along the
            Gaussian's length. Too few give a warning.
        size: Width of the Gaussian, twice its standard deviation; the default is that of models of orientation.
        aspect_ratio: Length over width of the Gaussian.
        periodic: Show what reaches beyond one edge of the measured sheet's bounds at the opposite edge, for models on a
            torus.

    Returns:
        Result; maps of orientation as in `orientation_map`, of position as in `position_map`.
    """
    stimulus = Stimulus(Gaussian, {"size": size, "aspect_ratio": aspect_ratio, "scale": shown.scale})
    if periodic:
        width, height = _extent(sim, shown)
        stimulus = Stimulus(periodic_gaussian, {**stimulus.parameters, "width": width, "height": height})
    return feature_map.of(
        sim,
        shown,
        [feature.orientation(orientations), *_positions(sim, shown, positions, reach=aspect_ratio * size / 4)],
        stimulus,
        reported=("orientation",),
        label="gaussians_",
    )


@measurement(*PREFERRING, scale=0.3)
def spatial_frequency_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    frequencies: Sequence[float] = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0),
    orientations: int = 4,
    phases: int = 18,
) -> Result:
    """Measure preferences for spatial frequency, orientation and phase: `orientation_map` at many frequencies.

    Returns:
        Result; maps `frequency_preference` (cycles per unit of sheet coordinates, sum_f m_f f / sum_f m_f with m_f the
        maximum over orientations and phases) and `frequency_selectivity` (see `preference.peak_share`), beside those of
        `orientation_map`.
    """
    return feature_map.of(
        sim,
        shown,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": shown.scale}),
        reported=("frequency",),
    )


@measurement(*PREFERRING, scale=0.3)
def direction_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    directions: int = 8,
    speeds: Sequence[float] = (0.0, 1 / 48, 2 / 48, 3 / 48, 4 / 48),
    frequency: float = 2.4,
    phases: int = 8,
    where_applicable: bool = False,
) -> Result:
    """Measure preferences for direction and speed of drifting gratings, in models with an input sheet per step of time.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        directions: Their number, evenly spread over [0, 2 pi).
        speeds: In sheet units per step; see `features.speed` for the names that the input sheets must have.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        phases: Their number, evenly spread.
        where_applicable: Measure only sheets that settle, and return an empty Result where there is none, or where the
            model does not see motion, instead of raising AnalysisError. The default analysis sets it.

    Returns:
        Result; maps `direction_preference` (radians, [0, 2 pi), counter-clockwise from rightwards),
        `direction_selectivity`, `speed_preference`, `speed_selectivity`, and those of phase.

    Raises:
        AnalysisError: Fewer than two input sheets, or their names do not end in their step of time.
    """
    if where_applicable:
        settling = _settling(sim, shown) if _sees_motion(sim) else []
        if not settling:
            return Result()
        shown = replace(shown, sheet=settling)
    steps = {feature.time_step(name) for name in input_sheets(sim, shown.inputs)}
    if len(steps) < 2:
        raise AnalysisError(
            f"direction_map: needs input sheets of at least two steps of time (got {len(steps)}). "
            "Measure direction only in models that see motion."
        )
    return feature_map.of(
        sim,
        shown,
        [feature.direction(directions), feature.phase(phases), feature.speed(speeds)],
        Stimulus(SineGrating, {"scale": shown.scale, "frequency": frequency}),
        reported=("direction", "speed"),
    )


@measurement(*(option for option in PREFERRING if option != "method"), scale=0.3)
def ocular_dominance_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    frequency: float = 2.4,
    orientations: int = 4,
    phases: int = 18,
    where_applicable: bool = False,
) -> Result:
    """Measure the eye that a unit prefers, with gratings shown to either eye alone.

    With R and L the largest responses over orientations and phases to the right and to the left eye, preference is
    R / (L + R): 0 left, 1/2 binocular, 1 right; selectivity |R - L| / (L + R).

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        orientations: Their number, evenly spread.
        phases: Their number, evenly spread.
        where_applicable: Measure only sheets that settle, and return an empty Result where there is none, or where the
            model has not two eyes, instead of raising AnalysisError. The default analysis sets it.

    Returns:
        Result; maps `ocularity_preference` and `ocularity_selectivity`, and those of orientation and phase.

    Raises:
        AnalysisError: The model has not both an input sheet named Left... and one named Right....
    """
    if where_applicable:
        settling = _settling(sim, shown) if _has_two_eyes(sim) else []
        if not settling:
            return Result()
        shown = replace(shown, sheet=settling)
    _two_eyes(sim, shown)
    return feature_map.of(
        sim,
        shown,
        [feature.ocularity(), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": shown.scale, "frequency": frequency}),
        reported=("ocularity",),
    )


@measurement(*PREFERRING, scale=0.3)
def disparity_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    disparities: int = 12,
    frequency: float = 2.4,
    orientations: int = 4,
    phases: int = 12,
) -> Result:
    """Measure preferences for the phase disparity of gratings shown to both eyes.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        disparities: Their number, evenly spread over [-pi, pi); positive where the left eye's phase is ahead.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        orientations: Their number, evenly spread.
        phases: Their number, evenly spread.

    Returns:
        Result; maps `disparity_preference` (radians, in [0, 2 pi), so that 2 pi - d stands for -d) and
        `disparity_selectivity`, and those of orientation and phase.

    Raises:
        AnalysisError: The model has not both an input sheet named Left... and one named Right....
    """
    _two_eyes(sim, shown)
    return feature_map.of(
        sim,
        shown,
        [feature.orientation(orientations), feature.phase(phases), feature.disparity(disparities)],
        Stimulus(SineGrating, {"scale": shown.scale, "frequency": frequency}),
        reported=("disparity",),
    )


@measurement(*PREFERRING, scale=1.0)
def position_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    positions: int | None = None,
    size: float = 0.2,
) -> Result:
    """Measure the position in the input that each unit responds to best, with round Gaussians: retinotopy.

    Positions beyond the sheet are not shown, so that preferred positions at its edge lie inside the true ones.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see the module's text.
        positions: Their number along x and along y, evenly spread over the measured sheet's own bounds; None takes 12,
            or more on a larger sheet: neighbours lie no further apart than the Gaussian's standard deviation. Too few
            give a warning.
        size: Of the Gaussian, twice its standard deviation.

    Returns:
        Result; maps `position_x_preference`, `position_y_preference` (sheet coordinates of the input; by default the
        mean position weighted by response) and their selectivities.
    """
    return feature_map.of(
        sim,
        shown,
        _positions(sim, shown, positions, reach=size / 2),
        Stimulus(Gaussian, {"size": size, "scale": shown.scale}),
        reported=("position_x", "position_y"),
    )


def _positions(sim: "Simulation", shown: Presentation, steps: int | None, *, reach: float) -> list[Feature]:
    """Return positions over the measured sheets' bounds, by default no further apart than `reach` on either axis."""
    if not reach > 0 or (steps is not None and steps < 2):
        raise ParameterError(
            f"positions: must be at least 2, of a stimulus of a size above 0 (got {steps}, size {2 * reach:g}). "
            "Leave positions out to have their number derived."
        )
    left, bottom, right, top = _bounds(sim, shown)
    enough = [max(LEAST_POSITIONS, math.ceil(extent / reach - 1e-9) + 1) for extent in (right - left, top - bottom)]
    if steps is not None and max(right - left, top - bottom) / (steps - 1) > 2 * reach:
        warnings.warn(
            f"positions: {steps} along each axis leave gaps between the stimuli, which makes preferred positions wrong "
            f"there. Use {max(enough)}, or leave positions out.",
            stacklevel=2,
        )
    along_x, along_y = enough if steps is None else (steps, steps)
    return [feature.position_x(left, right, along_x), feature.position_y(bottom, top, along_y)]


def _settling(sim: "Simulation", shown: Presentation) -> list[str]:
    """Return the names of those sheets to measure that settle by lateral interaction."""
    return [name for name in measurable_sheets(sim, shown.sheet) if isinstance(sim[name], SettlingCFSheet)]


def _has_two_eyes(sim: "Simulation") -> bool:
    """Return True if each input sheet is named after an eye, and both eyes have one."""
    eyes = [re.match("Left|Right", name) for name, sheet in sim.sheets.items() if sheet.is_generator]
    return None not in eyes and {match[0] for match in eyes if match} == {"Left", "Right"}


def _sees_motion(sim: "Simulation") -> bool:
    """Return True if the name of each input sheet ends in its step of time, and there are at least two steps."""
    steps = [re.search(r"\d+$", name) for name, sheet in sim.sheets.items() if sheet.is_generator]
    return None not in steps and len({match[0] for match in steps if match}) > 1


def periodic_gaussian(*, size: float, aspect_ratio: float, scale: float, **placed: float) -> Periodic:
    """Return a Gaussian on a torus.

    Args:
        size: Width of the Gaussian, twice its standard deviation.
        aspect_ratio: Length over width.
        scale: Its largest value.
        **placed: x, y, orientation, and width and height of the torus.
    """
    return Periodic(generator=Gaussian(size=size, aspect_ratio=aspect_ratio, scale=scale), **placed)


def _bounds(sim: "Simulation", shown: Presentation) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of all measured sheets together."""
    boxes = np.array([sim[name].bounds.lbrt() for name in shown.sheets(sim)])
    (left, bottom), (right, top) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(left), float(bottom), float(right), float(top)


def _extent(sim: "Simulation", shown: Presentation) -> tuple[float, float]:
    """Return width and height of all measured sheets together."""
    left, bottom, right, top = _bounds(sim, shown)
    return right - left, top - bottom


def _two_eyes(sim: "Simulation", shown: Presentation) -> None:
    names = input_sheets(sim, shown.inputs)
    if {feature.eye(name) for name in names} != {"Left", "Right"}:
        raise AnalysisError(
            f"{sim.name}: needs input sheets of both eyes, named Left... and Right... (got {names}). "
            "Measure ocular dominance and disparity only in models with two eyes."
        )
