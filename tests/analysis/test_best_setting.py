"""Retrieval at its best setting: each side has its own, and no score has a part in its own choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.best_setting import BestSetting, find_best_settings
from xstilts.analysis.gains import compute_transfer_gains
from xstilts.analysis.results import Cell, LayerScore, Results
from xstilts.analysis.scores import summarise

CHAINS = (chain("none"), chain("squad", "squad_v1"))
CODES = ("de", "sw", "th", "ur")


def swept(
    accuracies: dict[tuple[str, int], float], codes: tuple[str, ...] = CODES, seeds: tuple[int, ...] = (0, 1, 2)
) -> Results:
    """`accuracies[chain, layer]`; layer 2 is the study's, and .5 is what is not named."""
    info = target("tatoeba", format="embed", languages=codes, chance=0.005)
    skill = {("none", "tatoeba"): 0.4, ("squad", "tatoeba"): 0.6}
    found = make_results(chains=CHAINS, targets=(info,), skill=skill, layers=4, n=200, noise=0.0, seeds=seeds)

    def points(cell: Cell) -> tuple[LayerScore, ...]:
        return tuple(replace(point, accuracy=accuracies.get((cell.chain, point.layer), 0.5)) for point in cell.layers)

    return replace(found, cells=tuple(replace(cell, layers=points(cell)) for cell in found.cells))


def find(results: Results) -> tuple[BestSetting, ...]:
    return find_best_settings(results, compute_transfer_gains(results, summarise(results), 50))


def test_each_side_has_its_own_best_setting() -> None:
    (found,) = find(swept({("none", 4): 0.9, ("squad", 1): 0.8}))
    assert (found.control.setting.layer, found.control.accuracy) == (4, pytest.approx(0.9))
    assert (found.treatment.setting.layer, found.treatment.accuracy) == (1, pytest.approx(0.8))
    assert found.gain.estimate == pytest.approx(-0.1)
    assert found.gain.low < -0.1 < found.gain.high < 0
    assert found.split == "languages and seeds"
    assert len(found.keys) == 6


def test_a_setting_that_is_best_by_luck_gives_nothing() -> None:
    """Accuracies are noise: the best of many is above .5, the chosen one is not."""
    results = swept({}, codes=tuple(CODES))
    rng = np.random.default_rng(0)
    cells = []
    for cell in results.cells:
        cells.append(replace(cell, layers=tuple(replace(point, accuracy=float(rng.normal(0.5, 0.02))) for point in cell.layers)))
    (found,) = find(replace(results, cells=tuple(cells)))
    best = max(point.accuracy for cell in cells if cell.chain == "squad" for point in cell.layers)
    assert best > 0.54
    assert found.treatment.accuracy == pytest.approx(0.5, abs=0.015)


def test_nothing_is_said_where_nothing_is_held_out_or_gained() -> None:
    assert find(swept({("none", 4): 0.9}, codes=("de",), seeds=(0,))) == ()
    same = swept({("none", 2): 0.9, ("squad", 2): 0.9})
    same = replace(same, cells=tuple(_keep_reported(cell) for cell in same.cells))
    assert find(same) == ()  # every choice is the study's own setting


def _keep_reported(cell: Cell) -> Cell:
    return replace(cell, layers=tuple(p for p in cell.layers if (p.pooling, p.centred) == ("mean", False)))


def test_the_same_sentences_in_all_languages_make_the_interval_longer() -> None:
    results = swept({("none", 4): 0.9, ("squad", 1): 0.8})
    apart = []
    for cell in results.cells:
        rows = {code: replace(row, ids_N=np.char.add(f"{code}-", row.ids_N)) for code, row in cell.languages.items()}
        apart.append(replace(cell, languages=rows))
    (together,), (other,) = find(results), find(replace(results, cells=tuple(apart)))
    assert together.gain.high - together.gain.low == pytest.approx(2 * (other.gain.high - other.gain.low), rel=1e-6)
