"""Plans from a study that was run: what is measured, what is left out, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.planning import Planned, as_record, lines, planned
from xstilts.analysis.results import Results
from xstilts.analysis.scores import arm
from xstilts.metrics.power import Design, estimate_design, power

CHAINS = (chain("none"), chain("one", "snli"), chain("two", "qqp"), chain("own", "xnli"))
TARGETS = (target("xnli"), target("pos", languages=("en", "de")))


@pytest.fixture(scope="module")
def results() -> Results:
    skill = {(c.name, t.name): 0.6 + 0.03 * (c.name == "one") for c in CHAINS for t in TARGETS}
    return make_results(chains=CHAINS, targets=TARGETS, skill=skill, seeds=(0, 1, 2), noise=0.01)


def test_the_design_is_that_of_the_comparisons_that_count(results: Results) -> None:
    xnli, pos = planned(results)
    assert (xnli.target, xnli.comparisons, xnli.design.languages, xnli.design.examples) == ("xnli", 2, 2, 300)
    assert (pos.comparisons, pos.design.languages) == (3, 1)
    found = []
    for name in ("one", "two"):
        cells = [[c for c in results.cells if (c.chain, c.target) == (side, "xnli")] for side in (name, "none")]
        sides = [arm(side, ["de", "sw"]) for side in cells]
        found.append(estimate_design(sides[0], sides[1], results.metrics["accuracy"].headline, resamples=400))
    assert xnli.design.discordance == pytest.approx((found[0].discordance + found[1].discordance) / 2)
    assert xnli.design.seed_sd == pytest.approx((found[0].seed_sd + found[1].seed_sd) / 2)


def test_oracles_single_artefacts_and_english_alone_are_no_comparisons(results: Results) -> None:
    leaks = tuple(replace(cell, leak=cell.chain == "one") for cell in results.cells)
    assert [row.comparisons for row in planned(replace(results, cells=leaks))] == [1, 2]
    same = tuple(replace(cell, key=f"{cell.target}-{cell.seed}") for cell in results.cells)
    assert planned(replace(results, cells=same)) == ()
    english = tuple(replace(cell, languages={"en": cell.languages["en"]}) for cell in results.cells)
    assert planned(replace(results, cells=english)) == ()


def test_what_an_effect_needs_is_said() -> None:
    row = Planned("mini", "xnli", 3, Design(2000, 0.1, seeds=3, languages=14, seed_sd=0.004, shared_by_seeds=0.5))
    record = json.loads(json.dumps(as_record(row, 0.015)))
    assert record["power"] == pytest.approx(power(row.design, 0.015))
    assert record["design"]["discordance"] == 0.1
    (line,) = lines([row], 0.015)
    assert "3 seeds, 2,000 examples in 14 languages" in line
    assert f"sees {record['detectable_points']:.2f} points" in line
    assert f"for 80 % it takes {record['seeds_needed']} seeds or" in line
    (plain,) = lines([row], None)
    assert "1.5 points" not in plain
    (lone,) = lines([Planned("mini", "xnli", 1, Design(2, 1.0, seeds=2, seed_sd=1.0))], 0.01)
    assert "sees no gain" in lone and "no number of seeds or of examples is enough" in lone
    (single,) = lines([Planned("mini", "xnli", 1, Design(300, 0.1))], 0.01)
    assert "spread over seeds not known" in single
    assert "examples a language (no number of seeds is enough)" in single
