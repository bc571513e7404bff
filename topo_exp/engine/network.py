"""The model as data: sheets and the projections between them."""

import param

from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import Streams
from topo_exp.errors import ModelError, UnknownNameError, nearest


class Network:
    """Sheets by name, in the order in which they were added, and the streams that random numbers are drawn from.

    Args:
        name: Name in messages.
        seed: Seed of the stream that all initial weights are drawn from.
    """

    def __init__(self, name: str, seed: int | tuple[int, ...]) -> None:
        self.name = name
        self.seed = seed
        self.streams = Streams(seed)
        self.sheets: dict[str, Sheet] = {}
        self.connected: list[Projection] = []
        """Projections in the order in which they were connected and their initial weights drawn."""
        self.is_complete = False
        """Whether sheets and projections can no longer be added."""

    def add(self, sheet: Sheet) -> None:
        """Add a sheet.

        Raises:
            ModelError: If there is a sheet of that name, the sheet is part of a network, or the first run has begun.
        """
        self._require_incomplete(f"sheet {sheet.name!r}")
        if sheet.name in self.sheets:
            raise ModelError(f"Simulation.add: names must differ (got a second {sheet.name!r}). Rename one.")
        sheet.attach(self.streams)
        self.sheets[sheet.name] = sheet

    def connect(self, src: str, dest: str, projection: Projection) -> None:
        """Connect two sheets by a projection, and draw its initial weights.

        Raises:
            ModelError: If the destination has no connection fields, or has a projection of that name, or the first run
                has begun.
            UnknownNameError: If there is no such sheet.
        """
        self._require_incomplete(f"projection {projection.name!r}")
        source, destination = self.sheet(src), self.sheet(dest)
        if not isinstance(destination, CFSheet):
            raise ModelError(f"Simulation.connect: a projection must lead to a CFSheet (got {dest!r}). Choose another.")
        if projection.name in destination.projections:
            raise ModelError(
                f"{dest}: names of projections must differ (got a second {projection.name!r}). Rename one."
            )
        projection.attach(source, destination, self.streams, bytes_of_others=self.nbytes)
        destination.add_projection(projection)
        source.outgoing.append(projection)
        self.connected.append(projection)

    def _require_incomplete(self, thing: str) -> None:
        if self.is_complete:
            raise ModelError(f"{thing}: must be added before the first run (it has begun). Add it while building.")

    def start(self) -> None:
        """Finish building: nothing can be added any more, and joint groups are normalised."""
        self.is_complete = True
        for sheet in self.cortical:
            sheet.start()

    # --- looking ----------------------------------------------------------------------------------------------------

    def sheet(self, name: str) -> Sheet:
        """Return a sheet.

        Raises:
            UnknownNameError: If there is no sheet of that name.
        """
        if name not in self.sheets:
            raise UnknownNameError(
                f"{self.name}: must have the sheet named (got {name!r}). {nearest(name, self.sheets)}"
            )
        return self.sheets[name]

    def find(self, path: str) -> param.Parameterized:
        """Return the object at "Sheet", "Sheet/Projection" or "Sheet/output_fns/0".

        Raises:
            UnknownNameError: If there is none.
        """
        name, *rest = path.split("/")
        sheet = self.sheet(name)
        if not rest:
            return sheet
        if rest[0] == "output_fns" and isinstance(sheet, CFSheet):
            return sheet.output_fns[int(rest[1])]
        if rest[0] not in sheet.projections:
            raise UnknownNameError(
                f"{name}: must have the projection named (got {rest[0]!r}). {nearest(rest[0], sheet.projections)}"
            )
        return sheet.projections[rest[0]]

    @property
    def cortical(self) -> list[CFSheet]:
        """The sheets that receive input."""
        return [sheet for sheet in self.sheets.values() if isinstance(sheet, CFSheet)]

    @property
    def projections(self) -> list[Projection]:
        """All projections, sheet by sheet."""
        return [p for sheet in self.cortical for p in sheet.projections.values()]

    @property
    def nbytes(self) -> int:
        """Bytes that all weights take."""
        return sum(projection.nbytes for projection in self.projections)

    def owners(self) -> dict[str, param.Parameterized]:
        """Return all objects whose parameters may change while the network runs, by path."""
        owners: dict[str, param.Parameterized] = {}
        for sheet in self.sheets.values():
            owners[sheet.name] = sheet
            if isinstance(sheet, CFSheet):
                owners.update({p.path: p for p in sheet.projections.values()})
                for i, fn in enumerate(sheet.output_fns):
                    if isinstance(fn, param.Parameterized):
                        owners[f"{sheet.name}/output_fns/{i}"] = fn
        return owners
