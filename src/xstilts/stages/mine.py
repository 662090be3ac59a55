"""mine: candidate pairs of translations out of the vectors of an embed stage, for test and for dev.

Every candidate is kept with its score, best first: where to cut is tuned on dev gold by the score stage, as in XTREME.
A language that is finished is kept if the attempt is interrupted.
"""

import json
from pathlib import Path
from typing import Any

import torch

from xstilts.formats.bitext_mining import BitextMining
from xstilts.model.neighbours import mine_pairs
from xstilts.stages.contracts import MineConfig, MineInputs
from xstilts.stages.device import device
from xstilts.stages.job import Job
from xstilts.stages.vectors import Layout, read_ids, read_vectors, resolve_layer
from xstilts.store.parts import keep_part, take_part
from xstilts.store.store import write_json


def run(job: Job[MineConfig, MineInputs[Path]]) -> None:
    """Leaves `<language>.jsonl` and `dev-<language>.jsonl`, one [query id, candidate id, score] a line, and `mine.json`."""
    config = job.config
    folder = job.inputs.vectors
    layer = resolve_layer(config.layer, Layout.read(folder).depth, "mine")
    parts = [f"{split}{language}" for language in config.languages for split in ("", "dev-")]
    for number, part in enumerate(parts):
        report = {"step": number, "steps": len(parts), "unit": "parts", "saved": number, "doing": part}

        def look(report: dict[str, Any] = report) -> None:
            job.progress(report)
            job.check_stop()

        look()
        if take_part(job.checkpoint, part, job.out) is None:
            queries, candidates = (read_ids(folder, part, side) for side in BitextMining.sides)
            setting = (layer, config.pooling, config.centred)
            x_ND, y_MD = (
                torch.from_numpy(read_vectors(folder, part, side, *setting)).to(device()) for side in BitextMining.sides
            )
            made, rows = job.out / f"{part}.jsonl", 0
            with made.open("w", encoding="utf-8") as file:
                for score, source, target in zip(*mine_pairs(x_ND, y_MD, config.k, look), strict=True):
                    ids = queries[source], candidates[target]
                    if None not in ids:
                        file.write(json.dumps([*ids, float(score)], ensure_ascii=False) + "\n")
                        rows += 1
            keep_part(job.checkpoint, part, [made], rows)
        job.check_stop()
    write_json(job.out / "mine.json", {"layer": layer, "pooling": config.pooling, "centred": config.centred})
