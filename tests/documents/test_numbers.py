import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.documents.numbers import POINTS, agree, compare_quantity, find_quantities, list_numerals


def read(sentence: str) -> list[tuple[float, str]]:
    return [(one.value, one.unit) for one in find_quantities(sentence)]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("We use nine intermediate tasks.", [(9, "task")]),
        ("It gains 8.2, 7.5 and 7.0 points.", [(8.2, POINTS), (7.5, POINTS), (7.0, POINTS)]),
        ("A 5.4 point improvement over the baseline.", [(5.4, POINTS)]),
        ("MNLI has 392,702 training examples.", [(392702, "exampl")]),
        ("With 3.7k questions and 550M parameters.", [(3700, "question"), (550e6, "paramet")]),
        ("An accuracy of 0.67 is reached.", [(0.67, POINTS)]),
        ("Accuracy falls by 40 %.", [(40, POINTS)]),
        ("A dozen seeds.", [(12, "seed")]),
        ("It drops to −3.1 points.", [(-3.1, POINTS)]),
    ],
)
def test_quantities_have_a_value_and_what_they_count(sentence: str, found: list[tuple[float, str]]) -> None:
    assert read(sentence) == pytest.approx(found) if not found else [u for _, u in read(sentence)] == [u for _, u in found]
    assert [v for v, _ in read(sentence)] == pytest.approx([v for v, _ in found])


@pytest.mark.parametrize(
    "sentence",
    [
        "As Conneau et al. (2020) show, see Table 3 and Section 4.1.",
        "GPT-3.5, mT5 and BERT-2 were compared in zero-shot and few-shot settings.",
        "The paper arXiv:2005.13013v2 appeared in June 2020 [3, 4].",
        "The best three of them win (p < 0.05).",
        "We (1) collect and (2) annotate.",
    ],
)
def test_numbers_that_are_names_are_no_quantities(sentence: str) -> None:
    assert read(sentence) == []


def test_other_languages_have_a_decimal_comma() -> None:
    assert [one.value for one in find_quantities("Der Mittelwert steigt um 12,4 Punkte.", "de")] == [12.4]
    assert [one.value for one in find_quantities("1,234 examples")] == [1234]


@given(st.integers(1, 999), st.integers(1, 999))
def test_a_number_agrees_with_itself_and_not_with_another(one: int, other: int) -> None:
    claimed = find_quantities(f"There are {one} languages.")[0]
    found = find_quantities(f"It covers {other} languages.")[0]
    assert agree(claimed, found) == (one == other)


@given(st.decimals(0, 99, places=2), st.integers(0, 1))
def test_a_rounded_number_agrees_with_the_longer_one(value: object, places: int) -> None:
    rounded = f"{float(str(value)):.{places}f}"
    one, other = find_quantities(f"{value} points")[0], find_quantities(f"{rounded} points")[0]
    assert agree(one, other)
    assert agree(other, one)


def test_comparators_and_approximations_agree_within_what_they_say() -> None:
    more, about = find_quantities("more than 50 points")[0], find_quantities("about 50 points")[0]
    assert agree(more, find_quantities("52.3 points")[0])
    assert not agree(more, find_quantities("41 points")[0])
    assert agree(about, find_quantities("52 points")[0])
    assert not agree(about, find_quantities("70 points")[0])


def test_a_number_differs_only_where_the_same_is_counted() -> None:
    claim = "There are nine intermediate tasks."
    nine = find_quantities(claim)[0]
    assert compare_quantity(nine, claim, "Using 7 intermediate language tasks, we test.")[0] == "differs"
    assert compare_quantity(nine, claim, "Using nine intermediate language-understanding tasks.")[0] == "match"
    assert compare_quantity(nine, claim, "We test on 9 target tasks.")[0] == "absent"
    assert compare_quantity(nine, claim, "It was trained in 7 intermediate tasks.")[0] == "absent"  # said in passing
    assert compare_quantity(nine, claim, "Sieben Aufgaben.", "de", same_language=False)[0] == "absent"


def test_numerals_are_all_digits() -> None:
    assert list_numerals("In 1998, 1,200 of GPT-3.5") == {"1998", "1200", "3.5"}


@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    for one in find_quantities(text):
        assert 0 <= one.start <= one.end <= len(text)
