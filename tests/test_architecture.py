"""The house: who may import whom, what is loaded when, and that everything public says what it is."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "topo_exp"
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = PACKAGE / "engine" / "compiled" / "kernels"
"""Files that import numba when they are loaded, which happens inside a function."""
LAYERS = {
    "__main__": 5,
    "cli": 5,
    "compose": 4,
    "runner": 3,
    "models": 2,
    "analysis": 2,
    "engine": 1,
    "errors": 0,
    "typing": 0,
    "testing": 4,  # doubles of the parts below, for tests, the users' own among them
}
HEAVY = ("hydra", "omegaconf", "mlflow", "matplotlib", "numba", "scipy", "xarray", "pandas")
ALLOWED = {
    "hydra": ("cli/*", "compose/*"),
    "omegaconf": ("cli/*", "compose/*"),
    "mlflow": ("runner/mlflow_*.py",),
    "matplotlib": ("analysis/plots*.py", "analysis/pictures.py", "runner/*", "testing.py"),
    "numba": ("engine/compiled/*", "engine/compiled/kernels/*"),
    "click": ("cli/*",),
    "rich": ("runner/*", "cli/*"),
}
"""Where a library may be imported at all."""


def part(path: Path) -> str:
    """Name the part of the house that a file belongs to."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """List what a file imports, and whether it does so when it is loaded itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
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
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node not in inside


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    """A part imports only what lies below it; models and analysis do not know each other."""
    own = part(path)
    if own == "__init__":
        return
    for name, _ in imports(path):
        if not name.startswith("topo_exp."):
            continue
        other = name.split(".")[1]
        if other == own or other not in LAYERS:
            continue
        assert LAYERS[other] < LAYERS[own] or {own, other} == {"__main__", "cli"}, f"imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_where_they_belong(path: Path) -> None:
    """Hydra lives in compose and cli, MLflow in its view, matplotlib where pictures are made, numba in the engine."""
    relative = path.relative_to(PACKAGE)
    for name, _ in imports(path):
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
    assert set(found) <= {("runner/drawing.py", "pickle.loads")}
