"""How long a run still takes: what is open, measured by its work, at the rate of what was timed.

The work of a training, a prediction or an embedding is its tokens times the encoder's weights, so a deeper encoder and longer
texts count for what they are; tokens follow from the size of the data that were read. A step takes its time besides, which is
nearly all there is with a small encoder. Both costs are fitted to what was timed. Other stages take as long as others of their
kind. The error follows from how far the timed stages were from the same rule, and from how much is of a kind not seen yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xstilts.plan.cell import trace
from xstilts.plan.compile import Plan
from xstilts.plan.cost.estimate import STAGE_SECONDS
from xstilts.plan.cost.sizes import Unknown, weights, weights_of
from xstilts.recipe.mixture import compute_shares, total_steps
from xstilts.stages.contracts import WorldSource
from xstilts.stages.stage import KINDS, Checkpoint, EmbedStage, PredictStage, Stage, TrainStage
from xstilts.tasks.registry import find_task

USUAL_SPREAD = 0.4  # of the logarithm of seconds over expected seconds, until it is seen
# Found with bench/time_left.py. The first two hardly matter there between 0.05 and 0.5, and between 0.5 and 1.5.
PRIOR = 0.2  # trainings that halves of the time for steps and for work count as
UNSEEN = 0.5  # the standard error of a label of which nothing was timed
LEAST_ERROR = 0.25  # machines do other work too
NORMAL_80 = 1.28
_MEASURED = TrainStage | PredictStage | EmbedStage


@dataclass(frozen=True)
class TimeLeft:
    """Seconds, and the least and the most of them with a chance of about 80 %."""

    seconds: float
    least: float
    most: float


@dataclass(frozen=True)
class Work:
    """Of a training, a prediction or an embedding: its weights x tokens, those of a training three times for its backward pass;
    and the `steps` of a training, since each takes its time however small it is."""

    amount: float
    steps: float = 0.0


def measure_work(plan: Plan, texts: Mapping[str, tuple[int, int]]) -> dict[str, Work]:
    """By key. `texts`: the (examples, bytes) of the data that were read, by key. Stages whose data are not read yet are left
    out."""
    models = {s.key: s if isinstance(s, TrainStage) else s.inputs.model for s in plan.stages if isinstance(s, _MEASURED)}
    try:
        sizes = {key: _count_weights(model) for key, model in models.items()}
    except Unknown:  # of one encoder: then tokens alone count
        sizes = dict.fromkeys(models, 1.0)
    found, trained = dict[str, Work](), dict[str, float]()
    for stage in plan.stages:
        match stage:
            case TrainStage():
                steps, a_step = _measure_steps(stage, texts)
                if steps * a_step:
                    steps += sum(trained.get(one.key, 0.0) for one in stage.inputs.match.values()) / a_step
                    trained[stage.key] = steps * a_step
                    found[stage.key] = Work(3 * sizes[stage.key] * steps * a_step, steps)
            case PredictStage() | EmbedStage():
                read = [texts[one.key] for one in stage.inputs.test.values() if one.key in texts]
                tokens = sum(size for _, size in read) / _bytes_a_token(stage.config.task)
                if tokens:
                    found[stage.key] = Work(sizes[stage.key] * tokens)
            case _:
                continue
    return found


def _count_weights(model: Stage) -> float:
    """Without embeddings, also of an encoder of the embedded world. Raises Unknown."""
    assert isinstance(model, Checkpoint)
    match trace(model)[0].config.source:
        case WorldSource(architecture=shape):
            return weights(shape.hidden, shape.layers, shape.feed_forward, vocabulary=0).body
    return weights_of(model).body


def _bytes_a_token(task: str) -> int:
    """Of an example as it is kept, with its id and the names of its fields, and a tag for each word."""
    return 13 if find_task(task).format.name == "tag" else 5


def _measure_steps(stage: TrainStage, texts: Mapping[str, tuple[int, int]]) -> tuple[float, float]:
    """Steps, and tokens of a step without padding, of a mixture its tasks' mean; zeros if nothing is known of the data."""
    recipe, rows, lengths = stage.config.recipe, list[float](), list[float]()
    for name, by_language in stage.inputs.train.items():
        read = [texts[one.key] for one in by_language.values() if one.key in texts]
        examples, size = sum(count for count, _ in read), sum(size for _, size in read)
        if not examples:
            return 0.0, 0.0
        rows.append(examples)
        lengths.append(find_task(name).format.row_tokens(size / examples / _bytes_a_token(name), 1, recipe.max_length))
    shares = compute_shares(list(stage.inputs.train), [round(n) for n in rows], stage.config.mixture)
    a_row = float(sum(share * tokens for share, tokens in zip(shares, lengths, strict=True)))
    return total_steps(rows, stage.config.mixture.cap, recipe), recipe.batch * a_row


def expect_seconds(
    stages: Iterable[Stage], timed: Mapping[str, float], work: Mapping[str, Work], guessed: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Seconds that each stage will probably take, from those that were timed. A stage of known work takes what `fit_costs` says,
    times the ratio at which timed stages of its label, else of its kind, were off that. Another takes the mean of these, else
    what is `guessed`, else a usual value."""
    stages = list(stages)
    a_step, a_unit = fit_costs(timed, work)
    said = {key: STAGE_SECONDS + a_step * one.steps + a_unit * one.amount for key, one in work.items()} if a_step + a_unit else {}
    sums = dict[tuple[str, bool], list[float]]()
    for stage in stages:
        if stage.key in timed:
            for group in (stage.label, stage.kind):
                row = sums.setdefault((group, stage.key in said), [0.0, 0.0])
                row[0] += timed[stage.key]
                row[1] += said.get(stage.key, 1.0)
    found = {}
    for stage in stages:
        known = stage.key in said
        if like := sums.get((stage.label, known)) or sums.get((stage.kind, known)):
            found[stage.key] = said.get(stage.key, 1.0) * like[0] / like[1]
        else:
            found[stage.key] = said.get(stage.key) or (guessed or {}).get(stage.key, KINDS[stage.kind].usual_seconds)
    return found


def fit_costs(timed: Mapping[str, float], work: Mapping[str, Work]) -> tuple[float, float]:
    """The seconds of a step, and of a unit of work: fitted to the trainings that were timed, by least squares of relative errors.
    As long as these cannot tell the two apart, each takes half of the time. Zeros if none was timed."""
    rows = [
        (work[key].steps / seconds, work[key].amount / seconds)
        for key, seconds in timed.items()
        if seconds > 0 and key in work and work[key].steps
    ]
    if not rows:
        return 0.0, 0.0
    half = [0.5 * len(rows) / sum(row[i] for row in rows) for i in (0, 1)]
    x, y = ([half[i] * row[i] for row in rows] for i in (0, 1))
    xx, xy, yy = (PRIOR + sum(a * a for a in x)), sum(a * b for a, b in zip(x, y, strict=True)), PRIOR + sum(b * b for b in y)
    to_x, to_y = PRIOR + sum(x), PRIOR + sum(y)
    a, b = (to_x * yy - to_y * xy) / (xx * yy - xy * xy), (to_y * xx - to_x * xy) / (xx * yy - xy * xy)
    if a < 0:
        a, b = 0.0, to_y / yy
    elif b < 0:
        a, b = to_x / xx, 0.0
    return a * half[0], b * half[1]


def relative_error(timed: Mapping[str, float], expected: Mapping[str, float], still: int, unseen: float = 0.0) -> float:
    """The standard error of the logarithm of the time left: of the rate, known from `timed`, of the `still` open stages, and of
    the share of their time that is `unseen`: of labels of which nothing was timed."""
    logs = [math.log(timed[key] / expected[key]) for key in timed if timed[key] > 0 and expected.get(key, 0) > 0]
    mean = sum(logs) / len(logs) if logs else 0.0
    prior = 3  # the usual spread counts as much as so many stages
    spread = math.sqrt((prior * USUAL_SPREAD**2 + sum((x - mean) ** 2 for x in logs)) / (prior + len(logs)))
    known = max(LEAST_ERROR, spread * math.sqrt(1 / max(len(logs), 1) + 1 / max(still, 1)))
    return math.hypot(known, unseen * UNSEEN)


def with_error(seconds: float, error: float) -> TimeLeft:
    """The range that holds with a chance of about 80 %, `error` being that of the logarithm."""
    factor = math.exp(NORMAL_80 * error)
    return TimeLeft(seconds, seconds / factor, seconds * factor)
