"""The parts of a stage that outlive an attempt are taken whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.spoiling import HARMS, spoil

from xstilts.stages import reuse
from xstilts.store import parts
from xstilts.store.parts import keep_part, take_part


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The checkpoint with one part of three rows, the attempt that made it, and a new one."""
    made, new, checkpoint = (tmp_path / name for name in ("made", "new", "checkpoint"))
    for folder in (made, new, checkpoint):
        folder.mkdir()
    (made / "de.jsonl").write_text("1\n2\n3\n")
    (made / "de.json").write_text("[0, 1, 2]")
    keep_part(checkpoint, "de", [made / "de.jsonl", made / "de.json"], 3, {"unreached": 1})
    return checkpoint, made, new


def test_a_finished_part_is_taken_with_its_facts(folders: tuple[Path, Path, Path]) -> None:
    checkpoint, made, new = folders
    assert take_part(checkpoint, "de", new, 3) == {"unreached": 1}
    assert {path.name: path.read_text() for path in new.iterdir()} == {path.name: path.read_text() for path in made.iterdir()}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", ["de.jsonl", "de.json", "de.part.json"])
def test_a_spoiled_part_is_made_again(folders: tuple[Path, Path, Path], name: str, harm: str) -> None:
    checkpoint, made, new = folders
    whole = take_part(checkpoint, "de", new)
    spoil(checkpoint / name, harm)
    if name == "de.part.json" and harm == "bit":
        return  # a flipped bit in a record may change a fact; what it vouches for is checked
    assert whole and take_part(checkpoint, "de", new) is None
    keep_part(checkpoint, "de", [made / "de.jsonl", made / "de.json"], 3)
    assert take_part(checkpoint, "de", new) == {}


def test_a_part_of_other_examples_is_made_again(folders: tuple[Path, Path, Path]) -> None:
    assert take_part(folders[0], "de", folders[2], 4) is None


@pytest.mark.parametrize(
    "record", [[], {}, {"files": [], "facts": {}}, {"files": {"../made/de.jsonl": {}}, "facts": {}, "rows": 3}]
)
def test_a_record_that_is_none_is_not_believed(folders: tuple[Path, Path, Path], record: object) -> None:
    checkpoint, _, new = folders
    (checkpoint / "de.part.json").write_text(json.dumps(record))
    assert take_part(checkpoint, "de", new, 3) is None


def test_what_is_no_file_is_not_waited_for(folders: tuple[Path, Path, Path]) -> None:
    checkpoint, _, new = folders
    (checkpoint / "de.jsonl").unlink()
    os.mkfifo(checkpoint / "de.jsonl")
    assert take_part(checkpoint, "de", new, 3) is None


def test_an_end_before_the_mark_leaves_no_part(
    folders: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are on the disk before the record that vouches for them."""
    made, order = folders[1], []
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(parts, "sync", lambda path: order.append(path.name))

    def end(path: Path, value: object) -> None:
        assert order == ["de.jsonl", "empty"]
        raise KeyboardInterrupt

    monkeypatch.setattr(parts, "write_json", end)
    with pytest.raises(KeyboardInterrupt):
        keep_part(empty, "de", [made / "de.jsonl"], 3)
    assert take_part(empty, "de", folders[2], 3) is None


def test_languages_of_another_stage_become_parts_with_their_facts(folders: tuple[Path, Path, Path]) -> None:
    checkpoint, out, new = folders
    (out / "seen.json").write_text('{"de": 0.5, "fr": 1.0}')
    (out / "dev-fr.text.npy").write_bytes(b"vectors")
    (out / "dev-fr.text.ids.json").write_text('["a", "b"]')
    reuse._keep(checkpoint, out, ["de.jsonl", "dev-fr.text.npy", "dev-fr.text.ids.json"], "de", {"unreached": {"de": 2}})
    reuse._keep(checkpoint, out, ["de.jsonl", "dev-fr.text.npy", "dev-fr.text.ids.json"], "fr", {})
    assert take_part(checkpoint, "de", new, 3) == {"unreached": 2, "seen": 0.5}
    assert take_part(checkpoint, "dev-fr.text", new, 2) == {}
    assert (new / "dev-fr.text.npy").read_bytes() == b"vectors"
