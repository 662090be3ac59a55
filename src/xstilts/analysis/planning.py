"""Plan a study: what it can see after the correction for its number of comparisons, and what an effect needs.

From a study that was run, `measure_designs` takes for each target the median, over its comparisons with none, of what
`metrics.power.estimate_design` measures: discordance, the spread over seeds, and how much of an example's difference seeds and
languages share. For a plan without results, `assume_designs` takes the catalogued number of test examples and assumed values.
Both count the family of Holm's correction, without pairs that cannot count (the target's own data, oracles, those that fail a
gate): a gain that is alone in it has to pass its first step, .05 / m. Surprising: only the variation of the gains is used, not
their size, so that a plan does not rest on an effect that was large by luck.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, compare_chains, compute_transfer_gains, is_evidence, reuses_target_data
from xstilts.analysis.gather import list_training_texts, training_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, find_metric, group_cells, summarise
from xstilts.metrics.power import Design, detectable, estimate_design, examples_needed, power, seeds_needed
from xstilts.metrics.significance import ENOUGH_SEEDS, FEWEST_SEEDS
from xstilts.plan.compile import Plan
from xstilts.plan.cost.sizes import Unknown, examples
from xstilts.study import is_primary
from xstilts.tasks.registry import find_task

RESAMPLES = 400


# Assumed for a plan: the share of the examples on which two systems differ, by format and by task, and the tasks whose languages
# have sentences of their own. The standard deviation of a score over seeds is usually 0.2 to 0.6 points; that of a gain is
# larger by the root of two.
ASSUMED_DISCORDANCE = {"classify": 0.10, "choice": 0.25, "span": 0.15, "tag": 0.15, "ranking": 0.20, "embed": 0.20}
ASSUMED_BY_TASK = {"pawsx": 0.08}
OWN_SENTENCES = {"tydiqa", "panx", "tatoeba", "bucc2018"}
ASSUMED_SEED_SD = 0.006
ASSUMED_SHARED = 0.5  # of an example's difference, by seeds


@dataclass(frozen=True)
class TargetDesign:
    """One target of one encoder: the design, measured over so many comparisons (0: assumed). With one seed its spread over seeds
    is not known. `family` is the number of comparisons that Holm's correction covers."""

    encoder: str
    target: str
    comparisons: int
    design: Design
    family: int = 1


def count_family(gains: Iterable[Gain]) -> int:
    """How many pairs of chain and target the correction covers: those that count, are primary and passed the gates."""
    return sum(is_evidence(gain) and gain.primary for gain in gains)


def measure_designs(results: Results) -> tuple[TargetDesign, ...]:
    """Every target with a comparison over none in a language other than English, in the study's order."""
    family = max(1, count_family(compute_transfer_gains(results, summarise(results), resamples=RESAMPLES)))
    return tuple(dataclasses.replace(one, family=family) for one in _measure(results))


def _measure(results: Results) -> list[TargetDesign]:
    cells = group_cells(results)
    found = []
    for encoder, info in product(results.encoders, results.targets):
        metric = find_metric(results, info.name)
        designs = []
        for chain in results.chains:
            if metric is None or chain.name == NO_CHAIN or chain.control or reuses_target_data(chain, info):
                continue
            pair = compare_chains(cells, encoder, info, chain.name)
            if pair.transfer_languages and not pair.leak and not pair.same_artefacts:
                designs.append(estimate_design(*pair.tallies(pair.transfer_languages), metric.headline, resamples=RESAMPLES))
        if designs:
            found.append(TargetDesign(encoder, info.name, len(designs), _median(designs)))
    return found


def assume_designs(plan: Plan) -> tuple[TargetDesign, ...]:
    """Every target of a plan whose test data have a catalogued size in a language other than English, with assumed values."""
    study = plan.study
    held = {name: set().union(*(training_data(task) for m in phases for task in m.mix)) for name, phases in study.chains.items()}
    own = {target.task: {target.task, target.source} | list_training_texts(target) for target in study.targets}
    pairs = [(chain, target) for chain, target in product(held, own) if held[chain] and not held[chain] & own[target]]
    family = len(study.encoders) * sum(is_primary(study.primary, *pair) for pair in pairs)
    found = []
    for target in dict.fromkeys(target.task for target in study.targets):
        score = next((cell.score for cell in plan.cells if cell.id.target == target), None)
        try:
            counts = [examples(gold) for code, gold in score.inputs.gold.items() if code != ENGLISH] if score else []
        except Unknown:
            continue
        if counts:
            discordance = ASSUMED_BY_TASK.get(target) or ASSUMED_DISCORDANCE.get(find_task(target).format.name, 0.15)
            parallel = 0.0 if target in OWN_SENTENCES else 1.0
            assumed = (len(study.seeds), len(counts), ASSUMED_SEED_SD, ASSUMED_SHARED, parallel)
            design = Design(round(float(np.mean(counts))), discordance, *assumed)
            found.append(TargetDesign("", target, 0, design, max(1, family)))
    return tuple(found)


def describe_assumed(rows: Sequence[TargetDesign]) -> tuple[str, ...]:
    """What a plan can see, in two lines; none without a target of known size."""
    if not rows:
        return ()
    seeds, family = rows[0].design.seeds, rows[0].family
    if seeds < FEWEST_SEEDS:
        return (
            f"With {fmt.count(seeds, 'seed')} nothing is called a gain or a loss: {FEWEST_SEEDS} are the fewest, "
            f"{ENOUGH_SEEDS} are advised.",
        )
    seen = [(row.target, detectable(row.design), detectable(row.design, family)) for row in rows]
    words = ", ".join(f"{target} {_points(corrected)} ({_points(alone)})" for target, alone, corrected in seen)
    return (
        f"sees with a chance of 80 %, in points, after the correction for {fmt.count(family, 'comparison')} (alone): {words}",
        f"assumed, not measured: {', '.join(f'{row.target} {fmt.share(row.design.discordance)}' for row in rows)} of the answers "
        f"differ, half of that in all seeds; gains vary over seeds by {100 * ASSUMED_SEED_SD:g} points (sd)",
    )


def _points(effect: float) -> str:
    return f"{100 * effect:.1f}" if np.isfinite(effect) else "none"


def _median(designs: Sequence[Design]) -> Design:
    middle = {field.name: float(np.median([getattr(one, field.name) for one in designs])) for field in dataclasses.fields(Design)}
    whole = {name: round(middle[name]) for name in ("examples", "seeds", "languages")}
    return Design(**(middle | whole))  # type: ignore[arg-type]


def to_record(one: TargetDesign, effect: float | None) -> dict[str, Any]:
    """For --json. `effect` is 0-1; fields named points are in points. `corrected`: at the first step of Holm's correction, as are
    power and needs. null: no number of seeds or examples is enough."""
    alone, corrected = detectable(one.design), detectable(one.design, one.family)
    record = {
        **dataclasses.asdict(one),
        "detectable_points": 100 * alone if np.isfinite(alone) else None,
        "corrected_points": 100 * corrected if np.isfinite(corrected) else None,
    }
    if effect is None:
        return record
    return record | {
        "power": power(one.design, effect, one.family),
        "seeds_needed": seeds_needed(one.design, effect, one.family),
        "examples_needed": examples_needed(one.design, effect, one.family),
    }


def describe_designs(rows: Sequence[TargetDesign], effect: float | None) -> tuple[str, ...]:
    """A line for each target; with `effect` (a gain, 0-1) also what it takes there to see that gain with a chance of 80 %."""
    said = []
    several = len({row.encoder for row in rows}) > 1
    for row in rows:
        design, record = row.design, to_record(row, effect)
        name = f"{row.target}, {row.encoder}" if several else row.target
        line = (
            f"{name}: {fmt.count(design.seeds, 'seed')}, {fmt.count(design.examples, 'example')} in "
            f"{fmt.count(design.languages, 'language')}, {fmt.share(design.discordance)} discordant"
            + (f", sd {100 * design.seed_sd:.2f} points over seeds" if design.seeds > 1 else ", spread over seeds not known")
            + f": sees {_seen(record['detectable_points'])} alone, {_seen(record['corrected_points'])} after the correction for "
            f"{fmt.count(row.family, 'comparison')}"
        )
        if design.seeds < FEWEST_SEEDS:
            line += f"; nothing is called with fewer than {FEWEST_SEEDS} seeds"
        if effect is not None:
            chance = f"{100 * record['power']:.0f} %"
            line += f"; {100 * effect:g} points are seen with a chance of {chance}, for 80 % {_needs(record)}"
        said.append(line)
    return tuple(said)


def _seen(points: float | None) -> str:
    return "no gain" if points is None else f"{points:.2f} points"


def _needs(record: Mapping[str, Any]) -> str:
    needs = {"seeds": record["seeds_needed"], "examples a language": record["examples_needed"]}
    enough = [f"{least:,} {what}" for what, least in needs.items() if least is not None]
    if not enough:
        return "no number of seeds or of examples is enough"
    lacking = [f" (no number of {what} is enough)" for what, least in needs.items() if least is None]
    return f"it takes {' or '.join(enough)}{''.join(lacking)}"
