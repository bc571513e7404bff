"""A projection type of a user's own: one class, whose other methods do nothing unless it defines them."""

import numpy as np
import pytest

from tests.contracts.networks import CONTRACTS, differences, network
from topo_exp.engine.projection import Projection
from topo_exp.typing import read_only_copy


class Pointwise(Projection):
    """One weight for each unit, multiplied with the mean of the source: the least that a projection defines."""

    def draw_initial(self, streams):
        """Start with equal weights."""
        self._weights = np.ones(self.dest.shape)

    @property
    def weights(self):
        """(rows, columns) of the destination."""
        return read_only_copy(self._weights)

    def _weights_of(self, unit):
        """Return the weight of one unit, as a field."""
        return np.full(self.geometry.template.shape, self._weights.ravel()[unit])

    def respond(self, source):
        """Return each unit's weight times the mean of the source."""
        return self._weights * np.asarray(source).mean()


class LearningPointwise(Pointwise):
    """The same with learning, normalisation and a state."""

    def learn(self, activity, moment):
        """Increase weights of active units."""
        self.record_undo()
        self._weights = self._weights + 0.1 * activity

    def normalize(self, units):
        """Divide all weights by their mean."""
        self.record_undo()
        self._weights = self._weights / self._weights.mean()

    def weights_state(self):
        """Return the weights."""
        return {"weights": self._weights.copy()}

    def restore_weights(self, state):
        """Set the weights."""
        if "weights" in state:
            self._weights = state["weights"].copy()


@pytest.mark.parametrize("kind", [Pointwise, LearningPointwise])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_projection_types_of_a_users_own_keep_every_promise(kind, contract):
    """A network with such a projection keeps every promise."""
    CONTRACTS[contract](network(projection=kind))


def test_weights_that_it_learns_are_stored_and_frozen():
    """Its state is part of the simulation's, and is restored on leaving `frozen`."""
    sim = network(projection=LearningPointwise)("compiled")
    sim.run(3)
    before = sim.state()
    assert before["projections/V1/Afferent/weights"].std() > 0
    with sim.frozen():
        sim.plastic = True
        sim.run(5)
        assert differences(before, sim.state()) != []
    assert differences(before, sim.state()) == []
