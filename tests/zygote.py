"""A process that has torch already and runs commands of xstilts in forks of itself, for clients that start at once.

    python -SE tests/zygote.py SOCKET stage KEY ...     runs `xstilts stage KEY ...` in a fork of the process that serves SOCKET

The client waits for the fork, passes SIGTERM on, and ends as it did. If the client is killed the fork goes on, as a process does
whose node has lost its scheduler.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

_MOST = 1 << 20


def run_xstilts(words: list[str]) -> None:
    """Run a command of xstilts."""
    from xstilts.cli import main

    sys.argv = ["xstilts", *words]
    main()


def serve(path: Path, begin: Callable[[], None] = lambda: None, run: Callable[[list[str]], None] = run_xstilts) -> None:
    """Serve clients until this process ends. Each fork calls `begin`, and `run` with the words that its client sent."""
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)
        while True:
            ready, _, _ = select.select([listening], [], [], 0.01)
            if ready:
                client, _ = listening.accept()
                if pid := _fork(client, listening, begin, run):
                    running[pid] = client
            while running:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                with running.pop(pid) as client:
                    try:
                        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                    except OSError:
                        continue


def _fork(client: socket.socket, listening: socket.socket, begin: Callable[[], None], run: Callable[[list[str]], None]) -> int:
    message, descriptors, _, _ = socket.recv_fds(client, _MOST, 2)
    if not message:  # the client was killed before it could ask
        client.close()
        return 0
    pid = os.fork()
    if pid:
        for number in descriptors:
            os.close(number)
        client.sendall(f"{pid}\n".encode())
        return pid
    code = 1
    try:
        listening.close()
        client.close()
        os.setsid()
        for source, target in zip(descriptors, (1, 2), strict=True):
            os.dup2(source, target)
        asked = json.loads(message)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        begin()
        run(asked["words"])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ask(path: str, words: list[str]) -> int:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        asked = json.dumps({"words": words, "folder": os.getcwd(), "environment": dict(os.environ)})
        socket.send_fds(server, [asked.encode()], [1, 2])
        heard = server.makefile()
        pid = int(heard.readline())
        signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
        said = heard.readline()
    code = int(said or 1)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
