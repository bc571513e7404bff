"""Pictures are drawn beside the simulation, and none is lost."""

import importlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.doubles import finished_run
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.pictures import picture
from topo_exp.errors import AnalysisError
from topo_exp.record.pictures import picture_name
from topo_exp.runner.drawing import FigureWriter, PictureOrder, figure_failure, save_figure
from topo_exp.runner.rendering import place_of
from topo_exp.testing import draw_matrix, fake_analysis, run_spec


def opened(path):
    """Return the picture in a file, which is closed."""
    with Image.open(path) as image:
        image.load()
        return image


def drawings(folder, count=3):
    """Order some pictures."""
    return [
        PictureOrder(
            f"V1/number {number}", partial(draw_matrix, np.eye(3) * number, title="t"), (folder / f"{number}.png",), "x"
        )
        for number in range(count)
    ]


def test_the_worker_draws_what_this_process_would(tmp_path):
    """Pictures of the worker are equal, byte for byte, to pictures drawn here."""
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append((drawing.name, error)))
    for drawing in drawings(tmp_path):
        writer.submit(drawing)
    writer.finish()
    assert outcomes == [(f"V1/number {number}", None) for number in range(3)]
    for drawing in drawings(tmp_path / "here"):
        save_figure(drawing.name, drawing.draw, drawing.paths)
        assert drawing.paths[0].read_bytes() == (tmp_path / drawing.paths[0].name).read_bytes()


def test_what_cannot_go_to_the_worker_is_drawn_here(tmp_path):
    """A figure made by a local function is drawn all the same, in its turn."""
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append((drawing.name, error)))
    writer.submit(PictureOrder("mine", lambda: draw_matrix(np.eye(2), title="t"), (tmp_path / "mine.png",), "x"))
    writer.finish()
    assert outcomes == [("mine", None)]
    assert (tmp_path / "mine.png").exists()


def test_a_worker_that_dies_loses_no_picture(tmp_path):
    """When the worker is killed, the rest is drawn here."""
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append((drawing.name, error)))
    first, *others = drawings(tmp_path)
    writer.submit(first)
    while not outcomes:
        pass_time()
    writer._worker.kill()
    for drawing in others:
        writer.submit(drawing)
    writer.finish()
    assert [error for _, error in outcomes] == [None] * 3
    assert len(list(tmp_path.glob("*.png"))) == 3


def pass_time():
    """Let the other threads go on."""
    import time

    time.sleep(0.01)


def test_the_name_of_a_figure_is_kept_in_its_file(tmp_path):
    """A name that a file name cannot hold is read back from the picture itself."""
    path = tmp_path / "000000.00_V1_number 0.png"
    save_figure("V1/number 0", partial(draw_matrix, np.eye(2), title="t"), [path])
    assert picture_name(path) == "V1/number 0"
    (tmp_path / "000000.00_V1_x.svg").write_text("<svg/>")
    assert picture_name(tmp_path / "000000.00_V1_x.svg") == "V1_x"


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from matplotlib.figure import Figure
from topo_exp.runner.drawing import FigureWriter, PictureOrder

def {name}(width):
    return Figure(figsize=(width, 1))

outcomes = []
writer = FigureWriter(lambda drawing, error: outcomes.append(error))
writer.submit(PictureOrder("mine", partial({name}, 3), (Path(sys.argv[1]),), "x"))
writer.finish()
assert outcomes == [None], outcomes
"""


@pytest.mark.parametrize("name", ["draw", "_serve", "rendered", "mine"])
def test_a_users_function_may_have_any_name(tmp_path, name):
    """A function of a script is the one that draws, also where the worker has one of that name."""
    script, drawn = tmp_path / "script.py", tmp_path / "mine.png"
    script.write_text(SCRIPT.format(name=name))
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, str(script), str(drawn)], check=True, timeout=120, env={**os.environ, "PYTHONPATH": root}
    )
    assert opened(drawn).size == (450, 150)


def test_a_module_of_the_same_name_draws_nothing(tmp_path, monkeypatch):
    """Where the worker would import another file of that name, the function of this process draws."""
    for folder, width in (("mine", 3), ("other", 1)):
        (tmp_path / folder).mkdir()
        text = f"from matplotlib.figure import Figure\ndef mine():\n    return Figure(figsize=({width}, 1))\n"
        (tmp_path / folder / "module_of_a_user.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    spec = importlib.util.spec_from_file_location("module_of_a_user", tmp_path / "mine" / "module_of_a_user.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "module_of_a_user", module)
    spec.loader.exec_module(module)
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append(error))
    writer.submit(PictureOrder("mine", module.mine, (tmp_path / "mine.png",), "x"))
    writer.finish()
    assert outcomes == [None]
    assert opened(tmp_path / "mine.png").size == (450, 150)


MAP = np.linspace(0, 3, 12 * 16).reshape(12, 16)
GRID = (np.arange(16) / 16, -np.arange(12) / 16)


def maps(folder, style, cells=True):
    """Order pictures of this package, of few layouts that come again, and one of a user's function."""
    functions = {
        "preference": picture("orientation", MAP, None, *GRID, title="A"),
        "polar": picture("orientation_polar", MAP, MAP / 3, *GRID, title="B", pinwheels=True),
        "again": picture("orientation", MAP / 2, MAP / 3, *GRID, title="C"),
        "frequency": picture("feature_map", MAP, *GRID, title="D", label="f"),
        "tuning": picture("tuning_curves", [1, 2, 4], {"u": MAP[:, :3]}, title="E", xlabel="f", log=True),
        "tuned": picture("tuning_curves", [1, 2, 4], {"u": MAP[:, :3]}, title="F", xlabel="f"),
        "selective": picture("selectivity", MAP / 3, *GRID, title="G"),
        "user": partial(draw_matrix, MAP, title="t"),
    }
    return [
        PictureOrder(
            name, function, (folder / f"{name}.png",), "x", style, folder / f"{name}_cell.png" if cells else None
        )
        for name, function in functions.items()
    ]


def test_the_worker_draws_again_into_the_same_axes_and_the_pictures_stay_the_same(tmp_path):
    """Each picture and each picture for a cell is, byte for byte, the one that is drawn here from the beginning."""
    style = FigureStyle(dpi=200, width="100mm")
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append(error))
    for folder in ("first", "second"):
        for drawing in maps(tmp_path / folder, style):
            writer.submit(drawing)
    writer.finish()
    assert outcomes == [None] * 16
    for drawing in maps(tmp_path / "here", style):
        save_figure(drawing.name, drawing.draw, drawing.paths, style=drawing.style, cell=drawing.cell)
        for path in (*drawing.paths, drawing.cell):
            content = path.read_bytes()
            assert (tmp_path / "first" / path.name).read_bytes() == content
            assert (tmp_path / "second" / path.name).read_bytes() == content


def test_a_style_reaches_the_worker_and_cells_are_square(tmp_path):
    """Width and resolution are those of the style; pictures for a cell have 300 pixels, also of users' figures."""
    writer = FigureWriter(lambda drawing, error: None)
    for drawing in maps(tmp_path, FigureStyle(dpi=300, width="85mm")):
        writer.submit(drawing)
    writer.finish()
    assert opened(tmp_path / "preference.png").width == 1003
    assert opened(tmp_path / "preference.png").info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert opened(tmp_path / "user.png").size == (600, 600)
    for name in ("preference", "tuning", "user"):
        assert opened(tmp_path / f"{name}_cell.png").size == (300, 300)
        assert picture_name(tmp_path / f"{name}_cell.png") == name


def test_no_cell_is_drawn_unless_asked_for(tmp_path):
    """Without a path for it, there is no picture for a cell."""
    writer = FigureWriter(lambda drawing, error: None)
    for drawing in maps(tmp_path, FigureStyle(), cells=False):
        writer.submit(drawing)
    writer.finish()
    assert len(list(tmp_path.glob("*.png"))) == 8


def slow_figure():
    """Take longer to draw than a run that is stopped waits."""
    time.sleep(1.2)
    return draw_matrix(np.eye(2), title="t")


def test_the_number_of_drawn_pictures_is_reported(tmp_path):
    """While pictures are waited for, finished and ordered ones are counted."""
    reports = []
    writer = FigureWriter(lambda drawing, error: None)
    for number in range(2):
        writer.submit(PictureOrder(f"{number}", slow_figure, (tmp_path / f"{number}.png",), "x"))
    writer.finish(lambda finished, ordered: reports.append((finished, ordered)))
    assert reports == sorted(reports)
    assert {ordered for _, ordered in reports} == {2}
    assert (0, 2) in reports
    assert writer.finished == 2


@pytest.mark.parametrize("is_local", [True, False])
def test_stopped_drawing_ends_soon_and_leaves_no_half_picture(tmp_path, is_local):
    """Queued pictures are dropped; the present one is whole or absent, and is no failure."""
    outcomes = []
    writer = FigureWriter(lambda drawing, error: outcomes.append(error))
    figure = partial(lambda name: name(), slow_figure) if is_local else slow_figure
    for number in range(60):
        writer.submit(PictureOrder(f"{number}", figure, (tmp_path / f"{number}.png",), "x"))
    start = time.monotonic()
    writer.stop()
    writer.submit(PictureOrder("late", figure, (tmp_path / "late.png",), "x"))
    assert time.monotonic() - start < 2.0
    assert not any(outcomes)
    assert len(list(tmp_path.glob("*.png"))) <= 1
    time.sleep(1.5)
    assert not list(tmp_path.glob("*.tmp"))
    until = time.monotonic() + 30
    while any(thread.name == "drawing" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not (tmp_path / "late.png").exists()


def test_no_picture_is_lost_while_the_queue_is_full(tmp_path, monkeypatch):
    """A thread that orders pictures faster than they are drawn waits, however long that takes."""
    monkeypatch.setattr("topo_exp.runner.drawing.WAITING_PICTURES", 1)
    monkeypatch.setattr("topo_exp.runner.drawing.REPORT_EVERY", 0.01)
    writer = FigureWriter(lambda drawing, error: None)
    paths = [tmp_path / f"{number}.png" for number in range(4)]

    def slowly():
        time.sleep(0.1)
        return draw_matrix(np.eye(2), title="t")

    for path in paths:
        writer.submit(PictureOrder(path.stem, slowly, (path,), "x"))
    writer.finish()
    assert [path.exists() for path in paths] == [True] * 4


def test_waiting_for_pictures_ends_when_drawing_is_stopped(tmp_path):
    """A thread that waits for all pictures returns without an error when another one stops drawing."""
    writer = FigureWriter(lambda drawing, error: None)
    for number in range(10):
        writer.submit(PictureOrder(f"{number}", slow_figure, (tmp_path / f"{number}.png",), "x"))
    with ThreadPoolExecutor(1) as waiting:
        finished = waiting.submit(writer.finish)
        time.sleep(0.3)
        writer.stop()
        finished.result(timeout=5)


def test_pictures_of_a_run_have_the_chosen_style(tmp_path):
    """Twice the resolution gives twice the pixels."""
    widths = []
    for dpi in (75, 150):
        spec = run_spec(tmp_path, analyses={"activity": fake_analysis}, figure=FigureStyle(dpi=dpi))
        ((path, *_), *_) = [list(at.values()) for at in finished_run(spec).figures.values()]
        with Image.open(path) as drawn:
            widths.append(drawn.width)
    assert widths[1] == pytest.approx(2 * widths[0], abs=1)


FIGURES = """\
from functools import partial


def colour(number):
    return {}[number]


def raises():
    colour(
        3
    )


def leaves():
    raise SystemExit("first\\nsecond.")


def returns_nothing():
    pass


local = lambda: colour(3)
wrapped = partial(partial(lambda number: colour(number)), 3)
"""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raises", "could not be drawn by raises (got KeyError: 3, in FILE, line 5)"),
        ("leaves", "could not be drawn by leaves (got SystemExit: first second, in FILE, line 15)"),
        (
            "returns_nothing",
            "could not be drawn by returns_nothing (got NoneType instead of a matplotlib Figure, in FILE, line 18)",
        ),
        ("local", "could not be drawn by <lambda> (got KeyError: 3, in FILE, line 5)"),
        ("wrapped", "could not be drawn by <lambda> (got KeyError: 3, in FILE, line 5)"),
    ],
)
def test_the_error_of_a_users_figure_names_function_file_and_line(tmp_path, monkeypatch, function, message):
    """One line has the place in the user's code, and none of this package; later figures are drawn."""
    file = tmp_path / "figures_of_a_user.py"
    file.write_text(FIGURES)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("figures_of_a_user", None)
    draw = getattr(importlib.import_module("figures_of_a_user"), function)
    failures = []
    writer = FigureWriter(lambda order, error: failures.append(error and figure_failure(order, error)))
    writer.submit(PictureOrder("V1/one", draw, (tmp_path / "one.png",), "mine, time 3"))
    writer.submit(drawings(tmp_path)[0])
    writer.finish()
    failure, later = failures
    assert later is None
    assert str(failure) == f"mine, time 3: figure 'V1/one' {message.replace('FILE', str(file))}."
    assert isinstance(failure, AnalysisError)
    assert not (tmp_path / "one.png").exists()


def test_the_error_of_a_picture_of_this_package_names_the_picture(tmp_path):
    """Arrays that a picture cannot show are the user's, so no line of this package is given as their place."""
    failures = []
    writer = FigureWriter(lambda order, error: failures.append(str(figure_failure(order, error))))
    drawing = picture("feature_map", np.zeros((2, 2, 2)), [0, 1], [0, 1])
    writer.submit(PictureOrder("V1/one", drawing, (tmp_path / "one.png",), "mine, time 3"))
    writer.finish()
    (text,) = failures
    assert text.startswith(
        "mine, time 3: figure 'V1/one' could not be drawn by feature_map (got TypeError: feature_map()"
    )
    assert ".py" not in text


def test_drawing_can_be_stopped_while_its_thread_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may stop a run at the moment when another thread orders its first picture."""
    starting = threading.Event()

    class SlowThread(threading.Thread):
        def start(self) -> None:
            starting.set()
            time.sleep(0.2)
            super().start()

    writer = FigureWriter(lambda order, error: None)
    order = PictureOrder("late", partial(draw_matrix, [[0, 1]], title="late"), (tmp_path / "late.png",), source="test")
    other = threading.Thread(target=writer.submit, args=(order,))
    monkeypatch.setattr("topo_exp.runner.drawing.threading.Thread", SlowThread)
    other.start()
    assert starting.wait(10)
    writer.stop()
    other.join()
    writer.submit(order)
    writer.stop()
    assert not any(thread.name == "drawing" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("function", "name", "is_own"),
    [
        (slow_figure, "slow_figure", True),
        (partial(partial(slow_figure), 1), "slow_figure", True),
        (draw_matrix, "draw_matrix", False),
        (picture("spectrum", 1), "spectrum", False),
        (subprocess.run, "run", False),
        (len, "len", False),
        (FigureWriter(print), "FigureWriter", False),
    ],
)
def test_the_place_of_a_figure_is_that_of_a_users_function(function, name, is_own):
    """A function is named as the user knows it; file and line are those of the user's own code, and of no other."""
    line = slow_figure.__code__.co_firstlineno
    assert place_of(function) == (name, f"{__file__}, line {line}" if is_own else "")
