"""A study with conditions on the embedded world: from plan to page, with one worker and with two."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import tiny_study

from xstilts.analysis.broken_examples import choose_broken
from xstilts.analysis.gather import gather
from xstilts.analysis.scores import summarise
from xstilts.cli.running import write_study_report
from xstilts.execution.execute import execute, inspect
from xstilts.formats.jsonl import read_jsonl
from xstilts.metrics.worst import own_scores
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import AttackStage
from xstilts.store.store import Store, read_json
from xstilts.study import Study
from xstilts.tasks.registry import find_task

pytestmark = pytest.mark.tiny
RECIPE = {"lr": 3e-3, "batch": 8, "steps": 60, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}


def attack_study(*conditions: object) -> Study:
    return tiny_study(
        chains={"none": [], "nli": ["world/nli"]},
        targets=["world/pos", "world/paraphrase"],
        conditions=list(conditions),
        recipes={"default": RECIPE},
    )


@pytest.fixture(scope="module")
def ran(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    few, more = ({"attack": "characters", "budget": 0.4, "count": count} for count in (1, 4))
    plan = compile_study(attack_study("clean", few, more, "language_pair", "symmetry"))
    store = Store(tmp_path_factory.mktemp("attacked"))
    assert not execute(plan, store, workers=2).errors
    return plan, store


def test_one_worker_gives_the_same_bytes(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    other = Store(tmp_path)
    assert not execute(plan, other, workers=1).errors
    ends = [stage for stage in plan.stages if stage.kind in ("attack", "predict", "score")]
    assert len(ends) > 20
    for stage in ends:
        one, two = (read_json(s.folder(stage.kind, stage.slug, stage.key) / "done.json")["files"] for s in (store, other))
        assert one == two, stage.slug


def test_clean_results_are_those_of_the_study_without_conditions(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    plain = compile_study(attack_study())
    assert inspect(plain, store).count("pending") == 0
    with_conditions, without = gather(plan, store), gather(plain, store)
    assert summarise(with_conditions) == summarise(without) and without.attacked == {}
    assert [cell.key for cell in with_conditions.cells] == [cell.key for cell in without.cells]


def test_more_variants_leave_less(ran: tuple[Plan, Store]) -> None:
    """Example by example, since the one variant is among the four."""
    plan, store = ran
    attacked = gather(plan, store).attacked
    few, more = attacked["characters, budget 0.4"], attacked["characters, budget 0.4, count 4"]
    fell = 0
    for one, other in zip(few, more, strict=True):
        metric = find_task(one.target).metric
        assert metric is not None and one.languages.keys() == other.languages.keys()
        for code, score in one.languages.items():
            first, second = (own_scores(metric, x.counts_NC) for x in (score, other.languages[code]))
            assert (second <= first).all() and other.languages[code].headline <= score.headline
            fell += int((second < first).sum())
    assert fell > 0


def test_the_variants_are_numbered_and_counted(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    for stage in (stage for stage in plan.stages if isinstance(stage, AttackStage)):
        folder, clean = (store.outputs(s.kind, s.slug, s.key) for s in (stage, stage.inputs.clean))
        ids = [one.id for one in read_jsonl(folder / "examples.jsonl")]
        facts = read_json(folder.parent / "done.json")["facts"]
        sources = {id.rpartition("#")[0] for id in ids}
        assert facts["examples"] == len(ids) == len(set(ids)) > 0 and facts["available"] == 16
        assert facts["untouched"] == 16 - len(sources)
        assert sources <= {one.id for one in read_jsonl(clean / "examples.jsonl")}


def test_broken_examples_are_right_before_and_wrong_after(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    found = choose_broken(plan, store)
    assert found and {one.condition for one in found} <= {condition.name for condition in plan.study.conditions}
    for one in found:
        assert set(one.answers) == {"none", "nli"}
        assert any(before != after for before, after in one.answers.values())
        assert any(changed for _, changed in one.attacked)
    assert choose_broken(plan, store) == found


def test_the_report_has_it_all(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    findings, page = write_study_report(plan, store, None, tmp_path)
    assert ">Robustness</h2>" in page.read_text()
    with (tmp_path / "robustness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["condition"] for row in rows} == {condition.name for condition in plan.study.conditions}
    assert {row["verdict"] for row in rows if row["verdict"]} <= {"few seeds", "near chance", "not taken"}
    with (tmp_path / "scores.csv").open() as file:
        keys = {row["key"] for row in csv.DictReader(file)}
    assert keys == {cell.score.key for cell in plan.cells} and not keys & {cell.score.key for cell in plan.attacked}
    assert np.isfinite([row.attacked for row in findings.attacked]).all()
    (ladder,) = {one.ladder for one in findings.curves}
    assert (ladder.varied, ladder.strengths) == ("count", (1.0, 4.0)) and (tmp_path / "curves.csv").is_file()
    for one in findings.matrices:
        diagonal = {pair.first: pair for pair in one.pairs if pair.first == pair.second}
        assert set(diagonal) == set(one.languages) and len({pair.n for pair in diagonal.values()}) == 1
        assert all(0 < pair.n <= diagonal[pair.first].n for pair in one.pairs)
    assert {one.chain for one in findings.matrices} == {"none", "nli"} and (tmp_path / "pairs.csv").is_file()
    words = [row.edited_words for row in findings.attacked if row.condition.startswith("characters") and row.language != "others"]
    assert words and all(share is not None and 0.2 < share <= 0.5 for share in words)
