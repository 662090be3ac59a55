"""Processes that start at once. A worker of the program, or a verb that trains, imports torch for about five seconds of processor
time; here it is a fork of the test's own process, which has torch already, and runs the same code. Tests of how a process starts
start real ones."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import IO, Any, ClassVar

# How many descriptors a fork closes: all that it could have inherited, as `subprocess` does.
DESCRIPTORS = 4096


_TYPST = """
import pickle, sys, typst
template, options = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(typst.compile(template, **options))
"""


def _compile_apart(template: bytes, **options: Any) -> bytes:
    program = [sys.executable, "-c", _TYPST]
    return subprocess.run(program, input=pickle.dumps((template, options)), capture_output=True, check=True).stdout


def set_typst_apart() -> None:
    """The threads of typst, if it worked before a fork, are not in the fork, which would wait for them: it gets a process."""
    apart = ModuleType("typst")
    apart.__spec__ = ModuleSpec("typst", None)
    apart.__dict__["compile"] = _compile_apart
    sys.modules["typst"] = apart


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
        cwd: Path | None = None,
        start_new_session: bool = False,
        preexec_fn: Callable[[], None] = lambda: None,
    ):
        import torch

        assert command[:2] == [sys.executable, "-m"]
        (child_in, our_in), (our_out, child_out) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                gc.freeze()  # nothing of the test is to be collected, and so closed, here
                written = child_out if stdout == subprocess.PIPE else stdout
                for source, target in ((child_in, 0), (written, 1), (stderr.fileno() if stderr else 2, 2)):
                    os.dup2(source, target)
                os.closerange(3, DESCRIPTORS)
                signal.signal(signal.SIGINT, signal.default_int_handler)  # as in any Python that starts
                if start_new_session:
                    os.setsid()
                os.chdir(cwd or ".")
                preexec_fn()
                if env is not None:
                    os.environ.clear()
                    os.environ.update(env)
                torch.set_num_threads(1)
                set_typst_apart()
                # A fork of a fork has such files already; that they go must not close the numbers.
                sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, closefd=False) for n, mode in enumerate("rww"))
                sys.argv = [*command[2:]]
                importlib.import_module(command[2]).main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else end.code is not None
            except BaseException:
                traceback.print_exc()
            finally:
                with contextlib.suppress(OSError):  # who reads may be gone
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(status)
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


def run_forked(*words: object, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` gives for the program with these words. Its workers are real processes unless the test has the
    fixture `forked_workers`. What a library reads from the environment when it is imported (HF_HUB_...) is that of the test."""
    line = [sys.executable, "-m", "xstilts.cli", *map(str, words)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        code = Fork(line, subprocess.PIPE, out.fileno(), errors, env=env, cwd=cwd).wait()
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(line, code, out.read().decode(), errors.read().decode())
