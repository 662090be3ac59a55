import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.documents.polarity import find_polarity, oppose
from xstilts.documents.words import Weights, list_words


@pytest.mark.parametrize(
    "words",
    ["improve improves improved improving", "task tasks", "train trained training", "study studies", "plan planned"],
)
def test_forms_of_a_word_are_one_word(words: str) -> None:
    assert len(set(list_words(words))) == 1


def test_small_numbers_are_compared_as_digits_and_stop_words_are_not() -> None:
    assert list_words("There are seven tasks") == list_words("7 tasks")


@given(st.lists(st.text("abcdefg ", max_size=30), min_size=1, max_size=8), st.text("abcdefgh ", max_size=30))
def test_coverage_is_a_share_and_grows_with_the_text(texts: list[str], claim: str) -> None:
    weights = Weights(map(list_words, texts))
    words = [set(list_words(text)) for text in texts]
    shares = [weights.measure_coverage(list_words(claim), frozenset().union(*words[: n + 1])) for n in range(len(words))]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)


def test_a_word_that_no_text_has_weighs_most() -> None:
    weights = Weights([list_words("common words"), list_words("common things")])
    assert weights.of("unheard") == weights.of("thing") > weights.of(list_words("common")[0])


@pytest.mark.parametrize(
    ("one", "other", "opposed"),
    [
        ("Intermediate training improves XNLI.", "Intermediate training does not improve XNLI.", True),
        ("Intermediate training improves XNLI.", "Intermediate training harms XNLI.", True),
        ("Intermediate training improves XNLI.", "XNLI gains from intermediate training.", False),
        ("It never hurts accuracy.", "It hurts accuracy.", True),
        ("It improves not only XNLI but also POS.", "It improves XNLI and POS.", False),
        ("Neither outperforms the baseline.", "It outperforms the baseline.", True),
        ("Scores improve.", "Scores improve without any training data.", False),
    ],
)
def test_opposite_statements_are_found(one: str, other: str, opposed: bool) -> None:
    assert oppose(find_polarity(one), find_polarity(other)) == opposed
    assert oppose(find_polarity(other), find_polarity(one)) == opposed


def test_hedges_are_kept() -> None:
    assert find_polarity("It may suggest slight gains.").hedges == ("may", "suggest", "slight")
