"""A user's mistakes on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from topo_exp.cli.words import COMMANDS, exit_code
from topo_exp.errors import (
    ConfigError,
    GeometryError,
    ModelError,
    NumericalError,
    ParameterError,
    RecordError,
    RunError,
    StateError,
    UnknownNameError,
)

MISTAKES = [
    (["cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["+cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["++cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["cortex_density=-1"], "Tiny.cortex_density: must be a number > 0 (got -1)"),
    (["cortex_density=banana"], "Tiny.cortex_density: must be a number > 0 (got 'banana')"),
    (["cortex_density=[3]"], "must be a number > 0 (got [3])"),
    (["cortex_density=null"], "must be a number > 0 (got null)"),
    (["cortex_density="], "must be a number > 0 (got '')"),
    (["cortex_density=0.01"], "V1"),
    (["times=[5,1]"], "times: must increase (got 1 after 5)"),
    (["times=banana"], "times: must be a list"),
    (["times=-1"], "times: a number must be > 0"),
    (["times=[0,10"], "Hydra's grammar"),
    (["seed=3"], "seed: must be a parameter of model tiny or an option"),
    (["model=tniy"], "Did you mean 'tiny'"),
    (["model=nowhere.py"], "no such file (got 'nowhere.py')"),
    (["model=functions.py"], "exactly one public param.Parameterized class"),
    (["model=mine.py", "size=20"], "Mine.size: must be a number >= 1 and <= 9 (got 20)"),
    (["model=mine.py", "cortex_density=3"], "must be a parameter of model mine"),
    (["analysis=[defalt]"], "Did you mean 'default'"),
    (["analysis=[functions.py:mesure]"], "Did you mean 'measure'"),
    (["analysis=[functions.py:measure]", "analysis.measure.scal=2"], "Did you mean 'scale'"),
    (["analysis.nothing.x=1"], "no analysis of that name was chosen (got 'nothing')"),
    (["analysis=[[1]]"], "analysis: must be a name or a list of names"),
    (["analysis={a:1}"], "analysis: must be a name or a list of names"),
    (["analysis=3"], "analysis: must be a name or a list of names"),
    (["analysis=[functions.py:measure,mine.py:measure]"], "must have different names (got 'measure' twice)"),
    (["model=[tiny]"], "model: must be a name or a path"),
    (["model=null"], "model: must be a name or a path"),
    (["tag=${nothing}"], "Interpolation key 'nothing' not found"),
    (["tag=???"], "Missing mandatory value: tag"),
    (["figure_formats=[xyz]"], "figure_formats: must be a list of values from png"),
    (["hydra/launcher=nothing"], "no such"),
    (["experiment=nothing"], "experiment: no such experiment (got 'nothing')"),
    (["before=[functions.py:nothing]"], "before: no such function"),
    (["snapshot=somtimes"], "snapshot: must be one of last, all, none"),
    (["hydra.run.dir=x"], "Use output_dir"),
    (["hydra.nothing=x"], "Could not override 'hydra.nothing'"),
    (["cortex_density=3,4"], "add --multirun"),
    (["cortex_density"], "must start with a command or with name=value"),
    (["synk"], "Did you mean 'sync'"),
    (["cortex_density=3", "gcal"], "must be name=value"),
    (["-m", "cortex_density=3,-4"], "(got -4)"),
    (["-m", "cortex_density=3,4", "cortex_densty=1"], "Did you mean 'cortex_density'"),
    (["-m", "model=tiny,nothing"], "no such model (got 'nothing')"),
    (["-m", "model=mine.py,tiny", "size=2"], "must be a parameter of model tiny"),
    (["-m", "times=[0,1],[1,0]"], "times: must increase"),
    (["--cfg", "job", "cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["--cfg", "job", "-m"], "Only one of"),
    (["--resolve"], "--resolve"),
    (["--nonsense"], "unrecognized arguments: --nonsense"),
    (["--config-dir", "nowhere"], "nowhere"),
    (["sync", "nowhere"], "nowhere"),
    (["analyse"], "Missing argument"),
    (["analyse", "nowhere"], "nowhere"),
    (["ui", "--nonsense"], "--nonsense"),
    (["--explain", "-m", "cortex_density=3,4"], "--explain must stand with settings of one run only (got -m)"),
    (["--explain", "cortex_densty=3"], "Did you mean 'cortex_density'"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda value: " ".join(value)[:40])
def test_a_mistake_is_told_and_leaves_nothing(
    program: Callable[..., object], tmp_path: Path, words: list[str], message: str
) -> None:
    """Exit code 2, a short message, no traceback, no directory, no database."""
    before = sorted(tmp_path.iterdir())
    outcome = program(*words)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert "Error executing job" not in outcome.err
    assert len(outcome.err) < 1200
    left = [path for path in tmp_path.iterdir() if path.name not in ("__pycache__", "Output")]
    assert sorted(left) == before
    assert not list(tmp_path.glob("Output/*"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_program_and_its_commands_agree(name: str) -> None:
    """Every command of the table exists under its name, with its text."""
    from topo_exp.cli.commands import command_named

    command = command_named(name)
    assert (command.name, command.short_help) == (name, COMMANDS[name])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (UnknownNameError, 2),
        (ParameterError, 2),
        (GeometryError, 2),
        (ModelError, 2),
        (RunError, 1),
        (RecordError, 1),
        (NumericalError, 1),
        (StateError, 1),
    ],
)
def test_exit_codes_tell_mistakes_from_failures(error: type, code: int) -> None:
    """2 is a mistake that the user can correct, 1 a run that failed."""
    assert exit_code(error("text")) == code
