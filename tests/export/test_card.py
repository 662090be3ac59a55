"""An exported cell is a folder for the Hub: its card is valid and true, and its code gives the answers that were scored."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from tests.conftest import tiny_study
from tests.export.test_snippets import ask, run
from xstilts.errors import InputError
from xstilts.execution.execute import execute
from xstilts.export.card import write_card
from xstilts.export.export import export_cell
from xstilts.export.facts import encoder_license, list_data, name_phases
from xstilts.export.front import write_front
from xstilts.formats.jsonl import read_jsonl, read_predictions
from xstilts.plan.cell import find_cell
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store, read_json
from xstilts.study import make_study
from xstilts.tasks.registry import find_task

pytestmark = pytest.mark.tiny
TARGETS = ["world/tydiqa", "world/pos", "world/nli", "world/choice", "world/retrieval"]


@pytest.fixture(scope="module")
def made(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    record = tiny_study().model_dump()["recipes"]
    study = tiny_study(targets=TARGETS, seeds=[0], random_init=False, recipes={**record, "tag": {"word_state": "mean"}})
    plan, store = compile_study(study), Store(tmp_path_factory.mktemp("store"))
    assert not execute(plan, store, workers=1).errors
    return plan, store


def exported(made: tuple[Plan, Store], name: str, folder: Path) -> tuple[Any, str]:
    """The card of an exported cell, and the code in it."""
    export_cell(*made, name, folder)
    card: Any = ModelCard.load(folder / "README.md")
    (code,) = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    return card, code


@pytest.mark.parametrize("target", ["tydiqa", "pos", "nli", "choice"])
def test_the_code_of_the_card_gives_the_predictions_that_were_scored(
    made: tuple[Plan, Store], target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = made
    _, code = exported(made, f"squad/{target}/0", tmp_path / "out")
    snippet = run(code, tmp_path / "out", monkeypatch)
    cell = find_cell(plan.cells, f"squad/{target}/0")
    predicted = cell.answered
    for language in ("en", "l1"):
        gold = cell.score.inputs.gold[language]
        examples = list(read_jsonl(store.outputs(gold.kind, gold.slug, gold.key) / "examples.jsonl"))
        found = [ask(snippet, predicted.config.format, example) for example in examples]
        out = store.outputs(predicted.kind, predicted.slug, predicted.key)
        assert found == [prediction.answer for prediction in read_predictions(out / f"{language}.jsonl")]


def test_the_code_of_the_card_finds_the_translations_that_were_found(
    made: tuple[Plan, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = made
    card, code = exported(made, "squad/retrieval/0", tmp_path / "out")
    assert card.data.pipeline_tag == "feature-extraction"
    snippet = run(code, tmp_path / "out", monkeypatch)
    score = find_cell(plan.cells, "squad/retrieval/0").score
    gold = score.inputs.gold["l1"]
    pairs: Any = list(read_jsonl(store.outputs(gold.kind, gold.slug, gold.key) / "examples.jsonl"))
    english, foreign = snippet["embed"]([e.english for e in pairs]), snippet["embed"]([e.text for e in pairs])
    found = [pairs[row[0]].id for row in snippet["nearest"](english, foreign)]
    scored = read_predictions(store.outputs(score.kind, score.slug, score.key) / "l1.jsonl")
    assert found == [prediction.answer for prediction in scored]


def test_the_hub_reads_the_front_matter(made: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = made
    card, _ = exported(made, "squad/tydiqa/0", tmp_path / "out")
    data = card.data
    assert (data.library_name, data.pipeline_tag, data.license) == ("transformers", "question-answering", "apache-2.0")
    assert data.language == ["en"], "the synthetic languages have no code there"
    assert data.metrics == ["f1", "exact_match"]
    assert data.base_model is None and data.datasets is None
    score = find_cell(plan.cells, "squad/tydiqa/0").score
    scores = read_json(store.outputs(score.kind, score.slug, score.key) / "scores.json")["languages"]
    results = {(r.dataset_config, r.metric_type): r.metric_value for r in data.eval_results}
    assert results == {
        (code, name): round(100 * scores[code]["values"][value], 2)
        for code in ("en", "l1")
        for name, value in (("f1", "f1"), ("exact_match", "em"))
    }


def test_the_card_tells_what_was_done(made: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = made
    text = exported(made, "squad/pos/0", tmp_path / "out")[0].text
    assert "The question of the study: Does it run?" in text
    steps = re.findall(r"^\d\. (.*)$", text, re.MULTILINE)
    assert [step.partition(" on ")[0] for step in steps[1:]] == ["Pre-training", "Intermediate training", "Fine-tuning"]
    assert "`world/squad`" in steps[2]
    score = find_cell(plan.cells, "squad/pos/0").score
    known = read_json(store.outputs(score.kind, score.slug, score.key) / "scores.json")["languages"]["l1"]
    row = next(line for line in text.splitlines() if line.startswith("| Synthetic-1 (l1)"))
    assert f"| {100 * known['headline']:.1f} | [" in row and row.endswith(f"| {known['n']} |")
    assert "word_state: mean" in text and "other tags" in text
    assert "one seed decides nothing" in text
    assert not re.search(r"\{\{|\{%|\bNone\b", text)


def test_files_have_the_modes_of_new_files(made: tuple[Plan, Store], tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        export_cell(*made, "none/nli/0", tmp_path / "out")
        os.umask(0o027)
        export_cell(*made, "none/nli/0", tmp_path / "ours")
    finally:
        os.umask(before)
    for folder, file_mode, folder_mode in (("out", 0o644, 0o755), ("ours", 0o640, 0o750)):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == folder_mode
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / folder).iterdir()}
        assert {"README.md", "model.safetensors", "config.json", "tokenizer.json"} <= set(modes)
        assert set(modes.values()) == {file_mode}


def test_a_folder_that_is_not_empty_stays_as_it_is(made: tuple[Plan, Store], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder; give a new one"):
        export_cell(*made, "none/nli/0", tmp_path / "out")
    with pytest.raises(InputError, match="not an empty folder; give a new one"):
        export_cell(*made, "none/nli/0", tmp_path / "out" / "note.txt")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["note.txt"]


def test_a_cell_that_is_not_trained_or_not_there(tmp_path: Path) -> None:
    plan = compile_study(tiny_study())
    with pytest.raises(InputError, match=r"cell squad/tydiqa/0: its model, train tiny\S+ \([0-9a-f]{12}\), is not made yet in"):
        export_cell(plan, Store(tmp_path), "squad/tydiqa/0", tmp_path / "out")
    with pytest.raises(InputError, match=r"expected CHAIN/TARGET/SEED \(did you mean 'squad/tydiqa/0'\?\)"):
        export_cell(plan, Store(tmp_path), "sqad/tydiqa/0", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_of_a_folder_that_fails(
    made: tuple[Plan, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xstilts.export.export.write_card", fail)
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(InputError, match=f"{name}: cannot be written .No space left on device.; give another folder"):
            export_cell(*made, "none/nli/0", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"] and not list((tmp_path / "empty").iterdir())


def test_a_model_without_scores_says_so(made: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = made
    score = find_cell(plan.cells, "none/nli/0").score
    mark = store.folder(score.kind, score.slug, score.key) / "done.json"
    hidden = mark.rename(mark.with_name("hidden"))
    try:
        card, _ = exported(made, "none/nli/0", tmp_path / "out")
    finally:
        hidden.rename(mark)
    assert "has no scores of this model yet" in card.text
    assert card.data.eval_results is None


# -- Licences, Hub models and data sets: plans of real tasks, without their data ---------------------------------------

COMMIT = "0123456789012345678901234567890123456789"


def draft(**changes: Any) -> Plan:
    record: dict[str, Any] = {
        "name": "real",
        "question": "Does NLI help\nquestions?",
        "encoders": [f"org/encoder@{COMMIT}"],
        "chains": {"none": [], "mnli": ["mnli"]},
        "controls": ["placebo"],
        "targets": ["tydiqa", "xnli"],
        "seeds": [0, 1],
        "limits": {"train": 1000},
    }
    return compile_study(make_study({**record, **changes}), Path("nowhere"), draft=True)


def front_of(plan: Plan, name: str) -> dict[str, Any]:
    cell = find_cell(plan.cells, name)
    task = find_task(cell.id.target)
    return write_front(cell, task, [], list_data(cell, task), encoder_license(cell.start))


def test_what_is_on_the_hub_is_named() -> None:
    front = front_of(draft(), "mnli/tydiqa/0")
    assert (front["base_model"], front["base_model_relation"]) == ("org/encoder", "finetune")
    known = {source.hub.id for name in ("mnli", "tydiqa") for source in find_task(name).splits.values() if source.hub}
    assert known and front["datasets"] == sorted(known)
    assert front["language"][0] == "en" and "sw" in front["language"]
    assert front["license"] == "other", "the encoder's is not known"


def test_a_licence_is_named_only_if_it_is_that_of_everything(tmp_path: Path) -> None:
    plan = draft()
    cell = find_cell(plan.cells, "none/tydiqa/0")
    uses = list_data(cell, find_task("tydiqa"))
    task = find_task("tydiqa")
    assert write_front(cell, task, [], uses, task.license)["license"] == task.license.lower()
    assert write_front(cell, task, [], uses, "mit")["license"] == "other"
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Encoder\n")
    local = replace(cell.start, context=replace(cell.start.context, folder=str(tmp_path)))
    assert encoder_license(local) == "mit"
    (tmp_path / "README.md").write_text("---\nlicense: [\n---\n")
    assert encoder_license(local) == "not known here"


def card_of(plan: Plan, store: Store, name: str, tiny_folder: Path) -> str:
    cell = find_cell(plan.cells, name)
    made = cell.score.inputs.predictions
    assert isinstance(made, PredictStage)
    return write_card(plan, store, cell, made.config, tiny_folder / "encoder", "AutoModelForQuestionAnswering")


def test_the_card_says_what_must_not_be_overlooked(tiny_folder: Path, tmp_path: Path) -> None:
    text = card_of(draft(preset="jiant"), Store(tmp_path), "mnli~placebo/xnli/1", tiny_folder)
    assert "with shuffled labels (a placebo)" in text
    assert "is a control of the study, made for comparison and not for use" in text
    assert "This is one seed of 2." in text
    assert "at most so many examples of each task and language: 1,000 train examples" in text
    assert "exclude commercial use" not in text, "XNLI, CC-BY-NC, is only tested"
    assert "https://huggingface.co/org/encoder" in text and COMMIT in text
    assert "The question of the study: Does NLI help questions?" in text
    text = card_of(draft(chains={"none": [], "qqp": ["qqp"]}), Store(tmp_path), "qqp/xnli/0", tiny_folder)
    assert "Some of them exclude commercial use." in text
    text = card_of(draft(recipes={"xnli": {"policy": "target_dev"}}), Store(tmp_path), "none/xnli/0", tiny_folder)
    assert "upper bounds" in text and "it is what the chains of the study are compared with" in text


def test_phases_without_pre_training() -> None:
    plan = draft()
    phases = [phase for _, phase in name_phases(plan, find_cell(plan.cells, "mnli/tydiqa/0"))]
    assert phases == ["intermediate training", "fine-tuning"]
