"""The command `plan`."""

from collections.abc import Sequence

import click

from topo_exp.cli.words import COMMANDS


@click.command("plan", short_help=COMMANDS["plan"], context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: Sequence[str]) -> None:
    """Show the runs of a sweep, and estimate their time, memory and disk space; nothing is started.

    WORDS are those of the sweep, as after `python -m topo_exp`. All points are checked. Each kind of run, in which only
    seeds and times differ, is tried briefly in a temporary directory: some iterations, one analysis time.
    """
    from topo_exp.cli.sweep import plan_models

    print("\n".join(plan_models(list(words)).lines()))
