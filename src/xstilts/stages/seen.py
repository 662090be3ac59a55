"""Whether a model can see an attack at all: many a change of the text (width, composed letters) is undone when the tokenizer
normalises it, and an edit behind the last token that is read changes nothing either.

Surprising: the clean examples stand beside the variants as `clean.jsonl` (a second name of the same file), since a predict
stage has no other input that it could compare with. Where an older version made the variants it is missing, and nothing is
counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from xstilts.formats.format import Example, Format
from xstilts.formats.jsonl import read_jsonl
from xstilts.model.codecs.codec import Encode, Feature
from xstilts.stages.attack import CLEAN, read_variants

WINDOW = 2000


class SeenCounter:
    """Encodes variants with `encode`, and counts those whose token ids are not those of their clean examples, which the
    tokenizer's own cut gives (`clean`). `folder` is the `out/` folder of an attack stage."""

    def __init__(self, encode: Encode, clean: Encode, folder: Path):
        self._encode = encode
        ids: dict[str, bytes] = {}
        stream = iter(read_jsonl(folder / CLEAN))
        while some := list(islice(stream, WINDOW)):
            ids |= {example.id: digest for example, digest in zip(some, _digest(some, clean(some, False)), strict=True)}
        self._clean = {record["id"]: ids[record["clean"]] for record in read_variants(folder)}
        self.variants = self.seen = 0

    def __call__(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        features = self._encode(examples, training)
        for example, digest in zip(examples, _digest(examples, features), strict=True):
            self.variants += 1
            self.seen += digest != self._clean[example.id]
        return features

    @property
    def share(self) -> float | None:
        """Of the variants so far, 0-1; None without any."""
        return self.seen / self.variants if self.variants else None


def share_seen(tokenizer: Any, folder: Path, task_format: Format, side: str, max_length: int, prefix: str = "") -> float | None:
    """The same share of the texts of one side of a retrieval format, each behind `prefix`."""

    def encode(name: str) -> dict[str | None, list[int]]:
        ids, texts = task_format.side_texts(read_jsonl(folder / name), side)
        if not texts:
            return {}
        texts = [prefix + text for text in texts]
        return dict(zip(ids, tokenizer(texts, truncation=True, max_length=max_length)["input_ids"], strict=True))

    clean, attacked = encode(CLEAN), encode("examples.jsonl")
    seen = [attacked[record["id"]] != clean[record["clean"]] for record in read_variants(folder)]
    return sum(seen) / len(seen) if seen else None


def _digest(examples: Sequence[Example], features: Iterable[Feature]) -> Iterator[bytes]:
    """A hash of the token ids of each example, and of which picture it shows, in their order."""
    hashes = [sha256() for _ in examples]
    for feature in features:
        for row in feature.rows:
            hashes[feature.example].update(len(row).to_bytes(4) + row.astype("<i4").tobytes())
        if picture := feature.extra.get("picture"):
            hashes[feature.example].update(picture.to_bytes(4))
    return (one.digest() for one in hashes)
