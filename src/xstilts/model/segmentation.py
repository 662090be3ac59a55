"""Sampled segmentation: a word cut into pieces at random, in proportion to the probability of the cut ** alpha, for any Unigram
tokenizer (Kudo 2018, arXiv 1804.10959). The text stays what it is; only its token ids change.

A cut is drawn backwards through the lattice of all pieces, by sums that were computed forwards (once for each word). The lattice
is that of the `tokenizers` library: a character without a piece of its own is an unknown piece, ten below the rarest one, and
neighbouring unknown pieces become one. So with alpha -> infinity the ids are the tokenizer's own, but for ties.

`SampledTokenizer` stands where a tokenizer is called. Normalisation, special tokens, truncation, windows and offsets are the
library's own: inside it, each word is first cut at the drawn places, and then every cut is looked up whole.
"""

from __future__ import annotations

import copy
import json
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
from tokenizers import models, pre_tokenizers

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.model.codecs.codec import Codec, Encode, Feature
from xstilts.model.encoder_files import explain_no_unigram

UNKNOWN_PENALTY = 10.0  # of the `tokenizers` library and of SentencePiece
_WORDS = 1 << 17  # whose lattices are kept

Lattice = list[tuple[list[int], list[float]]]  # by the end of a piece: where it may begin, and the cumulated probabilities


class Segmenter:
    """Draws cuts of words with the pieces of a Unigram tokenizer. Raises InputError for a tokenizer of another kind."""

    def __init__(self, tokenizer: Any, alpha: float):
        backend = tokenizer.backend_tokenizer if hasattr(tokenizer, "backend_tokenizer") else tokenizer
        model = json.loads(backend.to_str())["model"]
        if trouble := explain_no_unigram(model):
            raise InputError(f"sampled segmentation: {trouble}; use another encoder, or leave segmentation out")
        self.alpha = alpha
        self.unknown: str = model["vocab"][model["unk_id"]][0]
        self._scores: dict[str, float] = dict(model["vocab"])
        self._unknown_score = min(self._scores.values()) - UNKNOWN_PENALTY
        self._longest: dict[str, int] = {}  # first character -> length of the longest piece
        for piece in self._scores:
            self._longest[piece[:1]] = max(self._longest.get(piece[:1], 0), len(piece))
        self._lattice = lru_cache(_WORDS)(self._compute_lattice)

    def cut(self, word: str, rng: np.random.Generator) -> list[int]:
        """Where a word is cut, in rising order, from 0 to its length. A word is what the tokenizer's pre-tokenizer gives."""
        lattice, end, places = self._lattice(word), len(word), [len(word)]
        unknown = False
        while end:
            starts, cumulated = lattice[end]
            begin = starts[0] if len(starts) == 1 else starts[bisect_right(cumulated, rng.random(), hi=len(starts) - 1)]
            if unknown and (unknown := word[begin:end] not in self._scores):
                places[-1] = begin
            else:
                unknown = word[begin:end] not in self._scores
                places.append(begin)
            end = begin
        return places[::-1]

    def pieces(self, word: str, rng: np.random.Generator) -> list[str]:
        """The pieces of a word, unknown ones as they stand in it."""
        return [word[begin:end] for begin, end in pairwise(self.cut(word, rng))]

    def _compute_lattice(self, word: str) -> Lattice:
        count = len(word)
        arcs: list[list[tuple[int, float]]] = [[] for _ in range(count + 1)]
        for begin in range(count):
            for end in range(begin + 1, min(count, begin + self._longest.get(word[begin], 0)) + 1):
                score = self._scores.get(word[begin:end])
                if score is not None:
                    arcs[end].append((begin, self.alpha * score))
            if word[begin] not in self._scores:
                arcs[begin + 1].append((begin, self.alpha * self._unknown_score))
        total = [0.0] * (count + 1)  # of each place: the log of the summed weights of all cuts up to it
        lattice: Lattice = [([], [])]
        for end in range(1, count + 1):
            logs = [total[begin] + weight for begin, weight in arcs[end]]
            highest = max(logs)
            weights = [math.exp(x - highest) for x in logs]
            whole = sum(weights)
            total[end] = highest + math.log(whole)
            cumulated, so_far = [], 0.0
            for weight in weights:
                so_far += weight / whole
                cumulated.append(so_far)
            lattice.append(([begin for begin, _ in arcs[end]], cumulated))
        return lattice


class SampledTokenizer:
    """Called like the tokenizer, on one text or pair after the other, but each word of these is cut at random. `seed` says by
    which random numbers: the same text, first of a pair or alone, is cut in the same way until the next seed. Raises InputError
    as `Segmenter` does."""

    def __init__(self, tokenizer: Any, alpha: float):
        self._segmenter = Segmenter(tokenizer, alpha)
        self._tokenizer = copy.deepcopy(tokenizer)
        backend = self._tokenizer.backend_tokenizer
        own = [] if backend.pre_tokenizer is None else [backend.pre_tokenizer]
        vocabulary = backend.get_vocab(with_added_tokens=False)
        backend.model = models.WordLevel(vocabulary, unk_token=self._segmenter.unknown)
        backend.pre_tokenizer = pre_tokenizers.Sequence([*own, pre_tokenizers.PreTokenizer.custom(self)])
        self.seed(0)

    def seed(self, *numbers: int) -> None:
        """Draw by these numbers from now on."""
        self._numbers = numbers

    def pre_tokenize(self, text: Any) -> None:
        """For the library: cut each word of a text."""
        text.split(self._split)

    def _split(self, place: int, word: Any) -> list[Any]:
        return [word[begin:end] for begin, end in pairwise(self._segmenter.cut(str(word), self._rng))]

    def __call__(self, first: str | Sequence[Any], second: Sequence[str] | None = None, **options: Any) -> Any:
        """As the tokenizer; of several texts at once, their ids alone."""
        if isinstance(first, str) or len(first) == 1:
            self._rng = np.random.default_rng([*self._numbers, number_of(str(first if isinstance(first, str) else first[0]))])
            return self._tokenizer(first, second, **options)
        pairs = [None] * len(first) if second is None else [[text] for text in second]
        found = [self([one], other, **options)["input_ids"][0] for one, other in zip(first, pairs, strict=True)]
        return {"input_ids": found}


def number_of(text: str) -> int:
    """A number for a text, such as an example's id, by which random numbers can be drawn."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "little")


def encode_sampled(
    codec: Codec,
    tokenizer: SampledTokenizer,
    examples: Sequence[Example],
    training: bool,
    numbers_of: Callable[[Example], Sequence[int]],
) -> list[Feature]:
    """What `codec.encode` gives, with words cut at random by the numbers of each example, such as (seed, draw, number_of(id)).
    An example's features do not depend on the others."""
    sampled = copy.copy(codec)
    sampled.tokenize = tokenizer
    if training:
        sampled.unreached = []  # those of one draw among many
    found = []
    for i, example in enumerate(examples):
        tokenizer.seed(*numbers_of(example))
        found += [replace(feature, example=i) for feature in sampled.encode([example], training)]
    return found


def sample_by_id(codec: Codec, alpha: float, seed: int) -> Encode:
    """What encodes instead of the codec, with the cuts of each example drawn by its id. Raises InputError as `Segmenter` does."""
    tokenizer = SampledTokenizer(codec.tokenizer, alpha)

    def encode(examples: Sequence[Example], training: bool) -> list[Feature]:
        return encode_sampled(codec, tokenizer, examples, training, lambda example: (seed, number_of(example.id)))

    return encode
