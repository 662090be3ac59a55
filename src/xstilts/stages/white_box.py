"""What the gradients of a model do to its own examples: replacements of words (HotFlip) and noise on word embeddings (PGD).

Both are for formats that choose among answers. The gradient is that of the margin of the right answer, without dropout: the
training loss of a sure answer has none in single precision (Carlini and Wagner 2017). Of tags it is the sum over the words.
Shapes: B rows of a batch, L tokens, D the size of a word embedding, P words of an example, V words to choose from.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import regex
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from xstilts.attacks.attack import edit_example
from xstilts.attacks.edits import list_places, parts
from xstilts.data.script import find_script
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.model.codecs.codec import IGNORED, Batch, Feature, margins_of
from xstilts.model.token_batches import split_token_batches
from xstilts.stages.predict import Predictor
from xstilts.train.evaluate import use_precision
from xstilts.train.robust import Passes, Words, add_noise

EACH = 8  # replacements of a word that are proposed
STEPS = 10
STRIDE = 0.25  # of the ball's radius
TOKENS = 2048  # of a batch whose gradient is taken
TINY = 1e-30
_CHUNK = 4096  # words that are tokenised at once


class Flipper:
    """HotFlip's replacements for the words of an example (`Propose`): (number of the word, new word), by how much the loss
    should rise to first order. New words are all words of the language's script that are one piece of the tokenizer; of an
    example's words those that are one piece can be replaced. `blind`: words and replacements are drawn at random instead, which
    is what gradients are measured against. Raises InputError for a tokenizer without such words."""

    def __init__(self, predictor: Predictor, language: str, blind: bool = False):
        self._predictor, self._blind = predictor, blind
        tokenizer = predictor.codec.tokenizer
        script = find_script(language)
        assert script is not None, "other languages are left out"
        self._words, ids = list_words(tokenizer, script.name)
        if len(ids) < 2:
            raise InputError(
                f"hotflip: the tokenizer has no words in {script.name} letters that are one piece; leave {language} out"
            )
        encoder: Any = predictor.model.encoder
        self._table = encoder.get_input_embeddings()
        self._ids_V = torch.tensor(ids, device=next(predictor.model.parameters()).device)
        with torch.no_grad():
            self._vectors_VD = self._table(self._ids_V).float()

    def __call__(self, example: Example) -> list[tuple[int, str]]:
        codec = self._predictor.codec
        features = codec.encode([example], training=True)
        found = self._find_pieces(example, features)
        if not found:
            return []
        if self._blind:
            rng = Random(repr((example.id, parts(example))))
            return [(rng.choice(list(found)), rng.choice(self._words)) for _ in range(EACH * len(found))]
        gradient_BLD = self._gradient(features)
        own_P = torch.tensor([id for _, id in found.values()], device=gradient_BLD.device)
        slope_PD = -torch.stack([gradient_BLD[*zip(*places, strict=True)].sum(0) for places, _ in found.values()])
        with torch.no_grad():
            rise_PV = slope_PD @ self._vectors_VD.T - (slope_PD * self._table(own_P).float()).sum(-1, keepdim=True)
        rise_PV[own_P[:, None] == self._ids_V] = -torch.inf
        best_PE, words_PE = rise_PV.topk(min(EACH, len(self._words) - 1), dim=-1)
        proposed = [
            (rise, number, self._words[word])
            for number, rises, words in zip(found, best_PE.tolist(), words_PE.tolist(), strict=True)
            for rise, word in zip(rises, words, strict=True)
        ]
        proposed.sort(key=lambda one: (-one[0], one[1]))
        return [(number, word) for _, number, word in proposed]

    def _gradient(self, features: Sequence[Feature]) -> Tensor:
        """Of the margin, by the word embedding of each token: (B, L, D)."""
        batch = _collate(self._predictor, features)
        encoder: Any = self._predictor.model.encoder
        head = self._predictor.model.head(self._predictor.head)
        with torch.no_grad():
            words_BLD = self._table(batch["input_ids"])
        delta_BLD = torch.zeros_like(words_BLD, dtype=torch.float32).requires_grad_()
        with add_noise(encoder, delta_BLD, batch["attention_mask"]), _precision(self._predictor):
            margin = _sum_margins(self._predictor, self._predictor.codec.hidden(encoder, head, batch), batch)
        return torch.autograd.grad(margin, delta_BLD)[0]

    def _find_pieces(self, example: Example, features: Sequence[Feature]) -> dict[int, tuple[list[tuple[int, int]], int]]:
        """The words of an example that are one token: by their numbers, (row, position) wherever they stand, and the token.
        Found without offsets: with a word of one piece in its place no other token is another one."""
        probes: dict[int, Example] = {}
        for number, place in enumerate(list_places(example)):
            edit = next(filter(None, (place.respell(word) for word in self._words[:2])))
            if variant := edit_example(example, [edit]):
                probes[number] = variant.example
        if not probes:
            return {}
        rows: list[list[NDArray[np.int32]]] = [[] for _ in probes]
        for feature in self._predictor.codec.encode(list(probes.values()), training=False):
            rows[feature.example] += feature.rows
        own = [row for feature in features for row in feature.rows]
        found = {}
        for number, others in zip(probes, rows, strict=True):
            if list(map(len, others)) != list(map(len, own)):
                continue
            pairs = enumerate(zip(own, others, strict=True))
            differing = [(b, int(at)) for b, (row, other) in pairs for at in np.flatnonzero(row != other)]
            tokens = {int(own[b][at]) for b, at in differing}
            if len(tokens) == 1 and len({b for b, _ in differing}) == len(differing):
                found[number] = (differing, tokens.pop())
        return found


def measure_noise(
    predictor: Predictor, examples: Sequence[Example], size: float, steps: int = STEPS, blind: bool = False
) -> list[list[float]]:
    """Of each example its margin without noise and after each of the steps of projected gradient descent. The noise of a word
    stays in a ball of `size` times the mean norm of the word embeddings of its row. `blind`: each step is a direction drawn at
    random, as far as the ball reaches, which is what gradients are measured against."""
    features = predictor.codec.encode(examples, training=True)
    first = {feature.example: i for i, feature in reversed(list(enumerate(features)))}
    names = [(examples[feature.example].id, i - first[feature.example]) for i, feature in enumerate(features)]
    margins = [[float("inf")] * (steps + 1) for _ in examples]
    for places in split_token_batches([feature.size for feature in features], TOKENS, longest_first=True):
        chosen = [features[i] for i in places]
        rows = [(names[i], row) for i in places for row in range(len(features[i].rows))] if blind else None
        for step, found in enumerate(_move(predictor, chosen, size, steps, rows)):
            for feature, margin in zip(chosen, found, strict=True):
                own = margins[feature.example]
                own[step] = min(own[step], margin)
    return margins


def _move(
    predictor: Predictor, features: Sequence[Feature], size: float, steps: int, rows: Sequence[object] | None
) -> list[list[float]]:
    """The margins of the features at each step, the first without noise. `rows`: the names of their rows, from which directions
    are drawn; None: down the gradient."""
    codec, model = predictor.codec, predictor.model
    head = model.head(predictor.head)
    batch = _collate(predictor, features)
    words = Words.of(Passes(model.encoder, head, codec, batch, 1, 0), ())
    radius_B11 = size * words.mean_norms()
    delta_BLD = torch.zeros((*batch["input_ids"].shape, words.size), device=batch["input_ids"].device)
    margins = []
    for step in range(steps + 1):
        delta_BLD = delta_BLD.detach().requires_grad_(rows is None and step < steps)
        with add_noise(model.encoder, delta_BLD, batch["attention_mask"]), _precision(predictor):
            hidden_BLD = codec.hidden(model.encoder, head, batch)
            with torch.no_grad():
                margins.append(codec.margins(head, hidden_BLD, batch, features))
            if step == steps:
                return margins
            if rows is not None:
                seeds = [Random(repr((row, step))).getrandbits(63) for row in rows]
                delta_BLD = radius_B11 * functional.normalize(replace(words, seeds=seeds).draw("gaussian"), dim=-1, eps=TINY)
                continue
            margin = _sum_margins(predictor, hidden_BLD, batch)
        gradient_BLD = torch.autograd.grad(margin, delta_BLD)[0] * words.real_BL1
        moved_BLD = delta_BLD.detach() - STRIDE * radius_B11 * functional.normalize(gradient_BLD, dim=-1, eps=TINY)
        delta_BLD = moved_BLD * (radius_B11 / moved_BLD.norm(dim=-1, keepdim=True).clamp(min=TINY)).clamp(max=1)
    raise AssertionError("the last step returns")


def _sum_margins(predictor: Predictor, hidden_BLD: Tensor, batch: Batch) -> Tensor:
    logits_NC = predictor.codec.logits(predictor.model.head(predictor.head), hidden_BLD, batch)
    right_N = batch["labels"].flatten()
    return margins_of(logits_NC, right_N[right_N != IGNORED]).sum()


def _collate(predictor: Predictor, features: Sequence[Feature]) -> Batch:
    batch = predictor.codec.collate(features)
    predictor.codec.targets(features, batch, np.random.default_rng(0))
    device = next(predictor.model.parameters()).device
    return {name: tensor.to(device) for name, tensor in batch.items()}


def _precision(predictor: Predictor) -> AbstractContextManager[object]:
    return use_precision(predictor.codec.recipe, next(predictor.model.parameters()).device)


def list_words(tokenizer: Any, script: str) -> tuple[list[str], list[int]]:
    """The words in letters of a script that are one piece of the tokenizer inside a text, and the pieces."""
    letters = regex.compile(rf"(?:(?=\p{{L}})\p{{Script={script}}})[\p{{Script={script}}}\p{{M}}]+")
    special = set(tokenizer.all_special_tokens)
    pieces = [piece.lstrip("▁Ġ") for piece in sorted(tokenizer.get_vocab()) if piece not in special]
    texts = sorted({piece for piece in pieces if letters.fullmatch(piece)})
    words, ids = [], []
    for first in range(0, len(texts), _CHUNK):
        some = texts[first : first + _CHUNK]
        encoded = tokenizer([f"{word} {word}" for word in some], add_special_tokens=False)["input_ids"]
        for word, tokens in zip(some, encoded, strict=True):
            if len(tokens) == 2 and tokens[1] != tokenizer.unk_token_id:
                words.append(word)
                ids.append(tokens[1])
    return words, ids
