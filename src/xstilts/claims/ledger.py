"""The ledger: every claim with its verdict, out of a study's results; to the terminal, as JSON, or as rows for a page.

A check that does not depend on the data is thrown out: if verdict and estimate stay the same when the artefacts of the chains
change places (for a fact: when they are taken away), it is "rejected". A verification by a constant, which looks like one by a
run, ends there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import NO_CHAIN
from xstilts.claims.evidence import Evidence, gather_evidence
from xstilts.claims.facts import gather_facts
from xstilts.claims.record import FACTS, Claim, Source, built_in_claims, read_claims
from xstilts.claims.verdict import DECIDED, Finding, judge
from xstilts.store.fingerprint import compute_key

if TYPE_CHECKING:
    from xstilts.store.store import Store

RESAMPLES = 1000
FEW_RESAMPLES = 20  # an estimate needs none
Check = Callable[[Claim, Results, int], tuple[Finding, Evidence]]


@dataclass(frozen=True)
class ClaimResult:
    """One row. `verdict` is e.g. "supported (proxy)"; `estimate`, `low` and `high` are 0-1 where `unit` is "gain" and a count
    where it is "count", None where there is none; `measured` is how a reader should see them. `evidence` are the keys of the
    artefacts that it rests on, `artefacts` the same with the sha256 of what was read out of each, and `provenance` the
    hash of the claim and all of these. `reason` is one sentence or two; `details` and `notes` say more."""

    id: str
    text: str
    kind: str
    source: str
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
        return self.verdict.partition(" (")[0] in DECIDED


def check(claim: Claim, results: Results, resamples: int) -> tuple[Finding, Evidence]:
    """The verdict on a claim and the evidence for it."""
    evidence = gather_facts(claim, results) if claim.kind in FACTS else gather_evidence(claim, results, resamples)
    return judge(claim, evidence), evidence


def claims_of(results: Results, claims: Sequence[Claim] = (), resamples: int = RESAMPLES) -> list[ClaimResult]:
    """A row for each claim (by default the built-in ones), in their order. Pure and repeatable."""
    return [decide(claim, results, resamples=resamples) for claim in claims or built_in_claims()]


def decide(claim: Claim, results: Results, test: Check = check, resamples: int = RESAMPLES) -> ClaimResult:
    """The row of one claim; "rejected" if the check does not depend on the data."""
    found, evidence = test(claim, results, resamples)
    if found.verdict in DECIDED and (why := _independent(claim, results, test, (found, evidence), resamples)):
        found = Finding("rejected", f"Rejected: the check does not depend on the data: {why}.")
    unit = "" if found.estimate is None else "count" if claim.kind in FACTS else "gain"
    return ClaimResult(
        id=claim.id,
        text=claim.text,
        kind=claim.kind,
        source=source_words(claim.source),
        verdict=f"{found.verdict} (proxy)" if found.proxy else found.verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        unit=unit,
        measured=_measured(found, unit),
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


def _independent(claim: Claim, results: Results, test: Check, first: tuple[Finding, Evidence], resamples: int) -> str:
    """How a check shows that it does not look at the artefacts; "" if it does look."""
    found, evidence = first
    if not evidence.artefacts:
        return "it names no artefact that it rests on"

    def same(changed: Results) -> bool:
        again = (test(claim, changed, count)[0] for count in (FEW_RESAMPLES, resamples))  # most end with the first
        return all(one.estimate == found.estimate and one.verdict == found.verdict for one in again)

    if claim.kind in FACTS:
        return "verdict and estimate stay the same without the artefacts" if same(emptied(results)) else ""
    # A gain of exactly 0 is one when the sides change places, too; but not when one side has nothing right.
    if same(permuted(results)) and same(zeroed(results)):
        return "verdict and estimate stay the same when the artefacts of the chains change places"
    return ""


def permuted(results: Results) -> Results:
    """The same results with the score artefacts of the chains moved on by one, for each encoder, target and seed."""
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


def zeroed(results: Results) -> Results:
    """The same results with nothing right in any chain but the empty one."""

    def zeroed(cell: Cell) -> Cell:
        if cell.chain == NO_CHAIN:
            return cell
        scores = {x: replace(s, counts_NC=np.zeros_like(s.counts_NC), headline=0.0) for x, s in cell.languages.items()}
        return replace(cell, languages=scores)

    return replace(results, cells=tuple(map(zeroed, results.cells)))


def emptied(results: Results) -> Results:
    """The same study with nothing done."""
    return replace(results, cells=(), costs=())


def source_words(source: Source) -> str:
    """Phang et al. 2020 (AACL version), abstract; arXiv 2005.13013; read"""
    name = source.document + (f" ({source.version})" if source.version else "")
    parts = [f"{name}, {source.locator}" if source.locator else name]
    parts += [f"arXiv {source.arxiv}"] if source.arxiv else []
    return "; ".join([*parts, source.basis])


def _measured(found: Finding, unit: str) -> str:
    if found.estimate is None:
        return ""
    if unit == "count":
        return f"{found.estimate:,.0f}"
    bracket = "" if found.low is None or found.high is None else f" {fmt.bracket(found.low, found.high)}"
    return f"{fmt.points(found.estimate)}{fmt.JOIN}points{bracket}"


def run_claims(
    study: str, store: Store, *, files: Sequence[Path] = (), changes: Sequence[str] = ()
) -> tuple[str, list[ClaimResult]]:
    """The name of a study (built-in, or a YAML file) and its rows out of what the store has. `files` are claims of the user's
    own, judged instead of the built-in ones; `changes` are those of `--set`. Raises InputError."""
    from xstilts.analysis.gather import gather
    from xstilts.plan.compile import compile_study
    from xstilts.study.study import load_study, study_path

    plan = compile_study(load_study(study, list(changes)), base=study_path(study).parent, draft=True)
    claims = [claim for path in files for claim in read_claims(path)]
    return plan.study.name, claims_of(gather(plan, store), claims)


def ledger_json(study: str, rows: Sequence[ClaimResult]) -> str:
    """The rows as JSON for other programs."""
    listed: list[dict[str, Any]] = [dataclasses.asdict(row) for row in rows]
    return json.dumps({"study": study, "claims": listed}, indent=1, ensure_ascii=False)
