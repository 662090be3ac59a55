"""The fetch stage: what it leaves, and that it holds no more than it has to."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tasks.files.test_archive import toy

from xstilts.errors import InputError
from xstilts.formats.jsonl import read_jsonl
from xstilts.stages import fetch
from xstilts.stages.contracts import FetchConfig, Inputs
from xstilts.stages.fetch import FetchJob
from xstilts.stages.job import Interrupted, Job
from xstilts.stages.stage import Context
from xstilts.tasks.files.locate import hash_contents, locate, read_examples, subsample
from xstilts.tasks.registry import CATALOGUE
from xstilts.world import WorldConfig


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(CATALOGUE, "toy", toy())
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "train.tsv").write_text("".join(f"en\tBoat {number}.\tyes\n" for number in range(30)))
    return tmp_path


def job(root: Path, limit: int | None) -> FetchJob:
    source = f"sha256:{hash_contents(locate(CATALOGUE['toy'], 'train', 'en', root))}"
    (root / "out").mkdir()
    config = FetchConfig("toy", 1, "train", "en", limit, source=source)
    return Job(config, Inputs(), root / "out", root / "checkpoint", Context(str(root)))


@pytest.mark.parametrize("limit", [None, 1, 7, 30, 99])
def test_it_leaves_the_examples_and_counts_them(limit: int | None, root: Path) -> None:
    made = job(root, limit)
    fetch.run(made)
    kept = list(subsample(read_examples(CATALOGUE["toy"], "train", "en", root), limit))
    assert list(read_jsonl(root / "out" / "examples.jsonl")) == kept
    assert made.facts == {"examples": len(kept), "available": 30}
    assert len(kept) == min(limit or 30, 30)


def test_reading_says_how_far_it_is_and_can_be_stopped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TELL_EVERY", 10)
    made, told = job(root, 7), []
    made.progress = told.append
    fetch.run(made)
    assert [report["done"] for report in told] == [10, 20, 30]
    made.progress = lambda _: made.stop.set()
    with pytest.raises(Interrupted):
        fetch.run(made)


def test_a_file_that_changed_since_the_plan_is_refused(root: Path) -> None:
    made = job(root, None)
    (root / "toy" / "train.tsv").write_text("en\tAnother boat.\tyes\n")
    with pytest.raises(InputError, match="its files changed since the plan was made"):
        fetch.run(made)


def test_what_a_reader_leaves_out_is_in_the_facts(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    world = WorldConfig(squad=60, translation_noise=0.3)
    config = FetchConfig("world/squad_mt", 1, "train", "l2", None, world=world)
    made: FetchJob = Job(config, Inputs(), tmp_path / "out", tmp_path / "checkpoint")
    fetch.run(made)
    assert made.facts["examples"] + made.facts["unlocatable"] == 60
    assert made.facts["unlocatable"] > 0
