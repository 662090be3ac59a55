from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_study

from xstilts.errors import InputError
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import Stage, upstream
from xstilts.study import load_study, make_study
from xstilts.tasks.registry import CATALOGUE
from xstilts.world import WorldConfig, generate


def trainings(**changes: object) -> dict[str, str]:
    return {s.slug: s.key for s in compile_study(tiny_study(**changes)).stages if s.kind == "train"}


def test_stages_are_shared_and_inputs_come_first() -> None:
    plan = compile_study(tiny_study(seeds=[0, 1]))
    seen: set[str] = set()
    for stage in plan.stages:
        assert all(i.key in seen for i in stage.parents)
        assert stage.key not in seen
        seen.add(stage.key)
    kinds = Counter(s.kind for s in plan.stages)
    assert kinds["encoder"] == 2
    assert kinds["train"] == 2 * (1 + 1 + 2 * 2), "per seed: pre-training, one intermediate, two targets after two chains"
    assert kinds["score"] == len({c.score.key for c in plan.cells}) == 2 * (2 * 3 + 1)
    pretraining = next(s for s in plan.stages if s.slug == "tiny+text-s0")
    assert plan.uses[pretraining.key] == 6
    for stage in plan.stages:
        assert plan.uses[stage.key] == sum(stage.key in {one.key for one in upstream([cell.score])} for cell in plan.cells)


def test_keys_move_with_what_decides_the_result_and_with_nothing_else() -> None:
    base = trainings()
    assert base == trainings(name="another", question="Another?")
    assert base == trainings(targets=["world/pos", "world/tydiqa", "world/retrieval"])
    lr = trainings(recipes={"default": {**tiny_study().recipes["default"], "lr": 2e-3}})
    assert lr["tiny+text-s0"] == base["tiny+text-s0"], "it has a learning rate of its own"
    assert all(lr[slug] != base[slug] for slug in base if slug != "tiny+text-s0")
    limited = trainings(limits={"test": 5})
    assert limited == base, "test data do not reach a training"
    assert trainings(limits={"train": 5}) != base
    assert not set(trainings(seeds=[1]).values()) & set(base.values())


def test_adding_a_chain_or_a_seed_moves_no_key() -> None:
    base = {s.key for s in compile_study(tiny_study()).stages}
    more = compile_study(tiny_study(seeds=[0, 5], chains={"none": [], "squad": ["world/squad"], "nli": ["world/nli"]}))
    assert base < {s.key for s in more.stages}


def test_dev_data_are_scored_where_there_are_any_beyond_english(tmp_path: Path) -> None:
    """And the plan says where there are none."""
    targets = ["xnli", "xquad", "udpos", "tatoeba"]
    plan = compile_study(
        tiny_study(targets=[*targets[1:], {"task": "xnli", "train": "snli"}], languages=["en", "de", "th"], split="dev"),
        tmp_path,
        draft=True,
    )
    scored = {cell.id.target: cell.score for cell in plan.cells}
    splits = {name: {s.config.split for s in scored[name].inputs.gold.values()} for name in targets}
    assert splits == {"xnli": {"dev"}, "xquad": {"test"}, "udpos": {"dev"}, "tatoeba": {"test"}}
    assert set(scored["xnli"].config.languages) == {"en", "de", "th"}
    assert set(scored["udpos"].config.languages) == {"en", "de"}
    assert "udpos: no dev data in Thai; not scored" in plan.notes
    assert "xquad: no dev data but English; it is scored on its test data" in plan.notes


def test_a_draft_minds_no_encoder_that_is_nowhere_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"encoder \./nowhere: no such folder"):
        compile_study(tiny_study(encoders=["./nowhere"]), tmp_path)
    draft = compile_study(tiny_study(encoders=["./nowhere"]), tmp_path, draft=True)
    assert any(sentence.startswith("encoder ./nowhere: no such folder") for sentence in draft.unresolved)
    assert len(draft.cells) == len(compile_study(tiny_study()).cells)


def test_a_placebo_is_another_stage_than_its_task() -> None:
    plan = compile_study(
        tiny_study(chains={"none": [], "squad": ["world/squad"], "fake": [{"mix": ["world/squad"], "labels": "shuffled"}]})
    )
    slugs = {s.slug for s in plan.stages if s.kind == "train"}
    assert {"tiny+text+squad-s0", "tiny+text+squad~shuffled-s0"} <= slugs


def phase(slug: str, **changes: Any) -> Stage:
    (found,) = [s for s in compile_study(tiny_study(**changes)).stages if s.kind == "train" and s.slug == slug]
    return found


def languages(stage: Stage, task: str) -> list[str]:
    return list(stage.inputs.train[task])


def test_a_phase_holds_its_mixture() -> None:
    mixture = {"mix": ["world/squad", "world/text"], "sampling": "fixed", "weights": {"world/squad": 3, "world/text": 1}}
    stage = phase("tiny+text+squad&text-s0", chains={"none": [], "both": [{**mixture, "smoothing": 0.3}]})
    assert stage.fingerprint["config"]["mixture"] == {
        "sampling": "fixed",
        "cap": 131072,
        "temperature": 1.0,
        "weights": {"world/squad": 3.0, "world/text": 1.0},
        "smoothing": 0.3,
        "share_heads": False,
    }
    assert "cap" not in stage.fingerprint["config"]
    assert languages(stage, "world/squad") == ["en"]
    assert languages(stage, "world/text") == ["en", "l1"], "plain text is read in every language of the study"
    assert "world/squad" in stage.inputs.dev
    assert "world/text" not in stage.inputs.dev


def test_a_mixture_names_the_languages_of_its_training_data() -> None:
    chains = {"none": [], "mt": [{"mix": ["world/squad", "world/squad_mt", "world/text"], "languages": ["en", "l3", "l2"]}]}
    stage = phase("tiny+text+squad&squad_mt&text~en,l3,l2-s0", chains=chains)
    assert languages(stage, "world/squad") == ["en"]
    assert languages(stage, "world/squad_mt") == ["l2", "l3"]
    assert languages(stage, "world/text") == ["en", "l2", "l3"]
    assert any(
        note == "world/squad_mt: trained on Synthetic-2, Synthetic-3" for note in compile_study(tiny_study(chains=chains)).notes
    )
    many = {"none": [], "mt": [{"mix": ["world/squad_mt"], "languages": ["l5", "l4", "l3", "l2"]}]}
    assert languages(phase("tiny+text+squad_mt~l5,l4,l3,+1-s0", chains=many), "world/squad_mt") == ["l2", "l3", "l4", "l5"]
    every = phase("tiny+text+squad_mt-s0", chains={"none": [], "mt": ["world/squad_mt"]})
    assert languages(every, "world/squad_mt") == ["l1", "l2", "l3", "l4", "l5"], "there is no English"
    with pytest.raises(InputError, match=r"world/nli: its training data are in en, the mixture asks for l1 l2"):
        compile_study(tiny_study(chains={"none": [], "mt": [{"mix": ["world/nli"], "languages": ["l1", "l2"]}]}))


@pytest.fixture
def inference(tmp_path: Path) -> Path:
    """A task of one's own: the world's inference, with dev data in two languages."""
    for split, codes in (("train", ["en"]), ("dev", ["en", "l1"]), ("test", ["en", "l1"])):
        for code in codes:
            rows = [
                f"{e.answer}\t{e.texts[0]}\t{e.texts[1]}\n" for e in generate(WorldConfig(nli=40, dev=12), "nli", split, code)
            ]
            (tmp_path / f"{split}-{code}.tsv").write_text("".join(rows))
    record = {
        "name": "inference",
        "format": "classify",
        "texts": [1, 2],
        "label": 0,
        "labels": ["entailment", "neutral", "contradiction"],
        "files": {split: f"{split}-{{lang}}.tsv" for split in ("train", "dev", "test")},
        "languages": {"train": ["en"], "dev": ["en", "l1"], "test": ["en", "l1"]},
        "license": "none",
    }
    (tmp_path / "inference.yaml").write_text(yaml.safe_dump(record))
    return tmp_path / "inference.yaml"


def test_an_oracle_sees_target_language_dev_data_and_its_cells_say_so(inference: Path) -> None:
    study = tiny_study(
        tasks=[str(inference)],
        targets=["inference", "world/tydiqa"],
        recipes={"default": {"steps": 2, "max_length": 64}, "inference": {"policy": "target_dev", "patience": 2}},
    )
    plan = compile_study(study)
    assert {(c.id.target, c.leak) for c in plan.cells} == {("inference", True), ("world/tydiqa", False)}
    trained = next(s for s in plan.stages if s.slug == "tiny+text+inference-s0")
    assert [name for name in trained.inputs.named() if "dev" in name or "oracle" in name] == [
        "dev:inference",
        "oracle:inference:l1",
    ]
    assert trained.inputs.oracle["inference"]["l1"].config.language == "l1"
    assert any("policy target_dev" in note and "Synthetic-1" in note and "upper bounds" in note for note in plan.notes)


def test_an_oracle_without_dev_data_in_other_languages(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"world/tydiqa: policy target_dev needs dev data .* has dev data in en\)"):
        compile_study(tiny_study(recipes={"world/tydiqa": {"policy": "target_dev"}}))


SCRATCH = {
    "encoders": ["scratch/own"],
    "scratch": {"own": {"corpus": "world/text", "vocabulary": 200, "languages": ["en", "l2"]}},
    "seeds": [0, 1],
}


def test_an_encoder_from_scratch_has_a_tokenizer_that_all_seeds_share() -> None:
    plan = compile_study(tiny_study(**SCRATCH))
    (tokenizer,) = [s for s in plan.stages if s.kind == "tokenizer"]
    assert languages(tokenizer, "world/text") == ["en", "l2"]
    encoders = [s for s in plan.stages if s.kind == "encoder"]
    assert {s.config.source.seed for s in encoders} == {0, 1}
    assert all(s.inputs.tokenizer is tokenizer for s in encoders)
    assert all(s.config.source.architecture.hidden == 64 for s in encoders), "the default shape"
    control = next(c for c in plan.cells if c.id.arm == "random-init")
    assert control.checkpoint in encoders
    other = compile_study(tiny_study(**SCRATCH, architectures={"own": {"hidden": 8, "heads": 2}}))
    assert {s.config.source.architecture.hidden for s in other.stages if s.kind == "encoder"} == {8}
    assert next(s for s in other.stages if s.kind == "tokenizer").key == tokenizer.key


def test_the_random_init_control_of_the_world_is_its_encoder_before_pretraining() -> None:
    plan = compile_study(tiny_study())
    (control,) = [c for c in plan.cells if c.id.arm == "random-init"]
    assert control.checkpoint.kind == "encoder"


def test_missing_data_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    study = make_study(
        {"name": "x", "question": "?", "encoders": ["world/tiny"], "chains": {"none": []}, "targets": ["snli"], "seeds": [0]}
        | {"targets": [{"task": "xnli", "train": "snli"}]}
    )
    plan = compile_study(study, tmp_path)  # a plan needs no data: what is not here would come from the Hub, and is said to
    assert any("snli (train): not in the data folder" in note for note in plan.notes)


def test_an_unknown_field_of_the_world() -> None:
    with pytest.raises(InputError, match=r"unknown field 'world.txt' \(did you mean 'text'\?\)"):
        compile_study(tiny_study(world={"txt": 3}))


def test_an_encoder_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        compile_study(tiny_study(encoders=["./nowhere"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config.json is missing"):
        compile_study(tiny_study(encoders=[str(tmp_path / "empty")]))
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="no weights"):
        compile_study(tiny_study(encoders=[str(tmp_path / "empty")]))
    with pytest.raises(InputError, match="'world/large' has no shape under `architectures`"):
        compile_study(tiny_study(encoders=["world/large"]))


def test_partial_real_data_is_said_to_be_partial(real_data: Path, mini_xlmr: Path, tmp_path: Path) -> None:
    for path in (*real_data.glob("[!x]*"), *real_data.glob("xnli/*-[!d]?.tsv.gz")):  # no German XNLI
        link = tmp_path / path.relative_to(real_data)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(path)
    plan = compile_study(load_study("real-small", [f"encoders=[{mini_xlmr}]"]), tmp_path)
    there = {path.name[5:7] for path in real_data.glob("xnli/test-*.tsv.gz")} - {"de"}
    assert set(plan.missing["xnli"]) == set(CATALOGUE["xnli"].languages) - there
    assert "de" in plan.missing["xnli"]
    assert "de" not in plan.missing["udpos"]
    squad = [s for s in plan.stages if s.slug == "mini-xlmr+squad_v1-s0"]
    assert len(squad) == 1
    assert plan.uses[squad[0].key] == 8, "seven targets after it, and xquad without a chain is trained on it too"


def test_rows_longer_than_a_folders_encoder_can_number(tmp_path: Path) -> None:
    """Said before anything runs. CamemBERT counts positions from 2, as XLM-R does."""
    config = {"model_type": "camembert", "max_position_embeddings": 66, "pad_token_id": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "pytorch_model.bin").write_bytes(b"not read")
    (tmp_path / "tokenizer.json").write_text("{}")

    def plan(length: int) -> Plan:
        recipes = {"world/pos": {"max_length": length}, "span": {"max_length": 64}}
        return compile_study(tiny_study(encoders=[str(tmp_path)], pretrain=[], recipes=recipes))

    assert plan(64).cells
    with pytest.raises(InputError, match=r"recipe of world/pos: max_length 65 is more than the 64 positions"):
        plan(65)


@pytest.mark.parametrize(
    "module", ["xstilts.study", "xstilts.plan.compile", "xstilts.execution.execute", "xstilts.analysis.gather", "xstilts.cli"]
)
def test_planning_imports_no_torch(module: str) -> None:
    code = f"import {module}, sys; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'pandas', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_seeds_may_share_one_pretrained_encoder() -> None:
    def count(**changes: Any) -> tuple[int, set[str]]:
        plan = compile_study(tiny_study(seeds=[0, 1], **changes))
        first = {cell.trainings[-1].key for cell in plan.cells if cell.id.arm in ("none", "squad")}
        return len(first), {cell.score.key for cell in plan.cells if cell.id.seed == 0}

    (own, of_zero), (shared, with_zero), (other, with_one) = count(), count(pretrain_seed=0), count(pretrain_seed=1)
    assert (own, shared, other) == (2, 1, 1)
    assert of_zero == with_zero  # seed 0 keeps its keys
    assert not of_zero & with_one
