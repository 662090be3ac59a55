"""What an executor is: something that runs stages. Which stages are run, and when, is decided in `execute`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from xstilts.stages.job import Outcome

# What a running stage reports (step, steps, loss and so on, or `queued`: why it still waits in a queue), how it ended, or a
# sentence for the user.
Event = Mapping[str, Any] | Outcome | str


class Executor(Protocol):
    """`with` it, stages run; after it, none that it has begun runs any more if the run was asked to stop or has ended."""

    @property
    def size(self) -> int:
        """How many stages it runs at once."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None: ...

    def idle(self) -> int:
        """How many stages it would begin now."""

    def submit(self, record: Mapping[str, Any]) -> None:
        """Begin a stage, given its `stage.json`, which is already in the store: `xstilts stage KEY` does the same elsewhere."""

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        """(stage key, event) since the last call, waiting about so long. A stage ends with one Outcome ("lost": it died)."""

    def stop(self) -> None:
        """Ask running stages to checkpoint and stop. Their outcomes come from `poll`."""


@dataclass(frozen=True)
class Demand:
    """What a run has to do, as far as an executor plans by it. `study`: its name; `workers`: how many were asked for; `stages`:
    how many are to be run; `processes`: those of the largest training. By kind of stage, from what earlier runs measured: the
    longest `seconds` that a stage is expected to take, and the most `memory_mib` that one took; a kind that never ran is in
    neither."""

    store: Path
    workers: int | None = None
    stages: int = 1
    processes: int = 1
    seconds: Mapping[str, float] = field(default_factory=dict)
    memory_mib: Mapping[str, float] = field(default_factory=dict)
    study: str = ""


StartExecutor = Callable[[Demand], Executor]
