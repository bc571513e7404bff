"""The state of a network as named arrays: taken, restored, and kept while a simulation is frozen."""

import json
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import param

from topo_exp.engine.events import Events
from topo_exp.engine.network import Network
from topo_exp.engine.presentation import unpack_activity
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.errors import StateError
from topo_exp.typing import State

_PLAIN = (bool, int, float, np.bool_, np.integer, np.floating)

Number = bool | int | float
Parameters = dict[str, dict[str, Number]]
"""Parameters that are plain numbers or truth values, by the path of their owner and by name."""


# --- taking ---------------------------------------------------------------------------------------------------------
def network_state(network: Network, clock: Events, *, weights: bool) -> State:
    """Return everything that a run changes, bit for bit, as named arrays without objects.

    Args:
        network: A complete network.
        clock: Its clock, with the pending events.
        weights: Whether to include weights and the memory of learning rules, which are large.
    """
    state: State = {"parameters": np.array(json.dumps(plain_parameters(network)))}
    state.update(network.streams.state())
    for sheet in network.sheets.values():
        state.update({f"sheets/{sheet.name}/{key}": value for key, value in sheet.state().items()})
    for p in network.projections:
        stored = p.state() | (p.weights_state() if weights else {})
        state.update({f"projections/{p.path}/{key}": value for key, value in stored.items()})
    state.update(clock.state())
    return state


def plain_parameters(network: Network) -> Parameters:
    """Return every parameter that is a plain number or truth value."""
    return {
        path: {name: _plain(value) for name, value in owner.param.values().items() if isinstance(value, _PLAIN)}
        for path, owner in network.owners().items()
    }


def _plain(value: Number | np.generic) -> Number:
    """Return a number or truth value of Python's own."""
    return value.item() if isinstance(value, np.generic) else value


# --- restoring ------------------------------------------------------------------------------------------------------
def require_same_sheets(network: Network, state: State) -> None:
    """Raise StateError unless a state has all sheets of a network."""
    missing = [sheet for sheet in network.sheets if not below(state, f"sheets/{sheet}/")]
    if missing or "time" not in state:
        raise StateError(
            f"{network.name}: the state must come from the same model and parameters (lacks {missing or 'the time'}). "
            "Build that model, then restore."
        )


def stored_parameters(state: State) -> Parameters:
    """Return the parameters in a state."""
    return json.loads(str(state["parameters"]))


def differing(network: Network, stored: Parameters) -> dict[str, tuple[Number, object]]:
    """Return (stored value, present value) of each parameter that differs from a stored one, by "path.name"."""
    found: dict[str, tuple[Number, object]] = {}
    for path, values in stored.items():
        owner = network.find(path)
        for name, value in values.items():
            present = getattr(owner, name)
            if present != value:
                found[f"{path}.{name}"] = (value, present)
    return found


def differences_text(name: str, found: Mapping[str, tuple[Number, object]]) -> str:
    """Return the message that parameters differ, naming at most eight of them."""
    listed = [f"{path} = {stored!r} in the state, {present!r} here" for path, (stored, present) in found.items()]
    more = f"; and {len(listed) - 8} more" if len(listed) > 8 else ""
    return (
        f"{name}: the state must have the same parameters (got {'; '.join(listed[:8])}{more}). "
        'Give parameters="state" to take those of the state, or parameters="keep" to keep those of this simulation.'
    )


def set_parameters(network: Network, stored: Parameters) -> None:
    """Set the parameters that differ from stored ones."""
    for path, values in stored.items():
        owner = network.find(path)
        for name, value in values.items():
            if getattr(owner, name) != value:
                setattr(owner, name, value)


def restore_network(network: Network, clock: Events, state: State, refresh: Callable[[], None]) -> None:
    """Set everything but parameters to a stored state.

    Args:
        network: A complete network.
        clock: Its clock.
        state: The state.
        refresh: Chooses the form of all fields anew; called when they lie as they did when the state was stored.
    """
    own = {p: below(state, f"projections/{p.path}/") for p in network.projections}
    for p, stored in own.items():
        p.restore_bounds(stored)
    refresh()
    network.streams.restore({key: value for key, value in state.items() if key.startswith("streams/")})
    for sheet in network.sheets.values():
        sheet.restore(below(state, f"sheets/{sheet.name}/"))
    for p, stored in own.items():
        p.restore(stored)
        p.restore_weights(stored)
    _restore_events(network, clock, state)


def _restore_events(network: Network, clock: Events, state: State) -> None:
    clock.clear()
    count = sum(key.startswith("events/") and key.endswith("/time") for key in state)
    events = [below(state, f"events/{i:04d}/") for i in range(count)]
    times = [Fraction(str(event["time"])) for event in events]
    clock.refine(times)
    for event, time in zip(events, times, strict=True):
        target = network.find(str(event["target"]))
        if isinstance(target, Projection):
            activity = unpack_activity("activity", event, target.src.grid)
            clock.push(clock.ticks_at(time), target.dest, target, activity)
        elif isinstance(target, GeneratorSheet):
            clock.push(clock.ticks_at(time), target)


def below(state: State, prefix: str) -> State:
    """Return the part of a state whose keys begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


# --- frozen ---------------------------------------------------------------------------------------------------------
class Undo:
    """Everything that a frozen block restores: the state, weights that change, and all declared parameters.

    Args:
        network: A complete network.
        state: Its state on entering, without weights: they are copied when they first change.
    """

    def __init__(self, network: Network, state: State) -> None:
        self._network = network
        self._state = state
        self._declared: list[tuple[param.Parameterized, Mapping[str, object]]] = [
            (owner, owner.param.values()) for owner in network.owners().values()
        ]
        for projection in network.projections:
            projection.begin_undo()

    def end(self) -> State:
        """Reset the parameters to their values on entering, and return the state to restore."""
        state = dict(self._state)
        for p in self._network.projections:
            state.update({f"projections/{p.path}/{key}": value for key, value in (p.end_undo() or {}).items()})
        for owner, values in self._declared:
            for name, value in values.items():
                if name != "nominal_bounds" and getattr(owner, name) is not value:
                    setattr(owner, name, value)
        return state
