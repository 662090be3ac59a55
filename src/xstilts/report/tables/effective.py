"""Effective robustness as a table."""

from xstilts.analysis import formatting as fmt
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, residual_id, write_residual
from xstilts.report.tables.table import Line, Table, group_by_encoder, make_grouped_table


def residuals_table(findings: Findings) -> Table | None:
    """Effective robustness; None where no line could be drawn."""
    rows = []
    for one in findings.residuals:
        over = (
            Number(write_residual(one.over_none, one.over_interval), residual_id(one, "over-none"))
            if one.over_none is not None
            else ""
        )
        line: Line = (
            one.chain,
            one.line.target,
            one.line.condition,
            fmt.score(one.expected),
            fmt.score(one.attacked),
            Number(write_residual(one.mean, one.interval), residual_id(one, "residual")),
            over,
            one.verdict,
            f"{one.line.slope:.2f}",
            str(one.line.points),
        )
        rows.append((one.encoder, line))
    columns = ("chain", "target", "condition", "expected", "attacked", "residual", "over no chain", "verdict", "slope", "points")
    caption = (
        "Effective robustness (Taori et al. 2020): a line in log-odds through the clean and attacked scores of all checkpoints "
        "with no chain (every encoder, seed and language: points) gives the attacked score that a clean score lets expect. "
        "Residual: how far a chain lies above the line, in log-odds, mean over the languages other than English. Over no "
        "chain: the same less the residual of no chain, seed by seed. The 95 % intervals are over seeds alone, from three on, "
        "take the line as known, and are not corrected for their number."
    )
    return make_grouped_table(caption, columns, group_by_encoder(findings, rows), (3, 4, 5, 6, 8, 9)) if rows else None


def list_unfitted(findings: Findings) -> list[str]:
    """Why there is no line of effective robustness, where there is none."""
    return [f"No line for {line.target} under {line.condition}: {line.missing}." for line in findings.lines if line.missing]
