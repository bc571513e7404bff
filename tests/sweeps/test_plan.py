"""A plan adds up the costs of runs: wall time by cores and jobs, memory of those at a time, and limits."""

import pytest

from topo_exp.errors import ConfigError, ParameterError
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.plan import Cost, Plan


def plan(*costs: Cost, jobs: int = 2, cores: int = 2, fixed: float = 0.0, done: int = 0) -> Plan:
    """Return a plan of runs with these costs."""
    names = [f"run{i}" for i in range(len(costs) + done)]
    return Plan(
        varying={"a": [1, 2]},
        constant={"model": "tiny"},
        names=names,
        done=done,
        directory="sweep",
        costs=costs,
        measured=(1, 1),
        jobs=jobs,
        cores=cores,
        fixed=fixed,
    )


RUN = Cost(main=10.0, drawing=4.0, memory=1e8, disk=1e6)


@pytest.mark.parametrize(
    ("number", "jobs", "cores", "wall"),
    [
        (4, 2, 2, 28.0),  # both cores are busy with 4 x 14 s
        (4, 1, 2, 40.0),  # one job at a time: its drawing is done beside it
        (4, 2, 8, 20.0),  # more cores than jobs: two runs after two
        (1, 1, 8, 10.0),
        (2, 8, 8, 10.0),  # never shorter than the longest run
    ],
)
def test_wall_time_is_limited_by_cores_jobs_and_the_longest_run(
    number: int, jobs: int, cores: int, wall: float
) -> None:
    """The largest of the three limits counts."""
    assert plan(*[RUN] * number, jobs=jobs, cores=cores).wall == wall


def test_costs_add_up() -> None:
    """CPU and disk are sums; memory is that of the largest runs at a time."""
    total = plan(RUN, RUN, Cost(1.0, 0.0, 5e8, 2e6), fixed=3.0)
    assert total.cpu == 32.0
    assert total.disk == 4e6
    assert total.memory == 6e8


def test_a_budget_that_is_too_small_is_refused_with_the_estimate() -> None:
    """Only what has a limit counts; the message names estimate and limit."""
    total = plan(*[RUN] * 1000)
    total.require_within({})
    total.require_within({"hours": 2, "gb": 1})
    with pytest.raises(ConfigError, match=r"hours=1\.94 of 1\)"):
        total.require_within({"hours": 1, "gb": 1})
    with pytest.raises(ConfigError, match=r"gb=1 of 0\.5\)"):
        total.require_within({"gb": 0.5})


@pytest.mark.parametrize("budget", [{"days": 1}, {"hours": 0}, {"gb": "much"}, {"hours": True}])
def test_a_budget_is_positive_numbers_of_known_names(budget: dict[str, float]) -> None:
    """Anything else is refused."""
    with pytest.raises(ParameterError, match="budget"):
        SweepOptions(budget=budget)


def test_the_text_names_runs_and_shortens_long_lists() -> None:
    """Of many names the first and last are listed, with the number that is left out."""
    lines = plan(*[RUN] * 30, done=2).lines()
    assert lines[0] == "32 runs, 2 of them done already, in sweep"
    assert "  run       run9" in lines
    assert "  run       ... 12 more" in lines
    assert "  run       run31" in lines
    assert "  run       run10" not in lines
