"""The study's answer in one sentence with its uncertainty, and the few sentences that qualify it.

The text follows from the numbers by fixed rules. Pairs that reuse the target's own training data are not counted, and neither
are oracles (weights chosen on target-language dev data). Losses are reported as losses. A result that is not clear names the
largest gain that its intervals allow. One seed decides nothing. If a study asks about one chain against another,
`comparisons.py` writes the answer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, is_counted
from xstilts.analysis.results import LEAK, Results
from xstilts.analysis.retrieval_sweep import describe_shift, find_shift
from xstilts.analysis.scores import NO_CHAIN, Summary
from xstilts.metrics.significance import LEVEL
from xstilts.report.answer.controls import compare_with_longer_training, compare_with_placebo
from xstilts.report.answer.wording import (
    ENOUGH_SEEDS,
    PAIRS,
    VERDICTS,
    get_estimate,
    list_near_chance,
    locate,
    name_pair,
    write_estimate,
    write_seeds,
)

SETTINGS_NAMED = 2
Missing = Sequence[tuple[str, str, str, int]]
AnswerVerdict = Literal["yes", "no", "unclear", "none"]


@dataclass(frozen=True)
class Answer:
    """`verdict` is "none" if nothing could be compared."""

    verdict: AnswerVerdict
    sentence: str
    support: tuple[str, ...]


def answer_over_none(
    results: Results, summaries: Sequence[Summary], gains: Sequence[Gain], missing: Missing, cells: int
) -> Answer:
    """The answer from the gains over no chain, over all pairs that count as evidence. `cells` is the size of the study."""
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    evidence = list(filter(is_counted, real))
    reuse = _describe_reuse([gain for gain in real if gain.reuses_target_data], gains, results)
    leaks = _describe_leaks([gain for gain in real if gain.leak and not gain.reuses_target_data], results)
    gaps = _describe_gaps(results, missing, cells)
    if not evidence:
        return Answer("none", _explain_no_answer(results, gains), tuple(text for text in (leaks, reuse, gaps) if text))
    verdict, sentence = write_headline(evidence, results)
    support = (
        compare_with_placebo(evidence, gains, results),
        compare_with_longer_training(evidence, gains, results),
        _describe_retrieval(evidence, results),
        _describe_settings(evidence, results),
        _describe_chance(evidence, summaries),
        leaks,
        reuse,
        "" if results.compare else describe_certainty([gain for gain in real if gain.p_holm is not None], evidence, 0),
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
    reuse = sum(gain.reuses_target_data for gain in real)
    leaks = sum(gain.leak and not gain.reuses_target_data for gain in real)
    causes = [f"{fmt.count(reuse, PAIRS)} {'reuses' if reuse == 1 else 'reuse'} the target's own training data"] if reuse else []
    causes += [f"{fmt.count(leaks, PAIRS)} {'is' if leaks == 1 else 'are'} no evidence ({LEAK})"] if leaks else []
    if causes:
        return f"No answer: no pair is left, because {fmt.listed(causes)}."
    return f"No answer yet: no {PAIRS} has scores both with and without its chain for the same seed."


def write_headline(evidence: Sequence[Gain], results: Results) -> tuple[AnswerVerdict, str]:
    """Verdict and sentence for the comparisons of one family. There must be at least one."""
    found = {
        verdict: [gain for gain in evidence if gain.verdict == verdict]
        for verdict in ("gain", "loss", "unclear", "one seed", "near chance", "same", "English only")
    }
    total = len(evidence)
    own = evidence[0].over == "chain"
    noun, sides = ("comparison", "on both sides") if own else (PAIRS, "with and without the chain")
    compared = fmt.count(total, noun)
    tail = []
    if found["unclear"]:
        tail.append(f"{'no clear gain' if found['gain'] else 'nothing clear'} for {len(found['unclear'])}")
    if found["loss"]:
        loss = f"a loss for {len(found['loss'])}"
        if not found["gain"]:
            worst = min(found["loss"], key=get_estimate)
            loss += f" ({_name_one('largest', worst, found['loss'], results)}, {write_seeds(worst)})"
        tail.append(loss)
    for verdict, words in (
        ("one seed", "with one seed, which is too few to decide"),
        ("near chance", "near chance"),
        ("same", f"the same artefact {sides}"),
        ("English only", "scored in English only"),
    ):
        if found[verdict]:
            tail.append(f"{len(found[verdict])} {words}")
    if found["gain"]:
        best = max(found["gain"], key=get_estimate)
        head = f"Yes for {len(found['gain'])} of {compared} ({_name_one('largest', best, found['gain'], results)}"
        return "yes", "; ".join([f"{head}, {write_seeds(best)})", *([", ".join(tail)] if tail else [])]) + "."
    if len(found["English only"]) == total:
        return "none", "No answer: the targets have scores in English only, so nothing was transferred."
    if len(found["near chance"]) == total:
        every = f"the only {noun} is" if total == 1 else f"all {total} {noun}s are"
        return "unclear", f"No evidence either way: {every} near chance, {sides}."
    if found["loss"]:
        return "no", f"No: no clear gain for any of {compared}; {', '.join(tail)}."
    if found["unclear"]:
        best = max(found["unclear"], key=get_estimate)
        bound = max(gain.interval.high for gain in found["unclear"] if gain.interval is not None)
        rest = f" The others: {', '.join(tail[1:])}." if tail[1:] else ""
        return "unclear", (
            f"No clear gain for any of {compared} (largest: {name_pair(best, results)} {write_estimate(best)}, "
            f"{write_seeds(best)}). A gain is not ruled out: the intervals reach up to {fmt.points(bound)} points.{rest}"
        )
    if found["one seed"]:
        return "unclear", _describe_one_seed(found["one seed"], compared, tail[1:], results)
    return "unclear", f"No verdict for any of {compared}: {', '.join(tail)}."


def _name_one(rank: str, one: Gain, among: Sequence[Gain], results: Results) -> str:
    """A comparison and its estimate; `rank` says which one it is among several."""
    return f"{f'{rank}: ' if len(among) > 1 else ''}{name_pair(one, results)} {write_estimate(one)}"


def _describe_one_seed(seen: Sequence[Gain], compared: str, rest: Sequence[str], results: Results) -> str:
    """What was measured where every comparison has one seed. It holds for these runs and is not an answer."""
    above = [gain for gain in seen if gain.interval is not None and gain.interval.low > 0]
    below = [gain for gain in seen if gain.interval is not None and gain.interval.high < 0]
    few = above or seen
    text = (
        f"One seed is too few to decide. In these runs, the interval lies above zero for {len(above) or 'none'} of {compared} "
        f"({_name_one('largest', max(few, key=get_estimate), few, results)})"
    )
    if below:
        text += f" and below zero for {len(below)} ({_name_one('lowest', min(below, key=get_estimate), below, results)})"
    return "; ".join([text, *([", ".join(rest)] if rest else [])]) + "."


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


def _describe_chance(evidence: Sequence[Gain], summaries: Sequence[Summary]) -> str:
    sentences = []
    near = list_near_chance(summaries)
    if near:
        sentences.append(f"Every score on {fmt.listed(near, 6)} is near chance, so it is no evidence.")
    english = [
        target for target in near if all(row.english_near_chance for row in summaries if row.target == target and not row.control)
    ]
    if english:
        sentences.append(f"The English score on {fmt.listed(english, 6)} is near chance too: the task was not learned.")
    one_side = [gain for gain in evidence if gain.near_chance == "control" and gain.verdict == "gain"]
    if one_side:
        names = fmt.listed((f"{gain.chain} → {gain.target}" for gain in one_side), 4)
        sentences.append(f"The gain of {names} may be a failed control: the score without a chain is near chance.")
    return " ".join(sentences)


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


def describe_certainty(tested: Sequence[Gain], evidence: Sequence[Gain], apart: int) -> str:
    """When a gain or loss is called clear. `apart`: how many comparisons with no chain are corrected as a second family."""
    if not tested:
        return ""
    seeds = sorted({len(gain.seeds) for gain in tested})
    if seeds == [1]:
        return "With one seed, intervals cover other examples but not other seeds, so no gain or loss is called clear."
    text = f"A gain or loss is called clear if its {100 * LEVEL:.0f}{fmt.JOIN}% interval excludes zero and its p value passes "
    text += f"Holm's correction over {fmt.count(len(tested), 'comparison')}"
    text += f" of chains (the {fmt.count(apart, 'comparison')} with no chain are corrected separately)." if apart else "."
    if dropped := sum(gain.excludes_zero and gain.verdict == "unclear" for gain in evidence):
        found = f"{dropped} interval excludes" if dropped == 1 else f"{dropped} intervals exclude"
        text += f" {found} zero without passing the correction."
    if seeds[0] < ENOUGH_SEEDS:
        span = fmt.count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        text += f" With {span}, fewer than {ENOUGH_SEEDS}, all of this is exploratory."
    return text


def _describe_gaps(results: Results, missing: Missing, cells: int) -> str:
    counts = Counter(cost.status for cost in results.costs)
    stages = [f"{fmt.count(counts[status], 'stage')} {status}" for status in ("failed", "blocked") if counts[status]]
    if not missing and not stages:
        return ""
    text = f"Incomplete: {len(missing)} of {fmt.count(cells, 'cell')} {'has' if len(missing) == 1 else 'have'} no score"
    return f"{text} ({', '.join(stages)})." if stages else f"{text}."
