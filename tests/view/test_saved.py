"""Saved views of MLflow's page: which runs, pictures and numbers they show, and in which order."""

import base64
import itertools
import json
import math
import zlib
from types import SimpleNamespace

import pytest

from topo_exp.analysis.catalogue import METRICS
from topo_exp.view.entries import ID, PICTURE_NAMES, REACHED, VARIED, order_of, picture_tag, run_name
from topo_exp.view.saved import COLOUR, COLOURS, IMAGE_RUNS, PREFIX, links_of, write_views

COUNT = itertools.count()


class FakeClient:
    """A client of one experiment, which counts what is written."""

    def __init__(self, runs):
        self.runs, self.tags, self.writes, self.coloured, self.asked, self.orders = runs, {}, 0, 0, [], []

    def search_runs(self, experiments, chosen, max_results, order_by):
        self.asked.append(chosen)
        self.orders.append(order_by)
        return self.runs[:max_results]

    def get_experiment(self, experiment):
        return SimpleNamespace(tags=dict(self.tags))

    def set_experiment_tag(self, experiment, key, value):
        self.tags[key] = value
        self.writes += 1

    def set_tag(self, run_id, key, value):
        next(run for run in self.runs if run.info.run_id == run_id).data.tags[key] = value
        self.coloured += 1

    def state(self, view):
        """Return the state of a page that a view holds."""
        text = json.loads(self.tags[PREFIX + view])["state"]
        return json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))


def a_run(density, *, pictures=("Figures/V1/selectivity", "Figures/V1/orientation"), metrics=("V1/mean",)):
    """Return a run as MLflow gives it."""
    tags = {ID: "x", VARIED: f"cortex_density={density}", PICTURE_NAMES: picture_tag(pictures), REACHED: "100"}
    data = SimpleNamespace(
        params={"cortex_density": str(density), "seed": "1"}, metrics=dict.fromkeys(metrics, 1.0), tags=tags
    )
    return SimpleNamespace(data=data, info=SimpleNamespace(run_id=f"run{next(COUNT)}"))


def test_maps_are_rows_and_varied_parameters_are_columns():
    """The map comes before other pictures; parameters that are equal in all runs are no columns."""
    client = FakeClient([a_run(4), a_run(3)])
    write_views(client, "1", None)
    state = client.state("topo_exp.maps")
    grid = state["compareRunCharts"][0]
    assert grid["type"] == "IMAGE"
    assert grid["imageKeys"] == ["Figures/V1/orientation", "Figures/V1/selectivity"]
    assert grid["step"] == 100
    assert "params.`cortex_density`" in state["selectedColumns"]
    assert "params.`seed`" not in state["selectedColumns"]


def test_what_a_scientist_looks_at_first_comes_first():
    """Curves are in the order of the catalogue; those of the user's own analyses follow the default ones."""
    names = [f"V1/{metric.name}" for metric in METRICS if "<" not in metric.name]
    client = FakeClient([a_run(3, metrics=[*reversed(names), "V1/mine", "time"])])
    write_views(client, "1", None)
    shown = [chart["metricKey"] for chart in client.state("topo_exp.development")["compareRunCharts"]]
    expected = [f"V1/{metric.name}" for metric in METRICS if metric.default]
    assert shown[: len(expected)] == expected
    assert shown[len(expected)] == "V1/mine"
    assert "time" not in shown


def test_a_view_is_written_only_when_it_changes():
    """A second call writes nothing; another run with other pictures changes the view of the maps."""
    client = FakeClient([a_run(3)])
    write_views(client, "1", None)
    assert client.writes == 3
    write_views(client, "1", None)
    assert client.writes == 3
    client.runs.insert(0, a_run(4, pictures=("Figures/V1/ocularity",)))
    write_views(client, "1", None)
    assert "Figures/V1/ocularity" in client.state("topo_exp.maps")["compareRunCharts"][0]["imageKeys"]


@pytest.mark.parametrize("count", [10, 11])
def test_more_runs_than_mlflow_shows_pictures_of_are_said_so(count):
    """The name of the view says that it shows the last ten; with ten, it says nothing."""
    client = FakeClient([a_run(density) for density in range(count)])
    write_views(client, "1", "s1")
    names = [link.name for link in links_of(client.tags)]
    more = ", last 10 runs" if count > 10 else ""
    assert names == [f"Sweep s1: maps over time{more}", "Sweep s1: development", "Sweep s1: table"]
    assert client.asked == ["tags.`topo_exp.sweep` = 's1'"]


@pytest.mark.parametrize(
    ("sweep", "view", "order"),
    [(None, "topo_exp.maps", "attributes.start_time"), ("s1", "topo_exp.maps.s1", "tags.`topo_exp.order`")],
)
def test_runs_are_chosen_in_the_order_in_which_the_page_lists_them(sweep, view, order):
    """Those of an experiment are in the order of their start, those of a sweep in the order of their swept values."""
    client = FakeClient([a_run(4), a_run(3)])
    write_views(client, "1", sweep)
    assert client.orders == [[f"{order} DESC"]]
    state = client.state(view)
    assert (state["orderByKey"], state["orderByAsc"]) == (order, False)


@pytest.mark.parametrize(
    "values",
    [
        [-math.inf, -1e300, -10, -9.5, -1, -1e-300, 0, 1e-300, 0.5, 1, 9, 10, 11.5, 100, 1e300, math.inf],
        [9, 10, "10", "9", "a"],
        [[9, "b"], [10, "a"], [10, "b"]],
        [-(10**400), -0.5, 10**400],
    ],
)
def test_runs_of_a_sweep_sort_by_their_swept_values(values):
    """Numbers sort by size and before texts; the first setting counts first, one that was not swept does not count."""

    def order(swept):
        swept = swept if isinstance(swept, list) else [swept]
        given = {"seed": 1, **{f"x{place}": value for place, value in enumerate(swept)}}
        settings = {name: {"kind": "parameter", "value": given[name], "swept": name != "seed"} for name in given}
        return order_of({"given": given, "settings": settings})

    orders = [order(value) for value in values]
    assert len(set(orders)) == len(values)
    for shuffled in (orders[::-1], orders[1::2] + orders[::2]):
        assert sorted(shuffled) == orders


def test_views_of_the_experiment_come_before_those_of_the_latest_sweep():
    """The order in which `ui` prints them, whatever the order of the tags."""
    client = FakeClient([a_run(3)])
    for sweep in ("20260101", "20260102", None):
        write_views(client, "1", sweep)
    ids = [link.id for link in links_of(client.tags)]
    assert ids[:4] == ["topo_exp.maps", "topo_exp.development", "topo_exp.table", "topo_exp.maps.20260102"]
    assert ids[-1] == "topo_exp.table.20260101"


def test_views_of_other_people_are_neither_listed_nor_touched():
    """A view that the user has saved stays as it is."""
    client = FakeClient([a_run(3)])
    client.tags[PREFIX + "mine"] = "{}"
    write_views(client, "1", None)
    assert client.tags[PREFIX + "mine"] == "{}"
    assert "mine" not in [link.id for link in links_of(client.tags)]


@pytest.mark.parametrize("count", [1, 4, 10])
def test_the_runs_of_a_view_have_different_colours(count):
    """No two of the runs that a view shows are equal, and a colour that a run has, such as the user's, stays."""
    client = FakeClient([a_run(n) for n in range(count)])
    client.runs[0].data.tags[COLOUR] = COLOURS[0]
    write_views(client, "1", None)
    assert client.runs[0].data.tags[COLOUR] == COLOURS[0]
    assert len({run.data.tags[COLOUR] for run in client.runs}) == count <= IMAGE_RUNS
    assert client.coloured == count - 1
    client.runs.insert(0, a_run(count))  # a later run
    write_views(client, "1", None)
    shown = client.runs[:IMAGE_RUNS]
    assert len({run.data.tags[COLOUR] for run in shown}) == len(shown)
    assert client.coloured == count


def test_a_state_fits_into_a_tag():
    """Of very many curves with long names the last are left out, so that every database keeps the view."""
    client = FakeClient([a_run(3, metrics=[f"V1/{n * 7919 % 1009}_{n}" + "x" * 150 for n in range(300)])])
    write_views(client, "1", None)
    assert all(len(value) <= 5000 for value in client.tags.values())


@pytest.mark.parametrize(
    ("given", "swept", "tag", "name"),
    [
        ({"a": 1, "b": 0.5}, ["b"], "t", "b=0.5, a=1 · t · dir"),
        ({}, [], None, "gcal · dir"),
        ({"times": [0, 2]}, ["times"], None, "times=[0, 2] · dir"),
        ({"cortex_density": 3}, ["cortex_density"], None, "cortex_density=3 · dir"),
        (
            {"density": 24, "gain": True, "fast": False},
            ["gain", "fast"],
            None,
            "True, False · gain=True, fast=False, density=24 · dir",
        ),
        ({"inhibition_strength": 1.5}, ["inhibition_strength"], None, "1.5 · inhibition_strength=1.5 · dir"),
        ({"inhibition_strength": 1.5}, [], None, "inhibition_strength=1.5 · dir"),
    ],
)
def test_a_runs_name_begins_with_what_varies(given, swept, tag, name):
    """Swept settings are first, their values alone where a column cuts them, then other given ones, tag, directory."""
    settings = {key: {"kind": "parameter", "value": value, "swept": key in swept} for key, value in given.items()}
    record = {"given": given, "settings": settings, "tag": tag, "name": "dir", "model": "gcal"}
    assert run_name(record) == name


def test_a_long_name_keeps_its_beginning():
    """The name of a run is bounded."""
    record = {"given": {f"p{n}": "x" * 100 for n in range(9)}, "tag": None, "name": "dir", "model": "gcal"}
    assert run_name(record).startswith("p0=xxx")
    assert len(run_name(record)) <= 240
