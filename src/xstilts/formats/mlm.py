"""Mlm: plain text -> its masked tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Mlm:
    """Plain text in, its masked tokens out."""

    name: ClassVar[str] = "mlm"


@dataclass(frozen=True, slots=True)
class MlmExample:
    """A document of plain text, or a sentence and its translation for TLM (format Mlm)."""

    id: str
    texts: tuple[str, ...]
    answer: None = None
