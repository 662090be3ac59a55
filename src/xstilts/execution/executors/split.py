"""Some kinds of stages here, the others on a cluster: machines of a cluster often have no internet, and a run may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from xstilts.execution.executors.base import Demand, Event, Executor
from xstilts.execution.executors.local import LocalExecutor
from xstilts.stages.job import Outcome


class SplitExecutor:
    """`there` runs all stages but those of the kinds `here`, which one worker process runs on this machine, one after another."""

    def __init__(self, there: Executor, here: Collection[str], demand: Demand):
        self.there, self.kinds = there, here
        self.local = LocalExecutor(demand.store, 1)
        self._waiting: list[Mapping[str, Any]] = []
        self._stopping = False

    @property
    def size(self) -> int:
        return self.there.size

    def __enter__(self) -> Self:
        self.there.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.local.__exit__(kind, value, trace)
        self.there.__exit__(kind, value, trace)

    def idle(self) -> int:
        return self.there.idle()

    def submit(self, record: Mapping[str, Any]) -> None:
        if record["kind"] in self.kinds:
            self._waiting.append(record)
        else:
            self.there.submit(record)

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        found: list[tuple[str, Event]] = []
        if self._stopping:
            found += [(record["key"], Outcome("interrupted")) for record in self._waiting]
            self._waiting.clear()
        if self._waiting and self.local.idle():
            self.local.submit(self._waiting.pop(0))
        return found + self.local.poll(0.0) + self.there.poll(seconds)

    def stop(self) -> None:
        self._stopping = True
        self.local.stop()
        self.there.stop()
