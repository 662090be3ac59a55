"""What the attacks of a study reached: how much they edited, and where there is none and why."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.robustness import OTHERS
from xstilts.analysis.scores import ENGLISH
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, make_table


def edits_table(findings: Findings) -> Table | None:
    """How much was edited, by target, condition and language; the same for all chains, encoders and seeds."""
    known = {(row.target, row.condition, row.language): row for row in reversed(findings.attacked) if row.language != OTHERS}
    rows: list[Line] = [
        (
            row.target,
            row.condition,
            findings.language(row.language),
            fmt.share(row.effective),
            fmt.share(row.edited_words) if row.edited_words is not None else "",
            fmt.share(row.edited_characters) if row.edited_characters is not None else "",
            f"{row.queries:g} / {row.queries_p90:g}" if row.queries is not None and row.queries_p90 is not None else "",
        )
        for row in reversed(known.values())
    ]
    columns = ("target", "condition", "language", "examples edited", "words", "characters", "queries")
    caption = (
        "Examples edited: the share that has a variant. Words and characters: the mean share of the clean example's that a "
        "variant changes (empty where whole texts are exchanged). Queries: how often the victim ran on variants of an example "
        "that has any, median and 90th percentile."
    )
    return make_table(caption, columns, rows, range(3, 7))


def coverage_table(findings: Findings) -> tuple[Table | None, list[str]]:
    """Format and target by attack and language: the share of examples that have a variant, or a letter for the reason why the
    attack does not apply there. The reasons follow."""
    results = findings.results
    codes = sorted({code for info in results.targets for code in info.languages}, key=lambda code: (code != ENGLISH, code))
    shares = {(row.condition, row.target, row.language): row.effective for row in findings.attacked}
    reasons: dict[str, str] = {}

    def write(condition: str, target: str, code: str, tested: bool) -> str:
        if not tested:
            return ""
        if reason := results.unattacked.get((condition, target), {}).get(code):
            return reasons.setdefault(reason, _letter(len(reasons)))
        share = shares.get((condition, target, code))
        return fmt.share(share) if share is not None else reasons.setdefault("not run yet", _letter(len(reasons)))

    rows = [
        (info.format, info.name, one.name, *(write(one.name, info.name, code, code in info.languages) for code in codes))
        for info in results.targets
        for one in results.conditions
    ]
    caption = (
        "Where each attack applies: the share of examples that it could edit, by language. A letter stands for the reason why it "
        "does not apply. Empty: the target has no test data in the language."
    )
    table = make_table(caption, ("format", "target", "condition", *codes), rows, range(3, 3 + len(codes)))
    return table, [f"{letter}: {reason}." for reason, letter in reasons.items()]


def _letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    head, last = divmod(number, 26)
    return (_letter(head - 1) if head else "") + chr(ord("a") + last)
