"""Gathering: what a plan says before anything has run, and what a run's record says after."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.conftest import tiny_record, tiny_study
from xstilts.analysis.gains import reuses_target_data
from xstilts.analysis.gather import describe_shared_data, gather, merge_parallel
from xstilts.analysis.results import LanguageScore, Results, Treatment
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.jsonl import write_jsonl
from xstilts.plan.compile import Plan, compile_study
from xstilts.report.document import build_document
from xstilts.report.findings import compute_findings
from xstilts.report.provenance.explain import explain
from xstilts.report.provenance.numbers import score_id
from xstilts.report.render.markdown import render_markdown
from xstilts.stages.stage import TrainStage, upstream
from xstilts.store.store import Store, write_json
from xstilts.study import make_study
from xstilts.tasks.registry import CATALOGUE


def gathered(tmp_path: Path, **changes: Any) -> tuple[Plan, Store, Results]:
    plan, store = compile_study(tiny_study(**changes)), Store(tmp_path)
    store.prepare()
    return plan, store, gather(plan, store)


def test_controls_name_their_chain(tmp_path: Path) -> None:
    _, _, results = gathered(tmp_path, controls=["placebo", "compute"])
    assert [(info.name, info.control, info.of) for info in results.chains] == [
        ("none", "", ""),
        ("squad", "", ""),
        ("squad~placebo", "placebo", "squad"),
        ("squad~compute", "compute", "squad"),
    ]
    placebo, compute = results.chains[2:]
    assert placebo.steps == ("world/squad (shuffled labels)",)
    assert placebo.tasks == results.chains[1].tasks
    assert compute.tasks == ()
    missing = compute_findings(results, 100).missing
    assert ("tiny", "squad~compute", "world/tydiqa", 0) in missing
    assert ("tiny", "squad~compute", "world/retrieval", 0) not in missing  # there is no such cell


def test_a_placebo_that_a_study_spells_out_is_one_of_no_chain_in_particular(tmp_path: Path) -> None:
    chains = {**tiny_record()["chains"], "shuffled": [{"mix": ["world/squad"], "labels": "shuffled"}]}
    _, _, results = gathered(tmp_path, chains=chains)
    assert [(info.control, info.of) for info in results.chains] == [("", ""), ("", ""), ("placebo", "")]


def test_only_cells_behind_target_dev_leak(tmp_path: Path) -> None:
    task = CATALOGUE["world/tydiqa"]
    CATALOGUE[task.name] = replace(task, splits={**task.splits, "dev": task.splits["test"]})  # dev data in each language
    recipes = {**tiny_record()["recipes"], "world/tydiqa": {"policy": "target_dev"}}
    _, _, results = gathered(tmp_path, recipes=recipes)
    assert {cell.target for cell in results.cells if cell.leak} == {"world/tydiqa"}
    assert all(cell.leak for cell in results.cells if cell.target == "world/tydiqa")
    assert "oracle: chosen on target-language dev data — a leak" in results.policy


def test_recipes_of_chains_on_the_same_tasks_stand_apart(tmp_path: Path) -> None:
    chains = {"none": [], "short": [{"mix": ["world/squad"], "recipe": {"steps": 7}}]}
    chains |= {"long": [{"mix": ["world/squad"], "recipe": {"steps": 9}}], "again": chains["short"]}
    _, _, results = gathered(tmp_path, chains=chains)
    phase = "intermediate training on world/squad"
    assert {name: recipe["steps"] for name, recipe in results.recipes.items() if name.startswith(phase)} == {
        phase: 7,
        f"{phase} (long)": 9,
    }
    assert [name for name, recipe in results.recipes.items() if "mlm_rate" in recipe] == ["pre-training on world/text"]


def test_the_size_of_an_encoder_is_that_of_its_artefact(tmp_path: Path) -> None:
    plan, store, results = gathered(tmp_path)
    assert results.sizes == {}
    stage = next(stage for stage in plan.stages if stage.kind == "encoder")
    folder = store.folder(stage.kind, stage.slug, stage.key) / "out" / "encoder"
    folder.mkdir(parents=True)
    save_file(
        {"encoder.layer.0.dense.weight": np.zeros((8, 3)), "embeddings.weight": np.zeros((50, 8))}, folder / "model.safetensors"
    )
    assert gather(plan, store).sizes == {"tiny": 24}


def test_phases_are_those_of_the_plan(tmp_path: Path) -> None:
    plan, _, results = gathered(tmp_path, controls=["compute"])
    phases = {cost.slug: cost.phase for cost in results.costs if cost.kind == "train"}
    assert phases == {
        "tiny+text-s0": "pre-training",
        "tiny+text+squad-s0": "intermediate training",
        "tiny+text+tydiqa-s0": "fine-tuning",
        "tiny+text+pos-s0": "fine-tuning",
        "tiny+text+squad+tydiqa-s0": "fine-tuning",
        "tiny+text+squad+pos-s0": "fine-tuning",
        "tiny+text+tydiqa~compute-squad-s0": "fine-tuning",
        "tiny+text+pos~compute-squad-s0": "fine-tuning",
    }
    assert {cost.phase for cost in results.costs if cost.kind != "train"} == {""}
    assert len(phases) == sum(stage.kind == "train" for stage in plan.stages)


def test_the_facts_of_the_last_attempt_that_ended_well_are_shown(tmp_path: Path) -> None:
    plan, store, _ = gathered(tmp_path)
    stage = next(stage for stage in plan.stages if stage.kind == "fetch")
    folder = store.folder(stage.kind, stage.slug, stage.key)
    out = folder / "attempt"
    out.mkdir(parents=True)
    (out / "examples.jsonl").write_text("")
    facts = {"examples": 0, "unlocatable": 3}
    for number, outcome in enumerate(("failed", "done")):
        write_json(
            folder / f"run-{number:03d}.json", {"outcome": outcome, "facts": facts, "seconds": 1.5, "started": time.time()}
        )
    store.publish(folder, out, {"key": stage.key, "run": "run-001.json"})
    results = gather(plan, store)
    cost = next(cost for cost in results.costs if cost.key == stage.key)
    assert (cost.status, cost.runs, cost.seconds, dict(cost.facts)) == ("done", 2, 1.5, facts)
    assert f"{stage.slug} 3" in render_markdown(build_document(compute_findings(results, 100)))


def test_words_that_are_read_at_an_empty_piece_are_noted(tmp_path: Path) -> None:
    plan, store, before = gathered(tmp_path)
    stage = next(stage for stage in plan.stages if stage.kind == "predict" and stage.title == "pos")
    folder = store.folder(stage.kind, stage.slug, stage.key)
    (folder / "attempt").mkdir(parents=True)
    write_json(folder / "run-000.json", {"outcome": "done", "facts": {"bare_words": {"en": 0.26, "l1": 0.714}}, "seconds": 1.0})
    store.publish(folder, folder / "attempt", {"key": stage.key, "run": "run-000.json"})
    (note,) = set(gather(plan, store).notes) - set(before.notes)
    assert note.startswith("world/pos: many words are read at a first piece without letters (71 % in l1 and 26 % in en)")
    assert "word_state" in note


def test_only_tagging_shows_the_state_of_words(tmp_path: Path) -> None:
    _, _, results = gathered(tmp_path, recipes={**tiny_record()["recipes"], "tag": {"word_state": "next"}})
    assert {name: recipe["word_state"] for name, recipe in results.recipes.items() if "word_state" in recipe} == {
        "fine-tuning for world/pos": "next"
    }


def test_a_score_leads_to_every_stage_behind_it(tmp_path: Path) -> None:
    plan, _, results = gathered(tmp_path)
    inputs = {stage.key: {source.key for source in stage.parents} for stage in plan.stages}
    assert {cost.key: set(cost.inputs) for cost in results.costs} == inputs
    cell = next(cell for cell in plan.cells if (cell.id.arm, cell.id.target) == ("squad", "world/tydiqa"))
    place = next(c for c in results.cells if c.key == cell.score.key)
    id = score_id(place.encoder, place.chain, place.control, place.target, "en", place.seed)
    scored = replace(place, languages={"en": LanguageScore({}, 0.5, np.array(["a"]), np.ones((1, 2)))})
    trace = explain(compute_findings(replace(results, cells=(scored,)), 10), id)
    behind = {stage.key for stage in upstream([cell.score])}
    assert [cost.key for cost in trace.stages] == [stage.key for stage in plan.stages if stage.key in behind]
    kinds = [cost.kind for cost in trace.stages]
    assert kinds.count("train") == 3  # pre-training, intermediate, target
    assert kinds[-1] == "score"


def test_what_a_chain_learned_is_read_from_its_training_and_its_dev_data(tmp_path: Path) -> None:
    """Four of five dev answers are one label. A placebo is not asked what it learned."""
    plan, store, before = gathered(tmp_path, chains={"none": [], "nli": ["world/nli"]}, controls=["placebo"])
    assert before.treatments == ()
    trainings = [s for s in plan.stages if isinstance(s, TrainStage) and s.config.tasks[0].name == "world/nli"]
    assert {stage.config.labels for stage in trainings} == {"gold", "shuffled"}
    dev = trainings[0].inputs.dev["world/nli"]
    labels = CATALOGUE["world/nli"].format.labels  # type: ignore[attr-defined]
    examples = [ClassifyExample(str(n), ("a", "b"), labels[min(n, 1)]) for n in range(5)]
    for stage, facts in [(dev, {}), *((stage, {"dev_final": {"world/nli": 0.9, "mean": 0.9}}) for stage in trainings)]:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        (folder / "attempt").mkdir(parents=True)
        if stage is dev:
            write_jsonl(folder / "attempt" / "examples.jsonl", examples)
        write_json(folder / "run-000.json", {"outcome": "done", "facts": facts, "seconds": 1.0})
        store.publish(folder, folder / "attempt", {"key": stage.key, "run": "run-000.json"})
    assert gather(plan, store).treatments == (Treatment("tiny", "nli", "world/nli", 0, 0.9, 0.8, 5),)


def test_sentences_of_parallel_treebanks_are_one_cluster_in_every_language() -> None:
    pattern = CATALOGUE["udpos"].parallel_ids
    merged = [
        merge_parallel(np.array(ids), pattern).tolist()
        for ids in (["ar_pud-ud-test-3", "ar_padt-ud-test-3"], ["hi_pud-ud-test-3"])
    ]
    assert merged == [["pud-ud-test-3", "ar_padt-ud-test-3"], ["pud-ud-test-3"]]
    assert merge_parallel(np.array(["a"]), "").tolist() == ["a"]


def test_chains_on_texts_of_xvnli_reuse_the_target(tmp_path: Path) -> None:
    """SNLI has the pairs of XVNLI, with the caption in place of the picture. MNLI and ANLI have texts of their own."""
    chains = ["mnli", "anli", "snli", "anli_plus", "snli_hypothesis", "xvnli_caption"]
    fields = {
        "name": "s",
        "question": "?",
        "chains": {"none": [], **{name: [name] for name in chains}},
        "targets": ["xvnli_hypothesis", {"task": "xvnli_caption", "train": "snli"}, "nlvr_text"],
        "seeds": [0],
    }
    plan = compile_study(make_study({**fields, "encoders": ["world/tiny"]}), draft=True)
    store = Store(tmp_path)
    store.prepare()
    results = gather(plan, store)
    reuse = {info.name: [c.name for c in results.chains if reuses_target_data(c, info)] for info in results.targets}
    assert reuse == {
        "xvnli_hypothesis": ["snli", "anli_plus", "snli_hypothesis", "xvnli_caption"],
        "xvnli_caption": ["snli", "anli_plus", "snli_hypothesis", "xvnli_caption"],
        "nlvr_text": [],
    }
    assert describe_shared_data(plan).endswith(
        ": snli, anli_plus, snli_hypothesis and xvnli_caption with xvnli_hypothesis and xvnli_caption"
    )
    apart = make_study({**fields, "encoders": ["world/tiny"], "chains": {"none": [], "mnli": ["mnli"]}})
    assert describe_shared_data(compile_study(apart, draft=True)) == ""


def test_a_chain_on_the_same_sentences_with_other_labels_reuses_the_target(tmp_path: Path) -> None:
    fields = {
        "name": "s",
        "question": "?",
        "chains": {"none": [], "syntax": ["ud_relations"]},
        "targets": ["udpos", "panx"],
        "seeds": [0],
    }
    plan = compile_study(make_study({**fields, "encoders": ["world/tiny"]}), draft=True)
    store = Store(tmp_path)
    store.prepare()
    results = gather(plan, store)
    syntax = results.chains[1]
    assert [reuses_target_data(syntax, info) for info in results.targets] == [True, False]
