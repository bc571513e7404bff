"""The options of a sweep as a whole; each is declared here, once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import param

from topo_exp.errors import ParameterError

BUDGET = ("hours", "gb")
"""Entries of the option `budget`: wall time in hours, disk space in GB."""

SWEEP_OPTIONS: Mapping[str, param.Parameter] = {
    "n_jobs": param.Integer(
        default=None,
        allow_None=True,
        bounds=(1, None),
        doc="Runs of a sweep that simulate at a time, each with one thread; as many may draw their last pictures. "
        "Default: as many as there are free cores and memory for.",
    ),
    "timeout": param.Number(
        default=None,
        allow_None=True,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Seconds after which a run of a sweep is stopped, and counts as failed.",
    ),
    "on_error": param.String(
        default="continue",
        regex=r"continue|stop|retry:[1-9][0-9]*",
        doc="After a failed run of a sweep: continue with the others, stop (start no further run), or retry:N, which "
        "tries each failed run up to N more times.",
    ),
    "budget": param.Dict(
        default={},
        doc="Most that a sweep may need by the estimate of `plan`, else it is refused: budget={hours:2,gb:10}.",
    ),
    "review": param.Boolean(default=False, doc="Show the plan of a sweep, and ask before it starts."),
    "join": param.Boolean(
        default=True,
        doc="Continue the unfinished sweep of the same command, if there is one in output_dir; "
        "false starts another sweep.",
    ),
    "report": param.Boolean(
        default=True,
        doc="Write report.html into the sweep's directory at its end: maps, curves and settings of all runs.",
    ),
}
"""Declarations by name. A single run ignores them."""


@dataclass(frozen=True)
class SweepOptions:
    """Hold the options of a sweep.

    Attributes:
        n_jobs: Runs that simulate at a time; None for as many as there are free cores.
        timeout: Seconds after which a run is stopped; None for no limit.
        on_error: `continue`, `stop` or `retry:N`.
        budget: Wall time in `hours` and disk space in `gb` that it may need; what is absent has no limit.
        review: Whether to show the plan and ask before it starts.
        join: Whether an unfinished sweep of the same command is continued.
        report: Whether the page of the sweep is written at its end.
    """

    n_jobs: int | None = None
    timeout: float | None = None
    on_error: str = "continue"
    budget: Mapping[str, float] = field(default_factory=dict)
    review: bool = False
    join: bool = True
    report: bool = True

    def __post_init__(self) -> None:
        """Check `on_error`, whose values are a pattern, and `budget`.

        Raises:
            ParameterError: One of them is not as its declaration says.
        """
        if not re.fullmatch(r"continue|stop|retry:[1-9][0-9]*", self.on_error):
            raise ParameterError(f"on_error: must be continue, stop or retry:N (got {self.on_error!r}). Use retry:1.")
        for name, value in self.budget.items():
            if name not in BUDGET or isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ParameterError(
                    f"budget: must have numbers > 0 for {' or '.join(BUDGET)} (got {name}: {value!r}). "
                    "Write budget={hours:2,gb:10}."
                )

    @property
    def retries(self) -> int:
        """Number of times that a failed run is tried again."""
        return int(self.on_error.partition(":")[2] or 0)

    @property
    def stops(self) -> bool:
        """True if no run is started after one has failed."""
        return self.on_error == "stop"


DEFAULTS = SweepOptions()
"""The options of a sweep for which none are set."""
