"""Patterns: every member of the family, as input and as initial weights."""

import math
from typing import Any

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, network
from topo_exp.engine import (
    patterns,
    patterns_arcs,
    patterns_gaussians,
    patterns_gratings,
    patterns_images,
    patterns_moving,
    patterns_noise,
    patterns_shapes,
)
from topo_exp.engine.patterns import (
    Composite,
    Constant,
    Disk,
    Gaussian,
    GaussianCloud,
    Line,
    Noise,
    Pattern,
    SeparatedComposite,
    SineGrating,
    UniformNoise,
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
from topo_exp.engine.patterns_images import Image
from topo_exp.engine.patterns_moving import Periodic, Selector, Sweeper, Translator
from topo_exp.engine.patterns_noise import BinaryNoise, NormalNoise, RandomDotStereogram
from topo_exp.engine.patterns_shapes import (
    AboutOrigin,
    Angle,
    Asterisk,
    HalfPlane,
    RawRectangle,
    Rectangle,
    Ring,
    Sigmoid,
)
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.streams import UniformRandom
from topo_exp.errors import ModelError, ParameterError

MODULES = (
    patterns,
    patterns_arcs,
    patterns_gaussians,
    patterns_gratings,
    patterns_images,
    patterns_moving,
    patterns_noise,
    patterns_shapes,
)
ABSTRACT = {"Noise", "AboutOrigin"}
PLACE: dict[str, Any] = {"x": 0.1, "y": -0.05, "orientation": 0.4, "scale": 0.9, "offset": 0.05}
EXAMPLES: dict[str, Any] = {
    "Constant": lambda: Constant(scale=0.3),
    "Gaussian": lambda: Gaussian(size=0.4, aspect_ratio=2.0, **PLACE),
    "SineGrating": lambda: SineGrating(frequency=1.5, phase=0.5, **PLACE),
    "Disk": lambda: Disk(size=0.4, aspect_ratio=1.5, **PLACE),
    "Line": lambda: Line(thickness=0.2, **PLACE),
    "UniformNoise": lambda: UniformNoise(seed=3, scale=0.8, offset=0.1),
    "GaussianCloud": lambda: GaussianCloud(seed=3, size=0.6, **PLACE),
    "DifferenceOfGaussians": lambda: DifferenceOfGaussians(positive_size=0.2, negative_size=0.6, offset=0.1),
    "NormalNoise": lambda: NormalNoise(seed=3, mean=0.4, deviation=0.1, scale=0.8, offset=0.1),
    "BinaryNoise": lambda: BinaryNoise(on_probability=0.3, scale=0.8, offset=0.1),
    "RandomDotStereogram": lambda: RandomDotStereogram(seed=3, dotsize=0.3, xdisparity=0.05),
    "Selector": lambda: Selector(
        generators=[Gaussian(size=0.3), Disk(x=0.2, size=0.2), Line(thickness=0.1)], index=uniform_over(0.5, seed=2)
    ),
    "Sweeper": lambda: Sweeper(generator=Gaussian(size=0.3, aspect_ratio=2.0), step=2, speed=0.1, **PLACE),
    "Periodic": lambda: Periodic(generator=Gaussian(size=0.3, aspect_ratio=2.0), width=1.1, height=0.9, **PLACE),
    "Translator": lambda: Translator(
        generator=Disk(size=0.3), speed=0.1, reset_period=3.0, x=named_number("walk", seed=4), y=0.1, orientation=0.3
    ),
    "Image": lambda: Image(images=functions.two_images, index=0.7, size=1.2, **PLACE),
    "Composite": lambda: Composite(generators=[Gaussian(size=0.3), Disk(x=0.2, size=0.2)], operator="add", scale=0.7),
    "SeparatedComposite": lambda: SeparatedComposite(
        generators=[Gaussian(x=uniform_over(0.3, seed=i), size=0.2) for i in range(2)], min_separation=0.2
    ),
}
PLAIN = {
    "Angle": lambda: Angle(angle=0.5, size=0.4, thickness=0.2, **PLACE),
    "Arc": lambda: Arc(size=0.4, thickness=0.2, arc_length=4.0, **PLACE),
    "ArcCentered": lambda: ArcCentered(size=0.4, thickness=0.2, **PLACE),
    "Asterisk": lambda: Asterisk(parts=5, thickness=0.2, **PLACE),
    "ConcentricRings": lambda: ConcentricRings(size=0.3, thickness=0.1, **PLACE),
    "Curve": lambda: Curve(curvature=0.3, thickness=0.2, **PLACE),
    "Gabor": lambda: Gabor(size=0.5, **{**PLACE, "offset": 0.5}),
    "HalfPlane": lambda: HalfPlane(smoothing=0.2, **PLACE),
    "HyperbolicGrating": lambda: HyperbolicGrating(size=0.3, thickness=0.1, **PLACE),
    "LogGaussian": lambda: LogGaussian(size=0.3, aspect_ratio=1.5, **PLACE),
    "OrientationContrast": lambda: OrientationContrast(orientationsurround=1.0, sizesurround=0.8, **PLACE),
    "RadialGrating": lambda: RadialGrating(parts=3, **PLACE),
    "RawRectangle": lambda: RawRectangle(size=0.3, aspect_ratio=2.0, **PLACE),
    "Rectangle": lambda: Rectangle(size=0.3, aspect_ratio=2.0, **PLACE),
    "Ring": lambda: Ring(size=0.5, thickness=0.1, **PLACE),
    "Sigmoid": lambda: Sigmoid(slope=3.0, **{**PLACE, "offset": 1.0}),
    "SigmoidedDoG": lambda: SigmoidedDoG(positive_size=0.4, negative_size=1.2, **{**PLACE, "offset": 0.1}),
    "Spiral": lambda: Spiral(turning=0.1, thickness=0.1, **PLACE),
    "SpiralGrating": lambda: SpiralGrating(turning=0.1, thickness=0.1, parts=2, **PLACE),
    "SquareGrating": lambda: SquareGrating(frequency=1.5, duty_cycle=0.3, **PLACE),
    "Wedge": lambda: Wedge(size=1.0, **PLACE),
}
"""Functions of the place as `Gaussian` and `Disk` are, to the engine."""
EXAMPLES |= PLAIN
OTHERS = {
    "a user's own": lambda: functions.Ring(radius=0.25, x=0.1),
    "numbers that vary": lambda: functions.Ring(radius=uniform_over(0.3, seed=3), x=uniform_over(0.1, seed=4)),
    "noise on a torus": lambda: Periodic(generator=GaussianCloud(seed=4, size=0.5), width=1.1, height=0.9),
    "noise among others": lambda: Composite(generators=[UniformNoise(seed=4), Gaussian(size=0.4)], operator="max"),
    "composites of composites": lambda: SeparatedComposite(
        generators=[
            Sweeper(generator=Gaussian(size=0.3), x=uniform_over(0.3, seed=i), step=i, speed=0.2) for i in range(2)
        ],
        min_separation=0.2,
        orientation=0.5,
    ),
}
EXAMPLES_AND_OTHERS = {**EXAMPLES, **OTHERS}
NOISY = (
    "UniformNoise",
    "GaussianCloud",
    "noise on a torus",
    "noise among others",
    "NormalNoise",
    "BinaryNoise",
    "RandomDotStereogram",
)
NORMALISED = ("DifferenceOfGaussians", "LogGaussian", "SigmoidedDoG")
OF_THE_CELLS = (*NOISY, *NORMALISED)
"""Patterns whose values depend on the cells that they are evaluated on."""
VARYING = ("SeparatedComposite", "numbers that vary", "Selector", "Translator", "composites of composites")
X = np.linspace(-0.5, 0.5, 9)
Y = np.linspace(0.4, -0.4, 7)


def named_number(name: str, *, seed: int) -> UniformRandom:
    """Return a number that is a function of the time."""
    return UniformRandom(name=name, lbound=-0.2, ubound=0.2, seed=seed, time_dependent=True)


def test_every_pattern_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    family = {name for module in MODULES for name in members(module, base=Pattern)}
    assert missing(family - ABSTRACT, EXAMPLES) == []


@pytest.mark.parametrize("cls", [Pattern, Noise])
def test_abstract_patterns_say_what_is_to_be_defined(cls):
    """A pattern that does not define its values is refused when it is evaluated."""
    with pytest.raises(ModelError, match=rf"{cls.__name__}\.\w+: must be defined by every pattern"):
        cls()(X, Y)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if issubclass(type(EXAMPLES[name]()), AboutOrigin)])
def test_patterns_about_the_origin_can_be_moved(name):
    """With about_origin=False, a pattern that stays at the origin by default stands at (x, y)."""
    fixed, moved = EXAMPLES[name](), EXAMPLES[name]()
    moved.about_origin = False
    np.testing.assert_allclose(moved(X + fixed.x, Y + fixed.y), fixed(X, Y), atol=1e-9)
    assert np.abs(moved(X, Y) - fixed(X, Y)).max() > 0.01


@pytest.mark.parametrize("name", EXAMPLES)
def test_patterns_are_declared(name):
    """Every member says what it is and documents every parameter; the library's members cite their source."""
    cls = type(EXAMPLES[name]())
    assert_declared(cls, source=cls.__module__ not in (patterns.__name__, patterns_images.__name__))


@pytest.mark.parametrize("name", [name for name in EXAMPLES_AND_OTHERS if name not in VARYING])
def test_patterns_are_functions_of_the_place(name):
    """A pattern of plain numbers gives the same finite array (rows, columns) again, and leaves its arguments alone."""
    pattern, x, y = EXAMPLES_AND_OTHERS[name](), X.copy(), Y.copy()
    declared = pattern.param.values()
    first, second = pattern(x, y), EXAMPLES_AND_OTHERS[name]()(x, y)
    assert first.shape == (7, 9)
    assert first.dtype == np.float64
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert pattern.param.values() == declared


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in VARYING])
def test_scale_and_offset_mean_the_same_everywhere(name):
    """With scale s and offset o every pattern's values are s f + o, f being its values with scale 1 and offset 0."""
    plain, changed = EXAMPLES[name](), EXAMPLES[name]()
    plain.scale, plain.offset = 1.0, 0.0
    changed.scale, changed.offset = -0.5, 0.3
    np.testing.assert_allclose(changed(X, Y), -0.5 * plain(X, Y) + 0.3, atol=1e-12)


@pytest.mark.parametrize(
    ("contract", "name"),
    [(contract, name) for contract in CONTRACTS for name in EXAMPLES_AND_OTHERS if name not in PLAIN]
    + [("its script rebuilds it", name) for name in PLAIN],
)
def test_patterns_keep_every_promise(name, contract):
    """A network that is shown the pattern, and whose weights begin as it, keeps every promise.

    Patterns that are plain functions of the place are all the same to the engine: their script is enough.
    """
    pattern = EXAMPLES_AND_OTHERS[name]
    build = network(retina={"input_generator": pattern}, lateral={"weights_generator": pattern})
    CONTRACTS[contract](build)


@pytest.mark.parametrize(
    ("projection", "name"),
    [(CFProjection, name) for name in EXAMPLES_AND_OTHERS if name not in VARYING]
    + [(SharedWeightCFProjection, name) for name in EXAMPLES_AND_OTHERS if name not in (*VARYING, *OF_THE_CELLS)],
)
def test_weights_begin_as_the_pattern_says(name, projection):
    """Before they are normalised, a unit's weights are the pattern centred on it, where that needs no chance."""
    pattern = EXAMPLES_AND_OTHERS[name]()
    noisy, normalised = name in NOISY, name in NORMALISED
    keep = (
        {"normalize_weights": False}
        if projection is SharedWeightCFProjection
        else {"weights_output_fn": functions.identity, "learning_rate": 0.0}
    )
    sim = network(projection=projection, afferent={"weights_generator": pattern, **keep})("reference")
    field, sheet = sim["V1"].projections["Afferent"].cf(4, 3), sim["V1"]
    if projection is SharedWeightCFProjection:
        retina = sim["Retina"]
        rows, columns = retina.shape
        centre = retina.x[columns // 2], retina.y[rows // 2]
        r1, r2, c1, c2 = field.slice
        shape = sim["V1"].projections["Afferent"].geometry.template.shape
        assert (r2 - r1, c2 - c1) == shape
        half_rows, half_columns = shape[0] // 2, shape[1] // 2
        x = retina.x[columns // 2 - half_columns :][: shape[1]] - centre[0]
        y = retina.y[rows // 2 - half_rows :][: shape[0]] - centre[1]
    else:
        x, y = field.x - sheet.x[3], field.y - sheet.y[4]
    expected = np.where(field.mask, pattern(x, y), 0)
    if noisy:
        low, high = pattern.offset, pattern.offset + abs(pattern.scale)
        if name != "NormalNoise":
            assert field.weights[field.mask].min() >= min(low, 0) - 1e-6
            assert field.weights.max() <= high + 1e-6
        assert np.ptp(field.weights[field.mask]) > 0
    elif normalised:
        assert field.weights.std() > 0
    else:
        np.testing.assert_allclose(field.weights, expected, atol=1e-6)


def test_weights_may_vary_from_unit_to_unit():
    """Numbers of a weight pattern that vary are drawn anew for each unit, in row-major order."""
    turned = SineGrating(orientation=uniform_over(math.pi, seed=5), frequency=3.0)
    sim = network(afferent={"weights_generator": turned, "learning_rate": 0.0})("compiled")
    fields = sim["V1"].projections["Afferent"].weights
    middle = [fields[8 * 4 + column] for column in (2, 3, 4, 5)]
    assert all(np.abs(a - b).max() > 0.01 for i, a in enumerate(middle) for b in middle[:i])


class Flat(Pattern):
    """A pattern that forgets the shape."""

    def function(self, values, px, py):
        """Return one number."""
        return 1.0


@pytest.mark.parametrize(
    ("mistake", "error", "says"),
    [
        (lambda: Flat()(X, Y), ModelError, r"Flat.*function must return .* of shape \(7, 9\)"),
        (lambda: Pattern()(X, Y), ModelError, r"Pattern\.function: must be defined"),
        (lambda: Image()(X, Y), ModelError, r"Image\.images: must be a function"),
        (lambda: Image(images=lambda: np.zeros((3, 3)))(X, Y), ModelError, r"Image\.images.*got shape \(3, 3\)"),
        (lambda: Gaussian(x=uniform_over(1, seed=1))(X, Y), ParameterError, r"Gaussian\.x: must be a plain number"),
        (lambda: Selector()(X, Y), ModelError, r"Selector\.generators: must hold at least one pattern"),
        (lambda: RandomDotStereogram(seed=None)(X, Y), ParameterError, r"RandomDotStereogram\.seed: must be a number"),
        (
            lambda: Translator(generator=Gaussian(x=uniform_over(1, seed=1)))(X, Y),
            ParameterError,
            r"pattern\.generator\.x: must be plain or a function of time",
        ),
        (lambda: Gaussian(size=0), ParameterError, r"Gaussian\.size"),
        (lambda: Gaussian(size=float("nan")), ParameterError, r"Gaussian\.size"),
    ],
)
def test_mistakes_are_named(mistake, error, says):
    """A pattern that cannot be evaluated says which it is and what is wrong with it."""
    with pytest.raises(error, match=says):
        mistake()


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        (Constant(), 1.0),
        (Disk(smoothing=0.0), math.pi / 4),
        (RawRectangle(aspect_ratio=0.5), 0.5),
        (Rectangle(aspect_ratio=0.5, smoothing=0.0, orientation=math.pi / 2), 0.5),
        (Wedge(size=math.pi, smoothing=0.0), 0.5),
        (HalfPlane(smoothing=0.0, orientation=0.7), 0.5),
        (Composite(generators=[HalfPlane(orientation=o) for o in (0.0, math.pi / 2)], operator="min"), 0.25),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Pattern) else "",
)
def test_patterns_are_shapes_of_fields(shape, share):
    """As a cf_shape, a pattern whose size is its extent is sized to the field; an angle stays the angle that it is."""
    sim = network(retina={"nominal_density": 40.0}, afferent={"cf_shape": shape})("reference")
    mask = sim["V1"].projections["Afferent"].template_mask
    assert mask.shape == (25, 25)
    assert mask.mean() == pytest.approx(share, abs=0.04)


def test_a_size_that_is_no_extent_is_declared():
    """Of the shapes with a size, those are sized to a field whose size is their extent: no width, spacing or angle."""
    family = {name: cls for module in MODULES for name, cls in members(module, base=Pattern).items()}
    assert {name for name, cls in family.items() if "size" in cls.param and not cls.size_is_extent} == {
        "ConcentricRings",  # spacing
        "DifferenceOfGaussians",  # its Gaussians have sizes of their own
        "HyperbolicGrating",  # spacing
        "Image",  # beyond its size it is continued
        "LogGaussian",  # unit of its axes
        "SigmoidedDoG",
        "Wedge",  # angle
    }
