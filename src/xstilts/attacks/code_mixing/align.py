"""Which word of a text is the translation of which word of the same text in another language, learnt from a parallel test set.

IBM model 1 (Brown et al. 1993) in both directions, with a mild preference for words at the same relative place. Two words are
linked if each is the likeliest partner of the other, both directions are sure of it, and no third word claims one of them: few
links, but right ones. Nothing but counts of the test set goes in, so the links are the same for every model. Sums run in one
order and there is no exponential, so that they are the same on every machine.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
NEAR = 4.0  # how fast the preference falls with the distance of two places, which is between 0 and 1
SURE = 0.3  # the least product of the two posteriors
CLAIM = 0.5  # the least posterior of a word that is said to come from another
LONGEST = 200  # words; longer texts are not aligned
RATIO = 2.5  # the most words of one text for a word of the other

Words = Sequence[str]
Link = tuple[int, int]
Numbers = NDArray[np.float64]


def fits(first: Words, second: Words) -> bool:
    """Whether two texts may be aligned."""
    short, long = sorted((len(first), len(second)))
    return short > 0 and long <= LONGEST and long <= RATIO * short + 2


def align(pairs: Sequence[tuple[Words, Words]]) -> list[tuple[Link, ...]]:
    """The links of each pair of texts, (word of the first, word of the second), sorted. All pairs must fit."""
    if not pairs:
        return []
    cells = _Cells(pairs)
    forward_C, backward_C = cells.learn(True), cells.learn(False)
    sure_C = forward_C * backward_C
    best_C = _is_best(cells.first_C, sure_C) & _is_best(cells.second_C, sure_C) & (sure_C >= SURE)
    best_C &= _is_alone(cells.first_C, forward_C) & _is_alone(cells.second_C, backward_C)
    links: list[list[Link]] = [[] for _ in pairs]
    for cell in np.flatnonzero(best_C).tolist():
        links[cells.pair_C[cell]].append((int(cells.i_C[cell]), int(cells.j_C[cell])))
    return [tuple(some) for some in links]


class _Cells:
    """A cell C is a word of the first text with a word of the second text of one pair."""

    def __init__(self, pairs: Sequence[tuple[Words, Words]]) -> None:
        self.lengths = [np.array([len(pair[side]) for pair in pairs]) for side in (0, 1)]
        m_P, n_P = self.lengths
        size_P = m_P * n_P
        self.pair_C = np.repeat(np.arange(len(pairs)), size_P)
        inside_C = np.arange(size_P.sum()) - np.repeat(np.cumsum(size_P) - size_P, size_P)
        self.i_C, self.j_C = np.divmod(inside_C, n_P[self.pair_C])
        self.first_C = self.i_C + np.repeat(np.cumsum(m_P) - m_P, size_P)
        self.second_C = self.j_C + np.repeat(np.cumsum(n_P) - n_P, size_P)
        apart_C = np.abs((self.i_C + 0.5) / m_P[self.pair_C] - (self.j_C + 0.5) / n_P[self.pair_C])
        self.near_C = 1 / (1 + NEAR * apart_C)
        one, other = (_number(chain.from_iterable(pair[side] for pair in pairs)) for side in (0, 1))
        self.words = (one, other)
        key_C = one[self.first_C] * (int(other.max()) + 1) + other[self.second_C]
        self.kinds, self.kind_C = np.unique(key_C, return_inverse=True)

    def learn(self, forward: bool) -> Numbers:
        """The posterior of each cell: how likely its word of the second text (of the first, if not `forward`) comes from its
        other word, and not from another word of that text or from none."""
        given, made_C = (0, self.second_C) if forward else (1, self.first_C)
        size = int(self.words[given].max()) + 1
        width = int(self.words[1].max()) + 1
        of_K = self.kinds // width if given == 0 else self.kinds % width
        tokens = self.words[1 - given]
        share_K: Numbers = np.ones(len(self.kinds))
        none_W: Numbers = np.ones(int(tokens.max()) + 1)  # how likely a word comes from none
        post_C: Numbers = self.near_C
        for _ in range(ROUNDS):
            weight_C = share_K[self.kind_C] * self.near_C
            none_T = none_W[tokens] * 0.5
            total_T = _sum(made_C, weight_C, len(tokens)) + none_T
            post_C = weight_C / total_T[made_C]
            count_K = _sum(self.kind_C, post_C, len(self.kinds))
            share_K = count_K / _sum(of_K, count_K, size)[of_K]
            none_W = _sum(tokens, none_T / total_T, len(none_W))
            none_W = none_W / _sum(np.zeros_like(tokens)[: len(none_W)], none_W, 1)
        return post_C


def _sum(group: NDArray[np.int64], values: Numbers, size: int) -> Numbers:
    """The sum of each group, in the order of the values, so that it has the same bits everywhere."""
    return np.asarray(np.bincount(group, values, size), dtype=np.float64)


def _number(words: Iterable[str]) -> NDArray[np.int64]:
    """The words as numbers, equal ones alike."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)


def _is_alone(group_C: NDArray[np.int64], value_C: Numbers) -> NDArray[np.bool_]:
    """Whether the word of the group is claimed by one word of the other text at most. A word that is claimed by several says what
    they say together ("hana": has not), and neither of them translates it."""
    claimed = np.bincount(group_C, value_C >= CLAIM)
    return np.asarray(claimed[group_C] <= 1)


def _is_best(group_C: NDArray[np.int64], value_C: Numbers) -> NDArray[np.bool_]:
    """Whether a cell has the highest value of its group and no other one has it too."""
    best = np.zeros(int(group_C.max()) + 1)
    np.maximum.at(best, group_C, value_C)
    top_C: NDArray[np.bool_] = value_C == best[group_C]
    alone: NDArray[np.bool_] = np.bincount(group_C, top_C) == 1
    return top_C & alone[group_C]
