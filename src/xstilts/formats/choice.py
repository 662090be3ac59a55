"""Choice: a prompt and its candidate continuations -> the index of the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Choice:
    """A prompt and `choices` continuations in, the index of the right one out."""

    name: ClassVar[str] = "choice"
    choices: int


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A prompt and its candidate continuations; `answer` is the index of the right one (format Choice)."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: int | None
