"""Matrices of languages: the language of the first text by that of the second, a map for each chain and target.

They are set as maps by language are: a table with coloured cells.
"""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.language_matrix import FEWEST, LanguageMatrix
from xstilts.report.figures.heat_map import STRONGEST
from xstilts.report.figures.language_map import LanguageCell, LanguageMap, LanguageMaps, LanguageRow
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import pair_id


def make_matrices(findings: Findings) -> LanguageMaps | None:
    """The matrices of all chains but controls, on one scale of colours; None if no condition mixes languages."""
    own = [one for one in findings.matrices if not findings.chains[one.chain].control]
    scores = [pair.score for one in own for pair in one.pairs]
    if not scores:
        return None
    low, high = min(scores), max(scores)
    caption = (
        "Score (0 to 100) with the first text in the row's language and the second in the column's, mean over seeds. The "
        f"diagonal is clean. The darker the better: {fmt.score(low)} to {fmt.score(high)}. Pairs of fewer than {FEWEST} examples "
        "are grey, with their number in brackets."
    )
    several = len({one.condition for one in own}) > 1
    return LanguageMaps(tuple(_make_map(findings, one, low, high - low, several) for one in own), (), caption, "examples")


def _make_map(findings: Findings, one: LanguageMatrix, low: float, span: float, several: bool) -> LanguageMap:
    names = [one.chain, findings.label(one.target, one.encoder), *([one.condition] if several else [])]
    known = {(pair.first, pair.second): pair for pair in one.pairs}

    def cell(first: str, second: str) -> LanguageCell:
        if (pair := known.get((first, second))) is None:
            return LanguageCell()
        label = f"{findings.language(first)}, {findings.language(second)}: {fmt.score(pair.score)} on {pair.n} examples"
        if pair.n < FEWEST:
            return LanguageCell(f"{fmt.score(pair.score)} ({pair.n})", label=label, id=pair_id(one, pair))
        strength = round(STRONGEST * (pair.score - low) / span, 2) if span else 0.0
        return LanguageCell(fmt.score(pair.score), "gain", strength, label, id=pair_id(one, pair))

    rows = tuple(
        LanguageRow(_name(findings, first), (), tuple(cell(first, second) for second in one.languages)) for first in one.languages
    )
    return LanguageMap(", ".join(names), one.languages, rows, ())


def _name(findings: Findings, code: str) -> str:
    name = findings.language(code)
    return name if name == code else f"{name} ({code})"
