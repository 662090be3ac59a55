"""Pictures before text: the vectors stand where they should, once, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModel

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.model.codecs.classify import ClassifyCodec
from xstilts.model.codecs.image_pair import ImagePairCodec
from xstilts.model.model import fresh_model, load_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.model.vocabulary import trim
from xstilts.recipe.recipe import Recipe
from xstilts.stages.export import write_folder
from xstilts.train.evaluate import predict

pytestmark = pytest.mark.tiny
COUNT, WIDTH = 3, 5
LABELS = ("yes", "no")
VECTORS_NKF = np.random.default_rng(0).normal(size=(2, COUNT, WIDTH)).astype(np.float16)


class Album:
    """Two pictures, of names and no files."""

    k, width = COUNT, WIDTH

    def __init__(self, vectors_NKF: NDArray[np.float16] = VECTORS_NKF):
        self.vectors_NKF = vectors_NKF

    def place(self, name: str) -> int:
        if name not in ("a", "b"):
            raise InputError(f"no picture {name}")
        return "ab".index(name)

    def read(self, places: Sequence[int]) -> NDArray[np.float16]:
        return self.vectors_NKF[list(places)]


def make_codec(folder: Path, album: Album | None = None, max_length: int = 24) -> ImagePairCodec:
    codec = ImagePairCodec(ImagePair(LABELS), load_tokenizer(folder / "encoder"), Recipe(max_length=max_length))
    codec.pictures = album or Album()
    return codec


EXAMPLES = [
    ImagePairExample("1", "a", "bo ka mi", "yes"),
    ImagePairExample("2", "", "ka", "no"),
    ImagePairExample("3", "b", "bo " * 40, "no"),
]


def states(model: Any, codec: ImagePairCodec, examples: Sequence[ImagePairExample] = EXAMPLES) -> torch.Tensor:
    batch = codec.collate(codec.encode(examples, training=True))
    return codec.hidden(model.encoder, model.head("t"), batch)[:, 0]


def test_the_row_is_pictures_then_text(tiny_folder: Path) -> None:
    codec = make_codec(tiny_folder)
    shown, blank, long = (feature.rows[0] for feature in codec.encode(EXAMPLES, training=True))
    tokenizer = codec.tokenizer
    words = tokenizer("", "bo ka mi")["input_ids"]
    assert list(shown) == [words[0], *[tokenizer.mask_token_id] * COUNT, *words[1:]]
    assert list(blank) == tokenizer("", "ka")["input_ids"]
    assert len(long) == 24


def test_the_states_are_those_of_plain_transformers(tiny_folder: Path) -> None:
    """Vectors enter in the place of word embeddings, with positions and mask given to transformers explicitly; and permuted
    vectors with their positions leave the state of the first token as it is."""
    codec = make_codec(tiny_folder)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0).eval()
    found_BD = states(model, codec)
    plain: Any = AutoModel.from_pretrained(tiny_folder / "encoder", add_pooling_layer=False).eval()
    table = plain.get_input_embeddings()
    first = plain.config.pad_token_id + 1
    for i, feature in enumerate(codec.encode(EXAMPLES, training=True)):
        ids_1L = torch.tensor(feature.rows[0], dtype=torch.long)[None]
        words_1LD = table(ids_1L)
        positions_1L = torch.arange(first, first + ids_1L.shape[1])[None]
        orders = [torch.arange(ids_1L.shape[1])]
        if EXAMPLES[i].picture:
            vectors = torch.from_numpy(codec.pictures.read([codec.pictures.place(EXAMPLES[i].picture)]).astype(np.float32))
            words_1LD[:, 1 : 1 + COUNT] = model.head("t").projection(vectors)
            orders.append(torch.tensor([0, 2, 3, 1, *range(1 + COUNT, ids_1L.shape[1])]))
        for order in orders:
            out = plain(
                inputs_embeds=words_1LD[:, order], position_ids=positions_1L[:, order], attention_mask=torch.ones_like(ids_1L)
            )
            torch.testing.assert_close(out.last_hidden_state[0, 0], found_BD[i], rtol=1e-4, atol=1e-5)


def test_without_a_picture_it_is_the_pair_of_an_empty_text_and_the_text(tiny_folder: Path) -> None:
    codec = make_codec(tiny_folder)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0).eval()
    texts = ClassifyCodec(Classify(LABELS), codec.tokenizer, codec.recipe)
    pair = texts.collate(texts.encode([ClassifyExample("2", ("", "ka"), "no")], training=True))
    alone_BD = texts.hidden(model.encoder, model.head("t"), pair)[:, 0]
    torch.testing.assert_close(states(model, codec)[1:2], alone_BD)


def test_the_picture_matters_and_the_others_of_the_batch_do_not(tiny_folder: Path) -> None:
    codec = make_codec(tiny_folder)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0).eval()
    together = states(model, codec)
    for i, example in enumerate(EXAMPLES):
        torch.testing.assert_close(states(model, codec, [example])[0], together[i], rtol=1e-4, atol=1e-5)
    other = [ImagePairExample("1", "b", "bo ka mi", "yes")]
    assert not torch.allclose(states(model, codec, other)[0], together[0], atol=1e-3)


def test_vectors_are_as_large_as_words(tiny_folder: Path) -> None:
    codec = make_codec(tiny_folder)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    words = model.encoder.get_input_embeddings().weight.norm(dim=1).mean()  # type: ignore[operator, union-attr]
    shown = model.head("t").projection(torch.from_numpy(VECTORS_NKF.astype(np.float32))).detach().norm(dim=-1).mean()
    assert float(shown) == pytest.approx(float(words), rel=0.02)


def test_it_learns_from_the_picture_alone_with_a_frozen_encoder_and_a_trimmed_table(tiny_folder: Path, tmp_path: Path) -> None:
    """Equal texts, so the picture alone tells the label; only projection and head are trained. Loaded again it is as it was."""
    codec = make_codec(tiny_folder)
    examples = [ImagePairExample(str(i), "ab"[i % 2], "bo", LABELS[i % 2]) for i in range(8)]
    torch.manual_seed(0)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    features = codec.encode(examples, training=True)
    kept = np.unique(np.concatenate([feature.rows[0] for feature in features]))
    trim(model.encoder, kept, codec.tokenizer.all_special_ids)
    model.encoder.requires_grad_(False)
    optimizer = torch.optim.Adam(model.head("t").parameters(), lr=3e-3)
    batch = codec.collate(features)
    codec.targets(features, batch, np.random.default_rng(0))
    for _ in range(150):
        optimizer.zero_grad()
        head = model.head("t")
        codec.loss(head, codec.hidden(model.encoder, head, batch), batch).backward()
        optimizer.step()
    assert [one.answer for one in predict(model, "t", codec, examples)] == [e.answer for e in examples]
    whole = fresh_model(tiny_folder, {"t": codec}, 0.0)
    whole.head("t").load_state_dict(model.head("t").state_dict())
    save_model(whole, {"t": codec.spec}, tiny_folder / "encoder", tmp_path)
    again = load_model(tmp_path, "t", codec)
    assert [one.answer for one in predict(again, "t", codec, examples)] == [e.answer for e in examples]


def test_bad_pictures(tiny_folder: Path) -> None:
    with pytest.raises(InputError, match="no picture c"):
        make_codec(tiny_folder).encode([ImagePairExample("1", "c", "bo", "yes")], training=False)
    with pytest.raises(InputError, match="max_length 10 leaves 7 tokens for the text beside the 3 vectors"):
        make_codec(tiny_folder, max_length=10).encode(EXAMPLES, training=False)


def test_the_exported_encoder_is_a_plain_one(tiny_folder: Path, tmp_path: Path) -> None:
    """Pictures leave nothing behind in it: of texts it gives what the encoder gave before the export."""
    codec = make_codec(tiny_folder)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0).eval()
    states(model, codec)  # a hook that stayed would show
    save_model(model, {"t": codec.spec}, tiny_folder / "encoder", tmp_path / "stage")
    assert write_folder(tmp_path / "stage", tmp_path / "hub", "t") == "AutoModel"
    plain: Any = AutoModel.from_pretrained(tmp_path / "hub", add_pooling_layer=False).eval()
    inputs = codec.tokenizer("bo ka", "mi", return_tensors="pt")
    assert torch.equal(plain(**inputs).last_hidden_state, model.encoder(**inputs).last_hidden_state)
    before: Any = AutoModel.from_pretrained(tiny_folder / "encoder", add_pooling_layer=False).eval()
    assert torch.equal(plain(**inputs).last_hidden_state, before(**inputs).last_hidden_state)
