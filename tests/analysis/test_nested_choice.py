"""The nested choice: unbiased where all chains are equal and languages have the same sentences; who chooses for whom."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.fake_results import ACCURACY
from xstilts.analysis.nested_choice import choose_nested
from xstilts.analysis.results import Cell, LanguageScore

CODES = ("de", "sw", "th", "ur")
IDS = np.array([f"{i:03d}" for i in range(60)])


def score(right_N: np.ndarray, ids: np.ndarray = IDS) -> LanguageScore:
    share = float(np.mean(right_N))
    return LanguageScore({"accuracy": share}, share, ids, np.stack([right_N, np.ones(len(ids))], axis=1).astype(float))


def arm(right_SLN: np.ndarray, name: str) -> dict[int, Cell]:
    scores = [{code: score(right_N) for code, right_N in zip(CODES, right_LN, strict=False)} for right_LN in right_SLN]
    return {s: Cell("mini", name, "xnli", s, "", languages, (), None, f"{name}-{s}") for s, languages in enumerate(scores)}


def mean(scores: object) -> float:
    return float(np.mean([one.headline for by_code in scores.values() for one in by_code.values()]))  # type: ignore[attr-defined]


def test_nine_null_chains_on_the_same_sentences_have_no_gain() -> None:
    """What a chain does to a sentence is the same in all seeds and languages, so that neither of these can be left out alone."""
    rng = np.random.default_rng(0)
    nested, plain = [], []
    for _ in range(150):
        ease_N = rng.normal(size=60)
        seed_KS11 = 0.1 * rng.normal(size=(10, 3, 1, 1))
        latent = ease_N + 0.7 * rng.normal(size=(10, 1, 1, 60)) + seed_KS11 + 0.4 * rng.normal(size=(10, 3, 4, 60))
        arms = {f"c{k}": arm(right_SLN, f"c{k}") for k, right_SLN in enumerate(latent > 0)}
        none = mean({s: cell.languages for s, cell in arms.pop("c9").items()})
        choice = choose_nested(arms, (0, 1, 2), CODES, ACCURACY)
        assert choice is not None
        nested.append(mean(choice.scores) - none)
        plain.append(max(mean({s: cell.languages for s, cell in one.items()}) for one in arms.values()) - none)
    errors = [np.std(values) / np.sqrt(len(values)) for values in (nested, plain)]
    assert abs(np.mean(nested)) <= 2 * errors[0]
    assert np.mean(plain) > 8 * errors[1]


def test_what_a_part_says_has_no_part_in_its_own_choice() -> None:
    """c1 is better in one part only (seed 0, the languages of one half, every second id), c0 slightly everywhere else."""
    right = np.zeros((2, 2, 4, 60), dtype=bool)
    right[0, :, :, :6] = True
    lucky = np.ix_([1], [0], [0, 2], np.arange(0, 60, 2))
    right[lucky] = True
    choice = choose_nested({f"c{k}": arm(right[k], f"c{k}") for k in range(2)}, (0, 1), CODES, ACCURACY)
    assert choice is not None
    assert choice.split == "seeds, languages and examples"
    assert choice.chosen == {"c0": 7, "c1": 1}  # only for the part that shares nothing with the lucky one
    assert choice.scores[0]["de"].headline == pytest.approx(0.1)  # the lucky part itself is c0
    mixed = choice.scores[1]["sw"]  # the opposite part: every other id is c1's
    assert mixed.counts_NC[1::2, 0].sum() == 0 and mixed.counts_NC[0::2, 0].sum() == 3
    assert mixed.values == {"accuracy": pytest.approx(mixed.headline)} and mixed.headline == pytest.approx(3 / 60)


@pytest.mark.parametrize(
    ("seeds", "codes", "split", "parts"),
    [((0,), CODES, "languages and examples", 4), ((0, 1), ("de",), "seeds and examples", 4), ((0,), ("de",), "examples", 2)],
)
def test_what_is_single_is_not_split(seeds: tuple[int, ...], codes: tuple[str, ...], split: str, parts: int) -> None:
    choice = choose_nested({"c": arm(np.ones((2, 4, 60)), "c")}, seeds, codes, ACCURACY)
    assert choice is not None
    assert (choice.split, choice.chosen) == (split, {"c": parts})


def test_a_single_example_leaves_nothing_to_choose_on() -> None:
    lone = {0: Cell("mini", "c", "xnli", 0, "", {"de": score(np.ones(1), IDS[:1])}, (), None, "k")}
    assert choose_nested({"c": lone}, (0,), ("de",), ACCURACY) is None


def test_chains_with_other_examples_are_joined_by_id() -> None:
    shifted = {s: Cell("mini", "b", "xnli", s, "", {"de": score(np.ones(40), IDS[20:])}, (), None, f"b{s}") for s in (0, 1)}
    half = np.zeros((2, 1, 60), dtype=bool)
    half[:, :, ::2] = True  # better on the first half of the ids, so chosen for the second
    choice = choose_nested({"a": arm(half, "a"), "b": shifted}, (0, 1), ("de",), ACCURACY)
    assert choice is not None and choice.chosen["b"] >= 2
    joined = choice.scores[0]["de"]
    assert len(set(joined.ids_N.tolist())) == len(joined.ids_N) == len(joined.counts_NC)
