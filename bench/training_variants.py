"""One variant of a training step, as a process of `rounds.py`: ours, or a real `transformers.Trainer`.

    python bench/training_variants.py '{"engine": "xstilts", "kind": "nli", "rows": FILE, "precision": "fp32", ...}'

Both start from the same folder, have heads of the same shape and see the same batches. A turn is a whole step: batch put
together, forward, backward, clipping at 1.0, fused AdamW, learning rate. Trainer runs its own loop, `Trainer.train()`, with
dynamic padding and its defaults otherwise; a callback at the end of each step stops it until the next turn.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from lengths import LABELS, Row, Rows, batches
from rounds import Answers
from xstilts.formats.classify import Classify
from xstilts.formats.format import Format
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag

IGNORED = -100
FORMATS: dict[str, Format] = {
    "nli": Classify(labels=tuple(f"l{i}" for i in range(LABELS["nli"]))),
    "tag": Tag(labels=tuple(f"l{i}" for i in range(LABELS["tag"]))),
    "qa": Span(),
    "full": Span(),
}


def wait_for(device: str) -> None:
    """A card computes on after it was told to."""
    if device == "cuda":
        torch.cuda.synchronize()


def gpu_peak(device: str) -> dict[str, float]:
    return {"gpu_peak_mib": torch.cuda.max_memory_allocated() / 1024**2} if device == "cuda" else {}


def xstilts(spec: dict[str, Any]) -> None:
    """As the train stage does it: packed, the vocabulary trimmed to what the data meet, micro-batches by tokens. `attention` and
    `compile` are what is tried beside it (training.py)."""
    import attention
    from xstilts.model.codecs.codec import Feature
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.encoder import blocks, load_encoder
    from xstilts.model.model import Model
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.model.vocabulary import trim
    from xstilts.recipe.recipe import Recipe
    from xstilts.stages.device import device as choose_device
    from xstilts.train.ddp import Group
    from xstilts.train.flops import measure_peak_flops
    from xstilts.train.step import Stepper, choose_micro_tokens, make_optimizer

    os.environ["XSTILTS_DEVICE"] = spec["device"]
    folder, device = Path(spec["folder"]), choose_device()
    recipe = Recipe(batch=spec["batch"], max_length=384, precision=spec["precision"])
    tokenizer = load_tokenizer(folder)
    form = FORMATS[spec["kind"]]
    codec = CODECS[form.name](form, tokenizer, recipe)
    trunk: Any = load_encoder(folder)
    model = Model(trunk, {"task": codec.head(trunk)})
    parameters = sum(p.numel() for p in model.parameters())
    trim(trunk, spec["met"], tokenizer.all_special_ids)
    model.to(device)
    if spec.get("attention"):
        attention.use(spec["attention"])
    if spec.get("compile"):
        for block in blocks(trunk)[:-1]:  # they share what is compiled; it would not see the hooks of the last one
            block.compile(dynamic=True)
    optimizer = make_optimizer(model, recipe)
    stepper = Stepper(model, optimizer, recipe, 0, Group(), choose_micro_tokens(device))

    def feature(i: int, row: Row) -> Feature:
        if form.name == "tag":
            return Feature(i, [row.ids], row.tags, {"starts": row.starts})
        return Feature(i, [row.ids], row.label if form.name == "classify" else row.span)

    features = [[feature(i, row) for i, row in enumerate(batch)] for batch in spec["batches"] for _ in range(spec["turns"])]
    answers = Answers()
    answers.ready(parameters=parameters, trained=sum(p.numel() for p in model.parameters()), met=len(spec["met"]))
    for step, batch in enumerate(features):
        answers.wait()
        peak = measure_peak_flops(device, spec["precision"])  # measured in the first turn, which is not kept: nobody else runs
        stepper.step("task", codec, batch, step, recipe.lr)
        wait_for(spec["device"])
        lengths = [len(f.rows[0]) for f in batch]
        facts = {"tokens": sum(lengths), "flops": stepper.flops, "peak_flops": peak, "halved": stepper.halved}
        answers.done(**facts, **gpu_peak(spec["device"]))


def trainer(spec: dict[str, Any]) -> None:
    """Trainer with its defaults, but: batches in the given order, bf16 where asked for, nothing saved or logged."""
    from transformers import (
        AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(spec["folder"])
    form = FORMATS[spec["kind"]]
    kind: Any = {
        "classify": AutoModelForSequenceClassification,
        "tag": AutoModelForTokenClassification,
        "span": AutoModelForQuestionAnswering,
    }[form.name]
    labels = {"num_labels": LABELS[spec["kind"]]} if spec["kind"] in LABELS else {}
    model = kind.from_pretrained(spec["folder"], **labels)
    collator = (DataCollatorForTokenClassification if form.name == "tag" else DataCollatorWithPadding)(tokenizer)

    def example(row: Row) -> dict[str, Any]:
        tokens = {"input_ids": row.ids.tolist(), "attention_mask": [1] * len(row.ids)}
        if form.name == "tag":
            targets = [IGNORED] * len(row.ids)
            for start, tag in zip(row.starts or (), row.tags or (), strict=True):
                targets[start] = tag
            return {**tokens, "labels": targets}
        if form.name == "span":
            return {**tokens, "start_positions": row.span[0], "end_positions": row.span[1]}
        return {**tokens, "labels": row.label}

    examples = [example(row) for batch in spec["batches"] for _ in range(spec["turns"]) for row in batch]
    answers = Answers()

    class Gate(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            answers.ready(trained=sum(p.numel() for p in model.parameters()))
            answers.wait()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            wait_for(spec["device"])
            answers.done(**gpu_peak(spec["device"]))
            answers.wait()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=spec["batch"],
            num_train_epochs=1,
            learning_rate=1e-5,
            train_sampling_strategy="sequential",
            bf16=spec["precision"] == "bf16",
            use_cpu=spec["device"] == "cpu",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        Trainer(model, arguments, data_collator=collator, train_dataset=examples, callbacks=[Gate()]).train()


def main() -> None:
    spec = json.loads(sys.argv[1])
    torch.set_num_threads(spec["threads"])
    found = Rows.read(spec["rows"])
    spec |= {"met": found.met, "batches": list(batches(found.rows, spec["batch"]))}
    {"xstilts": xstilts, "trainer": trainer}[spec["engine"]](spec)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
