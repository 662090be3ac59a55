"""One claim against some papers, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xstilts.documents.claim import StatedClaim
from xstilts.documents.paper import Paper
from xstilts.documents.reviewers import Reviewer, WordsReviewer
from xstilts.documents.search import Corpus, Embed
from xstilts.documents.verify import ClaimVerdict, conclude, decide, make_case

FOUND = 20  # passages that are looked at


def check_claim(
    claim: StatedClaim,
    papers: Sequence[Paper],
    reviewers: Callable[[Corpus], Sequence[Reviewer]] = lambda corpus: (),
    embed: Embed | None = None,
) -> ClaimVerdict:
    """The verdict on a claim over the papers that the search finds; over the first ones if it finds none, so that the
    verdict says that they do not bear on it."""
    corpus = Corpus(papers, embed=embed)
    found = {passage.paper.id: passage.paper for passage, _ in corpus.rank(claim.text, FOUND)}
    cases = [make_case(claim, one, corpus.weights) for one in (found.values() or corpus.papers[:FOUND])]
    votes = [reviewer.review(cases) for reviewer in (WordsReviewer(), *reviewers(corpus))]
    return conclude(claim, [decide(case, some) for case, some in zip(cases, zip(*votes, strict=True), strict=True)])
