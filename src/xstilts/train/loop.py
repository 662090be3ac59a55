"""The training loop: one for every phase.

    start from an artefact -> train on a mixture -> save

What makes a run repeatable and resumable bit for bit on a CPU: which task and which rows a step sees is a function of
(seed, step); all randomness inside a step (dropout, masks) is drawn from generators seeded by (seed, step); and the
checkpoint holds weights, optimizer, averages and step. When it was written does not matter.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xstilts.formats.format import Example
from xstilts.metrics.metric import Metric
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.model import Model
from xstilts.recipe.mixture import DataOrder, MixtureRule, compute_shares, schedule, total_steps
from xstilts.recipe.recipe import SELECTING, Recipe
from xstilts.train.checkpoint import load_state, save_state
from xstilts.train.ddp import Group
from xstilts.train.evaluate import evaluate_task
from xstilts.train.flops import measure_peak_flops
from xstilts.train.step import Stepper, choose_micro_tokens, make_optimizer

CHECKPOINT_SECONDS = float(os.environ.get("XSTILTS_CHECKPOINT_SECONDS", "20"))
CONTINUE, INTERRUPT, STOP_EARLY = range(3)


class NotFinite(Exception):
    """The loss of a step is not a finite number."""

    def __init__(self, step: int, loss: float, task: str, ids: Sequence[str]):
        shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        super().__init__(
            f"the loss became {loss} at step {step}, on {task}, examples {shown}; look at these, lower the learning rate or "
            "lengthen the warm-up"
        )


@dataclass
class MixtureTask:
    """One task of the mixture: its codec, its training features (`groups`: how many of each of its languages, one after the
    other; none given: all are of one), and its dev examples by language (may be empty). `id_of` names the example of a row
    of features."""

    task: str
    codec: Codec
    features: Sequence[Feature]
    dev: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    metric: Metric | None = None
    groups: tuple[int, ...] = ()
    id_of: Callable[[int], str] = str


@dataclass
class PhaseSpec:
    """What a training does beside its recipe: the mixture's rule, the seed, how many real tokens it has
    to match on top of its own steps (the compute-matched control), and what names it."""

    rule: MixtureRule
    seed: int
    matched_tokens: int = 0
    identity: str = ""


@dataclass
class TrainingState:
    """What the loop has seen so far; saved in checkpoints and, at the end, in `train.json`. `shrink`: the product of what
    weight decay has done to weights without gradient, `kept_shrink` that of the policy's weights."""

    step: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0, "checkpoint": 0.0})
    losses: list[tuple[int, float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    dev: list[dict[str, Any]] = field(default_factory=list)
    best: float = -math.inf
    best_step: int = 0
    misses: int = 0
    shrink: float = 1.0
    kept_shrink: float = 0.0
    budget: int = 0
    halved: int = 0


def evaluation_steps(steps: int, evaluations: int) -> list[int]:
    """The evenly spaced steps at which weights are evaluated or averaged; the last is the last step."""
    count = min(evaluations, steps)
    return [round(steps * (i + 1) / count) for i in range(count)]


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up to `lr`, then linear decay to 0. `step` counts from 0."""
    warm = round(steps * recipe.warmup)
    if step < warm:
        return recipe.lr * (step + 1) / warm
    return recipe.lr * (steps - step) / max(1, steps - warm)


def mean_tokens(features: Sequence[Feature]) -> float:
    """Real tokens of a feature on average, over at most 10,000 of them, evenly spaced."""
    places = np.linspace(0, len(features) - 1, min(len(features), 10_000)).astype(int)
    return float(np.mean([features[i].tokens for i in places]))


class Training:
    """One run of the loop: `Training(...).run()` trains `model` in place and leaves the policy's weights in it."""

    def __init__(
        self,
        model: Model,
        members: Sequence[MixtureTask],
        recipe: Recipe,
        plan: PhaseSpec,
        checkpoint: Path,
        tick: Callable[[dict[str, Any]], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        group: Group | None = None,
    ):
        self.model, self.members, self.recipe, self.plan = model, members, recipe, plan
        self.checkpoint, self.tick, self.should_stop = checkpoint, tick, should_stop
        self.group = group or Group()
        self.device = next(model.parameters()).device
        self.sizes = [len(m.features) for m in members]
        self.shares = compute_shares([m.task for m in members], self.sizes, plan.rule)
        own = total_steps(self.sizes, plan.rule.cap, recipe)
        self.matched_steps = 0
        if plan.matched_tokens:
            tokens = recipe.batch * sum(s * mean_tokens(m.features) for s, m in zip(self.shares, members, strict=True))
            self.matched_steps = round(plan.matched_tokens / tokens)
        self.steps = own + self.matched_steps
        self.marks = evaluation_steps(self.steps, recipe.evaluations)
        self.averaged = set(self.marks[-recipe.average :])
        self.optimizer = make_optimizer(model, recipe)
        self.kept: dict[str, Tensor] = {}  # the policy's weights: a running sum (avg_last_k) or the best so far
        self.progress, self.note = load_state(checkpoint, plan.identity, model, self.optimizer, self.kept, TrainingState)
        budget = self.progress.budget or choose_micro_tokens(self.device)
        self.stepper = Stepper(model, self.optimizer, recipe, plan.seed, self.group, budget, self.progress.halved)
        self._clock = time.monotonic()

    def run(self) -> dict[str, Any] | None:
        """Gives the record for `train.json`; None if it was asked to stop (the state is then in `checkpoint`), and in all
        processes of a group but the first. Raises NotFinite, LostProcess, and InputError where nothing fits into memory."""
        progress, first = self.progress, self.group.rank == 0
        peak = measure_peak_flops(self.device, self.recipe.precision) * self.group.size if first else math.inf
        picks = schedule(self.shares, self.steps, self.plan.seed)
        visits = np.bincount(picks[: progress.step], minlength=len(self.members))
        orders = [
            DataOrder(m.groups or (len(m.features),), self.recipe.batch, self.plan.seed, i, self.plan.rule.smoothing)
            for i, m in enumerate(self.members)
        ]
        self._clock = saved = time.monotonic()
        said = STOP_EARLY if self._enough() else CONTINUE
        while progress.step < self.steps and said == CONTINUE:
            pick = int(picks[progress.step])
            loss = self._step(self.members[pick], orders[pick].rows(int(visits[pick])))
            visits[pick] += 1
            self._time("train")
            if first:
                if progress.step in self.marks:
                    self._mark()
                    self._time("evaluate")
                if progress.step % 10 == 1 or progress.step == self.steps:
                    self._tell(loss, peak)
                said = INTERRUPT if self.should_stop() else STOP_EARLY if self._enough() else CONTINUE
                if said == INTERRUPT or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save()
                    saved = time.monotonic()
            said = self.group.same(said)
        return self._finish(visits, peak) if first and said != INTERRUPT else None

    def _step(self, member: MixtureTask, rows: Any) -> float:
        progress = self.progress
        features = [member.features[int(i)] for i in rows]
        lr = learning_rate(progress.step, self.steps, self.recipe)
        loss = self.stepper.step(member.task, member.codec, features, progress.step, lr)
        progress.step += 1
        if not math.isfinite(loss):
            ids = [member.id_of(int(row)) for row in rows]
            raise NotFinite(progress.step, loss, member.task, list(dict.fromkeys(ids)))
        progress.recent.append(loss)
        progress.shrink *= 1 - lr * self.recipe.weight_decay
        progress.tokens += sum(feature.tokens for feature in features)
        progress.flops += self.stepper.flops
        progress.budget, progress.halved = self.stepper.budget, self.stepper.halved
        return loss

    def _mark(self) -> None:
        """One of the evenly spaced points: the mean loss, and what the policy does there."""
        progress, policy = self.progress, self.recipe.policy
        progress.losses.append((progress.step, float(np.mean(progress.recent))))
        progress.recent = []
        if policy == "avg_last_k" and progress.step in self.averaged:
            for name, value in self._trained():
                self.kept[name] = self.kept[name] + value if name in self.kept else value.clone()
            progress.kept_shrink += progress.shrink
        if policy in SELECTING and any(m.dev and m.metric for m in self.members):
            scores = evaluate_dev(self.model, self.members)
            progress.dev.append({"step": progress.step, **scores})
            progress.misses += 1
            if scores["mean"] > progress.best:
                progress.best, progress.best_step, progress.misses = scores["mean"], progress.step, 0
                self.kept.update({name: value.clone() for name, value in self._trained()})
                progress.kept_shrink = progress.shrink

    def _enough(self) -> bool:
        return self.recipe.patience is not None and self.progress.misses >= self.recipe.patience

    def _trained(self) -> list[tuple[str, Tensor]]:
        return [(name, p.detach()) for name, p in self.model.named_parameters() if p.requires_grad]

    def _time(self, phase: str) -> None:
        now = time.monotonic()
        self.progress.seconds[phase] += now - self._clock
        self._clock = now

    def _tell(self, loss: float, peak: float) -> None:
        seconds = max(self.progress.seconds["train"], 1e-9)
        self.tick(
            {
                "step": self.progress.step,
                "steps": self.steps,
                "loss": loss,
                "tokens_per_second": self.progress.tokens / seconds,
                "utilisation": self.progress.flops / seconds / peak,
            }
        )

    def _save(self) -> None:
        save_state(self.checkpoint, self.plan.identity, self.model, self.optimizer, self.kept, self.progress)
        self._time("checkpoint")

    def _finish(self, visits: Any, peak: float) -> dict[str, Any]:
        progress, recipe = self.progress, self.recipe
        count = len(self.averaged) if recipe.policy == "avg_last_k" else 1
        if self.kept:
            with torch.no_grad():
                for name, p in self.model.named_parameters():
                    if name in self.kept:
                        p.copy_(self.kept[name] / count)
        final = evaluate_dev(self.model, self.members)
        self._time("evaluate")
        seconds = max(progress.seconds["train"], 1e-9)
        return {
            "steps": progress.step,
            "matched_steps": self.matched_steps,
            "features": {m.task: n for m, n in zip(self.members, self.sizes, strict=True)},
            "draws": {m.task: int(v) for m, v in zip(self.members, visits, strict=True)},
            "tokens": progress.tokens,
            "train_seconds": progress.seconds["train"],
            "tokens_per_second": progress.tokens / seconds,
            "seconds": progress.seconds,
            "flops": progress.flops,
            "peak_flops": peak,
            "utilisation": progress.flops / seconds / peak,
            "micro_tokens": self.stepper.budget,
            "halved": self.stepper.halved,
            "processes": self.group.size,
            "losses": progress.losses,
            "policy": recipe.policy,
            "selection": self._selection(),
            "leak": recipe.policy == "target_dev",
            "stopped_early": self._enough() and progress.step < self.steps,
            "shrink": progress.kept_shrink / count if self.kept else progress.shrink,
            "dev": progress.dev,
            "dev_final": final,
            "device": str(self.device),
            "gpu_peak_mib": torch.cuda.max_memory_allocated(self.device) / 2**20 if self.device.type == "cuda" else None,
            "note": self.note,
        }

    def _selection(self) -> str:
        match self.recipe.policy:
            case "avg_last_k":
                return f"the mean of the weights at steps {sorted(self.averaged)}"
            case "last":
                return "the weights of the last step"
            case policy if self.kept:
                where = "English dev" if policy == "en_dev" else "dev data of the target languages (a leak: an upper bound)"
                return f"the weights of step {self.progress.best_step}, best on {where}"
        return "no dev data: the last step"


def evaluate_dev(model: Model, members: Sequence[MixtureTask]) -> dict[str, float]:
    """Headline score of each member that has dev examples (the mean over its languages), and their unweighted mean (jiant's
    EqualMetricAggregator)."""
    scores = {
        m.task: float(np.mean([evaluate_task(model, m.task, m.codec, examples, m.metric) for examples in m.dev.values()]))
        for m in members
        if m.dev and m.metric is not None
    }
    return {**scores, "mean": float(np.mean(list(scores.values()))) if scores else 0.0}
