"""The four models of Stevens et al. 2013: L, AL, GCL and GCAL."""

from typing import Any

import param

from topo_exp.engine.actions import ShowPattern
from topo_exp.engine.patterns import (
    Composite,
    Disk,
    Pattern,
    UniformNoise,
    random_orientation,
    uniform_over,
)
from topo_exp.engine.patterns_images import Image
from topo_exp.engine.simulation import REFERENCE_SEED, Simulation
from topo_exp.engine.streams import UniformRandom
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.models._images import DeadLeaves, ImageFolder, VerticalBlur
from topo_exp.models._onoff_v1 import OnOffV1


class Gcal(OnOffV1):
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
    cortex_density = param.Number(
        49.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )

    def __init__(self, **params: Any) -> None:
        """Check the images, too: a file that cannot be read is refused before a run starts."""
        super().__init__(**params)
        if self.image_folder is not None:
            ImageFolder(path=self.image_folder).check()

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("gcal", seed=REFERENCE_SEED if self.weight_seed is None else self.weight_seed)
        inputs = self._inputs()
        self.add_retina(sim, self._noisy_disks() if self.retinal_waves else inputs)
        self.add_lgn(sim, strength=2.33 * 6.0, gain_control=self.gain_control)
        self.add_v1(
            sim,
            response=HomeostaticResponse(t_init=self.t_init, learning_rate=0.01 if self.homeostasis else 0.0),
            lgn_delay=0.05 if self.gain_control else 0.10,  # V1 hears of the LGN at the same time either way
        )
        if self.retinal_waves:
            sim.schedule(self.retinal_waves, ShowPattern(sheet="Retina", pattern=inputs))
        return sim

    def _inputs(self) -> Pattern:
        brightness = self.contrast / 100.0
        if self.dataset == "Gaussian":
            return self.elongated_gaussians(scale=brightness, seed=self.input_seed)
        images = DeadLeaves() if self.image_folder is None else ImageFolder(path=self.image_folder)
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
