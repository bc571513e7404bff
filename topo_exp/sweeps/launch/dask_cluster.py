"""Connections to Dask: the settings of the launcher `dask`, clusters by class name, existing ones by address."""

from __future__ import annotations

import importlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import param

from topo_exp.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from distributed import Client

INSTALL = "pip install 'topo-exp[dask]'"
PACKAGES: Mapping[str, str] = {"distributed": INSTALL, "dask": INSTALL, "dask_jobqueue": INSTALL}
"""Commands that install packages whose name differs from that of the module."""
PATIENCE = 10.0
"""Seconds to wait for an answer of the scheduler, when connecting and after the connection was lost."""
LOCAL = "distributed.LocalCluster"
LOCAL_OPTIONS: Mapping[str, object] = {
    "host": "127.0.0.1",
    "threads_per_worker": 1,
    "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
    "silence_logs": logging.CRITICAL,
}
"""Options of a LocalCluster that are not set; a task waits for a process, so one thread carries one run at a time."""

DASK_OPTIONS: Mapping[str, param.Parameter] = {
    "address": param.String(default=None, allow_None=True),
    "scheduler_file": param.String(default=None, allow_None=True),
    "cluster": param.String(default=LOCAL, regex=r"[A-Za-z_][\w.]*\.[A-Za-z_]\w*"),
    "options": param.Dict(default={}),
    "workers": param.Integer(default=None, allow_None=True, bounds=(1, None)),
    "adapt": param.Dict(default={}),
    "points_per_task": param.Integer(default=1, bounds=(1, None)),
    "restarts": param.Integer(default=3, bounds=(0, None)),
    "python": param.String(default=None, allow_None=True),
}
"""Declarations of the launcher's settings by name; conf/hydra/launcher/dask.yaml has and explains their values."""


@dataclass(frozen=True)
class DaskOptions:
    """Hold the settings of the launcher, which conf/hydra/launcher/dask.yaml explains."""

    address: str | None
    scheduler_file: str | None
    cluster: str
    options: Mapping[str, object]
    workers: int | None
    adapt: Mapping[str, object]
    points_per_task: int
    restarts: int
    python: str | None

    def __post_init__(self) -> None:
        """Check settings that exclude each other.

        Raises:
            ConfigError: Two of them are given.
        """
        for first, second in (("address", "scheduler_file"), ("workers", "adapt")):
            if getattr(self, first) and getattr(self, second):
                raise ConfigError(f"hydra.launcher: must have {first} or {second} (got both). Leave one out.")


def require_dask(options: DaskOptions) -> None:
    """Raise if the settings cannot work on this machine; no connection is made.

    Raises:
        MissingDependencyError: A package is not installed.
        ConfigError: There is no such cluster class, or no such file.
    """
    _imported("distributed")
    if options.scheduler_file is not None and not Path(options.scheduler_file).is_file():
        raise ConfigError(
            f"hydra.launcher.scheduler_file: must be the file that a running scheduler has written (got "
            f"{options.scheduler_file!r}). Start it with dask scheduler --scheduler-file."
        )
    if options.address is None and options.scheduler_file is None:
        _cluster_class(options.cluster)


@contextmanager
def connected(options: DaskOptions) -> Iterator[Client]:
    """Connect to an existing cluster, or make one that lasts as long as the block.

    Args:
        options: Settings of the launcher.

    Yields:
        The connection.

    Raises:
        ConfigError: No scheduler answers, or the cluster cannot be made.
        MissingDependencyError: A package is not installed.
    """
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if options.address is None and options.scheduler_file is None:
            with _problems("options", f"those of {options.cluster}", "Correct them; see its documentation."):
                with _ignoring_ctrl_c():
                    cluster = _make_cluster(options)
                stack.callback(cluster.close)  # type: ignore[attr-defined]
                client = Client(cluster, timeout=PATIENCE)
        else:
            name = "scheduler_file" if options.address is None else "address"
            with _problems(name, f"that of a running scheduler ({getattr(options, name)})", "Start it, or correct it."):
                client = Client(options.address, scheduler_file=options.scheduler_file, timeout=PATIENCE)
        stack.callback(client.close, PATIENCE)
        yield client


def _make_cluster(options: DaskOptions) -> object:
    """Make a cluster, and ask for its workers."""
    given = {**LOCAL_OPTIONS, **options.options} if options.cluster == LOCAL else dict(options.options)
    cluster = _cluster_class(options.cluster)(**given)
    try:
        if options.workers is not None:
            cluster.scale(options.workers)  # type: ignore[attr-defined]
        if options.adapt:
            cluster.adapt(**options.adapt)  # type: ignore[attr-defined]
    except BaseException:
        cluster.close()  # type: ignore[attr-defined]
        raise
    return cluster


def _cluster_class(name: str) -> Callable[..., object]:
    """Return a class, or a function that makes a cluster, by its name.

    Raises:
        MissingDependencyError: Its package is not installed.
        ConfigError: The package has no such class.
    """
    module, _, attribute = name.rpartition(".")
    found = getattr(_imported(module), attribute, None)
    if not callable(found):
        raise ConfigError(
            f"hydra.launcher.cluster: must name a class of clusters (got {name!r}). "
            "Use distributed.LocalCluster or dask_jobqueue.PBSCluster."
        )
    return found


def _imported(module: str) -> object:
    """Import a module.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(error.name or module) from error


def _missing(module: str) -> MissingDependencyError:
    package = module.partition(".")[0]
    install = PACKAGES.get(package, f"pip install {package.replace('_', '-')}")
    return MissingDependencyError(
        f"hydra/launcher: dask must find the package {package} (got none). Install it: {install}"
    )


@contextmanager
def _problems(setting: str, rule: str, fix: str) -> Iterator[None]:
    """Turn the errors of Dask within the block into one line about a setting of the launcher."""
    try:
        yield
    except ImportError as error:
        raise _missing(error.name or str(error)) from error
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split()) or "no answer"
        raise ConfigError(
            f"hydra.launcher.{setting}: must be {rule} (got {type(error).__name__}: {reason}). {fix}"
        ) from error


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore SIGINT within the block, and in the processes that are started there: the launcher alone obeys it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the log messages of Dask in this process: the launcher says the same in one line."""
    logger = logging.getLogger("distributed")
    handlers, propagates = list(logger.handlers), logger.propagate
    logger.handlers[:], logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = handlers, propagates
