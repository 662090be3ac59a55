"""fetch: read one split of one task in one language, check every row, and leave `examples.jsonl`.

Examples stream from the reader to the file; a limit holds as many as it allows, never the whole split. What a reader had to
leave out or change (missing translations, answers that are not in the context) is counted beside them.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.jsonl import write_jsonl
from xstilts.stages.contracts import FetchConfig, Inputs
from xstilts.stages.job import Job
from xstilts.tasks.catalogue.world import generate_task
from xstilts.tasks.files.hub import fetch_hub_files, read_hub_examples
from xstilts.tasks.files.locate import explain_missing, find_parts, hash_contents, locate, read_examples, subsample
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

TELL_EVERY = 1000
FetchJob = Job[FetchConfig, Inputs[Path]]


def run(job: FetchJob) -> None:
    """Leaves `examples.jsonl`. In the run's facts: how many examples were written, how many there are, the reader's counts."""
    task = find_task(job.config.task)
    available = 0
    counts = Counter[str]()

    def count_available() -> Iterator[Example]:
        nonlocal available
        for example in _examples(job, task, counts):
            available += 1
            if available % TELL_EVERY == 0:
                job.progress({"doing": "reading examples", "done": available})
                job.check_stop()
            yield example

    kept = subsample(count_available(), job.config.limit)
    job.facts |= {"examples": write_jsonl(job.out / "examples.jsonl", kept), "available": available, **counts}


def _examples(job: FetchJob, task: Task, counts: Counter[str]) -> Iterator[Example]:
    if job.config.world is not None:
        return generate_task(task, job.config.split, job.config.language, job.config.world, counts)
    return chain.from_iterable(_read(job, part, counts) for part in find_parts(task) or (task,))


def _read(job: FetchJob, task: Task, counts: Counter[str]) -> Iterator[Example]:
    split, language, root = job.config.split, job.config.language, Path(job.context.data)
    source = job.config.source_of(task.name)
    if source.startswith("hub:"):
        try:
            job.facts["commit"] = fetch_hub_files(task, split, language)[1]
            return read_hub_examples(task, split, language, counts)
        except InputError as error:
            raise InputError(f"{explain_missing(task, split, language, root)}\n{error}") from None
    if hash_contents(locate(task, split, language, root)) != source.removeprefix("sha256:"):
        raise InputError(
            f"{task.name}, {split}, {language}: its files changed since the plan was made; run again to plan with them"
        )
    return read_examples(task, split, language, root, counts)
