"""What is in an exported folder besides weights. That it computes the same: `tests/model/test_architectures.py`; that its code
predicts the same: `tests/export/test_snippets.py`."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import transformers
from safetensors import safe_open
from tests.model.codecs.test_codecs import RECIPE

from xstilts.formats.classify import Classify
from xstilts.formats.mlm import Mlm
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages.export import write_folder

pytestmark = pytest.mark.tiny
SPECS = {"a/nli": Classify(("yes", "no")), "text": Mlm()}


@pytest.fixture
def trained(tiny_folder: Path, tmp_path: Path) -> Path:
    """The `out/` folder of a training with two heads."""
    tokenizer = load_tokenizer(tiny_folder / "encoder")
    codecs = {task: CODECS[spec.name](spec, tokenizer, RECIPE) for task, spec in SPECS.items()}
    save_model(fresh_model(tiny_folder, codecs, None), SPECS, tiny_folder / "encoder", tmp_path / "stage")
    return tmp_path / "stage"


def test_the_head_is_that_of_the_task(trained: Path, tmp_path: Path) -> None:
    assert write_folder(trained, tmp_path / "text", "text") == "AutoModelForMaskedLM"
    assert write_folder(trained, tmp_path / "nli", "a/nli") == "AutoModelForSequenceClassification"
    config = transformers.AutoConfig.from_pretrained(tmp_path / "nli")
    assert config.id2label == {0: "yes", 1: "no"} and config.label2id == {"yes": 0, "no": 1}
    assert not hasattr(config, "word_state")


def test_without_a_head_there_are_only_the_weights_of_the_encoder(trained: Path, tmp_path: Path) -> None:
    assert write_folder(trained, tmp_path / "out", None) == "AutoModel"
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as file:
        assert not [name for name in file.keys() if "pooler" in name or "classifier" in name]  # noqa: SIM118 (not a dict)
    assert not (tmp_path / "out" / "head.safetensors").exists()


def test_the_tokenizer_travels_along(trained: Path, tmp_path: Path) -> None:
    write_folder(trained, tmp_path / "out", "a/nli")
    before, after = (load_tokenizer(folder) for folder in (trained / "encoder", tmp_path / "out"))
    assert after("bo ka", "mi bo")["input_ids"] == before("bo ka", "mi bo")["input_ids"]
    assert set(after("bo")) == {"input_ids", "attention_mask"}, "this encoder has no types of tokens"
    first, second = (
        json.loads((folder / "tokenizer_config.json").read_text()) for folder in (trained / "encoder", tmp_path / "out")
    )
    assert first.items() <= second.items()


def test_modes_are_those_of_new_files(trained: Path, tmp_path: Path) -> None:
    before = os.umask(0o026)
    try:
        write_folder(trained, tmp_path / "out", None)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o640}
