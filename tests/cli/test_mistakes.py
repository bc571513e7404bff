"""A user's mistakes on the command line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Outcome
from topo_exp.cli.words import COMMANDS, exit_code
from topo_exp.errors import (
    ConfigError,
    GeometryError,
    ModelError,
    NumericalError,
    ParameterError,
    RecordError,
    RunError,
    StateError,
    UnknownNameError,
)

FORM = re.compile(r"topo_exp: [^\n]*?: [^\n]*\(got[^\n]*\)[^\n]*[.?]\n")
"""`where: rule (got value). Fix.`, on one line."""
LONG = "a" * 5000
OWN = ["--config-dir", "conf"]

SETTINGS = [
    (["cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["+cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["++cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["cortex_density=-1"], "Tiny.cortex_density: must be a number > 0 (got -1)"),
    (["cortex_density=banana"], "Tiny.cortex_density: must be a number > 0 (got 'banana')"),
    (["cortex_density=[3]"], "must be a number > 0 (got [3])"),
    (["cortex_density=null"], "must be a number > 0 (got null)"),
    (["cortex_density="], "must be a number > 0 (got '')"),
    (["cortex_density=0.01"], "V1"),
    (["times=[5,1]"], "times: must increase (got 1 after 5)"),
    (["times=banana"], "times: must be a list"),
    (["times=-1"], "times: a number must be > 0"),
    (["times=[0,10"], "Hydra's grammar"),
    (["seed=3"], "seed: must be a parameter of model tiny or an option"),
    (["model=mine.py", "size=20"], "Mine.size: must be a number >= 1 and <= 9 (got 20)"),
    (["model=mine.py", "cortex_density=3"], "must be a parameter of model mine"),
    (["analysis=[[1]]"], "analysis: must be a name or a list of names"),
    (["analysis={a:1}"], "analysis: must be a name or a list of names"),
    (["analysis=3"], "analysis: must be a name or a list of names"),
    (["analysis.fields=3"], "analysis: no analysis of that name was chosen (got 'fields')"),
    (["analysis=[functions.py:measure,mine.py:measure]"], "must have different names (got 'measure' twice)"),
    (["model=[tiny]"], "model: must be a name or a path"),
    (["model=null"], "model: must be a name or a path"),
    (["tag=${nothing}"], "Interpolation key 'nothing' not found"),
    (["tag=???"], "Missing mandatory value: tag"),
    (["figure_formats=[xyz]"], "figure_formats: must be a list of values from png"),
    (["snapshot=somtimes"], "snapshot: must be one of last, all, none"),
    (["param_names=3"], "param_names: must be a mapping"),
    (["timestamp=banana"], "timestamp: must be a date"),
    (["~nosuch"], "nosuch: must be set for ~ to remove it (got '~nosuch')"),
    (["~analysis"], "Write analysis=[] for none"),
    (["~model"], "model: must be chosen (got none)"),
    (["cortex_density=" + "[" * 2000 + "]" * 2000], "too many brackets"),
]
"""Names and values that no run has."""

WORDS = [
    (["cortex_density"], "must start with a command or with name=value"),
    (["synk"], "Did you mean 'sync'"),
    (["cortex_density=3", "gcal"], "must be name=value"),
    (["=3"], "must be name=value"),
    (["times=[0,", "100]"], "Write it without blanks, or quote it: 'times=[0, 100]'."),
    (["times=[0,", "100,", "200]", "tag=x"], "'times=[0, 100, 200]'"),
    (["param_names={a:b,", "c:d}"], "'param_names={a:b, c:d}'"),
    (["times=0,100"], "Write 'times=[0,100]' for a list"),
    (["figure_formats=png,pdf"], "Write 'figure_formats=[png,pdf]' for a list"),
    (["analysis=default,tuning"], "Write 'analysis=[default,tuning]' for a list"),
    (["cortex_density=3,4"], "cortex_density: must be one value (got '3,4'). Add -m"),
    (["cortex_density=range(1,3)"], "cortex_density: must be one value"),
    (["tag=a,b"], "quote a text that has a comma"),
    (["--cortex_density=3"], "settings stand without dashes (got '--cortex_density=3'). Write cortex_density=3."),
    (["--cortex_density", "3"], "For a setting write name=value, without dashes"),
    (["--nonsense"], "has no flag of that name (got '--nonsense')"),
    (["-x"], "has no flag of that name (got '-x')"),
    (["--multirn"], "Did you mean '--multirun'?"),
    (["--experimental-rerun", "x.pickle"], "it unpickles a file"),
    (["--experimental-rerun=x.pickle"], "it unpickles a file"),
    (["--exp", "x.pickle"], "has no flag of that name (got '--exp')"),
    (["--config-path", "conf"], "Use --config-dir"),
    (["--config-dir"], "--config-dir: must be followed by a value"),
    (["--config-dir", "nowhere"], "--config-dir: must be a directory (got 'nowhere')"),
    (["--config-dir", "mine.py"], "--config-dir: must be a directory (got 'mine.py')"),
    (["--config-name", "nothing"], "Cannot find primary config 'nothing'"),
    (["--cfg", "job", "cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["--cfg", "job", "-m"], "must have one of"),
    (["--cfg"], "--cfg: must be followed by one of job, hydra, all"),
    (["--cfg", "banana"], "--cfg: must be one of job, hydra, all (got 'banana')"),
    (["--resolve"], "--resolve: must stand with --cfg"),
    (["--package", "x"], "--package: must stand with --cfg"),
    (["--explain", "-m", "cortex_density=3,4"], "must stand with settings of one run only (got --multirun)"),
    (["--explain", "cortex_densty=3"], "Did you mean 'cortex_density'"),
    (["sync", "nowhere"], "nowhere"),
    (["sync", "mine.py"], "PATHS: must hold a run"),
    (["sync", "."], "PATHS: must hold a run"),
    (["analyse"], "analyse: must be followed by WORDS"),
    (["analyse", "analysis=[default]"], "Add the path."),
    (["analyse", "nowhere"], "analyse PATH: must be a run directory"),
    (["analyse", "."], "PATHS: must hold a run"),
    (["analyse", "mine.py"], "analyse PATH: must be a run directory"),
    (["analyse", "--trst"], "Did you mean '--trust'?"),
    (["ui", "--nonsense"], "ui: has no option of that name (got '--nonsense')"),
    (["ui", "--port", "x"], "ui port: "),
    (
        ["ui", "nowhere"],
        "ui PATH: must be of the form that --help describes (got \"Directory 'nowhere' does not exist\")",
    ),
    (["verify", "nowhere"], "(got \"Path 'nowhere' does not exist\"). See"),
    (["cortex_density==3"], "extraneous input '='). Put quotes"),
]
"""Words that are no setting, flag or command, and settings that a shell has split."""

FILES = [
    (["model=tniy"], "Did you mean 'tiny'"),
    (["model=nowhere.py"], "no such file (got 'nowhere.py')"),
    (["model=functions.py"], "exactly one public param.Parameterized class"),
    (["model=exits.py"], "got SystemExit: 0, in {here}/exits.py, line 2"),
    (["model=interrupts.py"], "got KeyboardInterrupt, in {here}/interrupts.py, line 1"),
    (["model=broken.py"], "got SyntaxError: invalid syntax, in {here}/broken.py, line 1"),
    (["model=latin.py"], "{here}/latin.py, line 1"),
    (["model=no_init.py"], "got none, and OSError: no init, in {here}/no_init.py, line 11"),
    (["model=ours.py"], "must be a number > 0 (got -1). The default is 5.0. Raised in {here}/ours.py, line 2."),
    (["--explain", "model=no_build.py"], "ZeroDivisionError: division by zero, in {here}/no_build.py, line 11"),
    (["--explain", "model=exit_build.py"], "SystemExit: 0, in {here}/exit_build.py, line 11"),
    (["analysis=[exits.py:f]"], "SystemExit: 0, in {here}/exits.py, line 2"),
    (["analysis=[exits.f]"], "SystemExit: 0, in {here}/exits.py, line 2"),
    (["before=[broken.py:f]"], "before: must load without an error (got SyntaxError"),
    (["analysis=[defalt]"], "Did you mean 'default'"),
    (["analysis=[activity]"], "write 'analysis=[topo_exp.analysis.default.activity]' for it alone"),
    (["analysis=[orientation_tuning]"], "analysis=[topo_exp.analysis.tuning.orientation_tuning]"),
    (["analysis=[functions.py:mesure]"], "Did you mean 'measure'"),
    (["analysis=[functions.py:other]"], "Known are: fail, hello, measure."),
    (["analysis=[topo_exp.analysis.other]"], "Known are: Presentation, Result, activity, connection_fields, "),
    (["analysis=[functions.py:measure]", "analysis.measure.scal=2"], "Did you mean 'scale'"),
    (["analysis.nothing.x=1"], "no analysis of that name was chosen (got 'nothing')"),
    (["analysis=[.a.b]"], "must be file.py:function or package.module.function (got '.a.b')"),
    (["analysis=[a..b]"], "must be file.py:function or package.module.function (got 'a..b')"),
    (["after=[.a.b]"], "must be file.py:function or package.module.function (got '.a.b')"),
    (["before=[functions.py:nothing]"], "before: no such function"),
    (["hydra/launcher=nothing"], "hydra/launcher: no such hydra/launcher (got 'nothing')"),
    (["experiment=nothing"], "experiment: no such experiment (got 'nothing')"),
    ([*OWN, "experiment=broken"], "conf/experiment/broken.yaml, line 3, column 2: must be plain YAML"),
    ([*OWN, "experiment=tagged"], "conf/experiment/tagged.yaml, line 2, column 6: must be plain YAML"),
    ([*OWN, "experiment=twice"], "conf/experiment/twice.yaml, line 3, column 1: must be plain YAML"),
    ([*OWN, "experiment=latin"], "conf/experiment/latin.yaml: must be a text in UTF-8 (got byte 0xe9"),
    ([*OWN, "experiment=control"], "conf/experiment/control.yaml, position 27"),
    ([*OWN, "experiment=surrogate"], "tag: must be a text in UTF-8"),
    ([*OWN, "experiment=list"], "experiment: must be the name of a file"),
    ([*OWN, "experiment=listed"], "A file chooses analyses in its defaults, `- override /analysis: [default]`."),
    ([*OWN, "experiment=mistyped"], "Did you mean 'cortex_density'"),
    ([*OWN, "experiment=variable"], "NOSUCH_VARIABLE"),
    ([*OWN, "experiment=gcal_run", "retina_densty=3"], "must be a parameter of model gcal"),
]
"""Files of a user's own that are missing or wrong; an exception in one is described with its file and line."""

PLACES = [
    (["output_dir=mine.py"], "output_dir: must be a directory, or the path of a new one (got"),
    (["output_dir=mine.py/x"], "mine.py is a file"),
    (["output_dir=/dev/null/x"], "/dev/null is a file"),
    (["metadata_dir=mine.py"], "metadata_dir: must be a directory"),
    ([f"output_dir={LONG}"], "file name too long"),
    ([f"metadata_dir={LONG}"], "file name too long"),
    ([f"model={LONG}.py"], "File name too long"),
    ([f"model={LONG}"], "File name too long"),
    ([f"analysis=[{LONG}.py:f]"], "File name too long"),
    ([f"before=[{LONG}.py:f]"], "before: must be the path of a file"),
    ([f"experiment={LONG}"], "File name too long"),
    (["--config-dir", LONG], "File name too long"),
    (["analyse", LONG], "File name too long"),
    (["sync", LONG], "sync PATHS"),
    (["tag=caf\udce9"], r"command line: must be in UTF-8 (got b'tag=caf\xe9')"),
    (["analysis=[caf\udce9.py:f]"], "command line: must be in UTF-8"),
    (["sync", "caf\udce9"], "command line: must be in UTF-8"),
]
"""Paths that cannot be used, and texts that no file can hold."""

HYDRA = [
    ([*form, spelling], message)
    for spelling, message in [
        ("hydra.run.dir=x", "hydra.run.dir: must stay '.'"),
        ("++hydra.run.dir=x", "hydra.run.dir: must stay '.'"),
        ("hydra.run={dir:x}", "hydra.run.dir: must stay '.'"),
        ("hydra={run:{dir:x}}", "hydra.run.dir: must stay '.'"),
        ("+hydra={run:{dir:x}}", "hydra.run.dir: must stay '.'"),
        ("hydra.sweep.dir=x", "Use output_dir=... instead"),
        ("hydra.sweep.subdir=x", "Use dirname_prefix=... instead"),
        ("hydra={sweep:{dir:x}}", "hydra.sweep.dir: must stay '.'"),
        ("hydra.output_subdir=x", "hydra.output_subdir: must stay null"),
        ("hydra.job.chdir=true", "hydra.job.chdir: must stay false"),
        ("hydra.runtime.output_dir=x", "hydra.runtime.output_dir: must stay null"),
        ("hydra={job:{chdir:true}}", "hydra.job.chdir: must stay false"),
        ("hydra/job_logging=default", "hydra.job_logging: must have no handlers"),
        ("hydra/hydra_logging=default", "hydra.hydra_logging: must have no handlers"),
        ("hydra.launcher._target_=os.system", "hydra.launcher: must be an installed launcher (got 'os.system')"),
        ("hydra.sweeper._target_=os.system", "hydra/sweeper: must be points (got 'os.system')"),
        ("hydra/sweeper=basic", "hydra/sweeper: must be points"),
        ("hydra.searchpath=[file:///no/such/place]", "hydra.searchpath: must name directories that exist"),
        ("hydra.job.env_copy=[NOSUCH_VARIABLE]", "NOSUCH_VARIABLE"),
        ("hydra.verbose=3", "must be one that Hydra can compose"),
        ("hydra=null", "must be one that Hydra can compose"),
        ("hydra.nothing=x", "hydra.nothing: no such setting (got 'nothing'). --cfg hydra shows"),
        ("hydra.launcher=3", "hydra.launcher: must be an installed launcher (got 3)"),
        ("hydra.sweeper=3", "hydra/sweeper: must be points (got 3)"),
    ]
    for form in ([], ["-m"])
]
"""Settings of Hydra that would make directories or files, or start something else, in every spelling."""

SWEEPS = [
    (["-m", "cortex_density=3,-4"], "(got -4)"),
    (["-m", "cortex_density=3,4", "cortex_densty=1"], "Did you mean 'cortex_density'"),
    (["-m", "model=tiny,nothing"], "no such model (got 'nothing')"),
    (["-m", "model=mine.py,tiny", "size=2"], "must be a parameter of model tiny"),
    (["-m", "times=[0,1],[1,0]"], "times: must increase"),
    (["-m", "cortex_density=range(5,3)"], "cortex_density: must have at least one value"),
    (["-m", "cortex_density=glob(x*)"], "cortex_density: must have at least one value"),
    (["-m", "cortex_density=choice()"], "empty choice"),
    (["-m", "tag=a,???"], "Missing mandatory value: tag"),
    (["-m", "cortex_density=interval(1,2)"], "sweep.cortex_density: a distribution must be drawn from"),
    (["-m", "cortex_density=range(1,2,0)"], "range() arg 3 must not be zero"),
    (["-m", "output_dir=mine.py,x"], "output_dir: must be the same in all runs of a sweep"),
    (["-m", "output_dir=mine.py", "cortex_density=3,4"], "output_dir: "),
    (["-m", "cortex_density=3,-1"], "In the run with cortex_density=-1; none was started."),
    *(
        ([*form, f"hydra/launcher={launcher}", f"hydra.launcher.{setting}", "cortex_density=3,4"], message)
        for launcher, setting, message in [
            ("slurm", "cpus=0", "slurm.cpus: must be a whole number >= 1 (got 0)"),
            ("slurm", "nosuch=1", "hydra.launcher.nosuch: no such setting (got 'nosuch')"),
            ("dask", "workers=-1", "dask.workers: must be a whole number >= 1, or null (got -1)"),
        ]
        for form in (["-m"], ["plan"])
    ),
]
"""Sweeps of which no run is started."""

MISTAKES = [*SETTINGS, *WORDS, *FILES, *PLACES, *HYDRA, *SWEEPS]


@pytest.fixture
def wrong_files(tmp_path: Path) -> Path:
    """Write models, functions and configuration files that are wrong, each in its own way."""
    build = 'return topo_exp.build("tiny", cortex_density=self.size)'
    sources = {
        "exits.py": "import sys\nsys.exit(0)\n",
        "interrupts.py": "raise KeyboardInterrupt\n",
        "broken.py": "def (\n",
        "ours.py": "import topo_exp\ntopo_exp.build('tiny', cortex_density=-1)\n" + MODEL,
        "no_build.py": MODEL.replace(build, "return 1 / 0"),
        "exit_build.py": MODEL.replace(build, "raise SystemExit(0)"),
        "no_init.py": MODEL.replace(
            "    def build", "    def __init__(self, **k):\n        raise OSError('no init')\n\n    def build"
        ),
    }
    settings = {
        "broken": b"times: [0, 1\nx: }\n",
        "tagged": b"tag: !!python/object/apply:os.system ['touch executed']\n",
        "twice": b"tag: a\ntag: b\n",
        "latin": b"tag: caf\xe9\n",
        "control": b'tag: "a\x01b"\n',
        "surrogate": b'tag: "\\ud800"\n',
        "list": b"- 1\n",
        "listed": b"analysis: [tuning]\n",
        "mistyped": b"cortex_densty: 3\n",
        "variable": b"tag: ${oc.env:NOSUCH_VARIABLE}\n",
        "gcal_run": b"model: gcal\n",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.py").write_bytes(b"x = 'caf\xe9'\n")
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    for name, content in settings.items():
        head = b"" if name == "list" else b"# @package _global_\n"
        (folder / f"{name}.yaml").write_bytes(head + content)
    return tmp_path


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda value: ascii(" ".join(value))[:50])
def test_a_mistake_is_refused_in_one_line(
    program: Callable[..., Outcome], wrong_files: Path, words: list[str], message: str
) -> None:
    """Exit code 2, one line of the form `where: rule (got value). Fix.`, and nothing left on disk."""
    before = _files(wrong_files)
    outcome = program(*words)
    assert outcome.code == 2
    assert message.replace("{here}", str(wrong_files)) in outcome.err
    assert FORM.fullmatch(outcome.err), outcome.err
    assert len(outcome.err) < 1000
    assert outcome.out == ""
    assert _files(wrong_files) == before


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_program_and_its_commands_agree(name: str) -> None:
    """Every command of the table exists under its name, with its text."""
    from topo_exp.cli.commands import command_named

    command = command_named(name)
    assert (command.name, command.short_help) == (name, COMMANDS[name])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (UnknownNameError, 2),
        (ParameterError, 2),
        (GeometryError, 2),
        (ModelError, 2),
        (RunError, 1),
        (RecordError, 1),
        (NumericalError, 1),
        (StateError, 1),
    ],
)
def test_exit_codes_tell_mistakes_from_failures(error: type, code: int) -> None:
    """2 is a mistake that the user can correct, 1 a run that failed."""
    assert exit_code(error("text")) == code
