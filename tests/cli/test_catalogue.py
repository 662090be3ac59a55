"""The catalogue in the terminal and on the page docs/tasks.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from xstilts.cli.views.catalogue import format_counts, print_task, print_tasks, task_record
from xstilts.cli.views.catalogue_page import page
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.task import Source, Task

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
every_task = pytest.mark.parametrize("task", CATALOGUE.values(), ids=lambda task: task.name)


def recorded(width: int) -> Console:
    return Console(width=width, record=True, file=open(os.devnull, "w"))


def test_the_page_is_the_one_that_the_catalogue_gives() -> None:
    """If not: `python -m xstilts.cli.views.catalogue_page > docs/tasks.md`."""
    assert (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8") == page()


@every_task
def test_the_page_has_what_is_declared(task: Task) -> None:
    text = page()
    assert task.description.split("|")[0].split("*")[0] in text
    if not task.name.startswith("world/"):
        section = text.split(f"\n## {task.name}\n")[1].split("\n## ")[0]
        for fact in (task.license, task.cite, task.url, task.format.name, task.metric.name if task.metric else ""):
            assert fact in section
        for source in task.splits.values():
            for name in (*source.paths, *source.archives, *(entry.url for entry in source.downloads)):
                assert f"`{name}`" in section
            for count in source.counts.values():
                assert f"{count:,}" in section


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_is_one_line_a_task_as_far_as_possible(width: int) -> None:
    console = recorded(width)
    print_tasks(console, list(CATALOGUE.values()), FIXTURES)
    table = console.export_text().split("\n\n")[0].splitlines()
    names = [line.split()[0] for line in table[1:] if not line.startswith(" ")]
    assert names == list(CATALOGUE)
    assert all(len(line) <= width for line in table)
    assert len(table) <= 1 + len(CATALOGUE) + 11
    assert all("…" not in line[:40] for line in table), "names of tasks, formats and metrics are whole"


@every_task
def test_one_task_in_full(task: Task) -> None:
    console = recorded(200)
    print_task(console, task, FIXTURES)
    text = console.export_text()
    for fact in (task.name, task.license, *task.languages, *task.splits, *task.parts):
        assert fact in text
    for source in task.splits.values():
        assert not source.hub or source.hub.revision in text
        assert all(name in text for name in source.archives)
    assert task_record(task, FIXTURES)["name"] == task.name


@pytest.mark.parametrize(
    ("languages", "counts", "text"),
    [
        (("en",), {"en": 1000}, "1,000"),
        (("en", "de"), {"en": 1000, "de": 1000}, "1,000 in each of 2 languages"),
        (("en", "de", "fr"), {"en": 1000, "de": 900}, "en 1,000, de 900; not known: fr"),
        (("en", "de"), {"en": 1000}, "en 1,000; not known: de"),
        (("en",), {}, ""),
    ],
)
def test_counts_in_words(languages: tuple[str, ...], counts: dict[str, int], text: str) -> None:
    assert format_counts(Source((), languages, counts=counts)) == text
