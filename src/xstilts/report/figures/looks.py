"""How chains look in figures: colours, the marks of dot plots, legends, labels of axes.

Colours are names of classes (`figures.css`): `gain`, `loss`, `unclear` and `void` (no evidence) for intervals; `k0`..`k10` and
`kr` for chains, after Okabe and Ito (https://jfly.uni-koeln.de/color/). A control has the colour of its chain and a hollow dot.
"""

from collections.abc import Iterable, Mapping

from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.figures.drawing import Dot, Drawing, LegendEntry, Mark, Stroke, TextMark
from xstilts.report.findings import Findings
from xstilts.report.tables.scores import label_chain

COLOURS = 10
NONE_LOOK = "k0"
RANDOM_LOOK = "kr"


def choose_looks(findings: Findings) -> Mapping[str, str]:
    """The class names of each chain label. A chain's controls have its colour and a class of their own."""
    chains = [chain for chain in findings.results.chains if chain.name != NO_CHAIN]
    own = [chain.name for chain in chains if not chain.of]
    looks = {NO_CHAIN: NONE_LOOK} | {name: f"k{1 + rank % COLOURS}" for rank, name in enumerate(own)}
    looks |= {chain.name: f"{looks.get(chain.of, NONE_LOOK)} {chain.control}" for chain in chains if chain.of}
    return looks | {label_chain(row): RANDOM_LOOK for row in findings.summaries if row.control}


def make_legend(labels: Iterable[str], looks: Mapping[str, str], lines: bool = False) -> tuple[LegendEntry, ...]:
    """A sample of each chain's mark: a line, or the mark of dot plots."""

    def sample(look: str) -> Drawing:
        return Drawing((Stroke(0, 50, 100, 50, f"path {look}") if lines else mark_chain(50, look),), 12)

    return tuple(LegendEntry(label, sample(looks.get(label, NONE_LOOK))) for label in labels)


def mark_chain(x: float, look: str, label: str = "") -> Mark:
    """The mark of a chain in a dot plot: an upright line for no chain, which stays visible among dots, else a dot. A ring keeps
    dots apart that overlap."""
    if look == NONE_LOOK:
        return Stroke(x, 8, x, 92, f"upright {look}", label)
    control = look == RANDOM_LOOK or " " in look
    return Dot(x, 50, f"ringed {look}", label, 3.75 if control else 4.75)  # with its edge, a hollow one is as large


def draw_ticks(ticks: Iterable[tuple[float, str]]) -> Drawing:
    """The labels of an axis, as a drawing to put below the rows."""
    return Drawing(tuple(TextMark(x, 55, text) for x, text in ticks), 18)
