"""Robustness as tables and sentences: scores under attack beside clean ones, gains in robustness, and broken examples."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.broken_examples import BrokenExample, Piece
from xstilts.analysis.budget_curves import BudgetCurve
from xstilts.analysis.example_choice import allows_text
from xstilts.analysis.gains import NOT_TESTED, is_counted
from xstilts.analysis.results import ConditionInfo
from xstilts.analysis.robustness import OTHERS, AttackedScore, RobustnessGain
from xstilts.analysis.scores import ENGLISH, NO_CHAIN
from xstilts.metrics.significance import FEWEST_SEEDS, Interval
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, area_id, attacked_id, robustness_id, write_gain
from xstilts.report.tables.table import Line, Table, group_by_encoder, make_grouped_table, make_table

INVARIANCE = "invariance"
COLUMNS = (
    "chain",
    "target",
    "condition",
    "clean",
    "attacked",
    "drop",
    "broken",
    "gain in robustness",
    "95 %",
    "p (Holm)",
    "verdict",
)
CAPTION = (
    "Scores on clean and on attacked test data, mean over the languages other than English and over seeds. Attacked: each "
    "example counts with the worst of its variants. Broken: the share of right answers that an attack made wrong. Gain in "
    "robustness: the drop with the chain less the drop with no chain, in points"
)
DETAILS = (
    "The same by language. Edited: the share of examples that have a variant. Seen: the share of variants whose token ids are "
    "not those of the clean example, without which no model can notice them. Broken, shared: of the examples that the chain and "
    "no chain both got right, the share broken with the chain and with no chain. Kept: the share of variants that are answered "
    "as the clean example is. Passed: of variants whose right answer the attack sets, the share answered so. Gap: the drop less "
    "that of English. All in percent or points"
)


class Marked(str):
    """A text with changed stretches, which behaves as plain text: ⟦ ⟧ around what was changed."""

    pieces: tuple[Piece, ...]

    def __new__(cls, pieces: Sequence[Piece]) -> Marked:
        made = super().__new__(cls, "".join(f"⟦{text}⟧" if changed else text for text, changed in pieces))
        made.pieces = tuple(pieces)
        return made


def describe_robustness(findings: Findings) -> str:
    """What the gains over no chain say, in a few sentences."""
    if all(info.name == NO_CHAIN or info.control for info in findings.results.chains):
        return "There is no chain to compare. The table says what each attack leaves of the scores."
    counted = [one for one in findings.robustness if is_counted(one.gain)]
    tested = [one for one in counted if one.gain.verdict not in NOT_TESTED]
    said = []
    for verdict, words in (("gain", "keeps more of its score than no chain"), ("loss", "loses more of its score than no chain")):
        if names := [f"{one.gain.chain} on {one.gain.target} ({one.condition})" for one in tested if one.gain.verdict == verdict]:
            said.append(f"Under attack {words}: {fmt.listed(names, 4)}.")
    few = sum(one.gain.verdict == "few seeds" for one in tested)
    rest = sum(one.gain.verdict in ("equivalent", "unclear") for one in tested)
    for count, what in ((rest, "Without a clear difference"), (few, f"Fewer than {FEWEST_SEEDS} seeds, too few to decide")):
        if count:
            said.append(f"{what}: {count} of {fmt.count(len(tested), 'comparison')} of a chain with no chain.")
    if gated := len(counted) - len(tested):
        said.append(f"Not judged, because the clean comparison is no evidence either: {gated}.")
    return " ".join(said) or "No gain in robustness could be measured."


def list_conditions(findings: Findings) -> list[str]:
    """What each condition does, and which of them found nothing to attack."""
    made = {row.condition for row in findings.attacked}
    return [_describe(one) + ("" if one.name in made else " It has no scores here.") for one in findings.results.conditions]


def _describe(one: ConditionInfo) -> str:
    return f"{one.name}: {one.description.rstrip('.')} ({one.goal}; {one.strength})."


def robustness_table(findings: Findings) -> Table | None:
    """A row for each chain, target and condition: the mean of the languages other than English, or English if there is none."""
    rows = [(row.encoder, _line(row, gain)) for row, gain in pair_with_gains(findings)]
    if not rows:
        return None
    return make_grouped_table(f"{CAPTION}.", COLUMNS, group_by_encoder(findings, rows), range(3, 10))


def pair_with_gains(findings: Findings) -> list[tuple[AttackedScore, RobustnessGain | None]]:
    """The mean of the languages other than English, or English if there is none, of each chain, target and condition, with its
    gain over no chain."""
    others = {(row.encoder, row.chain, row.target, row.condition) for row in findings.attacked if row.language == OTHERS}
    gains = {_place(one): one for one in findings.robustness if one.gain.over == "none"}
    found = []
    for row in findings.attacked:
        place = (row.encoder, row.chain, row.target, row.condition)
        if row.language == (OTHERS if place in others else ENGLISH):
            found.append((row, gains.get(place)))
    return found


def find_language_gains(findings: Findings) -> dict[tuple[str, str, str, str, str], tuple[Interval, str]]:
    """(encoder, chain, target, condition, language) -> the gain over no chain there, and the id of its number."""
    return {
        (*_place(one), row.language): (row.interval, robustness_id(one, row.language))
        for one in findings.robustness
        if one.gain.over == "none"
        for row in one.gain.languages
    }


def _place(one: RobustnessGain) -> tuple[str, str, str, str]:
    return one.gain.encoder, one.gain.chain, one.gain.target, one.condition


def _line(row: AttackedScore, one: RobustnessGain | None) -> Line:
    head = (row.chain, row.target, row.condition)
    scores = (_number(row, "clean"), _number(row, "attacked"), fmt.points(row.drop), fmt.share(row.success))
    if not row.effective:
        return (*head, *scores, fmt.NOTHING, "", "", "nothing could be edited")
    if row.seen == 0:
        return (*head, *scores, fmt.NOTHING, "", "", "not seen by the tokenizer")
    if one is None:
        return (*head, *scores, "" if row.chain == NO_CHAIN else fmt.NOTHING, "", "", "")
    return (*head, *scores, *_measured(one))


def _number(row: AttackedScore, side: str) -> Number:
    return Number(fmt.score(getattr(row, side)), attacked_id(row, side))


def _measured(one: RobustnessGain) -> Line:
    interval, gain = one.gain.interval, one.gain
    if interval is None:
        return fmt.NOTHING, fmt.NOTHING, fmt.NOTHING, gain.verdict
    id = robustness_id(one)
    bracket = Number(fmt.bracket(interval.low, interval.high), id)
    return Number(fmt.points(interval.estimate), id), bracket, fmt.p_value(gain.p_holm), gain.verdict


def controls_table(findings: Findings) -> Table | None:
    """Gains in robustness over controls and over other chains."""
    rows = [
        (one.gain.encoder, (one.gain.chain, one.gain.target, one.condition, fmt.mean_of(one.gain.baseline), *_measured(one)))
        for one in findings.robustness
        if one.gain.over != "none"
    ]
    columns = ("chain", "target", "condition", "over", "gain in robustness", "95 %", "p (Holm)", "verdict")
    caption = "Gains in robustness over controls and over other chains, in points: the drop with the chain less the other drop."
    return make_grouped_table(caption, columns, group_by_encoder(findings, rows), range(4, 7)) if rows else None


def languages_table(findings: Findings) -> Table | None:
    """A row for each chain, target, condition and language."""
    goals = {one.name: one.goal for one in findings.results.conditions}
    gains = find_language_gains(findings)
    rows = []
    for row in findings.attacked:
        if row.language == OTHERS:
            continue
        gain, id = gains.get((row.encoder, row.chain, row.target, row.condition, row.language), (None, ""))
        same = goals[row.condition] == INVARIANCE
        line: Line = (
            row.chain,
            row.target,
            row.condition,
            findings.language(row.language),
            _number(row, "clean"),
            _number(row, "attacked"),
            fmt.points(row.drop),
            fmt.points(row.gap) if row.gap is not None else "",
            Number(fmt.points(gain.estimate), id) if gain else "",
            Number(fmt.bracket(gain.low, gain.high), id) if gain else "",
            fmt.share(row.effective),
            fmt.share(row.seen),
            fmt.share(row.success),
            f"{fmt.share(row.shared)} : {fmt.share(row.shared_none)}" if row.shared is not None else "",
            fmt.share(row.consistent) if same else "",
            "" if same else fmt.share(row.passed),
        )
        rows.append((row.encoder, line))
    columns = (
        "chain", "target", "condition", "language", "clean", "attacked", "drop", "gap", "gain in robustness", "95 %", "edited",
        "seen", "broken", "broken, shared", "kept", "passed",
    )  # fmt: skip
    return make_grouped_table(f"{DETAILS}.", columns, group_by_encoder(findings, rows), range(4, 16)) if rows else None


def list_curves(findings: Findings) -> list[BudgetCurve]:
    """Those of the mean of the languages other than English, or of English if there is no other."""
    means = {(one.encoder, one.chain, one.target, one.ladder) for one in findings.curves if one.language == OTHERS}
    return [
        one
        for one in findings.curves
        if one.language == (OTHERS if (one.encoder, one.chain, one.target, one.ladder) in means else ENGLISH)
    ]


def areas_table(findings: Findings) -> Table | None:
    """The areas under the budget curves; None in a study without curves."""
    rows = []
    for one in list_curves(findings):

        def compare(interval: Interval | None, what: str, one: BudgetCurve = one) -> str:
            return Number(write_gain(interval), area_id(one, what)) if interval else ""

        points = " → ".join(map(fmt.score, one.scores))
        area = Number(fmt.score(one.area), area_id(one, "area"))
        line = (one.chain, one.target, one.ladder.title, points, area, compare(one.gain, "gain"))
        rows.append((one.encoder, (*line, compare(one.robustness, "robustness"))))
    columns = ("chain", "target", "attack", "scores from clean on", "area", "over no chain", "gain in robustness")
    caption = (
        "The area under each curve: a mean score over strengths from nothing to the largest, along straight lines. Over no "
        "chain: the difference in area, which a higher clean score raises too. Gain in robustness: the same without the "
        "difference in clean score. With 95 % intervals, not corrected for their number."
    )
    return make_grouped_table(caption, columns, group_by_encoder(findings, rows), range(4, 7)) if rows else None


def broken_tables(findings: Findings) -> Iterable[Table]:
    """A table for each encoder and target: examples that attacks broke, and what chains answered before and after."""
    places = dict.fromkeys((one.encoder, one.target) for one in findings.broken)
    for encoder, target in places:
        own = [one for one in findings.broken if (one.encoder, one.target) == (encoder, target)]
        chains = list(dict.fromkeys(chain for one in own for chain in one.answers))
        rows = [_example(findings, one, chains) for one in own]
        columns = ("condition", "language", "clean", "attacked", "right answer", *chains)
        caption = f"Examples of {findings.label(target, encoder)} that attacks broke, and the answers before → after."
        if table := make_table(caption, columns, rows):
            yield table


def _example(findings: Findings, one: BrokenExample, chains: Sequence[str]) -> Line:
    answers = (" → ".join(map(_isolate, one.answers[chain])) if chain in one.answers else "" for chain in chains)
    return one.condition, findings.language(one.language), Marked(one.clean), Marked(one.attacked), one.gold, *answers


def _isolate(text: str) -> str:
    """Text written from right to left, so that it moves nothing beside it."""
    return f"\u2068{text}\u2069" if any(unicodedata.bidirectional(x) in ("R", "AL") for x in text) else text


def describe_hidden(findings: Findings) -> str:
    """Which attacked targets have texts that may not be shown; "" if none has."""
    attacked = {row.target for row in findings.attacked}
    hidden = [info.name for info in findings.results.targets if info.name in attacked and not allows_text(info.license)]
    return f"Texts of {fmt.listed(hidden)} are not shown, since the licence is no free one." if hidden else ""
