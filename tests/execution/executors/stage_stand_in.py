"""A stand-in for `xstilts stage KEY...`: it makes what a stage leaves in the store, without the stage's work and without torch.

What else happens is in the file `$STAGE_STAND_IN`, a word each, looked at when a stage begins:

    dies    the process ends with the stage unfinished     fails   the stage has failed
    hangs   it holds the stage until the word is gone       full    the disk of this machine is full
    mumbles  what it says of its end is no such word
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from xstilts.errors import InputError
from xstilts.execution.code_identity import check_code
from xstilts.execution.one_stage import find_ready, write_outcome
from xstilts.stages.job import Outcome
from xstilts.store.lease import Lease, LeaseHeld
from xstilts.store.store import Store, read_done, write_json


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb")
    parser.add_argument("keys", nargs="*")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--outcomes", type=Path)
    parser.add_argument("--at-once", type=int)
    parser.add_argument("--code", default="")
    words = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for key in words.keys:
        try:
            check_code(words.code)
            outcome = run(Store(words.store), key, stop)
        except LeaseHeld as error:
            outcome = Outcome("held", str(error))
        except InputError as error:
            outcome = Outcome("failed", str(error), input_error=True)
        write_outcome(words.outcomes, key, outcome)
        if "mumbles" in modes():
            (words.outcomes / f"{key}.json").write_text('{"outcome": "perhaps"}')


def modes() -> set[str]:
    return set(Path(os.environ["STAGE_STAND_IN"]).read_text().split())


def run(store: Store, key: str, stop: threading.Event) -> Outcome:
    record = find_ready(store, key)
    folder = store.folder(record["kind"], record["slug"], key)
    with Lease(folder) as lease:
        if read_done(folder) is not None:
            return Outcome("done")
        path, started = store.new_run(folder), time.time()
        write_json(path, {"started": started, "outcome": "running", "progress": {"step": 1, "steps": 2, "at": started}})
        while "hangs" in modes() and not stop.is_set():
            time.sleep(0.02)
        if "dies" in modes():
            print("what it printed last")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        if stop.is_set():
            return Outcome("interrupted")
        if "full" in modes():
            return Outcome("failed", f"store {store.root}: the disk is full", input_error=True, storage=True)
        if "fails" in modes():
            write_json(path, {"started": started, "outcome": "failed", "error": "as it was told"})
            return Outcome("failed", "as it was told")
        made = lease.make_folder() / "out"
        made.mkdir()
        (made / "result.json").write_text("{}")
        store.publish(folder, made, {"key": key, "run": path.name, "facts": {}}, lease.check)
        write_json(path, {"started": started, "outcome": "done", "seconds": 0.1, "peak_mib": 10.0})
    return Outcome("done", seconds=0.1)


if __name__ == "__main__":
    main()
