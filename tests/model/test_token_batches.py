"""Batches by length: every item once, within the tokens, and as few batches as the order allows."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from xstilts.model.token_batches import split_token_batches


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50)), max_size=40), st.integers(1, 200), st.booleans())
def test_batches_hold_each_item_once_within_the_tokens(sizes: list[tuple[int, int]], tokens: int, longest_first: bool) -> None:
    batches = split_token_batches(sizes, tokens, longest_first)
    order = [i for batch in batches for i in batch]
    assert order == sorted(range(len(sizes)), key=lambda i: sizes[i], reverse=longest_first)

    def padded(batch: list[int]) -> int:
        return sum(sizes[i][0] for i in batch) * max(sizes[i][1] for i in batch)

    for batch in batches:
        assert padded(batch) <= tokens or len(batch) == 1
        assert len({sizes[i][0] for i in batch}) == 1
    for one, other in pairwise(batches):  # no batch could have taken in the next item
        assert padded([*one, other[0]]) > tokens or sizes[one[0]][0] != sizes[other[0]][0]
