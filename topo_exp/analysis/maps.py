"""Feature maps: what each unit of a sheet prefers, measured by presentation.

Every measurement presents a pattern at all combinations of some features' values, takes for each feature and unit the
maximum over the other features, and finds from it preference and selectivity. All run on the frozen simulation and
leave no trace in it.

The arguments that they share:

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
* `progress`: told how far the measurement is, see `responses.Cost`.

Each returns a `Result`: `.maps` with `<feature>_preference` and `<feature>_selectivity` on (y, x) in sheet coordinates,
`response_maximum` (0 for units that never answer), and all parameters as attributes; `.metrics` with their means; and
`.figures`. With several sheets the dims are `<Sheet>_y`, `<Sheet>_x` and every name is preceded by `<Sheet>_`. Each
raises UnknownNameError for an unknown sheet or method, AnalysisError where the model has nothing to measure,
ParameterError for impossible values.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.analysis import features as feature
from topo_exp.analysis.feature_maps import feature_map
from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.analysis.responses import (
    Progress,
    input_sheets,
    measurable_sheets,
    measured_sheets,
    silent,
)
from topo_exp.analysis.result import Result
from topo_exp.engine.cortex import SettlingCFSheet
from topo_exp.engine.patterns import Gaussian, SineGrating
from topo_exp.errors import AnalysisError

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def orientation_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    frequencies: Sequence[float] = (2.4,),
    orientations: int = 4,
    phases: int = 18,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    settling_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure preferences for orientation and phase with sine gratings.

    The defaults are those of Topographica: 72 gratings scale (1/2 + 1/2 sin(2 pi f py + phase)), 4 orientations o from
    0 in steps of pi/4, 18 phases, f = 2.4. With m_o the maximum over phases (and frequencies) for orientation o,
    preference is arg(sum_o m_o exp(2 i o)) / 2 in [0, pi), selectivity |sum_o m_o exp(2 i o)| / sum_o m_o times
    `selectivity_multiplier`; phase likewise on [0, 2 pi), from the maxima over orientations (vector average: Blasdel &
    Salama 1986, doi:10.1038/321579a0).

    Arguments (others in the module's text):
        frequencies: of the gratings, in cycles per unit of sheet coordinates; with several, preferences for frequency
            are measured too.
        orientations, phases: their number, evenly spread.
        settling_only: measure, of the sheets that would be measured, only those that settle by lateral interaction
            (SettlingCFSheet), in which orientation maps are expected; an empty Result where there is none. So the
            default analysis spares toy networks and models of retinotopy alone 72 presentations.

    Returns:
        Result; maps `orientation_preference` (radians, [0, pi)), `orientation_selectivity`, `phase_preference`
        (radians, [0, 2 pi)), `phase_selectivity`.
    """
    if settling_only:
        sheet = [name for name in measurable_sheets(sim, sheet) if isinstance(sim[name], SettlingCFSheet)]
        if not sheet:
            return Result()
    return feature_map(
        sim,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": scale}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        progress=progress,
        reported=("orientation", "phase"),
        label="afferent_" if afferent_only else "",
    )


def orientation_map_gaussians(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    orientations: int = 4,
    positions: int = 12,
    size: float = 0.088388,
    aspect_ratio: float = 4.66667,
    scale: float = 1.0,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure preferences for orientation and position with elongated Gaussians on a grid of positions.

    Arguments (others in the module's text):
        orientations: their number, evenly spread over [0, pi).
        positions: their number along x and along y, evenly spread over the measured sheet's own bounds.
        size, aspect_ratio: of the Gaussian; the defaults are those that models of orientation are trained with.

    Returns:
        Result; maps of orientation as in `orientation_map`, of position as in `position_map`.
    """
    return feature_map(
        sim,
        [feature.orientation(orientations), *_positions(sim, sheet, positions)],
        Stimulus(Gaussian, {"size": size, "aspect_ratio": aspect_ratio, "scale": scale}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        reported=("orientation",),
        label="gaussians_",
        progress=progress,
    )


def spatial_frequency_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    frequencies: Sequence[float] = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0),
    orientations: int = 4,
    phases: int = 18,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure preferences for spatial frequency, orientation and phase: `orientation_map` at many frequencies.

    Returns:
        Result; maps `frequency_preference` (cycles per unit of sheet coordinates, sum_f m_f f / sum_f m_f with m_f the
        maximum over orientations and phases) and `frequency_selectivity` (see `preference.peak_share`), beside those of
        `orientation_map`.
    """
    return feature_map(
        sim,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": scale}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        progress=progress,
        reported=("frequency",),
    )


def direction_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    directions: int = 8,
    speeds: Sequence[float] = (0.0, 1 / 48, 2 / 48, 3 / 48),
    frequency: float = 2.4,
    phases: int = 8,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure preferences for direction and speed of drifting gratings, in models with an input sheet per step of time.

    Arguments (others in the module's text):
        directions: their number, evenly spread over [0, 2 pi).
        speeds: in sheet units per step; see `features.speed` for how the input sheets must be named.
        frequency, phases: of the gratings.

    Returns:
        Result; maps `direction_preference` (radians, [0, 2 pi), counter-clockwise from rightwards),
        `direction_selectivity`, `speed_preference`, `speed_selectivity`, and those of phase.

    Raises:
        AnalysisError: fewer than two input sheets, or their names do not end in their step of time.
    """
    steps = {feature.time_step(name) for name in input_sheets(sim, inputs)}
    if len(steps) < 2:
        raise AnalysisError(
            f"direction_map: needs input sheets of at least two steps of time (got {len(steps)}). "
            "Measure direction only in models that see motion."
        )
    return feature_map(
        sim,
        [feature.direction(directions), feature.phase(phases), feature.speed(speeds)],
        Stimulus(SineGrating, {"scale": scale, "frequency": frequency}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        reported=("direction", "speed"),
        progress=progress,
    )


def ocular_dominance_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    frequency: float = 2.4,
    orientations: int = 4,
    phases: int = 18,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure which eye a unit prefers, with gratings shown to either eye alone.

    With R and L the largest responses over orientations and phases to the right and to the left eye, preference is
    R / (L + R): 0 left, 1/2 binocular, 1 right; selectivity |R - L| / (L + R).

    Returns:
        Result; maps `ocularity_preference` and `ocularity_selectivity`, and those of orientation and phase.

    Raises:
        AnalysisError: the model has not both an input sheet named Left... and one named Right....
    """
    _two_eyes(sim, inputs)
    return feature_map(
        sim,
        [feature.ocularity(), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": scale, "frequency": frequency}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        reported=("ocularity",),
        progress=progress,
    )


def disparity_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    disparities: int = 12,
    frequency: float = 2.4,
    orientations: int = 4,
    phases: int = 12,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure preferences for the phase disparity of gratings shown to both eyes.

    Arguments (others in the module's text):
        disparities: their number, evenly spread over [-pi, pi); positive where the left eye's phase is ahead.

    Returns:
        Result; maps `disparity_preference` (radians, in [0, 2 pi), so that 2 pi - d stands for -d) and
        `disparity_selectivity`, and those of orientation and phase.

    Raises:
        AnalysisError: the model has not both an input sheet named Left... and one named Right....
    """
    _two_eyes(sim, inputs)
    return feature_map(
        sim,
        [feature.orientation(orientations), feature.phase(phases), feature.disparity(disparities)],
        Stimulus(SineGrating, {"scale": scale, "frequency": frequency}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        reported=("disparity",),
        progress=progress,
    )


def position_map(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    positions: int = 12,
    size: float = 0.2,
    scale: float = 1.0,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure where in the input each unit answers best: retinotopy by presentation of round Gaussians.

    Arguments (others in the module's text):
        positions: their number along x and along y, evenly spread over the measured sheet's own bounds.
        size: of the Gaussian, twice its standard deviation.

    Returns:
        Result; maps `position_x_preference`, `position_y_preference` (sheet coordinates of the input; by default the
        mean position weighted by response) and their selectivities.
    """
    return feature_map(
        sim,
        _positions(sim, sheet, positions),
        Stimulus(Gaussian, {"size": size, "scale": scale}),
        sheet=sheet,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        selectivity_multiplier=selectivity_multiplier,
        inputs=inputs,
        reported=("position_x", "position_y"),
        progress=progress,
    )


def _positions(sim: "Simulation", sheet: str | Iterable[str] | None, steps: int) -> list[Feature]:
    boxes = np.array([sim[name].bounds.lbrt() for name in measured_sheets(sim, sheet)])
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    return [feature.position_x(left, right, steps), feature.position_y(bottom, top, steps)]


def _two_eyes(sim: "Simulation", inputs: Iterable[str] | None) -> None:
    names = input_sheets(sim, inputs)
    if {feature.eye(name) for name in names} != {"Left", "Right"}:
        raise AnalysisError(
            f"{sim.name}: needs input sheets of both eyes, named Left... and Right... (got {names}). "
            "Measure ocular dominance and disparity only in models with two eyes."
        )
