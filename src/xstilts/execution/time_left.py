"""How long a run still takes: what is open, measured by its work, at the rate of what was timed.

The work of a training, a prediction or an embedding is its tokens times the encoder's weights, so a deeper encoder, longer texts
and more steps count for what they are. Tokens follow from the size of the data that were read. Other stages take as long as
others of their kind. The error follows from how far the timed stages were from the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xstilts.plan.compile import Plan
from xstilts.plan.cost.sizes import Unknown, weights_of
from xstilts.recipe.mixture import compute_shares, total_steps
from xstilts.stages.stage import KINDS, EmbedStage, PredictStage, Stage, TrainStage
from xstilts.tasks.registry import find_task

USUAL_SPREAD = 0.4  # of the logarithm of seconds over expected seconds, until it is seen
LEAST_ERROR = 0.25  # as found with bench/time_left.py: machines do other work too
NORMAL_80 = 1.28


@dataclass(frozen=True)
class TimeLeft:
    """Seconds, and the least and the most of them with a chance of about 80 %."""

    seconds: float
    least: float
    most: float


def measure_work(plan: Plan, texts: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Weights x tokens of each training, prediction and embedding, by key; a training's count six times, for its backward pass,
    its optimizer and its evaluations. `texts`: the (examples, bytes) of the data that were read, by key. Stages
    whose data are not read yet are left out."""
    weights = dict[str, float]()
    for stage in plan.stages:
        if isinstance(stage, TrainStage | PredictStage | EmbedStage):
            try:
                weights[stage.key] = weights_of(
                    stage.inputs.model if isinstance(stage, PredictStage | EmbedStage) else stage
                ).body
            except Unknown:  # of one encoder, as of the embedded world's: then tokens alone count
                weights = dict.fromkeys((stage.key for stage in plan.stages), 1.0)
                break
    found = dict[str, float]()
    for stage in plan.stages:
        match stage:
            case TrainStage():
                tokens = _training_tokens(stage, texts)
                passes = 6
            case PredictStage() | EmbedStage():
                read = [texts[one.key] for one in stage.inputs.test.values() if one.key in texts]
                tokens = sum(size for _, size in read) / _bytes_a_token(stage.config.task)
                passes = 1
            case _:
                continue
        if tokens:
            found[stage.key] = passes * weights[stage.key] * tokens
    return found


def _bytes_a_token(task: str) -> int:
    """Of an example as it is kept, with its id and the names of its fields, and a tag for each word."""
    return 13 if find_task(task).format.name == "tag" else 5


def _training_tokens(stage: TrainStage, texts: Mapping[str, tuple[int, int]]) -> float:
    """Of all steps, padding left out; 0 if nothing is known of the data. Of a mixture its tasks' mean."""
    recipe, rows, lengths = stage.config.recipe, list[float](), list[float]()
    for name, by_language in stage.inputs.train.items():
        read = [texts[one.key] for one in by_language.values() if one.key in texts]
        examples, size = sum(count for count, _ in read), sum(size for _, size in read)
        if not examples:
            return 0.0
        rows.append(examples)
        lengths.append(find_task(name).format.row_tokens(size / examples / _bytes_a_token(name), 1, recipe.max_length))
    shares = compute_shares(list(stage.inputs.train), [round(n) for n in rows], stage.config.mixture)
    a_row = float(sum(share * tokens for share, tokens in zip(shares, lengths, strict=True)))
    return total_steps(rows, stage.config.mixture.cap, recipe) * recipe.batch * a_row


def expect_seconds(stages: Iterable[Stage], timed: Mapping[str, float], work: Mapping[str, float]) -> dict[str, float]:
    """Seconds that each stage will probably take, from those that were timed: by work at the rate of its label, else of its task
    format, else of its kind, else of trainings; without known work the mean of these; else a usual value."""
    stages = list(stages)
    seconds, amount, count = dict[str, float](), dict[str, float](), dict[str, int]()
    for stage in stages:
        if stage.key in timed:
            for group in _groups(stage):
                seconds[group] = seconds.get(group, 0.0) + timed[stage.key]
                amount[group] = amount.get(group, 0.0) + work.get(stage.key, 0.0)
                count[group] = count.get(group, 0) + 1
    found = {}
    for stage in stages:
        groups = (*_groups(stage), *(("train", "train as mlm") if stage.key in work else ()))
        like = next((name for name in groups if name in seconds), None)
        if like is None:
            found[stage.key] = KINDS[stage.kind].usual_seconds
        elif stage.key in work and amount[like]:
            found[stage.key] = work[stage.key] * seconds[like] / amount[like]
        else:
            found[stage.key] = seconds[like] / count[like]
    return found


def _groups(stage: Stage) -> tuple[str, ...]:
    """What a stage is like, from the nearest to the furthest. Pre-training is like no other training."""
    if not isinstance(stage, TrainStage):
        return (stage.label, stage.kind)
    form = f"{stage.kind} as {stage.config.tasks[0].format.name}"
    return (stage.label, form) if form == "train as mlm" else (stage.label, form, stage.kind)


def relative_error(timed: Mapping[str, float], expected: Mapping[str, float], still: int) -> float:
    """The standard error of the logarithm of the time left: of the rate, known from `timed`, and of the `still` open stages."""
    logs = [math.log(timed[key] / expected[key]) for key in timed if timed[key] > 0 and expected.get(key, 0) > 0]
    mean = sum(logs) / len(logs) if logs else 0.0
    prior = 3  # the usual spread counts as much as so many stages
    spread = math.sqrt((prior * USUAL_SPREAD**2 + sum((x - mean) ** 2 for x in logs)) / (prior + len(logs)))
    return max(LEAST_ERROR, spread * math.sqrt(1 / max(len(logs), 1) + 1 / max(still, 1)))


def with_error(seconds: float, error: float) -> TimeLeft:
    """The range that holds with a chance of about 80 %, `error` being that of the logarithm."""
    factor = math.exp(NORMAL_80 * error)
    return TimeLeft(seconds, seconds / factor, seconds * factor)
