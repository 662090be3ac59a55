"""What an estimate rests on: how many weights an encoder has, how long examples are, how many a task has, what they take on disk.

All of it is declared, catalogued or was measured once, so that a plan needs neither data nor network. What has no known size
is an `Unknown`, never a guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from xstilts.data.yaml_records import parse_yaml
from xstilts.model.encoder_files import shape_number
from xstilts.plan.cell import trace
from xstilts.stages.contracts import FolderSource, HubSource, RandomSource, ScratchSource, WorldSource
from xstilts.stages.stage import AttackStage, Checkpoint, FetchStage, Stage, TokenizerStage
from xstilts.store.store import read_json
from xstilts.tasks.files.locate import resolve_split
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

EMBEDDED = "the embedded world"

# Measured lengths of tasks: tokens of an example, and rows that it makes; and the shapes of encoders on the Hub.
_SIZES = parse_yaml((resources.files("xstilts.plan.cost") / "sizes.yaml").read_text(encoding="utf-8"), "sizes.yaml")
LENGTHS: dict[str, tuple[float, float]] = {name: (tokens, rows) for name, (tokens, rows) in _SIZES["lengths"].items()}
HUB_SHAPES: dict[str, list[int]] = _SIZES["hub_shapes"]
POSITIONS = 514
# Bytes of one tally in the store, measured in a finished study.
TALLY_BYTES = 20


@dataclass(frozen=True)
class Weights:
    """How many weights an encoder has, with embeddings and without."""

    all: int
    body: int
    hidden: int
    layers: int


class Unknown(Exception):
    """Something whose size nobody has counted: what it is, and in which language."""

    def __init__(self, what: str, language: str = ""):
        super().__init__(what)
        self.what, self.language = what, language


def weights(hidden: int, layers: int, feed_forward: int, vocabulary: int, positions: int = POSITIONS) -> Weights:
    """Of an encoder of XLM-R's kind: matrices, biases and norms of its blocks; and the three embedding tables and their norm."""
    block = 4 * (hidden * hidden + hidden) + 2 * hidden * feed_forward + feed_forward + hidden + 4 * hidden
    body = layers * block
    return Weights(body + (vocabulary + positions + 1 + 2) * hidden, body, hidden, layers)


def weights_of(checkpoint: Stage) -> Weights:
    """Of the encoder that a checkpoint comes from. Raises Unknown."""
    assert isinstance(checkpoint, Checkpoint)
    encoder, _ = trace(checkpoint)
    match encoder.config.source:
        case RandomSource():
            assert encoder.inputs.like is not None
            return weights_of(encoder.inputs.like)
        case HubSource(id=name):
            if name not in HUB_SHAPES:
                raise Unknown(f"encoder {name}: its size is not known here")
            return weights(*HUB_SHAPES[name])
        case FolderSource():
            config = read_json(Path(encoder.context.folder) / "config.json") or {}
            names = ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size", "max_position_embeddings")
            numbers = [number for name in names if (number := shape_number(config, name)) is not None]
            if len(numbers) < len(names):
                raise Unknown(f"encoder {encoder.slug}: its config.json does not say its size in the usual words")
            return weights(*numbers)
        case ScratchSource(architecture=shape):
            tokenizer = encoder.inputs.tokenizer
            assert isinstance(tokenizer, TokenizerStage)
            return weights(shape.hidden, shape.layers, shape.feed_forward, tokenizer.config.vocabulary, shape.positions)
        case WorldSource():
            raise Unknown(EMBEDDED)


def length(task: Task) -> tuple[float, float]:
    """Tokens of an example of a task, and rows that it makes."""
    return LENGTHS.get(task.name) or task.format.usual_length


def examples(stage: Stage) -> float:
    """How many examples a fetch stage reads, as catalogued and limited by the study, or an attack stage makes of them at most.
    Raises Unknown."""
    if isinstance(stage, AttackStage):
        return stage.config.count * examples(stage.inputs.clean)
    assert isinstance(stage, FetchStage)
    config = stage.config
    task = find_task(config.task)
    if task.synthetic:
        raise Unknown(EMBEDDED)
    count: float | None = task.splits[resolve_split(task, config.split)].counts.get(config.language)
    if count is None:
        raise Unknown(f"{task.name} ({config.split})", config.language)
    if task.heldout and "dev" not in task.splits:
        count *= 1 / task.heldout if config.split == "dev" else 1 - 1 / task.heldout
    return min(count, config.limit) if config.limit else count


def known_examples(stages: Iterable[Stage], gaps: list[Unknown]) -> float:
    """The sum over fetch and attack stages; those of unknown size become gaps. Raises Unknown if all are."""
    counts, missed = list[float](), list[Unknown]()
    for stage in stages:
        try:
            counts.append(examples(stage))
        except Unknown as error:
            missed.append(error)
    gaps += missed
    if missed and not counts:
        raise missed[0]
    return sum(counts)
