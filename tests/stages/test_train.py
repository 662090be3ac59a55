"""The train stage on a small random encoder: processes, policies, adapters, co-training, and what can go wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.model.tiny_encoders import make_encoder

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.jsonl import write_jsonl
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.model.encoder import load_encoder
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.stages import train as body
from xstilts.stages.contracts import TrainConfig, TrainedTask, TrainInputs, read_config, write_config
from xstilts.stages.job import Diverged, Interrupted, Job, Lost
from xstilts.stages.stage import Context
from xstilts.train import loop
from xstilts.train.ddp import Group

pytestmark = pytest.mark.tiny
WORDS = ["bo", "ka", "mi", "kami"]
NLI = TrainedTask("xnli", 1, Classify(labels=("y", "n"), texts=2))
MNLI = replace(NLI, name="mnli")
TEXT = TrainedTask("world/text", 1, Mlm())
TrainJob = Job[TrainConfig, TrainInputs[Path]]


def folder_of(path: Path, count: int, seed: int = 0, plain: bool = False) -> Path:
    """What a fetch stage leaves."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, int(n))) for n in rng.integers(2, 12, count)]
    path.mkdir()
    pairs = [ClassifyExample(f"e{i}", (text, "ka"), "yn"["kami" in text]) for i, text in enumerate(texts)]
    write_jsonl(path / "examples.jsonl", [MlmExample(e.id, e.texts[:1]) for e in pairs] if plain else pairs)
    return path


def job_of(start: Path, path: Path, *tasks: TrainedTask, rule: dict[str, Any] | None = None, **recipe: Any) -> TrainJob:
    path.mkdir()
    names = [task.name for task in tasks]
    fields = {"lr": 1e-2, "batch": 8, "steps": 12, "max_length": 24, "policy": "last", "dropout": 0.2, **recipe}
    config = TrainConfig(tasks, Mixture(mix=names, **(rule or {})).rule, "gold", Recipe(**fields), 3)
    train: dict[str, dict[str, Path]] = {}
    dev: dict[str, Path] = {}
    for number, task in enumerate(tasks):
        if task == TEXT:
            train[task.name] = {x: folder_of(path / x, n, n, True) for x, n in {"en": 30, "de": 5, "sw": 2}.items()}
        else:
            train[task.name] = {"en": folder_of(path / f"{task.name}-en", 40, 1 + 2 * number)}
            dev[task.name] = folder_of(path / f"{task.name}-dev", 10, 9)
    for name in ("out", "checkpoint"):
        (path / name).mkdir()
    return Job(config, TrainInputs(start, train, dev), path / "out", path / "checkpoint")


SEGMENTATION = {"method": "segmentation", "alpha": 0.1}


@pytest.mark.parametrize("labels", ["gold", "shuffled"])
def test_rows_that_are_cut_anew_are_those_of_their_examples(tiny_folder: Path, tmp_path: Path, labels: Any) -> None:
    """In a mixture with plain text in three languages, whose examples follow each other."""
    job = job_of(tiny_folder, tmp_path / "a", NLI, TEXT, robust=SEGMENTATION, max_length=60)
    job = replace(job, config=replace(job.config, labels=labels))
    body._encode(job)
    prepared = body.prepare(job.config, job.inputs, job.scratch, torch.device("cpu"))
    table = prepared.model.encoder.get_input_embeddings()  # type: ignore[operator]
    assert len(table.weight) == 13, "any piece can come, so the table is whole"
    for member in prepared.members:
        assert len(member.features) > 30
        text = member.codec.tokenizer.convert_ids_to_tokens
        cut = 0
        for row in range(len(member.features)):
            before, now = member.features[row], member.visit(row, 1, row)
            assert "".join(text(now.rows[0].tolist())) == "".join(text(before.rows[0].tolist()))
            assert now.target == before.target
            cut += now.rows[0].tolist() != before.rows[0].tolist()
        assert cut > 10


def test_a_robust_phase_counts_its_passes_for_the_control(tiny_folder: Path, tmp_path: Path) -> None:
    tokens = {}
    for name, robust in {"plain": None, "freelb": {"method": "freelb", "steps": 3}, "segmentation": SEGMENTATION}.items():
        job = job_of(tiny_folder, tmp_path / name, NLI, robust=robust)
        body.run(job)
        made = json.loads((job.out / "train.json").read_text())
        assert made.get("passes") == {"freelb": 3.0, "segmentation": 1.0}.get(name)
        later = job_of(tiny_folder, tmp_path / f"{name}-control", NLI)
        later = replace(later, inputs=replace(later.inputs, match={"0": job.out}))
        body._encode(later)
        tokens[name] = body.prepare(later.config, later.inputs, later.scratch, torch.device("cpu")).plan.matched_tokens
        assert tokens[name] == round(made["tokens"] * made.get("passes", 1))
    assert tokens["freelb"] == 3 * tokens["plain"]
    assert tokens["segmentation"] > tokens["plain"]


def test_segmentation_needs_a_unigram_tokenizer(tmp_path: Path) -> None:
    make_encoder(tmp_path / "start" / "encoder", "bert")
    with pytest.raises(InputError, match="expected a Unigram tokenizer"):
        body.run(job_of(tmp_path / "start", tmp_path / "a", NLI, robust=SEGMENTATION))


def weights(job: TrainJob) -> dict[str, torch.Tensor]:
    return {**load_file(job.out / "encoder" / "model.safetensors"), **load_file(job.out / "heads.safetensors")}


def record(job: TrainJob) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.out / "train.json").read_text(encoding="utf-8"))
    return found


def assert_same(one: TrainJob, other: TrainJob, **tolerance: float) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, value in weights(one).items():
        torch.testing.assert_close(value, weights(other)[name], **(tolerance or {"rtol": 0.0, "atol": 0.0}), msg=name)


@contextmanager
def alone(job: TrainJob, processes: int) -> Iterator[Group]:
    yield Group()


def mixed_job(start: Path, path: Path, *tasks: TrainedTask, **recipe: Any) -> TrainJob:
    """A training with a word list. Its config has the sha256 of the list, and its context the file."""
    words = path.parent / f"{path.name}.tsv"
    words.write_text("en\tsw\nbo\tbobobo\nka\tkabo\n", encoding="utf-8")
    job = job_of(start, path, *tasks, robust={"method": "code_mix", "words": str(words), "share": 0.5}, **recipe)
    return replace(job, config=read_config(TrainConfig, write_config(job.config)), context=Context(words=str(words)))


def test_a_word_list_is_read_where_the_context_says_and_must_be_that_of_the_recipe(tiny_folder: Path, tmp_path: Path) -> None:
    job = mixed_job(tiny_folder, tmp_path / "a", NLI)
    body._encode(job)
    prepared = body.prepare(job.config, job.inputs, job.scratch, torch.device("cpu"), job.context.words)
    table = prepared.model.encoder.get_input_embeddings()  # type: ignore[operator]
    assert len(table.weight) == 13, "words of the list can come, so the table is whole"
    (member,) = prepared.members
    rows = [(member.features[row], member.visit(row, 1, row)) for row in range(len(member.features))]
    assert all(now.target == before.target for before, now in rows)
    assert sum(now.rows[0].tolist() != before.rows[0].tolist() for before, now in rows) > 30
    words = Path(job.context.words)
    words.write_text(words.read_text() + "mi\tmimimi\n")
    with pytest.raises(InputError, match=r"a\.tsv: it changed since the plan was made"):
        body.run(job)


def test_a_word_list_without_words_of_the_data_trains_as_if_there_were_none(tiny_folder: Path, tmp_path: Path) -> None:
    words = tmp_path / "none.tsv"
    words.write_text("en\tsw\nzu\tbobobo\n", encoding="utf-8")
    mixed = job_of(tiny_folder, tmp_path / "a", NLI, robust={"method": "code_mix", "words": str(words), "share": 0.5})
    mixed = replace(mixed, context=Context(words=str(words)))
    plain = job_of(tiny_folder, tmp_path / "b", NLI)
    for job in (mixed, plain):
        body.run(job)
    assert_same(mixed, plain, rtol=1e-5, atol=1e-7)  # the plain table is trimmed
    assert record(mixed)["passes"] == 1


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("make", [job_of, mixed_job])
def test_two_processes_are_one(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    """The same recipe, dropout included, by two processes and by one that does the work of both."""
    two, one = (make(tiny_folder, tmp_path / name, NLI, MNLI, processes=2) for name in ("two", "one"))
    body.run(two)
    monkeypatch.setattr(body, "start_processes", alone)
    body.run(one)
    assert record(two)["processes"] == 2
    assert record(one)["processes"] == 1
    assert record(two)["tokens"] == record(one)["tokens"]
    assert [x for _, x in record(two)["losses"]] == pytest.approx([x for _, x in record(one)["losses"]], rel=1e-4)
    assert_same(two, one, rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("forked_workers")
def test_a_lost_process_fails_the_stage_and_it_goes_on_from_its_checkpoint(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole, broken = (job_of(tiny_folder, tmp_path / name, NLI, processes=2, steps=16) for name in ("whole", "broken"))
    body.run(whole)
    before = set(psutil.Process().children())

    def kill(facts: dict[str, Any]) -> None:
        if facts.get("step") == 11:
            (child,) = set(psutil.Process().children()) - before
            child.kill()

    broken.progress = kill
    with pytest.raises(Lost, match="a process of the data-parallel group is gone"):
        body.run(broken)
    assert set(psutil.Process().children()) == before
    at = torch.load(broken.checkpoint / "state.pt", weights_only=True)["state"]["step"]
    assert 10 <= at < 16
    broken.progress = lambda _: None
    body.run(broken)
    assert record(broken)["tokens"] == record(whole)["tokens"]
    assert_same(broken, whole)


def test_the_others_end_when_the_first_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "xstilts.stages.ddp_worker"], stdin=subprocess.PIPE)
    work: dict[str, Any] = {"config": {}, "inputs": {}, "checkpoint": "", "scratch": "", "tasks": {}}
    work |= {"rank": 1, "size": 2, "rendezvous": str(tmp_path / "m")}
    assert process.stdin is not None
    process.stdin.write(json.dumps(work).encode() + b"\n")
    process.stdin.close()
    assert process.wait(200) == 3  # a busy machine imports torch for a minute


def test_the_vocabulary_is_trimmed_and_restored(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder with many tokens that never occur: trained trimmed and whole, with averaging and weight decay."""
    start = tmp_path / "start"
    large = load_encoder(tiny_folder / "encoder")
    torch.manual_seed(0)
    large.resize_token_embeddings(500, mean_resizing=False)
    large.save_pretrained(start / "encoder")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (start / "encoder" / name).write_bytes((tiny_folder / "encoder" / name).read_bytes())
    fields = {"policy": "avg_last_k", "weight_decay": 0.5, "dropout": 0.0}
    trimmed, whole = (job_of(start, tmp_path / name, NLI, **fields) for name in ("trimmed", "whole"))
    body.run(trimmed)
    monkeypatch.setattr(body, "trim", lambda *_: False)
    body.run(whole)
    assert record(trimmed)["vocabulary"]["of"] == 500
    assert record(trimmed)["vocabulary"]["kept"] <= 13
    assert record(whole)["vocabulary"] == {"kept": 500, "of": 500}
    assert_same(trimmed, whole, rtol=2e-4, atol=2e-6)


def test_co_training_with_plain_text(tiny_folder: Path, tmp_path: Path) -> None:
    """Masked language modelling as a member of the mixture: half of the steps, small languages more often than their share."""
    rule = {"sampling": "uniform", "smoothing": 0.3}
    job = job_of(tiny_folder, tmp_path / "job", NLI, TEXT, rule=rule, steps=40)
    body.run(job)
    found = record(job)
    assert found["draws"]["world/text"] == pytest.approx(20, abs=8)
    assert sum(found["draws"].values()) == 40
    assert found["vocabulary"]["kept"] == found["vocabulary"]["of"]
    assert json.loads((job.out / "heads.json").read_text())["world/text"] == {"name": "mlm"}


def test_shared_heads_are_one_head(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, MNLI, rule={"share_heads": True})
    body.run(job)
    found = weights(job)
    for name in ("dense.weight", "out_proj.bias"):
        assert torch.equal(found[f"xnli.{name}"], found[f"mnli.{name}"])


def test_adapters_are_merged_into_a_plain_encoder(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, lora=2)
    body.run(job)
    before = load_file(tiny_folder / "encoder" / "model.safetensors")
    found = weights(job)
    assert {name for name in before if not torch.equal(before[name], found[name])} == {
        name for name in before if ".layer." in name and name.endswith("weight") and "LayerNorm" not in name
    }


def test_frozen_blocks_stay(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, freeze=1)
    body.run(job)
    before, found = load_file(tiny_folder / "encoder" / "model.safetensors"), weights(job)
    changed = {name for name in before if not torch.equal(before[name], found[name])}
    assert changed
    assert all("layer.1." in name for name in changed)


def test_early_stopping(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, policy="en_dev", patience=2, steps=200, evaluations=40, lr=1e-7)
    body.run(job)
    found = record(job)
    assert found["stopped_early"]
    assert found["steps"] == 15  # the first of the 40 points is the best, and two more bring nothing
    assert found["selection"] == "the weights of step 5, best on English dev"


def test_the_oracle_looks_at_the_targets_languages_and_says_so(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, policy="target_dev")
    oracle = {x: folder_of(tmp_path / f"o-{x}", 10, n) for n, x in enumerate(["de", "sw"])}
    job.inputs = replace(job.inputs, oracle={"xnli": oracle})
    body.run(job)
    found = record(job)
    assert found["leak"]
    assert "a leak" in found["selection"]
    assert len(found["dev"]) == 10


def test_the_compute_matched_control_has_the_steps_of_the_chain_on_top(tiny_folder: Path, tmp_path: Path) -> None:
    chain, control = (job_of(tiny_folder, tmp_path / name, NLI, steps=30) for name in ("chain", "control"))
    body.run(chain)
    control.inputs = replace(control.inputs, match={"0": chain.out})
    body.run(control)
    assert record(control)["steps"] == 30 + record(control)["matched_steps"]
    assert record(control)["tokens"] == pytest.approx(2 * record(chain)["tokens"], rel=0.1)


def test_a_member_without_data_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tiny_folder, tmp_path / "job", NLI, MNLI)
    write_jsonl(job.inputs.train["mnli"]["en"] / "examples.jsonl", [])
    with pytest.raises(InputError, match="mnli: no training examples"):
        body.run(job)


def test_a_loss_that_is_not_finite_names_step_and_examples(tiny_folder: Path, tmp_path: Path) -> None:
    start = tmp_path / "start" / "encoder"
    start.mkdir(parents=True)
    for file in (tiny_folder / "encoder").iterdir():
        (start / file.name).write_bytes(file.read_bytes())
    tensors = load_file(start / "model.safetensors")
    tensors["encoder.layer.1.output.dense.bias"][0] = float("nan")
    save_file(tensors, start / "model.safetensors", {"format": "pt"})
    job = job_of(tmp_path / "start", tmp_path / "job", NLI)
    with pytest.raises(Diverged, match=r"the loss became nan at step 1, on xnli, examples e\d+, e\d+"):
        body.run(job)


def test_a_checkpoint_of_another_recipe_is_left_aside(tiny_folder: Path, tmp_path: Path) -> None:
    other, plain = job_of(tiny_folder, tmp_path / "other", NLI, lr=1e-3), job_of(tiny_folder, tmp_path / "plain", NLI)
    body.run(plain)
    other.progress = lambda report: other.stop.set() if "loss" in report else None
    with pytest.raises(Interrupted):
        body.run(other)
    foreign = job_of(tiny_folder, tmp_path / "foreign", NLI)
    (foreign.checkpoint / "state.pt").write_bytes((other.checkpoint / "state.pt").read_bytes())
    body.run(foreign)
    assert record(foreign)["note"] == "the checkpoint was of another recipe, mixture or data; training started again"
    assert_same(foreign, plain)
