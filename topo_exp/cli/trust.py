"""The flag --trust, and the question in its place."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from topo_exp.compose.trust import Permission

TRUST = click.option("--trust", is_flag=True, help="Run the code that the records name, without asking.")


def user_permission(*, trust: bool) -> "Permission":
    """Return the permission to execute code of records: given by --trust, or asked for on a terminal."""
    from topo_exp.compose.trust import permission

    return permission(trust=trust, ask=_is_trusted)


def _is_trusted(where: str, code: Sequence[str]) -> bool:
    """Ask the user on a terminal; without one the answer is no."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    listed = "".join(f"\n  {each}" for each in code)
    print(f"{where}: this code of the record would be run, and can do anything that you can:{listed}", file=sys.stderr)
    return click.confirm("Do you trust its authors?", default=False, err=True)
