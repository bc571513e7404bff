"""Patterns of the library by the theory of each: symmetries, areas, limits, movements."""

import math
from fractions import Fraction

import numpy as np
import pytest

from topo_exp.engine.patterns import (
    Composite,
    Disk,
    Gaussian,
    GaussianCloud,
    Sampler,
    SeparatedComposite,
    SineGrating,
    uniform_over,
)
from topo_exp.engine.patterns_arcs import Arc, ArcCentered, Curve, Wedge
from topo_exp.engine.patterns_gaussians import DifferenceOfGaussians, Gabor, LogGaussian, SigmoidedDoG
from topo_exp.engine.patterns_gratings import (
    ConcentricRings,
    HyperbolicGrating,
    OrientationContrast,
    RadialGrating,
    Spiral,
    SpiralGrating,
    SquareGrating,
)
from topo_exp.engine.patterns_moving import Selector, Sweeper, Translator
from topo_exp.engine.patterns_noise import BinaryNoise, NormalNoise, RandomDotStereogram
from topo_exp.engine.patterns_shapes import Angle, Asterisk, HalfPlane, RawRectangle, Rectangle, Ring, Sigmoid
from topo_exp.engine.streams import Streams, UniformRandom

X = (np.arange(200) + 0.5) / 100 - 1
Y = X[::-1]
CELL = 1e-4
"""Area of a cell."""


def at(pattern, x, y):
    """The value of a pattern at one point."""
    return pattern(np.array([x]), np.array([y]))[0, 0]


def polar(radius, angle):
    """The point at a distance and an angle from the origin."""
    return radius * math.cos(angle), radius * math.sin(angle)


def test_a_gabor_is_its_envelope_times_a_grating():
    """A Gabor function is half a cosine grating times a Gaussian of the same place, size and orientation."""
    place = {"x": 0.1, "y": -0.2, "orientation": 0.7}
    gabor = Gabor(size=0.4, aspect_ratio=1.5, frequency=3.0, phase=0.3, **place)
    grating = SineGrating(frequency=3.0, phase=0.3 + math.pi / 2, **place)(X, Y) - 0.5
    np.testing.assert_allclose(gabor(X, Y), grating * Gaussian(size=0.4, aspect_ratio=1.5, **place)(X, Y), atol=1e-12)


def test_a_ring_lies_between_two_disks():
    """With sharp edges a ring is a disk less a smaller disk."""
    ring = Ring(size=1.0, thickness=0.203, smoothing=0)(X, Y)
    disks = Disk(size=1.203, smoothing=0)(X, Y) - Disk(size=0.797, smoothing=0)(X, Y)
    np.testing.assert_array_equal(ring, disks)


def test_a_rectangle_without_smoothing_is_a_raw_one():
    """Both are 1 on size x size aspect_ratio, turned by the orientation."""
    numbers = {"size": 0.5, "aspect_ratio": 2.0, "orientation": 0.3, "x": 0.05}
    sharp = RawRectangle(**numbers)(X, Y)
    np.testing.assert_array_equal(Rectangle(smoothing=0, **numbers)(X, Y), sharp)
    assert sharp.sum() * CELL == pytest.approx(0.5 * 1.0, rel=0.01)


def test_two_half_planes_cover_the_plane():
    """A half plane and the one turned by π are 1 together, each up to its edge; the edge falls off as a Gaussian."""
    one, other = (HalfPlane(smoothing=0.1, orientation=o)(X, Y) for o in (0.4, 0.4 + math.pi))
    np.testing.assert_array_equal(np.maximum(one, other), 1)
    assert at(HalfPlane(smoothing=0.1), 0.0, -0.2) == pytest.approx(math.exp(-2))


def test_a_sigmoid_is_odd_about_its_centre():
    """The pattern of the opposite slope is the negative, and far from the line the values are ±1."""
    np.testing.assert_allclose(Sigmoid(slope=5)(X, Y), -Sigmoid(slope=-5)(X, Y))
    np.testing.assert_allclose(Sigmoid(slope=5)(X, Y)[::-1], Sigmoid(slope=-5)(X, Y), atol=1e-12)
    assert at(Sigmoid(slope=50), 0, 0.9) == pytest.approx(1)


def test_arcs_complete_each_other():
    """The arc of a whole turn is the ring; an arc and the one that starts where it ends are the ring together."""
    numbers = {"size": 1.0, "thickness": 0.1, "smoothing": 0.05}
    ring = Ring(**numbers)(X, Y)
    np.testing.assert_array_equal(Arc(arc_length=2 * math.pi, **numbers)(X, Y), ring)
    first = Arc(arc_length=2.0, **numbers)(X, Y)
    second = Arc(arc_length=2 * math.pi - 2.0, orientation=2.0, **numbers)(X, Y)
    np.testing.assert_allclose(np.maximum(first, second), ring, atol=1e-12)
    assert np.minimum(first, second).max() == 0


@pytest.mark.parametrize("length", [1.0, 3.0, 5.0])
def test_a_centred_arc_is_symmetric_and_centred(length):
    """It is mirrored by its axis, and reaches as far to one side of its centre as to the other."""
    values = ArcCentered(size=0.8, thickness=0.004, smoothing=0.0, arc_length=length)
    angles = np.linspace(-length / 2, length / 2, 31) * 0.999
    shift = -0.4 * (1 + math.cos(length / 2)) / 2
    for angle in angles:
        assert at(values, shift + 0.4 * math.cos(angle), 0.4 * math.sin(angle)) == 1
    ends = shift + 0.4 * math.cos(length / 2), shift + 0.4
    assert ends[0] == pytest.approx(-ends[1])


@pytest.mark.parametrize("curvature", [-0.7, -0.1, 0.0, 1e-4, 0.3, 0.9])
def test_curves_of_all_curvatures_are_of_equal_length(curvature):
    """A curve's area is its length times its thickness, however it is bent; it goes through its centre."""
    curve = Curve(curvature=curvature, size=1.2, thickness=0.05, smoothing=0)
    assert curve(X, Y).sum() * CELL == pytest.approx(1.2 * 0.05, rel=0.03)
    assert at(curve, 0, 0) == 1
    np.testing.assert_allclose(Curve(curvature=-curvature, size=1.2)(X, Y), Curve(curvature=curvature, size=1.2)(X, -Y))


def test_a_wedge_covers_its_part_of_the_circle():
    """Of all directions, size/2π lie in the wedge; at 1 radian beyond its edge the value is exp(-1/2s²)."""
    wedge = Wedge(size=1.0, smoothing=0)
    angles = (np.arange(1000) + 0.5) / 1000 * 2 * math.pi
    inside = [at(wedge, *polar(0.3, angle)) for angle in angles]
    assert np.mean(inside) == pytest.approx(1 / (2 * math.pi), abs=2e-3)
    assert at(Wedge(size=1.0, smoothing=0.5), *polar(0.3, 1.5)) == pytest.approx(math.exp(-2))


@pytest.mark.parametrize("pattern", [Asterisk, RadialGrating, SpiralGrating])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_what_has_n_parts_is_unchanged_by_an_nth_of_a_turn(pattern, parts):
    """Turned by 2π/parts, and by no smaller part of a turn, the pattern is the same."""
    original = pattern(parts=parts, orientation=0.3)(X, Y)
    turned = pattern(parts=parts, orientation=0.3 + 2 * math.pi / parts)(X, Y)
    np.testing.assert_allclose(turned, original, atol=1e-9)
    assert np.abs(pattern(parts=parts, orientation=0.3 + math.pi / parts)(X, Y) - original).max() > 0.05


def test_an_asterisk_has_one_bar_for_each_direction():
    """At a given radius the value is 1 in the directions π/2 + 2πk/n, and falls off between them."""
    asterisk = Asterisk(parts=3, size=0.8, thickness=0.02, smoothing=0.01)
    assert [at(asterisk, *polar(0.3, math.pi / 2 + 2 * math.pi * k / 3)) for k in range(3)] == [1, 1, 1]
    assert at(asterisk, *polar(0.3, math.pi / 2 + math.pi / 3)) < 1e-6
    assert at(asterisk, *polar(0.45, math.pi / 2)) < 1e-3
    for aside, expected in ((0.009, 1), (0.02, math.exp(-0.5))):  # across the upright bar, one deviation past its edge
        assert at(asterisk, aside, 0.3) == pytest.approx(expected)


def test_an_angle_has_a_vertex_and_two_ends():
    """The bars run from the vertex, on the axis, to ends that enclose twice the angle with it."""
    angle, half = 0.6, 0.3
    pattern = Angle(size=2 * half, angle=angle, thickness=0.02, smoothing=0.0)
    vertex = (0.0, -half * math.cos(angle))
    for side in (-1, 1):
        for way in (0.01, 0.3, 0.59):
            x, y = vertex[0] + side * way * math.sin(angle), vertex[1] + way * math.cos(angle)
            assert at(pattern, x, y) == 1
            for across, expected in ((0.009, 1), (-0.009, 1), (0.011, 0), (-0.011, 0)):  # on both sides of the bar
                place = x + side * across * math.cos(angle), y - across * math.sin(angle)
                assert at(pattern, *place) == expected or way == 0.01
    assert at(pattern, 0, 0.1) == 0
    np.testing.assert_allclose(pattern(X, Y), pattern(-X, Y), atol=1e-12)


def test_rings_and_hyperbolas_stand_one_size_apart():
    """Values are 1 on circles, and on hyperbolas, of radius 0, size, 2 size, and smallest half-way between."""
    for pattern in (ConcentricRings, HyperbolicGrating):
        grating = pattern(size=0.2, thickness=0.01, smoothing=0.05)
        on = [at(grating, radius, 0) for radius in (0, 0.2, 0.4, 0.6)]
        between = [at(grating, radius, 0) for radius in (0.1, 0.3, 0.5)]
        assert on == [1, 1, 1, 1]
        np.testing.assert_allclose(between, math.exp(-(0.095**2) / (2 * 0.05**2)))
    np.testing.assert_allclose(HyperbolicGrating()(X, Y), HyperbolicGrating()(X, Y)[::-1, ::-1].T, atol=1e-9)


@pytest.mark.parametrize("pattern", [Arc, ConcentricRings, HyperbolicGrating, Ring, Spiral])
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_an_aspect_ratio_stretches_a_pattern_along_x(pattern, ratio):
    """A pattern of aspect ratio r has at (r x, y) the value of the round one at (x, y)."""
    round_one, stretched = pattern(aspect_ratio=1.0)(X, Y), pattern(aspect_ratio=ratio)(ratio * X, Y)
    np.testing.assert_allclose(stretched, round_one, atol=1e-9)


def test_a_spiral_grows_with_its_angle():
    """The spiral is where the radius is its turning times the angle, over any number of turns."""
    spiral = Spiral(turning=0.05, thickness=0.01, smoothing=0.001)
    for angle in np.linspace(0.5, 18, 40):
        assert at(spiral, *polar(0.05 * angle, angle)) == 1
        assert at(spiral, *polar(0.05 * angle + 0.1, angle)) < 1e-6
        for aside, expected in ((0.004, 1), (0.006, math.exp(-0.5))):
            assert at(spiral, *polar(0.05 * angle + aside, angle)) == pytest.approx(expected)
    np.testing.assert_allclose(SpiralGrating(parts=1)(X, Y), Spiral()(X, Y))


@pytest.mark.parametrize("duty_cycle", [0.1, 0.5, 0.8])
def test_a_square_grating_is_on_for_its_duty_cycle(duty_cycle):
    """The fraction of ones is the duty cycle, in periods of the frequency."""
    grating = SquareGrating(frequency=2.0, duty_cycle=duty_cycle)(np.array([0.0]), np.arange(10000) / 10000)
    assert grating.mean() == pytest.approx(duty_cycle, abs=1e-3)
    np.testing.assert_array_equal(grating[:5000], grating[5000:])


def test_orientation_contrast_is_two_gratings():
    """Inside the disk is the centre's grating, on the ring the surround's, elsewhere neither."""
    pattern = OrientationContrast(
        sizecenter=0.4,
        sizesurround=1.2,
        thickness=0.4,
        orientationcenter=0.3,
        orientationsurround=1.8,
        frequency=3.0,
        phase=0.7,
    )(X, Y)
    radius = np.hypot(X[None, :], Y[:, None])
    for orientation, inside in ((0.3, radius < 0.2), (1.8, np.abs(radius - 0.6) < 0.2)):
        expected = SineGrating(frequency=3.0, phase=0.7, orientation=orientation)(X, Y)
        np.testing.assert_allclose(pattern[inside], expected[inside], atol=1e-12)
    assert not pattern[(radius > 0.21) & (radius < 0.39)].any()


def test_a_difference_of_gaussians_places_its_parts():
    """Each Gaussian is of sum 1 around its own place: the means of the two parts are where they were put."""
    numbers = {"x": 0.1, "positive_x": 0.2, "negative_y": -0.3, "positive_size": 0.1, "negative_size": 0.2}
    values = DifferenceOfGaussians(**numbers)(X, Y)
    assert values.sum() == pytest.approx(0, abs=1e-12)
    assert (values * X[None, :]).sum() == pytest.approx(0.2, abs=1e-6)
    assert (values * Y[:, None]).sum() == pytest.approx(0.3, abs=1e-6)


def test_a_sigmoided_difference_is_odd_about_its_line():
    """One side of the line is the negative mirror image of the other."""
    values = SigmoidedDoG(positive_size=0.4, negative_size=0.8, sigmoid_position=0.0)(X, Y)
    np.testing.assert_allclose(values, -values[:, ::-1], atol=1e-15)
    assert np.abs(values).max() > 1e-4


def test_a_logarithmic_gaussian_has_its_peak_at_its_place():
    """The largest value, 1, is at (x, y); a step of the logarithm away in either direction the value is the same."""
    x = np.array([-0.1, 0.0, 0.1])
    values = LogGaussian(size=0.5, aspect_ratio=1.0, x_shape=0.8, y_shape=0.8)(x, -x)
    assert values[1, 1] == values.max() == 1
    reach = 0.5 * math.exp(0.5) / 10
    forth, back = reach * (math.e**0.3 - 1), reach * (math.e**-0.3 - 1)
    line = LogGaussian(size=0.5, aspect_ratio=1.0, x_shape=0.8, y_shape=0.8)(
        np.array([back, 0.0, forth]), np.array([0.0])
    )[0]
    np.testing.assert_allclose(line, [math.exp(-0.5 * (0.3 / 0.64) ** 2), 1.0, math.exp(-0.5 * (0.3 / 0.64) ** 2)])


# --- patterns that draw others ---------------------------------------------------------------------------------------
def test_a_composite_is_moved_and_turned_as_a_whole():
    """The composite at (x, y) turned by o is the picture of its parts, moved and turned."""
    parts = [Gaussian(x=0.3, size=0.2, aspect_ratio=2.0, orientation=0.4), Disk(y=0.2, size=0.3)]
    quarter = Composite(generators=parts, operator="add", orientation=math.pi / 2)(X, Y)
    np.testing.assert_allclose(quarter, np.rot90(Composite(generators=parts, operator="add")(X, Y)), atol=1e-9)
    moved = Composite(generators=parts, operator="add", x=0.25, y=-0.5)(X + 0.25, Y - 0.5)
    np.testing.assert_allclose(moved, Composite(generators=parts, operator="add")(X, Y), atol=1e-9)


@pytest.mark.parametrize(
    ("operator", "function"), [("min", np.minimum), ("multiply", np.multiply), ("subtract", np.subtract)]
)
def test_composites_know_more_operators(operator, function):
    """The minimum, product and difference of two patterns are those of their values."""
    a, b = Gaussian(x=-0.3), Gaussian(x=0.3, orientation=1.0, aspect_ratio=2.0)
    np.testing.assert_array_equal(Composite(generators=[a, b], operator=operator)(X, Y), function(a(X, Y), b(X, Y)))


def test_a_selector_shows_each_pattern_equally_often():
    """Over many presentations each of three patterns comes in a third; no picture is of anything else."""
    patterns = [Gaussian(x=-0.3), Disk(), Ring()]
    pictures = [pattern(X[::20], Y[::20]) for pattern in patterns]
    sampler = Sampler(Selector(generators=patterns, index=UniformRandom(seed=3)), Streams(0), "Retina")
    counts = np.zeros(3)
    for k in range(600):
        shown = sampler.draw(Fraction(k), X[::20], Y[::20]).render(X[::20], Y[::20])
        counts += [np.array_equal(shown, picture) for picture in pictures]
    assert counts.sum() == 600
    assert np.abs(counts - 200).max() < 4 * math.sqrt(600 * 2 / 9)


def test_a_selector_draws_the_numbers_of_the_chosen_pattern_only():
    """The stream of a pattern that is not chosen stays where it is."""
    patterns = [Gaussian(x=uniform_over(1, seed=1)), Gaussian(x=uniform_over(1, seed=2))]
    streams = Streams(0)
    drawn = Sampler(Selector(generators=patterns, index=0.9), streams, "Retina").draw(Fraction(0), X, Y)
    assert drawn.gaussians is not None
    state = streams.state()
    untouched = Streams(0)
    Sampler(Selector(generators=patterns, index=0.9), untouched, "Retina")
    fresh = untouched.state()
    name = "streams/number/Retina.generators[{}].x"
    np.testing.assert_array_equal(state[name.format(0)], fresh[name.format(0)])
    assert not np.array_equal(state[name.format(1)], fresh[name.format(1)])


def test_a_sweeper_moves_across_the_orientation():
    """After n steps the pattern is n speeds away, at a right angle to its orientation; the orientation stays."""
    for step in range(4):
        sweeper = Sweeper(generator=Gaussian(size=0.2, aspect_ratio=3.0), x=0.1, orientation=0.5, step=step, speed=0.05)
        way = 0.05 * step
        there = Gaussian(
            size=0.2, aspect_ratio=3.0, orientation=0.5, x=0.1 - way * math.sin(0.5), y=way * math.cos(0.5)
        )
        np.testing.assert_allclose(sweeper(X, Y), there(X, Y), atol=1e-12)


def test_sweepers_of_equal_seeds_show_moments_of_one_movement():
    """Retinas with lags draw the same place and direction, and differ by the movement only."""
    lagged = [
        Sweeper(
            generator=Gaussian(size=0.2),
            x=uniform_over(0.5, seed=1),
            y=uniform_over(0.5, seed=2),
            orientation=uniform_over(3.0, seed=3),
            step=lag,
            speed=0.1,
        )
        for lag in range(3)
    ]
    samplers = [Sampler(pattern, Streams(0), f"Retina{lag}") for lag, pattern in enumerate(lagged)]
    for k in range(5):
        rows = np.concatenate([sampler.draw(Fraction(k), X, Y).gaussians for sampler in samplers])
        np.testing.assert_allclose(rows[2, :2] - rows[1, :2], rows[1, :2] - rows[0, :2], atol=1e-12)
        assert math.hypot(*(rows[1, :2] - rows[0, :2])) == pytest.approx(0.1)
        np.testing.assert_array_equal(rows[:, 2], rows[0, 2])


def test_a_translator_moves_straight_and_begins_again():
    """Within an episode the pattern moves at its speed along its direction; the next begins at another place."""
    start = UniformRandom(name="start", lbound=-1, ubound=1, seed=5, time_dependent=True)
    translator = Translator(generator=Gaussian(size=0.2), x=start, direction=0.6, speed=0.02, reset_period=4.0)
    sampler = Sampler(translator, Streams(0), "Retina")
    places = [sampler.draw(Fraction(20 * k + 1, 20), X, Y).gaussians[0, :2] for k in range(8)]
    for first in (0, 4):
        steps = np.diff(places[first : first + 4], axis=0)
        np.testing.assert_allclose(steps, [[0.02 * math.cos(0.6), 0.02 * math.sin(0.6)]] * 3, atol=1e-12)
    assert math.dist(places[0], places[4]) > 0.01


def test_sweepers_are_kept_apart_by_their_places():
    """Patterns that draw another one have a centre of their own, and keep their distance like any other."""
    sweepers = [
        Sweeper(generator=Gaussian(size=0.1), x=uniform_over(0.5, seed=i), y=uniform_over(0.5, seed=9 + i), step=0)
        for i in range(3)
    ]
    sampler = Sampler(SeparatedComposite(generators=sweepers, min_separation=0.5), Streams(0), "Retina")
    for k in range(20):
        centres = sampler.draw(Fraction(k), X, Y).gaussians[:, :2]
        distances = [math.dist(a, b) for i, a in enumerate(centres) for b in centres[:i]]
        assert min(distances, default=1.0) >= 0.5


# --- noise ------------------------------------------------------------------------------------------------------------
def test_noise_has_its_moments():
    """Normal noise has its mean and deviation, binary noise its share of ones."""
    normal = NormalNoise(mean=0.3, deviation=0.2, seed=1)(X, Y)
    assert normal.mean() == pytest.approx(0.3, abs=4 * 0.2 / 200)
    assert normal.std() == pytest.approx(0.2, rel=0.03)
    binary = BinaryNoise(on_probability=0.3, seed=1)(X, Y)
    assert set(np.unique(binary)) == {0.0, 1.0}
    assert binary.mean() == pytest.approx(0.3, abs=4 * 0.46 / 200)


def test_a_gaussian_cloud_is_even_noise_under_a_gaussian():
    """Divided by its envelope it is uniform between 0 and 1: mean 1/2, variance 1/12."""
    cloud = GaussianCloud(seed=3, size=1.0, aspect_ratio=1.5, orientation=0.4)(X, Y)
    noise = cloud / Gaussian(size=1.0, aspect_ratio=1.5, orientation=0.4)(X, Y)
    assert 0 <= noise.min() < 0.01
    assert 0.99 < noise.max() <= 1
    assert noise.mean() == pytest.approx(0.5, abs=4 / 12**0.5 / 200)
    assert noise.var() == pytest.approx(1 / 12, rel=0.03)


def test_both_eyes_see_the_same_dots():
    """Half-images of opposite disparities are one picture moved apart, except where dots wrap around at the sides."""
    left, right = (
        Sampler(RandomDotStereogram(dotsize=0.2, xdisparity=shift), Streams(0), eye)
        for eye, shift in (("LeftRetina", 0.05), ("RightRetina", -0.05))
    )
    pictures = []
    for k in range(3):
        seen = [eye.draw(Fraction(k), X, Y).render(X, Y) for eye in (left, right)]
        np.testing.assert_array_equal(seen[0][:, 30:-20], seen[1][:, 20:-30])
        assert set(np.unique(seen[0])) == {0.0, 0.5, 1.0}
        pictures.append(seen[0])
    assert not np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("size", [0.1, 0.2])
def test_dots_are_squares_that_lie_everywhere(size):
    """Few dots are apart: each covers the square of its size, and their centres are even over the sheet."""
    rows, columns = [], []
    for seed in range(200):
        picture = RandomDotStereogram(dotsize=size, dotdensity=size**2 / 4, seed=seed)(X, Y) != 0.5
        where_y, where_x = picture.any(axis=1), picture.any(axis=0)
        if Y[where_y].size and np.abs([*Y[where_y], *X[where_x]]).max() < 0.98:
            assert (np.ptp(Y[where_y]) + 0.01, np.ptp(X[where_x]) + 0.01) == pytest.approx((size, size), abs=0.011)
            rows.append(Y[where_y].mean())
            columns.append(X[where_x].mean())
    for places in (rows, columns):
        assert len(places) > 100
        assert np.mean(places) == pytest.approx(0, abs=4 * 0.6 / len(places) ** 0.5)
        assert np.std(places) == pytest.approx(0.98 * 2 / 12**0.5, rel=0.15)


def test_dots_cover_as_much_as_their_density_says():
    """Dots that lie at random leave exp(-density) of the sheet grey."""
    grey = [np.mean(RandomDotStereogram(dotsize=0.05, dotdensity=0.5, seed=seed)(X, Y) == 0.5) for seed in range(5)]
    assert np.mean(grey) == pytest.approx(math.exp(-0.5), abs=0.02)


@pytest.mark.parametrize("inner", [Composite, SeparatedComposite])
def test_a_pattern_moves_all_parts_of_its_parts(inner):
    """A sweeper moves and turns the Gaussians of a composite that it shows, although that stands at its origin."""
    x, y = np.linspace(-1, 1, 21), np.linspace(1, -1, 21)
    gaussian = Gaussian(x=0.1, y=0.0, size=0.2, aspect_ratio=3.0)
    swept = Sweeper(generator=inner(generators=[gaussian]), orientation=math.pi / 2, step=2.0, speed=0.2)
    wanted = Gaussian(x=-0.4, y=0.1, orientation=math.pi / 2, size=0.2, aspect_ratio=3.0)
    np.testing.assert_allclose(swept(x, y), wanted(x, y), atol=1e-12)


@pytest.mark.parametrize("beyond", [(0.2, 0.0), (0.0, 0.2), (-0.2, 0.2)])
def test_a_torus_is_as_large_as_a_sheet_of_unit_size_unless_said_otherwise(beyond):
    """A spot that leaves the sheet of side 1 on one side is that which enters on the other, along x and along y."""
    from topo_exp.engine.patterns import Gaussian
    from topo_exp.engine.patterns_moving import Periodic

    axis = (np.arange(20) + 0.5) / 20 - 0.5
    sign = np.sign(beyond)
    outside = sign * (0.5 + np.abs(beyond)) * (np.abs(beyond) > 0)
    inside = outside - sign
    spots = [Gaussian(size=0.05, aspect_ratio=1.0, x=x, y=y) for x, y in (outside, inside)]
    wrapped, plain = (Periodic(generator=spot)(axis, axis[::-1]) for spot in spots)
    np.testing.assert_allclose(wrapped, plain, atol=1e-6)
    assert wrapped.max() > 0.3
