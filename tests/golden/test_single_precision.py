"""The fast path, in single precision throughout, stays within the tolerances of the recordings.

Tolerances are max |found - recorded| / max |recorded|. An independent engine in single precision came within 1e-6,
2.4e-6 and 5.4e-6 in activity, and 2.7e-7, 4.6e-7 and 1.3e-6 in weights, after 10, 100 and 1000 iterations.
"""

import re

import numpy as np
import pytest

from tests.golden.conftest import differing, error
from tests.golden.test_reference_precision import VARIANTS, gcal
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.simulation import Simulation
from topo_exp.models.gcal_oo_or import GcalOoOr
from topo_exp.models.lissom_oo_or import LissomOoOr
from topo_exp.models.lissom_or import LissomOr

ACTIVITY = {10: 5e-6, 100: 1e-5, 1000: 5e-5}
WEIGHTS = {0: 0.0, 10: 1e-6, 100: 2e-6, 1000: 1e-5}
CHAOTIC = ("L_c100", "AL_c100")  # rounding grows to the size of the activity by iteration 55


def assert_weights_near(sim: Simulation, recording: dict[str, np.ndarray], k: int) -> None:
    compared = 0
    for projection in sim["V1"].projections.values():
        recorded = recording.get(f"V1.{projection.name}__weights_{k}")
        if recorded is not None:
            assert error(projection.weights, recorded) <= WEIGHTS[k], projection.path
            compared += 1
    assert compared


def test_gcal_keeps_to_the_recording_for_a_thousand_iterations(golden):
    """Inputs and initial weights are exact; activity, thresholds and weights stay within their tolerances."""
    recording = golden("gcal_oo_or_cd24")
    sim = GcalOoOr(cortex_density=24).build()
    for k in [*range(11), 100, 1000]:
        sim.run(until=k)
        if k in WEIGHTS:
            assert_weights_near(sim, recording, k)
        if 1 <= k <= 10:
            assert differing(sim["Retina"].activity, recording["Retina__activity"][k - 1]) == 0
            for name in ("LGNOn", "LGNOff", "V1"):
                assert error(sim[name].activity, recording[f"{name}__activity"][k - 1]) < ACTIVITY[10]
            assert error(sim["V1"].threshold, recording["V1__threshold"][k - 1]) < 1e-6
        elif k:
            assert error(sim["V1"].activity, recording[f"V1__activity_{k}"]) < ACTIVITY[k]
            assert error(sim["V1"].threshold, recording[f"V1__threshold_{k}"]) < 1e-5
    lateral = sim["V1"].projections["LateralInhibitory"]
    assert not isinstance(lateral.fields, DenseFields), "the fast path is what is tested here"


@pytest.mark.parametrize("sheet", ["LGNOn", "V1"])
def test_every_settling_step_is_as_recorded(golden, sheet):
    """Looked at after each activation of the first three iterations, activity is within the tolerance."""
    recording = golden("gcal_oo_or_cd24")
    sim = GcalOoOr(cortex_density=24).build()
    for i, time in enumerate(recording[f"trace123__{sheet}__time"]):
        sim.run(until=round(float(time), 2))
        assert error(sim[sheet].activity, recording[f"trace123__{sheet}__activity"][i]) < ACTIVITY[10]


@pytest.mark.parametrize("variant", VARIANTS)
def test_models_of_2013_keep_to_their_recordings(golden, variant):
    """Each variant keeps to its recording for ten iterations, the stable ones for a hundred."""
    recording = golden(f"gcal_{variant}_s20")
    sim = gcal(recording)
    for k in range(1, 11):
        sim.run(until=k)
        assert error(sim["V1"].activity, recording["V1__activity"][k - 1]) < 1e-5
        assert error(sim["V1"].threshold, recording["V1__threshold"][k - 1]) < 1e-6
    if variant not in CHAOTIC:
        sim.run(until=100)
        assert error(sim["V1"].activity, recording["V1__activity_100"]) < ACTIVITY[100]


@pytest.mark.parametrize(
    ("recorded", "model", "last"),
    [
        pytest.param("lissom_or_cd32", LissomOr(cortex_density=32), 501, id="lissom_or"),
        pytest.param("lissom_oo_or_cd24", LissomOoOr(cortex_density=24), 1001, id="lissom_oo_or"),
    ],
)
def test_lissom_keeps_to_the_recording_across_all_changes(golden, recorded, model, last):
    """V1 stays within 1e-6 and weights within 1e-6 while fields shrink, and every projection stays compiled."""
    recording = golden(recorded)
    sim = model.build()
    times = sorted(int(name.rpartition("_")[2]) for name in recording if re.fullmatch(r"V1__activity_\d+", name))
    for k in [time for time in times if time <= last]:
        sim.run(until=k)
        assert error(sim["V1"].activity, recording[f"V1__activity_{k}"]) < 1e-6
        for projection in sim["V1"].projections.values():
            stored = recording.get(f"V1.{projection.name}__weights_{k}")
            if stored is not None:
                assert error(projection.weights, stored) < 1e-6, projection.path
    assert {row.form for row in sim.explain()} == {"compiled"}


@pytest.mark.parametrize(
    ("change", "says"),
    [({"aff_lr": 0.101}, "a rate 1 % too high"), ({"inh_strength": 1.41}, "an inhibition 0.7 % too strong")],
)
def test_the_tolerances_would_show_a_small_mistake(golden, change, says):
    """Negative controls: parameters that are slightly off leave the tolerances within ten iterations."""
    recording = golden("gcal_oo_or_cd24")
    sim = GcalOoOr(cortex_density=24, **change).build()
    sim.run(until=10)
    worst = max(
        error(p.weights, recording[f"V1.{p.name}__weights_10"])
        for p in sim["V1"].projections.values()
        if f"V1.{p.name}__weights_10" in recording
    )
    assert worst > 10 * WEIGHTS[10], says
