"""A sweep before it starts: how many runs, which settings, which names, and an estimate of their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from topo_exp.errors import ConfigError
from topo_exp.sweeps.status import duration
from topo_exp.sweeps.values import Value, shown

LISTED_NAMES = 20
"""Directory names that a plan lists, half of them from each end."""


@dataclass(frozen=True)
class Cost:
    """Estimate of the cost of one run.

    Attributes:
        main: CPU seconds of its process.
        drawing: CPU seconds of the process that draws its pictures beside it.
        memory: Peak, bytes.
        disk: Bytes of its directory.
    """

    main: float
    drawing: float
    memory: float
    disk: float


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep that is about to start, and their cost.

    Attributes:
        varying: Settings that vary, with their values.
        constant: Settings that all runs have in common.
        names: Names of the run directories, in the order of the points.
        done: Of these, the number that is done already, in the sweep that the command would join.
        directory: Name of the sweep's directory.
        costs: Of the runs that are left; empty if nothing was measured.
        measured: How many kinds of runs were measured, of how many.
        jobs: Runs at a time.
        cores: Cores of this machine.
        fixed: CPU seconds besides the runs.
    """

    varying: Mapping[str, Sequence[Value]]
    constant: Mapping[str, Value]
    names: Sequence[str]
    done: int
    directory: str
    costs: Sequence[Cost]
    measured: tuple[int, int]
    jobs: int
    cores: int
    fixed: float = 0.0

    @property
    def cpu(self) -> float:
        """CPU seconds of all runs that are left."""
        return sum(cost.main + cost.drawing for cost in self.costs) + self.fixed

    @property
    def wall(self) -> float:
        """Wall time in seconds, on an idle machine: the cores are shared, and each job waits for its pictures."""
        one_after_another = sum(max(cost.main, cost.drawing) for cost in self.costs)
        longest = max((max(cost.main, cost.drawing) for cost in self.costs), default=0.0)
        return max(self.cpu / self.cores, one_after_another / self.jobs, longest)

    @property
    def disk(self) -> float:
        """Bytes of all directories."""
        return sum(cost.disk for cost in self.costs)

    @property
    def memory(self) -> float:
        """Bytes that the runs need at a time, at most."""
        return sum(sorted((cost.memory for cost in self.costs), reverse=True)[: self.jobs])

    def require_within(self, budget: Mapping[str, float]) -> None:
        """Raise if the sweep needs more than it may.

        Args:
            budget: `hours` of wall time, `gb` of disk space; what is absent has no limit.

        Raises:
            ConfigError: It needs more of something.
        """
        needs = {"hours": self.wall / 3600, "gb": self.disk / 1e9}
        over = [f"{name}={needs[name]:.3g} of {most:g}" for name, most in budget.items() if needs[name] > most]
        if over:
            raise ConfigError(
                f"budget: must hold the whole sweep (got an estimate of {', '.join(over)}). "
                "Take fewer points or times, or raise the budget."
            )

    def lines(self) -> list[str]:
        """Write the plan as lines of text."""
        left = len(self.names) - self.done
        done = f", {self.done} of them done already" if self.done else ""
        lines = [f"{len(self.names)} runs{done}, in {self.directory}"]
        lines += [f"  varying   {name}: {_listed(values)}" for name, values in self.varying.items()]
        lines += [f"  constant  {name}: {shown(value)}" for name, value in self.constant.items()]
        names = list(self.names)
        if len(names) > LISTED_NAMES:
            half = LISTED_NAMES // 2
            names = [*names[:half], f"... {len(names) - LISTED_NAMES} more", *names[-half:]]
        lines += [f"  run       {name}" for name in names]
        if self.costs:
            kinds, of = self.measured
            lines += [
                f"estimate for {left} runs, {self.jobs} at a time on {self.cores} cores, "
                f"from {kinds} of {of} kinds of runs that were tried briefly",
                f"  wall time {duration(self.wall)} on an idle machine",
                f"  CPU       {duration(self.cpu)}",
                f"  memory    {self.memory / 1e9:.2f} GB at a time",
                f"  disk      {self.disk / 1e9:.3g} GB",
            ]
        return lines


def _listed(values: Sequence[Value]) -> str:
    texts = [shown(value) for value in values]
    return ", ".join(texts if len(texts) <= 12 else [*texts[:6], "...", *texts[-3:]]) + f" ({len(texts)} values)"
