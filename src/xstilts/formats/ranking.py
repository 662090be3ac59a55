"""Ranking: a query -> a ranking of the candidates of a pool (retrieval of answers by a dual encoder)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.format import Align, Example, Format, Random
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile

DEPTH = 20  # candidates of a ranking that count
MAX_QUERY_TOKENS = 96


@dataclass(frozen=True, slots=True)
class RankingExample(Example):
    """A query and the text that answers it, with the text around that (training data of format Ranking)."""

    kind: ClassVar[str] = "pair"
    query: str
    text: str
    context: str

    @property
    def answer(self) -> tuple[str, ...]:
        """Its own id: among the texts of pairs, its own is the one that answers its query."""
        return (self.id,)

    def strings(self) -> tuple[str, ...]:
        return (self.query, self.text, self.context)

    def with_strings(self, strings: Sequence[str], align: Align) -> Self:
        query, text, context = strings
        return replace(self, query=query, text=text, context=context)


@dataclass(frozen=True, slots=True)
class Ranking(Format):
    """Queries and a pool of candidates in, a ranking of the candidates for each query out. Training data are pairs
    (RankingExample), test data a pool (PoolExample). A submission is one JSON object, {query id: [the best 20 candidate ids,
    best first]}, as Mewsli-X has. XTREME has no file for LAReQA; that it looks the same is our choice."""

    name, title, group = "rank", "ranking", "retrieval"
    examples: ClassVar[tuple[type[Example], ...]] = (RankingExample, PoolExample)
    retrieval: ClassVar[bool] = True
    sides: ClassVar[tuple[str, ...]] = ("query", "candidate")
    shared_pool: ClassVar[bool] = True
    margin: ClassVar[float] = 2.0
    usual_length: ClassVar[tuple[float, float]] = (174, 1)
    stored_bytes: ClassVar[int] = 300
    submission_suffix: ClassVar[str] = "json"

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """The texts are permuted over the queries."""
        found = [examples[i] for i in rng.permutation(len(examples))]
        return [replace(e, text=other.text, context=other.context) for e, other in zip(examples, found, strict=True)]

    def write_text(self, example: Any) -> str:
        text: str = example.text
        return text

    def write_answer(self, answer: Any, texts: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(texts.get(id, id) for id in answer)

    def side_texts(self, examples: Iterable[Any], side: str) -> tuple[list[str | None], list[str]]:
        pool = [example for example in examples if example.role == side]
        texts = [passage(example.text, example.context) if side == "candidate" else example.text for example in pool]
        return [example.id for example in pool], texts

    def side_tokens(self, side: str, longest: int) -> int:
        return min(MAX_QUERY_TOKENS, longest) if side == "query" else longest

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        rows = (f" {json.dumps(id)}: {json.dumps(ranked[:DEPTH])}" for id, ranked in answers.items())
        return "{\n" + ",\n".join(rows) + "\n}\n"

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        predictions = file.answers_by_id(_is_ranking, "expected a list of candidate ids, best first", ())
        pool = file.pool
        for prediction in predictions:
            assert isinstance(prediction.answer, tuple)
            ranked = prediction.answer[:DEPTH]
            if len(set(ranked)) < len(ranked):
                file.problem(prediction.id, f"a candidate occurs twice among the first {DEPTH}; only its first rank counts")
            for unknown in (id for id in ranked if pool is not None and id not in pool):
                file.problem(prediction.id, f"unknown candidate id {unknown!r:.60}")
        return predictions

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        for id, gold in (file.json(file.text) or {}).items():
            if not _is_ranking(gold):
                file.problem(id, f"found {gold!r:.60}, expected a list of candidate ids", fatal=True)
            else:
                yield PoolExample(id, "", "", "query", tuple(gold))


def passage(text: str, context: str) -> str:
    """What is encoded of a candidate: XTREME-R puts the context right behind the text and takes line breaks out."""
    return (text + context).replace("\n", "")


def _is_ranking(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(id, str) for id in value)
