"""The oracles: an edited number flips a verdict, so does a denial; the order of papers and borders of passages change nothing;
without its evidence a claim is unsupported."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.documents.papers import FILLER, make_paper

from xstilts.documents.check import check_claim
from xstilts.documents.claim import read_claim
from xstilts.documents.paper import Paper, PaperTable, Section
from xstilts.documents.verify import CLEAR, Case, Verdict, Vote, conclude, decide, is_named, make_case
from xstilts.documents.words import Weights, list_words

pytest.importorskip("sentencex", reason="the extra `review` is not installed")
pytest.importorskip("bm25s", reason="the extra `review` is not installed")
EVIDENCE = "Intermediate training on SQuAD raises the average over all targets by {} points."


def judge(claim: str, *papers: Paper) -> Verdict:
    return check_claim(read_claim("c", claim), papers).verdict


def case_of(claim: str, paper: Paper, **fields: object) -> Case:
    weights = Weights(list_words(section.text) for section in paper.sections)
    return make_case(read_claim("c", claim, **fields), paper, weights)  # type: ignore[arg-type]


@given(st.integers(1, 999), st.integers(1, 999))
@settings(max_examples=20, deadline=None)
def test_an_edited_number_flips_the_verdict(one: int, other: int) -> None:
    paper = make_paper(*FILLER[:2], EVIDENCE.format(one / 10), *FILLER[2:])
    assert judge(EVIDENCE.format(other / 10), paper) == ("supported" if one == other else "contradicted")


def test_a_denial_flips_the_verdict() -> None:
    paper = make_paper(*FILLER, "Intermediate training on SQuAD improves tagging in Swahili.")
    assert judge("Intermediate training on SQuAD improves tagging in Swahili.", paper) == "supported"
    assert judge("Intermediate training on SQuAD does not improve tagging in Swahili.", paper) == "contradicted"
    assert judge("Intermediate training on SQuAD harms tagging in Swahili.", paper) == "contradicted"


def test_without_its_evidence_a_claim_is_unsupported() -> None:
    sentences = (*FILLER, "We study intermediate training on SQuAD and other targets.")
    assert judge(EVIDENCE.format(8.4), make_paper(*sentences, EVIDENCE.format(8.4))) == "supported"
    assert judge(EVIDENCE.format(8.4), make_paper(*sentences)) == "unsupported"


@given(st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_papers_changes_nothing(order: list[int]) -> None:
    papers = [
        make_paper(*FILLER, EVIDENCE.format(8.4), work="arxiv:1"),
        make_paper(*FILLER[::-1], EVIDENCE.format(6.1), work="arxiv:2"),
        make_paper("Intermediate training on SQuAD is popular.", work="arxiv:3"),
        make_paper(*FILLER, work="arxiv:4"),
    ]
    first, shuffled = (check_claim(read_claim("c", EVIDENCE.format(8.4)), some) for some in (papers, [papers[i] for i in order]))
    assert (first.verdict, first.reason) == (shuffled.verdict, shuffled.reason)


@given(st.lists(st.sampled_from([" ", "\n\n"]), min_size=4, max_size=4))
@settings(max_examples=10, deadline=None)
def test_moved_borders_of_paragraphs_change_nothing(borders: list[str]) -> None:
    sentences = [*FILLER, EVIDENCE.format(8.4)]
    text = "".join(a + b for a, b in zip(sentences, [*borders, ""], strict=True))
    paper = dataclasses.replace(make_paper(""), sections=(Section("Results", text),))
    whole = make_paper(*sentences)
    found = [case_of(EVIDENCE.format(8.4), one) for one in (paper, whole)]
    assert found[0].best == pytest.approx(found[1].best)
    assert [decide(one).verdict for one in found] == ["supported", "supported"]


def test_another_study_s_number_is_no_contradiction() -> None:
    paper = make_paper(*FILLER, EVIDENCE.format(6.1), work="arxiv:2")
    assert decide(case_of(EVIDENCE.format(8.4), paper)).verdict == "contradicted"
    assert decide(case_of(EVIDENCE.format(8.4), paper, cites=("arxiv:1",))).verdict == "unsupported"
    assert decide(case_of(EVIDENCE.format(8.4), paper, cites=("arxiv:2",))).verdict == "contradicted"


def test_versions_are_told_apart_and_named_together_by_the_work() -> None:
    first, second = make_paper(version="v1"), make_paper(version="v2")
    assert is_named(first, "arxiv:2001.00001v1")
    assert not is_named(second, "arxiv:2001.00001v1")
    assert is_named(first, "arxiv:2001.00001")


def test_a_paper_on_another_matter_is_irrelevant_and_a_withdrawn_one_unchecked() -> None:
    assert judge(EVIDENCE.format(8.4), make_paper(*FILLER)) == "irrelevant"
    withdrawn = dataclasses.replace(make_paper(EVIDENCE.format(8.4)), withdrawn=True)
    assert judge(EVIDENCE.format(8.4), withdrawn) == "unchecked"
    assert decide(case_of("Anything.", make_paper())).verdict == "unchecked"


def test_a_question_of_a_paper_asserts_nothing() -> None:
    paper = make_paper("Does English training improve tags?", "English training does not improve tags.")
    assert judge("English training improves tags.", paper) == "contradicted"


def test_a_claim_taken_from_a_paper_is_not_supported_by_its_own_sentence() -> None:
    paper = make_paper(*FILLER, EVIDENCE.format(8.4))
    assert case_of(EVIDENCE.format(8.4), paper, origin="arxiv:9").best < CLEAR


def test_reviewers_decide_where_rules_do_not() -> None:
    case = case_of("Sailors like green boats in winter harbours.", make_paper(*FILLER))
    for scores, verdict in (((0.9, 0.7), "supported"), ((0.1, 0.2), "unsupported"), ((0.3, 0.7), "unchecked"), ((), "unchecked")):
        assert decide(case, [Vote("r", "unchecked", score) for score in scores]).verdict == verdict
    assert decide(case, [Vote("r", "contradicted", 0.1, 0.9)]).verdict == "contradicted"
    assert decide(case, [Vote("r", "unchecked", None)]).verdict == "unchecked"


def test_cited_papers_count_before_those_that_the_search_found() -> None:
    claim = read_claim("c", EVIDENCE.format(8.4), cites=("arxiv:1",))
    papers = [make_paper(*FILLER, EVIDENCE.format(n), work=f"arxiv:{w}") for w, n in ((1, 6.1), (2, 8.4))]
    weights = Weights(list_words(s.text) for p in papers for s in p.sections)
    found = conclude(claim, [decide(make_case(claim, paper, weights)) for paper in papers])
    assert (found.verdict, found.cited, found.found) == ("contradicted", "contradicted", "supported")
    assert conclude(claim, []).verdict == "unchecked"


@pytest.mark.parametrize("claim", ["", "!!!", "Nur ein Satz ohne Verb", "word " * 1000, "\x00\ud800", "12 12 12"])
def test_odd_claims_get_a_verdict(claim: str) -> None:
    assert judge(claim, make_paper(*FILLER)) in ("irrelevant", "unchecked", "unsupported")


def test_a_number_that_only_a_table_has_is_found_there() -> None:
    table = PaperTable("Accuracy on XNLI", ("model", "accuracy"), (("baseline", "70.1"), ("ours", "74.3")))
    paper = dataclasses.replace(make_paper("We report the accuracy of ours and of the baseline on XNLI."), tables=(table,))
    found = decide(case_of("The accuracy of ours on XNLI is 74.3.", paper))
    assert (found.verdict, found.reason.startswith("a table: ")) == ("supported", True)
    assert decide(case_of("The accuracy of ours on XNLI is 79.3.", paper)).verdict == "unsupported"
