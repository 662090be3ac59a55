"""One cell of a study as scripts in the style of run_glue.py and run_ner.py do it: nothing of xstilts is imported here.

    python bench/hf_cell.py '{"encoder": FOLDER, "phases": [...], "tests": {...}, "padding": "max_length", ...}'

Each phase begins with a fresh head on the trunk that the phase before left, is trained by `transformers.Trainer`, and its model
is saved. Then the test languages are predicted one after the other. What the scripts do by default is done here: fp32; all rows
padded to 128 tokens for classification (`pad_to_max_length`), batches padded to their longest row for tagging; batches of 8 for
prediction. What costs them more by default is left out: no checkpoint with the optimizer's state, no evaluation in between.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

MAX_LENGTH = 128
IGNORED = -100


def read(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def encode(tokenizer: Any, records: list[dict[str, Any]], labels: list[str], padding: str) -> list[dict[str, Any]]:
    """Pairs of texts, or words with a label on the first token of each."""
    tags = "words" in records[0]
    if tags:
        found = tokenizer([r["words"] for r in records], is_split_into_words=True, truncation=True, max_length=MAX_LENGTH)
    else:
        texts = zip(*(r["texts"] for r in records), strict=True)
        how = {"padding": "max_length"} if padding == "max_length" else {}
        found = tokenizer(*map(list, texts), truncation=True, max_length=MAX_LENGTH, **how)
    rows = []
    for i, record in enumerate(records):
        row = {name: values[i] for name, values in found.items()}
        if tags:
            words = found.word_ids(i)
            first = [w is not None and (k == 0 or words[k - 1] != w) for k, w in enumerate(words)]
            row["labels"] = [labels.index(record["answer"][w]) if f else IGNORED for w, f in zip(words, first, strict=True)]
        else:
            row["label"] = labels.index(record["answer"])
        rows.append(row)
    return rows


def trainer_of(spec: dict[str, Any], folder: str, labels: list[str], tags: bool, out: Path, rows: Any = None) -> Trainer:
    kind: Any = AutoModelForTokenClassification if tags else AutoModelForSequenceClassification
    model = kind.from_pretrained(folder, num_labels=len(labels), ignore_mismatched_sizes=True)
    if rows is not None:
        set_seed(spec["seed"])
        model.classifier.apply(model._init_weights)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    arguments = TrainingArguments(
        str(out),
        seed=spec["seed"],
        per_device_train_batch_size=spec["batch"],
        num_train_epochs=spec["epochs"],
        learning_rate=spec["lr"],
        warmup_steps=spec["warmup"],  # below 1 it is a share
        weight_decay=0.01,
        use_cpu=not torch.cuda.is_available(),
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    collator = (DataCollatorForTokenClassification if tags else DataCollatorWithPadding)(tokenizer)
    return Trainer(model, arguments, data_collator=collator, train_dataset=rows, processing_class=tokenizer)


def train(spec: dict[str, Any], phase: dict[str, Any], start: str, out: Path) -> None:
    records = read(phase["train"])
    rows = encode(AutoTokenizer.from_pretrained(start), records, phase["labels"], spec["padding"])
    trainer = trainer_of(spec, start, phase["labels"], "words" in records[0], out, rows)
    trainer.train()
    trainer.save_model(str(out))


def predict(spec: dict[str, Any], folder: Path, labels: list[str]) -> None:
    """`<language>.jsonl` beside the model. Words that were cut off get the first label."""
    tags = "words" in read(next(iter(spec["tests"].values())))[0]
    trainer = trainer_of(spec, str(folder), labels, tags, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for language, path in spec["tests"].items():
        records = read(path)
        rows = encode(tokenizer, records, labels, spec["padding"])
        best = trainer.predict(rows).predictions.argmax(-1)
        with (folder / f"{language}.jsonl").open("w", encoding="utf-8") as file:
            for record, row, found in zip(records, rows, best, strict=True):
                answer: Any = labels[found] if not tags else None
                if tags:
                    kept = [labels[f] for f, label in zip(found, row["labels"], strict=False) if label != IGNORED]
                    answer = kept + [labels[0]] * (len(record["words"]) - len(kept))
                file.write(json.dumps({"id": record["id"], "answer": answer}, ensure_ascii=False) + "\n")


def main() -> None:
    spec = json.loads(sys.argv[1])
    folder = spec["encoder"]
    for phase in spec["phases"]:
        out = Path(phase["out"])
        if not (out / "config.json").is_file():  # a phase that another cell left, where cells share them
            train(spec, phase, str(folder), out)
        folder = out
    predict(spec, Path(folder), spec["phases"][-1]["labels"])


if __name__ == "__main__":
    main()
