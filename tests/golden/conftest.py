"""The recordings, and how two arrays are compared with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Return a function that loads a recording by its name."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(Path(__file__).with_name(f"{name}.npz"), allow_pickle=False) as recording:
            return dict(recording)

    return load


def error(found: np.ndarray, recorded: np.ndarray) -> float:
    """Return max |found - recorded| / max |recorded|."""
    return float(np.abs(found - recorded).max() / np.abs(recorded).max())


def differing(found: np.ndarray, recorded: np.ndarray) -> int:
    """Return how many elements differ in float32."""
    assert found.shape == recorded.shape
    return int(np.count_nonzero(found.astype(np.float32) != recorded.astype(np.float32)))
