"""The style of pictures as a value: what it accepts, what it refuses, and where it applies."""

import subprocess
import sys
import threading

import pytest

from topo_exp.analysis.figure_style import FigureStyle, current_style, millimetres
from topo_exp.errors import ParameterError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "expected"), [("85mm", 85), ("8.5cm", 85), ("3.35in", 85.09), (" 90 mm ", 90), ("90", 90), (90, 90)]
)
def test_a_width_is_read_in_any_unit(text: str | float, expected: float) -> None:
    """A length must be read in mm, cm and in, and as millimetres without a unit."""
    assert millimetres(text) == pytest.approx(expected)
    assert FigureStyle(width=text).column == pytest.approx(expected / 25.4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": "85 miles"}, "figure.width: must be a length in mm, cm or in (got '85 miles')"),
        ({"width": 5}, "figure.width: must be a number >= 30 and <= 500 (got 5.0)"),
        ({"dpi": 0}, "figure.dpi: must be a number >= 20 and <= 2400 (got 0)"),
        ({"dpi": "many"}, "figure.dpi: must be a number"),
        ({"dpi": True}, "figure.dpi: must be a number"),
        ({"dpi": float("nan")}, "figure.dpi: must be a number"),
        ({"font_size": 100}, "figure.font_size: must be a number >= 3 and <= 30"),
        ({"font": ""}, "figure.font: must be the name of a font"),
        ({"form": "poster"}, "figure.form: must be 'page' or 'cell'"),
    ],
)
def test_impossible_styles_are_refused(options: dict[str, object], message: str) -> None:
    """A value outside its range must be refused with its name, rule and value."""
    with pytest.raises(ParameterError) as error:
        FigureStyle.from_options(options)
    assert message in str(error.value)


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    """A typo must be answered with the option that was meant."""
    with pytest.raises(UnknownNameError, match="Did you mean 'width'"):
        FigureStyle.from_options({"widht": "85mm"})


def test_options_and_fields_are_the_same_style() -> None:
    """Options of the command line must give the value that the constructor gives."""
    assert FigureStyle.from_options({"dpi": 300, "width": "85mm"}) == FigureStyle(dpi=300)
    assert FigureStyle.from_options({}) == FigureStyle()


def test_a_style_applies_inside_its_block_and_thread_only() -> None:
    """The innermost block decides; after it, and in other threads, the style is as before."""
    seen = []
    with FigureStyle(dpi=300).use():
        with FigureStyle(dpi=72).use():
            assert current_style().dpi == 72
        assert current_style().dpi == 300
        thread = threading.Thread(target=lambda: seen.append(current_style().dpi))
        thread.start()
        thread.join()
    assert seen == [150]
    assert current_style() == FigureStyle()


def test_a_style_is_checked_without_matplotlib() -> None:
    """A run must check its style before it starts without loading matplotlib."""
    code = "import sys, topo_exp.analysis.figure_style as f; f.FigureStyle(); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
