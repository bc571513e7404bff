"""The number of patterns in the inputs of models whose sheets may have any area."""

from topo_exp.errors import ParameterError

MOST_PATTERNS = 100_000


def number_of_patterns(expected: float) -> int:
    """Return how many patterns are shown at once.

    Args:
        expected: Patterns per unit of area, times the area.

    Returns:
        The whole number below, at least 1.

    Raises:
        ParameterError: There would be so many that an input takes minutes.
    """
    if expected > MOST_PATTERNS:
        raise ParameterError(
            f"num_inputs x area x area: must be {MOST_PATTERNS} patterns at most (got {expected:g}). "
            "Lower the area or num_inputs."
        )
    return max(1, int(expected))
