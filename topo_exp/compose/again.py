"""Build the simulation of a recorded run again."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.compose.bridge import build_simulation, make_model
from topo_exp.compose.loading import folder_first, load_model, model_names, user_errors
from topo_exp.compose.schema import checked, declared
from topo_exp.errors import ModelError, UnknownNameError
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def build_again(run: RunHandle, report: Callable[[str], object]) -> "Simulation":
    """Build the simulation of a recorded run, at time 0.

    A user's own model is built from its file if that and the files imported with it are unchanged, otherwise from the
    copies in the run directory. In both cases the file that `code_of` names is executed: ask for permission before,
    see `topo_exp.compose.trust`.

    Args:
        run: The recorded run.
        report: Receives a line if the recorded copy is used.

    Returns:
        The simulation, with the recorded parameters and engine.

    Raises:
        UnknownNameError, ModelError: the model is not found or cannot be used.
        ParameterError: it refuses the recorded parameters.
    """
    file = code_of(run)
    if file is None:
        return _built(run, run.metadata["model"])
    if file.is_relative_to(run.directory):
        report(f"{run.directory.name}: the model is built from its recorded copy, {file}")
    with folder_first(file.parent):
        return _built(run, file)


def code_of(run: RunHandle) -> Path | None:
    """Find the user's own file that `build_again` executes.

    Args:
        run: The recorded run.

    Returns:
        The original file, or its copy in the run directory; None for a model of this package.

    Raises:
        UnknownNameError: the record has no file of the model.
    """
    recorded, name = run.metadata["model_source"], str(run.metadata["model"])
    original = None if recorded is None else Path(str(recorded))
    if name in model_names() and (original is None or original.parts[-3:-1] == ("topo_exp", "models")):
        return None
    folder = run.directory / PROVENANCE
    copy = None if original is None else folder / original.name
    if original is None or copy is None or not copy.is_file():
        raise UnknownNameError(
            f"{run.directory.name}: must have a copy of its model's file (got none of model {name!r}). "
            "A model from standard input or a notebook cannot be built again."
        )
    copies = [path.relative_to(folder) for path in folder.rglob("*.py")]
    is_unchanged = all(_same_bytes(original.parent / path, folder / path) for path in copies)
    return original if is_unchanged else copy


def _built(run: RunHandle, model: str | Path) -> "Simulation":
    loaded = load_model(model)
    values = checked(declared(loaded.cls), run.parameters, where=loaded.label)
    with user_errors(run.directory.name, ModelError, rule="must be built"):
        return build_simulation(make_model(loaded, values), run.engine)


def _same_bytes(first: Path, second: Path) -> bool:
    return first.is_file() and first.read_bytes() == second.read_bytes()
