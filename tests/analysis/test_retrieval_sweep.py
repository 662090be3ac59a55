"""Does a retrieval gain depend on one setting? The words of the answer follow the sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.results import Cell, LayerScore, Results
from xstilts.analysis.retrieval_sweep import SweepSetting, collect_sweeps, find_shift
from xstilts.report.findings import compute_findings

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGETS = (target("tatoeba", format="embed", languages=("de", "sw", "th"), chance=0.005),)


def swept(plain: float, centred: float, layers: int = 4) -> Results:
    """squad gains .2 at the reported setting (layer 2, mean, plain); `plain` and `centred` are its gains at the others."""
    skill = {("none", "tatoeba"): 0.4, ("squad", "tatoeba"): 0.6}
    found = make_results(chains=CHAINS, targets=TARGETS, skill=skill, layers=layers, n=200, noise=0.0)

    def points(cell: Cell) -> tuple[LayerScore, ...]:
        chosen = []
        for point in cell.layers:
            gain = (
                0.2 if (point.layer, point.pooling, point.centred) == (2, "mean", False) else centred if point.centred else plain
            )
            base = 0.6 if point.centred else 0.4
            accuracy = base + (gain if cell.chain == "squad" and not cell.control else 0.0)
            chosen.append(replace(point, accuracy=accuracy))
        return tuple(chosen)

    return replace(found, cells=tuple(replace(cell, layers=points(cell)) for cell in found.cells))


def test_a_gain_that_centring_takes_away_is_said_to_vanish() -> None:
    analysis = compute_findings(swept(plain=0.15, centred=-0.03), 500)
    text = " ".join(analysis.answer.support)
    assert "The retrieval gain of squad → tatoeba" in text
    assert "vanishes at another setting" in text
    assert "centred, at the same layer, it is −3.0" in text
    gain = next(gain for gain in analysis.gains_over("none"))
    found = find_shift(analysis.results, gain)
    assert found is not None
    assert (found.kept, found.of) == (8, 16)
    assert found.other_centring == pytest.approx(-0.03)
    assert found.best == pytest.approx(0.0)  # .4 + .2 on one side, .6 on the other


def test_a_gain_that_holds_everywhere_is_said_to_hold() -> None:
    text = " ".join(compute_findings(swept(plain=0.2, centred=0.2), 500).answer.support)
    assert "does not depend on one setting" in text
    assert "kept at 16 of 16 settings" in text
    assert "vanishes" not in text


def test_without_a_sweep_nothing_is_said() -> None:
    found = swept(plain=0.2, centred=0.2)
    bare = replace(found, cells=tuple(replace(cell, layers=()) for cell in found.cells))
    assert "setting" not in " ".join(compute_findings(bare, 200).answer.support)
    assert collect_sweeps(bare) == ()


def test_a_sweep_is_the_mean_over_languages_and_seeds() -> None:
    found = {sweep.label: sweep for sweep in collect_sweeps(swept(plain=0.1, centred=0.0))}
    assert list(found) == ["none", "squad", "none, random-init control"]
    assert found["squad"].scores[SweepSetting(2, "mean", False)] == pytest.approx(0.6)
    assert found["squad"].scores[SweepSetting(3, "cls", False)] == pytest.approx(0.5)
    assert SweepSetting(3, "cls", True).label == "layer 3, first token, centred"
