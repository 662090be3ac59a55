"""The next study, planned from one that was run: how much its scores vary, what it could see, and what an effect needs.

For each target the median over its comparisons with none of what `metrics.power.observed` measures: discordance, the spread over
seeds, and how much of an example's difference seeds and languages share. Pairs that are no evidence (the target's own data,
oracles, one artefact on both sides) are left out. Surprising: the gains found are not used, only how they vary, so a plan does
not rest on an effect that was large by luck.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import paired, reuses_target_data
from xstilts.analysis.results import Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, arm, group_cells, metric_of, shared_languages
from xstilts.metrics.power import Design, detectable, estimate_design, examples_needed, power, seeds_needed

RESAMPLES = 400


@dataclass(frozen=True)
class Planned:
    """One target of one encoder, over so many comparisons. A design of one seed has no spread over seeds to show."""

    encoder: str
    target: str
    comparisons: int
    design: Design


def planned(results: Results) -> tuple[Planned, ...]:
    """Every target with a comparison over none in a language other than English, in the study's order."""
    groups = group_cells(results)
    chains = [chain for chain in results.chains if chain.name != NO_CHAIN and not chain.control]
    found = []
    for encoder in results.encoders:
        for info in results.targets:
            metric = metric_of(results, info.name)
            designs = []
            for chain in chains:
                pairs = paired(
                    groups.get((encoder, chain.name, "", info.name), {}), groups.get((encoder, NO_CHAIN, "", info.name), {}), info
                )
                ones, twos = [one for _, one, _ in pairs], [two for _, _, two in pairs]
                usual = not reuses_target_data(chain, info) and not any(cell.leak for cell in (*ones, *twos))
                if metric is None or not pairs or not usual or all(a.key == b.key for a, b in zip(ones, twos, strict=True)):
                    continue
                codes = [code for code in shared_languages([*ones, *twos]) if code != ENGLISH]
                if codes:
                    designs.append(estimate_design(arm(ones, codes), arm(twos, codes), metric.headline, resamples=RESAMPLES))
            if designs:
                found.append(Planned(encoder, info.name, len(designs), _median(designs)))
    return tuple(found)


def _median(designs: Sequence[Design]) -> Design:
    middle = {field.name: float(np.median([getattr(one, field.name) for one in designs])) for field in dataclasses.fields(Design)}
    whole = {name: round(middle[name]) for name in ("examples", "seeds", "languages")}
    return Design(**(middle | whole))  # type: ignore[arg-type]


def as_record(one: Planned, effect: float | None) -> dict[str, Any]:
    """For --json. `effect` is 0-1; what is named points is in points. What no number of seeds or examples gives is null."""
    sees = detectable(one.design)
    record = {**dataclasses.asdict(one), "detectable_points": 100 * sees if np.isfinite(sees) else None}
    if effect is None:
        return record
    return record | {
        "power": power(one.design, effect),
        "seeds_needed": seeds_needed(one.design, effect),
        "examples_needed": examples_needed(one.design, effect),
    }


def lines(rows: Sequence[Planned], effect: float | None) -> tuple[str, ...]:
    """A line for each target, and what a gain of `effect` (0-1) needs there with 80 % chance, the rest as it is."""
    said = []
    several = len({row.encoder for row in rows}) > 1
    for row in rows:
        design, record = row.design, as_record(row, effect)
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
