"""The training loop: one for every phase.

    start from an artefact -> train on a mixture -> save

What makes a run repeatable and resumable bit for bit on a CPU: which task and which rows a step sees is a function of
(seed, step); all randomness inside a step (dropout, masks) is drawn from a generator seeded by (seed, step); and the
checkpoint holds weights, optimizer, averages and step. When it was written does not matter.

A step's batch is sorted by length and computed in micro-batches of a few thousand tokens: little padding, bounded
memory, and the recipe's batch and normalisation (the sum of losses over the sum of terms of the *whole* batch).
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

from xstilts.data.example import Example
from xstilts.metrics.metric import Metric
from xstilts.model.formats.coder import Coder, Feature
from xstilts.model.model import Model
from xstilts.recipe.mixture import batch_indices, schedule
from xstilts.recipe.recipe import Recipe
from xstilts.train.checkpoint import load_state, save_state
from xstilts.train.evaluate import dev_score, precision

MICRO_TOKENS = 2048
CHECKPOINT_SECONDS = float(os.environ.get("XSTILTS_CHECKPOINT_SECONDS", "20"))


class NotFinite(Exception):
    """The loss of a step is not a finite number."""

    def __init__(self, step: int, loss: float):
        super().__init__(f"the loss became {loss} at step {step}; lower the learning rate or lengthen the warm-up")


@dataclass
class Member:
    """One task of the mixture: its coder, its training features, and its English dev examples (may be empty)."""

    task: str
    coder: Coder
    features: Sequence[Feature]
    dev: Sequence[Example] = ()
    metric: Metric | None = None


@dataclass
class Progress:
    """What the loop has seen so far; saved in checkpoints and, at the end, in `train.json`."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    dev: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0
    best_step: int = 0


def total_steps(sizes: Sequence[int], cap: int, recipe: Recipe) -> int:
    """Recipe.steps, or the steps of `epochs` passes over min(size, cap) features of each task (jiant's max_steps)."""
    if recipe.steps is not None:
        return recipe.steps
    return max(1, math.ceil(recipe.epochs * sum(math.ceil(min(n, cap) / recipe.batch) for n in sizes)))


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


def micro_batches(features: Sequence[Feature], tokens: int = MICRO_TOKENS) -> list[list[int]]:
    """Indices of the features, shortest first, in groups of at most `tokens` padded tokens (at least one feature each)."""
    order = sorted(range(len(features)), key=lambda i: features[i].longest)
    groups: list[list[int]] = []
    rows = 0
    for i in order:
        width = features[i].longest
        if groups and (rows + len(features[i].rows)) * width <= tokens:
            groups[-1].append(i)
            rows += len(features[i].rows)
        else:
            groups.append([i])
            rows = len(features[i].rows)
    return groups


def optimizer_of(model: Model, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with no weight decay on biases and layer norms."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, recipe.adam_beta2), eps=recipe.adam_epsilon, fused=True)


def train(
    model: Model,
    members: Sequence[Member],
    cap: int,
    recipe: Recipe,
    seed: int,
    checkpoint: Path,
    tick: Callable[[dict[str, Any]], None],
    should_stop: Callable[[], bool],
) -> dict[str, Any] | None:
    """Train `model` in place and leave the policy's weights in it. Gives the record for `train.json`; None if it was
    asked to stop (the state is then in `checkpoint`). Raises NotFinite."""
    device = next(model.parameters()).device
    sizes = [len(m.features) for m in members]
    steps = total_steps(sizes, cap, recipe)
    picks = schedule(sizes, cap, steps, seed)
    marks = evaluation_steps(steps, recipe.evaluations)
    averaged = set(marks[-recipe.average :])
    optimizer = optimizer_of(model, recipe)
    kept: dict[str, torch.Tensor] = {}  # the policy's weights: a running sum (avg_last_k) or the best so far (en_dev)
    progress = load_state(checkpoint, model, optimizer, kept, Progress)
    visits = np.bincount(picks[: progress.step], minlength=len(members))
    clock, saved = time.monotonic(), time.monotonic()
    recent: list[float] = []

    while progress.step < steps:
        step = progress.step
        member = members[picks[step]]
        rows = batch_indices(len(member.features), recipe.batch, int(visits[picks[step]]), seed, int(picks[step]))
        visits[picks[step]] += 1
        loss, tokens = train_step(model, member, [member.features[i] for i in rows], optimizer, recipe, seed, step, steps)
        if not math.isfinite(loss):
            raise NotFinite(step + 1, loss)
        recent.append(loss)
        progress.tokens += tokens
        progress.step = step + 1
        if progress.step in marks:
            progress.losses.append((progress.step, float(np.mean(recent))))
            recent = []
            if recipe.policy == "avg_last_k" and progress.step in averaged:
                for name, value in model.state_dict().items():
                    kept[name] = kept[name] + value if name in kept else value.clone()
            if recipe.policy == "en_dev":
                scores = dev_scores(model, members, recipe)
                progress.dev.append({"step": progress.step, **scores})
                if scores["mean"] > progress.best:
                    progress.best, progress.best_step = scores["mean"], progress.step
                    kept.update({name: value.clone() for name, value in model.state_dict().items()})
        now = time.monotonic()
        progress.seconds += now - clock
        clock = now
        if step % 10 == 0 or progress.step == steps:
            speed = progress.tokens / max(progress.seconds, 1e-9)
            tick({"step": progress.step, "steps": steps, "loss": loss, "tokens_per_second": speed})
        stop = should_stop()
        if stop or now - saved > CHECKPOINT_SECONDS:
            save_state(checkpoint, model, optimizer, kept, progress)
            saved = clock = time.monotonic()
            progress.seconds += saved - now
        if stop:
            return None

    if recipe.policy == "avg_last_k":
        model.load_state_dict({name: value / len(averaged) for name, value in kept.items()})
    elif recipe.policy == "en_dev" and kept:
        model.load_state_dict(kept)
    final = dev_scores(model, members, recipe)
    return {
        "steps": steps,
        "features": {m.task: n for m, n in zip(members, sizes, strict=True)},
        "draws": {m.task: int(v) for m, v in zip(members, visits, strict=True)},
        "tokens": progress.tokens,
        "train_seconds": progress.seconds,
        "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
        "losses": progress.losses,
        "policy": recipe.policy,
        "selection": {
            "last": "the weights of the last step",
            "avg_last_k": f"the mean of the weights at steps {sorted(averaged)}",
            "en_dev": f"the weights of step {progress.best_step}, best on English dev" if kept else "no dev data: the last step",
        }[recipe.policy],
        "dev": progress.dev,
        "dev_final": final,
        "device": str(device),
    }


def train_step(
    model: Model,
    member: Member,
    features: Sequence[Feature],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    seed: int,
    step: int,
    steps: int,
) -> tuple[float, int]:
    """One optimizer step on one batch: (mean loss, real tokens)."""
    model.train()
    rng = np.random.default_rng([seed, 0x57E9, step])
    torch.manual_seed(int(rng.integers(2**62)))
    device = next(model.parameters()).device
    batches = []
    whole = [list(range(len(features)))]
    for group in whole if member.coder.whole_batch else micro_batches(features):
        chosen = [features[i] for i in group]
        batch = member.coder.collate(chosen)
        member.coder.targets(chosen, batch, rng)
        batches.append(batch)
    weight = sum(member.coder.weight(batch) for batch in batches)
    total = 0.0
    optimizer.zero_grad(set_to_none=True)
    head = model.head(member.task)
    for batch in batches:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        with precision(recipe, device):
            loss = member.coder.loss(head, model.hidden(batch), batch) / max(weight, 1)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    for parameters in optimizer.param_groups:
        parameters["lr"] = learning_rate(step, steps, recipe)
    optimizer.step()
    return total, sum(feature.tokens for feature in features)


def dev_scores(model: Model, members: Sequence[Member], recipe: Recipe) -> dict[str, float]:
    """Headline score of each member that has dev examples, and their unweighted mean (jiant's EqualMetricAggregator)."""
    scores: Mapping[str, float] = {
        m.task: dev_score(model, m.task, m.coder, m.dev, m.metric) for m in members if m.dev and m.metric is not None
    }
    return {**scores, "mean": float(np.mean(list(scores.values()))) if scores else 0.0}
