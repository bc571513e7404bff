"""The reference precision reproduces the recorded weights bit for bit, and activities to rounding."""

import json

import numpy as np
import pytest

from tests.golden.conftest import differing, error
from topo_exp.engine.simulation import Simulation
from topo_exp.models.gcal import Gcal
from topo_exp.models.gcal_oo_or import GcalOoOr
from topo_exp.models.hierarchical import Hierarchical
from topo_exp.models.lissom_oo_or import LissomOoOr
from topo_exp.models.lissom_or import LissomOr
from topo_exp.models.som_retinotopy import SomRetinotopy
from topo_exp.models.tiny import Tiny

ROUNDING = 1e-13  # sums in double precision, in another order than the reference's; the chaotic L amplifies it
VARIANTS = ("L_c100", "AL_c100", "GCL_c100", "GCAL_c100", "GCAL_waves5")


def reference(sim: Simulation) -> Simulation:
    sim.engine = "reference"
    return sim


def gcal(recording: dict[str, np.ndarray]) -> Simulation:
    parameters = json.loads(str(recording["params_json"]))
    whole = {"input_seed": int, "retinal_waves": int}
    return Gcal(**{name: whole.get(name, lambda v: v)(value) for name, value in parameters.items()}).build()


def test_tiny_reproduces_every_recorded_bit(golden):
    """A user's own learning rule on the engine follows the recording bit for bit for 500 iterations."""
    recording = golden("tiny")
    sim = reference(Tiny().build())
    for k in range(501):
        sim.run(until=k)
        if f"Afferent__weights_{k}" in recording:
            assert differing(sim["V1"].projections["Afferent"].weights, recording[f"Afferent__weights_{k}"]) == 0
        if 1 <= k <= 20:
            assert differing(sim["Retina"].activity, recording["Retina__activity"][k - 1]) == 0
            assert error(sim["V1"].activity, recording["V1__activity"][k - 1]) < ROUNDING


def test_som_reproduces_every_recorded_bit(golden):
    """The self-organising map follows the recording bit for bit, in float32, for 1000 iterations."""
    recording = golden("som_retinotopy")
    sim = reference(SomRetinotopy().build())
    for k in (0, 1, 10, 100, 1000):
        sim.run(until=k)
        assert differing(sim["V1"].projections["Afferent"].weights, recording[f"Afferent__weights_{k}"]) == 0
        if 1 <= k <= 10:
            assert error(sim["V1"].activity, recording["V1__activity"][k - 1]) < ROUNDING


@pytest.mark.parametrize("key", ["slices_r1r2c1c2", "tmpl_offset_rc", "mask_template", "n_units"])
def test_gcal_lays_its_fields_where_the_reference_does(golden, key):
    """Slices, offsets, masks and sizes of all fields are exactly the recorded ones."""
    recording = golden("gcal_oo_or_cd24")
    sim = GcalOoOr(cortex_density=24).build()
    compared = 0
    for projection in sim.projections:
        recorded = recording.get(f"{projection.dest.name}.{projection.name}__{key}")
        if recorded is None:
            continue
        found = {
            "slices_r1r2c1c2": projection.geometry.slices,
            "tmpl_offset_rc": projection.geometry.offsets,
            "mask_template": projection.template_mask,
            "n_units": projection.n_units,
        }[key]
        np.testing.assert_array_equal(found, recorded)
        compared += 1
    assert compared >= 4


def test_gcal_units_stand_where_the_reference_has_them(golden):
    """The coordinates of all units of all sheets are exactly the recorded ones."""
    recording = golden("gcal_oo_or_cd24")
    sim = GcalOoOr(cortex_density=24).build()
    for name, sheet in sim.sheets.items():
        x, y = np.meshgrid(sheet.x, sheet.y)
        np.testing.assert_array_equal(x, recording[f"{name}__X"])
        np.testing.assert_array_equal(y, recording[f"{name}__Y"])


def test_gcal_settles_as_recorded_and_keeps_every_bit_of_its_weights(golden):
    """Each settling step of the first iterations, and the weights up to iteration 10, are the recorded ones."""
    recording = golden("gcal_oo_or_cd24")
    sim = reference(GcalOoOr(cortex_density=24).build())
    assert_weights_exact(sim, recording, 0)
    for name in ("LGNOn", "LGNOff"):
        for projection in sim[name].projections.values():
            assert differing(projection.weights, recording[f"{name}.{projection.name}__weights_0"]) == 0
    events = [
        (time, name, i)
        for name in ("LGNOn", "V1")
        for i, time in enumerate(recording[f"trace123__{name}__time"])
        if time < 2
    ]
    for time, name, i in sorted(events):
        sim.run(until=round(float(time), 2))
        assert error(sim[name].activity, recording[f"trace123__{name}__activity"][i]) < ROUNDING
    for k in range(2, 11):
        sim.run(until=k)
        assert differing(sim["Retina"].activity, recording["Retina__activity"][k - 1]) == 0
        for name in ("LGNOn", "LGNOff", "V1"):
            assert error(sim[name].activity, recording[f"{name}__activity"][k - 1]) < ROUNDING
        assert error(sim["V1"].threshold, recording["V1__threshold"][k - 1]) < ROUNDING
    assert_weights_exact(sim, recording, 10)


@pytest.mark.parametrize("k", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_gcal_keeps_every_bit_of_its_weights_for_long(golden, k):
    """Weights after 100 and 1000 iterations are the recorded ones, bit for bit."""
    recording = golden("gcal_oo_or_cd24")
    sim = reference(GcalOoOr(cortex_density=24).build())
    sim.run(until=k)
    assert_weights_exact(sim, recording, k)
    assert error(sim["V1"].activity, recording[f"V1__activity_{k}"]) < ROUNDING


@pytest.mark.parametrize("variant", VARIANTS)
def test_models_of_2013_start_as_recorded(golden, variant):
    """Ten iterations of each variant follow the recording to rounding."""
    recording = golden(f"gcal_{variant}_s20")
    sim = reference(gcal(recording))
    for k in range(1, 11):
        sim.run(until=k)
        assert error(sim["LGNOn"].activity, recording["LGNOn__activity"][k - 1]) < ROUNDING
        assert error(sim["V1"].activity, recording["V1__activity"][k - 1]) < ROUNDING
        assert error(sim["V1"].threshold, recording["V1__threshold"][k - 1]) < ROUNDING


@pytest.mark.parametrize("variant", VARIANTS)
def test_models_of_2013_agree_where_rounding_would_grow(golden, variant):
    """After 100 iterations, past the point where rounding has grown to the size of the activity, activity agrees.

    So weights were rounded exactly as the reference rounds them; where weights are recorded, they are compared.
    """
    recording = golden(f"gcal_{variant}_s20")
    sim = reference(gcal(recording))
    sim.run(until=100)
    assert error(sim["V1"].activity, recording["V1__activity_100"]) < ROUNDING
    assert error(sim["V1"].threshold, recording["V1__threshold_100"]) < ROUNDING
    if variant in ("L_c100", "GCAL_c100"):
        assert_weights_exact(sim, recording, 100)


LISSOM = {
    "lissom_or_cd32": lambda: LissomOr(cortex_density=32),
    "lissom_oo_or_cd24": lambda: LissomOoOr(cortex_density=24),
}
"""The LISSOM models of the recordings, by name."""


@pytest.mark.parametrize("name", LISSOM)
def test_lissom_follows_its_scheduled_changes(golden, name):
    """A network with rejected inputs, shrinking fields and changing rates is exact across the first change."""
    follow_lissom(reference(LISSOM[name]().build()), golden(name), 110)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "last"), [("lissom_or_cd32", 600), ("lissom_oo_or_cd24", 1001)])
def test_lissom_follows_all_scheduled_changes(golden, name, last):
    """The same across every change up to iteration 600 or 1000, after which V1 settles longer."""
    follow_lissom(reference(LISSOM[name]().build()), golden(name), last)


def test_hierarchy_with_feedback_follows_the_recording(golden):
    """Three areas with feedback, half-iteration delays and a shrinking field agree to rounding for 250 iterations."""
    recording = golden("hierarchical")
    sim = reference(Hierarchical().build())
    for k in [*range(1, 13), 100, 101, 250]:
        sim.run(until=k)
        for name, sheet in sim.sheets.items():
            recorded = recording[f"{name}__activity_{k}"]
            assert np.abs(sheet.activity - recorded).max() < 1e-12
    assert differing(sim["V1"].projections["AfferentLeft"].weights, recording["V1.AfferentLeft__weights_250"]) == 0


def follow_lissom(sim: Simulation, recording: dict[str, np.ndarray], last: int) -> None:
    compared = 0
    for k in range(1, last + 1):
        if k == 100 and "V1.LateralExcitatory__weights_100pre" in recording:
            sim.run(until=99.95)
            excitatory = sim["V1"].projections["LateralExcitatory"]
            assert differing(excitatory.weights, recording["V1.LateralExcitatory__weights_100pre"]) == 0
        if f"V1__activity_{k}" in recording:
            sim.run(until=k)
            if f"Retina__activity_{k}" in recording:
                assert error(sim["Retina"].activity, recording[f"Retina__activity_{k}"]) < ROUNDING
            assert error(sim["V1"].activity, recording[f"V1__activity_{k}"]) < ROUNDING
            compared += 1
        if any(name.endswith(f"__weights_{k}") for name in recording):
            sim.run(until=k)
            assert_weights_exact(sim, recording, k)
    assert compared >= 13


def assert_weights_exact(sim: Simulation, recording: dict[str, np.ndarray], k: int) -> None:
    compared = 0
    for projection in sim["V1"].projections.values():
        recorded = recording.get(f"V1.{projection.name}__weights_{k}")
        if recorded is not None:
            assert differing(projection.weights, recorded) == 0, projection.path
            compared += 1
    assert compared
