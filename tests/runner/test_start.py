"""A run simulates from its starting point."""

from tests.doubles import finished_run, numbers
from topo_exp.runner.run import execute
from topo_exp.runner.start import ZERO, Start
from topo_exp.testing import run_spec


def test_a_run_from_a_state_finds_the_same(tmp_path):
    """Started from the state at a time, a run measures the later times only, with equal results."""
    whole = finished_run(run_spec(tmp_path, analyses={"numbers": numbers}, snapshot="all"))
    start = Start(state=whole.state(5.0), reached=5.0)
    rest = execute(run_spec(tmp_path, analyses={"numbers": numbers}), start).handle()
    assert rest.times == (10.0,)
    assert rest.metrics.loc[10.0].equals(whole.metrics.loc[10.0])


def test_at_zero_every_time_is_still_to_come():
    """Without a state, all analysis times remain, time 0 among them."""
    assert ZERO.remaining((0.0, 5.0)) == (0.0, 5.0)
    assert Start(reached=0.0).remaining((0.0, 5.0)) == (5.0,)
