"""Frozen designs: written once, read with what was there by then, refused when changed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_record, tiny_study
from tests.execution.fake_store import begin, finish

from xstilts.errors import InputError
from xstilts.execution.freeze import ScoresThen, freeze, read_frozen
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.design import identify_code, make_design
from xstilts.store.fingerprint import compute_key
from xstilts.store.store import Store

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


def planned(**changes: Any) -> Plan:
    return compile_study(tiny_study(**changes))


def made_at(when: datetime) -> dict[str, Any]:
    return {"outcome": "done", "started": when.timestamp(), "seconds": 1.0}


def test_a_record_has_the_design_the_date_and_the_code(tmp_path: Path) -> None:
    plan, store = planned(primary=[{"target": "world/pos"}], margins={"world/pos": 0.5}, seeds=[3, 4]), Store(tmp_path)
    frozen, new = freeze(plan, store, NOW)
    assert new
    record = json.loads(frozen.path.read_text())
    assert datetime.fromisoformat(record["frozen"]) == NOW
    assert record["code"] == identify_code().model_dump()
    assert record["code"]["version"]
    design = record["design"]
    assert record["sha256"] == compute_key(design) == frozen.design.sha256
    assert design["primary"] == [["squad", "world/pos"]]
    assert design["seeds"] == [3, 4]
    assert design["targets"]["world/pos"]["margin"] == 0.5
    assert design["targets"]["world/pos"]["languages"] == ["en", "l1"]
    assert design["targets"]["world/tydiqa"]["margin"] == 2.0, "the format's"
    assert design["chains"]["squad"][0]["recipe"]["lr"] == 1e-3, "recipes stand as they are resolved"
    assert design["targets"]["world/retrieval"]["recipe"]["layer"] == "jiant", "not trained: how sentences are compared"
    assert {one["key"] for one in design["scores"]} == {cell.score.key for cell in plan.cells}
    assert len(design["scores"]) == design["cells"] == len(plan.cells)
    assert "/" not in design["encoders"][0], "no path of a machine"
    assert not os.stat(frozen.path).st_mode & 0o222, "nobody may write it again"


def test_conditions_are_frozen_and_move_no_older_hash(tmp_path: Path) -> None:
    plan, attacked = planned(), planned(conditions=[{"attack": "keyboard", "count": 2}])
    assert "conditions" not in make_design(plan).record()
    frozen, _ = freeze(attacked, Store(tmp_path), NOW)
    assert json.loads(frozen.path.read_text())["design"]["conditions"] == ["keyboard, count 2 (version 1)"]
    assert frozen.design.sha256 != make_design(plan).sha256
    assert freeze(attacked, Store(tmp_path), NOW)[1] is False


def test_all_pairs_are_primary_if_the_study_names_none() -> None:
    design = make_design(planned())
    assert design.primary == tuple(("squad", target) for target in ("world/tydiqa", "world/pos", "world/retrieval"))


def test_the_same_design_is_frozen_once_and_another_beside_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, _ = freeze(planned(), store, NOW)
    before = first.path.read_bytes()
    again, new = freeze(planned(), store, NOW + HOUR)
    assert not new
    assert again == first
    second, new = freeze(planned(seeds=[0, 1]), store, NOW + HOUR)
    assert new
    assert second.path != first.path
    assert first.path.read_bytes() == before
    assert [one.name for one in read_frozen(planned(), store)] == [first.name, second.name], "the oldest first"
    assert read_frozen(planned(name="other"), store) == ()


def test_scores_are_counted_by_the_dates_of_their_runs(tmp_path: Path) -> None:
    plan, store = planned(), Store(tmp_path)
    keys = [cell.score for cell in plan.cells]
    for score, hours in ((keys[0], -2), (keys[1], -1), (keys[2], 1)):
        finish(store, score)
        begin(store, score, **made_at(NOW + hours * HOUR))  # made again: the first run counts
        (store.folder("score", score.slug, score.key) / "run-000.json").unlink()
    begin(store, keys[3], outcome="failed", started=(NOW - HOUR).timestamp())
    frozen, _ = freeze(plan, store, NOW)
    assert frozen.scores_then == ScoresThen(own=2, of=len(keys), others=0)
    assert str(frozen.scores_then) == f"after 2 of its {len(keys)} scores were already there"
    late, _ = freeze(planned(seeds=[0, 1]), store, NOW + 3 * HOUR)
    assert read_frozen(plan, store)[1].scores_then.own == 3
    assert late.scores_then.of == 2 * len(keys)


def test_a_score_of_the_same_cell_made_in_another_way_was_seen_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    recipes = tiny_record()["recipes"]
    tried = planned(recipes={"default": {**recipes["default"], "lr": 5e-3}})
    score = next(cell.score for cell in tried.cells if cell.id.arm == "squad")
    finish(store, score)
    begin(store, score, **made_at(NOW - HOUR))
    frozen, _ = freeze(planned(), store, NOW)
    assert (frozen.scores_then.own, frozen.scores_then.others) == (0, 1)
    assert not frozen.scores_then.none
    assert "made in another way" in str(frozen)


@pytest.mark.parametrize("change", [{"frozen": "yesterday"}, {"sha256": "0" * 64}, {"design": {}}, {"more": 1}])
def test_a_record_that_was_changed_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    plan, store = planned(), Store(tmp_path)
    frozen, _ = freeze(plan, store)
    frozen.path.chmod(0o644)
    frozen.path.write_text(json.dumps({**json.loads(frozen.path.read_text()), **change}))
    with pytest.raises(InputError, match="it was changed after it was frozen"):
        read_frozen(plan, store)


def test_a_key_that_is_not_known_yet_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    open_ones = {"encoders": ["world/tiny", "org/model@main"], "chains": {"none": [], "ccg": ["ccg"]}}
    plan = compile_study(tiny_study(**open_ones, pretrain=[], random_init=False), tmp_path, draft=True)
    design = make_design(plan)
    assert {(one.encoder, one.arm) for one in design.scores} == {("tiny", "none")}
    assert design.cells == 4 * 3
