"""What a run asks of a cluster: `cluster.yaml`, read before anything is submitted.

It says nothing of a study, and a study says nothing of it: where a stage runs is in no key.

    jobs: 200                       # the most jobs in the queue at once
    prologue: |                     # bash, before the command: modules, an environment, the place of the data
      source ~/venv/bin/activate
    stages:
      default: {partition: cpu, time: 1h, memory: 8G}
      train: {partition: gpu, gpus: 1, cpus: 4, memory: 32G, time: 8h}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from xstilts.data.yaml_records import Record, make_record, read_fields
from xstilts.errors import InputError, nearest
from xstilts.execution.executors.base import Demand
from xstilts.stages.stage import KINDS, KindName

DEFAULT = "default"
USUAL_FILE = Path("cluster.yaml")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"M": 1, "G": 1024, "T": 1024**2}
# What is asked for where neither the file says it nor an earlier run measured it; else so many times what was measured.
USUAL_MINUTES, USUAL_MIB = 60, 8192
TIMES_SECONDS, TIMES_MEMORY = 3.0, 1.5
LEAST_MINUTES, LEAST_MIB = 15, 2048
# So many stages of a kind that takes a moment go into one job, so that the queue has fewer.
USUAL_TOGETHER = {"fetch": 10, "score": 50}


def _to_minutes(value: Any) -> Any:
    """90 (minutes), "90m", "8h", "1h30m", "2d", or as Slurm writes it: "1:30:00", "2-00:00:00"."""
    if not isinstance(value, str):
        return value
    if parts := re.findall(r"(\d+)\s*([smhd])", value):
        if re.sub(r"\d+\s*[smhd]|\s", "", value) == "":
            return math.ceil(sum(int(number) * _UNITS[unit] for number, unit in parts) / 60)
    elif written := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", value):
        days, hours, minutes, seconds = (int(part or 0) for part in written.groups())
        return math.ceil(days * 1440 + hours * 60 + minutes + seconds / 60)
    raise ValueError(f"expected a time like 90m, 8h, 1h30m or 2-00:00:00, found '{value}'")


def _to_mib(value: Any) -> Any:
    """512M, 32G, 1.5T."""
    if written := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MGT])i?B?", str(value), re.IGNORECASE):
        return math.ceil(float(written[1]) * _SIZES[written[2].upper()])
    raise ValueError(f"expected a size like 512M, 32G or 1T, found '{value}'")


class Resources(Record):
    """What a job asks for. `time`, in minutes; `memory`, in MiB. `gpus` may be a part of one for Ray. `together`: so many stages,
    one after another, are one job, which loads torch once; `at_once`: so many of them side by side, to fill a card that one
    leaves idle. `options`: further options of sbatch, as they are."""

    partition: str = ""
    account: str = ""
    time: Annotated[int, BeforeValidator(_to_minutes)] | None = Field(None, ge=1)
    memory: Annotated[int, BeforeValidator(_to_mib)] | None = Field(None, ge=1)
    cpus: int | None = Field(None, ge=1)
    gpus: float | None = Field(None, ge=0)
    together: int | None = Field(None, ge=1)
    at_once: int | None = Field(None, ge=1)
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """Resources with nothing left open."""

    partition: str
    account: str
    minutes: int
    memory_mib: int
    cpus: int
    gpus: float
    together: int
    at_once: int
    options: tuple[str, ...]


class Cluster(Record):
    """`interval`: seconds between two calls of squeue. `command`: what runs xstilts on a node, such as `apptainer exec --nv
    image.sif xstilts`. `local`: kinds of stages that the run itself does on its machine, such as those that need the internet:
    fetch, encoder. `stages`: resources by kind of stage; `default` holds for what a kind does not say. `driver`: resources of
    the job that is itself a run (`--detach`)."""

    jobs: int = Field(200, ge=1)
    interval: float = Field(15.0, gt=0)
    prologue: str = ""
    command: str = ""
    local: tuple[KindName, ...] = ()
    stages: Mapping[str, Resources] = {}
    driver: Resources = Resources()

    @field_validator("stages")
    @classmethod
    def _check_kinds(cls, stages: Mapping[str, Resources]) -> Mapping[str, Resources]:
        for kind in stages:
            if kind not in {*KINDS, DEFAULT}:
                known = ", ".join((DEFAULT, *KINDS))
                raise ValueError(f"'{kind}' is no kind of stage{nearest(kind, (DEFAULT, *KINDS))}; expected some of {known}")
        return stages

    def request(self, kind: str, demand: Demand) -> Request:
        """What a job for stages of a kind asks for: as the file says, else by what earlier runs measured, else what is usual."""
        own, default = (
            self.stages.get(name, Resources()).model_dump(exclude_unset=True, exclude_none=True) for name in (kind, DEFAULT)
        )
        said = default | own
        together = said.get("together", USUAL_TOGETHER.get(kind, 1))
        seconds, memory = demand.seconds.get(kind), demand.memory_mib.get(kind)
        minutes = USUAL_MINUTES if seconds is None else max(LEAST_MINUTES, math.ceil(TIMES_SECONDS * seconds * together / 60))
        mib = USUAL_MIB if memory is None else max(LEAST_MIB, math.ceil(TIMES_MEMORY * memory))
        return Request(
            partition=said.get("partition", ""),
            account=said.get("account", ""),
            minutes=said.get("time", minutes),
            memory_mib=said.get("memory", mib),
            cpus=said.get("cpus", 1),
            gpus=said.get("gpus", 0.0),
            together=together,
            at_once=said.get("at_once", 1),
            options=tuple(said.get("options", ())),
        )


def find_cluster(path: Path | None) -> Cluster:
    """The record of a file, else of `cluster.yaml` in the working folder, else the usual values. Raises InputError with each
    wrong field."""
    path = path or (USUAL_FILE if USUAL_FILE.exists() else None)
    if path is None:
        return Cluster()
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a YAML file with fields like `stages: {{default: {{time: 1h}}}}`")
    return make_record(Cluster, read_fields(path, "cluster file"), str(path))
