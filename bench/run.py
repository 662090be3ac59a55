"""Benchmarks against a plain way of doing the same, in one process, interleaved, as ratios with their spread.

    training step   xstilts' step (batch sorted by length, micro-batches padded to their own longest row) against a plain
                    transformers loop that pads the batch to its longest row: same model, same rows, fused AdamW, fp32
    mining          `mining.py`: exact neighbours in both directions against faiss-cpu

Random weights, XNLI-like lengths. Writes bench/out/results.json. Peers that need more than this project installs (Trainer,
MaChAmp, sentence-transformers) belong to the training engine's own benchmark.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

import mining
from xstilts.data.format import Classify
from xstilts.model.encoder import load_tokenizer
from xstilts.model.formats.classify import ClassifyCoder
from xstilts.model.formats.coder import Feature
from xstilts.model.model import Model
from xstilts.recipe.recipe import Recipe
from xstilts.stages.tiny import write_word_tokenizer
from xstilts.train.loop import optimizer_of, train_step

ROUNDS, WARM, BATCH = 12, 2, 32


def setting(folder: Path) -> tuple[ClassifyCoder, Recipe]:
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{i}" for i in range(20_000)), "<mask>"]
    write_word_tokenizer(folder, words, 512)
    recipe = Recipe(batch=BATCH, max_length=256)
    return ClassifyCoder(Classify(labels=("e", "n", "c")), load_tokenizer(folder), recipe), recipe


def model_of(coder: ClassifyCoder) -> Model:
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=20_005,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=514,
    )
    trunk = XLMRobertaModel(config, add_pooling_layer=False)
    return Model(trunk, {"t": coder.head(trunk)})


def rows(rng: np.random.Generator) -> list[Feature]:
    lengths = np.clip(rng.lognormal(3.6, 0.45, BATCH), 8, 250).astype(int)  # median 37 tokens, long tail
    return [Feature(i, [rng.integers(4, 20_000, n).astype(np.int32)], int(rng.integers(3))) for i, n in enumerate(lengths)]


def plain_step(model: Model, coder: ClassifyCoder, optimizer: torch.optim.Optimizer, features: list[Feature]) -> None:
    model.train()
    batch = coder.collate(features)
    coder.targets(features, batch, np.random.default_rng(0))
    optimizer.zero_grad(set_to_none=True)
    (coder.loss(model.head("t"), model.hidden(batch), batch) / BATCH).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def step_results() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    from xstilts.train.loop import Member

    with tempfile.TemporaryDirectory() as folder:
        coder, recipe = setting(Path(folder))
    ours, theirs, twin = model_of(coder), model_of(coder), model_of(coder)
    optimizers = {id(m): optimizer_of(m, recipe) for m in (ours, theirs, twin)}
    member = Member("t", coder, [])

    def own(features: list[Feature], step: int) -> None:
        train_step(ours, member, features, optimizers[id(ours)], recipe, 0, step, 1000)

    def plain(model: Model) -> Callable[[list[Feature], int], None]:
        return lambda features, step: plain_step(model, coder, optimizers[id(model)], features)

    variants = {"xstilts": own, "plain": plain(theirs), "plain again": plain(twin)}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    rng = np.random.default_rng(0)
    for step in range(ROUNDS + WARM):
        features = rows(rng)
        names = list(variants)
        for name in names[step % 3 :] + names[: step % 3]:  # the order rotates
            begin = time.perf_counter()
            variants[name](features, step)
            if step >= WARM:
                seconds[name].append(time.perf_counter() - begin)
    results = []
    for name in ("xstilts", "plain again"):
        ratios = sorted(p / s for p, s in zip(seconds["plain"], seconds[name], strict=True))
        median = statistics.median(ratios)
        print(f"training step, {name:12} {median:5.2f}x the plain loop  [{ratios[0]:.2f}, {ratios[-1]:.2f}]")
        results.append(
            {
                "name": f"training step ({name})",
                "peer": "plain transformers loop, dynamic padding, fused AdamW, fp32",
                "ratio": {"median": median, "min": ratios[0], "max": ratios[-1]},
                "seconds": statistics.median(seconds[name]),
                "versions": {n: version(n) for n in ("torch", "transformers", "xstilts")},
            }
        )
    return results


def main() -> None:
    results = step_results() + mining.main()
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"written: {out / 'results.json'}")


if __name__ == "__main__":
    main()
