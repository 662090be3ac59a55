"""What every format does: encode -> loss -> decode. One class per format, each in a file of its own.

A *feature* is one row of training: the token ids of one sequence (or of the candidates of one choice), what the loss
needs, and the position of its example. Shapes: B sequences, L tokens, D hidden, C labels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.model.encoder import has_token_types
from xstilts.model.tokenizer import token_types, type_separator
from xstilts.model.unpadding import last_states, shapes_are_fixed
from xstilts.recipe.recipe import Recipe


@dataclass(slots=True)
class Feature:
    """`rows` are the token ids of its sequences (one, but for choices); `target` and `extra` are the format's own."""

    example: int
    rows: list[NDArray[np.int32]]
    target: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        return sum(len(row) for row in self.rows)

    @property
    def longest(self) -> int:
        return max(len(row) for row in self.rows)

    @property
    def size(self) -> tuple[int, int]:
        """How many rows, and how long the longest is."""
        return len(self.rows), self.longest


Encode = Callable[[Sequence[Example], bool], list[Feature]]  # (examples, training), as `Codec.encode`
Batch = dict[str, Tensor]
IGNORED = -100  # the label of a token that has none


class Codec(ABC):
    """A format's torch half for one tokenizer and one recipe (its lengths, its masking rate).

    `whole_batch`: the loss of an example depends on the others of its step, so a step's batch is computed in one piece.
    `decodes_together`: a prediction depends on all examples of its file, which is then not read in windows.
    `first_tokens_only`: the head reads nothing but the first token of each row.
    `whole_vocabulary`: the loss needs the embedding of every token, so the vocabulary is not trimmed.
    `recordable`: inside `fix_shapes` the loss waits for no value, so a step can be recorded on a card.
    `export`: transformers' class with such a head; None if there is none. `architectures.py` has the names of its parameters."""

    whole_batch: ClassVar[bool] = False
    decodes_together: ClassVar[bool] = False
    first_tokens_only: ClassVar[bool] = False
    whole_vocabulary: ClassVar[bool] = False
    recordable: ClassVar[bool] = False
    export: ClassVar[str | None] = None

    def __init__(self, spec: Any, tokenizer: Any, recipe: Recipe):
        self.spec = spec
        self.tokenizer = tokenizer
        self.tokenize = tokenizer  # what makes ids of the examples' texts (`segmentation.encode_sampled` takes another)
        self.recipe = recipe
        self.max_length = recipe.max_length
        self.unreached: list[str] = []  # ids of encoded examples whose answer no row holds
        self._type_separator = type_separator(tokenizer)

    @abstractmethod
    def head(self, encoder: Any) -> nn.Module:
        """A fresh head for this format."""

    def head_for(self, encoder: Any, weights: Mapping[str, Tensor]) -> nn.Module:
        """A head of the shape of trained weights, which are loaded into it."""
        head = self.head(encoder)
        head.load_state_dict(weights)
        return head

    def pretrained_head(self, folder: Path) -> dict[str, Tensor]:
        """The head's weights in the pretrained folder of an encoder; {} if it has none."""
        return {}

    @abstractmethod
    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        """Token ids (and targets, if training) of the examples, in their order."""

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        """Add `labels`, and what else the loss needs, to a collated batch."""
        batch["labels"] = torch.tensor([f.target for f in features])

    def logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        """What the loss compares with the answers: rows whose softmax are the predicted distributions, shape (N, C)."""
        raise TypeError(f"{self.spec.name} predicts no distributions")

    def loss_of(self, logits_NC: Tensor, batch: Batch) -> Tensor:
        """The *summed* loss of a batch, given its logits."""
        return functional.cross_entropy(logits_NC, batch["labels"], reduction="sum")

    def loss(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        """The *summed* loss of a batch; the loop divides by the summed `loss_terms` of the whole step."""
        return self.loss_of(self.logits(head, hidden_BLD, batch), batch)

    def loss_terms(self, batch: Batch) -> int:
        """How many terms `loss` sums."""
        return len(batch["labels"])

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        """Per feature, the little that decoding needs (never the logits of a whole data set)."""
        raise TypeError(f"{self.spec.name} has no predictions to decode; it is scored by its loss")

    def margins(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[float]:
        """Of each feature, encoded with its answer: by how much the logit of the right answer is above that of the best wrong
        one. Below 0 the prediction is wrong. Raises TypeError for formats that do not choose among answers."""
        raise TypeError(f"{self.spec.name} does not choose among a closed set of answers")

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        """One prediction per example, in their order."""
        raise TypeError(f"{self.spec.name} has no predictions to decode; it is scored by its loss")

    def collate(self, features: Sequence[Feature]) -> Batch:
        """Pad the features' rows to the longest among them: `input_ids`, `attention_mask` and, if the tokenizer tells the texts
        of a pair apart, `token_type_ids`, each of shape (B, L)."""
        rows = [row for feature in features for row in feature.rows]
        longest = max(len(row) for row in rows)
        ids = np.full((len(rows), longest), self.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self._type_separator is not None:
            types = np.zeros_like(ids)
            for i, row in enumerate(rows):
                types[i, : len(row)] = token_types(row, self._type_separator)
            batch["token_type_ids"] = torch.from_numpy(types)
        return batch

    def widen(self, batch: Batch, length: int) -> Batch:
        """The batch with rows of this length, which is not below that of its longest row: more padding at their ends."""
        shape = batch["input_ids"].shape
        fills = {"input_ids": self.tokenizer.pad_token_id, "labels": IGNORED}
        wide = dict(batch)
        for name, tensor in batch.items():
            if tensor.shape == shape:
                wide[name] = functional.pad(tensor, (0, length - shape[1]), value=fills.get(name, 0))
        return wide

    def hidden(self, encoder: Any, head: nn.Module, batch: Batch) -> Tensor:
        """What the head reads: the trunk's last states, shape (B, L, D), at the needed positions (anything elsewhere)."""
        types_BL = batch.get("token_type_ids") if has_token_types(encoder) else None
        return last_states(encoder, batch["input_ids"], batch["attention_mask"], self.needed_positions(batch), types_BL)

    def needed_positions(self, batch: Batch) -> Tensor | None:
        """The positions, shape (B, L), whose states the head reads; None: all of them."""
        return first_tokens(batch["attention_mask"]) if self.first_tokens_only else None

    def pair_ids(
        self, first: list[str], second: list[str] | None = None, max_length: int | None = None
    ) -> list[NDArray[np.int32]]:
        """Token ids of texts or text pairs, cut to `max_length` (else the recipe's) at the longer side."""
        length = max_length or self.max_length
        encoded = self.tokenize(first, second, truncation="longest_first", max_length=length)
        return [np.asarray(ids, dtype=np.int32) for ids in encoded["input_ids"]]


class TokenCodec(Codec):
    """The base of codecs with one label a token: `labels` has the shape (B, L), IGNORED where a token has none."""

    def needed_positions(self, batch: Batch) -> Tensor | None:
        return batch["labels"] != IGNORED if "labels" in batch else None

    def logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        """Of the tokens that have a label; of all where shapes are fixed."""
        if shapes_are_fixed():
            return head(hidden_BLD).float().flatten(0, 1)  # type: ignore[no-any-return]
        return head(hidden_BLD[batch["labels"] != IGNORED]).float()  # type: ignore[no-any-return]

    def loss_of(self, logits_NC: Tensor, batch: Batch) -> Tensor:
        labels = batch["labels"].flatten() if shapes_are_fixed() else batch["labels"][batch["labels"] != IGNORED]
        return functional.cross_entropy(logits_NC, labels, ignore_index=IGNORED, reduction="sum")

    def loss_terms(self, batch: Batch) -> int:
        return int((batch["labels"] != IGNORED).sum())


def margins_of(logits_NC: Tensor, right_N: Tensor) -> Tensor:
    """The logit of the right answer less the best of the others, shape (N,)."""
    right_N1 = right_N.to(logits_NC.device)[:, None]
    others_N = logits_NC.float().scatter(1, right_N1, -torch.inf).amax(1)
    return logits_NC.float().gather(1, right_N1)[:, 0] - others_N


def first_tokens(mask_BL: Tensor) -> Tensor:
    """True at the first position of each row, shape (B, L)."""
    first_BL = torch.zeros_like(mask_BL, dtype=torch.bool)
    first_BL[:, 0] = True
    return first_BL


class FirstTokenHead(nn.Module):
    """dropout -> dense -> tanh -> dropout -> linear on the first token (RobertaClassificationHead's shape, as in jiant)."""

    def __init__(self, size: int, labels: int, dropout: float):
        super().__init__()
        self.dense = nn.Linear(size, size)
        self.out_proj = nn.Linear(size, labels)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.dense, self.out_proj):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden_BLD: Tensor) -> Tensor:
        x_BD = self.dropout(hidden_BLD[:, 0])
        logits_BC: Tensor = self.out_proj(self.dropout(torch.tanh(self.dense(x_BD))))
        return logits_BC


class TokenHead(nn.Module):
    """dropout -> linear on every token."""

    def __init__(self, size: int, labels: int, dropout: float):
        super().__init__()
        self.linear = nn.Linear(size, labels)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden_BLD: Tensor) -> Tensor:
        logits_BLC: Tensor = self.linear(self.dropout(hidden_BLD))
        return logits_BLC
