"""Chains over other chains as tables: the study's own comparisons, means over targets first, and those with controls."""

from __future__ import annotations

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.comparison import Average
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, compared_id
from xstilts.report.tables.content import GAIN_LINE, Line, Table, gain_line, gains_table, grouped, leak_words, partial_words


def compared_table(findings: Findings) -> Table | None:
    """A line for each comparison and target, and for its means; None where the study asks for none that has scores."""
    gains = findings.compared()
    if not gains:
        return None
    several = len(findings.results.encoders) > 1
    names = {info.name: f"{info.name} {info.coverage}".strip() for info in findings.results.targets}
    groups = []
    for encoder in dict.fromkeys(gain.encoder for gain in gains):
        means = [_average_line(average) for average in findings.averages if average.encoder == encoder]
        lines = [gain_line(gain, names.get(gain.target, gain.target)) for gain in gains if gain.encoder == encoder]
        groups.append((encoder if several else "", (*means, *lines)))
    caption = (
        "Gains over other chains in points: mean of the languages other than English, with its 95 % interval, English beside it, "
        "and each seed"
    )
    leaks = leak_words(any(gain.leak for gain in gains))
    return grouped(f"{caption}{partial_words(findings)}.{leaks}", GAIN_LINE, groups, (3, 4, 5, 6, 7))


def _average_line(average: Average) -> Line:
    interval = average.interval
    id = compared_id(average)
    return (
        average.chain,
        f"mean of {fmt.count(len(average.targets), 'target')}",
        fmt.mean_of(average.others),
        Number(fmt.points(interval.estimate), id),
        Number(fmt.bracket(interval.low, interval.high), id),
        "",
        ", ".join(fmt.points(seed) for seed in average.seeds),
        fmt.p_value(average.p_holm),
        average.verdict,
        average.group if average.group != ALL else "",
    )


def control_tables(findings: Findings) -> tuple[tuple[str, str, Table], ...]:
    """The comparisons with controls, if there are any: title, what they are, table."""
    found = []
    if gains := findings.against_placebo():
        text = (
            "A placebo chain trains on the same data with shuffled labels. What a chain gains over it belongs to the task; what "
            "both gain over no chain does not."
        )
        caption = "Gains over the placebo of the same tasks, in points."
        found.append(("What belongs to the task", text, gains_table(gains, findings, caption)))
    if gains := findings.against_compute():
        text = (
            "A compute-matched control has no chain: the target is trained longer instead, by as many real tokens as the chain "
            "saw. What a chain gains over it, longer training does not give. Where a chain trains on the target's own data, "
            "this is the fair comparison."
        )
        caption = "Gains over the compute-matched control of the same chain, in points."
        found.append(("What longer training would give", text, gains_table(gains, findings, caption)))
    return tuple(found)
