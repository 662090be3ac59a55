"""Two studies, or two stores of one study, side by side: what differs in design, and what differs in result, with tests.

Results are compared cell by cell: same chain and target (and encoder, where they share one), seeds paired, examples paired by
id, over the languages that both have. What only one side has is named, not compared. p values are corrected over all rows of
the comparison (Holm). Beside the interval, which speaks of other seeds where there are several, stands the test of the very
checkpoints compared, seed by seed: all there is to say with one seed, or when the same checkpoints were scored twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rich.table import Table

from xstilts.analysis.other_tests import checkpoint_words
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.analysis.scores import ENGLISH, arm, group_cells, metric_of, shared_languages
from xstilts.metrics.bootstrap import have_same_ids
from xstilts.metrics.checkpoints import TwoCheckpoints, compare_checkpoints
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.significance import Interval, gain_interval
from xstilts.store.fingerprint import list_differences

FOR_PEOPLE = ("name", "question")
RESAMPLES = 2000  # of a test of two checkpoints that is not exact


@dataclass(frozen=True)
class Row:
    """One cell of the grid on both sides: how many seeds and languages are compared, and the second minus the first (0-1).
    `same`: both sides are the same artefacts; then there is nothing to measure. `checkpoints`: for each seed the test
    of its two checkpoints, not corrected."""

    encoder: str
    chain: str
    target: str
    seeds: int
    languages: int
    same: bool
    interval: Interval | None
    p: float | None = None
    checkpoints: Mapping[int, TwoCheckpoints] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """`design` says field by field how the studies differ; `alone` names cells that one side lacks: (side, cell)."""

    design: tuple[str, ...]
    rows: tuple[Row, ...]
    alone: tuple[tuple[str, str], ...]


def compare(first: Results, second: Results, designs: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Comparison:
    """The second against the first. `designs` are the studies as plain records."""
    old, new = ({name: value for name, value in design.items() if name not in FOR_PEOPLE} for design in designs)
    sides = [_by_place(first), _by_place(second)]
    if len(first.encoders) == len(second.encoders) == 1:  # then it is the encoder that is compared
        sides = [{("", *place[1:]): cells for place, cells in side.items()} for side in sides]
    rows = [_row(second, place, sides[0][place], sides[1][place]) for place in sides[0] if place in sides[1]]
    tested = [row for row in rows if row.interval is not None and row.interval.p is not None]
    adjusted = iter(holm([row.interval.p for row in tested if row.interval is not None and row.interval.p is not None]))
    rows = [replace(row, p=next(adjusted)) if row in tested else row for row in rows]
    alone = [
        (side, " · ".join(part for part in place if part))
        for side, own, other in (("first", sides[0], sides[1]), ("second", sides[1], sides[0]))
        for place in own
        if place not in other
    ]
    return Comparison(tuple(list_differences(old, new)), tuple(rows), tuple(alone))


def _by_place(results: Results) -> dict[tuple[str, str, str, str], dict[int, Cell]]:
    return {(*place[:2], place[3], place[2]): cells for place, cells in group_cells(results).items()}


def _row(results: Results, place: tuple[str, str, str, str], old: Mapping[int, Cell], new: Mapping[int, Cell]) -> Row:
    encoder, chain, target, control = place
    seeds = sorted(set(old) & set(new))
    pairs = [(old[seed], new[seed]) for seed in seeds]
    named = f"{chain} ({control})" if control else chain
    metric = metric_of(results, target)
    same = bool(pairs) and all(a.key == b.key for a, b in pairs)
    languages = shared_languages([cell for pair in pairs for cell in pair]) if pairs else ()
    languages = tuple(code for code in languages if all(_meet(a.languages[code], b.languages[code]) for a, b in pairs))
    codes = tuple(code for code in languages if code != ENGLISH) or languages
    if same or not codes or metric is None:
        return Row(encoder, named, target, len(seeds), len(codes), same, None)
    olds, news = (arm([pair[side] for pair in pairs], codes) for side in (0, 1))
    interval = gain_interval(news, olds, metric.headline)
    tests = compare_checkpoints(list(zip(news, olds, strict=True)), metric, resamples=RESAMPLES)
    return Row(encoder, named, target, len(seeds), len(codes), same, interval, checkpoints=dict(zip(seeds, tests, strict=True)))


def _meet(one: LanguageScore, other: LanguageScore) -> bool:
    return have_same_ids(one.ids_N, other.ids_N) or bool(np.isin(one.ids_N, other.ids_N).any())


def as_record(comparison: Comparison) -> dict[str, Any]:
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
            "checkpoints": [_checkpoint(seed, one) for seed, one in row.checkpoints.items()],
        }
        for row in comparison.rows
    ]
    alone = [{"side": side, "cell": cell} for side, cell in comparison.alone]
    return {"design": list(comparison.design), "results": rows, "only_on_one_side": alone}


def _checkpoint(seed: int, one: TwoCheckpoints) -> dict[str, Any]:
    return {"seed": seed, **dataclasses.asdict(one), "gain": 100 * one.gain}


def _points(interval: Interval) -> dict[str, float]:
    return {name: 100 * getattr(interval, name) for name in ("estimate", "low", "high")}


def table_of(comparison: Comparison) -> Table:
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
                checkpoint_words(tuple(row.checkpoints.values())),
            )
        table.add_row(row.target, chain, str(row.seeds), str(row.languages), *said)
    return table


def _legend(comparison: Comparison) -> str | None:
    """How to read the last column, and which rows compare less than the two sides have."""
    tests = [one for row in comparison.rows for one in row.checkpoints.values()]
    if not tests:
        return None
    lone = all(len(row.checkpoints) < 2 for row in comparison.rows)
    what = "p" if lone else "in how many seeds p is at most 0.05"
    right = " (answers right on the second side only : on the first only)" if any(one.better is not None for one in tests) else ""
    lines = [f"checkpoints: the test of these very runs, not corrected: {what}{right}"]
    for row in comparison.rows:
        notes = row.interval.note.split("; ") if row.interval else []
        lines += [f"{row.target} {row.chain}: {note}" for note in notes if note.startswith("paired by id")]
    return "\n".join(lines)
