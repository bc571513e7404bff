"""How pictures look: their size, resolution and font, as one value that every drawing function reads.

This file does not load matplotlib, so that a run can check and record the style of its pictures before it draws one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Literal

from topo_exp.errors import ParameterError, UnknownNameError, nearest

MILLIMETRES = {"mm": 1.0, "cm": 10.0, "in": 25.4}
LENGTH = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(mm|cm|in)?\s*")
PAGE_PER_COLUMN = 176 / 85
"""Width of the page of a journal over that of its column."""
BASE_FONT_SIZE = 7.0
"""The font size, in points, for which the margins of all pictures are laid out; other sizes scale the margins."""


@dataclass(frozen=True)
class FigureStyle:
    """Size, resolution and font of pictures.

    Args:
        dpi: Pixels per inch of PNG files, in 20 ... 2400; 300 for print.
        width: Width of one journal column in millimetres, in 30 ... 500: a number, or a text with a unit such as
            "85mm", "8.5cm" or "3.35in". Pictures of one map or curve have this width, strips and spectra up to the
            page's, which is 2.07 times as wide.
        font: Name of an installed font family. DejaVu Sans comes with matplotlib, so that a picture is the same on
            every machine.
        font_size: In points, in 3 ... 30: of axis labels; tick labels are 0.93 times, titles 1.14 times as large.
        form: "page" draws the whole picture; "cell" draws a square of 300 pixels for a table of pictures, without
            title, margins, keys and colour bars.

    Raises:
        ParameterError: A value outside its range, or of the wrong kind.
    """

    dpi: float = 150.0
    width: float | str = 85.0
    font: str = "DejaVu Sans"
    font_size: float = BASE_FONT_SIZE
    form: Literal["page", "cell"] = "page"

    def __post_init__(self) -> None:
        """Check all values, and turn the width into millimetres."""
        object.__setattr__(self, "dpi", _number("dpi", self.dpi, 20, 2400))
        object.__setattr__(self, "width", _number("width", millimetres(self.width), 30, 500))
        object.__setattr__(self, "font_size", _number("font_size", self.font_size, 3, 30))
        if not isinstance(self.font, str) or not self.font.strip():
            raise ParameterError(f"figure.font: must be the name of a font (got {self.font!r}). Try font=Arial.")
        if self.form not in ("page", "cell"):
            raise ParameterError(f"figure.form: must be 'page' or 'cell' (got {self.form!r}). Choose one.")

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> FigureStyle:
        """Return the style that options such as `{"dpi": 300, "width": "85mm"}` describe.

        Args:
            options: Field -> value; fields that are not named keep their defaults.

        Returns:
            The style.

        Raises:
            UnknownNameError: A name that is no field.
            ParameterError: A value outside its range, or of the wrong kind.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownNameError(f"figure: has no option of that name (got {name!r}). {nearest(name, known)}")
        return cls(**options)  # type: ignore[arg-type]  # the constructor checks each value

    def as_options(self) -> dict[str, float | str]:
        """Return the options from which `from_options` makes this style."""
        return {"dpi": self.dpi, "width": self.width, "font": self.font, "font_size": self.font_size}

    @property
    def column(self) -> float:
        """Width of one column, inches."""
        return float(self.width) / 25.4

    @property
    def page(self) -> float:
        """Width of the page, inches."""
        return self.column * PAGE_PER_COLUMN

    @property
    def is_cell(self) -> bool:
        """Whether pictures are drawn for a cell of a table."""
        return self.form == "cell"

    @contextmanager
    def use(self) -> Iterator[FigureStyle]:
        """Draw in this style inside a `with` block: `with FigureStyle(dpi=300).use(): plots.orientation(...)`."""
        token = _CURRENT.set(self)
        try:
            yield self
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[FigureStyle] = ContextVar("topo_exp_figure_style")


def current_style() -> FigureStyle:
    """Return the style that the innermost `with style.use()` block has set, or the default style."""
    return _CURRENT.get(_DEFAULT)


def millimetres(length: float | str) -> float:
    """Return a length in millimetres.

    Args:
        length: A number of millimetres, or a text: a number, then "mm", "cm", "in" or nothing.

    Returns:
        The length.

    Raises:
        ParameterError: The text is no length.
    """
    if not isinstance(length, str):
        return _number("width", length, 0, math.inf)
    match = LENGTH.fullmatch(length)
    if match is None:
        raise ParameterError(f"figure.width: must be a length in mm, cm or in (got {length!r}). Write width=85mm.")
    return float(match[1]) * MILLIMETRES[match[2] or "mm"]


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ParameterError(f"figure.{name}: must be a number >= {low} and <= {high} (got {value!r}).")
    return float(value)


_DEFAULT = FigureStyle()
