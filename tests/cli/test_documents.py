"""The commands and the Python code of the documentation work as they are printed."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import topo_exp
from tests.cli.conftest import Outcome
from topo_exp.compose.overrides import parsed
from topo_exp.compose.space import split_words
from topo_exp.sweeps.options import SWEEP_OPTIONS
from topo_exp.sweeps.search import ENTRY, Search

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
PLACEHOLDER = re.compile(r"NAME\b|\.\.\.|\[(model|parameter)")
"""Marks a usage line: it shows the form of a command, not a command."""

ACTIVITY = topo_exp.analysis.activity
"""An analysis that costs next to nothing."""


def activity_numbers(sim: topo_exp.Simulation) -> topo_exp.Result:
    """Return the activity with its metrics, which the default leaves out."""
    return topo_exp.analysis.activity(sim, numbers="all")


def commands() -> Iterator[tuple[str, str]]:
    """List the command lines of all documents, each with the name of its document."""
    for document in DOCUMENTS:
        text = re.sub(r"<!--.*?-->", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in re.findall(r"python -m topo_exp ?(.*)", text):
            command = re.split(r"`|&|;| #|$", line)[0].strip()
            command = re.sub(r"\$\w+", "1", command)  # a variable of the shell
            if not PLACEHOLDER.search(re.sub(r"Output/\.\.\.", "Output", command)):
                yield document.name, command


def code(document: str) -> list[str]:
    """Return the Python code of a document, block by block."""
    text = (TOP / document).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture
def program_of_a_reader(program: Callable[..., Outcome], tmp_path: Path) -> Callable[..., Outcome]:
    """Call the program in a directory that has the files which the documents name."""
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    (tmp_path / "my_model.py").write_text(code("docs/writing_a_model.md")[0])
    functions = "".join(block for block in code("docs/writing_an_analysis.md") if "topo_exp.build" not in block)
    (tmp_path / "my_file.py").write_text(functions)
    (tmp_path / "small_lissom.py").write_text(small_lissom())
    return program


def points(words: list[str]) -> list[list[str]]:
    """List the words of each run that a command makes."""
    sorted_words = split_words(words)
    node = dict(word.removeprefix("sweep.").split("=", 1) for word in sorted_words.node)
    if ENTRY in node:
        described = {ENTRY: parsed(f"{ENTRY}={node[ENTRY]}").value()}
        space = Search.from_data(sorted_words.data(described)).probes
    else:
        entries = {name: yaml.safe_load(text.strip("'")) for name, text in node.items()}
        space = sorted_words.space(entries)
    return [[*point.words, *sorted_words.others] for point in space]


def small_lissom() -> str:
    """Return the model file of docs/migrating.md."""
    (text,) = (block for block in code("docs/migrating.md") if "class SmallLissom" in block)
    return text


def test_the_documents_have_commands() -> None:
    """The commands of the documents are found: every page for users has at least one."""
    found = {document for document, _ in commands()}
    pages = {
        "README.md",
        "user_guide.md",
        "writing_a_model.md",
        "writing_an_analysis.md",
        "migrating.md",
        "clusters.md",
    }
    assert pages <= found


def test_documented_commands_can_be_pasted() -> None:
    """No character that a shell replaces, or cannot read, may stand outside quotes."""
    bare = {command: re.sub(r"'[^']*'|\"[^\"]*\"", "", command) for _, command in commands()}
    assert [command for command, rest in bare.items() if set("()[]{}*?<>!") & set(rest)] == []


@pytest.mark.parametrize(("document", "command"), list(dict.fromkeys(commands())), ids=lambda value: value[-60:])
def test_a_documented_command_is_accepted(
    program_of_a_reader: Callable[..., Outcome], document: str, command: str
) -> None:
    """Each command of the documents passes all checks that come before a run; of a sweep, its first and last run."""
    launcher = ("hydra/launcher=", "hydra.launcher.")  # needs its plugin, or Slurm
    words = [word for word in shlex.split(command) if not word.startswith(launcher)]
    if words and "=" not in words[0] and not words[0].startswith("-"):  # a command beside running, on a directory
        assert program_of_a_reader(words[0], "--help").code == 0
        if words[0] in ("collate", "plot"):  # their words are no settings of a run
            return
        words = [word for word in words if "=" in word and "/" not in word.partition("=")[0]]
    if {"--help", "--explain"} & set(words):
        outcomes = [program_of_a_reader(*words)]
    else:
        swept = points([word for word in words if word != "-m" and word.partition("=")[0] not in SWEEP_OPTIONS])
        outcomes = [program_of_a_reader("--cfg", "job", *point) for point in swept[:1] + swept[1:][-1:]]
    for outcome in outcomes:
        assert outcome.code == 0, f"{document}: {outcome.err}"


@pytest.mark.parametrize("document", ["README.md", "docs/user_guide.md", "docs/reproducing_a_run.md"])
def test_documented_code_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python code of a page runs from its first line to its last; here with small networks and few iterations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    recorded = topo_exp.run("tiny", times=[0, 1], cortex_density=3, analysis=ACTIVITY, tracking="none", tag="earlier")
    small = {"cortex_density=24": "cortex_density=6", "cf(12, 12)": "cf(2, 2)", "until=100)": "until=1)"}
    small |= {"until=101": "until=2", "times=[0, 100]": "times=[0, 1]", "times=[0, 100, 1000]": "times=[0, 1, 2]"}
    quick = 'topo_exp.run("tiny", tracking="none", analysis=topo_exp.analysis.activity'
    small |= {"+ 1000": "+ 2", 'topo_exp.run("tiny"': quick}
    namespace: dict[str, Any] = {}
    for block in code(document):
        text = re.sub(r'"Output/[^"]*"', repr(str(recorded.directory)), block)
        for printed, used in small.items():
            text = text.replace(printed, used)
        exec(compile(text, document, "exec"), namespace)  # noqa: S102  the project's own document
    assert namespace["sim"].time > 0


def test_the_documented_sweep_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python code of docs/sweeps.md makes its two runs; here without MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    (block,) = code("docs/sweeps.md")
    quick = block.replace("times=[0, 100])", 'times=[0, 1], tracking="none", analysis=[])')
    assert quick != block
    namespace: dict[str, Any] = {}
    exec(compile(quick, "sweeps.md", "exec"), namespace)  # noqa: S102  the project's own document
    assert [run.parameters["cortex_density"] for run in namespace["again"].runs] == [3, 4]


def test_the_documented_table_and_figure_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python code of docs/after_the_runs.md makes a sweep, its table and a figure; here without MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    text = "\n".join(code("docs/after_the_runs.md"))
    quick = text.replace("times=[0, 100])", 'times=[0, 100], tracking="none", figure_formats=[])')
    assert quick != text
    quick = quick.replace(
        "times=[0, 10], ", 'times=[0, 10], tracking="none", analysis=topo_exp.analysis.activity, figure_formats=[], '
    )
    namespace: dict[str, Any] = {}
    exec(compile(quick, "after_the_runs.md", "exec"), namespace)  # noqa: S102  the project's own document
    assert len(namespace["table"]) == 8
    assert [cause.name for cause in namespace["found"].causes] == ["cortex_density"]
    assert (tmp_path / "coverage.pdf").read_bytes().startswith(b"%PDF")


def test_the_table_of_finished_runs_has_a_row_for_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of docs/migrating.md that collect metrics find every run, with its times and parameters."""
    monkeypatch.chdir(tmp_path)
    for density in (2, 3):
        topo_exp.run(
            "tiny",
            times=[0, 1],
            cortex_density=density,
            analysis=activity_numbers,
            figure_formats=[],
            tracking="none",
            output_dir="Output",
        )
    (block,) = (block for block in code("docs/migrating.md") if "collate" in block)
    namespace: dict[str, Any] = {}
    exec(compile(block, "migrating.md", "exec"), namespace)  # noqa: S102  the project's own document
    table = namespace["table"]
    assert list(table["time"]) == [0.0, 1.0, 0.0, 1.0]
    assert list(table["cortex_density"]) == [2, 2, 3, 3]
    assert table["V1/activity_mean"].notna().all()


def test_the_translated_script_follows_its_schedule(tmp_path: Path) -> None:
    """The translated network learns, settles nine times, and changes threshold and lateral fields at 200."""
    (tmp_path / "small_lissom.py").write_text(small_lissom())
    sim = topo_exp.build(tmp_path / "small_lissom.py", cortex_density=24)
    lateral = sim["V1"].projections["LateralExcitatory"]
    connections = (lateral.weights != 0).sum()
    before = sim["V1"].projections["Afferent"].weights.copy()
    sim.run(until=199.5)
    assert sim["V1"].output_fns[0].lower == 0.1
    sim.run(until=201)
    assert sim["V1"].output_fns[0].lower == 0.12
    assert (lateral.weights != 0).sum() < connections
    after = sim["V1"].projections["Afferent"].weights
    assert abs(after - before).max() > 0.01
    assert sim["V1"].activity.max() > 0
