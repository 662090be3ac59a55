"""What pictures give: scores with the right picture, another and none; what chains change about it; and where models look."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from math import isqrt

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import NOT_TESTED, is_counted
from xstilts.analysis.picture_examples import PictureExample
from xstilts.analysis.robustness import OTHERS, AttackedScore, RobustnessGain
from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, attacked_id, robustness_id
from xstilts.report.tables.robustness import find_language_gains, pair_with_gains
from xstilts.report.tables.table import Line, Table, group_by_encoder, make_grouped_table, make_table

INTRODUCTION = (
    "A score with the right picture says little: a text alone often tells the answer. What the picture gives is the score with "
    "it less the score with another picture, or with none."
)
CAPTION = (
    "With the right picture and with a changed one, mean over the languages other than English and over seeds. The picture "
    "gives: the difference, in points. Moved by the chain: how much more (or less) it gives than with no chain"
)
COLUMNS = (
    *("chain", "target", "instead", "right picture", "changed", "the picture gives"),
    *("moved by the chain", "95 %", "p (Holm)", "verdict"),
)
# A smaller drop is a gain in robustness: then the picture gives less.
VERDICTS = {"gain": "less", "loss": "more"}
SIDE = 84  # pixels of a picture on the page


class Pictured(str):
    """A text with a picture, which behaves as plain text. `svg`: the picture, and where the model looked if that is known."""

    svg: str

    def __new__(cls, text: str, svg: str) -> Pictured:
        made = super().__new__(cls, text)
        made.svg = svg
        return made


def describe_pictures(findings: Findings) -> str:
    """What the chains change about what pictures give, in a few sentences."""
    counted = [one for one in findings.robustness if one.gain.over == "none" and is_counted(one.gain)]
    tested = [one for one in counted if one.gain.verdict not in NOT_TESTED]
    said = [INTRODUCTION]
    for verdict, words in VERDICTS.items():
        if names := [f"{one.gain.chain} on {one.gain.target} ({one.condition})" for one in tested if one.gain.verdict == verdict]:
            said.append(f"The picture gives clearly {words} than with no chain: {fmt.listed(names, 4)}.")
    if rest := sum(one.gain.verdict not in ("gain", "loss") for one in tested):
        said.append(f"No clear change by a chain: {rest} of {fmt.count(len(tested), 'comparison')}.")
    if gated := len(counted) - len(tested):
        said.append(f"Not judged, because the comparison with the right pictures is no evidence either: {gated}.")
    return " ".join(said)


def pictures_table(findings: Findings) -> Table | None:
    """A row for each chain, target and ablation: the mean of the languages other than English, or English if there is none."""
    rows = [
        (row.encoder, (row.chain, row.target, row.condition, *_scores(row), *(_moved(gain) if gain else ("",) * 4)))
        for row, gain in pair_with_gains(findings)
    ]
    if not rows:
        return None
    return make_grouped_table(f"{CAPTION}.", COLUMNS, group_by_encoder(findings, rows), range(3, 9))


def pictures_by_language(findings: Findings) -> Table | None:
    """The same for each language, without p values, which belong to the mean."""
    gains = find_language_gains(findings)
    rows = []
    for row in findings.attacked:
        if row.language != OTHERS:
            gain, id = gains.get((row.encoder, row.chain, row.target, row.condition, row.language), (None, ""))
            moved = (Number(fmt.points(-gain.estimate), id), Number(fmt.bracket(-gain.high, -gain.low), id)) if gain else ("", "")
            line = (row.chain, row.target, row.condition, findings.language(row.language), *_scores(row), *moved)
            rows.append((row.encoder, line))
    columns = (*COLUMNS[:3], "language", *COLUMNS[3:-2])
    return make_grouped_table("The same by language.", columns, group_by_encoder(findings, rows), range(4, 9)) if rows else None


def _scores(row: AttackedScore) -> Line:
    clean, changed = (Number(fmt.score(getattr(row, side)), attacked_id(row, side)) for side in ("clean", "attacked"))
    return clean, changed, fmt.points(-row.drop)


def _moved(one: RobustnessGain) -> Line:
    interval = one.gain.interval
    if interval is None or one.gain.chain == NO_CHAIN:
        return fmt.NOTHING, fmt.NOTHING, fmt.NOTHING, one.gain.verdict
    id = robustness_id(one)
    bracket = Number(fmt.bracket(-interval.high, -interval.low), id)
    return (
        Number(fmt.points(-interval.estimate), id),
        bracket,
        fmt.p_value(one.gain.p_holm),
        VERDICTS.get(one.gain.verdict, one.gain.verdict),
    )


# -- examples ----------------------------------------------------------------------------------------------------------

EXAMPLES = (
    "Examples of {} with the answers of all chains, seed {}. Where a model looks: red is a part of the picture without which it "
    "is less sure of its own answer. Photographs are not shown, since their terms do not allow it; their names are given"
)


def picture_tables(findings: Findings) -> Iterable[Table]:
    """A table for each encoder and target."""
    places = dict.fromkeys((one.encoder, one.target) for one in findings.pictures)
    for encoder, target in places:
        own = [one for one in findings.pictures if (one.encoder, one.target) == (encoder, target)]
        chains = list(dict.fromkeys(chain for one in own for chain in one.answers))
        columns = ("picture", "text", "right answer", *chains)
        caption = EXAMPLES.format(findings.label(target, encoder), own[0].seed) + "."
        if table := make_table(caption, columns, [_example(one, chains) for one in own]):
            yield table


def _example(one: PictureExample, chains: Sequence[str]) -> Line:
    answers = [Pictured(one.answers[chain], draw_look(one, one.falls[chain])) if chain in one.answers else "" for chain in chains]
    return Pictured(one.picture, draw_look(one, ())), one.text, one.gold, *answers


def draw_look(one: PictureExample, falls: Sequence[float]) -> str:
    """The picture as SVG, with its places in red by how much the margin falls without them; "" where neither is known."""
    if not one.png and not falls:
        return ""
    width, height = one.size if one.png else (1, 1)
    scale = SIDE / max(width, height)
    parts = []
    if one.png:
        source = f"data:image/png;base64,{b64encode(one.png).decode()}"
        parts.append(f'<image href="{source}" width="1" height="1" preserveAspectRatio="none"/>')
    grid, most = isqrt(len(falls)), max([*falls, 0.0])
    if falls and grid**2 == len(falls) and most > 0:
        side = 1 / grid
        parts += [
            f'<rect x="{i % grid * side:.4f}" y="{i // grid * side:.4f}" width="{side:.4f}" height="{side:.4f}" '
            f'fill-opacity="{0.75 * max(fall, 0) / most:.2f}"/>'
            for i, fall in enumerate(falls)
        ]
    size = f'width="{width * scale:.0f}" height="{height * scale:.0f}"'
    return f'<svg class="look" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true" {size}>{"".join(parts)}</svg>'
