"""Everything that is wrong with a submission folder, and everything that it lacks.

google-research/xtreme stops at the first missing file or wrong line count, and silently scores what it should not. There are
three states: `ok` (every file of the suite is there and correct), `partial` (what is there is correct, but something is
missing, or only its form could be checked because its gold is not available), `invalid` (something is wrong).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xstilts.errors import InputError, nearest
from xstilts.formats.submission_file import Gold, Problem
from xstilts.submission.gold import make_gold_finder
from xstilts.submission.layout import NOTE, check_folder, file_name, list_files, read_limit, require_format
from xstilts.submission.read import read_file
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import Suite


@dataclass(frozen=True)
class Validation:
    """File names are below the folder. `checked`: files compared with gold. `unchecked`: files without gold, and why.
    `missing`: files of the suite that are not there. `limit`: see `submission.json`."""

    suite: Suite
    checked: tuple[str, ...]
    unchecked: Mapping[str, str]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    limit: int | None

    @property
    def state(self) -> Literal["ok", "partial", "invalid"]:
        if self.problems:
            return "invalid"
        return "partial" if self.missing or self.unchecked or self.limit is not None else "ok"

    @property
    def tasks(self) -> tuple[int, int]:
        """Tasks with a file, and tasks of the suite."""
        return len({name.split("/")[0] for name in (*self.checked, *self.unchecked)}), len(self.suite.tasks)

    @property
    def files(self) -> tuple[int, int]:
        """Files that are there, and files of the suite."""
        found = len(self.checked) + len(self.unchecked)
        return found, found + len(self.missing)


def validate_folder(folder: Path, suite: Suite, data: Path, labels: Path | None = None) -> Validation:
    """Everything that is wrong with the folder. The gold is from the data folder, or from the label files in `labels`."""
    for given in (folder, *([labels] if labels else [])):
        check_folder(given)
    limit = read_limit(folder)
    gold_of = make_gold_finder(data, labels, limit)
    checked: list[str] = []
    missing: list[str] = []
    unchecked: dict[str, str] = {}
    problems = list(_find_unknown(folder, require_format(suite)))
    for task, language in list_files(suite):
        name = file_name(task, language)
        if not (folder / name).is_file():
            missing.append(name)
            continue
        try:
            gold: Gold | None = gold_of(task, language)
            checked.append(name)
        except InputError as error:
            gold, unchecked[name] = None, str(error)
        problems += read_file(task, language, folder, gold)[1]
    return Validation(suite, tuple(checked), unchecked, tuple(missing), tuple(problems), limit)


def _find_unknown(folder: Path, suite: Suite) -> Iterator[Problem]:
    """Folders and files that are not in the suite. Hidden ones are ignored."""
    expected = {name: {Path(file_name(find_task(name), code)).name for code in codes} for name, codes in suite.tasks.items()}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == NOTE:
            continue
        if not entry.is_dir():
            yield Problem(entry.name, f"unknown file; {suite.name} has only folders, one for each task")
        elif entry.name not in expected:
            yield Problem(f"{entry.name}/", f"not a task of {suite.name}{nearest(entry.name, expected)}")
        else:
            task, names = entry.name, expected[entry.name]
            suffix = Path(next(iter(names))).suffix
            languages = " ".join(suite.tasks[task])
            for path in sorted(entry.iterdir()):
                if path.name not in names and not path.name.startswith("."):
                    asked = f"{task} of {suite.name} has test-<language>{suffix} for {languages}"
                    yield Problem(f"{task}/{path.name}", f"unknown {'file' if path.is_file() else 'folder'}; {asked}")
