"""Pictures are drawn beside the simulation, and none is lost."""

from functools import partial

import numpy as np

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
