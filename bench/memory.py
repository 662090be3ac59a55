"""Peak memory of evaluation against `Trainer.predict`, for more and more examples: tagging, 17 labels, a small model.

Each figure is of a fresh process: its peak while predicting, less what it had with the model loaded and 64 examples predicted.
Ours reads a file and writes one, as the predict stage does. Trainer gets its examples encoded one by one, so that what grows
there is what it keeps: the logits of all of them, padded to the longest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from inputs import Inputs
from lengths import LABELS, Rows
from rounds import HERE

COUNTS = (500, 2000, 8000)
TAGS = tuple(f"l{i}" for i in range(LABELS["tag"]))


def measure(inputs: Inputs, counts: tuple[int, ...] = COUNTS) -> list[dict[str, Any]]:
    folder = inputs.model("small")[0]
    print("\npeak memory of evaluation, tagging, MiB above the loaded model")
    peaks: dict[str, list[float]] = {}
    missing: list[dict[str, Any]] = []
    for engine in ("xstilts", "Trainer"):
        try:
            peaks[engine] = [_peak(engine, inputs.rows("tag", count), folder) for count in counts]
        except subprocess.CalledProcessError as error:
            last = [line for line in error.stderr.splitlines() if line.strip()]
            missing.append({"name": "memory of evaluation", "peer": engine, "not_run": last[-1][:200] if last else "it ended"})
            print(f"  not run: {engine}: {missing[-1]['not_run']}")
    found: list[dict[str, Any]] = []
    for count, *both in zip(counts, *peaks.values(), strict=True):
        figures = dict(zip(peaks, both, strict=True))
        record = {
            "name": f"peak memory of evaluation, {count:,} examples",
            "peer": "Trainer.predict" if "Trainer" in figures else None,
            "ratio": None,
            "above_model_mib": figures.get("xstilts"),
            "peer_above_model_mib": figures.get("Trainer"),
        }
        found.append(record)
        print(f"  {count:6,} examples: " + ", ".join(f"{name} {mib:,.0f}" for name, mib in figures.items()))
    return found + missing


def _peak(engine: str, rows: Path, folder: Path) -> float:
    command = [sys.executable, str(HERE / "memory.py"), engine, str(rows), str(folder), str(machine.threads())]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def xstilts(sentences: list[tuple[str, ...]], folder: Path) -> float:
    from xstilts.formats.jsonl import read_jsonl, write_jsonl, write_predictions
    from xstilts.formats.tag import Tag, TagExample
    from xstilts.model.codecs.tag import TagCodec
    from xstilts.model.encoder import load_encoder
    from xstilts.model.model import Model
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe
    from xstilts.stages.attempt import forget_peak_memory, peak_memory_mib
    from xstilts.train.evaluate import predict

    codec = TagCodec(Tag(labels=TAGS), load_tokenizer(folder), Recipe(max_length=128))
    trunk: Any = load_encoder(folder)
    model = Model(trunk, {"task": codec.head(trunk)})
    with tempfile.TemporaryDirectory() as out:
        path = Path(out) / "examples.jsonl"
        write_jsonl(path, (TagExample(str(i), words, None) for i, words in enumerate(sentences)))
        list(predict(model, "task", codec, [TagExample(str(i), words, None) for i, words in enumerate(sentences[:64])]))
        forget_peak_memory()
        before = peak_memory_mib()
        write_predictions(Path(out) / "predictions.jsonl", predict(model, "task", codec, read_jsonl(path)))
        return peak_memory_mib() - before


def trainer(sentences: list[tuple[str, ...]], folder: Path) -> float:
    import torch
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    from xstilts.stages.attempt import forget_peak_memory, peak_memory_mib

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(TAGS))

    class Data(torch.utils.data.Dataset[dict[str, Any]]):
        def __init__(self, some: list[tuple[str, ...]]):
            self.sentences = some

        def __len__(self) -> int:
            return len(self.sentences)

        def __getitem__(self, i: int) -> dict[str, Any]:
            found = tokenizer(list(self.sentences[i]), is_split_into_words=True, truncation=True, max_length=128)
            return {
                "input_ids": found["input_ids"],
                "attention_mask": found["attention_mask"],
                "labels": [0] * len(found["input_ids"]),
            }

    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(out, per_device_eval_batch_size=64, use_cpu=True, report_to=[], disable_tqdm=True)
        judge = Trainer(model, arguments, data_collator=DataCollatorForTokenClassification(tokenizer))
        judge.predict(Data(sentences[:64]))
        examples = Data(sentences)
        forget_peak_memory()
        before = peak_memory_mib()
        found = judge.predict(examples)
        assert len(found.predictions) == len(sentences)
        return peak_memory_mib() - before


if __name__ == "__main__":
    import torch

    torch.set_num_threads(int(sys.argv[4]))
    sentences = [tuple(row.texts) for row in Rows.read(sys.argv[2]).rows]
    print({"xstilts": xstilts, "Trainer": trainer}[sys.argv[1]](sentences, Path(sys.argv[3])))
