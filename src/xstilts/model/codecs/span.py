"""Span: question + context -> a substring of the context (extractive QA, SQuAD's protocol).

A long context is cut into windows that overlap by `stride` tokens. In training a window without the answer points at the
first token; at test the best (start, end) over all windows wins, at most 30 tokens long (XTREME's max_answer_length), out
of the 20 best starts and ends of each window (its n_best_size).
A question that may have no answer gets none when the null score, start + end at the first token, is higher than that of the
best span. Of several windows the *lowest* null score counts: no answer means that none of them holds one. (The decision of
the transformers library and of jiant, with their default threshold of 0.)
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.model.codecs.codec import Batch, Codec, Feature, TokenHead

N_BEST = 20
MAX_ANSWER_TOKENS = 30
MAX_QUESTION_TOKENS = 64

Ranked = tuple[float, Prediction]
Found = tuple[float, int, int, float]  # score, first and last + 1 character of the best span, null score


class SpanCodec(Codec):
    recordable = True
    export = "AutoModelForQuestionAnswering"

    def head(self, encoder: Any) -> nn.Module:
        return TokenHead(encoder.config.hidden_size, 2, 0.0)  # no dropout, as in RobertaForQuestionAnswering

    @property
    def question_tokens(self) -> int:
        """How many tokens of a question are read."""
        return min(MAX_QUESTION_TOKENS, self.max_length // 3)

    @property
    def overlap(self) -> int:
        """How many tokens of the context two windows share."""
        least_context = self.max_length - self.question_tokens - self.tokenizer.num_special_tokens_to_add(pair=True)
        return min(self.recipe.stride, self.max_length // 3, int(least_context) - 1)

    def _cut_question(self, question: str) -> str:
        """The question, or the beginning of it that is no more tokens than it may be. (Tokenised anew, what was cut off at a
        token can be more tokens than before, hence the loop.)"""
        for kept in range(self.question_tokens, -1, -1):
            offsets = self.tokenize(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            if len(offsets) <= self.question_tokens:
                break
            question = question[: offsets[kept - 1][1]] if kept else ""
        return question

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[SpanExample], examples)
        features: list[Feature] = []
        for begin in range(0, len(items), 1000):
            some = items[begin : begin + 1000]
            questions = [self._cut_question(e.question) for e in some]
            features += self._windows(begin, some, questions, training)
        return features

    def _windows(self, begin: int, items: Sequence[SpanExample], questions: list[str], training: bool) -> Iterator[Feature]:
        """The features of some examples. Those with an answer that no window holds become `unreached`: in training their windows
        all point at the first token, and at test they cannot be answered right."""
        encoded = self.tokenize(
            questions,
            [e.context for e in items],
            truncation="only_second",
            max_length=self.max_length,
            stride=self.overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        missed = {i for i, e in enumerate(items) if e.answer}
        for w, source in enumerate(encoded["overflow_to_sample_mapping"]):
            row = np.asarray(encoded["input_ids"][w], dtype=np.int32)
            inside = np.asarray([s == 1 for s in encoded.sequence_ids(w)])
            offsets = np.asarray(encoded["offset_mapping"][w], dtype=np.int32)
            offsets[~inside] = -1
            example = items[source]
            target = _target(example, offsets) if training else None
            if source in missed and any(span_of(answer, offsets) != (0, 0) for answer in example.answer or ()):
                missed.discard(source)
            extra = {} if training else {"offsets": offsets}
            yield Feature(begin + source, [row], target, extra)
        self.unreached += [items[i].id for i in sorted(missed)]

    def _logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        logits_BL2 = head(hidden_BLD).float().masked_fill(batch["attention_mask"][..., None] == 0, -1e9)
        return logits_BL2[..., 0], logits_BL2[..., 1]

    def logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        """Of the starts, then of the ends: shape (2B, L)."""
        return torch.cat(self._logits(head, hidden_BLD, batch))

    def loss_of(self, logits_NL: Tensor, batch: Batch) -> Tensor:
        labels_B2 = batch["labels"]
        start_BL, end_BL = logits_NL.split(len(labels_B2))
        start = functional.cross_entropy(start_BL, labels_B2[:, 0], reduction="sum")
        return (start + functional.cross_entropy(end_BL, labels_B2[:, 1], reduction="sum")) / 2

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        start_BL, end_BL = (x.cpu().numpy() for x in self._logits(head, hidden_BLD, batch))
        return [
            (*best_span(start_BL[i], end_BL[i], f.extra["offsets"]), float(start_BL[i, 0] + end_BL[i, 0]))
            for i, f in enumerate(features)
        ]

    def all_logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        """Of each feature those of its starts and its ends, for `rank`; of a few examples at once."""
        return list(zip(*(x.cpu().numpy() for x in self._logits(head, hidden_BLD, batch)), strict=True))

    def rank(self, examples: Sequence[Example], features: Sequence[Feature], logits: Sequence[Any]) -> list[list[Ranked]]:
        """Of each example the answers that `decode` chooses from and the gold ones that a window holds, with their scores, the
        best first: the first is what `decode` gives."""
        items = cast(Sequence[SpanExample], examples)
        found: list[list[Ranked]] = [[] for _ in items]
        nulls = [np.inf] * len(examples)
        for feature, (start_L, end_L) in zip(features, logits, strict=True):
            example, offsets = items[feature.example], feature.extra["offsets"]
            golds = [tokens for answer in example.answer or () if (tokens := span_of(answer, offsets)) != (0, 0)]
            spans = [*list_spans(start_L, end_L, offsets), *((float(start_L[s] + end_L[e]), s, e) for s, e in golds)]
            found[feature.example] += [
                (score, Prediction(example.id, example.context[offsets[s, 0] : offsets[e, 1]].strip())) for score, s, e in spans
            ]
            nulls[feature.example] = min(nulls[feature.example], float(start_L[0] + end_L[0]))
        if self.spec.no_answer:
            for own, example, null in zip(found, items, nulls, strict=True):
                own.append((null, Prediction(example.id, "")))
        return [sorted(own, key=lambda one: -one[0]) for own in found]

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        windows: list[list[Found]] = [[] for _ in examples]
        for feature, found in zip(features, outputs, strict=True):
            windows[feature.example].append(found)
        for example, found in zip(cast(Sequence[SpanExample], examples), windows, strict=True):
            start, end = best_answer(found, self.spec.no_answer)
            # Tokens of some tokenizers hold the blank before them; to the metrics it makes no difference.
            yield Prediction(example.id, example.context[start:end].strip())


def best_answer(windows: Sequence[Found], no_answer: bool) -> tuple[int, int]:
    """First and last + 1 character of the answer out of all windows; (0, 0) for none."""
    score, start, end, _ = max(windows, key=lambda found: found[0])
    null = min(found[3] for found in windows)
    return (0, 0) if no_answer and null > score else (start, end)


def _target(example: SpanExample, offsets_L2: np.ndarray) -> tuple[int, int]:
    if example.answer is None:
        raise InputError(f"question {example.id!r} has no public answer, so it cannot be trained on")
    return span_of(example.answer[0], offsets_L2) if example.answer else (0, 0)


def span_of(answer: SpanAnswer, offsets_L2: np.ndarray) -> tuple[int, int]:
    """First and last token of an answer in a window whose context tokens cover the characters `offsets_L2` (-1 elsewhere);
    (0, 0), the first token, when the window does not hold all of it."""
    start, end = answer.start, answer.start + len(answer.text)
    starts, ends = offsets_L2[:, 0], offsets_L2[:, 1]
    tokens = np.flatnonzero((ends > start) & (starts < end) & (starts >= 0))
    if len(tokens) == 0 or starts[tokens[0]] > start or ends[tokens[-1]] < end:
        return (0, 0)
    return int(tokens[0]), int(tokens[-1])


def best_span(start_L: np.ndarray, end_L: np.ndarray, offsets_L2: np.ndarray) -> tuple[float, int, int]:
    """(score, first character, last character + 1) of a window's best span over its context tokens."""
    starts, ends, scores = _score_spans(start_L, end_L, offsets_L2)
    if not np.isfinite(scores).any():
        return (-np.inf, 0, 0)
    s, e = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores[s, e]), int(offsets_L2[starts[s], 0]), int(offsets_L2[ends[e], 1])


def list_spans(start_L: np.ndarray, end_L: np.ndarray, offsets_L2: np.ndarray) -> list[tuple[float, int, int]]:
    """(score, first token, last token) of all spans that `best_span` chooses from; of equal ones the first is chosen."""
    starts, ends, scores = _score_spans(start_L, end_L, offsets_L2)
    return [(float(scores[s, e]), int(starts[s]), int(ends[e])) for s, e in zip(*np.nonzero(np.isfinite(scores)), strict=True)]


def _score_spans(start_L: np.ndarray, end_L: np.ndarray, offsets_L2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best starts and ends among the context tokens, and the score of each pair; -inf where it is no span."""
    inside = np.flatnonzero(offsets_L2[:, 0] >= 0)
    starts = inside[np.argsort(-start_L[inside], kind="stable")[:N_BEST]]
    ends = inside[np.argsort(-end_L[inside], kind="stable")[:N_BEST]]
    gaps = ends[None, :] - starts[:, None]
    scores = start_L[starts][:, None] + end_L[ends][None, :]
    return starts, ends, np.where((gaps >= 0) & (gaps < MAX_ANSWER_TOKENS), scores, -np.inf)
