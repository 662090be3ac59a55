"""train: start from an artefact, train on a mixture, leave a model folder. Every phase of every chain is this stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.data.example import Example, read_jsonl
from xstilts.data.placebo import shuffled
from xstilts.errors import InputError
from xstilts.model.encoder import load_tokenizer, max_positions
from xstilts.model.formats.coder import Coder
from xstilts.model.model import CODERS, format_of, fresh_model, save_model, trunk_folder
from xstilts.recipe.recipe import Recipe
from xstilts.stages.device import device
from xstilts.stages.job import Diverged, Interrupted, Job
from xstilts.store.store import write_json
from xstilts.tasks.catalogue import find_task
from xstilts.train.loop import Member, NotFinite, train


def coder_of(record: Mapping[str, Any], tokenizer: Any, recipe: Recipe) -> Coder:
    """The coder of a spelled format."""
    spec = format_of(record)
    return CODERS[spec.name](spec, tokenizer, recipe)


def check_length(encoder: Any, recipe: Recipe) -> None:
    """Raises InputError if the recipe's `max_length` is more than the encoder can number."""
    if recipe.max_length > max_positions(encoder):
        raise InputError(f"recipe: max_length {recipe.max_length} is more than the encoder's {max_positions(encoder)} positions")


def _examples(folder: Path) -> list[Example]:
    return list(read_jsonl(folder / "examples.jsonl"))


def run(job: Job) -> None:
    """Leaves `encoder/`, `heads.safetensors`, `heads.json` and `train.json`."""
    config = job.config
    recipe = Recipe(**config["recipe"])
    start = job.inputs["init"]
    tokenizer = load_tokenizer(trunk_folder(start))
    coders = {t["name"]: coder_of(t["format"], tokenizer, recipe) for t in config["tasks"]}
    members = []
    for name, coder in coders.items():
        sources = [folder for input_name, folder in job.inputs.items() if input_name.startswith(f"train:{name}:")]
        examples = [example for folder in sources for example in _examples(folder)]
        if config["labels"] == "shuffled":
            examples = shuffled(examples, config["seed"])
        dev = _examples(job.inputs[f"dev:{name}"]) if f"dev:{name}" in job.inputs else []
        members.append(Member(name, coder, coder.encode(examples, training=True), dev, find_task(name).metric))
        job.check_stop()

    import torch

    torch.manual_seed(config["seed"])  # the fresh heads
    model = fresh_model(start, coders, recipe.dropout)
    check_length(model.encoder, recipe)
    model.to(device())
    try:
        record = train(model, members, config["cap"], recipe, config["seed"], job.checkpoint, job.progress, job.stop.is_set)
    except NotFinite as error:
        raise Diverged(str(error)) from None
    if record is None:
        raise Interrupted
    save_model(model, {name: coder.spec for name, coder in coders.items()}, trunk_folder(start), job.out)
    write_json(job.out / "train.json", record)
    shown = ("steps", "tokens", "train_seconds", "tokens_per_second", "policy", "selection", "dev_final", "device")
    job.facts |= {name: record[name] for name in shown}
