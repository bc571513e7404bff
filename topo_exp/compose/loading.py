"""Find the models and functions that a user names, in the package or in files of their own."""

import ast
import difflib
import importlib
import importlib.util
import inspect
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import param

from topo_exp.compose.schema import RESERVED, declared
from topo_exp.errors import (
    ConfigError,
    ModelError,
    TopoExpError,
    UnknownNameError,
    described,
    is_users,
    nearest,
    users_line,
)
from topo_exp.sweeps.values import shown

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


class Model(Protocol):
    """A model with its parameters: an instance of a `param.Parameterized` class with a method `build`."""

    def build(self) -> "Simulation":
        """Build the simulation at time 0."""


@dataclass(frozen=True)
class LoadedModel:
    """A model's class with the name that it was asked for by and the file that defines it."""

    name: str
    cls: type[param.Parameterized]
    source: Path | None

    @property
    def label(self) -> str:
        """Name of the model in messages."""
        return self.cls.__name__


def model_names() -> list[str]:
    """List the models that come with the package."""
    return sorted(path.stem for path in _models_directory().glob("*.py") if not path.stem.startswith("_"))


def model_summaries() -> dict[str, str]:
    """Return the first line of each model's description, read without importing any model."""
    return {name: _summary(_models_directory() / f"{name}.py") for name in model_names()}


def load_model(model: str | Path | type[param.Parameterized]) -> LoadedModel:
    """Find the class of a model.

    In one process, a file is read again only if it has changed.

    Args:
        model: Name of a model, path of a file that defines one, or the class itself.

    Returns:
        The class, with its name and its file.

    Raises:
        UnknownNameError: there is no such model or file.
        ModelError: the file fails to load, or does not define exactly one public Parameterized class with `build()`.
        ConfigError: a parameter of the model has the name of an option of a run.
    """
    if isinstance(model, type):
        return _checked_model(LoadedModel(model.__name__, model, _source_of(model)))
    text = str(model)
    if text.endswith(".py"):
        path = user_path(text, "model")
        module = load_file(path, "model")
        return _checked_model(LoadedModel(path.stem, _only_model(module, text), path.resolve()))
    if text not in model_names():
        files = [path.name for path in Path().glob("*.py")]
        near = difflib.get_close_matches(text, [*model_names(), *files], n=1)
        hint = "" if near else " For a file of your own write model=path/to/my_model.py."
        raise UnknownNameError(
            f"model: no such model (got {shown(text)}). {nearest(text, near or model_names())}{hint}"
        )
    module = importlib.import_module(f"topo_exp.models.{text}")
    return _checked_model(LoadedModel(text, _only_model(module, text), Path(str(module.__file__))))


def load_function(reference: str, where: str) -> Callable[..., Any]:
    """Find a function by `file.py:name` or `package.module.name`.

    Args:
        reference: as the user wrote it; a file is relative to the working directory.
        where: name of the option, for messages.

    Returns:
        The function.

    Raises:
        UnknownNameError: no such file, module or function.
        ConfigError: the file fails to load, or the object of that name cannot be called.
    """
    module, name = _module_of(reference, where)
    if not hasattr(module, name):
        functions = _function_names(module)
        raise UnknownNameError(
            f"{where}: no such function in {module.__file__ or module.__name__} (got {reference!r}). "
            + (nearest(name, functions) if functions else "It defines none.")
        )
    function = getattr(module, name)
    if not callable(function):
        raise ConfigError(
            f"{where}: must be a function (got {reference!r}, a {type(function).__name__}). Name a function f(sim)."
        )
    return function


def _function_names(module: ModuleType) -> list[str]:
    """List the functions that a module offers: those that it defines, or else what it names as its own."""
    found = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    functions = [name for name, value in found.items() if callable(value)]
    own = [name for name in functions if getattr(found[name], "__module__", None) == module.__name__]
    return own or functions


def check_call(function: Callable[..., Any], options: Mapping[str, Any], where: str) -> None:
    """Check that a function can be called as `function(sim, **options)`; the message shows its signature.

    An analysis of maps is called with maps in place of the simulation. `progress` is no option: the runner passes it.
    Callables without an inspectable signature are accepted.

    Args:
        function: The function.
        options: Its options.
        where: name of the setting, for messages.

    Raises:
        UnknownNameError: it has no such option.
        ConfigError: it takes no simulation, or needs an option that is not given.
        ParameterError: a measurement of this package finds a value of an option wrong.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C have none
        return
    described = f"{getattr(function, '__qualname__', function)}{signature}"
    accepted = signature.parameters.values()
    keywords = [p.name for p in accepted if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    positional = [p.name for p in accepted if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    known = [name for name in keywords if name not in positional[:1]]
    known = [name for name in known if name != "progress" or callable(options.get(name))]
    if not any(p.kind is p.VAR_KEYWORD for p in accepted):
        for name in options:
            if name not in known:
                near = nearest(name, known) if known else "It has no options."
                raise UnknownNameError(f"{where}: no such option of {described} (got {name!r}). {near}")
    try:
        signature.bind(None, **options)
    except TypeError as error:
        raise ConfigError(
            f"{where}: must be callable with a simulation and its options (got {described}): {error}."
        ) from error
    if callable(check_options := getattr(function, "check_options", None)):
        check_options(**options)


def load_file(path: Path, where: str) -> ModuleType:
    """Import a user's own file, under a module name of its own, with its folder on the path.

    Args:
        path: Of the file.
        where: name of the setting, for messages.

    Returns:
        The module.

    Raises:
        UnknownNameError: there is no such file.
        ModelError, ConfigError: it fails to load, as a model or otherwise; the message has the line and the error.
    """
    if not path.is_file():
        siblings = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"Did you mean {str(path.parent / near[0])!r}?" if near else f"The working directory is {Path.cwd()}."
        raise UnknownNameError(f"{where}: no such file (got {str(path)!r}). {hint}")
    resolved = path.resolve()
    stamp = resolved.stat().st_mtime_ns, resolved.stat().st_size
    name = "topo_exp_user_" + re.sub(r"\W", "_", str(resolved))
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__dict__.get("__topo_exp_stamp__") == stamp:
        return loaded
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise ModelError(f"{where}: must be a Python file (got {str(path)!r}). Give it the ending .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with folder_first(resolved.parent), user_errors(where, ModelError if where == "model" else ConfigError):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    module.__dict__["__topo_exp_stamp__"] = stamp
    return module


def user_path(text: str, where: str) -> Path:
    """Return the path that a user wrote, with `~` replaced.

    Raises:
        ConfigError: no file system has a path of that length or with these characters.
    """
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{where}: must be the path of a file (got {shown(text)}: {reason}). Correct it.") from error
    return path


@contextmanager
def user_errors(where: str, kind: type[TopoExpError], *, rule: str = "must load") -> Iterator[None]:
    """Turn an exception of a user's code within the block into an error that names file and line.

    An end of the program that the code requests (`exit()`) is an error, too, since nothing has been run; Ctrl-C is not.

    Args:
        where: name of the setting, for messages.
        kind: Class of the error; an error of this package keeps its class.
        rule: First words of the message.

    Raises:
        TopoExpError: the block raised an exception.
    """
    with _noted_interrupts() as interrupts:
        try:
            yield
        except TopoExpError as error:
            place = users_line(error)
            if not place:
                raise
            raise type(error)(f"{error} Raised in {place}.") from error
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            if interrupts:
                raise
            raise kind(f"{where}: {rule} without an error (got {described(error)}). Correct the file.") from error


@contextmanager
def folder_first(folder: Path) -> Iterator[None]:
    """Import modules from a folder within the block, also where other folders of a user have modules of these names.

    The folder stays at the end of the path afterwards, for imports inside functions.
    """
    for name in _modules_elsewhere(folder):
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _working_directory_on_path() -> AbstractContextManager[None]:
    """Return a context in which modules are imported from the working directory.

    It is searched first; with Python's option -P, which keeps it off the path, last: jobs of a sweep run copies of
    modules that may have changed there.
    """
    if not sys.flags.safe_path:
        return folder_first(Path.cwd())
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return nullcontext()


def _modules_elsewhere(folder: Path) -> list[str]:
    """List the imported modules of a user that stand in another folder, but whose names this folder has, too."""
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")  # asking a lazy module itself would load it
        if name.partition(".")[0] in names and file and is_users(file) and not Path(file).is_relative_to(folder):
            found.append(name)
    return [name for name in found if name != "__main__"]


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Note the Ctrl-C that arrive within the block, so that they differ from `raise KeyboardInterrupt` in a file."""
    noted: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, handler)


def _models_directory() -> Path:
    return Path(__file__).resolve().parents[1] / "models"


def _only_model(module: ModuleType, where: str) -> type[param.Parameterized]:
    found = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, param.Parameterized)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and callable(getattr(value, "build", None))
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(cls.__name__ for cls in found) or "none"
    raise ModelError(
        f"{where}: must define exactly one public param.Parameterized class with a method build() (got {names}). "
        "Start the names of others with an underscore."
    )


def _checked_model(model: LoadedModel) -> LoadedModel:
    if not (issubclass(model.cls, param.Parameterized) and callable(getattr(model.cls, "build", None))):
        raise ModelError(
            f"{model.name}: must be a param.Parameterized class with a method build() (got {model.cls.__name__})."
        )
    for name in declared(model.cls):
        if name in RESERVED:
            raise ConfigError(
                f"{model.label}.{name}: must not have the name of an option of a run (got {name!r}). "
                "Rename the model's parameter."
            )
    return model


def _source_of(cls: type) -> Path | None:
    try:
        path = Path(inspect.getfile(cls)).resolve()
    except (TypeError, OSError):  # defined in a notebook or at the prompt
        return None
    return path if path.is_file() else None  # a script on standard input is called <stdin>


def _module_of(reference: str, where: str) -> tuple[ModuleType, str]:
    path, colon, name = reference.rpartition(":")
    if colon and path.endswith(".py") and name.isidentifier():
        return load_file(user_path(path, where), where), name
    module, _, name = reference.replace(":", ".").rpartition(".")
    if reference.endswith(".py") or not all(part.isidentifier() for part in (*module.split("."), name)):
        raise UnknownNameError(
            f"{where}: must be file.py:function or package.module.function (got {shown(reference)}). "
            "Add the part missing."
        )
    is_ours = module.partition(".")[0] == "topo_exp"
    with nullcontext() if is_ours else _working_directory_on_path(), user_errors(where, ConfigError):
        try:
            return importlib.import_module(module), name
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module exists, but an import in it fails
            problem = UnknownNameError(
                f"{where}: no module {error.name!r} (got {reference!r}). For a file write path/to/file.py:{name}."
            )
    raise problem


def _summary(path: Path) -> str:
    """Return the first line of the description of the class with `build()`, which is the model."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and any(getattr(part, "name", "") == "build" for part in node.body):
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
