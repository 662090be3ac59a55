"""The catalogue as the page docs/tasks.md (template: `tasks.md.j2`): one table, then a section for each task. To write the page:

    python -m xstilts.cli.views.catalogue_page > docs/tasks.md

It shows what the tasks declare, whatever a data folder has.
"""

import re
from collections.abc import Sequence

import jinja2

from xstilts.cli.views.catalogue import format_counts, format_metric
from xstilts.data.language import LANGUAGES
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import Task


def page() -> str:
    """The whole page in Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.cli", "views"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["escape_marks"] = lambda text: re.sub(r"([*|<>])", r"\\\1", text)
    environment.globals |= {"format_counts": format_counts, "format_metric": format_metric, "in_suites": _in_suites}
    real, world = ([task for task in CATALOGUE.values() if task.synthetic == synthetic] for synthetic in (False, True))
    return environment.get_template("tasks.md.j2").render(real=real, world=world, LANGUAGES=LANGUAGES)


def _in_suites(task: Task) -> dict[str, Sequence[str]]:
    """Suite -> the languages of the task that it tests."""
    return {name: suite.tasks[task.name] for name, suite in SUITES.items() if task.name in suite.tasks}


if __name__ == "__main__":
    print(page(), end="")
