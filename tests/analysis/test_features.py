"""Features, and the patterns that they make."""

import math

import numpy as np
import pytest

from topo_exp.analysis import features as f
from topo_exp.engine.patterns import Disk, Gaussian, SineGrating
from topo_exp.errors import AnalysisError, ParameterError


def test_cyclic_range_leaves_out_its_end():
    """A cyclic range does not repeat its first value; a linear one has both ends."""
    assert f.orientation(4).values == pytest.approx([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
    assert f.orientation(4).period == pytest.approx(math.pi)
    assert f.position_x(-1, 1, 3).values == (-1, 0, 1)
    assert not f.position_x(-1, 1, 3).cyclic


@pytest.mark.parametrize(
    "make",
    [
        lambda: f.Feature("x", (1.0,)),
        lambda: f.Feature("size", ()),
        lambda: f.Feature("size", (1.0,), period=-1),
        lambda: f.Feature("size", (1.0,), period=0.0),
        lambda: f.Feature.spanning("size", 1, 1, steps=3),
        lambda: f.Feature.spanning("size", 0, 1, steps=0),
    ],
)
def test_impossible_features_are_refused(make):
    """A feature without values, with a taken name or an empty range is refused."""
    with pytest.raises(ParameterError, match="Feature"):
        make()


def test_stimulus_is_a_declared_pattern_of_plain_numbers():
    """Each feature sets the pattern's parameter of its name; the others stay as given."""
    stimulus = f.Stimulus(SineGrating, {"frequency": 2.4, "scale": 0.3})
    pattern = stimulus.at([f.orientation(), f.phase()], (0.5, 1.5), "Retina")
    assert isinstance(pattern, SineGrating)
    assert (pattern.orientation, pattern.phase, pattern.frequency, pattern.scale) == (0.5, 1.5, 2.4, 0.3)


def test_own_feature_with_own_modification():
    """A user's feature may change any parameters, knowing the input sheet."""
    feature = f.Feature("length", (1, 2), modify=lambda p, v, sheet: {**p, "aspect_ratio": v / p["size"]})
    assert f.Stimulus(Gaussian, {"size": 0.5}).at([feature], (2,), "Retina").aspect_ratio == 4


@pytest.mark.parametrize("direction", [0.0, 0.7, 2.0, 4.4, 6.0])
@pytest.mark.parametrize("pattern", [SineGrating, Gaussian])
def test_motion_moves_the_picture_along_its_direction(direction, pattern):
    """The picture of step 3 is that of step 0, moved by 3 times the speed along the direction."""
    fixed = {"frequency": 1.3, "phase": 0.4} if pattern is SineGrating else {"size": 0.3, "x": 0.1}
    motion = [f.direction(), f.speed([0.05])]
    first, later = (f.Stimulus(pattern, fixed).at(motion, (direction, 0.05), f"Retina{k}") for k in (0, 3))
    x, y = np.linspace(-1, 1, 7), np.linspace(1, -1, 5)
    moved = [
        [first(np.array([a]) - 0.15 * math.cos(direction), np.array([b]) - 0.15 * math.sin(direction))[0, 0] for a in x]
        for b in y
    ]
    np.testing.assert_allclose(later(x, y), moved, atol=1e-12)


def test_eyes_share_scale_and_phase():
    """Ocularity shares the scale between the eyes, disparity sets their phases apart."""
    stimulus = f.Stimulus(SineGrating, {"scale": 0.8, "phase": 1.0})
    eyes = [stimulus.at([f.ocularity(), f.disparity()], (0.25, 0.4), name) for name in ("LeftRetina", "RightRetina")]
    assert [eye.scale for eye in eyes] == pytest.approx([0.6, 0.2])
    assert [eye.phase for eye in eyes] == pytest.approx([1.2, 0.8])


def test_contrast_in_percent():
    """Contrast is the scale on a dark ground, or that of Michelson around a mean luminance."""
    dark = f.Stimulus(SineGrating).at([f.contrast([30])], (30,), "Retina")
    assert (dark.scale, dark.offset) == (0.3, 0.0)
    grey = f.Stimulus(SineGrating).at([f.contrast([30], mean_luminance=0.5)], (30,), "Retina")
    low, high = grey.offset, grey.offset + grey.scale
    assert (high - low) / (high + low) == pytest.approx(0.3)
    assert (high + low) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize(("feature", "named"), [(f.ocularity(), "Left"), (f.speed([1.0]), "Retina0")])
def test_models_without_eyes_or_motion_are_refused(feature, named):
    """A model without two eyes, or without steps of time, is refused with the names that are needed."""
    with pytest.raises(AnalysisError, match=named):
        f.Stimulus(Disk).at([feature], (0.5,), "Retina")
