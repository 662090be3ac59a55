"""The words and tables of a report, as plain strings, that HTML, Markdown and terminal render each in its own way.

Nothing here knows a markup language. Scores are written 0-100, gains in points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xstilts.report import prose
from xstilts.report.analysis import Analysis
from xstilts.report.gains import Gain
from xstilts.report.results import TargetInfo
from xstilts.report.scores import NO_CHAIN, Summary

Line = tuple[str, ...]
Pick = Callable[[Summary], tuple[float | None, bool]]
NEAR = "†"
SHORT = "‡"


@dataclass(frozen=True)
class Table:
    """`groups` are (title, rows); a title "" stands for no heading. `numeric` are the columns to set flush right."""

    caption: str
    columns: Line
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    numeric: frozenset[int] = frozenset()


def plain(caption: str, columns: Line, rows: Iterable[Line], numeric: Iterable[int] = ()) -> Table:
    return grouped(caption, columns, (("", tuple(rows)),), numeric)


def grouped(caption: str, columns: Line, groups: Iterable[tuple[str, tuple[Line, ...]]], numeric: Iterable[int] = ()) -> Table:
    """A table without the columns in which nothing stands."""
    groups, numeric = tuple(groups), set(numeric)
    lines = [line for _, rows in groups for line in rows]
    kept = [index for index in range(len(columns)) if not lines or any(line[index] for line in lines)]
    return Table(
        caption,
        tuple(columns[index] for index in kept),
        tuple((title, tuple(tuple(line[index] for index in kept) for line in rows)) for title, rows in groups),
        frozenset(place for place, index in enumerate(kept) if index in numeric),
    )


def marks(gain: Gain) -> tuple[str, ...]:
    """What a reader must know before believing the number."""
    found = []
    if gain.degenerate:
        found.append("reuses target data")
    if gain.verdict == "same":
        found.append("same artefact")
    near = {"both": "near chance", "chain": "chain near chance", "control": f"{gain.against} near chance"}
    if gain.near_chance:
        found.append(near[gain.near_chance])
    return tuple(found)


def seeds_of(analysis: Analysis) -> str:
    return prose.listed(str(seed) for seed in analysis.results.seeds)


def chain_label(row: Summary) -> str:
    return f"{row.chain}, {row.control} control" if row.control else row.chain


def gain_sentence(gain: Gain) -> str:
    """A comparison in one sentence: estimate, interval, p, verdict."""
    if gain.interval is None:
        return "Only English has scores, so there is no transfer gain."
    if gain.verdict == "same":
        return f"Both sides are the same artefact, so the gain over {gain.against} is 0 by construction."
    interval = gain.interval
    verdict = {
        "gain": "a clear gain",
        "loss": "a clear loss",
        "unclear": "not clear",
        "near chance": "both sides near chance, so no evidence",
    }[gain.verdict]
    return (
        f"{prose.points(interval.estimate)} points {prose.bracket(interval.low, interval.high)} over {gain.against}: "
        f"{verdict} (p{prose.JOIN}{prose.p_value(interval.p)}, after Holm {prose.p_value(gain.p_holm)})."
    )


def scores_tables(analysis: Analysis) -> tuple[Table, ...]:
    """Chain by target: the mean over the languages other than English, and English. Empty halves are left out."""
    halves: tuple[tuple[str, Pick], ...] = (
        ("Mean of the languages other than English, 0 to 100", lambda row: (row.others, row.near_chance)),
        ("English, 0 to 100", lambda row: (row.english, row.english_near_chance)),
    )
    tables = []
    for title, pick in halves:
        rows = [row for row in analysis.summaries if pick(row)[0] is not None]
        if rows:
            tables.append(_pivot(analysis, title, rows, pick))
    return tuple(tables)


def _pivot(
    analysis: Analysis,
    title: str,
    summaries: Sequence[Summary],
    pick: Pick,
) -> Table:
    targets = tuple(info for info in analysis.results.targets if any(row.target == info.name for row in summaries))
    cells = {(row.encoder, chain_label(row), row.target): row for row in summaries}
    seeds = len(analysis.results.seeds)

    def text(row: Summary | None) -> str:
        if row is None:
            return prose.NOTHING
        value, near = pick(row)
        spread = f" ± {prose.score(row.sd)}" if row.sd is not None and value == row.main else ""
        short = SHORT if len(row.seeds) < seeds and not row.control else ""
        return f"{prose.score(value)}{spread}{NEAR if near else ''}{short}"

    groups = []
    for encoder in dict.fromkeys(row.encoder for row in summaries):
        labels = dict.fromkeys(chain_label(row) for row in sorted(summaries, key=_chain_order(analysis)))
        lines = [
            (label, *(text(cells.get((encoder, label, info.name))) for info in targets))
            for label in labels
            if any((encoder, label, info.name) in cells for info in targets)
        ]
        chances = tuple(prose.score(info.chance) for info in targets)
        if any(info.chance is not None for info in targets):
            lines.insert(0, ("chance", *chances))
        groups.append((encoder if len(analysis.results.encoders) > 1 else "", tuple(lines)))
    written = "".join(text for _, lines in groups for line in lines for text in line)
    caption = f"{title}; means over seeds"
    caption += ", ± their standard deviation" if "±" in written else ""
    caption += f". {NEAR} near chance" if NEAR in written else ""
    caption += f". {SHORT} fewer seeds than the study asks for" if SHORT in written else ""
    caption += partial_words(analysis)
    columns = ("chain", *(f"{info.name} {info.coverage}".strip() for info in targets))
    return Table(f"{caption}.", columns, tuple(groups), frozenset(range(1, len(columns))))


def partial_words(analysis: Analysis) -> str:
    """What a table must say about data that are not whole: n/m languages, limits."""
    partial = any(info.coverage for info in analysis.results.targets)
    return (". n/m: so many of the target's languages had data" if partial else "") + limit_words(analysis)


def limit_words(analysis: Analysis) -> str:
    limits = prose.listed(f"{name} {value:,}" for name, value in analysis.results.limits.items())
    return f". Examples limited to {limits}" if limits else ""


def _chain_order(analysis: Analysis) -> Callable[[Summary], tuple[bool, bool, int]]:
    ranks = {name: rank for rank, name in enumerate(analysis.chains)}
    return lambda row: (row.control != "", row.chain != NO_CHAIN, ranks.get(row.chain, len(ranks)))


def gains_table(gains: Sequence[Gain], analysis: Analysis, caption: str) -> Table:
    """One comparison a line, with each seed's gain."""
    names = {info.name: f"{info.name} {info.coverage}".strip() for info in analysis.results.targets}
    encoders = tuple(dict.fromkeys(gain.encoder for gain in gains))
    groups = [
        (
            encoder if len(analysis.results.encoders) > 1 else "",
            tuple(_gain_line(gain, names.get(gain.target, gain.target)) for gain in gains if gain.encoder == encoder),
        )
        for encoder in encoders
    ]
    columns = ("chain", "target", "over", "gain", "95 %", "English", "by seed", "p (Holm)", "verdict", "remark")
    return grouped(f"{caption.rstrip('.')}{partial_words(analysis)}.", columns, groups, (3, 4, 5, 6, 7))


def _gain_line(gain: Gain, target: str) -> Line:
    interval, english = gain.interval, gain.english
    return (
        gain.chain,
        target,
        gain.against,
        prose.points(interval.estimate if interval else None),
        prose.bracket(interval.low, interval.high) if interval else prose.NOTHING,
        prose.points(english.estimate if english else None),
        ", ".join(prose.points(seed.others) for seed in gain.seeds),
        prose.p_value(gain.p_holm),
        gain.verdict,
        ", ".join([*(["placebo"] if gain.placebo else []), *marks(gain)]),
    )


def chains_table(analysis: Analysis) -> Table:
    rows = [
        (chain.name, " → ".join(chain.steps) or "no intermediate training", "placebo" if chain.placebo else "")
        for chain in analysis.results.chains
    ]
    return plain("Chains: what stands between the encoder and the target.", ("chain", "phases", "role"), rows)


def shared_settings(analysis: Analysis) -> dict[str, str]:
    """The settings that every training phase has in common."""
    recipes = list(analysis.results.recipes.values())
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    written = {name: {str(recipe.get(name, prose.NOTHING)) for recipe in recipes} for name in names}
    return {name: next(iter(values)) for name, values in written.items() if len(values) == 1}


def recipes_table(analysis: Analysis) -> Table:
    """Phases by settings, those that differ between phases; the method names the others."""
    recipes = analysis.results.recipes
    shared = shared_settings(analysis)
    names = tuple(dict.fromkeys(name for recipe in recipes.values() for name in recipe if name not in shared))
    rows = [(phase, *(str(recipe.get(name, prose.NOTHING)) for name in names)) for phase, recipe in recipes.items()]
    caption = "Recipes: the settings in which the training phases differ."
    return plain(caption, ("phase", *names), rows, range(1, len(names) + 1))


def coverage(info: TargetInfo) -> str:
    """n of m languages, and which are missing."""
    text = info.coverage.replace("/", " of ") or f"all {len(info.languages)}"
    return f"{text}; missing {' '.join(info.missing)}" if info.missing else text


def data_table(analysis: Analysis) -> Table:
    rows = [
        (
            info.name,
            info.format,
            info.headline_name,
            "no training" if info.format in ("embed", "mine") else info.trains_on or info.name,
            coverage(info),
            info.license or "not stated",
            info.cite,
            info.url,
            info.notes,
        )
        for info in analysis.results.targets
    ]
    columns = ("target", "format", "score", "trained on", "languages", "licence", "cite", "source", "notes")
    return plain("Targets: test data, languages and licences.", columns, rows)


def cost_table(analysis: Analysis) -> Table:
    rows = [
        (
            kind.kind,
            f"{kind.done} of {kind.stages}",
            str(kind.made_before),
            prose.seconds(kind.seconds),
            str(kind.saved),
            prose.seconds(kind.saved_seconds),
            prose.memory(kind.peak_mib),
            f"{kind.tokens:,}" if kind.tokens else prose.NOTHING,
        )
        for kind in analysis.kinds
    ]
    columns = ("kind", "stages done", "made before", "time", "runs saved", "time saved", "peak memory", "tokens")
    return plain("Cost of the stages, each counted once.", columns, rows, range(1, 8))


def slowest_table(analysis: Analysis) -> Table:
    rows = [
        (cost.slug, cost.kind, prose.seconds(cost.seconds), prose.memory(cost.peak_mib), str(cost.used_by))
        for cost in analysis.slowest
    ]
    return plain("The slowest stages.", ("stage", "kind", "time", "peak memory", "cells"), rows, (2, 3, 4))


def failed_table(analysis: Analysis) -> Table:
    rows = [(cost.slug, cost.kind, cost.error or prose.NOTHING, cost.key[:12]) for cost in analysis.failed]
    return plain("Stages that failed.", ("stage", "kind", "error", "key"), rows)


def saved_sentence(analysis: Analysis) -> str:
    """What sharing spared, in computations and time."""
    kinds = [kind for kind in analysis.kinds if kind.saved]
    total = prose.seconds(analysis.seconds)
    if not kinds:
        return f"The stages took {total} in all; none is shared between cells."
    spared = prose.listed(prose.count(kind.saved, f"{kind.kind} run") for kind in kinds)
    time = prose.seconds(sum(kind.saved_seconds for kind in kinds))
    return f"The stages took {total} in all. Cells share what they have in common, which spared {spared}, or {time}."


def missing_lines(analysis: Analysis) -> Line:
    """Which cells have no score, by chain and target, and how many stages wait."""
    pairs: dict[tuple[str, str], list[int]] = {}
    for _, chain, target, seed in analysis.missing:
        pairs.setdefault((chain, target), []).append(seed)
    names = [
        f"{chain} → {target} (seed {prose.listed(str(seed) for seed in dict.fromkeys(seeds))})"
        for (chain, target), seeds in pairs.items()
    ]
    lines = [f"Cells without a score: {prose.listed(names, 12)}."] if names else []
    statuses = [cost.status for cost in analysis.waiting]
    counts = {"blocked by a failed one": statuses.count("blocked"), "not run": statuses.count("missing")}
    waiting = [f"{prose.count(number, 'stage')} {words}" for words, number in counts.items() if number]
    return (*lines, *([f"{prose.listed(waiting)}."] if waiting else []))


def method_lines(analysis: Analysis) -> Line:
    """The method in sentences."""
    results = analysis.results
    lines = [
        f"{prose.count(len(results.encoders), 'encoder')} ({prose.listed(results.encoders, 8)}), "
        f"{prose.count(len(results.chains), 'chain')}, {prose.count(len(results.targets), 'target')}, "
        f"{prose.count(len(results.seeds), 'seed')} ({seeds_of(analysis) or 'none'})."
        if results.encoders
        else "The study names no encoder.",
        f"A transfer gain is the score of a chain less that of {NO_CHAIN} for the same encoder, target and seed, "
        "averaged over the languages other than English and over seeds. Targets are trained on English only.",
        "Intervals are 95 % bootstrap intervals over seeds and example ids (the same id in several languages is drawn "
        "together). They do not cover other encoders, other languages or other training data.",
    ]
    if results.policy:
        lines.append(f"Checkpoint: {results.policy}.")
    if results.retrieval:
        lines.append(f"Retrieval: {results.retrieval}.")
    if results.limits:
        limits = prose.listed(f"{name} {value:,}" for name, value in results.limits.items())
        lines.append(f"Limits on examples: {limits}. Scores on limited data are not comparable with published ones.")
    shared = shared_settings(analysis)
    if shared:
        settings = ", ".join(f"{name} {value}" for name, value in shared.items() if value is not None)
        lines.append(f"Every training phase: {settings}.")
    return tuple(lines)
