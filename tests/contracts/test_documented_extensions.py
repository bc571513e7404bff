"""The examples of docs/architecture.md keep every promise that the package's own members keep."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.contracts.networks import CONTRACTS, differences, network, spot
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import SettlingCFSheet
from topo_exp.engine.projection import CFProjection
from topo_exp.runner.run import execute
from topo_exp.testing import run_spec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
NAME = "documented_extensions"


@pytest.fixture(scope="module")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Import the Python code of the page from one file, as a user's own."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = tmp_path_factory.mktemp("extensions") / f"{NAME}.py"
    path.write_text("\n\n".join(blocks), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[NAME]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_documented_extensions_keep_every_promise(extensions: ModuleType, contract: str) -> None:
    """A network with the documented rule, projection and settling scheme keeps every promise."""
    build = network(
        sheet=extensions.RelaySheet,
        projection=extensions.SaturatingProjection,
        afferent={"learning_fn": lambda: extensions.HebbianMomentum(momentum=0.4)},
    )
    CONTRACTS[contract](build)


def test_the_documented_rule_remembers_in_states(extensions: ModuleType) -> None:
    """The last change is part of the state, one number for each weight, and a part of it is added again."""
    sim = network(afferent={"learning_fn": lambda: extensions.HebbianMomentum(momentum=0.5)})("compiled")
    (key,) = (key for key in sim.state() if "change" in key and "Afferent" in key)
    assert sim.state()[key].shape == sim["V1"].projections["Afferent"].weights.shape
    assert not sim.state()[key].any()
    sim.run(1)
    assert sim.state()[key].any()


def test_the_documented_projection_saturates(extensions: ModuleType) -> None:
    """No response is above the limit, before the strength, although the input is strong."""
    sim = network(
        retina={"input_generator": lambda: spot(scale=100.0)},
        projection=extensions.SaturatingProjection,
        afferent={"limit": 0.5, "strength": 1.0},
    )("compiled")
    sim.run(2)
    response = sim["V1"].projections["Afferent"].activity
    assert 0.4 < response.max() <= 0.5


def test_the_documented_scheme_sends_settled_activity_only(extensions: ModuleType) -> None:
    """A sheet above receives nothing of a second iteration before V1 has settled, and then its last activation."""
    sim = network(sheet=extensions.RelaySheet)("compiled")
    sim.add(SettlingCFSheet(name="V2", nominal_density=8.0, tsettle=0))
    sim.connect("V1", "V2", CFProjection(name="Up", nominal_bounds=BoundingBox(radius=0.3)))
    up = sim["V2"].projections["Up"]
    sim.run(1)
    settled = sim["V1"].activity.copy()
    sim.run(1.16)  # the first activation of the second iteration would have arrived at 1.15
    assert (sim["V1"].activity != settled).any()
    np.testing.assert_array_equal(np.asarray(up.input), settled)
    sim.run(2)
    np.testing.assert_array_equal(np.asarray(up.input), sim["V1"].activity)


def test_the_documented_backend_computes_the_same(extensions: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation with the timed workers has the bits of the reference engine, and its workers have taken time."""
    made = []
    monkeypatch.setattr(
        "topo_exp.engine.simulation.adopt", lambda *given: made.append(extensions.adopt(*given)) or made[-1]
    )
    timed, reference = network()("compiled"), network()("reference")
    for sim in (timed, reference):
        sim.run(2)
    assert differences(timed.state(), reference.state()) == []
    (workers,) = made
    assert [sheet.name for sheet in workers] == ["V1"]
    assert all(worker.seconds > 0 for worker in workers.values())


def test_the_documented_recorder_prints_metrics(
    extensions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printing recorder is given the metrics of each time, and the status."""
    outcome = execute(run_spec(tmp_path, views=(extensions.PrintingRecorder,)))
    assert outcome.status == "done"
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "202611221137_fake"
    assert [line.split()[:2] for line in printed[1:-1]] == [["0", "activity:"], ["5", "activity:"], ["10", "activity:"]]
    assert printed[-1] == "done"
