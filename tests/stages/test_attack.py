"""The attack stage: what it leaves, the same bytes however it is cut up, and after a kill."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.attacks.registry import ATTACKS
from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl, write_jsonl
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages import attack
from xstilts.stages.attempt import attempt
from xstilts.stages.contracts import AttackConfig, AttackInputs
from xstilts.stages.job import Job
from xstilts.stages.stage import KINDS, AttackStage
from xstilts.store.store import Store, read_json
from xstilts.tasks.registry import find_task
from xstilts.world import WorldConfig, generate

EXAMPLES = [
    ClassifyExample(f"x-{i}", (f"the old farmer number {i} sees a house", "somebody sees a house"), "0") for i in range(9)
]


def make_job(
    folder: Path,
    name: str,
    examples: list[Any],
    language: str = "en",
    parallel: dict[str, list[Any]] | None = None,
    **changes: Any,
) -> attack.AttackJob:
    (folder / "out").mkdir(parents=True)
    sets: dict[str, list[Example]] = {"clean": examples, **(parallel or {})}
    for code, some in sets.items():
        (folder / code).mkdir()
        write_jsonl(folder / code / "examples.jsonl", some)
    config = replace(AttackConfig(name, 1, "world/paraphrase", language, 0.2, 3, 0), **changes)
    inputs = AttackInputs(folder / "clean", {code: folder / code for code in parallel or {}})
    return Job(config, inputs, folder / "out", folder / "checkpoint")


def run(job: attack.AttackJob) -> tuple[bytes, bytes]:
    attack.run(job)
    return (job.out / "examples.jsonl").read_bytes(), (job.out / "variants.jsonl").read_bytes()


def test_variants_stand_beside_their_examples(tmp_path: Path) -> None:
    blank = ClassifyExample("blank", ("1", "2"), "0")
    job = make_job(tmp_path, "characters", [*EXAMPLES, blank])
    attack.run(job)
    made, records = list(read_jsonl(job.out / "examples.jsonl")), list(attack.read_variants(job.out))
    assert [one.id for one in made] == [record["id"] for record in records]
    assert (job.out / attack.CLEAN).read_bytes() == (job.inputs.clean / "examples.jsonl").read_bytes()
    assert {record["clean"] for record in records} == {one.id for one in EXAMPLES}
    repeated = 27 - len(made)
    assert job.facts == {"examples": len(made), "available": 10, "untouched": 1, "repeated": repeated}
    assert len(EXAMPLES) < len(made)
    texts = {one.id: one.texts for one in EXAMPLES}
    for one, record in zip(made, records, strict=True):
        assert isinstance(one, ClassifyExample) and one.id.rpartition("#")[0] == record["clean"]
        edited = list(texts[record["clean"]])
        for edit in reversed(record["edits"]):
            old = edited[edit["part"]]
            edited[edit["part"]] = old[: edit["start"]] + edit["replacement"] + old[edit["end"] :]
        assert tuple(edited) == one.texts != texts[record["clean"]]


def test_it_is_the_same_however_many_examples_are_attacked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(make_job(tmp_path / "a", "characters", EXAMPLES))
    monkeypatch.setattr(attack, "AT_ONCE", 2)
    assert run(make_job(tmp_path / "b", "characters", EXAMPLES)) == found
    assert run(make_job(tmp_path / "c", "characters", EXAMPLES, seed=1)) != found


def test_more_variants_are_more_of_the_same(tmp_path: Path) -> None:
    few, many = (run(make_job(tmp_path / str(n), "characters", EXAMPLES, count=n))[0].splitlines() for n in (2, 6))
    assert set(few) < set(many)


def test_pairs_of_languages_read_the_same_ids(tmp_path: Path) -> None:
    german = [replace(one, texts=("der bauer", "das haus")) for one in EXAMPLES[:5]]
    job = make_job(tmp_path, "language_pair", EXAMPLES, parallel={"en": EXAMPLES, "de": german}, budget=1.0)
    attack.run(job)
    assert job.facts["untouched"] == 4
    records = list(attack.read_variants(job.out))
    assert all(sorted(record["languages"]) == ["de", "en"] and record["edits"] == [] for record in records)


def test_an_attack_that_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="attack characters: it changed since the plan was made"):
        attack.run(make_job(tmp_path, "characters", EXAMPLES, version=99))


# -- in a store --------------------------------------------------------------------------------------------------------


def planned() -> tuple[Plan, AttackStage]:
    plan = compile_study(tiny_study(targets=["world/paraphrase"], conditions=[{"attack": "characters", "count": 4}]))
    return plan, next(stage for stage in plan.stages if isinstance(stage, AttackStage))


def run_until(store: Store, stage: AttackStage, die: bool) -> str:
    def progress(facts: dict[str, Any]) -> None:
        if die and facts.get("step", 0) > 4:
            os.kill(os.getpid(), signal.SIGKILL)

    return attempt(store, json.loads(json.dumps(stage.record())), progress, threading.Event()).outcome


def test_a_kill_in_the_middle_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack, "AT_ONCE", 3)
    _, stage = planned()
    files = []
    for name in ("calm", "wild"):
        store = Store(tmp_path / name)
        store.prepare()
        for source in stage.parents:
            assert attempt(store, source.record(), lambda _: None, threading.Event()).outcome == "done"
        if name == "wild":
            child = multiprocessing.get_context("fork").Process(target=run_until, args=(store, stage, True))
            child.start()
            child.join(60)
            assert child.exitcode == -signal.SIGKILL
        assert run_until(store, stage, die=False) == "done"
        folder = store.folder(stage.kind, stage.slug, stage.key)
        assert len(store.runs(folder)) == (2 if name == "wild" else 1)
        files.append(read_json(folder / "done.json")["files"])
    assert files[0] == files[1]


# -- golden ------------------------------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parents[1] / "golden" / "attacks.json"
WORLD = WorldConfig(test=12, paraphrase=20, nli=20, ner=20, tydiqa=20, choice=20)


def test_variants_change_only_with_a_version(tmp_path: Path) -> None:
    """If this fails and no variant was meant to change, the change is a bug. If it was: raise the attack's version (or that of
    the kind, in stages/stage.py), then write the new values with XSTILTS_GOLDEN=write."""
    found = {}
    for task in map(find_task, ("world/paraphrase", "world/nli", "world/tydiqa", "world/choice", "world/ner")):
        examples = {code: list(generate(WORLD, task.name.removeprefix("world/"), "test", code)) for code in ("en", "l1")}
        for name, one in ATTACKS.items():
            if not one.misfits(task.format, task.name) and not one.excludes("l1"):
                parallel = examples if one.mixes_languages else None
                changes = {"task": task.name, "budget": one.budget, "version": one.version}
                job = make_job(tmp_path / f"{task.name}-{name}", name, examples["l1"], "l1", parallel, **changes)
                label = f"attack v{KINDS['attack'].version} {name} v{one.version} {task.name}"
                found[label] = hashlib.sha256(b"".join(run(job))).hexdigest()
    if os.environ.get("XSTILTS_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text())
