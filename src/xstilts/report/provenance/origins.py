"""What is behind every number of a report: how it was made, in words, and of which score artefacts.

A registry over the findings, so that `explain` needs nothing but an id; each rendering only carries ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_chain import Best
from xstilts.analysis.breakdown import Gap, Part
from xstilts.analysis.comparison import Average
from xstilts.analysis.encoder_interaction import SCALES, Contrast
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Cell
from xstilts.analysis.retrieval_sweep import sweeps
from xstilts.analysis.scores import ENGLISH, Summary
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import (
    OTHERS,
    best_id,
    claim_id,
    compared_id,
    contrast_id,
    gain_id,
    gap_id,
    part_id,
    score_id,
    setting_id,
    summary_id,
)
from xstilts.report.tables.suites import averages_of


@dataclass(frozen=True)
class Origin:
    """What stands behind a number: how it was made of which score artefacts (their keys)."""

    id: str
    text: str
    how: str
    keys: tuple[str, ...]


def origins(findings: Findings) -> dict[str, Origin]:
    """Every number that has an id, in the study's order: scores, gains, means of gains, best chains, averages of suites."""
    found = [
        *_scores(findings),
        *(origin for gain in findings.gains for origin in _gains(findings, gain)),
        *(origin for average in findings.averages for origin in _compared(findings, average)),
        *(origin for part in findings.decomposition.parts for origin in _parts(part)),
        *(origin for gap in findings.decomposition.gaps for origin in _gaps(gap)),
        *(origin for best in findings.best for origin in _best(best)),
        *(origin for contrast in findings.contrasts for origin in _contrasts(contrast)),
        *_sweep(findings),
        *_averages(findings),
        *_claims(findings),
    ]
    return {origin.id: origin for origin in found}


def _cells(findings: Findings, encoder: str, chain: str, control: str, target: str) -> list[Cell]:
    place = (encoder, chain, control, target)
    return [c for c in findings.results.cells if (c.encoder, c.chain, c.control, c.target) == place and c.languages]


def _keys(cells: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.key for cell in cells))


def _scores(findings: Findings) -> Iterable[Origin]:
    for cell in findings.results.cells:
        for code, found in cell.languages.items():
            id = score_id(cell.encoder, cell.chain, cell.control, cell.target, code, cell.seed)
            where = f"on {cell.target} in {findings.language(code)}"
            how = f"The score of seed {cell.seed} {where}, over {len(found.ids_N):,} examples."
            yield Origin(id, fmt.score(found.headline), how, (cell.key,))
    for row in findings.summaries:
        keys = _keys(_cells(findings, row.encoder, row.chain, row.control, row.target))
        values = {OTHERS: row.others} | dict(row.languages)
        for code, value in values.items():
            if value is None:
                continue
            where = f"the {_others(row)} languages other than English" if code == OTHERS else findings.language(code)
            how = f"The score on {row.target} in {where}, mean over {fmt.count(len(row.seeds), 'seed')}."
            yield Origin(summary_id(row, code), fmt.score(value), how, keys)


def _others(row: Summary) -> int:
    return sum(code != ENGLISH for code in row.languages)


def _gains(findings: Findings, gain: Gain) -> Iterable[Origin]:
    seeds = {seed.seed for seed in gain.seeds}
    ones, twos = _sides(findings, gain)
    keys = _keys([*ones, *twos])
    less = f"that of {gain.others[0]}" if len(gain.others) == 1 else f"the mean of those of {fmt.listed(gain.others)}"
    what = f"The score of {gain.chain} less {less} on {gain.target}"
    if gain.interval is not None:
        how = f"{what}, mean over the languages other than English, then over {fmt.count(len(seeds), 'seed')}."
        text = f"{fmt.points(gain.interval.estimate)} {fmt.bracket(gain.interval.low, gain.interval.high)}"
        yield Origin(gain_id(gain), text, how, keys)
    for row in gain.languages:
        how = f"{what} in {findings.language(row.language)}, mean over {fmt.count(len(seeds), 'seed')}."
        text = f"{fmt.points(row.interval.estimate)} {fmt.bracket(row.interval.low, row.interval.high)}"
        yield Origin(gain_id(gain, row.language), text, how, keys)
    for seed in gain.seeds:
        own = _keys([*(c for c in ones if c.seed == seed.seed), *([c for c in twos if c.seed == seed.seed] or twos)])
        for language, value in ((OTHERS, seed.others), (ENGLISH, seed.english)):
            if value is not None:
                where = "mean over the languages other than English" if language == OTHERS else "in English"
                yield Origin(gain_id(gain, language, seed.seed), fmt.points(value), f"{what}, {where}, seed {seed.seed}.", own)


def _sides(findings: Findings, gain: Gain) -> tuple[list[Cell], list[Cell]]:
    """The cells of both sides of a comparison."""
    seeds = {seed.seed for seed in gain.seeds}
    ones = [c for c in _cells(findings, gain.encoder, gain.chain, "", gain.target) if c.seed in seeds]
    twos: list[Cell] = []
    for name in gain.others:
        own = _cells(findings, gain.encoder, name, "", gain.target)
        twos += [c for c in own if c.seed in seeds] or own
    return ones, twos


def _compared(findings: Findings, average: Average) -> Iterable[Origin]:
    interval = average.interval
    keys = _keys(cell for gain in average.gains for side in _sides(findings, gain) for cell in side)
    over = average.others[0] if len(average.others) == 1 else f"the mean of {fmt.listed(average.others)}"
    how = (
        f"The mean over {fmt.count(len(average.targets), 'target')} ({fmt.listed(average.targets, 9)}) of the gain of "
        f"{average.chain} over {over} in the languages other than English, then over {fmt.count(len(average.seeds), 'seed')}."
    )
    text = f"{fmt.points(interval.estimate)} {fmt.bracket(interval.low, interval.high)}"
    yield Origin(compared_id(average), text, how, keys)


def _parts(part: Part) -> Iterable[Origin]:
    interval = part.interval
    how = (
        f"The mean over {fmt.count(len(part.targets), 'target')} ({fmt.listed(part.targets, 9)}) of the gain of {part.chain} "
        f"over no chain in {fmt.count(len(part.languages), 'language')} ({fmt.listed(part.languages, 12)}), then over seeds."
    )
    text = f"{fmt.points(interval.estimate)} {fmt.bracket(interval.low, interval.high)}"
    yield Origin(part_id(part), text, how, part.keys)


def _gaps(gap: Gap) -> Iterable[Origin]:
    over = f"mean over {fmt.listed(gap.targets, 9)} and over seeds"
    for side, value, whose in (("without", gap.without, "no chain"), ("with", gap.with_chain, gap.chain)):
        how = f"English less the mean of the other languages with {whose}, {over}."
        yield Origin(gap_id(gap, side), fmt.score(value), how, gap.keys)
    change = fmt.points(gap.with_chain - gap.without)
    how = f"What {gap.chain} changes in English less the mean of the other languages, {over}."
    yield Origin(gap_id(gap, "change"), change, how, gap.keys)


def _best(best: Best) -> Iterable[Origin]:
    def text(name: str) -> str:
        interval = getattr(best, name)
        return f"{fmt.points(interval.estimate)} {fmt.bracket(interval.low, interval.high)}"

    of = f"of {fmt.count(len(best.candidates), 'chain')} on {best.target}"
    yield Origin(best_id(best, "plain"), text("plain"), f"The gain of {best.best}, the largest {of}.", best.keys)
    chance = f"The chance that {best.best} is the best {of}, with seeds and examples drawn anew for all of them at once."
    yield Origin(best_id(best, "probability"), fmt.chance(best.probability), chance, best.keys)
    if best.nested is not None:
        how = f"The gain of the best {of}, chosen on the other half of the {best.split}."
        yield Origin(best_id(best, "nested"), text("nested"), how, best.keys)


def _contrasts(contrast: Contrast) -> Iterable[Origin]:
    what = f"The gain of {contrast.chain} on {contrast.target} in {contrast.encoder} less that in {contrast.base}"
    for scale, interval in zip(SCALES, contrast.intervals, strict=True):
        text = f"{interval.estimate:+.4f} [{interval.low:.4f}, {interval.high:.4f}]"
        yield Origin(contrast_id(contrast, scale), text, f"{what}, on the scale of {scale} (0-1).", contrast.keys)


def _sweep(findings: Findings) -> Iterable[Origin]:
    for sweep in sweeps(findings.results):
        for setting, value in sweep.scores.items():
            how = f"Retrieval accuracy on {sweep.target} after {sweep.label} at {setting.written}, mean over languages and seeds."
            id = setting_id(sweep.encoder, sweep.target, sweep.label, setting.written)
            yield Origin(id, fmt.score(value), how, sweep.keys)


def _averages(findings: Findings) -> Iterable[Origin]:
    for row in averages_of(findings):
        how = (
            f"{row.suite.upper()}'s average of {row.of} after {row.chain}, English included, mean over seeds; "
            f"of the benchmark it covers: {row.covers}."
        )
        yield Origin(row.text.id, str(row.text), how, row.keys)


def _claims(findings: Findings) -> Iterable[Origin]:
    for one in findings.claims:
        if one.measured:
            yield Origin(claim_id(one.id), one.measured, f"{one.text} {one.verdict}: {one.reason}", one.evidence)
