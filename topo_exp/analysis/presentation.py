"""The options that measurements share, as one value, and the decorator that spells them out as keyword arguments.

A measurement is written as `measure(sim, shown, *, own options)` with `shown` a `Presentation`. Decorated with
`measurement`, it is called as `measure(sim, sheet, *, own options, scale=..., duration=...)`: its signature lists every
option, so that the command line can set each one (`analysis.tuning.duration=2`) and refuses unknown ones by name.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, get_args

from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.analysis.preference import method_named
from topo_exp.analysis.responses import Progress, collect, measured_sheets, silent
from topo_exp.analysis.result import Result
from topo_exp.errors import ParameterError

if TYPE_CHECKING:
    from xarray import DataArray

    from topo_exp.engine.simulation import Simulation

P = ParamSpec("P")

Units: TypeAlias = Literal["responding", "all"]
"""Which units count: those that respond, or all, with preference and selectivity 0 for a silent unit."""


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """How a stimulus is presented, which responses are recorded, and how preferences follow from them.

    Attributes:
        sheet: Name of the sheet to measure, or several names; None measures those with `measure_maps`.
        inputs: Names of the generator sheets that show the stimulus; None takes all.
        scale: Brightness of the stimulus: its largest value.
        duration: Of each presentation, in iterations; above 0.
        afferent_only: Record the response to the afferent input alone, before settling and without output functions.
        method: Name of the way from responses to a preference, one of `preference.METHODS`.
        selectivity_multiplier: Factor of every selectivity; 1 leaves it in [0, 1].
        units: "responding" gives a unit without any response above 0 the preference and selectivity NaN; "all" gives
            it 0 for both, as in papers that count silent units.
        progress: Called after each batch of presentations with a `responses.Cost`.

    Raises:
        UnknownNameError: There is no such method.
        ParameterError: The duration is not above 0, or `units` is neither "responding" nor "all".
    """

    sheet: str | Iterable[str] | None = None
    inputs: str | Iterable[str] | None = None
    scale: float = 1.0
    duration: float = 1.0
    afferent_only: bool = False
    method: str = "vector_average"
    selectivity_multiplier: float = 1.0
    units: Units = "responding"
    progress: Progress = silent

    def __post_init__(self) -> None:
        """Check the values, so that a wrong one is refused before the first presentation."""
        method_named(self.method)
        check_units(self.units, where="measurement.units")
        if not self.duration > 0:
            raise ParameterError(f"measurement.duration: must be > 0 (got {self.duration}). 1.0 is one iteration.")

    def sheets(self, sim: "Simulation") -> list[str]:
        """Return the names of the measured sheets; raises as `responses.measured_sheets`."""
        return measured_sheets(sim, self.sheet)

    def responses(self, sim: "Simulation", features: Sequence[Feature], stimulus: Stimulus) -> "dict[str, DataArray]":
        """Return the responses of each measured sheet to all combinations of features, see `responses.collect`."""
        return collect(
            sim,
            features,
            stimulus,
            sheets=self.sheet,
            inputs=self.inputs,
            duration=self.duration,
            afferent_only=self.afferent_only,
            progress=self.progress,
        )


SHOWING = ("inputs", "scale", "duration", "afferent_only", "progress")
"""Options of a measurement of responses, beside the sheet."""

PREFERRING = ("inputs", "scale", "duration", "afferent_only", "method", "selectivity_multiplier", "units", "progress")
"""Options of a measurement of preferences, beside the sheet."""


class Measurement(Protocol[P]):
    """A measurement with its options spelled out."""

    __name__: str
    of: Callable[Concatenate["Simulation", Presentation, P], Result]
    """The measurement as it was written, with the shared options as one value."""
    check_options: Callable[..., None]
    """Check the values of options without a simulation; raises as `Presentation`."""

    def __call__(self, sim: "Simulation", *args: object, **options: object) -> Result:
        """Measure; raises TypeError for an option that the signature does not list."""


def measurement(
    *options: str, **defaults: float
) -> Callable[[Callable[Concatenate["Simulation", Presentation, P], Result]], Measurement[P]]:
    """Return a decorator that turns `measure(sim, shown, ...)` into `measure(sim, ..., sheet=None, *, options)`.

    The sheet may be given by position if the measurement has no positional arguments of its own.

    Args:
        *options: Fields of `Presentation` that are options of this measurement; `sheet` always is.
        **defaults: Defaults of options that differ from those of `Presentation`, such as `scale=0.3`.
    """

    def decorate(measure: Callable[Concatenate["Simulation", Presentation, P], Result]) -> Measurement[P]:
        signature = _flattened(inspect.signature(measure), options, defaults)
        subject, shared = next(iter(signature.parameters)), ("sheet", *options)

        def flat(*args: object, **given: object) -> Result:
            try:
                bound = signature.bind(*args, **given)
            except TypeError as error:
                raise TypeError(f"{measure.__name__}(): {error}") from None
            own = dict(bound.arguments)
            sim = own.pop(subject)
            shown = Presentation(**{**defaults, **{name: own.pop(name) for name in shared if name in own}})
            return measure(sim, shown, **own)  # type: ignore[call-arg]  # the signature has bound them

        def check_options(**given: object) -> None:
            Presentation(**defaults | {name: given[name] for name in shared if name in given})  # type: ignore[arg-type]

        functools.update_wrapper(flat, measure)
        vars(flat).update(__signature__=signature, of=measure, check_options=check_options)
        return flat  # type: ignore[return-value]  # its attributes have just been set

    return decorate


def check_units(units: str, *, where: str) -> None:
    """Raise ParameterError if `units` is not one of `Units`."""
    if units not in get_args(Units):
        raise ParameterError(f"{where}: must be 'responding' or 'all' (got {units!r}). Choose one.")


def _flattened(
    signature: inspect.Signature, options: Sequence[str], defaults: Mapping[str, float]
) -> inspect.Signature:
    """Return the signature of a measurement with each option in place of the value that holds them."""
    sim, _shown, *own = signature.parameters.values()
    positional = [p for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    declared = {field.name: field for field in fields(Presentation)}
    kind = inspect.Parameter.KEYWORD_ONLY
    shared = {
        name: inspect.Parameter(
            name, kind, default=defaults.get(name, declared[name].default), annotation=declared[name].type
        )
        for name in ("sheet", *options)
    }
    sheet = shared.pop("sheet").replace(kind=kind if positional else inspect.Parameter.POSITIONAL_OR_KEYWORD)
    keywords = [p for p in own if p not in positional]
    ordered = [sim, *positional, sheet, *keywords, *shared.values()]
    return signature.replace(parameters=ordered)
