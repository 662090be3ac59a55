"""The heat map: gains over no chain, chain by target. It is a table with coloured cells, not a drawing.

Its cells are numbers and words that must wrap, and on the page each one is a link, so every rendering sets it as a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import DECIDED, Gain
from xstilts.analysis.results import CONTROL_WORDS
from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.tables.gains import list_remarks
from xstilts.report.tables.table import describe_leaks

STRONGEST = 0.62
SMALLEST_SCALE = 0.02


@dataclass(frozen=True)
class HeatCell:
    """`link` is the id of the view by language; `strength` is the opacity of the colour. A cell without a gain is empty."""

    gain: Gain | None
    link: str
    sign: Literal["gain", "loss", ""]
    strength: float
    remarks: tuple[str, ...]

    @property
    def text(self) -> str:
        return fmt.points(self.gain.interval.estimate) if self.gain and self.gain.interval else ""

    @property
    def range(self) -> str:
        interval = self.gain.interval if self.gain else None
        return fmt.bracket(interval.low, interval.high) if interval else "English only" if self.gain else ""

    @property
    def weight(self) -> Literal["clear", "void", ""]:
        """How the number is set: bold if it is clear, grey if it is no evidence."""
        verdict = self.gain.verdict if self.gain else ""
        return "clear" if verdict in ("gain", "loss") else "void" if verdict in ("near chance", "same", "oracle") else ""


@dataclass(frozen=True)
class HeatMap:
    """Rows are (chain name, kind of control in words or "", cells in the order of `targets`)."""

    kind: ClassVar[str] = "heat"
    encoder: str
    targets: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[HeatCell, ...]], ...]
    caption: str


def make_heat_maps(findings: Findings) -> tuple[HeatMap, ...]:
    """One map for each encoder that has a gain. All maps share one scale, which ignores oracles and pairs that reuse target
    data."""
    gains = {(gain.encoder, gain.chain, gain.target): gain for gain in findings.against_none()}
    sizes = [
        abs(gain.interval.estimate) for gain in gains.values() if gain.interval and not gain.reuses_target_data and not gain.leak
    ]
    scale = max([*sizes, SMALLEST_SCALE])
    targets = tuple(info.name for info in findings.results.targets)
    chains = sorted((c for c in findings.results.chains if c.name != NO_CHAIN), key=lambda chain: chain.control != "")
    roles = {chain.name: CONTROL_WORDS.get(chain.control, "") for chain in chains}
    roles |= {name: "" for name, role in roles.items() if role == name}
    maps = []
    for encoder in findings.results.encoders:
        if any(gain.encoder == encoder for gain in gains.values()):
            rows = tuple(
                (
                    chain.name,
                    roles[chain.name],
                    tuple(_make_cell(findings, gains.get((encoder, chain.name, name)), scale) for name in targets),
                )
                for chain in chains
            )
            own = [gain for gain in gains.values() if gain.encoder == encoder]
            maps.append(HeatMap(encoder, targets, rows, _write_caption(findings, own, scale)))
    return tuple(maps)


def link_to(findings: Findings, gain: Gain) -> str:
    """The id of the view of a gain by language."""
    return f"pair-{findings.gains.index(gain)}"


def describe_bold(findings: Findings) -> str:
    """What bold type means for the gains over no chain."""
    if all(len(gain.seeds) == 1 for gain in findings.against_none()):
        return "Nothing is bold, because one seed is too few to decide."
    return "Bold: clear after Holm's correction."


def _write_caption(findings: Findings, own: Iterable[Gain], scale: float) -> str:
    grey = "; no colour if near chance" if any(gain.near_chance == "both" for gain in findings.gains) else ""
    return (
        "Gain in points over no chain, mean of the languages other than English, with its 95 % interval. "
        f"{describe_bold(findings)} Colour: the size of the gain, from {fmt.MINUS}{fmt.score(scale)} (orange) to "
        f"+{fmt.score(scale)} (blue){grey}.{describe_leaks(any(gain.leak for gain in own))}"
    )


def _make_cell(findings: Findings, gain: Gain | None, scale: float) -> HeatCell:
    if gain is None:
        return HeatCell(None, "", "", 0.0, ())
    colourless = gain.interval is None or gain.near_chance == "both" or gain.verdict in DECIDED
    size = 0.0 if colourless or gain.interval is None else gain.interval.estimate
    return HeatCell(
        gain=gain,
        link=link_to(findings, gain),
        sign="gain" if size > 0 else "loss" if size < 0 else "",
        strength=round(STRONGEST * min(1.0, abs(size) / scale), 3),
        remarks=list_remarks(gain),
    )
