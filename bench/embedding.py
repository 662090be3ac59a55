"""Sentences to vectors against sentence-transformers, in the shape of XLM-R, or with a given encoder: Tatoeba's lengths, mean
over tokens.

The peer sorts by length itself and takes batches of 32, its defaults, in fp32 and in bf16; it always gives the last layer.
Ours gives that too, for comparing like with like, and the layer at which the paper retrieves (7 of 12, 14 of 24), above which
no block is run. Text to vectors, tokenising included. bf16 is judged by the cosines of its vectors with those of fp32.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import machine
from inputs import Inputs
from lengths import Rows, efficiency
from rounds import HERE, WARM, Answers, Turn, Variant, interleave, median_seconds, ratio, shown

SENTENCES = 300
POOLING = "mean"
ST_BATCH = 32


def xstilts(spec: dict[str, Any], answers: Answers) -> None:
    import torch

    from xstilts.model.embedding import embed
    from xstilts.model.encoder import load_encoder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.stages.embed import TOKENS_A_BATCH

    folder = Path(spec["folder"])
    tokenizer, encoder = load_tokenizer(folder), load_encoder(folder).to(spec["device"]).eval()
    sentences = [row.texts[0] for row in Rows.read(spec["rows"]).rows]
    answers.ready()
    vectors = np.zeros((1, 1, len(sentences), spec["size"]), dtype=np.float32)
    for turn in count():
        answers.wait()
        how = ((spec["layer"],), (POOLING,), TOKENS_A_BATCH, vectors, lambda _: None, spec["precision"])
        embed(encoder, tokenizer, sentences, 128, *how)
        if spec["device"] == "cuda":
            torch.cuda.synchronize()
        answers.done()
        if turn == 0:  # other turns follow, so that it is whole when the process is ended
            np.save(spec["vectors"], vectors[0, 0])


def sentence_transformers(spec: dict[str, Any], answers: Answers) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    trunk = Transformer(spec["folder"], model_kwargs={"dtype": torch.bfloat16} if spec["precision"] == "bf16" else {})
    model = SentenceTransformer(modules=[trunk, Pooling(spec["size"], POOLING)], device=spec["device"])
    model.max_seq_length = 128
    sentences = [row.texts[0] for row in Rows.read(spec["rows"]).rows]
    answers.ready()
    for turn in count():
        answers.wait()
        vectors = model.encode(sentences, batch_size=ST_BATCH)
        answers.done()
        if turn == 0:
            np.save(spec["vectors"], np.asarray(vectors, dtype=np.float32))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> dict[str, float]:
    """Between the same sentences' vectors: least and mean."""
    a, b = (x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True) for x in (one, other))
    found = (a * b).sum(1)
    return {"min": float(found.min()), "mean": float(found.mean())}


def measure(inputs: Inputs, shape: str, device: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    from transformers import AutoConfig

    from xstilts.stages.vectors import resolve_layer

    folder, shape = inputs.model(shape)
    config = AutoConfig.from_pretrained(folder)
    last = config.num_hidden_layers
    published = resolve_layer("jiant", last, "embed")
    sentences = SENTENCES * (50 if device == "cuda" else 1)
    path = inputs.rows("embed", sentences)
    title = f"embedding, Tatoeba-like, {shape}, {sentences:,} sentences" + (", GPU" if device == "cuda" else "")
    print(f"\n{title}")
    missing = []
    bf16 = machine.multiplies_bf16(device)
    if not bf16:
        missing.append({"name": title, "peer": "bf16", "not_run": "this processor does not multiply bf16"})
    with tempfile.TemporaryDirectory() as out:
        spec: dict[str, Any] = {"folder": str(folder), "size": config.hidden_size, "rows": str(path), "device": device}
        spec["threads"] = machine.threads()

        def file(name: str) -> Path:
            return Path(out) / f"{name.replace(' ', '-').replace(',', '')}.npy"

        def variant(name: str, engine: str, precision: str, layer: int, turns: int = 1) -> Variant:
            own = {**spec, "engine": engine, "precision": precision, "layer": layer, "vectors": str(file(name))}
            return Variant(name, [sys.executable, str(HERE / "embedding.py"), json.dumps(own)], turns)

        peer, early = "sentence-transformers fp32", f"layer {published}"
        variants = [
            variant(peer, "sentence_transformers", "fp32", last, 2),
            variant("xstilts fp32, last layer", "xstilts", "fp32", last),
            variant(f"xstilts fp32, {early}", "xstilts", "fp32", published),
        ]
        if bf16:
            variants.append(variant("sentence-transformers bf16", "sentence_transformers", "bf16", last))
            variants.append(variant("xstilts bf16, last layer", "xstilts", "bf16", last))
            variants.append(variant(f"xstilts bf16, {early}", "xstilts", "bf16", published))
        taken = interleave(variants, rounds, WARM, seconds)
        missing += [{"name": title, "peer": v.name, "not_run": v.trouble} for v in variants if v.trouble]
        vectors = {v.name: np.load(file(v.name)) for v in variants if v.name in taken and file(v.name).is_file()}
    order = sorted(Rows.read(path).rows, key=lambda row: len(row.ids))
    full = efficiency(order, ST_BATCH)
    print(f"  padding: {full:.2f} of the peer's tokens are real; leaving out blocks is worth {last / published:.2f}x at most")
    found = []
    for name in [f"{peer} again", *(v.name for v in variants[1:])]:
        if taken.get(name) and taken.get(peer):
            record = _record(title, name, peer, taken, variants)
            exact = name.replace("bf16", "fp32") if name.startswith("xstilts") else peer
            if "bf16" in name and {name, exact} <= set(vectors):
                record["cosine_with_fp32"] = cosines(vectors[name], vectors[exact])
            if "fp32, last" in name and {name, peer} <= set(vectors):
                record["cosine_with_peer"] = cosines(vectors[name], vectors[peer])
            found.append(record)
            print(_line(record))
    for record in missing:
        print(f"  not run: {record['peer']}: {record['not_run']}")
    return found + missing


def _record(title: str, name: str, peer: str, taken: dict[str, list[Turn]], variants: list[Variant]) -> dict[str, Any]:
    peaks = {v.name: v.peak_mib for v in variants}
    return {
        "name": f"{title}: {name}",
        "peer": peer,
        "ratio": ratio(taken[peer], taken[name]),
        "rounds": len(taken[name]),
        "seconds": median_seconds(taken[name]),
        "peer_seconds": median_seconds(taken[peer]),
        "peak_mib": peaks.get(name.removesuffix(" again")),
        "peer_peak_mib": peaks.get(peer),
    }


def _line(record: dict[str, Any]) -> str:
    name = record["name"].rsplit(": ", 1)[1]
    seconds = f"{record['seconds']:.2f} s against {record['peer_seconds']:.2f} s"
    text = f"  {name:34} {shown(record['ratio'])} {record['peer']}  {seconds}"
    for key, label in (("cosine_with_fp32", "cosine with fp32"), ("cosine_with_peer", "cosine with the peer")):
        if key in record:
            text += f"; {label} {record[key]['min']:.5f} at least, {record[key]['mean']:.5f} on average"
    return text


def main() -> None:
    import torch

    spec = json.loads(sys.argv[1])
    torch.set_num_threads(spec["threads"])
    answers = Answers()
    {"xstilts": xstilts, "sentence_transformers": sentence_transformers}[spec["engine"]](spec, answers)
    os._exit(0)


if __name__ == "__main__":
    main()
