"""Where a tag is read: with a tokenizer that, as XLM-R's does, begins words of a script without blanks with a bare "▁"."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch.nn import functional
from transformers import AutoModel, PreTrainedTokenizerFast

from xstilts.formats.jsonl import write_jsonl
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.tag import TagCodec
from xstilts.model.model import fresh_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages import predict as stage
from xstilts.stages.contracts import PredictConfig, PredictInputs, PredictRecipe
from xstilts.stages.job import Job
from xstilts.train.evaluate import predict

pytestmark = pytest.mark.tiny
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁bo", "▁ka", "中", "国", "人", "bo", "ka", "<mask>"]
TAGS = Tag(labels=("N", "V", "X"))
EXAMPLES = [
    TagExample("a", ("中国", "bo", "人", "bokabo"), ("N", "V", "X", "N")),
    TagExample("b", ("ka", "国人中国"), ("V", "X")),
    TagExample("c", ("人",), ("X",)),
    TagExample("d", ("中国人",) * 9, ("N", "V", "X") * 3),  # longer than a row
]
WORD_STATES = ("first", "next", "mean")


@pytest.fixture(params=[True, False], ids=["with decoder", "without decoder"])
def folder(tiny_folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    shutil.copytree(tiny_folder / "encoder", tmp_path / "encoder")
    backend = Tokenizer(models.Unigram([(piece, -float(i)) for i, piece in enumerate(PIECES)], unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    if request.param:
        backend.decoder = decoders.Metaspace()
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", mask_token="<mask>", **names)
    tokenizer.save_pretrained(tmp_path / "encoder")
    return tmp_path


def codec(folder: Path, word_state: Any) -> TagCodec:
    return TagCodec(TAGS, load_tokenizer(folder / "encoder"), Recipe(max_length=24, word_state=word_state))


@pytest.mark.parametrize(("word_state", "starts"), [("first", [1, 4, 5, 7]), ("next", [2, 4, 6, 7]), ("mean", [1, 4, 5, 7])])
def test_the_token_of_a_word(folder: Path, word_state: str, starts: list[int]) -> None:
    (feature,) = codec(folder, word_state).encode(EXAMPLES[:1], training=True)
    pieces = ["<s>", "▁", "中", "国", "▁bo", "▁", "人", "▁bo", "ka", "bo", "</s>"]
    assert feature.rows[0].tolist() == [PIECES.index(piece) for piece in pieces]
    assert feature.extra["starts"] == starts


def test_a_word_of_nothing_but_bare_tokens_is_read_at_the_first(folder: Path) -> None:
    (feature,) = codec(folder, "next").encode([TagExample("a", ("▁", "中"), ("N", "V"))], training=True)
    assert PIECES[feature.rows[0][1]] == "▁"
    assert feature.extra["starts"][0] == 1


@pytest.mark.parametrize("word_state", WORD_STATES)
@pytest.mark.parametrize("training", [True, False])
def test_logits_and_loss_are_those_of_the_states_by_hand(folder: Path, word_state: str, training: bool) -> None:
    c = codec(folder, word_state)
    model = fresh_model(folder, {"t": c}, 0.0).eval()
    trunk = AutoModel.from_pretrained(folder / "encoder", add_pooling_layer=False).eval()
    features = c.encode(EXAMPLES, training=True)
    assert [f.example for f in features] == [0, 1, 2, 3, 3]
    head: Any = model.head("t")
    wanted, losses = [], []
    for feature in features:
        ids = feature.rows[0].tolist()
        states_LD = trunk(input_ids=torch.tensor([ids])).last_hidden_state[0]
        begins = [p for p, id in enumerate(ids) if PIECES[id].startswith("▁")] + [len(ids) - 1]
        words = []
        for begin, end in pairwise(begins):
            bare = word_state == "next" and PIECES[ids[begin]] == "▁"
            words.append(states_LD[begin:end].mean(0) if word_state == "mean" else states_LD[begin + bare])
        logits_WC = head.linear(torch.stack(words))
        wanted.append(logits_WC.argmax(-1).tolist())
        losses.append(functional.cross_entropy(logits_WC, torch.tensor(feature.target), reduction="sum"))
    batch = c.collate(features)
    if training:
        c.targets(features, batch, np.random.default_rng(0))
        assert c.loss_terms(batch) == sum(len(e.words) for e in EXAMPLES)
        loss = c.loss(head, c.hidden(model.encoder, head, batch), batch)
        torch.testing.assert_close(loss, torch.stack(losses).sum(), rtol=1e-5, atol=1e-5)
        gradients = [torch.autograd.grad(x, head.linear.weight)[0] for x in (loss, torch.stack(losses).sum())]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
    else:
        assert c.outputs(head, c.hidden(model.encoder, head, batch), batch, features) == wanted


@pytest.mark.parametrize("word_state", WORD_STATES)
def test_prediction_depends_neither_on_order_nor_on_company(folder: Path, word_state: str) -> None:
    c = codec(folder, word_state)
    model = fresh_model(folder, {"t": c}, 0.0)
    together = {p.id: p.answer for p in predict(model, "t", c, EXAMPLES)}
    assert together == {p.id: p.answer for e in EXAMPLES for p in predict(model, "t", c, [e])}
    assert all(len(together[e.id]) == len(e.words) for e in EXAMPLES)  # type: ignore[arg-type]


def test_the_share_of_words_that_are_read_at_a_bare_token(folder: Path) -> None:
    c = codec(folder, "first")
    assert c.share_of_bare_words(EXAMPLES) == 13 / 16
    assert c.share_of_bare_words([TagExample("a", ("bo", "ka"), ("N", "V"))]) == 0
    assert c.share_of_bare_words([]) == 0


@pytest.mark.parametrize("word_state", WORD_STATES)
def test_the_predict_stage_records_languages_with_many_such_words(folder: Path, word_state: Any) -> None:
    c = codec(folder, word_state)
    save_model(fresh_model(folder, {"t": c}, 0.0), {"t": TAGS}, folder / "encoder", folder / "model")
    texts = {"zh": EXAMPLES, "en": [TagExample("a", ("bo", "ka", "bo", "人"), ("N",) * 4)], "fr": []}
    for language, examples in texts.items():
        (folder / language).mkdir()
        write_jsonl(folder / language / "examples.jsonl", examples)
    for name in ("out", "checkpoint"):
        (folder / name).mkdir()
    config = PredictConfig("t", "t", TAGS, tuple(texts), PredictRecipe(24, 6, "fp32", word_state))
    job = Job(config, PredictInputs(folder / "model", {x: folder / x for x in texts}), folder / "out", folder / "checkpoint")
    stage.run(job)
    assert job.facts == ({"bare_words": {"zh": 0.812}} if word_state == "first" else {})
    assert sorted(path.name for path in job.out.iterdir()) == ["en.jsonl", "fr.jsonl", "zh.jsonl"]


def test_real_text_in_chinese_and_english(mini_xlmr: Path) -> None:
    tokenizer = load_tokenizer(mini_xlmr)
    chinese = [TagExample("zh", ("我们", "昨天", "在", "北京", "看", "了", "一", "部", "电影", "。"), ("N",) * 10)]
    english = [TagExample("en", ("Yesterday", "we", "saw", "a", "film", "in", "Beijing", "."), ("N",) * 8)]
    c = TagCodec(TAGS, tokenizer, Recipe(word_state="next"))
    assert c.share_of_bare_words(chinese) > 0.25 > c.share_of_bare_words(english)
    (feature,) = c.encode(chinese, training=True)
    read = tokenizer.convert_ids_to_tokens(feature.rows[0][feature.extra["starts"]].tolist())
    assert "▁" not in read and [piece.strip("▁")[:1] for piece in read] == [word[0] for word in chinese[0].words]
