"""Workers that start at once. A worker of the program imports torch for about five seconds of processor time; here it is a
fork of the test's own process, which has torch already, and runs the same code. Tests of the command line start real ones."""

from __future__ import annotations

import gc
import os
import runpy
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, ClassVar

# How many descriptors a fork closes: all that it could have inherited, as `subprocess` does.
DESCRIPTORS = 4096


class Fork:
    """What `subprocess.Popen([sys.executable, "-m", module, *words], ...)` gives, with pipes for input and output."""

    alive: ClassVar[list[Fork]] = []

    def __init__(self, command: Sequence[str], stdin: int, stdout: int, stderr: IO[bytes], env: Mapping[str, str]):
        import torch

        import xstilts.stages.predict
        import xstilts.stages.train  # noqa: F401

        assert command[:2] == [sys.executable, "-m"]
        (child_in, our_in), (our_out, child_out) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                gc.freeze()  # nothing of the test is to be collected, and so closed, here
                for source, target in ((child_in, 0), (child_out, 1), (stderr.fileno(), 2)):
                    os.dup2(source, target)
                os.closerange(3, DESCRIPTORS)
                os.environ.clear()
                os.environ.update(env)
                torch.set_num_threads(1)
                sys.stdin, sys.stdout, sys.stderr, sys.argv = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w"), [*command[2:]]
                runpy.run_module(command[2], run_name="__main__", alter_sys=True)
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

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            Fork.alive.remove(self)
        return self.returncode


class ForkingSubprocess:
    """Stands for the module `subprocess` in the local executor."""

    PIPE = -1
    Popen: Callable[..., Any] = Fork
