"""MLflow brought up to date with run directories, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import delete_leftovers, locked
from topo_exp.record.layout import SWEEP_YAML
from topo_exp.record.lease import is_leased
from topo_exp.view.follow import write_saved_views
from topo_exp.view.store import Store, prepare_environment, store_of
from topo_exp.view.view import Added, MlflowView


def sync_runs(directories: Iterable[Path]) -> Iterator[tuple[Path, Added | Exception | None]]:
    """Bring MLflow up to date with run directories, one after the other.

    Args:
        directories: Of runs.

    Yields:
        Each directory with the entries that were added, with the error that prevented it, or with None for a run that
        is still running, whose own process updates MLflow.
    """
    prepare_environment()
    views: dict[Store, MlflowView] = {}
    synced: list[Path] = []
    for directory in directories:
        with locked(directory) as mine:
            if not mine:
                yield directory, None
                continue
            if not is_leased(directory):
                delete_leftovers(directory)
            try:
                store = store_of(directory)
                view = views.setdefault(store, MlflowView(store))
                yield directory, view.update(directory)
                synced.append(directory)
            except Exception as error:  # noqa: BLE001  returned for this run; the others are tried as well
                yield directory, error
    for directory in dict.fromkeys(each.parent for each in synced if (each.parent / SWEEP_YAML).is_file()):
        try:
            views[store_of(directory / "run")].update_sweep(directory)
        except Exception as error:  # noqa: BLE001  returned, as for a run
            yield directory, error
    for view in views.values():
        write_saved_views(view)


def require_sync(directories: Iterable[Path]) -> None:
    """Bring MLflow up to date with run directories; raise the first error, after having tried all of them.

    Raises:
        RecordError: MLflow could not show a run.
    """
    for directory, outcome in list(sync_runs(directories)):
        if isinstance(outcome, Exception):
            raise RecordError(
                f"{directory}: must be accepted by MLflow (got {type(outcome).__name__}: {outcome}). "
                f"The directory is complete; try again: python -m topo_exp sync {directory}"
            ) from outcome
