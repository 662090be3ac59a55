"""Conditions of three kinds, each with a section of its own: attacks, ablations, and items that stand alone."""

from dataclasses import replace
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import ConditionInfo
from xstilts.analysis.robustness import OTHERS
from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, group_by_encoder, make_grouped_table

ConditionKind = Literal["attack", "ablation", "items"]
ITEMS = (
    "Small items with known answers, written from templates. They have nothing of the test data, so nothing is lost under them "
    "and no drop is compared: what counts is the share that a model gets right."
)
ITEMS_CAPTION = "The share of items answered rightly (an own score of at least a half), in percent, mean over seeds."


def _kind(one: ConditionInfo) -> ConditionKind:
    return "ablation" if one.goal == "ablation" else "items" if one.stands_alone else "attack"


def keep_conditions(findings: Findings, kind: ConditionKind) -> Findings:
    """The findings with conditions of one kind alone."""
    kinds = {one.name: _kind(one) for one in findings.results.conditions}

    def kept(name: str) -> bool:
        return kinds.get(name, "attack") == kind

    conditions = tuple(one for one in findings.results.conditions if kept(one.name))
    attacked = {name: cells for name, cells in findings.results.attacked.items() if kept(name)}
    return replace(
        findings,
        results=replace(findings.results, conditions=conditions, attacked=attacked),
        attacked=tuple(row for row in findings.attacked if kept(row.condition)),
        robustness=tuple(one for one in findings.robustness if kept(one.condition)),
        curves=tuple(one for one in findings.curves if all(map(kept, one.ladder.conditions))),
        lines=tuple(one for one in findings.lines if kept(one.condition)),
        residuals=tuple(one for one in findings.residuals if kept(one.line.condition)),
    )


def items_table(findings: Findings) -> Table | None:
    """The share right of each chain, target, condition and language, and how far it is from that of no chain."""
    shares = {(row.encoder, row.chain, row.target, row.condition, row.language): row.passed for row in findings.attacked}
    rows: list[tuple[str, Line]] = []
    for row in findings.attacked:
        language = "mean of the others" if row.language == OTHERS else findings.language(row.language)
        none = shares.get((row.encoder, NO_CHAIN, row.target, row.condition, row.language))
        compared = row.chain != NO_CHAIN and row.passed is not None and none is not None
        over = fmt.points(row.passed - none) if compared else ""  # type: ignore[operator]
        rows.append((row.encoder, (row.chain, row.target, row.condition, language, fmt.share(row.passed), over)))
    columns = ("chain", "target", "condition", "language", "right", "over no chain")
    return make_grouped_table(ITEMS_CAPTION, columns, group_by_encoder(findings, rows), range(4, 6)) if rows else None
