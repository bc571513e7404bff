"""Launch a sweep as job arrays of Slurm.

Each task of an array runs `python -m topo_exp work`, which takes free points from the sweep's directory. Neither the
process that submits nor Slurm's accounting is needed afterwards: the directory holds all that is known.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import param

from topo_exp.errors import ConfigError, MissingDependencyError, RunError
from topo_exp.record.files import make_directory, write_text
from topo_exp.sweeps.launch.work import Share, program

FOLDER = "slurm"
"""Folder of a submission in the directory of a sweep: script, numbers of the jobs, output of the tasks."""
DEFAULT_ARRAY = 1001
"""Slurm's default of MaxArraySize: indices of an array are smaller."""
PATIENCE = 120.0
"""Seconds after which a command of Slurm is given up."""

_TIME = r"[0-9]+(:[0-9]{2}){0,2}|[0-9]+-[0-9]{1,2}(:[0-9]{2}){0,2}"

SLURM_OPTIONS: Mapping[str, param.Parameter] = {
    "time": param.String(default=None, allow_None=True, regex=_TIME),
    "mem": param.String(default=None, allow_None=True, regex=r"[0-9]+[KMGT]?"),
    "cpus": param.Integer(default=1, bounds=(1, None)),
    "partition": param.String(default=None, allow_None=True),
    "account": param.String(default=None, allow_None=True),
    "points_per_job": param.Integer(default=1, bounds=(1, None)),
    "warn_before": param.Integer(default=120, bounds=(1, 65535)),
    "restarts": param.Integer(default=3, bounds=(0, None)),
    "setup": param.List(default=[], item_type=str),
    "sbatch": param.List(default=[], item_type=str),
    "python": param.String(default=None, allow_None=True),
}
"""Declarations of the launcher's settings by name; conf/hydra/launcher/slurm.yaml has and explains their values."""


@dataclass(frozen=True)
class SlurmOptions:
    """Hold the settings of the launcher, which conf/hydra/launcher/slurm.yaml explains."""

    time: str | None
    mem: str | None
    cpus: int
    partition: str | None
    account: str | None
    points_per_job: int
    warn_before: int
    restarts: int
    setup: Sequence[str]
    sbatch: Sequence[str]
    python: str | None


@dataclass(frozen=True)
class Submission:
    """State what was submitted.

    Attributes:
        folder: With the script, and the output of the tasks.
        jobs: Numbers of the arrays.
        tasks: Number of tasks in all of them.
    """

    folder: Path
    jobs: tuple[str, ...]
    tasks: int


def require_slurm() -> None:
    """Raise if this machine cannot submit jobs.

    Raises:
        MissingDependencyError: Slurm's commands are not installed.
    """
    if shutil.which("sbatch") is None:
        raise MissingDependencyError(
            "hydra/launcher: slurm must find the command sbatch (got none on PATH). Run it on a login node of the "
            "cluster, or leave the launcher out."
        )


def submit(
    sweep: Path, options: SlurmOptions, *, program_folder: Path, points: int, at_a_time: int | None
) -> Submission:
    """Submit the tasks for the points of a sweep.

    Args:
        sweep: Its directory.
        options: Resources and further settings.
        program_folder: From which the tasks import the program.
        points: Number of points that are to be run.
        at_a_time: Most points that run at a time; None for no limit.

    Returns:
        Numbers of the jobs.

    Raises:
        RunError: Slurm refuses the jobs; the sweep can be submitted again.
    """
    folder = make_directory(sweep, FOLDER)
    path = folder / "job.sh"
    write_text(path, script(sweep, folder, options, program_folder))
    path.chmod(0o755)
    tasks = -(-points // (options.points_per_job * options.cpus))
    cap = "" if at_a_time is None else f"%{max(1, at_a_time // options.cpus)}"
    size = _largest_array()
    jobs: list[str] = []
    for start in range(0, tasks, size):
        words = [f"--array=0-{min(size, tasks - start) - 1}{cap}"]
        if jobs and cap:  # the cap holds within one array only
            words.append(f"--dependency=afterany:{jobs[-1]}")
        # unlike a line of the script, these options are applied last
        jobs.append(_sbatch([*words, *options.sbatch, str(path), str(start)], folder))
        write_text(folder / "jobs.txt", "".join(f"{job}\n" for job in jobs))
    return Submission(folder, tuple(jobs), tasks)


def script(sweep: Path, folder: Path, options: SlurmOptions, program_folder: Path) -> str:
    """Write the batch script of a task; its argument is the position of the array's first task.

    A task is requeued by itself if it was stopped before its time limit, and if its process was killed, as long as it
    has not been restarted too often. A task that is stopped otherwise (scancel, scontrol requeue, preemption) is left
    to Slurm, which sends SIGTERM to all of its processes.

    Args:
        sweep: Directory of the sweep.
        folder: Of the submission.
        options: Resources and further settings.
        program_folder: From which the program is imported.
    """
    share = options.points_per_job * options.cpus
    command = shlex.join(
        program(sweep, python=options.python or _interpreter(), jobs=options.cpus, share=Share(share, 0))[:-1]
    )
    resources = {
        "job-name": re.sub(r"[^\w,.=+-]", "_", sweep.name)[:64],
        "output": f"{str(folder).replace('%', '%%')}/%A_%a.log",
        "chdir": str(Path.cwd()),
        "time": options.time,
        "mem": options.mem,
        "cpus-per-task": options.cpus,
        "partition": options.partition,
        "account": options.account,
        "signal": f"B:USR2@{options.warn_before}",
    }
    directives = [f"#SBATCH --{name}={_quoted(str(value))}" for name, value in resources.items() if value is not None]
    return "\n".join(
        [
            "#!/bin/bash",
            "#SBATCH --nodes=1 --ntasks=1 --requeue --open-mode=append",
            *directives,
            "",
            *options.setup,
            f'export PYTHONPATH={shlex.quote(str(program_folder))}"${{PYTHONPATH:+:$PYTHONPATH}}"',
            f"first=$(( (${{1:-0}} + ${{SLURM_ARRAY_TASK_ID:-0}}) * {share} ))",
            _SUPERVISION.format(command=command, restarts=options.restarts),
        ]
    )


_SUPERVISION = """asked=
trap 'asked=${{asked:-limit}}; kill -TERM "$child" 2>/dev/null' USR2  # before the time limit
trap 'asked=${{asked:-end}}' TERM                                    # Slurm sends it to all processes of the job
{command} --first="$first" &
child=$!
while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
done
killed=137  # 128 + SIGKILL
if [ "$asked" = limit ] && [ "$code" -gt 128 ]; then
    echo "the time limit is near: requeued"
    scontrol requeue "$SLURM_JOB_ID"
elif [ -z "$asked" ] && [ "$code" -eq "$killed" ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; then
    echo "the process was killed: requeued"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def _interpreter() -> str:
    """Return the interpreter of this process by a path that its environment keeps: links are not resolved."""
    import sys

    return os.path.abspath(sys.executable)


def _quoted(text: str) -> str:
    """Quote a value for a line of directives.

    Raises:
        ConfigError: Slurm cannot read it in any form.
    """
    if any(character in text for character in '"\\\n\r'):
        raise ConfigError(f"hydra/launcher: slurm must have paths and names without quotes or \\ (got {text!r}).")
    return f'"{text}"' if re.search(r"[\s'#;]", text) else text


def _sbatch(words: Sequence[str], folder: Path) -> str:
    """Submit a script, and return the number of its job."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SBATCH_")}
    try:
        done = subprocess.run(
            ["sbatch", "--parsable", *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        text = f"sbatch: must answer (got {error}). See squeue for jobs that it may have accepted; {_again(folder)}"
        raise RunError(text) from error
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise RunError(f"sbatch: must accept the jobs (got {reason}). Correct the settings of the launcher.") from None
    return done.stdout.strip().partition(";")[0]


def _again(folder: Path) -> str:
    return f"the script is {folder / 'job.sh'}."


def _largest_array() -> int:
    """Return the largest number of tasks that an array of this cluster may have."""
    try:
        answer = subprocess.run(
            ["scontrol", "show", "config"], capture_output=True, text=True, timeout=PATIENCE, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return DEFAULT_ARRAY
    found = re.search(r"^MaxArraySize\s*=\s*([0-9]+)", answer, re.MULTILINE)
    return int(found[1]) if found and int(found[1]) > 0 else DEFAULT_ARRAY
