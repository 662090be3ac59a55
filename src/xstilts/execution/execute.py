"""Execute: run what a plan lacks, in an order that keeps the workers busy, and nothing twice.

A stage that fails blocks what rests on it and nothing else. A worker that dies costs the steps since its last
checkpoint. A stage that another run holds is waited for, not repeated. A damaged artefact is made again, and said so. What a
turn of the loop costs does not depend on how many stages are done.
"""

import heapq
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from xstilts.data.html import write_html
from xstilts.errors import InputError
from xstilts.execution.executors.base import Demand, Executor, StartExecutor
from xstilts.execution.executors.local import start_local
from xstilts.execution.time_left import TimeLeft, Work, expect_seconds, measure_work, relative_error, with_error
from xstilts.plan.compile import Plan
from xstilts.plan.cost.estimate import RATE, guess_seconds
from xstilts.stages.job import Outcome
from xstilts.stages.stage import Stage, TrainStage
from xstilts.store.cleaning import sweep
from xstilts.store.fingerprint import list_differences
from xstilts.store.lease import LOOK_SECONDS, Lease, LeaseHeld, look, may_be_hidden
from xstilts.store.store import (
    KEY_DIGITS,
    DamagedArtefact,
    Store,
    explain_storage_error,
    read_done,
    read_run,
    set_aside,
    write_json,
)

LOST_LIMIT = 5
POLL_SECONDS = 0.25
# A run that was asked to stop waits at most this long for its stages; then it ends as if it was asked again.
STOP_SECONDS = 60.0
# One Ctrl-C may come twice: from the terminal, and from a program around this one that passes it on.
SAME_PRESS_SECONDS = 0.1
# done: its outputs are in the store; running: this run works on it (to somebody who only looks at the store: some run does);
# elsewhere: another run works on it; pending: it is still to be made; failed: its last attempt failed; blocked: a stage that it
# needs failed or is blocked.
StageState = Literal["done", "running", "elsewhere", "pending", "failed", "blocked"]


# How long an estimate of the time left holds, in times of what it costs: it looks at all stages.
ESTIMATE_HOLDS = 20


class Statuses(dict[str, StageState]):
    """The state of each stage, by its key. It also knows the stages of each state, and which `changed` since the loop looked."""

    def __init__(self, statuses: Iterable[tuple[str, StageState]] = ()):
        super().__init__()
        self._of: dict[StageState, dict[str, None]] = {state: {} for state in get_args(StageState)}
        self.changed: list[str] = []
        for key, state in statuses:
            self[key] = state

    def __setitem__(self, key: str, state: StageState) -> None:
        if key in self:
            del self._of[self[key]][key]
        self._of[state][key] = None
        self.changed.append(key)
        super().__setitem__(key, state)

    def of(self, state: StageState) -> tuple[str, ...]:
        """The keys of the stages in a state, in the order in which they came into it."""
        return tuple(self._of[state])

    def count(self, *states: StageState) -> int:
        return sum(len(self._of[state]) for state in states)


@dataclass(repr=False)
class State:
    """Where an execution stands. `live` maps the keys of running stages to what they last reported, with the time `started`
    (monotonic). `memory_mib`: the most that a stage of each kind took. `stopping`: it was asked to stop, and waits."""

    plan: Plan
    store: Store
    status: Statuses
    cached: set[str]
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, Outcome] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    memory_mib: dict[str, float] = field(default_factory=dict)
    lost: dict[str, tuple[int, int]] = field(default_factory=dict)
    workers: int = 1
    stopping: bool = False
    started: float = field(default_factory=time.monotonic)
    _measured: tuple[int, dict[str, Work]] | None = None
    _estimated: tuple[float, TimeLeft | None] | None = None

    def count(self, *states: StageState) -> int:
        return self.status.count(*states)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The plan's stages, by their keys."""
        return {stage.key: stage for stage in self.plan.stages}

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folder of each stage: where it is, or will be."""
        return self.store.folders(self.plan.stages)

    def _counts(self) -> dict[str, int]:
        counts = {state: self.count(state) for state in get_args(StageState)}
        return {state: count for state, count in counts.items() if count}

    def __repr__(self) -> str:
        return f"State({self.plan.study.name!r}: {', '.join(f'{count} {state}' for state, count in self._counts().items())})"

    def _repr_html_(self) -> str:
        failed = {stage.slug: self.errors[stage.key].error for stage in self.plan.stages if stage.key in self.errors}
        return write_html(f"{self.plan.study.name}: {len(self.plan.stages)} stages", {**self._counts(), **failed})

    def _timed(self) -> dict[str, float]:
        """Seconds of each stage that is done, and of running ones by how far they are; per key. Not before a twentieth of its
        steps: what comes before the first step would count for each of them."""
        timed = dict(self.seconds)
        for key, live in self.live.items():
            if live.get("steps") and live.get("step", 0) >= live["steps"] / 20:
                step, steps, left = live["step"], live["steps"], live.get("seconds_left")
                if left is not None and step < steps:  # by the rate of its attempt, which may have begun at a checkpoint
                    timed[key] = left * steps / (steps - step)
                else:
                    timed[key] = (time.monotonic() - live["started"]) * steps / step
        return timed

    def _work(self) -> dict[str, Work]:
        """The work of each stage, as far as the data are read (measured again when more are)."""
        fetches = [stage for stage in self.plan.stages if stage.kind == "fetch"]
        done = sum(self.status[stage.key] == "done" for stage in fetches)
        if self._measured is None or self._measured[0] != done:
            texts = {}
            for stage in fetches:
                mark = read_done(self.folders[stage.key]) if self.status[stage.key] == "done" else None
                if mark:
                    size = sum(file["size"] for file in mark["files"].values())
                    examples = mark["facts"].get("examples")
                    texts[stage.key] = (examples if isinstance(examples, int) else 0, size)
            self._measured = done, measure_work(self.plan, texts)
        return self._measured[1]

    def expected(self, rate: float = RATE) -> dict[str, float]:
        """Seconds that each stage will probably take; per key. Kinds of which none was timed: as their FLOPs at this `rate`."""
        return expect_seconds(self.plan.stages, self._timed(), self._work(), guess_seconds(self.plan, rate))

    def time_left(self) -> TimeLeft | None:
        """The expected seconds of what is open, shared among the workers; at least the longest path. None until a training was
        timed, here or in an earlier run. It is formed anew when that costs little beside the time since the last one."""
        now = time.monotonic()
        if self._estimated is None or now >= self._estimated[0]:
            left = self._estimate_time_left()
            after = time.monotonic()
            self._estimated = after + ESTIMATE_HOLDS * (after - now), left
        return self._estimated[1]

    def _estimate_time_left(self) -> TimeLeft | None:
        timed = self._timed()
        trained = {key: seconds for key, seconds in timed.items() if key in self._trainings}
        if not trained:
            return None
        expected = expect_seconds(self.plan.stages, timed, self._work())
        path: dict[str, float] = {}
        seen = {stage.label for stage in self.plan.stages if stage.key in timed}
        total, unseen, still = 0.0, 0.0, 0
        for stage in self.plan.stages:
            live = self.live.get(stage.key, {})
            share = 1 - live["step"] / live["steps"] if live.get("steps") else 1.0
            open_ = self.status[stage.key] in ("pending", "running", "elsewhere")
            own = expected[stage.key] * share if open_ else 0.0
            total += own
            unseen += own * (stage.label not in seen)
            still += open_ and stage.kind == "train"
            path[stage.key] = own + max((path[i.key] for i in stage.parents), default=0.0)
        seconds = max(total / max(self.workers, 1), max(path.values(), default=0.0))
        return with_error(seconds, relative_error(trained, expected, still, unseen / total if total else 0.0))

    @cached_property
    def _trainings(self) -> set[str]:
        return {stage.key for stage in self.plan.stages if stage.kind == "train"}


def inspect(plan: Plan, store: Store, thorough: bool = True) -> State:
    """What of a plan is done. `thorough`: artefacts that something still to be made rests on are hashed, the rest checked
    by size and time; what is damaged counts as not done (nothing is changed here)."""
    status = Statuses()
    state = State(plan, store, status, set())
    folders = state.folders
    for stage in plan.stages:
        status[stage.key] = "done" if store.is_done(folders[stage.key]) else "pending"
    needed = {i.key for stage in plan.stages if status[stage.key] == "pending" for i in stage.parents}
    for key in status.of("done"):
        try:
            done = store.verify(folders[key], thorough=thorough and key in needed)
        except DamagedArtefact as error:
            status[key] = "pending"
            state.messages.append(f"damaged: {error}; it is made again")
            continue
        run = read_run(folders[key] / done["run"]) if done["run"] else {}
        if "seconds" in run:
            state.seconds[key] = run["seconds"]
        if "peak_mib" in run:
            kind = state.stages[key].kind
            state.memory_mib[kind] = max(run["peak_mib"], state.memory_mib.get(kind, 0.0))
    state.cached = set(status.of("done"))
    return state


def reasons(plan: Plan, state: State) -> dict[str, list[str]]:
    """Why each stage that is not done is new: the fields in which it differs from the nearest stage of the same name in
    the store; empty for one whose inputs alone are new or that was never made under this name."""
    found: dict[str, list[str]] = {}
    stored: dict[tuple[str, str], list[dict[str, Any]]] = {}
    new_ones = [stage for stage in plan.stages if state.status[stage.key] != "done"]
    names: dict[str, set[str]] = {}
    for stage in new_ones:
        names.setdefault(stage.kind, set()).add(state.folders[stage.key].name[: -KEY_DIGITS - 1])
    for kind, wanted in names.items():
        for _, record in state.store.records(kind, lambda name: name[: -KEY_DIGITS - 1] in wanted):  # noqa: B023
            stored.setdefault((kind, record["slug"]), []).append(record)
    for stage in new_ones:
        new = stage.fingerprint
        options = []
        for record in stored.get((stage.kind, stage.slug), []):
            if record["key"] != stage.key:
                old = {"version": record["version"], **record["config"]}
                options.append(list_differences(old, {"version": new["version"], **new["config"]}))
        found[stage.key] = min(options, key=len) if options else []
    return found


# Bad data must show before hours of training, and a trained model is scored before the next one is trained: what a run has done
# when it is stopped has its scores.
ORDER = {"fetch": 0, "train": 2}


def execute(
    plan: Plan,
    store: Store,
    workers: int | None = None,
    watch: Callable[[State], None] = lambda _: None,
    start: StartExecutor = start_local,
) -> State:
    """Run the plan to its end. On Ctrl-C (or where SIGTERM does the same) running stages are asked to checkpoint; at the second
    one they are killed, which costs what came after their last checkpoints. Raises KeyboardInterrupt after that, and InputError
    if the store cannot be written."""
    store.prepare()
    sweep(store)
    state = inspect(plan, store)
    for key in state.status.of("pending"):
        if os.path.lexists(state.folders[key] / "done.json"):
            _take_back(store, state.folders[key])
    watch(state)
    if state.count("pending") == 0:
        return state
    with start(_demand(state, workers)) as executor, _count_interrupts() as interrupts:
        _loop(state, executor, watch, interrupts)
    return state


def _demand(state: State, workers: int | None) -> Demand:
    processes = max((stage.config.recipe.processes for stage in state.plan.stages if isinstance(stage, TrainStage)), default=1)
    expected, measured = state.expected(), {stage.kind for stage in state.plan.stages if stage.key in state.seconds}
    seconds: dict[str, float] = {}
    for stage in state.plan.stages:
        if stage.kind in measured:
            seconds[stage.kind] = max(expected[stage.key], seconds.get(stage.kind, 0.0))
    return Demand(state.store.root, workers, state.count("pending"), processes, seconds, state.memory_mib, state.plan.study.name)


@contextmanager
def _count_interrupts() -> Iterator[list[float]]:
    """The times at which the signals that mean KeyboardInterrupt came, as they come, instead of an exception at any place: one
    inside a message of a worker would lose it. Signals that are ignored stay so."""
    came: list[float] = []
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is signal.default_int_handler]
    if threading.current_thread() is not threading.main_thread():
        numbers = []

    def note(*_: object) -> None:
        now = time.monotonic()
        if not came or now - came[-1] > SAME_PRESS_SECONDS:
            came.append(now)

    for number in numbers:
        signal.signal(number, note)
    try:
        yield came
    finally:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)


def _loop(state: State, executor: Executor, watch: Callable[[State], None], interrupts: list[float]) -> None:
    ready = Ready(state)
    looked = 0.0
    while True:
        if interrupts and not state.stopping:
            state.stopping = True
            executor.stop()
        if state.stopping:
            if not state.count("running") or len(interrupts) > 1 or time.monotonic() - interrupts[0] > STOP_SECONDS:
                watch(state)
                raise KeyboardInterrupt
            watch(state)
            _take_events(state, executor)
            continue
        for stage in ready.take(executor.idle()):
            state.status[stage.key] = "running"
            state.live[stage.key] = {"started": time.monotonic()}
            _write_record(state, stage)
            executor.submit(stage.record())
        if not state.count("running", "elsewhere") and not ready:
            return
        _take_events(state, executor)
        state.workers = executor.size
        if time.monotonic() - looked > 1.0:
            looked = time.monotonic()
            _look_elsewhere(state)
        watch(state)


class Ready:
    """The stages that can begin, the most urgent first. It follows `State.status`, and looks at a stage only when it, or one that
    it reads, has changed."""

    def __init__(self, state: State):
        self._state = state
        self._urgency = find_urgency(state.plan, state.expected())
        self._heap: list[tuple[int, float, int, str]] = []
        self._places = {stage.key: place for place, stage in enumerate(state.plan.stages)}
        self._listed: set[str] = set()
        state.status.changed = [stage.key for stage in state.plan.stages]

    def __bool__(self) -> bool:
        self._follow()
        return any(self._is_ready(entry[-1]) for entry in self._heap)

    def take(self, count: int) -> Iterator[Stage]:
        """The next ones, which are then no longer here."""
        while count and (key := self._pop()):
            count -= 1
            yield self._state.stages[key]

    def _pop(self) -> str | None:
        self._follow()
        while self._heap:
            key = heapq.heappop(self._heap)[-1]
            self._listed.discard(key)
            if self._is_ready(key):
                return key
        return None

    def _is_ready(self, key: str) -> bool:
        status = self._state.status
        return status[key] == "pending" and all(status[parent.key] == "done" for parent in self._state.stages[key].parents)

    def _follow(self) -> None:
        changed, self._state.status.changed = self._state.status.changed, []
        for key in changed:
            self._offer(key)
            if self._state.status[key] == "done":
                for child in self._state.plan.children[key]:
                    self._offer(child.key)

    def _offer(self, key: str) -> None:
        if key not in self._listed and self._is_ready(key):
            self._listed.add(key)
            heapq.heappush(self._heap, self._rank(key))

    def _rank(self, key: str) -> tuple[int, float, int, str]:
        return ORDER.get(self._state.stages[key].kind, 1), -self._urgency[key], self._places[key], key


def _look_elsewhere(state: State) -> None:
    """What became of the stages that other runs hold."""
    for key in state.status.of("elsewhere"):
        if read_done(state.folders[key]) is not None:
            state.status[key] = "done"
            continue
        holder, why = look(state.folders[key])
        if holder is None:
            state.status[key] = "pending"
            if why:
                state.messages.append(f"{state.stages[key].slug} goes on here: {why}")


def _take_events(state: State, executor: Executor) -> None:
    for key, event in executor.poll(POLL_SECONDS):
        if isinstance(event, Outcome):
            _settle(state, state.stages[key], event, state.live.pop(key, {}))
        elif isinstance(event, str):
            state.messages.append(event)
        else:
            state.live[key] = {"started": state.live[key]["started"], "at": time.time(), **event}


def _take_back(store: Store, folder: Path) -> None:
    """Take back the mark of a stage if it vouches for nothing. Another run may just have made the stage, or be at it."""
    with suppress(LeaseHeld), Lease(folder):
        try:
            store.verify(folder)
        except DamagedArtefact as error:
            if error.unseen and may_be_hidden(folder / "done.json"):
                time.sleep(LOOK_SECONDS)  # it is looked at again: a shared disk may just not show it yet
                return
            store.undo(folder)


def _write_record(state: State, stage: Stage) -> None:
    """Write a stage's `stage.json`, so that whoever has the store can run it."""
    folder = state.folders[stage.key]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "stage.json").is_dir():
            set_aside(folder / "stage.json")
        write_json(folder / "stage.json", stage.record())
    except OSError as error:
        raise explain_storage_error(error, state.store.root) or error from None


def _settle(state: State, stage: Stage, event: Outcome, live: dict[str, Any]) -> None:
    key = stage.key
    match event.outcome:
        case "done":
            state.status[key] = "done"
            if event.seconds is not None:
                state.seconds[key] = event.seconds
        case "held":
            state.status[key] = "elsewhere"
            said = f"waits for another run: {event.error}"
            if said not in state.messages:
                state.messages.append(said)
        case "interrupted":
            state.status[key] = "pending"
        case "damaged-input":
            state.status[key] = "pending"
            source = next(i for i in stage.parents if i.key == event.input)
            if state.status[source.key] == "done":
                state.messages.append(f"damaged: {event.error}; it is made again")
                _take_back(state.store, state.folders[source.key])
                state.status[source.key] = "pending"
        case "lost" if event.taken:
            state.status[key] = "elsewhere"
            state.messages.append(f"lost {stage.slug} to another run ({event.error}); it is waited for")
        case "lost":
            times, furthest = state.lost.get(key, (0, -1))
            step = live.get("step", -1)
            state.lost[key] = (1 if step > furthest else times + 1, max(step, furthest))
            if state.lost[key][0] < LOST_LIMIT:
                state.status[key] = "pending"
                state.messages.append(f"lost a worker ({_how(event)}) on {stage.slug}; it goes on from its checkpoint")
            else:
                error = f"its worker ended {LOST_LIMIT} times without getting further ({_how(event)})"
                advice = "`xstilts logs` shows what it printed"
                if event.status == -signal.SIGKILL:
                    advice += ", and if it was for lack of memory: fewer workers or a smaller max_length need less"
                _fail(state, stage, Outcome("failed", f"{error}; {advice}"))
        case "failed":
            if event.storage:
                raise InputError(event.error)
            _fail(state, stage, event)


def _how(event: Outcome) -> str:
    if event.error:  # a process of its data-parallel group
        return event.error
    if event.status is not None and event.status < 0:
        hint = ", as the system does when memory runs out" if event.status == -signal.SIGKILL else ""
        return f"killed by signal {-event.status}{hint}"
    return f"it ended by itself, with exit status {event.status}"


def count_dependents(plan: Plan, key: str) -> int:
    """How many stages rest on one, however indirectly."""
    found: set[str] = set()
    open_ = [key]
    while open_:
        for child in plan.children[open_.pop()]:
            if child.key not in found:
                found.add(child.key)
                open_.append(child.key)
    return len(found)


def _fail(state: State, stage: Stage, event: Outcome) -> None:
    state.status[stage.key] = "failed"
    state.errors[stage.key] = event
    blocking = [stage.key]
    while blocking:
        for other in state.plan.children[blocking.pop()]:
            if state.status[other.key] == "pending":
                state.status[other.key] = "blocked"
                blocking.append(other.key)


def find_urgency(plan: Plan, expected: Mapping[str, float]) -> dict[str, float]:
    """Expected seconds of the longest path that starts with each stage: the classic critical-path priority."""
    below: dict[str, float] = {stage.key: 0.0 for stage in plan.stages}
    for stage in reversed(plan.stages):
        below[stage.key] += expected[stage.key]
        for source in stage.parents:
            below[source.key] = max(below[source.key], below[stage.key])
    return below
