"""The truth of a study, where it is known, beside what the study found."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.truth import TrueGain
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, gain_id
from xstilts.report.tables.table import Table, make_table

COLUMNS = ("chain", "target", "over", "truth", "here", "95 %", "holds it", "verdict")


def list_true_gains(findings: Findings) -> list[tuple[TrueGain, Gain]]:
    """What is true and what was measured."""
    truth = findings.results.truth
    measured = {(gain.chain, gain.target, gain.against): gain for gain in findings.gains if gain.interval is not None}
    pairs = ((true, measured.get((true.chain, true.target, true.over))) for true in (truth.gains if truth else ()))
    return [(true, gain) for true, gain in pairs if gain is not None]


def describe_truth(findings: Findings) -> str:
    """How the truth is known, and of what it is the truth; "" if it is not known."""
    truth = findings.results.truth
    if truth is None:
        return ""
    return (
        f"The data are synthetic, so the study could be run with {truth.runs} other seeds ({truth.seeds[0]} to {truth.seeds[1]}; "
        f"{truth.code}, {truth.date}, {truth.processor}). Their mean is the truth, ± its standard error: the gain that other "
        "seeds of the intermediate training and of the fine-tuning have on average, from this pre-trained encoder and on these "
        f"test examples. Cut into {truth.repeats} studies of {truth.size} seeds, these runs also say how often such a study "
        "finds it."
    )


def truth_table(findings: Findings) -> Table | None:
    truth = findings.results.truth
    if truth is None:
        return None
    caption = (
        "The truth beside the estimates, in points. Holds it: whether the interval does. Last: how often each verdict was given."
    )
    rows = [_line(true, gain) for true, gain in list_true_gains(findings)]
    return make_table(caption, (*COLUMNS, f"{truth.repeats} other studies"), rows, (3, 4, 5))


def _line(true: TrueGain, gain: Gain) -> tuple[str, ...]:
    assert gain.interval is not None  # it was listed
    return (
        true.chain,
        true.target,
        true.over,
        write_truth(true),
        Number(fmt.points(gain.interval.estimate), gain_id(gain)),
        Number(fmt.bracket(gain.interval.low, gain.interval.high), gain_id(gain)),
        "yes" if holds_truth(true, gain) else "no",
        gain.verdict,
        write_verdicts(true),
    )


def holds_truth(true: TrueGain, gain: Gain) -> bool:
    """Whether the interval holds the true gain."""
    return gain.interval is not None and 100 * gain.interval.low <= true.points <= 100 * gain.interval.high


def write_truth(true: TrueGain) -> str:
    """+13.1 ± 0.4"""
    return f"{fmt.points(true.points / 100)} ± {true.error:.1f}"


def write_verdicts(true: TrueGain) -> str:
    """19 gain, 1 unclear"""
    verdicts = sorted(true.verdicts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {verdict}" for verdict, number in verdicts)


def summarise_truth(findings: Findings) -> list[str]:
    """The same in sentences, for the end of a run: the pairs that the answer rests on, and the gains among them over their
    placebo."""
    truth, found = findings.results.truth, [pair for pair in list_true_gains(findings) if pair[1].primary]
    gains = {(gain.chain, gain.target) for true, gain in found if true.kind == "none" and gain.verdict == "gain"}
    found = [(true, gain) for true, gain in found if true.kind == "none" or (gain.chain, gain.target) in gains]
    if truth is None or not found:
        return []
    said = [f"The truth, the mean of {truth.runs} runs with other seeds ({truth.repeats} studies of {truth.size}):"]
    for true, gain in found:
        assert gain.interval is not None  # it was listed
        over = f" over {true.over}" if true.kind != "none" else ""
        measured = f"{fmt.points(gain.interval.estimate)} {fmt.bracket(gain.interval.low, gain.interval.high)}"
        said.append(
            f"{true.chain} → {true.target}{over}: {write_truth(true)}, here {measured}; their verdicts: {write_verdicts(true)}."
        )
    return said
