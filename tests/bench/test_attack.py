"""`bench/attack.py`: both sides attack the same victim, and the record says what the turns say. (The peer is not needed.)"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import load_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.train.evaluate import measure_margins

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("attack")


def test_both_sides_have_the_same_victim(bench: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    bench.write_victim(tmp_path, None, True, 6)
    given = json.loads((tmp_path / "pairs.json").read_text(encoding="utf-8"))
    assert len(given["pairs"]) == 6
    form = Classify(labels=tuple(given["labels"]))
    codec = CODECS[form.name](form, load_tokenizer(tmp_path / "stage" / "encoder"), Recipe(max_length=bench.MAX_LENGTH))
    examples = [ClassifyExample(name, tuple(texts), answer) for name, texts, answer in given["pairs"]]
    ours = measure_margins(load_model(tmp_path / "stage", "task", codec), "task", codec, examples)
    hub: Any = AutoModelForSequenceClassification.from_pretrained(tmp_path / "hub").eval()
    batch = AutoTokenizer.from_pretrained(tmp_path / "hub")(
        [e.texts for e in examples], padding="max_length", return_tensors="pt"
    )
    with torch.inference_mode():
        logits = hub(**batch).logits
    for margin, row, example in zip(ours, logits, examples, strict=True):
        right = form.labels.index(str(example.answer))
        others = torch.cat([row[:right], row[right + 1 :]])
        assert margin == pytest.approx(float(row[right] - others.max()), abs=1e-4)


def test_a_record_counts_rows_and_pairs(bench: Any) -> None:
    def turn(seconds: float, rows: int, **broken: bool | None) -> dict[str, Any]:
        return {"seconds": seconds, "cpu": seconds / 2, "rows": rows, "broken": broken}

    ours = [turn(1.0, 100, a=True, b=False, c=None), turn(1.0, 100, a=True, b=True, c=None)]
    theirs = [turn(2.0, 50, a=True, b=False, c=None), turn(2.0, 40, a=False, b=False, c=None)]
    record = bench._record("title", "xstilts", "peer", ours, theirs)
    assert record["ratio"] == {"median": 4.5, "min": 4.0, "max": 5.0, "of": 2}
    assert record["ratio_for_the_same_pairs"]["median"] == 2.0
    assert (record["rows_per_attack"], record["peer_rows_per_attack"]) == (50, 22.5)
    assert (record["success"][0], record["peer_success"][0], record["difference"][0]) == (0.75, 0.25, 0.5)
    assert record["pairs"] == 2
    assert "doubt" not in record


def test_without_the_peer_it_says_so(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inputs import Inputs  # type: ignore[import-not-found]

    monkeypatch.setenv("BENCH_TEXTATTACK", str(tmp_path / "nowhere"))
    (record,) = bench.measure(Inputs(tmp_path, True), 2, 1.0)
    assert record["peer"] == "TextAttack"
    assert "python bench/peer_textattack.py installs it" in record["not_run"]
