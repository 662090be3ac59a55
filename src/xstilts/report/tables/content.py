"""The words and tables of a report, as plain strings, that HTML, Markdown and terminal render each in its own way.

Nothing here knows a markup language. Scores are written 0-100, gains in points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import CONTROL_WORDS, LEAK, ChainInfo, TargetInfo
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import OTHERS, Number, gain_id, summary_id

Line = tuple[str, ...]
Pick = Callable[[Summary], tuple[float | None, bool]]
NEAR = "†"
SHORT = "‡"
ORACLE = "§"
LEAK_MARK = "oracle (leak)"
WORDY = 45  # letters
GAIN_LINE = ("chain", "target", "over", "gain", "95 %", "English", "by seed", "p (Holm)", "verdict", "remark")
OWN = {"dropout": "the encoder's"}  # what a setting is that a recipe leaves open


@dataclass(frozen=True)
class Table:
    """`groups` are (title, rows); a title "" stands for no heading. `numeric` are the columns to set flush right."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Line
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    numeric: frozenset[int] = frozenset()

    @property
    def rows(self) -> int:
        return sum(len(lines) for _, lines in self.groups)

    @property
    def wordy(self) -> bool:
        """Whether a third of the rows hold a sentence: then a phone shows each row as a list."""
        long = [max(map(len, line[1:]), default=0) > WORDY for _, lines in self.groups for line in lines]
        return 3 * sum(long) >= max(len(long), 1)


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
    if gain.reuses_target_data:
        found.append("reuses target data")
    if gain.verdict == "same":
        found.append("same artefact")
    if gain.leak:
        found.append(LEAK_MARK)
    without = "near chance without it" if gain.over == "none" else "control near chance"
    if gain.over == "chain":
        without = f"{fmt.mean_of(gain.others)} near chance"
    near = {"both": "near chance", "chain": "chain near chance", "control": without}
    if gain.near_chance:
        found.append(near[gain.near_chance])
    return tuple(found)


def leak_words(leaks: bool) -> str:
    """What a caption says of marks that stand for a leak; "" where none does."""
    text = f" What is marked {LEAK_MARK} was chosen on target-language dev data: an upper bound, no evidence."
    return text if leaks else ""


def seeds_of(findings: Findings) -> str:
    return fmt.listed(str(seed) for seed in findings.results.seeds)


def chain_label(row: Summary) -> str:
    return f"{row.chain}, {row.control} control" if row.control else row.chain


def gain_sentence(gain: Gain) -> str:
    """A comparison in one sentence: estimate, interval, p, verdict."""
    if gain.interval is None:
        return "Only English has scores, so there is no transfer gain."
    if gain.verdict == "same":
        return f"Both sides are the same artefact, so the gain over {fmt.mean_of(gain.others)} is 0 by construction."
    interval = gain.interval
    verdict = {
        "gain": "a clear gain",
        "loss": "a clear loss",
        "unclear": "not clear",
        "one seed": "one seed, which decides nothing",
        "near chance": "both sides near chance, so no evidence",
        "oracle": f"an upper bound and no evidence ({LEAK})",
    }[gain.verdict]
    found = (
        f"{fmt.points(interval.estimate)} points {fmt.bracket(interval.low, interval.high)} "
        f"over {fmt.mean_of(gain.others)}: {verdict}"
    )
    if gain.verdict == "oracle":
        return f"{found}."
    return f"{found} (p{fmt.JOIN}{fmt.p_value(interval.p)}, after Holm {fmt.p_value(gain.p_holm)})."


def scores_tables(findings: Findings) -> tuple[Table, ...]:
    """Chain by target: the mean over the languages other than English, and English. Empty halves are left out."""
    halves: tuple[tuple[str, str, Pick], ...] = (
        ("Mean of the languages other than English, 0 to 100", OTHERS, lambda row: (row.others, row.near_chance)),
        ("English, 0 to 100", ENGLISH, lambda row: (row.english, row.english_near_chance)),
    )
    tables = []
    for title, language, pick in halves:
        rows = [row for row in findings.summaries if pick(row)[0] is not None]
        if rows:
            tables.append(_pivot(findings, title, language, rows, pick))
    return tuple(tables)


def _pivot(
    findings: Findings,
    title: str,
    language: str,
    summaries: Sequence[Summary],
    pick: Pick,
) -> Table:
    targets = tuple(info for info in findings.results.targets if any(row.target == info.name for row in summaries))
    cells = {(row.encoder, chain_label(row), row.target): row for row in summaries}
    seeds = len(findings.results.seeds)

    def text(row: Summary | None) -> str:
        if row is None:
            return fmt.NOTHING
        value, near = pick(row)
        spread = f" ± {fmt.score(row.sd)}" if row.sd is not None and value == row.main else ""
        short = SHORT if len(row.seeds) < seeds and not row.control else ""
        text = f"{fmt.score(value)}{spread}{NEAR if near else ''}{short}{ORACLE if row.leak else ''}"
        return Number(text, summary_id(row, language))

    groups = []
    for encoder in dict.fromkeys(row.encoder for row in summaries):
        labels = dict.fromkeys(chain_label(row) for row in sorted(summaries, key=_chain_order(findings)))
        lines = [
            (label, *(text(cells.get((encoder, label, info.name))) for info in targets))
            for label in labels
            if any((encoder, label, info.name) in cells for info in targets)
        ]
        chances = tuple(fmt.score(info.chance) for info in targets)
        if any(info.chance is not None for info in targets):
            lines.insert(0, ("chance", *chances))
        groups.append((encoder if len(findings.results.encoders) > 1 else "", tuple(lines)))
    written = "".join(text for _, lines in groups for line in lines for text in line)
    caption = f"{title}; means over seeds"
    caption += ", ± their standard deviation" if "±" in written else ""
    caption += f". {NEAR} near chance" if NEAR in written else ""
    caption += f". {SHORT} fewer seeds than the study asks for" if SHORT in written else ""
    caption += f". {ORACLE} {LEAK}" if ORACLE in written else ""
    caption += partial_words(findings)
    columns = ("chain", *(f"{info.name} {info.coverage}".strip() for info in targets))
    return Table(f"{caption}.", columns, tuple(groups), frozenset(range(1, len(columns))))


def partial_words(findings: Findings) -> str:
    """What a table must say about data that are not whole: n/m languages, limits."""
    partial = any(info.coverage for info in findings.results.targets)
    return (". n/m: so many of the target's languages had data" if partial else "") + limit_words(findings)


def limit_words(findings: Findings) -> str:
    limits = fmt.listed(f"{name} {value:,}" for name, value in findings.results.limits.items())
    return f". Examples limited to {limits}" if limits else ""


def _chain_order(findings: Findings) -> Callable[[Summary], tuple[bool, bool, int]]:
    ranks = {name: rank for rank, name in enumerate(findings.chains)}
    return lambda row: (row.control != "", row.chain != NO_CHAIN, ranks.get(row.chain, len(ranks)))


def gains_table(gains: Sequence[Gain], findings: Findings, caption: str) -> Table:
    """One comparison a line, with each seed's gain."""
    names = {info.name: f"{info.name} {info.coverage}".strip() for info in findings.results.targets}
    encoders = tuple(dict.fromkeys(gain.encoder for gain in gains))
    groups = [
        (
            encoder if len(findings.results.encoders) > 1 else "",
            tuple(gain_line(gain, names.get(gain.target, gain.target)) for gain in gains if gain.encoder == encoder),
        )
        for encoder in encoders
    ]
    leaks = leak_words(any(gain.leak for gain in gains))
    return grouped(f"{caption.rstrip('.')}{partial_words(findings)}.{leaks}", GAIN_LINE, groups, (3, 4, 5, 6, 7))


def gain_line(gain: Gain, target: str) -> Line:
    """A comparison in the columns of GAIN_LINE."""
    interval, english = gain.interval, gain.english
    remarks = [mark for mark in marks(gain) if mark != gain.verdict]
    return (
        gain.chain,
        target,
        fmt.mean_of(gain.others),
        Number(fmt.points(interval.estimate), gain_id(gain)) if interval else fmt.NOTHING,
        Number(fmt.bracket(interval.low, interval.high), gain_id(gain)) if interval else fmt.NOTHING,
        Number(fmt.points(english.estimate), gain_id(gain, ENGLISH)) if english else fmt.NOTHING,
        ", ".join(fmt.points(seed.others) for seed in gain.seeds),
        fmt.p_value(gain.p_holm),
        gain.verdict,
        ", ".join([*([CONTROL_WORDS[gain.control]] if gain.control else []), *remarks]),
    )


def chains_table(findings: Findings) -> Table:
    def role(chain: ChainInfo) -> str:
        if not chain.control:
            asked = [others for name, others in findings.results.compare if name == chain.name]
            over = [others[0] if len(others) == 1 else f"the mean of {fmt.listed(others)}" for others in asked]
            return f"compared with {fmt.listed(over)}" if over else ""
        noun = "placebo" if chain.control == "placebo" else f"{CONTROL_WORDS[chain.control]} control"
        return f"{noun} of {chain.of}" if chain.of else noun

    rows = [(chain.name, " → ".join(chain.steps) or "no intermediate training", role(chain)) for chain in findings.results.chains]
    return plain("Chains: what stands between the encoder and the target.", ("chain", "phases", "role"), rows)


def shared_settings(findings: Findings) -> dict[str, str]:
    """The settings that every training phase has in common."""
    recipes = list(findings.results.recipes.values())
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    written = {name: {_setting(recipe, name) for recipe in recipes} for name in names}
    return {name: next(iter(values)) for name, values in written.items() if len(values) == 1}


def _setting(recipe: Mapping[str, object], name: str) -> str:
    """A setting as a reader should see it: nothing where another one overrides it or it does not apply."""
    idle = (name == "epochs" and recipe.get("steps")) or (name == "lora_alpha" and not recipe.get("lora"))
    value = None if idle else recipe.get(name)
    return str(value) if value is not None else OWN.get(name, fmt.NOTHING)


def recipes_table(findings: Findings) -> Table:
    """Phases by settings, those that differ between phases; the method names the others."""
    recipes = findings.results.recipes
    shared = shared_settings(findings)
    names = tuple(dict.fromkeys(name for recipe in recipes.values() for name in recipe if name not in shared))
    rows = [(phase, *(_setting(recipe, name) for name in names)) for phase, recipe in recipes.items()]
    caption = "Recipes: the settings in which the training phases differ."
    return plain(caption, ("phase", *names), rows, range(1, len(names) + 1))


def coverage(info: TargetInfo) -> str:
    """n of m languages, and which are missing."""
    text = info.coverage.replace("/", " of ") or f"all {len(info.languages)}"
    return f"{text}; missing {' '.join(info.missing)}" if info.missing else text


def data_table(findings: Findings) -> Table:
    rows = [
        (
            info.name,
            info.format,
            info.headline_name,
            info.trains_on or info.name if info.trained else "no training",
            coverage(info),
            info.license or "not stated",
            info.cite,
            info.url,
        )
        for info in findings.results.targets
    ]
    columns = ("target", "format", "score", "trained on", "languages", "licence", "cite", "source")
    return plain("Targets: data, languages and licences.", columns, rows)


def data_notes(findings: Findings) -> Line:
    """What the tasks' records say of their protocols."""
    return tuple(f"{info.name}: {info.notes}" for info in findings.results.targets if info.notes)


def method_lines(findings: Findings) -> Line:
    """The method in sentences."""
    results = findings.results
    chains = [chain for chain in results.chains if not chain.control]
    added = len(results.chains) - len(chains)
    controls = f" and {fmt.count(added, 'control')}" if added else ""
    over_seeds, uncovered = "seeds (their spread, with few degrees of freedom where seeds are few) and over ", ""
    if len(results.seeds) == 1:
        over_seeds, uncovered = "", "other seeds, "
    unit = " weights, embeddings not counted" if set(results.encoders) & set(results.sizes) else ""

    def sized(name: str) -> str:
        return f"{name} of {fmt.weights(results.sizes[name])}" if name in results.sizes else name

    lines = [
        f"{fmt.count(len(results.encoders), 'encoder')} ({fmt.listed(map(sized, results.encoders), 8)}{unit}), "
        f"{fmt.count(len(chains), 'chain')}{controls}, {fmt.count(len(results.targets), 'target')}, "
        f"{fmt.count(len(results.seeds), 'seed')} ({seeds_of(findings) or 'none'})."
        if results.encoders
        else "The study names no encoder.",
        f"A transfer gain is the score of a chain less that of {NO_CHAIN} for the same encoder, target and seed, "
        "averaged over the languages other than English and over seeds. Targets are trained on English only.",
        f"Intervals are 95 % intervals over {over_seeds}examples (a bootstrap of ids; the same id in several languages is drawn "
        f"together). They do not cover {uncovered}other encoders, other languages or other training data.",
    ]
    dev = [info.name for info in results.targets if info.split == "dev"]
    if dev:
        lines.append(f"Scores are those of dev data on {fmt.listed(dev, 12)}, of test data on any other target.")
    if results.policy:
        lines.append(f"Checkpoint: {results.policy}.")
    if results.retrieval:
        lines.append(f"Retrieval: {results.retrieval}.")
    if results.limits:
        limits = fmt.listed(f"{name} {value:,}" for name, value in results.limits.items())
        lines.append(f"Limits on examples: {limits}. Scores on limited data are not comparable with published ones.")
    shared = shared_settings(findings)
    if shared:
        settings = ", ".join(f"{name} {value}" for name, value in shared.items() if value != fmt.NOTHING)
        lines.append(f"Every training phase: {settings}.")
    return tuple(lines)
