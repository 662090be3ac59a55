"""Files of pictures: where they are looked for, and what is said where some are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.tasks.files.pictures import find_pictures
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Pictures

XVNLI = find_task("xvnli")


def put(root: Path, *names: str) -> list[Path]:
    paths = [root / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")
    return paths


@pytest.mark.parametrize("folder", ["flickr30k-images", "flickr30k/flickr30k-images", "flickr30k/images"])
def test_photographs_in_the_layouts_of_flickr30k(folder: str, tmp_path: Path) -> None:
    first, second = put(tmp_path, f"{folder}/12.jpg", f"{folder}/7.jpg")
    assert find_pictures(XVNLI, ["7", "12", "7"], tmp_path) == {"7": second, "12": first}


def test_missing_pictures_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    put(tmp_path, "flickr30k-images/1.jpg")
    with pytest.raises(InputError) as caught:
        find_pictures(XVNLI, ["1", "2", "3", "4", "5"], tmp_path)
    told = str(caught.value)
    assert "no file for 4 of 5 pictures ('2', '3', '4', ...)" in told
    assert f"looked below {tmp_path} for flickr30k-images/{{picture}}.jpg" in told
    assert "for research only: ask for them at https://" in told


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    task = replace(XVNLI, pictures=Pictures(("*/{picture}.png",)))
    (path,) = put(tmp_path, "a/x[1].png")
    put(tmp_path, "a/x1.png")
    assert find_pictures(task, ["x[1]"], tmp_path) == {"x[1]": path}
    with pytest.raises(InputError, match="no file for 1 of 1 pictures"):
        find_pictures(task, ["*"], tmp_path)


def test_pictures_of_a_users_task_may_lie_beside_its_declaration(tmp_path: Path) -> None:
    task = replace(XVNLI, folder=tmp_path / "own", pictures=Pictures(("{picture}.png",)))
    own, _ = put(tmp_path, "own/a.png", "data/a.png")
    assert find_pictures(task, ["a"], tmp_path / "data") == {"a": own}


def test_drawn_pictures_have_no_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no files of pictures \(they are drawn\)"):
        find_pictures(find_task("nlvr"), ["1-0"], tmp_path)
    with pytest.raises(InputError, match=r"it has no files of pictures$"):
        find_pictures(find_task("snli"), ["1"], tmp_path)
