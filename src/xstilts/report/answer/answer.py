"""The study's answer in one sentence with its uncertainty, and the few sentences that qualify it.

The text follows from the numbers by fixed rules. It says yes for the pairs with a clear gain. It says no only if every tested
pair is equivalent to no chain within its margin, or clearly worse: a gain that was not seen is no evidence that there is none.
Otherwise it says that it cannot tell, which gains the intervals allow, and which ones the study could have seen. Pairs that
reuse the target's own training data are not counted, and neither are oracles (weights chosen on target-language dev data).
Fewer than three seeds decide nothing. If a study asks about one chain against another, `comparisons.py` writes the answer.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.gains import Gain, GainVerdict, is_counted
from xstilts.analysis.results import LEAK, Results
from xstilts.analysis.retrieval_sweep import describe_shift, find_shift
from xstilts.analysis.scores import NO_CHAIN, Summary
from xstilts.analysis.treatments import group_by_task, is_learned
from xstilts.metrics.power import CHANCE
from xstilts.metrics.significance import ENOUGH_SEEDS, FEWEST_SEEDS, LEVEL
from xstilts.report.answer.controls import compare_with_longer_training, compare_with_placebo
from xstilts.report.answer.wording import (
    PAIRS,
    VERDICTS,
    get_estimate,
    list_near_chance,
    locate,
    name_pair,
    write_estimate,
    write_seeds,
)

SETTINGS_NAMED = 1
Missing = Sequence[tuple[str, str, str, int]]
VERDICT_NAMES: tuple[GainVerdict, ...] = get_args(GainVerdict)
AnswerVerdict = Literal["yes", "no", "unclear", "none"]


@dataclass(frozen=True)
class Answer:
    """`verdict` is "none" if nothing could be compared."""

    verdict: AnswerVerdict
    sentence: str
    support: tuple[str, ...]


def answer_over_none(
    results: Results,
    summaries: Sequence[Summary],
    gains: Sequence[Gain],
    settings: Sequence[BestSetting],
    missing: Missing,
    cells: int,
) -> Answer:
    """The answer from the gains over no chain, over all pairs that count as evidence. `cells` is the size of the study."""
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    counted = list(filter(is_counted, real))
    evidence, explored = ([gain for gain in counted if gain.primary is primary] for primary in (True, False))
    reuse = _describe_reuse([gain for gain in real if gain.reuses_target_data], gains, results)
    leaks = _describe_leaks([gain for gain in real if gain.leak and not gain.reuses_target_data], results)
    gaps = _describe_gaps(results, missing, cells)
    if not evidence:
        beside = (describe_explored(explored, results), leaks, reuse, gaps)
        return Answer("none", _explain_no_answer(results, gains), tuple(text for text in beside if text))
    verdict, sentence = write_headline(evidence, results)
    support = (
        compare_with_placebo(evidence, gains, results),
        compare_with_longer_training(evidence, gains, results),
        _describe_retrieval(evidence, results),
        _describe_best_settings(settings, evidence),
        _describe_settings(evidence, results),
        _describe_chance(evidence, summaries, results),
        describe_treatments(evidence, results),
        describe_explored(explored, results),
        leaks,
        reuse,
        "" if results.compare else describe_certainty(evidence, 0),
        gaps,
    )
    return Answer(verdict, sentence, tuple(text for text in support if text))


def _explain_no_answer(results: Results, gains: Sequence[Gain]) -> str:
    """Why no pair gives an answer."""
    scored = [cell for cell in results.cells if cell.languages]
    if not scored:
        return "No answer yet: no cell of this study has a score."
    if NO_CHAIN not in {chain.name for chain in results.chains} | {cell.chain for cell in scored if not cell.control}:
        return "No answer: the study has no chain called none, so no score to compare with."
    if not [chain for chain in results.chains if chain.name != NO_CHAIN and not chain.control]:
        return "No answer: the study has no intermediate chain to compare with none."
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    if any(is_counted(gain) for gain in real):
        return "No answer yet: no primary pair has scores both with and without its chain for the same seed."
    reuse = sum(gain.reuses_target_data for gain in real)
    leaks = sum(gain.leak and not gain.reuses_target_data for gain in real)
    causes = [f"{fmt.count(reuse, PAIRS)} {'reuses' if reuse == 1 else 'reuse'} the target's own training data"] if reuse else []
    causes += [f"{fmt.count(leaks, PAIRS)} {'is' if leaks == 1 else 'are'} no evidence ({LEAK})"] if leaks else []
    if causes:
        return f"No answer: no pair is left, because {fmt.listed(causes)}."
    return f"No answer yet: no {PAIRS} has scores both with and without its chain for the same seed."


def write_headline(evidence: Sequence[Gain], results: Results) -> tuple[AnswerVerdict, str]:
    """Verdict and sentence for the comparisons of one family. There must be at least one."""
    found: dict[GainVerdict, list[Gain]] = {
        verdict: [gain for gain in evidence if gain.verdict == verdict] for verdict in VERDICT_NAMES
    }
    own = evidence[0].over == "chain"
    noun, sides = ("comparison", "on both sides") if own else (PAIRS, "with and without the chain")
    total, compared = len(evidence), fmt.count(len(evidence), noun)
    reasons: dict[GainVerdict, str] = {
        "few seeds": f"with fewer than {FEWEST_SEEDS} seeds, which are too few to decide",
        "near chance": "near chance, which is no evidence",
        "not taken": "whose intermediate task was not learned, which is no evidence",
        "same": f"the same artefact {sides}",
        "English only": "scored in English only",
    }
    untested = [f"{len(found[verdict])} {words}" for verdict, words in reasons.items() if found[verdict]]
    equivalent = f"equivalent for {len(found['equivalent'])} (within {_list_margins(found['equivalent'])})"
    others = [equivalent] if found["equivalent"] else []
    others += [_describe_losses(found["loss"], results)] if found["loss"] else []
    if found["gain"]:
        best = max(found["gain"], key=get_estimate)
        head = f"Yes for {len(found['gain'])} of {compared} ({_name_one('largest', best, found['gain'], results)}"
        others += [f"cannot be told for {len(found['unclear'])}"] if found["unclear"] else []
        return "yes", f"{'; '.join([f'{head}, {write_seeds(best)})', *_join([*others, *untested])])}."
    if found["unclear"]:
        best = max(found["unclear"], key=get_estimate)
        bound = max(gain.interval.high for gain in found["unclear"] if gain.interval is not None)
        rest = f" The others: {', '.join([*others, *untested])}." if others or untested else ""
        return "unclear", (
            f"Cannot be told: no clear gain for any of {compared} (largest: {name_pair(best, results)} {write_estimate(best)}, "
            f"{write_seeds(best)}). A gain is not ruled out: the intervals reach up to {fmt.points(bound)} points.{rest}"
        )
    if others:
        tested = len(found["equivalent"]) + len(found["loss"])
        return "no", f"{'; '.join([f'No for {tested} of {compared}: {fmt.listed(others)}', *_join(untested)])}."
    if len(found["English only"]) == total:
        return "none", "No answer: the targets have scores in English only, so nothing was transferred."
    if found["few seeds"]:
        return "unclear", _describe_few_seeds(found["few seeds"], compared, untested[1:], results)
    return "unclear", f"No evidence either way for {compared}: {', '.join(untested)}."


def _join(parts: Sequence[str]) -> list[str]:
    return [", ".join(parts)] if parts else []


def _list_margins(gains: Sequence[Gain]) -> str:
    """±1 point, or ±1 or ±2 points"""
    margins = sorted({round(100 * gain.margin, 3) for gain in gains})
    return f"{' or '.join(f'±{margin:g}' for margin in margins)} {'point' if margins == [1.0] else 'points'}"


def _describe_losses(losses: Sequence[Gain], results: Results) -> str:
    worst = min(losses, key=get_estimate)
    return f"a loss for {len(losses)} ({_name_one('largest', worst, losses, results)}, {write_seeds(worst)})"


def _name_one(rank: str, one: Gain, among: Sequence[Gain], results: Results) -> str:
    """A comparison and its estimate; `rank` says which one it is among several."""
    return f"{f'{rank}: ' if len(among) > 1 else ''}{name_pair(one, results)} {write_estimate(one)}"


def _describe_few_seeds(seen: Sequence[Gain], compared: str, rest: Sequence[str], results: Results) -> str:
    """What was measured where no comparison has enough seeds. It holds for these runs and is not an answer."""
    above = [gain for gain in seen if gain.interval is not None and gain.interval.low > 0]
    below = [gain for gain in seen if gain.interval is not None and gain.interval.high < 0]
    few, most = above or seen, max(len(gain.seeds) for gain in seen)
    text = (
        f"{'One seed is' if most == 1 else f'{most} seeds are'} too few to decide; it takes {FEWEST_SEEDS}. In these runs, the "
        f"interval lies above zero for {len(above) or 'none'} of {compared} "
        f"({_name_one('largest', max(few, key=get_estimate), few, results)})"
    )
    if below:
        text += f" and below zero for {len(below)} ({_name_one('lowest', min(below, key=get_estimate), below, results)})"
    return f"{'; '.join([text, *_join(rest)])}."


def _describe_retrieval(evidence: Sequence[Gain], results: Results) -> str:
    """The count of clear gains without retrieval, which depends on the layer and on centring."""
    untrained = {info.name for info in results.targets if not info.trained}
    rest = [gain for gain in evidence if gain.target not in untrained]
    found = [gain for gain in evidence if gain.verdict == "gain"]
    clear = [gain for gain in found if gain.target not in untrained]
    if not rest or len(clear) == len(found):
        return ""
    number = len(found) - len(clear)
    return (
        f"{number} of {fmt.count(len(found), 'clear gain')} {'is' if number == 1 else 'are'} in retrieval, which has no training "
        f"and depends on the layer and on centring. Without retrieval, {len(clear)} of {fmt.count(len(rest), PAIRS)} "
        f"{'has' if len(clear) == 1 else 'have'} a clear gain."
    )


def _describe_best_settings(settings: Sequence[BestSetting], evidence: Sequence[Gain]) -> str:
    """What retrieval is worth at its best setting, for each encoder and target."""
    tested = {locate(gain): get_estimate(gain) for gain in evidence}
    sentences = []
    for encoder, target in dict.fromkeys((one.encoder, one.target) for one in settings):
        own = [one for one in settings if (one.encoder, one.target) == (encoder, target) and locate(one) in tested]
        if own:
            change, there = _write_span(one.gain.estimate for one in own), _write_span(tested[locate(one)] for one in own)
            sentences.append(
                f"At the best setting, chosen on other {own[0].split}, {target} without a chain is "
                f"{fmt.score(own[0].control.accuracy)}, and chains change it by {change} (at the study's setting, which the "
                f"verdicts are about, by {there})."
            )
    return " ".join(sentences)


def _write_span(values: Iterable[float]) -> str:
    """+1.0, or -1.0 to +2.0"""
    found = list(values)
    return " to ".join(dict.fromkeys(map(fmt.points, (min(found), max(found)))))


def _describe_settings(evidence: Sequence[Gain], results: Results) -> str:
    """Whether clear retrieval gains and losses hold at other layers, poolings and centrings. The most fragile come first."""
    clear = [gain for gain in evidence if gain.verdict in ("gain", "loss")]
    found = [one for gain in clear if (one := find_shift(results, gain)) is not None]
    found.sort(key=lambda one: (not one.vanishes, one.kept / one.of))
    sentences = [describe_shift(one, name_pair(one.gain, results)) for one in found[:SETTINGS_NAMED]]
    if len(found) > SETTINGS_NAMED:
        gone = sum(one.vanishes for one in found)
        sentences.append(f"In total, {gone} of {len(found)} clear retrieval gains and losses vanish at another setting.")
    return " ".join(sentences)


def _describe_chance(evidence: Sequence[Gain], summaries: Sequence[Summary], results: Results) -> str:
    """Which pairs are near chance and why: every score of a target, its English score, or the score without a chain."""
    near = [gain for gain in evidence if gain.verdict == "near chance"]
    every = [target for target in list_near_chance(summaries) if any(gain.target == target for gain in near)]
    sentences = []
    if every:
        sentences.append(f"Every score on {fmt.listed(every, 6)} is near chance (the best trivial rule), so it is no evidence.")
    unlearned = {
        row.target: row
        for row in summaries
        if not row.control
        and row.chain == NO_CHAIN
        and row.target not in every
        and any(gain.target == row.target for gain in near)
    }
    english = [target for target, row in unlearned.items() if row.english_near_chance]
    if english:
        sentences.append(f"The English score on {fmt.listed(english, 6)} is near chance without a chain: it was not learned.")
    if control := [target for target in unlearned if target not in english]:
        names = fmt.listed(control, 6)
        sentences.append(f"Without a chain, the score on {names} is near chance, so a gain may be a failed control.")
    lifted = [gain for gain in evidence if gain.near_chance == "control" and gain.verdict == "gain"]
    if lifted:
        names = fmt.listed((name_pair(gain, results) for gain in lifted), 4)
        sentences.append(f"Without a chain, {names} starts near chance.")
    return " ".join(sentences)


def describe_treatments(evidence: Sequence[Gain], results: Results) -> str:
    """The chains that did not learn a task: score and trivial baseline on its dev data, mean over seeds. Where a task was learned
    on average only, the seeds with which it was not: their gains count with the others, as they would for whoever trains once."""
    said, partly = [], []
    for encoder, chain in dict.fromkeys((gain.encoder, gain.chain) for gain in evidence):
        for task, treatments in group_by_task(results, encoder, chain).items():
            where = f" in {encoder}" if len(results.encoders) > 1 else ""
            failed = [one for one in treatments if not is_learned([one])]
            if is_learned(treatments):
                if failed:
                    seeds = fmt.listed([f"{one.seed} (dev {fmt.score(one.score)})" for one in failed], 6)
                    noun = "seed" if len(failed) == 1 else "seeds"
                    partly.append(f"{chain}{where} did not learn {task} with {noun} {seeds}")
            else:
                score, baseline = (np.mean([getattr(one, name) for one in treatments]) for name in ("score", "baseline"))
                said.append(f"{chain}{where} did not learn {task} (dev {fmt.score(score)}, trivial {fmt.score(baseline)})")
    sentences = [f"The treatment did not take: {fmt.listed(said, 6)}."] if said else []
    sentences += [f"It took with some seeds only: {fmt.listed(partly, 6)}."] if partly else []
    return " ".join(sentences)


def describe_explored(explored: Sequence[Gain], results: Results) -> str:
    """The pairs that are not primary."""
    if not explored:
        return ""
    _, sentence = write_headline(explored, results)
    return f"Exploratory, since not among the primary pairs: {sentence[:1].lower()}{sentence[1:]}"


def _describe_leaks(leaks: Sequence[Gain], results: Results) -> str:
    names = [f"{name_pair(gain, results)} ({write_estimate(gain)})" for gain in leaks]
    bounds = "is an upper bound" if len(leaks) == 1 else "are upper bounds"
    return f"Not counted: {fmt.listed(names, 3)} {bounds} ({LEAK})." if leaks else ""


def _describe_reuse(reuse: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    if not reuse:
        return ""
    names = [name_pair(gain, results) + (f" ({write_estimate(gain)})" if gain.interval is not None else "") for gain in reuse]
    verb = "reuses" if len(reuse) == 1 else "reuse"
    text = f"Not counted: {fmt.listed(names, 3)} {verb} the target's own training data. "
    fair = {locate(gain): gain for gain in gains if gain.over == "compute"}
    compared = [fair[locate(gain)] for gain in reuse if locate(gain) in fair]
    if not compared:
        return f"{text}The fair comparison is with the compute-matched control, which was not run."
    found = (f"{name_pair(g, results)} {write_estimate(g)}, {VERDICTS.get(g.verdict, g.verdict)}" for g in compared)
    return f"{text}The fair comparison is with the compute-matched control: {fmt.listed(found, 3)}."


def describe_certainty(evidence: Sequence[Gain], apart: int) -> str:
    """When a verdict is given, and which gains could have been seen. `apart`: how many comparisons with no chain are corrected
    as a second family."""
    seeds = sorted({len(gain.seeds) for gain in evidence})
    tested = [gain for gain in evidence if gain.family]
    if seeds and seeds[-1] < FEWEST_SEEDS:
        beside = "not other seeds" if seeds == [1] else "other seeds only roughly"
        few = fmt.count(seeds[-1], "seed")
        return f"With {few}, intervals cover other examples but {beside}, so no gain or loss is called clear."
    if not tested:
        return ""
    text = f"A gain or loss is called clear if its {100 * LEVEL:.0f}{fmt.JOIN}% interval excludes zero and its p value passes "
    text += f"Holm's correction over {fmt.count(max(gain.family for gain in tested), 'comparison')}"
    text += f" of chains (the {fmt.count(apart, 'comparison')} with no chain are corrected separately)." if apart else "."
    text += " Equivalent: surely within the margin, corrected likewise."
    text += _describe_seen(tested)
    if dropped := sum(gain.excludes_zero and gain.verdict == "unclear" for gain in evidence):
        found = f"{dropped} interval excludes" if dropped == 1 else f"{dropped} intervals exclude"
        text += f" {found} zero without passing the correction."
    if seeds[0] < ENOUGH_SEEDS:
        span = fmt.count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        text += f" With {span}, fewer than {ENOUGH_SEEDS}, all of this is exploratory."
    return text


def _describe_seen(tested: Sequence[Gain]) -> str:
    """Which gains the study could have seen: the least and the greatest over its pairs, and for how many pairs none is enough."""
    sees = sorted(gain.sees for gain in tested if gain.sees is not None)
    finite = [f"{100 * value:.1f}" for value in sees if math.isfinite(value)]
    if not sees:
        return ""
    blind = len(sees) - len(finite)
    if not finite:
        return " After the correction, this study sees no gain of any size."
    span = finite[0] if finite[0] == finite[-1] else f"{finite[0]} to {finite[-1]}"
    text = f" After the correction, this study sees a gain of {span} points with a chance of {100 * CHANCE:.0f}{fmt.JOIN}%"
    return f"{text}, and on {fmt.count(blind, PAIRS)} none of any size." if blind else f"{text}."


def _describe_gaps(results: Results, missing: Missing, cells: int) -> str:
    counts = Counter(cost.status for cost in results.costs)
    stages = [f"{fmt.count(counts[status], 'stage')} {status}" for status in ("failed", "blocked") if counts[status]]
    if not missing and not stages:
        return ""
    text = f"Incomplete: {len(missing)} of {fmt.count(cells, 'cell')} {'has' if len(missing) == 1 else 'have'} no score"
    return f"{text} ({', '.join(stages)})." if stages else f"{text}."
