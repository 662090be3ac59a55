"""What a plan costs before any of it has run: tokens, FLOPs, hours on a card, bytes on disk.

Tokens are catalogued counts times typical lengths. FLOPs are 6 x weights x tokens for a training and 2 x for a prediction, the
weights without embeddings; what attention adds (length / (6 x hidden): 6 % at 384 tokens and 1,024 hidden units), heads, and the
softmax of masked language modelling are left out. A robust training takes as many times that as it has passes; that
sampled segmentation and code-mixing make more tokens is left out. Hours follow from a rate that is an assumption and is printed
as one. What nobody has counted (CCGbank, BUCC, text of the user's own) is named and left out, never guessed.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, assert_never

from xstilts.plan.compile import Plan
from xstilts.plan.cost.sizes import TALLY_BYTES, Unknown, examples, known_examples, length, weights_of
from xstilts.recipe.mixture import compute_shares, total_steps
from xstilts.recipe.recipe import SELECTING
from xstilts.stages.stage import (
    KINDS,
    AttackStage,
    EmbedStage,
    EncoderStage,
    FetchStage,
    MineStage,
    PredictStage,
    ScoreStage,
    SeeStage,
    Stage,
    TokenizerStage,
    TrainStage,
)
from xstilts.tasks.registry import find_task

# The dense bf16 rate of an NVIDIA H100 SXM in its data sheet, and the share of it that a training is taken to reach.
CARD, PEAK_FLOPS, SHARE = "an NVIDIA H100 SXM", 989e12, 0.4
RATE = PEAK_FLOPS * SHARE
FLOAT_BYTES = 4
STAGE_SECONDS = 1.0  # what a stage takes beside its work: a model is loaded


@dataclass
class Cost:
    """Of the stages of one kind: how many have an estimate, and what they take."""

    stages: int = 0
    tokens: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0

    def add(self, tokens: float, flops: float, size: float) -> None:
        self.stages += 1
        self.tokens += tokens
        self.flops += flops
        self.bytes += size


@dataclass
class Estimate:
    """`costs` by kind of stage; `unknown`: what has no known size -> in which languages; `left_out`: stages without an estimate
    for it; `slow`: trainings in single precision, for which the rate is too high; `steps`: of all trainings; `rate`: the FLOP/s
    that hours are computed from."""

    rate: float
    costs: dict[str, Cost] = field(default_factory=dict)
    unknown: dict[str, set[str]] = field(default_factory=dict)
    left_out: int = 0
    slow: int = 0
    steps: float = 0.0

    @property
    def flops(self) -> float:
        return sum(cost.flops for cost in self.costs.values())

    @property
    def bytes(self) -> float:
        return sum(cost.bytes for cost in self.costs.values())

    def hours(self, kind: str | None = None) -> float:
        """Hours of one kind of stage, or of all, on one card that reaches the rate."""
        flops = self.flops if kind is None else self.costs[kind].flops
        return flops / self.rate / 3600

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "flops_per_second": self.rate,
            "gpu_hours": self.hours(),
            "training_steps": round(self.steps),
            "flops": self.flops,
            "bytes": self.bytes,
            "kinds": {kind: {**asdict(cost), "gpu_hours": self.hours(kind)} for kind, cost in self.costs.items()},
            "unknown": {what: sorted(languages) for what, languages in self.unknown.items()},
            "stages_left_out": self.left_out,
            "single_precision_trainings": self.slow,
            "assumptions": assumptions(self),
        }


def estimate(plan: Plan, keys: Collection[str], rate: float = RATE) -> Estimate:
    """The cost of those of a plan's stages that have these keys (the ones that are not done)."""
    found = Estimate(rate)
    tokens: dict[str, float] = {}
    for stage in plan.stages:
        gaps: list[Unknown] = []
        try:
            cost = cost_of(stage, tokens, gaps)
            tokens[stage.key] = cost[0]
            if stage.key in keys:
                found.costs.setdefault(stage.kind, Cost()).add(*cost)
                if isinstance(stage, TrainStage):
                    found.slow += stage.config.recipe.precision == "fp32"
                    found.steps += cost[0] / tokens_a_step(stage)
        except Unknown as error:
            gaps.append(error)
            found.left_out += stage.key in keys
        if stage.key in keys:
            for gap in gaps:
                found.unknown.setdefault(gap.what, set()).update(filter(None, (gap.language,)))
    return found


def guess_seconds(plan: Plan, rate: float = RATE) -> dict[str, float]:
    """Seconds of each stage on a card that reaches the rate, by key: what its kind usually takes if it has no FLOPs, and the mean
    of its kind if its size is not known. A floor, like the hours."""
    tokens: dict[str, float] = {}
    found: dict[str, float] = {}
    for stage in plan.stages:
        try:
            cost = cost_of(stage, tokens, [])
        except Unknown:
            continue
        tokens[stage.key] = cost[0]
        found[stage.key] = STAGE_SECONDS + cost[1] / rate if cost[1] else KINDS[stage.kind].usual_seconds
    known: dict[str, list[float]] = {}
    for stage in plan.stages:
        if stage.key in found:
            known.setdefault(stage.kind, []).append(found[stage.key])
    usual = {kind: sum(known[kind]) / len(known[kind]) if kind in known else KINDS[kind].usual_seconds for kind in KINDS}
    return {stage.key: found.get(stage.key, usual[stage.kind]) for stage in plan.stages}


def measure_processor() -> float:
    """The FLOP/s that a training is taken to reach on this machine's processor: SHARE of the best of a few products of matrices
    in fp32, on all cores."""
    import time

    import numpy as np

    a_NN = np.random.default_rng(0).random((1024, 1024), np.float32)
    taken = []
    for _ in range(6):
        began = time.perf_counter()
        a_NN @ a_NN
        taken.append(time.perf_counter() - began)
    return SHARE * 2 * len(a_NN) ** 3 / min(taken)


def assumptions(found: Estimate) -> list[str]:
    """The assumptions behind the figures, one sentence for each."""
    card = f"{SHARE * 100:.0f} % of the {PEAK_FLOPS / 1e12:,.0f} TFLOP/s (bf16, dense) in {CARD}'s data sheet"
    trained = found.costs.get("train", Cost())
    said = [
        f"rate: {found.rate / 1e12:,.4g} TFLOP/s, " + (f"assumed: {card} (--flops)" if found.rate == RATE else "given"),
        f"{found.steps:,.0f} training steps of {trained.tokens / max(found.steps, 1):,.0f} tokens on average: small steps do not "
        "reach such a rate, so the hours are a floor",
        "FLOPs: 6 x weights without embeddings x tokens to train, 2 x to predict or embed; tokens: catalogued counts x lengths "
        "measured with a tokenizer of 20,000 pieces (XLM-R's makes fewer); early stopping, mining and scoring not counted",
        "disk: fp32 weights of every training, and what is read, embedded and predicted; while it runs, a training keeps a "
        "checkpoint of up to four times its weights",
    ]
    if found.slow:
        said.append(f"trainings in fp32: {found.slow}, for which this rate is too high (recipes.default.precision: bf16)")
    return said


# -- stages ------------------------------------------------------------------------------------------------------------

Triple = tuple[float, float, float]
Tokens = Mapping[str, float]


def cost_of(stage: Stage, tokens: Tokens, gaps: list[Unknown]) -> Triple:
    """(tokens, FLOPs, bytes). `tokens`: of the trainings before it; `gaps` takes what is left out. Raises Unknown."""
    match stage:
        case TrainStage():
            return _train(stage, tokens, gaps)
        case PredictStage():
            task, body = find_task(stage.config.task), weights_of(stage.inputs.model).body
            count = known_examples(stage.inputs.test.values(), gaps)
            read = count * length(task)[0]
            return read, 2 * body * read, count * task.format.predicted_bytes
        case EmbedStage():
            return _embed(stage, gaps)
        case FetchStage():
            return 0.0, 0.0, examples(stage) * find_task(stage.config.task).format.stored_bytes
        case ScoreStage():
            return 0.0, 0.0, TALLY_BYTES * known_examples(stage.inputs.gold.values(), gaps)
        case AttackStage():
            return 0.0, 0.0, examples(stage) * find_task(stage.config.task).format.stored_bytes
        case EncoderStage():
            return 0.0, 0.0, FLOAT_BYTES * weights_of(stage).all
        case MineStage() | TokenizerStage() | SeeStage():
            return 0.0, 0.0, 0.0
    assert_never(stage)


def _train(stage: TrainStage, tokens: Tokens, gaps: list[Unknown]) -> Triple:
    size, passes = weights_of(stage), stage.config.recipe.passes
    trained = total_steps(_rows(stage), stage.config.mixture.cap, stage.config.recipe) * tokens_a_step(stage)
    for source in stage.inputs.match.values():
        if source.key not in tokens:
            raise Unknown("controls that match a training of unknown length")
        before: Any = source
        trained += tokens[source.key] * before.config.recipe.passes / passes
    flops = 6 * size.body * trained * passes + 2 * size.body * _dev_tokens(stage, gaps)
    return trained, flops, FLOAT_BYTES * size.all


def tokens_a_step(stage: TrainStage) -> float:
    """The mean over what a phase draws (plain text fills a row, choices are rows side by side). Raises Unknown."""
    recipe, tasks = stage.config.recipe, [find_task(task.name) for task in stage.config.tasks]
    shares = compute_shares([task.name for task in tasks], [max(1, round(n)) for n in _rows(stage)], stage.config.mixture)
    row_tokens = [task.format.row_tokens(*length(task), recipe.max_length) for task in tasks]
    return recipe.batch * float(sum(share * tokens for share, tokens in zip(shares, row_tokens, strict=True)))


def _rows(stage: TrainStage) -> list[float]:
    """The training rows of each member. Raises Unknown, unless steps and shares are given and do not depend on them."""
    config, names = stage.config, [task.name for task in stage.config.tasks]
    if config.recipe.steps is not None and (len(names) == 1 or config.mixture.sampling in ("uniform", "fixed")):
        return [1.0 for _ in names]
    made = [length(find_task(name))[1] for name in names]
    return [rows * sum(map(examples, stage.inputs.train[name].values())) for rows, name in zip(made, names, strict=True)]


def _dev_tokens(stage: TrainStage, gaps: list[Unknown]) -> float:
    """Of the evaluations while training: all of them if the policy selects, else the last."""
    recipe = stage.config.recipe
    times = recipe.evaluations if recipe.policy in SELECTING else 1
    read = 0.0
    for source in (*stage.inputs.dev.values(), *(x for found in stage.inputs.oracle.values() for x in found.values())):
        try:
            assert isinstance(source, FetchStage)
            read += examples(source) * length(find_task(source.config.task))[0]
        except Unknown as error:
            gaps.append(error)
    return times * read


def _embed(stage: EmbedStage, gaps: list[Unknown]) -> Triple:
    config, size = stage.config, weights_of(stage.inputs.model)
    count = known_examples([*stage.inputs.test.values(), *stage.inputs.dev.values()], gaps)
    per_example, rows = length(find_task(config.task))
    sides = find_task(config.task).format.sides
    count *= 1 / len(sides) if config.side else 1
    kept = (size.layers + 1 if config.layers == "all" else 1) * len(config.poolings)
    return count * per_example, 2 * size.body * count * per_example, count * rows * kept * size.hidden * FLOAT_BYTES
