"""The words of the program: its commands, its flags and its exit codes."""

from collections.abc import Collection

from topo_exp.errors import (
    ConfigError,
    GeometryError,
    MissingDependencyError,
    ModelError,
    ParameterError,
    TopoExpError,
    UnknownNameError,
)

DONE, FAILED, MISTAKEN, INTERRUPTED = 0, 1, 2, 130
MISTAKES = (ConfigError, UnknownNameError, ParameterError, GeometryError, ModelError, MissingDependencyError)
"""Errors of the command line or of a model: nothing was run, and the user can correct them."""

COMMANDS = {
    "sync": "Add missing entries to MLflow from run directories.",
    "ui": "Open MLflow's pages in a browser, on this machine only.",
    "status": "Show how far sweeps have come, from their directories alone.",
    "work": "Run free points of a sweep, as a job of a batch system.",
    "plan": "Show the runs of a sweep, and estimate their time, memory and disk space.",
    "resume": "Continue runs and sweeps that are not done, from their last restart points.",
    "extend": "Continue finished runs to later analysis times.",
    "verify": "Check that the files of runs are unchanged since the runs ended.",
    "collate": "Make one table of the settings and metrics of many runs.",
    "report": "Write one page with the maps, curves and settings of many runs.",
    "plot": "Draw a metric of many runs as curves, or a map as a grid.",
    "compare": "Show what differs between two runs, and when their results diverge.",
    "reproduce": "Repeat a run with its recorded code, and compare every array.",
    "archive": "Pack runs and sweeps into one file, or unpack such a file.",
    "prune": "List or delete files of runs that are no longer needed.",
    "analyse": "Apply analyses to the stored states of finished runs.",
}
"""The commands beside running; the module `topo_exp.cli.NAME` has a click command for each."""
FULL_ERROR = "HYDRA_FULL_ERROR"
"""Environment variable that asks for whole tracebacks."""
EXPLAIN = "--explain"
"""Flag that prints the form of each projection instead of running the model."""


def exit_code(error: TopoExpError) -> int:
    """Return 2 for a mistake of the user, 1 for a run that failed."""
    return MISTAKEN if isinstance(error, MISTAKES) else FAILED


def combined(codes: Collection[int]) -> int:
    """Return the exit code of a command for several runs: 1 if one failed, else 2 if one was refused, else 0."""
    return next((code for code in (FAILED, MISTAKEN) if code in codes), DONE)
