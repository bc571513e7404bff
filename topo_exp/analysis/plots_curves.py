"""Pictures of curves: tuning, histograms, spectra, numbers over time.

Every function takes arrays and returns a matplotlib Figure in one journal column, drawn without pyplot. The data of
each picture are saved beside it: measured curves in the NetCDF file of their analysis, numbers in metrics.csv.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.metrics import orientation_histogram
from topo_exp.analysis.plots_axes import (
    CELL,
    bare_axes,
    canvas,
    em,
    label_axes,
    place,
    round_ticks,
    size_of,
    write_title,
)
from topo_exp.analysis.plots_colours import Palette, cyclic_colours
from topo_exp.analysis.plots_style import styled
from topo_exp.analysis.spectrum import Spectrum, ring_shape
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

ROOM_ABOVE = 2.05
"""Height of the axes over that of the curve, where the legend stands above it."""
DASHED: dict[str, Any] = {"color": "0.3", "linewidth": 0.7, "linestyle": (0, (4, 2))}
"""A line to compare with."""
NakaRushton = tuple[float, float, float]
"""R_max, c50 and n of R(c) = R_max c^n / (c^n + c50^n), as `tuning.naka_rushton_fit` returns them."""


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
    legend: str = "",
    unit: str = "",
    naka_rushton: NakaRushton | None = None,
) -> Figure:
    """Draw responses against the value of a feature, one curve per condition or group of units.

    Args:
        values: (n,), the feature's values in the unit of `xlabel`, rising.
        responses: For each curve its name and responses (n,); or (units, n), of which mean and standard error of the
            mean are drawn, and said so in the legend. Units with a NaN are left out.
        title: Subject, units and time.
        xlabel: The feature and its unit.
        ylabel: The quantity on the vertical axis.
        period: Of a cyclic feature: one cycle is shown, from 0, or from minus half a period where there are values
            below 0, and the curve is repeated up to both ends.
        log: Logarithmic feature axis, as for contrast and spatial frequency.
        legend: The quantity that the names of the curves give, such as "contrast"; heads the legend.
        unit: Of the values, written after c50.
        naka_rushton: Coefficients of the fit R(c) = R_max c^n / (c^n + c50^n) to be drawn over the curve; c50 is marked
            on the axis, or named as extrapolated where it is beyond the values measured.

    Returns:
        The figure.

    Raises:
        ParameterError: There is no curve, or one does not fit the values.
    """
    v = np.asarray(values, dtype=np.float64)
    if not responses:
        raise ParameterError("tuning_curves.responses: must name a curve (got none). Pass {name: responses}.")
    figure, axes = _curve_axes(title, xlabel, ylabel)
    if log:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
    start = 0.0 if period is None or v.min() >= 0 else -period / 2
    largest, entries, explained = 0.0, 0, bool(legend) or naka_rushton is not None
    measured = {name: _units(v, name, curve) for name, curve in responses.items()}
    counts = {len(r) for r in measured.values() if len(r)}
    is_common = len(measured) > 1 and len(counts) == 1  # one note for all curves, not one for each
    heading = "\n".join(text for text in (legend, _averaged(max(counts)) if is_common else "") if text)
    for name, r in measured.items():
        if not len(r):
            continue
        mean, error = r.mean(axis=0), r.std(axis=0, ddof=1) / np.sqrt(len(r)) if len(r) > 1 else None
        at, mean = _repeated(v, mean, start, period)
        label = ": ".join(text for text in (name, "" if is_common else _averaged(len(r))) if text)
        (line,) = axes.plot(at, mean, marker="o", markersize=2.2 * em(), label=label or "_")
        entries += bool(label)
        largest = max(largest, float(np.abs(mean).max()))
        if error is not None:
            explained = True
            _, spread = _repeated(v, error, start, period)
            outline = np.concatenate([mean - spread, (mean + spread)[::-1]])  # a patch, which legends avoid
            axes.fill(np.concatenate([at, at[::-1]]), outline, color=line.get_color(), alpha=0.25, linewidth=0)
    if period is not None:
        axes.set_xlim(start, start + period)
        axes.xaxis.set_major_locator(FixedLocator((start + np.arange(5) / 4 * period).tolist()))
    if naka_rushton is not None:
        entries += _draw_naka_rushton(axes, v, naka_rushton, unit)
    if largest > 0:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    else:
        axes.set_ylim(-0.05, 1.0)  # no response at all, which would be magnified without end
    _legend(axes, entries, heading=heading, always=explained)
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

    Args:
        values: any shape; NaN are left out.
        title: Subject, sheet and time.
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
        share = np.nan_to_num(share)  # NaN where no unit has a value
        unit = 180 / np.pi if round(cyclic_range / np.pi, 9) in (1, 2) else 1.0
        colours = cyclic_colours(centres / cyclic_range, palette=palette)
        axes.bar(centres * unit, share, width=cyclic_range * unit / bins, color=colours, edgecolor="black")
        if np.isfinite(share).all():
            axes.set_ylim(0, 1.25 * max(float(share.max()), 1 / bins))
        axes.axhline(1 / bins, label="uniform distribution", **DASHED)
        axes.set_xlim(-cyclic_range * unit / bins, cyclic_range * unit)
        axes.xaxis.set_major_locator(FixedLocator((np.arange(5) / 4 * cyclic_range * unit).tolist()))
        _legend(axes, 1, always=True)
        return figure
    flat = np.asarray(values, dtype=np.float64)
    valid = np.isfinite(flat)
    w = np.ones(flat.shape)[valid] if weights is None else np.asarray(weights, dtype=np.float64)[valid]
    if not valid.any():
        axes.set(xlim=limits or (0.0, 1.0), ylim=(0.0, 1.0))
        axes.text(0.5, 0.5, "no unit has a value", transform=axes.transAxes, horizontalalignment="center")
        return figure
    counts, edges = np.histogram(flat[valid], bins=bins, range=limits, weights=w)
    share = counts / (counts.sum() or 1)
    axes.bar(edges[:-1], share, width=np.diff(edges), align="edge", color="C0", edgecolor="white")
    axes.set_xlim(edges[0], edges[-1])
    return figure


@styled
def spectrum(spectrum: Spectrum, *, title: str) -> Figure:
    """Draw the spectrum of a map: over the plane of wavenumbers, and over |k| with the fit that gives the hypercolumns.

    Args:
        spectrum: as returned by `topo_exp.analysis.spectrum.map_spectrum`.
        title: Subject, sheet and time.

    Returns:
        The figure, one and a half columns wide.
    """
    reach = min(float(spectrum.k[-1]), max(4 * spectrum.peak, 8.0)) if np.isfinite(spectrum.peak) else spectrum.k[-1]
    around = (-reach, -reach, reach, reach)
    if current_style().is_cell:
        figure, (plane,) = canvas("map", CELL, CELL, [(0, 0, CELL, CELL)])
        plane.imshow(spectrum.plane, extent=spectrum.extent, aspect="auto", cmap="gray_r", vmin=0)
        bare_axes(plane, around)
        return figure
    unit = current_style().column / (85 / 25.4)
    side, left, below, gap = 1.65 * unit, 0.45 * em(), 0.36 * em(), 0.62 * em()
    width = left + side + gap + 2.05 * unit + 0.1 * em()
    figure, _ = canvas("curves", width, below + side + 0.28 * em())
    plane, radial = place(figure, left, below, side, side), place(figure, left + side + gap, below, 2.05 * unit, side)
    plane.imshow(spectrum.plane, extent=spectrum.extent, cmap="gray_r", vmin=0)
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach))
    label_axes(plane, "cycles / map, x", "cycles / map, y", beside=0.32)
    write_title(plane, title, room=width - left)
    plane.spines[:].set_visible(True)
    for axis in (plane.xaxis, plane.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=4, integer=True, symmetric=True))
    dashes: dict[str, Any] = {"color": "C1", "linestyle": (0, (4, 2))}
    radial.plot(spectrum.k, spectrum.amplitude, "o", markersize=2.6, color="black", label="mean over directions")
    if spectrum.fitted:
        k = np.linspace(spectrum.k[0], spectrum.k[-1], 200)
        radial.plot(k, ring_shape(k, *spectrum.coefficients), color="C1", label="fit")
        background = spectrum.coefficients * (0, 1, 1, 1, 1, 1)
        radial.plot(k, ring_shape(k, *background), linewidth=0.7, label="background of the fit", **dashes)
    if np.isfinite(spectrum.peak):
        circle = spectrum.peak * np.exp(1j * np.linspace(0, 2 * np.pi, 90))
        plane.plot(circle.real, circle.imag, linewidth=0.8, label="|k| = k peak", **dashes)
        label = f"k = {spectrum.peak:.2f} (circle at the left)\nΛ = {spectrum.hypercolumn_distance:.3g} sheet units"
        radial.axvline(spectrum.peak, ymax=1 / ROOM_ABOVE, color="C0", linewidth=0.7, label=label)
    top = ROOM_ABOVE * (float(np.max(spectrum.amplitude)) or 1.0)
    radial.set(ylim=(0, top), xlim=(0, spectrum.k[-1]))
    label_axes(radial, "|k| (cycles / map)", "amplitude", beside=0.46)
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
    target_label: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one or more numbers over simulation time.

    Args:
        times: (n,), iterations, rising.
        values: (n,), or for each curve its name and values (n,); NaN leaves a gap.
        title: Subject and sheet.
        ylabel: The number and its unit.
        target: A value to compare with, drawn as a dashed line, such as pi for the pinwheel density.
        target_label: Name of that value in the legend; empty writes the number.
        limits: Of the vertical axis; None lets the values decide.

    Returns:
        The figure.

    Raises:
        ParameterError: A curve does not fit the times.
    """
    curves = values if isinstance(values, Mapping) else {"": values}
    t = np.asarray(times, dtype=np.float64)
    figure, axes = _curve_axes(title, "time (iterations)", ylabel)
    for name, curve in curves.items():
        v = np.asarray(curve, dtype=np.float64)
        if v.shape != t.shape:
            raise ParameterError(f"metric_curve[{name!r}]: must have {t.size} values (got shape {v.shape}).")
        axes.plot(t, v, marker="o", label=name or "_", clip_on=False, zorder=3)
    if target is not None:
        axes.axhline(target, label=target_label or f"{target:.4g}", **DASHED)
    if limits is not None:
        axes.set_ylim(limits)
        axes.yaxis.set_major_locator(FixedLocator(round_ticks(*limits, most=5)))
    if t.size:
        margin = 0.02 * (t.max() - t.min()) or 1.0
        axes.set_xlim(t.min() - margin, t.max() + margin)
        axes.xaxis.set_major_locator(FixedLocator(round_ticks(float(t.min()), float(t.max()), most=5)))
    _legend(axes, len(curves) + (target is not None), always=target is not None)
    return figure


def _curve_axes(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    if current_style().is_cell:
        figure, _ = canvas("curves", CELL, CELL)
        return figure, place(figure, 0.32, 0.2, CELL - 0.47, CELL - 0.26)
    column = current_style().column
    height = column * 2.2 / 3.35
    left, below, above = 0.55 * em(), 0.38 * em(), 0.26 * em()
    figure, _ = canvas("curves", column, height)
    axes = place(figure, left, below, column - left - 0.14 * em(), height - below - above)
    axes.yaxis.get_offset_text().set_x(-0.5 * em() / size_of(axes)[2])  # a power of ten, beside the title
    write_title(axes, title, room=column - left)
    label_axes(axes, xlabel, ylabel, below=0.26, beside=0.43)
    return figure, axes


def _repeated(
    values: FloatArray, curve: FloatArray, start: float, period: float | None
) -> tuple[FloatArray, FloatArray]:
    """Return a cyclic curve from one value before the start of a cycle to one after its end; others as they are."""
    if period is None:
        return values, curve
    at = np.concatenate([values - period, values, values + period])
    repeated = np.tile(curve, 3)
    order = np.argsort(at, kind="stable")
    at, repeated = at[order], repeated[order]
    first = max(int(np.searchsorted(at, start + 1e-9 * period, side="right")) - 1, 0)
    last = int(np.searchsorted(at, start + period - 1e-9 * period, side="left"))
    return at[first : last + 1], repeated[first : last + 1]


def _units(values: FloatArray, name: str, curve: ArrayLike) -> FloatArray:
    """Return the responses of those units that have all values, (units, n)."""
    r = np.atleast_2d(np.asarray(curve, dtype=np.float64))
    if r.ndim != 2 or r.shape[1] != values.size:
        raise ParameterError(f"tuning_curves[{name!r}]: must have {values.size} values (got shape {np.shape(curve)}).")
    return np.asarray(r[np.isfinite(r).all(axis=1)])


def _averaged(count: int) -> str:
    """Return what a mean curve shows, as text; empty for a single curve."""
    return f"mean ± s.e.m., n = {count}" if count > 1 else ""


def _draw_naka_rushton(axes: Axes, contrasts: FloatArray, fit: NakaRushton, unit: str) -> int:
    """Draw a fitted contrast response and its c50; return how many entries of the legend that makes."""
    top, half, n = fit
    if not np.isfinite(fit).all():
        return 0
    low, high = float(contrasts.min()), float(contrasts.max())
    c = np.linspace(low, high, 200)
    fitted = top * c**n / (c**n + half**n)
    axes.plot(c, fitted, color="black", linewidth=0.8, label=f"Naka-Rushton fit, exponent {n:.2g}")
    label = f"c50 = {half:.3g} {unit}".strip()
    if low <= half <= high:
        axes.axvline(half, label=label, **DASHED)
    else:
        axes.plot([], [], linestyle="none", label=f"{label}, extrapolated")
    return 2


def _legend(axes: Axes, curves: int, *, heading: str = "", always: bool = False) -> None:
    """Explain the curves where there is more than one, or always; never in a picture for a cell."""
    if current_style().is_cell or not (curves > 1 or (always and curves)):
        return
    place = "best" if curves <= 8 else "upper left"
    style: dict[str, Any] = {"title": heading or None, "title_fontsize": "small", "alignment": "left"}
    axes.legend(loc=place, ncols=1 if curves <= 4 else 2, **style)
