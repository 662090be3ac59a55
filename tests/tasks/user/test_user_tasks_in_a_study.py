"""Studies with tasks of the user's own: keys, workers, and the how-to run as a reader would run it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record
from tests.forking import run_forked

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.attempt import attempt
from xstilts.stages.job import Outcome
from xstilts.stages.stage import Stage
from xstilts.store.fingerprint import canonical_json
from xstilts.store.store import Store
from xstilts.study import load_study
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.user import user_tasks

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "task.md"


def forget() -> None:
    """What a fresh process would know: the catalogue without the user's own tasks."""
    for task in [task for task in CATALOGUE.values() if task.declared]:
        del CATALOGUE[task.name]
    user_tasks._registered.clear()
    for code in ("gsw", "fil"):
        LANGUAGES.pop(code, None)


@pytest.fixture(autouse=True)
def no_task_stays() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study with a task of its own whose training data are German and Swiss German, which is in no table."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("train-de", "train-gsw", "test-en", "test-gsw"):
        (home / f"{name}.tsv").write_text(f"good\tIt sails, {name}.\nbad\tIt sinks, {name}.\n")
    declare(home)
    study = tiny_record(
        pretrain=[], tasks=["films.yaml"], targets=["films"], chains={"none": [], "own": ["films"]}, languages=["en", "gsw"]
    )
    (home / "study.yaml").write_text(yaml.safe_dump(study))
    return home


def declare(home: Path, **changes: Any) -> None:
    record = {
        "name": "films",
        "format": "classify",
        "texts": 1,
        "label": 0,
        "labels": ["bad", "good"],
        "files": {"train": "train-{lang}.tsv", "test": "test-{lang}.tsv"},
        "languages": {"train": "de gsw", "test": "en gsw"},
        "new_languages": {"gsw": "Swiss German"},
        "license": "CC0-1.0",
    }
    (home / "films.yaml").write_text(yaml.safe_dump({**record, **changes}))


def planned(home: Path) -> Plan:
    forget()
    return compile_study(load_study(str(home / "study.yaml")), Path("/nowhere"))


def fetches(plan: Plan) -> dict[str, Stage]:
    return {stage.slug: stage for stage in plan.stages if stage.kind == "fetch"}


def test_it_is_target_and_intermediate_and_trains_in_the_languages_that_it_has(folder: Path) -> None:
    plan = planned(folder)
    assert set(fetches(plan)) == {"films-train-de", "films-train-gsw", "films-test-en", "films-test-gsw"}
    (intermediate,) = (stage for stage in plan.stages if stage.slug == "tiny+films-s0")
    assert {name for name in intermediate.inputs.named() if name.startswith("train:")} == {"train:films:de", "train:films:gsw"}
    assert "tiny+films+films-s0" in {stage.slug for stage in plan.stages}
    assert any("not English but German, Swiss German" in note for note in plan.notes)


def test_no_key_holds_a_path_and_every_stage_says_where_the_declaration_is(folder: Path) -> None:
    plan = planned(folder)
    declared = fetches(plan)["films-train-de"].config.declared
    for stage in plan.stages:
        assert str(folder) not in canonical_json(stage.fingerprint)
        assert stage.record()["context"]["tasks"] == {str(folder / "films.yaml"): declared}
    assert not compile_study(load_study("demo"), Path("/nowhere")).stages[0].context.tasks


def test_keys_move_with_what_decides_the_examples_and_with_nothing_else(folder: Path, tmp_path: Path) -> None:
    base = {stage.key for stage in planned(folder).stages}
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    declare(moved, license="another", description="Films.", url="https://example.org")
    assert {stage.key for stage in planned(moved).stages} == base
    declare(moved, drop="-")
    assert not {stage.key for stage in planned(moved).stages if stage.kind != "encoder"} & base
    declare(moved)
    (moved / "test-gsw.tsv").write_text("good\tIt sails far.\nbad\tIt sinks.\n")
    changed = {stage.slug for stage in planned(moved).stages if stage.key not in base}
    assert changed == {f"{slug}@films" for slug in ("tiny+films-s0", "tiny+films+films-s0")} | {"films-test-gsw"}


def test_a_code_of_its_own_is_known_before_the_languages_of_a_phase_are_read(folder: Path) -> None:
    """`fil` is Tagalog, unless a task says what it means by it."""
    (folder / "train-gsw.tsv").rename(folder / "train-fil.tsv")
    (folder / "test-gsw.tsv").rename(folder / "test-fil.tsv")
    record = yaml.safe_load((folder / "study.yaml").read_text()) | {"languages": ["en", "fil"]}
    record["chains"]["own"] = [{"mix": ["films"], "languages": ["fil"]}]
    (folder / "study.yaml").write_text(yaml.safe_dump(record))
    for new, code in (({}, "tl"), ({"fil": "Filipino"}, "fil")):
        declare(folder, languages={"train": "de fil", "test": "en fil"}, new_languages=new)
        assert {f"films-train-{code}", f"films-test-{code}"} <= set(fetches(planned(folder)))


def run_stage(stage: Stage, store: Store) -> Outcome:
    return attempt(store, stage.record(), lambda _: None, threading.Event())


def test_a_worker_that_knows_nothing_of_the_task_reads_it(folder: Path, tmp_path: Path) -> None:
    stage = fetches(planned(folder))["films-test-gsw"]
    forget()
    outcome = run_stage(stage, Store(tmp_path / "store"))
    assert (outcome.outcome, outcome.facts["examples"]) == ("done", 2)


def test_a_worker_refuses_a_declaration_or_a_file_that_changed(folder: Path, tmp_path: Path) -> None:
    stages = fetches(planned(folder))
    declare(folder, parallel=True)
    outcome = run_stage(stages["films-test-gsw"], Store(tmp_path / "store"))
    error = f"{folder / 'films.yaml'} changed after the plan was made; run again to plan with the new file"
    assert outcome == Outcome("failed", error, input_error=True)
    declare(folder, description="Films.")
    (folder / "test-en.tsv").write_text("bad\tIt sails.\n")
    assert run_stage(stages["films-test-gsw"], Store(tmp_path / "store")).outcome == "done"
    assert "its files changed since the plan" in run_stage(stages["films-test-en"], Store(tmp_path / "store")).error


def test_a_folder_of_text_and_a_translation_of_an_own_task_are_read_by_a_worker(folder: Path, tmp_path: Path) -> None:
    (folder / "words").mkdir()
    (folder / "words" / "en.txt").write_text("It sails.\nIt sinks.\n")
    (folder / "words" / "news.en.txt").write_text("It sails.\n")
    (folder / "words" / "news.de.txt").write_text("Es schwimmt.\n")
    (folder / "train-en.tsv").write_text("good\tIt sails.\nbad\tIt sinks.\n")
    declare(folder, languages={"train": "en", "test": "en gsw"})
    translation = {
        "name": "films_mt",
        "translated_from": "films",
        "translations": "mt.tsv",
        "languages": "de",
        "license": "CC0-1.0",
    }
    (folder / "films_mt.yaml").write_text(yaml.safe_dump(translation))
    (folder / "mt.tsv").write_text("It sails.\tEs schwimmt.\n")
    record = yaml.safe_load((folder / "study.yaml").read_text())
    record |= {"tasks": ["words", "films.yaml", "films_mt.yaml"], "languages": "all"}
    record["chains"] = {"none": [], "mt": ["films_mt"], "text": [{"mix": ["text/words", "parallel/words"]}]}
    (folder / "study.yaml").write_text(yaml.safe_dump(record))
    stages = fetches(planned(folder))
    facts = {}
    for slug in ("text.words-train-en", "parallel.words-train-de", "films_mt-train-de"):
        forget()
        outcome = run_stage(stages[slug], Store(tmp_path / "store"))
        assert outcome.outcome == "done"
        facts[slug] = outcome.facts
    assert facts == {
        "text.words-train-en": {"examples": 1, "available": 1},
        "parallel.words-train-de": {"examples": 1, "available": 1},
        "films_mt-train-de": {"examples": 1, "available": 1, "untranslated": 1},
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ["flims.yaml"]}, r"flims\.yaml: expected a file that declares a task"),
        ({"tasks": ["films.yaml", "study.yaml"]}, r"study\.yaml: unknown field 'question'"),
        ({"tasks": "films.yaml"}, r"study\.yaml: tasks: expected a list, such as"),
        ({"tasks": []}, r"chains\.own: unknown task 'films'"),
        ({"languages": ["en", "l1"]}, r"no target of this study has 'l1'"),
    ],
)
def test_mistakes_in_the_study(changes: dict[str, Any], message: str, folder: Path) -> None:
    record = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump({**record, **changes}))
    with pytest.raises(InputError, match=message):
        planned(folder)


def shape(text: str) -> list[str]:
    """The lines that are not blank, numbers and widths of blanks apart."""
    return [re.sub(r"\d+(\.\d+)?", "#", " ".join(line.split())) for line in text.splitlines() if line.strip()]


@pytest.mark.tiny
def test_the_how_to_runs_as_it_is_written(forked_workers: None, tmp_path: Path) -> None:
    """Its named blocks are files, its console blocks are run; what they show is what is printed, but for numbers."""
    blocks = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    sessions = 0
    for kind, name, content in blocks:
        if name:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
        if kind == "console":
            sessions += 1
            command, _, shown = content.removeprefix("$ xstilts ").partition("\n")
            done = run_forked(*shlex.split(command), cwd=tmp_path, env={**os.environ, "COLUMNS": "100"})
            assert done.returncode == 0, done.stderr
            printed = iter(shape(done.stdout))
            for expected in shape(shown):
                assert expected == "..." or expected in printed, f"{command}: {expected!r} is not in\n{done.stdout}"
    assert sessions == 6
