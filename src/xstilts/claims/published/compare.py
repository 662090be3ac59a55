"""A study's numbers beside those of a paper: the cells that a study covers, and the difference with its interval.

A cell is covered by the chain with the same tasks in one phase, on the same target and the same split, whatever the encoder.
Ours is measured as the paper does: the mean over all languages, English included, and over seeds. So it is not the transfer gain
of the report. The published number is taken as it is printed, without an uncertainty of its own: the difference has the interval
of ours.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from xstilts.analysis.comparison import map_groups, measure_gains
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Cell, ChainInfo, Results, TargetInfo
from xstilts.analysis.scores import NO_CHAIN, collect_tallies, find_metric, find_shared_languages
from xstilts.claims.chains import read_only_phase
from xstilts.claims.published.tables import PublishedCell, PublishedPaper, PublishedRow, published_papers
from xstilts.metrics.significance import Interval, score_interval
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import CATALOGUE, find_task

RESAMPLES = 2000


@dataclass(frozen=True)
class PublishedComparison:
    """A published cell and our number (0-1) for it. `gain`: the report's comparison that ours is taken from; None for a score.
    `keys`: the score artefacts of ours."""

    cell: PublishedCell
    encoder: str
    chain: str
    ours: Interval
    languages: tuple[str, ...]
    keys: tuple[str, ...]
    gain: Gain | None = None

    @property
    def difference(self) -> float:
        """Ours less theirs."""
        return self.ours.estimate - self.cell.value

    @property
    def difference_range(self) -> tuple[float, float]:
        return self.ours.low - self.cell.value, self.ours.high - self.cell.value

    @property
    def inside(self) -> bool:
        """Whether the published number lies within our interval."""
        return self.ours.low <= self.cell.value <= self.ours.high

    @property
    def holds_zero(self) -> bool:
        return self.ours.low <= 0 <= self.ours.high


def compare_published(results: Results, gains: Sequence[Gain], resamples: int = 0) -> tuple[PublishedComparison, ...]:
    """Every cell that the study covers, paper by paper: the gains, then the scores without a chain."""
    return tuple(
        one
        for paper in published_papers()
        for one in (*_compare_gains(paper, results, gains, resamples or RESAMPLES), *_compare_scores(paper, results, resamples))
    )


def find_covered_cells(paper: PublishedPaper, target: TargetInfo) -> dict[str, PublishedCell]:
    """Row -> cell on the data that the target is scored on. Two tables may be about the same data; then the first one counts."""
    found: dict[str, PublishedCell] = {}
    for cell in paper.cells():
        if cell.target == target.name and select_scored_split(find_task(cell.target), cell.table.split) == target.split:
            found.setdefault(cell.row.id, cell)
    return found


def is_chain_of(row: PublishedRow, chain: ChainInfo) -> bool:
    """Whether a chain is the one phase of a row: the same tasks, and plain text beside them or not."""
    names, english = read_only_phase(chain)
    text = {name for name in names if name in CATALOGUE and CATALOGUE[name].format.self_supervised}
    return bool(row.tasks) and names - text == {*(row.tasks or ())} and bool(text) == row.mlm and (english or row.mlm)


def _compare_gains(
    paper: PublishedPaper, results: Results, gains: Sequence[Gain], resamples: int
) -> Iterator[PublishedComparison]:
    chains = {info.name: info for info in results.chains}
    targets = {info.name: info for info in results.targets}
    covered: list[tuple[PublishedCell, Gain]] = []
    for gain in gains:
        if gain.over == "none" and not gain.control and not gain.leak and gain.comparison.languages:
            cells = find_covered_cells(paper, targets[gain.target]).values()
            covered += [(cell, gain) for cell in cells if is_chain_of(cell.row, chains[gain.chain])]

    def together(one: tuple[PublishedCell, Gain]) -> Hashable:
        return one[1].encoder, one[1].target

    def measure(group: Sequence[tuple[PublishedCell, Gain]]) -> list[Interval]:
        metric = find_metric(results, group[0][1].target)
        assert metric is not None  # a gain has one
        requests = [(gain.comparison, gain.comparison.languages) for _, gain in group]
        return [found.overall for found in measure_gains(requests, metric.headline, resamples)]

    for (cell, gain), ours in zip(covered, map_groups(covered, together, measure), strict=True):
        yield PublishedComparison(cell, gain.encoder, gain.chain, ours, gain.comparison.languages, gain.comparison.keys, gain)


def _compare_scores(paper: PublishedPaper, results: Results, resamples: int) -> Iterator[PublishedComparison]:
    for encoder in results.encoders:
        for target in results.targets:
            cell, cells = find_covered_cells(paper, target).get(NO_CHAIN), _find_baseline(results, encoder, target.name)
            metric, languages = find_metric(results, target.name), find_shared_languages(cells) if cells else ()
            if cell is not None and metric is not None and languages:
                ours = score_interval(collect_tallies(cells, languages), metric.headline, resamples=resamples or RESAMPLES)
                yield PublishedComparison(cell, encoder, NO_CHAIN, ours, languages, tuple(one.key for one in cells))


def _find_baseline(results: Results, encoder: str, target: str) -> list[Cell]:
    """The cells without a chain, each artefact once: seeds may share an encoder that is not trained."""
    place = (encoder, NO_CHAIN, target, "")
    found = [cell for cell in results.cells if (cell.encoder, cell.chain, cell.target, cell.control) == place]
    return list({cell.key: cell for cell in found if cell.languages and not cell.leak}.values())
