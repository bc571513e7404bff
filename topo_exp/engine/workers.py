"""Workers: the objects that compute the sheets' activity, one for each sheet that receives input.

A backend is a function `adopt(network, clock) -> Workers`. `Workers` themselves are the dense implementation, which
calls the sheets' own methods; `compiled.adoption` gives workers that call compiled kernels. A further backend is a
sibling of `compiled` with another `adopt`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

import numpy as np

from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.events import Activity
from topo_exp.engine.explain import DENSE, Explanation, Form, Row
from topo_exp.engine.moment import Moment
from topo_exp.engine.network import Network
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.sheet import Sheet


class Worker(Protocol):
    """Computes one sheet: its activations, its settling and its learning.

    Between two calls of `complete`, a worker may defer work whose results are not read; `complete` does that work, so
    that the sheet and its projections hold the results.
    """

    def receive(self, projection: Projection, activity: Activity) -> None:
        """Take activity that arrives through a projection."""

    def process(self, moment: Moment) -> None:
        """Activate the sheet or let it learn, when all input of this moment has arrived."""

    def complete(self) -> None:
        """Do deferred work: the caller may read state next."""

    def reset(self) -> None:
        """Drop input and deferred work: the sheet was cleared, or set to another state."""

    def defer_settling(self, into: np.ndarray | None) -> None:
        """Allow the next presentation to be settled later, in `settle_deferred`.

        Args:
            into: Receives the activity, (rows, columns); None if the presentation must be settled at once.
        """

    def settle_deferred(self) -> None:
        """Settle all presentations that were deferred."""


class DenseWorker:
    """Calls the methods of a sheet, which compute with NumPy; nothing is deferred."""

    def __init__(self, sheet: CFSheet) -> None:
        self._sheet = sheet

    def receive(self, projection: Projection, activity: Activity) -> None:
        """Take activity that arrives through a projection."""
        self._sheet.receive(projection, activity)

    def process(self, moment: Moment) -> None:
        """Activate the sheet or let it learn, when all input of this moment has arrived."""
        self._sheet.process(moment)

    def complete(self) -> None:
        """Do deferred work: there is none."""

    def reset(self) -> None:
        """Drop input and deferred work: there is none."""

    def defer_settling(self, into: np.ndarray | None) -> None:
        """Allow the next presentation to be settled later: it is settled at once nevertheless."""

    def settle_deferred(self) -> None:
        """Settle all presentations that were deferred: there are none."""


class WatchedWorker:
    """Calls another worker within a context of the caller's, for example one that takes the time.

    Deferred work runs outside of it: that of a sheet is done in `complete`, which is called on the worker itself.

    Args:
        worker: The worker that does the work.
        name: Name of its sheet.
        watch: Returns the context for a sheet's name.
    """

    def __init__(self, worker: Worker, name: str, watch: "Watch") -> None:
        self._worker = worker
        self._name = name
        self._watch = watch

    def receive(self, projection: Projection, activity: Activity) -> None:
        """Take activity that arrives through a projection."""
        with self._watch(self._name):
            self._worker.receive(projection, activity)

    def process(self, moment: Moment) -> None:
        """Activate the sheet or let it learn, when all input of this moment has arrived."""
        with self._watch(self._name):
            self._worker.process(moment)


Watch: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""f(name of a sheet) -> context within which the sheet is computed."""


class Workers(dict[Sheet, Worker]):
    """The workers of a network by sheet, in the order of the sheets; these are dense.

    Args:
        network: A complete network.
    """

    def __init__(self, network: Network) -> None:
        super().__init__({sheet: DenseWorker(sheet) for sheet in network.cortical})
        self.network = network

    def refresh(self) -> None:
        """Read all parameters again; called before each run and after each scheduled action."""

    def sheet_form(self, sheet: CFSheet) -> Form:
        """Return whether a sheet is computed by compiled kernels, else the reason."""
        return DENSE

    def projection_form(self, projection: Projection) -> Form:
        """Return whether the fields of a projection are compiled, else the reason."""
        return DENSE

    def explain(self) -> Explanation:
        """Return a row for each sheet and each projection."""
        rows = []
        for sheet in self.network.cortical:
            form = self.sheet_form(sheet)
            rows.append(Row(sheet.name, "", form.name, form.reason, 0, 0.0))
            for p in sheet.projections.values():
                form = self.projection_form(p)
                rows.append(Row(sheet.name, p.name, form.name, form.reason, p.n_connections, p.nbytes / 1e6))
        return Explanation(rows)
