"""The executors by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from xstilts.errors import InputError
from xstilts.execution.executors.base import Demand, Executor, StartExecutor
from xstilts.execution.executors.local import start_local

ExecutorName = Literal["local", "slurm", "ray"]


def choose_executor(name: ExecutorName, cluster_file: Path | None) -> StartExecutor:
    """The executor of this name. Raises InputError if the cluster file is wrong, or has no use."""
    if name == "local":
        if cluster_file:
            raise InputError("a cluster file says what jobs of a cluster ask for; the executor must be slurm or ray (--executor)")
        return start_local
    from xstilts.execution.cluster import find_cluster
    from xstilts.execution.executors.ray import start_ray
    from xstilts.execution.executors.slurm import SlurmExecutor
    from xstilts.execution.executors.split import SplitExecutor

    cluster = find_cluster(cluster_file)

    def start(demand: Demand) -> Executor:
        there: Executor = SlurmExecutor(cluster, demand) if name == "slurm" else start_ray(cluster, demand)
        return SplitExecutor(there, cluster.local, demand) if cluster.local else there

    return start
