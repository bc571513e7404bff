"""The result of an analysis - numbers, labelled maps, deferred pictures - and the kind of input that an analysis takes.

An analysis is a function `f(sim, **options) -> Result` of the frozen simulation, called at each analysis time. Two
decorators mark those that take the maps of other analyses in place of a simulation:

* `of_maps`: `f(maps, **options) -> Result`, called at each analysis time with the maps of that time.
* `over_time`: `f(maps, **options) -> {time: Result}`, called once, after the last time, with the maps of all times.

`maps` is a mapping from the name of an analysis to its xarray Dataset; by custom the option `of` names the analysis.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from topo_exp.errors import AnalysisError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset

NAME = re.compile(r"[A-Za-z0-9_. -]+(/[A-Za-z0-9_. -]+)*")
"""Letters, digits, `_ . -` and blanks, in sections parted by `/`: legal for MLflow and, `/` replaced, in file names."""

Subject: TypeAlias = Literal["simulation", "maps", "maps over time"]
"""The kind of input that an analysis takes."""
_MARK = "topo_exp_looks_at"
_Analysis = TypeVar("_Analysis", bound=Callable[..., Any])


def of_maps(analysis: _Analysis) -> _Analysis:
    """Mark an analysis of the maps that other analyses have made at the same time.

    Args:
        analysis: `f(maps, **options) -> Result`; `maps` holds the Datasets of this time by name of the analysis: of
            all analyses of the simulation, and of those marked like this one that stand earlier.
    """
    return _marked(analysis, "maps")


def over_time(analysis: _Analysis) -> _Analysis:
    """Mark an analysis of a whole run, called once, after its last time.

    Args:
        analysis: `f(maps, **options) -> {time: Result}`; `maps` holds for each analysis its Dataset with the dimension
            `time`, read from the run directory as `RunHandle.maps` does. Each Result is recorded at its time, which
            must be one of the analysis times.
    """
    return _marked(analysis, "maps over time")


def subject_of(analysis: Callable[..., object]) -> Subject:
    """Return the kind of input of an analysis, also of one whose options are bound by `functools.partial`."""
    while isinstance(analysis, partial):
        analysis = analysis.func
    found: Subject = getattr(analysis, _MARK, "simulation")
    return found


@dataclass(frozen=True)
class Result:
    """The result of one analysis at one time.

    Attributes:
        metrics: Numbers by name. `/` in a name makes sections, as in `V1/orientation_selectivity_mean`. Stored as
            Python floats; NaN stands for a number that is not defined (no pinwheel, no response), infinity is refused.
        maps: One xarray Dataset, or None. For one measured sheet on dims (y, x) with unit centres in sheet coordinates;
            for several sheets on (`<Sheet>_y`, `<Sheet>_x`).
        figures: By name, callables without arguments that return a matplotlib Figure; each a `functools.partial` of a
            function of some module on arrays, so that it pickles into a drawing process.

    Raises:
        AnalysisError: A name outside the letters of `NAME`, a metric that is no finite real number or NaN, maps that
            are no Dataset, or a figure that cannot be called.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    maps: "Dataset | None" = None
    figures: "Mapping[str, Callable[[], Figure]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check names and values, and make the metrics floats."""
        object.__setattr__(self, "metrics", {_name(n, "metrics"): _number(n, v) for n, v in self.metrics.items()})
        object.__setattr__(self, "figures", {_name(n, "figures"): _drawing(n, f) for n, f in self.figures.items()})
        if self.maps is not None and not _is_dataset(self.maps):
            raise AnalysisError(
                f"Result.maps: must be an xarray.Dataset or None (got {type(self.maps).__name__}). "
                "Put arrays into xarray.Dataset({'name': (('y', 'x'), array)})."
            )

    def __bool__(self) -> bool:
        """Return False for an empty Result, which an analysis returns for a model that it does not apply to."""
        return bool(self.metrics or self.figures or self.maps is not None)


def _marked(analysis: _Analysis, subject: Subject) -> _Analysis:
    setattr(analysis, _MARK, subject)
    return analysis


def _name(name: Any, where: str) -> str:
    if isinstance(name, str) and NAME.fullmatch(name) and name.strip() == name:
        return name
    raise AnalysisError(
        f"Result.{where}: a name must consist of letters, digits, '_', '.', '-', blanks and '/' between sections "
        f"(got {name!r}). Choose another name."
    )


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise AnalysisError(
            f"Result.metrics[{name!r}]: must be a number (got {value!r}). Put arrays into maps."
        ) from error
    if math.isinf(number):
        raise AnalysisError(
            f"Result.metrics[{name!r}]: must be finite or NaN (got {number}). Use NaN for 'not defined'."
        )
    return number


def _drawing(name: str, figure: Any) -> Any:
    if callable(figure):
        return figure
    raise AnalysisError(
        f"Result.figures[{name!r}]: must be callable without arguments (got {type(figure).__name__}). "
        "Wrap the drawing function: functools.partial(draw, array)."
    )


def _is_dataset(maps: Any) -> bool:
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    return isinstance(maps, Dataset)
