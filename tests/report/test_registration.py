"""The frozen design on the page, in the terminal and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tests.analysis.fake_results import chain, make_results, target
from tests.analysis.test_registration import frozen, results
from xstilts.analysis.results import Results
from xstilts.report.document import build_document
from xstilts.report.findings import compute_findings
from xstilts.report.registration import NOTHING_FROZEN, registration_record
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.terminal import summarise_run


def written(found: Results) -> tuple[str, str]:
    """The section of the report, and the terminal."""
    findings = compute_findings(found, 20)
    document = build_document(findings)
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(summarise_run(findings))
    assert "<h3>Frozen design</h3>" in render_html(document)
    return render_markdown(document).split("## Frozen design\n")[1].split("\n## ")[0], console.export_text()


def test_a_study_without_a_frozen_design_is_called_exploratory() -> None:
    fake = make_results(chains=[chain("none")], targets=[target("xnli")], skill={("none", "xnli"): 0.5})
    for text in written(fake):
        assert NOTHING_FROZEN in text
    assert registration_record(compute_findings(fake, 20).registration)["exploratory"]


def test_the_frozen_design_is_shown_with_its_deviations(tmp_path: Path) -> None:
    found = results([frozen(primary=[{"target": "world/pos"}], margins={"world/pos": 0.5})], tmp_path, seeds=[0, 1])
    found = replace(found, cells=())  # no score: only the design is shown
    section, terminal = written(found)
    for text in (section, terminal):
        assert "was frozen on 2026-11-01 00:00 UTC, before the first score (xstilts 0.1.0, commit aaaaaaaaaaaa)" in text
        assert "3 deviations from the frozen design" in text
        assert "all of this is exploratory" in text
        assert NOTHING_FROZEN not in text
    assert "- seed added: 1." in section
    assert "- world/pos: the margin was 0.5, now it is 1 points." in section
    assert "| primary pairs | squad → world/pos |" in section
    assert found.frozen[0].design.sha256 in section


def test_confirmatory_pairs_are_named(tmp_path: Path) -> None:
    primary = {"primary": [{"target": "world/pos"}]}
    found = replace(results([frozen(**primary)], tmp_path, **primary), cells=())
    section, _ = written(found)
    assert "No deviation from the frozen design. Confirmatory: 1 of 1 primary pair (squad → world/pos)." in section
    record = json.loads(json.dumps(registration_record(compute_findings(found, 20).registration)))
    assert record["confirmatory"] == [["squad", "world/pos"]]
    assert record["frozen"]["scores_then"] == {"own": 0, "of": 8, "others": 0}
    assert record["frozen"]["design"]["seeds"] == [0]


def test_what_was_frozen_too_late_is_said(tmp_path: Path) -> None:
    section, terminal = written(replace(results([frozen(own=3)], tmp_path), cells=()))
    for text in (section, terminal):
        assert "after 3 of its 8 scores were already there" in text
        assert "all of this is exploratory" in text
