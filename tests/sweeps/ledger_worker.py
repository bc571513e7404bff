"""A process that takes leases, for the tests of the ledger: `python ledger_worker.py race|drain|hold DIRECTORY ...`."""

import json
import os
import random
import sys
import time
from pathlib import Path

from topo_exp.record.processes import process_start
from topo_exp.sweeps.ledger import Ledger


def say(line: str) -> None:
    """Write a line for the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def race(directory: Path, trials: int) -> None:
    """In each trial, wait for the start signal, try to take one point, and report the attempt's number."""
    ledger = Ledger(directory / "ledger")
    for trial in range(trials):
        (directory / f"ready-{trial}-{os.getpid()}").touch()
        while not (directory / f"go-{trial}").exists():
            time.sleep(0.0002)
        lease = ledger.acquire([f"{trial:04x}"])
        say(json.dumps(lease.attempt if lease else None))


def drain(directory: Path, keys: list[str], seed: int) -> None:
    """Work on points until all are done; report if another live process is found at work on the same one."""
    ledger = Ledger(directory / "ledger")
    numbers = random.Random(seed)
    while True:
        lease = ledger.acquire(keys)
        if lease is None:
            if all(state.state == "done" for state in ledger.states(keys).values()):
                return
            time.sleep(0.01)
            continue
        at_work = directory / f"work-{lease.key}"
        if at_work.exists() and process_start(int(at_work.read_text())) is not None:
            say(f"two at work on {lease.key}")
        at_work.with_suffix(f".{os.getpid()}").write_text(str(os.getpid()))
        at_work.with_suffix(f".{os.getpid()}").replace(at_work)
        with lease.beating(0.02):
            time.sleep(numbers.uniform(0.02, 0.15))
        at_work.unlink()
        if not lease.finish(f"run-{lease.key}-{lease.attempt}"):
            say(f"{lease.key} was finished twice")


def hold(directory: Path, key: str) -> None:
    """Take a point, say so, and wait."""
    lease = Ledger(directory / "ledger").acquire([key])
    say(str(lease.attempt if lease else None))
    time.sleep(600)


if __name__ == "__main__":
    mode, place, *arguments = sys.argv[1:]
    if mode == "race":
        race(Path(place), int(arguments[0]))
    elif mode == "drain":
        drain(Path(place), arguments[0].split(","), int(arguments[1]))
    else:
        hold(Path(place), arguments[0])
