"""Bitext mining: two pools of sentences -> the pairs that are translations. Nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BitextMining:
    """Two pools of sentences in, the pairs that are translations out: bitext mining, with a threshold tuned on dev."""

    name: ClassVar[str] = "mine"


@dataclass(frozen=True, slots=True)
class PoolExample:
    """One text of a pool, with the text around it, if that is encoded too (formats BitextMining and Ranking).

    `role` is "query" or "candidate"; in bitext mining the foreign sentences are the queries, the English ones the
    candidates. `answer` holds the ids of a query's gold candidates, which may be none; it is `None` for a candidate.
    """

    id: str
    text: str
    context: str
    role: str
    answer: tuple[str, ...] | None
