"""The same gains under other tests, as a table for the end of a report, and the sentence that says how to read it."""

from __future__ import annotations

from xstilts.analysis import formatting as fmt
from xstilts.analysis.other_tests import ALPHA, ORDER_SEEDS, ORDERED, OtherTests, checkpoint_words
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, gain_id
from xstilts.report.tables.content import Table, grouped, marks

TITLE = "The same gains under other tests"


def other_tests_sentence(findings: Findings) -> str:
    """What each test speaks about, and how many rows disagree."""
    disagree = sum(bool(one.disagree) for one in findings.tests)
    found = f"{disagree} of {fmt.count(len(findings.tests), 'gain')}" if disagree else "none"
    return (
        "The main interval, of other seeds and other examples, decides, with its p corrected by Holm; Benjamini and Hochberg "
        "allow some false gains among those found. Sign flips speak of other seeds, the test of two checkpoints of these very "
        "runs, one seed at a time; superiority and stochastic order compare the runs of both sides. "
        f"Rows in which another test says something else than the main verdict: {found}."
    )


def other_tests_table(findings: Findings) -> Table | None:
    """A row for each gain; None where nothing was tested."""
    if not findings.tests:
        return None
    several = len(findings.results.encoders) > 1
    groups = [
        (encoder if several else "", tuple(_line(one) for one in findings.tests if one.gain.encoder == encoder))
        for encoder in findings.results.encoders
    ]
    columns = (
        "chain", "target", "verdict", "gain", "p", "Holm", "BH", "sign flips", "checkpoints", "languages", "superiority", "order",
        "disagree",
    )  # fmt: skip
    return grouped(_caption(findings), columns, [group for group in groups if group[1]], range(3, 12))


def _caption(findings: Findings) -> str:
    tests = findings.tests
    parts = ["Gains over none in points; p of the main interval, as it is and corrected (Holm; BH: Benjamini and Hochberg)"]
    seeds = sorted({one.least_sign for one in tests if one.least_sign is not None}, reverse=True)
    if seeds:
        least = fmt.listed(fmt.p_value(p) for p in seeds)
        parts.append(f"Sign flips over seeds: so few seeds can give no less than {least}, whatever the gain")
    exact = [check.exact for one in tests for check in one.checkpoints]
    test = "McNemar's exact test" if all(exact) else "approximate randomisation"
    if any(exact) and not all(exact):
        test = "McNemar's exact test, or approximate randomisation where it does not apply"
    each = "p" if all(len(one.checkpoints) == 1 for one in tests) else f"in how many seeds p is at most {ALPHA:g}"
    parts.append(f"Checkpoints ({test}): {each}")
    if any(check.better is not None for one in tests for check in one.checkpoints):
        parts[-1] += ", and over all seeds how many answers are right with the chain only : without it only"
    if any(one.languages for one in tests):
        parts.append("Languages: in how many, at least, the gain or loss is there (partial conjunction)")
    if any(one.superiority is not None for one in tests):
        parts.append("Superiority: the chance that a run with the chain scores above one without, ties half")
    if any(one.order is not None for one in tests):
        parts.append(
            "Order: upper bound of how far the runs are from lying above (for a loss: below) those without the chain at every "
            f"quantile; almost so under {ORDERED:g}. It sees seeds only, not the noise of the examples that they share"
        )
    else:
        parts.append(f"Almost stochastic order needs {ORDER_SEEDS} seeds: with three it calls one in ten pairs of equals better")
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
        ", ".join(dict.fromkeys([gain.verdict, *marks(gain)])),
        Number(fmt.points(interval.estimate), gain_id(gain)),
        fmt.p_value(interval.p),
        fmt.p_value(gain.p_holm),
        fmt.p_value(one.p_bh),
        "" if one.p_sign is None else fmt.p_value(one.p_sign),
        checkpoint_words(one.checkpoints),
        f"{one.languages.count} of {many}" if one.languages else "",
        "" if one.superiority is None else f"{one.superiority:.2f}",
        "" if order is None else f"{order:.2f}",
        "; ".join(one.disagree),
    )
