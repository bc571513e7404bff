"""Models and functions, found by name or in a user's own file."""

import inspect
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import param
import pytest

from topo_exp.compose import loading
from topo_exp.compose.loading import (
    check_call,
    load_file,
    load_function,
    load_model,
    model_names,
    model_summaries,
)
from topo_exp.errors import ConfigError, ModelError, UnknownNameError

MODEL = """
import param

class Mine(param.Parameterized):
    "A model of my own."
    size = param.Number(1.0, bounds=(0, 3), doc="How large.")

    def build(self):
        return "built"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Write a file into the working directory of the test."""
    monkeypatch.chdir(tmp_path)

    def file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return file


@pytest.mark.parametrize("name", model_names())
def test_every_model_keeps_to_the_interface(name: str) -> None:
    """A model that comes with the package can be loaded, has a summary, and documents its parameters."""
    loaded = load_model(name)
    assert loaded.name == name
    assert loaded.source is not None
    assert loaded.source.stem == name
    assert model_summaries()[name].endswith(".")
    assert model_summaries()[name] == load_model(name).cls.__doc__.splitlines()[0]
    for parameter in loaded.cls.param:
        assert parameter == "name" or loaded.cls.param[parameter].doc


@pytest.mark.parametrize("file", ["mine.py", "dir/my model (x).py", "a,b=c.py", "größe.py"])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_users_file_is_a_model(write: Callable[[str, str], Path], file: str, absolute: bool) -> None:
    """A path names a model, whatever characters it has."""
    path = write(file, MODEL)
    loaded = load_model(path if absolute else file)
    assert (loaded.name, loaded.label, loaded.source) == (path.stem, "Mine", path)


def test_a_file_is_loaded_once_until_it_changes(write: Callable[[str, str], Path]) -> None:
    """The points of a sweep share one class; an edited file is read again."""
    path = write("mine.py", MODEL)
    first = load_model(path).cls
    assert load_model(path).cls is first
    path.write_text(MODEL.replace("Mine", "Changed"))
    assert load_model(path).label == "Changed"


def test_a_users_file_can_import_its_neighbour(
    write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a model imports is found beside it."""
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    write("somewhere/shared_by_models.py", "DENSITY = 7.0")
    write("somewhere/mine.py", "from shared_by_models import DENSITY\n" + MODEL.replace("1.0", "DENSITY / 7"))
    assert load_model("somewhere/mine.py").cls.param["size"].default == 1.0


def test_a_class_is_a_model() -> None:
    """In a notebook a model need not be in a file."""

    class Here(param.Parameterized):
        def build(self) -> None:
            """Build nothing."""

    assert load_model(Here).name == "Here"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import param", ModelError, r"exactly one .*\(got none\)"),
        (MODEL + MODEL.replace("Mine", "Other"), ModelError, r"exactly one .*\(got Mine, Other\)"),
        (MODEL.replace("def build", "def construct"), ModelError, "exactly one"),
        (MODEL + "\nraise ValueError('oh no')", ModelError, "ValueError: oh no, in .*mine.py, line 11"),
        ("x = 1\nclass (:", ModelError, "line 2"),
        ("import no_such_module_at_all", ModelError, "No module named 'no_such_module_at_all'"),
        (MODEL.replace("size", "times"), ConfigError, "Mine.times: must not have the name of an option"),
        (MODEL.replace("size", "model"), ConfigError, "Mine.model: must not have the name of an option"),
        (MODEL.replace("size", "hydra"), ConfigError, "Mine.hydra: must not have the name of an option"),
        (MODEL.replace("size", "analysis"), ConfigError, "Mine.analysis: must not have the name of an option"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    write: Callable[[str, str], Path], text: str, error: type[Exception], message: str
) -> None:
    """A mistake in a file is described in one sentence, with its line if there is one."""
    write("mine.py", text)
    with pytest.raises(error, match=message):
        load_model("mine.py")


def test_helpers_in_a_models_file_may_be_parameterized(write: Callable[[str, str], Path]) -> None:
    """Only public classes with `build` count, and only those that the file itself defines."""
    write("mine.py", MODEL + MODEL.replace("Mine", "_Base") + "\nfrom topo_exp.models.tiny import Tiny")
    assert load_model("mine.py").label == "Mine"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("tniy", r"Did you mean 'tiny'\?$"),
        ("nothing like it", r"Known are: .*tiny, .*\. For a file of your own write model=path/to/my_model\.py\.$"),
        ("min", r"Did you mean 'mine.py'\?$"),
        ("mien.py", r"Did you mean '.*mine.py'"),
        ("no_directory/mine.py", "The working directory is"),
    ],
)
def test_a_model_that_is_not_there_is_told_with_the_nearest(
    write: Callable[[str, str], Path], model: str, message: str
) -> None:
    """A misspelt name or file is refused with the nearest name."""
    write("mine.py", MODEL)
    with pytest.raises(UnknownNameError, match=message):
        load_model(model)


def test_functions_are_found_in_files_and_modules(write: Callable[[str, str], Path]) -> None:
    """A function is named by file and name, or by a dotted path."""
    write("my functions.py", "def f(sim): return 7")
    assert load_function("my functions.py:f", "before")(None) == 7
    assert load_function("topo_exp.compose.loading.load_model", "before") is load_model
    write("module_here.py", "def g(sim): return 8")
    assert load_function("module_here.g", "before")(None) == 8


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("functions.py:helo", UnknownNameError, "Did you mean 'hello'"),
        ("functions.py:x", ConfigError, "must be a function .* a int"),
        ("functions.py", UnknownNameError, "must be file.py:function"),
        ("hello", UnknownNameError, "must be file.py:function"),
        ("nofile.py:hello", UnknownNameError, "no such file"),
        ("no_such_module.hello", UnknownNameError, "no module 'no_such_module'"),
        ("broken.py:hello", ConfigError, "broken.py, line 1"),
    ],
)
def test_a_function_that_is_not_there_is_told(
    write: Callable[[str, str], Path], reference: str, error: type[Exception], message: str
) -> None:
    """A mistake in a reference is refused with the name of its option."""
    write("functions.py", "x = 1\ndef hello(sim): pass")
    write("broken.py", "1 / 0")
    with pytest.raises(error, match=message) as told:
        load_function(reference, "before")
    assert str(told.value).startswith("before: ")


def analysis(sim: Any, *, contrasts: Any = (), size: float = 1.0) -> None:
    """Stand for an analysis."""


def needs_size(sim: Any, *, size: float) -> None:
    """Stand for an analysis with an option that has no default."""


def takes_all(sim: Any, **options: Any) -> None:
    """Stand for an analysis that passes its options on."""


@pytest.mark.parametrize(
    ("function", "options"),
    [(analysis, {}), (analysis, {"contrasts": [1]}), (needs_size, {"size": 2}), (takes_all, {"x": 1}), (print, {})],
)
def test_a_call_that_can_be_made_is_accepted(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Options that the signature has, or that it leaves open, are fine."""
    check_call(function, options, "analysis.f")


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (analysis, {"contrast": 1}, r"no such option of analysis\(sim.*\(got 'contrast'\). Did you mean 'contrasts'"),
        (analysis, {"sim": 1}, "got 'sim'"),
        (needs_size, {}, "missing a required argument: 'size'"),
        (lambda: None, {}, "too many positional arguments"),
        (lambda sim, other: None, {}, "missing a required argument: 'other'"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused(
    function: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    """The message shows the signature."""
    with pytest.raises((UnknownNameError, ConfigError), match=message):
        check_call(function, options, "analysis.f")


def test_each_model_imports_the_files_of_its_own_folder(write: Callable[[str, str], Path]) -> None:
    """Two models with a helper of one name get each their own, in one process."""
    for folder, size in (("one", 2.0), ("two", 3.0)):
        write(f"{folder}/shared_name.py", f"SIZE = {size}")
        write(f"{folder}/mine.py", "from shared_name import SIZE\n" + MODEL.replace("1.0", "SIZE"))
    sizes = [load_model(f"{folder}/mine.py").cls.param["size"].default for folder in ("one", "two")]
    assert sizes == [2.0, 3.0]


def test_only_modules_that_a_folder_replaces_are_forgotten(write: Callable[[str, str], Path]) -> None:
    """Not the program itself, those of libraries, or those that the folder has; packages count as a whole."""
    for folder in ("one", "two"):
        for name in ("__main__", "shared_name", "numpy", "other_name"):
            write(f"{folder}/{name}.py", "")
        write(f"{folder}/shared_package/__init__.py", "")
    (Path("two") / "other_name.py").unlink()
    modules = {
        name: cast("Any", SimpleNamespace(__file__=str(Path("one", place).resolve())))
        for name, place in {
            "__main__": "__main__.py",
            "shared_name": "shared_name.py",
            "shared_package": "shared_package/__init__.py",
            "shared_package.part": "shared_package/part.py",
            "other_name": "other_name.py",
        }.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        found = loading._modules_elsewhere(Path("two").resolve())
        assert found == ["shared_name", "shared_package", "shared_package.part"]
        assert loading._modules_elsewhere(Path("one").resolve()) == []


def test_ctrl_c_while_a_file_loads_is_no_mistake_of_the_file(write: Callable[[str, str], Path]) -> None:
    """A signal ends the program as always; `raise KeyboardInterrupt` in the file is an error of the file."""
    before = signal.getsignal(signal.SIGINT)
    write("stopped.py", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(1000): pass\n")
    with pytest.raises(KeyboardInterrupt):
        load_model("stopped.py")
    write("raises.py", "raise KeyboardInterrupt\n")
    with pytest.raises(ModelError, match=r"KeyboardInterrupt, in .*raises.py, line 1"):
        load_model("raises.py")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("reference", ["functions.py:fails", "functions_of_mine.fails"])
def test_an_error_of_a_library_names_the_users_line(write: Callable[[str, str], Path], reference: str) -> None:
    """The place is the user's last line, also where the exception comes from a library below it."""
    for name in ("functions.py", "functions_of_mine.py"):
        write(name, "import json\n\njson.loads('{')\n")
    with pytest.raises(ConfigError, match=r"JSONDecodeError: .*, in .*functions\w*.py, line 3"):
        load_function(reference, "before")


def test_a_file_of_another_kind_is_refused(write: Callable[[str, str], Path]) -> None:
    """Python imports files by their ending."""
    with pytest.raises(ModelError, match=r"model: must be a Python file \(got '.*mine\.txt'\)"):
        load_file(write("mine.txt", MODEL), "model")


def test_a_class_without_build_is_no_model() -> None:
    """Also one from a notebook; its parameters must not have names of options."""
    with pytest.raises(ModelError, match=r"must be a param\.Parameterized class with a method build"):
        load_model(type("Plain", (param.Parameterized,), {}))
    with pytest.raises(ModelError, match=r"must be a param\.Parameterized class"):
        load_model(cast("Any", type("Other", (), {"build": lambda self: None})))
    with pytest.raises(ConfigError, match=r"Taken.*\.times: must not have the name of an option"):
        load_model(type("Taken", (param.Parameterized,), {"times": param.Number(1), "build": lambda self: None}))


def test_with_a_safe_path_the_working_directory_is_searched_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of a sweep run copies of modules, which the working directory may have, too; it is added once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/first"])
    monkeypatch.setattr(loading, "sys", SimpleNamespace(flags=SimpleNamespace(safe_path=True), path=sys.path))
    for _ in range(2):
        with loading._working_directory_on_path():
            assert sys.path == ["/first", str(tmp_path)]


def test_files_are_loaded_in_threads_too(write: Callable[[str, str], Path]) -> None:
    """Where no handler of signals can be set, an exception that is raised like Ctrl-C is an error of the file."""
    path, found = write("mine.py", "raise KeyboardInterrupt"), []

    def load() -> None:
        with pytest.raises(ModelError) as error:
            load_model(path)
        found.append(error.value)

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert len(found) == 1


def test_a_function_without_a_signature_is_accepted() -> None:
    """Some of those that are written in C have none."""
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    check_call(max, {"anything": 1}, "analysis.a")
