"""Saved views of MLflow's page for an experiment: maps over time, development, and a table.

MLflow keeps a saved view as a tag of the experiment that holds the state of its page. The form of that state is
MLflow's own and no interface: it was found by trying it with MLflow 3.17, and a test in a browser shows that it works.
An error here is reported, and never fails a run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from topo_exp.analysis.catalogue import METRICS, metric_named
from topo_exp.view.entries import ID, ORDER, REACHED, SWEEP, VARIED, pictures_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PREFIX = "mlflow.sharedViewState."
"""Beginning of the tags in which MLflow keeps saved views; the id of the view follows."""
OURS = "topo_exp"
"""Beginning of the ids of the views that this package writes."""
IMAGE_RUNS = 10
"""Runs of which MLflow shows pictures in one card."""
COLOUR = "mlflow.runColor"
"""Tag: the colour of a run in curves. MLflow itself chooses one by the id of a run, often the same for two of four."""
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F3C8D",
    "#8C564B",
    "#666666",
    "#B5BD00",
)
"""As many as a view shows runs."""
READ_RUNS = 100
"""Latest runs from which the columns and charts of a view are chosen."""
ROWS, COLUMNS, CHARTS, TABLE_METRICS = 6, 8, 30, 6
"""Most pictures of a card, varied parameters as columns, charts of development, and metrics as columns."""
CARD_HEIGHT = 330
"""Height of the card with maps, in pixels: in a browser on a screen of 1600 by 900, its slider is visible, too."""
LONGEST_STATE = 4900
"""Characters of a saved view that every database of MLflow keeps."""
PICTURE_ORDER = (
    r"/orientation$",
    r"/orientation_polar",
    r"/(ocular|direction|disparity|position|frequency|spatial)",
    r"/retinotopy",
    r"/fields_",
    r"selectivity",
    r"/",
)
"""Pictures in the order of interest: first the map itself. Any other follows."""

State: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class ViewLink:
    """A saved view.

    Attributes:
        id: In the address of the view.
        name: In MLflow's menu.
        sweep: Id of the sweep whose runs it shows; empty for those of the experiment.
        mode: "CHART" or "TABLE".
    """

    id: str
    name: str
    sweep: str
    mode: str

    def address(self, server: str, experiment: str) -> str:
        """Return the address of the view on a server."""
        return (
            f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={self.id}"
            f"&compareRunsMode={self.mode}&workflowType=machine_learning"
        )


def write_views(client: MlflowClient, experiment: str, sweep: str | None) -> None:
    """Write the three saved views of an experiment, or of a sweep in it, unless they are as they should be.

    The runs that they show get a colour each, unless they have one.

    Args:
        client: Of the store.
        experiment: Its id in MLflow.
        sweep: Id of the sweep; None for all runs of the experiment.
    """
    chosen = f"tags.`{SWEEP}` = '{sweep}'" if sweep else f"tags.`{ID}` != ''"  # runs, not the entries of sweeps
    order = f"tags.`{ORDER}`" if sweep else "attributes.start_time"
    found = client.search_runs([experiment], chosen, max_results=READ_RUNS, order_by=[f"{order} DESC"])
    runs = [run for run in found if ID in run.data.tags]
    if not runs:
        return
    for run, colour in _colours(runs[:IMAGE_RUNS]).items():
        client.set_tag(run, COLOUR, colour)
    tags = client.get_experiment(experiment).tags
    for link, state in _views(runs, sweep or "", chosen, order).items():
        old = tags.get(PREFIX + link.id)
        text = _encoded(state)
        kept = json.loads(old) if old else {}
        if (kept.get("name"), kept.get("state")) == (link.name, text):
            continue
        now = round(1000 * time.time())
        entry = {"name": link.name, "createdAt": kept.get("createdAt", now), "updatedAt": now, "state": text}
        client.set_experiment_tag(experiment, PREFIX + link.id, json.dumps(entry))


def links_of(tags: Mapping[str, str]) -> list[ViewLink]:
    """Return the saved views that this package has written, those of the experiment first, then the latest sweep.

    Args:
        tags: Of an experiment.
    """
    links = []
    for key, value in tags.items():
        if match := re.fullmatch(re.escape(PREFIX) + rf"({OURS}\.(maps|development|table)(?:\.(.*))?)", key):
            name = str(json.loads(value)["name"])
            mode = "TABLE" if match[2] == "table" else "CHART"
            links.append(ViewLink(match[1], name, match[3] or "", mode))
    kinds = ("maps", "development", "table")
    links.sort(key=lambda link: kinds.index(link.id.split(".")[1]))
    links.sort(key=lambda link: link.sweep, reverse=True)
    return sorted(links, key=lambda link: bool(link.sweep))


def _colours(runs: Sequence[Run]) -> dict[str, str]:
    """Return colours for the runs without one, by their ids: those that the fewest of these runs have."""
    used = Counter(run.data.tags[COLOUR] for run in runs if COLOUR in run.data.tags)
    chosen = {}
    for run in reversed(runs):
        if COLOUR not in run.data.tags:
            colour = min(COLOURS, key=lambda colour: used[colour])
            chosen[run.info.run_id] = colour
            used[colour] += 1
    return chosen


def _views(runs: Sequence[Run], sweep: str, chosen: str, order: str) -> dict[ViewLink, State]:
    """Return the views of some runs, which are in the order of MLflow's table: the last comes first."""
    own = sweep if re.fullmatch(r"[\w-]*", sweep) else hashlib.sha256(sweep.encode()).hexdigest()[:16]
    suffix = f".{own}" if own else ""
    head = f"Sweep {sweep}: " if sweep else ""
    more = f", {'last' if sweep else 'latest'} {IMAGE_RUNS} runs" if len(runs) > IMAGE_RUNS else ""
    names = {
        "maps": f"{head}maps over time{more}",
        "development": f"{head}development",
        "table": f"{head}table",
    }
    names = {kind: name[0].upper() + name[1:] for kind, name in names.items()}
    numbers = _by_interest({name for run in runs for name in run.data.metrics if name != "time"})
    columns = [f"params.`{name}`" for name in _varied(runs)]
    columns += [f"metrics.`{name}`" for name in numbers[:TABLE_METRICS]]
    page = _page(columns, chosen, order)
    views: dict[ViewLink, State] = {}
    for kind, name in names.items():
        link = ViewLink(f"{OURS}.{kind}{suffix}", name, own, "TABLE" if kind == "table" else "CHART")
        if kind == "maps":
            sections, charts = _maps(runs, name, link.id)
            more_sections, more_charts = _curves(numbers[:TABLE_METRICS], "Development", link.id)
            sections, charts = sections + more_sections, charts + more_charts
        else:
            sections, charts = _curves(numbers[:CHARTS], name, link.id)
        views[link] = {**page, "compareRunSections": sections, "compareRunCharts": charts}
    return views


def _page(columns: Sequence[str], chosen: str, order: str) -> State:
    return {
        "searchFilter": chosen,
        "orderByKey": order,
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`Created`", "attributes.`Duration`", *columns],
        "columnOrder": list(columns),
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "SHOW_ALL",
        "runListHidden": True,
        "groupBy": None,
        "groupsExpanded": {},
        "hideEmptyCharts": False,
        "autoRefreshEnabled": True,
        "isAccordionReordered": True,
        "viewMaximized": False,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _maps(runs: Sequence[Run], name: str, seed: str) -> tuple[list[State], list[State]]:
    """Return a section with one card: pictures as rows, runs as columns, and one slider over time."""
    shown = runs[:IMAGE_RUNS]
    keys = sorted(dict.fromkeys(key for run in shown for key in pictures_of(run.data.tags)), key=_picture_interest)
    if not keys:
        return [], []
    section = _identifier(seed, "maps")
    chart: State = {
        "type": "IMAGE",
        "uuid": _identifier(seed, "grid"),
        "metricSectionId": section,
        "imageKeys": keys[:ROWS],
        "step": max(int(run.data.tags.get(REACHED, 0)) for run in shown),
        "showRunParams": False,
        "runsCountToCompare": IMAGE_RUNS,
        "deleted": False,
        "isGenerated": False,
    }
    return [_section(section, name, columns=1, height=CARD_HEIGHT)], [chart]


def _curves(metrics: Sequence[str], name: str, seed: str) -> tuple[list[State], list[State]]:
    """Return a section with a curve for each metric."""
    if not metrics:
        return [], []
    section = _identifier(seed, "curves")
    charts: list[State] = [
        {
            "type": "LINE",
            "uuid": _identifier(seed, metric),
            "metricSectionId": section,
            "metricKey": metric,
            "selectedMetricKeys": [metric],
            "xAxisKey": "step",
            "scaleType": "linear",
            "lineSmoothness": 0,
            "runsCountToCompare": IMAGE_RUNS,
            "deleted": False,
            "isGenerated": False,
        }
        for metric in metrics
    ]
    return [_section(section, name, columns=3, height=280)], charts


def _section(identifier: str, name: str, *, columns: int, height: int) -> State:
    return {
        "uuid": identifier,
        "name": name,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
        "columns": columns,
        "cardHeight": height,
    }


def _varied(runs: Sequence[Run]) -> list[str]:
    """Return the parameters that name runs or differ between them, as many as fit beside each other."""
    named = [part.partition("=")[0] for run in runs for part in run.data.tags.get(VARIED, "").split(", ")]
    everything = dict.fromkeys(name for run in runs for name in run.data.params)
    varied = [name for name in dict.fromkeys(named) if name in everything]
    if len(runs) > 1:
        varied += [name for name in everything if len({run.data.params.get(name) for run in runs}) > 1]
    return list(dict.fromkeys(varied))[:COLUMNS]


def _by_interest(names: Iterable[str]) -> list[str]:
    """Return metrics in the order of the catalogue: default ones, then the user's own, then the others."""
    order = {metric.name: place for place, metric in enumerate(METRICS)}

    def place(name: str) -> tuple[int, int, str]:
        known = metric_named(name)
        return (1, 0, name) if known is None else (0 if known.default else 2, order[known.name], name)

    return sorted(names, key=place)


def _picture_interest(key: str) -> tuple[int, str]:
    for place, pattern in enumerate(PICTURE_ORDER):
        if re.search(pattern, key.removeprefix("Figures")):
            return place, key
    return len(PICTURE_ORDER), key


def _identifier(*parts: str) -> str:
    """Return an id that is the same whenever the view is written, as MLflow makes them at random."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _encoded(state: State) -> str:
    """Return the state of a page as MLflow stores it; of charts that are too many, the last are left out."""
    while True:
        content = json.dumps(state, separators=(",", ":")).encode()
        text = "deflate;" + base64.b64encode(zlib.compress(content, 9)).decode()
        charts = state["compareRunCharts"]
        assert isinstance(charts, list)
        if len(text) <= LONGEST_STATE or len(charts) <= 1:
            return text
        state = {**state, "compareRunCharts": charts[:-1]}
