"""The launcher `slurm` on a real Slurm of one node: disturbed tasks lose no point and double none."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_runs import ROOT, wait_until
from tests.faults.twins import assert_same_bits
from topo_exp.record.run_yaml import read_record
from topo_exp.runner.provenance import describe_code
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps

SCRIPT = ROOT / "tests" / "slurm_cluster.sh"
MISSING = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(800),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: slurm-wlm, munge)"),
    pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can start Slurm's daemons"),
]
FUNCTIONS = ROOT / "tests" / "faults" / "sweep_functions.py"
WORDS = ["-m", "cortex_density=3,4,5", f"analysis=[{FUNCTIONS}:measure]", "tracking=none", "checkpoint_every=0.01"]
SHORT, LONG = "times=[0,2000]", "times=[0,100,150000]"


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """Start a Slurm, and yield the environment of programs that use it."""
    place = Path(tempfile.mkdtemp(prefix="topo_exp_slurm_"))  # munged, a user of its own, must reach it
    started = subprocess.run([SCRIPT, "start", place], capture_output=True, text=True, timeout=60, check=False)
    try:
        assert started.returncode == 0, started.stderr
        yield {**os.environ, "SLURM_CONF": str(place / "slurm.conf"), "PYTHONPATH": str(ROOT)}
    finally:
        subprocess.run([SCRIPT, "stop", place], capture_output=True, timeout=60, check=True)
        shutil.rmtree(place)


def call(words: list[str], output: Path, environment: dict[str, str]) -> str:
    """Run the program, which must succeed; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "topo_exp", *words],
        cwd=output,
        env={**environment, "TOPO_EXP_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Return the runs of undisturbed sweeps on this machine, by times and by density."""
    found = {}
    for times in (SHORT, LONG):
        output = tmp_path_factory.mktemp("twin")
        call([*WORDS, times], output, {**os.environ, "PYTHONPATH": str(ROOT)})
        found[times] = runs_of(output)
    return found


def states_of(output: Path) -> list[str]:
    """Return the states of the points of the only sweep."""
    (path,) = find_sweeps([output])
    sweep = SweepDirectory.open(path)
    return [state.state for state in sweep.ledger.states([point.key for point in sweep.manifest.space]).values()]


def runs_of(output: Path) -> dict[str, Path]:
    """Return the runs of the only sweep by density; each point has one run."""
    (path,) = find_sweeps([output])
    sweep = SweepDirectory.open(path)
    found = {str(p["cortex_density"]): path / sweep.ledger.runs(p.key)[0] for p in sweep.manifest.space}
    assert sorted(found.values()) == sorted(each.parent for each in path.glob("*/run.yaml"))
    return found


def assert_done_as(output: Path, twin: dict[str, Path]) -> None:
    """Wait until all points are done, and compare them with undisturbed ones."""
    wait_until(lambda: states_of(output) == ["done"] * 3, 240)
    for name, directory in runs_of(output).items():
        wait_until(lambda directory=directory: not list(directory.glob(".lease*.tmp")), 20)
        assert_same_bits(directory, twin[name])


def running(output: Path) -> list[Path]:
    """Return the runs that are past their second time."""
    records = [(path.parent, read_record(path.parent)) for path in output.glob("*/*/run.yaml")]
    return [path for path, record in records if record["status"] == "running" and record["reached"] == 100]


def parent_of_worker(worker: int) -> int:
    """Return the process that supervises a worker: the parent of the fork server that made it."""
    server = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    return int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])


def jobs(environment: dict[str, str], state: str = "RUNNING") -> list[str]:
    """Return the jobs in a state by number, those of an array as `<number>_<index>`."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--format=%i", f"--states={state}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def test_a_sweep_has_the_bits_of_a_local_one(
    cluster: dict[str, str], twins: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    """The command returns at once, several points share a task, and each run equals that of the local launcher."""
    text = call([*WORDS, SHORT, "hydra/launcher=slurm", "hydra.launcher.points_per_job=2"], tmp_path, cluster)
    assert "submitted: 3 points in 2 tasks of Slurm" in text
    assert_done_as(tmp_path, twins[SHORT])
    assert "3 runs: 3 done" in call(["status", str(tmp_path)], tmp_path, cluster)
    assert "nothing to resume" in call(["resume", str(tmp_path)], tmp_path, cluster)


def test_a_sweep_in_python_is_submitted(cluster: dict[str, str], tmp_path: Path) -> None:
    """With launcher="slurm", `run` submits and returns; a mapping holds the settings of the launcher."""
    code = (
        "import topo_exp\n"
        "choice = {'slurm': {'points_per_job': 2}}\n"
        "settings = {'cortex_density': [3, 4, 5], 'times': [0, 1], 'analysis': [], 'tracking': 'none'}\n"
        "print(topo_exp.sweep('tiny', launcher=choice, **settings).run().status().total)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**cluster, "TOPO_EXP_OUTPUT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3\n"
    assert "submitted: 3 points in 2 tasks of Slurm" in done.stderr
    wait_until(lambda: states_of(tmp_path) == ["done"] * 3, 240)


def test_more_tasks_than_an_array_holds_are_several_arrays(
    cluster: dict[str, str], twins: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    """Where an array has at most two tasks, three points are two arrays; n_jobs holds across them."""
    words = [*WORDS, SHORT, "hydra/launcher=slurm", "n_jobs=1"]
    assert "submitted: 3 points in 3 tasks of Slurm" in call(words, tmp_path, cluster)
    (listed,) = tmp_path.glob("*/slurm/jobs.txt")
    first, second = listed.read_text().split()
    waiting = subprocess.run(
        ["squeue", "--noheader", "--format=%E", f"--jobs={second}"],
        env=cluster,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"afterany:{first}_*" in waiting
    assert_done_as(tmp_path, twins[SHORT])


@pytest.mark.parametrize("disturbance", ["requeue", "preempt", "kill", "kill the task", "scancel", "crash"])
def test_disturbed_tasks_lose_and_double_nothing(
    cluster: dict[str, str], twins: dict[str, dict[str, Path]], tmp_path: Path, disturbance: str
) -> None:
    """After requeue, preemption, SIGKILL of a run, a task or all of Slurm, or scancel and the command, all is done."""
    words = [*WORDS, LONG, "hydra/launcher=slurm"]
    call(words, tmp_path, cluster)
    wait_until(lambda: bool(running(tmp_path)), 120)
    if disturbance == "requeue":
        for job in jobs(cluster):
            subprocess.run(["scontrol", "requeue", job], env=cluster, check=True, timeout=30)
    elif disturbance == "preempt":
        urgent = ["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 3"]
        subprocess.run(urgent, env=cluster, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    elif disturbance == "crash":
        for action in ("crash", "restart"):
            place = Path(cluster["SLURM_CONF"]).parent
            subprocess.run([SCRIPT, action, place], check=True, timeout=60, capture_output=True)
    elif disturbance == "kill the task":
        killed = running(tmp_path)[0]
        os.kill(parent_of_worker(read_record(killed)["process"]["pid"]), signal.SIGKILL)
    elif disturbance == "kill":
        for run in running(tmp_path):
            os.kill(read_record(run)["process"]["pid"], signal.SIGKILL)
        time.sleep(1)
        call(["resume", str(tmp_path)], tmp_path, cluster)  # a killed run is a failed point; others may still run
    else:
        subprocess.run(["scancel", "--user=root"], env=cluster, check=True, timeout=30)
        wait_until(lambda: not jobs(cluster) and "running" not in states_of(tmp_path), 60)
        assert "joining" in call(words, tmp_path, cluster)
    assert_done_as(tmp_path, twins[LONG])
    assert any(read_record(run).get("resumed") for run in runs_of(tmp_path).values())


def test_a_time_limit_requeues_until_all_is_done(
    cluster: dict[str, str], twins: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    """A task that is stopped before its limit writes restart points, is queued again by itself, and continues."""
    limits = ["hydra.launcher.time=1", "hydra.launcher.warn_before=55"]
    call([*WORDS, LONG, "hydra/launcher=slurm", *limits], tmp_path, cluster)
    assert_done_as(tmp_path, twins[LONG])
    assert any(read_record(run).get("resumed") for run in runs_of(tmp_path).values())


def test_code_is_that_of_the_submission(cluster: dict[str, str], tmp_path: Path) -> None:
    """A model file that changes after the submission does not change points that wait."""
    model = tmp_path / "mine.py"
    text = (
        "import param, topo_exp\n\nclass Mine(param.Parameterized):\n    '''Mine.'''\n"
        "    size = param.Number(3.0, doc='Units.')\n    def build(self):\n"
        "        return topo_exp.build('tiny', cortex_density=self.size + ADDED)\n\nADDED = 0\n"
    )
    model.write_text(text)
    words = ["model=mine.py", "size=3,4,5", "times=[0,1]", "analysis=[]", "tracking=none"]
    call(["-m", *words, "hydra/launcher=slurm"], tmp_path, cluster)
    model.write_text(text.replace("ADDED = 0", "ADDED = 1"))
    wait_until(lambda: states_of(tmp_path) == ["done"] * 3, 120)
    sizes = [read_record(path.parent)["size"]["connections"] for path in sorted(tmp_path.glob("*/*/run.yaml"))]
    assert len(set(sizes)) == 3
    assert min(sizes) == 729  # of tiny with cortex_density 3
    here = describe_code(None, tmp_path).get("topo_exp", {})
    codes = [read_record(path.parent)["code"] for path in tmp_path.glob("*/*/run.yaml")]
    assert [code.get("topo_exp", {}).get("commit") for code in codes] == [here.get("commit")] * 3


def test_daemons_listen_on_this_machine_only(cluster: dict[str, str]) -> None:
    """No socket of Slurm's daemons is bound to another address than 127.0.0.1."""
    listed = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    slurm = [line.split()[3] for line in listed if "slurm" in line]
    assert slurm
    assert all(address.startswith("127.0.0.1:") for address in slurm)
