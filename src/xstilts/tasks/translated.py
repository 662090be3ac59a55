"""The English training data of a task in translation.

The translation is a table of strings. Every text of an example (premise, question, choice, answer) is looked up as a whole.
White space at the ends does not count, and a run of white space counts as one blank, so that a context with line breaks fits
into a line. An example with a string that has no translation is left out ("untranslated" in the counts). A question is left out
if none of its answers is in its translated context ("unlocatable"). Tagging tasks cannot be translated, since tags belong to
words and a translation moves words. Dev data stay English. Held-out dev questions are not translated either, so that training
does not see them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.tasks.answer_alignment import align_answer
from xstilts.tasks.files.locate import check_examples, resolve_split
from xstilts.tasks.files.read import read_lines, split_columns
from xstilts.tasks.task import ReadRequest, Task

# How an example is lost, in the words of the counts.
LOSSES = ("untranslated", "unlocatable")


def translate(example: Example, translation: Callable[[str], str | None], language: str, counts: Counter[str]) -> Example | None:
    """The example in another language, or None if something is lost, which is counted. Blank strings stay blank."""
    found: list[str] = []
    for text in example.strings():
        new = translation(text) if text.strip() else text
        if new is None:
            counts["untranslated"] += 1
            return None
        found.append(new)
    moved = example.with_strings(found, partial(align_answer, language=language))
    if moved is None:
        counts["unlocatable"] += 1
    return moved


def read_translated(base: Task, request: ReadRequest) -> Iterator[Example]:
    """The training examples of `base` in translation. The files of `base` come first, the table of translations last. For dev:
    the examples of `base` in English."""
    split, where = request.split, ", ".join(map(str, request.files))
    if split == "dev":
        yield from check_examples(
            base, split, base.read(ReadRequest(base, resolve_split(base, split), "en", request.files, request.counts)), where
        )
        return
    *files, path = request.files
    if not files:
        raise InputError(f"{path}: found no other file; expected the English training data of {base.name} beside it")
    table = _read_table(path)
    request.counts.update(dict.fromkeys(LOSSES if base.format.answers_in_text else LOSSES[:1], 0))
    originals = check_examples(base, split, base.read(ReadRequest(base, split, "en", tuple(files), request.counts)), where)
    english = kept = 0
    for example in originals:
        english += 1
        new = translate(example, lambda text: table.get(_normalise(text)), request.language, request.counts)
        if new is not None:
            kept += 1
            yield new
    if not kept:
        left = ", ".join(f"{count:,} {word}" for word, count in request.counts.items() if count)
        raise InputError(
            f"{path}: none of the {english:,} examples of {base.name} is left ({left}); expected every English text in"
            " the first column and its translation in the second"
        )


def _normalise(text: str) -> str:
    return " ".join(text.split())


def _read_table(path: Path) -> dict[str, str]:
    """English string -> translation. A row without a translation is skipped."""
    table: dict[str, str] = {}
    for where, line in read_lines(path):
        if line.strip():
            english, translation, *more = split_columns(line, 2, where, "English<TAB>translation")
            if more:
                raise InputError(
                    f"{where}: {len(more) + 2} columns, expected English<TAB>translation; is there a tab inside a text?"
                )
            if not translation.strip():
                continue
            if table.setdefault(_normalise(english), translation.strip()) != translation.strip():
                raise InputError(f"{where}: {english!r:.60} has two different translations; keep one of the two")
    return table
