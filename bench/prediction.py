"""Examples to answers against `Trainer.predict`: texts are tokenised, run through encoder and head, and the best label is taken.

The peer keeps its defaults: batches of 8 in the order of the examples, padded to their longest row; its bf16 is `bf16_full_eval`.
Ours is what the predict stage does. The heads have fresh weights: speed does not depend on them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import machine
from inputs import Inputs
from lengths import LABELS, Rows, efficiency
from rounds import HERE, WARM, Answers, Variant, interleave, median_seconds, ratio, shown

EXAMPLES = {"nli": 160, "tag": 240}
PEER_BATCH = 8
MAX_LENGTH = 128


def xstilts(spec: dict[str, Any], rows: Rows, answers: Answers) -> None:
    import torch

    from training_variants import FORMATS
    from xstilts.formats.classify import ClassifyExample
    from xstilts.formats.tag import TagExample
    from xstilts.model.codecs.registry import CODECS
    from xstilts.model.encoder import load_encoder, round_linears
    from xstilts.model.model import Model
    from xstilts.model.tokenizer import load_tokenizer
    from xstilts.recipe.recipe import Recipe
    from xstilts.train.evaluate import predict

    folder, form, kind = Path(spec["folder"]), FORMATS[spec["kind"]], TagExample if spec["kind"] == "tag" else ClassifyExample
    recipe = Recipe(max_length=MAX_LENGTH, precision=spec["precision"])
    codec = CODECS[form.name](form, load_tokenizer(folder), recipe)
    trunk: Any = load_encoder(folder)
    model = Model(trunk, {"task": codec.head(trunk)}).to(spec["device"])
    if spec["precision"] == "bf16":
        round_linears(trunk)
    examples = [kind(str(i), tuple(row.texts), None) for i, row in enumerate(rows.rows)]
    answers.ready()
    for _ in count():
        answers.wait()
        found = list(predict(model, "task", codec, examples))
        if spec["device"] == "cuda":
            torch.cuda.synchronize()
        answers.done(answers=len(found))


def trainer(spec: dict[str, Any], rows: Rows, answers: Answers) -> None:
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer, tags = AutoTokenizer.from_pretrained(spec["folder"]), spec["kind"] == "tag"
    kind: Any = AutoModelForTokenClassification if tags else AutoModelForSequenceClassification
    model = kind.from_pretrained(spec["folder"], num_labels=LABELS[spec["kind"]])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_eval_batch_size=PEER_BATCH,
            bf16_full_eval=spec["precision"] == "bf16",
            use_cpu=spec["device"] == "cpu",
            report_to=[],
            disable_tqdm=True,
        )
        judge = Trainer(model, arguments, data_collator=DataCollatorWithPadding(tokenizer))
        texts: Any = [row.texts for row in rows.rows]
        answers.ready()
        for _ in count():
            answers.wait()
            how = {"is_split_into_words": True} if tags else {}
            sides = [texts] if tags else list(map(list, zip(*texts, strict=True)))
            encoded = tokenizer(*sides, truncation=True, max_length=MAX_LENGTH, **how)
            examples = [{name: values[i] for name, values in encoded.items()} for i in range(len(texts))]
            found = judge.predict(examples).predictions.argmax(-1)  # type: ignore[arg-type]
            answers.done(answers=len(found))


def measure(kind: str, inputs: Inputs, shape: str, device: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    folder, shape = inputs.model(shape)
    examples = EXAMPLES[kind] * (20 if device == "cuda" else 1)
    path = inputs.rows(kind, examples)
    title = f"prediction, {'XNLI' if kind == 'nli' else 'tagging'}-like, {shape}, {examples:,} examples"
    title += ", GPU" if device == "cuda" else ""
    print(f"\n{title}")
    spec = {"kind": kind, "folder": str(folder), "rows": str(path), "device": device, "threads": machine.threads()}
    precisions = ["fp32", *["bf16"] * machine.multiplies_bf16(device)]

    def variant(engine: str, precision: str) -> Variant:
        name = f"{'Trainer' if engine == 'trainer' else engine} {precision}"
        command = [sys.executable, str(HERE / "prediction.py"), json.dumps({**spec, "engine": engine, "precision": precision})]
        return Variant(name, command, 2 if name == "Trainer fp32" else 1)

    variants = [variant(engine, precision) for precision in precisions for engine in ("trainer", "xstilts")]
    taken = interleave(variants, rounds, WARM, seconds)
    real = efficiency(Rows.read(path).rows, PEER_BATCH)
    print(f"  padding: {real:.2f} of Trainer's tokens are real, so that it alone explains at most {1 / real:.2f}x")
    found: list[dict[str, Any]] = [{"name": title, "peer": v.name, "not_run": v.trouble} for v in variants if v.trouble]
    pairs = [("Trainer fp32 again", "Trainer fp32"), ("xstilts fp32", "Trainer fp32")]
    for ours, peer in [*pairs, ("xstilts bf16", "Trainer fp32"), ("xstilts bf16", "Trainer bf16")]:
        if taken.get(ours) and taken.get(peer):
            record = {
                "name": f"{title}: {ours}",
                "peer": peer,
                "ratio": ratio(taken[peer], taken[ours]),
                "rounds": len(taken[ours]),
                "seconds": median_seconds(taken[ours]),
                "peer_seconds": median_seconds(taken[peer]),
            }
            found.append(record)
            each = f"{examples / record['seconds']:,.0f} examples/s"
            seconds_ = f"{record['seconds']:.2f} s against {record['peer_seconds']:.2f} s"
            print(f"  {ours:18} {shown(record['ratio'])} {peer:12}  {seconds_}; {each}")
    for record in found:
        if "not_run" in record:
            print(f"  not run: {record['peer']}: {record['not_run']}")
    return found


def main() -> None:
    import torch

    spec = json.loads(sys.argv[1])
    torch.set_num_threads(spec["threads"])
    {"xstilts": xstilts, "trainer": trainer}[spec["engine"]](spec, Rows.read(spec["rows"]), Answers())
    os._exit(0)


if __name__ == "__main__":
    main()
