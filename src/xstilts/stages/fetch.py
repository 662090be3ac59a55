"""fetch: read one split of one task in one language, check every row, and leave `examples.jsonl`.

Examples stream from the reader to the file; a limit holds as many as it allows, never the whole split. What a reader had to
leave out or change (translations that are missing, answers that are nowhere) is counted beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.jsonl import write_jsonl
from xstilts.formats.registry import Example
from xstilts.stages.attempt import Job


def run(job: Job) -> None:
    """Leaves `examples.jsonl`. In the run's facts: how many examples were written, how many there are, the reader's counts."""
    from xstilts.tasks.files.locate import subsample
    from xstilts.tasks.registry import find_task

    config = job.config
    task = find_task(config["task"])
    available = 0
    counts = Counter[str]()

    def counted() -> Iterator[Example]:
        nonlocal available
        for example in _examples(job, task, counts):
            available += 1
            yield example

    kept = subsample(counted(), config["limit"])
    job.facts |= {"examples": write_jsonl(job.out / "examples.jsonl", kept), "available": available, **counts}


def _examples(job: Job, task: Any, counts: Counter[str]) -> Iterator[Example]:
    config = job.config
    split, language = config["split"], config["language"]
    if "world" in config:
        from xstilts.tasks.catalogue.world import generate_task

        return generate_task(task, split, language, config["world"], counts)
    from xstilts.tasks.files.locate import find_parts

    source = config["source"]
    if parts := find_parts(task):
        return chain.from_iterable(_read(job, part, split, language, source[part.name], counts) for part in parts)
    return _read(job, task, split, language, source, counts)


def _read(job: Job, task: Any, split: str, language: str, source: str, counts: Counter[str]) -> Iterator[Example]:
    from xstilts.tasks.files.locate import explain_missing, hash_contents, locate, read_examples

    root = Path(job.context["data"])
    if source.startswith("hub:"):
        from xstilts.tasks.files.hub import fetch_hub_files, read_hub_examples

        try:
            job.facts["commit"] = fetch_hub_files(task, split, language)[1]
            return read_hub_examples(task, split, language)
        except InputError as error:
            raise InputError(f"{explain_missing(task, split, language, root)}\n{error}") from None
    if hash_contents(locate(task, split, language, root)) != source.removeprefix("sha256:"):
        raise InputError(
            f"{task.name}, {split}, {language}: its files changed since the plan was made; run again to plan with them"
        )
    return read_examples(task, split, language, root, counts)
