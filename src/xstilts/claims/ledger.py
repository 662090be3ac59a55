"""The ledger: every claim with its verdict, from a study's results; for the terminal, as JSON, or as rows for a page.

The way of one claim: `judge_claim` takes its evidence (`evidence.py` for gains, `facts.py` for facts), lets the rule judge it
(`verdict.py`), and repeats both on changed results. A check that does not depend on the data is "rejected": verdict and estimate
stay the same although the artefacts of the chains changed places (for a fact: although they were removed). So a constant that
looks like a verification does not pass as one.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import NO_CHAIN
from xstilts.claims.evidence import Evidence, gather_evidence
from xstilts.claims.facts import gather_facts
from xstilts.claims.record import FACTS, Claim, ClaimSource, built_in_claims
from xstilts.claims.verdict import DECIDED, Finding, Verdict, judge
from xstilts.store.fingerprint import compute_key

RESAMPLES = 1000
FEW_RESAMPLES = 20  # an estimate needs none


@dataclass(frozen=True)
class ClaimResult:
    """One row. `outcome` is the verdict, `verdict` the same as a reader sees it, e.g. "supported (proxy)". `estimate`, `low` and
    `high` are 0-1 if `unit` is "gain" and a count if it is "count", else None; `measured` is how a reader sees them. `evidence`
    are the keys of the artefacts that it rests on, `artefacts` the same with the sha256 of what was read from each, and
    `provenance` the hash of the claim and all of these. `reason` is one sentence or two; `details` and `notes` say more."""

    id: str
    text: str
    kind: str
    source: str
    outcome: Verdict
    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    unit: str
    measured: str
    coverage: str
    reason: str
    details: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: tuple[str, ...]
    artefacts: tuple[tuple[str, str], ...]
    provenance: str

    @property
    def decided(self) -> bool:
        """Whether this study says anything about the claim."""
        return self.outcome in DECIDED


def judge_claims(results: Results, claims: Sequence[Claim] = (), resamples: int = RESAMPLES) -> list[ClaimResult]:
    """A row for each claim (by default the built-in ones), in their order. Pure and repeatable."""
    return [judge_claim(claim, results, resamples) for claim in claims or built_in_claims()]


def check(claim: Claim, results: Results, resamples: int) -> tuple[Finding, Evidence]:
    """The verdict on a claim and the evidence for it."""
    evidence = gather_facts(claim, results) if claim.kind in FACTS else gather_evidence(claim, results, resamples)
    return judge(claim, evidence), evidence


def judge_claim(claim: Claim, results: Results, resamples: int = RESAMPLES) -> ClaimResult:
    """The row of one claim; "rejected" if the check does not depend on the data."""
    found, evidence = check(claim, results, resamples)
    if found.verdict in DECIDED and (why := _find_independence(claim, results, found, evidence, resamples)):
        found = Finding("rejected", f"Rejected: the check does not depend on the data: {why}.")
    unit = "" if found.estimate is None else "count" if claim.kind in FACTS else "gain"
    return ClaimResult(
        id=claim.id,
        text=claim.text,
        kind=claim.kind,
        source=describe_source(claim.source),
        outcome=found.verdict,
        verdict=f"{found.verdict} (proxy)" if found.proxy else found.verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        unit=unit,
        measured=_describe_measured(found, unit),
        coverage=evidence.coverage,
        reason=found.reason,
        details=found.details,
        notes=(*evidence.notes, *(evidence.missing if evidence.measured or evidence.observed else ())),
        evidence=tuple(one.key for one in evidence.artefacts),
        artefacts=tuple((one.key, one.content) for one in evidence.artefacts),
        provenance=compute_key(
            {"claim": claim.model_dump(mode="json"), "artefacts": [[one.key, one.content] for one in evidence.artefacts]}
        ),
    )


def _find_independence(claim: Claim, results: Results, found: Finding, evidence: Evidence, resamples: int) -> str:
    """How a check shows that it does not look at the artefacts; "" if it does."""
    if not evidence.artefacts:
        return "it names no artefact that it rests on"

    def stays_the_same(changed: Results) -> bool:
        again = (check(claim, changed, count)[0] for count in (FEW_RESAMPLES, resamples))  # few are mostly enough to differ
        return all(one.estimate == found.estimate and one.verdict == found.verdict for one in again)

    if claim.kind in FACTS:
        without = replace(results, cells=(), costs=())
        return "verdict and estimate stay the same without the artefacts" if stays_the_same(without) else ""
    # A gain of exactly 0 also stays 0 if the sides change places, but not if one side has nothing right.
    if stays_the_same(permute_chains(results)) and stays_the_same(zero_chains(results)):
        return "verdict and estimate stay the same when the artefacts of the chains change places"
    return ""


def permute_chains(results: Results) -> Results:
    """The same results, but each chain has the score artefacts of the next one, for each encoder, target and seed."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    for place, cell in enumerate(results.cells):
        if not cell.control and cell.languages:
            groups.setdefault((cell.encoder, cell.target, cell.seed), []).append(place)
    cells: list[Cell] = list(results.cells)
    for places in groups.values():
        for place, other in zip(places, places[1:] + places[:1], strict=True):
            from_cell = results.cells[other]
            cells[place] = replace(cells[place], languages=from_cell.languages, layers=from_cell.layers, key=from_cell.key)
    return replace(results, cells=tuple(cells))


def zero_chains(results: Results) -> Results:
    """The same results, but every chain except none has all examples wrong."""

    def zero(cell: Cell) -> Cell:
        if cell.chain == NO_CHAIN:
            return cell
        scores = {x: replace(s, counts_NC=np.zeros_like(s.counts_NC), headline=0.0) for x, s in cell.languages.items()}
        return replace(cell, languages=scores)

    return replace(results, cells=tuple(map(zero, results.cells)))


def describe_source(source: ClaimSource) -> str:
    """Phang et al. 2020 (AACL version), abstract; arXiv 2005.13013; read"""
    name = source.document + (f" ({source.version})" if source.version else "")
    parts = [f"{name}, {source.locator}" if source.locator else name]
    parts += [f"arXiv {source.arxiv}"] if source.arxiv else []
    return "; ".join([*parts, source.basis])


def _describe_measured(found: Finding, unit: str) -> str:
    if found.estimate is None:
        return ""
    if unit == "count":
        return f"{found.estimate:,.0f}"
    bracket = "" if found.low is None or found.high is None else f" {fmt.bracket(found.low, found.high)}"
    return f"{fmt.points(found.estimate)}{fmt.JOIN}points{bracket}"


def to_json(study: str, rows: Sequence[ClaimResult]) -> str:
    """The rows as JSON for other programs."""
    listed: list[dict[str, Any]] = [dataclasses.asdict(row) for row in rows]
    return json.dumps({"study": study, "claims": listed}, indent=1, ensure_ascii=False)
