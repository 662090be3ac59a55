"""Image pair: a picture and a text -> a label out of a closed set, as in visual entailment and NLVR."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from xstilts.formats.format import Align, Example, Format, Random, describe_labels


@dataclass(frozen=True, slots=True)
class ImagePairExample(Example):
    """A picture, by the name that it has in its task, and a text about it. Without a name there is no picture. `caption` says
    what the picture shows, if the data do; no model of pictures reads it."""

    kind: ClassVar[str] = "picture"
    picture: str
    text: str
    answer: str | None
    caption: str = ""

    def strings(self) -> tuple[str, ...]:
        return (self.text,)

    def with_strings(self, strings: Sequence[str], align: Align) -> Self:
        return replace(self, text=strings[0])


@dataclass(frozen=True, slots=True)
class ImagePair(Format):
    """A picture and a text in, one of `labels` out. The picture becomes vectors once, by the study's vision tower."""

    name, title, group = "image_pair", "inference from pictures", "classification"
    examples: ClassVar[tuple[type[Example], ...]] = (ImagePairExample,)
    usual_length: ClassVar[tuple[float, float]] = (30, 1)
    stored_bytes, predicted_bytes = 250, 50
    labels: tuple[str, ...]

    def describe(self) -> str:
        return describe_labels(self.name, self.labels)

    @property
    def answers(self) -> tuple[str, ...]:
        return self.labels

    def chance(self, sizes: Sequence[int]) -> float:
        return 1 / len(self.labels)

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """One label for all."""
        return ([label] * len(examples) for label in self.labels)

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """The labels are permuted over the examples."""
        places = rng.permutation(len(examples))
        return [replace(example, answer=examples[i].answer) for example, i in zip(examples, places, strict=True)]

    def write_text(self, example: Any) -> str:
        return f"[{example.picture or 'no picture'}] {example.text}"
