"""Mixtures and chains: which tasks one training phase sees, in what proportion.

A chain is the list of phases between the encoder and the target task; it may be empty.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

CAP = 131_072  # K = 2**17 of T5's examples-proportional mixing, as Phang et al. 2020 use it


class Mixture(BaseModel):
    """One phase. Tasks are drawn in proportion to min(size, cap). `labels: shuffled` makes a placebo: the same inputs,
    the answers dealt out anew at random, so that whatever helps is not the task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mix: tuple[str, ...] = Field(min_length=1)
    cap: int = Field(CAP, ge=1)
    labels: Literal["gold", "shuffled"] = "gold"
    recipe: dict[str, Any] = Field(default_factory=dict)


def proportions(sizes: list[int], cap: int) -> NDArray[np.float64]:
    """r_m = min(e_m, K) / sum_n min(e_n, K)  (the examples-proportional mixing of T5, Raffel et al. 2020). Shape (tasks,)."""
    capped = np.minimum(np.asarray(sizes, dtype=np.float64), cap)
    shares: NDArray[np.float64] = capped / capped.sum()
    return shares


def schedule(sizes: list[int], cap: int, steps: int, seed: int) -> NDArray[np.int64]:
    """Which task each step draws its batch from: a pure function of its arguments. Shape (steps,)."""
    if len(sizes) == 1:
        return np.zeros(steps, dtype=np.int64)
    rng = np.random.default_rng([seed, 0x5C4ED])
    return rng.choice(len(sizes), size=steps, p=proportions(sizes, cap))


def batch_indices(size: int, batch: int, visit: int, seed: int, task: int) -> NDArray[np.int64]:
    """The `visit`-th batch of a task: rows of an endless row of epochs, each shuffled by (seed, task, epoch).

    Every epoch sees every example once; a batch may reach over the end of an epoch. Shape (batch,)."""
    first = visit * batch
    parts = []
    while batch > 0:
        epoch, offset = divmod(first, size)
        order = np.random.default_rng([seed, 0xBA7C4, task, epoch]).permutation(size)
        part = order[offset : offset + batch]
        parts.append(part)
        first += len(part)
        batch -= len(part)
    return np.concatenate(parts)
