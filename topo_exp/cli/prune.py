"""The command `prune`."""

from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS


@click.command("prune", short_help=COMMANDS["prune"])
@click.argument("rule")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--older-than", help="Take runs only that ended at least so long ago: 12h, 30d, 4w.")
@click.option("--yes", is_flag=True, help="Delete the files; without it they are only listed.")
def command(rule: str, paths: Sequence[Path], older_than: str | None, yes: bool) -> None:
    """List, or delete with --yes, files of the runs at or below PATHS that RULE chooses.

    RULE is `pictures` (of finished runs), `states` (of finished runs, but for the last time), or `failed` (whole
    directories of failed and killed runs that `resume` cannot continue). Restart points of unfinished runs always stay.
    --older-than counts from the end of each run as it is recorded.
    """
    from topo_exp.after.prune import age, prune, removals

    found, kept = removals(paths, rule, older_than=None if older_than is None else age(older_than))
    for line in kept:
        print(line)
    for removal in found:
        if yes:
            prune(removal)
        print(f"{'deleted' if yes else 'would delete'} {removal}")
    total = sum(removal.size for removal in found) / 1e6
    print(f"{total:.1f} MB in {len(found)} runs" + ("" if yes or not found else "; add --yes to delete them"))
