"""Measuring variants against each other: each is a process of its own, which takes one turn when told to.

In a round every variant takes its turn, the next round begins one later, and the peer takes two, so that its ratio to itself
says how much noise there is. A ratio is formed inside a round and its median is reported, with the least and the greatest.
A variant that dies or cannot start is named with the last line it wrote; the others go on.
Nothing but Python is needed here: variants in other environments import this file too.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE / "out"
WARM, WARM_ON_A_CARD = 2, 12  # rounds; the first steps on a card load kernels from disk
PATIENCE_SECONDS = 300.0

Turn = dict[str, Any]


class Answers:
    """A variant's side: `ready`, then `wait` and `done` for each turn. `wait` ends the process when no more are wanted."""

    def __init__(self) -> None:
        self._out = os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w")
        self._began = 0.0

    def ready(self, **facts: Any) -> None:
        self._say(facts)

    def wait(self) -> None:
        if not sys.stdin.readline():
            sys.stdout.flush()
            os._exit(0)  # a training loop in another's hands cannot be left in another way
        self._began = time.perf_counter()

    def done(self, **facts: Any) -> None:
        self._say({"seconds": time.perf_counter() - self._began, **facts})

    def _say(self, facts: Turn) -> None:
        self._out.write(json.dumps(facts) + "\n")
        self._out.flush()


@dataclass
class Variant:
    """`turns` a round; the second is kept under `<name> again`. `facts`: what it said when it was ready."""

    name: str
    command: Sequence[str]
    turns: int = 1
    facts: Turn = field(default_factory=dict)
    trouble: str = ""
    peak_mib: float | None = None
    start_mib: float = 0.0

    def start(self) -> None:
        OUT.mkdir(exist_ok=True)
        self._log = OUT / f"log-{self.name.replace(' ', '-').replace('/', '-')}.txt"
        read, write = os.pipe()
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(write,),
                env={**os.environ, "BENCH_ANSWERS": str(write), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
                text=True,
            )
        os.close(write)
        self._answers = os.fdopen(read, "r")

    def listen(self) -> Turn | None:
        """The next answer; None, and `trouble`, if there is none."""
        heard = select.select([self._answers], [], [], PATIENCE_SECONDS)[0]
        if heard and (line := self._answers.readline()):
            answer: Turn = json.loads(line)
            return answer
        lines = [line for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        last = lines[-1][:200] if lines else "it ended"
        self.trouble = last if heard else f"no answer in {PATIENCE_SECONDS:.0f} s"
        return None

    def turn(self) -> Turn | None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.listen()

    def memory_mib(self, field_name: str) -> float | None:
        """`VmHWM`, the peak so far, or `VmRSS`, of the process; None where /proc does not say."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field_name)), None)

    def end(self) -> None:
        if not self.trouble:
            self.peak_mib = self.memory_mib("VmHWM:")
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._answers.close()


def interleave(variants: Sequence[Variant], rounds: int, warm: int, seconds: float) -> dict[str, list[Turn]]:
    """Turns by name, as many of each: of `rounds` rounds, or of as many (3 at least) as fit into `seconds`. Rounds to warm up
    come before; they are neither kept nor counted. Variants in trouble are left out."""
    taken: dict[str, list[Turn]] = {}
    try:
        for variant in variants:
            variant.start()
        for variant in variants:
            variant.facts = variant.listen() or {}
            variant.start_mib = variant.memory_mib("VmRSS:") or 0.0
        slots = [(v, v.name + " again" * second) for v in variants for second in range(v.turns)]
        began = 0.0
        for number in range(-warm, rounds):
            began = time.perf_counter() if number <= 0 else began
            if number >= 3 and time.perf_counter() - began > seconds:
                break
            turn = number % len(slots)
            for variant, slot in slots[turn:] + slots[:turn]:
                found = None if variant.trouble else variant.turn()
                if found and number >= 0:
                    taken.setdefault(slot, []).append(found)
    finally:
        for variant in variants:
            if hasattr(variant, "_process"):
                variant.end()
    failed = {variant.name for variant in variants if variant.trouble}
    return {slot: turns for slot, turns in taken.items() if slot.removesuffix(" again") not in failed}


def ratio(peer: Sequence[Turn], ours: Sequence[Turn], blocks: int | None = None) -> dict[str, float]:
    """Median, least and greatest of peer's seconds / ours, formed in each round, or in so many stretches of rounds (for a peer
    that makes batches of its own, so that single rounds do not compare)."""
    count = min(blocks or len(ours), len(ours))
    edges = [round(i * len(ours) / count) for i in range(count + 1)]
    found = sorted(_sum(peer[a:b]) / _sum(ours[a:b]) for a, b in pairwise(edges))
    return {"median": statistics.median(found), "min": found[0], "max": found[-1], "of": count}


def _sum(turns: Sequence[Turn]) -> float:
    return float(sum(turn["seconds"] for turn in turns))


def median_seconds(turns: Sequence[Turn]) -> float:
    return float(statistics.median(turn["seconds"] for turn in turns))


def shown(found: dict[str, float]) -> str:
    """A ratio for the table."""
    return f"{found['median']:5.2f}x  [{found['min']:.2f}, {found['max']:.2f}]"
