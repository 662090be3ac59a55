"""Search in papers: the passages that may bear on a claim, by words (BM25) and, where an encoder is given, by meaning as well.

Both orders are fused by reciprocal rank (Cormack et al. 2009), which needs no scale. Equal scores are ordered by the name of
the paper and the place, so the order in which papers were read changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from xstilts.documents.libraries import need
from xstilts.documents.paper import Paper
from xstilts.documents.sentences import Passage, list_passages
from xstilts.documents.words import Weights, list_words

# Texts -> a vector of length 1 for each; shape (N, D).
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
FUSION = 60  # the constant of reciprocal rank fusion, as in the paper


class Corpus:
    """Papers that can be searched. `weights`: how rare each word is among their passages. `size`: sentences of a passage."""

    def __init__(self, papers: Sequence[Paper], size: int = 3, embed: Embed | None = None):
        self.papers = tuple(sorted(papers, key=lambda paper: paper.id))
        self.passages = tuple(passage for paper in self.papers for passage in list_passages(paper, size))
        self._embed = embed
        self._words = [list_words(passage.text) for passage in self.passages]
        self.weights = Weights(self._words)
        self._index = self._make_index()
        self._centre_D, self._vectors_ND = self._make_vectors()

    def _make_index(self) -> object:
        if not any(self._words):
            return None
        index = need("bm25s").BM25()
        index.index(self._words, show_progress=False)
        return index

    def _make_vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The mean vector of the passages, and their vectors without it: what all texts share says nothing."""
        if self._embed is None or not self.passages:
            return np.zeros(0, dtype=np.float32), None
        found_ND = self._embed([passage.text for passage in self.passages])
        centre_D = found_ND.mean(axis=0)
        return centre_D, _normalise(found_ND - centre_D)

    def rank(self, query: str, count: int = 20) -> list[tuple[Passage, float]]:
        """The passages that fit a query best, with their fused scores, best first; those without any common word are left out,
        unless they are near in meaning."""
        if not self.passages:
            return []
        score_N = np.zeros(len(self.passages))
        for order in self._orders(query):
            score_N[order] += 1 / (FUSION + 1 + np.arange(len(order)))
        found = [place for place in np.argsort(-score_N, kind="stable")[:count] if score_N[place]]
        return [(self.passages[place], float(score_N[place])) for place in found]

    def rank_papers(self, query: str) -> list[tuple[Paper, float]]:
        """All papers with the best share of the query's words, by weight, that one of their passages has; best first."""
        wanted, best = list_words(query), {paper.id: 0.0 for paper in self.papers}
        for passage, words in zip(self.passages, self._words, strict=True):
            best[passage.paper.id] = max(best[passage.paper.id], self.weights.measure_coverage(wanted, frozenset(words)))
        return sorted(((paper, best[paper.id]) for paper in self.papers), key=lambda one: (-one[1], one[0].id))

    def _orders(self, query: str) -> list[NDArray[np.int64]]:
        """For each way of searching, the places of passages, best first."""
        orders = []
        words = [word for word in list_words(query) if word in self.weights]
        if words and self._index is not None:
            bm25_N = np.asarray(self._index.get_scores(words), dtype=np.float64)  # type: ignore[attr-defined]
            order = np.argsort(-bm25_N, kind="stable")
            orders.append(order[bm25_N[order] > 0])
        if self._vectors_ND is not None and self._embed is not None:
            cosine_N = self._vectors_ND @ _normalise(self._embed([query]) - self._centre_D)[0]
            orders.append(np.argsort(-cosine_N, kind="stable")[: max(20, len(self.passages) // 10)])
        return orders


def _normalise(vectors_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths_N1: NDArray[np.float32] = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.maximum(lengths_N1, 1e-9), dtype=np.float32)
