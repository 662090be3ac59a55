"""Paraphrase identification: PAWS-X and QQP."""

from __future__ import annotations

from xstilts.tasks.task import Task

TASKS: tuple[Task, ...] = ()
