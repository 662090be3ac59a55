"""Tables for a paper, in the layout of Phang et al. 2020: targets as columns, grouped by task; chains as rows.

Each file compiles as it stands (booktabs and graphicx, nothing else) and its `table` can be pasted into a paper. The first row
is the score without a chain. The others are gains over it with their 95 % intervals. Bold: clear after Holm's correction.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL, OVERALL, task_group
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import CONTROL_WORDS, LEAK, ChainInfo, TargetInfo
from xstilts.analysis.scores import NO_CHAIN, Summary
from xstilts.formats.registry import FORMATS
from xstilts.metrics.significance import FEWEST_SEEDS
from xstilts.report.figures.heat_map import list_chains
from xstilts.report.findings import Findings
from xstilts.report.tables.breakdown import best_table, parts_table
from xstilts.report.tables.encoders import contrast_table
from xstilts.report.tables.gains import comparisons_table
from xstilts.report.tables.other_tests import other_tests_table
from xstilts.report.tables.scores import NEAR
from xstilts.report.tables.table import ORACLE, Table, list_limits

REUSES = "‡"
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "→": r"$\rightarrow$", "±": r"$\pm$",
    fmt.MINUS: "$-$", "×": r"$\times$", "–": "--", "—": "---", NEAR: r"$^\dagger$", REUSES: r"$^\ddagger$",
    ORACLE: r"$^\S$", "·": r"$\cdot$", "’": "'", "“": "``", "”": "''", "\N{NON-BREAKING HYPHEN}": "-", fmt.JOIN: "~",
}  # fmt: skip
HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\pagestyle{empty}
\begin{document}
"""


def escape(text: str) -> str:
    """Text as LaTeX. A letter that pdfLaTeX cannot print loses its accents or becomes a question mark."""
    plain = {sign: unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() for sign in text if ord(sign) >= 0x100}
    return "".join(SIGNS.get(sign) or plain.get(sign, sign) or "?" for sign in text)


def _columns(findings: Findings) -> list[TargetInfo]:
    """The targets that have scores, in the order of groups of Phang et al. 2020."""
    order = list(dict.fromkeys(form.group for form in FORMATS.values()))
    scored = {row.target for row in findings.summaries}
    ranks = {
        info.name: order.index(group) if (group := task_group(info)) in order else len(order) for info in findings.results.targets
    }
    return sorted((info for info in findings.results.targets if info.name in scored), key=lambda info: ranks[info.name])


def _heads(columns: Sequence[TargetInfo], last: Sequence[str]) -> list[str]:
    """Three header lines: groups with rules below them, targets, measures."""
    spans, rules, place = [], [], 2
    for group, size in Counter(map(task_group, columns)).items():
        spans.append(rf"\multicolumn{{{size}}}{{c}}{{{escape(group[:1].upper() + group[1:])}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + size - 1}}}")
        place += size
    names = [escape(f"{column.name.rpartition('/')[2]} {column.coverage}".strip()) for column in columns]
    measured = [rf"\scriptsize {escape(column.headline_name)}" for column in columns]
    return [
        _row(["", *spans, *("" for _ in last)]),
        "".join(rules),
        _row(["", *names, *map(escape, last)]),
        _row([r"\scriptsize chain", *measured, *("" for _ in last)]),
    ]


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _document(columns: int, lines: Iterable[str], caption: str, label: str) -> str:
    body = "\n".join(lines)
    return (
        f"{HEAD}\\begin{{table}}[p]\n\\centering\n\\caption{{{caption}}}\n\\label{{tab:{label}}}\n\\vspace{{4pt}}\n"
        f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n"
        f"\\begin{{tabular}}{{l{'r' * (columns - 1)}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}}}\n"
        f"\\end{{table}}\n\\end{{document}}\n"
    )


def _label(chain: ChainInfo) -> str:
    role = CONTROL_WORDS.get(chain.control, "")
    return f"{chain.name} ({role})" if role and role not in chain.name else chain.name


def write_gains(findings: Findings) -> str:
    """The score without a chain, then the gains of every chain, with intervals below them."""
    columns = _columns(findings)
    gains = {(gain.encoder, gain.chain, gain.target): gain for gain in findings.gains_over("none")}
    means = {(p.encoder, p.chain): p for p in findings.decomposition.parts if (p.axis, p.group) == (OVERALL, ALL)}
    scores = {(row.encoder, row.chain, row.target): row for row in findings.summaries if not row.control}
    lines = [*_heads(columns, ["mean"]), r"\midrule"]
    for encoder in findings.results.encoders:
        lines += _encoder_head(findings, encoder, len(columns) + 2)
        base = [_write_score(scores.get((encoder, NO_CHAIN, column.name))) for column in columns]
        lines += [_row([escape(NO_CHAIN), *base, ""]), r"\midrule"]
        controls = False
        for chain in list_chains(findings):
            own = [gains.get((encoder, chain.name, column.name)) for column in columns]
            if not any(own):
                continue
            if chain.control and not controls:
                controls = True
                lines.append(r"\midrule")
            mean = means.get((encoder, chain.name))
            interval = mean.interval if mean else None
            written = escape(fmt.points(interval.estimate)) if interval else ""
            lines.append(_row([escape(_label(chain)), *map(_write_gain, own), written]))
            small = [_small(gain.interval.low, gain.interval.high) if gain and gain.interval else "" for gain in own]
            lines += [_row(["", *small, _small(interval.low, interval.high) if interval else ""]), r"\addlinespace[3pt]"]
    bases = [row for (_, chain, _), row in scores.items() if chain == NO_CHAIN]
    caption = (
        f"{escape(findings.results.study)}: gains in points over no intermediate training (first row: its score), mean of the "
        f"languages other than English over {fmt.count(len(findings.results.seeds), 'seed')}, with 95~\\% intervals. "
        f"{_describe_bold(findings)} The mean is over the targets that count as evidence."
    )
    shown = [gain for gain in gains.values() if gain.interval]
    marked: list[Gain | Summary] = [*shown, *bases]
    caption += _explain(NEAR, "a side is near chance", any(one.near_chance for one in marked))
    reuse = "the chain reuses the target's own training data and is not counted"
    caption += _explain(REUSES, reuse, any(gain.reuses_target_data for gain in shown))
    caption += _explain(ORACLE, LEAK, any(one.leak for one in marked))
    return _document(len(columns) + 2, lines, caption + _limits(findings), "gains")


def _describe_bold(findings: Findings) -> str:
    if all(len(gain.seeds) < FEWEST_SEEDS for gain in findings.gains_over("none")):
        return f"Nothing is bold: it takes {FEWEST_SEEDS} seeds to decide."
    return "Bold: clear after Holm's correction."


def _explain(sign: str, words: str, used: bool) -> str:
    """What a caption says about a sign that the table uses."""
    return f" {escape(sign)}~{escape(words)}." if used else ""


def _limits(findings: Findings) -> str:
    limits = list_limits(findings)
    return f" Examples limited to {escape(limits)}." if limits else ""


def _encoder_head(findings: Findings, encoder: str, columns: int) -> list[str]:
    if not findings.several_encoders:
        return []
    rule = [] if encoder == findings.results.encoders[0] else [r"\midrule"]
    return [*rule, _span(encoder, columns)]


def _span(title: str, columns: int) -> str:
    return rf"\multicolumn{{{columns}}}{{l}}{{\textit{{{escape(title)}}}}} \\"


def _small(low: float, high: float) -> str:
    return rf"\scriptsize {escape(fmt.bracket(low, high))}"


def _write_score(row: Summary | None) -> str:
    if row is None or row.main is None:
        return escape(fmt.NOTHING)
    return escape(f"{fmt.score(row.main)}{NEAR if row.near_chance else ''}{ORACLE if row.leak else ''}")


def _write_gain(gain: Gain | None) -> str:
    if gain is None or gain.interval is None:
        return escape(fmt.NOTHING)
    marks = (NEAR if gain.near_chance else "") + (REUSES if gain.reuses_target_data else "") + (ORACLE if gain.leak else "")
    text = escape(fmt.points(gain.interval.estimate))
    return (rf"\textbf{{{text}}}" if gain.verdict in ("gain", "loss") else text) + escape(marks)


def write_scores(findings: Findings) -> str:
    """Scores of every chain and control: the mean of the other languages, and English below it."""
    columns = _columns(findings)
    rows = {(row.encoder, row.chain, row.control, row.target): row for row in findings.summaries}
    lines = [*_heads(columns, []), r"\midrule"]
    chances = [column.chance for column in columns]
    if any(chance is not None for chance in chances):
        lines += [_row([r"\textit{chance}", *(escape(fmt.score(chance)) for chance in chances)]), r"\midrule"]
    for encoder in findings.results.encoders:
        lines += _encoder_head(findings, encoder, len(columns) + 1)
        for chain, control in dict.fromkeys((row.chain, row.control) for row in findings.summaries if row.encoder == encoder):
            own = [rows.get((encoder, chain, control, column.name)) for column in columns]
            lines.append(_row([escape(f"{chain}, {control}" if control else chain), *map(_write_score, own)]))
            both = [row is not None and row.transfer is not None and row.english is not None for row in own]
            english = [fmt.score(row.english) if row and shown else "" for row, shown in zip(own, both, strict=True)]
            if any(english):
                lines.append(_row([r"\scriptsize \quad in English", *(rf"\scriptsize {escape(text)}" for text in english)]))
    caption = (
        f"{escape(findings.results.study)}: scores (0--100), mean of the languages other than English over "
        f"{fmt.count(len(findings.results.seeds), 'seed')}."
    )
    caption += _explain(NEAR, "near chance", any(row.near_chance for row in findings.summaries))
    caption += _explain(ORACLE, LEAK, any(row.leak for row in findings.summaries))
    return _document(len(columns) + 1, lines, caption + _limits(findings), "scores")


def write_table(table: Table, label: str) -> str:
    """Any table of the report."""
    lines = [_row(map(escape, table.columns)), r"\midrule"]
    for index, (title, rows) in enumerate(table.groups):
        if title:
            lines += [*([r"\midrule"] if index else []), _span(title, len(table.columns))]
        lines += [_row(map(escape, row)) for row in rows]
    return _document(len(table.columns), lines, escape(table.caption), label)


def render_latex(findings: Findings) -> dict[str, str]:
    """Every table for a paper, by name; none without scores."""
    if not findings.summaries:
        return {}
    found = {"scores": write_scores(findings)}
    if findings.gains_over("none"):
        found["gains"] = write_gains(findings)
    more = {
        "compared": comparisons_table(findings),
        "parts": parts_table(findings),
        "best": best_table(findings),
        "encoders": contrast_table(findings),
        "tests": other_tests_table(findings),
    }
    return found | {name: write_table(table, name) for name, table in more.items() if table is not None}
