"""Plan the next study from one that was run: how much its scores vary, what it could see, and what an effect needs.

For each target this takes the median, over its comparisons with none, of what `metrics.power.observed` measures: discordance,
the spread over seeds, and how much of an example's difference seeds and languages share. Pairs that are no evidence (the
target's own data, oracles, one artefact on both sides) are left out. Surprising: only the variation of the gains is used, not
their size, so that a plan does not rest on an effect that was large by luck.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import compare_chains, reuses_target_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import NO_CHAIN, find_metric, group_cells
from xstilts.metrics.power import Design, detectable, estimate_design, examples_needed, power, seeds_needed

RESAMPLES = 400


@dataclass(frozen=True)
class TargetDesign:
    """One target of one encoder: the design, measured over so many comparisons. With one seed its spread over seeds is not
    known."""

    encoder: str
    target: str
    comparisons: int
    design: Design


def measure_designs(results: Results) -> tuple[TargetDesign, ...]:
    """Every target with a comparison over none in a language other than English, in the study's order."""
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
    return tuple(found)


def _median(designs: Sequence[Design]) -> Design:
    middle = {field.name: float(np.median([getattr(one, field.name) for one in designs])) for field in dataclasses.fields(Design)}
    whole = {name: round(middle[name]) for name in ("examples", "seeds", "languages")}
    return Design(**(middle | whole))  # type: ignore[arg-type]


def to_record(one: TargetDesign, effect: float | None) -> dict[str, Any]:
    """For --json. `effect` is 0-1; fields named points are in points. null: no number of seeds or examples is enough."""
    sees = detectable(one.design)
    record = {**dataclasses.asdict(one), "detectable_points": 100 * sees if np.isfinite(sees) else None}
    if effect is None:
        return record
    return record | {
        "power": power(one.design, effect),
        "seeds_needed": seeds_needed(one.design, effect),
        "examples_needed": examples_needed(one.design, effect),
    }


def describe_designs(rows: Sequence[TargetDesign], effect: float | None) -> tuple[str, ...]:
    """A line for each target; with `effect` (a gain, 0-1) also what it takes there to see that gain with a chance of 80 %."""
    said = []
    several = len({row.encoder for row in rows}) > 1
    for row in rows:
        design, record = row.design, to_record(row, effect)
        name = f"{row.target}, {row.encoder}" if several else row.target
        seen = record["detectable_points"]
        line = (
            f"{name}: {fmt.count(design.seeds, 'seed')}, {fmt.count(design.examples, 'example')} in "
            f"{fmt.count(design.languages, 'language')}, {fmt.share(design.discordance)} discordant"
            + (f", sd {100 * design.seed_sd:.2f} points over seeds" if design.seeds > 1 else ", spread over seeds not known")
            + (f": sees {seen:.2f} points" if seen is not None else ": sees no gain")
        )
        if effect is not None:
            chance = f"{100 * record['power']:.0f} %"
            line += f"; {100 * effect:g} points are seen with a chance of {chance}, for 80 % {_needs(record)}"
        said.append(line)
    return tuple(said)


def _needs(record: Mapping[str, Any]) -> str:
    needs = {"seeds": record["seeds_needed"], "examples a language": record["examples_needed"]}
    enough = [f"{least:,} {what}" for what, least in needs.items() if least is not None]
    if not enough:
        return "no number of seeds or of examples is enough"
    lacking = [f" (no number of {what} is enough)" for what, least in needs.items() if least is None]
    return f"it takes {' or '.join(enough)}{''.join(lacking)}"
