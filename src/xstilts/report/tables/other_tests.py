"""The gains under other tests, as a table for the end of a report, with a paragraph that says how to read it."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.other_tests import ALPHA, ORDER_SEEDS, ORDERED, OtherTests, describe_checkpoints
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, gain_id
from xstilts.report.tables.gains import list_remarks
from xstilts.report.tables.table import Table, group_by_encoder, make_grouped_table

TITLE = "Gains under other tests"


def describe_other_tests(findings: Findings) -> str:
    """What each test measures, and how many rows disagree with the main verdict."""
    disagree = sum(bool(one.disagree) for one in findings.tests)
    found = f"{disagree} of {fmt.count(len(findings.tests), 'gain')}" if disagree else "none"
    return (
        "The verdict rests on the main interval (over seeds and examples) and on its p value after Holm's correction. The "
        "correction of Benjamini and Hochberg (BH) is weaker: it limits the share of false gains among the gains found. Sign "
        "flips test the spread over seeds. The checkpoint test compares the two models of one seed on the same examples. "
        "Superiority and stochastic order compare the runs of both sides. "
        f"Rows in which another test disagrees with the main verdict: {found}."
    )


def other_tests_table(findings: Findings) -> Table | None:
    """A row for each gain; None where nothing was tested."""
    groups = group_by_encoder(findings, ((one.gain.encoder, _line(one)) for one in findings.tests))
    columns = (
        "chain", "target", "verdict", "gain", "p", "Holm", "BH", "sign flips", "checkpoints", "languages", "superiority", "order",
        "disagree",
    )  # fmt: skip
    return make_grouped_table(_caption(findings), columns, groups, range(3, 12)) if groups else None


def _caption(findings: Findings) -> str:
    tests = findings.tests
    parts = ["Gains over no chain in points; p value of the main interval, uncorrected and corrected (Holm, BH)"]
    seeds = sorted({one.least_sign for one in tests if one.least_sign is not None}, reverse=True)
    if seeds:
        least = fmt.listed(fmt.p_value(p) for p in seeds)
        parts.append(f"Sign flips over seeds: with so few seeds, the smallest possible p is {least}")
    exact = [check.exact for one in tests for check in one.checkpoints]
    test = "McNemar's exact test" if all(exact) else "approximate randomisation"
    if any(exact) and not all(exact):
        test = "McNemar's exact test, or approximate randomisation where it does not apply"
    each = "p value" if all(len(one.checkpoints) == 1 for one in tests) else f"number of seeds with p of at most {ALPHA:g}"
    parts.append(f"Checkpoints ({test}): {each}")
    if any(check.better is not None for one in tests for check in one.checkpoints):
        parts[-1] += "; over all seeds, (answers that only the chain gets right : answers that only its control gets right)"
    if any(one.languages is not None for one in tests):
        parts.append("Languages: at least this many languages show the gain or loss (partial conjunction test)")
    if any(one.superiority is not None for one in tests):
        parts.append("Superiority: the probability that a run with the chain scores above a run without it; ties count half")
    if any(one.order is not None for one in tests):
        parts.append(
            "Order: upper bound of the violation of stochastic order, which holds if the runs with the chain lie above those "
            f"without it (for a loss: below) at every quantile; below {ORDERED:g} the order almost holds. It measures the spread "
            "over seeds only, not the noise of the examples"
        )
    else:
        parts.append(
            f"Almost stochastic order needs {ORDER_SEEDS} seeds: with three, it finds a difference in one of ten equal pairs"
        )
    return ". ".join(parts) + "."


def _line(one: OtherTests) -> tuple[str, ...]:
    gain, interval = one.gain, one.gain.interval
    assert interval is not None  # else nothing was tested
    loss = interval.estimate < 0
    order = one.reverse if loss else one.order
    many = sum(row.language != "en" for row in gain.languages)
    return (
        gain.chain,
        gain.target,
        ", ".join(dict.fromkeys([gain.verdict, *list_remarks(gain)])),
        Number(fmt.points(interval.estimate), gain_id(gain)),
        fmt.p_value(interval.p),
        fmt.p_value(gain.p_holm),
        fmt.p_value(one.p_bh),
        "" if one.p_sign is None else fmt.p_value(one.p_sign),
        describe_checkpoints(one.checkpoints),
        f"{len(one.languages)} of {many}" if one.languages is not None else "",
        "" if one.superiority is None else f"{one.superiority:.2f}",
        "" if order is None else f"{order:.2f}",
        "; ".join(one.disagree),
    )
