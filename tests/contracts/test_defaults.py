"""The numbers and switches that a declaration has if it is given none."""

import math

import param
import pytest

from tests.contracts.test_families import DECLARED
from topo_exp.engine.streams import Real

DEFAULTS = {
    "Angle": {"angle": math.pi / 4, "size": 0.5, "smoothing": 0.05, "thickness": 0.05},
    "Arc": {"arc_length": math.pi, "aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.05, "thickness": 0.015},
    "ArcCentered": {"arc_length": math.pi, "aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.05, "thickness": 0.015},
    "Asterisk": {"parts": 3, "size": 0.5, "smoothing": 0.015, "thickness": 0.05},
    "BCM": {"smoothing": 0.99, "t_init": 0.0},
    "BCMFixed": {"unit_threshold": 0.5},
    "BinaryNoise": {"on_probability": 0.5},
    "BinaryThreshold": {"t": 0.25},
    "CFProjection": {"learning_rate": 0.0},
    "CFSheet": {"measure_maps": True, "plastic": True},
    "CPCA": {"m": 1.0},
    "Cartesian2Polar": {"degrees": False},
    "ComplexLogarithm": {"a": 1.0, "k": 1.0},
    "Composite": {"operator": "max"},
    "ConcentricRings": {"aspect_ratio": 1.0, "size": 0.4, "smoothing": 0.05, "thickness": 0.04},
    "Covariance": {"input_threshold": 0.15, "unit_threshold": 0.15},
    "Curve": {"aspect_ratio": 1.0, "curvature": 0.5, "size": 0.5, "smoothing": 0.015, "thickness": 0.05},
    "DifferenceOfGaussians": {
        "negative_aspect_ratio": 1.0,
        "negative_size": 0.2954,
        "negative_x": 0.0,
        "negative_y": 0.0,
        "positive_aspect_ratio": 1.0,
        "positive_size": 0.07385,
        "positive_x": 0.0,
        "positive_y": 0.0,
        "size": 1.0,
    },
    "Disk": {"aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.1},
    "Divide": {"constant": 1.0},
    "DivisiveNormalizeL1": {"single_precision": False},
    "ElasticNet": {"alpha": 0.2, "beta": 0.25, "distance_scale": 0.2, "jitter": 0.1},
    "ExponentialDecay": {"minimum": 0.0, "start": 1.0, "time_constant": 10000.0},
    "Gabor": {"aspect_ratio": 2.0, "frequency": 2.0, "phase": 0.0, "size": 0.25},
    "Gaussian": {"aspect_ratio": 1.0, "size": 0.5},
    "GaussianCloud": {"aspect_ratio": 1.0, "size": 0.5},
    "GeneralizedLogistic": {"b": 1.0, "l": 0.0, "m": 0.5, "r": 1.0, "u": 1.0},
    "GeneratorSheet": {"period": 1.0, "phase": 0.05},
    "HalfPlane": {"smoothing": 0.02},
    "HalfRectifyAndPower": {"e": 2.0, "t": 0.0},
    "HalfRectifyAndSquare": {"t": 0.0},
    "HomeostaticMaxEnt": {"a_init": 13.0, "b_init": -4.0, "eta": 0.0002, "mu": 0.01, "period": 1.0},
    "HomeostaticResponse": {
        "learning_rate": 0.01,
        "period": 1.0,
        "smoothing": 0.991,
        "t_init": 0.15,
        "target_activity": 0.024,
    },
    "HyperbolicGrating": {"aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.05, "thickness": 0.05},
    "Image": {"index": 0.0, "size": 10.0},
    "KernelMax": {"density": 1.0, "kernel_radius": 0.1, "periodic": False},
    "LeakyCFProjection": {"decay_rate": 1.0},
    "Line": {"smoothing": 0.05, "thickness": 0.006},
    "LogGaussian": {"aspect_ratio": 0.5, "size": 0.5, "x_shape": 0.8, "y_shape": 0.35},
    "LogUniformRandom": {"lbound": 0.1, "seed": 0, "ubound": 1.0},
    "Logistic": {"k": 0.0, "r": 1.0},
    "Magnification": {"e2": 0.5, "magnification": 1.0},
    "NakaRushton": {"c50": 0.1, "e": 1.0},
    "NearestGridPoint": {"spacing": 1.0},
    "NeighborhoodMask": {"radius": 0.05, "threshold": 1e-05},
    "NormalNoise": {"deviation": 1.0, "mean": 0.0},
    "Oja": {"alpha": 1.0},
    "OrientationContrast": {
        "frequency": 2.4,
        "offsetcenter": 0.0,
        "offsetsurround": 0.0,
        "orientationcenter": 0.0,
        "orientationsurround": 0.0,
        "phase": 0.0,
        "scalecenter": 1.0,
        "scalesurround": 1.0,
        "sizecenter": 0.5,
        "sizesurround": 1.0,
        "thickness": 0.5,
    },
    "Pattern": {"offset": 0.0, "orientation": 0.0, "scale": 1.0, "x": 0.0, "y": 0.0},
    "Periodic": {"height": 1.0, "width": 1.0},
    "PiecewiseLinear": {"lower": 0.0, "upper": 1.0},
    "Polar2Cartesian": {"degrees": False},
    "Projection": {"activity_group": 0.5, "delay": 0.05, "strength": 1.0},
    "RadialGrating": {"parts": 4, "smoothing": 0.8},
    "RandomDotStereogram": {"dotdensity": 0.5, "dotsize": 0.1, "xdisparity": 0.0, "ydisparity": 0.0},
    "RawRectangle": {"aspect_ratio": 1.0, "size": 0.5},
    "Rectangle": {"aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.05},
    "Ring": {"aspect_ratio": 1.0, "size": 0.5, "smoothing": 0.1, "thickness": 0.015},
    "ScaledCFProjection": {"smoothing": 0.999, "target": 0.045, "target_lr": 0.045},
    "Scaling": {"orientation": 0.0, "x_scale": 1.0, "x_shift": 0.0, "y_scale": 1.0, "y_shift": 0.0},
    "Selector": {"index": 0.0},
    "SeparatedComposite": {"max_trials": 50, "min_separation": 0.0},
    "SetRatePerConnection": {"rate": 0.0},
    "SettlingCFSheet": {"mask_init_time": 5, "tsettle": 8},
    "SharedWeightCFProjection": {"normalize_weights": True},
    "Sheet": {"measure_maps": False, "nominal_density": 10.0},
    "Sigmoid": {"slope": 10.0},
    "SigmoidedDoG": {
        "negative_aspect_ratio": 1.0,
        "negative_size": 1.0,
        "positive_aspect_ratio": 2.0,
        "positive_size": 1.0,
        "sigmoid_position": 0.05,
        "sigmoid_slope": 10.0,
        "size": 0.5,
    },
    "SineGrating": {"frequency": 2.4, "phase": 0.0},
    "Spiral": {"aspect_ratio": 1.0, "smoothing": 0.05, "thickness": 0.02, "turning": 0.05},
    "SpiralGrating": {"parts": 2, "smoothing": 0.05, "thickness": 0.02, "turning": 0.05},
    "SquareGrating": {"duty_cycle": 0.5, "frequency": 2.4, "phase": 0.0},
    "Sweeper": {"relative_motion_orientation": math.pi / 2, "speed": 0.25, "step": 1.0},
    "Trace": {"trace_strength": 0.5},
    "Translator": {"direction": 0.0, "reset_period": 1.0, "speed": 1.0},
    "UniformRandom": {"lbound": 0.0, "seed": 0, "time_dependent": False, "ubound": 1.0},
    "Wedge": {"aspect_ratio": 1.0, "size": math.pi / 4, "smoothing": 0.4},
    "AboutOrigin": {"about_origin": True},
}
"""By class, where a script or a stored network leaves them out: another default would silently be another network."""


def declared_defaults(cls):
    """Return the numbers, switches and choices that a class declares itself, with their defaults."""
    kinds = (param.Number, Real, param.Boolean, param.Selector)
    declared = {name: thing for name, thing in vars(cls).items() if isinstance(thing, kinds)}
    return {name: thing.default for name, thing in declared.items() if thing.default is not None}


@pytest.mark.parametrize("cls", sorted(DECLARED, key=lambda cls: cls.__name__))
def test_a_declaration_without_numbers_stays_the_same(cls):
    """Networks that leave a number out are the same in every version; a new default is named in CHANGELOG.md."""
    assert declared_defaults(cls) == DEFAULTS.get(cls.__name__, {})


@pytest.mark.parametrize("cls", sorted(DECLARED, key=lambda cls: cls.__name__))
def test_two_declarations_share_no_default(cls):
    """A function or list that one declaration has by default is its own: changing it changes no other declaration."""
    owned = (param.Parameterized, list, dict)
    mutable = [name for name in cls.param if isinstance(cls.param[name].default, owned)]
    first, second = (cls(name="x", time_dependent=False) if "time_dependent" in cls.param else cls() for _ in range(2))
    assert [name for name in mutable if getattr(first, name) is getattr(second, name)] == []
