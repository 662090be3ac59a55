"""The ledger of claims in the terminal, in 80 columns: each claim with its verdict, the measured effect and the reason."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.claims.ledger import ClaimResult

STYLES = {"supported": "bold blue", "refuted": "bold yellow", "rejected": "bold red", "inconclusive": "bold"}
MOST_KEYS = 3
KEY_DIGITS = 12


def ledger_block(rows: Sequence[ClaimResult]) -> RenderableType:
    """All claims, then the number of claims with each verdict."""
    parts: list[RenderableType] = []
    for number, row in enumerate(rows, 1):
        head = Text(f"{number:2}  ")
        head.append(row.verdict, style=STYLES.get(row.outcome, "dim"))
        head.append(f"  {row.measured}" if row.measured else "")
        parts += [head, *(Padding(line, (0, 0, 0, 4)) for line in _lines(row)), Text("")]
    found = Counter(row.verdict for row in rows)
    parts.append(Text(f"{fmt.count(len(rows), 'claim')}: {fmt.listed(f'{n} {name}' for name, n in found.most_common())}"))
    return Group(*parts)


def _lines(row: ClaimResult) -> list[Text]:
    lines = [Text(row.text), Text(row.reason, style="italic")]
    if len(row.details) > 1 or (row.details and not row.decided):
        lines += [Text(f"· {line}", style="dim") for line in row.details]
    lines += [Text(f"note: {line}", style="dim") for line in row.notes]
    covers = f"covers {row.coverage}; " if row.evidence else ""
    lines.append(Text(f"{covers}source: {row.source}", style="dim"))
    if row.evidence:
        keys = [key[:KEY_DIGITS] for key in row.evidence]
        lines.append(Text(f"evidence: {fmt.listed(keys, MOST_KEYS)}", style="dim"))
    return lines
