"""The study's answer in one sentence with its uncertainty, and the few sentences that qualify it.

Deterministic, and never kinder than the numbers: pairs that reuse the target's own training data are not counted, nor are
oracles (weights chosen on target-language dev data), pairs near chance are called that, a null names the largest gain its
intervals still allow, losses are reported as losses, and one seed decides nothing. A study whose question is about one chain
against another has its own comparisons for an answer (`comparisons.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.comparison import LEVEL
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import LEAK, Results
from xstilts.analysis.retrieval_sweep import describe_shift, find_shift
from xstilts.analysis.scores import NO_CHAIN, Summary
from xstilts.report.answer.controls import about_compute, about_placebo
from xstilts.report.answer.wording import ENOUGH_SEEDS, PAIRS, estimate, measured, pair_name, place, strength

SETTINGS_NAMED = 2
Missing = Sequence[tuple[str, str, str, int]]


@dataclass(frozen=True)
class Answer:
    """`verdict`: yes | no | unclear | none (nothing could be compared)."""

    verdict: str
    sentence: str
    support: tuple[str, ...]


def _nothing(results: Results, gains: Sequence[Gain]) -> str:
    """Why there is no pair to answer with."""
    scored = [cell for cell in results.cells if cell.languages]
    if not scored:
        return "No answer yet: no cell of this study has a score."
    if NO_CHAIN not in {chain.name for chain in results.chains} | {cell.chain for cell in scored if not cell.control}:
        return "No answer: the study has no chain called none, so there is no score to compare with and no transfer gain."
    if not [chain for chain in results.chains if chain.name != NO_CHAIN and not chain.control]:
        return "No answer: the study has no intermediate chain beside none."
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    own = [gain for gain in real if gain.reuses_target_data]
    leaks = [gain for gain in real if gain.leak and not gain.reuses_target_data]
    causes = [f"{fmt.count(len(own), PAIRS)} reused the target's own training data"] if own else []
    causes += [f"{fmt.count(len(leaks), PAIRS)} {'is' if len(leaks) == 1 else 'are'} no evidence ({LEAK})"] if leaks else []
    if causes:
        return f"No answer: {fmt.listed(causes)}, and there is no other."
    return f"No answer yet: no {PAIRS} has scores both with and without its chain for the same seed."


def headline(evidence: Sequence[Gain], results: Results) -> tuple[str, str]:
    """Verdict and sentence of comparisons of one family, of which there is at least one."""
    found = {
        verdict: [gain for gain in evidence if gain.verdict == verdict]
        for verdict in ("gain", "loss", "unclear", "one seed", "near chance", "same", "English only")
    }
    total = len(evidence)
    own = evidence[0].over == "chain"
    noun, sides = ("comparison", "on both sides") if own else (PAIRS, "with and without the chain")
    tail = []
    if found["unclear"]:
        tail.append(f"{'no clear gain' if found['gain'] else 'nothing clear'} for {len(found['unclear'])}")
    if found["loss"]:
        worst = min(found["loss"], key=estimate)
        loss = f"a loss for {len(found['loss'])}"
        if not found["gain"]:
            most = "largest: " if len(found["loss"]) > 1 else ""
            loss += f" ({most}{pair_name(worst, results)} {measured(worst)}, {strength(worst)})"
        tail.append(loss)
    for verdict, words in (
        ("one seed", "with one seed, which decides nothing"),
        ("near chance", "near chance"),
        ("same", f"the same artefact {sides}"),
        ("English only", "scored in English only"),
    ):
        if found[verdict]:
            tail.append(f"{len(found[verdict])} {words}")
    if found["gain"]:
        best = max(found["gain"], key=estimate)
        most = "largest: " if len(found["gain"]) > 1 else ""
        inside = f"{most}{pair_name(best, results)} {measured(best)}, {strength(best)}"
        head = f"Yes for {len(found['gain'])} of {fmt.count(total, noun)} ({inside})"
        return "yes", "; ".join([head, ", ".join(tail)] if tail else [head]) + "."
    if len(found["English only"]) == total:
        return "none", "No answer: the targets have scores in English only, so nothing was transferred."
    if len(found["near chance"]) == total:
        return "unclear", f"No evidence either way: {_all(total, noun)} near chance, {sides}."
    if found["loss"]:
        return "no", f"No: no clear gain for any of {fmt.count(total, noun)}; {', '.join(tail)}."
    if found["unclear"]:
        best = max(found["unclear"], key=estimate)
        bound = max(gain.interval.high for gain in found["unclear"] if gain.interval is not None)
        rest = f"; {', '.join(tail[1:])}" if tail[1:] else ""
        return "unclear", (
            f"No clear gain for any of {fmt.count(total, noun)} (largest: {pair_name(best, results)} "
            f"{measured(best)}, {strength(best)}), and none is ruled out: the intervals reach up to "
            f"{fmt.points(bound)} points{rest}."
        )
    if found["one seed"]:
        return "unclear", _one_seed(found["one seed"], total, noun, tail[1:], results)
    return "unclear", f"No gain can be told for any of {fmt.count(total, noun)}: {', '.join(tail)}."


def _one_seed(seen: Sequence[Gain], total: int, noun: str, rest: Sequence[str], results: Results) -> str:
    """What was seen where every comparison has one seed: said of these runs, and no answer."""
    above = [gain for gain in seen if gain.interval is not None and gain.interval.low > 0]
    below = [gain for gain in seen if gain.interval is not None and gain.interval.high < 0]
    few = above or seen
    best = max(few, key=estimate)
    most = "largest: " if len(few) > 1 else ""
    share = f"{len(above) or 'none'} of {fmt.count(total, noun)}"
    found = f"the interval lies above zero for {share} ({most}{pair_name(best, results)} {measured(best)})"
    if below:
        worst = min(below, key=estimate)
        most = "lowest: " if len(below) > 1 else ""
        found += f" and below it for {len(below)} ({most}{pair_name(worst, results)} {measured(worst)})"
    left = f"; {', '.join(rest)}" if rest else ""
    return f"One seed decides nothing: in these runs {found}{left}."


def _all(total: int, noun: str) -> str:
    return f"the only {noun} is" if total == 1 else f"all {total} {noun}s are"


def _about_retrieval(evidence: Sequence[Gain], results: Results) -> str:
    """Retrieval moves with the layer and with centring, so the answer is also given without it."""
    untrained = {info.name for info in results.targets if not info.trained}
    rest = [gain for gain in evidence if gain.target not in untrained]
    found = [gain for gain in evidence if gain.verdict == "gain"]
    clear = [gain for gain in found if gain.target not in untrained]
    if not rest or len(clear) == len(found):
        return ""
    return (
        f"Of the clear gains, {len(found) - len(clear)} {'is' if len(found) - len(clear) == 1 else 'are'} in retrieval, "
        "which has no training and depends on the layer and on centring; without retrieval the count is "
        f"{len(clear)} of {fmt.count(len(rest), PAIRS)}."
    )


def _about_settings(evidence: Sequence[Gain], results: Results) -> str:
    """Whether clear retrieval gains and losses hold at other layers, poolings and centrings; the most fragile come first."""
    clear = [gain for gain in evidence if gain.verdict in ("gain", "loss")]
    found = [one for gain in clear if (one := find_shift(results, gain)) is not None]
    found.sort(key=lambda one: (not one.vanishes, one.kept / one.of))
    sentences = [describe_shift(one, pair_name(one.gain, results)) for one in found[:SETTINGS_NAMED]]
    if len(found) > SETTINGS_NAMED:
        gone = sum(one.vanishes for one in found)
        sentences.append(f"In all, {gone} of {len(found)} clear retrieval gains and losses vanish at another setting.")
    return " ".join(sentences)


def _about_chance(evidence: Sequence[Gain], summaries: Sequence[Summary]) -> str:
    parts = []
    lost = [
        target
        for target in dict.fromkeys(row.target for row in summaries)
        if all(row.near_chance for row in summaries if row.target == target and not row.control)
    ]
    if lost:
        parts.append(f"every score on {fmt.listed(lost, 6)} is near chance, so nothing can be learned from it")
    unlearned = [
        target for target in lost if all(row.english_near_chance for row in summaries if row.target == target and not row.control)
    ]
    if unlearned:
        parts.append(f"{fmt.listed(unlearned, 6)} was not even learned in English")
    one_arm = [gain for gain in evidence if gain.near_chance == "control" and gain.verdict == "gain"]
    if one_arm:
        names = fmt.listed((f"{gain.chain} → {gain.target}" for gain in one_arm), 4)
        parts.append(f"without a chain the target of {names} is near chance, so the gain may be a failed control")
    return f"Near chance: {'; '.join(parts)}." if parts else ""


def _about_leaks(leaks: Sequence[Gain], results: Results) -> str:
    if not leaks:
        return ""
    names = [f"{pair_name(gain, results)} ({measured(gain)})" for gain in leaks]
    bounds = "is an upper bound" if len(leaks) == 1 else "are upper bounds"
    return f"Not counted: {fmt.listed(names, 3)} {bounds} ({LEAK})."


def _about_degenerate(own: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    if not own:
        return ""
    fair = {place(gain): gain for gain in gains if gain.over == "compute"}
    compared = [fair[place(gain)] for gain in own if place(gain) in fair]
    found = fmt.listed((f"{pair_name(gain, results)} {measured(gain)}, {_fair_words(gain)}" for gain in compared), 3)
    rest = f"the compute-matched control is the fair comparison there{f': {found}' if found else ', and was not run'}"
    names = [
        f"{pair_name(gain, results)} ({measured(gain)})" if gain.interval is not None else pair_name(gain, results)
        for gain in own
    ]
    verb = "reuses" if len(own) == 1 else "reuse"
    return f"Not counted: {fmt.listed(names, 3)} {verb} the target's own training data; {rest}."


def _fair_words(gain: Gain) -> str:
    words = {"gain": "a clear gain", "loss": "a clear loss", "unclear": "not clear", "oracle": "an oracle, no evidence"}
    return words.get(gain.verdict, gain.verdict)


def certainty(tested: Sequence[Gain], evidence: Sequence[Gain], apart: int) -> str:
    """When something is called clear. `apart`: how many comparisons over none are a second family."""
    if not tested:
        return ""
    seeds = sorted({len(gain.seeds) for gain in tested})
    if seeds == [1]:
        return "With one seed the intervals speak of other examples for these very runs, so no gain or loss is called clear."
    span = fmt.count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    text = f"A gain or loss is called clear when its {100 * LEVEL:.0f}{fmt.JOIN}% interval excludes zero and its "
    text += f"p value holds under Holm's correction over {fmt.count(len(tested), 'comparison')}"
    text += f" of chains, and apart over {apart} with no chain" if apart else ""
    dropped = sum(gain.excludes_zero and gain.verdict == "unclear" for gain in evidence)
    if dropped:
        text += f" ({dropped} {'has' if dropped == 1 else 'have'} an interval that excludes zero but does not pass it)"
    if seeds[0] < ENOUGH_SEEDS:
        text += f"; with {span}, fewer than six, all of this is exploratory"
    return text + "."


def _about_gaps(results: Results, missing: Missing, cells: int) -> str:
    failed = [cost for cost in results.costs if cost.status in ("failed", "blocked")]
    if not missing and not failed:
        return ""
    text = f"Incomplete: {len(missing)} of {fmt.count(cells, 'cell')} {'has' if len(missing) == 1 else 'have'} no score"
    broken = sum(cost.status == "failed" for cost in failed)
    blocked = len(failed) - broken
    if failed:
        stages = [f"{fmt.count(broken, 'stage')} failed"] if broken else []
        stages += [f"{fmt.count(blocked, 'stage')} blocked"] if blocked else []
        text += f" ({', '.join(stages)})"
    return text + "."


def answer(results: Results, summaries: Sequence[Summary], gains: Sequence[Gain], missing: Missing, cells: int) -> Answer:
    """What is gained over no chain, over all pairs that are neither oracles nor reuse target data. `cells` is how many the study
    has."""
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    evidence = [gain for gain in real if not gain.reuses_target_data and not gain.leak]
    own = _about_degenerate([gain for gain in real if gain.reuses_target_data], gains, results)
    leaks = _about_leaks([gain for gain in real if gain.leak and not gain.reuses_target_data], results)
    gaps = _about_gaps(results, missing, cells)
    if not evidence:
        return Answer("none", _nothing(results, gains), tuple(text for text in (leaks, own, gaps) if text))
    verdict, sentence = headline(evidence, results)
    support = (
        about_placebo(evidence, gains, results),
        about_compute(evidence, gains, results),
        _about_retrieval(evidence, results),
        _about_settings(evidence, results),
        _about_chance(evidence, summaries),
        leaks,
        own,
        "" if results.compare else certainty([gain for gain in real if gain.p_holm is not None], evidence, 0),
        gaps,
    )
    return Answer(verdict, sentence, tuple(text for text in support if text))
