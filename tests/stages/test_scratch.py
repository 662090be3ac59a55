"""Tokenizers and encoders from scratch."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.jsonl import write_jsonl
from xstilts.formats.mlm import MlmExample
from xstilts.model.encoder import check_encoder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.encoder_identity import Architecture
from xstilts.stages import encoder, tokenizer
from xstilts.stages.contracts import EncoderConfig, EncoderInputs, ScratchSource, TokenizerConfig, TokenizerInputs
from xstilts.stages.job import Job
from xstilts.stages.tokenizer import quotas, sample, train_tokenizer, unigram

pytestmark = pytest.mark.tiny

TEXTS = {
    "en": "the cat sat on a mat while dogs were barking at trees near old houses ﬁne",
    "de": "die Katze saß auf einer Matte während Hunde Bäume neben alten Häusern anbellten",
    "zh": "猫 坐在 垫子 上 而 狗 在 老房子 附近 对着 树 叫",
}
WORDS = {language: text.split() for language, text in TEXTS.items()}


def corpus(folder: Path, sizes: dict[str, int]) -> dict[str, Path]:
    """A made-up text in which every order of words is as good as any other."""
    folders = {}
    for language, size in sizes.items():
        words = WORDS[language]
        texts = [" ".join(words[(i * 7 + j * (i % 5 + 1)) % len(words)] for j in range(8)) for i in range(size)]
        folders[language] = folder / language
        folders[language].mkdir(parents=True)
        write_jsonl(folders[language] / "examples.jsonl", [MlmExample(f"{language}-{i}", (t,)) for i, t in enumerate(texts)])
    return folders


def job(folder: Path, folders: dict[str, Path], **changes: Any) -> Job[TokenizerConfig, TokenizerInputs[Path]]:
    config = replace(TokenizerConfig("text/made", vocabulary=120, smoothing=0.3, coverage=1.0, sample=20_000), **changes)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return Job(config, TokenizerInputs({"text/made": folders}), out, folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder made from nothing but text."""
    folder = tmp_path_factory.mktemp("scratch")
    made = job(folder, corpus(folder, {"en": 60, "de": 40, "zh": 20}))
    tokenizer.run(made)
    shape = Architecture(hidden=16, heads=2, feed_forward=32, positions=66)
    (folder / "hf").mkdir()
    inputs = EncoderInputs(tokenizer=folder / "out")
    encoder.run(Job(EncoderConfig(ScratchSource(shape, 3)), inputs, folder / "hf", folder))
    return folder / "hf" / "encoder"


def test_the_ids_are_those_of_xlmr_and_plain_transformers_loads_it(trained: Path) -> None:
    check_encoder(trained)
    model = transformers.AutoModel.from_pretrained(trained)
    found = transformers.AutoTokenizer.from_pretrained(trained)
    assert [found.convert_tokens_to_ids(t) for t in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert found.mask_token_id == len(found) - 1 == model.config.vocab_size - 1
    assert found.model_max_length == 64
    one, two = found("the cat")["input_ids"][1:-1], found("老房子")["input_ids"][1:-1]
    assert found("the cat", "老房子")["input_ids"] == [0, *one, 2, 2, *two, 2]
    assert "PreTrainedTokenizerFast" in (trained / "tokenizer_config.json").read_text(), "transformers 4.57 knows this name"
    with torch.inference_mode():
        states = model(**found("the <mask> sat", return_tensors="pt")).last_hidden_state
    assert states.shape[-1] == 16


def test_text_comes_back_normalised_and_known_characters_are_never_unknown(trained: Path) -> None:
    found = load_tokenizer(trained)
    for language, words in WORDS.items():
        text = " ".join(words)
        ids = found(text)["input_ids"]
        assert found.unk_token_id not in ids, language
        assert found.decode(ids, skip_special_tokens=True) == unicodedata.normalize("NFKC", text)
    assert found("the  \t cat ")["input_ids"] == found("the cat")["input_ids"]
    assert found.unk_token_id in found("кот")["input_ids"]


def test_the_same_text_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = corpus(tmp_path, {"en": 60, "de": 40})
    made = []
    for _ in range(2):
        tokenizer.run(job(tmp_path, folders))
        made.append((tmp_path / "out" / "tokenizer.json").read_bytes())
    assert made[0] == made[1]


def test_random_weights_come_from_the_seed(trained: Path, tmp_path: Path) -> None:
    def weights(seed: int) -> torch.Tensor:
        out = tmp_path / str(seed)
        out.mkdir()
        config = EncoderConfig(ScratchSource(Architecture(), seed))
        encoder.run(Job(config, EncoderInputs(tokenizer=trained), out, tmp_path))
        model = transformers.AutoModel.from_pretrained(out / "encoder")
        return model.get_input_embeddings().weight

    three, four = weights(3), weights(4)
    assert three.shape == four.shape
    assert not torch.equal(three, four)


def test_it_cuts_text_as_sentencepiece_does(trained: Path) -> None:
    """The oracle is sentencepiece itself, on a model trained here."""
    texts = [" ".join(words[i:] + words[:i]) for words in WORDS.values() for i in range(len(words))]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, vocab_size=110, hard_vocab_limit=False, character_coverage=1.0,
        normalization_rule_name="identity", minloglevel=2, unk_id=0, bos_id=-1, eos_id=-1, pad_id=-1,
    )  # fmt: skip
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ours = unigram([(theirs.id_to_piece(i), theirs.get_score(i)) for i in range(1, theirs.get_piece_size())])
    for text in [*texts, "cat dogs houses", "Häuser", "a"]:
        text = unicodedata.normalize("NFKC", text)
        assert ours.encode(text, add_special_tokens=False).tokens == theirs.encode(text, out_type=str)


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**7), min_size=1),
    st.floats(0, 1),
    st.integers(1000, 10**7),
)
def test_quotas_fill_the_budget_and_favour_small_languages(sizes: dict[str, int], smoothing: float, budget: int) -> None:
    found = quotas(sizes, smoothing, budget)
    total = min(budget, sum(sizes.values()))
    assert abs(sum(found.values()) - total) <= len(sizes)
    for a in sizes:
        for b in sizes:
            if sizes[a] <= sizes[b]:
                assert found[a] <= found[b] + 1
                assert found[a] * sizes[b] >= (found[b] - 1) * sizes[a] - sizes[b], "its share is at least that of its size"


def test_small_languages_are_repeated_and_large_ones_cut(tmp_path: Path) -> None:
    folders = corpus(tmp_path, {"en": 300, "zh": 10})
    texts = list(sample(folders, 0.0, 2_000))
    chinese = [text for text in texts if any("一" <= letter <= "鿿" for letter in text)]
    assert 1 < len(set(chinese)) <= 10
    assert len(chinese) > len(set(chinese)), "ten texts cannot fill half of the sample without coming again"
    assert abs(sum(map(len, chinese)) - 1_000) < 80
    assert texts == list(sample(folders, 0.0, 2_000))


def test_a_vocabulary_that_is_too_small_or_no_text() -> None:
    with pytest.raises(InputError, match=r"no tokenizer with 36 ids could be trained on text/made: .*ask for more ids"):
        train_tokenizer(iter([chr(0x4E00 + i) * 3 for i in range(200)]), 36, 1.0, "text/made")
    with pytest.raises(InputError, match="more text"):
        train_tokenizer(iter([]), 100, 1.0, "text/made")
