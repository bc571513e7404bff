"""The clock, and what is to come."""

from fractions import Fraction

import numpy as np
import pytest

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.events import Events
from topo_exp.engine.moment import Moment
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import Streams


@pytest.fixture
def network():
    """A retina, and two sheets one behind the other of which the second also excites itself; ticks are 1/20."""
    sim = Simulation()
    sim.add(GeneratorSheet(name="Retina", nominal_density=4))
    for name in ("A", "B"):
        sim.add(CFSheet(name=name, nominal_density=4))
    for source, destination, delay in (("Retina", "A", 0.1), ("A", "B", 0.15), ("B", "B", 0.05)):
        field = CFProjection(name=f"{source}To{destination}", delay=delay, nominal_bounds=BoundingBox(radius=0.2))
        sim.connect(source, destination, field)
    sim.events.lay(sim.sheets)
    sim.events.limit = 100
    return sim


def test_moments_come_in_order_and_their_events_as_pushed(network):
    """What was pushed comes tick by tick, at one tick in the order in which it was pushed, up to the limit."""
    events, sheets = network.events, list(network.sheets.values())
    for tick, sheet in ((7, 0), (3, 1), (7, 2), (3, 0), (101, 0), (7, 1)):
        events.push(tick, sheets[sheet])
    seen = []
    while happening := events.next_moment():
        seen.append((events.tick, [sheets.index(sheet) for sheet, _, _ in happening]))
    assert seen == [(3, [1, 0]), (7, [0, 2, 1])]
    events.limit = 101
    assert len(events.next_moment()) == 1


def test_activity_arrives_after_its_delay(network):
    """Activity that is sent arrives at the destination when the projection's delay, and what it waits, have passed."""
    events, a, b = network.events, network["A"], network["B"]
    events.tick = 10
    events.send("activity", a.outgoing, later=2)
    assert events.next_moment() == [(b, b.projections["AToB"], "activity")]
    assert events.tick == 10 + 2 + 3


def test_finer_ticks_leave_every_event_at_its_time(network):
    """When a time needs finer ticks, what is to come stays where it was in time and order."""
    events = network.events
    events.push(7, network["A"])
    events.push(7, network["B"])
    before = events.state()
    events.refine([Fraction(1, 60)])
    assert events.ticks_per_unit == 60
    assert (
        events.state()
        == before
        == {
            "events/0000/time": np.array("7/20"),
            "events/0000/target": np.array("A"),
            "events/0001/time": np.array("7/20"),
            "events/0001/target": np.array("B"),
        }
    )


@pytest.mark.parametrize(
    ("source", "tick", "free"),
    [("Retina", 12, 6), ("A", 12, 4), ("B", 12, 1), ("B", 110, 90), ("A", 10, 2)],
)
def test_a_sheet_is_undisturbed_until_something_can_reach_it(network, source, tick, free):
    """A sheet may act alone for as many ticks as the nearest event elsewhere takes to reach it, and nobody looks."""
    events, b = network.events, network["B"]
    events.tick = 10
    events.reached.add(b)
    if tick == events.tick:
        events.reached.add(network[source])
    else:
        events.push(tick, network[source])
    assert [ticks for ticks in range(100) if events.undisturbed(b, ticks)] == list(range(free + 1))


def test_nothing_comes_after_clearing():
    """Cleared, there is no next moment."""
    events = Events()
    events.limit = 10
    events.push(1, GeneratorSheet(name="Retina"))
    events.clear()
    assert events.next_moment() == []


def test_what_a_sheet_sends_comes_back_by_the_shortest_way(network):
    """A reaches B in three ticks, from which nothing comes back, until B sends to A."""
    events, a = network.events, network["A"]
    assert events.returns_after(a) == np.inf
    network.connect("B", "A", CFProjection(name="Back", delay=0.2, nominal_bounds=BoundingBox(radius=0.2)))
    events.lay(network.sheets)
    assert events.returns_after(a) == 3 + 4


@pytest.mark.parametrize("now", [Fraction(0), Fraction(1, 20), Fraction(21, 20), Fraction(7, 3), Fraction(200)])
@pytest.mark.parametrize("time", [Fraction(0), Fraction(1, 20), Fraction(1, 3), Fraction(7, 3), Fraction(201)])
def test_moments_are_compared_exactly(now, time):
    """A moment is after a time if its exact time is larger, whatever the ticks that it is counted in."""
    for ticks in (1, 3, 20):
        moment = Moment(now.numerator * ticks, now.denominator * ticks, True, Streams(0), lambda *sent: None)
        assert moment.now == now
        assert moment.is_after(time) == (now > time)
