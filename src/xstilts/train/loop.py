"""The training loop, the same for every phase.

    start from an artefact -> train on a mixture -> save

On a CPU a run can be repeated and resumed bit for bit. Which task and which rows a step sees is a function of (seed, step). All
randomness inside a step (dropout, masks) comes from generators seeded by (seed, step). The checkpoint holds weights, optimizer,
averages and step, so it does not matter when it was written.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xstilts.formats.format import Example
from xstilts.metrics.metric import Metric
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.model import Model
from xstilts.model.sampled_rows import SampledRows
from xstilts.recipe.mixture import DataOrder, MixtureRule, compute_shares, schedule, total_steps
from xstilts.recipe.recipe import SELECTING, Recipe
from xstilts.recipe.robust import check_robust
from xstilts.train.checkpoint import load_state, save_state
from xstilts.train.ddp import Group, LostProcess
from xstilts.train.evaluate import evaluate_task
from xstilts.train.flops import measure_peak_flops
from xstilts.train.step import Stepper, choose_micro_tokens, make_optimizer

CHECKPOINT_SECONDS = float(os.environ.get("XSTILTS_CHECKPOINT_SECONDS", "20"))
CONTINUE, INTERRUPT, STOP_EARLY = range(3)
# Inside a step or an evaluation that takes longer than this, what is done of it is reported.
TELL_SECONDS = 1.0


class Stopped(Exception):
    """The training was asked to stop inside a step or an evaluation; nothing of it was kept."""


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
    """One task of a mixture: its codec, its training features and its dev examples by language (may be empty). The features of
    its languages follow each other; `groups` says how many each language has (empty: there is one language). `id_of` gives the
    id of the example from which a feature was made. `sampled`: the same rows, drawn anew at each visit."""

    name: str
    codec: Codec
    features: Sequence[Feature]
    dev: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    metric: Metric | None = None
    groups: tuple[int, ...] = ()
    id_of: Callable[[int], str] = str
    sampled: SampledRows | None = None

    def visit(self, row: int, seed: int, step: int) -> Feature:
        """The feature of a row at this step."""
        return self.features[row] if self.sampled is None else self.sampled.draw(row, seed, 0x5E6, step, row)

    def mean_tokens(self, seed: int) -> float:
        """The mean number of real tokens of a visit, over at most 10,000 evenly spaced rows."""
        places = np.linspace(0, len(self.features) - 1, min(len(self.features), 10_000)).astype(int)
        return float(np.mean([self.visit(int(i), seed, 0).tokens for i in places]))


@dataclass
class PhaseSpec:
    """What a phase is besides its recipe: the mixture's rule, the seed, how many real tokens it trains on beyond its own steps
    (the compute-matched control; a token of a robust training counts as often as it has `passes`), and its identity, by which a
    checkpoint is recognised."""

    rule: MixtureRule
    seed: int
    matched_tokens: int = 0
    identity: str = ""


@dataclass
class TrainingState:
    """The state of the loop, saved in checkpoints. `decay`: the factor by which weight decay has changed weights that get no
    gradient. `selected_decay`: the same for the weights that the policy selected, summed where it averages. `stale`:
    evaluations since the best one."""

    step: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0, "checkpoint": 0.0})
    losses: list[tuple[int, float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    dev: list[dict[str, Any]] = field(default_factory=list)
    best: float = -math.inf
    best_step: int = 0
    stale: int = 0
    decay: float = 1.0
    selected_decay: float = 0.0
    budget: int = 0
    halved: int = 0


def evaluation_steps(steps: int, evaluations: int) -> list[int]:
    """The evenly spaced steps at which weights are evaluated or averaged. The last one is the last step."""
    count = min(evaluations, steps)
    return [round(steps * (i + 1) / count) for i in range(count)]


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up to `lr`, then linear decay to 0. `step` counts from 0."""
    warm = round(steps * recipe.warmup)
    if step < warm:
        return recipe.lr * (step + 1) / warm
    return recipe.lr * (steps - step) / max(1, steps - warm)


class Training:
    """One run of the loop. `Training(...).run()` trains `model` in place and leaves the weights that the policy selects in
    it."""

    def __init__(
        self,
        model: Model,
        tasks: Sequence[MixtureTask],
        recipe: Recipe,
        spec: PhaseSpec,
        checkpoint: Path,
        on_progress: Callable[[dict[str, Any]], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        group: Group | None = None,
    ):
        for task in tasks:
            check_robust(recipe.robust, task.codec.spec.name)
        self.model, self.tasks, self.recipe, self.spec = model, tasks, recipe, spec
        self.checkpoint, self.on_progress, self.should_stop = checkpoint, on_progress, should_stop
        self.group = group or Group()
        self.device = next(model.parameters()).device
        self.sizes = [len(task.features) for task in tasks]
        self.shares = compute_shares([task.name for task in tasks], self.sizes, spec.rule)
        own = total_steps(self.sizes, spec.rule.cap, recipe)
        self.matched_steps = 0
        if spec.matched_tokens:
            means = [task.mean_tokens(spec.seed) for task in tasks]
            tokens = recipe.batch * float(np.dot(self.shares, means))
            self.matched_steps = round(spec.matched_tokens / (tokens * recipe.passes))
        self.steps = own + self.matched_steps
        self.evaluation_steps = evaluation_steps(self.steps, recipe.evaluations)
        self.averaged_steps = set(self.evaluation_steps[-recipe.average :])
        self.optimizer = make_optimizer(model, recipe)
        self.selected: dict[str, Tensor] = {}  # the policy's weights: a running sum (avg_last_k) or the best so far
        self.state, self.note = load_state(checkpoint, spec.identity, model, self.optimizer, self.selected, TrainingState)
        if self.group.broadcast(self.state.step) != self.state.step:
            raise LostProcess("another attempt wrote a checkpoint while this group read it")
        budget = self.state.budget or choose_micro_tokens(self.device)
        self.stepper = Stepper(model, self.optimizer, recipe, spec.seed, self.group, budget, self.state.halved)
        self.stepper.on_rows = self._look_inside_step
        self._clock = self._told = time.monotonic()
        self._report: dict[str, Any] = {"step": self.state.step, "steps": self.steps, "saved": self.state.step}

    def run(self) -> dict[str, Any] | None:
        """Give the record for `train.json`. It is None if the training was asked to stop (its state is then in `checkpoint`),
        and in every process of a group except the first. Raises NotFinite, LostProcess, and InputError if nothing fits into
        memory."""
        state, first = self.state, self.group.rank == 0
        peak = measure_peak_flops(self.device, self.recipe.precision) * self.group.size if first else math.inf
        picks = schedule(self.shares, self.steps, self.spec.seed)
        visits = np.bincount(picks[: state.step], minlength=len(self.tasks))
        orders = [
            DataOrder(task.groups or (len(task.features),), self.recipe.batch, self.spec.seed, i, self.spec.rule.smoothing)
            for i, task in enumerate(self.tasks)
        ]
        self._clock = saved = time.monotonic()
        if first:
            self._tell()
        decision = self.group.broadcast(self._conclude_step() if first else CONTINUE)
        while state.step < self.steps and decision == CONTINUE:
            pick = int(picks[state.step])
            try:
                loss = self._step(self.tasks[pick], orders[pick].rows(int(visits[pick])))
            except Stopped:
                decision = INTERRUPT
                break
            visits[pick] += 1
            self._add_time("train")
            if first:
                self._report |= {"step": state.step, "loss": loss, **self._rates(peak)}
                self._tell()
                decision = self._conclude_step()
                if decision != INTERRUPT and time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save_checkpoint()
                    saved = time.monotonic()
            decision = self.group.broadcast(decision)
        if first and decision == INTERRUPT:
            self._save_checkpoint()
        return self._finish(visits, peak) if first and decision != INTERRUPT else None

    def _step(self, task: MixtureTask, rows: Any) -> float:
        state = self.state
        features = [task.visit(int(i), self.spec.seed, state.step) for i in rows]
        lr = learning_rate(state.step, self.steps, self.recipe)
        loss = self.stepper.step(task.name, task.codec, features, state.step, lr)
        state.step += 1
        if not math.isfinite(loss):
            ids = [task.id_of(int(row)) for row in rows]
            raise NotFinite(state.step, loss, task.name, list(dict.fromkeys(ids)))
        state.recent.append(loss)
        state.decay *= 1 - lr * self.recipe.weight_decay
        state.tokens += sum(feature.tokens for feature in features)
        state.flops += self.stepper.flops
        state.budget, state.halved = self.stepper.budget, self.stepper.halved
        return loss

    def _conclude_step(self) -> int:
        """Evaluate if the step asks for it and it was not done yet (a checkpoint may have been written before); then whether to
        go on."""
        state = self.state
        if state.step in self.evaluation_steps and (not state.losses or state.losses[-1][0] < state.step):
            try:
                self._evaluate()
            except Stopped:
                return INTERRUPT
            self._add_time("evaluate")
        return INTERRUPT if self.should_stop() else STOP_EARLY if self._is_out_of_patience() else CONTINUE

    def _tell(self, **inside: Any) -> None:
        """Report where the training stands, and what is done `inside` a step or an evaluation."""
        self._told = time.monotonic()
        self.on_progress({**self._report, **inside})

    def _tell_if_long(self, **inside: Any) -> None:
        if self.group.rank == 0 and time.monotonic() - self._told > TELL_SECONDS:
            self._tell(**inside)

    def _look_inside_step(self, done: int, of: int) -> None:
        """Between micro-batches. A process of a group cannot give a step up: the others wait for its part."""
        if self.group.size == 1 and self.should_stop():
            raise Stopped
        self._tell_if_long(doing="rows", done=done, of=of)

    def _score_dev(self, may_stop: bool) -> dict[str, float]:
        def look(task: str, language: str, of: int, done: int) -> None:
            if may_stop and self.should_stop():
                raise Stopped
            self._tell_if_long(doing=f"evaluating {task} {language}", done=done, of=of)

        return evaluate_dev(self.model, self.tasks, look)

    def _evaluate(self) -> None:
        """At one of the evaluation steps: note the mean loss, and average or select weights as the policy says. Raises Stopped
        before anything has changed."""
        state, policy = self.state, self.recipe.policy
        selects = policy in SELECTING and any(task.dev and task.metric for task in self.tasks)
        scores = self._score_dev(may_stop=True) if selects else {}
        state.losses.append((state.step, float(np.mean(state.recent))))
        state.recent = []
        if policy == "avg_last_k" and state.step in self.averaged_steps:
            for name, value in self._trained_weights():
                self.selected[name] = self.selected[name] + value if name in self.selected else value.clone()
            state.selected_decay += state.decay
        if selects:
            state.dev.append({"step": state.step, **scores})
            state.stale += 1
            if scores["mean"] > state.best:
                state.best, state.best_step, state.stale = scores["mean"], state.step, 0
                self.selected.update({name: value.clone() for name, value in self._trained_weights()})
                state.selected_decay = state.decay

    def _is_out_of_patience(self) -> bool:
        return self.recipe.patience is not None and self.state.stale >= self.recipe.patience

    def _trained_weights(self) -> list[tuple[str, Tensor]]:
        return [(name, p.detach()) for name, p in self.model.named_parameters() if p.requires_grad]

    def _add_time(self, activity: str) -> None:
        now = time.monotonic()
        self.state.seconds[activity] += now - self._clock
        self._clock = now

    def _rates(self, peak: float) -> dict[str, float | None]:
        """No utilisation where the work went faster than the peak: that was then measured while others used the machine."""
        seconds = max(self.state.seconds["train"], 1e-9)
        share = self.state.flops / seconds / peak
        return {"tokens_per_second": self.state.tokens / seconds, "utilisation": share if share <= 1 else None}

    def _save_checkpoint(self) -> None:
        save_state(self.checkpoint, self.spec.identity, self.model, self.optimizer, self.selected, self.state)
        self._report["saved"] = self.state.step
        self._add_time("checkpoint")

    def _finish(self, visits: Any, peak: float) -> dict[str, Any]:
        state, recipe = self.state, self.recipe
        count = len(self.averaged_steps) if recipe.policy == "avg_last_k" else 1
        if self.selected:
            with torch.no_grad():
                for name, p in self.model.named_parameters():
                    if name in self.selected:
                        p.copy_(self.selected[name] / count)
        final = self._score_dev(may_stop=False)
        self._add_time("evaluate")
        rates = self._rates(peak)
        return {
            "steps": state.step,
            "matched_steps": self.matched_steps,
            "features": {task.name: size for task, size in zip(self.tasks, self.sizes, strict=True)},
            "draws": {task.name: int(count) for task, count in zip(self.tasks, visits, strict=True)},
            "tokens": state.tokens,
            **({} if recipe.robust is None else {"passes": recipe.passes}),
            "train_seconds": state.seconds["train"],
            "seconds": state.seconds,
            "flops": state.flops,
            "peak_flops": peak if rates["utilisation"] is not None else None,
            **rates,
            "micro_tokens": self.stepper.budget,
            "halved": self.stepper.halved,
            "recorded": {"steps": self.stepper.recorder.steps, "off": self.stepper.recorder.off},
            "processes": self.group.size,
            "losses": state.losses,
            "policy": recipe.policy,
            "selection": self._selection(),
            "leak": recipe.policy == "target_dev",
            "stopped_early": self._is_out_of_patience() and state.step < self.steps,
            "shrink": state.selected_decay / count if self.selected else state.decay,
            "dev": state.dev,
            "dev_final": final,
            "device": str(self.device),
            "gpu_peak_mib": torch.cuda.max_memory_allocated(self.device) / 2**20 if self.device.type == "cuda" else None,
            "note": self.note,
        }

    def _selection(self) -> str:
        match self.recipe.policy:
            case "avg_last_k":
                return f"the mean of the weights at steps {sorted(self.averaged_steps)}"
            case "last":
                return "the weights of the last step"
            case policy if self.selected:
                where = "English dev" if policy == "en_dev" else "dev data of the target languages (a leak: an upper bound)"
                return f"the weights of step {self.state.best_step}, best on {where}"
        return "no dev data: the last step"


def evaluate_dev(
    model: Model, tasks: Sequence[MixtureTask], on_batch: Callable[[str, str, int, int], None] = lambda *_: None
) -> dict[str, float]:
    """The headline score of each task that has dev examples (the mean over its languages), and their unweighted mean (jiant's
    EqualMetricAggregator). `on_batch` is called with task, language, the number of its examples, and how many of
    them are done."""
    scores = {}
    for task in tasks:
        if task.dev and task.metric is not None:
            found = []
            for language, part in task.dev.items():
                tell = partial(on_batch, task.name, language, len(part))
                found.append(evaluate_task(model, task.name, task.codec, part, task.metric, on_batch=tell))
            scores[task.name] = float(np.mean(found))
    return {**scores, "mean": float(np.mean(list(scores.values()))) if scores else 0.0}
