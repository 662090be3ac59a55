"""A tiny random encoder of each known type, with a tokenizer of the kind that its family has, as a Hugging Face folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from xstilts.model.architectures import ENCODER_TYPES

TEXT = [
    "bo ka mi kami bomi ?",
    "the tower is old . a human is in the tower .",
    "Die Türme sind alt , sagt ein Mensch .",
    "ка ми бо две башни сгорели",
    "塔 中文 也 没有 空格",
] * 20
SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
DISTILBERT = {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48}
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
XLMR_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
POSITIONS = 64
# What each type's config needs beside its size.
FIELDS: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"type_vocab_size": 1},
    "xlm-roberta-xl": {},
    "roberta": {"type_vocab_size": 1},
    "camembert": {"type_vocab_size": 1},
    "bert": {},
    "distilbert": DISTILBERT,
    "deberta-v2": {
        "type_vocab_size": 0,
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
    "modernbert": {
        "cls_token_id": 2,
        "sep_token_id": 3,
        "local_attention": 8,
        "global_attn_every_n_layers": 3,
    },
    "eurobert": {"num_key_value_heads": 2},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 24},
    "electra": {"embedding_size": 16},
}
SENTENCEPIECE = ("xlm-roberta", "xlm-roberta-xl", "camembert", "deberta-v2", "rembert")
BYTE_LEVEL = ("roberta", "modernbert", "eurobert")


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=200, special_tokens=BERT_SPECIAL))
    tokenizer.decoder = decoders.WordPiece()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", special)
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=BERT_SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", special)
    return tokenizer


def sentencepiece() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=XLMR_SPECIAL, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.decoder = decoders.Metaspace()
    special = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    return tokenizer


def write_tokenizer(folder: Path, tokenizer: Tokenizer, name: str = "PreTrainedTokenizerFast") -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    if tokenizer.token_to_id("<s>") is not None:
        names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
        names |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    else:
        names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
    record = {"tokenizer_class": name, "model_max_length": POSITIONS, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(record), encoding="utf-8")


def config_of(model_type: str, tokenizer: Tokenizer, **changes: Any) -> Any:
    size = {} if model_type == "distilbert" else SIZE
    pad = next(i for i in map(tokenizer.token_to_id, ("<pad>", "[PAD]")) if i is not None)
    behind = pad + 1 if ENCODER_TYPES[model_type].positions_behind_padding else 0
    fields = {"vocab_size": tokenizer.get_vocab_size(), "pad_token_id": pad, "initializer_range": 0.2}
    fields["max_position_embeddings"] = POSITIONS + behind
    return AutoConfig.for_model(model_type, **{**size, **fields, **FIELDS[model_type], **changes})


def make_encoder(folder: Path, model_type: str, **changes: Any) -> Path:
    """Write the folder, with transformers' masked-language-modelling head where the type has one."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = sentencepiece() if model_type in SENTENCEPIECE else byte_level() if model_type in BYTE_LEVEL else wordpiece()
    config = config_of(model_type, tokenizer, **changes)
    torch.manual_seed(0)
    kind = AutoModelForMaskedLM if type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING else AutoModel
    model: Any = kind.from_config(config)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):  # zero in a fresh model, so a bias that is lost would not show
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(folder)
    write_tokenizer(folder, tokenizer)
    return folder


def as_bert(folder: Path, out: Path) -> Path:
    """The same network as a `bert`: positions begin at 0, so their table loses the rows up to the padding id."""
    shutil.copytree(folder, out)
    first = 2
    weights = {n.removeprefix("roberta."): t for n, t in load_file(out / "model.safetensors").items() if "lm_head" not in n}
    name = "embeddings.position_embeddings.weight"
    weights[name] = weights[name][first:].contiguous()
    save_file(weights, out / "model.safetensors", {"format": "pt"})
    config = json.loads((out / "config.json").read_text())
    config |= {"model_type": "bert", "architectures": ["BertModel"], "pad_token_id": 0}
    config["max_position_embeddings"] -= first
    (out / "config.json").write_text(json.dumps(config))
    return out
