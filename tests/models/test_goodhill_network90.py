"""The elastic net of Goodhill and Willshaw: monocular stripes, whose width follows the distance of the eyes."""

import numpy as np
import pytest

from topo_exp.analysis.maps import ocular_dominance_map
from topo_exp.models.goodhill_network90 import GoodhillNetwork90


def developed(**parameters):
    """Return a small net after K has fallen from 0.2 to 0.018."""
    small = {"retina_density": 10.0, "cortex_density": 20.0, "k_rate": 0.99, "k_end": 0.01}
    sim = GoodhillNetwork90(**{**small, **parameters}).build()
    sim.run(240)
    return sim


def cycles(ocularity):
    """Return the mean number of cycles of a map across the sheet, weighted by power, up to 8."""
    power = np.abs(np.fft.fft2(ocularity - ocularity.mean())) ** 2
    number = np.fft.fftfreq(len(power), 1 / len(power))
    distance = np.hypot(number[:, None], number)
    low = distance <= 8
    return float((power * distance)[low].sum() / power[low].sum())


def test_stripes_of_monocular_units_form():
    """At the end most units belong to one eye, both eyes have about half of them, and the map is topographic."""
    sim = developed()
    points = sim["V1"].points
    assert (np.abs(points[..., 2]) > 0.05).mean() > 0.8
    assert 0.4 < (points[..., 2] > 0).mean() < 0.6
    assert np.hypot(points[..., 0] - sim["V1"].x, points[..., 1] - sim["V1"].y[:, None]).mean() < 0.06
    found = ocular_dominance_map(sim)
    assert found.metrics["V1/ocularity_selectivity_mean"] > 0.8
    preference = found.maps["ocularity_preference"].values
    assert np.corrcoef(preference.ravel(), points[..., 2].ravel())[0, 1] > 0.9


def test_units_are_binocular_before_k_is_small():
    """As long as K is larger than half the distance of the eyes, no unit prefers one of them."""
    sim = GoodhillNetwork90(retina_density=10.0, cortex_density=20.0, k_end=0.13, k_rate=0.98).build()
    sim.run(240)
    assert np.abs(sim["V1"].points[..., 2]).max() < 1e-3


def test_stripes_are_wider_the_further_apart_the_eyes_are():
    """The number of stripes across the sheet falls with the distance of the retinas."""
    near, middle, far = (cycles(developed(separation=distance)["V1"].points[..., 2]) for distance in (0.2, 0.3, 0.5))
    assert near > 1.1 * middle
    assert middle > 1.1 * far


def test_a_deprived_eye_has_narrower_stripes():
    """The less one eye's cells draw, the fewer units it has."""
    shares = [(developed(left_activity=activity)["V1"].points[..., 2] < 0).mean() for activity in (1.0, 0.7, 0.4)]
    assert shares[0] > shares[1] + 0.05
    assert shares[1] > shares[2] + 0.05


@pytest.mark.parametrize("eye", ["LeftAfferent", "RightAfferent"])
def test_what_has_no_compiled_form_is_told(eye):
    """The sheet is dense since it moves points; responses through its weights are compiled."""
    rows = {(row.sheet, row.projection): row for row in developed().explain()}
    assert rows["V1", ""].is_dense
    assert "ElasticNet" in rows["V1", ""].reason
    assert not rows["V1", eye].is_dense
