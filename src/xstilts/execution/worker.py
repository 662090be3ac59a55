"""A worker process: imports torch once, then runs one stage after another for the executor that started it.

It speaks JSON lines: stages come in on standard input, events go out on the file descriptor that was standard output (prints
of libraries go to standard error instead). The end of its input means that the executor is gone: it then ends at once,
leaving what its stage last checkpointed.
"""

import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any

from xstilts.stages.attempt import attempt
from xstilts.store.store import Store

PROGRESS_SECONDS = 0.2


def main() -> None:
    """`python -m xstilts.execution.worker STORE`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the executor, which says "stop"
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable(2)  # a crash in native code says where
    store = Store(sys.argv[1])
    stages: queue.Queue[dict[str, Any]] = queue.Queue()
    stop = threading.Event()

    def say(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")

    def listen() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if message["do"] == "stop":
                stop.set()
            else:
                stages.put(message["stage"])
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    last = 0.0

    def progress(facts: dict[str, Any]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last = now
            say({"report": facts})

    while True:
        stage = stages.get()
        stop.clear()
        say({"outcome": attempt(store, stage, progress, stop).record()})


if __name__ == "__main__":
    main()
