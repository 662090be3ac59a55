"""The certificate: rates of a design against the exact t test, the same again from the store, and what is said in the report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.calibration import Calibration, SimulatedTarget, calibrate, describe_design, simulate
from xstilts.cli.running import write_study_report
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.tables.calibration import calibration_table, describe_calibration
from xstilts.store.store import Store

CHAINS = (chain("none"), chain("one", "snli"), chain("two", "qqp"), chain("own", "xnli"))
TARGETS = (target("xnli"), target("pos", languages=("en", "de")), target("low", chance=0.5))
SKILL = {(c.name, t.name): 0.5 if t.name == "low" else 0.6 for c in CHAINS for t in TARGETS}


def find(seeds: tuple[int, ...] = (0, 1, 2)) -> Findings:
    return compute_findings(make_results(chains=CHAINS, targets=TARGETS, skill=SKILL, seeds=seeds, noise=0.01), 60)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return find()


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_design_keeps_its_promises_and_the_planner_its_own(seeds: int, share: float) -> None:
    """Twelve pairs; planted is what the planner says is seen with 80 % after the correction."""
    found = simulate([SimulatedTarget(4, seeds, share * 2e-5, (1 - share) * 2e-5, 2000.0)] * 3, studies=2000)
    assert (found.family, found.seeds, found.targets) == (12, seeds, 3)
    assert found.seed_share == pytest.approx(share)
    for rate in (found.any_false_null, found.any_false_planted):
        assert rate.share <= 0.05 + 2 * rate.error
    assert 0.94 <= found.coverage.share <= 0.98
    assert 0.78 <= found.power.share <= 0.87  # later steps of Holm's correction ask for less


def test_only_seeds_and_one_pair_is_the_t_test() -> None:
    found = simulate([SimulatedTarget(1, 4, 1e-4, 0.0, 2000.0)], studies=8000)
    assert found.any_false_null.share == pytest.approx(0.05, abs=3 * found.any_false_null.error)
    assert found.coverage.share == pytest.approx(0.95, abs=3 * found.coverage.error)
    assert found.power.share == pytest.approx(0.8, abs=3 * found.power.error)


def test_a_family_of_81_takes_seconds() -> None:
    started = time.process_time()
    simulate([SimulatedTarget(9, 6, 1e-5, 1e-5, 2000.0)] * 9)
    assert time.process_time() - started < 10


def test_the_design_is_that_of_the_pairs_that_count(findings: Findings) -> None:
    design = describe_design(findings.gains)
    assert [one.pairs for one in design] == [2, 3]  # not the chain of the target's own data, not the target near chance
    spread = next(g.interval for g in findings.gains if g.chain == "one" and g.target == "xnli").spread  # type: ignore[union-attr]
    assert design[0].seed_variance < 10 * spread.seed_variance  # type: ignore[union-attr]
    assert design[0].example_df == 299


def test_a_certificate_is_kept_and_read_again(findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    made = calibrate(findings.gains, store)
    (kept,) = tmp_path.glob("calibration/*/certificate.json")
    assert json.loads(kept.read_text()) == json.loads(json.dumps(asdict(made)))  # type: ignore[arg-type]
    assert made == calibrate(findings.gains)
    monkeypatch.setattr("xstilts.analysis.calibration.simulate", lambda design: pytest.fail("simulated again"))
    assert calibrate(findings.gains, store) == made


@pytest.mark.parametrize("damaged", ["[]", "{}", '{"studies": 3}', "{", "null"])
def test_a_damaged_certificate_is_made_again(findings: Findings, tmp_path: Path, damaged: str) -> None:
    store = Store(tmp_path)
    made = calibrate(findings.gains, store)
    (path,) = tmp_path.glob("calibration/*/certificate.json")
    whole = path.read_text()
    path.write_text(damaged)
    assert calibrate(findings.gains, store) == made
    assert path.read_text() == whole


def test_a_store_that_cannot_be_written_gives_the_same(findings: Findings, tmp_path: Path) -> None:
    (tmp_path / "calibration").write_text("in the way")
    assert isinstance(calibrate(findings.gains, Store(tmp_path)), Calibration)


def test_two_seeds_have_no_certificate_and_the_report_says_so() -> None:
    few = find((0, 1))
    assert calibrate(few.gains) is None
    assert "nothing to calibrate" in describe_calibration(few)
    assert calibration_table(few) is None


def test_the_report_shows_it(findings: Findings) -> None:
    certified = replace(findings, calibration=calibrate(findings.gains))
    sections = {section.title: section for section in build_document(certified).sections}
    section = sections["Calibration of this study"]
    assert "5 comparisons on 2 targets, 3 seeds" in section.blocks[0].text  # type: ignore[union-attr]
    table = calibration_table(certified)
    assert table is not None and table.rows == 2
    broken = replace(certified.calibration, any_false_null=replace(certified.calibration.any_false_null, share=0.2))  # type: ignore[type-var, union-attr]
    assert "does not keep its promise" in describe_calibration(replace(certified, calibration=broken))


def test_a_written_report_has_its_certificate_in_the_store(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xstilts.report.findings.gather", lambda *_: findings.results)
    for chooses in ("examples", "broken", "pictures"):
        monkeypatch.setattr(f"xstilts.report.findings.choose_{chooses}", lambda *_: ())
    written, page = write_study_report(None, Store(tmp_path / "store"), None, tmp_path / "report")  # type: ignore[arg-type]
    assert written.calibration == calibrate(written.gains)
    assert len(list((tmp_path / "store").glob("calibration/*/certificate.json"))) == 1
    assert "Calibration of this study" in page.read_text(encoding="utf-8")
