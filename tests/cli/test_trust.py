"""Code of records is executed with permission only."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import QUICK, Outcome, Recorded
from topo_exp.cli.words import COMMANDS
from topo_exp.compose.trust import model_code, recorded_code
from topo_exp.record.checked import file_sha256
from topo_exp.record.handle import load_run
from topo_exp.record.run_yaml import write_record

Program = Callable[..., Outcome]
MEASURE = ["analysis=[functions.py:measure]", "tracking=none"]

TRAP = "open({marker!r}, 'w').close()\n"
REFUSAL = "{name}: code of the record must be trusted before it is run (got {code}). Read it, then add --trust."


class Terminal(io.StringIO):
    """A terminal on which something was typed."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


@pytest.fixture
def trapped(program: Program, tmp_path: Path) -> tuple[Path, Path]:
    """Return a run of a model whose file is gone, and the file that its recorded copy makes when it is executed."""
    assert program("model=mine.py", *QUICK, "snapshot=all").code == 0
    (run,) = (tmp_path / "Output").iterdir()
    marker, copy = tmp_path / "executed", run / "provenance" / "mine.py"
    copy.write_text(copy.read_text() + TRAP.format(marker=str(marker)))
    (tmp_path / "mine.py").unlink()
    record = yaml.safe_load((run / "run.yaml").read_text())
    record["sources"][record["model_source"]] = file_sha256(copy)
    record["code"] = {}  # as in a run of an installed package: no repository, and no patch
    write_record(run, record)
    return run, marker


class Same:
    """The result of a repetition that has the same bits."""

    verdict = "identical"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("analyse", MEASURE),
        ("resume", []),
        ("extend", ["times=[2]"]),
        ("reproduce", ["--same-environment"]),
    ],
)
def test_code_of_a_record_runs_only_with_permission(
    program: Program,
    trapped: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: list[str],
) -> None:
    """Each command that executes a recorded model has the same flag, the same question and the same refusal."""
    run, marker = trapped
    record = yaml.safe_load((run / "run.yaml").read_text())
    if command == "resume":
        write_record(run, {**record, "status": "killed"})
    code = run / "provenance" / "mine.py" if command == "analyse" else Path(record["model_source"])
    for answer in (None, "n\n", "\n"):
        monkeypatch.setattr("sys.stdin", None if answer is None else Terminal(answer))
        outcome = program(command, str(run), *words)
        assert (outcome.code, marker.exists()) == (2, False), outcome
        assert REFUSAL.format(name=run.name, code=code) in outcome.err
        assert (f"\n  {code}" in outcome.err) == (answer is not None)
    if command == "reproduce":  # it installs and runs in another process
        monkeypatch.setattr("topo_exp.after.reproduction.reproduce", lambda *_, **__: marker.touch() or Same())
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    outcome = program(command, str(run), *words)
    assert (outcome.code, marker.exists()) == (0, True), outcome
    monkeypatch.setattr("sys.stdin", None)
    if command == "resume":
        write_record(run, {**yaml.safe_load((run / "run.yaml").read_text()), "status": "killed"})
    assert program(command, str(run), "--trust", *(["times=[3]"] if command == "extend" else words)).code == 0


@pytest.mark.parametrize("difference", ["none", "changed", "another user's", "in the record", "in another record"])
def test_a_users_own_unchanged_model_needs_no_permission(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: str
) -> None:
    """A file is the user's own if it is at its place, unchanged, outside all records, and belongs to the user."""
    assert program("model=mine.py", *QUICK, "snapshot=all").code == 0
    (run,) = (tmp_path / "Output").iterdir()
    handle = load_run(run)
    own = str(tmp_path / "mine.py")
    if difference == "changed":
        (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text() + "\n")
    if difference == "another user's":
        monkeypatch.setattr("topo_exp.compose.trust._user", lambda: -1)
    if difference == "in the record":
        link = tmp_path / "link"
        link.symlink_to(run.parent, target_is_directory=True)
        handle = load_run(link / run.name)
        own = str(run / "provenance" / "mine.py")
        handle.metadata["model_source"] = own
        handle.metadata["sources"] = {own: file_sha256(Path(own))}
    if difference == "in another record":  # such as one that was unpacked beside it
        (tmp_path / "sweep.yaml").touch()
    copy = str(handle.directory / "provenance" / "mine.py")
    assert model_code(handle) == {"none": [], "changed": [copy]}.get(difference, [own])
    assert recorded_code(handle) == ([] if difference == "none" else [own])
    assert recorded_code(handle, may_differ=True) == ([] if difference in ("none", "changed") else [own])
    if difference == "none":
        assert program("analyse", str(run), *MEASURE).code == 0


def test_a_sweep_is_resumed_only_with_permission(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code of a sweep that may be another user's is named and not imported, unless the user allows it."""
    model, marker = tmp_path / "mine.py", tmp_path / "executed"
    model.write_text(model.read_text() + TRAP.format(marker=str(marker)))
    words = ["-m", "model=mine.py", "size=2,3", *QUICK, "before=[functions.py:fail]"]
    assert program(*words).code == 1
    (sweep,) = (tmp_path / "Output").iterdir()
    monkeypatch.setattr("topo_exp.compose.trust._user", lambda: -1)
    marker.unlink()
    outcome = program("resume", str(sweep))
    assert (outcome.code, marker.exists()) == (2, False), outcome
    assert f"{sweep.name}: code of the record must be trusted before it is run (got " in outcome.err
    assert str(model) in outcome.err
    assert "it hurts" in program("resume", str(sweep), "--trust").err
    assert marker.exists()


def test_models_of_the_package_and_analyses_of_maps_need_no_trust(program: Program, tmp_path: Path) -> None:
    """Nothing of a stranger's is executed there, so nothing is asked."""
    assert program("cortex_density=3", *QUICK).code == 0
    assert program("analyse", "Output", *MEASURE).code == 0
    assert program("model=mine.py", *QUICK, "output_dir=own").code == 0
    (tmp_path / "of_maps.py").write_text(
        "from topo_exp import Result\nfrom topo_exp.analysis.result import of_maps\n"
        "@of_maps\ndef count(maps): return Result(metrics={'count': float(len(maps))})\n"
    )
    assert program("analyse", "own", "analysis=[of_maps.py:count]", "tracking=none").code == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Carry out a run of a model of the package."""
    return Recorded.of(tmp_path_factory, "cortex_density=3", *QUICK)


@pytest.fixture
def stopped(program: Program, finished: Recorded, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run of a model of the package that is recorded as killed, and write functions that leave a mark."""
    run = finished.restore(monkeypatch)
    (finished.folder / "trap.py").write_text(
        TRAP.format(marker=str(mark_of(run))) + "from topo_exp import Result\ndef f(sim): return Result()\n"
    )
    write_record(run, {**yaml.safe_load((run / "run.yaml").read_text()), "status": "killed"})
    return run


def mark_of(run: Path) -> Path:
    """Return the file that is made if a function in the folder of a run is executed."""
    return run.parents[1] / "executed"


@pytest.mark.parametrize("command", ["resume", "extend", "reproduce"])
@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"analysis": {"theirs": {"_target_": "{folder}/trap.py:f"}}}, "{folder}/trap.py"),
        ({"analysis": {"theirs": {"_target_": "trap.f"}}}, "trap.f"),
        ({"before": ["{folder}/trap.py:f"]}, "{folder}/trap.py"),
        ({"after": ["trap:f"]}, "trap:f"),
    ],
)
def test_functions_that_only_the_configuration_names_need_permission(
    program: Program, stopped: Path, command: str, settings: dict[str, object], reference: str
) -> None:
    """The composed configuration decides which functions are called, whatever run.yaml lists."""
    amend(stopped, settings)
    if command != "resume":
        write_record(stopped, {**yaml.safe_load((stopped / "run.yaml").read_text()), "status": "done"})
    words = {"resume": [], "extend": ["times=[2]"], "reproduce": ["--same-environment"]}[command]
    outcome = program(command, str(stopped), *words)
    assert (outcome.code, mark_of(stopped).exists()) == (2, False), outcome
    assert f"must be trusted before it is run (got {reference.format(folder=stopped.parents[1])}" in outcome.err


@pytest.mark.parametrize(
    "settings",
    [
        {"before": {"{folder}/trap.py:f": 1}},
        {"after": "trap"},
        {"analysis": [["theirs", {"_target_": "{folder}/trap.py:f"}]]},
    ],
)
def test_a_configuration_of_another_form_is_refused(
    program: Program, stopped: Path, settings: dict[str, object]
) -> None:
    """Functions in a mapping, or analyses in a list, which composition never makes, are not called unseen."""
    amend(stopped, settings)
    outcome = program("resume", str(stopped), "--trust")
    assert (outcome.code, mark_of(stopped).exists()) == (1, False), outcome
    assert f".hydra/config.yaml: {next(iter(settings))} must be a " in outcome.err


def amend(run: Path, settings: dict[str, object]) -> None:
    """Replace settings in the recorded configuration of a run; {folder} stands for the directory above its output."""
    config = run / ".hydra" / "config.yaml"
    text = yaml.safe_dump({**yaml.safe_load(config.read_text()), **settings})
    config.write_text(text.replace("{folder}", str(run.parents[1])))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Carry out a sweep of a user's own model whose runs fail."""
    words = ["-m", "model=mine.py", "size=2,3", *QUICK, "before=[functions.py:fail]"]
    return Recorded.of(tmp_path_factory, *words, code=1)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_anything_from_a_sweep(
    program: Program, failed: Recorded, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Neither the model and functions that its description names nor its copies of code are executed."""
    monkeypatch.setattr("topo_exp.view.ui.serve_pages", lambda *_, **__: None)  # its pages are MLflow's
    sweep = failed.restore(monkeypatch)
    marker = mark_of(sweep)
    trap = TRAP.format(marker=str(marker))
    for name in ("code/program/topo_exp/__init__.py", "code/program/sitecustomize.py", "code/files/0_own/mine.py"):
        (sweep / name).parent.mkdir(parents=True, exist_ok=True)
        (sweep / name).write_text(trap)
    for name in ("mine.py", "functions.py"):
        (failed.folder / name).write_text((failed.folder / name).read_text() + trap)
    words = {"extend": [str(sweep), "times=[2]"], "prune": ["restart", str(sweep)]}.get(command, [str(sweep)])
    outcome = program(command, *words)
    assert not marker.exists(), outcome
    if command in ("resume", "work"):
        assert outcome.code == 2


def test_a_sweep_that_was_not_started_here_is_resumed_only_with_permission(program: Program, tmp_path: Path) -> None:
    """Its description names what is run, also where it lists no code: it is asked for as a whole."""
    model, marker = tmp_path / "mine.py", tmp_path / "executed"
    assert program("-m", "model=mine.py", "size=2,3", *QUICK, "before=[functions.py:fail]").code == 1
    (sweep,) = (tmp_path / "Output").iterdir()
    description = yaml.safe_load((sweep / "sweep.yaml").read_text())
    description["code"]["sources"] = {}
    (sweep / "sweep.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    model.write_text(model.read_text() + TRAP.format(marker=str(marker)))
    outcome = program("resume", str(sweep))
    assert (outcome.code, marker.exists()) == (2, False), outcome
    assert REFUSAL.format(name=sweep.name, code=sweep / "sweep.yaml") in outcome.err
    program("resume", str(sweep), "--trust")
    assert marker.exists()
