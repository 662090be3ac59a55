"""embed: the vectors of a retrieval task's texts on one checkpoint; `vectors.py` says how they lie. They are kept, not what
was found with them, so that layers, poolings and centring can be compared and pairs mined without the encoder.

One pass over the encoder; a language and side that is finished is kept if the attempt is interrupted. Which texts a side has is
stated by the format (`Format.side_texts`).
"""

from pathlib import Path
from typing import Any

from xstilts.formats.jsonl import count_lines, read_jsonl
from xstilts.formats.registry import FORMATS
from xstilts.model.embedding import embed
from xstilts.model.encoder import load_encoder, max_positions
from xstilts.model.model import trunk_folder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages.attack import CLEAN, SEEN
from xstilts.stages.contracts import EmbedConfig, EmbedInputs
from xstilts.stages.device import device
from xstilts.stages.job import ExampleCounter, Job
from xstilts.stages.seen import share_seen
from xstilts.stages.vectors import Layout, create, names, resolve_layers
from xstilts.store.parts import keep_part, take_part
from xstilts.store.store import write_json

TOKENS_A_BATCH = 8192


def run(job: Job[EmbedConfig, EmbedInputs[Path]]) -> None:
    """Leaves what `vectors.py` describes, for each language and, in mining, for each language's dev split. Of attacked examples
    also SEEN, as `predict.py` does."""
    config, task_format = job.config, FORMATS[job.config.format]()
    folder = trunk_folder(job.inputs.model)
    tokenizer = load_tokenizer(folder)
    encoder: Any = load_encoder(folder).to(device()).eval()
    depth = encoder.config.num_hidden_layers
    layers = resolve_layers(config.layers, depth, config.format)
    layout = Layout(layers, config.poolings, depth, encoder.config.hidden_size)
    longest = min(config.max_length, max_positions(encoder))
    parts = {**job.inputs.test, **{f"dev-{language}": path for language, path in job.inputs.dev.items()}}
    sizes = {part: count_lines(path / "examples.jsonl") for part, path in parts.items()}
    counter = ExampleCounter(job, sizes)
    sides = (config.side,) if config.side else task_format.sides
    seen: dict[str, float] = {}
    for part, path in parts.items():
        counter.begin(part)
        for place, side in enumerate(sides):
            length = task_format.side_tokens(side, longest)
            if (path / CLEAN).is_file():
                share = share_seen(tokenizer, path, task_format, side, length, config.prefix)
                seen |= {} if share is None else {part: share}
            if take_part(job.checkpoint, f"{part}.{side}", job.out) is None:
                ids, texts = task_format.side_texts(read_jsonl(path / "examples.jsonl"), side)
                texts = [config.prefix + text for text in texts]
                vectors = create(job.out, part, side, layout, ids)
                a_text = sizes[part] / len(sides) / max(len(texts), 1)  # in examples

                def tell(done: int, before: int = place * len(texts), a_text: float = a_text) -> None:
                    counter.tell(round((before + done) * a_text))

                how = (layers, layout.poolings, TOKENS_A_BATCH, vectors, tell, config.precision)
                embed(encoder, tokenizer, texts, length, *how)
                vectors.flush()
                keep_part(job.checkpoint, f"{part}.{side}", [job.out / name for name in names(part, side)], len(ids))
            job.check_stop()
    if seen:
        job.facts["seen"] = {language: round(share, 3) for language, share in seen.items()}
        write_json(job.out / SEEN, seen)
    layout.write(job.out)
