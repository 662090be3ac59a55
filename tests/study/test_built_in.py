"""The studies that come with the package: each compiles without data or network, and has the form that it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_record, tiny_study

from xstilts.analysis.planning import assume_designs, describe_assumed
from xstilts.errors import InputError
from xstilts.execution.execute import execute
from xstilts.metrics.power import detectable
from xstilts.metrics.significance import ENOUGH_SEEDS
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.trainings import COMPUTE, INTERMEDIATE, PLACEBO, PRETRAINING, TARGET, count, describe_sharing, trainings
from xstilts.store.store import Store
from xstilts.study import Study, built_in_studies, load_study
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.suites import STILTS_9
from xstilts.tasks.user.user_tasks import register

FIXTURES = Path(__file__).parents[1] / "fixtures"
# They name a folder with an encoder, which is not here.
ALONE = ("real-small", "real-small-controls", "scale-small", "targets-mini")
NO_CHAINS = ("chains={none: []}", "primary=[]")
QUESTIONS = ("phang2020", "scale", "diversity", "mlm_cotraining", "translated", "layers", "pawsx_robust", "robust_scale")


def drafted(name: str, data: Path, *changes: str) -> Plan:
    return compile_study(load_study(name, changes), data, draft=True)


@pytest.mark.parametrize("name", [name for name in built_in_studies() if name not in ALONE])
def test_every_study_compiles_on_a_machine_without_data(name: str, tmp_path: Path) -> None:
    plan = drafted(name, tmp_path)
    assert plan.study.name == name
    assert plan.cells
    assert sum(len(group.keys) for group in trainings(plan)) == sum(stage.kind == "train" for stage in plan.stages)


@pytest.mark.parametrize("name", [name for name in built_in_studies() if name not in ALONE])
def test_a_study_that_cannot_answer_says_so(name: str, tmp_path: Path) -> None:
    """In its file, and `plan` says it too."""
    plan, comment = drafted(name, tmp_path), built_in_studies()[name].read_text(encoding="utf-8").partition("name: ")[0]
    said = describe_assumed(plan.study, assume_designs(plan))
    if len(plan.study.seeds) < ENOUGH_SEEDS:
        assert said[0].startswith(("exploratory: ", "With "))
        assert any(words in comment for words in ("exploratory", "nothing", "too\n# small to answer", "takes a few minutes"))
    elif name != "demo":  # its power was measured: truth/demo.yaml
        assert any("sees with a chance of 80 %" in line for line in said)


def test_phang2020_rests_on_what_the_abstract_names(tmp_path: Path) -> None:
    """Three tasks on retrieval and question answering, without SQuAD on the targets that are fine-tuned on it."""
    rows = assume_designs(plan := drafted("phang2020", tmp_path))
    assert {one.chain for one in plan.study.primary} == {"mnli", "squad_v1", "hellaswag"}
    assert {(row.primary, row.family) for row in rows} == {(True, 13), (False, 68)}
    assert {row.target for row in rows if row.primary} == {"xquad", "mlqa", "tydiqa", "tatoeba"}  # BUCC's size is not known
    assert all(100 * detectable(row.design, row.family) < 4 for row in rows if row.primary)
    first = assume_designs(drafted("phang2020-v1", tmp_path))
    assert {(row.primary, row.family) for row in first} == {(True, 7), (False, 129)}
    assert all(100 * detectable(row.design, row.family) < 2.5 for row in first if row.primary)


def test_every_question_has_a_mini() -> None:
    assert {f"{name}-mini" for name in QUESTIONS} | set(QUESTIONS) <= set(built_in_studies())
    for name in QUESTIONS:
        mini, full = load_study(f"{name}-mini"), load_study(name)
        assert mini.controls == full.controls
        assert all(encoder.startswith("world/") for encoder in mini.encoders)


# -- phang2020 ---------------------------------------------------------------------------------------------------------


def test_phang2020_trains_ten_chains_with_six_seeds_and_squad_once(tmp_path: Path) -> None:
    plan = drafted("phang2020", tmp_path)
    found = trainings(plan)
    assert set(plan.study.chains) == {"none", "multi", *STILTS_9.tasks}
    assert count(found, INTERMEDIATE) == 60
    assert {group.name: len(group.keys) for group in found if group.role == INTERMEDIATE} == {
        **dict.fromkeys(STILTS_9.tasks, 6),
        "&".join(STILTS_9.tasks): 6,
    }
    targets = {group.name: (group.targets, len(group.keys)) for group in found if group.role == TARGET}
    assert targets["squad_v1"] == (("xquad", "mlqa"), 60), "and six more are the chain squad_v1's own trainings"
    assert targets["xnli=mnli"] == (("xnli",), 66)
    assert sum(n for _, n in targets.values()) == 5 * 66 + 60
    squad = next(group for group in found if group.name == "squad_v1" and group.role == INTERMEDIATE)
    assert squad.also == (TARGET,)
    said = describe_sharing(plan, found)
    assert "60 intermediate trainings: 10 chains x 6 seeds" in said
    assert "squad_v1 is trained once for xquad and mlqa: 60 trainings" in said
    kinds = Counter(stage.kind for stage in plan.stages)
    assert kinds["train"] == 60 + 5 * 66 + 60
    assert len(plan.cells) == 11 * 9 * 6 + 2 * 6, "and retrieval by random weights"
    assert kinds["predict"] == 7 * 66
    assert kinds["embed"] == 2 * (1 + 10 * 6 + 6), "without a chain all seeds have the same encoder"


def test_the_shared_training_is_one_stage_whatever_chooses_its_weights(tmp_path: Path) -> None:
    for policy in ("avg_last_k", "en_dev"):
        plan = drafted("phang2020", tmp_path, f"recipes.default.policy={policy}", "seeds=[0]", *NO_CHAINS)
        trained = {cell.id.target: cell.trainings[0] for cell in plan.cells if cell.trainings}
        assert trained["xquad"].key == trained["mlqa"].key
        assert trained["xquad"].inputs.dev["squad_v1"].config.task == "squad_v1"
        assert trained["xnli"].inputs.dev["mnli"].config.task == "mnli"
    other = drafted("targets-mini", tmp_path, "encoders=[world/tiny]", "chains={none: []}")
    pawsx = next(cell.trainings[0] for cell in other.cells if cell.id.target == "pawsx")
    assert pawsx.inputs.dev["pawsx_de_dev"].config.task == "pawsx", "its training task has no dev data"
    assert pawsx.slug.endswith("pawsx=pawsx_de_dev-s0")
    own = drafted("phang2020", tmp_path, "recipes.mlqa.epochs=1", "seeds=[0]", *NO_CHAINS)
    trained = {cell.id.target: cell.trainings[0] for cell in own.cells if cell.trainings}
    assert trained["xquad"].key != trained["mlqa"].key
    assert trained["mlqa"].slug.endswith("mlqa=squad_v1-s0")
    assert trained["xquad"].slug.endswith("+squad_v1-s0")


def offline(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a fresh process that ends as soon as it asks for the network."""
    code = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto'):\n"
        "        raise AssertionError('a plan asked for the network')\n"
        "sys.addaudithook(refuse)\n"
        "from xstilts.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'a plan imported torch'\n"
    )
    line = [sys.executable, "-c", code, *words]
    place = {"XSTILTS_DATA": str(cwd / "none"), "HF_HUB_CACHE": str(cwd / "hub")}
    return subprocess.run(line, cwd=cwd, env={**os.environ, **place, **environment}, capture_output=True, text=True)


def test_the_plan_needs_no_data_no_network_and_no_torch(tmp_path: Path) -> None:
    done = offline("plan", "phang2020", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    assert sum(group["count"] for group in record["trainings"] if group["role"] == "intermediate") == 60
    assert record["counts"]["train"] == 450
    assert record["estimate"]["gpu_hours"] > 0
    assert {"ccg (train)", "bucc2018 (test)"} <= set(record["estimate"]["unknown"])
    assert any("the commit of 'main' is resolved when run" in sentence for sentence in record["unresolved"])
    assert any("ccg" in sentence and "Get it from" in sentence for sentence in record["unresolved"])
    (encoder,) = {s["config"]["source"].get("revision") for s in record["stages"] if s["kind"] == "encoder"} - {None}
    assert encoder == "main"


def test_the_plan_in_words(tmp_path: Path) -> None:
    done = offline("plan", "phang2020", "--flops", "1e14", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "60 intermediate trainings: 10 chains x 6 seeds" in words
    assert "for 13 primary comparisons (alone): xquad" in words and "for 68 exploratory comparisons (alone): xnli" in words
    assert "GPU-hours" in words and "GiB of disk" in words
    assert "rate: 100 TFLOP/s, given" in words
    assert "its size is not known: udpos (test) in fr ru zh, bucc2018 (test) in de fr ru zh" in words
    assert words.count("it comes from the Hub data set nyu-mll/glue") == 1


def test_a_commit_in_the_local_cache_is_that_of_the_plan(tmp_path: Path) -> None:
    commit = "0123abcd" * 5
    folder = tmp_path / "hub" / "models--FacebookAI--xlm-roberta-large"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "config.json").write_text("{}")
    record = json.loads(offline("plan", "phang2020", "--json", cwd=tmp_path).stdout)
    assert any(s["config"]["source"].get("revision") == commit for s in record["stages"] if s["kind"] == "encoder")
    assert not any("encoder" in sentence for sentence in record["unresolved"])


def test_a_plan_knows_the_commit_that_a_run_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "89abcdef" * 5
    monkeypatch.setattr("xstilts.plan.encoder_stages.resolve_hub_commit", lambda name, revision: commit)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    study = tiny_study(encoders=["org/resolved@branch"], chains={"none": []}, pretrain=[])
    before = compile_study(study, tmp_path, draft=True)
    ran = compile_study(study, tmp_path)
    after = compile_study(study, tmp_path, draft=True)
    assert before.unresolved and not after.unresolved
    assert {s.key for s in after.stages} == {s.key for s in ran.stages} != {s.key for s in before.stages}
    other = compile_study(tiny_study(encoders=["org/resolved"], chains={"none": []}, pretrain=[]), tmp_path, draft=True)
    assert other.unresolved, "another revision is another question"
    (memory,) = (tmp_path / "cache").rglob("commits/*")
    memory.write_text("half a com")
    assert compile_study(study, tmp_path, draft=True).unresolved


def test_only_a_draft_leaves_anything_open(tmp_path: Path) -> None:
    study = load_study("phang2020", ["encoders=[world/tiny]", "chains={none: [], ccg: [ccg]}", "targets=[tydiqa]", "primary=[]"])
    with pytest.raises(InputError, match=r"ccg: no file for train"):
        compile_study(study, tmp_path)
    plan = compile_study(study, tmp_path, draft=True)
    assert [sentence.partition(":")[0] for sentence in plan.unresolved] == ["task ccg", "task ccg", "task ccg"]
    (tmp_path / "ccg").symlink_to(FIXTURES / "ccg")
    assert {s.key for s in compile_study(study, tmp_path, draft=True).stages} == {
        s.key for s in compile_study(study, tmp_path).stages
    }


# -- the other questions -----------------------------------------------------------------------------------------------


def test_scale_has_two_controls_of_every_chain_in_four_sizes(tmp_path: Path) -> None:
    plan = drafted("scale", tmp_path)
    found = trainings(plan)
    assert count(found, INTERMEDIATE) == count(found, PLACEBO) == 4 * 4 * 6
    assert count(found, COMPUTE) == 4 * 4 * 6 * 3, "three targets are trained"
    assert "mnli" not in {task for chain in plan.study.chains.values() for mixture in chain for task in mixture.mix}
    assert len(plan.study.seeds) == 6


def mixtures(study: Study) -> dict[str, tuple[str, ...]]:
    return {name: chain[0].mix for name, chain in study.chains.items() if chain}


def test_diversity_is_balanced_at_equal_steps() -> None:
    study = load_study("diversity")
    mixed = mixtures(study)
    assert Counter(map(len, mixed.values())) == {1: 5, 2: 10, 3: 10, 5: 1}
    assert len({frozenset(mix) for mix in mixed.values()}) == 26
    assert set(Counter(task for mix in mixed.values() for task in mix).values()) == {1 + 4 + 6 + 1}
    for name in ("diversity", "diversity-tasks"):
        phases = [chain[0] for chain in load_study(name).chains.values() if chain]
        assert {(phase.recipe["steps"], phase.recipe["batch"]) for phase in phases} == {(2400, 32)}
        assert all(phase.sampling == "uniform" for phase in phases if len(phase.mix) > 1)
    sets = mixtures(load_study("diversity-tasks"))
    assert Counter(map(len, sets.values())) == {1: 8, 2: 8, 4: 8, 8: 1}
    for size, times in ((1, 1), (2, 2), (4, 4)):
        members = Counter(task for mix in sets.values() if len(mix) == size for task in mix)
        assert set(members.values()) == {times} and len(members) == 8


def test_genres_are_parts_of_mnli(tmp_path: Path) -> None:
    tasks = register(built_in_studies()["diversity"].parent / "tasks" / "mnli_genres.py")
    rows = [
        {"gold_label": label, "sentence1": f" a{i}", "sentence2": "b", "genre": genre}
        for i, (label, genre) in enumerate(
            [("neutral", "fiction"), ("-", "fiction"), ("entailment", "travel"), ("contradiction", "fiction")], start=1
        )
    ]
    (tmp_path / "mnli").mkdir()
    (tmp_path / "mnli" / "multinli_1.0_train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_name = {task.name: task for task in tasks}
    assert list(by_name) == ["mnli_fiction", "mnli_government", "mnli_slate", "mnli_telephone", "mnli_travel"]
    fiction = list(read_examples(by_name["mnli_fiction"], "train", "en", tmp_path))
    assert [(e.id, e.answer) for e in fiction] == [("mnli-train-1", "neutral"), ("mnli-train-4", "contradiction")]
    assert [e.id for e in read_examples(by_name["mnli_travel"], "train", "en", tmp_path)] == ["mnli-train-3"]
    with pytest.raises(InputError, match="no examples for train of task mnli_slate"):
        list(read_examples(by_name["mnli_slate"], "train", "en", tmp_path))


def test_cotraining_sees_the_task_as_often_as_alone() -> None:
    chains = load_study("mlm_cotraining").chains
    for name in ("mnli", "squad_v1", "hellaswag"):
        alone, beside = chains[name][0], chains[f"{name}_text"][0]
        assert beside.mix == (*alone.mix, "wikipedia")
        assert beside.sampling == "uniform" and beside.recipe["steps"] == 2 * alone.recipe["steps"]
    study = load_study("mlm_cotraining")
    assert all(
        study.phase_recipe(chains[name][0].mix, chains[name][0].recipe).batch
        == study.phase_recipe(chains[f"{name}_text"][0].mix, chains[f"{name}_text"][0].recipe).batch
        for name in ("mnli", "squad_v1", "hellaswag")
    )


def test_the_world_has_encoders_of_several_sizes() -> None:
    shapes = {"small": {"hidden": 8, "heads": 2}, "wide": {"hidden": 32}}
    plan = compile_study(
        tiny_study(encoders=["world/tiny", "world/small", "world/wide"], architectures=tiny_record()["architectures"] | shapes)
    )
    sources = {stage.slug: stage.config.source for stage in plan.stages if stage.kind == "encoder"}
    assert {slug: source.architecture.hidden for slug, source in sources.items()} == {
        "tiny-s0": 16,
        "small-s0": 8,
        "wide-s0": 32,
    }
    alone = compile_study(tiny_study())
    assert {stage.key for stage in alone.stages} < {stage.key for stage in plan.stages}, "no key of world/tiny moves"
    found = trainings(plan)
    assert count(found, PRETRAINING) == 3
    with pytest.raises(InputError, match="'world/huge' has no shape under `architectures`"):
        tiny_study(encoders=["world/huge"])
    with pytest.raises(InputError, match=r"architectures: 'a/b' should be a name"):
        tiny_study(architectures={"a/b": {}})


@pytest.mark.tiny
def test_a_mini_runs(forked_workers: None, tmp_path: Path) -> None:
    short = "{lr: 1.0e-3, steps: 3, batch: 8, max_length: 64, stride: 16}"
    plan = compile_study(
        load_study(
            "scale-mini",
            [
                "pretrain=[{mix: [world/text], recipe: {steps: 3}}]",
                "chains={none: [], squad: [world/squad]}",
                "seeds=[0]",
                "world={text: 60, squad: 60, tydiqa: 40, dev: 12, test: 16}",
                "languages=[en, l1]",
                "recipes={default: " + short + "}",
            ],
        )
    )
    state = execute(plan, Store(tmp_path), workers=2)
    assert not state.errors
    assert {cell.id.arm for cell in plan.cells} == {"none", "squad", "squad~placebo", "squad~compute", "random-init"}
    assert {cell.id.encoder for cell in plan.cells} == {"world/small", "world/large"}
