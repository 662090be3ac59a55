"""The command that is run when a run has ended: once, with what came of it, and without any effect on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.execution import notify
from xstilts.execution.notify import notify_at_end

NOTE = 'echo "$XSTILTS_STUDY|$XSTILTS_OUTCOME|$XSTILTS_SUMMARY|$XSTILTS_REPORT" >> said'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notify.signal, "signal", lambda *_: None)


def said() -> list[str]:
    return Path("said").read_text().splitlines() if Path("said").exists() else []


def test_a_run_that_is_done_says_so_once() -> None:
    complaints: list[str] = []
    with notify_at_end(NOTE, "a study.yaml", complaints.append) as ending:
        ending.summary, ending.report = 'quoted "$HOME" `x`', Path("reports/x/report.html")
    assert said() == [f'a study.yaml|done|quoted "$HOME" `x`|{Path.cwd()}/reports/x/report.html']
    assert complaints == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("no file\nlook there"), "s|failed|no file|"),
        (OSError(28, "No space left on device"), "s|failed|[Errno 28] No space left on device|"),
        (SystemExit(1), "s|failed|failed, without a report|"),
        (SystemExit(0), "s|done|done, without a report|"),
        (SystemExit(130), "s|interrupted|interrupted, without a report|"),
        (KeyboardInterrupt(), "s|interrupted|interrupted, without a report|"),
    ],
)
def test_however_it_ended_it_ends_so_and_is_told(error: BaseException, line: str) -> None:
    with pytest.raises(type(error)) as found, notify_at_end(NOTE, "s", print):
        raise error
    assert found.value is error
    assert said() == [line]


def test_without_a_command_nothing_happens() -> None:
    with pytest.raises(KeyError), notify_at_end("", "s", print):
        raise KeyError
    assert said() == []


def test_a_command_that_fails_or_hangs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LIMIT_SECONDS", 0.5)
    complaints: list[str] = []
    for command in ("exit 3", "sleep 60 & echo $! > pid; wait", "x\0y"):
        with notify_at_end(command, "s", complaints.append):
            pass
    assert complaints[0] == "--notify: the command ended with exit code 3; the run itself is not affected"
    assert "took longer than" in complaints[1]
    assert "could not be started" in complaints[2]
    process = int(Path("pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{process}").exists() or ") Z" in Path(f"/proc/{process}/stat").read_text():
            return
        time.sleep(0.02)
    raise AssertionError("what it had started runs on")


def test_sigterm_is_told_too() -> None:
    lines = [
        "import time",
        "from xstilts.execution.notify import notify_at_end",
        f"with notify_at_end({NOTE!r}, 's', print):",
        "    print('in', flush=True)",
        "    time.sleep(60)",
    ]
    process = subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None and process.stdout.readline() == b"in\n"
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) != 0
    assert said() == ["s|interrupted|interrupted, without a report|"]
