"""Does a paper support a claim? Every step has its own answer, so that a reader can check it.

A claim and a paper make a `Case`: the paper's passages, best first, and what each of the claim's numbers finds. Reviewers
judge cases independently (`reviewers.py`); `decide` makes a verdict of the rules and of their votes:

1. irrelevant: no passage has enough of the claim's words (both in one language);
2. contradicted: a passage counts the same thing and has another number, or asserts what the claim denies;
3. unsupported: a number of the claim occurs in no sentence, and no table supports the claim (`tables.py`);
4. supported: all numbers of the claim are there, and one passage has most of its words;
5. otherwise the mean of the reviewers' calibrated scores: supported from 2/3, unsupported below 1/3, between them unchecked.

A claim is never its own source: the work that it was taken from, and every sentence with the same words, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from xstilts.documents.claim import StatedClaim
from xstilts.documents.numbers import POINTS, Agreement, Quantity, compare_quantity, list_numerals
from xstilts.documents.paper import Paper
from xstilts.documents.polarity import find_polarity, oppose
from xstilts.documents.sentences import Passage, Sentence, list_passages, list_sentences
from xstilts.documents.tables import TableCheck, check_table
from xstilts.documents.words import Weights, list_words

Verdict = Literal["supported", "contradicted", "unsupported", "irrelevant", "unchecked"]
VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "unchecked", "unsupported", "irrelevant")  # the order of precedence
RELEVANT = 0.3  # of the claim's words, by weight, in the best passage
CLEAR = 0.5  # from here on numbers that all agree support a claim
NEAR = (
    0.35  # a sentence on the same matter: from here on another number contradicts; of points, which measure much, from CLEAR on
)
CONFIDENT, DOUBTFUL = 2 / 3, 1 / 3
QUESTIONS = ("?", "؟", "？")  # a question asserts nothing
READ = 20  # passages of a paper that a model reads, best first


@dataclass(frozen=True)
class NumberCheck:
    """A quantity of the claim, and the one in the paper that agrees or differs, with its sentence."""

    claimed: Quantity
    agreement: Agreement
    found: Quantity | None = None
    sentence: Sentence | None = None


@dataclass(frozen=True)
class Case:
    """One claim and one paper. `passages`: best first by `coverage`, the share of the claim's words (by weight) in each.
    `covered`: the same for the whole paper. `numerals`: the share of what the claim writes in digits that the paper has (1 if
    the claim writes none). `opposed`: the sentence on the same matter that says the opposite. `relevance`: the share of the words
    of the question that the claim belongs to that the paper's best passage has, 0 without a question. `table`: the table that
    supports a claim whose numbers no sentence has."""

    claim: StatedClaim
    paper: Paper
    passages: tuple[Passage, ...]
    coverage: tuple[float, ...]
    covered: float
    numbers: tuple[NumberCheck, ...]
    numerals: float
    opposed: Sentence | None = None
    relevance: float = 0.0
    table: TableCheck | None = None

    @property
    def about(self) -> bool:
        """Whether the claim is about this paper, so that another number in it is no number of another study: the claim cites
        it, or cites nothing."""
        return not self.claim.cites or any(is_named(self.paper, name) for name in self.claim.cites)

    @property
    def same_language(self) -> bool:
        return self.claim.language == self.paper.language

    @property
    def best(self) -> float:
        return max(self.coverage, default=0.0)


@dataclass(frozen=True)
class Vote:
    """What a reviewer says of a case. `score`: its calibrated chance, 0-1, that the paper supports the claim, None if it cannot
    tell (words of two languages cannot be compared); `against`: the same
    for a contradiction, None if the reviewer cannot tell. `passage`: the one that decided. `calibrated`: whether `score` was
    calibrated on labelled claims."""

    reviewer: str
    verdict: Verdict
    score: float | None
    against: float | None = None
    passage: Passage | None = None
    calibrated: bool = True


def mean_score(votes: Sequence[Vote]) -> float | None:
    """The mean of the scores that reviewers could give; None if none could."""
    scores = [vote.score for vote in votes if vote.score is not None]
    return fmean(scores) if scores else None


@dataclass(frozen=True)
class PaperVerdict:
    case: Case
    verdict: Verdict
    reason: str
    votes: tuple[Vote, ...] = ()
    passage: Passage | None = None

    @property
    def score(self) -> float | None:
        return mean_score(self.votes)


@dataclass(frozen=True)
class ClaimVerdict:
    """`papers`: those that the claim cites, and those that were found; `cited`: the verdict on the cited ones alone (None if it
    cites none that was read), beside the one on the found ones."""

    claim: StatedClaim
    verdict: Verdict
    reason: str
    papers: tuple[PaperVerdict, ...]
    cited: Verdict | None = None
    found: Verdict | None = None


def is_named(paper: Paper, name: str) -> bool:
    """Whether a citation names this paper: its id with the version, or the work in any version."""
    return name in (paper.id, paper.work, *paper.same)


def make_case(claim: StatedClaim, paper: Paper, weights: Weights, size: int = 3, relevance: float = 0.0) -> Case:
    """What the rules find of a claim in a paper. `size`: sentences of a passage. `relevance`: see `Case`."""
    wanted = claim.words
    sentences = [one for one in list_sentences(paper) if not _repeats(claim, one)]
    measured = rank_passages(claim, paper, weights, size)
    text = " ".join(sentence.text for sentence in sentences)
    shares = {s.number: weights.measure_coverage(wanted, frozenset(list_words(s.text))) for s in sentences}
    written = list_numerals(claim.text)
    numbers = tuple(_check_number(claim, one, paper, sentences, shares) for one in claim.quantities)
    return Case(
        claim,
        paper,
        tuple(one for one, _ in measured),
        tuple(share for _, share in measured),
        weights.measure_coverage(wanted, frozenset(list_words(text))),
        numbers,
        len(written & list_numerals(text)) / len(written) if written else 1.0,
        _find_opposite(claim, sentences, shares) if claim.language == paper.language == "en" else None,
        relevance,
        _find_table(claim, paper) if any(one.agreement == "absent" for one in numbers) else None,
    )


def rank_passages(claim: StatedClaim, paper: Paper, weights: Weights, size: int = 3) -> list[tuple[Passage, float]]:
    """The passages of a paper with their shares of the claim's words, best first; none that has the claim's own sentence."""
    passages = [one for one in list_passages(paper, size) if not any(_repeats(claim, s) for s in one.sentences)]
    shares = [weights.measure_coverage(claim.words, frozenset(list_words(one.text))) for one in passages]
    return sorted(zip(passages, shares, strict=True), key=lambda pair: (-pair[1], pair[0].sentences[0].number))


def _repeats(claim: StatedClaim, sentence: Sentence) -> bool:
    """Whether a sentence is the claim itself, word for word, so that it is no evidence for a claim taken from a paper."""
    return bool(claim.origin) and list_words(sentence.text) == claim.words


def _check_number(
    claim: StatedClaim, claimed: Quantity, paper: Paper, sentences: Sequence[Sentence], shares: dict[int, float]
) -> NumberCheck:
    """What the paper says of a number: an agreeing one anywhere, else a differing one in a sentence on the same matter."""
    differs: NumberCheck | None = None
    for sentence in sorted(sentences, key=lambda one: (-shares[one.number], one.number)):
        agreement, found = compare_quantity(claimed, claim.text, sentence.text, paper.language, claim.language == paper.language)
        if agreement == "match":
            return NumberCheck(claimed, "match", found, sentence)
        near = CLEAR if claimed.unit == POINTS else NEAR
        if agreement == "differs" and differs is None and shares[sentence.number] >= near:
            differs = NumberCheck(claimed, "differs", found, sentence)
    return differs or NumberCheck(claimed, "absent")


def _find_table(claim: StatedClaim, paper: Paper) -> TableCheck | None:
    """The first table of a paper that supports a claim."""
    if claim.language != paper.language:
        return None
    checks = (check_table(claim, table) for table in paper.tables)
    return next((one for one in checks if one.verdict == "supported"), None)


def _find_opposite(claim: StatedClaim, sentences: Sequence[Sentence], shares: dict[int, float]) -> Sentence | None:
    """The sentence nearest to the claim, if it has most of its words and asserts what the claim denies, or the reverse."""
    stated = [one for one in sentences if not one.text.rstrip().endswith(QUESTIONS)]
    nearest = max(stated, key=lambda one: (shares[one.number], -one.number), default=None)
    if nearest is None or shares[nearest.number] < CONFIDENT or not (claim.polarity.direction or claim.polarity.denied):
        return None
    return nearest if oppose(claim.polarity, find_polarity(nearest.text)) else None


def decide(case: Case, votes: Sequence[Vote] = ()) -> PaperVerdict:
    """The verdict on one claim and one paper; the module says by which rules."""

    def give(verdict: Verdict, reason: str, sentence: Sentence | None = None) -> PaperVerdict:
        passage = Passage(case.paper, (sentence,)) if sentence else next(iter(case.passages), None)
        if verdict == "supported" and passage and case.same_language:
            reason += _say_hedges(case.claim, passage)
        return PaperVerdict(
            case, verdict, reason + (_say_extent(case.paper) if verdict == "unsupported" else ""), tuple(votes), passage
        )

    if not case.passages:
        return give("unchecked", "nothing of this paper could be read")
    if case.paper.withdrawn:
        return give("unchecked", "this paper was withdrawn")
    if case.same_language and max(case.best, case.relevance) < RELEVANT:
        return give("irrelevant", f"its nearest passage has {case.best:.0%} of the claim's words, by weight")
    checks = {kind: [one for one in case.numbers if one.agreement == kind] for kind in ("match", "differs", "absent")}
    if checks["differs"]:
        one = checks["differs"][0]
        assert one.found is not None
        if case.about:
            return give("contradicted", f"the claim says {one.claimed.text}, the paper {one.found.text}", one.sentence)
        return give("unsupported", f"it has {one.found.text} where the claim has {one.claimed.text}, and may be another study")
    if case.opposed is not None and case.about:
        return give("contradicted", "a sentence with most of the claim's words says the opposite", case.opposed)
    if checks["absent"] and case.table is not None:
        return give("supported", f"a table: {case.table.reason}")
    if checks["absent"]:
        return give("unsupported", f"not in it: {_join(one.claimed.text for one in checks['absent'])}")
    if checks["match"] and case.best >= CLEAR and case.same_language:
        said = _join(f"{one.claimed.text} ({one.found.text})" if one.found else "" for one in checks["match"])
        return give("supported", f"{said}: all numbers agree", checks["match"][0].sentence)
    return _count_votes(case, votes, give)


def _count_votes(case: Case, votes: Sequence[Vote], give: object) -> PaperVerdict:
    assert callable(give)
    score = mean_score(votes)
    if score is None:
        why = (
            "no reviewer was asked" if case.same_language else "it is in another language than the claim, and no model was asked"
        )
        verdict: PaperVerdict = give("unchecked", why)
        return verdict
    against = [vote.against for vote in votes if vote.against is not None]
    said = f"the reviewers' mean chance of support is {score:.2f}"
    if against and fmean(against) >= CONFIDENT > score:
        found: PaperVerdict = give("contradicted", f"{said}, of contradiction {fmean(against):.2f}")
    elif score >= CONFIDENT:
        found = give("supported", said)
    elif score < DOUBTFUL:
        missing = list_missing(case)
        found = give("unsupported", said + (f"; it never says {_join(missing)}" if missing else ""))
    else:
        found = give("unchecked", f"{said}: too near to even to say")
    return found


def list_missing(case: Case, count: int = 3) -> list[str]:
    """The first words of the claim, as written, that the paper never has; short ones say too little."""
    if not case.same_language:
        return []
    present = {word for one in case.passages for word in list_words(one.text)}
    words = (word.strip(".,;:!?()\"'’") for word in case.claim.text.split())
    return [word for word in words if len(word) > 3 and (found := list_words(word)) and not set(found) & present][:count]


def _say_hedges(claim: StatedClaim, passage: Passage) -> str:
    """The words that make a passage less certain than the claim."""
    hedges = [word for word in find_polarity(passage.text).hedges if word not in claim.polarity.hedges]
    return f" (there with {_join(repr(word) for word in hedges)})" if hedges else ""


def _say_extent(paper: Paper) -> str:
    return "" if paper.extent == "full text" else f" (only its {paper.extent} was read)"


def _join(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def conclude(claim: StatedClaim, papers: Sequence[PaperVerdict]) -> ClaimVerdict:
    """The verdict over the papers that the claim cites, or over all if none of these was read: the first of `VERDICTS` that one
    of them has. Papers that say otherwise are named."""
    named = [any(is_named(one.case.paper, name) for name in claim.cites) for one in papers]
    on_cited = [one for one, yes in zip(papers, named, strict=True) if yes]
    on_found = [one for one, yes in zip(papers, named, strict=True) if not yes]
    cited, found = _first(on_cited), _first(on_found)
    verdict = cited or found
    if verdict is None:
        return ClaimVerdict(claim, "unchecked", "no paper at hand bears on it", ())
    deciding = [one for one in on_cited or on_found if one.verdict == verdict]
    reason = f"{deciding[0].case.paper.id}: {deciding[0].reason}"
    if len(deciding) > 1:
        reason += f"; so in {len(deciding) - 1} more"
    others = [one.case.paper.id for one in papers if one.verdict == "contradicted" != verdict]
    if others:
        reason += f". Contradicted by {_join(others)}"
    return ClaimVerdict(claim, verdict, reason, tuple(papers), cited, found)


def _first(papers: Iterable[PaperVerdict]) -> Verdict | None:
    given = {one.verdict for one in papers}
    return next((verdict for verdict in VERDICTS if verdict in given), None)
