"""Pre-train an encoder from scratch on a folder of text: a study that ends after phase 1, and its model as a folder.

It is the same computation as in a study with `scratch` and `pretrain`: the tokenizer, the random encoder and the masked language
modelling are stages of the store, so that a run goes on where it was and a study on the same text finds them done.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from xstilts.data.yaml_records import make_record
from xstilts.errors import InputError
from xstilts.plan.compile import Plan, assemble, data_root
from xstilts.plan.data_stages import DataStages
from xstilts.plan.encoder_stages import EncoderStages
from xstilts.plan.train_stages import TrainStages
from xstilts.recipe.encoder_identity import Architecture
from xstilts.stages.stage import Checkpoint
from xstilts.store.store import Store, read_json
from xstilts.study import NO_CHAIN, SCRATCH, Chain, Study, Target, change_field
from xstilts.tasks.user.corpus import declare_corpus

# Width of an attention head in XLM-R (and BERT), and how much wider its feed-forward layers are than its states.
HEAD, WIDER = 64, 4
SHAPE = Architecture(hidden=256, layers=6, heads=256 // HEAD, feed_forward=256 * WIDER, positions=514)
# AdamW's beta2 and epsilon as in RoBERTa (Liu et al. 2019, arXiv 1907.11692, table 9); no dropout, since most of the text is seen
# a few times only. Batch, length and learning rate are a choice for small models, not tuned.
OPTIMISER = {"lr": 5e-4, "warmup": 0.05, "adam_beta2": 0.98, "adam_epsilon": 1e-6, "dropout": 0.0}
RECIPE: dict[str, Any] = {**OPTIMISER, "batch": 64, "max_length": 128, "policy": "last"}


class Pretraining(Study):
    """A study without chains and targets: what is made is the encoder at the end of `pretrain`."""

    chains: dict[str, Chain] = Field(default_factory=lambda: dict[str, Chain]({NO_CHAIN: ()}))
    targets: tuple[Target, ...] = ()


def make_pretraining(
    folder: Path,
    parallel: Path | None,
    steps: int,
    vocabulary: int,
    shape: Mapping[str, int],
    seed: int = 0,
    changes: Sequence[str] = (),
) -> Pretraining:
    """The record for a folder of `<code>.txt` and, if given, one of translations. `shape` changes hidden size and layers;
    `changes` are `field=value`, as in studies. Raises InputError."""
    tasks = declare_corpus(folder, parallel)
    text = tasks[0].name
    name = re.sub(r"[^\w.-]+", "-", text.partition("/")[2])
    hidden = shape.get("hidden", SHAPE.hidden)
    wide = {"hidden": hidden, "heads": max(1, hidden // HEAD), "feed_forward": WIDER * hidden}
    mixture: dict[str, Any] = {"mix": [task.name for task in tasks], "smoothing": 0.3, "recipe": {"steps": steps}}
    if parallel is not None:  # as XLM: a step of text, a step of translations (arXiv 1901.07291)
        mixture |= {"sampling": "uniform", "share_heads": True}
    record: dict[str, Any] = {
        "name": f"pretrain-{name}",
        "question": f"An encoder from scratch on {text}",
        "encoders": [f"{SCRATCH}{name}"],
        "scratch": {name: {"corpus": text, "vocabulary": vocabulary}},
        "architectures": {name: {**SHAPE.model_dump(), **wide, **shape}},
        "tasks": [str(path) for path in (folder, parallel) if path is not None],
        "pretrain": [mixture],
        "recipes": {"default": dict(RECIPE)},
        "seeds": [seed],
    }
    for change in changes:
        change_field(record, change)
    made = make_record(Pretraining, record, "pretrain")
    longest, room = made.phase_recipe(made.pretrain[0].mix, {}).max_length, made.architecture_of(made.encoders[0]).positions - 2
    if longest > room:
        needed = f"--set architectures.{name}.positions={longest + 2}"
        raise InputError(f"pretrain: max_length {longest} is more than the encoder's {room} positions; {needed}")
    return made


def compile_pretraining(study: Pretraining, root: Path | None = None) -> tuple[Plan, Checkpoint]:
    """The plan, and its last training."""
    data = DataStages(study, root or data_root())
    trained = TrainStages(data, EncoderStages(data, None)).pretrain(study.encoders[0], study.seeds[0])
    return assemble(data, [trained], []), trained


def check_free(folder: Path) -> None:
    """Raises InputError if the folder for the model holds anything: better now than after hours of training."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: not an empty folder; give a new one with --out")


def summarise(store: Store, trained: Checkpoint) -> str:
    """What the pre-training came to, in a few words."""
    record = read_json(store.folder(trained.kind, trained.slug, trained.key) / "out" / "train.json")
    return f"{record['steps']:,} steps, {record['tokens']:,} tokens, loss {record['losses'][-1][1]:.2f} over the last ones"
