"""A review of the invented papers, whose truth is known, and what becomes of sources that fail."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.documents.papers import FILLER, make_paper

from xstilts.claims import Claim, ClaimResult
from xstilts.claims.artefact_sets import build_results
from xstilts.claims.ledger import judge_claim
from xstilts.claims.record import ArtefactSet
from xstilts.documents.paper import Found
from xstilts.documents.reviewers import NliReviewer
from xstilts.errors import InputError
from xstilts.review import Review, load_question, run_review
from xstilts.review.agreement import list_disagreements
from xstilts.review.describe import cited_papers, compare_with_runs, count_truth, list_checks, list_flow, to_json
from xstilts.review.page import render_csv, render_page, write_review
from xstilts.review.question import Question

for module in ("sentencex", "bm25s", "snowballstemmer"):
    pytest.importorskip(module, reason="the extra `review` is not installed")
DATE = "2031-01-01"


@pytest.fixture(scope="module")
def world() -> Review:
    question, base = load_question("world")
    return run_review(question, base, DATE)


def test_documents_say_of_the_invented_papers_what_is_true(world: Review) -> None:
    truth = {claim.id: claim.truth for claim in world.question.claims}
    wrong = {one.claim.id: one.verdict for one in world.claims if truth.get(one.claim.id) not in (None, one.verdict)}
    assert wrong == {"robustness": "unchecked"}  # a paper on another robustness is too near for a rule of words
    assert count_truth(world) == (13, 14)


def test_versions_disagree_and_are_named(world: Review) -> None:
    found = {one.claim.id: one for one in world.claims}
    assert found["five-tasks"].papers[0].case.paper.id == "world.jsonl#tide v1"
    assert "seven intermediate tasks" in found["five-tasks-in-v2"].reason
    assert found["withdrawn"].reason.endswith("withdrawn")


def test_every_record_is_counted(world: Review) -> None:
    flow = {step: count for step, count, _ in list_flow(world)}
    assert flow["records found"] == flow["not readable"] + flow["duplicates"] + flow["papers screened"] == 12
    assert flow["papers screened"] == flow["left out"] + flow["papers kept"]
    assert {one.paper.work.partition("#")[2] for one in world.screened if not one.kept} == {"harvest", "orchard"}


def test_the_page_has_the_evidence_and_loads_nothing(world: Review, tmp_path: Path) -> None:
    page = write_review(world, tmp_path / "out").read_text(encoding="utf-8")
    assert "<mark>12.1 points</mark>" in page or "<mark>12.1</mark>" in page
    assert "src=" not in page
    assert "<link" not in page
    record = json.loads((tmp_path / "out" / "review.json").read_text(encoding="utf-8"))
    assert [one["documents"] for one in record["claims"]] == [one.verdict for one in world.claims]
    assert (tmp_path / "out" / "references.bib").read_text(encoding="utf-8").count("@") == len(cited_papers(world))
    assert render_csv(world).count("\n") == len(world.claims) + 1


class Service:
    """A service that gives these papers, or fails."""

    def __init__(self, *papers: object, fails: str = ""):
        self.papers, self.fails = papers, fails

    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found:
        if self.fails:
            raise InputError(self.fails)
        return Found("test", query, DATE, len(self.papers), self.papers)  # type: ignore[arg-type]

    def by_id(self, ids: Sequence[str]) -> Found:
        return self.search(", ".join(ids))


def ask(question: Question, **services: Service) -> Review:
    return run_review(question, Path(), DATE, services={name.replace("_", "-"): one for name, one in services.items()})


def make(**fields: object) -> Question:
    search = [{"service": name, "query": "boats"} for name in ("arxiv", "openalex")]
    return Question.model_validate({"name": "q", "question": "Are boats green?", "search": search, **fields})


def test_a_service_that_fails_is_named_and_the_others_go_on() -> None:
    papers = (make_paper(*FILLER),)
    found = ask(make(claims=["Boats are green."]), arxiv=Service(fails="arXiv: answers HTML"), openalex=Service(*papers))
    assert found.sources[0].refused == ("arXiv: answers HTML",)
    assert not next(holds for holds, what, _ in list_checks(found) if what == "every record could be read")
    with pytest.raises(InputError, match="no paper could be read"):
        ask(make(claims=["Boats are green."]), arxiv=Service(fails="x"), openalex=Service(fails="y"))


def test_the_same_paper_from_two_sources_is_one() -> None:
    paper = make_paper(*FILLER)
    found = ask(make(claims=["Boats are green."]), arxiv=Service(paper), openalex=Service(replace(paper, origin="b")))
    assert (len(found.screened), len(found.merged.duplicates)) == (1, 1)


def test_extracted_claims_are_checked_against_other_works_only() -> None:
    said = "Boats painted green gain 3.1 points of speed."
    one, other = (make_paper(said, *FILLER, work=f"arxiv:{n}", version="v1") for n in (1, 2))
    later = make_paper(said, *FILLER, work="arxiv:1", version="v2")
    found = ask(make(claims=[], extract=1, relevant=0.1), arxiv=Service(one, other, later))
    for row in found.claims:
        works = {paper.case.paper.work for paper in row.papers}
        assert row.claim.origin.split("v")[0] not in works
        assert works


def test_markup_in_a_claim_stays_text() -> None:
    claim = "<script>alert(1)</script> Boats are green."
    page = render_page(ask(make(claims=[claim]), arxiv=Service(make_paper("<b>Boats</b> are green."))))
    assert "<script>" not in page
    assert "<b>Boats" not in page


def nli(name: str, answer: tuple[float, float]) -> Callable[[object], list[NliReviewer]]:
    return lambda corpus: [NliReviewer(name, lambda pairs: [answer] * len(pairs))]


def test_reviewers_that_disagree_are_shown_and_uncalibrated_ones_named() -> None:
    question = make(claims=["Nobody could find green boats.", "A committee met to paint the harbour."])
    services = {"arxiv": Service(make_paper(*FILLER))}
    found = run_review(question, Path(), DATE, services=services, reviewers=nli("model", (0.95, 0.0)))
    assert found.reviewers == ("words and numbers", "model")
    assert found.uncalibrated == ("model",)
    papers = [paper for one in found.claims for paper in one.papers]
    assert bool(list_disagreements(papers)) == any(len({v.verdict for v in p.votes}) > 1 for p in papers)
    assert found.alpha is None or found.alpha <= 1
    assert to_json(found)["reviewers"] == list(found.reviewers)


def test_runs_stand_beside_documents_and_their_disagreement_is_explained() -> None:
    question, base = load_question("world")

    def judge(claims: Sequence[Claim]) -> list[ClaimResult]:
        worse = ArtefactSet(gives="refuted", gains={"world/squad": -8.0}, noise=0.2)
        return [judge_claim(claim, build_results(claim, worse), 200) for claim in claims if claim.id == "squad-helps"]

    found = run_review(question, base, DATE, judge_runs=judge)
    row = next(one for one in found.claims if one.claim.ledger == "squad-helps")
    assert row.verdict == "supported"
    assert found.runs["squad-helps"].outcome == "refuted"
    assert "Documents say supported, runs say refuted" in compare_with_runs(row, found)


def test_a_claim_may_not_have_the_id_of_a_claim_of_the_ledger() -> None:
    question, base = load_question("world")
    twice = question.model_copy(update={"claims": (question.claims[0].model_copy(update={"id": "squad-helps"}),)})
    with pytest.raises(InputError, match="'squad-helps' has the id of a claim of the ledger"):
        run_review(twice, base, DATE)
