"""Gains by group, the gap between English and the other languages, and the best chain of a target, as tables."""

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import BY_SIZE, OVERALL, Part
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, best_id, gap_id, part_id, write_gain
from xstilts.report.tables.table import Table, make_grouped_table, make_table

MOST_INTERVALS = 4  # with more chains than this a line has no room for their intervals
CLEAR = "*"


def parts_table(findings: Findings) -> Table | None:
    """Groups by chain, with the size of each group: the largest, if some pairs are not counted."""
    parts = findings.decomposition.parts
    if not parts:
        return None
    chains = tuple(dict.fromkeys(part.chain for part in parts))
    brief = len(chains) > MOST_INTERVALS
    groups = []
    uneven = False
    for encoder, axis in dict.fromkeys((part.encoder, part.axis) for part in parts):
        own = {(part.group, part.chain): part for part in parts if (part.encoder, part.axis) == (encoder, axis)}
        lines = []
        for group in dict.fromkeys(group for group, _ in own):
            row = [own.get((group, chain)) for chain in chains]
            found = [part for part in row if part is not None]
            targets, languages = max(len(part.targets) for part in found), max(len(part.languages) for part in found)
            uneven |= len({part.targets for part in found}) > 1
            lines.append((group, str(targets), str(languages), *(_text(part, brief) for part in row)))
        groups.append((findings.label(axis, encoder) if axis != OVERALL or findings.several_encoders else "", tuple(lines)))
    caption = "Mean gain in points over no chain: mean over languages, then over targets, then over seeds"
    stars = f" {CLEAR} the 95 % interval (in parts.csv) excludes zero." if any(len(part.seeds) > 1 for part in parts) else ""
    caption += f".{stars}" if brief else ", with its 95 % interval."
    if BY_SIZE in findings.decomposition.axes():
        caption += (
            " Pre-training text: the size of the language in CC-100, which XLM-R was trained on. Other encoders were trained on "
            "other text."
        )
    if uneven:
        caption += " Pairs that the answer does not count are left out, so some chains have fewer targets than the table gives."
    return make_grouped_table(caption, ("group", "targets", "languages", *chains), groups, range(1, 3 + len(chains)))


def _text(part: Part | None, brief: bool) -> str:
    if part is None:
        return fmt.NOTHING
    interval = part.interval
    if brief:
        clear = CLEAR if len(part.seeds) > 1 and (interval.low > 0 or interval.high < 0) else ""
        return Number(fmt.points(interval.estimate) + clear, part_id(part))
    return Number(write_gain(interval), part_id(part))


def gaps_table(findings: Findings) -> Table | None:
    """English minus the other languages, without and with each chain."""
    rows = [
        (
            findings.label(gap.chain, gap.encoder),
            str(len(gap.targets)),
            Number(fmt.score(gap.without), gap_id(gap, "without")),
            Number(fmt.score(gap.with_chain), gap_id(gap, "with")),
            Number(fmt.points(gap.with_chain - gap.without), gap_id(gap, "change")),
            ", ".join(fmt.points(change) for change in gap.seeds),
        )
        for gap in findings.decomposition.gaps
    ]
    caption = (
        "Transfer gap: the score in English minus the mean of the other languages, in points, mean over the targets that have "
        "both. A chain can close the gap by raising the other languages or by lowering English."
    )
    columns = ("chain", "targets", "without a chain", "with it", "change", "change by seed")
    return make_table(caption, columns, rows, range(1, 6))


def best_table(findings: Findings) -> Table | None:
    """The best chain of each target: the largest gain, and the gain of a chain chosen on other data."""
    rows = []
    for best in findings.best:
        total = sum(best.chosen.values())
        picked = ", ".join(f"{chain} {number} of {total}" for chain, number in sorted(best.chosen.items(), key=lambda x: -x[1]))
        rows.append(
            (
                findings.label(best.target, best.encoder),
                best.best,
                Number(fmt.chance(best.probability), best_id(best, "probability")),
                Number(write_gain(best.plain), best_id(best, "plain")),
                Number(write_gain(best.nested), best_id(best, "nested")) if best.nested else "cannot be split",
                picked or fmt.NOTHING,
            )
        )
    caption = (
        "Best chain of each target, in points over no chain. The largest gain is chosen on the scores that it is reported on, "
        "so it is too high. P(best): the probability that this chain is the best if seeds and examples were drawn again. It "
        "belongs to the winner: of two equal chains one has 95 % or more in about one study of ten. "
        "Held-out gain: the chain is chosen on other seeds, languages and examples than its gain is measured on."
    )
    columns = ("target", "best chain", "P(best)", "largest gain", "held-out gain", "chosen in splits")
    return make_table(caption, columns, rows, (2, 3, 4))


def describe_best(findings: Findings) -> str:
    """What choosing the best chain for each target gains, measured both ways; "" for fewer than two targets."""
    both = [best for best in findings.best if best.nested is not None]
    if len(both) < 2:
        return ""
    largest = float(np.mean([best.plain.estimate for best in both]))
    held_out = float(np.mean([best.nested.estimate for best in both if best.nested is not None]))
    return (
        f"If the best chain of each target is chosen on the scores it is reported on, its gain is {fmt.points(largest)} points, "
        f"mean over {len(both)} targets. If it is chosen on other seeds, languages and examples, its gain is "
        f"{fmt.points(held_out)}. Quote the second number."
    )
