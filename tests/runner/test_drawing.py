"""Pictures are drawn beside the simulation, and none is lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from topo_exp.record.pictures import picture_name
from topo_exp.runner.drawing import FigureWriter, PictureOrder, save_figure
from topo_exp.testing import draw_matrix


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
