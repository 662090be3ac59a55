"""Bitext mining: two pools of sentences -> the pairs that are translations. Nothing is trained."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from xstilts.formats.format import NO_STRINGS, Example, Format
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile


@dataclass(frozen=True, slots=True)
class PoolExample(Example):
    """One text of a pool, with the text around it, if that is encoded too (formats BitextMining and Ranking).

    `role` is "query" or "candidate"; in bitext mining the foreign sentences are the queries, the English ones the
    candidates. `answer` holds the ids of a query's gold candidates, which may be none; it is `None` for a candidate.
    """

    kind: ClassVar[str] = "pool"
    in_pool: ClassVar[bool] = True
    text: str
    context: str
    role: str
    answer: tuple[str, ...] | None

    @property
    def scored(self) -> bool:
        return self.role == "query"


@dataclass(frozen=True, slots=True)
class BitextMining(Format):
    """Two pools of sentences in, the pairs that are translations out, with a threshold tuned on dev. A submission has one
    pair a line, foreign id <TAB> English id, as BUCC has (tsv)."""

    name, title, group = "mine", "bitext mining", "retrieval"
    examples: ClassVar[tuple[type[Example], ...]] = (PoolExample,)
    trained, retrieval = False, True
    untranslatable: ClassVar[str] = NO_STRINGS
    sides: ClassVar[tuple[str, ...]] = ("query", "candidate")
    mining: ClassVar[bool] = True
    margin: ClassVar[float] = 2.0
    usual_length: ClassVar[tuple[float, float]] = (15, 1)
    stored_bytes: ClassVar[int] = 170
    submission_suffix: ClassVar[str] = "tsv"

    def write_text(self, example: Any) -> str:
        text: str = example.text
        return text

    def write_answer(self, answer: Any, texts: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(texts.get(id, id) for id in answer)

    def side_texts(self, examples: Iterable[Any], side: str) -> tuple[list[str | None], list[str]]:
        """Repeated texts become one row without an id, as in XTREME: they take part in the search but in no pair."""
        pool = [example for example in examples if example.role == side]
        times = Counter(example.text.strip() for example in pool)
        first = {example.text.strip(): example.id for example in reversed(pool)}
        return [first[text] if count == 1 else None for text, count in times.items()], list(times)

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        return "".join(f"{source}\t{target}\n" for source, targets in answers.items() for target in targets)

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        """One prediction for each gold example, and one more for each foreign id that has no gold pair."""
        queries, pool = set(file.asked), file.pool
        mined: dict[str, dict[str, int]] = {}
        for number, line in enumerate(file.lines, start=1):
            source, _, target = line.partition("\t")
            if not source or not target or "\t" in target:
                file.problem(number, f"{line!r:.60}, expected a foreign id, a tab and an English id")
            elif pool is not None and source not in queries:
                file.problem(number, f"unknown foreign id {source!r:.60}")
            elif pool is not None and target not in pool:
                file.problem(number, f"unknown English id {target!r:.60}")
            before = mined.setdefault(source, {}).setdefault(target, number)
            if before != number:
                file.problem(number, f"the pair is already on line {before}")
        asked = [*file.asked, *mined] if file.gold is not None else []
        return [Prediction(id, tuple(mined.get(id, ()))) for id in dict.fromkeys(asked)]

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        pairs = []
        for number, line in enumerate(file.lines, start=1):
            source, tab, target = line.partition("\t")
            if not tab:
                file.problem(number, f"{line!r:.60}, expected a foreign id, a tab and an English id", fatal=True)
            pairs.append((source, target.partition("\t")[0]))
        for source, group in groupby(sorted(pairs), key=lambda pair: pair[0]):
            yield PoolExample(source, "", "", "query", tuple(target for _, target in group))
