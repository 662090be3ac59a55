"""How much the gains differ between encoders, as a table."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.encoder_interaction import SCALES
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, contrast_id, write_gain
from xstilts.report.tables.table import Table, make_table


def contrast_table(findings: Findings) -> Table | None:
    """Differences between gains on three scales; None where there is none."""
    rows = []
    for one in findings.contrasts:
        points, headroom, logit = one.intervals
        texts = (
            write_gain(points),
            write_gain(headroom),
            f"{fmt.decimal(logit.estimate)} [{fmt.decimal(logit.low)},{fmt.JOIN}{fmt.decimal(logit.high)}]",
        )
        numbers = (Number(text, contrast_id(one, scale)) for text, scale in zip(texts, SCALES, strict=True))
        rows.append((f"{one.chain} → {one.target}", f"{one.encoder} minus {one.base}", *numbers, one.verdict))
    columns = ("pair", "encoders", "points", "% of headroom", "log-odds", "difference")
    caption = (
        "How much larger a gain is in one encoder than in the first encoder, with 95 % intervals: in points, in percent of the "
        "headroom (100 minus the score without the chain), and in log-odds. A difference is clear only if all three intervals "
        "exclude zero."
    )
    return make_table(caption, columns, rows, range(2, 5))
