"""One comparison: what is paired, what is left out, and what both sides share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.fake_results import ACCURACY, chain, make_results, target
from xstilts.analysis.comparison import Comparison, KnownTallies, measure_gains, pair_cells
from xstilts.analysis.results import Cell

SKILL = {"none": 0.4, "a": 0.6, "b": 0.5, "c": 0.45}
XNLI = target("xnli", languages=("en", "de", "sw"))


def cells(chain_name: str, seeds: tuple[int, ...] = (0, 1, 2), keep: int = 0) -> dict[int, Cell]:
    """By seed; `keep` > 0: only the examples from this one on."""
    made = make_results(
        chains=[chain(chain_name)], targets=[XNLI], skill={(chain_name, "xnli"): SKILL[chain_name]}, seeds=seeds, n=100
    )
    return {
        cell.seed: replace(
            cell, languages={x: replace(s, ids_N=s.ids_N[keep:], counts_NC=s.counts_NC[keep:]) for x, s in cell.languages.items()}
        )
        for cell in made.cells
    }


def without(side: dict[int, Cell], language: str) -> dict[int, Cell]:
    first = min(side)
    fewer = {code: score for code, score in side[first].languages.items() if code != language}
    return {**side, first: replace(side[first], languages=fewer)}


def test_seeds_and_languages_are_those_of_both_sides() -> None:
    found = pair_cells(XNLI, cells("a", (0, 1, 5)), without(cells("b", (5, 1, 7)), "sw"))
    assert found.seeds == (1, 5)
    assert (found.languages, found.transfer_languages, found.english) == (("en", "de"), ("de",), ("en",))
    assert found.keys == ("a-xnli-1", "a-xnli-5", "b-xnli-1", "b-xnli-5")
    assert pair_cells(XNLI, cells("a"), cells("b", (8,))).languages == ()


def test_a_language_without_common_examples_is_left_out() -> None:
    def rename(cell: Cell) -> Cell:
        german = cell.languages["de"]
        return replace(cell, languages={**cell.languages, "de": replace(german, ids_N=np.char.add("x", german.ids_N))})

    foreign = {seed: rename(cell) for seed, cell in cells("b").items()}
    assert pair_cells(XNLI, cells("a"), foreign).languages == ("en", "sw")


def test_examples_of_one_side_only_are_counted() -> None:
    found = pair_cells(XNLI, cells("a"), cells("b", keep=30))
    assert found.unpaired_rows(("de", "sw")) == 3 * 2 * 30
    assert pair_cells(XNLI, cells("a"), cells("b")).unpaired_rows(("de", "sw")) == 0


def test_the_gain_of_a_seed_is_over_the_mean_of_the_control_cells() -> None:
    one, two, three = cells("a"), cells("b"), cells("c")
    found = pair_cells(XNLI, one, two, three)
    scores = [side[1].languages["de"].headline for side in (one, two, three)]
    assert found.gain(1, ("de",)) == pytest.approx(scores[0] - (scores[1] + scores[2]) / 2)
    (measured,) = measure_gains([(found, ("de",))], ACCURACY.headline, 50)
    assert measured.overall.estimate == pytest.approx(np.mean([found.gain(place, ("de",)) for place in range(3)]))


def test_the_same_artefacts_and_the_same_outcomes_are_told_apart() -> None:
    one = cells("a")
    copied = {seed: replace(cell, key=f"copy-{seed}") for seed, cell in one.items()}
    same, copy = pair_cells(XNLI, one, one), pair_cells(XNLI, one, copied)
    assert (same.same_artefacts, same.same_outcomes) == (True, True)
    assert (copy.same_artefacts, copy.same_outcomes) == (False, True)
    assert not pair_cells(XNLI, one, cells("b", (9,))).same_artefacts  # nothing is no artefact


def test_a_control_is_read_once() -> None:
    control = cells("none")
    known: KnownTallies = {}
    pairs: list[Comparison] = [pair_cells(XNLI, cells(name), control) for name in ("a", "b")]
    first, second = (pair.tallies(("de",), known) for pair in pairs)
    assert all(one is other for one, other in zip(first[1], second[1], strict=True))
    assert first[0][0] is not second[0][0]
