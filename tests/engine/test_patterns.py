"""Patterns over a sheet."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from topo_exp.engine.compiled.buffers import single
from topo_exp.engine.coordinates import BoundingBox, Grid
from topo_exp.engine.patterns import (
    GAUSSIAN_COLUMNS,
    Composite,
    Constant,
    Disk,
    Gaussian,
    GaussianCloud,
    Line,
    Sampler,
    SeparatedComposite,
    SineGrating,
    UniformNoise,
    drawing_of_gaussians,
    uniform_over,
)
from topo_exp.engine.patterns_gaussians import DifferenceOfGaussians
from topo_exp.engine.patterns_images import Image
from topo_exp.engine.presentation import Shown
from topo_exp.engine.streams import ExponentialDecay, Streams, UniformRandom
from topo_exp.errors import ModelError, ParameterError

X = np.linspace(-1, 1, 41)
Y = X[::-1]


def test_a_gaussian_is_elongated_along_its_orientation():
    """At one standard deviation along and across, a turned Gaussian is exp(-1/2)."""
    size, ratio, turn = 0.4, 3.0, math.radians(30)
    gaussian = Gaussian(size=size, aspect_ratio=ratio, orientation=turn)
    along = np.array([math.cos(turn), math.sin(turn)]) * size / 2 * ratio
    across = np.array([-math.sin(turn), math.cos(turn)]) * size / 2
    for x, y in (along, across):
        assert gaussian(np.array([x]), np.array([y]))[0, 0] == pytest.approx(math.exp(-0.5), rel=1e-12)


def test_a_grating_has_its_frequency_across_its_bars():
    """A horizontal grating is constant along x, and repeats after 1 / frequency along y, between 0 and scale."""
    values = SineGrating(frequency=2.5, scale=0.3, phase=0.4)(X, Y)
    assert np.ptp(values, axis=1).max() < 1e-12
    shifted = SineGrating(frequency=2.5, scale=0.3, phase=0.4)(X, Y + 1 / 2.5)
    np.testing.assert_allclose(values, shifted, atol=1e-12)
    assert values.min() >= 0
    assert values.max() <= 0.3


def test_scale_and_offset_act_on_the_values():
    """A pattern's values are scale f + offset."""
    np.testing.assert_array_equal(Constant(scale=2, offset=0.5)(X, Y), np.full((41, 41), 2.5))


def test_disk_and_line_fall_off_beyond_their_edges():
    """Both are 1 inside, and exp(-d²/2s²) at the distance d from the edge."""
    for pattern, edge in ((Disk(size=0.6, smoothing=0.1), 0.3), (Line(thickness=0.6, smoothing=0.1), 0.3)):
        values = pattern(np.array([0.0]), np.array([edge - 0.01, edge + 0.2]))[:, 0]
        np.testing.assert_allclose(values, [1.0, math.exp(-2.0)], rtol=1e-9)


def test_a_difference_of_gaussians_sums_to_zero():
    """Centre and surround each sum to 1 within the mask, so that a uniform input gives no response."""
    mask = Disk(size=1.5, smoothing=0)(X, Y)
    kernel = DifferenceOfGaussians().kernel(X, Y, mask)
    assert abs(kernel.sum()) < 1e-12
    assert kernel[20, 20] > 0
    np.testing.assert_array_equal(kernel, -DifferenceOfGaussians(scale=-1.0).kernel(X, Y, mask))


def test_composites_combine_by_their_operator():
    """The maximum and the sum of two patterns are those of their values."""
    a, b = Gaussian(x=-0.3), Gaussian(x=0.3, orientation=1.0, aspect_ratio=2.0)
    for operator, combine in (("max", np.maximum), ("add", np.add)):
        values = Composite(generators=[a, b], operator=operator, scale=0.5)(X, Y)
        np.testing.assert_array_equal(values, 0.5 * combine(a(X, Y), b(X, Y)))


def test_an_upright_gaussian_has_the_bits_of_the_general_case():
    """Of a Gaussian that is not turned, one row and one column of coordinates are enough."""
    numbers = {"x": 0.13, "y": -0.2, "orientation": 0.0, "size": 0.4, "aspect_ratio": 1.7, "scale": 1.0}
    drawing = drawing_of_gaussians(np.array([[numbers[name] for name in GAUSSIAN_COLUMNS]]))
    expected = Gaussian().evaluate({**numbers, "offset": 0.0}, X, Y)
    np.testing.assert_array_equal(drawing.render(X, Y), expected)


def test_a_drawing_of_gaussians_renders_what_was_drawn():
    """The numbers that a composite of Gaussians hands to the fast engine make the very same picture."""
    generators = [Gaussian(x=uniform_over(1, seed=i), size=0.2, aspect_ratio=3.0, scale=0.7) for i in range(3)]
    drawing = Sampler(Composite(generators=generators), Streams(0), "Retina").draw(Fraction(0), X, Y)
    assert drawing.gaussians is not None
    np.testing.assert_array_equal(drawing_of_gaussians(drawing.gaussians).render(X, Y), drawing.render(X, Y))


def some_number(chance):
    """A number that stays, or one that varies in one of several ways."""
    low, seed = chance.uniform(0.1, 1), chance.randrange(100)
    return chance.choice(
        [
            low,
            UniformRandom(lbound=low, ubound=low + 1, seed=seed),
            UniformRandom(name=f"t{seed}", lbound=low, ubound=low + 1, seed=seed, time_dependent=True),
            ExponentialDecay(start=low, time_constant=3.0),
        ]
    )


def some_gaussians(chance, *, depth=2):
    """A maximum of Gaussians at random, some of them kept apart, some of them composites themselves."""
    if depth == 0:
        return Gaussian(**{name: some_number(chance) for name in GAUSSIAN_COLUMNS})
    apart = chance.choice([0, 0.4])
    inner = [
        some_gaussians(chance, depth=0 if apart else chance.randrange(depth)) for _ in range(chance.randrange(1, 5))
    ]
    return SeparatedComposite(generators=inner, min_separation=apart, max_trials=2, x=some_number(chance), y=0.5)


def drawn(pattern, path, streams, time):
    """The numbers of a pattern, each from its own stream."""
    numbers = {name: streams.number(f"{path}.{name}", getattr(pattern, name)) for name in ("x", "y")}
    if isinstance(pattern, Gaussian):
        numbers |= {name: streams.number(f"{path}.{name}", getattr(pattern, name)) for name in GAUSSIAN_COLUMNS}
    return {name: number(time) if callable(number) else number for name, number in numbers.items()}


def in_frame(numbers, x, y):
    """The numbers of a part of a composite that stands at (x, y) and is not turned."""
    placed = {"x": x + 1.0 * numbers["x"] - 0.0 * numbers["y"], "y": y + 0.0 * numbers["x"] + 1.0 * numbers["y"]}
    return {**numbers, **placed}


def rows_of(pattern, path, streams, time, own):
    """The Gaussians of a pattern with its `own` numbers, drawn part by part as the classes say it."""
    if isinstance(pattern, Gaussian):
        return [[own[name] for name in GAUSSIAN_COLUMNS]]
    rows, centres = [], []
    for i, part in enumerate(pattern.generators):
        where = f"{path}.generators[{i}]"
        numbers = drawn(part, where, streams, time)
        for _ in range(pattern.max_trials):
            if all(math.dist((numbers["x"], numbers["y"]), c) >= pattern.min_separation for c in centres):
                centres.append((numbers["x"], numbers["y"]))
                rows += rows_of(part, where, streams, time, in_frame(numbers, own["x"], own["y"]))
                break
            for name in ("x", "y"):
                number = streams.number(f"{where}.{name}", getattr(part, name))
                numbers[name] = number(time) if callable(number) else number
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_gaussians_are_drawn_number_by_number(seed):
    """Presentation by presentation, also after a stored state, each number is the next of its own stream."""
    pattern = some_gaussians(random.Random(seed))
    ours, theirs = Streams(0), Streams(0)
    sampler = Sampler(pattern, ours, "Retina")
    for k in range(6):
        time = Fraction(20 * k + 1, 20)
        if k == 3:
            state, ours = ours.state(), Streams(1)
            sampler = Sampler(pattern, ours, "Retina")
            ours.restore(state)
        expected = rows_of(pattern, "Retina", theirs, time, drawn(pattern, "Retina", theirs, time))
        np.testing.assert_array_equal(sampler.draw(time, X, Y).gaussians, expected)
    theirs, ours = theirs.state(), ours.state()
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[key], ours[key]) for key in ours)


@pytest.mark.parametrize("seed", range(5))
def test_a_maximum_of_gaussians_is_the_picture_of_any_composite(seed):
    """With an offset a composite is drawn pattern by pattern; without one it is the same picture, less the offset."""
    generators = [some_gaussians(random.Random(seed)), Gaussian(x=uniform_over(1, seed=seed))]
    pictures = []
    for offset in (0.0, 0.25):
        drawing = Sampler(Composite(generators=generators, offset=offset), Streams(0), "Retina").draw(Fraction(1), X, Y)
        assert (drawing.gaussians is None) == (offset > 0)
        pictures.append(drawing.render(X, Y))
    np.testing.assert_array_equal(pictures[0] + 0.25, pictures[1])


def test_separated_patterns_keep_their_distance():
    """Centres that come too near are redrawn; one that finds no place is left out."""
    generators = [Gaussian(x=uniform_over(0.5, seed=i), y=uniform_over(0.5, seed=9 + i), size=0.1) for i in range(4)]
    sampler = Sampler(SeparatedComposite(generators=generators, min_separation=0.5), Streams(0), "Retina")
    for k in range(20):
        centres = sampler.draw(Fraction(k), X, Y).gaussians[:, :2]
        distances = [math.dist(a, b) for i, a in enumerate(centres) for b in centres[:i]]
        assert min(distances, default=1.0) >= 0.5


def test_composites_cannot_be_kept_apart():
    """A composite has no centre of its own, and is refused where centres are to be kept apart."""
    pattern = SeparatedComposite(generators=[Composite(generators=[Gaussian()])], min_separation=0.1)
    with pytest.raises(ModelError, match=r"Retina\.generators: must each have one centre"):
        Sampler(pattern, Streams(0), "Retina")


def test_noise_comes_from_the_shared_stream_unless_seeded():
    """Noise without a seed goes on in the simulation's stream; with one it has a stream to itself."""
    streams = Streams(7)
    drawn = Sampler(UniformNoise(), streams, "Retina").draw(Fraction(0), X, Y).render(X, Y)
    np.testing.assert_array_equal(drawn, np.random.RandomState(7).uniform(0, 1, (41, 41)))
    own = Sampler(UniformNoise(seed=3), streams, "Retina").draw(Fraction(0), X, Y).render(X, Y)
    np.testing.assert_array_equal(own, np.random.RandomState(3).uniform(0, 1, (41, 41)))


def test_a_cloud_is_noise_under_its_envelope():
    """A Gaussian cloud stays within [0, envelope]."""
    cloud = Sampler(GaussianCloud(size=0.8), Streams(0), "w").draw(Fraction(0), X, Y).render(X, Y)
    assert (cloud >= 0).all()
    assert (cloud <= Gaussian(size=0.8)(X, Y)).all()


def test_an_image_is_shown_upright():
    """The image's first row is at the top, its first column on the left, and its index chooses among several."""
    images = np.stack([np.zeros((4, 4)), np.arange(16).reshape(4, 4) / 16])
    shown = Image(images=lambda: images, index=0.9, size=2.0)(np.linspace(-0.75, 0.75, 4), np.linspace(0.75, -0.75, 4))
    np.testing.assert_array_equal(shown, images[1])


def test_a_pattern_with_generators_cannot_be_evaluated_by_itself():
    """Calling a pattern whose numbers vary says which one does."""
    with pytest.raises(ParameterError, match=r"Gaussian\.x: must be a plain number"):
        Gaussian(x=uniform_over(1, seed=1))(X, Y)


def single_and_double(**numbers):
    """Return the picture of one Gaussian as the fast path has it, and as the equation says."""
    row = {"x": 0.1, "y": 0.2, "orientation": 0.3, "size": 0.3, "aspect_ratio": 2.0, "scale": 1.0, **numbers}
    grid = Grid.fit(BoundingBox(radius=1.0), 10)
    shown = Shown(drawing_of_gaussians(np.array([[row[name] for name in GAUSSIAN_COLUMNS]])), grid)
    with np.errstate(all="ignore"):
        return single(shown), np.asarray(shown)


@pytest.mark.parametrize(
    "numbers",
    [
        {"size": 1e9},
        {"size": 1e20},
        {"size": 1e150},
        {"size": 1e-3},
        {"aspect_ratio": 1e6},
        {"aspect_ratio": 1e-6},
        {"x": 1e25},
        {"x": -1e25},
        {"y": 1e25},
        {"x": 1e12, "size": 1e12},
        {"scale": 1e30},
        {"scale": 1e-9},
        {"scale": 0.0},
        {"scale": -1.0},
    ],
    ids=str,
)
def test_gaussians_of_any_size_are_drawn(numbers):
    """However large, small, thin, far or faint a Gaussian is, the fast picture is the equation's."""
    fast, exact = single_and_double(**numbers)
    assert np.abs(fast - exact).max() <= max(1e-6 * np.abs(exact).max(), 1e-8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [name for name in GAUSSIAN_COLUMNS if name != "orientation"])
def test_a_number_that_is_not_finite_shows(name, value):
    """The fast picture does not hide a wrong number: it is the equation's, whatever that gives."""
    fast, exact = single_and_double(**{name: value})
    assert np.array_equal(fast, exact.astype(np.float32), equal_nan=True)
