"""The catalogue of metrics: name, unit and meaning of every number that the analyses of this package record.

The table in docs/analyses.md is `metrics_table()`. A test compares the two, and the catalogue with the metrics that the
analyses return.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One number that an analysis records for each measured sheet, as `<Sheet>/<name>`.

    Attributes:
        name: Its name after the sheet's; a part in angle brackets, as `<contrast>`, stands for a value.
        analysis: Name in conf/analysis of the analysis that records it.
        unit: Its unit; "1" for a pure number.
        meaning: One phrase.
        default: True if the default analysis records it.
    """

    name: str
    analysis: str
    unit: str
    meaning: str
    default: bool = False

    def matches(self, name: str) -> bool:
        """Return True for a recorded name, without the sheet, that is this metric's."""
        parts = re.split(r"<\w+>", self.name)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), name) is not None


LABELS = ("afferent_", "gaussians_")
"""Prefixes of the names of `orientation_map` with `afferent_only`, and of `orientation_map_gaussians`."""


def _of(analysis: str, *rows: tuple[str, str, str], default: bool = False) -> tuple[Metric, ...]:
    return tuple(Metric(name, analysis, unit, meaning, default) for name, unit, meaning in rows)


METRICS: tuple[Metric, ...] = (
    *_of(
        "orientation_map",
        ("orientation_selectivity_mean", "1", "mean orientation selectivity of the units that respond"),
        ("orientation_responding_fraction", "1", "fraction of units that respond to any grating"),
        ("phase_selectivity_mean", "1", "mean phase selectivity of the units that respond"),
        default=True,
    ),
    *_of(
        "development",
        ("similarity_to_final", "1", "similarity index to the map of the last time: 1 same, 0 unrelated, -1 opposite"),
        ("similarity_to_previous", "1", "similarity index to the map of the time before"),
        default=True,
    ),
    *_of(
        "activity",
        ("threshold_mean", "activity", "mean threshold of units whose thresholds adapt"),
        default=True,
    ),
    *_of(
        "standard_gaussian",
        ("standard_gaussian_response_mean", "activity", "mean response to an elongated Gaussian at 45°"),
        ("standard_gaussian_response_max", "activity", "largest response to it"),
        ("standard_gaussian_response_sparseness", "1", "Treves-Rolls sparseness: f if a fraction f responds equally"),
        default=True,
    ),
    *_of(
        "retinotopy",
        (
            "retinotopy_magnification",
            "sheet units per sheet unit of input",
            "length on the sheet per length of the input that it represents",
        ),
        ("retinotopy_smoothness", "1", "1 for an even grid of field centres, 0.21 for random centres"),
        ("retinotopy_folds", "cells", "cells of the topographic grid that are flipped or crossed"),
        ("retinotopy_folded_fraction", "1", "their fraction among all cells"),
        ("retinotopy_coverage", "1", "area that the grid spans over that of the input sheet"),
        ("retinotopy_displacement", "sheet units", "mean distance between a unit and the centre of its field"),
        default=True,
    ),
    *_of(
        "activity",
        ("activity_mean", "activity", "with `numbers=measured` or `all`: mean activity"),
        ("activity_max", "activity", "with `numbers=measured` or `all`: largest activity"),
        ("activity_sparseness", "1", "with `numbers=measured` or `all`: Treves-Rolls sparseness"),
    ),
    *_of(
        "map_quality",
        ("pinwheel_quality", "1", "gamma index of the pinwheel density: 1 at pi, falling on either side"),
        ("pinwheel_density", "per hypercolumn area", "pinwheels per squared hypercolumn distance"),
        ("hypercolumn_distance", "sheet units", "wavelength of the strongest ring of the map's spectrum"),
        (
            "hypercolumn_distance_is_fitted",
            "1",
            "1 if it is that of the fit, 0 if the fit was not accepted and it is that of the spectrum's centroid",
        ),
        ("pinwheels", "1", "number of pinwheels, where the zero contours cross"),
        ("pinwheels_positive", "1", "number of those around which the preference turns counterclockwise"),
        ("pinwheels_by_winding", "1", "number by winding numbers of cells of four units"),
        ("pinwheel_distance", "hypercolumn distances", "mean distance of a pinwheel to the nearest one"),
        ("pinwheel_distance_same", "hypercolumn distances", "the same to the nearest one of the same sign"),
        ("pinwheel_distance_opposite", "hypercolumn distances", "the same to the nearest one of opposite sign"),
        ("local_homogeneity_mean", "1", "mean local homogeneity: 1 uniform, 0 at a pinwheel"),
        ("map_selectivity_mean", "1", "mean selectivity of the units that respond"),
        ("responding_fraction", "1", "fraction of units with a preference, and with it a part in these numbers"),
        (
            "orientation_bias",
            "1",
            "strength of the preference of the whole map for one orientation: 0 none, 1 all equal",
        ),
        ("orientation_bias_deg", "degrees", "that orientation"),
        ("cardinal_bias", "1", "1 if all units prefer horizontal or vertical, -1 if all prefer obliques"),
        (
            "hypercolumn_distance_2013",
            "sheet units",
            "as by Stevens et al. (2013): from the spectrum of the scalar map, of all units, silent ones with "
            "preference 0; NaN if that spectrum cannot be fitted",
        ),
        (
            "pinwheel_density_2013",
            "per hypercolumn area",
            "as by Stevens et al. (2013): with that distance, of all units, over the area of the whole sheet; 0 "
            "without pinwheels",
        ),
        ("pinwheel_quality_2013", "1", "as by Stevens et al. (2013): gamma index of that density"),
    ),
    *_of(
        "tuning",
        (
            "orientation_half_width_deg_<contrast>",
            "degrees",
            "half width of orientation tuning at half height, at a contrast in percent",
        ),
        ("contrast_invariance", "1", "half width at the highest contrast over that at the lowest"),
    ),
    *_of(
        "contrast_response",
        (
            "contrast_at_half_response",
            "% contrast",
            "contrast of half the response at the highest contrast, mean over units, by interpolation",
        ),
        ("naka_rushton_rmax", "activity", "largest response, of the Naka-Rushton fit to the mean curve"),
        ("naka_rushton_c50", "% contrast", "contrast of half that response, of the same fit"),
        ("naka_rushton_n", "1", "exponent, of the same fit"),
    ),
    *_of(
        "size_tuning",
        ("preferred_size", "sheet units", "diameter of the grating patch with the largest response"),
        ("suppression_index", "1", "surround suppression: 0 none, 1 where the largest patch gives no response"),
    ),
    *_of(
        "spatial_frequency_tuning",
        ("preferred_spatial_frequency", "cycles per sheet unit", "frequency of the largest response"),
        ("spatial_frequency_bandwidth", "octaves", "full width of the tuning at half height"),
    ),
    *_of(
        "full_field_response",
        ("full_field_response", "activity", "mean response to a uniform field of the highest luminance"),
    ),
    *_of(
        "receptive_fields",
        ("receptive_field_radius_<input>", "sheet units", "root mean square radius of the receptive fields"),
    ),
    *_of(
        "spatial_frequency_map",
        ("frequency_selectivity_mean", "1", "mean selectivity for spatial frequency"),
        ("frequency_responding_fraction", "1", "fraction of units that respond"),
    ),
    *_of(
        "line_map",
        ("lines_orientation_selectivity_mean", "1", "mean orientation selectivity, measured with lines"),
        (
            "position_tolerance_mean",
            "1",
            "fraction of a line's positions at which a unit answers its best orientation with half its maximum or more",
        ),
    ),
    *_of(
        "position_map",
        ("position_x_selectivity_mean", "1", "mean selectivity for position along x"),
        ("position_y_selectivity_mean", "1", "mean selectivity for position along y"),
        ("position_x_responding_fraction", "1", "fraction of units that respond"),
    ),
    *_of(
        "ocular_dominance_map",
        ("ocularity_selectivity_mean", "1", "mean difference of the eyes' responses over their sum"),
        ("ocularity_responding_fraction", "1", "fraction of units that respond"),
        default=True,
    ),
    *_of(
        "disparity_map",
        ("disparity_selectivity_mean", "1", "mean selectivity for phase disparity"),
        ("disparity_responding_fraction", "1", "fraction of units that respond"),
    ),
    *_of(
        "direction_map",
        ("direction_selectivity_mean", "1", "mean selectivity for the direction of motion"),
        ("speed_selectivity_mean", "1", "mean selectivity for speed"),
        ("direction_responding_fraction", "1", "fraction of units that respond"),
        default=True,
    ),
)
"""All metrics; those that are most often compared come first."""


def metric_named(name: str) -> Metric | None:
    """Return the metric that a recorded name such as `V1/afferent_orientation_selectivity_mean` stands for.

    Args:
        name: With or without the sheet and the prefix of `LABELS`.

    Returns:
        The metric; None for a name of another package, or under a label chosen by a user.
    """
    bare = name.rpartition("/")[2]
    for prefix in ("", *LABELS):
        for metric in METRICS if bare.startswith(prefix) else ():
            if metric.matches(bare.removeprefix(prefix)):
                return metric
    return None


def metrics_table() -> str:
    """Return the catalogue as a table in Markdown; default metrics are set in bold."""
    rows = ["| metric, after `<Sheet>/` | unit | meaning | analysis |", "|---|---|---|---|"]
    for metric in METRICS:
        shown = f"**`{metric.name}`**" if metric.default else f"`{metric.name}`"
        rows.append(f"| {shown} | {metric.unit} | {metric.meaning} | `{metric.analysis}` |")
    return "\n".join(rows)
