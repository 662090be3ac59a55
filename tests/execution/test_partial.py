"""Languages come and go: what was made stays, and a language that cannot be read leaves the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_record, tiny_study

import xstilts
from xstilts.execution.execute import execute
from xstilts.execution.partial import find_unread, leave_out_unread, run_what_is_there
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import Stage
from xstilts.store.store import Store, read_json
from xstilts.study import load_study, make_study

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]


def outputs(store: Store, stage: Stage) -> dict[str, bytes]:
    folder = store.folder(stage.kind, stage.slug, stage.key) / "out"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def reused(store: Store, stage: Stage) -> list[str]:
    done: Any = read_json(store.folder(stage.kind, stage.slug, stage.key) / "done.json")
    return sorted(done["facts"].get("reused", []))


def of_kinds(plan: Plan, *kinds: str) -> list[Stage]:
    return [stage for stage in plan.stages if stage.kind in kinds]


def test_a_language_more_is_all_that_is_made(tmp_path: Path) -> None:
    few, more, none = (
        compile_study(
            tiny_study(
                languages=languages, targets=["world/pos", "world/retrieval"], chains={"none": []}, pretrain=[], random_init=False
            )
        )
        for languages in (["en", "l1"], ["en", "l1", "l2"], ["l2", "l3"])
    )
    store, fresh = Store(tmp_path / "store"), Store(tmp_path / "fresh")
    assert not execute(few, store, workers=1).errors
    assert not execute(more, store, workers=1).errors
    assert not execute(more, fresh, workers=1).errors
    stages = of_kinds(more, "predict", "embed")
    assert {stage.kind for stage in stages} == {"predict", "embed"}
    for stage in stages:
        expected = ["en", "l1"] if stage.kind == "predict" else ["l1"]  # no retrieval from English to English
        assert reused(store, stage) == expected
        assert reused(fresh, stage) == []
        assert outputs(store, stage) == outputs(fresh, stage), stage.slug
    assert not execute(none, store, workers=1).errors
    assert [reused(store, stage) for stage in of_kinds(none, "predict")] == [["l2"]]


def test_what_is_damaged_is_not_reused(tmp_path: Path) -> None:
    few, more = (
        compile_study(tiny_study(languages=languages, targets=["world/pos"], chains={"none": []}, pretrain=[]))
        for languages in (["en", "l1"], ["en", "l1", "l2"])
    )
    store = Store(tmp_path)
    assert not execute(few, store, workers=1).errors
    (old,), (new,) = of_kinds(few, "predict"), of_kinds(more, "predict")
    with (store.folder(old.kind, old.slug, old.key) / "out" / "en.jsonl").open("a") as file:
        file.write("{}\n")
    assert not execute(more, store, workers=1).errors
    assert reused(store, new) == []


def test_languages_of_one_target() -> None:
    study = tiny_study(languages=["en", "l1", "l2"], targets=["world/nli", {"task": "world/pos", "languages": ["l1"]}])
    plan = compile_study(study)
    tested = {cell.id.target: tuple(cell.score.config.languages) for cell in plan.cells}
    assert tested == {"world/nli": ("en", "l1", "l2"), "world/pos": ("l1",)}


@pytest.fixture
def unreadable(tmp_path: Path) -> tuple[dict[str, Any], Path]:
    """A study whose test data are damaged in one of three languages, and their folder."""
    for name in ("train-en", "test-en", "test-de"):
        (tmp_path / f"{name}.tsv").write_text(f"good\tIt sails, {name}.\nbad\tIt sinks, {name}.\n" * 4)
    (tmp_path / "test-sw.tsv").write_text("good\tInasafiri.\nsupreb\tInazama.\n")
    (tmp_path / "films.yaml").write_text(
        "name: films\nformat: classify\ntexts: 1\nlabel: 0\nlabels: [bad, good]\nlicense: CC0-1.0\n"
        "files: {train: 'train-{lang}.tsv', test: 'test-{lang}.tsv'}\nlanguages: {train: en, test: en de sw}\n"
    )
    record = tiny_record(
        pretrain=[], tasks=[str(tmp_path / "films.yaml")], targets=["films"], chains={"none": []}, languages="all"
    )
    return record, tmp_path


def test_a_language_that_cannot_be_read_leaves_the_others(unreadable: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    record, _ = unreadable
    plan = compile_study(make_study(record), tmp_path)
    store = Store(tmp_path / "store")
    rest, (first, second) = run_what_is_there(plan, lambda one: execute(one, store, workers=1))
    assert [error.error for error in first.errors.values()]
    assert not second.errors
    assert rest.cells[0].score.config.languages == ("en", "de")
    assert second.status[rest.cells[0].score.key] == "done"
    assert rest.missing == {"films": ("sw",)}
    assert any(
        note.startswith("films: sw is left out, because its data could not be read: ") and "supreb" in note for note in rest.notes
    )
    # who reads the store later finds the same
    assert leave_out_unread(plan, store).cells[0].score.key == rest.cells[0].score.key
    # mended, only the language that was missing is made
    (tmp_path / "test-sw.tsv").write_text("good\tInasafiri.\nbad\tInazama.\n")
    mended = compile_study(make_study(record), tmp_path)
    _, states = run_what_is_there(mended, lambda one: execute(one, store, workers=1))
    assert len(states) == 1
    assert [reused(store, stage) for stage in of_kinds(mended, "predict")] == [["de", "en"]]


def test_who_reads_the_store_sees_the_others_and_is_told(unreadable: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    record, store = unreadable[0], tmp_path / "store"
    study = make_study(record)
    with pytest.warns(UserWarning, match=r"films: sw is left out, because its data could not be read: .*supreb"):
        state = xstilts.run(study, store, workers=1, data=unreadable[1])
    assert ["supreb" in error.error for error in state.errors.values()] == [True]
    found = xstilts.scores(study, store, data=unreadable[1])
    assert set(found["language"]) == {"en", "de"}
    page = xstilts.write_report(study, store, tmp_path / "report", data=unreadable[1])
    assert "sw is left out, because its data could not be read" in page.read_text(encoding="utf-8")


def test_a_target_without_any_language_is_not_left_out() -> None:
    plan = compile_study(load_study("demo"))
    assert find_unread(plan, lambda stage: "gone") == {}
