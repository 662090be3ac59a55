"""One network in two formats (`xlm-roberta`, and `bert` with XLM-R's tokenizer) gives equal scores, under keys of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study
from tests.model.tiny_encoders import as_bert, make_encoder

from xstilts.execution.execute import execute
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store, read_json

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]


def test_equal_scores_and_other_keys(tmp_path: Path) -> None:
    xlmr = make_encoder(tmp_path / "xlmr", "xlm-roberta")
    bert = as_bert(xlmr, tmp_path / "bert")
    copy = Path(shutil.copytree(xlmr, tmp_path / "copy"))
    fields = {
        "pretrain": [],
        "random_init": False,
        "recipes": {"default": {"steps": 4, "batch": 8, "max_length": 48, "stride": 8}},
    }
    plans = {f.name: compile_study(tiny_study(encoders=[str(f)], **fields)) for f in (xlmr, bert, copy)}
    store = Store(tmp_path / "store")
    scores: dict[str, list[Any]] = {}
    for name in ("xlmr", "bert"):
        assert not execute(plans[name], store, workers=2).errors
        folders = [store.folder(s.kind, s.slug, s.key) for s in (cell.score for cell in plans[name].cells)]
        scores[name] = [read_json(folder / "out" / "scores.json") for folder in folders]
    assert scores["xlmr"] == scores["bert"]
    keys = {
        name: {kind: {s.key for s in plan.stages if s.kind == kind} for kind in ("fetch", "train", "score")}
        for name, plan in plans.items()
    }
    assert keys["xlmr"]["fetch"] == keys["bert"]["fetch"], "the same data"
    assert not keys["xlmr"]["train"] & keys["bert"]["train"] and not keys["xlmr"]["score"] & keys["bert"]["score"]
    assert keys["xlmr"] == keys["copy"], "the same files elsewhere"
