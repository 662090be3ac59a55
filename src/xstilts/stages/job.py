"""What the body of a stage is given, how it reports, and how an attempt at a stage can end.

A body writes into `job.out` only, may keep an interrupted state in `job.checkpoint`, and reports its progress. It never
sees the study.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

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
    """`inputs` are the `out/` folders of finished stages. `out` is the attempt's own; what is to outlive it goes to `checkpoint`,
    whole files under their names (`store/parts.py`), since others may read and write there. `facts` go into the run's record.

    `progress` takes a report, which replaces the one before: `step` of `steps` are done, in a `unit`
    (else optimizer steps), and `saved` of them outlive the process; `doing` says what is at work, of which `done` (`of` so many)
    is done. A training adds `loss`, `tokens_per_second` and `utilisation`."""

    config: ConfigT
    inputs: InputsT
    out: Path
    checkpoint: Path
    context: Context = field(default_factory=Context)
    progress: Callable[[dict[str, Any]], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def scratch(self) -> Path:
        """A folder for files that are of no use after the attempt."""
        folder = self.out.with_name(f"{self.out.name}.scratch")
        folder.mkdir(exist_ok=True)
        return folder

    def check_stop(self) -> None:
        """Raise Interrupted if the attempt was asked to stop."""
        if self.stop.is_set():
            raise Interrupted


class ExampleCounter:
    """Reports the progress of a stage that works through parts (languages) of known sizes, in examples. Those of finished parts
    are kept if the attempt ends."""

    def __init__(self, job: Job[Any, Any], sizes: Mapping[str, int]):
        self._job, self._sizes, self._names = job, sizes, list(sizes)
        self._before, self._part = 0, ""

    def begin(self, part: str) -> None:
        """The parts before it are finished."""
        self._part = part
        self._before = sum(self._sizes[name] for name in self._names[: self._names.index(part)])
        self.tell(0)

    def tell(self, done: int) -> None:
        """So many of the part's examples are done. Raises Interrupted if the attempt was asked to stop."""
        place = f"{self._part} ({self._names.index(self._part) + 1} of {len(self._names)})"
        step, steps = self._before + min(done, self._sizes[self._part]), sum(self._sizes.values())
        self._job.progress({"step": step, "steps": steps, "unit": "examples", "saved": self._before, "doing": place})
        self._job.check_stop()


OutcomeName = Literal["done", "held", "failed", "interrupted", "lost", "damaged-input"]
OUTCOMES = get_args(OutcomeName)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. held: another run works on the stage; lost: a process that it needs is gone, or (`taken`) another run
    took the stage from one that was silent for too long; damaged-input: the artefact whose key is `input` is gone or not what it
    was. `input_error`: whether the user can mend it; `storage`: whether the store cannot be written; `status`: the exit status of
    a worker that died."""

    outcome: OutcomeName
    error: str = ""
    input_error: bool = False
    storage: bool = False
    taken: bool = False
    input: str = ""
    seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None

    def record(self) -> dict[str, Any]:
        """As JSON: what there is to say."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value or (value == 0 and value is not False)}
