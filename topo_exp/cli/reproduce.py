"""The command `reproduce`."""

import sys
from functools import partial
from pathlib import Path

import click

from topo_exp.cli.commands import run_at
from topo_exp.cli.trust import TRUST, user_permission
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.errors import ConfigError


@click.command("reproduce", short_help=COMMANDS["reproduce"])
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--same-environment", is_flag=True, help="Use the libraries that are installed here.")
@TRUST
@click.option("--repository", type=click.Path(path_type=Path), help="Repository of topo_exp that has the commit.")
@click.option("-o", "output", type=click.Path(path_type=Path), help="Directory in which the new run is kept.")
def command(run: Path, same_environment: bool, trust: bool, repository: Path | None, output: Path | None) -> int:
    """Repeat RUN with its recorded commit, patch, versions and settings, and compare every array.

    The code is checked out into a temporary git worktree, and the versions are installed into a temporary environment.
    The answer is `identical`, equal within the tolerance for another processor, or the first difference with everything
    that differs; the exit code is 0 unless there is a difference.

    Code that may be another user's runs with your permission only: --trust, or yes on a terminal. It is a patch, a
    repository at a recorded place (with --trust only), a model or function that is not your own unchanged file.
    """
    from topo_exp.after.reproduction import plan_reproduction, reproduce
    from topo_exp.compose.resumption import recorded_config
    from topo_exp.compose.trust import recorded_code

    recorded = run_at(run, "reproduce RUN")
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"-o: must be a directory (got {str(output)!r}). Name another one.")
    plan = plan_reproduction(recorded, repository=repository, trust=trust)
    user_permission(trust=trust)(recorded.directory.name, [*recorded_code(recorded), *plan.code])
    result = reproduce(
        recorded,
        plan,
        recorded_config(recorded),
        same_environment=same_environment,
        output=output,
        report=partial(print, file=sys.stderr, flush=True),
    )
    print(result)
    return FAILED if result.verdict == "different" else DONE
