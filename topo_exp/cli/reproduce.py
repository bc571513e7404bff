"""The command `reproduce`."""

import click


@click.command("reproduce")
def command() -> int:
    """Repeat."""
    return 0
