"""Formats: the input/output shapes that a task can have. Everything that differs between tasks in the model
differs by format, never by task. The torch half of each (encode -> loss -> decode) is `model/formats/<name>.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Classify:
    """`texts` segments in, one of `labels` out."""

    name: ClassVar[str] = "classify"
    labels: tuple[str, ...]
    texts: int = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A prompt and `choices` continuations in, the index of the right one out."""

    name: ClassVar[str] = "choice"
    choices: int


@dataclass(frozen=True, slots=True)
class Tag:
    """Words in, one of `labels` a word out."""

    name: ClassVar[str] = "tag"
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A question and a context in, a substring of the context out; with `no_answer`, possibly the empty one."""

    name: ClassVar[str] = "span"
    no_answer: bool = False


@dataclass(frozen=True, slots=True)
class Mlm:
    """Plain text in, its masked tokens out."""

    name: ClassVar[str] = "mlm"


@dataclass(frozen=True, slots=True)
class BitextRetrieval:
    """Sentences in, vectors out: retrieval of translations without training."""

    name: ClassVar[str] = "embed"


@dataclass(frozen=True, slots=True)
class BitextMining:
    """Two pools of sentences in, the pairs that are translations out: bitext mining, with a threshold tuned on dev."""

    name: ClassVar[str] = "mine"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Queries and a pool of candidates in, a ranking of the candidates for each query out."""

    name: ClassVar[str] = "rank"


Format = Classify | Choice | Tag | Span | Mlm | BitextRetrieval | BitextMining | Ranking
