"""MLflow's client without the parts of MLflow that a view of runs does not use.

`import mlflow` loads pandas, SciPy, a web framework and the tools for language models, which takes most of the time of
a process that shows one small run. MLflow is also published without most of them, as mlflow-skinny, so that its client
works when they are missing.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

log = logging.getLogger(__name__)

NEEDED = ("mlflow.tracking.client", "mlflow.store.tracking.sqlalchemy_store")
OPTIONAL = frozenset({"numpy", "pandas", "scipy", "pyarrow", "sklearn", "pygments"})
"""Libraries that MLflow, or a library of it, loads if they are installed, and that its client does not need."""
LAZY = ("mlflow", "mlflow.genai", "mlflow.genai.scorers", "mlflow.genai.scorers.online", "mlflow.genai.judges")
"""Packages whose `__init__` imports many others, of which the client and the store use single modules."""
PLACEHOLDERS = ("mlflow.genai.judges.instructions_judge", "mlflow.genai.scorers.base")
"""Modules of which the store imports names that it uses for language models only: each name is an empty class here."""


def load_client_only() -> None:
    """Load MLflow's client and SQLite store, and the rest of MLflow only when it is asked for.

    For processes that belong to this package: in a user's session, MLflow would lack parts that the user expects. If
    this version of MLflow does not allow it, all of MLflow is loaded, as always.
    """
    if "mlflow" in sys.modules or importlib.util.find_spec("mlflow") is None:
        return
    try:
        with _without(OPTIONAL):
            for name in LAZY:
                _add_lazily(name)
            for name in PLACEHOLDERS:
                _add_placeholder(name)
            vars(sys.modules["mlflow"])["__version__"] = import_module("mlflow.version").VERSION
            for name in NEEDED:
                import_module(name)
    except Exception as error:  # noqa: BLE001  another version of MLflow may be built in another way
        log.warning("MLflow is loaded whole, since its client cannot be loaded alone (%s)", error)
        for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
            del sys.modules[name]


def _add_lazily(name: str) -> None:
    """Add a package to the loaded modules; its code is executed when an attribute is asked for that is no module."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name, name=name)
    package = importlib.util.module_from_spec(spec)
    package.__getattr__ = _Completer(package, spec)  # type: ignore[method-assign]  # PEP 562
    _add(package)


def _add_placeholder(name: str) -> None:
    def empty_class(asked: str) -> type:
        if asked.startswith("__"):
            raise AttributeError(asked)
        return type(asked, (), {})

    module = ModuleType(name)
    module.__getattr__ = empty_class  # type: ignore[method-assign]  # PEP 562
    _add(module)


def _add(module: ModuleType) -> None:
    name = module.__name__
    sys.modules[name] = module
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)


class _Completer:
    """Find an attribute that a package does not have yet: a module of that name, else execute the package."""

    def __init__(self, package: ModuleType, spec: ModuleSpec) -> None:
        self._package = package
        self._spec = spec

    def __call__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        module = f"{self._spec.name}.{name}"
        if importlib.util.find_spec(module) is not None:
            return import_module(module)
        if "__getattr__" in vars(self._package):
            del self._package.__getattr__
            for placeholder in PLACEHOLDERS:
                sys.modules.pop(placeholder, None)
            assert self._spec.loader is not None
            self._spec.loader.exec_module(self._package)
        return getattr(self._package, name)


class _Absent:
    """A finder of modules that finds those of some libraries missing."""

    def __init__(self, libraries: frozenset[str]) -> None:
        self._libraries = libraries

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise for a module of the libraries; leave any other to the next finder."""
        if name.partition(".")[0] in self._libraries:
            raise ModuleNotFoundError(f"{name} is not loaded here", name=name)
        return None


@contextmanager
def _without(libraries: frozenset[str]) -> Iterator[None]:
    finder = _Absent(libraries)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
