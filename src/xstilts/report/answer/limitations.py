"""What this study cannot say, generated from what is missing in it. A sentence a limitation, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import counted
from xstilts.report.answer.wording import ENOUGH_SEEDS
from xstilts.report.findings import Findings


def limitations(findings: Findings) -> tuple[str, ...]:
    return tuple(_lines(findings)) if findings.summaries else ()


def _lines(findings: Findings) -> Iterable[str]:
    results = findings.results
    if any(info.name.startswith("world/") for info in results.targets):
        yield (
            "The languages are synthetic: the study shows how the method behaves where everything is known, and says nothing "
            "about natural languages."
        )
    seeds = min((len(gain.seeds) for gain in findings.gains if counted(gain)), default=len(results.seeds))
    if seeds == 1:
        yield (
            "With 1 seed the spread between seeds is not known: intervals speak of other examples for these very runs, and no "
            "comparison can be more than exploratory."
        )
    elif seeds < ENOUGH_SEEDS:
        yield (
            f"With {fmt.count(seeds, 'seed')} the spread between seeds is hardly known: no comparison can be more than "
            "exploratory, and intervals are long where seeds differ."
        )
    if results.limits:
        limits = fmt.listed(f"{name} {value:,}" for name, value in results.limits.items())
        yield f"Examples were limited ({limits}), so scores and gains are not comparable with published ones."
    if len(results.encoders) == 1:
        yield f"One encoder ({results.encoders[0]}): nothing follows for larger, smaller or otherwise trained ones."
    chains = [chain for chain in results.chains if chain.tasks and not chain.control]
    if chains and not findings.against_placebo():
        yield "Without a placebo a gain cannot be told from the effect of more text and more steps."
    if chains and not findings.against_compute():
        yield "Without a compute-matched control a gain cannot be told from that of longer training on the target."
    lacking = [info for info in results.targets if info.missing]
    if lacking:
        places = fmt.listed(
            (f"{info.name} ({len(info.missing)} of {len(set(info.languages) | set(info.missing))})" for info in lacking), 6
        )
        yield f"Languages without data are missing from the means of {places}."
    if findings.missing:
        verb = "has" if len(findings.missing) == 1 else "have"
        yield f"{fmt.count(len(findings.missing), 'cell')} of the grid {verb} no score."
    near = [
        info.name
        for info in results.targets
        if (rows := [row for row in findings.summaries if row.target == info.name and not row.control])
        and all(row.near_chance for row in rows)
    ]
    if near:
        yield f"On {fmt.listed(near, 6)} every score is near chance: the recipe, the data or the encoder is too small for it."
    codes = {code for row in findings.summaries for code in row.languages}
    one = [info.name for info in results.targets if len(set(info.languages) - {"en"}) == 1]
    if one:
        yield f"{fmt.listed(one, 6)} {'has' if len(one) == 1 else 'have'} one language beside English."
    if any(not info.trained for info in results.targets):
        yield "Retrieval is scored without training; its level depends on layer, pooling and centring as much as on any chain."
    if any(recipe.get("policy") == "en_dev" for recipe in results.recipes.values()):
        yield "Weights were chosen on English dev data, which is known to say little about other languages."
        if any(info.split == "dev" for info in results.targets):
            yield "Scores are those of dev data, the English part of which also chose the weights: they are somewhat too high."
    if codes and results.encoders:
        yield (
            f"Intervals speak of {'other seeds and ' if seeds > 1 else ''}other examples of the same kind. Other languages, "
            "other training data and other recipes are outside them; no recipe was tuned for each chain."
        )
    if len(findings.gains) > 1:
        yield (
            f"{fmt.count(len(findings.gains), 'comparison')} were made. Verdicts are "
            "corrected within families (Holm); by language and by group nothing is corrected, and is exploratory."
        )
