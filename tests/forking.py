"""Workers that start at once. A worker of the program imports torch for about five seconds of processor time; here it is a
fork of the test's own process, which has torch already, and runs the same code. Tests of the command line start real ones."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import IO, Any, ClassVar

# How many descriptors a fork closes: all that it could have inherited, as `subprocess` does.
DESCRIPTORS = 4096


class Fork:
    """What `subprocess.Popen([sys.executable, "-m", module, *words], ...)` gives, for as much of it as the program uses."""

    PIPE: ClassVar[int] = subprocess.PIPE
    alive: ClassVar[list[Fork]] = []

    def __init__(
        self,
        command: Sequence[str],
        stdin: int,
        stdout: int,
        stderr: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
    ):
        import torch

        assert command[:2] == [sys.executable, "-m"]
        (child_in, our_in), (our_out, child_out) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                gc.freeze()  # nothing of the test is to be collected, and so closed, here
                written = child_out if stdout == subprocess.PIPE else stdout
                for source, target in ((child_in, 0), (written, 1), (stderr.fileno() if stderr else 2, 2)):
                    os.dup2(source, target)
                os.closerange(3, DESCRIPTORS)
                if env is not None:
                    os.environ.clear()
                    os.environ.update(env)
                torch.set_num_threads(1)
                sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
                sys.argv = [*command[2:]]
                importlib.import_module(command[2]).main()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(child_in)
        os.close(child_out)
        self.stdin, self.stdout = os.fdopen(our_in, "wb"), os.fdopen(our_out, "rb")
        self.returncode: int | None = None
        Fork.alive.append(self)

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                Fork.alive.remove(self)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None:
            deadline = time.monotonic() + timeout
            while self.poll() is None:
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired("a fork", timeout)
                time.sleep(0.01)
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            Fork.alive.remove(self)
        return self.returncode

    @classmethod
    def Popen(cls, *words: Any, **options: Any) -> Fork:
        """With it, this class stands for the module `subprocess`."""
        return cls(*words, **options)
