"""Mixtures: which tasks one training phase sees, in what proportion and in what order.

A chain is the list of phases between the encoder and the target task; it may be empty. What a step sees is a pure function of
(seed, step), so the order is never stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from xstilts.data.yaml_records import LanguageCode, Record
from xstilts.recipe.recipe import Recipe, RecipeFields

CAP = 131_072  # K = 2**17 of T5's examples-proportional mixing, as Phang et al. 2020 use it


class MixtureRule(Record):
    """How a mixture is drawn. A task's share of the steps is, by `sampling`,

        proportional  min(size, cap)  (T5's, Raffel et al. 2020; the paper's)
        temperature   min(size, cap) ** (1 / temperature)
        uniform       the same for all
        fixed         its number in `weights`

    Within a task, languages are drawn with probability ~ size ** `smoothing` (1: as much as there is; XLM uses 0.3).
    `share_heads`: tasks with the same format and labels train one head."""

    sampling: Literal["proportional", "temperature", "uniform", "fixed"] = "proportional"
    cap: int = Field(CAP, ge=1)
    temperature: float = Field(1.0, gt=0)
    weights: dict[str, float] = Field(default_factory=dict)
    smoothing: float = Field(1.0, ge=0, le=1)
    share_heads: bool = False


class Mixture(MixtureRule):
    """One phase: its tasks and how they are drawn. Plain text is a task like any other: masked language modelling beside a task
    is a mixture of two (the paper's MLM co-training). `languages`: those of the training data, if a task has several (translated
    data). None is English, and for plain text every language of the study. `labels: shuffled` makes a placebo: the same inputs
    with their answers permuted at random, so that any gain does not come from the task."""

    mix: tuple[str, ...] = Field(min_length=1)
    languages: tuple[LanguageCode, ...] | None = None
    labels: Literal["gold", "shuffled"] = "gold"
    recipe: RecipeFields = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Mixture:
        if len(set(self.mix)) != len(self.mix):
            raise ValueError("mix: expected each task once, found one twice")
        if self.sampling == "fixed":
            if set(self.weights) != set(self.mix) or any(not 0 < w < float("inf") for w in self.weights.values()):
                raise ValueError(f"weights: fixed sampling needs a positive number for each of {', '.join(self.mix)}")
        elif self.weights:
            raise ValueError("weights: only fixed sampling uses weights; write `sampling: fixed`")
        if self.temperature != 1.0 and self.sampling != "temperature":
            raise ValueError("temperature: only temperature sampling uses it; write `sampling: temperature`")
        return self

    @property
    def rule(self) -> MixtureRule:
        """The part of it in the train stage's config that is not tasks, labels or recipe."""
        return MixtureRule(**self.model_dump(include=set(MixtureRule.model_fields)))


def compute_shares(tasks: Sequence[str], sizes: Sequence[int], rule: MixtureRule) -> NDArray[np.float64]:
    """The share of each task under a mixture's rule. Shape (tasks,), sum 1."""
    capped = np.minimum(np.asarray(sizes, dtype=np.float64), rule.cap)
    match rule.sampling:
        case "proportional":
            parts = capped
        case "temperature":
            parts = (capped / capped.max()) ** (1 / rule.temperature)
        case "uniform":
            parts = np.ones(len(sizes))
        case _:
            parts = np.array([rule.weights[task] for task in tasks])
    shares: NDArray[np.float64] = parts / parts.sum()
    return shares


def total_steps(sizes: Sequence[float], cap: int, recipe: Recipe) -> int:
    """Recipe.steps, or the steps of `epochs` passes over min(size, cap) features of each task (jiant's max_steps). A task
    alone is seen whole: the cap is about the shares of a mixture."""
    if recipe.steps is not None:
        return recipe.steps
    seen = [min(n, cap) for n in sizes] if len(sizes) > 1 else sizes
    return max(1, math.ceil(recipe.epochs * sum(math.ceil(n / recipe.batch) for n in seen)))


def schedule(shares: NDArray[np.float64], steps: int, seed: int) -> NDArray[np.int64]:
    """The task from which each step draws its batch: a pure function of the arguments. Shape (steps,)."""
    if len(shares) == 1:
        return np.zeros(steps, dtype=np.int64)
    rng = np.random.default_rng([seed, 0x5C4ED])
    return rng.choice(len(shares), size=steps, p=shares)


@lru_cache(maxsize=64)
def _shuffle_epoch(size: int, *key: int) -> NDArray[np.int32]:
    order = np.random.default_rng(list(key)).permutation(size).astype(np.int32)
    order.flags.writeable = False
    return order


def _take_rows(size: int, first: int, count: int, seed: int, *key: int) -> NDArray[np.int64]:
    """Rows `first` to `first + count` of an endless sequence of epochs, each shuffled by (seed, key, epoch)."""
    parts = [np.empty(0, dtype=np.int64)]
    while count > 0:
        epoch, offset = divmod(first, size)
        part = _shuffle_epoch(size, seed, 0xBA7C4, *key, epoch)[offset : offset + count]
        parts.append(part.astype(np.int64))
        first += len(part)
        count -= len(part)
    return np.concatenate(parts)


@dataclass
class DataOrder:
    """The rows that each visit of one task sees. The rows of its languages follow each other; `groups` says how many each has.
    Every epoch sees every row once, and a batch may reach into the next epoch. With a `smoothing` other than 1, each place of a
    batch first draws a language, and each language has its own epochs."""

    groups: Sequence[int]
    batch: int
    seed: int
    task: int
    smoothing: float = 1.0
    _seen: NDArray[np.int64] = field(init=False)
    _visits: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._seen = np.zeros(len(self.groups), dtype=np.int64)

    def rows(self, visit: int) -> NDArray[np.int64]:
        """The rows of the `visit`-th batch. Shape (batch,)."""
        if self.smoothing == 1.0 or len(self.groups) == 1:
            return _take_rows(sum(self.groups), visit * self.batch, self.batch, self.seed, self.task)
        if visit < self._visits:
            self.__post_init__()
            self._visits = 0
        while self._visits < visit:
            self._seen += np.bincount(self._draw_languages(self._visits), minlength=len(self.groups))
            self._visits += 1
        drawn = self._draw_languages(visit)
        rows = np.empty(self.batch, dtype=np.int64)
        starts = np.cumsum([0, *self.groups])
        for group in np.unique(drawn):
            places = drawn == group
            size, first = self.groups[group], int(self._seen[group])
            rows[places] = starts[group] + _take_rows(size, first, int(places.sum()), self.seed, self.task, int(group))
        return rows

    def _draw_languages(self, visit: int) -> NDArray[np.int64]:
        parts = np.asarray(self.groups, dtype=np.float64)
        parts = np.where(parts > 0, parts, np.nan) ** self.smoothing
        shares = np.nan_to_num(parts / np.nansum(parts))
        rng = np.random.default_rng([self.seed, 0xA1FA, self.task, visit])
        return rng.choice(len(self.groups), size=self.batch, p=shares)
