"""The flag `--explain`: print the form, compiled or dense, in which each projection of a model is simulated."""

from topo_exp.cli.line import CommandLine
from topo_exp.cli.words import DONE, EXPLAIN
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import compose_settings
from topo_exp.compose.loading import user_errors
from topo_exp.errors import ConfigError, ModelError


def print_forms(words: list[str]) -> int:
    """Build the model that the words describe, and print the table of its projections; nothing is run or written.

    Args:
        words: settings as for a run, and the flag.

    Raises:
        ConfigError: another flag is among the words.
        ModelError: the model cannot be built.
    """
    line = CommandLine.read([word for word in words if word != EXPLAIN])
    others = [flag for flag in line.flags if flag != "--config-dir"]
    if others:
        raise ConfigError(
            f"command line: {EXPLAIN} must stand with settings of one run only (got {' '.join(others)}). "
            "Leave the other flags out."
        )
    spec = make_spec(compose_settings(line.overrides, line.directories))
    with user_errors(spec.model, ModelError, rule="must be built"):
        sim = spec.build()
    print(sim.explain())
    return DONE
