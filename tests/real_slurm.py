"""A real Slurm of two nodes on this machine, for tests and for the drill: its own configuration, ports and folders, on loopback.

It needs root and Debian's packages `slurm-wlm` and `munge`. `why_not()` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

NODES = ("n1", "n2")
START_SECONDS = 40.0
_CONF = """\
ClusterName=xstilts
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdTimeout=10
SlurmctldTimeout=10
ReturnToService=2
JobRequeue=1
MinJobAge=30
KillWait=2
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why there is none here; empty if there is one."""
    missing = [command for command in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(command) is None]
    if missing:
        return f"{missing[0]} is not installed (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "only root can start slurmd"


class RealSlurm:
    """`with RealSlurm(folder) as slurm:` sets SLURM_CONF for this process and its children. `cpus`: jobs on a node at once."""

    def __init__(self, folder: Path, cpus: int = 1):
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            for one_socket in (one, two, three):
                one_socket.bind(("127.0.0.1", 0))
            ports = [one_socket.getsockname()[1] for one_socket in (one, two, three)]
        self.conf = folder / "slurm.conf"
        self.conf.write_text(_CONF.format(folder=folder, ports=ports, cpus=cpus))
        self._before = os.environ.get("SLURM_CONF")

    def __enter__(self) -> Self:
        os.environ["SLURM_CONF"] = str(self.conf)
        if subprocess.run(["pgrep", "-x", "munged"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
            Path("/run/munge").mkdir(exist_ok=True)
            shutil.chown("/run/munge", "munge")
            subprocess.run(["munged", "--force"], stderr=subprocess.DEVNULL, check=True)
        for daemon in ("slurmctld", *NODES):
            self.start(daemon)
        until = time.monotonic() + START_SECONDS
        while self._ask("sinfo", "-h", "-t", "idle", "-o", "%D") not in ("2", "1\n1"):
            if time.monotonic() > until:
                logs = [path.read_text()[-500:] for path in sorted(self.folder.glob("*.log"))]
                self.__exit__()
                raise RuntimeError("the nodes did not become idle: " + "\n".join(logs))
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("scancel", "--user=root")
        for daemon in (*NODES, "slurmctld"):
            self.kill(daemon, signal.SIGTERM)
        subprocess.run(["pkill", "-KILL", "-f", str(self.folder)], check=False)
        if self._before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = self._before

    def start(self, daemon: str) -> None:
        """Start "slurmctld", or the slurmd of a node."""
        words = ["slurmctld"] if daemon == "slurmctld" else ["slurmd", "-N", daemon]
        subprocess.run([*words, "-f", str(self.conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def kill(self, daemon: str, number: int = signal.SIGKILL) -> bool:
        """Kill a daemon; False if it was not running: the number in its file may be another process's by now."""
        name = "slurmctld" if daemon == "slurmctld" else f"slurmd-{daemon}"
        try:
            pid = int((self.folder / f"{name}.pid").read_text())
            if str(self.conf).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return False
            os.kill(pid, number)
        except (OSError, ValueError):
            return False
        return True

    def resume(self) -> None:
        """Let nodes that are set aside (drained, down) take jobs again."""
        for node in NODES:
            self._ask("scontrol", "update", f"nodename={node}", "state=resume")

    def clear(self) -> None:
        """End all jobs, also those that Slurm waits for in vain because their slurmstepd was killed."""
        self._ask("scancel", "--user=root")
        for node in NODES:
            self._ask("scontrol", "update", f"nodename={node}", "state=down", "reason=cleared")
        self.resume()

    @staticmethod
    def _ask(*line: str) -> str:
        try:
            done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.strip()
