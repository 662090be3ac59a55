"""What it cost: sums by kind and phase, what a run did not record, and what was out of the ordinary."""

from __future__ import annotations

import csv
import io

import pytest

from tests.analysis.fake_results import chain, make_results, stage, target, trained
from xstilts.analysis.costs import describe_anomalies, sum_by_kind, sum_by_phase
from xstilts.analysis.results import StageCost
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.render.csv import COST_COLUMNS, cost_rows, to_csv
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.cost import cost_table, phases_table

OLD = {"seconds": None, "flops": None, "peak_flops": None, "utilisation": None, "vocabulary": None, "packed": None}


def analysis(*costs: StageCost) -> Findings:
    return compute_findings(make_results(chains=[chain("none")], targets=[target("tydiqa")], skill={}, costs=costs), 100)


def test_sharing_saves() -> None:
    costs = [
        stage("train", "a", seconds=100.0, peak_mib=500.0, used_by=4),
        stage("train", "b", seconds=50.0, peak_mib=900.0, made_before=True),
        stage("train", "c", seconds=None, peak_mib=None, status="failed", used_by=3),
    ]
    (kind,) = sum_by_kind(tuple(costs))
    assert (kind.stages, kind.done, kind.made_before, kind.saved) == (3, 2, 1, 3)
    assert (kind.seconds, kind.saved_seconds, kind.peak_mib) == (150.0, 300.0, 900.0)


def test_large_counts_are_written_in_thousands() -> None:
    (line,) = cost_table(analysis(*[stage("fetch", "a", used_by=1_235)])).groups[0][1]
    assert line[:2] == ("fetch", "1 of 1")
    assert "1,234" in line


def test_a_phase_sums_its_trainings() -> None:
    slow = trained("b", tokens=60_000, seconds={"encode": 1.0, "train": 24.0, "evaluate": 2.0, "checkpoint": 0.0, "save": 0.5})
    pretrained = trained("p", "pre-training")
    first, last = sum_by_phase([trained("a"), slow, pretrained, stage("fetch", "f")])
    assert (first.phase, last.phase) == ("pre-training", "fine-tuning")
    assert (last.stages, last.done, last.runs) == (2, 2, 2)
    assert {part: figure.value for part, figure in last.seconds.items()} == {
        "encode": 1.5,
        "train": 32.0,
        "evaluate": 3.0,
        "checkpoint": 0.25,
        "save": 0.75,
    }
    assert last.speed.value == pytest.approx((120_000 + 60_000) / 32)
    assert last.utilisation.value == pytest.approx((4e11 + 4e11) / (1e11 * 32))  # by time, not the mean of the shares


def test_what_older_runs_did_not_record_is_missing_and_not_zero() -> None:
    (only,) = sum_by_phase([trained("a", **OLD)])
    assert only.seconds["train"].value == 8.0  # the one part of the time that they had
    assert only.seconds["encode"].value is None
    assert only.utilisation.value is None
    assert only.speed.value == pytest.approx(15_000)
    table = phases_table(analysis(trained("a", **OLD)))
    written = dict(table.groups[0][1])
    assert (written["utilisation"], written["time: encode"], written["time: train"]) == ("–", "–", "8.0 s")
    assert "not recorded" in table.caption
    mixed = phases_table(analysis(trained("a", **OLD), trained("b")))
    assert dict(mixed.groups[0][1])["utilisation"] == "50\u00a0% (1 of 2)"
    assert "not recorded" not in mixed.caption
    row = next(csv.DictReader(io.StringIO(to_csv(cost_rows(analysis(trained("a", **OLD)).results), COST_COLUMNS))))
    assert (row["utilisation"], row["encode_seconds"], row["train_seconds"]) == ("", "", "8.0")


def test_the_csv_has_every_stage_and_only_named_columns() -> None:
    made = analysis(trained("a", vocabulary={"kept": 7, "of": 9}), stage("fetch", "f", facts={"examples": 5, "unlocatable": 2}))
    rows = cost_rows(made.results)
    assert [row["slug"] for row in rows] == ["a", "f"]
    assert {name for row in rows for name in row} <= set(COST_COLUMNS)
    assert (rows[0]["vocabulary_kept"], rows[0]["utilisation"], rows[1]["unlocatable"]) == (7, 0.5, 2)
    assert "utilisation" not in rows[1]


def test_nothing_odd_is_not_mentioned() -> None:
    assert describe_anomalies([trained("a"), trained("b", **OLD), stage("fetch", "f", facts={"unlocatable": 0})]) == ()


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (trained("a", halved=2, micro_tokens=512), "halved 2 times in 1 training, down to 512 tokens"),
        (trained("a", stopped_early=True), "1 training stopped early"),
        (trained("a", matched_steps=150), "1 compute-matched training took 150 extra steps"),
        (trained("a", processes=2), "1 training shared each batch among 2 processes"),
        (trained("a", vocabulary={"kept": 5120, "of": 250_002}), "held only the 5,120 embeddings (of 250,002)"),
        (trained("a", packed=False), "1 training computed padding too"),
        (stage("fetch", "squad_mt-train-de", facts={"unlocatable": 12}), "12 examples of training data dropped"),
        (stage("fetch", "snli_mt-train-de", facts={"untranslated": 3}), "lack a string of theirs: snli_mt-train-de 3"),
        (trained("a", unreached={"squad_v1": 12}), "squad_v1: the answer of 12 training questions is in no window of tokens"),
        (
            stage("predict", "a-s0@tydiqa", facts={"unreached": {"ar": 3, "ru": 1}}),
            "no window of tokens holds the answer: 3 in ar",
        ),
        (stage("train", "a", runs=3), "1 stage took more than one attempt (most: a, 3)"),
    ],
)
def test_what_is_odd_is_said_in_every_rendering(cost: StageCost, words: str) -> None:
    (line,) = describe_anomalies([cost])
    assert words in line
    made = analysis(cost)
    assert words in render_markdown(build_document(made))
    assert words in render_html(build_document(made))
