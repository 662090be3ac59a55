"""What remains of the gains after the controls: the placebo of the same tasks, and longer training on the target."""

from collections.abc import Mapping, Sequence
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results
from xstilts.report.answer.wording import PAIRS, get_estimate, locate, name_pair, write_estimate

PLACEBO = "placebo (the same data with shuffled labels)"
COMPUTE = "compute-matched control (no chain; the target is trained longer by as many tokens)"
PLACEBO_MEANING = {
    "gain": "come from the task, not from its text or the extra steps",
    "loss": "the placebo does better, so the gain does not come from the task",
    "equivalent": "the placebo does as well, so the gain does not come from the task",
    "": "how much of the gain comes from the task cannot be told",
}
COMPUTE_MEANING = {
    "gain": "are not explained by longer training",
    "loss": "longer training does better",
    "equivalent": "longer training does as well",
    "": "whether longer training does as well cannot be told",
}


def compare_with_placebo(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    """How much of the gains remains over the same data with shuffled labels."""
    if not any(chain.control == "placebo" for chain in results.chains):
        return (
            "No placebo chain (the same data with shuffled labels) was run. A gain may come from the extra text and steps, not "
            "from the task."
        )
    compared = _find_comparable(gains, "placebo")
    if not compared:
        return "No chain could be compared with a placebo of the same tasks."
    return (
        f"{_compare(compared, evidence, results, PLACEBO, PLACEBO_MEANING)}{_describe_worse(compared, results, 'the placebo')}."
    )


def compare_with_longer_training(evidence: Sequence[Gain], gains: Sequence[Gain], results: Results) -> str:
    """How much of the gains remains if the target is trained longer, by as many tokens as the chain saw; "" without scores."""
    compared = _find_comparable(gains, "compute")
    if not compared:
        return ""
    text = _compare(compared, evidence, results, COMPUTE, COMPUTE_MEANING)
    return f"{text}{_describe_worse(compared, results, 'longer training')}."


def _describe_worse(compared: Sequence[Gain], results: Results, control: str) -> str:
    """For how many pairs the chain is clearly worse than its control; "" for none."""
    worse = [gain for gain in compared if gain.verdict == "loss"]
    if not worse:
        return ""
    worst = min(worse, key=get_estimate)
    most = "largest difference: " if len(worse) > 1 else ""
    pairs = fmt.count(len(worse), PAIRS)
    return f"; the chain is clearly worse than {control} for {pairs} ({most}{name_pair(worst, results)} {write_estimate(worst)})"


def _compare(
    compared: Sequence[Gain], evidence: Sequence[Gain], results: Results, control: str, meaning: Mapping[str, str]
) -> str:
    tested = _with_clear_gain(compared, evidence)
    if tested:
        over_none = {locate(gain): get_estimate(gain) for gain in evidence}
        best = max(tested, key=lambda gain: min(get_estimate(gain), over_none[locate(gain)]))
        kept = sum(gain.verdict == "gain" for gain in tested)
        text = f"Compared with its {control}, {name_pair(best, results)} has a gain of {write_estimate(best)}: "
        said = meaning.get(best.verdict, meaning[""])
        if best.verdict == "gain":
            # A control that lost something itself makes the difference larger than what the chain gained.
            said = f"up to {fmt.points(min(get_estimate(best), over_none[locate(best)]))} points {said}"
        return text + said + (f"; {kept} of {len(tested)} gains stay clear over this control" if len(tested) > 1 else "")
    better = [gain for gain in compared if gain.verdict == "gain"]
    if not better:
        return f"Compared with their {control}, no chain is clearly better ({fmt.count(len(compared), PAIRS)} compared)"
    best = max(better, key=get_estimate)
    return (
        f"Compared with its {control}, {name_pair(best, results)} has a gain of {write_estimate(best)}, but no clear gain over "
        "no chain"
    )


def _find_comparable(gains: Sequence[Gain], over: Literal["placebo", "compute"]) -> list[Gain]:
    """The comparisons with one kind of control that count as evidence."""
    found = [gain for gain in gains if gain.over == over and not gain.reuses_target_data and not gain.leak]
    return [gain for gain in found if gain.verdict != "English only"]


def _with_clear_gain(compared: Sequence[Gain], evidence: Sequence[Gain]) -> list[Gain]:
    """The comparisons with a control whose chain has a clear gain over no chain."""
    clear = {locate(gain) for gain in evidence if gain.verdict == "gain"}
    return [gain for gain in compared if locate(gain) in clear]
