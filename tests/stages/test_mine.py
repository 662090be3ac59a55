"""The mine stage: candidate pairs of test and dev out of kept vectors."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xstilts.model.formats.mine import pairs
from xstilts.stages import mine
from xstilts.stages.job import Interrupted, Job
from xstilts.stages.vectors import Layout, create

SIZE = 8


def write_side(folder: Path, part: str, side: str, ids: list[str | None], rows: np.ndarray) -> None:
    """Layer 3 has the vectors, layer 1 nothing."""
    vectors = create(folder, part, side, Layout((1, 3), ("mean", "cls"), 4, SIZE), ids)
    vectors[1, 1] = rows
    vectors.flush()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    for name in ("vectors", "out", "checkpoint"):
        (tmp_path / name).mkdir()
    Layout((1, 3), ("mean", "cls"), 4, SIZE).write(tmp_path / "vectors")
    rng = np.random.default_rng(0)
    for part in ("de", "dev-de", "fr", "dev-fr"):
        english = rng.standard_normal((30, SIZE)).astype(np.float32) + 5
        foreign = english[:20][::-1] + 0.01 * rng.standard_normal((20, SIZE)).astype(np.float32) + 3
        write_side(tmp_path / "vectors", part, "query", [None, *(f"{part}-{i}" for i in range(1, 20))], foreign)
        write_side(tmp_path / "vectors", part, "candidate", [f"en-{i}" if i != 5 else None for i in range(30)], english)
    config = {"task": "t", "languages": ["de", "fr"], "layer": 3, "pooling": "cls", "centred": True, "k": 4, "margin": "ratio"}
    return Job(config, {"vectors": tmp_path / "vectors"}, tmp_path / "out", tmp_path / "checkpoint", {})


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_candidates_best_first_without_those_that_have_no_id(job: Job) -> None:
    mine.run(job)
    assert sorted(p.name for p in job.out.iterdir()) == ["de.jsonl", "dev-de.jsonl", "dev-fr.jsonl", "fr.jsonl", "mine.json"]
    assert json.loads((job.out / "mine.json").read_text()) == {"layer": 3, "pooling": "cls", "centred": True}
    for part in ("de", "dev-de", "fr", "dev-fr"):
        found = lines(job.out / f"{part}.jsonl")
        assert [score for *_, score in found] == sorted((score for *_, score in found), reverse=True)
        assert len({q for q, *_ in found}) == len({c for _, c, _ in found}) == len(found), "one to one"
        # Foreign row i translates English row 19 - i; row 0 and English 5 (foreign 14) are texts that occur more than once.
        assert {(f"{part}-{i}", f"en-{19 - i}") for i in range(1, 20) if i != 14} <= {(q, c) for q, c, _ in found}


def test_scores_are_those_of_the_centred_vectors(job: Job) -> None:
    mine.run(job)
    folder = job.inputs["vectors"]
    sides = [np.load(folder / f"de.{side}.npy")[1, 1].astype(np.float64) for side in ("query", "candidate")]
    scores, *_ = pairs(*(torch.from_numpy((side - side.mean(0)).astype(np.float32)) for side in sides), 4)
    found = [score for *_, score in lines(job.out / "de.jsonl")]
    assert len(found) < len(scores) and all(np.isclose(scores, score, rtol=1e-5).any() for score in found)


def test_a_restart_keeps_what_was_finished(job: Job) -> None:
    class StopAtFourth(threading.Event):
        checks = 0

        def is_set(self) -> bool:
            self.checks += 1
            return self.checks > 3

    job.stop = StopAtFourth()  # once in a search of one block and once a part: within the second part
    with pytest.raises(Interrupted):
        mine.run(job)
    assert not list(job.out.iterdir())
    (job.checkpoint / "de.jsonl").write_text('["kept", "kept", 1.0]\n')
    job.stop = threading.Event()
    mine.run(job)
    assert lines(job.out / "de.jsonl") == [["kept", "kept", 1.0]] and len(lines(job.out / "fr.jsonl")) > 15
