"""The answer is one sentence and never kinder than the numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.analysis.fake_results import chain, controls, make_results, stage, target
from xstilts.metrics.multiplicity import holm
from xstilts.report.findings import Findings, compute_findings

CHAINS = (chain("none"), chain("squad", "squad_v1"))


def two(gain: float, base: float = 0.5, seeds: int = 3, chance: float | None = None) -> Findings:
    results = make_results(
        chains=CHAINS,
        targets=[target("tydiqa", chance=chance)],
        skill={("none", "tydiqa"): base, ("squad", "tydiqa"): base + gain},
        seeds=range(seeds),
    )
    return compute_findings(results, 1000)


def test_a_clear_gain_is_named_with_its_interval_and_seeds() -> None:
    findings = two(0.15)
    (gain,) = findings.gains
    assert gain.verdict == "gain"
    assert gain.interval is not None
    assert gain.interval.low > 0.1
    assert findings.answer.verdict == "yes"
    assert findings.answer.sentence.startswith("Yes for 1 of 1 chain\u2011target pair (squad → tydiqa ")
    assert "3 seeds, exploratory" in findings.answer.sentence


def test_six_seeds_are_not_called_exploratory() -> None:
    findings = two(0.15, seeds=6)
    assert "exploratory" not in " ".join([findings.answer.sentence, *findings.answer.support])


@pytest.mark.parametrize(("seeds", "few"), [(1, "One seed is"), (2, "2 seeds are")])
def test_few_seeds_are_no_answer_however_large_the_gain(seeds: int, few: str) -> None:
    findings = two(0.15, seeds=seeds)
    (gain,) = findings.gains
    assert gain.verdict == "few seeds"
    assert gain.interval is not None
    assert gain.interval.low > 0.1
    assert findings.answer.verdict == "unclear"
    assert findings.answer.sentence.startswith(
        f"{few} too few to decide; it takes 3. In these runs, the interval lies above zero for 1 of 1 chain\u2011target pair"
    )
    assert "no gain or loss is called clear" in " ".join(findings.answer.support)


def test_one_seed_names_losses_and_what_shows_nothing() -> None:
    lost = two(-0.15, seeds=1).answer
    assert "above zero for none of 1 chain" in lost.sentence
    assert "below zero for 1 (squad → tydiqa −1" in lost.sentence
    near = two(0.0, base=0.33, chance=1 / 3, seeds=1).answer
    assert near.sentence.startswith("No evidence either way")


def test_a_pair_that_lost_its_other_seeds_is_not_counted_as_clear() -> None:
    results = make_results(
        chains=CHAINS,
        targets=[target("tydiqa"), target("xnli")],
        skill={(name, t): 0.5 + 0.15 * (name == "squad") for name in ("none", "squad") for t in ("tydiqa", "xnli")},
        seeds=range(3),
        skip=[("squad", "xnli", 1), ("squad", "xnli", 2)],
    )
    sentence = compute_findings(results, 500).answer.sentence
    assert sentence.startswith("Yes for 1 of 2 chain")
    assert sentence.endswith("1 with fewer than 3 seeds, which are too few to decide.")


def test_a_null_says_what_it_does_not_rule_out() -> None:
    answer = two(0.0).answer
    assert answer.verdict == "unclear"
    assert answer.sentence.startswith("Cannot be told: no clear gain for any of 1 chain")
    assert "A gain is not ruled out: the intervals reach up to +" in answer.sentence


def test_a_loss_is_called_a_loss() -> None:
    answer = two(-0.15).answer
    assert answer.verdict == "no"
    assert answer.sentence.startswith("No for 1 of 1 chain\u2011target pair: a loss for 1 (squad")
    assert "a loss for 1 (squad → tydiqa −1" in answer.sentence


def test_a_gain_near_chance_is_no_evidence() -> None:
    findings = two(0.02, base=0.33, chance=1 / 3)
    assert findings.gains[0].verdict == "near chance"
    assert findings.answer.sentence == (
        "No evidence either way for 1 chain\u2011target pair: 1 near chance, which is no evidence."
    )
    assert "Every score on tydiqa is near chance (the best trivial rule), so it is no evidence." in " ".join(
        findings.answer.support
    )


def test_a_gain_out_of_a_control_near_chance_is_questioned() -> None:
    findings = two(0.3, base=0.33, chance=1 / 3)
    assert (findings.gains[0].near_chance, findings.gains[0].verdict) == ("control", "near chance")
    assert findings.answer.verdict == "unclear"
    assert "may be a failed control" in " ".join(findings.answer.support)


def test_no_chance_value_no_mark() -> None:
    assert two(0.02, base=0.01).gains[0].near_chance == ""


def study(skill: Mapping[str, float], placebo: bool = True, trains_on: str = "") -> Findings:
    chains = [*CHAINS, *([chain("squad-placebo", "squad_v1", placebo=True)] if placebo else [])]
    results = make_results(
        chains=chains,
        targets=[target("tydiqa", trains_on=trains_on)],
        skill={(name, "tydiqa"): value for name, value in skill.items()},
    )
    return compute_findings(results, 1000)


def test_the_placebo_takes_its_part() -> None:
    findings = study({"none": 0.5, "squad": 0.65, "squad-placebo": 0.65})
    assert "the placebo does as well, so the gain does not come from the task" in " ".join(findings.answer.support)
    findings = study({"none": 0.5, "squad": 0.65, "squad-placebo": 0.5})
    assert "points come from the task" in " ".join(findings.answer.support)
    (over,) = findings.gains_over("placebo")
    assert (over.chain, over.against) == ("squad", "squad-placebo")


def test_a_placebo_is_not_counted_and_its_absence_is_said() -> None:
    findings = study({"none": 0.5, "squad": 0.5, "squad-placebo": 0.7})
    assert "of 1 chain" in findings.answer.sentence
    assert "Yes" not in findings.answer.sentence
    without = study({"none": 0.5, "squad": 0.65}, placebo=False)
    assert "No placebo chain" in without.answer.support[0]


def test_degenerate_pairs_are_not_counted() -> None:
    findings = study({"none": 0.5, "squad": 0.65}, placebo=False, trains_on="squad_v1")
    assert findings.gains[0].reuses_target_data
    assert findings.answer.verdict == "none"
    assert findings.answer.support[0].startswith("Not counted: squad → tydiqa (+1")


@pytest.mark.parametrize(
    ("chains", "words"),
    [((chain("squad", "squad_v1"),), "no chain called none"), ((chain("none"),), "no intermediate chain to compare with none")],
)
def test_what_cannot_be_compared_is_explained(chains: tuple[object, ...], words: str) -> None:
    skill = {(c.name, "tydiqa"): 0.5 for c in chains}  # type: ignore[attr-defined]
    results = make_results(chains=chains, targets=[target("tydiqa")], skill=skill)  # type: ignore[arg-type]
    answer = compute_findings(results, 200).answer
    assert answer.verdict == "none"
    assert words in answer.sentence


def test_empty_results_have_no_answer_yet() -> None:
    findings = compute_findings(make_results(chains=CHAINS, targets=[target("tydiqa")], skill={}))
    assert findings.answer.sentence == "No answer yet: no cell of this study has a score."


def test_english_only() -> None:
    results = make_results(
        chains=CHAINS, targets=[target("squad", languages=["en"])], skill={("none", "squad"): 0.5, ("squad", "squad"): 0.7}
    )
    findings = compute_findings(results, 500)
    assert findings.gains[0].verdict == "English only"
    assert findings.gains[0].english is not None
    assert "English only" in findings.answer.sentence


def test_missing_cells_and_failed_stages_are_counted() -> None:
    results = make_results(
        chains=CHAINS,
        targets=[target("tydiqa")],
        skill={("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.6},
        skip=[("squad", "tydiqa", 1), ("squad", "tydiqa", 2)],
        costs=[stage("train", "t", status="failed", error="boom"), stage("predict", "p", status="blocked")],
    )
    findings = compute_findings(results, 500)
    assert findings.missing == (("mini-xlmr", "squad", "tydiqa", 1), ("mini-xlmr", "squad", "tydiqa", 2))
    assert "Incomplete: 2 of 6 cells have no score (1 stage failed, 1 stage blocked)." in findings.answer.support
    assert [seed.seed for seed in findings.gains[0].seeds] == [0]


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_many_unclear_pairs_do_not_make_a_gain() -> None:
    """A p value of 0.02 is clear alone and not among forty."""
    assert holm([0.02])[0] <= 0.05 < holm([0.02] + [0.5] * 39)[0]


def test_the_answer_is_also_given_without_retrieval() -> None:
    results = make_results(
        chains=CHAINS,
        targets=[target("tydiqa"), target("tatoeba", format="embed", languages=("de", "sw"))],
        skill={("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.5, ("none", "tatoeba"): 0.3, ("squad", "tatoeba"): 0.5},
    )
    answer = compute_findings(results, 500).answer
    assert answer.sentence.startswith("Yes for 1 of 2")
    assert "Without retrieval, 0 of 1 chain" in " ".join(answer.support)


def controlled(skill: Mapping[str, float], trains_on: str = "", leaks: tuple[str, ...] = ()) -> Findings:
    """One chain with both of its controls."""
    chains = [*CHAINS, *controls(CHAINS[1])]
    results = make_results(
        chains=chains,
        targets=[target("tydiqa", trains_on=trains_on)],
        skill={(name, "tydiqa"): value for name, value in skill.items()},
        leaks=leaks,
    )
    return compute_findings(results, 1000)


@pytest.mark.parametrize(
    ("longer", "words"),
    [
        (0.5, "points are not explained by longer training"),
        (0.65, "whether longer training does as well cannot be told"),
        (0.8, "longer training does better"),
    ],
)
def test_the_compute_matched_comparison_stands_beside_the_placebo(longer: float, words: str) -> None:
    findings = controlled({"none": 0.5, "squad": 0.65, "squad~placebo": 0.5, "squad~compute": longer})
    assert findings.answer.verdict == "yes"  # the rule itself asks for a gain over none
    assert "of 1 chain" in findings.answer.sentence  # controls are no chains of their own
    placebo, compute = findings.answer.support[:2]
    assert "points come from the task" in placebo
    assert compute.startswith("Compared with its compute-matched control")
    assert words in compute
    (over,) = findings.gains_over("compute")
    assert (over.chain, over.against) == ("squad", "squad~compute")
    (over,) = findings.gains_over("placebo")
    assert (over.chain, over.against) == ("squad", "squad~placebo")


def test_longer_training_that_does_better_is_said_where_no_chain_gains() -> None:
    findings = controlled({"none": 0.5, "squad": 0.5, "squad~placebo": 0.5, "squad~compute": 0.7})
    assert findings.answer.verdict == "unclear"
    text = " ".join(findings.answer.support)
    assert "the chain is clearly worse than longer training for 1 chain\u2011target pair (squad → tydiqa −20" in text


def test_a_chain_that_is_worse_than_its_placebo_is_said_to_be() -> None:
    findings = controlled({"none": 0.5, "squad": 0.5, "squad~placebo": 0.6, "squad~compute": 0.5})
    (text,) = [line for line in findings.answer.support if "placebo" in line]
    assert "no chain is clearly better" in text
    assert "the chain is clearly worse than the placebo for 1 chain\u2011target pair (squad → tydiqa −10" in text


def test_a_control_that_names_its_chain_is_not_compared_with_another_of_the_same_tasks() -> None:
    long = chain("squad-long", "squad_v1")
    chains = [*CHAINS, long, *controls(CHAINS[1]), *controls(long)]
    results = make_results(
        chains=chains, targets=[target("tydiqa")], skill={(c.name, "tydiqa"): 0.5 for c in chains}, seeds=(0, 1)
    )
    found = {(gain.chain, gain.against) for gain in compute_findings(results, 200).gains if gain.over != "none"}
    assert found == {(name, f"{name}~{sort}") for name in ("squad", "squad-long") for sort in ("placebo", "compute")}


def test_where_data_are_the_targets_own_the_compute_matched_control_is_the_fair_comparison() -> None:
    findings = controlled({"none": 0.5, "squad": 0.65, "squad~placebo": 0.5, "squad~compute": 0.5}, trains_on="squad_v1")
    assert findings.answer.verdict == "none"
    text = " ".join(findings.answer.support)
    assert "The fair comparison is with the compute-matched control: squad → tydiqa +1" in text
    assert "a clear gain" in text
    without = study({"none": 0.5, "squad": 0.65}, placebo=False, trains_on="squad_v1")
    assert "the compute-matched control, which was not run." in " ".join(without.answer.support)


def test_what_is_scored_without_training_lacks_no_compute_matched_control() -> None:
    chains = [*CHAINS, *controls(CHAINS[1])]
    skill = {(c.name, t): 0.5 for c in chains for t in ("tydiqa", "tatoeba") if (c.control, t) != ("compute", "tatoeba")}
    targets = [target("tydiqa"), target("tatoeba", format="embed", languages=("de", "sw"))]
    findings = compute_findings(make_results(chains=chains, targets=targets, skill=skill), 200)
    assert findings.missing == ()
    assert "Incomplete" not in " ".join(findings.answer.support)


def test_an_oracle_is_never_evidence() -> None:
    findings = controlled({"none": 0.5, "squad": 0.8, "squad~placebo": 0.5, "squad~compute": 0.5}, leaks=("tydiqa",))
    assert {gain.verdict for gain in findings.gains} == {"oracle"}
    assert all(gain.p_holm is None for gain in findings.gains)
    assert findings.answer.verdict == "none"
    assert "oracle: chosen on target-language dev data — a leak" in findings.answer.sentence
    assert findings.answer.support[0].startswith("Not counted: squad → tydiqa (+")
    assert "upper bound" in findings.answer.support[0]


def test_an_oracle_beside_evidence_changes_no_count_and_no_p_value() -> None:
    targets = [target("tydiqa"), target("xnli")]
    skill = {("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.55, ("none", "xnli"): 0.5, ("squad", "xnli"): 0.9}
    both = compute_findings(make_results(chains=CHAINS, targets=targets, skill=skill, leaks=("xnli",)), 1000)
    alone = compute_findings(make_results(chains=CHAINS, targets=targets[:1], skill=skill), 1000)
    assert both.answer.verdict == alone.answer.verdict
    assert "of 1 chain" in both.answer.sentence
    assert "xnli" not in both.answer.sentence
    assert both.gains[0].p_holm == alone.gains[0].p_holm
