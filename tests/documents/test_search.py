import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.documents.papers import FILLER, make_paper

from xstilts.documents.search import Corpus

pytest.importorskip("sentencex", reason="the extra `review` is not installed")
pytest.importorskip("bm25s", reason="the extra `review` is not installed")
PAPERS = [make_paper(sentence, work=f"arxiv:{n}") for n, sentence in enumerate(FILLER)]


@pytest.mark.parametrize(("query", "work"), [("green boats", "arxiv:1"), ("the committee and its roof", "arxiv:2")])
def test_the_passage_with_the_words_comes_first(query: str, work: str) -> None:
    assert Corpus(PAPERS).rank(query)[0][0].paper.work == work


@given(st.permutations(PAPERS))
@settings(max_examples=10, deadline=None)
def test_the_order_of_papers_changes_nothing(papers: list) -> None:
    one, other = Corpus(PAPERS).rank("boats in winter"), Corpus(papers).rank("boats in winter")
    assert [(p.place, s) for p, s in one] == [(p.place, s) for p, s in other]


def test_papers_are_ranked_by_the_share_of_the_query_s_words() -> None:
    ranked = Corpus(PAPERS).rank_papers("boats painted green")
    assert (ranked[0][0].work, ranked[0][1]) == ("arxiv:1", pytest.approx(1))
    assert ranked[-1][1] == 0


def test_meaning_finds_what_shares_no_word() -> None:
    def embed(texts: list[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if "boats" in t or "Boote" in t else [0.0, 1.0] for t in texts], dtype=np.float32)

    assert Corpus(PAPERS).rank("grüne Boote") == []
    assert Corpus(PAPERS, embed=embed).rank("grüne Boote")[0][0].paper.work == "arxiv:1"  # type: ignore[arg-type]


def test_nothing_is_found_in_nothing() -> None:
    assert Corpus([]).rank("anything") == []
    assert Corpus([make_paper("")]).rank("anything") == []
    assert Corpus(PAPERS).rank("") == []
