"""Prediction files from anyone, read into predictions and into a list of everything that is wrong with them.

The format of a task reads its own kind of file (`Format.read_submission`); `formats/submission_file.py` says what is a problem.
"""

import codecs
from pathlib import Path

from xstilts.errors import InputError
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import Gold, Problem, SubmissionFile
from xstilts.reading import decode_utf8, read_bytes
from xstilts.submission.layout import file_name
from xstilts.tasks.task import Task


def read_file(task: Task, language: str, folder: Path, gold: Gold | None) -> tuple[tuple[Prediction, ...], tuple[Problem, ...]]:
    """The predictions of one file, one for each example of `gold` in its order, and all problems. For BUCC there is one more
    for each foreign id without a gold pair. Without gold, or after a fatal problem, there are no predictions."""
    file = SubmissionFile(file_name(task, language), gold)
    predictions: list[Prediction] = []
    if decode(file, read_bytes(folder / file.name), may_be_empty=task.format.mining):
        predictions = task.format.read_submission(file)
    if gold is None or file.fatal:
        predictions = []
    return tuple(predictions), tuple(file.problems)


def decode(file: SubmissionFile, raw: bytes, may_be_empty: bool) -> bool:
    """Give the file its text. Gives whether that can be read; where it cannot, the file's problems say why."""
    if raw.startswith(codecs.BOM_UTF8):
        file.problem(1, "begins with a byte order mark, which the benchmark's scorer refuses; save as UTF-8 without it")
        raw = raw.removeprefix(codecs.BOM_UTF8)
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            decode_utf8(line, "")
        except InputError as error:
            file.problem(number, str(error).removeprefix(": "), fatal=True)
    if not raw.strip() and not may_be_empty:  # of two pools, nothing may be mined
        file.problem("", "the file is empty", fatal=True)
    if not file.fatal:
        file.text = raw.decode("utf-8")
    return not file.fatal
