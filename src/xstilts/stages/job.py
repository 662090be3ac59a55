"""What the body of a stage is given, how it reports, and how an attempt at a stage can end.

A body writes into `job.out` only, may keep an interrupted state in `job.checkpoint`, and reports its progress. It never
sees the study.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from xstilts.stages.stage import Context

ConfigT = TypeVar("ConfigT")
InputsT = TypeVar("InputsT")


class Interrupted(Exception):
    """The attempt was asked to stop and has left its state in `checkpoint/`."""


class Diverged(Exception):
    """A training loss that is not a finite number."""


class Lost(Exception):
    """A process that the attempt needs is gone; the state is in `checkpoint/`, and another attempt goes on from there."""


@dataclass
class Job(Generic[ConfigT, InputsT]):
    """`inputs` are the `out/` folders of finished stages. `facts` go into the run's record."""

    config: ConfigT
    inputs: InputsT
    out: Path
    checkpoint: Path
    context: Context = field(default_factory=Context)
    progress: Callable[[dict[str, Any]], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    facts: dict[str, Any] = field(default_factory=dict)

    def check_stop(self) -> None:
        """Raise Interrupted if the attempt was asked to stop."""
        if self.stop.is_set():
            raise Interrupted


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. held: another run works on the stage; lost: a process that it needs is gone; damaged-input: the
    artefact whose key is `input` is gone or not what it was. `input_error`: whether the user can mend it; `storage`: whether
    the store cannot be written; `status`: the exit status of a worker that died."""

    outcome: Literal["done", "held", "failed", "interrupted", "lost", "damaged-input"]
    error: str = ""
    input_error: bool = False
    storage: bool = False
    input: str = ""
    seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None

    def record(self) -> dict[str, Any]:
        """As JSON: what there is to say."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value or (value == 0 and value is not False)}
