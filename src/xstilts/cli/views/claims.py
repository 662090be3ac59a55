"""The ledger of claims in the terminal: decided claims in full, the others by reason, and the properties of the study.

Lines are as wide as the terminal, at most WIDTH columns, since longer ones are hard to read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.claims.artefact_sets import SetResult
from xstilts.claims.ledger import ClaimResult, describe_numbers
from xstilts.claims.properties import Property

STYLES = {"supported": "bold blue", "refuted": "bold yellow", "rejected": "bold red", "inconclusive": "bold"}
WIDTH = 100
MOST_KEYS = 3
KEY_DIGITS = 12


def ledger_block(rows: Sequence[ClaimResult], properties: Sequence[Property] = ()) -> RenderableType:
    """Claims with a verdict, then those without, the properties, and the number of claims with each verdict."""
    shown = [row for row in rows if row.decided or row.outcome == "rejected"]
    others = [row for row in rows if row not in shown]
    parts: list[RenderableType] = []
    for row in shown:
        parts += [_head(row.id, row.verdict, row.outcome, row.measured), *_indent(_describe_claim(row)), Text("")]
    if others:
        parts.append(Text("Claims without a verdict, by reason", style="bold"))
    for reason in dict.fromkeys(row.reason for row in others):
        parts.append(Text(reason, style="italic"))
        parts += [line for row in others if row.reason == reason for line in _indent(_describe_undecided(row))]
    parts += [Text("")] if others else []
    if properties:
        parts.append(Text("Properties of the study beside those that a source has (no verdicts)", style="bold"))
    for state in dict.fromkeys(one.state for one in properties):
        parts.append(Text(state[:1].upper() + state[1:], style="italic"))
        parts += [line for one in properties if one.state == state for line in _indent(_describe_property(one))]
    parts += [Text("")] if properties else []
    found = Counter(row.verdict for row in rows)
    parts.append(Text(f"{fmt.count(len(rows), 'claim')}: {fmt.listed(f'{n} {name}' for name, n in found.most_common())}"))
    return Constrain(Group(*parts), WIDTH)


def describe_sets(found: Iterable[SetResult]) -> Iterator[str]:
    """A line for each artefact set that gives another verdict than its own."""
    for one in found:
        if one.number:
            yield f"{one.claim}, set {one.number}: expected {one.gives}, found {one.got}: {one.reason}"
        else:
            yield f"{one.claim}: no set shows that it can be {one.gives}; add one under `sets`"


def _head(name: str, verdict: str, style: str, measured: str = "") -> Text:
    head = Text(f"{name}  ")
    head.append(verdict, style=STYLES.get(style, "dim"))
    head.append(f"  {measured}" if measured else "")
    return head


def _indent(lines: Iterable[Text]) -> list[RenderableType]:
    return [Padding(line, (0, 0, 0, 4)) for line in lines]


def _describe_claim(row: ClaimResult) -> Iterator[Text]:
    yield Text(row.text)
    yield Text(row.reason, style="italic")
    yield from _describe_numbers(row)
    if row.strength:
        yield Text(row.strength)
    if len(row.details) > 1:
        yield from (Text(f"· {line}", style="dim") for line in row.details)
    yield from (Text(f"note: {line}", style="dim") for line in row.notes)
    if row.coverage:
        yield Text(f"covers {row.coverage}", style="dim")
    if row.population:
        yield Text(f"measured: {row.population}", style="dim")
    yield Text(f"source: {row.source}", style="dim")
    if row.evidence:
        keys = [key[:KEY_DIGITS] for key in row.evidence]
        yield Text(f"evidence: {fmt.listed(keys, MOST_KEYS)}", style="dim")


def _describe_numbers(row: ClaimResult) -> Iterator[Text]:
    """What is claimed, what was published, and what was measured here."""
    if said := describe_numbers(row):
        yield Text(f"{said}; here {row.measured or 'nothing'}")


def _describe_undecided(row: ClaimResult) -> Iterator[Text]:
    yield Text(f"{row.id}  ").append(row.text, style="dim")
    yield from _describe_numbers(row)
    yield from (Text(f"· {line}", style="dim") for line in row.details)


def _describe_property(one: Property) -> Iterator[Text]:
    yield Text(f"{one.id}  ").append(one.text, style="dim")
    if one.reason:
        yield Text(f"· {one.reason}")
