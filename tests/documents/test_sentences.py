import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.documents.papers import make_paper

from xstilts.documents.sentences import LONGEST, list_passages, list_sentences, split_sentences

pytest.importorskip("sentencex", reason="the extra `review` is not installed")


def test_abbreviations_of_papers_end_no_sentence() -> None:
    text = "As Eq. (1) says, it gains 2.3 pts. on average (cf. Table 4). Conneau et al. (2020) agree. It works, i.e. well."
    assert len(split_sentences(text)) == 3


@given(st.text("abc. \n", max_size=400))
def test_no_word_is_lost(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_an_endless_sentence_is_read_whole_in_parts() -> None:
    words = [f"word{n}" for n in range(3 * LONGEST)]
    parts = split_sentences(" ".join(words))
    assert max(len(part.split()) for part in parts) <= LONGEST
    assert {word for part in parts for word in part.split()} == set(words)


def test_every_neighbour_stands_together_in_some_passage() -> None:
    paper = make_paper(*(f"Sentence number {n} is here." for n in "abcde"), title="A title")
    together = {(a.number, b.number) for p in list_passages(paper) for a, b in zip(p.sentences, p.sentences[1:], strict=False)}
    assert {(n, n + 1) for n in range(1, 5)} <= together
    assert list_sentences(paper)[0].section == "Title"
    assert list_passages(paper)[1].place == "arxiv:2001.00001v1, Results, sentences 1-3"
