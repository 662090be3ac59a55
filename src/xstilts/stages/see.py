"""see: vectors of all pictures that the examples of a task name, made once by a frozen vision tower.

Pictures are found in the data folder by their official names, or drawn; they are never copied into the store. The key has the
sha256 of their bytes, so that another picture under an old name is seen anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

from xstilts.errors import InputError
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.jsonl import read_jsonl
from xstilts.stages.contracts import SeeConfig, SeeInputs
from xstilts.stages.device import device
from xstilts.stages.job import Job
from xstilts.tasks.files.pictures import find_pictures, hash_pictures
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task
from xstilts.vision.features import FILES, write_features
from xstilts.vision.load import load_tower
from xstilts.vision.picture import open_picture
from xstilts.vision.tower import identify_tower

if TYPE_CHECKING:
    from PIL.Image import Image

SeeJob = Job[SeeConfig, SeeInputs[Path]]


def run(job: SeeJob) -> None:
    """Leaves `features.npy` and `names.json` (see `vision.features`). In the run's facts: how many pictures, what was done to
    some of them (turned, flattened ...), and how many vectors of how many numbers a picture has."""
    task, tower = find_task(job.config.task), job.context.tower
    if identify_tower(tower) != dict(job.config.tower):
        raise InputError(f"vision tower {tower}: it changed since the plan was made; run again to plan with it as it is")
    named = {text: {picture for picture in _list_pictures(folder) if picture} for text, folder in job.inputs.texts.items()}
    for text, sha256 in (job.config.files or {}).items():
        if hash_pictures(task, named[text], Path(job.context.data)) != sha256:
            raise InputError(f"{task.name}, {text}: its pictures changed since the plan was made; run again to plan with them")
    names = sorted(set().union(*named.values()))
    if not names:
        raise InputError(f"{task.name}: none of its examples names a picture")
    changes = Counter[str]()
    open_named = _opener(task, names, Path(job.context.data), changes)

    def tell(done: int) -> None:
        job.progress({"step": done, "steps": len(names), "unit": "pictures", "saved": done})
        job.check_stop()

    seen = load_tower(tower, device=str(device()))
    write_features(job.checkpoint, names, seen, open_named, tell)
    for name in FILES:
        copyfile(job.checkpoint / name, job.out / name)  # no second name: an attempt that lost the stage may still write there
    job.facts |= {"pictures": len(names), "vectors": seen.k, "width": seen.width, **changes}


def _list_pictures(folder: Path) -> Iterator[str]:
    for example in read_jsonl(folder / "examples.jsonl"):
        assert isinstance(example, ImagePairExample)
        yield example.picture


def _opener(task: Task, names: Sequence[str], root: Path, changes: Counter[str]) -> Callable[[str], Image]:
    """The picture of a name. What is done to pictures is counted in `changes`. Raises InputError if some are missing."""
    assert task.pictures
    if task.pictures.draw:
        drawn = dict(task.pictures.draw(root, names))
        return drawn.__getitem__
    files = find_pictures(task, names, root)
    return lambda name: open_picture(files[name], name, changes)
