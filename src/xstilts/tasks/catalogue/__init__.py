"""The catalogue: every task that comes with the package. A new task is a record in one of these files and in its TASKS."""

from __future__ import annotations

from xstilts.tasks.catalogue import bitext, choice, nli, paraphrase, qa, ranking, tagging, translate_train, world
from xstilts.tasks.registry import CATALOGUE

_FILES = (nli, paraphrase, qa, choice, tagging, bitext, ranking, translate_train, world)
CATALOGUE.update({task.name: task for file in _FILES for task in file.TASKS})
