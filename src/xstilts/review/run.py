"""Question -> review: read the sources, keep what bears on the question, list claims, verify each, join it with runs.

Each step is counted, so that the report can say how many records there were and what became of them. What models said is kept
(`reviewers.py`), so a review that was interrupted or run again asks them nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from xstilts.claims import Claim, ClaimResult, built_in_claims, read_claims
from xstilts.documents.claim import StatedClaim, read_claim
from xstilts.documents.extract import extract_claims
from xstilts.documents.folder import read_file, read_folder
from xstilts.documents.merge import Merged, merge
from xstilts.documents.paper import Found, Paper
from xstilts.documents.reviewers import Reviewer, WordsReviewer
from xstilts.documents.search import Corpus, Embed
from xstilts.documents.services import Service
from xstilts.documents.verify import Case, ClaimVerdict, Verdict, conclude, decide, is_named, make_case
from xstilts.errors import InputError
from xstilts.review.agreement import measure_alpha
from xstilts.review.overrides import Override
from xstilts.review.question import BUILT_IN, Question

Say = Callable[[str], None]
BY_ID = "by id"  # the client that is asked for `ids`


@dataclass(frozen=True)
class Screened:
    """A paper and whether it is kept. `relevance`: the share of the question's words, by weight, in its best passage. `why`: one
    sentence."""

    paper: Paper
    relevance: float
    kept: bool
    why: str


@dataclass(frozen=True)
class Review:
    """`sources`: what each of them gave. `runs`: the run verdicts of the ledger's claims, by id. `alpha`: agreement of the
    reviewers over all cases (None where it has no meaning). `search`: how passages were found, in words. `date`: when it
    was made, ISO 8601."""

    question: Question
    date: str
    sources: tuple[Found, ...]
    merged: Merged
    screened: tuple[Screened, ...]
    claims: tuple[ClaimVerdict, ...]
    reviewers: tuple[str, ...]
    uncalibrated: tuple[str, ...]
    alpha: float | None
    search: str = "words (BM25)"
    runs: Mapping[str, ClaimResult] = field(default_factory=dict)
    decisions: tuple[Override, ...] = ()

    @property
    def kept(self) -> tuple[Screened, ...]:
        return tuple(one for one in self.screened if one.kept)

    def count(self) -> dict[Verdict, int]:
        """How many claims have each verdict."""
        found: dict[Verdict, int] = {}
        for one in self.claims:
            found[one.verdict] = found.get(one.verdict, 0) + 1
        return found


def run_review(
    question: Question,
    base: Path,
    date: str = "",
    *,
    services: Mapping[str, Service] | None = None,
    reviewers: Callable[[Corpus], Sequence[Reviewer]] = lambda corpus: (),
    embed: Embed | None = None,
    judge_runs: Callable[[Sequence[Claim]], Sequence[ClaimResult]] | None = None,
    decisions: Sequence[Override] = (),
    papers: Sequence[Path] = (),
    say: Say = lambda text: None,
) -> Review:
    """The review of a question. `base`: the folder of its file. `date`: ISO 8601, today if it is empty. `services`: clients by
    name, and that for papers by id under BY_ID; a service without a client is not asked. `reviewers`: beside the words reviewer.
    `judge_runs`: verdicts from runs. `papers`: folders and files beside those of the question. Raises InputError."""
    sources = _gather(question, base, services or {}, papers, say)
    merged = merge([paper for found in sources for paper in found.papers])
    if not merged.papers:
        raise InputError(f"question {question.name}: no paper could be read from {_list_sources(question, papers)}")
    say(f"indexing {len(merged.papers):,} papers")
    corpus = Corpus(merged.papers, embed=embed)
    ledger = _read_ledger(question, base)
    given = [read_claim(c.id, c.text, language=c.language, cites=c.cites or question.about) for c in question.claims]
    given += [read_claim(c.id, c.text, cites=_cite(c) or question.about, ledger=c.id) for c in ledger]
    _check_ids(question, ledger)
    screened = _screen(question, corpus, given)
    kept = [one.paper for one in screened if one.kept]
    claims = [*given, *(claim for paper in kept for claim in extract_claims(paper, question.extract))]
    relevance = {one.paper.id: one.relevance for one in screened}
    cases = [_make_cases(question, claim, corpus, kept, relevance, say) for claim in claims]
    flat = [case for some in cases for case in some]
    asked = [WordsReviewer(), *reviewers(corpus)]
    votes = []
    for reviewer in asked:
        say(f"{reviewer.name}: judging {len(flat):,} pairs of a claim and a paper")
        votes.append(reviewer.review(flat))
    by_case = [tuple(given) for given in zip(*votes, strict=True)]
    verdicts = iter([decide(case, some) for case, some in zip(flat, by_case, strict=True)])
    found = tuple(conclude(claim, [next(verdicts) for _ in some]) for claim, some in zip(claims, cases, strict=True))
    judged = [claim for claim in ledger if claim.kind != "property"]
    runs = {row.id: row for row in judge_runs(judged)} if judge_runs and judged else {}
    names = tuple(reviewer.name for reviewer in asked)
    raw = tuple(v.reviewer for v in (by_case[0] if by_case else ()) if not v.calibrated)
    alpha = measure_alpha([[vote.verdict for vote in some if vote.score is not None] for some in by_case])
    search = "words (BM25)" + (", and by meaning (last block, mean over tokens, centred), fused by rank" if embed else "")
    return Review(
        question,
        date or datetime.now().date().isoformat(),
        tuple(sources),
        merged,
        screened,
        found,
        names,
        raw,
        alpha,
        search,
        runs,
        tuple(decisions),
    )


def _list_sources(question: Question, papers: Sequence[Path]) -> str:
    named = [*map(str, papers), *question.papers, *question.ids, *(f"{one.service}: {one.query}" for one in question.search)]
    return ", ".join(named) or "any source, since the question names none; give `papers: folder`, or --in FOLDER"


def _gather(question: Question, base: Path, services: Mapping[str, Service], papers: Sequence[Path], say: Say) -> list[Found]:
    found = []
    for path in (*(base / Path(name).expanduser() for name in question.papers), *papers):
        say(f"reading {path}")
        if not path.exists():
            raise InputError(f"{path}: no such file or folder of papers")
        found.append(read_folder(path) if path.is_dir() else read_file(path))
    if question.ids and BY_ID in services:
        say(f"asking arXiv for {len(question.ids)} papers")
        found.append(_ask("arXiv", ", ".join(question.ids), lambda: services[BY_ID].by_id(question.ids)))
    for one in question.search:
        if one.service in services:
            say(f"asking {one.service}: {one.query}")
            query = partial(services[one.service].search, one.query, one.limit, one.since, one.until)
            found.append(_ask(one.service, one.query, query))
    return found


def _ask(service: str, asked: str, query: Callable[[], Found]) -> Found:
    """What a service gave. One that cannot be asked is named and counted as a record that could not be read; the others go on."""
    try:
        return query()
    except InputError as error:
        return Found(service, asked, datetime.now(UTC).isoformat(timespec="seconds"), 1, (), (str(error),))


def _read_ledger(question: Question, base: Path) -> tuple[Claim, ...]:
    if not question.ledger:
        return ()
    return built_in_claims() if question.ledger == BUILT_IN else read_claims(base / Path(question.ledger).expanduser())


def _check_ids(question: Question, ledger: Sequence[Claim]) -> None:
    """A decision names a claim by its id, so no two may share one."""
    both = {claim.id for claim in question.claims} & {claim.id for claim in ledger}
    if both:
        raise InputError(
            f"question {question.name}: its claim '{min(both)}' has the id of a claim of the ledger; give it another"
        )


def _cite(claim: Claim) -> tuple[str, ...]:
    """The paper that a claim of the ledger is of: the version where it has a number, else the work in any version."""
    source = claim.source
    if not source.arxiv:
        return ()
    return (f"arxiv:{source.arxiv}{source.version if source.version.startswith('v') else ''}",)


def _screen(question: Question, corpus: Corpus, claims: Sequence[StatedClaim]) -> tuple[Screened, ...]:
    """Each paper with its relevance: kept if it bears on the question, or if a claim cites it."""
    screened = []
    for paper, relevance in corpus.rank_papers(question.question):
        cited = [claim.id for claim in claims if any(is_named(paper, name) for name in claim.cites)]
        share = f"its nearest passage has {relevance:.0%} of the question's words, by weight"
        if relevance >= question.relevant:
            screened.append(Screened(paper, relevance, True, share))
        elif cited:
            screened.append(Screened(paper, relevance, True, f"cited for {_shorten(cited)}; {share}"))
        else:
            screened.append(Screened(paper, relevance, False, share))
    return tuple(screened)


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _make_cases(
    question: Question,
    claim: StatedClaim,
    corpus: Corpus,
    kept: Sequence[Paper],
    relevance: Mapping[str, float],
    say: Say,
) -> list[Case]:
    """The claim beside each paper that it cites and each kept paper that the search finds, never beside its own source."""
    say(f"checking: {claim.text[:80]}")
    names = {paper.id for paper in kept}
    found = {passage.paper.id: passage.paper for passage, _ in corpus.rank(claim.text, question.retrieved)}
    cited = {paper.id: paper for paper in corpus.papers if any(is_named(paper, name) for name in claim.cites)}
    own = claim.origin and {paper.work for paper in corpus.papers if paper.id == claim.origin}
    return [
        make_case(claim, paper, corpus.weights, relevance=relevance[paper.id])
        for paper in {**cited, **found}.values()
        if (paper.id in names or paper.id in cited) and not (own and paper.work in own)
    ]
