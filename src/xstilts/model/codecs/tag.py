"""Tag: words -> one tag a word, read off the word's first token.

A word that the tokenizer maps to nothing, or to more tokens than a row holds, becomes the unknown token, and a sentence longer
than `max_length` is split at a word into several rows, never cut (XTREME's utils_preprocess.py does both, leaving room for
one more special token): every word has a prediction.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.tag import TagExample
from xstilts.model.codecs.codec import IGNORED, Batch, Feature, TokenCodec, TokenHead
from xstilts.model.encoder import head_dropout
from xstilts.model.tokenizer import frame, needs_blank


class TagCodec(TokenCodec):
    export = "AutoModelForTokenClassification"

    def head(self, encoder: Any) -> nn.Module:
        return TokenHead(encoder.config.hidden_size, len(self.spec.labels), head_dropout(encoder))

    @property
    def _special(self) -> int:
        """How many special tokens a row has."""
        special: int = self.tokenizer.num_special_tokens_to_add(pair=False)
        return special

    def _word_ids(self, examples: Sequence[TagExample]) -> dict[str, list[int]]:
        """Token ids of each distinct word, tokenised as a word inside a sentence; the unknown token where they do not fit."""
        words = sorted({word for e in examples for word in e.words})
        if needs_blank(self.tokenizer):
            encoded = self.tokenizer([f" {w}" for w in words], add_special_tokens=False)["input_ids"]
        else:
            encoded = self.tokenizer([[w] for w in words], is_split_into_words=True, add_special_tokens=False)["input_ids"]
        room = self.max_length - self._special
        unknown = [self.tokenizer.unk_token_id]
        return {word: ids if 0 < len(ids) <= room else unknown for word, ids in zip(words, encoded, strict=True)}

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[TagExample], examples)
        ids_of = self._word_ids(items)
        index = {label: i for i, label in enumerate(self.spec.labels)}
        features: list[Feature] = []
        first, last = frame(self.tokenizer)

        def close(i: int, ids: list[int], starts: list[int], tags: list[int] | None) -> None:
            row = np.asarray([*first, *ids, *last], dtype=np.int32)
            features.append(Feature(i, [row], tags, {"starts": [s + len(first) for s in starts]}))

        for i, e in enumerate(items):
            ids: list[int] = []
            starts: list[int] = []
            begin = 0
            tags = [index[tag] for tag in e.answer] if training and e.answer is not None else None
            for w, word in enumerate(e.words):
                piece = ids_of[word]
                if ids and len(ids) + len(piece) > self.max_length - self._special:
                    close(i, ids, starts, tags[begin:w] if tags is not None else None)
                    ids, starts, begin = [], [], w
                starts.append(len(ids))
                ids = ids + piece
            close(i, ids, starts, tags[begin:] if tags is not None else None)
        return features

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for i, feature in enumerate(features):
            labels[i, feature.extra["starts"]] = torch.tensor(feature.target, dtype=torch.long)
        batch["labels"] = labels

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        best_BL = head(hidden_BLD).argmax(-1).cpu().numpy()
        return [best_BL[i, f.extra["starts"]].tolist() for i, f in enumerate(features)]

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        tags: list[list[str]] = [[] for _ in examples]
        for feature, best in zip(features, outputs, strict=True):
            tags[feature.example] += [self.spec.labels[b] for b in best]
        for example, found in zip(examples, tags, strict=True):
            yield Prediction(example.id, tuple(found))
