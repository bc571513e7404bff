"""The command `archive`."""

from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS
from topo_exp.errors import ConfigError
from topo_exp.runner.options import output_directory


@click.command("archive", short_help=COMMANDS["archive"])
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "output", type=click.Path(path_type=Path), help="File to write; with --import, the directory.")
@click.option("--import", "file", type=click.Path(path_type=Path), help="Unpack this archive instead.")
def command(paths: Sequence[Path], output: Path | None, file: Path | None) -> None:
    """Pack the runs and sweeps at PATHS into one file, or unpack such a file.

    An archive holds a checksum of each file; equal directories give equal archives. Unpacking checks everything, writes
    only into new directories, by default in the output directory, and executes nothing.
    """
    from topo_exp.after.archives import read_archive, write_archive

    if file is not None:
        if paths:
            raise ConfigError(f"archive: must be given PATHS or --import (got both, {paths[0]}). Leave one out.")
        for path in read_archive(file, output or output_directory()):
            print(path)
        return
    if not paths or output is None:
        raise ConfigError("archive: must be given PATHS and -o FILE.tar.zst, or --import FILE (got neither).")
    listed = write_archive(paths, output)
    size = sum(each.size for each in listed.values())
    print(f"{output}: {len(listed)} files, {size / 1e6:.1f} MB in {output.stat().st_size / 1e6:.1f} MB")
