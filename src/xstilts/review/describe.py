"""A review in words and plain values: what the page, the terminal and the JSON all say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xstilts.claims import ClaimResult
from xstilts.documents.claim import StatedClaim
from xstilts.documents.paper import Paper
from xstilts.documents.verify import READ, VERDICTS, ClaimVerdict, PaperVerdict, Verdict, Vote
from xstilts.report.references import Reference
from xstilts.review.agreement import list_disagreements
from xstilts.review.overrides import latest
from xstilts.review.run import Review

ENOUGH = 0.667  # Krippendorff's least alpha for tentative conclusions
OPPOSITE = {("supported", "refuted"), ("contradicted", "supported")}


def answer(review: Review) -> str:
    """The review in one sentence."""
    counts = review.count()
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    full = sum(one.paper.extent == "full text" for one in review.kept)
    papers = f"{len(review.kept)} papers ({full} read in full)"
    return f"Of {len(review.claims)} claims, documents leave {said}. They were checked against {papers}."


def list_flow(review: Review) -> list[tuple[str, int, str]]:
    """The steps from records to papers, as PRISMA counts them: step, count, what it means."""
    records = sum(found.total for found in review.sources)
    refused = records - sum(len(found.papers) for found in review.sources)
    left_out = len(review.screened) - len(review.kept)
    full = sum(one.paper.extent == "full text" for one in review.kept)
    return [
        ("records found", records, f"from {len(review.sources)} sources"),
        ("not readable", refused, "each with its reason, under Search protocol"),
        ("duplicates", len(review.merged.duplicates), "the same version of the same paper, from another record"),
        ("papers screened", len(review.screened), "by the question's words in their passages"),
        ("left out", left_out, f"fewer than {review.question.relevant:.0%} of the question's words, by weight"),
        ("papers kept", len(review.kept), f"{full} in full, {len(review.kept) - full} by abstract or title"),
    ]


def list_fields(claim: StatedClaim) -> list[tuple[str, str]]:
    """The fields of the ledger's record, as far as the text gives them; "" where it does not."""
    return [
        ("treatment", ", ".join(claim.treatment)),
        ("control", claim.control),
        ("metric", claim.metric),
        ("direction", {"+": "up", "-": "down", "0": "none"}.get(claim.direction, "")),
        ("magnitude", ", ".join(f"{value:g}" for value in claim.magnitude)),
        ("encoder", claim.model),
        ("targets", ", ".join(claim.targets)),
        ("languages", ", ".join(claim.languages)),
        ("split", claim.split),
    ]


def describe_runs(claim: StatedClaim, review: Review) -> str:
    """The run verdict of a claim; "" if no run can test it."""
    row = review.runs.get(claim.ledger)
    return row.verdict if row else ""


def compare_with_runs(one: ClaimVerdict, review: Review) -> str:
    """Where documents and runs disagree, and why that may be; "" where they do not."""
    row = review.runs.get(one.claim.ledger)
    if row is None or (one.verdict, row.outcome) not in OPPOSITE:
        return ""
    return f"Documents say {one.verdict}, runs say {row.verdict}. {_explain_difference(row)}"


def _explain_difference(row: ClaimResult) -> str:
    notes = [f"The claim is from {row.source}.", f"The runs are of {row.population}." if row.population else ""]
    notes += [f"They are a proxy: {row.details[0]}" if "(proxy)" in row.verdict and row.details else ""]
    return " ".join(note for note in notes if note)


def list_checks(review: Review) -> list[tuple[bool, str, str]]:
    """A checklist in place of a grade: whether it holds, what, and the reason."""
    kept = review.kept
    full = sum(one.paper.extent == "full text" for one in kept)
    versions = sum(bool(one.paper.version) for one in kept)
    refused = [sentence for found in review.sources for sentence in found.refused]
    own = sum(bool(claim.claim.origin) for claim in review.claims)
    decided = {one.claim for one in review.decisions}
    agreed = review.alpha is not None and review.alpha >= ENOUGH
    return [
        (len(review.sources) > 1, "more than one source was searched", f"{len(review.sources)}"),
        (not refused, "every record could be read", f"{len(refused)} could not" if refused else "all"),
        (full == len(kept) > 0, "papers were read in full", f"{full} of {len(kept)}"),
        (versions == len(kept) > 0, "versions are known", f"of {versions} of {len(kept)} papers"),
        (
            not review.uncalibrated,
            "reviewers are calibrated on labelled claims",
            f"not {', '.join(review.uncalibrated)}" if review.uncalibrated else ", ".join(review.reviewers),
        ),
        (
            agreed,
            f"reviewers agree (Krippendorff's alpha of {ENOUGH} or more)",
            "one reviewer" if len(review.reviewers) < 2 else "not defined" if review.alpha is None else f"{review.alpha:.2f}",
        ),
        (
            bool(review.runs),
            "runs were asked too",
            f"about {len(review.runs)} claims" if review.runs else "no study was named, or no claim of the ledger",
        ),
        (True, "no claim is its own source", f"{own} claims were taken from papers and checked against others"),
        (
            bool(decided),
            "a person has looked at verdicts",
            f"{len(decided)} decided" if decided else "none: xstilts review QUESTION --decide CLAIM=VERDICT --by NAME --why TEXT",
        ),
    ]


def list_limits(review: Review) -> list[str]:
    """What a reader must know."""
    abstracts = sum(one.paper.extent != "full text" for one in review.kept)
    known = [
        f"Of {abstracts} papers only the abstract or title was read: what it does not say may stand in the paper."
        if abstracts
        else "",
        f"A model reads the {READ} passages of a paper that share most words with the claim, of each at most 512 tokens."
        if len(review.reviewers) > 1
        else "",
        "Words and numbers are compared by rule, in English. A paraphrase that shares few words is missed.",
        "The words reviewer's chances were calibrated on claims of Wikipedia, not of papers, so on papers they are estimates.",
        "Papers say what their authors report. That documents support a claim does not make it true; runs test it.",
    ]
    if review.uncalibrated:
        known.append(f"Not calibrated, so its scores are not chances: {', '.join(review.uncalibrated)}.")
    return [one for one in known if one]


def make_reference(paper: Paper) -> Reference:
    """A paper as a reference, for the list and BibTeX."""
    arxiv = paper.work.removeprefix("arxiv:") if paper.work.startswith("arxiv:") else ""
    key = "".join(c if c.isalnum() else "-" for c in paper.id).strip("-").lower()
    authors = " and ".join(paper.authors)
    return Reference(
        key, "article" if arxiv else "inproceedings", authors, paper.title, str(paper.year or ""), paper.venue, "",
        arxiv + (paper.version if arxiv and paper.version.startswith("v") else ""), paper.url, "",
    )  # fmt: skip


def cited_papers(review: Review) -> list[Paper]:
    """The papers that some verdict rests on, by name: irrelevant ones are not among them."""
    found = {p.case.paper.id: p.case.paper for one in review.claims for p in one.papers if p.verdict != "irrelevant"}
    return [found[name] for name in sorted(found)]


def order_papers(one: ClaimVerdict) -> list[PaperVerdict]:
    """The papers of a claim: the deciding verdict first, then those that say something, the rest last."""
    order: list[Verdict] = [one.verdict, *VERDICTS]
    return sorted(one.papers, key=lambda paper: (order.index(paper.verdict), -paper.case.best, paper.case.paper.id))


def to_json(review: Review) -> dict[str, Any]:
    """All of a review as plain values."""
    return {
        "name": review.question.name,
        "question": review.question.question,
        "date": review.date,
        "answer": answer(review),
        "sources": [
            {"source": f.source, "asked": f.asked, "date": f.date, "records": f.total, "read": len(f.papers),
             "refused": list(f.refused)} for f in review.sources
        ],
        "flow": [{"step": step, "count": count, "what": what} for step, count, what in list_flow(review)],
        "papers": [
            {"id": one.paper.id, "title": one.paper.title, "year": one.paper.year, "read": one.paper.extent,
             "relevance": round(one.relevance, 4), "kept": one.kept, "why": one.why, "notes": list(one.paper.notes)}
            for one in review.screened
        ],
        "claims": [_claim_json(one, review) for one in review.claims],
        "reviewers": list(review.reviewers),
        "alpha": review.alpha,
        "disagreements": [
            {"claim": one.case.claim.id, "paper": one.case.paper.id, "votes": {v.reviewer: v.verdict for v in one.votes}}
            for one in list_disagreements([paper for claim in review.claims for paper in claim.papers])
        ],
        "checklist": [{"holds": holds, "what": what, "reason": reason} for holds, what, reason in list_checks(review)],
        "limits": list_limits(review),
        "decisions": [one.model_dump(mode="json") for one in review.decisions],
    }  # fmt: skip


def _claim_json(one: ClaimVerdict, review: Review) -> dict[str, Any]:
    row = review.runs.get(one.claim.ledger)
    decision = latest(review.decisions, one.claim.id)
    return {
        "id": one.claim.id,
        "text": one.claim.text,
        "from": one.claim.origin,
        "place": one.claim.place,
        "cites": list(one.claim.cites),
        "fields": dict(list_fields(one.claim)),
        "documents": one.verdict,
        "on_cited": one.cited,
        "on_found": one.found,
        "reason": one.reason,
        "runs": row and row.verdict,
        "runs_reason": row and row.reason,
        "difference": compare_with_runs(one, review),
        "person": decision and decision.model_dump(mode="json"),
        "papers": [paper_to_json(paper) for paper in order_papers(one)],
    }


def paper_to_json(one: PaperVerdict) -> dict[str, Any]:
    """What one paper says of a claim, as plain values."""
    return {
        "paper": one.case.paper.id,
        "verdict": one.verdict,
        "reason": one.reason,
        "score": one.score,
        "coverage": round(one.case.best, 4),
        "place": one.passage.place if one.passage else "",
        "span": one.passage.text if one.passage else "",
        "numbers": [
            {"claimed": check.claimed.text, "agreement": check.agreement, "found": check.found and check.found.text,
             "sentence": check.sentence and check.sentence.text} for check in one.case.numbers
        ],
        "votes": [_vote_json(vote) for vote in one.votes],
    }  # fmt: skip


def _vote_json(vote: Vote) -> dict[str, Any]:
    place = vote.passage.place if vote.passage else ""
    return {"reviewer": vote.reviewer, "verdict": vote.verdict, "score": vote.score, "against": vote.against,
            "calibrated": vote.calibrated, "passage": place}  # fmt: skip


def count_truth(review: Review) -> tuple[int, int] | None:
    """How many claims whose verdict is known have it, of how many; None if none is known."""
    truth = {claim.id: claim.truth for claim in review.question.claims if claim.truth}
    right: Sequence[bool] = [one.verdict == truth[one.claim.id] for one in review.claims if one.claim.id in truth]
    return (sum(right), len(right)) if right else None
