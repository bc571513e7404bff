"""Figures of many runs: means and intervals are those of the replicates, and the table behind them is kept."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after.figures import summarise
from topo_exp.errors import ConfigError, UnknownNameError


def table_of(**columns: list[object]) -> pd.DataFrame:
    """Return a table as `collate` makes it, of one time for each run."""
    n = len(next(iter(columns.values())))
    return pd.DataFrame(
        {"run": [str(i) for i in range(n)], "directory": [str(i) for i in range(n)], "time": 1.0, **columns}
    )


def test_the_interval_is_students() -> None:
    """Mean and interval of replicates equal those of scipy's t interval."""
    values = [1.0, 2.0, 4.0, 9.0]
    (row,) = summarise(table_of(contrast=[15] * 4, y=values), x="contrast", y="y").itertuples()
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (row.mean, row.n) == (4.0, 4)
    assert (row.low, row.high) == pytest.approx((low, high), rel=1e-12)


def test_a_single_replicate_has_no_interval() -> None:
    """One run gives its value, and NaN for both ends."""
    (row,) = summarise(table_of(contrast=[15], y=[2.5]), x="contrast", y="y").itertuples()
    assert row.mean == 2.5
    assert math.isnan(row.low)
    assert math.isnan(row.high)


def test_only_the_last_time_of_each_run_counts_unless_time_is_drawn() -> None:
    """A setting on the axis takes last times, also of runs of other lengths; the time takes all rows."""
    table = pd.DataFrame(
        {"directory": ["a", "a", "b"], "time": [0.0, 10.0, 5.0], "contrast": [1, 1, 1], "y": [0.0, 1.0, 3.0]}
    )
    (row,) = summarise(table, x="contrast", y="y").itertuples()
    assert (row.mean, row.n) == (2.0, 2)
    assert summarise(table, x="time", y="y")["mean"].tolist() == [0.0, 3.0, 1.0]


def test_rows_without_a_value_are_left_out() -> None:
    """NaN is no replicate."""
    (row,) = summarise(table_of(contrast=[15, 15], y=[2.0, float("nan")]), x="contrast", y="y").itertuples()
    assert (row.mean, row.n) == (2.0, 1)


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ({"x": "contras", "y": "y"}, UnknownNameError, "Did you mean 'contrast'"),
        ({"x": "contrast", "y": "run"}, ConfigError, "column of numbers"),
        ({"x": "contrast", "y": "nothing"}, ConfigError, "must have a value"),
    ],
)
def test_columns_that_cannot_be_drawn_are_refused(words: dict[str, str], error: type[Exception], text: str) -> None:
    """A misspelt column, one of texts and one without values are named."""
    with pytest.raises(error, match=text):
        summarise(table_of(contrast=[15], y=[2.0], nothing=[float("nan")]), **words)


def test_curves_are_drawn_through_the_means(finished: Path) -> None:
    """A line for each value of hue, whose points are those of the summary; the legend says what the band is."""
    table = topo_exp.collate(finished)
    words = {"x": "cortex_density", "y": "V1/largest_weight", "hue": "retina_density"}
    figure = topo_exp.plot_sweep(table, **words)
    summary = summarise(table, **words)
    (axes,) = figure.axes
    drawn = {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines}
    for value, part in summary.groupby("retina_density"):
        assert drawn[f"{value:g}"] == (part["cortex_density"].tolist(), part["mean"].tolist())
    assert axes.get_legend().get_title().get_text() == "retina_density"


def test_texts_are_set_side_by_side() -> None:
    """Truth values on the axis are named below their points."""
    table = table_of(gain=[True, False, True, False], y=[1.0, 2.0, 1.5, 2.5])
    (axes,) = topo_exp.plot_sweep(table, x="gain", y="y").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["False", "True"]


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_command_writes_the_figure_and_the_table_behind_it(
    finished: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file has the format of its suffix, and the numbers stand beside it."""
    file = tmp_path / f"figure.{suffix}"
    words = ["x=cortex_density", "y=V1/largest_weight", "hue=retina_density", "figure.width=60mm", "-o", str(file)]
    assert main(["plot", str(finished), *words]) == 0
    assert file.read_bytes()[:5] in (b"%PDF-", b"<?xml", b"\x89PNG\r")
    expected = summarise(topo_exp.collate(finished), x="cortex_density", y="V1/largest_weight", hue="retina_density")
    pd.testing.assert_frame_equal(pd.read_csv(file.with_suffix(".csv")), expected, check_dtype=False)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["x=time"], "must have y=COLUMN"),
        (["x=time", "y=V1/largest_weight", "colour=red"], "has no setting of that name (got 'colour')"),
        (["x=time", "y=V1/largest_weight", "figure.dpi=1"], "figure.dpi"),
        (["x=time", "y=V1/largest_weight", "confidence=95"], "confidence: must be"),
        (["x=time", "y=V1/largest_weight", "nowhere"], "paths that exist"),
        (["x=time", "y=V1/largest_weight", "-o", "a.gif"], "-o: must end in"),
    ],
)
def test_wrong_words_are_refused(
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    text: str,
) -> None:
    """Each mistake is one line with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(finished), *words]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
