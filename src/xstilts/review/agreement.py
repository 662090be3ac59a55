"""How far reviewers agree beyond chance: Krippendorff's alpha for nominal verdicts.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": 1 is perfect agreement, 0 that of chance. He asks for 0.8, and
for 0.667 where tentative conclusions will do. (The library of that name is under the GPL, which this package is not.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from xstilts.documents.verify import PaperVerdict


def measure_alpha(rows: Sequence[Sequence[Hashable]]) -> float | None:
    """`rows`: the values that each case was given, by as many reviewers as judged it. None if no case has two values, or if all
    values are the same: then chance alone explains the agreement."""
    judged = [Counter(row) for row in rows if len(row) > 1]
    totals = sum(judged, Counter())
    n = totals.total()
    if len(totals) < 2:
        return None
    observed = sum(_count_unequal(row) / (row.total() - 1) for row in judged)
    return 1 - (n - 1) * observed / _count_unequal(totals)


def _count_unequal(counts: Counter[Hashable]) -> int:
    """How many ordered pairs of values are unequal."""
    total = counts.total()
    return total * total - sum(count * count for count in counts.values())


def list_disagreements(papers: Sequence[PaperVerdict]) -> list[PaperVerdict]:
    """The cases on which reviewers gave different verdicts, those with the most different verdicts first."""
    apart = [one for one in papers if len({vote.verdict for vote in one.votes}) > 1]
    return sorted(apart, key=lambda one: (-len({vote.verdict for vote in one.votes}), one.case.claim.id, one.case.paper.id))
