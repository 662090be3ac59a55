import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.review.agreement import measure_alpha

# The worked example of Krippendorff 2011, section C: four observers, twelve units, missing values; nominal alpha 0.743.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_alpha_is_that_of_the_published_example() -> None:
    rows = [[value for value in unit if value is not None] for unit in zip(*OBSERVERS, strict=True)]
    assert measure_alpha(rows) == pytest.approx(0.743, abs=0.0005)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), min_size=2, max_size=10))
def test_alpha_is_at_most_one_and_one_only_if_all_agree(rows: list[list[str]]) -> None:
    alpha = measure_alpha(rows)
    if alpha is not None:
        assert alpha <= 1
        assert (alpha == 1) == all(len(set(row)) == 1 for row in rows)


def test_alpha_of_nothing_or_of_one_value_is_undefined() -> None:
    assert measure_alpha([]) is None
    assert measure_alpha([["a"], ["b"]]) is None
    assert measure_alpha([["a", "a"], ["a", "a"]]) is None
