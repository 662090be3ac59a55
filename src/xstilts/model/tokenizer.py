"""The tokenizer of an encoder: loaded from its folder, and what the formats must know of it.

`tokenizer.json` is the truth: transformers 5 builds the pipeline of a tokenizer's class around the vocabulary, which need not be
the pipeline that the encoder was trained with. `settle_tokenizer` makes every way of loading give the ids of `tokenizer.json`.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from xstilts.errors import InputError
from xstilts.model.encoder_files import read_config, read_json

_PROBES = (
    "The Tower of Oak BURNED in 1840; 3.5 km away.",
    "Ein „Öltürmchen“ brannte — warum? ",
    "В 1840 году башня сгорела.",
    "東京タワーは1958年に完成した。 中文也没有空格",
    "بنيت القلعة في المدينة  القديمة.",
    "मीनार जल गई थी। หอคอยไหม้",
    "e\u0301 ﬁ ① Ａ\u00a0b\tc",
)


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of an encoder folder. Raises InputError if there is none that works."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(f"encoder {folder}: its tokenizer cannot be loaded ({reason})") from None
    if not tokenizer.is_fast:
        raise InputError(f"encoder {folder}: expected a fast tokenizer (tokenizer.json), found a slow one; convert it first")
    return tokenizer


def settle_tokenizer(folder: Path) -> None:
    """Write tokenizer.json if the folder has only a SentencePiece model or a word list, and see that transformers makes the same
    ids as a plain load of tokenizer.json; where it does not, make the folder say that tokenizer.json is to be used as it is.
    Raises InputError."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        load_tokenizer(folder).backend_tokenizer.save(str(path))
    try:
        plain = Tokenizer.from_file(str(path))
    except Exception as error:
        raise InputError(f"encoder {folder}: tokenizer.json cannot be read ({error}); fetch the file again") from None
    plain.no_truncation()
    plain.no_padding()
    if not _agrees(folder, plain):
        settings = folder / "tokenizer_config.json"
        record = read_json(settings) if settings.is_file() else {}
        if not isinstance(record, dict):
            raise InputError(f"encoder {settings}: expected a JSON object, found {type(record).__name__}; fetch the file again")
        record["tokenizer_class"] = "PreTrainedTokenizerFast"
        record.pop("auto_map", None)
        settings.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        if not _agrees(folder, plain):
            raise InputError(f"encoder {folder}: transformers makes other ids than its tokenizer.json; save the tokenizer anew")


def _agrees(folder: Path, plain: Tokenizer) -> bool:
    try:
        loaded = load_tokenizer(folder)
    except InputError:
        return False
    pairs = pairwise(_PROBES)
    return [loaded(text)["input_ids"] for text in _PROBES] == [plain.encode(text).ids for text in _PROBES] and all(
        loaded(a, b)["input_ids"] == plain.encode(a, b).ids for a, b in pairs
    )


def check_tokenizer(folder: Path) -> Any:
    """The tokenizer, whose ids fit the embedding table and which has what the formats need. Raises InputError."""
    tokenizer = load_tokenizer(folder)
    size, highest = read_config(folder).get("vocab_size"), max(tokenizer.get_vocab().values())
    if not isinstance(size, int) or highest >= size:
        raise InputError(
            f"encoder {folder}: the tokenizer does not fit: it has ids up to {highest}, the model's vocab_size is {size}"
        )
    if tokenizer.pad_token_id is None:
        raise InputError(f"encoder {folder}: the tokenizer has no padding token (pad_token in tokenizer_config.json)")
    if not frame(tokenizer)[0]:
        raise InputError(
            f"encoder {folder}: the tokenizer puts no <s> or [CLS] before a text; classification reads the state of that token"
        )
    row, types = _typed_pair(tokenizer)
    separator = type_separator(tokenizer)
    if separator is not None and types != token_types(row, separator).tolist():
        raise InputError(
            f"encoder {folder}: the tokenizer numbers the texts of a pair {types}; expected 0 up to the first separator"
        )
    return tokenizer


def frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a text: ([<s>], [</s>]) for XLM-R."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    ids, content = encoded["input_ids"], [i for i, special in enumerate(encoded["special_tokens_mask"]) if not special]
    return ids[: content[0]], ids[content[-1] + 1 :]


def _typed_pair(tokenizer: Any) -> tuple[NDArray[np.int32], list[int]]:
    encoded = tokenizer("a b", "c", return_token_type_ids=True)
    return np.asarray(encoded["input_ids"], dtype=np.int32), encoded["token_type_ids"]


def type_separator(tokenizer: Any) -> int | None:
    """The token after which the second text of a pair begins, if the tokenizer gives its tokens type 1 (BERT's [SEP]); None if
    all tokens have type 0 (XLM-R)."""
    row, types = _typed_pair(tokenizer)
    return int(row[types.index(1) - 1]) if 1 in types else None


def token_types(row_L: NDArray[np.integer[Any]], separator: int) -> NDArray[np.int64]:
    """0 up to the first separator of a row, 1 after it: shape (L,)."""
    seen = np.cumsum(row_L == separator)
    return np.concatenate([[0], (seen[:-1] > 0).astype(np.int64)]).astype(np.int64)


def needs_blank(tokenizer: Any) -> bool:
    """Whether a word that is encoded alone gets other pieces than inside a sentence because the blank before it is missing
    (byte-level BPE without a prefix blank, as ModernBERT has it)."""

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    inside = ids("a human")[len(ids("a")) :]
    return ids("human") != inside and ids(" human") == inside
