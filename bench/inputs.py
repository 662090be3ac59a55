"""What is measured: an encoder and rows. Random weights in XLM-R's shapes with made-up rows; or, where a folder is given, that
encoder with its tokenizer on real examples, found in $XSTILTS_DATA. Each is written once, as files for all variants.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from lengths import Row, Rows, make_up
from rounds import HERE

# The examples that stand for a kind: task, split, language. None is scored: they give lengths and tokens.
REAL = {
    "nli": ("xnli", "test", "en"),
    "qa": ("squad_v1", "train", "en"),
    "tag": ("udpos", "train", "en"),
    "embed": ("tatoeba", "test", "de"),
}
MOST_EXAMPLES = 20_000
MINED, MINED_LANGUAGES = 10_000, ("de", "es", "fr", "ru", "ja", "nl", "pt", "tr", "it", "fi")


class Inputs:
    """`folder`: where they are written. `encoder`: what stands for every shape."""

    def __init__(self, folder: Path, tiny: bool, encoder: Path | None = None):
        self.folder, self.tiny, self.encoder = folder, tiny, encoder

    def model(self, shape: str) -> tuple[Path, str]:
        """The folder of an encoder, and its name in titles. Random ones are written by a process of its own, so that its memory
        is given back."""
        if self.encoder:
            return self.encoder, self.encoder.name
        shape = "tiny" if self.tiny else shape
        path = self.folder / shape
        if not path.is_dir():
            begun = path.with_suffix(".begun")
            subprocess.run([sys.executable, str(HERE / "models.py"), shape, str(begun)], check=True, capture_output=True)
            begun.rename(path)
        return path, shape

    def rows(self, kind: str, count: int) -> Path:
        """A file that `Rows.read` reads. Raises InputError where real data are missing."""
        path = self.folder / f"rows-{kind}-{count}.json"
        if not path.is_file():
            (real_rows(kind, count, self.encoder) if self.encoder else make_up(kind, count)).write(path)
        return path

    def vectors(self) -> Path | None:
        """A file of the encoder's unit vectors of sentences and their translations, `x` and `y`; None if none is given."""
        path = self.folder / "vectors.npz"
        if self.encoder and not path.is_file():
            x, y = embed_translations(self.encoder, MINED // 50 if self.tiny else MINED)
            np.savez(path, x=x, y=y)
        return path if self.encoder else None


def data_root() -> Path:
    return Path(os.environ.get("XSTILTS_DATA") or "data")


def read(kind: str, language: str = "") -> list[Any]:
    from xstilts.tasks import find_task, read_examples
    from xstilts.tasks.files.locate import subsample

    task, split, usual = REAL[kind]
    found = read_examples(find_task(task), split, language or usual, data_root())
    return list(subsample(found, MOST_EXAMPLES))


def real_rows(kind: str, count: int, encoder: Path) -> Rows:
    """So many rows in random order, from the beginning again where there are fewer. Sentences that are cut into several rows are
    left out; questions are not."""
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe
    from xstilts.tasks import find_task

    tokenizer, examples = load_tokenizer(encoder), read(kind)
    if kind == "embed":
        encoded = tokenizer([e.text for e in examples], truncation=True, max_length=128)["input_ids"]
        rows = [Row(np.array(ids, np.int32), [e.text]) for ids, e in zip(encoded, examples, strict=True)]
    else:
        form = find_task(REAL[kind][0]).format
        codec = CODECS[form.name](form, tokenizer, Recipe(max_length=384 if kind == "qa" else 128, stride=128))
        features = codec.encode(examples, training=True)
        ends = {features[i].example for i in range(1, len(features)) if features[i].example == features[i - 1].example}
        rows = [_row(kind, f, examples[f.example]) for f in features if kind == "qa" or f.example not in ends]
    met = np.setdiff1d(np.concatenate([row.ids for row in rows]), tokenizer.all_special_ids)
    order = np.random.default_rng(0).permutation(len(rows))
    return Rows([rows[i] for i in islice(cycle(order), count)], met.astype(np.int64))


def _row(kind: str, feature: Any, example: Any) -> Row:
    ids = feature.rows[0]
    if kind == "tag":
        return Row(ids, list(example.words), starts=feature.extra["starts"], tags=list(feature.target))
    if kind == "qa":
        return Row(ids, [example.question, example.context], span=tuple(map(int, feature.target)))
    return Row(ids, list(example.texts), label=int(feature.target))


def embed_translations(encoder: Path, count: int) -> list[np.ndarray]:
    """Unit vectors of so many different sentences of several languages and of their English translations, by the published
    layer and pooling. Each side has shape (N, D)."""
    import torch

    import machine
    from xstilts.model.embedding import embed
    from xstilts.model.encoder import load_encoder
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.stages.embed import TOKENS_A_BATCH
    from xstilts.stages.vectors import resolve_layer

    torch.set_num_threads(machine.threads())
    trunk: Any = load_encoder(encoder).eval()
    layer = resolve_layer("jiant", trunk.config.num_hidden_layers, "embed")
    pairs = {e.english: e.text for language in MINED_LANGUAGES for e in read("embed", language)}
    chosen = list(islice(pairs.items(), count))
    precision = "bf16" if machine.multiplies_bf16("cpu") else "fp32"
    found = []
    for texts in ([text for _, text in chosen], [english for english, _ in chosen]):
        vectors = np.zeros((1, 1, len(texts), trunk.config.hidden_size), np.float32)
        how = ((layer,), ("mean",), TOKENS_A_BATCH, vectors, lambda _: None, precision)
        embed(trunk, load_tokenizer(encoder), texts, 128, *how)
        found.append(vectors[0, 0] / np.linalg.norm(vectors[0, 0], axis=1, keepdims=True))
    return found
