"""A review in the terminal: a line for each claim with its verdict, and why; or one claim with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from xstilts.documents.paper import Found
from xstilts.documents.verify import ClaimVerdict
from xstilts.review import describe
from xstilts.review.overrides import latest
from xstilts.review.run import Review

STYLES = {"supported": "bold blue", "contradicted": "bold yellow", "unsupported": "bold", "unchecked": "dim", "irrelevant": "dim"}
SHOWN = 3


def review_block(review: Review) -> RenderableType:
    """The answer, and each claim with its verdict, reason and runs."""
    parts: list[RenderableType] = [Text(describe.answer(review), style="bold"), *_list_refused(review.sources)]
    if truth := describe.count_truth(review):
        parts.append(Text(f"Of {truth[1]} claims whose verdict is known, {truth[0]} have it."))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column()
    for one in review.claims:
        why = one.reason
        if runs := describe.describe_runs(one.claim, review):
            why += f" · runs: {runs}"
        if decision := latest(review.decisions, one.claim.id):
            why += f" · {decision.by}: {decision.verdict}"
        rows.add_row(Text(one.verdict, style=STYLES[one.verdict]), Text(one.claim.text))
        rows.add_row("", Text(why, style="dim"))
    return Group(*parts, Text(""), rows)


def claim_block(one: ClaimVerdict, sources: Sequence[Found]) -> RenderableType:
    """One claim: the verdict, what was read off it, and the evidence of the papers that say most."""
    parts: list[RenderableType] = [Text(f"{one.verdict}  ", style=STYLES[one.verdict]) + Text(one.reason, style="not bold")]
    fields = ", ".join(f"{name} {value}" for name, value in describe.list_fields(one.claim) if value)
    parts.append(Text(f"read off the claim: {fields or 'nothing but its words'}", style="dim"))
    for paper in describe.order_papers(one)[:SHOWN]:
        parts += [
            Text(""),
            Text(f"{paper.verdict}  ", style=STYLES[paper.verdict]) + Text(paper.case.paper.title or paper.case.paper.id),
        ]
        if paper.passage:
            parts.append(Padding(Text(f"{paper.passage.place}: {paper.passage.text}"), (0, 0, 0, 2)))
        parts.append(Padding(Text(paper.reason, style="dim"), (0, 0, 0, 2)))
        for vote in paper.votes:
            parts.append(
                Padding(
                    Text(f"{vote.reviewer}: {vote.verdict}" + ("" if vote.score is None else f", {vote.score:.2f}"), style="dim"),
                    (0, 0, 0, 2),
                )
            )
    return Group(*parts, *_list_refused(sources))


def _list_refused(sources: Sequence[Found]) -> list[Text]:
    """What could not be read, as a warning."""
    refused = [line for found in sources for line in found.refused]
    lines = [f"not read: {line}" for line in refused[:SHOWN]]
    lines += [f"not read: {len(refused) - SHOWN} more, which the page lists"] if len(refused) > SHOWN else []
    return [Text(line, style="yellow") for line in lines]
