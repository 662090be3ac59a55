"""Plans from a study that was run: what is measured, what is left out, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.planning import (
    TargetDesign,
    assume_designs,
    describe_assumed,
    describe_designs,
    measure_designs,
    to_record,
)
from xstilts.analysis.results import Results
from xstilts.analysis.scores import collect_tallies
from xstilts.metrics.power import Design, detectable, estimate_design, power, seeds_needed
from xstilts.plan.compile import compile_study
from xstilts.study import load_study, make_study

CHAINS = (chain("none"), chain("one", "snli"), chain("two", "qqp"), chain("own", "xnli"))
TARGETS = (target("xnli"), target("pos", languages=("en", "de")))


@pytest.fixture(scope="module")
def results() -> Results:
    skill = {(c.name, t.name): 0.6 + 0.03 * (c.name == "one") for c in CHAINS for t in TARGETS}
    return make_results(chains=CHAINS, targets=TARGETS, skill=skill, seeds=(0, 1, 2), noise=0.01)


def test_the_design_is_that_of_the_comparisons_that_count(results: Results) -> None:
    xnli, pos = measure_designs(results)
    assert (xnli.target, xnli.comparisons, xnli.design.languages, xnli.design.examples) == ("xnli", 2, 2, 300)
    assert (pos.comparisons, pos.design.languages) == (3, 1)
    assert xnli.family == pos.family == 5  # without the chain of xnli's own data
    found = []
    for name in ("one", "two"):
        cells = [[c for c in results.cells if (c.chain, c.target) == (side, "xnli")] for side in (name, "none")]
        sides = [collect_tallies(side, ["de", "sw"]) for side in cells]
        found.append(estimate_design(sides[0], sides[1], results.metrics["accuracy"].headline, resamples=400))
    assert xnli.design.discordance == pytest.approx((found[0].discordance + found[1].discordance) / 2)
    assert xnli.design.seed_sd == pytest.approx((found[0].seed_sd + found[1].seed_sd) / 2)


def test_oracles_single_artefacts_and_english_alone_are_no_comparisons(results: Results) -> None:
    leaks = tuple(replace(cell, leak=cell.chain == "one") for cell in results.cells)
    assert [row.comparisons for row in measure_designs(replace(results, cells=leaks))] == [1, 2]
    same = tuple(replace(cell, key=f"{cell.target}-{cell.seed}") for cell in results.cells)
    assert measure_designs(replace(results, cells=same)) == ()
    english = tuple(replace(cell, languages={"en": cell.languages["en"]}) for cell in results.cells)
    assert measure_designs(replace(results, cells=english)) == ()


def test_what_an_effect_needs_is_said() -> None:
    design = Design(2000, 0.1, seeds=3, languages=14, seed_sd=0.004, shared_by_seeds=0.5)
    row = TargetDesign("mini", "xnli", 3, design, family=12)
    record = json.loads(json.dumps(to_record(row, 0.025)))
    assert record["power"] == pytest.approx(power(row.design, 0.025, 12))
    assert record["corrected_points"] == pytest.approx(100 * detectable(design, 12))
    assert record["corrected_points"] > record["detectable_points"]
    assert record["seeds_needed"] == seeds_needed(design, 0.025, 12) > seeds_needed(design, 0.025)  # type: ignore[operator]
    assert record["design"]["discordance"] == 0.1
    (line,) = describe_designs([row], 0.025)
    assert "3 seeds, 2,000 examples in 14 languages" in line
    assert f"sees {record['detectable_points']:.2f} points alone, {record['corrected_points']:.2f} points after" in line
    assert f"for 80 % it takes {record['seeds_needed']} seeds" in line
    (plain,) = describe_designs([row], None)
    assert "1.5 points" not in plain
    (lone,) = describe_designs([TargetDesign("mini", "xnli", 1, Design(2, 1.0, seeds=2, seed_sd=1.0))], 0.01)
    assert "sees no gain" in lone and "no number of seeds or of examples is enough" in lone
    assert "nothing is called with fewer than 3 seeds" in lone
    (single,) = describe_designs([TargetDesign("mini", "xnli", 1, Design(300, 0.1))], 0.01)
    assert "spread over seeds not known" in single
    assert "examples a language (no number of seeds is enough)" in single


def test_pairs_near_chance_are_not_in_the_family() -> None:
    low = target("low", chance=0.5)
    skill = {(c.name, t): 0.6 if t == "xnli" else 0.5 for c in CHAINS for t in ("xnli", "low")}
    made = make_results(chains=CHAINS, targets=(TARGETS[0], low), skill=skill, seeds=(0, 1, 2), noise=0.002)
    assert {row.family for row in measure_designs(made)} == {2}


def test_a_plan_says_what_it_can_see_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fields = {
        "name": "mine",
        "question": "?",
        "encoders": ["xlm-roberta-base"],
        "chains": {"none": [], "squad": ["squad_v1"], "mnli": ["mnli"]},
        "targets": ["xnli", "xquad", "tatoeba"],
        "seeds": [0, 1, 2],
    }
    rows = assume_designs(compile_study(make_study(fields), tmp_path, draft=True))
    assert [row.target for row in rows] == ["xnli", "xquad", "tatoeba"]
    assert {row.family for row in rows} == {4}  # MNLI is XNLI's training data, SQuAD is XQuAD's
    assert (rows[0].design.examples, rows[0].design.languages, rows[0].design.discordance) == (5010, 14, 0.10)
    assert (rows[0].design.shared_by_languages, rows[2].design.shared_by_languages) == (1.0, 0.0)
    sees, assumed = describe_assumed(rows)
    assert f"xnli {100 * detectable(rows[0].design, 4):.1f} ({100 * detectable(rows[0].design):.1f})" in sees
    assert "4 comparisons" in sees and "assumed, not measured" in assumed
    few = assume_designs(compile_study(make_study({**fields, "primary": [{"target": "tatoeba"}]}), tmp_path, draft=True))
    assert {row.family for row in few} == {2}
    two = assume_designs(compile_study(make_study({**fields, "seeds": [0, 1]}), tmp_path, draft=True))
    assert "With 2 seeds nothing is called" in describe_assumed(two)[0]
    world = compile_study(load_study("demo"), tmp_path, draft=True)
    assert describe_assumed(assume_designs(world)) == ()  # sizes of the embedded world are not catalogued
