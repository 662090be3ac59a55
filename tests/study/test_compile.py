from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import tiny_study

from xstilts.errors import InputError
from xstilts.study.compile import compile_study
from xstilts.study.study import load_study, make_study


def trainings(**changes: object) -> dict[str, str]:
    return {s.slug: s.key for s in compile_study(tiny_study(**changes)).stages if s.kind == "train"}


def test_stages_are_shared_and_inputs_come_first() -> None:
    plan = compile_study(tiny_study(seeds=[0, 1]))
    seen: set[str] = set()
    for stage in plan.stages:
        assert all(i.key in seen for i in stage.inputs.values())
        assert stage.key not in seen
        seen.add(stage.key)
    kinds = Counter(s.kind for s in plan.stages)
    assert kinds["encoder"] == 2
    assert kinds["train"] == 2 * (1 + 1 + 2 * 2), "per seed: pre-training, one intermediate, two targets after two chains"
    assert kinds["score"] == len({c.score.key for c in plan.cells}) == 2 * (2 * 3 + 1)
    pretraining = next(s for s in plan.stages if s.slug == "tiny+text-s0")
    assert plan.uses[pretraining.key] == 6


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


def test_a_placebo_is_another_stage_than_its_task() -> None:
    plan = compile_study(
        tiny_study(chains={"none": [], "squad": ["world/squad"], "fake": [{"mix": ["world/squad"], "labels": "shuffled"}]})
    )
    slugs = {s.slug for s in plan.stages if s.kind == "train"}
    assert {"tiny+text+squad-s0", "tiny+text+squad~shuffled-s0"} <= slugs


def test_the_random_init_control_of_the_world_is_its_encoder_before_pretraining() -> None:
    plan = compile_study(tiny_study())
    (control,) = [c for c in plan.cells if c.control]
    assert control.score.inputs["predictions"].inputs["model"].kind == "encoder"


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
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no weights"):
        compile_study(tiny_study(encoders=[str(tmp_path / "empty")]))
    with pytest.raises(InputError, match="one encoder, 'world/tiny'"):
        compile_study(tiny_study(encoders=["world/large"]))


def test_partial_real_data_is_said_to_be_partial(real_data: Path, mini_xlmr: Path) -> None:
    plan = compile_study(load_study("real-mini", [f"encoders=[{mini_xlmr}]"]), real_data)
    assert "ru" in plan.missing["xnli"]
    assert "bg" not in plan.missing["udpos"]
    squad = [s for s in plan.stages if s.slug == "mini-xlmr+squad_v1-s0"]
    assert len(squad) == 1
    assert plan.uses[squad[0].key] == 4


@pytest.mark.parametrize(
    "module", ["xstilts.study", "xstilts.study.compile", "xstilts.study.execute", "xstilts.report.gather", "xstilts.cli"]
)
def test_planning_imports_no_torch(module: str) -> None:
    code = f"import {module}, sys; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'pandas', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
