"""The LISSOM family: one V1 that maps several features at once."""

from itertools import product
from typing import NamedTuple

import numpy as np
import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.patterns import Gaussian, Pattern, SeparatedComposite, random_orientation, uniform_over
from topo_exp.engine.patterns_moving import Sweeper
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import LogUniformRandom
from topo_exp.models._inputs import number_of_patterns
from topo_exp.models._lissom import (
    AFFERENT_RADIUS,
    AFFERENT_RATE,
    INPUT_ASPECT_RATIO,
    INPUT_SIZE,
    LGN_AFFERENT_RADIUS,
    LOWER,
    MIN_SEPARATION,
    UPPER,
    add_channel,
    add_v1,
    cloud_projection,
    connect_laterally,
    schedule_development,
)
from topo_exp.models._two_eyes import DISPARITY_UNIT, EYES, brightness, displaced

SPEEDS = (0.0, 1 / 24, 2 / 24, 3 / 24)
LGN_STRENGTHS = (2.33, 2.38, 2.53, 2.80)
"""Strength of the LGN at these speeds of the inputs; fields that have learnt motion overlap less with a moving one."""


class Channel(NamedTuple):
    """One sheet of the LGN: an eye, a step of time, ON or OFF, and a spatial scale."""

    eye: str
    lag: str
    polarity: str
    scale: int

    @property
    def sheet(self) -> str:
        """The name of the sheet."""
        return f"{self.eye}LGN{self.polarity}{self.lag}{self._suffix}"

    @property
    def projection(self) -> str:
        """The name of the projection to V1."""
        return f"{self.eye}LGN{self.polarity}Afferent{self.lag}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return "" if self.scale == 1 else f"SF{self.scale}"


class Lissom(param.Parameterized):
    """LISSOM: maps of position, orientation, ocular dominance, direction, disparity and spatial frequency.

    Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, Springer, chapter 5; the
    Topographica example of the same name. Each feature adds input: `od` and `dy` a second eye, which sees inputs of
    another brightness or at another place; `dr` a retina for each of several steps of time, which show the moments of
    a movement side by side; `sf` an LGN of larger fields for each further scale. V1 gets input from all sheets of the
    LGN, normalised jointly, so that they compete for its units. Expected outcome: with `or` an orientation map; with
    `od` stripes that prefer one eye; with `dr` patches that prefer one direction of motion, which change to the
    opposite one within an orientation patch; with `dy` patches of different disparity. With `sf`
    and `sf_spacing=4`, patches that prefer high or low spatial frequencies; with a spacing of 2, the default, each
    input excites both scales nearly alike, and all units prefer nearly the same frequency.

    Sizes of inputs for `sf` are drawn evenly over octaves, in the example evenly over sizes.
    """

    dims = param.ListSelector(
        default=["or", "od", "dr", "dy"],
        objects=["xy", "or", "od", "dr", "dy", "sf"],
        doc="Features in which inputs differ: xy position (always), or orientation, od ocular dominance, dr direction, "
        "dy disparity, sf spatial frequency.",
    )
    num_inputs = param.Integer(1, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0."
    )
    retina_density = param.Number(
        None,
        allow_None=True,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Units of the retinas per unit of length; None takes 24, with dy 48.",
    )
    lgn_density = param.Number(
        24.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the LGN sheets per unit of length."
    )
    cortex_density = param.Number(
        48.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )
    scale = param.Number(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Mean brightness of the inputs.")
    dim_fraction = param.Number(
        1.0, bounds=(0, 1), doc="od: fraction by which brightness differs between the eyes, 1 for up to all of it."
    )
    max_disparity = param.Number(
        4.0, bounds=(0, None), doc="dy: largest difference of an input's place between the eyes, in units of 1/24."
    )
    num_lags = param.Integer(4, bounds=(2, None), doc="dr: steps of time that are seen at once.")
    speed = param.Number(2 / 24, bounds=(0, None), doc="dr: distance that inputs move in a step, in sheet coordinates.")
    sf_channels = param.Integer(2, bounds=(2, None), doc="sf: spatial scales.")
    sf_spacing = param.Number(
        2.0,
        bounds=(1, None),
        inclusive_bounds=(False, True),
        doc="sf: size of the fields of one scale over the last; 4 for a map.",
    )
    aff_strength = param.Number(1.0, bounds=(0, None), doc="Strength of the afferent projections to V1.")
    exc_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral excitation.")
    inh_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral inhibition.")
    input_seed = param.Integer(500, bounds=(1, None), doc="Seed of the inputs.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("lissom")
        channels = [Channel(*parts) for parts in product(self._eyes, self._lags, ("On", "Off"), self._scales)]
        for eye, lag in product(self._eyes, self._lags):
            self._add_retina(sim, eye, lag)
        for channel in channels:
            self._add_lgn(sim, channel)
        add_v1(sim, density=self.cortex_density, area=self.area, lower=LOWER, upper=UPPER)
        for channel in channels:
            projection = cloud_projection(
                channel.projection,
                strength=self.aff_strength,
                rate=AFFERENT_RATE / (len(channels) / len(self._scales)),  # as in the example: the scales share no rate
                radius=AFFERENT_RADIUS * self._magnification(channel.scale),
                delay=0.05,
                norm_group="Afferent",
            )
            sim.connect(channel.sheet, "V1", projection)
        connect_laterally(sim, excitation=self.exc_strength, inhibition=self.inh_strength)
        afferents = [channel.projection for channel in channels]
        schedule_development(sim, afferents=afferents, lower=LOWER, upper=UPPER, num_inputs=self.num_inputs)
        return sim

    @property
    def _eyes(self) -> tuple[str, ...]:
        return EYES if {"od", "dy"} & set(self.dims) else ("",)

    @property
    def _lags(self) -> tuple[str, ...]:
        return tuple(str(lag) for lag in range(self.num_lags)) if "dr" in self.dims else ("",)

    @property
    def _scales(self) -> range:
        return range(1, 1 + (self.sf_channels if "sf" in self.dims else 1))

    def _magnification(self, scale: int) -> float:
        """Return the size of the fields of a scale over those of the first."""
        return float(self.sf_spacing ** (scale - 1))

    def _add_retina(self, sim: Simulation, eye: str, lag: str) -> None:
        """Add a retina that is large enough for the fields of all units of all scales."""
        largest = self._magnification(self._scales[-1])
        density = self.retina_density or (48.0 if "dy" in self.dims else 24.0)
        sim.add(
            GeneratorSheet(
                name=f"{eye}Retina{lag}",
                nominal_density=density,
                nominal_bounds=BoundingBox(radius=self.area / 2.0 + (AFFERENT_RADIUS + LGN_AFFERENT_RADIUS) * largest),
                input_generator=self._inputs(eye, lag),
            )
        )

    def _add_lgn(self, sim: Simulation, channel: Channel) -> None:
        """Add the ON or OFF cells of one retina and scale."""
        magnification = self._magnification(channel.scale)
        speed = self.speed if "dr" in self.dims else 0.0
        add_channel(
            sim,
            channel.sheet,
            retina=f"{channel.eye}Retina{channel.lag}",
            sign=1.0 if channel.polarity == "On" else -1.0,
            density=self.lgn_density,
            radius=self.area / 2.0 + AFFERENT_RADIUS * magnification,
            strength=float(np.interp(speed, SPEEDS, LGN_STRENGTHS)),
            magnification=magnification,
        )

    def _inputs(self, eye: str, lag: str) -> Pattern:
        """Return the inputs of one eye: Gaussians, moved by so many steps across their length, and by the disparity."""
        number = number_of_patterns(self.num_inputs * self.area * self.area)
        seeds = range(self.input_seed, self.input_seed + 6 * number, 6)
        shown: Pattern = SeparatedComposite(
            generators=[self._gaussian(eye, seed=seed) for seed in seeds], min_separation=MIN_SEPARATION
        )
        if "dr" in self.dims:
            orientation = random_orientation(seed=self.input_seed - 1)
            shown = Sweeper(generator=shown, step=int(lag), speed=self.speed, orientation=orientation)
        if "dy" in self.dims:
            bound = self.max_disparity * DISPARITY_UNIT / 2.0
            shown = displaced(shown, eye=eye, bound=bound, seed=self.input_seed + 1)
        return shown

    def _gaussian(self, eye: str, *, seed: int) -> Gaussian:
        """Return one input of one eye, from the six seeds that begin with `seed`."""
        radius = self.area / 2.0 + 0.25
        oriented, moving = "or" in self.dims, "dr" in self.dims
        size = INPUT_SIZE if oriented else 3.0 * INPUT_SIZE
        largest = size * self._magnification(self._scales[-1])
        brightens = "od" in self.dims
        return Gaussian(
            x=uniform_over(radius - DISPARITY_UNIT if "dy" in self.dims else radius, seed=seed),
            y=uniform_over(radius, seed=seed + 2),
            orientation=0.0 if moving else random_orientation(seed=seed + 3),  # a moving one is turned as a whole
            size=LogUniformRandom(lbound=size, ubound=largest, seed=seed + 4) if largest > size else size,
            aspect_ratio=INPUT_ASPECT_RATIO if oriented else 1.0,
            scale=brightness(eye, mean=self.scale, variation=self.dim_fraction, seed=seed + 5)
            if brightens
            else self.scale,
        )
