"""Everything that the training engine can do, in one study on the embedded world, from plan to page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import same_catalogue, tiny_study

from xstilts.analysis.gather import gather
from xstilts.execution.execute import execute
from xstilts.plan.compile import Plan, compile_study
from xstilts.report.findings import compute_findings
from xstilts.report.write import write_report
from xstilts.stages.stage import Stage
from xstilts.store.store import Store, read_json
from xstilts.study import Study
from xstilts.world import WorldConfig, generate

pytestmark = pytest.mark.tiny


def inference(folder: Path) -> Path:
    """A task of one's own with dev data in a target language, which the world's tasks do not have."""
    for split, codes in (("train", ["en"]), ("dev", ["en", "l1"]), ("test", ["en", "l1"])):
        for code in codes:
            rows = [
                f"{e.answer}\t{e.texts[0]}\t{e.texts[1]}\n" for e in generate(WorldConfig(nli=40, dev=12), "nli", split, code)
            ]
            (folder / f"{split}-{code}.tsv").write_text("".join(rows[:40]))
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
    (folder / "inference.yaml").write_text(yaml.safe_dump(record))
    return folder / "inference.yaml"


def engine_study(folder: Path) -> Study:
    recipes = tiny_study().recipes
    return tiny_study(
        tasks=[str(inference(folder))],
        encoders=["scratch/own"],
        scratch={"own": {"corpus": "world/text", "vocabulary": 400}},
        chains={
            "none": [],
            "with_text": [{"mix": ["world/squad", "world/text"], "sampling": "uniform", "smoothing": 0.3}],
            "translated": [{"mix": ["world/squad", "world/squad_mt"], "languages": ["en", "l1"], "share_heads": True}],
            "two_processes": [{"mix": ["world/squad"], "recipe": {"processes": 2, "dropout": 0.0}}],
            "one_process": [{"mix": ["world/squad"], "recipe": {"dropout": 0.0}}],
            "adapters": [{"mix": ["world/squad"], "recipe": {"lora": 2}}],
        },
        controls=["placebo", "compute"],
        targets=["world/tydiqa", "inference", "world/retrieval"],
        recipes={**recipes, "inference": {"policy": "target_dev", "patience": 2}, "world/tydiqa": {"freeze": 1}},
    )


Ran = tuple[Plan, Store]
Record = dict[str, Any]


@pytest.fixture(scope="module")
def ran(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("engine")
    with same_catalogue():
        plan, store = compile_study(engine_study(folder)), Store(folder / "store")
        state = execute(plan, store, workers=2)
        assert not state.errors, state.errors
        yield plan, store


def record_of(store: Store, stage: Stage) -> Record:
    """What a training left in `train.json`."""
    found: Record = read_json(store.folder(stage.kind, stage.slug, stage.key) / "out" / "train.json")
    return found


def fine_tuned(ran: Ran, chain: str, target: str) -> Stage:
    """The training that a cell is scored from."""
    (cell,) = [c for c in ran[0].cells if (c.id.arm, c.id.target) == (chain, target)]
    return cell.checkpoint


def test_every_cell_has_a_score_and_the_page_is_written(ran: Ran, tmp_path: Path) -> None:
    plan, store = ran
    results = gather(plan, store)
    assert len(results.cells) == len(plan.cells) == 6 * 3 + 5 * 3 + 5 * 2 + 1
    assert all(cell.languages for cell in results.cells)
    leaks = {"inference": True, "world/tydiqa": False, "world/retrieval": False}
    assert all(cell.leak == leaks[cell.target] for cell in results.cells)
    page = write_report(compute_findings(results), tmp_path).read_text()
    assert "two_processes~compute" in page
    assert "leak" in page


def test_a_compute_arm_sees_the_tokens_of_its_chain_too(ran: Ran) -> None:
    direct = record_of(ran[1], fine_tuned(ran, "none", "world/tydiqa"))
    a_step = direct["tokens"] / direct["steps"]
    for chain in ("with_text", "translated", "two_processes", "adapters"):
        extra = record_of(ran[1], fine_tuned(ran, chain, "world/tydiqa").inputs.init)["tokens"]
        matched = record_of(ran[1], fine_tuned(ran, f"{chain}~compute", "world/tydiqa"))
        assert matched["steps"] == direct["steps"] + matched["matched_steps"]
        assert abs(matched["tokens"] - direct["tokens"] - extra) <= max(0.15 * extra, 2 * a_step)


def test_two_processes_train_as_one(ran: Ran) -> None:
    names = ("two_processes", "one_process")
    two, one = (record_of(ran[1], fine_tuned(ran, chain, "world/tydiqa").inputs.init) for chain in names)
    assert (two["processes"], one["processes"]) == (2, 1)
    assert two["tokens"] == one["tokens"]
    np.testing.assert_allclose([x for _, x in two["losses"]], [x for _, x in one["losses"]], rtol=1e-4)


def test_what_was_asked_for_was_done(ran: Ran) -> None:
    plan, store = ran
    assert record_of(store, fine_tuned(ran, "none", "inference"))["leak"] is True
    assert record_of(store, fine_tuned(ran, "none", "world/tydiqa"))["leak"] is False
    mixed = record_of(store, fine_tuned(ran, "with_text", "world/tydiqa").inputs.init)
    assert set(mixed["draws"]) == {"world/squad", "world/text"}
    assert min(mixed["draws"].values()) > 0
    for stage in plan.stages:
        if stage.kind == "train":
            record = record_of(store, stage)
            assert record["tokens"] > 0
            assert math.isfinite(record["losses"][-1][1])
            assert set(record["seconds"]) == {"encode", "train", "evaluate", "checkpoint", "save"}
    (fetched,) = [stage for stage in plan.stages if stage.slug == "world.squad_mt-train-l1"]
    facts = store.runs(store.folder(fetched.kind, fetched.slug, fetched.key))[-1]["facts"]
    assert facts["examples"] + facts.get("unlocatable", 0) + facts.get("untranslated", 0) == 60
