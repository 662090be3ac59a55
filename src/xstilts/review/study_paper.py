"""A study as a document: what its report says in sentences, so that a claim can be checked against it like against a paper."""

from __future__ import annotations

from xstilts.documents.paper import Paper, Section
from xstilts.report.findings import Findings
from xstilts.report.tables.gains import describe_gain


def make_study_paper(findings: Findings, origin: str) -> Paper:
    """The answer with what qualifies it, and a sentence or two for each gain."""
    results = findings.results
    gains = [
        f"{gain.chain} as an intermediate task, before {findings.label(gain.target, gain.encoder)}: {describe_gain(gain)}"
        for gain in findings.gains
    ]
    sections = (
        Section("Answer", "\n\n".join([findings.answer.sentence, *findings.answer.support])),
        Section("Gains", "\n\n".join(gains)),
    )
    return Paper(f"study:{results.study}", "", results.question, origin, "full text", sections)
