"""Mlm: plain text -> its masked tokens."""

from dataclasses import dataclass
from typing import ClassVar

from xstilts.formats.format import NO_STRINGS, Example, Format


@dataclass(frozen=True, slots=True)
class MlmExample(Example):
    """A document of plain text, or a sentence and its translation for TLM (format Mlm)."""

    kind: ClassVar[str] = "plain"
    texts: tuple[str, ...]
    answer: None = None


@dataclass(frozen=True, slots=True)
class Mlm(Format):
    """Plain text in, its masked tokens out. Nothing is predicted: it is no target, and there are no labels to shuffle."""

    name, title, group = "mlm", "masked language modelling", "language modelling"
    examples: ClassVar[tuple[type[Example], ...]] = (MlmExample,)
    self_supervised: ClassVar[bool] = True
    untranslatable: ClassVar[str] = NO_STRINGS
    stored_bytes: ClassVar[int] = 2000
