"""Batches by length: features of similar length go together, up to a number of padded tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xstilts.model.codecs.codec import Feature


def split_micro_batches(features: Sequence[Feature], tokens: int) -> list[list[int]]:
    """Indices of the features, shortest first, in groups of at most `tokens` padded tokens. A longer feature is alone."""
    return _group(features, sorted(range(len(features)), key=lambda i: features[i].longest), tokens)


def split_by_length(features: Sequence[Feature], tokens: int) -> list[list[int]]:
    """Indices of the features, longest first, in groups of at most `tokens` padded tokens. A longer feature is alone. All
    features of a group have the same number of rows."""
    order = sorted(range(len(features)), key=lambda i: (len(features[i].rows), features[i].longest), reverse=True)
    return _group(features, order, tokens, same_rows=True)


def _group(features: Sequence[Feature], order: Iterable[int], tokens: int, same_rows: bool = False) -> list[list[int]]:
    groups: list[list[int]] = []
    longest = rows = 0
    for i in order:
        count, width = len(features[i].rows), max(longest, features[i].longest)
        fits = groups and (rows + count) * width <= tokens
        if fits and not (same_rows and count != len(features[groups[-1][0]].rows)):
            groups[-1].append(i)
            longest, rows = width, rows + count
        else:
            groups.append([i])
            longest, rows = features[i].longest, count
    return groups
