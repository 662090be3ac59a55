"""What the controls leave of the gains, in sentences: the placebo of the same tasks, and longer training on the target."""

from __future__ import annotations

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results
from xstilts.report.answer.wording import PAIRS, estimate, measured, pair_name, place


def about_placebo(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    """What is left of the gains over the same data with shuffled labels."""
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
        best = max(tested, key=estimate)
        text = (
            f"Over its placebo (the same data with shuffled labels), {pair_name(best, results)} has "
            f"{measured(best)}: {_attribution(best)}"
        )
        return text + (f"; {len(kept)} of {len(tested)} gains stay clear over the placebo." if len(tested) > 1 else ".")
    found = [gain for gain in matched if gain.verdict == "gain"]
    if not found:
        return (
            "Over their placebo (the same data with shuffled labels), no chain is clearly better "
            f"({fmt.count(len(matched), PAIRS)} compared)."
        )
    best = max(found, key=estimate)
    return (
        f"Over its placebo (the same data with shuffled labels), {pair_name(best, results)} has {measured(best)}, "
        "though it has no clear gain over no chain."
    )


def _comparable(gains: Sequence[Gain], over: str) -> list[Gain]:
    """The comparisons with one sort of control that may count."""
    found = [gain for gain in gains if gain.over == over and not gain.reuses_target_data and not gain.leak]
    return [gain for gain in found if gain.verdict != "English only"]


def _of_clear(compared: Sequence[Gain], evidence: Sequence[Gain]) -> list[Gain]:
    """Of comparisons with a control those whose chain has a clear gain over none."""
    clear = {place(gain) for gain in evidence if gain.verdict == "gain"}
    return [gain for gain in compared if place(gain) in clear]


def about_compute(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
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
            best = max(better, key=estimate)
            found = f"Over its {control}, {pair_name(best, results)} has {measured(best)}, though no clear gain over no chain"
        else:
            found = f"Over their {control}, no chain is clearly better ({fmt.count(len(compared), PAIRS)} compared)"
        if worse:
            worst = min(worse, key=estimate)
            most = "most: " if len(worse) > 1 else ""
            found += (
                f"; longer training does clearly better for {len(worse)} ({most}{pair_name(worst, results)} {measured(worst)})"
            )
        return f"{found}."
    kept = [gain for gain in tested if gain.verdict == "gain"]
    best = max(tested, key=estimate)
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
