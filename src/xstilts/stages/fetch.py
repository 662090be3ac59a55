"""fetch: read one split of one task in one language, check every row, and leave `examples.jsonl`.

Examples stream from the reader to the file; a limit holds as many as it allows, never the whole split.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from xstilts.data.example import Example, write_jsonl
from xstilts.errors import InputError
from xstilts.stages.job import Job


def run(job: Job) -> None:
    """Leaves `examples.jsonl`; how many examples were written and how many there are is in the run's facts."""
    from xstilts.tasks.catalogue import find_task
    from xstilts.tasks.locate import subsample

    config = job.config
    task = find_task(config["task"])
    available = 0

    def counted() -> Iterator[Example]:
        nonlocal available
        for example in _examples(job, task):
            available += 1
            yield example

    kept = subsample(counted(), config["limit"])
    job.facts |= {"examples": write_jsonl(job.out / "examples.jsonl", kept), "available": available}


def _examples(job: Job, task: Any) -> Iterator[Example]:
    config = job.config
    split, language = config["split"], config["language"]
    if "world" in config:
        from xstilts.tasks.world import generate_task

        return generate_task(task, split, language, config["world"])
    from xstilts.tasks.locate import parts_of

    source = config["source"]
    if parts := parts_of(task):
        return chain.from_iterable(_read(job, part, split, language, source[part.name]) for part in parts)
    return _read(job, task, split, language, source)


def _read(job: Job, task: Any, split: str, language: str, source: str) -> Iterator[Example]:
    from xstilts.tasks.locate import examples, fingerprint, locate, nowhere

    root = Path(job.context["data"])
    if source.startswith("hub:"):
        from xstilts.tasks.hub import hub_examples, hub_files

        try:
            job.facts["commit"] = hub_files(task, split, language)[1]
            return hub_examples(task, split, language)
        except InputError as error:
            raise InputError(f"{nowhere(task, split, language, root)}\n{error}") from None
    if fingerprint(locate(task, split, language, root)) != source.removeprefix("sha256:"):
        raise InputError(
            f"{task.name}, {split}, {language}: its files changed since the plan was made; run again to plan with them"
        )
    return examples(task, split, language, root)
