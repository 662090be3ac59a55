"""The contract of the table of architectures: an encoder of each type is checked, trained, read, embedded and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from transformers import AutoModel, AutoModelForMaskedLM

from tests.model.codecs.test_codecs import SPECS
from tests.model.tiny_encoders import POSITIONS, make_encoder
from xstilts.errors import InputError
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.architectures import ENCODER_TYPES
from xstilts.model.codecs.registry import CODECS
from xstilts.model.embedding import run_through
from xstilts.model.encoder import blocks, check_encoder, has_token_types, load_encoder, max_positions, random_encoder
from xstilts.model.model import fresh_model, load_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.model.unpadding import can_unpad, last_states
from xstilts.model.vocabulary import restore, trim
from xstilts.recipe.recipe import Recipe
from xstilts.stages.export import write_folder
from xstilts.stages.train import check_length
from xstilts.train.ddp import Group
from xstilts.train.evaluate import predict
from xstilts.train.flops import count_training_work
from xstilts.train.step import Stepper, make_optimizer

pytestmark = pytest.mark.tiny
RECIPE = Recipe(max_length=24, stride=6, lr=1e-3)
SENTENCES = ["bo ka mi", "the tower is old . a human is in the tower .", "ка ми", "bo"]


@pytest.fixture(scope="module", params=sorted(ENCODER_TYPES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `out/` folder of an encoder stage."""
    found = tmp_path_factory.mktemp(request.param)
    make_encoder(found / "encoder", request.param)
    return found


def padded(folder: Path) -> Any:
    return load_tokenizer(folder)(SENTENCES, padding=True, return_tensors="pt")


def inputs_of(encoder: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What transformers' own model is given."""
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if has_token_types(encoder) else [])]
    return {name: batch[name] for name in names if name in batch}


def plain_states(model: Any, folder: Path, layer: int = -1) -> list[torch.Tensor]:
    """What transformers computes of each sentence alone."""
    tokenizer = load_tokenizer(folder)
    with torch.inference_mode():
        found = [model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True) for text in SENTENCES]
    return [output.hidden_states[layer][0] for output in found]


def assert_rows_close(states_BLD: torch.Tensor, rows: list[torch.Tensor]) -> None:
    for state_LD, row_LD in zip(states_BLD, rows, strict=True):
        torch.testing.assert_close(state_LD[: len(row_LD)], row_LD, rtol=1e-4, atol=1e-5)


def test_it_passes_the_check(folder: Path) -> None:
    assert check_encoder(folder / "encoder").model_type == load_encoder(folder / "encoder").config.model_type


def test_states_are_those_of_transformers(folder: Path) -> None:
    batch = padded(folder / "encoder")
    encoder: Any = load_encoder(folder / "encoder").eval()
    types = batch.get("token_type_ids") if has_token_types(encoder) else None
    with torch.inference_mode():
        ours = last_states(encoder, batch["input_ids"], batch["attention_mask"], None, types)
    assert_rows_close(ours, plain_states(AutoModel.from_pretrained(folder / "encoder").eval(), folder / "encoder"))


def test_the_needed_states_are_enough(folder: Path) -> None:
    batch = padded(folder / "encoder")
    encoder: Any = load_encoder(folder / "encoder").eval()
    first = torch.zeros_like(batch["attention_mask"], dtype=torch.bool)
    first[:, 0] = True
    with torch.inference_mode():
        ours = last_states(encoder, batch["input_ids"], batch["attention_mask"], first)[:, 0]
        all_of_them = last_states(encoder, batch["input_ids"], batch["attention_mask"])[:, 0]
    torch.testing.assert_close(ours, all_of_them, rtol=1e-4, atol=1e-5)


def test_every_layer_is_that_of_transformers(folder: Path) -> None:
    batch = padded(folder / "encoder")
    encoder: Any = load_encoder(folder / "encoder").eval()
    layers = tuple(range(len(blocks(encoder)) + 1))
    found: dict[int, torch.Tensor] = {}
    with torch.inference_mode():
        run_through(encoder, batch["input_ids"], batch["attention_mask"], layers, found.__setitem__)
    reference = AutoModel.from_pretrained(folder / "encoder").eval()
    for layer in layers:
        assert_rows_close(found[layer], plain_states(reference, folder / "encoder", layer))


def test_its_dropout_is_the_recipes(folder: Path) -> None:
    batch = padded(folder / "encoder")

    def twice(dropout: float) -> tuple[torch.Tensor, torch.Tensor]:
        encoder = load_encoder(folder / "encoder", dropout).train()
        a, b = (last_states(encoder, batch["input_ids"], batch["attention_mask"])[:, 0] for _ in range(2))
        return a, b

    none, some = twice(0.0), twice(0.4)
    torch.testing.assert_close(*none, rtol=0, atol=0)
    assert not torch.allclose(*some)
    left = {m.p for m in load_encoder(folder / "encoder", 0.25).modules() if isinstance(m, nn.Dropout)}
    assert left <= {0.25}, "no dropout of the trunk is left at another rate"


def test_a_phase_does_not_hand_on_its_dropout(folder: Path, tmp_path: Path) -> None:
    codec = CODECS["classify"](SPECS[0][0], load_tokenizer(folder / "encoder"), RECIPE)
    save_model(fresh_model(folder, {"t": codec}, 0.33), {"t": SPECS[0][0]}, folder / "encoder", tmp_path)
    before, after = (AutoModel.from_pretrained(f / "encoder").config for f in (folder, tmp_path))
    for name in ENCODER_TYPES[before.model_type].dropouts:
        assert getattr(after, name) == getattr(before, name) != 0.33


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_a_step_of_each_format(folder: Path, spec: Any, examples: Any, precision: Any) -> None:
    recipe = RECIPE.model_copy(update={"precision": precision})
    codec = CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), recipe)
    torch.manual_seed(0)
    model = fresh_model(folder, {"t": codec}, 0.0)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    step = Stepper(model, make_optimizer(model, recipe), recipe, 0, Group(), 2048).step
    losses = [step("t", codec, codec.encode(examples, training=True), i, 3e-3) for i in range(12)]
    assert np.isfinite(losses).all()
    assert min(losses[6:]) < losses[0], "it learns the batch by heart"
    still = [n for n, w in model.named_parameters() if torch.equal(w, before[n]) and not _may_stand_still(n)]
    assert not still, "every weight of the trunk and the head is trained"
    found = list(predict(model, "t", codec, examples))
    assert [p.id for p in found] == [e.id for e in examples]


def _may_stand_still(name: str) -> bool:
    """The bias of keys has no gradient (softmax is the same), and positions or pieces that do not occur have none."""
    return any(word in name for word in ("key", "k_lin", "k_proj", "position", "rel_embeddings", "token_type"))


def test_predictions_do_not_depend_on_company(folder: Path) -> None:
    for spec, examples in SPECS:
        codec = CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), RECIPE)
        model = fresh_model(folder, {"t": codec}, None).eval()
        together = {p.id: p.answer for p in predict(model, "t", codec, examples)}
        assert together == {p.id: p.answer for e in examples for p in predict(model, "t", codec, [e])}


def test_a_saved_model_is_the_same(folder: Path, tmp_path: Path) -> None:
    spec, examples = SPECS[0]
    codec = CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), RECIPE)
    model = fresh_model(folder, {"t": codec}, None).eval()
    save_model(model, {"t": spec}, folder / "encoder", tmp_path)
    again = load_model(tmp_path, "t", codec)
    for (name, weight), (other, same) in zip(model.named_parameters(), again.named_parameters(), strict=True):
        assert name == other and torch.equal(weight, same)
    assert check_encoder(tmp_path / "encoder")
    assert list(predict(again, "t", codec, examples)) == list(predict(model, "t", codec, examples))


def test_as_many_tokens_as_it_can_number(folder: Path) -> None:
    encoder: Any = load_encoder(folder / "encoder").eval()
    assert max_positions(encoder) == POSITIONS
    ids = torch.full((2, POSITIONS), 7)
    with torch.inference_mode():
        assert torch.isfinite(last_states(encoder, ids, torch.ones_like(ids))).all()
    check_length(encoder, Recipe(max_length=POSITIONS, stride=8))
    with pytest.raises(InputError, match=f"max_length {POSITIONS + 1} is more than the encoder's {POSITIONS} positions"):
        check_length(encoder, Recipe(max_length=POSITIONS + 1, stride=8))


def test_a_trimmed_vocabulary_changes_nothing(folder: Path) -> None:
    batch = padded(folder / "encoder")
    encoder: Any = load_encoder(folder / "encoder").eval()
    table = encoder.get_input_embeddings().weight.detach().clone()
    with torch.inference_mode():
        whole = last_states(encoder, batch["input_ids"], batch["attention_mask"])
        assert trim(encoder, np.unique(batch["input_ids"].numpy()), [])
        trimmed = last_states(encoder, batch["input_ids"], batch["attention_mask"])
    mask = batch["attention_mask"].bool()
    torch.testing.assert_close(trimmed[mask], whole[mask])
    restore(encoder, table, 1.0)
    assert torch.equal(encoder.get_input_embeddings().weight, table)


def test_work_is_counted(folder: Path) -> None:
    encoder: Any = load_encoder(folder / "encoder")
    work = count_training_work(encoder)
    weights = sum(m.weight.numel() for block in blocks(encoder) for m in block.modules() if isinstance(m, nn.Linear))
    assert work.per_token == 6 * weights


def test_the_random_control_has_other_weights_of_the_same_shape(folder: Path) -> None:
    given, other, same = (
        load_encoder(folder / "encoder"),
        random_encoder(folder / "encoder", 1),
        random_encoder(folder / "encoder", 1),
    )
    shapes = [{n: tuple(w.shape) for n, w in e.named_parameters()} for e in (given, other)]
    assert shapes[0] == shapes[1]
    weights = dict(other.named_parameters())
    assert all(torch.equal(w, weights[n]) for n, w in same.named_parameters())
    assert not all(torch.equal(w, weights[n]) for n, w in given.named_parameters())


def test_a_pretrained_masked_lm_head_is_used(folder: Path) -> None:
    codec = CODECS["mlm"](Mlm(), load_tokenizer(folder / "encoder"), RECIPE)
    model = fresh_model(folder, {"t": codec}, None).eval()
    names = ENCODER_TYPES[model.encoder.config.model_type].mlm_head()  # type: ignore[union-attr, arg-type]
    features = codec.encode([MlmExample("a", ("bo ka mi the tower",)), MlmExample("b", ("mi bo", "ka ми"))], training=True)
    batch = codec.collate(features)
    codec.targets(features, batch, np.random.default_rng(0))
    loss = codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch)
    loss.backward()
    assert torch.isfinite(loss)
    if not names:
        return
    reference: Any = AutoModelForMaskedLM.from_pretrained(folder / "encoder").eval()
    chosen = batch["labels"] >= 0
    with torch.inference_mode():
        ours = model.head("t")(codec.hidden(model.encoder, model.head("t"), batch)[chosen])
        types = (
            {"token_type_ids": batch["token_type_ids"]} if has_token_types(model.encoder) and "token_type_ids" in batch else {}
        )
        theirs = reference(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], **types).logits[chosen]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "examples"), [*SPECS, (Mlm(), [MlmExample("a", ("bo ka mi", "mi"))])], ids=lambda x: getattr(x, "name", "")
)
def test_what_is_exported_computes_the_same(folder: Path, tmp_path: Path, spec: Any, examples: Any) -> None:
    codec = CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), RECIPE)
    model = fresh_model(folder, {"t": codec}, None).eval()
    save_model(model, {"t": spec}, folder / "encoder", tmp_path / "stage")
    name = write_folder(tmp_path / "stage", tmp_path / "hf", "t")
    row = ENCODER_TYPES[model.encoder.config.model_type]  # type: ignore[union-attr, index]
    assert name == (codec.export if codec.export in row.heads else "AutoModel")
    theirs, info = getattr(transformers, name).from_pretrained(tmp_path / "hf", output_loading_info=True)
    assert not info["unexpected_keys"]
    assert not [key for key in info["missing_keys"] if "pooler" not in key or name != "AutoModel"]
    features = codec.encode(examples, training=False)
    batch = codec.collate(features)
    inputs = inputs_of(model.encoder, batch)
    if isinstance(spec, Choice) and name != "AutoModel":
        inputs = {k: v.view(len(features), spec.choices, -1) for k, v in inputs.items()}
    with torch.inference_mode():
        hidden = codec.hidden(model.encoder, model.head("t"), batch)
        output = theirs.eval()(**inputs)
        ours = hidden if name == "AutoModel" else model.head("t")(hidden)
    match spec:
        case _ if name == "AutoModel":
            found = output.last_hidden_state
        case Span():
            found = torch.stack([output.start_logits, output.end_logits], dim=-1)
        case Choice():
            found = output.logits.view(-1, 1)
        case _:
            found = output.logits
    if found.ndim == 3:
        mask = batch["attention_mask"].bool()
        if name == "AutoModel" and codec.first_tokens_only:
            mask = mask.clone()
            mask[:, 1:] = False
        found, ours = found[mask], ours[mask]
    torch.testing.assert_close(found, ours, rtol=1e-4, atol=1e-5)


def test_the_texts_of_a_pair_have_types_where_the_encoder_has_them(folder: Path) -> None:
    """As BERT's tokenizer and its fine-tuning scripts number them."""
    codec = CODECS["classify"](Classify(("a", "b"), 2), load_tokenizer(folder / "encoder"), RECIPE)
    encoder: Any = load_encoder(folder / "encoder").eval()
    texts = ["bo ka mi", "mi"], ["the tower", "bo ka ka ka"]
    batch = codec.collate(codec.encode([ClassifyExample(a, (a, b), "a") for a, b in zip(*texts, strict=True)], True))
    reference = load_tokenizer(folder / "encoder")(*texts, padding=True, return_tensors="pt", return_token_type_ids=True)
    assert torch.equal(batch["input_ids"], reference["input_ids"])
    if "token_type_ids" in batch:
        assert torch.equal(batch["token_type_ids"], reference["token_type_ids"])
    else:
        assert not reference["token_type_ids"].any()
    with torch.inference_mode():
        theirs = encoder(**inputs_of(encoder, reference)).last_hidden_state[:, 0]
        torch.testing.assert_close(codec.hidden(encoder, nn.Identity(), batch)[:, 0], theirs, rtol=1e-4, atol=1e-5)


def test_a_word_has_the_pieces_that_it_has_in_a_sentence(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "encoder")
    codec = CODECS["tag"](Tag(("N",)), tokenizer, Recipe(max_length=60))
    words = ("the", "tower", "is", "old", ".")
    row = codec.encode([TagExample("a", words, None)], training=False)[0].rows[0]
    before = " " if tokenizer.convert_ids_to_tokens(int(row[1])).startswith("Ġ") else ""
    assert row.tolist() == tokenizer(before + " ".join(words))["input_ids"]


def test_what_runs_without_padding() -> None:
    """Written down: a type that silently stops being unpadded would only be slow."""
    assert {row.model_type for row in ENCODER_TYPES.values() if row.unpadded} == {
        "xlm-roberta",
        "xlm-roberta-xl",
        "roberta",
        "camembert",
        "bert",
    }


def test_unpadding_is_used(folder: Path) -> None:
    encoder: Any = load_encoder(folder / "encoder")
    assert can_unpad(encoder) == ENCODER_TYPES[encoder.config.model_type].unpadded
