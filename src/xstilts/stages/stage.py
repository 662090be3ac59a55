"""A stage: one node of a plan, named by everything that decides its result.

Key = sha256 of the canonical JSON of {kind, kind version, config, keys of the inputs}. Paths, devices, hosts, batch
splits and library versions are context: they are recorded in the run and never in the key. Code enters as the kind's
version, bumped by hand when a body's results change (golden tests watch over it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xstilts.store.fingerprint import compute_key


@dataclass(frozen=True)
class Kind:
    """What a stage does: a version for its key and the `module:function` of its body, imported by the worker only."""

    version: int
    body: str


KINDS: dict[str, Kind] = {
    "fetch": Kind(1, "xstilts.stages.fetch:run"),
    "tokenizer": Kind(1, "xstilts.stages.tokenizer:run"),
    "encoder": Kind(1, "xstilts.stages.encoder:run"),
    "train": Kind(4, "xstilts.stages.train:run"),
    "predict": Kind(2, "xstilts.stages.predict:run"),
    "embed": Kind(3, "xstilts.stages.embed:run"),
    "mine": Kind(1, "xstilts.stages.mine:run"),
    "score": Kind(2, "xstilts.stages.score:run"),
}


@dataclass(frozen=True, eq=False)
class Stage:
    """`config` and `inputs` decide the key. `slug` is for people; `context` (paths) is for the worker: neither is in it.
    `label` groups stages of like cost (for the estimate of what is left)."""

    kind: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Stage]
    slug: str
    label: str = ""
    context: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What the key is the hash of."""
        return {
            "kind": self.kind,
            "version": KINDS[self.kind].version,
            "config": dict(self.config),
            "inputs": {name: stage.key for name, stage in self.inputs.items()},
        }

    @cached_property
    def key(self) -> str:
        return compute_key(self.fingerprint)

    def record(self) -> dict[str, Any]:
        """The content of `stage.json`."""
        kinds = {name: stage.kind for name, stage in self.inputs.items()}
        return {**self.fingerprint, "key": self.key, "slug": self.slug, "input_kinds": kinds, "context": dict(self.context)}


def upstream(stages: list[Stage]) -> Iterator[Stage]:
    """Every stage that the given ones rest on, and themselves, each key once, inputs before what needs them."""
    seen: set[str] = set()

    def visit(stage: Stage) -> Iterator[Stage]:
        if stage.key in seen:
            return
        seen.add(stage.key)
        for parent in stage.inputs.values():
            yield from visit(parent)
        yield stage

    for stage in stages:
        yield from visit(stage)
