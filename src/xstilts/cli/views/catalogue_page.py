"""The catalogue as the page docs/tasks.md: one table, then a section for each task. To write the page:

    python -m xstilts.cli.views.catalogue_page > docs/tasks.md

It shows what the tasks declare, whatever a data folder has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xstilts.cli.views.catalogue import format_counts, format_metric
from xstilts.data.language import LANGUAGES
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import Download, Source, Task

INTRODUCTION = """\
# Tasks

Generated from the catalogue by `python -m xstilts.cli.views.catalogue_page`; do not edit.

Data files are looked for below `$XSTILTS_DATA`, under the patterns given here, with or without `.gz`. Then the official
archives are looked into, in the same folder or one folder below; they are unpacked once. Then the Hub is asked. In
patterns and addresses, `{lang}` is the task's own code of a language, `{code}` the two-letter code, and `{name}` the
English name. `xstilts data check` compares the files with the counts and checksums on this page.
`xstilts data download TASK` downloads the files that have an address. Counts are of examples as this program reads them.
Where no count is given, none could be verified.
"""


def page() -> str:
    """The whole page in Markdown."""
    real = [task for task in CATALOGUE.values() if not task.synthetic]
    world = [task for task in CATALOGUE.values() if task not in real]
    parts = [INTRODUCTION, *_summary(real), ""]
    for task in real:
        parts += [f"## {task.name}", "", *_section(task), ""]
    parts += ["## The embedded world", "", "These tasks need no files: `xstilts.world` makes their examples.", ""]
    parts += _table(
        ("task", "format", "metric", "splits", "what"), ([*_head(t), ", ".join(t.splits), t.description] for t in world)
    )
    return "\n".join(parts) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([*|<>])", r"\\\1", text)


def _table(names: tuple[str, ...], rows: Iterator[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows]


def _head(task: Task) -> list[str]:
    return [task.name, task.format.name, task.metric.name if task.metric else ""]


def _summary(tasks: list[Task]) -> list[str]:
    names = ("task", "format", "metric", "trains on", "languages", "splits", "suites", "licence")
    rows = (
        [
            f"[{task.name}](#{task.name})",
            *_head(task)[1:],
            task.trains_on,
            str(len(task.languages)),
            ", ".join(task.splits),
            ", ".join(suite.name for suite in SUITES.values() if task.name in suite.tasks),
            task.license,
        ]
        for task in tasks
    )
    return _table(names, rows)


def _section(task: Task) -> Iterator[str]:
    yield _escape(task.description)
    yield ""
    facts = {
        "Format": f"{task.format.name}, its labels are a file of the data" if task.labels_of else task.format.describe(),
        "Metric": format_metric(task),
        "Trained on": _trained_on(task),
        "Parts": ", ".join(f"[{name}](#{name})" for name in task.parts),
        "Holds the training data of": ", ".join(f"[{name}](#{name})" for name in task.contains),
        "Languages": f"{len(task.languages)}: " + ", ".join(f"{c} {LANGUAGES[c].name}" for c in task.languages),
        "In": "; ".join(_in_suite(task, name) for name, suite in SUITES.items() if task.name in suite.tasks),
        "Licence": _escape(task.license),
        "Citation": f"`{task.cite}`, <{task.url}>",
        "Held out": f"dev is every {task.heldout}th training example, by hash of its id" if task.heldout else "",
        "Notes": _escape(task.notes),
    }
    yield from (f"- **{name}**: {text}" for name, text in facts.items() if text)
    for split, source in task.splits.items():
        yield ""
        yield f"**{split}**"
        yield ""
        yield from (f"- {line}" for line in _source(task, source))


def _trained_on(task: Task) -> str:
    if task.trains_on == task.name:
        return "its own training data"
    return f"the English training data of [{task.trains_on}](#{task.trains_on})" if task.trains_on else "nothing"


def _in_suite(task: Task, name: str) -> str:
    languages = SUITES[name].tasks[task.name]
    return name if set(languages) == set(task.languages) else f"{name} ({len(languages)}: {' '.join(languages)})"


def _source(task: Task, source: Source) -> Iterator[str]:
    if source.languages != task.languages:
        yield f"languages: {' '.join(source.languages)}"
    if source.counts:
        yield f"examples: {format_counts(source)}"
    if task.parts:
        yield "the files of its parts"
        return
    yield f"files: {_codes(source.paths)}"
    if source.archives:
        yield f"inside: {_codes(source.archives)}"
    if source.sha256:
        yield _file_checksums(source)
    yield from (_download(entry) for entry in source.downloads)
    if not source.downloads:
        yield f"no file to download is declared; see <{source.url}>"
    if hub := source.hub:
        yield f"Hub: `{hub.id}`, config `{hub.config}`, split `{hub.split}`, revision `{hub.revision}`"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _file_checksums(source: Source) -> str:
    values = set(source.sha256.values())
    if len(values) == 1:
        return f"sha256 of the unpacked file: `{values.pop()}`"
    return f"sha256 of the unpacked file is known in {len(source.sha256)} of {len(source.languages)} languages"


def _download(entry: Download) -> str:
    match list(entry.sha256):
        case []:
            known = "sha256 not known"
        case [""]:
            known = f"sha256 `{entry.sha256['']}`"
        case languages:
            known = f"sha256 known in {len(languages)} languages"
    return f"download: `{entry.url}` as `{entry.path}` ({known})"


if __name__ == "__main__":
    print(page(), end="")
