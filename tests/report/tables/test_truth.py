"""A truth that is known stands beside what the study found."""

from dataclasses import replace

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.truth import TrueGain, Truth
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.truth import holds_truth, list_true_gains, summarise_truth, truth_table, write_verdicts

SKILL = {("none", "xnli"): 0.5, ("good", "xnli"): 0.58, ("none", "udpos"): 0.6, ("good", "udpos"): 0.6}


def true_gain(name: str, points: float, **verdicts: int) -> TrueGain:
    return TrueGain(chain="good", target=name, over="none", kind="none", points=points, error=0.25, verdicts=verdicts)


def find_with_truth(*gains: TrueGain) -> Findings:
    results = make_results(
        chains=[chain("none"), chain("good", "snli")],
        targets=[target("xnli"), target("udpos")],
        skill=SKILL,
        seeds=(0, 1, 2, 3, 4, 5),
    )
    truth = Truth(
        design="", seeds=(100, 219), repeats=20, size=6, date="2026-11-27", code="xstilts 0.1.0", processor="a chip", gains=gains
    )
    return compute_findings(replace(results, truth=truth), 200)


def test_truth_and_estimate_stand_side_by_side() -> None:
    findings = find_with_truth(true_gain("xnli", 8.0, gain=19, unclear=1), true_gain("udpos", 30.0, equivalent=20))
    table = truth_table(findings)
    assert table is not None
    held, missed = table.groups[0][1]
    columns = table.columns
    assert held[columns.index("truth")] == "+8.0 ± 0.2"
    assert held[columns.index("holds it")] == "yes"
    assert held[columns.index("20 other studies")] == "19 gain, 1 unclear"
    assert missed[columns.index("holds it")] == "no"


def test_a_gain_that_the_study_does_not_have_is_left_out() -> None:
    assert list_true_gains(find_with_truth(true_gain("tydiqa", 8.0, gain=20))) == []
    assert summarise_truth(find_with_truth(true_gain("tydiqa", 8.0, gain=20))) == []


def test_an_interval_holds_what_lies_between_its_ends() -> None:
    (true, gain), *_ = list_true_gains(find_with_truth(true_gain("xnli", 8.0, gain=20)))
    assert gain.interval is not None
    assert holds_truth(true, gain)
    assert not holds_truth(true.model_copy(update={"points": 100 * gain.interval.high + 0.01}), gain)
    assert not holds_truth(true.model_copy(update={"points": 100 * gain.interval.low - 0.01}), gain)


def test_the_page_says_where_the_truth_is_from_and_other_studies_have_no_such_section() -> None:
    findings = find_with_truth(true_gain("xnli", 8.0, gain=20))
    page = render_markdown(build_document(findings))
    assert "The truth, which the fake knows" in page
    assert "120 other seeds (100 to 219; xstilts 0.1.0, 2026-11-27, a chip)" in page
    other = replace(findings, results=replace(findings.results, truth=None))
    assert "The truth" not in render_markdown(build_document(other))
    assert summarise_truth(other) == []


def test_the_end_of_a_run_says_truth_estimate_and_how_often_it_is_found() -> None:
    head, line = summarise_truth(find_with_truth(true_gain("xnli", 8.0, gain=20)))
    assert "120 runs with other seeds (20 studies of 6)" in head
    assert line.startswith("good → xnli: +8.0 ± 0.2, here +")
    assert line.endswith("their verdicts: 20 gain.")
    assert write_verdicts(true_gain("xnli", 8.0, unclear=3, gain=17)) == "17 gain, 3 unclear"
