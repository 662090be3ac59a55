"""Examples from the Hugging Face Hub: parquet files at a revision, read with pyarrow. Loading scripts never run.

There are three layouts: `{config}/{split}-00000-of-00001.parquet` (main), `{config}/{split}/0000.parquet` (the branch
refs/convert/parquet) and `data/{split}-*.parquet` (data sets with one config). Files come through the Hub's own cache, so
everything works without network (HF_HUB_OFFLINE=1, or no connection) once the cache has them. A branch name is resolved to its
commit when the data are fetched; the run of the fetch stage records it.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.tasks.files.locate import check_examples, find_source, resolve_split
from xstilts.tasks.task import Hub, ReadRequest, Task

_ROWS = 1024


def list_patterns(config: str, split: str) -> tuple[str, ...]:
    """Where the files of a split may lie in the repository, in the order of preference."""
    found = (f"{config}/{split}-*.parquet", f"{config}/{split}/*.parquet")
    return (*found, f"data/{split}-*.parquet", f"data/{split}.parquet") if config == "default" else found


def _fetch_snapshot(hub: Hub, allow: tuple[str, ...], cached: bool) -> Path:
    """The cached folder of a revision, named by its commit. It has those of the allowed files that exist, or are `cached`."""
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                hub.id, repo_type="dataset", revision=hub.revision, allow_patterns=list(allow), local_files_only=cached
            )
        )
    except Exception as error:  # the errors of the network layer have no common base
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"Hub data set {hub.id} at {hub.revision}: not in the local cache and not reachable now ({first});"
            f" see https://huggingface.co/datasets/{hub.id}"
        ) from error


def fetch_hub_files(task: Task, split: str, language: str, cached: bool = False) -> tuple[tuple[Path, ...], str]:
    """The parquet files of a split in a language, and their commit. What the cache lacks is downloaded, unless only `cached`
    files are asked for."""
    hub = find_source(task, split, language).hub
    if hub is None:
        raise InputError(f"task {task.name}: no Hub data set is declared for {split}")
    config, part = (task.fill(name, language) for name in (hub.config, hub.split))
    allow = list_patterns(config, part)
    folder = _fetch_snapshot(hub, allow, cached)
    for pattern in allow:
        if files := tuple(sorted(folder.glob(pattern))):
            return files, folder.name
    raise InputError(f"Hub data set {hub.id} at {folder.name}: no parquet for {config}/{part} (looked for {', '.join(allow)})")


def read_rows(files: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    """The rows of parquet files."""
    import pyarrow as arrow
    from pyarrow import parquet

    for path in files:
        try:
            for batch in parquet.ParquetFile(path).iter_batches(batch_size=_ROWS):
                yield from batch.to_pylist()
        except (arrow.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: not a readable parquet file ({error})") from None


def read_hub_examples(task: Task, split: str, language: str, counts: Counter[str] | None = None) -> Iterator[Example]:
    """`locate.read_examples`, from the Hub."""
    if task.read_hub is None:
        raise InputError(f"task {task.name} cannot be read from the Hub")
    files, _ = fetch_hub_files(task, split, language)
    request = ReadRequest(task, resolve_split(task, split), language, files, Counter() if counts is None else counts)
    return check_examples(task, split, task.read_hub(request, read_rows(files)), ", ".join(map(str, files)))
