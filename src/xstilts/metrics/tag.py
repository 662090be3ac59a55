"""Tagging: chunk F1 (NER), the chunk F1 that XTREME reports for part-of-speech tags, and plain token accuracy.

Chunks are those of seqeval 0.0.12 (the XTREME-era version that jiant pins; https://github.com/chakki-works/seqeval). The code
follows its published rules, which are after CoNLL's conlleval (Tjong Kim Sang and De Meulder 2003). F1 is micro over the
corpus. Surprising: XTREME scores POS with it too. A tag without "-" is its own type, and its *first letter* is the prefix. So
neighbours with the same tag merge (NOUN NOUN is one chunk), but SCONJ and SYM start with S, "a chunk of one", and never merge.
seqeval >= 0.0.16 cuts the first letter off the type (CCONJ equals SCONJ), which gives other POS numbers.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.classify import ACCURACY, finish_share
from xstilts.metrics.metric import Counts, Metric, divide, match_answers

Chunk = tuple[str, int, int]
Tags = tuple[str, ...]


def find_chunks(tags: Sequence[str]) -> set[Chunk]:
    """The chunks (type, first word, last word) of one sentence.

    The prefix is the first letter; the type is what follows the last "-" (the whole tag if there is none). Between two
    neighbours a chunk ends after E or S, where B or I meets B, S or O, and where the type changes. A chunk starts at B and S,
    where I or E follows O, E or S, and where the type changes. An I without a B therefore opens a chunk. Both ends of a
    sentence count as O. That is why the chunks of sentences are those of the corpus joined with O."""
    found = set()
    first, prefix, kind = 0, "O", "O"
    for position, tag in enumerate((*tags, "O")):
        next_prefix, next_kind = tag[0], tag.rsplit("-", 1)[-1]
        changed = kind != next_kind
        if prefix in "ES" or (prefix in "BI" and next_prefix in "BSO") or (prefix not in "O." and changed):
            found.add((kind, first, position - 1))
        if next_prefix in "BS" or (prefix in "OES" and next_prefix in "IE") or (next_prefix not in "O." and changed):
            first = position
        prefix, kind = next_prefix, next_kind
    return found


def _match_tags(example: Example, prediction: Prediction) -> tuple[Tags, Tags]:
    gold, predicted = match_answers(example, prediction, tuple)
    if len(gold) != len(predicted):
        raise InputError(f"prediction {prediction.id!r}: expected {len(gold)} tags, one for each word, found {len(predicted)}")
    if not all(predicted):
        raise InputError(f"prediction {prediction.id!r}: a tag is empty; write O (or, for parts of speech, X) instead")
    return gold, predicted


def _tally_chunks(example: Example, prediction: Prediction) -> tuple[float, float, float]:
    gold, predicted = map(find_chunks, _match_tags(example, prediction))
    return float(len(gold & predicted)), float(len(predicted)), float(len(gold))


def _tally_tokens(example: Example, prediction: Prediction) -> tuple[float, float]:
    gold, predicted = _match_tags(example, prediction)
    return float(sum(g == p for g, p in zip(gold, predicted, strict=True))), float(len(gold))


def _tally_both(example: Example, prediction: Prediction) -> tuple[float, ...]:
    return *_tally_chunks(example, prediction), *_tally_tokens(example, prediction)


def _finish_chunks(sums: Counts) -> Counts:
    """(..., [tp, predicted, gold]) -> (..., [f1, precision, recall])."""
    tp, predicted, gold = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.stack([divide(2 * tp, predicted + gold), divide(tp, predicted), divide(tp, gold)], axis=-1)


def _finish_both(sums: Counts) -> Counts:
    """(..., [tp, predicted, gold, correct, total]) -> (..., [f1, token accuracy])."""
    sums = np.asarray(sums, dtype=np.float64)
    return np.concatenate([_finish_chunks(sums[..., :3])[..., :1], finish_share(sums[..., 3:])], axis=-1)


CHUNK_COUNTS = ("tp", "predicted", "gold")
CHUNK_F1 = Metric(
    "chunk_f1", CHUNK_COUNTS, ("f1", "precision", "recall"), _tally_chunks, _finish_chunks, cite="tjongkimsang2003conll"
)
POS_COUNTS = (*CHUNK_COUNTS, "correct", "total")
POS_F1 = Metric("pos_f1", POS_COUNTS, ("f1", "token_accuracy"), _tally_both, _finish_both, cite="hu2020xtreme")
TAG_ACCURACY = replace(ACCURACY, name="tag_accuracy", tally=_tally_tokens, right_or_wrong=False)
