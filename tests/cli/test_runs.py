"""Runs from the command line."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from tests.cli.conftest import QUICK, Outcome, runs
from tests.doubles import slow
from topo_exp.compose.loading import load_model

Program = Callable[..., Outcome]
ROOT = Path(__file__).resolve().parents[2]


def test_a_run_leaves_one_directory_and_nothing_else(program: Program, tmp_path: Path) -> None:
    """Hydra makes no directories of its own, and the run is named by the parameters that were set."""
    outcome = program("cortex_density=3", *QUICK, "timestamp=202611221137")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "done: Output/202611221137_tiny,cortex_density=3\n"
    assert {path.name for path in tmp_path.iterdir()} == {"Output", "functions.py", "mine.py"}
    assert [path.name for path in (tmp_path / "Output").iterdir()] == ["202611221137_tiny,cortex_density=3"]


def test_the_composed_configuration_is_kept_as_hydra_does(program: Program, tmp_path: Path) -> None:
    """`.hydra` has the configuration, the overrides as they were written, and Hydra's own settings."""
    program("+cortex_density=3", *QUICK, "timestamp=202611221137")
    folder = next(tmp_path.glob("Output/*/.hydra"))
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "overrides.yaml", "hydra.yaml"}
    assert "cortex_density: 3\n" in (folder / "config.yaml").read_text()
    assert "- cortex_density=3\n" in (folder / "overrides.yaml").read_text()
    assert "runtime:" in (folder / "hydra.yaml").read_text()


def test_the_recorded_command_repeats_the_run(program: Program, tmp_path: Path) -> None:
    """Whatever the values, the first line of the log can be pasted into a shell."""
    tag = 'it\'s "odd"; $HOME `x` \\ (a) größe'  # line breaks: see test_a_record_can_be_repeated_from_any_directory
    program(f"tag={tag}", "cortex_density=3", *QUICK)
    (first,) = runs(tmp_path / "Output")
    assert first["tag"] == tag
    cd, place, python, _, module, *words = shlex.split(first["command"])
    assert (cd, place, python, module) == ("cd", f"{tmp_path};", "python", "topo_exp")
    assert program(*words).code == 0
    _, second = runs(tmp_path / "Output")
    assert (second["command"], second["tag"]) == (first["command"], tag)


def test_a_multirun_is_one_run_for_each_combination(program: Program, tmp_path: Path) -> None:
    """Every point has its directory; they share date and sweep, and nothing else is written."""
    outcome = program("-m", "cortex_density=3,4", "retina_density=12,24", *QUICK)
    assert outcome.code == 0
    records = runs(tmp_path / "Output")
    assert len(records) == 4
    assert {(run["given"]["cortex_density"], run["given"]["retina_density"]) for run in records} == {
        (3, 12),
        (3, 24),
        (4, 12),
        (4, 24),
    }
    assert len({run["sweep"] for run in records}) == 1
    assert len({run["name"].partition("_")[0] for run in records}) == 1
    assert all("sweep" not in run["command"] for run in records)
    assert {path.name for path in tmp_path.iterdir()} == {"Output", "functions.py", "mine.py"}


def test_flags_may_stand_anywhere(program: Program, tmp_path: Path) -> None:
    """`-m` after the overrides is as good as before them."""
    assert program("cortex_density=3,4", "-m", *QUICK).code == 0
    assert len(runs(tmp_path / "Output")) == 2


def test_a_failing_run_ends_with_its_message_and_exit_code_1(program: Program, tmp_path: Path) -> None:
    """The message names the function and the time; the directory stays and says failed."""
    outcome = program(*QUICK, "analysis=[functions.py:fail]")
    assert outcome.code == 1
    assert "it hurts" in outcome.err
    assert "Traceback" not in outcome.err
    assert [run["status"] for run in runs(tmp_path / "Output")] == ["failed"]


def test_one_failing_run_of_a_sweep_does_not_stop_the_others(program: Program, tmp_path: Path) -> None:
    """Every other run is done, each failure is reported, and the exit code is 1."""
    (tmp_path / "sometimes.py").write_text(
        "def fail(sim):\n    if sim['V1'].shape == (3, 3): raise RuntimeError('three is bad')\n"
    )
    outcome = program("-m", "cortex_density=3,4,5", *QUICK, "before=[sometimes.py:fail]")
    assert outcome.code == 1
    assert [run["status"] for run in runs(tmp_path / "Output")] == ["failed", "done", "done"]
    assert "1 of 3 failed" in outcome.err
    assert "cortex_density=3: " in outcome.err
    assert outcome.out.count("done: ") == 2


@pytest.mark.parametrize("path", ["mine.py", "{here}/a b (c).py", *slow("./mine.py", "{here}/mine.py")])
def test_a_users_model_runs_by_its_path(program: Program, tmp_path: Path, path: str) -> None:
    """Relative, absolute, with blanks and parentheses: its parameters stand on the command line."""
    (tmp_path / "a b (c).py").write_text((tmp_path / "mine.py").read_text())
    assert program(f"model={path.format(here=tmp_path)}", "size=4", *QUICK).code == 0
    (run,) = runs(tmp_path / "Output")
    assert run["given"] == {"size": 4}
    assert "size=4" in run["name"]


def test_a_users_model_and_ours_share_a_sweep(program: Program, tmp_path: Path) -> None:
    """Models are swept over like anything else."""
    assert program("-m", "model=mine.py,tiny", *QUICK).code == 0
    assert [run["model"] for run in runs(tmp_path / "Output")] == ["mine", "tiny"]


def test_parameters_of_a_swept_model_need_not_be_the_defaults(program: Program, tmp_path: Path) -> None:
    """A parameter that all swept models have is accepted, though the default model lacks it."""
    (tmp_path / "other.py").write_text((tmp_path / "mine.py").read_text())
    assert program("-m", "model=mine.py,other.py", "size=2", *QUICK).code == 0
    assert [run["given"] for run in runs(tmp_path / "Output")] == [{"size": 2}, {"size": 2}]


def test_a_users_functions_run_inside_the_record(program: Program, tmp_path: Path) -> None:
    """Analyses with options, `before` and `after`, from a file."""
    words = ["analysis=[functions.py:measure]", "analysis.measure.scale=2", "before=[functions.py:hello]"]
    outcome = program(*QUICK, *words)
    assert outcome.code == 0
    (directory,) = (tmp_path / "Output").iterdir()
    assert "1.0,V1/scaled,2.0" in (directory / "metrics.csv").read_text()
    assert "hello from tiny" in (directory / "run.log").read_text()


def test_an_analysis_can_be_switched_off(program: Program, tmp_path: Path) -> None:
    """`analysis.NAME=null` leaves one of several out."""
    program("times=[0]", "tracking=none", "analysis=[default,functions.py:measure]", "analysis.fields=null")
    (run,) = runs(tmp_path / "Output")
    assert "fields" not in run["analysis"]
    assert {"activity", "measure"} <= set(run["analysis"])


def test_experiment_files_are_composed_and_checked(program: Program, tmp_path: Path) -> None:
    """A file in `experiment` sets options and parameters, may sweep, and its mistakes are refused like others."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "good.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: tiny\n  - override /analysis: []\n"
        "times: [0, 1]\ntracking: none\nhydra:\n  sweeper:\n    params:\n      cortex_density: 3,4\n"
    )
    (folder / "bad.yaml").write_text("# @package _global_\ncortex_densty: 3\n")
    assert program("--config-dir", "conf", "-m", "experiment=good").code == 0
    assert [run["given"] for run in runs(tmp_path / "Output")] == [{"cortex_density": 3}, {"cortex_density": 4}]
    outcome = program("--config-dir", "conf", "experiment=bad")
    assert outcome.code == 2
    assert "Did you mean 'cortex_density'" in outcome.err


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")))
def test_the_experiments_that_come_along_can_be_composed(program: Program, experiment: str) -> None:
    """Each file of conf/experiment describes a run."""
    assert program("--cfg", "job", f"experiment={experiment}").code == 0


@pytest.mark.parametrize("analysis", sorted(path.stem for path in (ROOT / "conf" / "analysis").glob("*.yaml")))
def test_the_analyses_that_come_along_can_be_composed(program: Program, analysis: str) -> None:
    """Each file of conf/analysis names functions that exist, with options that they have."""
    assert program("--cfg", "job", f"analysis=[{analysis}]").code == 0


def test_the_configuration_can_be_shown(program: Program, tmp_path: Path) -> None:
    """`--cfg job` prints options and parameters and runs nothing."""
    outcome = program("--cfg", "job", "cortex_density=3")
    assert outcome.code == 0
    assert "cortex_density: 3\n" in outcome.out
    assert "retina_density: 24.0\n" in outcome.out
    assert "tracking: mlflow\n" in outcome.out
    assert not (tmp_path / "Output").exists()


def test_the_shown_configuration_is_the_one_of_the_run(program: Program, tmp_path: Path) -> None:
    """`--cfg job` shows the list of times, every option of every analysis, and the parameters of the model."""
    words = ["times=0.1", "analysis=[default,functions.py:measure]", "analysis.measure.scale=2"]
    shown = yaml.safe_load(program("--cfg", "job", *words).out)
    assert shown["times"] == [0, 5, 10, 50, 100, 200, 300, 400, 500, 1000]
    assert shown["analysis"]["measure"] == {"_target_": "functions.py:measure", "scale": 2}
    orientation = shown["analysis"]["orientation_map"]
    assert (orientation["settling_only"], orientation["phases"], orientation["method"]) == (True, 18, "vector_average")
    assert "sweep_id" not in shown
    (tmp_path / "own.yaml").write_text("# @package _global_\nmodel: gcal\ninput_seed: 7\n")
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "own.yaml").rename(tmp_path / "conf" / "experiment" / "own.yaml")
    shown = yaml.safe_load(program("--cfg", "job", "--config-dir", "conf", "experiment=own").out)
    assert (shown["model"], shown["input_seed"]) == ("gcal", 7)
    assert shown["cortex_density"] == load_model("gcal").cls.param["cortex_density"].default


def test_a_model_in_a_file_brings_its_parameters(program: Program, tmp_path: Path) -> None:
    """`model:` in an experiment file has the model's own defaults, alone, in a sweep, and below the command line."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "own.yaml").write_text("# @package _global_\nmodel: mine.py\nsize: 2\n")
    own = ["--config-dir", "conf", "experiment=own"]
    assert program(*own, *QUICK).code == 0
    assert program("-m", *own, "size=3,4", *QUICK).code == 0
    records = runs(tmp_path / "Output")
    assert sorted(run["parameters"]["size"] for run in records) == [2, 3, 4]
    assert {(run["model"], "retina_density" in run["parameters"]) for run in records} == {("mine", False)}
    assert all(" model=mine.py " in run["command"] for run in records)
    assert "size: must be a parameter of model tiny" in program(*own, "model=tiny", *QUICK).err


def test_a_run_is_composed_once(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra composes the configuration of a single run one time."""
    composed = []
    load = ConfigLoaderImpl.load_configuration
    monkeypatch.setattr(
        ConfigLoaderImpl, "load_configuration", lambda *args, **options: composed.append(1) or load(*args, **options)
    )
    assert program("cortex_density=3", *QUICK).code == 0
    assert len(composed) == 1


@pytest.mark.parametrize(
    ("line", "completion"),
    [
        ("topo-exp sy", "sync"),
        ("topo-exp ana", "analyse"),
        ("topo-exp analyse Output --tr", "--trust"),
        ("topo-exp --config-dir conf experiment=", "experiment=own"),
        ("topo-exp --config-dir=conf -m experiment=ow", "experiment=own"),
        ("topo-exp --config-dir conf experiment=own inp", "input_seed="),
        ("topo-exp --config-dir conf experiment=own tag=x cortex_den", "cortex_density="),
        ("topo-exp cortex", "cortex_density="),
        ("topo-exp model=gc", "model=gcal"),
        ("topo-exp model=gcal inp", "input_seed="),
        ("topo-exp model=./mi", "model=./mine.py"),
        ("topo-exp trac", "tracking="),
        ("topo-exp analysis=def", "analysis=default"),
        ("topo-exp experiment=tin", "experiment=tiny_sizes"),
        ("topo-exp model=gcal 'times=[0,10]' inp", "input_seed="),
        ('topo-exp model="gcal" inp', "input_seed="),
        ("topo-exp plan -m model=gcal inp", "input_seed="),
        ("topo-exp plan --h", "--help"),
    ],
)
def test_words_are_completed(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, completion: str
) -> None:
    """Tab completes commands, models, their parameters, options, files, and the experiments of --config-dir."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "own.yaml").write_text("# @package _global_\nmodel: gcal\n")
    monkeypatch.setenv("COMP_LINE", line)
    outcome = program("--shell-completion", "query=bash")
    assert outcome.code == 0
    assert completion in outcome.out.split()


@pytest.mark.parametrize("line", ["topo-exp model=nosuch inp", "topo-exp 'times=[0", "topo-exp --config-dir no mod"])
def test_completion_prints_no_errors(program: Program, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """A mistake in the line that is being typed has no completion, and nothing appears within the line."""
    monkeypatch.setenv("COMP_LINE", line)
    outcome = program("--shell-completion", "query=bash")
    assert (outcome.code, outcome.out.strip(), outcome.err) == (0, "", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_line_of_the_guide_installs_completion(program: Program, tmp_path: Path) -> None:
    """After it, bash calls the program for the words of the line that is being typed."""
    outcome = program("--shell-completion", "install=bash")
    assert outcome.code == 0
    called = tmp_path / "topo-exp"
    called.write_text(f'#!/bin/bash\nexec {sys.executable} -m topo_exp "$@"\n')
    called.chmod(0o755)
    typed = "COMP_LINE='topo-exp model=gcal inp' COMP_CWORD=2 && hydra_bash_completion && echo ${COMPREPLY[*]}"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", f"{outcome.out}\n{typed}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("input_seed=\n", "")


@pytest.mark.parametrize("words", [[], ["install=csh"], ["cortex_density=3"], ["install=bash", "query=bash"]])
def test_completion_of_another_shell_is_refused(program: Program, words: list[str]) -> None:
    """The message names the words that are possible."""
    outcome = program("--shell-completion", *words)
    assert outcome.code == 2
    assert "install, uninstall, query with one of bash, zsh, fish" in outcome.err


def test_environment_and_option_say_where_runs_are_kept(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOPO_EXP_OUTPUT, unless `output_dir` says otherwise."""
    monkeypatch.setenv("TOPO_EXP_OUTPUT", str(tmp_path / "one"))
    program(*QUICK)
    program(*QUICK, "output_dir=another/place")
    assert len(runs(tmp_path / "one")) == len(runs(tmp_path / "another" / "place")) == 1


def test_a_finished_run_is_analysed_again(program: Program, tmp_path: Path) -> None:
    """`analyse` adds to the directory of a run, built from its record, a user's own model included."""
    program("model=mine.py", "size=4", *QUICK)
    (directory,) = (tmp_path / "Output").iterdir()
    assert "scaled" not in (directory / "metrics.csv").read_text()
    words = ["analysis=[functions.py:measure]", "analysis.measure.scale=3", "tracking=none"]
    outcome = program("analyse", str(directory), "--trust", *words)
    assert outcome.code == 0
    assert directory.name in outcome.out
    assert "1.0,V1/scaled,3.0" in (directory / "metrics.csv").read_text()


def test_a_changed_model_is_analysed_from_its_recorded_copy(program: Program, tmp_path: Path) -> None:
    """An edited or deleted file does not change the model of a finished run."""
    program("model=mine.py", *QUICK)
    (tmp_path / "mine.py").write_text("raise RuntimeError('edited since')")
    outcome = program("analyse", "Output", "--trust", "analysis=[functions.py:measure]", "tracking=none")
    assert outcome.code == 0
    assert "recorded copy" in outcome.err


def test_the_installed_program_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """`python -m topo_exp` works from any directory, and a mistake ends it with exit code 2."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(tmp_path / "kept here")}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "topo_exp", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    good, bad = call("cortex_density=3", *QUICK), call("cortex_densty=3")
    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 2
    assert "Did you mean 'cortex_density'" in bad.stderr
    assert len(runs(tmp_path / "kept here")) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_tells_by_its_exit_code(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM end the program, also in the middle of a sweep, and the directory says killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "topo_exp", "-m", "times=[0,1e9],[0,1]", *QUICK[1:], "hydra/launcher=basic"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: any("reached: 0.0" in path.read_text() for path in tmp_path.glob("**/run.yaml")))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in errors
    assert [run["status"] for run in runs(tmp_path)] == ["killed"]


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


SWEPT = [
    ("times=[0,1],[0,2]", "times", ([0, 1], [0, 2]), ("times=0_1", "times=0_2")),
    ("analysis=[],[functions.py:measure]", "analysis", ([], "functions.py:measure"), ("analysis=", "functions.py-me")),
    ("engine=compiled,reference", "engine", ("compiled", "reference"), ("engine=compiled", "engine=reference")),
    ("snapshot=last,none", "snapshot", ("last", "none"), ("snapshot=last", "snapshot=none")),
    ("experiment=one,two", "experiment", ("one", "two"), ("experiment=one", "experiment=two")),
]


@pytest.mark.parametrize(("word", "name", "values", "named"), SWEPT, ids=lambda value: str(value)[:20])
def test_whatever_is_swept_names_its_runs(
    program: Program, tmp_path: Path, word: str, name: str, values: tuple[object, ...], named: tuple[str, ...]
) -> None:
    """Settings of every kind that vary are in the directory's name and in the record, with their values."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    for experiment in ("one", "two"):
        (folder / f"{experiment}.yaml").write_text("# @package _global_\n")
    quick = [other for other in QUICK if not other.startswith(f"{name}=")]
    assert program("--config-dir", "conf", "-m", word, *quick, "tag=mine").code == 0
    records = sorted(runs(tmp_path / "Output"), key=lambda run: values.index(run["given"][name]))
    assert [run["given"] for run in records] == [{name: value} for value in values]
    assert [run["settings"][name]["swept"] for run in records] == [True, True]
    assert all(text in run["name"] for run, text in zip(records, named, strict=True)), [run["name"] for run in records]
    assert not [run["name"] for run in records if run["name"].endswith("-2")]


def test_a_swept_option_of_an_analysis_names_its_runs(program: Program, tmp_path: Path) -> None:
    """`analysis.NAME.OPTION` stands in the name, in `given` and, with its kind, among the settings."""
    words = ["analysis=[functions.py:measure]", "times=[0]", "tracking=none"]
    assert program("-m", "analysis.measure.scale=0.5,2", *words).code == 0
    records = runs(tmp_path / "Output")
    assert [run["given"] for run in records] == [{"analysis.measure.scale": 0.5}, {"analysis.measure.scale": 2}]
    assert [run["name"].partition(",")[2] for run in records] == [
        "analysis.measure.scale=0.5",
        "analysis.measure.scale=2",
    ]
    assert records[0]["settings"] == {
        "analysis.measure.scale": {"kind": "analysis option", "value": 0.5, "swept": True},
        "analysis": {"kind": "analysis", "value": "functions.py:measure", "swept": False},
        "times": {"kind": "option", "value": [0], "swept": False},
        "tracking": {"kind": "option", "value": "none", "swept": False},
    }


def test_the_engine_is_recorded_as_it_was(program: Program, tmp_path: Path) -> None:
    """A model may choose its engine; the record has the one that simulated, and the option goes before the model."""
    (tmp_path / "exact.py").write_text(
        "import param\nimport topo_exp\n\nclass Exact(param.Parameterized):\n    def build(self):\n"
        "        sim = topo_exp.build('tiny', cortex_density=3)\n        sim.engine = 'reference'\n        return sim\n"
    )
    for words in (["model=exact.py"], ["model=exact.py", "engine=compiled"], []):
        assert program(*words, *QUICK).code == 0
    engines = {
        (run["model"], bool(run["settings"].get("engine"))): run["options"]["engine"]
        for run in runs(tmp_path / "Output")
    }
    assert engines == {("exact", False): "reference", ("exact", True): "compiled", ("tiny", False): "compiled"}


def test_the_forms_of_a_model_are_printed(program: Program, tmp_path: Path) -> None:
    """`--explain` prints a table of sheets and projections, and runs nothing."""
    outcome = program("model=tiny", "cortex_density=3", "--explain")
    assert (outcome.code, outcome.err) == (0, "")
    head, *rows = outcome.out.splitlines()
    assert head.split() == ["sheet", "projection", "form", "reason", "weights", "MB"]
    assert any(row.startswith("V1") and "compiled" in row for row in rows)
    assert not (tmp_path / "Output").exists()
    assert "dense" in program("engine=reference", "--explain").out


def test_another_interrupt_at_the_end_changes_nothing() -> None:
    """Ctrl-C that is pressed again when the program already ends because of it leaves its exit code."""
    code = """if True:
        import os, signal, sys, time
        from topo_exp import __main__ as program

        def interrupt(*words):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

        program._dispatch, program._print_error = (lambda words: interrupt), interrupt
        sys.exit(program.main())
    """
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 130
