"""Bitext retrieval: a sentence -> its English translation among all English sentences. Nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BitextRetrieval:
    """Sentences in, vectors out: retrieval of translations without training."""

    name: ClassVar[str] = "embed"


@dataclass(frozen=True, slots=True)
class BitextRetrievalExample:
    """A sentence and its English translation (format BitextRetrieval); `answer` is the id of the right English sentence."""

    id: str
    text: str
    english: str
    answer: str | None
