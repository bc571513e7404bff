"""Build the simulation of a recorded run again."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.compose.bridge import build_simulation, make_model
from topo_exp.compose.loading import LoadedModel, load_model, model_names
from topo_exp.compose.schema import checked, declared
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def build_again(run: RunHandle, report: Callable[[str], object]) -> "Simulation":
    """Build the simulation of a recorded run, at time 0.

    A user's own model is built from its file if that is unchanged, otherwise from the copy in the run directory. In
    both cases the file is executed.

    Args:
        run: The recorded run.
        report: Receives a line if the recorded copy is used.

    Returns:
        The simulation, with the recorded parameters and engine.

    Raises:
        UnknownNameError, ModelError: the model is not found or cannot be used.
        ParameterError: it refuses the recorded parameters.
    """
    loaded = _recorded_model(run, report)
    values = checked(declared(loaded.cls), run.parameters, where=loaded.label)
    return build_simulation(make_model(loaded, values), run.engine)


def _recorded_model(run: RunHandle, report: Callable[[str], object]) -> LoadedModel:
    recorded = run.metadata["model_source"]
    if recorded is None or (run.metadata["model"] in model_names() and Path(recorded).parent.name == "models"):
        return load_model(run.metadata["model"])
    original, copy = Path(recorded), run.directory / PROVENANCE / Path(recorded).name
    if original.is_file() and copy.is_file() and original.read_bytes() == copy.read_bytes():
        return load_model(original)
    report(f"{run.directory.name}: the model is built from its recorded copy, {copy}")
    return load_model(copy)
