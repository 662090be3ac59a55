"""Tag: words -> one tag a word, read off the state of the word: by the recipe's `word_state` that of its first token (XTREME),
of its first token that is more than the mark of a word's beginning, or the mean of all its tokens.

A word that the tokenizer maps to nothing, or to more tokens than a row holds, becomes the unknown token, and a sentence longer
than `max_length` is split at a word into several rows, never cut (XTREME's utils_preprocess.py does both, leaving room for
one more special token): every word has a prediction.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.tag import TagExample
from xstilts.model.codecs.codec import IGNORED, Batch, Feature, TokenCodec, TokenHead, margins_of
from xstilts.model.encoder import head_dropout
from xstilts.model.tokenizer import frame, needs_blank


class TagCodec(TokenCodec):
    recordable = True
    export = "AutoModelForTokenClassification"

    def head(self, encoder: Any) -> nn.Module:
        return TokenHead(encoder.config.hidden_size, len(self.spec.labels), head_dropout(encoder))

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """The special tokens before and after a sentence."""
        return frame(self.tokenizer)

    @property
    def _room(self) -> int:
        """How many tokens of words a row holds."""
        return self.max_length - sum(map(len, self._frame))

    def _word_ids(self, words: Iterable[str]) -> dict[str, list[int]]:
        """Token ids of each distinct word, tokenised as a word inside a sentence; the unknown token where they do not fit."""
        words = sorted(set(words))
        if needs_blank(self.tokenizer):
            encoded = self.tokenize([f" {w}" for w in words], add_special_tokens=False)["input_ids"]
        else:
            encoded = self.tokenize([[w] for w in words], is_split_into_words=True, add_special_tokens=False)["input_ids"]
        room = self._room
        unknown = [self.tokenizer.pad_token_id if self.tokenizer.unk_token_id is None else self.tokenizer.unk_token_id]
        return {word: ids if 0 < len(ids) <= room else unknown for word, ids in zip(words, encoded, strict=True)}

    def _bare(self, ids: Iterable[int]) -> set[int]:
        """Those of the tokens that have nothing in them but the mark of a word's beginning ("▁")."""
        return {id for id in set(ids) if not self.tokenizer.decode([id]).replace("▁", " ").strip()}

    def share_of_bare_words(self, examples: Iterable[Example]) -> float:
        """The share (0-1) of the words whose first token is bare; 0 if there are no words."""
        count = Counter(word for e in cast(Iterable[TagExample], examples) for word in e.words)
        first = {word: ids[0] for word, ids in self._word_ids(count).items()}
        bare = self._bare(first.values())
        return sum(n for word, n in count.items() if first[word] in bare) / max(1, count.total())

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[TagExample], examples)
        ids_of = self._word_ids(word for e in items for word in e.words)
        bare = self._bare(id for ids in ids_of.values() for id in ids) if self.recipe.word_state == "next" else set()
        index = {label: i for i, label in enumerate(self.spec.labels)}
        features: list[Feature] = []
        first, last = self._frame

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
                if ids and len(ids) + len(piece) > self._room:
                    close(i, ids, starts, tags[begin:w] if tags is not None else None)
                    ids, starts, begin = [], [], w
                starts.append(len(ids) + next((p for p, id in enumerate(piece) if id not in bare), 0))
                ids = ids + piece
            close(i, ids, starts, tags[begin:] if tags is not None else None)
        return features

    def collate(self, features: Sequence[Feature]) -> Batch:
        """For the mean also `words`: at each token of a word the position of its first token, 0 elsewhere; shape (B, L)."""
        batch = super().collate(features)
        if self.recipe.word_state == "mean":
            batch["words"] = torch.zeros_like(batch["input_ids"])
            for i, feature in enumerate(features):
                first, end = len(self._frame[0]), len(feature.rows[0]) - len(self._frame[1])
                starts = torch.tensor(feature.extra["starts"], dtype=torch.long)
                ends = torch.tensor([*feature.extra["starts"][1:], end][: len(starts)], dtype=torch.long)
                batch["words"][i, first:end] = starts.repeat_interleave(ends - starts)
        return batch

    def needed_positions(self, batch: Batch) -> Tensor | None:
        return batch["words"] > 0 if "words" in batch else super().needed_positions(batch)

    def hidden(self, encoder: Any, head: nn.Module, batch: Batch) -> Tensor:
        """The last states; for the mean, that of a word's tokens in the place of its first one."""
        hidden_BLD = super().hidden(encoder, head, batch)
        if "words" not in batch:
            return hidden_BLD
        places_L = torch.arange(hidden_BLD.shape[1], device=hidden_BLD.device)
        of_word_BLL = (batch["words"][:, None, :] == places_L[:, None]).to(hidden_BLD.dtype)
        return of_word_BLL @ hidden_BLD / of_word_BLL.sum(-1, keepdim=True).clamp(min=1)

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for i, feature in enumerate(features):
            labels[i, feature.extra["starts"]] = torch.tensor(feature.target, dtype=torch.long)
        batch["labels"] = labels

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        best_BL = head(hidden_BLD).argmax(-1).cpu().numpy()
        return [best_BL[i, f.extra["starts"]].tolist() for i, f in enumerate(features)]

    def margins(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[float]:
        """That of the word with the least margin."""
        logits_BLC = head(hidden_BLD).cpu()
        return [float(margins_of(logits_BLC[i, f.extra["starts"]], torch.tensor(f.target)).min()) for i, f in enumerate(features)]

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        tags: list[list[str]] = [[] for _ in examples]
        for feature, best in zip(features, outputs, strict=True):
            tags[feature.example] += [self.spec.labels[b] for b in best]
        for example, found in zip(examples, tags, strict=True):
            yield Prediction(example.id, tuple(found))
