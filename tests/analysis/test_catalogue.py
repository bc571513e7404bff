"""The catalogue of metrics, the analyses, and the documentation agree."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

import topo_exp
from tests.analysis.fake_simulation import BoundingBox, FakeSheet, FakeSimulation, gabor_simulation
from tests.analysis.test_over_time import maps_over_time
from topo_exp.analysis import default, fields, line_maps, maps, quality, retinotopy, reverse_correlation, tuning
from topo_exp.analysis.catalogue import METRICS, metric_named, metrics_table
from topo_exp.analysis.over_time import development

ROOT = Path(__file__).parents[2]


def moving():
    """Return units that see four steps of time."""
    retinas = {f"Retina{k}": FakeSheet(f"Retina{k}", (8, 8), BoundingBox(radius=0.75), True) for k in range(2)}
    v1 = FakeSheet("V1", (2, 2), BoundingBox(radius=0.5), measure_maps=True)
    return FakeSimulation({**retinas, "V1": v1}, lambda pictures, sheet, _: np.ones(sheet.shape))


def adapting():
    """Return a network whose V1 has adapted its thresholds once."""
    sim = topo_exp.build("gcal_oo_or", cortex_density=8, lgn_density=12, retina_density=12)
    sim.run(until=1)
    return sim


EYES = ("LeftRetina", "RightRetina")
SMALL, LARGE = np.array([[0.0, 0.8], [1.6, 2.4]]), np.arange(64.0).reshape(8, 8) % np.pi
RECORDED = {
    "activity": lambda: default.activity(adapting(), numbers="all"),
    "standard_gaussian": lambda: default.standard_gaussian(topo_exp.build("tiny")),
    "orientation_map": lambda: maps.orientation_map(gabor_simulation(SMALL), phases=3),
    "retinotopy": lambda: retinotopy.retinotopic_map(topo_exp.build("tiny")),
    "development": lambda: development({"orientation_map": maps_over_time(0.1, 0.2)})[0.0],
    "map_quality": lambda: quality.map_quality(gabor_simulation(LARGE), phases=3),
    "tuning": lambda: tuning.orientation_tuning(gabor_simulation(SMALL), contrasts=(50, 100), phases=3),
    "contrast_response": lambda: tuning.contrast_response(gabor_simulation(SMALL), phases=3),
    "size_tuning": lambda: tuning.size_tuning(gabor_simulation(SMALL), phases=3),
    "spatial_frequency_tuning": lambda: tuning.spatial_frequency_tuning(gabor_simulation(SMALL), phases=3),
    "full_field_response": lambda: tuning.full_field_response(gabor_simulation(SMALL)),
    "receptive_fields": lambda: reverse_correlation.receptive_fields(gabor_simulation(SMALL), presentations=20),
    "spatial_frequency_map": lambda: maps.spatial_frequency_map(gabor_simulation(SMALL), phases=3),
    "line_map": lambda: line_maps.line_map(gabor_simulation(SMALL), orientations=4, positions=3),
    "position_map": lambda: maps.position_map(gabor_simulation(SMALL)),
    "ocular_dominance_map": lambda: maps.ocular_dominance_map(gabor_simulation(SMALL, inputs=EYES), phases=3),
    "disparity_map": lambda: maps.disparity_map(gabor_simulation(SMALL, inputs=EYES), phases=3, disparities=3),
    "direction_map": lambda: maps.direction_map(moving(), phases=3, directions=4),
}


@cache
def recorded(analysis):
    """Return the result of an analysis, made once for all tests."""
    return RECORDED[analysis]()


@pytest.mark.parametrize("analysis", RECORDED)
def test_every_recorded_number_is_in_the_catalogue(analysis):
    """The metrics of an analysis are those of the catalogue, all of them and no others."""
    names = [name.partition("/")[2] for name in recorded(analysis).metrics]
    expected = [metric for metric in METRICS if metric.analysis == analysis]
    for name in names:
        assert [metric.name for metric in expected if metric.matches(name)], name
    for metric in expected:
        assert any(metric.matches(name) for name in names), metric.name


def test_every_metric_belongs_to_an_analysis_that_can_be_named():
    """The catalogue names analyses of conf/analysis, and this file runs all of them."""
    entries = {name for file in (ROOT / "conf/analysis").glob("*.yaml") for name in yaml.safe_load(file.read_text())}
    assert {metric.analysis for metric in METRICS} == set(RECORDED) <= entries
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.unit and metric.meaning and "|" not in metric.meaning for metric in METRICS)


def test_the_documented_table_is_made_from_the_catalogue():
    """docs/analyses.md holds `metrics_table()` between its two marks, word for word."""
    text = (ROOT / "docs" / "analyses.md").read_text()
    found = re.search(r"<!-- metrics -->\n(.*?)\n<!-- end of metrics -->", text, flags=re.DOTALL)
    assert found, "the marks of the table"
    assert found[1] == metrics_table(), "replace the table by the output of topo_exp.analysis.catalogue.metrics_table()"


def default_numbers(model, **parameters):
    """Return the names of the metrics that the default analysis of a small model records, checking that they differ."""
    sim = topo_exp.build(model, cortex_density=8, lgn_density=12, retina_density=12, **parameters)
    sim.run(until=2)
    parts = [
        default.activity(sim),
        fields.connection_fields(sim),
        default.standard_gaussian(sim),
        maps.orientation_map(sim, settling_only=True, phases=4),
        maps.ocular_dominance_map(sim, where_applicable=True, phases=4),
        maps.direction_map(sim, where_applicable=True, phases=4, speeds=(0.0, 0.05)),
        retinotopy.retinotopic_map(sim),
        development({"orientation_map": maps_over_time(0.1, 0.2)})[0.0],
    ]
    names = [name for part in parts for name in part.metrics]
    assert len(names) == len(set(names))
    return names


def test_the_default_analysis_of_gcal_has_few_numbers():
    """At most twenty metrics, none constant by construction, none of one random input, none of eyes or motion."""
    names = default_numbers("gcal")
    assert len(names) <= 20
    assert {name.partition("/")[0] for name in names} == {"V1"}
    assert not any("activity" in name or "ocularity" in name or "direction" in name for name in names)


def test_the_default_analyses_of_all_models_have_the_default_numbers():
    """The catalogue marks those metrics that the default analysis records, of models with two eyes or motion too."""
    names = {
        metric_named(name).name for name in (*default_numbers("gcal"), *default_numbers("lissom", dims=["od", "dr"]))
    }
    assert names == {metric.name for metric in METRICS if metric.default}


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("V1/pinwheel_density", "pinwheel_density"),
        ("V1/afferent_orientation_selectivity_mean", "orientation_selectivity_mean"),
        ("V1/orientation_half_width_deg_2.5", "orientation_half_width_deg_<contrast>"),
        ("V1/receptive_field_radius_LeftRetina", "receptive_field_radius_<input>"),
        ("V1/on_off_balance", None),
        ("V1/pinwheel", None),
    ],
)
def test_a_recorded_name_is_found(name, metric):
    """Names are found with their sheet, prefix and values; those of a user's own analysis are not."""
    found = metric_named(name)
    assert (found and found.name) == metric
