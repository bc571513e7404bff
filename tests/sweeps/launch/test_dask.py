"""The launcher `dask` with a scheduler and two workers on this machine: losses cost no point and double none."""

import io
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import QUICK, Outcome, program
from tests.cli.test_runs import ROOT, wait_until
from tests.faults.twins import assert_same_bits
from tests.sweeps.launch.test_slurm import FUNCTIONS, running, runs_of, states_of
from topo_exp.record.run_yaml import read_record
from topo_exp.sweeps.launch.dask import make_task
from topo_exp.sweeps.launch.dask_cluster import LOCAL_OPTIONS

__all__ = ["program"]
Program = Callable[..., Outcome]
WORDS = ["-m", "cortex_density=3,4,5", f"analysis=[{FUNCTIONS}:measure]", "tracking=none", "checkpoint_every=0.01"]
WORDS += ["times=[0,100,60000]", "report=false"]
LOOPBACK = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
SLOW = [pytest.mark.slow, pytest.mark.timeout(800)]


class _WithoutPackage(pickle.Unpickler):
    """Read objects where this package is not installed."""

    def find_class(self, module: str, name: str) -> object:
        assert not module.startswith("topo_exp")
        return super().find_class(module, name)


def test_the_task_needs_no_package_on_the_other_side() -> None:
    """The function that a worker calls travels by its code: neither scheduler nor worker imports topo_exp for it."""
    pytest.importorskip("distributed")
    from distributed.protocol.pickle import dumps

    function = _WithoutPackage(io.BytesIO(dumps(make_task()))).load()
    assert function.__name__ == "run_program"
    with pytest.raises(ValueError, match="No worker"):  # it runs as far as the first call of Dask
        function(["true"], {})


def test_without_dask_one_line_says_how_to_install_it(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package is the user's mistake, and nothing is written."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = program("-m", "cortex_density=3,4", *QUICK, "hydra/launcher=dask")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "pip install 'topo-exp[dask]'" in outcome.err
    assert not (tmp_path / "Output").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra.launcher.cluster=distributed.NoCluster"], "hydra.launcher.cluster: must name a class of clusters"),
        (["hydra.launcher.cluster=no_such_package.Cluster"], "pip install no-such-package"),
        (["hydra.launcher.scheduler_file=none.json"], "hydra.launcher.scheduler_file: must be the file"),
        (
            ["hydra.launcher.address=tcp://a:1", "hydra.launcher.scheduler_file=b"],
            "must have address or scheduler_file",
        ),
        (["hydra.launcher.points_per_task=0"], "dask.points_per_task: must be"),
        (["hydra/launcher=dask_ssh"], "hydra.launcher.options.hosts"),
    ],
)
def test_mistakes_in_the_settings_start_nothing(
    program: Program, tmp_path: Path, words: list[str], message: str
) -> None:
    """A wrong setting ends with exit code 2 and its name, before anything is written."""
    pytest.importorskip("distributed")
    chosen = [] if words[0].startswith("hydra/") else ["hydra/launcher=dask"]
    outcome = program("-m", "cortex_density=3,4", *QUICK, *chosen, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "Output").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "directive"),
    [("pbs", "#PBS -l walltime=04:00:00"), ("sge", "#$ -l h_rt=04:00:00"), ("lsf", "#BSUB -W 04:00"), ("htcondor", "")],
)
def test_jobs_of_batch_systems_are_written(tmp_path: Path, name: str, directive: str) -> None:
    """The settings of each file are arguments of its class, and reach the script of a job."""
    file = yaml.safe_load((ROOT / "conf" / "hydra" / "launcher" / f"dask_{name}.yaml").read_text())
    options = {**file["options"], "shared_temp_directory": str(tmp_path)}
    options["scheduler_options"] = {**options["scheduler_options"], "host": "127.0.0.1"}
    code = (
        "import json, sys, dask_jobqueue\n"
        f"with dask_jobqueue.{file['cluster'].rpartition('.')[2]}(**json.loads(sys.argv[1])) as cluster:\n"
        "    print(cluster.job_script())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(options)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert directive in done.stdout
    assert "distributed.cli.dask_worker tls://127.0.0.1:" in done.stdout


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[subprocess.Popen]]]:
    """Start a scheduler and two workers; yield the scheduler's file, and the three processes."""
    pytest.importorskip("distributed")
    place = tmp_path_factory.mktemp("dask")
    file = ["--scheduler-file", str(place / "scheduler.json")]
    worker = ["dask_worker", *file, *LOOPBACK, "--nthreads", "1", "--no-nanny", "--local-directory", str(place)]
    commands = [["dask_scheduler", *file, *LOOPBACK, "--port", "0"], worker, worker]
    processes = []
    try:
        for name, *words in commands:
            with (place / "log").open("ab") as log:
                command = [sys.executable, "-P", "-m", f"distributed.cli.{name}", *words]
                processes.append(subprocess.Popen(command, cwd=place, stdout=log, stderr=log))
            wait_until(lambda: Path(file[1]).is_file(), 60)
        yield Path(file[1]), processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def start(words: list[str], output: Path) -> subprocess.Popen:
    """Start the program in a group of its own."""
    environment = {**os.environ, "TOPO_EXP_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "topo_exp", *words],
        cwd=output,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def call(words: list[str], output: Path) -> str:
    """Run the program, which must succeed; return what it printed."""
    process = start(words, output)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out + err


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the runs of an undisturbed sweep on this machine by density."""
    output = tmp_path_factory.mktemp("twin")
    call(WORDS, output)
    return runs_of(output)


def assert_done_as(output: Path, twins: dict[str, Path]) -> None:
    """Assert that each point is done once, with the bits of an undisturbed run."""
    assert states_of(output) == ["done"] * 3
    for name, directory in runs_of(output).items():
        assert_same_bits(directory, twins[name])


class TestDisturbed:
    """A sweep on a scheduler and two workers."""

    pytestmark = SLOW

    def test_a_killed_worker_costs_no_point(
        self, cluster: tuple[Path, list[subprocess.Popen]], twins: dict[str, Path], tmp_path: Path
    ) -> None:
        """Other workers continue the points of a worker that was killed; the command ends well."""
        file, processes = cluster
        process = start([*WORDS, "hydra/launcher=dask", f"hydra.launcher.scheduler_file={file}"], tmp_path)
        wait_until(lambda: len(running(tmp_path)) == 2, 120)
        processes[1].kill()
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert out.count("done: ") == 3
        assert_done_as(tmp_path, twins)
        assert any(read_record(run).get("resumed") for run in runs_of(tmp_path).values())

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_a_lost_scheduler_is_said_and_resumed(
        self,
        cluster: tuple[Path, list[subprocess.Popen]],
        twins: dict[str, Path],
        tmp_path: Path,
        number: signal.Signals,
    ) -> None:
        """The command ends with exit code 1 and one line; `status` counts all points; `resume` completes them."""
        file, processes = cluster
        process = start([*WORDS, "hydra/launcher=dask", f"hydra.launcher.scheduler_file={file}"], tmp_path)
        wait_until(lambda: bool(running(tmp_path)), 120)
        processes[0].send_signal(number)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "dask: the scheduler must stay reachable (got connection lost" in err
        assert "resume" in err
        assert "Traceback" not in err
        wait_until(lambda: "running" not in states_of(tmp_path), 60)
        assert "3 runs: " in call(["status", str(tmp_path)], tmp_path)
        call(["resume", str(tmp_path)], tmp_path)
        assert_done_as(tmp_path, twins)

    def test_ctrl_c_stops_runs_and_the_same_command_continues(self, twins: dict[str, Path], tmp_path: Path) -> None:
        """On a cluster that is made for the sweep, Ctrl-C leaves restart points and no process."""
        pytest.importorskip("distributed")
        words = [*WORDS, "hydra/launcher=dask", "hydra.launcher.options.n_workers=2"]
        process = start(words, tmp_path)
        wait_until(lambda: bool(running(tmp_path)), 120)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "stopped by SIGINT" in err
        assert "Traceback" not in err
        assert "running" not in states_of(tmp_path)
        assert "joining" in call(words, tmp_path)
        assert_done_as(tmp_path, twins)

    def test_a_killed_command_stops_its_runs(
        self, cluster: tuple[Path, list[subprocess.Popen]], twins: dict[str, Path], tmp_path: Path
    ) -> None:
        """After SIGKILL of the launching process its runs stop with restart points; the same command continues them."""
        words = [*WORDS, "hydra/launcher=dask", f"hydra.launcher.scheduler_file={cluster[0]}"]
        process = start(words, tmp_path)
        wait_until(lambda: len(running(tmp_path)) == 2, 120)
        process.kill()
        process.communicate()
        wait_until(lambda: "running" not in states_of(tmp_path), 60)
        assert "joining" in call(words, tmp_path)
        assert_done_as(tmp_path, twins)
        assert any(read_record(run).get("resumed") for run in runs_of(tmp_path).values())

    def test_everything_killed_at_once_is_resumed_elsewhere(
        self, cluster: tuple[Path, list[subprocess.Popen]], twins: dict[str, Path], tmp_path: Path
    ) -> None:
        """After SIGKILL of command, scheduler, workers and runs, `resume` completes the sweep on this machine."""
        file, processes = cluster
        process = start([*WORDS, "hydra/launcher=dask", f"hydra.launcher.scheduler_file={file}"], tmp_path)
        wait_until(lambda: len(running(tmp_path)) == 2, 120)
        runs = [read_record(run)["process"]["pid"] for run in running(tmp_path)]
        for each in (process, *processes):
            each.kill()
        for pid in runs:
            os.kill(pid, signal.SIGKILL)
        process.communicate()
        call(["resume", str(tmp_path)], tmp_path)
        assert_done_as(tmp_path, twins)

    def test_a_sweep_is_shown_in_mlflow(self, tmp_path: Path) -> None:
        """Each point of a sweep on a cluster of its own is a finished run of the store, and the sweep is one, too."""
        words = ["-m", "cortex_density=3,4", "times=[0,1]", f"analysis=[{FUNCTIONS}:measure]", "hydra/launcher=dask"]
        call([*words, "hydra.launcher.options.n_workers=2"], tmp_path)
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
            shown = store.execute("select name, status from runs order by name").fetchall()
        assert [status for _, status in shown] == ["FINISHED"] * 3
        assert {"cortex_density=3", "cortex_density=4"} < {name.partition(" ")[0] for name, _ in shown}

    def test_a_sweep_in_python_runs_on_a_cluster(
        self, cluster: tuple[Path, list[subprocess.Popen]], tmp_path: Path
    ) -> None:
        """With launcher={"dask": {...}}, `run` waits for the runs, and returns them."""
        code = (
            "import topo_exp\n"
            f"choice = {{'dask': {{'scheduler_file': {str(cluster[0])!r}}}}}\n"
            "settings = {'cortex_density': [3, 4], 'times': [0, 1], 'analysis': [], 'tracking': 'none'}\n"
            "done = topo_exp.sweep('tiny', launcher=choice, **settings).run()\n"
            "print(*[run.status for run in done.runs])\n"
        )
        environment = {**os.environ, "TOPO_EXP_OUTPUT": str(tmp_path), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "done done"

    def test_failed_points_and_useless_workers_are_said(
        self, cluster: tuple[Path, list[subprocess.Popen]], tmp_path: Path
    ) -> None:
        """A failed point is listed, with exit code 1; an interpreter that is missing stops the sweep with its name."""
        file, _ = cluster
        words = ["-m", "cortex_density=3,4", "times=[0,1]", "tracking=none", "report=false", "hydra/launcher=dask"]
        words += [f"hydra.launcher.scheduler_file={file}"]
        (tmp_path / "mine.py").write_text("def fail(sim):\n    raise RuntimeError(f'it hurts {sim.time}')\n")
        process = start([*words, "analysis=[mine.py:fail]"], tmp_path)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1
        assert err.count("it hurts 0") == 2
        assert "got 2 of 2 failed" in err
        process = start([*words, "analysis=[]", "hydra.launcher.python=/no/python"], tmp_path)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "/no/python" in err


@pytest.mark.slow
def test_a_local_cluster_listens_on_this_machine_only() -> None:
    """No socket of a cluster that is made by default is bound to another address than 127.0.0.1."""
    pytest.importorskip("distributed")
    code = (
        "import os, subprocess, distributed\n"
        f"with distributed.LocalCluster(n_workers=0, **{dict(LOCAL_OPTIONS)!r}):\n"
        "    listed = subprocess.run(['ss', '-ltnpH'], capture_output=True, text=True, check=True).stdout\n"
        "    print(*[line.split()[3] for line in listed.splitlines() if f'pid={os.getpid()},' in line])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    addresses = done.stdout.split()
    assert addresses
    assert all(address.startswith("127.0.0.1:") for address in addresses)
