"""Pictures of curves: tuning, histograms, spectra, numbers over time.

Every function takes arrays and returns a matplotlib Figure in one journal column, drawn without pyplot. The data of
each picture are saved beside it: measured curves in the NetCDF file of their analysis, numbers in metrics.csv.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike

from topo_exp.analysis.metrics import orientation_histogram
from topo_exp.analysis.plots_style import (
    COLUMN,
    Palette,
    canvas,
    cyclic_colours,
    place,
    styled,
    write_title,
)
from topo_exp.analysis.spectrum import Spectrum, ring_shape
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

ROOM_ABOVE = 1.85
"""Height of the axes over that of the curve, where the legend stands above it."""


@styled
def tuning_curves(
    values: ArrayLike,
    responses: Mapping[str, ArrayLike],
    *,
    title: str,
    xlabel: str,
    ylabel: str = "response",
    period: float | None = None,
    log: bool = False,
) -> Figure:
    """Draw responses against the value of a feature, one curve per condition or unit.

    Arguments:
        values: (n,), the feature's values in the unit of `xlabel`, rising.
        responses: for each curve its name and responses (n,); or (units, n), of which mean and standard error are
            drawn.
        title: what is shown, of which units, at which time.
        xlabel: the feature and its unit.
        ylabel: what the response is.
        period: of a cyclic feature: the curve is closed by repeating its first value at the end of the cycle.
        log: logarithmic feature axis, as for contrast and spatial frequency.

    Returns:
        The figure.

    Raises:
        ParameterError: there is no curve, or one does not fit the values.
    """
    v = np.asarray(values, dtype=np.float64)
    if not responses:
        raise ParameterError("tuning_curves.responses: must name a curve (got none). Pass {name: responses}.")
    figure, axes = _curve_axes(title, xlabel, ylabel)
    if log:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
    at = v if period is None else np.append(v, v[0] + period)
    for name, curve in responses.items():
        r = np.atleast_2d(np.asarray(curve, dtype=np.float64))
        if r.ndim != 2 or r.shape[1] != v.size:
            raise ParameterError(f"tuning_curves[{name!r}]: must have {v.size} values (got shape {np.shape(curve)}).")
        r = r if period is None else np.concatenate([r, r[:, :1]], axis=1)
        mean = r.mean(axis=0)
        (line,) = axes.plot(at, mean, marker="o", markersize=2.2, label=name)
        if len(r) > 1:
            error = r.std(axis=0, ddof=1) / np.sqrt(len(r))
            axes.fill_between(at, mean - error, mean + error, color=line.get_color(), alpha=0.25, linewidth=0)
    if period in (180, 360):
        axes.set_xticks(v[0] + np.arange(5) / 4 * period)
    if any(np.any(curve) for curve in responses.values()):
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    else:
        axes.set_ylim(-0.05, 1.0)  # no response at all, which would be magnified without end
    _legend(axes, len(responses))
    return figure


@styled
def histogram(
    values: ArrayLike,
    *,
    title: str,
    xlabel: str,
    bins: int = 20,
    limits: tuple[float, float] | None = None,
    cyclic_range: float | None = None,
    weights: ArrayLike | None = None,
    palette: Palette = "hue",
) -> Figure:
    """Draw how often each range of values occurs, as a fraction of all.

    Arguments:
        values: any shape; NaN are left out.
        title: what is shown, of which sheet, at which time.
        xlabel: the quantity and its unit.
        bins: how many, at least 1.
        limits: first and last edge; None takes the smallest and largest value.
        cyclic_range: the period of a cyclic feature; its bins are centred on 0, period/bins, ... and coloured as in
            maps, and a line shows the uniform distribution. In radians with period pi or 2 pi the axis is in degrees.
        weights: same shape as values, at least 0; None stands for 1.
        palette: of cyclic features, "hue" or "twilight".

    Returns:
        The figure.
    """
    figure, axes = _curve_axes(title, xlabel, "fraction of units")
    if cyclic_range is not None:
        centres, share = orientation_histogram(values, weights, bins=bins, period=cyclic_range)
        unit = 180 / np.pi if round(cyclic_range / np.pi, 9) in (1, 2) else 1.0
        colours = cyclic_colours(centres / cyclic_range, palette=palette)
        axes.bar(centres * unit, share, width=cyclic_range * unit / bins, color=colours, edgecolor="black")
        axes.axhline(1 / bins, color="0.3", linewidth=0.7, linestyle=(0, (4, 2)))
        axes.set_xticks(np.arange(5) / 4 * cyclic_range * unit)
        return figure
    flat = np.asarray(values, dtype=np.float64)
    valid = np.isfinite(flat)
    w = np.ones(flat.shape)[valid] if weights is None else np.asarray(weights, dtype=np.float64)[valid]
    counts, edges = np.histogram(flat[valid], bins=bins, range=limits, weights=w)
    share = counts / (counts.sum() or 1)
    axes.bar(edges[:-1], share, width=np.diff(edges), align="edge", color="C0", edgecolor="white")
    axes.set_xlim(edges[0], edges[-1])
    return figure


@styled
def spectrum(spectrum: Spectrum, *, title: str) -> Figure:
    """Draw the spectrum of a map: over the plane of wavenumbers, and over |k| with the fit that gives the hypercolumns.

    Arguments:
        spectrum: as returned by `topo_exp.analysis.spectrum.map_spectrum`.
        title: what is shown, of which sheet, at which time.

    Returns:
        The figure, one and a half columns wide.
    """
    side, left, below, gap = 1.65, 0.42, 0.36, 0.5
    width = left + side + gap + 2.05 + 0.1
    figure = canvas(width, below + side + 0.28)
    plane, radial = place(figure, left, below, side, side), place(figure, left + side + gap, below, 2.05, side)
    reach = min(float(spectrum.k[-1]), max(4 * spectrum.peak, 8.0)) if np.isfinite(spectrum.peak) else spectrum.k[-1]
    plane.imshow(spectrum.plane, extent=spectrum.extent, cmap="gray_r", vmin=0)
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="cycles / map, x", ylabel="cycles / map, y")
    write_title(plane, title, room=width - left)
    plane.spines[:].set_visible(True)
    for axis in (plane.xaxis, plane.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=4, integer=True, symmetric=True))
    radial.plot(spectrum.k, spectrum.amplitude, "o", markersize=2.6, color="black", label="mean over directions")
    if spectrum.fitted:
        k = np.linspace(spectrum.k[0], spectrum.k[-1], 200)
        radial.plot(k, ring_shape(k, *spectrum.coefficients), color="C1", label="fit")
        background = spectrum.coefficients * (0, 1, 1, 1, 1, 1)
        radial.plot(k, ring_shape(k, *background), color="C1", linewidth=0.7, linestyle=(0, (4, 2)), label="background")
    if np.isfinite(spectrum.peak):
        circle = spectrum.peak * np.exp(1j * np.linspace(0, 2 * np.pi, 90))
        plane.plot(circle.real, circle.imag, color="C1", linewidth=0.8, linestyle=(0, (4, 2)))
        label = f"k = {spectrum.peak:.2f}\nΛ = {spectrum.hypercolumn_distance:.3g} sheet units"
        radial.axvline(spectrum.peak, ymax=1 / ROOM_ABOVE, color="C0", linewidth=0.7, label=label)
    top = ROOM_ABOVE * (float(np.max(spectrum.amplitude)) or 1.0)
    radial.set(xlabel="|k| (cycles / map)", ylabel="amplitude", ylim=(0, top), xlim=(0, spectrum.k[-1]))
    radial.legend(loc="upper right")
    return figure


@styled
def metric_curve(
    times: Sequence[float] | FloatArray,
    values: Mapping[str, ArrayLike] | ArrayLike,
    *,
    title: str,
    ylabel: str,
    target: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one or more numbers over simulation time.

    Arguments:
        times: (n,), iterations, rising.
        values: (n,), or for each curve its name and values (n,); NaN leaves a gap.
        title: what is shown, of which sheet.
        ylabel: the number and its unit.
        target: a value to compare with, drawn as a dashed line, such as pi for the pinwheel density.
        limits: of the vertical axis; None lets the values decide.

    Returns:
        The figure.

    Raises:
        ParameterError: a curve does not fit the times.
    """
    curves = values if isinstance(values, Mapping) else {"": values}
    t = np.asarray(times, dtype=np.float64)
    figure, axes = _curve_axes(title, "time (iterations)", ylabel)
    for name, curve in curves.items():
        v = np.asarray(curve, dtype=np.float64)
        if v.shape != t.shape:
            raise ParameterError(f"metric_curve[{name!r}]: must have {t.size} values (got shape {v.shape}).")
        axes.plot(t, v, marker="o", label=name)
    if target is not None:
        axes.axhline(target, color="0.3", linewidth=0.7, linestyle=(0, (4, 2)))
    if limits is not None:
        axes.set_ylim(limits)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    _legend(axes, len(curves))
    return figure


def _curve_axes(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = canvas(COLUMN, 2.2)
    axes = place(figure, 0.5, 0.38, COLUMN - 0.62, 2.2 - 0.38 - 0.26)
    write_title(axes, title, room=COLUMN - 0.55)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def _legend(axes: Axes, curves: int) -> None:
    if curves > 1:
        axes.legend(loc="best" if curves <= 8 else "upper left", ncols=1 if curves <= 4 else 2)
