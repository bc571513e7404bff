"""A simulation with nothing to simulate: every measured unit answers to its own receptive field, at once.

It has only those parts of a Simulation that a measurement uses, to test measurements against known tuning.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from topo_exp.engine.coordinates import BoundingBox


@dataclass
class FakeSheet:
    name: str
    shape: tuple[int, int]
    bounds: BoundingBox
    is_generator: bool = False
    measure_maps: bool = False
    projections: dict = field(default_factory=dict)

    def __post_init__(self):
        left, _bottom, right, top = self.bounds.lbrt()
        rows, cols = self.shape
        self.density = cols / (right - left)
        self.x = left + (np.arange(cols) + 0.5) / self.density
        self.y = top - (np.arange(rows) + 0.5) / self.density
        self.activity = np.zeros(self.shape)
        self.threshold = None

    def sheet2matrixidx(self, x, y):
        left, _bottom, _right, top = self.bounds.lbrt()
        return int(np.floor((top - y) * self.density)), int(np.floor((x - left) * self.density))


@dataclass
class FakeSimulation:
    """`answer({input sheet: picture (rows, cols)}, sheet, afferent_only)` returns the activity of a measured sheet."""

    sheets: dict[str, FakeSheet]
    answer: Callable
    name: str = "fake"
    time: float = 7.0
    presented: int = 0
    depth: int = 0
    calls: list = field(default_factory=list)

    def __getitem__(self, name):
        return self.sheets[name]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.depth += 1
        yield
        self.depth -= 1

    def respond(self, patterns, *, sheets=None, duration=1.0, afferent_only=False):
        assert self.depth > 0, "respond only inside frozen()"
        lengths = {len(given) for given in patterns.values()}
        assert len(lengths) == 1
        n = lengths.pop()
        self.calls.append(n)
        self.presented += n
        pictures = [
            {name: given[i](self.sheets[name].x, self.sheets[name].y) for name, given in patterns.items()}
            for i in range(n)
        ]
        answers = {name: np.stack([shown[name] for shown in pictures]) for name in patterns}
        for name, sheet in self.sheets.items():
            if not sheet.is_generator:
                answers[name] = np.stack([self.answer(shown, sheet, afferent_only) for shown in pictures])
        return answers if sheets is None else {name: answers[name] for name in sheets}


def gabor_simulation(
    preferences, phases=None, *, frequency=2.4, width=0.18, cells=28, threshold=0.0, inputs=("Retina",), gain=None
):
    """Return a simulation whose V1 units are rectified Gabor filters of the given orientations (rows, cols) at (0, 0).

    `gain(sheet, unit shape)` weighs the input sheets. A Gabor field answers to gratings of its frequency as a cosine of
    phase; it is balanced (its sum is 0), so that a uniform field is not seen.
    """
    preferences = np.asarray(preferences, float)
    phases = np.zeros_like(preferences) if phases is None else np.asarray(phases, float)
    retinas = {name: FakeSheet(name, (cells, cells), BoundingBox(radius=0.75), is_generator=True) for name in inputs}
    v1 = FakeSheet("V1", preferences.shape, BoundingBox(radius=0.5), measure_maps=True)
    retina = next(iter(retinas.values()))
    X, Y = np.meshgrid(retina.x, retina.y)
    o, p = preferences[..., None, None], phases[..., None, None]
    across = np.cos(o) * Y - np.sin(o) * X
    envelope = np.exp(-(X**2 + Y**2) / (2 * width**2))
    # the phase that a grating sin(2 pi f across + phase) must have to be in step with the field
    fields = envelope * np.sin(2 * np.pi * frequency * across + p)
    fields -= envelope * (fields.sum((-2, -1)) / envelope.sum())[..., None, None]

    def answer(pictures, sheet, afferent_only):
        drive = sum(
            np.einsum("ijkl,kl->ij", fields, picture) * (1.0 if gain is None else gain(name, sheet.shape))
            for name, picture in pictures.items()
        )
        return np.asarray(drive if afferent_only else np.maximum(drive - threshold, 0))

    simulation = FakeSimulation({**retinas, "V1": v1}, answer)
    simulation.fields = fields
    return simulation
