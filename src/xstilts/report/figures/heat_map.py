"""The heat map: gains over no chain, chain by target. It is a table with coloured cells, not a drawing.

Its cells are numbers and words that must wrap, and on the page each one is a link, so every rendering sets it as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import NOT_TESTED, Gain
from xstilts.analysis.results import CONTROL_WORDS, ChainInfo
from xstilts.analysis.scores import NO_CHAIN
from xstilts.metrics.significance import Interval
from xstilts.report.answer.wording import locate
from xstilts.report.figures.forest import describe_marks
from xstilts.report.findings import Findings
from xstilts.report.tables.gains import list_remarks
from xstilts.report.tables.learned import describe_learned
from xstilts.report.tables.retrieval import name_columns
from xstilts.report.tables.table import describe_leaks

STRONGEST = 0.62
SMALLEST_SCALE = 0.02


@dataclass(frozen=True)
class HeatCell:
    """`link` is the id of the view by language ("" without a gain); `strength` is the opacity of the colour of `sign`; `weight`
    says how the number is set: bold if it is clear, grey if it is no evidence."""

    text: str = fmt.NOTHING
    range: str = ""
    link: str = ""
    sign: Literal["gain", "loss", ""] = ""
    strength: float = 0.0
    weight: Literal["clear", "void", ""] = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeatRow:
    """A chain; `role` is its kind of control in words, or ""; `learned` are the scores of its own tasks on dev data, in words."""

    name: str
    role: str
    learned: tuple[str, ...]
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatMap:
    """The cells of a row are in the order of `targets`."""

    kind: ClassVar[str] = "heat"
    encoder: str
    targets: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    caption: str


def make_heat_maps(findings: Findings) -> tuple[HeatMap, ...]:
    """One map for each encoder that has a gain. They share a scale, which ignores oracles and pairs that reuse target data."""
    gains = {(gain.encoder, gain.chain, gain.target): gain for gain in findings.gains_over("none")}
    sizes = [
        abs(gain.interval.estimate) for gain in gains.values() if gain.interval and not gain.reuses_target_data and not gain.leak
    ]
    scale = max([*sizes, *(abs(one.gain.estimate) for one in findings.settings), SMALLEST_SCALE])
    chains = list_chains(findings)
    roles = {chain.name: CONTROL_WORDS.get(chain.control, "") for chain in chains}
    roles |= {name: "" for name, role in roles.items() if role == name}
    maps = []
    for encoder in findings.results.encoders:
        own = [gain for gain in gains.values() if gain.encoder == encoder]
        columns = {info.name: name_columns(findings, encoder, info.name) for info in findings.results.targets}
        rows = []
        for chain in chains if own else ():
            cells: list[HeatCell] = []
            for target, names in columns.items():
                gain = gains.get((encoder, chain.name, target))
                cells += [_make_best_cell(findings, gain, scale)] if len(names) > 1 else []
                cells.append(_make_cell(findings, gain, gain.interval if gain else None, scale))
            learned = describe_learned(findings, encoder, chain.name)
            rows.append(HeatRow(chain.name, roles[chain.name], learned, tuple(cells)))
        names = tuple(name for found in columns.values() for name in found)
        maps += [HeatMap(encoder, names, tuple(rows), _write_caption(findings, own, rows, scale))] if own else []
    return tuple(maps)


def list_chains(findings: Findings) -> list[ChainInfo]:
    """Chains first, then controls; without the baseline."""
    return sorted((c for c in findings.results.chains if c.name != NO_CHAIN), key=lambda chain: chain.control != "")


def link_to(findings: Findings, gain: Gain) -> str:
    """The id of the view of a gain by language."""
    return f"pair-{findings.gains.index(gain)}"


def _write_caption(findings: Findings, own: Sequence[Gain], rows: Sequence[HeatRow], scale: float) -> str:
    text = (
        "Gain in points over no chain, mean of the languages other than English, with its 95 % interval. "
        f"{describe_marks(gain.verdict for gain in own)} Orange to blue: {fmt.MINUS}{fmt.score(scale)} to +{fmt.score(scale)}."
    )
    text += describe_leaks(any(gain.leak for gain in own))
    text += " Best setting: chosen on other data, not tested." if findings.settings else ""
    dev = " Under a chain: its own task on dev data, and the best trivial rule there."
    return text + dev if any(row.learned for row in rows) else text


def _make_cell(findings: Findings, gain: Gain | None, interval: Interval | None, scale: float) -> HeatCell:
    if gain is None:
        return HeatCell()
    verdict = gain.verdict
    size = interval.estimate if interval and verdict not in NOT_TESTED else 0.0
    return HeatCell(
        text=fmt.points(interval.estimate) if interval else fmt.NOTHING,
        range=fmt.bracket(interval.low, interval.high) if interval else "English only",
        link=link_to(findings, gain),
        sign="gain" if size > 0 else "loss" if size < 0 else "",
        strength=round(STRONGEST * min(1.0, abs(size) / scale), 3),
        weight="clear" if verdict in ("gain", "loss") else "void" if verdict in NOT_TESTED else "",
        remarks=(
            *(["equivalent"] if verdict == "equivalent" else []),
            *list_remarks(gain),
            *_compare_with_controls(findings, gain),
        ),
    )


def _make_best_cell(findings: Findings, gain: Gain | None, scale: float) -> HeatCell:
    """The gain at the best setting of retrieval. It is in no family of comparisons, so it is never clear."""
    best = findings.find_setting(gain) if gain else None
    if gain is None or best is None:
        return HeatCell()
    cell = _make_cell(findings, gain, best.gain, scale)
    return replace(cell, weight=cell.weight if cell.weight == "void" else "", remarks=list_remarks(gain))


def _compare_with_controls(findings: Findings, gain: Gain) -> list[str]:
    """What a cell says of the chain's controls: only that it is clearly worse than one."""
    words = {"placebo": "worse than its placebo", "compute": "worse than longer training"}
    controlled = (*findings.gains_over("placebo"), *findings.gains_over("compute"))
    return [words[one.over] for one in controlled if locate(one) == locate(gain) and one.verdict == "loss"]
