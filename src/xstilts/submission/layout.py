"""A submission folder: one folder for each task, with one file `test-<language>` for each language, as XTREME publishes them.

Source: google-research/xtreme, evaluate.py and README ("Submissions"). What a file holds is stated by the task's format
(`Format.write_submission`). `submission.json` in the top folder is ours; the benchmark's scorer ignores it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.tasks.files.read import read_json_object
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import Suite
from xstilts.tasks.task import Task

NOTE = "submission.json"


def file_name(task: Task, language: str) -> str:
    """The file of a task and language, below the submission's folder."""
    return f"{task.name}/test-{language}.{task.format.submission_suffix}"


def require_format(suite: Suite) -> Suite:
    """The suite, if it has a published submission format. Raises InputError if not."""
    if not suite.groups:
        raise InputError(f"suite {suite.name} has no submission format; those with one: xtreme, xtreme-r")
    return suite


def list_files(suite: Suite) -> Iterator[tuple[Task, str]]:
    """The (task, language) of each file of the suite."""
    for name, languages in suite.tasks.items():
        for language in languages:
            yield find_task(name), language


def write_predictions(
    task: Task, language: str, examples: Sequence[Example], predictions: Iterable[Prediction], folder: Path
) -> Path:
    """Write one prediction file below `folder` and give its path. `examples` are the whole test set in the order of the
    official file (their answers are not used). Each needs a prediction.

    For Tatoeba, the prediction for id n is the id of the foreign sentence retrieved for the English sentence n."""
    path = folder / file_name(task, language)
    by_id = {prediction.id: prediction for prediction in predictions}
    asked = task.format.submission_order(examples)
    lacking = [example.id for example in asked if example.id not in by_id]
    if lacking or len(by_id) > len(asked):
        known = {example.id for example in asked}
        stray = [id for id in by_id if id not in known]
        raise InputError(
            f"{path}: {len(lacking)} of {len(asked)} examples without a prediction {lacking[:3]}, "
            f"{len(stray)} predictions for no example {stray[:3]}; expected exactly one for each example"
        )
    answers = {example.id: by_id[example.id].answer for example in asked}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = task.format.write_submission(answers, [example.id for example in examples])
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_note(folder: Path, note: Mapping[str, Any]) -> None:
    """Write `submission.json`. The submission of a limited study must have {"limits": {"test": N}}."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTE).write_text(json.dumps(note, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")


def read_limit(folder: Path) -> int | None:
    """The number of test examples of each language to which the submission is limited; None: all."""
    path = folder / NOTE
    if not path.is_file():
        return None
    limits = read_json_object(path).get("limits") or {}
    limit = limits.get("test") if isinstance(limits, dict) else limits
    if limit is not None and (type(limit) is not int or limit < 1):
        raise InputError(f"{path}: limits.test is {limit!r}, expected a number of examples or null")
    return limit


def check_folder(folder: Path) -> Path:
    """The folder. Raises InputError if it is missing, a file, or empty."""
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; expected one with a folder for each task (xnli, udpos ...)")
    if not folder.is_dir():
        raise InputError(f"{folder}: this is a file; expected a folder with a folder for each task (xnli, udpos ...)")
    if not any(folder.iterdir()):
        raise InputError(f"{folder}: the folder is empty; expected a folder for each task (xnli, udpos ...)")
    return folder
