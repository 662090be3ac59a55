"""Gains as tables and sentences: over no chain, over other chains, and over controls."""

from collections.abc import Iterable, Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.gains import Gain
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.results import CONTROL_WORDS, LEAK
from xstilts.analysis.scores import ENGLISH
from xstilts.report.answer.wording import VERDICTS
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, average_gain_id, gain_id
from xstilts.report.tables.table import (
    LEAK_REMARK,
    Line,
    Table,
    describe_leaks,
    describe_partial_data,
    group_by_encoder,
    make_grouped_table,
    name_targets,
)

COLUMNS = ("chain", "target", "over", "gain", "95 %", "English", "p (Holm)", "verdict", "remark", "by seed")
NUMERIC = (3, 4, 5, 6)
OVER_NONE = (
    "Gain in points over no chain: mean of the languages other than English, with its 95 % interval, the gain in English, "
    "and the gain of each seed"
)
OVER_CHAINS = OVER_NONE.replace("Gain in points over no chain", "Gain in points over other chains")


def list_remarks(gain: Gain) -> tuple[str, ...]:
    """What a reader must know before trusting the number."""
    control = "near chance without it" if gain.over == "none" else "control near chance"
    if gain.over == "chain":
        control = f"{fmt.mean_of(gain.baseline)} near chance"
    near = {"both": "near chance", "chain": "chain near chance", "control": control}
    remarks = {
        "reuses target data": gain.reuses_target_data,
        "same artefact": gain.verdict == "same",
        LEAK_REMARK: gain.leak,
        near.get(gain.near_chance, ""): gain.near_chance,
        "English near chance": gain.verdict == "near chance" and not gain.near_chance,
        "task not learned": gain.verdict == "not taken",
        "not primary": not gain.primary,
    }
    return tuple(remark for remark, holds in remarks.items() if holds)


def describe_gain(gain: Gain) -> str:
    """A comparison in one sentence: estimate, interval, verdict, p."""
    if gain.interval is None:
        return "Only English has scores, so there is no transfer gain."
    if gain.verdict == "same":
        return f"Both sides are the same artefact, so the gain over {fmt.mean_of(gain.baseline)} is always 0."
    interval = gain.interval
    estimate = f"{fmt.points(interval.estimate)} points {fmt.bracket(interval.low, interval.high)}"
    found = f"{estimate} over {fmt.mean_of(gain.baseline)}: {VERDICTS[gain.verdict]}"
    if gain.verdict == "oracle":
        return f"{found} ({LEAK})."
    return f"{found} (p{fmt.JOIN}{fmt.p_value(interval.p)}, after Holm {fmt.p_value(gain.p_holm)})."


def gains_table(gains: Sequence[Gain], findings: Findings, caption: str = OVER_NONE, means: Sequence[MeanGain] = ()) -> Table:
    """A row for each comparison; `means` (averages over targets) come first. `caption` has no full stop."""
    names = name_targets(findings)
    rows = [(average.encoder, _mean_line(average)) for average in means]
    rows += [(gain.encoder, _gain_line(gain, names.get(gain.target, gain.target))) for gain in gains]
    groups = group_by_encoder(findings, rows)
    leaks = describe_leaks(any(gain.leak for gain in gains))
    return make_grouped_table(f"{caption}{describe_partial_data(findings)}.{leaks}", COLUMNS, groups, NUMERIC)


def comparisons_table(findings: Findings) -> Table | None:
    """The study's own comparisons: the means over targets, then each target. None where no comparison has scores."""
    gains = findings.gains_over("chain")
    return gains_table(gains, findings, OVER_CHAINS, findings.averages) if gains else None


def _gain_line(gain: Gain, target: str) -> Line:
    remarks = [remark for remark in list_remarks(gain) if remark != gain.verdict]
    remarks = [CONTROL_WORDS[gain.control], *remarks] if gain.control else remarks
    english = Number(fmt.points(gain.english.estimate), gain_id(gain, ENGLISH)) if gain.english else fmt.NOTHING
    return _line(gain, target, gain_id(gain), english, [seed.transfer for seed in gain.seeds], ", ".join(remarks))


def _mean_line(mean: MeanGain) -> Line:
    target = f"mean of {fmt.count(len(mean.targets), 'target')}"
    return _line(mean, target, average_gain_id(mean), "", mean.seeds, mean.group if mean.group != ALL else "")


def _line(one: Gain | MeanGain, target: str, id: str, english: str, seeds: Iterable[float | None], remark: str) -> Line:
    """A line with the COLUMNS."""
    gain, interval = fmt.NOTHING, fmt.NOTHING
    if one.interval:
        gain, interval = fmt.points(one.interval.estimate), fmt.bracket(one.interval.low, one.interval.high)
        gain, interval = Number(gain, id), Number(interval, id)
    by_seed = ", ".join(map(fmt.points, seeds))
    over, p = fmt.mean_of(one.baseline), fmt.p_value(one.p_holm)
    return one.chain, target, over, gain, interval, english, p, one.verdict, remark, by_seed


def control_tables(findings: Findings) -> tuple[tuple[str, str, Table], ...]:
    """The comparisons with controls that have scores, as (title, explanation, table)."""
    found = []
    if gains := findings.gains_over("placebo"):
        text = (
            "A placebo chain trains on the same data with shuffled labels. A gain over the placebo comes from the task. A gain "
            "that both have over no chain does not."
        )
        caption = "Gains over the placebo of the same tasks, in points"
        found.append(("Gains over the placebo", text, gains_table(gains, findings, caption)))
    if gains := findings.gains_over("compute"):
        text = (
            "A compute-matched control has no chain. Instead, the target is trained longer, by as many tokens as the chain saw "
            "(padding not counted). Longer training does not explain a gain over this control. If a chain trains on the target's "
            "own data, this is the fair comparison."
        )
        caption = "Gains over the compute-matched control of the same chain, in points"
        found.append(("Gains over longer training", text, gains_table(gains, findings, caption)))
    return tuple(found)
