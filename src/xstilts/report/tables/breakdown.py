"""Where the gains are, as tables: means by group, the gap between English and the other languages, the best chain of a target."""

from __future__ import annotations

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import BY_SIZE, OVERALL, Part
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, best_id, gap_id, part_id
from xstilts.report.tables.content import Table, grouped, plain

MOST_INTERVALS = 4  # with more chains than this a line has no room for their intervals
CLEAR = "*"


def parts_table(findings: Findings) -> Table | None:
    """Groups by chain, with the size of each group. Where chains differ in it (some pairs do not count) the largest stands."""
    parts = findings.decomposition.parts
    if not parts:
        return None
    chains = tuple(dict.fromkeys(part.chain for part in parts))
    brief = len(chains) > MOST_INTERVALS
    several = len(findings.results.encoders) > 1
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
        title = "" if axis == OVERALL else axis
        groups.append((f"{title or axis}, {encoder}" if several else title, tuple(lines)))
    caption = "Mean gain in points over no chain: mean over languages, then over targets, then over seeds"
    stars = f" {CLEAR} the 95 % interval (in parts.csv) excludes zero." if any(len(part.seeds) > 1 for part in parts) else ""
    caption += f".{stars}" if brief else ", with its 95 % interval."
    if BY_SIZE in findings.decomposition.axes():
        caption += (
            " Pre-training text: the size of the language in CC-100, what XLM-R was trained on; other encoders saw other text."
        )
    if uneven:
        caption += " Pairs that the answer does not count are left out, so some chains have fewer targets than stated."
    return grouped(caption, ("group", "targets", "languages", *chains), groups, range(1, 3 + len(chains)))


def _text(part: Part | None, brief: bool) -> str:
    if part is None:
        return fmt.NOTHING
    interval = part.interval
    if brief:
        clear = CLEAR if len(part.seeds) > 1 and (interval.low > 0 or interval.high < 0) else ""
        return Number(fmt.points(interval.estimate) + clear, part_id(part))
    return Number(f"{fmt.points(interval.estimate)} {fmt.bracket(interval.low, interval.high)}", part_id(part))


def gaps_table(findings: Findings) -> Table | None:
    """English less the other languages, without and with each chain."""
    gaps = findings.decomposition.gaps
    if not gaps:
        return None
    several = len(findings.results.encoders) > 1
    rows = [
        (
            f"{gap.chain}, {gap.encoder}" if several else gap.chain,
            str(len(gap.targets)),
            Number(fmt.score(gap.without), gap_id(gap, "without")),
            Number(fmt.score(gap.with_chain), gap_id(gap, "with")),
            Number(fmt.points(gap.with_chain - gap.without), gap_id(gap, "change")),
            ", ".join(fmt.points(change) for change in gap.seeds),
        )
        for gap in gaps
    ]
    caption = (
        "Transfer gap: English less the mean of the other languages, in points, mean over the targets that have both. A chain "
        "can close it by helping the others or by harming English."
    )
    columns = ("chain", "targets", "without a chain", "with it", "change", "change by seed")
    return plain(caption, columns, rows, range(1, 6))


def best_table(findings: Findings) -> Table | None:
    """The best chain of each target: as a plain maximum, and chosen on other languages and seeds than it is reported on."""
    if not findings.best:
        return None
    several = len(findings.results.encoders) > 1
    rows = []
    for best in findings.best:
        nested, plain_ = best.nested, best.plain
        total = sum(best.chosen.values())
        picked = ", ".join(f"{chain} {number} of {total}" for chain, number in sorted(best.chosen.items(), key=lambda x: -x[1]))
        rows.append(
            (
                f"{best.target}, {best.encoder}" if several else best.target,
                best.best,
                Number(fmt.chance(best.probability), best_id(best, "probability")),
                Number(f"{fmt.points(plain_.estimate)} {fmt.bracket(plain_.low, plain_.high)}", best_id(best, "plain")),
                Number(f"{fmt.points(nested.estimate)} {fmt.bracket(nested.low, nested.high)}", best_id(best, "nested"))
                if nested
                else "cannot be split",
                picked or fmt.NOTHING,
            )
        )
    caption = (
        "Best chain of each target, in points over no chain. The largest gain is chosen on the scores that it is reported on, "
        "so it flatters; P(best): the chance that this chain is the best when seeds and examples are drawn anew for all at once. "
        "The nested gain is chosen on the other half of the languages and of the seeds, where there are several."
    )
    columns = ("target", "largest", "P(best)", "its gain", "nested", "chosen")
    return plain(caption, columns, rows, (2, 3, 4))


def best_sentence(findings: Findings) -> str:
    """What choosing the best chain for each target brings, flattering and not."""
    both = [best for best in findings.best if best.nested is not None]
    if len(both) < 2:
        return ""
    flattering = float(np.mean([best.plain.estimate for best in both]))
    nested = float(np.mean([best.nested.estimate for best in both if best.nested is not None]))
    return (
        f"Taking the best chain for each target gives {fmt.points(flattering)} points on average over {len(both)} targets when "
        f"it is chosen on the scores themselves, and {fmt.points(nested)} when it is chosen on other languages and seeds: the "
        "second is the number to quote."
    )
