"""The flag `--explain`: print the form, compiled or dense, in which each projection of a model is simulated."""

from topo_exp.cli.run import CommandLine
from topo_exp.cli.words import DONE, EXPLAIN
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import compose_settings, composition_errors
from topo_exp.errors import ConfigError


def print_forms(words: list[str]) -> int:
    """Build the model that the words describe, and print the table of its projections; nothing is run or written.

    Args:
        words: settings as for a run, and the flag.

    Raises:
        ConfigError: another flag is among the words.
    """
    line = CommandLine.read([word for word in words if word != EXPLAIN])
    if len(line.flags) > 2 * len(line.directories):
        raise ConfigError(
            f"command line: {EXPLAIN} must stand with settings of one run only (got {' '.join(line.flags)}). "
            "Leave the other flags out."
        )
    with composition_errors(line.directories):
        spec = make_spec(compose_settings(line.overrides, line.directories))
    print(spec.build().explain())
    return DONE
