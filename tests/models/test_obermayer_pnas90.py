"""The self-organising map of Obermayer, Ritter and Schulten, on a torus."""

import numpy as np
import pytest

from topo_exp.analysis.maps import orientation_map_gaussians
from topo_exp.analysis.pinwheels import winding_numbers
from topo_exp.models.obermayer_pnas90 import ObermayerPnas90


def small(**parameters):
    """Return a small network before its first iteration."""
    few = {"cortex_density": 20.0, "duration": 1500.0, "rate_0": 0.3, "rate_end": 0.1, "radius_end": 0.02}
    return ObermayerPnas90(**{**few, **parameters}).build()


def orientation(sim):
    """Return the orientation map with selectivities as a complex array."""
    found = orientation_map_gaussians(
        sim, afferent_only=True, periodic=True, orientations=8, size=0.127, aspect_ratio=2.556
    ).maps
    return found["orientation_selectivity"].values * np.exp(2j * found["orientation_preference"].values)


def turned(angles, axis):
    """Return the differences of angles between neighbours on a torus, in (-pi, pi]."""
    return np.angle(np.exp(1j * (np.roll(angles, -1, axis=axis) - angles)))


@pytest.fixture(scope="module")
def developed():
    """Return a simulation at the end of its development."""
    sim = small()
    sim.run(1500)
    return sim


def test_an_orientation_map_forms(developed):
    """Units become selective; all orientations are present, and neighbours prefer similar ones."""
    before, after = orientation(small()), orientation(developed)
    assert np.abs(after).mean() > 3 * np.abs(before).mean()
    share = np.histogram(np.angle(after) % (2 * np.pi), 4, (0, 2 * np.pi))[0] / after.size
    assert share.min() > 0.1
    steps = [np.abs(turned(np.angle(after), axis)).mean() / 2 for axis in (0, 1)]
    assert np.degrees(max(steps)) < 35  # without order it would be 45 degrees; a hypercolumn is four units wide


def test_pinwheels_of_both_signs_are_equally_many(developed):
    """On a torus the signs of all pinwheels add up to zero, and there are some."""
    wrapped = np.pad(orientation(developed), ((0, 1), (0, 1)), mode="wrap")
    winding = winding_numbers(wrapped)
    assert winding.sum() == 0
    assert (winding > 0).sum() >= 4


def test_the_map_is_retinotopic_around_the_torus(developed):
    """Positions go once around the retina along each axis of the sheet, and stay near those of the units."""
    projection, v1 = developed["V1"].projections["Afferent"], developed["V1"]
    retina = developed["Retina"]
    responses = []
    for wave in (np.exp(2j * np.pi * retina.x)[None, :], np.exp(2j * np.pi * retina.y)[:, None]):
        patches = [projection.geometry.patches(np.broadcast_to(part, retina.shape)) for part in (wave.real, wave.imag)]
        real, imaginary = ((patch * projection.weights).sum(axis=(1, 2)).reshape(v1.shape) for patch in patches)
        responses.append(np.angle(real + 1j * imaginary))
    along_x, along_y = responses
    np.testing.assert_allclose(turned(along_x, 1).sum(axis=1), 2 * np.pi, rtol=1e-9)
    np.testing.assert_allclose(turned(along_y, 0).sum(axis=0), -2 * np.pi, rtol=1e-9)
    off = np.abs(np.angle(np.exp(1j * (along_x - 2 * np.pi * v1.x)))) / (2 * np.pi)
    assert off.mean() < 0.05


def test_the_engine_has_no_boundaries():
    """A stimulus at an edge goes on at the opposite one, and so does the neighbourhood of a winner at an edge."""
    sim = small(radius_0=0.1)
    seen, active = np.zeros(sim["Retina"].shape), np.zeros(sim["V1"].shape)
    for time in range(1, 300):
        sim.run(time)
        seen += sim["Retina"].activity
        active += sim["V1"].activity
    for total in (seen, active):
        edge, middle = np.concatenate([total[0], total[:, 0]]).mean(), total.mean()
        assert edge == pytest.approx(middle, rel=0.3)


def test_what_has_no_compiled_form_is_told(developed):
    """The sheet is dense for its output function; responses, learning and normalisation are compiled."""
    rows = {(row.sheet, row.projection): row for row in developed.explain()}
    assert "KernelMax" in rows["V1", ""].reason
    assert not rows["V1", "Afferent"].is_dense


@pytest.mark.slow
def test_the_default_map_has_many_pinwheels():
    """At the default size there are pinwheels of both signs in equal number, more than ten of each."""
    sim = ObermayerPnas90(duration=4000.0).build()
    sim.run(4000)
    winding = winding_numbers(np.pad(orientation(sim), ((0, 1), (0, 1)), mode="wrap"))
    assert winding.sum() == 0
    assert (winding > 0).sum() > 10
