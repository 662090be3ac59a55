from collections.abc import Sequence

import pytest
from tests.documents.papers import FILLER, make_paper

from xstilts.documents.claim import read_claim
from xstilts.documents.reviewers import NliReviewer, WordsReviewer, fit_calibration, name_verdict
from xstilts.documents.verify import READ, Case, make_case, rank_passages
from xstilts.documents.words import Weights, list_words

pytest.importorskip("sentencex", reason="the extra `review` is not installed")


def make(claim: str, *sentences: str, language: str = "en") -> tuple[Case, Weights]:
    paper = make_paper(*sentences)
    weights = Weights(list_words(section.text) for section in paper.sections)
    return make_case(read_claim("c", claim, language=language), paper, weights), weights


def test_the_words_reviewer_likes_evidence_and_cannot_judge_another_language() -> None:
    claim = "Green boats leave the harbour in winter."
    (near, _), (far, _) = make(claim, "Green boats leave the harbour every winter."), make(claim, FILLER[2], FILLER[3])
    scores = [vote.score for vote in WordsReviewer().review([near, far])]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] > 0.6 > 0.2 > scores[1]
    foreign, _ = make("Grüne Boote verlassen den Hafen.", *FILLER, language="de")
    assert WordsReviewer().review([foreign])[0].score is None


def test_an_nli_reviewer_takes_the_best_passage_and_reads_the_claim_as_hypothesis() -> None:
    asked: list[tuple[str, str]] = []

    def entail(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        asked.extend(pairs)
        return [(0.9, 0.0) if "green" in text else (0.1, 0.2) for text, _ in pairs]

    case, weights = make("Boats are green.", *FILLER)
    vote = NliReviewer("nli", entail).review([case])[0]
    assert (vote.verdict, vote.score, vote.calibrated) == ("supported", 0.9, False)
    assert vote.passage is not None
    assert "green" in vote.passage.text
    assert {claim for _, claim in asked} == {"Boats are green."}
    single = NliReviewer("nli", entail, cut=lambda one: [p for p, _ in rank_passages(one.claim, one.paper, weights, 1)])
    found = single.review([case])[0].passage
    assert found is not None
    assert len(found.sentences) == 1


def test_a_contradiction_counts_where_nothing_supports() -> None:
    case, _ = make("Boats are red.", *FILLER)
    assert NliReviewer("nli", lambda pairs: [(0.1, 0.9) for _ in pairs]).review([case])[0].verdict == "contradicted"
    assert NliReviewer("nli", lambda pairs: [(0.95, 0.9) for _ in pairs]).review([case])[0].verdict == "supported"


def test_at_most_so_many_passages_are_read() -> None:
    case, _ = make("Boats are red.", *(f"Boat {n} is red." for n in "abcdefghijklmnopqrstuvwxyz"))
    asked: list[int] = []

    def entail(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        asked.append(len(pairs))
        return [(0.5, 0.5)] * len(pairs)

    NliReviewer("nli", entail).review([case])
    assert asked == [READ]


def test_calibration_is_monotone_and_meets_the_rate() -> None:
    scores = [n / 100 for n in range(100)]
    calibration = fit_calibration(scores, [n >= 60 or n % 5 == 0 for n in range(100)], "test")
    chances = [calibration(score) for score in scores]
    assert chances == sorted(chances)
    assert sum(chances) == pytest.approx(52)
    assert calibration(-1) == chances[0]


def test_the_band_in_between_abstains() -> None:
    assert [name_verdict(x) for x in (0.1, 0.5, 0.9)] == ["unsupported", "unchecked", "supported"]
