"""Pictures in a study: vectors once for each picture, the model reads them, and ablations score the changed examples."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.conftest import tiny_record, tiny_study

from xstilts.errors import InputError
from xstilts.execution.execute import execute
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.jsonl import read_jsonl, read_predictions, write_jsonl
from xstilts.plan.compile import Plan, compile_study
from xstilts.report.findings import read_findings
from xstilts.stages import see
from xstilts.stages.contracts import SeeConfig, SeeInputs
from xstilts.stages.job import Interrupted, Job
from xstilts.stages.stage import Context, ScoreStage, SeeStage, TrainStage
from xstilts.store.store import Store
from xstilts.vision.features import PictureFeatures
from xstilts.vision.tower import identify_tower
from xstilts.world import WorldConfig, generate
from xstilts.world.scene import Scene, draw_scene

pytestmark = pytest.mark.tiny
FIXTURES = Path(__file__).parents[1] / "fixtures"
TOWER = "pixels/patch8-24"
ABLATIONS = [{"attack": "shuffled_pictures", "count": 3}, "blank_picture"]


@pytest.fixture(scope="module")
def made(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    """A finished study of pictures in two languages."""
    plan, store = compile_study(pictured_study()), Store(tmp_path_factory.mktemp("store"))
    assert not execute(plan, store, 2).errors
    return plan, store


def pictured_study(**changes: Any) -> Any:
    record: dict[str, Any] = {"chains": {"none": []}, "targets": ["world/xvnli"], "tower": TOWER, "conditions": ABLATIONS}
    record["world"] = {**tiny_record()["world"], "xvnli": 40}
    return tiny_study(**{**record, **changes})


def folder_of(store: Store, stage: Any) -> Path:
    return store.outputs(stage.kind, stage.slug, stage.key)


def test_each_picture_has_its_vectors_once(made: tuple[Plan, Store]) -> None:
    plan, store = made
    stages = [stage for stage in plan.stages if isinstance(stage, SeeStage)]
    assert sorted(stage.slug for stage in stages) == ["world.xvnli-test", "world.xvnli-train+dev"], "all languages share one"
    for stage in stages:
        features = PictureFeatures(folder_of(store, stage))
        named = {
            example.picture
            for text in stage.inputs.texts.values()
            for example in read_jsonl(folder_of(store, text) / "examples.jsonl")
            if isinstance(example, ImagePairExample)
        }
        assert len(features) == len(named)
        for name in named:
            pixels = np.frombuffer(draw_scene(Scene.of_name(name)), np.uint8).reshape(3, 8, 3, 8, 3).swapaxes(1, 2)
            np.testing.assert_allclose(features[name], pixels.reshape(9, 192) / 127.5 - 1, atol=1e-3)


def test_an_ablation_counts_the_mean_of_its_variants(made: tuple[Plan, Store]) -> None:
    plan, store = made
    shuffled, blank = (cell.score for cell in plan.attacked)
    for score in (shuffled, blank):
        assert isinstance(score, ScoreStage) and score.config.counts == "mean"
        counts = np.load(folder_of(store, score) / "tallies.npz")
        variants = score.inputs.variants["l1"]
        gold = {e.id: e.answer for e in read_jsonl(folder_of(store, variants) / "examples.jsonl")}
        assert score.inputs.attacked is not None
        found = {p.id: p.answer for p in read_predictions(folder_of(store, score.inputs.attacked) / "l1.jsonl")}
        for id, own in zip(counts["l1.ids"], counts["l1.counts"], strict=True):
            right = [found[one] == gold[one] for one in gold if one.rpartition("#")[0] == id]
            assert own[0] == pytest.approx(np.mean(right))
        assert set(counts["l1.chosen"]) == {""}
    assert len(gold) == 16, "one blank a picture"
    findings = read_findings(plan, store)
    assert {row.condition for row in findings.attacked} == {"shuffled_pictures, count 3", "blank_picture"}
    assert findings.broken == ()


def make_job(folder: Path, pictures: list[str], task: str = "world/xvnli") -> see.SeeJob:
    for name in ("out", "checkpoint", "texts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    examples = [ImagePairExample(str(i), picture, "a sentence", "neutral") for i, picture in enumerate(pictures)]
    write_jsonl(folder / "texts" / "examples.jsonl", examples)
    config = SeeConfig(task, 1, identify_tower(TOWER))
    inputs = SeeInputs({"en": folder / "texts"})
    return Job(config, inputs, folder / "out", folder / "checkpoint", Context(str(folder / "data"), tower=TOWER))


def test_a_stopped_stage_goes_on_and_leaves_the_same_bytes(tmp_path: Path) -> None:
    pictures = [e.picture for e in generate(WorldConfig(), "xvnli", "train", "en") if isinstance(e, ImagePairExample)][:150]
    whole, stopped = make_job(tmp_path / "whole", pictures), make_job(tmp_path / "stopped", pictures)
    see.run(whole)
    stopped.progress = lambda report: stopped.stop.set()
    with pytest.raises(Interrupted):
        see.run(stopped)
    steps: list[int] = []
    again = replace(stopped, progress=lambda report: steps.append(report["step"]), stop=type(stopped.stop)())
    see.run(again)
    assert min(steps) > 64, "what was done is kept"
    for name in ("features.npy", "names.json"):
        assert (tmp_path / "whole" / "out" / name).read_bytes() == (tmp_path / "stopped" / "out" / name).read_bytes()
    assert again.facts == {"pictures": len(set(pictures)), "vectors": 9, "width": 192}


def test_what_cannot_be_seen(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="world/xvnli: none of its examples names a picture"):
        see.run(make_job(tmp_path / "none", ["", ""]))
    with pytest.raises(InputError, match="no file for 1 of 1 pictures"):
        see.run(make_job(tmp_path / "missing", ["123"], "xvnli"))
    other = make_job(tmp_path / "other", ["123"])
    with pytest.raises(InputError, match="it changed since the plan was made"):
        see.run(replace(other, config=replace(other.config, tower={"name": "another"})))
    with pytest.raises(InputError, match="vision tower"):
        compile_study(pictured_study(tower="pixels/none"))


def test_another_picture_under_the_same_name_is_seen_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(FIXTURES / "xvnli", data / "xvnli")
    (data / "flickr30k").mkdir()
    lines = [line for path in data.glob("xvnli/*/*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    for name in {json.loads(line)["Flikr30kID"].removesuffix(".jpg") for line in lines}:
        Image.new("RGB", (24, 24), "red").save(data / "flickr30k" / f"{name}.jpg")
        os.utime(data / "flickr30k" / f"{name}.jpg", (10**9, 10**9))

    def find_stages() -> dict[str, SeeStage]:
        plan = compile_study(pictured_study(targets=["xvnli"], languages=["en", "es"], conditions=[]), data)
        return {stage.slug: stage for stage in plan.stages if isinstance(stage, SeeStage)}

    def make(stage: SeeStage) -> see.SeeJob:
        job = make_job(tmp_path / stage.key, ["101", "102"], "xvnli")
        texts = dict.fromkeys(("en", "es"), job.inputs.texts["en"])
        return replace(job, config=stage.config, inputs=SeeInputs(texts), context=stage.context)

    before = find_stages()
    assert set(before["xvnli-test"].config.files or {}) == {"en", "es"}
    see.run(make(before["xvnli-test"]))
    os.utime(data / "flickr30k" / "101.jpg")
    assert {stage.key for stage in find_stages().values()} == {stage.key for stage in before.values()}, (
        "a new time is no new picture"
    )
    Image.new("RGB", (24, 24), "blue").save(data / "flickr30k" / "101.jpg")
    after = find_stages()
    assert after["xvnli-test"].key != before["xvnli-test"].key
    assert after["xvnli-train+dev"].key == before["xvnli-train+dev"].key, "it names other pictures"
    with pytest.raises(InputError, match="xvnli, en: its pictures changed since the plan was made; run again"):
        see.run(make(before["xvnli-test"]))
    see.run(make(after["xvnli-test"]))
    old, new = (PictureFeatures(tmp_path / found["xvnli-test"].key / "out") for found in (before, after))
    assert not np.array_equal(old["101"], new["101"])
    assert np.array_equal(old["102"], new["102"])


def test_plans_of_studies_without_pictures_name_no_tower() -> None:
    with_tower = compile_study(tiny_study(tower=TOWER))
    assert {stage.key for stage in with_tower.stages} == {stage.key for stage in compile_study(tiny_study()).stages}
    assert "pictures" not in json.dumps([stage.fingerprint for stage in with_tower.stages])


def test_without_pillow_the_plan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "PIL" else find(name))
    with pytest.raises(InputError, match=r"pictures need Pillow, .* run: pip install 'xstilts\[vision\]'"):
        compile_study(pictured_study())


def test_in_the_strict_mode_the_encoder_stays_as_it_is(forked_workers: None, tmp_path: Path) -> None:
    """All blocks frozen: projection and head alone are trained."""
    study = pictured_study(pretrain=[], conditions=[], recipes={"default": {"steps": 3, "max_length": 64, "freeze": 2}})
    plan, store = compile_study(study), Store(tmp_path)
    assert not execute(plan, store, 1).errors
    (trained,) = (stage for stage in plan.stages if isinstance(stage, TrainStage))
    before, after = (
        load_file(folder_of(store, stage) / "encoder" / "model.safetensors") for stage in (trained.inputs.init, trained)
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    heads = load_file(folder_of(store, trained) / "heads.safetensors")
    assert any(name.startswith("world/xvnli.projection.") for name in heads)
