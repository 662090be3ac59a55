"""How far reviewers agree beyond chance: Krippendorff's alpha for nominal verdicts (Krippendorff 2011), by the library of that name.

1 is perfect agreement, 0 that of chance. Krippendorff asks for 0.8, and for 0.667 where tentative conclusions will do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from xstilts.documents.libraries import need
from xstilts.documents.verify import VERDICTS, PaperVerdict, Vote


def measure_alpha(rows: Sequence[Sequence[Vote]]) -> float | None:
    """`rows`: the votes on each case. None with fewer than two reviewers or cases, or if all votes are the same: then agreement is
    perfect, but chance explains it."""
    reviewers = sorted({vote.reviewer for votes in rows for vote in votes})
    table = [[_find(votes, name) for votes in rows] for name in reviewers]
    values = {value for line in table for value in line if not math.isnan(value)}
    if len(reviewers) < 2 or len(rows) < 2 or len(values) < 2:
        return None
    return float(need("krippendorff").alpha(reliability_data=table, level_of_measurement="nominal"))


def _find(votes: Sequence[Vote], name: str) -> float:
    return next((float(VERDICTS.index(vote.verdict)) for vote in votes if vote.reviewer == name), math.nan)


def list_disagreements(papers: Sequence[PaperVerdict]) -> list[PaperVerdict]:
    """The cases on which reviewers gave different verdicts, those with the most different verdicts first."""
    apart = [one for one in papers if len({vote.verdict for vote in one.votes}) > 1]
    return sorted(apart, key=lambda one: (-len({vote.verdict for vote in one.votes}), one.case.claim.id, one.case.paper.id))
