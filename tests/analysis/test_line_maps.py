"""Line maps against units whose fields are known."""

import numpy as np
import pytest

from tests.analysis.fake_simulation import BoundingBox, FakeSheet, FakeSimulation
from topo_exp.analysis.line_maps import line_map, position_tolerance
from topo_exp.errors import ParameterError

ORIENTED = np.array([[0.0, np.pi / 4], [np.pi / 2, 3 * np.pi / 4]])


def bars(widths):
    """Return a simulation whose V1 units sum the activity of a bar of their orientation and width (rows, cols)."""
    retina = FakeSheet("Retina", (80, 80), BoundingBox(radius=0.5), is_generator=True)
    v1 = FakeSheet("V1", ORIENTED.shape, BoundingBox(radius=0.5), measure_maps=True)
    x, y = np.meshgrid(retina.x, retina.y)
    o = ORIENTED[..., None, None]
    across, along = np.cos(o) * y - np.sin(o) * x, np.cos(o) * x + np.sin(o) * y
    fields = (np.abs(across) <= np.asarray(widths)[..., None, None] / 2) & (np.abs(along) <= 0.4)
    sheets = {"Retina": retina, "V1": v1}
    return FakeSimulation(sheets, lambda pictures, *_: np.einsum("ijkl,kl->ij", fields, pictures["Retina"]))


def test_tolerance_is_the_width_of_the_field():
    """A unit with a field of width w answers lines in a share w of the range of 3/4; its orientation is found."""
    widths = np.array([[0.1, 0.2], [0.25, 0.3]])
    found = line_map(bars(widths), orientations=8, positions=51)
    np.testing.assert_allclose(found.maps.position_tolerance, widths / 0.75, atol=0.05)
    np.testing.assert_allclose(found.maps.orientation_preference, ORIENTED, atol=0.05)
    assert found.metrics["V1/position_tolerance_mean"] == pytest.approx(found.maps.position_tolerance.mean())


def test_tolerance_is_that_of_the_best_orientation():
    """Positions count at the orientation of the largest response; half of the maximum is enough."""
    responses = np.array([[4.0, 4.0, 4.0, 4.0], [2.5, 5.0, 2.4, 3.0]])
    assert position_tolerance(responses[..., None]) == pytest.approx([0.75])


def test_a_silent_unit_has_no_tolerance():
    """Without any response above 0 the value is NaN."""
    assert np.isnan(position_tolerance(np.zeros((4, 5, 1)))).all()


def test_one_position_is_refused():
    """Tolerance needs at least two positions."""
    with pytest.raises(ParameterError, match=r"line_map\.positions: must be at least 2 \(got 1\)"):
        line_map(bars(np.ones((2, 2))), positions=1)
