"""A prediction: what a model answers to one example."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted answer to the example of the same id, in the shape of that example's `answer` (span: its text)."""

    id: str
    answer: str | int | tuple[str, ...]
