"""The ledger over whole results: what is found, what qualifies it, and that a verdict rests on the data."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from tests.analysis.fake_results import chain, stage
from tests.claims.claim_results import TATOEBA, TYDIQA, XNLI, claim, study, verdict
from tests.conftest import tiny_record
from xstilts.analysis.gather import gather
from xstilts.analysis.results import Cell, Results, Treatment
from xstilts.analysis.scores import summarise
from xstilts.claims import built_in_claims, describe_properties, judge_claims, read_claims, to_json
from xstilts.claims.evidence import Artefact, Evidence
from xstilts.claims.ledger import ClaimResult, check, describe_numbers, exchange_chains
from xstilts.claims.properties import Property
from xstilts.claims.record import Claim
from xstilts.claims.verdict import Finding
from xstilts.cli.app import load_plan
from xstilts.cli.views.claims import ledger_block
from xstilts.recipe.mixture import Mixture
from xstilts.store.store import Store

HELPS = {("squad", TYDIQA): 0.06}


def text_of(rows: list[ClaimResult], properties: Sequence[Property] = (), width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(ledger_block(rows, properties))
    return console.export_text()


def test_a_gain_supports_a_claim_with_everything_that_it_rests_on() -> None:
    row = verdict(claim("comparison"), study(HELPS))
    assert row.verdict == "supported"
    assert row.estimate == pytest.approx(0.06, abs=0.02)
    assert row.low is not None and row.high is not None and row.low < row.estimate < row.high
    assert row.coverage == "1 of 1 comparison, 1 of 1 target, 2 of 2 target-language pairs, 6 seeds"
    assert set(row.evidence) == {f"xlm-roberta-large-{c}-tydiqa-{s}" for c in ("squad", "none") for s in range(6)}
    assert all(len(content) == 64 for _, content in row.artefacts)
    assert "squad_v1 +" in row.reason


def test_the_claimed_the_published_and_our_number_stand_together() -> None:
    cells = ["phang2020-v1/dev/squad_v1/tydiqa"]
    asked = claim("reported_number", comparisons=[{"treatment": "squad_v1", "magnitude": 6.5}], cells=cells)
    row = verdict(asked, study({("squad", TYDIQA): 0.065}))
    assert (row.claimed, [(one.id, one.value) for one in row.published]) == ("+6.5\u00a0points", [(cells[0], "+6.5")])
    said = f"claimed +6.5\u00a0points; published +6.5 ({cells[0]})"
    assert describe_numbers(row) == said and row.measured
    assert f"{said}; here {row.measured}".replace("\u00a0", " ") in " ".join(text_of([row]).replace("\u00a0", " ").split())
    none = verdict(asked, study({}, chains={"none": ()}))
    assert f"{said}; here nothing".replace("\u00a0", " ") in " ".join(text_of([none]).replace("\u00a0", " ").split())
    assert json.loads(to_json("x", [row]))["claims"][0]["published"] == [{"id": cells[0], "value": "+6.5"}]
    assert describe_numbers(verdict(claim("comparison"), study({}))) == ""


def test_the_other_side_refutes() -> None:
    assert verdict(claim("comparison"), study({("squad", TYDIQA): -0.06})).verdict == "refuted"
    assert verdict(claim("comparison", direction="-"), study({("squad", TYDIQA): -0.06})).verdict == "supported"


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (replace(study(HELPS), limits={"train": 500}), "limited to 500 train examples"),
        (study(HELPS, languages=("en", "ru")), "without tydiqa/sw"),
    ],
)
def test_smaller_runs_are_proxies(results: Results, words: str) -> None:
    row = verdict(claim("comparison"), results)
    assert row.verdict == "supported (proxy)"
    assert words in row.reason


def test_another_encoder_is_a_proxy() -> None:
    row = verdict(claim("comparison", population={"model": "xlm-roberta-base"}), study(HELPS))
    assert row.verdict == "supported (proxy)"
    assert "the encoder is xlm-roberta-large, not xlm-roberta-base" in row.reason


def test_other_training_data_and_a_missing_target_are_proxies() -> None:
    results = study({("squad", TYDIQA): 0.06, ("squad", XNLI): 0.06})
    infos = tuple(replace(info, trains_on="snli") if info.name == XNLI else info for info in results.targets)
    row = verdict(
        claim("comparison", population={"targets": [TYDIQA, XNLI, "pawsx"], "languages": ["ru", "sw"]}),
        replace(results, targets=infos),
    )
    assert row.verdict == "supported (proxy)"
    assert "xnli is fine-tuned on snli, not mnli" in row.reason
    assert "2 of 3 targets (without pawsx)" in row.reason


def test_a_claim_over_tasks_that_were_not_run_is_not_tested() -> None:
    other = verdict(claim("comparison", population={"targets": ["pawsx"]}), study(HELPS))
    assert (other.verdict, other.estimate) == ("not tested", None)
    assert "none of its targets (pawsx) is in this study" in other.reason
    chainless = verdict(claim("comparison", comparisons=[{"treatment": "cosmosqa"}]), study(HELPS))
    assert "no chain with scores trains on cosmosqa alone" in chainless.reason
    control = verdict(claim("comparison", comparisons=[{"treatment": "squad_v1", "control": "placebo"}]), study(HELPS))
    assert "squad has no control “placebo” with scores" in control.reason
    own = replace(study(HELPS), targets=tuple(replace(t, trains_on="squad_v1") for t in study(HELPS).targets))
    reused = verdict(claim("comparison", population={"own_data": "left out"}), own)
    assert "it trains on the target's own training data" in reused.reason
    alone = replace(study(HELPS), cells=tuple(c for c in study(HELPS).cells if c.chain != "none"))
    assert "no scored cell without intermediate training" in verdict(claim("comparison"), alone).reason


def test_one_seed_is_said() -> None:
    row = verdict(claim("comparison"), study(HELPS, seeds=(0,)))
    assert row.verdict == "not tested"
    assert "1 seed, and the claim needs 3" in row.reason


def test_a_constant_score_is_no_test() -> None:
    results = study(HELPS)
    none = {(c.target, c.seed): c for c in results.cells if c.chain == "none"}
    same = tuple(replace(c, languages=none[c.target, c.seed].languages) if c.chain == "squad" else c for c in results.cells)
    row = verdict(claim("no_effect", rope=5.0), replace(results, cells=same))
    assert row.verdict == "not tested"
    assert "the same outcome on both sides" in row.reason


def test_unequal_example_sets_are_paired_by_id_and_the_difference_is_named() -> None:
    def cut(cell: Cell) -> Cell:
        if cell.chain != "squad":
            return cell
        languages = {x: replace(s, ids_N=s.ids_N[30:], counts_NC=s.counts_NC[30:]) for x, s in cell.languages.items()}
        return replace(cell, languages=languages)

    results = study(HELPS)
    row = verdict(claim("comparison"), replace(results, cells=tuple(map(cut, results.cells))))
    assert any("paired by id" in note and "360 rows" in note for note in row.notes)  # 30 x 2 languages x 6 seeds


def test_chance_on_both_sides_is_no_evidence() -> None:
    row = verdict(claim("no_effect"), study({}, chance=0.55))
    assert row.verdict == "not tested"
    assert "near chance on both sides" in row.reason


@pytest.mark.parametrize(("chance", "near"), [(0.35, False), (0.45, False), (0.56, True), (0.59, True), (0.64, True)])
def test_page_and_ledger_agree_on_what_is_near_chance(chance: float, near: bool) -> None:
    """At 0.56 both scores (about 0.6, of 60 examples) lie more than two points above chance, and their intervals reach it."""
    results = study({}, targets=(XNLI,), chance=chance, n=60, chains={"none": (), "squad": ("squad_v1",)}, noise=0.0)
    rows = summarise(results)
    assert [row.near_chance for row in rows] == [near, near]
    assert all((row.main or 0) > 0.58 for row in rows)
    told = verdict(claim("no_effect", rope=20.0, population={"targets": [XNLI]}), results)
    assert ("near chance on both sides" in told.reason) == near


def test_what_leaks_is_left_out_and_said() -> None:
    results = study(HELPS)
    leaking = replace(results, cells=tuple(replace(c, leak=c.seed > 1) for c in results.cells))
    row = verdict(claim("comparison"), leaking)
    assert "2 seeds, and the claim needs 3" in row.reason
    assert any("(a leak)" in note for note in row.notes)
    assert not any(key.endswith("-2") for key in row.evidence)


def test_a_claim_about_dev_data_is_decided_by_scores_on_dev_data() -> None:
    """TyDiQA has none but in English: its test data stand in, as in jiant."""
    about = claim("comparison", population={"targets": [XNLI, TYDIQA], "split": "dev"})
    results = study({("squad", XNLI): 0.06, ("squad", TYDIQA): 0.06})
    assert verdict(about, results).verdict == "out of scope"
    on_dev = replace(
        results, targets=tuple(replace(info, split="dev") if info.name == XNLI else info for info in results.targets)
    )
    assert verdict(about, on_dev).verdict == "supported"
    assert verdict(claim("comparison", population={"targets": [XNLI], "split": "test"}), on_dev).verdict == "out of scope"


@pytest.mark.parametrize(
    ("population", "words"),
    [
        ({"targets": [XNLI], "split": "dev"}, "split: the claim is about dev data, this study scores xnli on test"),
        ({"targets": [TATOEBA], "retrieval": {"pooling": "cls"}}, "pooling is cls in the claim and mean in this study"),
        ({"targets": [TATOEBA], "retrieval": {"layer": "last"}}, "retrieval: the claim is about the last layer"),
    ],
)
def test_another_population_is_out_of_scope_and_says_which_field(population: dict[str, Any], words: str) -> None:
    results = replace(study(HELPS, targets=(TYDIQA, TATOEBA, XNLI)), layer="jiant")
    row = verdict(claim("comparison", population=population), results)
    assert row.verdict == "out of scope"
    assert words in row.reason
    assert row.estimate is None


def test_another_policy_is_out_of_scope() -> None:
    results = replace(study(HELPS), recipes={"fine-tuning": {"policy": "last"}})
    assert "policy" in verdict(claim("comparison", population={"policy": "en_dev"}), results).reason
    assert verdict(claim("comparison", population={"policy": "last"}), results).verdict == "supported"


def test_pairs_that_reuse_the_targets_data_are_left_out_where_the_claim_says_so() -> None:
    results = study({}, chains={"none": (), "mnli": ("mnli",), "qqp": ("qqp",)}, noise=0.0005, n=4000)
    infos = tuple(replace(info, training_data=frozenset({"mnli"})) if info.name == XNLI else info for info in results.targets)
    results = replace(results, targets=infos)
    about = {"targets": [XNLI], "intermediate": ["mnli", "qqp"]}
    each = [{"treatment": "alone"}]
    kept = verdict(claim("no_effect", comparisons=each, each=["task"], rope=3.0, population=about), results)
    assert kept.coverage.startswith("2 of 2 comparisons")
    assert any("also trains on the own training data of xnli" in note for note in kept.notes)
    left = verdict(
        claim("no_effect", comparisons=each, each=["task"], rope=3.0, population={**about, "own_data": "left out"}), results
    )
    assert left.coverage.startswith("1 of 1 comparison")
    assert left.verdict == "supported"
    assert any("mnli is left out on xnli" in note for note in left.notes)


def test_several_tasks_at_once_and_what_else_they_train_on() -> None:
    results = study({("multi", TYDIQA): 0.06}, chains={"none": (), "multi": ("squad_v1",)})
    mix = chain("multi", "squad_v1", "qqp", "snli")
    mixed = replace(results, chains=(results.chains[0], replace(mix, phases=(Mixture(mix=("squad_v1", "qqp", "snli")),))))
    row = verdict(claim("comparison", comparisons=[{"treatment": "multi"}]), mixed)
    assert row.verdict == "supported (proxy)"
    assert "multi also trains on snli" in row.reason
    assert "multi has 2 of 3 intermediate tasks (without hellaswag)" in row.reason


@pytest.mark.parametrize(
    ("treatment", "phase"),
    [
        ("text", Mixture(mix=("world/squad", "world/text"))),
        ("translated", Mixture(mix=("world/squad_mt",), languages=("l1", "l2"))),
    ],
)
def test_a_denied_superiority_is_tested_over_the_task_alone(treatment: str, phase: Mixture) -> None:
    results = study(
        {("squad", TYDIQA): 0.06, ("other", TYDIQA): 0.02}, chains={"none": (), "squad": ("world/squad",), "other": ("x",)}
    )
    infos = tuple(replace(c, phases=(phase,)) if c.name == "other" else c for c in results.chains)
    one = claim(
        "replication",
        negated=True,
        each=["task"],
        comparisons=[{"treatment": treatment, "control": "alone"}],
        population={"intermediate": ["world/squad"]},
    )
    row = verdict(one, replace(results, chains=infos))
    assert row.verdict == "supported"
    assert row.estimate == pytest.approx(-0.04, abs=0.02)
    better = {("squad", TYDIQA): 0.02, ("other", TYDIQA): 0.08}
    good = study(better, chains={"none": (), "squad": ("world/squad",), "other": ("x",)})
    assert verdict(one, replace(good, chains=infos)).verdict == "refuted"


def test_a_ranking_and_the_best_for_each_target() -> None:
    results = study({("squad", TYDIQA): 0.08, ("qqp", TYDIQA): 0.0, ("hella", TYDIQA): 0.01})
    ranking = claim("ranking", best=["squad_v1"], comparisons=[], direction="")
    row = verdict(ranking, results)
    assert row.verdict == "supported"
    assert "P(rank ≤ 1 of 3): squad_v1 >\N{NO-BREAK SPACE}0.99." in row.reason
    assert verdict(claim("ranking", best=["qqp"], comparisons=[], direction=""), results).verdict == "refuted"
    best = claim("reported_number", comparisons=[{"treatment": "best", "magnitude": 8.0}], tolerance=4.0)
    row = verdict(best, results)
    assert row.verdict == "supported"
    assert any(re.search(r"tydiqa: squad_v1 (\d+) of \1\)", note) for note in row.notes)  # never another task


def test_a_retrieval_gain_is_told_at_other_layers_too() -> None:
    results = study({("squad", TATOEBA): 0.2}, targets=(TATOEBA,), layers=4)
    about = {"targets": [TATOEBA], "intermediate": ["squad_v1"]}
    row = verdict(claim("comparison", comparisons=[{"treatment": "alone"}], at_least=10, population=about), results)
    assert row.verdict == "supported"
    assert any("at its own best layer" in note for note in row.notes)


def test_each_target_must_hold() -> None:
    """Tatoeba +40 and XNLI -5: the mean is large, and the claim about both is wrong."""
    gains = {("squad", TATOEBA): 0.40, ("squad", XNLI): -0.05}
    results = replace(study(gains, targets=(TATOEBA, XNLI)), layer="jiant")
    about = {"targets": [TATOEBA, XNLI], "languages": ["ru", "sw"]}
    assert verdict(claim("comparison", at_least=10, population=about), results).verdict == "supported"
    row = verdict(claim("comparison", at_least=10, each=["target"], population=about), results)
    assert row.verdict == "refuted"
    assert "squad_v1 on xnli" in row.reason
    assert row.coverage.startswith("2 of 2 comparisons, 2 of 2 targets")
    less = verdict(claim("comparison", each=["target"], population={**about, "targets": [TATOEBA, "pawsx"]}), results)
    assert less.verdict == "supported (proxy)"
    assert "1 of 2 targets (without pawsx)" in less.reason


def test_a_counterexample_refutes_although_other_tasks_were_not_run() -> None:
    results = study({("squad", TYDIQA): 0.06, ("qqp", TYDIQA): -0.06})
    tasks = ["squad_v1", "qqp", "hellaswag", "ccg", "cosmosqa"]
    every = claim("replication", comparisons=[{"treatment": "alone"}], each=["task"], population={"intermediate": tasks})
    row = verdict(every, results)
    assert row.verdict == "refuted"
    assert "One counterexample is enough" in row.reason
    assert verdict(every, replace(results, limits={"train": 500})).verdict == "inconclusive (proxy)"
    mean = claim("comparison", comparisons=[{"treatment": "alone"}], direction="-", population={"intermediate": tasks})
    better = study({("squad", TYDIQA): 0.06, ("qqp", TYDIQA): 0.06, ("hella", TYDIQA): 0.06})
    assert verdict(mean, better).verdict == "inconclusive (proxy)"  # the two others may change a mean


def treat(*learned: tuple[str, str, float]) -> tuple[Treatment, ...]:
    """(chain, its task, its dev score), each with a baseline of one half."""
    return tuple(
        Treatment("xlm-roberta-large", chain, task, s, score, 0.5, 1000) for chain, task, score in learned for s in range(6)
    )


def test_a_treatment_that_did_not_take_is_no_test() -> None:
    """Five steps at a rate of 1e-9 leave the encoder as it was, so that "no benefit" would be supported."""
    results = study({}, noise=0.0005, n=4000)
    each = {"comparisons": [{"treatment": "alone"}], "each": ["task"], "rope": 3.0}
    unknown = verdict(claim("no_benefit", **each), results)
    assert unknown.verdict == "supported"
    tasks = (("squad", "squad_v1"), ("qqp", "qqp"), ("hella", "hellaswag"))
    took = replace(results, treatments=treat(*((*one, 0.8) for one in tasks)))
    assert verdict(claim("no_benefit", **each), took).verdict == "supported"
    none = verdict(claim("no_benefit", **each), replace(results, treatments=treat(*((*one, 0.505) for one in tasks))))
    assert none.verdict == "not tested"
    assert "the treatment did not take: squad did not learn its intermediate task" in none.reason
    part = replace(results, treatments=treat((*tasks[0], 0.8), (*tasks[1], 0.505), (*tasks[2], 0.8)))
    row = verdict(claim("no_benefit", **each), part)
    assert row.verdict == "supported (proxy)"
    assert "qqp did not learn its intermediate task" in row.reason
    single = verdict(claim("comparison"), replace(results, treatments=treat((*tasks[0], 0.505))))
    assert "the treatment did not take" in single.reason


def test_the_population_says_with_what_the_chains_were_trained() -> None:
    recipes = {f"intermediate training on {task}": {"lr": 1e-9, "steps": 5, "batch": 8} for task in ("squad_v1", "qqp")}
    row = verdict(claim("comparison"), replace(study(HELPS), recipes=recipes))
    assert "intermediate training with lr 1e-09, steps 5, batch 8 (squad_v1 and qqp)" in row.population
    assert row.population.startswith("xlm-roberta-large")


def constant_tests() -> Results:
    """A target whose models learned nothing: every language has its majority label right, and the chain a little more."""
    results = study({}, targets=(XNLI,), chains={"none": (), "squad": ("squad_v1",)}, noise=0.0, n=2000)

    def set_to(cell: Cell) -> Cell:
        level = 0.553 if cell.chain == "squad" else 0.547
        scores = {}
        for code, score in cell.languages.items():
            counts = score.counts_NC.copy()
            counts[:, 0] = np.arange(len(counts)) < level * len(counts)
            scores[code] = replace(score, counts_NC=counts, headline=level, baseline=0.547)
        return replace(cell, languages=scores)

    return replace(results, cells=tuple(map(set_to, results.cells)))


def test_models_that_learned_nothing_are_no_test() -> None:
    row = verdict(claim("comparison", population={"targets": [XNLI]}), constant_tests())
    assert row.verdict == "not tested"
    assert "near chance on both sides: xnli" in row.reason
    high = study({("squad", XNLI): 0.3}, targets=(XNLI,), chance=0.6)
    above = verdict(claim("comparison", population={"targets": [XNLI]}), high)
    assert "near chance without the chain, so not learned: xnli" in above.reason


def test_a_question_about_two_encoders_is_tested_where_a_study_has_both() -> None:
    results = study({("squad", TYDIQA): 0.02})
    base = study({("squad", TYDIQA): 0.08})
    cells = tuple(replace(cell, encoder="xlm-roberta-base", key=f"base-{cell.key}") for cell in base.cells)
    both = replace(results, encoders=("xlm-roberta-large", "xlm-roberta-base"), cells=(*results.cells, *cells))
    smaller = claim("question", direction="-", than="xlm-roberta-base")
    row = verdict(smaller, both)
    assert (row.verdict, row.estimate) == ("supported", pytest.approx(-0.06, abs=0.02))
    assert any(key.startswith("base-") for key in row.evidence)
    assert verdict(claim("question", direction="+", than="xlm-roberta-base"), both).verdict == "refuted"
    alone = verdict(smaller, results)
    assert alone.verdict == "not tested"
    assert "nothing to compare it with under xlm-roberta-base" in alone.reason


def test_a_mixture_is_compared_with_the_mean_of_its_tasks() -> None:
    gains = {("squad", TYDIQA): 0.06, ("qqp", TYDIQA): 0.0, ("multi", TYDIQA): 0.10}
    results = study(gains, chains={"none": (), "squad": ("squad_v1",), "qqp": ("qqp",), "multi": ("squad_v1",)})
    mix = replace(chain("multi", "squad_v1", "qqp"), phases=(Mixture(mix=("squad_v1", "qqp")),))
    mixed = replace(results, chains=(*results.chains[:3], mix))
    about = {"intermediate": ["squad_v1", "qqp"]}
    over = claim("question", comparisons=[{"treatment": "multi", "control": "alone"}], population=about)
    row = verdict(over, mixed)
    assert (row.verdict, row.estimate) == ("supported", pytest.approx(0.07, abs=0.02))
    best = verdict(claim("ranking", best=["multi"], comparisons=[], population=about), mixed)
    assert best.verdict == "supported"
    assert best.shown == best.comparisons == 2


# -- facts --------------------------------------------------------------------------------------------------------------

SIZES = claim(
    "dataset_fact",
    expected={"mnli": 392702, "squad_v2": 130319},
    comparisons=[],
    direction="",
    population={"split": "train"},
)


def fetched(task: str, available: int) -> Any:
    return stage("fetch", "data", task=task, split="train", language="en", facts={"examples": 500, "available": available})


def test_counts_are_those_that_were_read() -> None:
    results = study(HELPS)
    whole = replace(results, costs=(fetched("mnli", 392702), fetched("squad_v2", 130319)))
    row = verdict(SIZES, whole)
    assert (row.verdict, row.unit, row.estimate) == ("supported", "count", 392702 + 130319)
    assert len(row.evidence) == 2
    part = verdict(SIZES, replace(results, costs=(fetched("mnli", 392702),)))
    assert part.verdict == "not tested"
    assert "the train data of squad_v2 were not read" in part.reason
    assert verdict(SIZES, replace(results, costs=(fetched("mnli", 4000), fetched("squad_v2", 130319)))).verdict == "not tested"


def test_a_count_that_differs_in_a_whole_copy_refutes() -> None:
    results = study(HELPS)
    hub = stage("fetch", "data", task="mnli", split="train", language="en", facts={"available": 392662, "commit": "0" * 40})
    assert verdict(SIZES, replace(results, costs=(hub,))).verdict == "refuted"
    assert verdict(SIZES, replace(results, costs=(fetched("mnli", 392703),))).verdict == "refuted"
    other = SIZES.model_copy(update={"expected": {"mnli": 400000}})
    assert verdict(other, replace(results, costs=(fetched("mnli", 392702),))).verdict == "refuted"  # the catalogue's count
    parts = stage("fetch", "data", task="anli_plus", split="train", language="en", facts={"available": 9, "commit": "0" * 40})
    whole = SIZES.model_copy(update={"expected": {"anli_plus": 1104934}})
    assert verdict(whole, replace(results, costs=(parts,))).verdict == "not tested"  # one of its parts may be from elsewhere
    assert "were not read" in verdict(SIZES, results).reason


# -- the data decides ---------------------------------------------------------------------------------------------------


def constant(one: Claim, results: Results, resamples: int) -> tuple[Finding, Evidence]:
    """A "verification" that prints what it was told to: it looks like a result and rests on nothing."""
    found = Finding("supported", "A computed 7.57 matches an expected 7.57.", False, 0.0757, 0.07, 0.08)
    return found, Evidence(artefacts=(Artefact("k" * 64, "c" * 64),), asked=1, seeds=6)


def without_artefact(one: Claim, results: Results, resamples: int) -> tuple[Finding, Evidence]:
    return Finding("refuted", "It cannot be.", False, float(len(results.cells))), Evidence()


def test_a_check_that_does_not_depend_on_the_data_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    results = study(HELPS)
    monkeypatch.setattr("xstilts.claims.ledger.check", constant)
    row = verdict(claim("comparison"), results)
    assert row.verdict == "rejected"
    assert row.estimate is None
    assert "does not depend on the data: verdict and estimate stay the same when the artefacts" in row.reason
    assert "with other counts" in verdict(SIZES, results).reason
    monkeypatch.setattr("xstilts.claims.ledger.check", without_artefact)
    assert "names no artefact" in verdict(claim("comparison"), results).reason


def test_a_constant_that_only_asks_for_any_score_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes if all scores are taken away, and not if they change places."""
    for estimate in (0.0757, 0.0):

        def gated(one: Claim, results: Results, resamples: int, estimate: float = estimate) -> tuple[Finding, Evidence]:
            found, evidence = constant(one, results, resamples)
            some = any(score.headline > 0 for cell in results.cells if cell.chain != "none" for score in cell.languages.values())
            return (replace(found, estimate=estimate) if some else Finding("not tested", "Nothing.")), evidence

        monkeypatch.setattr("xstilts.claims.ledger.check", gated)
        assert verdict(claim("comparison"), study(HELPS)).verdict == "rejected"
        alike = study({}, noise=0.0)
        first = {(cell.target, cell.seed): cell for cell in alike.cells}
        same = tuple(replace(cell, languages=first[cell.target, cell.seed].languages) for cell in alike.cells)
        row = verdict(claim("comparison"), replace(alike, cells=same))
        assert "when chains lose right answers" in row.reason


@pytest.mark.parametrize("gains", [(0.02, -0.02), (-0.02, 0.02)])
def test_gains_that_cancel_are_not_taken_for_a_constant(gains: tuple[float, float]) -> None:
    """+2 with one seed and -2 with the other: 0 on average, and still 0 if the two chains change places as a whole."""
    results = study({}, chains={"none": (), "squad": ("squad_v1",)}, seeds=(0, 1, 2, 3), noise=0.0)

    def set_to(cell: Cell) -> Cell:
        level = 0.5 + (gains[cell.seed % 2] if cell.chain == "squad" else 0.0)
        counts = np.stack([np.arange(400) < round(400 * level), np.ones(400)], axis=1).astype(float)
        return replace(cell, languages={x: replace(s, counts_NC=counts, headline=level) for x, s in cell.languages.items()})

    row = verdict(claim("no_effect", rope=20.0), replace(results, cells=tuple(map(set_to, results.cells))))
    assert (row.estimate, row.verdict) == (pytest.approx(0.0, abs=1e-12), "supported")


def test_a_gain_of_exactly_nothing_is_not_taken_for_a_constant() -> None:
    results = study({}, chains={"none": (), "squad": ("squad_v1",)}, seeds=(0, 1, 2))
    none = {(c.target, c.seed): c for c in results.cells if c.chain == "none"}

    def turned(cell: Cell) -> Cell:
        """The outcomes of the control, each at another example."""
        other = none[cell.target, cell.seed].languages
        return replace(cell, languages={x: replace(s, counts_NC=s.counts_NC[::-1]) for x, s in other.items()})

    cells = tuple(turned(c) if c.chain == "squad" else c for c in results.cells)
    row = verdict(claim("no_effect", rope=20.0), replace(results, cells=cells))
    assert (row.estimate, row.verdict) == (0.0, "supported")


def test_the_ledgers_own_check_depends_on_the_data() -> None:
    results = study({**HELPS, ("qqp", TYDIQA): -0.05})
    honest, _ = check(claim("comparison"), results, 300)
    moved, _ = check(claim("comparison"), exchange_chains(results), 300)
    assert (honest.verdict, moved.verdict) == ("supported", "refuted")
    assert moved.estimate != honest.estimate


def test_moving_artefacts_keeps_them_all() -> None:
    results = study(HELPS)
    moved = exchange_chains(results)
    assert sorted(c.key for c in moved.cells) == sorted(c.key for c in results.cells)
    assert all(
        a.key != b.key and a.target == b.target and a.seed == b.seed for a, b in zip(results.cells, moved.cells, strict=True)
    )


def test_a_row_is_tied_to_the_bytes_that_it_was_made_from() -> None:
    results = study(HELPS)
    row, again = (verdict(claim("comparison"), results) for _ in range(2))
    assert row == again

    def nudged(cell: Cell) -> Cell:
        score = cell.languages["ru"]
        counts = score.counts_NC.copy()
        counts[0, 0] = 1 - counts[0, 0]
        return replace(cell, languages={**cell.languages, "ru": replace(score, counts_NC=counts)})

    changed = verdict(claim("comparison"), replace(results, cells=(*map(nudged, results.cells),)))
    assert changed.evidence == row.evidence
    assert changed.provenance != row.provenance


# -- the whole ledger ---------------------------------------------------------------------------------------------------


def test_every_built_in_claim_gets_a_verdict_and_a_reason() -> None:
    results = study(HELPS)
    rows, properties = judge_claims(results, resamples=50), describe_properties(results)
    assert {row.id for row in rows} | {row.id for row in properties} == {one.id for one in built_in_claims()}
    assert all(row.reason.endswith(".") and row.source for row in rows)
    assert not any(row.verdict == "rejected" for row in rows)
    known = {cell.key for cell in results.cells} | {cost.key for cost in results.costs}
    assert all(set(row.evidence) <= known for row in rows)
    assert all(row.evidence for row in rows if row.decided)
    told = json.loads(to_json("fake", rows, properties))
    assert [one["verdict"] for one in told["claims"]] == [row.verdict for row in rows]
    assert [one["state"] for one in told["properties"]] == [row.state for row in properties]
    for width in (80, 120):
        shown = text_of(rows, properties, width)
        assert all(len(line.rstrip()) <= min(width, 100) for line in shown.splitlines())
        assert f"{len(rows)} claims:" in shown
        assert all(one.id in shown for one in (*rows, *properties))


def test_results_without_anything_are_not_tested() -> None:
    rows = judge_claims(replace(study({}), cells=(), costs=()))
    assert {row.verdict for row in rows} <= {"not tested", "out of scope"}


def test_unknown_chains_and_tasks_do_no_harm() -> None:
    odd = replace(study(HELPS), chains=(chain("none"), chain("squad", "a task of nobody")))
    assert verdict(claim("comparison"), odd).verdict == "not tested"


def test_a_study_is_asked_by_name_and_its_store_need_not_be_complete(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_record()), encoding="utf-8")
    store = Store(tmp_path / "store")
    assert judge_claims(gather(load_plan(str(path), [], draft=True), store))
    own = tmp_path / "claims.yaml"
    own.write_text(
        "claims:\n- {id: mine, text: SQuAD helps., source: {document: a talk, basis: recalled}, kind: comparison,\n"
        "   comparisons: [{treatment: world/squad}], direction: '+', population: {targets: [world/tydiqa]}}\n"
    )
    (row,) = judge_claims(gather(load_plan(str(path), ["seeds=[1]"], draft=True), store), read_claims(own))
    assert row.verdict == "not tested"
    assert "there is no scored cell" in row.reason


@pytest.mark.parametrize("name", ["phang2020", "real-small"])
def test_a_study_of_which_nothing_is_at_hand_has_a_reason_for_each_claim(name: str, tmp_path: Path) -> None:
    """No data, no encoder, no network."""
    rows = judge_claims(gather(load_plan(name, [], draft=True), Store(tmp_path)))
    assert {row.verdict for row in rows} == {"not tested", "out of scope"}
    assert all(row.reason for row in rows)
