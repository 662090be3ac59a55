"""What every format states about itself, and what every example can do. All of it is free of torch.

A new format is a subclass of `Format` and one of `Example` in a file of their own, a line in `registry.py`, and a codec in
`model/codecs/`. What is stated here has defaults for a format that is trained, predicted and scored example by example.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from xstilts.errors import InputError
from xstilts.formats.prediction import Prediction

if TYPE_CHECKING:
    from xstilts.formats.span import SpanAnswer
    from xstilts.formats.submission_file import SubmissionFile

# (context, text, where it was as a share of the context) -> the answer in the context, or None where it does not occur.
Align = Callable[[str, str, float], "SpanAnswer | None"]
MANY_LABELS = 20  # the most that `Format.describe` spells out
NO_STRINGS = "there are no training examples to translate; text is declared with `format: mlm`"


class Random(Protocol):
    """What shuffling needs of numpy's Generator. (The formats need no numpy.)"""

    def permutation(self, x: int, /) -> Any: ...

    def integers(self, low: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Example:
    """The base of all examples. `kind` is the name of the class in files. `in_pool`: the test data are queries and candidates,
    and a query's `answer` holds ids of candidates."""

    kind: ClassVar[str]
    in_pool: ClassVar[bool] = False
    id: str
    if TYPE_CHECKING:  # at run time a field or property of each subclass

        @property
        def answer(self) -> Any: ...

    @property
    def scored(self) -> bool:
        """Whether there is something to predict; for a candidate of a pool there is not."""
        return True

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The example with these fields, as JSON gives them."""
        return cls(**{name: to_tuples(value) for name, value in fields.items()})

    def strings(self) -> tuple[str, ...]:
        """Every string that needs a translation. Raises TypeError for an example that no translation of strings carries over."""
        raise TypeError(f"the answer of a {type(self).__name__} cannot be carried over to a translation")

    def with_strings(self, strings: Sequence[str], align: Align) -> Self | None:
        """The example with other strings, in the order of `strings()`; None where its answer is not in them."""
        raise TypeError(f"the answer of a {type(self).__name__} cannot be carried over to a translation")


@dataclass(frozen=True, slots=True)
class Format:
    """The base of all formats: an instance is the format of one task, its fields what differs between tasks.

    `name` stands in keys and files and never changes; `title` is the field's term; `group` the group of tasks in reports.
    `examples`: the classes of its examples. `trained`: there is training data, and a target is fine-tuned; otherwise the
    checkpoint is scored as it is. `retrieval`: scored by vectors, not by a head. `self_supervised`: it learns from text without
    labels, in all languages of a study. `decoded_by_head`: a target is decoded in the format of the task that its head was
    trained on (with the order of its labels), not in its own. `answers_in_text`: an answer is a part of the example's own text.
    `untranslatable`: why training data cannot be had by translating the strings of examples; empty if it can.

    Retrieval: `sides`: the two sets of texts that become vectors. `mining`: pairs are mined from the vectors, with a threshold
    tuned on dev data. `layer_sweep`: all layers and poolings are scored. `shared_pool`: the candidates of all languages are one
    pool.

    `margin`: how many points of a score are too few to matter, unless a study says otherwise.

    Sizes for estimates: `usual_length`: tokens of an example and rows that it makes (endless: a text fills its rows);
    `stored_bytes` and `predicted_bytes`: of one example and of one prediction on disk, measured in a finished study.
    `submission_suffix`: of a file in a benchmark's submission; empty if no such file is published."""

    name: ClassVar[str]
    title: ClassVar[str]
    group: ClassVar[str]
    examples: ClassVar[tuple[type[Example], ...]]
    trained: ClassVar[bool] = True
    retrieval: ClassVar[bool] = False
    self_supervised: ClassVar[bool] = False
    decoded_by_head: ClassVar[bool] = True
    answers_in_text: ClassVar[bool] = False
    untranslatable: ClassVar[str] = ""
    sides: ClassVar[tuple[str, ...]] = ()
    mining: ClassVar[bool] = False
    layer_sweep: ClassVar[bool] = False
    shared_pool: ClassVar[bool] = False
    margin: ClassVar[float] = 1.0
    usual_length: ClassVar[tuple[float, float]] = (inf, 1)
    stored_bytes: ClassVar[int]
    predicted_bytes: ClassVar[int] = 0
    submission_suffix: ClassVar[str] = ""

    def record(self) -> dict[str, Any]:
        """The format as JSON: its name and fields."""
        return {"name": self.name, **dataclasses.asdict(self)}

    def describe(self) -> str:
        """The format and its fields in a few words, as Markdown."""
        return self.name

    def chance(self, sizes: Sequence[int]) -> float | None:
        """The score of guessing, 0 to 1, on test sets with so many examples; None where there is no such value."""
        return None

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """Answers of rules that read nothing of an example's meaning, one list a rule: the best of them is what a model has to
        beat."""
        return iter(())

    def shuffle(self, examples: Sequence[Example], rng: Random) -> list[Example]:
        """The examples in their order, with answers permuted or drawn at random (`placebo.py`)."""
        return list(examples)

    def row_tokens(self, tokens: float, rows: float, max_length: int) -> float:
        """The tokens of one training row of a task whose examples have so many `tokens` in so many `rows`."""
        return min(tokens / rows, max_length)

    # -- for people ----------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> tuple[Any, ...]:
        """All answers that there are, of an example or of each of its words; empty if they are no closed set."""
        return ()

    @property
    def asked(self) -> str:
        """What is given for one prediction, as JSON; empty if nothing is predicted for inputs of one's own (`inputs.py`)."""
        return ""

    @property
    def takes_text(self) -> bool:
        """Whether a text alone is an input."""
        return False

    def find_fault(self, example: Any) -> str:
        """What is wrong with an example that a person gave; empty if nothing is."""
        return ""

    def write_text(self, example: Any) -> str:
        """What the model reads of an example, on one line."""
        return " | ".join(example.strings())

    def write_answer(self, answer: Any, texts: Mapping[str, str]) -> Any:
        """A gold or predicted answer as people read it. `texts`: id -> text of what may be retrieved."""
        return answer

    def pool_text(self, example: Any) -> str:
        """What is retrieved where this example is an answer."""
        return self.write_text(example)

    # -- retrieval -----------------------------------------------------------------------------------------------------

    def side_texts(self, examples: Iterable[Any], side: str) -> tuple[list[str | None], list[str]]:
        """The ids and texts of one side; the id is None where a text stands for no one example."""
        raise TypeError(f"{self.name} is not a format of retrieval")

    def side_tokens(self, side: str, longest: int) -> int:
        """How many tokens of a text of this side are kept where the other side's have `longest`."""
        return longest

    # -- files of a submission -----------------------------------------------------------------------------------------

    def submission_order(self, examples: Iterable[Example]) -> list[Example]:
        """The examples that have a prediction, in the order of the file's lines."""
        return [example for example in examples if example.scored]

    def submission_gold(self, examples: Sequence[Example]) -> tuple[list[Example], frozenset[str] | None]:
        """What the lines of a file answer, with the ids that they have in the file, and the ids that may be predicted (None:
        any answer may be)."""
        pool = frozenset(example.id for example in examples if not example.scored)
        return self.submission_order(examples), pool if any(example.in_pool for example in examples) else None

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        """The text of a prediction file: `answers` by id in the order of the file; `ids` are those of all examples."""
        raise InputError(f"no benchmark has published a file for predictions of the format {self.name}")

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        """The predictions of a file. What is wrong with it goes to `file.problems`."""
        raise InputError(f"no benchmark has published a file for predictions of the format {self.name}")

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        """The examples of XTREME's file of gold labels, which has no texts; ids are line numbers where the file has none."""
        raise InputError(f"no benchmark has published a file of labels of the format {self.name}")


def to_tuples(value: Any) -> Any:
    """Lists become tuples, at every depth."""
    return tuple(to_tuples(part) for part in value) if isinstance(value, list) else value


def describe_labels(name: str, labels: Sequence[str]) -> str:
    """The `describe` of a format with a closed set of labels."""
    if len(labels) > MANY_LABELS:
        return f"{name} with {len(labels)} labels"
    return f"{name}: {', '.join(f'`{label}`' for label in labels)}"
