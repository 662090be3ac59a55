"""Scores as tables: chain by target."""

from collections.abc import Callable, Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import LEAK
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import OTHER_LANGUAGES, Number, summary_id
from xstilts.report.tables.table import ORACLE, Table, describe_partial_data, name_targets

NEAR = "†"
SHORT = "‡"
Pick = Callable[[Summary], tuple[float | None, bool]]


def label_chain(row: Summary) -> str:
    """The chain, and its control where it is one: none, random-init control."""
    return f"{row.chain}, {row.control} control" if row.control else row.chain


def scores_table(findings: Findings, english: bool) -> Table | None:
    """Chain by target, in English or the mean of the other languages; None without scores."""

    def pick(row: Summary) -> tuple[float | None, bool]:
        return (row.english, row.english_near_chance) if english else (row.transfer, row.near_chance)

    rows = [row for row in findings.summaries if pick(row)[0] is not None]
    title = f"{'English' if english else 'Mean of the languages other than English'}, 0 to 100"
    return _pivot(findings, title, ENGLISH if english else OTHER_LANGUAGES, rows, pick) if rows else None


def _pivot(findings: Findings, title: str, language: str, summaries: Sequence[Summary], pick: Pick) -> Table:
    targets = tuple(info for info in findings.results.targets if any(row.target == info.name for row in summaries))
    cells = {(row.encoder, label_chain(row), row.target): row for row in summaries}
    seeds = len(findings.results.seeds)

    def write(row: Summary | None) -> str:
        if row is None:
            return fmt.NOTHING
        value, near = pick(row)
        spread = f" ± {fmt.score(row.sd)}" if row.sd is not None and value == row.main else ""
        short = SHORT if len(row.seeds) < seeds and not row.control else ""
        text = f"{fmt.score(value)}{spread}{NEAR if near else ''}{short}{ORACLE if row.leak else ''}"
        return Number(text, summary_id(row, language))

    ranks = {name: rank for rank, name in enumerate(findings.chains)}
    ordered = sorted(summaries, key=lambda row: (row.control != "", row.chain != NO_CHAIN, ranks.get(row.chain, len(ranks))))
    labels = dict.fromkeys(map(label_chain, ordered))
    groups = []
    for encoder in dict.fromkeys(row.encoder for row in summaries):
        lines = [
            (label, *(write(cells.get((encoder, label, info.name))) for info in targets))
            for label in labels
            if any((encoder, label, info.name) in cells for info in targets)
        ]
        if any(info.chance is not None for info in targets):
            lines.insert(0, ("chance", *(fmt.score(info.chance) for info in targets)))
        groups.append((encoder if findings.several_encoders else "", tuple(lines)))
    near = any(pick(row)[1] for row in summaries)
    spread = any(row.sd is not None and pick(row)[0] == row.main for row in summaries)
    short = any(len(row.seeds) < seeds and not row.control for row in summaries)
    caption = f"{title}; means over seeds"
    caption += ", ± their standard deviation" if spread else ""
    caption += f". {NEAR} near chance" if near else ""
    caption += f". {SHORT} fewer seeds than the study asks for" if short else ""
    caption += f". {ORACLE} {LEAK}" if any(row.leak for row in summaries) else ""
    caption += describe_partial_data(findings)
    names = name_targets(findings)
    columns = ("chain", *(names[info.name] for info in targets))
    return Table(f"{caption}.", columns, tuple(groups), frozenset(range(1, len(columns))))
