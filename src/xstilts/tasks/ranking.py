"""Ranking: LAReQA and Mewsli-X of XTREME-R."""

from __future__ import annotations

from xstilts.tasks.task import Task

TASKS: tuple[Task, ...] = ()
