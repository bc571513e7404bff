"""The page of a sweep: one file with the maps, curves and settings of all runs, which needs no network and no server.

Maps, numbers and settings are data in the page; its own JavaScript draws everything from them, curves included, since
they follow the filters and the grouping that the reader chooses. Values from records reach the page as text only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from topo_exp.about import PROGRAM
from topo_exp.after.report_maps import maps_of_runs
from topo_exp.after.report_pictures import PictureSet, encode_pictures
from topo_exp.after.report_runs import Collected, collect
from topo_exp.errors import ConfigError, RecordError, TopoExpError
from topo_exp.record.files import write_text
from topo_exp.record.layout import REPORT, RUN_YAML
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps
from topo_exp.typing import Data

log = logging.getLogger(__name__)

SCRIPTS = ("base.js", "maps.js", "grid.js", "curves.js", "runs.js", "page.js")
"""Parts of the page's JavaScript, in order."""
CONFIDENCE = 0.95
"""Of the bands of curves."""
FIRST_PICTURES = ("orientation", "orientation_preference", "ocular_preference", "direction_preference", "retinotopy")
"""Maps that are shown first, where there are some."""


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        path: Of the page.
        runs: Number of runs on it, points without a run included.
        notes: What is missing, reduced or not done.
    """

    path: Path
    runs: int
    notes: tuple[str, ...]


def write_report(sweep_directory: Path) -> Path:
    """Write or replace the page of a sweep, `report.html` in its directory.

    Args:
        sweep_directory: Directory of the sweep; its runs may be in progress.

    Returns:
        Path of the page.

    Raises:
        UnknownNameError: It has no run yet.
        RecordError: The page cannot be written.
    """
    return make_report([sweep_directory]).path


@dataclass(frozen=True)
class Refreshed:
    """The outcome of writing the page of a sweep as a part of other work.

    Attributes:
        path: Of the page.
        failure: Why it was not written; empty if it was.
    """

    path: Path
    failure: str = ""

    def __str__(self) -> str:
        """Write it on one line."""
        if self.failure:
            return f"{self.path}: not written (got {self.failure}). Write it later: python -m topo_exp report"
        return f"report: {self.path}"


def refresh_report(sweep_directory: Path) -> Refreshed:
    """Write the page of a sweep as a part of other work, which goes on if that fails.

    Args:
        sweep_directory: Directory of the sweep.
    """
    path = sweep_directory / REPORT
    try:
        return Refreshed(write_report(sweep_directory))
    except Exception as error:  # said by the caller; the runs are complete, and a page can be made at any time
        log.debug("no page of %s", sweep_directory.name, exc_info=True)
        return Refreshed(path, next(iter(str(error).splitlines()), type(error).__name__))


def is_outdated(sweep_directory: Path) -> bool:
    """Return True if a sweep should have a page, and a run of it has changed since its page was written."""
    try:
        if SweepDirectory.open(sweep_directory).manifest.options.get("report", True) is False:
            return False
    except TopoExpError:
        return False
    page, runs = sweep_directory / REPORT, list(sweep_directory.glob(f"*/{RUN_YAML}"))
    written = page.stat().st_mtime_ns if page.is_file() else 0
    return any(run.stat().st_mtime_ns > written for run in runs)


def make_report(paths: Iterable[Path | str] | Path | str, output: Path | None = None) -> Report:
    """Write one page about runs, which can be opened from disk and shown without a network.

    Nothing is executed that a record names.

    Args:
        paths: Directories of runs or sweeps, or directories above some.
        output: File to write; `report.html` in the directory of the sweep if None.

    Returns:
        The page.

    Raises:
        ConfigError: `output` is None and `paths` are not one sweep, or it cannot be a page.
        UnknownNameError: There is no run.
        RecordError: A path does not exist, or the page cannot be written.
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    missing = [place for place in places if not place.is_dir()]
    if missing:
        raise RecordError(f"{missing[0]}: must be a directory (got nothing there). Give a run directory or one above.")
    sweeps = find_sweeps(places)
    target = output or _in_sweep(places, sweeps)
    if target.suffix not in (".html", ".htm"):
        raise ConfigError(f"-o: must end in .html (got {str(target)!r}). Write -o {REPORT}.")
    if not target.parent.is_dir():
        raise ConfigError(f"-o: must be in a directory that exists (got {str(target)!r}). Make {target.parent} first.")
    found = collect(places, sweeps, base=target.parent)
    title = sweeps[0].name if len(sweeps) == 1 else ", ".join(place.absolute().name for place in places)
    write_text(target, page_of(found, title=title))
    return Report(target, len(found.runs), tuple(found.notes))


def _in_sweep(places: Sequence[Path], sweeps: Sequence[Path]) -> Path:
    """Return the file of the page of one sweep.

    Raises:
        ConfigError: There is not exactly one sweep.
    """
    if len(sweeps) != 1:
        raise ConfigError(
            f"report: must have one sweep, or -o FILE (got {len(sweeps)} sweeps at or below "
            f"{', '.join(map(str, places))}). Add -o {REPORT}."
        )
    return sweeps[0] / REPORT


def page_of(found: Collected, *, title: str) -> str:
    """Return the page as HTML.

    Args:
        found: The runs.
        title: Of the page, such as the name of the sweep.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    pictures = _add_pictures(found)
    names = _ordered({name for _, name, _ in pictures.shown})
    maps = maps_of_runs(found.handles.items(), names, found.times, note=found.notes.append)
    data = _data(found, names, pictures.encoded, maps)
    folder = files("topo_exp.after") / "page"
    style = (folder / "page.css").read_text(encoding="utf-8")
    parts = [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = "\n" + '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    environment = Environment(
        loader=PackageLoader("topo_exp.after", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        heading=_heading(found),
        summary=_summary(found),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        program=PROGRAM.rpartition(" ")[2],
        notes=found.notes,
        constant=[(name, json.dumps(value) if not isinstance(value, str) else value) for name, value in found.constant],
        docs=found.docs,
        # the package's own files, and JSON in which no character can end its element
        style=Markup(style),
        script=Markup(script),
        data=Markup(_safe_json(data)),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


@dataclass(frozen=True)
class _Pictures:
    """Pictures of all runs: number of the run, name and time of each, and the encoded files."""

    shown: list[tuple[int, str, float]]
    encoded: PictureSet


def _add_pictures(found: Collected) -> _Pictures:
    """Encode the pictures, and enter into each run their places by name and time."""
    listed = [
        (number, name, time, path)
        for number, run in found.handles.items()
        for name, by_time in run.figures.items()
        for time, path in by_time.items()
        if time in found.times and path.suffix == ".png"
    ]
    encoded = encode_pictures((name, path) for _, name, _, path in listed)
    for entry in found.runs:
        entry["pictures"] = {}
    for number, name, time, path in listed:
        if path in encoded.places:
            of_run = found.runs[number]["pictures"]
            assert isinstance(of_run, dict)
            of_run.setdefault(name, {})[str(found.times.index(time))] = encoded.places[path]
    if encoded.reduced:
        found.notes.append(f"smaller on this page than in the runs: {', '.join(encoded.reduced)}")
    if encoded.left_out:
        found.notes.append(f"left out, since the page would be too large: {', '.join(encoded.left_out)}")
    found.notes.extend(f"no picture: {each}" for each in encoded.damaged)
    return _Pictures([(number, name, time) for number, name, time, path in listed if path in encoded.places], encoded)


def _ordered(names: set[str]) -> list[str]:
    """Order the names of pictures: maps that readers look for first, then all by name."""

    def place(name: str) -> tuple[int, str]:
        short = name.rpartition("/")[2]
        return (FIRST_PICTURES.index(short) if short in FIRST_PICTURES else len(FIRST_PICTURES), name)

    return sorted(names, key=place)


def _data(found: Collected, names: list[str], pictures: PictureSet, maps: dict[str, Data]) -> dict[str, Data]:
    from scipy.stats import t as student

    largest = max(2, len(found.runs))
    return {
        "varying": found.varying,
        "seeds": found.seeds,
        "times": found.times,
        "pictures": names,
        "uris": pictures.uris,
        "maps": maps,
        "metrics": found.metrics,
        "units": found.units,
        "docs": found.docs,
        "runs": found.runs,
        # of 1, 2, ... degrees of freedom
        "student": [round(float(student.ppf((1 + CONFIDENCE) / 2, n)), 4) for n in range(1, largest)],
        "confidence": CONFIDENCE,
    }


def _heading(found: Collected) -> str:
    """Return the models, and what varies."""
    models = sorted({run.metadata["model"] for run in found.handles.values()})
    varying = [name for name in found.varying if name != "model"]
    return f"{', '.join(models)}: {' x '.join(varying)}" if varying else ", ".join(models)


def _summary(found: Collected) -> str:
    counts = Counter(str(run["status"]) for run in found.runs)
    listed = ", ".join(f"{number} {status}" for status, number in counts.most_common())
    plural = "run" if len(found.runs) == 1 else "runs"
    times = (
        f" · {len(found.times)} times, {found.times[0]:g} to {found.times[-1]:g}" if found.times else " · no time yet"
    )
    return f"{len(found.runs)} {plural}: {listed}{times}"


def _safe_json(data: Data) -> str:
    """Return JSON that can stand in an element of HTML: no character of it can end the element or begin another."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    """Return the hash by which the page's policy allows this text alone as script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
