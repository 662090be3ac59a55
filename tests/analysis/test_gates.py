"""What must hold before a pair counts, and the three values of a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.analysis.fake_results import chain, controls, make_results, target
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results, Treatment
from xstilts.analysis.treatments import has_taken, is_learned
from xstilts.report.answer.quality import GATES, assess_quality
from xstilts.report.findings import Findings, compute_findings
from xstilts.study import PrimaryPair

SQUAD, NLI = chain("squad", "squad_v1"), chain("nli", "snli")


def study(
    skill: Mapping[tuple[str, str], float],
    names: Sequence[str] = ("tydiqa",),
    *,
    seeds: int = 6,
    n: int = 300,
    noise: float = 0.004,
) -> Results:
    arms = [chain("none"), SQUAD, NLI, *controls(SQUAD)]
    arms = [arm for arm in arms if any(place[0] == arm.name for place in skill)]
    return make_results(chains=arms, targets=[target(name) for name in names], skill=skill, seeds=range(seeds), n=n, noise=noise)


def with_baseline(results: Results, baseline: float, languages: Sequence[str] | None = None) -> Results:
    cells = [
        replace(
            cell,
            languages={
                code: replace(row, baseline=baseline if languages is None or code in languages else 0.0)
                for code, row in cell.languages.items()
            },
        )
        for cell in results.cells
    ]
    return replace(results, cells=tuple(cells))


def only(findings: Findings) -> Gain:
    (gain,) = findings.gains_over("none")
    return gain


def test_a_difference_within_the_margin_is_equivalent_and_only_that_is_a_no() -> None:
    results = study({("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.5}, noise=0.0, n=2000)
    wide = replace(results, targets=tuple(replace(info, margin=0.05) for info in results.targets))
    findings = compute_findings(wide, 500)
    assert only(findings).verdict == "equivalent"
    assert findings.answer.verdict == "no"
    assert findings.answer.sentence == "No for 1 of 1 chain\u2011target pair: equivalent for 1 (within ±5 points)."
    narrow = replace(results, targets=tuple(replace(info, margin=0.0001) for info in results.targets))
    findings = compute_findings(narrow, 500)
    assert only(findings).verdict == "unclear"
    assert findings.answer.verdict == "unclear"


def test_equivalence_is_told_before_a_difference_too_small_to_matter() -> None:
    results = study({("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.53}, noise=0.0005)
    findings = compute_findings(replace(results, targets=(replace(results.targets[0], margin=0.08),)), 500)
    gain = only(findings)
    assert gain.excludes_zero and gain.p_holm is not None and gain.p_holm < 0.05
    assert gain.verdict == "equivalent"


def test_one_loss_among_pairs_that_cannot_be_told_is_no_no() -> None:
    """Five pairs whose gain of 4 points the study cannot see, and one loss of 30."""
    names = [f"t{number}" for number in range(6)]
    skill = {("none", name): 0.5 for name in names} | {("squad", name): 0.53 for name in names} | {("squad", "t5"): 0.2}
    findings = compute_findings(study(skill, names, seeds=3, n=60, noise=0.03), 300)
    verdicts = [gain.verdict for gain in findings.gains_over("none")]
    assert verdicts.count("loss") == 1 and verdicts.count("unclear") == 5
    assert findings.answer.verdict == "unclear"
    assert findings.answer.sentence.startswith("Cannot be told: no clear gain for any of 6")
    assert "The others: a loss for 1" in findings.answer.sentence


def test_a_constant_answer_is_no_gain_however_unbalanced_the_labels() -> None:
    """Labels of which 55 % are one: constant predictors, and half a point on top, with many examples and seeds."""
    skill = {("none", "pawsx"): 0.55, ("squad", "pawsx"): 0.556}
    results = study(skill, ["pawsx"], n=2000, noise=0.0)
    results = replace(results, targets=tuple(replace(info, chance=0.5) for info in results.targets))
    assert only(compute_findings(results, 300)).verdict != "near chance"  # guessing alone is too low a bar
    findings = compute_findings(with_baseline(results, 0.55), 300)
    assert only(findings).verdict == "near chance"
    assert findings.answer.verdict == "unclear"


def test_english_near_chance_is_a_gate_of_its_own() -> None:
    results = study({("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.7})
    findings = compute_findings(with_baseline(results, 0.62, ["en"]), 300)
    assert only(findings).verdict == "near chance"
    assert only(findings).near_chance == ""
    assert "The English score on tydiqa is near chance without a chain" in " ".join(findings.answer.support)


def test_retrieval_may_be_lifted_from_chance() -> None:
    skill = {("none", "tatoeba"): 0.01, ("squad", "tatoeba"): 0.4}
    info = target("tatoeba", format="embed", languages=("de", "sw"), chance=0.01)
    results = make_results(chains=[chain("none"), SQUAD], targets=[info], skill=skill)
    findings = compute_findings(results, 300)
    assert only(findings).verdict == "gain"
    assert "starts near chance" in " ".join(findings.answer.support)


def treated(results: Results, score: float, task: str = "squad_v1") -> Results:
    found = [Treatment("mini-xlmr", "squad", task, seed, score, 0.1, 1000) for seed in results.seeds]
    return replace(results, treatments=(*results.treatments, *found))


def test_a_treatment_that_did_not_take_says_nothing() -> None:
    results = study({("none", "xnli"): 0.5, ("squad", "xnli"): 0.5}, ["xnli"])
    failed, learned = (compute_findings(treated(results, score), 300) for score in (0.11, 0.6))
    assert (only(failed).verdict, only(failed).family) == ("not taken", 0)
    assert only(learned).verdict in ("equivalent", "unclear")
    assert failed.answer.verdict == "unclear"
    assert "The treatment did not take: squad did not learn squad_v1 (dev 11.0, trivial 10.0)." in failed.answer.support
    gates = {one.asks: one.holds for one in assess_quality(failed) if one.group == GATES}
    assert gates["Was the intermediate task learned?"] == "no"
    assert {one.asks: one.holds for one in assess_quality(learned)}["Was the intermediate task learned?"] == "yes"
    partly = treated(treated(results, 0.11), 0.6, "snli")
    assert has_taken(partly, "mini-xlmr", "squad") is True
    assert "did not learn squad_v1" in " ".join(compute_findings(partly, 300).answer.support)
    assert has_taken(results, "mini-xlmr", "squad") is None


def test_seeds_without_the_treatment_are_named() -> None:
    results = study({("none", "xnli"): 0.5, ("squad", "xnli"): 0.5}, ["xnli"])
    scores = (0.6, 0.11, 0.6, 0.1, 0.6, 0.6)
    found = tuple(Treatment("mini-xlmr", "squad", "squad_v1", seed, scores[i], 0.1, 1000) for i, seed in enumerate(results.seeds))
    text = " ".join(compute_findings(replace(results, treatments=found), 300).answer.support)
    bad = [results.seeds[i] for i in range(len(found)) if scores[i] < 0.2]
    said = " and ".join(f"{seed} (dev {score})" for seed, score in zip(bad, ("11.0", "10.0"), strict=False))
    assert f"It took with some seeds only: squad did not learn squad_v1 with seed{'s' * (len(bad) > 1)} {said}." in text
    assert "The treatment did not take" not in text


@pytest.mark.parametrize(("score", "examples", "learned"), [(0.53, 200, False), (0.53, 20_000, True), (0.51, 20_000, False)])
def test_learned_is_beyond_sampling_error_and_two_points(score: float, examples: int, learned: bool) -> None:
    assert is_learned([Treatment("e", "c", "t", 0, score, 0.5, examples)]) is learned


def test_what_does_not_count_is_in_no_family() -> None:
    names = ["xnli", "tydiqa"]
    results = study({(c, t): 0.5 for c in ("none", "squad", "nli") for t in names}, names)
    assert {gain.family for gain in compute_findings(results, 200).gains_over("none")} == {4}
    xnli, tydiqa = results.targets
    near = replace(results, targets=(replace(xnli, chance=0.49), tydiqa))
    assert {(gain.target, gain.family) for gain in compute_findings(near, 200).gains_over("none")} == {("xnli", 0), ("tydiqa", 2)}
    reused = replace(results, targets=(replace(xnli, trains_on="snli"), tydiqa))
    families = {(gain.chain, gain.target): gain.family for gain in compute_findings(reused, 200).gains_over("none")}
    assert families["nli", "xnli"] == 1 and families["squad", "xnli"] == families["nli", "tydiqa"] == 3


def test_primary_pairs_are_the_answer_and_the_others_are_exploratory() -> None:
    names = ["xnli", "tydiqa"]
    skill = {("none", t): 0.5 for t in names} | {("squad", "xnli"): 0.5, ("squad", "tydiqa"): 0.7}
    results = replace(study(skill, names), primary=(PrimaryPair(target="xnli"),))
    findings = compute_findings(results, 300)
    assert {gain.target: (gain.primary, gain.family) for gain in findings.gains_over("none")} == {
        "xnli": (True, 1),
        "tydiqa": (False, 1),
    }
    assert findings.answer.verdict != "yes"
    assert "Exploratory, since not among the primary pairs: yes for 1 of 1" in " ".join(findings.answer.support)


def test_the_answer_about_chains_rests_on_primary_pairs_too() -> None:
    names = ["xnli", "tydiqa"]
    skill = {("none", t): 0.5 for t in names} | {("squad", "xnli"): 0.5, ("squad", "tydiqa"): 0.7}
    skill |= {("nli", t): 0.5 for t in names}
    compared = replace(study(skill, names), compare=(("squad", ("nli",)),))
    assert compute_findings(compared, 300).answer.verdict == "yes"
    found = compute_findings(replace(compared, primary=(PrimaryPair(target="xnli"),)), 300).answer
    assert found.verdict != "yes" and "of 1 comparison" in found.sentence
    assert "Exploratory, since not among the primary pairs: yes for 1 of 1 comparison" in " ".join(found.support)


def test_what_comes_from_the_task_is_at_most_the_gain_itself() -> None:
    """A gain of 2 whose placebo loses 8 is not credited with 10; a gain over a placebo that cannot be told is no "no part"."""
    skill = {("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.52, ("squad~placebo", "tydiqa"): 0.42}
    findings = compute_findings(study(skill, noise=0.001, n=1000), 500)
    assert only_real(findings).verdict == "gain"
    said = findings.answer.support[0]
    assert "has a gain of +10." in said or "has a gain of +9." in said
    gained = only_real(findings).interval
    assert gained is not None
    assert f"up to +{100 * gained.estimate:.1f} points come from the task" in said
    noisy = study({**skill, ("squad", "tydiqa"): 0.6, ("squad~placebo", "tydiqa"): 0.57}, noise=0.001)
    cells = [
        replace(cell, languages={code: replace(row, headline=row.headline) for code, row in cell.languages.items()})
        for cell in noisy.cells
        if cell.chain != "squad~placebo" or cell.seed < 2
    ]
    said = compute_findings(replace(noisy, cells=tuple(cells)), 500).answer.support[0]
    assert "how much of the gain comes from the task cannot be told" in said


def only_real(findings: Findings) -> Gain:
    (gain,) = [gain for gain in findings.gains_over("none") if not gain.control]
    return gain


def test_the_answer_says_which_gain_the_study_could_have_seen() -> None:
    findings = compute_findings(study({("none", "tydiqa"): 0.5, ("squad", "tydiqa"): 0.5}, n=2000), 500)
    gain = only(findings)
    assert gain.sees is not None and gain.interval is not None
    half = (gain.interval.high - gain.interval.low) / 2
    assert half < gain.sees < 2 * half
    assert f"this study sees a gain of {100 * gain.sees:.1f} points" in " ".join(findings.answer.support)


def test_what_did_not_pass_the_gates_is_in_no_mean_and_no_choice() -> None:
    """Of two chains the one that did not learn its task has by far the larger gain."""
    results = study({("none", "xnli"): 0.5, ("squad", "xnli"): 0.7, ("nli", "xnli"): 0.5}, ["xnli"])
    assert [best.best for best in compute_findings(results, 200).best] == ["squad"]
    findings = compute_findings(treated(results, 0.11), 200)
    assert findings.best == ()  # a single candidate is no choice
    assert {part.chain for part in findings.decomposition.parts} == {"nli"}


def test_a_chain_is_not_compared_with_one_that_learned_nothing() -> None:
    results = study({("none", "xnli"): 0.5, ("squad", "xnli"): 0.5, ("nli", "xnli"): 0.7}, ["xnli"])
    results = replace(results, compare=(("nli", ("squad",)),))
    learned, failed = (compute_findings(treated(results, score), 200) for score in (0.6, 0.11))
    assert [[gain.verdict for gain in one.gains_over("chain")] for one in (learned, failed)] == [["gain"], ["not taken"]]


def test_a_study_that_sees_nothing_says_so() -> None:
    """Three seeds that differ by far more than any gain can be."""
    names = [f"t{number}" for number in range(40)]
    skill = {(c, t): 0.5 for c in ("none", "squad") for t in names}
    noisy = study(skill, names, seeds=3, noise=0.3, n=50)
    findings = compute_findings(noisy, 100)
    assert any(gain.sees is not None and math.isinf(gain.sees) for gain in findings.gains_over("none"))
    assert "none of any size" in " ".join(findings.answer.support) or "no gain of any size" in " ".join(findings.answer.support)
    assert any("no points are seen" in one.reason for one in assess_quality(findings))
