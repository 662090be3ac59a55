"""Image pair: a picture and a text -> a label, by an encoder of text to which the picture's vectors are words.

    <s> P(v_1) ... P(v_k) </s></s> text </s>

P is a perceptron of two layers, whose outputs have the norm that word embeddings have on average. They stand beside the *word*
embeddings (a hook puts them there), so positions and layer norms are applied once, as to words. Without a picture the row is the
pair of an empty text and the text. The encoder itself is unchanged: only the head, which holds P, is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePairExample
from xstilts.model.codecs.classify import ClassifyCodec
from xstilts.model.codecs.codec import Batch, Feature, FirstTokenHead
from xstilts.model.encoder import head_dropout, word_embeddings

NONE = -1  # the place of a picture that there is not


class Pictures(Protocol):
    """The vectors of pictures: `k` of each, of `width` numbers. `place(name)`: where a picture is among them; raises InputError.
    `read(places)`: shape (N, k, width)."""

    k: int
    width: int

    def place(self, name: str) -> int: ...

    def read(self, places: Sequence[int]) -> NDArray[np.float16]: ...


class ImagePairHead(nn.Module):
    """The projection of pictures and the classification head. `norm`: that of a word embedding."""

    def __init__(self, width: int, hidden: int, embedding: int, labels: int, norm: float, dropout: float):
        super().__init__()
        self.projection = nn.Sequential(
            nn.Linear(width, embedding), nn.GELU(), nn.Linear(embedding, embedding), nn.LayerNorm(embedding)
        )
        last = cast(nn.LayerNorm, self.projection[-1])
        nn.init.constant_(last.weight, norm / embedding**0.5)
        self.classifier = FirstTokenHead(hidden, labels, dropout)

    def forward(self, hidden_BLD: Tensor) -> Tensor:
        logits_BC: Tensor = self.classifier(hidden_BLD)
        return logits_BC


class ImagePairCodec(ClassifyCodec):
    """Classification of another row. `pictures` are set by who makes it, before anything else is asked of it."""

    recordable = False
    export = None
    pictures: Pictures

    def head(self, encoder: Any) -> nn.Module:
        return self._head(encoder, self.pictures.width)

    def head_for(self, encoder: Any, weights: Mapping[str, Tensor]) -> nn.Module:
        head = self._head(encoder, weights["projection.0.weight"].shape[1])
        head.load_state_dict(weights)
        return head

    def _head(self, encoder: Any, width: int) -> nn.Module:
        table_VD = word_embeddings(encoder).detach()
        norm = float(table_VD.norm(dim=1).mean())
        size = encoder.config.hidden_size
        return ImagePairHead(width, size, table_VD.shape[1], len(self.spec.labels), norm, head_dropout(encoder))

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[ImagePairExample], examples)
        places = [self.pictures.place(e.picture) if e.picture else NONE for e in items]
        room = self.max_length - self.pictures.k
        if room < 8:
            raise InputError(
                f"recipe: max_length {self.max_length} leaves {max(room, 0)} tokens for the text beside the "
                f"{self.pictures.k} vectors of a picture; raise it, or choose a tower with fewer"
            )
        rows = [
            self.pair_ids([""], [e.text], self.max_length if place == NONE else room)[0]
            for e, place in zip(items, places, strict=True)
        ]
        index = {label: i for i, label in enumerate(self.spec.labels)}
        blank = np.full(self.pictures.k, self._stand_in, dtype=np.int32)
        return [
            Feature(
                i,
                [row if place == NONE else np.concatenate([row[:1], blank, row[1:]])],
                index[e.answer] if training and e.answer is not None else None,
                {"picture": place + 1},  # a cache has no negative numbers
            )
            for i, (e, row, place) in enumerate(zip(items, rows, places, strict=True))
        ]

    @property
    def _stand_in(self) -> int:
        """The token in whose place a vector stands. It is a special one, so its row is never trimmed off."""
        found = self.tokenizer.mask_token_id
        return int(self.tokenizer.unk_token_id if found is None else found)

    def collate(self, features: Sequence[Feature]) -> Batch:
        """Also `vectors`, of the rows that have a picture, shape (N, k, F), and where they go: `seen`, shape (B, L)."""
        batch = super().collate(features)
        places = [feature.extra["picture"] - 1 for feature in features]
        shown = [place for place in places if place != NONE]
        seen_BL = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
        seen_BL[[i for i, place in enumerate(places) if place != NONE], 1 : 1 + self.pictures.k] = True
        return {**batch, "seen": seen_BL, "vectors": torch.from_numpy(self.pictures.read(shown).astype(np.float32))}

    def hidden(self, encoder: Any, head: nn.Module, batch: Batch) -> Tensor:
        if not len(batch["vectors"]):
            return super().hidden(encoder, head, batch)
        words_TD = cast(ImagePairHead, head).projection(batch["vectors"]).flatten(0, 1)
        seen_BL = batch["seen"]

        def show(_: nn.Module, inputs: Any, words: Tensor) -> Tensor:
            where = seen_BL if words.shape[:2] == seen_BL.shape else seen_BL[batch["attention_mask"].bool()][None]
            return words.masked_scatter(where[..., None], words_TD.to(words.dtype))

        handle = encoder.get_input_embeddings().register_forward_hook(show)
        try:
            return super().hidden(encoder, head, batch)
        finally:
            handle.remove()
