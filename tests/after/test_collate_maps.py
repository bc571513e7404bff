"""Maps of many runs as one Dataset."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dask.array", reason="not installed: dask")

import topo_exp
from topo_exp.after import collate_maps as module
from topo_exp.errors import ConfigError, UnknownNameError

FILE = '''"""A map that tells its run."""
import numpy as np
from topo_exp import Result
import xarray as xr

def places(sim):
    """Return the sheet's size and time in a map of 2 x 3."""
    values = np.arange(6.0).reshape(2, 3) + 100 * sim.time + 1000 * sim["V1"].shape[0]
    return Result(maps=xr.Dataset({"place": (("y", "x"), values, {"units": "m"})}))
'''


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two runs at times 0 and 2, of which one lacks the second time, in one directory."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "mine.py").write_text(FILE)
    for density, times in ((3, [0, 2]), (4, [0])):
        topo_exp.run(
            "tiny",
            cortex_density=density,
            times=times,
            analysis=[f"{folder / 'mine.py'}:places"],
            output_dir=str(folder / "Output"),
            tracking="none",
            progress=False,
        )
    return folder / "Output"


def test_maps_stand_over_settings_and_time(output: Path) -> None:
    """Each map is at its run's settings and time; where there is none, it is NaN; attributes stay."""
    maps = topo_exp.collate_maps(output).place
    assert maps.dims == ("cortex_density", "time", "y", "x")
    found = maps.sel(cortex_density=3, time=2).values
    assert np.array_equal(found, np.arange(6.0).reshape(2, 3) + 200 + 3000)
    assert np.isnan(maps.sel(cortex_density=4, time=2)).all()
    assert maps.attrs["units"] == "m"


def test_nothing_is_read_before_it_is_used(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One selected map reads one file."""
    read: list[float] = []
    original = module._read

    def counted(place: Path, time: float, *rest: object) -> object:
        read.append(time)
        return original(place, time, *rest)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(module, "_read", counted)
    maps = topo_exp.collate_maps(output, query="cortex_density == 3").place
    assert read == []
    maps.sel(time=2).load()
    assert read == [2.0]


def test_mistakes_are_named(output: Path) -> None:
    """A wrong name, no rows, and runs that do not differ are refused."""
    with pytest.raises(UnknownNameError, match="Did you mean"):
        topo_exp.collate_maps(output, analysis="placs")
    with pytest.raises(UnknownNameError, match="query"):
        topo_exp.collate_maps(output, query="time > 100")
    again = topo_exp.load_run(next(iter(sorted(output.glob("*density=3*")))))
    topo_exp.run(
        "tiny",
        cortex_density=3,
        times=[0, 2],
        analysis=[f"{output.parent / 'mine.py'}:places"],
        output_dir=str(output.parent / "Again"),
        tracking="none",
        progress=False,
    )
    with pytest.raises(ConfigError, match="must differ in their settings"):
        topo_exp.collate_maps([again.directory, output.parent / "Again"])
