import pytest
from tests.documents.papers import make_paper

from xstilts.claims import built_in_claims
from xstilts.documents.claim import INTERMEDIATE, NAMES, read_claim
from xstilts.documents.extract import extract_claims
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES


def test_the_fields_of_the_ledger_are_read_off() -> None:
    text = "SQuAD and MNLI raise the average over XTREME's dev sets by 8.2 and 7.5 points for XLM-R Large in German."
    found = read_claim("c", text)
    assert (found.treatment, found.targets, found.split, found.direction) == (("squad_v1", "mnli"), ("xtreme",), "dev", "+")
    assert (found.magnitude, found.model, found.languages, found.kind) == ((8.2, 7.5), "xlm-roberta-large", ("German",), "number")
    assert (found.control, found.metric) == ("", "average")
    other = read_claim("c", "Multi-task training is not better than MNLI alone.")
    assert (other.kind, other.direction, other.control) == ("null", "0", "MNLI alone")


def test_a_field_that_the_text_does_not_give_is_empty() -> None:
    found = read_claim("c", "Boats are green.")
    assert (found.treatment, found.targets, found.split, found.model, found.direction, found.magnitude) == (
        (),
        (),
        "",
        "",
        "",
        (),
    )


def test_names_are_those_of_the_catalogue() -> None:
    known = {*CATALOGUE, *SUITES}
    assert set(NAMES) <= known
    assert set(INTERMEDIATE) <= set(NAMES)


def test_the_ledger_s_claims_agree_with_what_is_read_off() -> None:
    """An independent reading: the records were written by hand."""
    for claim in built_in_claims():
        if claim.kind != "reported_number":
            continue
        found = read_claim(claim.id, claim.text)
        assert set(found.magnitude) == {one.magnitude for one in claim.comparisons}, claim.id
        assert found.direction == claim.direction, claim.id
        named = {one.treatment for one in claim.comparisons} & set(INTERMEDIATE)
        assert named <= set(found.treatment), claim.id


def test_how_a_study_tests_a_claim_is_not_claimed() -> None:
    assert read_claim("c", "Gains are large (here at least 10 points).").quantities == ()


def test_claims_are_extracted_with_their_place() -> None:
    pytest.importorskip("sentencex", reason="the extra `review` is not installed")
    paper = make_paper(
        "We describe our method in Section 3.",
        "Our model improves accuracy on XNLI by 3.1 points over the baseline.",
        "The weather was fine on that day in spring.",
        "Training on MNLI does not help part-of-speech tagging at all.",
    )
    found = extract_claims(paper, 5)
    assert [claim.kind for claim in found] == ["number", "null"]
    assert {claim.origin for claim in found} == {paper.id}
    assert found[0].place == "Results, sentence 1"
    assert len(extract_claims(paper, 1)) == 1
