"""Exported folders are plain Hugging Face models, and plain Hugging Face code predicts what we predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.conftest import tiny_study
from tests.model.codecs.test_codecs import RECIPE, SPECS

from xstilts.errors import InputError
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.mlm import Mlm
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.plan.cell import find_cell
from xstilts.plan.compile import compile_study
from xstilts.stages.export import export_cell, write_folder
from xstilts.store.store import Store

pytestmark = pytest.mark.tiny


def exported(tiny_folder: Path, tmp_path: Path, spec: Any) -> tuple[Any, Any, Any, Any]:
    codec = CODECS[spec.name](spec, load_tokenizer(tiny_folder / "encoder"), RECIPE)
    model = fresh_model(tiny_folder, {"t": codec}, None).eval()
    save_model(model, {"t": spec}, tiny_folder / "encoder", tmp_path / "stage")
    name = write_folder(tmp_path / "stage", tmp_path / "hf")
    theirs, info = getattr(transformers, name).from_pretrained(tmp_path / "hf", output_loading_info=True)
    assert not info["unexpected_keys"]
    assert not [k for k in info["missing_keys"] if "position_ids" not in k]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    return codec, model, theirs.eval(), tokenizer


@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_plain_transformers_computes_our_logits(tiny_folder: Path, tmp_path: Path, spec: Any, examples: Any) -> None:
    codec, model, theirs, _ = exported(tiny_folder, tmp_path, spec)
    features = codec.encode(examples, training=False)
    batch = codec.collate(features)
    with torch.inference_mode():
        ours = model.head("t")(codec.hidden(model.encoder, batch))
        inputs = {k: batch[k] for k in ("input_ids", "attention_mask")}
        if isinstance(spec, Choice):
            inputs = {k: v.view(len(features), spec.choices, -1) for k, v in inputs.items()}
        output = theirs(**inputs)
    match spec:
        case Span():
            found = torch.stack([output.start_logits, output.end_logits], dim=-1)
        case Choice():
            found = output.logits.view(-1, 1)
        case _:
            found = output.logits
    if found.ndim == 3:  # what stands at the padding is nobody's business
        found, ours = (x[batch["attention_mask"].bool()] for x in (found, ours))
    torch.testing.assert_close(found, ours, rtol=1e-4, atol=1e-6)
    if isinstance(spec, Classify | Tag):
        assert list(theirs.config.id2label.values()) == list(spec.labels)


def test_the_tokenizer_travels_along(tiny_folder: Path, tmp_path: Path) -> None:
    codec, _, _, tokenizer = exported(tiny_folder, tmp_path, SPECS[0][0])
    texts = SPECS[0][1][0].texts
    assert tokenizer(*texts)["input_ids"] == codec.tokenizer(*texts)["input_ids"]


def test_masked_language_models_export_too(tiny_folder: Path, tmp_path: Path) -> None:
    codec, model, theirs, tokenizer = exported(tiny_folder, tmp_path, Mlm())
    ids = torch.tensor([tokenizer("bo ka <mask> mi")["input_ids"]])
    with torch.inference_mode():
        hidden = codec.hidden(model.encoder, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        torch.testing.assert_close(theirs(input_ids=ids).logits, model.head("t")(hidden), rtol=1e-4, atol=1e-6)


def test_a_cell_that_is_not_trained_or_not_there(tmp_path: Path) -> None:
    plan = compile_study(tiny_study())
    cell = find_cell(plan.cells, "squad/tydiqa/0")
    assert cell is find_cell(plan.cells, "tiny/squad/world/tydiqa/0")
    with pytest.raises(InputError, match="not made yet"):
        export_cell(Store(tmp_path), cell.checkpoint, tmp_path / "out")
    with pytest.raises(InputError, match=r"expected CHAIN/TARGET/SEED \(did you mean 'squad/tydiqa/0'\?\)"):
        find_cell(plan.cells, "sqad/tydiqa/0")
