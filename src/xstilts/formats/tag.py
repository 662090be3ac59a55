"""Tag: a sentence in words -> one tag a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Tag:
    """Words in, one of `labels` a word out."""

    name: ClassVar[str] = "tag"
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagExample:
    """A sentence in words and one tag a word (format Tag)."""

    id: str
    words: tuple[str, ...]
    answer: tuple[str, ...] | None
