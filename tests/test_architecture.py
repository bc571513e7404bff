"""The house: which room may import which, what is loaded when, and what every public thing must document."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "topo_exp"
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = PACKAGE / "engine" / "compiled" / "kernels"
"""Files that import numba when they are loaded, which happens inside a function."""
BASE = {"errors", "typing", "about"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "typing": set(),
    "about": set(),
    "engine": {"errors", "typing"},
    "models": {"engine", "errors", "typing"},
    "analysis": {"engine", "errors", "typing"},
    "record": {"errors", "typing", "about"},
    "view": {"record", "analysis", *BASE},
    "runner": {"record", "analysis", "engine", *BASE},
    "sweeps": {"runner", "view", "record", *BASE},
    "after": {"sweeps", "runner", "view", "record", "analysis", "engine", *BASE},
    "compose": {"sweeps", "after", "runner", "view", "record", "models", "analysis", "engine", *BASE},
    "cli": {"compose", "sweeps", "after", "runner", "view", "record", "analysis", "engine", *BASE},
    "__main__": {"cli", "record", *BASE},
    "testing": {"runner", "record", "analysis", "engine", *BASE},
}
"""The rooms that a file of each room may import, besides its own. `testing` holds doubles of the rooms below it."""
HEAVY = ("hydra", "omegaconf", "mlflow", "matplotlib", "numba", "scipy", "xarray", "pandas")
ALLOWED = {
    "hydra": ("cli/*", "compose/*"),
    "omegaconf": ("cli/*", "compose/*"),
    "mlflow": ("view/*",),
    "matplotlib": ("analysis/plots*.py", "analysis/pictures.py", "runner/drawing.py", "testing.py"),
    "numba": ("engine/compiled/*", "engine/compiled/kernels/*"),
    "click": ("cli/*",),
    "rich": ("runner/*", "sweeps/*", "cli/*"),
    "distributed": ("sweeps/launch/dask*.py",),
}
"""Where a library may be imported at all."""


def room(path: Path) -> str:
    """Return the room that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in FILES}


def imports(path: Path, *, typing_too: bool = True) -> Iterator[tuple[str, bool]]:
    """List the names that a file imports, and whether it does so when it is itself loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_typing = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for child in ast.walk(node)
    }
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_typing and not typing_too:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node not in inside and node not in for_typing


def imported_modules(path: Path) -> set[str]:
    """Return the files of the package that a file imports, by dotted name, wherever the import stands."""
    found = set()
    for name, _ in imports(path):
        target = name if name in MODULES else name.rpartition(".")[0]
        if target in MODULES and target not in ("topo_exp", module_name(path)):
            found.add(target)
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle: strongly connected components of two or more."""
    reach = {module: set(targets) for module, targets in graph.items()}
    for middle in graph:
        for targets in reach.values():
            if middle in targets:
                targets.update(reach[middle])
    groups = {frozenset(other for other in targets if module in reach[other]) for module, targets in reach.items()}
    return sorted(sorted(group) for group in groups if group)


def test_circles_are_found() -> None:
    """The search for circles finds one of three files, and none in a tree."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """No import closes a circle, be it at the top, inside a function or for types only."""
    assert circles({module: imported_modules(path) for module, path in MODULES.items()}) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    """A file imports its own room and the rooms below it, as drawn; no other."""
    own = room(path)
    if own == "__init__":
        return
    assert own in MAY_IMPORT, f"{own} is a room without a place in the house"
    others = {module.split(".")[1] for module in imported_modules(path)} - {own}
    assert others <= MAY_IMPORT[own], f"{own} imports {sorted(others - MAY_IMPORT[own])}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_object_reaches_up(path: Path) -> None:
    """Sheets, projections and functions do not hold their simulation; a projection asks its sheets for little."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\.(?:dest|src|sheet|projection|_sheet|_projection)\.(?:_?sim|simulation|network)\b", text)
    if room(path) == "engine":
        assert not re.search(r"\bself\._?simulation\b", text)
    if path.name == "projection.py":
        asked = set(re.findall(r"\b(?:src|dest)\.(\w+)", text))
        assert asked <= {"grid", "name", "shape"}, f"asks a sheet for {sorted(asked)}"


def offered() -> Iterator[tuple[str, ast.FunctionDef | ast.AnnAssign]]:
    """List the signatures and typed fields of everything that one room imports from another."""
    wanted: dict[str, set[str]] = {}
    for path in FILES:
        for name, _ in imports(path):
            module, _, thing = name.rpartition(".")
            if module in MODULES and room(MODULES[module]) != room(path):
                wanted.setdefault(module, set()).add(thing)
    for module, things in sorted(wanted.items()):
        for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in things:
                yield f"{module}.{node.name}", node
            if isinstance(node, ast.ClassDef) and node.name in things:
                for inner in node.body:
                    public = isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_")
                    if public or isinstance(inner, ast.AnnAssign):
                        name = inner.name if isinstance(inner, ast.FunctionDef) else ast.unparse(inner.target)
                        yield f"{module}.{node.name}.{name}", inner  # type: ignore[misc]


def untyped(node: ast.FunctionDef | ast.AnnAssign) -> bool:
    """Return True if `Any` stands in a signature or in the type of a field."""
    if isinstance(node, ast.AnnAssign):
        annotations: list[ast.expr | None] = [node.annotation]
    else:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        annotations = [argument.annotation for argument in every] + [node.returns]
    names = (name for annotation in annotations if annotation for name in ast.walk(annotation))
    return any(isinstance(name, ast.Name) and name.id == "Any" for name in names)


def test_rooms_meet_at_typed_joints() -> None:
    """No function, method or field that one room imports from another has `Any` in its type."""
    assert [name for name, node in offered() if untyped(node)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_where_they_belong(path: Path) -> None:
    """Hydra lives in compose and cli, MLflow in its view, matplotlib where pictures are made, numba in the engine."""
    relative = path.relative_to(PACKAGE)
    for name, _ in imports(path, typing_too=False):
        library = name.partition(".")[0]
        if library in ALLOWED:
            assert any(relative.match(pattern) for pattern in ALLOWED[library]), f"imports {name}"


def test_the_engine_is_silent_and_touches_disk_and_clock_in_one_place() -> None:
    """Only what keeps the compiled kernels knows of files and time; nothing in the engine logs."""
    outside = {"logging", "pathlib", "shutil", "tempfile", "time"}
    found = {
        path.name
        for path in (PACKAGE / "engine").rglob("*.py")
        for name, _ in imports(path)
        if name.partition(".")[0] in outside
    }
    assert found == {"cache.py"}


@pytest.mark.parametrize("library", ["mlflow", "numba"])
def test_slow_libraries_are_imported_inside_functions(library: str) -> None:
    """What takes long to load is loaded when it is used."""
    eager = [
        str(path.relative_to(PACKAGE))
        for path in FILES
        for name, at_once in imports(path)
        if at_once and name.partition(".")[0] == library and not path.is_relative_to(KERNELS)
    ]
    assert not eager


def loaded_after(code: str) -> set[str]:
    """Run code in a process of its own, and list the heavy libraries that it has loaded."""
    program = f"{code}\nimport sys\nprint('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
        timeout=120,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import topo_exp", set()),
        ("import topo_exp.analysis", set()),
        ("import topo_exp.runner.spec", set()),
        ("import topo_exp; topo_exp.build('tiny')", {"numba"}),
        ("from topo_exp.__main__ import main; main(['--help'])", set()),
        ("from topo_exp.__main__ import main; main(['model=gcal', '--help'])", set()),
        ("from topo_exp.__main__ import main; main(['nonsense'])", set()),
    ],
)
def test_nothing_is_loaded_before_it_is_used(code: str, allowed: set[str]) -> None:
    """Importing the package and asking for help load none of the libraries that take long."""
    assert loaded_after(code) <= allowed


def public(tree: ast.Module) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]]:
    """List a module with its public functions, classes and methods."""
    yield "module", tree
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node.name, node
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                yield f"{node.name}.{inner.name}", inner


def takes_its_place(name: str, documented: set[str]) -> bool:
    """Tell whether a method does what a documented one of that name promises: its setter, or a protocol's member."""
    return "." in name and name.partition(".")[2] in documented


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_says_what_it_is(path: Path) -> None:
    """Modules, public functions, classes and methods have a docstring whose first line is a sentence."""
    texts = [(name, ast.get_docstring(node)) for name, node in public(ast.parse(path.read_text(encoding="utf-8")))]
    documented = {name.partition(".")[2] for name, text in texts if text}
    if path.parent.name == "runner":
        documented |= {"open", "record", "checkpoint", "close"}  # as the protocol Recorder documents them
    for name, text in texts:
        assert text or takes_its_place(name, documented), f"{name} has no docstring"
        assert not text or text.splitlines()[0].rstrip().endswith((".", ":", "?")), f"{name}: {text.splitlines()[0]!r}"


def test_no_file_is_a_pickle_and_nothing_is_evaluated() -> None:
    """No module evaluates data or reads pickles, but for the pipe to the drawing process, which both ends are ours."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "pickle.load", "pickle.loads"):
                found.append((str(path.relative_to(PACKAGE)), ast.unparse(node.func)))
    assert set(found) <= {("runner/rendering.py", "pickle.loads")}


@pytest.mark.parametrize("name", ["engine", "analysis", "runner"])
def test_values_that_are_handed_on_cannot_be_changed(name):
    """Dataclasses of the rooms that compute results are frozen, so that no receiver changes what another one holds."""
    changing = [
        f"{path.name}: {node.name}"
        for path in FILES
        if room(path) == name and path.name != "plots_axes.py"  # axes that are drawn into again
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(
            "dataclass" in (text := ast.unparse(each)) and "frozen=True" not in text for each in node.decorator_list
        )
    ]
    assert changing == []


GIVEN_UP = {"force", "trust", "skip_failed", "skips_failed", "retries_failed", "may_differ", "is_extension"}
"""Names of choices that give up a guarantee, or do more than what was asked."""


@pytest.mark.parametrize("path", sorted((PACKAGE / "compose").glob("*.py")), ids=lambda path: path.stem)
def test_no_guarantee_is_given_up_by_default(path: Path) -> None:
    """Changed code, code of others and failed points are accepted only where that is asked for."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            options = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            chosen = {option.arg: default for option, default in options if option.arg in GIVEN_UP and default}
            assert all(isinstance(value, ast.Constant) and value.value is False for value in chosen.values()), chosen
