"""What the terminal shows at the end of a run: the gains, chain by target, and the answer. It fits 80 columns."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import NOT_TESTED, Gain
from xstilts.analysis.results import CONTROL_WORDS, LEAK
from xstilts.metrics.significance import FEWEST_SEEDS
from xstilts.report.findings import Findings
from xstilts.report.registration import describe_registration
from xstilts.report.render.pdf import NO_TYPST, has_typst
from xstilts.report.tables.calibration import summarise_calibration
from xstilts.report.tables.gains import list_remarks
from xstilts.report.tables.table import LEAK_REMARK
from xstilts.report.tables.truth import summarise_truth

MOST_TARGETS = 4  # more columns than this do not fit 80 characters
STYLES = {"gain": "bold blue", "loss": "bold yellow"} | dict.fromkeys(NOT_TESTED, "dim")
LETTERS = {  # all other remarks are on chance: c
    "reuses target data": "d", "same artefact": "=", LEAK_REMARK: "o", "task not learned": "n", "not primary": "x",
}  # fmt: skip
WORDS = {
    "≈": "equivalent: within the margin", "d": "reuses the target's training data", "c": "near chance",
    "n": "the intermediate task was not learned", "x": "exploratory: not a primary pair", "=": "both sides are the same artefact",
    "o": LEAK,
}  # fmt: skip


def _letters(gain: Gain) -> list[str]:
    found = ["≈"] if gain.verdict == "equivalent" else []
    return list(dict.fromkeys([*found, *(LETTERS.get(remark, "c") for remark in list_remarks(gain))]))


def _cell(gain: Gain | None) -> Text:
    if gain is None or gain.interval is None:
        return Text("English only" if gain else fmt.NOTHING, style="dim")
    style = STYLES.get(gain.verdict, "")
    text = Text(f"{fmt.points(gain.interval.estimate)} {','.join(_letters(gain))}".strip(), style=style)
    text.append("\n" + fmt.bracket(gain.interval.low, gain.interval.high), style="dim")
    return text


def _gains_block(findings: Findings, found: Sequence[Gain], title: str) -> RenderableType:
    """One table for every encoder and every four targets."""
    gains = {(gain.encoder, _name_row(gain), gain.target): gain for gain in found}
    chains = dict.fromkeys(row for _, row, _ in gains)
    targets = [info.name for info in findings.results.targets]
    tables: list[RenderableType] = []
    for encoder in dict.fromkeys(gain.encoder for gain in gains.values()):
        for start in range(0, len(targets), MOST_TARGETS):
            shown = targets[start : start + MOST_TARGETS]
            name = f", {encoder}" if len(findings.results.encoders) > 1 else ""
            heading = f"{title}{name}" if start == 0 else ""
            table = Table(title=heading, title_justify="left", title_style="", box=None, pad_edge=False, padding=(0, 2, 0, 0))
            table.add_column("chain", overflow="fold")
            for target in shown:
                table.add_column(target, justify="right", overflow="fold")
            for chain in chains:
                info = findings.chains.get(chain)
                label = Text(chain)
                if info and info.control:
                    label.append(f"\n{CONTROL_WORDS[info.control]}", style="dim italic")
                table.add_row(label, *(_cell(gains.get((encoder, chain, target))) for target in shown))
            tables.append(table)
    return Group(*tables)


def _name_row(gain: Gain) -> str:
    return f"{gain.chain} over {fmt.mean_of(gain.baseline)}" if gain.over == "chain" else gain.chain


def _legend(findings: Findings) -> str:
    gains = (*findings.gains_over("chain"), *findings.gains_over("none"))
    found = {letter for gain in gains for letter in _letters(gain)}
    enough = any(len(gain.seeds) >= FEWEST_SEEDS for gain in gains)
    clear = "bold: clear after Holm's correction" if enough else f"it takes {FEWEST_SEEDS} seeds to decide"
    return "; ".join(["[95 % interval]", clear, *(f"{letter}: {words}" for letter, words in WORDS.items() if letter in found)])


def summarise_run(findings: Findings) -> RenderableType:
    """The table, its legend, the answer and what qualifies it. Without Typst, the last line says how to get the PDF."""
    parts: list[RenderableType] = []
    if findings.gains_over("chain"):
        parts.append(_gains_block(findings, findings.gains_over("chain"), "the study's own comparisons, in points"))
    if findings.gains_over("none"):
        parts.append(_gains_block(findings, findings.gains_over("none"), "transfer gain in points"))
        parts += [Text(_legend(findings), style="dim"), Text("")]
    parts.append(Text(findings.answer.sentence, style="bold"))
    parts += [Padding(Text(line, style="dim"), (0, 0, 0, 2)) for line in findings.answer.support]
    parts += [Padding(Text(line, style="dim"), (0, 0, 0, 2)) for line in describe_registration(findings.registration)]
    if said := summarise_truth(findings):
        parts += [Text(""), *(Padding(Text(line), (0, 0, 0, 2 if number else 0)) for number, line in enumerate(said))]
    if certificate := summarise_calibration(findings):
        parts += [Text(""), Text(certificate)]
    if not has_typst():
        parts += [Text(""), Text(NO_TYPST, style="dim")]
    return Group(*parts)
