"""Gains by language: for each target a map of languages by chains. Like the heat map it is a table with coloured cells.

Every row knows the family, the script and the size of the language's pre-training text, so that the page can filter by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import family, script
from xstilts.analysis.gains import NOT_TESTED, Gain
from xstilts.analysis.scores import ENGLISH
from xstilts.data.cc100 import find_size_group
from xstilts.report.figures.dots import sort_by_family
from xstilts.report.figures.heat_map import STRONGEST
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import gain_id, write_gain

USUAL = 0.95  # the share of the cells whose colours differ; the rest has the strongest
SMALLEST_SCALE = 0.02


@dataclass(frozen=True)
class LanguageCell:
    """`label` has the interval and both scores; `value` is the gain in points, for means over the languages that are shown."""

    text: str = fmt.NOTHING
    sign: Literal["gain", "loss", ""] = ""
    strength: float = 0.0
    label: str = ""
    value: str = ""
    id: str = ""


@dataclass(frozen=True)
class LanguageRow:
    """`groups` are family, script and size of pre-training text; none for English."""

    name: str
    groups: tuple[str, ...]
    cells: tuple[LanguageCell, ...]


@dataclass(frozen=True)
class LanguageMap:
    """One target. The cells of `rows` and of the `mean` of the languages other than English are in the order of `chains`. In a
    matrix of languages the columns are languages too, and there is no mean."""

    title: str
    chains: tuple[str, ...]
    rows: tuple[LanguageRow, ...]
    mean: tuple[LanguageCell, ...]


@dataclass(frozen=True)
class LanguageMaps:
    """`filters` are (axis, name, values): the groups that occur, for each axis on which languages differ. `axis` is the place of
    the group in `LanguageRow.groups`. `behind`: what the page shows of a cell that is pointed at."""

    kind: ClassVar[str] = "languages"
    maps: tuple[LanguageMap, ...]
    filters: tuple[tuple[int, str, tuple[str, ...]], ...]
    caption: str
    behind: str = "interval and scores"


def make_language_maps(findings: Findings) -> LanguageMaps | None:
    """A map for each encoder and target with a gain by language; the controls of chains are left out."""
    gains = [gain for gain in findings.gains_over("none") if not gain.control and gain.languages]
    sizes = [abs(row.interval.estimate) for gain in gains if gain.verdict not in NOT_TESTED for row in gain.languages]
    scale = max(float(np.quantile(sizes, USUAL)) if sizes else 0.0, SMALLEST_SCALE)
    maps = []
    for encoder, target in dict.fromkeys((gain.encoder, gain.target) for gain in gains):
        own = {gain.chain: gain for gain in gains if (gain.encoder, gain.target) == (encoder, target)}
        maps.append(_make_map(findings, findings.label(target, encoder), own, scale))
    if not maps:
        return None
    axes = ("family", "script", "pre-training text")
    found = [dict.fromkeys(row.groups[axis] for map in maps for row in map.rows if row.groups) for axis in range(len(axes))]
    filters = tuple((axis, axes[axis], tuple(sorted(own))) for axis, own in enumerate(found) if len(own) > 1)
    caption = (
        "Gain in points over no chain; English, then the other languages by family. Single languages are not corrected for their "
        f"number, so none is bold: look for patterns, not for winners. Orange to blue: {fmt.MINUS}{fmt.score(scale)} to "
        f"+{fmt.score(scale)}. Pre-training text: size in CC-100."
    )
    caption += " Retrieval: at the study's setting." if findings.settings else ""
    return LanguageMaps(tuple(maps), filters, caption)


def _make_map(findings: Findings, title: str, own: Mapping[str, Gain], scale: float) -> LanguageMap:
    found = {chain: {row.language: row for row in gain.languages} for chain, gain in own.items()}
    scores = {row.language: row.control for gain in own.values() for row in gain.languages}
    rows = []
    for code, _ in sort_by_family(scores, scores):
        cells = []
        for chain, gain in own.items():
            if row := found[chain].get(code):
                sides = f"{fmt.score(row.control)} → {fmt.score(row.treatment)}"
                label = f"{chain}, {findings.language(code)}: {write_gain(row.interval)}, {sides}"
                cells.append(_make_cell(gain, row.interval.estimate, scale, label, gain_id(gain, code)))
            else:
                cells.append(LanguageCell())
        groups = () if code == ENGLISH else (family(code), script(code), find_size_group(code))
        rows.append(LanguageRow(findings.language(code), groups, tuple(cells)))
    mean = tuple(
        _make_cell(gain, gain.interval.estimate, scale, f"{chain}: {write_gain(gain.interval)}", gain_id(gain))
        if gain.interval
        else LanguageCell()
        for chain, gain in own.items()
    )
    return LanguageMap(title, tuple(own), tuple(rows), mean)


def _make_cell(gain: Gain, value: float, scale: float, label: str, id: str) -> LanguageCell:
    size = 0.0 if gain.verdict in NOT_TESTED else value
    sign: Literal["gain", "loss", ""] = "gain" if size > 0 else "loss" if size < 0 else ""
    strength = round(STRONGEST * min(1.0, abs(size) / scale), 2)
    return LanguageCell(fmt.points(value), sign, strength, label, f"{100 * value:.2f}", id)
