"""The event-driven path: connection fields stored by source unit, and sheets that settle in one compiled call.

`adopt` looks at every sheet of a simulation and gives it what it can take, without anybody having to choose. A
projection whose response is the dot product, whose rule is Hebbian and whose weights are >= 0 gets `EventDrivenFields`.
A sheet all of whose projections are such, or share one kernel, and whose output function is known here, gets an
`Executor`, which does the sheet's activations and learning. What is not adopted is computed densely; the results agree
to single precision.

What Python sees (activities, inputs, thresholds) stays the truth; buffers of the kernels are copies of it, known by the
identity of the object that was copied. So a restored state, or a value set by hand, is simply loaded anew.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.engine.fields import DenseFields, LearningFn, ResponseFn
from topo_exp.engine.learning import DivisiveNormalizeL1, Hebbian, KeepWeights
from topo_exp.engine.presentation import Shown
from topo_exp.engine.projection import CFProjection, Projection, SharedWeightCFProjection
from topo_exp.engine.response import Add, Divide, DotProduct
from topo_exp.engine.sheet import CFSheet, SettlingCFSheet
from topo_exp.engine.streams import NumberGenerator
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear
from topo_exp.errors import StateError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

FOLD_AFTER = 1000
"""Normalisations after which scales are multiplied into the weights."""

LEAST_SCALE = 1e-6
"""Scale below which this happens at once, lest the stored weights grow beyond single precision."""

FAINT = 1e-9
"""A Gaussian is not drawn where it is fainter than this."""

COMPILING_TIMEOUT = 120.0
"""Seconds to wait for another process that compiles the same kernels."""


# ------------------------------------------------------------------------------------------------ compiled kernels
@cache
def kernels() -> Any:
    """Import the compiled kernels, from a cache that belongs to this user, processor and code version."""
    import numba
    from llvmlite import binding

    source = Path(__file__).with_name("kernels.py").read_bytes()
    version = hashlib.sha256(source).hexdigest()[:16]
    name = f"{binding.get_host_cpu_name()}-numba{numba.__version__}-py{sys.version_info.major}{sys.version_info.minor}"
    directory = _cache_directory(f"{name}-{version}")
    before = numba.config.CACHE_DIR
    with _one_at_a_time(directory):
        numba.config.CACHE_DIR = str(directory)
        try:
            from topo_exp.engine import kernels as module
        finally:
            numba.config.CACHE_DIR = before
    return module


def _cache_directory(name: str) -> Path:
    """Return a directory of that name that can be written, below numba's, the user's, or a private temporary one."""
    given = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    bases = [Path(given) if given else Path("~").expanduser() / ".cache"]
    bases.append(Path(tempfile.gettempdir()) / f"topo_exp-{os.getuid() if hasattr(os, 'getuid') else 'cache'}")
    for base in bases:
        directory = base / "topo_exp" / name
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            ours = not hasattr(os, "getuid") or directory.stat().st_uid == os.getuid()
            if ours and os.access(directory, os.W_OK | os.X_OK):
                return directory
    return Path(tempfile.mkdtemp(prefix="topo_exp-"))


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Let one process compile while others wait for it; once that is done, nobody waits."""
    done = directory / "compiled"
    if done.exists():
        yield
        return
    with open(directory / "lock", "w") as lock:
        _wait_for(lock.fileno())
        yield
        done.touch()


def _wait_for(descriptor: int) -> None:
    """Wait for a lock on an open file, with a bound: waiting saves work, but is not needed for correctness."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    give_up = time.monotonic() + COMPILING_TIMEOUT
    while time.monotonic() < give_up:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # a file system without locks
            return
        else:
            return


# ---------------------------------------------------------------------------------------------------------- layout
def _aligned(size: int, dtype: type = np.float32) -> np.ndarray:
    """Return zeros that start on a cache line."""
    raw: np.ndarray = np.zeros(size + 64 // np.dtype(dtype).itemsize, dtype)
    first = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[first : first + size]


class Layout:
    """Which destination units each source unit reaches, as vectors of eight and four; see `kernels`."""

    def __init__(self, geometry: FieldGeometry, mask: BoolArray, *, shared: bool = False) -> None:
        rows, columns = geometry.destination_shape
        source_rows, source_columns = geometry.source_shape
        height, width = mask.shape
        corners = geometry.corners.reshape(rows, columns, 2)
        self.template_row = np.ascontiguousarray(-corners[:, 0, 0], np.int32)
        self.template_column = np.ascontiguousarray(-corners[0, :, 1], np.int32)
        self.columns = np.array([source_columns, columns], np.int64)

        k = np.arange(source_rows)[:, None] + self.template_row
        reached = (k >= 0) & (k < height)
        row_first = reached.argmax(axis=1)
        row_classes, row_class = np.unique(_sequences(k, reached), axis=0, return_inverse=True)

        runs, column_first = self._runs(mask, source_columns)
        patterns = runs.reshape(source_columns, -1)
        if shared:  # lists then stand for weights too, which depend on the template's columns
            seen = np.arange(source_columns)[:, None] + self.template_column
            patterns = np.hstack([patterns, _sequences(seen, (seen >= 0) & (seen < width))])
        _, representative, column_class = np.unique(patterns, axis=0, return_index=True, return_inverse=True)
        column_classes = np.ascontiguousarray(runs[representative])

        counts = (row_classes >= 0).sum(axis=1).astype(np.int32)
        self.lists = np.zeros((len(row_classes) * len(column_classes), 3), np.int32)
        none = np.zeros(0, np.int32)
        compiled = kernels()
        size = compiled.list_vectors(row_classes, counts, column_classes, columns, self.lists, none, none)
        self.offsets, self.lanes = np.zeros(size, np.int32), np.zeros(size, np.int32)
        compiled.list_vectors(row_classes, counts, column_classes, columns, self.lists, self.offsets, self.lanes)
        self.list_of = (row_class[:, None] * len(column_classes) + column_class).astype(np.int32).ravel()
        self.base = (row_first[:, None] * columns + column_first).astype(np.int32).ravel()
        self.sizes = self.lists[:, 1].astype(np.int64) * 8 + (self.lists[:, 2] + 1) // 2 * 8

    def _runs(self, mask: BoolArray, source_columns: int) -> tuple[IntArray, IntArray]:
        """Return (first, length) by source column and template row, and the first destination column of each."""
        width = mask.shape[1]
        seen = np.arange(source_columns)[:, None] + self.template_column
        valid = (seen >= 0) & (seen < width)
        sees = mask.T[np.clip(seen, 0, width - 1)].transpose(0, 2, 1) & valid[:, None, :]
        first, length = sees.argmax(axis=2), sees.sum(axis=2)
        some = length > 0
        column_first = np.where(some.any(axis=1), np.where(some, first, len(self.template_column)).min(axis=1), 0)
        runs = np.stack([np.where(some, first - column_first[:, None], 0), length], axis=2)
        return runs.astype(np.int32), column_first

    @property
    def nbytes(self) -> int:
        """Bytes that the lists take."""
        return self.offsets.nbytes + self.lanes.nbytes + self.lists.nbytes + self.list_of.nbytes + self.base.nbytes


def _sequences(values: IntArray, valid: BoolArray) -> IntArray:
    """Return the valid values of each row in turn, padded with -1 to equal lengths."""
    order = np.argsort(~valid, axis=1, kind="stable")
    sorted_values = np.take_along_axis(np.where(valid, values, -1), order, axis=1)
    return np.ascontiguousarray(sorted_values[:, : max(int(valid.sum(axis=1).max()), 1)], np.int32)


def has_runs(geometry: FieldGeometry, mask: BoolArray) -> bool:
    """Tell whether fields can be laid out: rows and columns independent, each row of the mask without a hole."""
    corners = geometry.corners.reshape(*geometry.destination_shape, 2)
    separable = (corners[:, :1, 0] == corners[:, :, 0]).all() and (corners[:1, :, 1] == corners[:, :, 1]).all()
    rises = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1) == 1
    ascending = (np.diff(corners[:, 0, 0]) >= 0).all() and (np.diff(corners[0, :, 1]) >= 0).all()
    return bool(separable and ascending and (rises.sum(axis=1) <= 1).all())


class Wires:
    """The arrays of one projection, and their addresses as the kernels expect them."""

    def __init__(self, geometry: FieldGeometry, layout: Layout, *, shared: bool) -> None:
        compiled = kernels()
        self.layout = layout
        n_source = geometry.source_shape[0] * geometry.source_shape[1]
        n_dest = geometry.units
        sizes = layout.sizes if shared else layout.sizes[layout.list_of]
        start = np.cumsum(sizes) - sizes
        self.weights = _aligned(int(sizes.sum()))
        self.source = _aligned(n_source)
        self.response = _aligned(n_dest, np.float64)
        self.scale = np.ones(n_dest)
        self.total = np.zeros(n_dest)
        self.view = self.response.reshape(geometry.destination_shape)
        self.loaded: Any = None
        """The input that `source` is a copy of."""
        self.answered: Any = None
        """The input that `response` is the response to."""
        self._arrays = {
            compiled.WEIGHTS: self.weights,
            compiled.START: np.ascontiguousarray(start[layout.list_of] if shared else start),
            compiled.BASE: layout.base,
            compiled.LIST: layout.list_of,
            compiled.LISTS: layout.lists,
            compiled.OFFSETS: layout.offsets,
            compiled.LANES: layout.lanes,
            compiled.SOURCE: self.source,
            compiled.PARTIAL: _aligned(n_dest + compiled.PADDING),
            compiled.RESPONSE: self.response,
            compiled.ACTIVE: np.zeros(n_source, np.int32),
            compiled.SCALE: self.scale,
            compiled.TOTAL: self.total,
        }
        if not shared:
            self._arrays[compiled.GATE] = _aligned(n_dest + compiled.PADDING)
            self._arrays[compiled.INPUT_SUM] = _aligned(n_dest + compiled.PADDING)
        self.row = np.zeros((1, compiled.N_ADDRESSES), np.int64)
        for column, array in self._arrays.items():
            self.row[0, column] = array.ctypes.data
        self.row[0, compiled.N_SOURCE], self.row[0, compiled.N_DEST] = n_source, n_dest
        self.row[0, compiled.N_LISTS], self.row[0, compiled.N_OFFSETS] = len(layout.lists), len(layout.offsets)

    def convert(self, templates: FloatArray, *, pack: bool) -> None:
        """Copy weights from templates (units, rows, columns), or scaled ones into them."""
        layout = self.layout
        factors = np.ones_like(self.scale) if pack else self.scale
        kernels().convert(
            self.row, layout.columns, layout.template_row, layout.template_column, templates, pack, factors
        )

    def load(self, activity: Any) -> None:
        """Take over a source activity, unless it is the one that is there."""
        if activity is not self.loaded:
            self.source[:] = single(activity).ravel()
            self.loaded = activity

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of what says where they belong."""
        return self.weights.nbytes + self.layout.nbytes


def single(activity: Any) -> FloatArray:
    """Return an activity in single precision; one that is made of Gaussians is drawn where they are not faint only."""
    if not isinstance(activity, Shown):
        return np.asarray(activity, np.float32)
    if activity.single is None:
        gaussians, grid = activity.gaussians, activity.grid
        if gaussians is None or not (gaussians[:, 5] >= 0).any():
            activity.single = np.asarray(activity).astype(np.float32)
        else:
            activity.single = np.empty(grid.shape, np.float32)
            kernels().draw_gaussians(activity.single, grid.x, grid.y, gaussians, FAINT)
    return activity.single


# ---------------------------------------------------------------------------------------------------------- fields
class EventDrivenFields:
    """Weights by source unit, with a scale factor for each destination unit; same interface as `DenseFields`.

    Scales are folded into the weights after `FOLD_AFTER` normalisations, or when one gets too small. Both are counted
    from the state, so a run that is continued from a stored state folds at the same moments.
    """

    def __init__(self, geometry: FieldGeometry, template_mask: BoolArray, weights: FloatArray) -> None:
        self.geometry = geometry
        self.template_mask = template_mask
        self.wires = Wires(geometry, Layout(geometry, template_mask), shared=False)
        self._numbers = np.zeros((1, kernels().N_NUMBERS))
        self._numbers[0, kernels().STRENGTH] = 1.0
        self.count = 0
        self.signed = False
        self.set_weights(weights)

    def weights(self) -> FloatArray:
        """Return the weights, (units, rows, columns), in a fresh array."""
        templates = np.zeros((self.geometry.units, *self.template_mask.shape), np.float32)
        self.wires.convert(templates, pack=False)
        return templates

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights."""
        self.wires.convert(np.ascontiguousarray(weights, np.float32), pack=True)
        self.wires.scale[:] = 1.0
        kernels().add_up(self.wires.row)
        self.count = 0
        self.signed = bool((self.wires.weights < 0).any())

    def respond(self, source: FloatArray, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        self.wires.loaded = None
        self.wires.source[:] = single(source).ravel()
        kernels().respond(self.wires.row, self._numbers)
        return self.wires.view.copy()

    def learn(self, rule: LearningFn, source: FloatArray, activity: FloatArray, rate: float) -> None:
        """Apply the Hebbian rule for the destination's `activity` (rows, columns)."""
        post = np.ascontiguousarray(activity, np.float32)
        self.wires.loaded = None
        self.wires.source[:] = single(source).ravel()
        if self.signed or kernels().learn_alone(self.wires.row, post.ravel(), float(rate)) < 0:
            mask = self.geometry.on_sheet & self.template_mask
            dense = DenseFields(self.geometry, mask, self.weights(), np.float64)
            dense.learn(rule, single(source), post, rate)
            self.set_weights(dense.weights())

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units."""
        if self.signed:
            return np.abs(self.weights()).sum(axis=(1, 2), dtype=np.float64)[units]
        return self.wires.total[units]

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        self.wires.scale[units] *= factors
        self.wires.total[units] *= factors
        self.scaled(float(self.wires.scale[units].min(initial=1.0)))

    def scaled(self, least: float) -> None:
        """Count a normalisation that left `least` as the least scale, and fold when it is time."""
        self.count += 1
        if self.count >= FOLD_AFTER or least < LEAST_SCALE:
            if not self.signed:
                kernels().fold(self.wires.row)
            else:
                self.set_weights(self.weights())
            self.count = 0

    def state(self) -> State:
        """Return stored weights, scales, totals, and the count of normalisations since the last folding."""
        scale, self.wires.scale[:] = self.wires.scale.copy(), 1.0
        weights = self.weights()
        self.wires.scale[:] = scale
        return {"weights": weights, "scale": scale, "total": self.wires.total.copy(), "count": np.array(self.count)}

    def restore(self, state: State) -> None:
        """Take everything from a stored state, of this or of dense fields."""
        weights = np.asarray(state["weights"])
        if weights.shape != (self.geometry.units, *self.template_mask.shape):
            raise StateError(
                f"fields: must have the stored shape (got {(self.geometry.units, *self.template_mask.shape)}, stored "
                f"{weights.shape}). Restore into the same model with the same parameters."
            )
        self.set_weights(weights)
        if "scale" in state:
            self.wires.scale[:] = state["scale"]
            self.wires.total[:] = state["total"]
            self.count = int(state["count"])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of what says where they belong."""
        return self.wires.nbytes


def supports(projection: CFProjection) -> bool:
    """Tell whether a projection's fields can be `EventDrivenFields`: exact for Hebbian rules and weights >= 0."""
    if type(projection.response_fn) is not DotProduct or type(projection.learning_fn) is not Hebbian:
        return False
    output = projection.weights_output_fn
    if type(output) not in (DivisiveNormalizeL1, KeepWeights) or getattr(output, "single_precision", False):
        return False
    fields = projection.fields
    if not isinstance(fields, DenseFields):
        return True
    if fields.refused is None:
        regular = has_runs(projection.geometry, projection.template_mask) and fields.fills(projection.mask)
        fields.refused = not regular or (type(output) is DivisiveNormalizeL1 and bool((fields.weights() < 0).any()))
    return not fields.refused


class SharedFields:
    """A kernel that all units share, laid out like other fields.

    `opposite` are the fields of a projection to another sheet whose kernel is the negative of this one: where both have
    the same input, its response need only be negated.
    """

    def __init__(self, projection: SharedWeightCFProjection, template_mask: BoolArray) -> None:
        geometry = projection.geometry
        self.kernel = projection.weights
        self.wires = Wires(geometry, Layout(geometry, template_mask, shared=True), shared=True)
        self.opposite: SharedFields | None = None
        self.strength: float | None = None
        """Strength that is part of the last response."""
        self._numbers = np.zeros((1, kernels().N_NUMBERS))
        self._numbers[0, kernels().STRENGTH] = 1.0
        self.wires.convert(self.kernel[None], pack=True)

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        self.wires.loaded = None
        self.wires.source[:] = single(source).ravel()
        kernels().respond(self.wires.row, self._numbers)
        return self.wires.view.copy()


# ------------------------------------------------------------------------------------------------------- executors
@dataclass(frozen=True)
class Plan:
    """What an executor was made for; it serves as long as this does not change."""

    projections: tuple[tuple[object, ...], ...]
    output_fn: object
    divisor: float
    lateral_delay: float | None
    """Delay that all lateral projections share, or None: then nothing is done ahead of time."""

    @classmethod
    def of(cls, sheet: CFSheet) -> "Plan | None":
        """Return the plan for a sheet, or None where the kernels do not know something about it."""
        if len(sheet.output_fns) != 1 or type(sheet.output_fns[0]) not in (
            HalfRectify,
            HomeostaticResponse,
            PiecewiseLinear,
        ):
            return None
        if getattr(sheet, "mask_fn", None) is not None or sheet.mask is not None or not sheet.projections:
            return None
        if type(sheet) not in (CFSheet, SettlingCFSheet):
            return None
        divisor = _divisor(sheet)
        fast = all(isinstance(_backend(p), EventDrivenFields | SharedFields) for p in sheet.projections.values())
        if divisor is None or not fast:
            return None
        lateral = [p for p in sheet.projections.values() if p.src is sheet]
        delays = {p.delay for p in lateral}
        what = tuple((id(_backend(p)), _group_of(p)) for p in sheet.projections.values())
        return cls(what, sheet.output_fns[0], divisor, delays.pop() if len(delays) == 1 else None)


def _backend(projection: Projection) -> object:
    if isinstance(projection, SharedWeightCFProjection):
        return projection.fast
    return projection.fields if isinstance(projection, CFProjection) else None


def _group_of(projection: Projection) -> str:
    """Return a name for the projections that are normalised together with this one; empty if it is not normalised."""
    if not isinstance(projection, CFProjection) or isinstance(projection.weights_output_fn, KeepWeights):
        return ""
    return projection.norm_group or f"/{projection.name}"


def _divisor(sheet: CFSheet) -> float | None:
    """Return 0 if all projections add, the constant if the lateral ones divide what the others add, else None."""
    projections = list(sheet.projections.values())
    if all(type(p.combine) is Add for p in projections):
        return 0.0
    dividing = [p for p in projections if type(p.combine) is Divide]
    adding = [p for p in projections if type(p.combine) is Add]
    groups = {p.activity_group for p in dividing}
    last = min(groups) > max((p.activity_group for p in adding), default=np.inf)
    if len(groups) != 1 or not last or len(dividing) + len(adding) != len(projections):
        return None
    same_constant = len({p.combine.constant for p in dividing}) == 1
    if not same_constant or any((p.src is sheet) != (p in dividing) for p in projections):
        return None
    return float(dividing[0].combine.constant)


class Executor:
    """Does a sheet's activations and learning with the compiled kernels, and all of an iteration at once if it may."""

    def __init__(self, sheet: CFSheet, plan: Plan) -> None:
        compiled = kernels()
        self.plan = plan
        self._sheet = sheet
        self._sim: Simulation = sheet.simulation
        n = sheet.shape[0] * sheet.shape[1]
        self._buffers = {
            compiled.ACTIVITY: _aligned(n),
            compiled.DRIVE: _aligned(n, np.float64),
            compiled.NET: _aligned(n, np.float64),
            compiled.THRESHOLD: _aligned(n, np.float64),
            compiled.LEARNERS: np.zeros(n, np.int32),
        }
        self._activity = self._buffers[compiled.ACTIVITY]
        self._activity_of: Any = None
        self._threshold_of: Any = None
        self._addresses = np.zeros(compiled.N_SHEET, np.int64)
        for column, array in self._buffers.items():
            self._addresses[column] = array.ctypes.data
        self._addresses[compiled.UNITS] = n
        self._transfer = np.zeros(compiled.N_TRANSFER)
        self._transfer[compiled.DIVISOR] = plan.divisor
        groups = [group for _, group in plan.projections]
        order = sorted(range(len(groups)), key=lambda i: (groups.index(groups[i]), i))
        everything = list(sheet.projections.values())
        self.projections = [everything[i] for i in order]
        self._groups = [groups[i] for i in order]
        self._index = {p: i for i, p in enumerate(self.projections)}
        self._lateral = [p for p in self.projections if p.src is sheet]
        self._others = [p for p in sheet.outgoing if p.dest is not sheet]
        self._arrived: set[Projection] = set()
        self._wire()

    def _wire(self) -> None:
        compiled = kernels()
        self._backends: list[Any] = [_backend(p) for p in self.projections]
        self._wires: list[Wires] = [backend.wires for backend in self._backends]
        self._table = np.vstack([wires.row for wires in self._wires])
        self._numbers = np.zeros((len(self._wires), compiled.N_NUMBERS))
        for i, (projection, group) in enumerate(zip(self.projections, self._groups, strict=True)):
            self._table[i, compiled.GROUP] = self._groups.index(group) if group else -1
            if projection.src is self._sheet:
                self._table[i, compiled.LATERAL] = 1
                if self.plan.lateral_delay is not None:
                    self._table[i, compiled.SOURCE] = self._activity.ctypes.data
        self._settles_at_once = self.plan.lateral_delay is not None and isinstance(self._sheet, SettlingCFSheet)

    # --- what the sheet calls ---------------------------------------------------------------------------------------

    def receive(self, projection: Projection, activity: Any) -> None:
        """Take what has arrived through a projection; it is looked at when the sheet acts."""
        projection.input = activity
        self._arrived.add(projection)

    def forget(self) -> None:
        """Forget what has arrived: the sheet was cleared, or set to another state."""
        self._arrived.clear()

    def activate(self, sheet: CFSheet) -> None:
        """Activate the sheet once, and send its activity."""
        self._load()
        if sheet.afferent_only and sheet.measure_maps:
            self._run(1)
            sheet.activity = self._buffers[kernels().NET].reshape(sheet.shape).copy()
            return
        self._load_output_fn()
        self._run(1)
        self._show(sheet)
        self._sim.send(sheet, sheet.activity, sheet.projections_to_send())

    def settle(self, sheet: SettlingCFSheet) -> bool:
        """Do all that is left of an iteration, learning included, if nothing can come between; tell whether it did."""
        activations = sheet.tsettle - sheet.activation_count
        if not self._settles_at_once or not self._alone(sheet, activations):
            return False
        self._load()
        self._load_output_fn()
        self._run(activations, echo=True)
        self._show(sheet)
        if self._others:
            delay = self._sim.delay_ticks(self._lateral[0])
            self._sim.send(sheet, sheet.activity, self._others, later=(activations - 1) * delay)
        for projection in self._lateral:
            projection.input = sheet.activity
            self._wires[self._index[projection]].loaded = sheet.activity
        sheet.activation_count, sheet.new_iteration = 0, True
        sheet.learn()
        return True

    def learn(self, sheet: CFSheet) -> None:
        """Let the projections learn from the inputs that last arrived, and normalise the active units' weights."""
        compiled = kernels()
        if self._arrived:
            self._respond_only()
        if not (self._sim.plastic and sheet.plastic):
            return
        if all(isinstance(backend, SharedFields) for backend in self._backends):
            return
        signed = False
        for i, (projection, wires) in enumerate(zip(self.projections, self._wires, strict=True)):
            self._numbers[i, compiled.RATE] = self._rate(projection)
            if self._numbers[i, compiled.RATE] != 0:
                self._load_input(projection, wires)
            signed |= getattr(self._backends[i], "signed", False) and bool(self._groups[i])
        self._load_activity(sheet)
        least = -1.0 if signed else compiled.learn(self._addresses, self._table, self._numbers)
        if least < 0:
            self._learn_densely(sheet)
            return
        for backend, group in zip(self._backends, self._groups, strict=True):
            if group:
                backend.scaled(least)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _alone(self, sheet: SettlingCFSheet, activations: int) -> bool:
        """Tell whether the rest of an iteration depends on nothing but what is here now, and nobody looks at it."""
        if activations < 1 or sheet.afferent_only:
            return False
        if self._others and (sheet.strict_tsettle is None or sheet.strict_tsettle < sheet.tsettle - 1):
            return False
        if any(isinstance(getattr(p, "learning_rate", 0.0), NumberGenerator) for p in self.projections):
            return False
        sim = self._sim
        delay = sim.delay_ticks(self._lateral[0])
        fn = self.plan.output_fn
        if isinstance(fn, HomeostaticResponse):
            last = sim.now + Fraction((activations - 1) * delay, sim.ticks_per_unit)
            if last > fn.next_update + (Fraction(str(fn.period)) if sim.now > fn.next_update else 0):
                return False
        return sim.undisturbed(sheet, activations * delay)

    def _load(self) -> None:
        """Bring what has arrived, and responses that were set from outside, to where the kernels expect them."""
        compiled = kernels()
        for i, (projection, wires) in enumerate(zip(self.projections, self._wires, strict=True)):
            anew = projection in self._arrived
            if not anew and projection.activity is not wires.view:
                wires.response[:] = np.ravel(projection.activity)
                wires.answered = None
            elif anew:
                anew = not self._negate_opposite(projection, self._backends[i])
                if anew:
                    self._load_input(projection, wires)
                wires.answered = projection.input
            projection.activity = wires.view
            self._table[i, compiled.ARRIVED] = anew
            self._numbers[i, compiled.STRENGTH] = projection.strength
        self._arrived.clear()

    def _negate_opposite(self, projection: Projection, backend: Any) -> bool:
        """Take the response of the projection with the opposite kernel, if it was to the same input."""
        if not isinstance(backend, SharedFields):
            return False
        backend.strength = projection.strength
        opposite = backend.opposite
        if opposite is None or opposite.wires.answered is not projection.input:
            return False
        if opposite.strength != projection.strength:
            return False
        np.negative(opposite.wires.response, out=backend.wires.response)
        return True

    def _load_input(self, projection: Projection, wires: Wires) -> None:
        if projection.src is self._sheet and self.plan.lateral_delay is not None:
            if projection.input is not self._activity_of:
                self._activity[:] = single(projection.input).ravel()
                self._activity_of = projection.input
        else:
            wires.load(projection.input)

    def _load_activity(self, sheet: CFSheet) -> None:
        if sheet.activity is not self._activity_of:
            self._activity[:] = single(sheet.activity).ravel()
            self._activity_of = sheet.activity

    def _load_output_fn(self) -> None:
        """Bring thresholds and slopes of the output function up to date."""
        compiled = kernels()
        fn, transfer = self.plan.output_fn, self._transfer
        transfer[compiled.LOWER], transfer[compiled.GAIN], transfer[compiled.UPPER] = 0.0, 1.0, np.inf
        if isinstance(fn, PiecewiseLinear):
            transfer[compiled.LOWER], transfer[compiled.UPPER] = fn.lower, 1.0
            transfer[compiled.GAIN] = 1.0 / (fn.upper - fn.lower)
        elif isinstance(fn, HomeostaticResponse):
            threshold = fn.adapt(self._sheet.shape, self._sheet.moment())
            if threshold is not self._threshold_of:
                self._buffers[compiled.THRESHOLD][:] = threshold.ravel()
                self._threshold_of = threshold

    def _run(self, activations: int, *, echo: bool = False) -> None:
        compiled = kernels()
        self._addresses[compiled.ACTIVATIONS], self._addresses[compiled.ECHO] = activations, echo
        compiled.settle(self._addresses, self._transfer, self._table, self._numbers)

    def _show(self, sheet: CFSheet) -> None:
        """Let the sheet have the activity that the kernels left."""
        sheet.activity = self._activity_of = self._activity.copy().reshape(sheet.shape)
        if isinstance(self.plan.output_fn, HomeostaticResponse):
            self.plan.output_fn.previous = sheet.activity

    def _respond_only(self) -> None:
        """Respond to what has arrived, without activating the sheet."""
        compiled = kernels()
        arrived = [self._index[p] for p in self._arrived]
        self._load()
        table, numbers = self._table[sorted(arrived)], self._numbers[sorted(arrived)]
        compiled.respond(table, numbers)

    def _rate(self, projection: Projection) -> float:
        if not isinstance(projection, CFProjection) or projection.input is None:
            return 0.0
        return self._sim.number(f"{projection.path}.learning_rate", projection.learning_rate) / projection.n_units

    def _learn_densely(self, sheet: CFSheet) -> None:
        """Learn projection by projection: where something is negative, sums of weights are not linear."""
        for i, (projection, backend) in enumerate(zip(self.projections, self._backends, strict=True)):
            rate = self._numbers[i, kernels().RATE]
            if rate != 0 and isinstance(projection, CFProjection) and projection.input is not None:
                backend.learn(projection.learning_fn, projection.input, sheet.activity, rate)
        sheet.normalize(np.flatnonzero(sheet.activity))


# -------------------------------------------------------------------------------------------------------- adoption
def adopt(sim: "Simulation") -> None:
    """Give every sheet and projection of a simulation its fastest form; cheap where nothing changed."""
    changed = False
    for sheet in sim.sheets.values():
        if not isinstance(sheet, CFSheet):
            continue
        for projection in sheet.projections.values():
            if isinstance(projection, CFProjection):
                _adopt_fields(projection)
            elif isinstance(projection, SharedWeightCFProjection):
                _adopt_kernel(projection)
        plan = Plan.of(sheet)
        if plan is None:
            sheet.executor = None
        elif sheet.executor is None or sheet.executor.plan != plan:
            sheet.executor = Executor(sheet, plan)
            changed = True
    if changed:
        _pair_opposites(sim)


def _adopt_fields(projection: CFProjection) -> None:
    fields = projection.fields
    wanted = supports(projection)
    if wanted and isinstance(fields, DenseFields):
        projection.fields = EventDrivenFields(projection.geometry, projection.template_mask, fields.weights())
        for large in ("on_sheet", "gather_index"):
            projection.geometry.__dict__.pop(large, None)
    elif not wanted and isinstance(fields, EventDrivenFields):
        projection.fields = DenseFields(projection.geometry, projection.mask, fields.weights(), np.float64)


def _adopt_kernel(projection: SharedWeightCFProjection) -> None:
    wanted = type(projection.response_fn) is DotProduct and has_runs(projection.geometry, projection.template_mask)
    if not wanted:
        projection.fast = None
    elif projection.fast is None:
        projection.fast = SharedFields(projection, projection.template_mask)


def _pair_opposites(sim: "Simulation") -> None:
    """Let a projection know the earlier one whose kernel is the negative of its own, as in ON and OFF cells."""
    seen: list[SharedWeightCFProjection] = []
    for projection in sim.projections:
        if not isinstance(projection, SharedWeightCFProjection) or projection.fast is None:
            continue
        projection.fast.opposite = None
        for other in seen:
            same_input = other.src is projection.src and other.dest is not projection.dest
            same_place = np.array_equal(other.geometry.corners, projection.geometry.corners)
            if same_input and same_place and np.array_equal(other.fast.kernel, -projection.fast.kernel):
                projection.fast.opposite = other.fast
                break
        seen.append(projection)
