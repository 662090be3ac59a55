"""Published numbers beside ours: which cells a study covers, the difference, and what differs in population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.analysis.fake_results import make_results, target
from xstilts.analysis.gains import compute_transfer_gains
from xstilts.analysis.results import ChainInfo, Results, TargetInfo
from xstilts.analysis.scores import summarise
from xstilts.claims.published import PublishedComparison, compare_published, describe_population, published_papers
from xstilts.recipe.mixture import Mixture
from xstilts.tasks.registry import CATALOGUE

(PAPER,) = published_papers()
TYDIQA = target("tydiqa", format="span", trains_on="tydiqa", languages=("en", "de", "sw"))
XNLI = replace(target("xnli", trains_on="mnli"), split="dev")
TATOEBA = target("tatoeba", format="embed", languages=("de", "sw"))


def alone(name: str, *tasks: str, **more: Any) -> ChainInfo:
    return ChainInfo(name, (Mixture(mix=tasks, **more),) if tasks else (), tasks)


NONE, SQUAD = alone("none"), alone("squad", "squad_v1")


def results(
    chains: Sequence[ChainInfo] = (NONE, SQUAD), targets: Sequence[TargetInfo] = (TYDIQA, XNLI), gain: float = 0.065, **more: Any
) -> Results:
    skill = {(chain.name, info.name): 0.5 + gain * (chain.name != "none") for chain in chains for info in targets}
    return make_results(chains=chains, targets=targets, skill=skill, **{"seeds": (0, 1, 2), "n": 400, **more})


def compared(found: Results) -> tuple[PublishedComparison, ...]:
    return compare_published(found, compute_transfer_gains(found, summarise(found), 200), 200)


def covered(found: Results) -> set[str]:
    return {one.cell.id.removeprefix("phang2020-v1/") for one in compared(found)}


def test_a_cell_is_covered_by_the_same_task_target_and_split() -> None:
    assert covered(results()) == {"dev/squad_v1/tydiqa", "dev/squad_v1/xnli", "dev/none/tydiqa", "dev/none/xnli"}
    on_test = replace(XNLI, split="test")
    assert covered(results(targets=(on_test,))) == {"test/none/xnli"}, "gains on test data were not published"
    assert covered(results(targets=(TYDIQA,))) == {"dev/squad_v1/tydiqa", "dev/none/tydiqa"}, "its test data are what both have"
    assert covered(results((NONE, alone("v2", "squad_v2")))) == {"dev/none/tydiqa", "dev/none/xnli"}
    assert covered(results(targets=(target("xcopa"),))) == set()


def test_a_chain_is_that_of_a_row_only_if_it_is_the_same_training() -> None:
    CATALOGUE["wiki"] = replace(CATALOGUE["world/text"], name="wiki")
    six = ("anli_plus", "qqp", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
    for found, row in (
        (alone("a", "squad_v1", "wiki"), "squad_v1+mlm"),
        (alone("b", *six), "multi"),
        (alone("c", "wiki", *six), "multi+mlm"),
        (alone("d", "qqp"), "qqp"),
    ):
        assert covered(results((NONE, found), (TYDIQA,))) == {f"dev/{row}/tydiqa", "dev/none/tydiqa"}
    for found in (
        alone("a", *six[:5]),
        alone("b", *six, "squad_v1"),
        alone("c", "wiki"),
        alone("d", "squad_v1", languages=("de",)),
        alone("e", "squad_v1", labels="shuffled"),
        replace(SQUAD, name="f", phases=SQUAD.phases * 2),
    ):
        info = replace(found, control="placebo") if found.name == "e" else found
        assert covered(results((NONE, info), (TYDIQA,))) == {"dev/none/tydiqa"}, found


def test_ours_is_the_mean_over_all_languages_english_included() -> None:
    found = results(targets=(TYDIQA,))
    (gain, score) = compared(found)
    runs = [{cell.seed: cell for cell in found.cells if cell.chain == name} for name in ("squad", "none")]
    means = [[np.mean([row.headline for row in side[seed].languages.values()]) for seed in found.seeds] for side in runs]
    assert gain.ours.estimate == pytest.approx(np.mean(means[0]) - np.mean(means[1]))
    assert score.ours.estimate == pytest.approx(np.mean(means[1]))
    assert "en" in gain.languages
    assert gain.gain is not None
    assert gain.gain.interval is not None
    assert gain.ours.estimate != gain.gain.interval.estimate, "the transfer gain leaves English out"
    assert set(gain.keys) == {cell.key for cell in found.cells}


def test_the_difference_has_the_interval_of_ours() -> None:
    for planted, inside in ((0.065, True), (0.3, False)):
        one = compared(results(targets=(TYDIQA,), gain=planted))[0]
        assert one.cell.value == pytest.approx(0.065)
        assert one.difference == pytest.approx(one.ours.estimate - 0.065)
        low, high = one.difference_range
        assert high - low == pytest.approx(one.ours.high - one.ours.low)
        assert one.inside == inside == (low <= 0 <= high)


def test_an_encoder_that_all_seeds_share_counts_once() -> None:
    found = results(targets=(TATOEBA,))
    first = next(cell for cell in found.cells if cell.chain == "none")
    shared = tuple(replace(first, seed=cell.seed) if cell.chain == "none" else cell for cell in found.cells)
    score = next(one for one in compared(replace(found, cells=shared)) if one.gain is None)
    assert score.ours.seeds == 1
    assert score.keys == (first.key,)


def test_an_oracle_and_a_missing_score_are_not_compared() -> None:
    assert covered(results(leaks=("tydiqa",))) == {"dev/squad_v1/xnli", "dev/none/xnli"}
    lacking = results(targets=(TYDIQA,), skip=[("none", "tydiqa", seed) for seed in range(3)])
    assert covered(lacking) == set()


def test_what_differs_in_population_is_said() -> None:
    recipes = {
        "intermediate training on squad_v1": {"lr": 1e-5, "batch": 8, "epochs": 3.0, "steps": None},
        "fine-tuning for tydiqa": {"lr": 3e-5, "batch": 16, "epochs": 2.0, "steps": None},
        "fine-tuning for xnli on snli": {"lr": 3e-6, "batch": 4, "epochs": 2.0, "steps": 150},
    }
    found = replace(
        results(targets=(TYDIQA, replace(XNLI, trains_on="snli"), TATOEBA)), recipes=recipes, sizes={"mini-xlmr": 10**7}
    )
    said = " ".join(describe_population(PAPER, found, compared(found)))
    for words in (
        "theirs is XLM-R Large, ours mini-xlmr (10\u00a0M weights)",
        "Languages: not the same number for tydiqa (3 of 9), xnli (3 of 15) and tatoeba (2 of 36)",
        "ours limited (train 5,000 and test 400)",
        "theirs of xnli are mnli, ours snli",
        "Seeds: ours 3",
        "Recipes: fine-tuning for tydiqa: lr 3e-05 (theirs 3e-06) and fine-tuning for xnli on snli: 150 steps (theirs 2 epochs).",
        "first 500 English dev examples, ours the last one",
        "13th layer of 24",
    ):
        assert words in said
    alike = replace(found, limits={}, recipes={"intermediate training on squad_v1": recipes["intermediate training on squad_v1"]})
    said = " ".join(describe_population(PAPER, alike, compared(results(targets=(TYDIQA,)))))
    for words in ("Examples", "Recipes", "Retrieval", "Training data"):
        assert words not in said
