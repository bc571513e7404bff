"""The command `extend`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import runs_below
from topo_exp.cli.resume import FORCE, continued
from topo_exp.cli.trust import TRUST, user_permission
from topo_exp.cli.words import COMMANDS, DONE, combined, exit_code
from topo_exp.errors import ConfigError, RecordError, TopoExpError
from topo_exp.record.handle import RunHandle


@click.command("extend", short_help=COMMANDS["extend"])
@click.argument("words", nargs=-1, required=True)
@FORCE
@TRUST
def command(words: Sequence[str], force: bool, trust: bool) -> int:
    """Continue finished runs to later analysis times.

    WORDS are run directories, or directories above them, and times=[...] with the later times, or with all times. The
    results are the same, to the last bit, as those of one run with all times.
    """
    from topo_exp.compose.resumption import extended_times

    paths = [Path(word) for word in words if not word.startswith("times=")]
    times = _times([word for word in words if word.startswith("times=")])
    permit = user_permission(trust=trust)
    codes = []
    for directory in runs_below(paths):
        run = RunHandle(directory)
        try:
            if run.status != "done":
                raise RecordError(
                    f"{directory.name}: must be done before it is extended (got a run that is {run.status}). "
                    f"Resume it first: python -m topo_exp resume {directory}"
                )
            outcome = continued(run, force=force, permit=permit, times=extended_times(run, times))
            outcome.raise_error()
        except TopoExpError as error:
            codes.append(exit_code(error))
            print(f"topo_exp: {error}", file=sys.stderr, flush=True)
        else:
            codes.append(DONE)
            print(f"{directory.name}: {outcome.status}", flush=True)
    return combined(codes)


def _times(words: Sequence[str]) -> object:
    from topo_exp.compose.overrides import parsed

    if len(words) != 1:
        raise ConfigError(f"extend: must have times=[...] once (got {len(words)}). Write times=[10000,20000].")
    return parsed(words[0]).value()
