"""The study's answer in one sentence with its uncertainty, and the few sentences that qualify it.

Deterministic, and never kinder than the numbers: pairs that reuse the target's own training data are not counted, nor are
oracles (weights chosen on target-language dev data), pairs near chance are called that, a null names the largest gain its
intervals still allow, and losses are reported as losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.report import prose
from xstilts.report.gains import LEVEL, Gain
from xstilts.report.results import LEAK, Results
from xstilts.report.scores import NO_CHAIN, Summary
from xstilts.report.sweep import shift, shift_sentence

ENOUGH_SEEDS = 6
SETTINGS_NAMED = 2
PAIRS = "chain\N{NON-BREAKING HYPHEN}target pair"
Missing = Sequence[tuple[str, str, str, int]]


@dataclass(frozen=True)
class Answer:
    """`verdict`: yes | no | unclear | none (nothing could be compared)."""

    verdict: str
    sentence: str
    support: tuple[str, ...]


def pair_name(gain: Gain, results: Results) -> str:
    """chain → target, and the encoder where the study has several."""
    name = f"{gain.chain} → {gain.target}"
    return f"{name} in {gain.encoder}" if len(results.encoders) > 1 else name


def measured(gain: Gain) -> str:
    """+14.2 points [11.0, 17.1]"""
    if gain.interval is None:
        return "no gain over languages other than English"
    interval = gain.interval
    return f"{prose.points(interval.estimate)}{prose.JOIN}points {prose.bracket(interval.low, interval.high)}"


def _strength(gain: Gain) -> str:
    seeds = len(gain.seeds)
    return prose.count(seeds, "seed") + (", exploratory" if seeds < ENOUGH_SEEDS else "")


def _estimate(gain: Gain) -> float:
    return gain.interval.estimate if gain.interval is not None else 0.0


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
    own = [gain for gain in real if gain.degenerate]
    leaks = [gain for gain in real if gain.leak and not gain.degenerate]
    causes = [f"{prose.count(len(own), PAIRS)} reused the target's own training data"] if own else []
    causes += [f"{prose.count(len(leaks), PAIRS)} {'is' if len(leaks) == 1 else 'are'} no evidence ({LEAK})"] if leaks else []
    if causes:
        return f"No answer: {prose.listed(causes)}, and there is no other."
    return f"No answer yet: no {PAIRS} has scores both with and without its chain for the same seed."


def _headline(evidence: Sequence[Gain], results: Results) -> tuple[str, str]:
    found = {
        verdict: [gain for gain in evidence if gain.verdict == verdict]
        for verdict in ("gain", "loss", "unclear", "near chance", "same", "English only")
    }
    total = len(evidence)
    tail = []
    if found["unclear"]:
        tail.append(f"{'no clear gain' if found['gain'] else 'nothing clear'} for {len(found['unclear'])}")
    if found["loss"]:
        worst = min(found["loss"], key=_estimate)
        loss = f"a loss for {len(found['loss'])}"
        if not found["gain"]:
            most = "largest: " if len(found["loss"]) > 1 else ""
            loss += f" ({most}{pair_name(worst, results)} {measured(worst)}, {_strength(worst)})"
        tail.append(loss)
    for verdict, words in (
        ("near chance", "near chance"),
        ("same", "the same artefact with and without the chain"),
        ("English only", "scored in English only"),
    ):
        if found[verdict]:
            tail.append(f"{len(found[verdict])} {words}")
    if found["gain"]:
        best = max(found["gain"], key=_estimate)
        most = "largest: " if len(found["gain"]) > 1 else ""
        inside = f"{most}{pair_name(best, results)} {measured(best)}, {_strength(best)}"
        head = f"Yes for {len(found['gain'])} of {prose.count(total, PAIRS)} ({inside})"
        return "yes", "; ".join([head, ", ".join(tail)] if tail else [head]) + "."
    if len(found["English only"]) == total:
        return "none", "No answer: the targets have scores in English only, so nothing was transferred."
    if len(found["near chance"]) == total:
        return "unclear", f"No evidence either way: {_all(total)} near chance, with and without the chain."
    if found["loss"]:
        return "no", f"No: no clear gain for any of {prose.count(total, PAIRS)}; {', '.join(tail)}."
    if found["unclear"]:
        best = max(found["unclear"], key=_estimate)
        bound = max(gain.interval.high for gain in found["unclear"] if gain.interval is not None)
        rest = f"; {', '.join(tail[1:])}" if tail[1:] else ""
        return "unclear", (
            f"No clear gain for any of {prose.count(total, PAIRS)} (largest: {pair_name(best, results)} "
            f"{measured(best)}, {_strength(best)}), and none is ruled out: the intervals reach up to "
            f"{prose.points(bound)} points{rest}."
        )
    return "unclear", f"No gain can be told for any of {prose.count(total, PAIRS)}: {', '.join(tail)}."


def _all(total: int) -> str:
    return f"the only {PAIRS} is" if total == 1 else f"all {total} {PAIRS}s are"


def _about_placebo(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    if not any(chain.control == "placebo" for chain in results.chains):
        return (
            "No placebo chain (the same data with shuffled labels) was run, so a gain cannot be attributed "
            "to the task rather than to its text and the extra steps."
        )
    matched = _comparable(gains, "placebo")
    if not matched:
        return "No chain could be compared with a placebo of the same tasks."
    tested = _of_clear(matched, evidence)
    if tested:
        kept = [gain for gain in tested if gain.verdict == "gain"]
        best = max(tested, key=_estimate)
        text = (
            f"Over its placebo (the same data with shuffled labels), {pair_name(best, results)} has "
            f"{measured(best)}: {_attribution(best)}"
        )
        return text + (f"; {len(kept)} of {len(tested)} gains stay clear over the placebo." if len(tested) > 1 else ".")
    found = [gain for gain in matched if gain.verdict == "gain"]
    if not found:
        return (
            "Over their placebo (the same data with shuffled labels), no chain is clearly better "
            f"({prose.count(len(matched), PAIRS)} compared)."
        )
    best = max(found, key=_estimate)
    return (
        f"Over its placebo (the same data with shuffled labels), {pair_name(best, results)} has {measured(best)}, "
        "though it has no clear gain over no chain."
    )


def _comparable(gains: Sequence[Gain], over: str) -> list[Gain]:
    """The comparisons with one sort of control that may count."""
    found = [gain for gain in gains if gain.over == over and not gain.degenerate and not gain.leak]
    return [gain for gain in found if gain.verdict != "English only"]


def _place(gain: Gain) -> tuple[str, str, str]:
    return gain.encoder, gain.chain, gain.target


def _of_clear(compared: Sequence[Gain], evidence: Sequence[Gain]) -> list[Gain]:
    """Of comparisons with a control those whose chain has a clear gain over none."""
    clear = {_place(gain) for gain in evidence if gain.verdict == "gain"}
    return [gain for gain in compared if _place(gain) in clear]


def _about_compute(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    """What is left of the gains when the target is trained as much longer as the chain took."""
    compared = _comparable(gains, "compute")
    if not compared:
        return ""
    control = "compute-matched control (no chain, the target trained longer by as many tokens)"
    tested = _of_clear(compared, evidence)
    if not tested:
        better = [gain for gain in compared if gain.verdict == "gain"]
        worse = [gain for gain in compared if gain.verdict == "loss"]
        if better:
            best = max(better, key=_estimate)
            found = f"Over its {control}, {pair_name(best, results)} has {measured(best)}, though no clear gain over no chain"
        else:
            found = f"Over their {control}, no chain is clearly better ({prose.count(len(compared), PAIRS)} compared)"
        if worse:
            worst = min(worse, key=_estimate)
            most = "most: " if len(worse) > 1 else ""
            found += (
                f"; longer training does clearly better for {len(worse)} ({most}{pair_name(worst, results)} {measured(worst)})"
            )
        return f"{found}."
    kept = [gain for gain in tested if gain.verdict == "gain"]
    best = max(tested, key=_estimate)
    meaning = {
        "gain": "more than longer training gives",
        "loss": "longer training does better",
    }.get(best.verdict, "longer training may do as well")
    text = f"Over its {control}, {pair_name(best, results)} has {measured(best)}: {meaning}"
    return text + (f"; {len(kept)} of {len(tested)} gains stay clear over it." if len(tested) > 1 else ".")


def _attribution(gain: Gain) -> str:
    if gain.verdict == "gain":
        return "that part belongs to the task, not to its text or the extra steps"
    if gain.verdict == "loss":
        return "the placebo does better, so the gain is not the task's"
    return "no part of the gain can be attributed to the task"


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
        f"{len(clear)} of {prose.count(len(rest), PAIRS)}."
    )


def _about_settings(evidence: Sequence[Gain], results: Results) -> str:
    """Whether clear retrieval gains and losses hold at other layers, poolings and centrings; the most fragile come first."""
    clear = [gain for gain in evidence if gain.verdict in ("gain", "loss")]
    found = [one for gain in clear if (one := shift(results, gain)) is not None]
    found.sort(key=lambda one: (not one.vanishes, one.kept / one.of))
    sentences = [shift_sentence(one, pair_name(one.gain, results)) for one in found[:SETTINGS_NAMED]]
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
        parts.append(f"every score on {prose.listed(lost, 6)} is near chance, so nothing can be learned from it")
    unlearned = [
        target for target in lost if all(row.english_near_chance for row in summaries if row.target == target and not row.control)
    ]
    if unlearned:
        parts.append(f"{prose.listed(unlearned, 6)} was not even learned in English")
    one_arm = [gain for gain in evidence if gain.near_chance == "control" and gain.verdict == "gain"]
    if one_arm:
        names = prose.listed((f"{gain.chain} → {gain.target}" for gain in one_arm), 4)
        parts.append(f"without a chain the target of {names} is near chance, so the gain may be a failed control")
    return f"Near chance: {'; '.join(parts)}." if parts else ""


def _about_leaks(leaks: Sequence[Gain], results: Results) -> str:
    if not leaks:
        return ""
    names = [f"{pair_name(gain, results)} ({measured(gain)})" for gain in leaks]
    bounds = "is an upper bound" if len(leaks) == 1 else "are upper bounds"
    return f"Not counted: {prose.listed(names, 3)} {bounds} ({LEAK})."


def _about_degenerate(own: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    if not own:
        return ""
    fair = {_place(gain): gain for gain in gains if gain.over == "compute"}
    compared = [fair[_place(gain)] for gain in own if _place(gain) in fair]
    found = prose.listed((f"{pair_name(gain, results)} {measured(gain)}, {_fair_words(gain)}" for gain in compared), 3)
    rest = f"the compute-matched control is the fair comparison there{f': {found}' if found else ', and was not run'}"
    names = [
        f"{pair_name(gain, results)} ({measured(gain)})" if gain.interval is not None else pair_name(gain, results)
        for gain in own
    ]
    verb = "reuses" if len(own) == 1 else "reuse"
    return f"Not counted: {prose.listed(names, 3)} {verb} the target's own training data; {rest}."


def _fair_words(gain: Gain) -> str:
    words = {"gain": "a clear gain", "loss": "a clear loss", "unclear": "not clear", "oracle": "an oracle, no evidence"}
    return words.get(gain.verdict, gain.verdict)


def _about_certainty(tested: Sequence[Gain], evidence: Sequence[Gain]) -> str:
    if not tested:
        return ""
    seeds = sorted({len(gain.seeds) for gain in tested})
    span = prose.count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    text = f"A gain or loss is called clear when its {100 * LEVEL:.0f}{prose.JOIN}% interval excludes zero and its "
    text += f"p value holds under Holm's correction over {prose.count(len(tested), 'comparison')}"
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
    text = f"Incomplete: {len(missing)} of {prose.count(cells, 'cell')} {'has' if len(missing) == 1 else 'have'} no score"
    broken = sum(cost.status == "failed" for cost in failed)
    blocked = len(failed) - broken
    if failed:
        stages = [f"{prose.count(broken, 'stage')} failed"] if broken else []
        stages += [f"{prose.count(blocked, 'stage')} blocked"] if blocked else []
        text += f" ({', '.join(stages)})"
    return text + "."


def answer(results: Results, summaries: Sequence[Summary], gains: Sequence[Gain], missing: Missing, cells: int) -> Answer:
    """The answer to the study's question over all pairs that are neither degenerate nor oracles. `cells` is how many the
    study has."""
    real = [gain for gain in gains if gain.over == "none" and not gain.control]
    evidence = [gain for gain in real if not gain.degenerate and not gain.leak]
    own = _about_degenerate([gain for gain in real if gain.degenerate], gains, results)
    leaks = _about_leaks([gain for gain in real if gain.leak and not gain.degenerate], results)
    gaps = _about_gaps(results, missing, cells)
    if not evidence:
        return Answer("none", _nothing(results, gains), tuple(text for text in (leaks, own, gaps) if text))
    verdict, sentence = _headline(evidence, results)
    support = (
        _about_placebo(evidence, gains, results),
        _about_compute(evidence, gains, results),
        _about_retrieval(evidence, results),
        _about_settings(evidence, results),
        _about_chance(evidence, summaries),
        leaks,
        own,
        _about_certainty([gain for gain in real if gain.p_holm is not None], evidence),
        gaps,
    )
    return Answer(verdict, sentence, tuple(text for text in support if text))
