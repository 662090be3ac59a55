"""Span: a question and a context -> a stretch of the context (extractive question answering)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Span:
    """A question and a context in, a substring of the context out; with `no_answer`, possibly the empty one."""

    name: ClassVar[str] = "span"
    no_answer: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold answer of span QA: its text and the character at which it starts in the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question, a context, and gold answers inside the context (format Span). `None`: the answers are not public; an
    empty tuple: the context holds no answer (SQuAD v2.0)."""

    id: str
    question: str
    context: str
    answer: tuple[Answer, ...] | None
