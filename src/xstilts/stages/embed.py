"""embed: the vectors of a retrieval task's texts on one checkpoint; `vectors.py` says how they lie. They are kept, not what
was found with them, so that layers, poolings and centring can be compared and pairs mined without the encoder.

One pass over the encoder; a language and side that is finished is kept if the attempt is interrupted. Repeated texts of a
pool to be mined become one row without an id, as in XTREME: they take part in the search but in no pair.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, cast

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.jsonl import read_jsonl
from xstilts.model.codecs.ranking import cut, passage
from xstilts.model.embedding import embed
from xstilts.model.encoder import load_encoder, load_tokenizer, max_positions
from xstilts.model.model import trunk_folder
from xstilts.stages.contracts import EmbedConfig, EmbedInputs
from xstilts.stages.device import device
from xstilts.stages.job import Job
from xstilts.stages.vectors import SIDES, Layout, create, names, resolve_layers

TOKENS_A_BATCH = 8192


def run(job: Job[EmbedConfig, EmbedInputs[Path]]) -> None:
    """Leaves what `vectors.py` describes, for each language and, in mining, for each language's dev split."""
    config = job.config
    folder = trunk_folder(job.inputs.model)
    tokenizer = load_tokenizer(folder)
    encoder: Any = load_encoder(folder).to(device()).eval()
    depth = encoder.config.num_hidden_layers
    layers = resolve_layers(config.layers, depth, config.format)
    layout = Layout(layers, config.poolings, depth, encoder.config.hidden_size)
    longest = min(config.max_length, max_positions(encoder))
    parts = {**job.inputs.test, **{f"dev-{language}": path for language, path in job.inputs.dev.items()}}
    for number, (part, path) in enumerate(parts.items()):
        job.progress({"step": number, "steps": len(parts), "language": part})
        for side in SIDES[config.format]:
            if not all((job.checkpoint / name).is_file() for name in names(part, side)):
                ids, texts = _texts(path / "examples.jsonl", side, config.format)
                length = cut(longest) if (config.format, side) == ("rank", "query") else longest
                working = job.checkpoint / ".working"
                working.mkdir(exist_ok=True)
                vectors = create(working, part, side, layout, ids)
                how = (layers, layout.poolings, TOKENS_A_BATCH, vectors, job.check_stop, config.precision)
                embed(encoder, tokenizer, texts, length, *how)
                vectors.flush()
                for name in names(part, side):
                    (working / name).replace(job.checkpoint / name)
            job.check_stop()
    for part in parts:
        for side in SIDES[config.format]:
            for name in names(part, side):
                _hand_over(job.checkpoint / name, job.out / name)
    layout.write(job.out)


def _texts(path: Path, side: str, task_format: str) -> tuple[list[str | None], list[str]]:
    """The ids and texts of one side of a split."""
    if task_format == "embed":
        items = [cast(BitextRetrievalExample, e) for e in read_jsonl(path)]
        return [e.id for e in items], [e.text if side == "text" else e.english for e in items]
    pool = [e for e in cast("list[PoolExample]", list(read_jsonl(path))) if e.role == side]
    if task_format == "rank":
        return [e.id for e in pool], [passage(e.text, e.context) if side == "candidate" else e.text for e in pool]
    times = Counter(e.text.strip() for e in pool)
    first = {e.text.strip(): e.id for e in reversed(pool)}
    return [first[text] if count == 1 else None for text, count in times.items()], list(times)


def _hand_over(source: Path, target: Path) -> None:
    """The same file under a second name, which costs no space; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
