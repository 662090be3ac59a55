"""Pairs of languages as a table and in words."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.language_matrix import FEWEST, LanguageMatrix, list_unscored
from xstilts.execution.language_pairs import PairScore
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, pair_id
from xstilts.report.tables.table import Line, Table, group_by_encoder, make_grouped_table


def describe_matrices(findings: Findings) -> str:
    """What the matrices of languages say first; "" without one."""
    known = [(one, one.summary) for one in findings.matrices if one.summary and not findings.chains[one.chain].control]
    said = []
    if known:
        one, summary = min(known, key=lambda one: one[1].worst.score)
        gaps = dict.fromkeys(fmt.score(gap) for gap in sorted(summary.gap for _, summary in known))
        where = f"{one.chain} on {findings.label(one.target, one.encoder)}"
        said.append(
            f"Pairs of one language score {' to '.join([*gaps][:: max(1, len(gaps) - 1)])} points more than pairs of two. "
            f"The worst is {_pair(findings, summary.worst)} ({where}: {fmt.score(summary.worst.score)} on {summary.worst.n} "
            "examples)."
        )
    elif findings.matrices:
        said.append(f"No pair of two languages has {FEWEST} examples, so nothing is read off; a larger count draws more.")
    said += [f"{name}: no matrix of languages, because an earlier version scored it." for name in list_unscored(findings.results)]
    return " ".join(said)


def matrices_table(findings: Findings) -> Table | None:
    """What is read off each matrix of languages; None without one."""
    rows = [(one.encoder, _matrix_line(findings, one)) for one in findings.matrices if one.summary]
    columns = (
        "chain",
        "target",
        "condition",
        "one language",
        "two",
        "gap",
        "worst pair",
        "(A, B) and (B, A)",
        "most",
        "examples",
    )
    caption = (
        "Pairs of languages: the mean score of pairs of one language (clean, on the same examples) and of pairs of two, and how "
        f"far a pair and its reverse are apart, on average and at most. Pairs of fewer than {FEWEST} examples are left out. "
        "The worst pair and the largest difference are extremes of many, so chance makes them look worse than they are."
    )
    return make_grouped_table(caption, columns, group_by_encoder(findings, rows), (3, 4, 5, 7, 9)) if rows else None


def _matrix_line(findings: Findings, one: LanguageMatrix) -> Line:
    found = one.summary
    assert found is not None
    worst = Number(f"{fmt.score(found.worst.score)} ({_pair(findings, found.worst)})", pair_id(one, found.worst))
    most = f"{fmt.score(found.most_asymmetry)} ({_pair(findings, found.apart)})" if found.apart else ""
    counts = [pair.n for pair in one.pairs]
    return (
        one.chain,
        one.target,
        one.condition,
        fmt.score(found.diagonal),
        fmt.score(found.mixed),
        fmt.score(found.gap),
        worst,
        fmt.score(found.asymmetry) if found.apart else "",
        most,
        f"{min(counts)}–{max(counts)}",
    )


def _pair(findings: Findings, pair: PairScore) -> str:
    return f"{findings.language(pair.first)}, {findings.language(pair.second)}"
