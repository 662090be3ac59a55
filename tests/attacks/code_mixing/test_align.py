"""The aligner against texts whose links are known."""

from __future__ import annotations

from random import Random

import pytest

from xstilts.attacks.code_mixing.align import LONGEST, align, fits

WORDS = [f"w{i}" for i in range(30)]


def make_pairs(count: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Texts of eight words, and the same ones in capitals and in another order."""
    rng = Random(0)
    pairs = []
    for _ in range(count):
        text = rng.sample(WORDS, 8)
        pairs.append((tuple(text), tuple(word.upper() for word in rng.sample(text, 8))))
    return pairs


def test_links_of_a_known_language() -> None:
    pairs = make_pairs(200)
    links = [(first[i], second[j]) for (first, second), some in zip(pairs, align(pairs), strict=True) for i, j in some]
    assert len(links) == 1600
    assert sum(word.upper() == translation for word, translation in links) == 1600


def test_a_word_has_one_link_at_most_and_none_where_nothing_tells() -> None:
    assert align([(("a", "b"), ("B", "A"))]) in ([()], [((0, 0), (1, 1))]), "one text: only the place tells"
    assert align([(("a", "a"), ("A", "A")), (("a", "b"), ("A", "B"))])[1] == ((0, 0), (1, 1))
    for some in align(make_pairs(20)):
        assert len({i for i, _ in some}) == len({j for _, j in some}) == len(some)
    assert align([]) == []


def test_a_word_without_counterpart_has_no_link() -> None:
    pairs = [(("the", *first), second) for first, second in make_pairs(200)]
    assert not any(i == 0 for some in align(pairs) for i, _ in some)


@pytest.mark.parametrize("turned", [False, True])
def test_a_word_that_says_two_things_has_no_link(turned: bool) -> None:
    """One language has a word of its own for "not come". Exchanged for "come" it would turn the meaning round."""
    ends = [(("not", "come"), ("UNCOME",)), (("not", "go"), ("NOT", "GO")), (("come",), ("COME",))]
    pairs = [((*first, *ends[i % 3][0]), (*second, *ends[i % 3][1])) for i, (first, second) in enumerate(make_pairs(300))]
    found = set()
    for (first, second), some in zip(pairs, align([pair[::-1] if turned else pair for pair in pairs]), strict=True):
        found |= {(first[j if turned else i], second[i if turned else j]) for i, j in some}
    assert {("come", "COME"), ("not", "NOT"), ("go", "GO")} < found
    assert not any(translation == "UNCOME" for _, translation in found)


def test_what_may_be_aligned() -> None:
    assert fits(("a",), ("b", "c", "d")) and not fits(("a",), ("b",) * 5) and not fits((), ("a",))
    assert fits(("a",) * LONGEST, ("a",) * LONGEST) and not fits(("a",) * (LONGEST + 1), ("a",) * LONGEST)
