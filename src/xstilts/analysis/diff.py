"""Two studies, or two stores of one study, side by side: what differs in design, and what differs in result, with tests.

Results are compared cell by cell: same chain and target (and encoder, if they share one), seeds paired, examples paired by id,
over the languages that both have. What only one side has is named, not compared. p values are corrected over all cells
(Holm). With several seeds the interval speaks of other seeds. The test of the very checkpoints, seed by seed, is given beside
it; with one seed, or if the same checkpoints were scored twice, it is all that can be said.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rich.table import Table

from xstilts.analysis.comparison import describe_unpaired, pair_cells
from xstilts.analysis.other_tests import describe_checkpoints
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import find_metric, group_cells
from xstilts.metrics.checkpoints import TwoCheckpoints, compare_checkpoints
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.significance import Interval, gain_interval
from xstilts.store.fingerprint import list_differences

FOR_PEOPLE = ("name", "question")
RESAMPLES = 2000  # of a test of two checkpoints that is not exact


@dataclass(frozen=True)
class CellDiff:
    """One cell of the grid on both sides: how many seeds and languages are compared, and the second minus the first (0-1).
    `same`: both sides are the same artefacts; then there is nothing to measure. `unpaired_rows`: examples of one side only.
    `checkpoints`: for each seed the test of its two checkpoints, not corrected."""

    encoder: str
    chain: str
    target: str
    seeds: int
    languages: int
    same: bool
    interval: Interval | None = None
    p: float | None = None
    unpaired_rows: int = 0
    checkpoints: Mapping[int, TwoCheckpoints] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyDiff:
    """`design` says field by field how the studies differ. `alone` names cells that one side lacks: (side, cell)."""

    design: tuple[str, ...]
    rows: tuple[CellDiff, ...]
    alone: tuple[tuple[str, str], ...]


def compare_studies(first: Results, second: Results, designs: tuple[Mapping[str, Any], Mapping[str, Any]]) -> StudyDiff:
    """The second against the first. `designs` are the studies as plain records."""
    old, new = ({name: value for name, value in design.items() if name not in FOR_PEOPLE} for design in designs)
    sides = [
        {(encoder, chain, target, control): cells for (encoder, chain, control, target), cells in group_cells(results).items()}
        for results in (first, second)
    ]
    if len(first.encoders) == len(second.encoders) == 1:  # then it is the encoder that is compared
        sides = [{("", *place[1:]): cells for place, cells in side.items()} for side in sides]
    rows = [_row(second, place, sides[0][place], sides[1][place]) for place in sides[0] if place in sides[1]]
    raw = {place: row.interval.p for place, row in enumerate(rows) if row.interval is not None and row.interval.p is not None}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    rows = [replace(row, p=adjusted.get(place)) for place, row in enumerate(rows)]
    alone = [
        (side, " · ".join(part for part in place if part))
        for side, own, other in (("first", sides[0], sides[1]), ("second", sides[1], sides[0]))
        for place in own
        if place not in other
    ]
    return StudyDiff(tuple(list_differences(old, new)), tuple(rows), tuple(alone))


def _row(results: Results, place: tuple[str, str, str, str], old: Mapping[int, Cell], new: Mapping[int, Cell]) -> CellDiff:
    encoder, chain, target, control = place
    named = f"{chain} ({control})" if control else chain
    metric = find_metric(results, target)
    pair = pair_cells(next(info for info in results.targets if info.name == target), new, old)
    codes = pair.transfer_languages or pair.languages
    row = CellDiff(encoder, named, target, len(pair.seeds), len(codes), pair.same_artefacts)
    if row.same or not codes or metric is None:
        return row
    news, olds = pair.tallies(codes)
    tests = compare_checkpoints(list(zip(news, olds, strict=True)), metric, resamples=RESAMPLES)
    return replace(
        row,
        interval=gain_interval(news, olds, metric.headline),
        unpaired_rows=pair.unpaired_rows(codes),
        checkpoints=dict(zip(pair.seeds, tests, strict=True)),
    )


def to_record(comparison: StudyDiff) -> dict[str, Any]:
    """For --json: differences in points."""
    rows = [
        {
            "encoder": row.encoder,
            "chain": row.chain,
            "target": row.target,
            "seeds": row.seeds,
            "languages": row.languages,
            "same": row.same,
            **({} if row.interval is None else _points(row.interval) | {"note": row.interval.note}),
            "p_holm": row.p,
            "checkpoints": [
                {"seed": seed, **dataclasses.asdict(one), "gain": 100 * one.gain} for seed, one in row.checkpoints.items()
            ],
        }
        for row in comparison.rows
    ]
    alone = [{"side": side, "cell": cell} for side, cell in comparison.alone]
    return {"design": list(comparison.design), "results": rows, "only_on_one_side": alone}


def _points(interval: Interval) -> dict[str, float]:
    return {name: 100 * getattr(interval, name) for name in ("estimate", "low", "high")}


def build_table(comparison: StudyDiff) -> Table:
    """The rows for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), caption=_legend(comparison), caption_justify="left")
    for name in ("target", "chain", "seeds", "languages", "second - first", "95 % interval", "p (Holm)", "checkpoints"):
        table.add_column(name, justify="left" if name in ("target", "chain") else "right")
    for row in comparison.rows:
        chain = f"{row.encoder} {row.chain}".strip()
        if row.interval is None:
            said = ("the same artefacts" if row.same else "not comparable", "", "", "")
        else:
            found = _points(row.interval)
            p = "" if row.p is None else f"{row.p:.3f}" if row.p >= 0.001 else "<0.001"
            said = (
                f"{found['estimate']:+.1f}",
                f"[{found['low']:+.1f}, {found['high']:+.1f}]",
                p,
                describe_checkpoints(tuple(row.checkpoints.values())),
            )
        table.add_row(row.target, chain, str(row.seeds), str(row.languages), *said)
    return table


def _legend(comparison: StudyDiff) -> str | None:
    """How to read the last column, and which rows compare less than the two sides have."""
    tests = [one for row in comparison.rows for one in row.checkpoints.values()]
    if not tests:
        return None
    lone = all(len(row.checkpoints) < 2 for row in comparison.rows)
    what = "p" if lone else "in how many seeds p is at most 0.05"
    right = " (answers right on the second side only : on the first only)" if any(one.better is not None for one in tests) else ""
    lines = [f"checkpoints: the test of these very runs, not corrected: {what}{right}"]
    for row in comparison.rows:
        lines += [f"{row.target} {row.chain}: {describe_unpaired(row.unpaired_rows)}"] if row.unpaired_rows else []
    return "\n".join(lines)
