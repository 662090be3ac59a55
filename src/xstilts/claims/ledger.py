"""The ledger: every claim with its verdict, from a study's results; for the terminal, as JSON, or as rows for a page.

The way of one claim: `judge_claim` takes its evidence (`evidence.py` for gains, `facts.py` for the sizes of data sets), lets the
rule judge it (`verdict.py`), and repeats both on changed results. A check that does not depend on the data is "rejected": verdict
and estimate stay the same although the artefacts of the chains changed places. So a constant that looks like a verification does
not pass as one, and neither does one that only asks whether there are any scores. A gain of exactly 0 between chains that are
alike in every score survives any exchange; such a check must change when chains lose right answers instead.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Cell, LanguageScore, Results, StageCost
from xstilts.claims.evidence import Evidence, gather_evidence
from xstilts.claims.facts import gather_facts
from xstilts.claims.properties import Property, describe_property
from xstilts.claims.published.tables import PublishedNumber, read_numbers
from xstilts.claims.record import Claim, Verdict, built_in_claims
from xstilts.claims.source import ClaimSource
from xstilts.claims.verdict import DECIDED, Finding, judge
from xstilts.store.fingerprint import compute_key

RESAMPLES = 1000
FEW_RESAMPLES = 20  # an estimate needs none
MOST_NUMBERS = 4  # are named to a reader; JSON has all
EXCHANGES = 3  # random ones, after the first


@dataclass(frozen=True)
class ClaimResult:
    """One row. `outcome` is the verdict, `verdict` the same as a reader sees it, e.g. "supported (proxy)". `estimate`, `low` and
    `high` are 0-1 if `unit` is "gain" and a count if it is "count", else None; `measured` is how a reader sees them. `claimed` is
    the number that the claim states, and `published` are those that it rests on, to be read beside `measured`. `p` is the
    corrected p value of the verdict, `shown` for how many of `comparisons` the claim is shown, `bound` (0-1) the effect that
    the study could have shown in each; `strength` is how a reader sees these. `population` is what was measured.
    `evidence` are the keys of the artefacts that it rests on, `artefacts` the same with the
    sha256 of what was read from each, and `provenance` the hash of the claim and all of these. `reason` is one sentence or two;
    `details` and `notes` say more."""

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
    claimed: str
    published: tuple[PublishedNumber, ...]
    p: float | None
    shown: int | None
    comparisons: int
    bound: float | None
    strength: str
    coverage: str
    population: str
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
    """A row for each claim (by default the built-in ones), in their order; properties are no claims. Pure and repeatable."""
    return [judge_claim(claim, results, resamples) for claim in claims or built_in_claims() if claim.kind != "property"]


def describe_properties(results: Results, claims: Sequence[Claim] = ()) -> list[Property]:
    """A row for each property (by default the built-in ones), in their order."""
    return [
        describe_property(claim, describe_source(claim.source), results)
        for claim in claims or built_in_claims()
        if claim.kind == "property"
    ]


def check(claim: Claim, results: Results, resamples: int) -> tuple[Finding, Evidence]:
    """The verdict on a claim and the evidence for it."""
    if claim.kind == "dataset_fact":
        evidence = gather_facts(claim, results)
    else:
        evidence = gather_evidence(claim, results, resamples) if claim.about_gains else Evidence()
    return judge(claim, evidence), evidence


def judge_claim(claim: Claim, results: Results, resamples: int = RESAMPLES) -> ClaimResult:
    """The row of one claim; "rejected" if the check does not depend on the data."""
    found, evidence = check(claim, results, resamples)
    if found.verdict in DECIDED and (why := _find_independence(claim, results, found, evidence, resamples)):
        found = Finding("rejected", f"Rejected: the check does not depend on the data: {why}.")
    unit = "" if found.estimate is None else "count" if claim.kind == "dataset_fact" else "gain"
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
        claimed=_describe_claimed(claim),
        published=tuple(read_numbers()[id] for id in claim.cells),
        p=found.p,
        shown=found.shown,
        comparisons=len(evidence.measured),
        bound=found.bound,
        strength=_describe_strength(found, len(evidence.measured)),
        coverage=evidence.coverage,
        population=evidence.population,
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

    if claim.kind == "dataset_fact":
        return "verdict and estimate stay the same with other counts" if stays_the_same(recount(results)) else ""
    exchanged = [exchange_chains(results), *(exchange_chains(results, draw) for draw in range(1, EXCHANGES + 1))]
    if not all(map(stays_the_same, exchanged)):
        return ""
    if any(_list_scores(one) != _list_scores(results) for one in exchanged):
        return "verdict and estimate stay the same when the artefacts of the chains change places"
    return "verdict and estimate stay the same when chains lose right answers" if stays_the_same(damage_chains(results)) else ""


def _list_scores(results: Results) -> list[float]:
    return [score.headline for cell in results.cells for score in cell.languages.values()]


def exchange_chains(results: Results, draw: int = 0) -> Results:
    """The same results, but the chains have each other's score artefacts, for each encoder, target and seed: each that of the
    next chain, or (`draw` 1, 2, ...) for each seed and language that of a chain so many places on, drawn at random. The latter
    also moves what a full circle leaves, such as a gain that is 0 on average."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    for place, cell in enumerate(results.cells):
        if not cell.control and cell.languages:
            groups.setdefault((cell.encoder, cell.target, cell.seed), []).append(place)
    cells: list[Cell] = list(results.cells)
    rng = np.random.default_rng(draw)
    for places in groups.values():
        codes = sorted({code for place in places for code in results.cells[place].languages})
        steps = {code: int(rng.integers(len(places))) if draw else 1 for code in codes}
        for number, place in enumerate(places):
            others = {code: results.cells[places[(number + step) % len(places)]] for code, step in steps.items()}
            languages = {code: other.languages[code] for code, other in others.items() if code in other.languages}
            one = next(iter(others.values()))
            cells[place] = replace(cells[place], languages=languages, layers=one.layers, key=one.key)
    return replace(results, cells=tuple(cells))


def damage_chains(results: Results) -> Results:
    """The same results, but every chain has lost a part of its right answers, each another part."""
    names = list(dict.fromkeys(cell.chain for cell in results.cells))

    def damage(cell: Cell) -> Cell:
        kept = (1 + names.index(cell.chain)) / (1 + len(names))
        return replace(cell, languages={code: cut(score, kept) for code, score in cell.languages.items()})

    def cut(score: LanguageScore, kept: float) -> LanguageScore:
        counts = score.counts_NC.copy()
        counts[int(kept * len(counts)) :, 0] = 0.0
        return replace(score, counts_NC=counts, headline=kept * score.headline)

    return replace(results, cells=tuple(map(damage, results.cells)))


def recount(results: Results) -> Results:
    """The same results, but every data set that was read has one example more."""

    def add(cost: StageCost) -> StageCost:
        found = cost.facts.get("available")
        return cost if found is None else replace(cost, facts={**cost.facts, "available": found + 1})

    return replace(results, costs=tuple(map(add, results.costs)))


def describe_source(source: ClaimSource) -> str:
    """Phang et al. 2020 (AACL version), abstract; arXiv 2005.13013; read"""
    name = source.document + (f" ({source.version})" if source.version else "")
    parts = [f"{name}, {source.locator}" if source.locator else name]
    parts += [f"arXiv {source.arxiv}"] if source.arxiv else []
    return "; ".join([*parts, source.basis])


def _describe_claimed(claim: Claim) -> str:
    if claim.expected:
        return ", ".join(f"{count:,}" for count in claim.expected.values())
    magnitudes = [one.magnitude for one in claim.comparisons if one.magnitude is not None]
    return f"{', '.join(fmt.points(one / 100) for one in magnitudes)}{fmt.JOIN}points" if magnitudes else ""


def describe_numbers(row: ClaimResult) -> str:
    """claimed +8.3 points; published +8.3 (phang2020-v1/dev/squad_v1)"""
    parts = [f"claimed {row.claimed}"] if row.claimed else []
    if row.published:
        parts.append(f"published {fmt.listed((f'{one.value} ({one.id})' for one in row.published), MOST_NUMBERS)}")
    return "; ".join(parts)


def _describe_measured(found: Finding, unit: str) -> str:
    if found.estimate is None:
        return ""
    if unit == "count":
        return f"{found.estimate:,.0f}"
    bracket = "" if found.low is None or found.high is None else f" {fmt.bracket(found.low, found.high)}"
    return f"{fmt.points(found.estimate)}{fmt.JOIN}points{bracket}"


def _describe_strength(found: Finding, comparisons: int) -> str:
    """shown in 2 of 3 comparisons; p 0.003 (Holm); an effect of 1.2 points could have been seen"""
    parts = []
    if found.shown is not None and comparisons > 1:
        parts.append(f"shown in {found.shown} of {comparisons} comparisons")
    if found.p is not None:
        parts.append(f"p{'' if found.p < 0.001 else ' '}{fmt.p_value(found.p)}")
    if found.bound is not None:
        parts.append(f"an effect of {100 * found.bound:.1f}{fmt.JOIN}points could have been seen")
    return "; ".join(parts)


def to_json(study: str, rows: Sequence[ClaimResult], properties: Sequence[Property] = ()) -> str:
    """The rows as JSON for other programs."""
    listed: dict[str, list[dict[str, Any]]] = {
        "claims": [dataclasses.asdict(row) for row in rows],
        "properties": [dataclasses.asdict(row) for row in properties],
    }
    return json.dumps({"study": study, **listed}, indent=1, ensure_ascii=False)
