"""The four models of Stevens et al. 2013: L, AL, GCL and GCAL."""

from typing import Any

import param

from topo_exp.engine.actions import ShowPattern
from topo_exp.engine.patterns import (
    Composite,
    Disk,
    Image,
    Pattern,
    UniformNoise,
    random_orientation,
    uniform_over,
)
from topo_exp.engine.simulation import REFERENCE_SEED, Simulation
from topo_exp.engine.streams import UniformRandom
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.models._images import DeadLeaves, ImageFolder, VerticalBlur
from topo_exp.models._onoff_v1 import add_lgn, add_retina, add_v1, elongated_gaussians

_POSITIVE: dict[str, Any] = {"bounds": (0, None), "inclusive_bounds": (False, True)}
_NOT_NEGATIVE: dict[str, Any] = {"bounds": (0.0, None)}


class Gcal(param.Parameterized):
    """The L, AL, GCL and GCAL models: orientation maps with and without gain control and homeostasis.

    Stevens, Law, Antolík & Bednar 2013, J Neurosci 33:15747, doi:10.1523/JNEUROSCI.1037-13.2013. Both switches on is
    GCAL, both off is L. Expected outcome: only GCAL develops a stable, selective map at every contrast; L stays silent
    at low contrast, and L and AL change their maps without end at high contrast.
    """

    gain_control = param.Boolean(True, doc="Whether the LGN divides its response by that of its surroundings.")
    homeostasis = param.Boolean(True, doc="Whether V1 adapts its thresholds to a target activity.")
    contrast = param.Number(20, bounds=(0, 100), doc="Brightness of the inputs, in percent.")
    input_seed = param.Integer(42, doc="Seed of the places and orientations of the inputs.")
    weight_seed = param.Integer(
        None, allow_None=True, bounds=(0, None), doc="Seed of the initial weights; None takes the published stream."
    )
    t_init = param.Number(0.20, doc="Threshold of V1 at the start, and for good without homeostasis.")
    dataset = param.Selector(
        default="Gaussian",
        objects=["Gaussian", "images", "rearing"],
        doc="Inputs: oriented Gaussians, patches of images, or of images blurred as seen through goggles that pass "
        "vertical contours only.",
    )
    image_folder = param.String(
        None, allow_None=True, doc="Folder of the images for dataset=images and rearing; None generates a set of them."
    )
    retinal_waves = param.Integer(0, bounds=(0, None), doc="Iterations of noisy disks before the dataset is shown.")
    percent_noise = param.Number(50, bounds=(0, None), doc="Noise of the disks, in percent of their brightness.")
    num_inputs = param.Integer(2, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(1.0, **_POSITIVE, doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0.")
    retina_density = param.Number(24.0, **_POSITIVE, doc="Units of the retina per unit of length.")
    lgn_density = param.Number(24.0, **_POSITIVE, doc="Units of the LGN sheets per unit of length.")
    cortex_density = param.Number(49.0, **_POSITIVE, doc="Units of V1 per unit of length.")
    aff_strength = param.Number(1.5, **_NOT_NEGATIVE, doc="Strength of the afferent projections to V1.")
    exc_strength = param.Number(1.7, **_NOT_NEGATIVE, doc="Strength of lateral excitation in V1.")
    inh_strength = param.Number(1.4, **_NOT_NEGATIVE, doc="Strength of lateral inhibition in V1.")
    aff_lr = param.Number(0.1, **_NOT_NEGATIVE, doc="Learning rate of the afferent projections to V1.")
    exc_lr = param.Number(0.0, **_NOT_NEGATIVE, doc="Learning rate of lateral excitation in V1.")
    inh_lr = param.Number(0.3, **_NOT_NEGATIVE, doc="Learning rate of lateral inhibition in V1.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("gcal", seed=REFERENCE_SEED if self.weight_seed is None else self.weight_seed)
        inputs = self._inputs()
        first = self._noisy_disks() if self.retinal_waves else inputs
        add_retina(sim, area=self.area, density=self.retina_density, input_generator=first)
        add_lgn(sim, area=self.area, density=self.lgn_density, strength=2.33 * 6.0, gain_control=self.gain_control)
        add_v1(
            sim,
            area=self.area,
            density=self.cortex_density,
            response=HomeostaticResponse(t_init=self.t_init, learning_rate=0.01 if self.homeostasis else 0.0),
            lgn_delay=0.05 if self.gain_control else 0.10,  # V1 hears of the LGN at the same time either way
            aff_strength=self.aff_strength,
            exc_strength=self.exc_strength,
            inh_strength=self.inh_strength,
            aff_lr=self.aff_lr,
            exc_lr=self.exc_lr,
            inh_lr=self.inh_lr,
        )
        if self.retinal_waves:
            sim.schedule(self.retinal_waves, ShowPattern(sheet="Retina", pattern=inputs))
        return sim

    def _inputs(self) -> Pattern:
        brightness = self.contrast / 100.0
        if self.dataset == "Gaussian":
            return elongated_gaussians(
                area=self.area, num_inputs=self.num_inputs, scale=brightness, seed=self.input_seed
            )
        images = ImageFolder(path=self.image_folder) if self.image_folder else DeadLeaves()
        rearing = self.dataset == "rearing"
        radius = self.area / 2.0 + 0.25
        return Image(
            images=VerticalBlur(images=images) if rearing else images,
            index=UniformRandom(seed=self.input_seed + 76),
            x=uniform_over(radius, seed=self.input_seed + 12),
            y=uniform_over(radius, seed=self.input_seed + 36),
            # turning the patches would undo the bias that rearing is about
            orientation=0.0 if rearing else random_orientation(seed=self.input_seed + 65),
            scale=brightness,
            size=10.0,
        )

    def _noisy_disks(self) -> Pattern:
        noise = self.percent_noise / 100.0
        disk = Disk(
            x=uniform_over(2.125, seed=self.input_seed + 12),
            y=uniform_over(2.125, seed=self.input_seed + 36),
            size=2.0,
            smoothing=0.1,
            scale=1.0 / (1.0 + noise),
        )
        return Composite(
            generators=[disk, UniformNoise(scale=noise / (1.0 + noise))], operator="add", scale=self.contrast / 100.0
        )
