"""What this study cannot show, derived from what it lacks. The most serious limitations come first."""

from collections.abc import Iterable

from xstilts.analysis import formatting as fmt
from xstilts.metrics.effects import unseen_collapse
from xstilts.metrics.significance import ENOUGH_SEEDS
from xstilts.report.answer.wording import count_fewest_seeds, list_near_chance
from xstilts.report.findings import Findings
from xstilts.report.tables.table import list_limits


def list_limitations(findings: Findings) -> tuple[str, ...]:
    return tuple(_lines(findings)) if findings.summaries else ()


def _lines(findings: Findings) -> Iterable[str]:
    results = findings.results
    if any(info.name.startswith("world/") for info in results.targets):
        yield (
            "The languages are synthetic. The study shows how the method behaves on data with known properties. It says nothing "
            "about natural languages."
        )
    seeds = count_fewest_seeds(findings.gains, results)
    if seeds == 1:
        yield (
            "With 1 seed, the spread between seeds is not known. Intervals cover other examples, not other seeds, and every "
            "comparison is exploratory."
        )
    elif seeds < ENOUGH_SEEDS:
        yield (
            f"With {fmt.count(seeds, 'seed')}, the spread between seeds is poorly known. Every comparison is exploratory, and "
            "intervals are long where seeds differ."
        )
    if seeds:
        yield (
            f"With {fmt.count(seeds, 'seed')}, a collapse in up to {100 * unseen_collapse(seeds):.0f} % of runs is not excluded. "
            f"No interval covers what no seed shows.{_describe_range(findings)}"
        )
    if limits := list_limits(findings):
        yield f"Examples were limited ({limits}), so scores and gains cannot be compared with published ones."
    if len(results.encoders) == 1:
        yield f"The study has one encoder ({results.encoders[0]}). The results may not hold for other encoders."
    chains = [chain for chain in results.chains if chain.tasks and not chain.control]
    if chains and not findings.gains_over("placebo"):
        yield "Without a placebo, a gain may be the effect of more text and more steps."
    if chains and not findings.gains_over("compute"):
        yield "Without a compute-matched control, a gain may be the effect of longer training."
    lacking = [info for info in results.targets if info.missing]
    if lacking:
        places = fmt.listed(
            (f"{info.name} ({len(info.missing)} of {len(set(info.languages) | set(info.missing))})" for info in lacking), 6
        )
        yield f"The means of {places} leave out languages without data."
    if findings.missing:
        verb = "has" if len(findings.missing) == 1 else "have"
        yield f"{fmt.count(len(findings.missing), 'cell')} of the grid {verb} no score."
    if near := list_near_chance(findings.summaries):
        yield f"Every score on {fmt.listed(near, 6)} is near chance. The recipe, the data or the encoder may be too small."
    codes = {code for row in findings.summaries for code in row.languages}
    one = [info.name for info in results.targets if len(set(info.languages) - {"en"}) == 1]
    if one:
        yield f"{fmt.listed(one, 6)} {'has' if len(one) == 1 else 'have'} only one language besides English."
    if any(not info.trained for info in results.targets):
        yield "Retrieval has no training. Its score depends on layer, pooling and centring as much as on the chain."
    if any(recipe.get("policy") == "en_dev" for recipe in results.recipes.values()):
        yield "Weights were chosen on English dev data, which predict scores in other languages poorly."
        if any(info.split == "dev" for info in results.targets):
            yield "Some scores are from dev data. Its English part was also used to choose weights, so these scores are too high."
    if codes and results.encoders:
        yield (
            f"Intervals cover {'other seeds and ' if seeds > 1 else ''}other examples of the same kind. They do not cover other "
            "languages, training data or recipes. No recipe was tuned for each chain."
        )
    if len(findings.gains) > 1:
        yield (
            f"The study makes {fmt.count(len(findings.gains), 'comparison')}. Verdicts are corrected for the number of "
            "comparisons in their family (Holm). Results by language and by group are not corrected: they are exploratory."
        )


def _describe_range(findings: Findings) -> str:
    """The gain over none whose seeds differ most, by its least and greatest seed."""
    ranges = []
    for gain in findings.gains_over("none"):
        values = [seed.transfer for seed in gain.seeds if seed.transfer is not None]
        if len(values) > 1:
            ranges.append((max(values) - min(values), min(values), max(values), gain))
    if not ranges:
        return ""
    _, least, greatest, gain = max(ranges, key=lambda one: one[0])
    pair = f"{gain.chain} → {findings.label(gain.target, gain.encoder)}"
    return f" The seeds differ most for {pair}: from {fmt.points(least)} to {fmt.points(greatest)} points."
