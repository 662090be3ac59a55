"""Classify: one or two texts -> a label out of a closed set."""

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
class ClassifyExample:
    """One or two texts and a label out of a closed set (format Classify)."""

    id: str
    texts: tuple[str, ...]
    answer: str | None
