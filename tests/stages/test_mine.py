"""The mine stage: candidate pairs of test and dev out of kept vectors; and the whole of mining, from text to score."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.model.test_neighbours import xtreme_pairs
from tests.spoiling import spoil
from transformers import AutoModel, AutoTokenizer

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.jsonl import write_jsonl
from xstilts.model.neighbours import mine_pairs
from xstilts.stages import embed, mine, score
from xstilts.stages.contracts import (
    EmbedConfig,
    EmbedInputs,
    MineConfig,
    MineInputs,
    RetrievalSetting,
    ScoreConfig,
    ScoreInputs,
)
from xstilts.stages.job import Interrupted, Job
from xstilts.stages.vectors import Layout, create
from xstilts.store.parts import keep_part

SIZE = 8
MineJob = Job[MineConfig, MineInputs[Path]]


def write_side(folder: Path, part: str, side: str, ids: list[str | None], rows: np.ndarray) -> None:
    """Layer 3 has the vectors, layer 1 nothing."""
    vectors = create(folder, part, side, Layout((1, 3), ("mean", "cls"), 4, SIZE), ids)
    vectors[1, 1] = rows
    vectors.flush()


@pytest.fixture
def job(tmp_path: Path) -> MineJob:
    for name in ("vectors", "out", "checkpoint"):
        (tmp_path / name).mkdir()
    Layout((1, 3), ("mean", "cls"), 4, SIZE).write(tmp_path / "vectors")
    rng = np.random.default_rng(0)
    for part in ("de", "dev-de", "fr", "dev-fr"):
        english = rng.standard_normal((30, SIZE)).astype(np.float32) + 5
        foreign = english[:20][::-1] + 0.01 * rng.standard_normal((20, SIZE)).astype(np.float32) + 3
        write_side(tmp_path / "vectors", part, "query", [None, *(f"{part}-{i}" for i in range(1, 20))], foreign)
        write_side(tmp_path / "vectors", part, "candidate", [f"en-{i}" if i != 5 else None for i in range(30)], english)
    config = MineConfig("t", ("de", "fr"), 3, "cls", True, 4, "ratio")
    return Job(config, MineInputs(tmp_path / "vectors"), tmp_path / "out", tmp_path / "checkpoint")


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_candidates_best_first_without_those_that_have_no_id(job: MineJob) -> None:
    mine.run(job)
    assert sorted(p.name for p in job.out.iterdir()) == ["de.jsonl", "dev-de.jsonl", "dev-fr.jsonl", "fr.jsonl", "mine.json"]
    assert json.loads((job.out / "mine.json").read_text()) == {"layer": 3, "pooling": "cls", "centred": True}
    for part in ("de", "dev-de", "fr", "dev-fr"):
        found = lines(job.out / f"{part}.jsonl")
        assert [score for *_, score in found] == sorted((score for *_, score in found), reverse=True)
        assert len({q for q, *_ in found}) == len({c for _, c, _ in found}) == len(found), "one to one"
        # Foreign row i translates English row 19 - i; row 0 and English 5 (foreign 14) are texts that occur more than once.
        assert {(f"{part}-{i}", f"en-{19 - i}") for i in range(1, 20) if i != 14} <= {(q, c) for q, c, _ in found}


def test_scores_are_those_of_the_centred_vectors(job: MineJob) -> None:
    mine.run(job)
    folder = job.inputs.vectors
    sides = [np.load(folder / f"de.{side}.npy")[1, 1].astype(np.float64) for side in ("query", "candidate")]
    scores, *_ = mine_pairs(*(torch.from_numpy((side - side.mean(0)).astype(np.float32)) for side in sides), 4)
    found = [score for *_, score in lines(job.out / "de.jsonl")]
    assert len(found) < len(scores) and all(np.isclose(scores, score, rtol=1e-5).any() for score in found)


def test_a_restart_keeps_what_was_finished(job: MineJob) -> None:
    class StopAfterThePart(threading.Event):
        def is_set(self) -> bool:
            return (job.checkpoint / "de.part.json").exists()

    job.stop = StopAfterThePart()
    with pytest.raises(Interrupted):
        mine.run(job)
    job.stop = threading.Event()
    made = lines(job.out / "de.jsonl")
    spoil(job.checkpoint / "de.jsonl", "zeros")
    mine.run(job)
    assert lines(job.out / "de.jsonl") == made, "made again"
    (job.out / "de.jsonl").write_text('["kept", "kept", 1.0]\n')
    keep_part(job.checkpoint, "de", [job.out / "de.jsonl"], 1)
    mine.run(job)
    assert lines(job.out / "de.jsonl") == [["kept", "kept", 1.0]] and len(lines(job.out / "fr.jsonl")) > 15


# -- from text to score, on real text ---------------------------------------------------------------------------------

Rows = list[tuple[str, str]]


def read_pool(real_data: Path, part: str) -> tuple[Rows, Rows, set[tuple[str, str]]]:
    """30 gold pairs and 15 sentences more on each side, one of the English ones twice."""

    def lines_of(end: str) -> list[list[str]]:
        text = gzip.decompress((real_data / f"bucc2018_standin/de-en/de-en.{part}.{end}.gz").read_bytes()).decode()
        return [line.split("\t") for line in text.splitlines()]

    sides = [{id: text for id, text in lines_of(side) if len(text) < 120} for side in ("de", "en")]
    gold = {(a, b) for a, b in sorted(map(tuple, lines_of("gold"))) if a in sides[0] and b in sides[1]}
    kept = set(sorted(gold)[:30])
    chosen = []
    for place, side in enumerate(sides):
        pairs = {pair[place] for pair in kept}
        others = [id for id in side if id not in {pair[place] for pair in gold}][:15]
        chosen.append([(id, text) for id, text in side.items() if id in pairs or id in others])
    return chosen[0], [*chosen[1], ("en-again", chosen[1][7][1])], kept


def vectors_by_hand(folder: Path, texts: list[str], layer: int) -> np.ndarray:
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    rows = []
    with torch.inference_mode():
        for begin in range(0, len(texts), 20):
            batch = tokenizer(texts[begin : begin + 20], return_tensors="pt", padding=True)
            states = model(**batch, output_hidden_states=True).hidden_states[layer]
            mask = batch["attention_mask"][..., None]
            rows.append(((states * mask).sum(1) / mask.sum(1)).double().numpy())
    return np.concatenate(rows)


def xtreme_candidates(folder: Path, foreign: Rows, english: Rows) -> dict[tuple[str, str], float]:
    """Distinct texts are embedded and mined; then pairs of texts that occur more than once are dropped."""
    sides = [list(dict.fromkeys(text for _, text in side)) for side in (foreign, english)]
    found = xtreme_pairs(*(vectors_by_hand(folder, texts, 4) for texts in sides), 4)
    ids = []
    for side in (foreign, english):
        times = Counter(text for _, text in side)
        ids.append({text: id for id, text in side if times[text] == 1})
    named = [(score, ids[0].get(sides[0][i]), ids[1].get(sides[1][j])) for score, i, j in found]
    return {(a, b): score for score, a, b in named if a and b}


def test_from_text_to_score_as_xtreme_does_it(real_data: Path, mini_xlmr: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)  # others of its kind run beside it
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "encoder").symlink_to(mini_xlmr)
    inputs: dict[str, Path] = {}
    by_hand: dict[str, dict[tuple[str, str], float]] = {}
    gold: dict[str, set[tuple[str, str]]] = {}
    for name, part in (("dev:de", "sample"), ("de", "training")):
        foreign, english, gold[name] = read_pool(real_data, part)
        queries = [PoolExample(id, text, "", "query", tuple(b for a, b in gold[name] if a == id)) for id, text in foreign]
        pool = [*queries, *(PoolExample(id, text, "", "candidate", None) for id, text in english)]
        inputs[name] = tmp_path / name.replace(":", "-")
        inputs[name].mkdir()
        write_jsonl(inputs[name] / "examples.jsonl", pool)
        by_hand[name] = xtreme_candidates(mini_xlmr, foreign, english)

    def job_of(config: Any, inputs: Any, name: str) -> Job[Any, Any]:
        for folder in ("out", "checkpoint"):
            (tmp_path / name / folder).mkdir(parents=True)
        return Job(config, inputs, tmp_path / name / "out", tmp_path / name / "checkpoint")

    embedding = EmbedConfig("bucc2018", "mine", ("de",), 512, "fp32", "jiant", ("mean",))
    made = job_of(embedding, EmbedInputs(tmp_path / "model", {"de": inputs["de"]}, {"de": inputs["dev:de"]}), "embed")
    embed.run(made)
    mining = job_of(MineConfig("bucc2018", ("de",), "jiant", "mean", False, 4, "ratio"), MineInputs(made.out), "mine")
    mine.run(mining)
    for name in ("dev:de", "de"):
        found = {(a, b): score for a, b, score in lines(mining.out / f"{name.replace(':', '-')}.jsonl")}
        assert found.keys() == by_hand[name].keys() and not {"en-again", english[7][0]} & {b for _, b in found}
        for pair, value in found.items():
            assert value == pytest.approx(by_hand[name][pair], abs=1e-5)
    scored = ScoreConfig("bucc2018", 1, ("de",), RetrievalSetting("jiant", "mean", False))
    scoring = job_of(scored, ScoreInputs(mining.out, {"de": inputs["de"]}, {"de": inputs["dev:de"]}), "score")
    score.run(scoring)
    result = json.loads((scoring.out / "scores.json").read_text())["languages"]["de"]
    dev = sorted(by_hand["dev:de"].items(), key=lambda item: -item[1])
    cuts = [2 * len({p for p, _ in dev[:n]} & gold["dev:de"]) / (n + len(gold["dev:de"])) for n in range(1, len(dev))]
    best = int(np.argmax(cuts))
    threshold = (dev[best][1] + dev[best + 1][1]) / 2
    assert result["threshold"] == pytest.approx(threshold, abs=1e-5) and result["dev_f1"] == pytest.approx(cuts[best])
    kept = {pair for pair, value in by_hand["de"].items() if value >= threshold}
    assert kept & gold["de"], "or there is nothing to see"
    assert result["headline"] == pytest.approx(2 * len(kept & gold["de"]) / (len(kept) + len(gold["de"])))
