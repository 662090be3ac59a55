"""embed: sentence retrieval straight on a checkpoint, at every layer, plain and centred.

Leaves the retrieved ids, not the vectors: they are a hundredth of the size. One file a language, kept as it is finished.
"""

from __future__ import annotations

import json
import shutil
from typing import cast

from xstilts.data.example import TranslationExample, read_jsonl
from xstilts.model.encoder import load_encoder, load_tokenizer, max_positions
from xstilts.model.formats.embed import embed, nearest
from xstilts.model.model import trunk_folder
from xstilts.stages.device import device
from xstilts.stages.job import Job

TOKENS_A_BATCH = 8192


def run(job: Job) -> None:
    """Leaves `<language>.json`: {"layers": {"<layer>": {"plain": [ids], "centred": [ids]}}, "ids": [ids]}."""
    config = job.config
    folder = trunk_folder(job.inputs["model"])
    tokenizer = load_tokenizer(folder)
    encoder = load_encoder(folder).to(device()).eval()
    length = min(config["max_length"], max_positions(encoder))
    for number, language in enumerate(config["languages"]):
        job.progress({"step": number, "steps": len(config["languages"]), "language": language})
        finished = job.checkpoint / f"{language}.json"
        if not finished.is_file():
            items = [cast(TranslationExample, e) for e in read_jsonl(job.inputs[language] / "examples.jsonl")]
            foreign = embed(encoder, tokenizer, [e.text for e in items], length, TOKENS_A_BATCH, job.check_stop)
            english = embed(encoder, tokenizer, [e.english for e in items], length, TOKENS_A_BATCH, job.check_stop)
            ids = [e.id for e in items]
            layers = {
                str(layer): {
                    name: [ids[i] for i in nearest(foreign[layer], english[layer], centred)]
                    for name, centred in (("plain", False), ("centred", True))
                }
                for layer in range(len(foreign))
            }
            temporary = job.checkpoint / f".{language}.json"
            temporary.write_text(json.dumps({"ids": ids, "layers": layers}, ensure_ascii=False), encoding="utf-8")
            temporary.replace(finished)
        job.check_stop()
    for language in config["languages"]:
        shutil.copyfile(job.checkpoint / f"{language}.json", job.out / f"{language}.json")
