"""What an estimate rests on: how many weights an encoder has, how long examples are, how many a task has, what they take on disk.

All of it is declared, catalogued or was measured once, so that a plan needs neither data nor network. What has no known size
is an `Unknown`, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from xstilts.stages.stage import Stage
from xstilts.store.store import read_json
from xstilts.tasks.files.locate import resolve_split
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

EMBEDDED = "the embedded world"

# Shapes of models that a plan without network names: hidden, blocks, feed-forward, vocabulary. The counts of weights that follow
# agree with those on their pages (85 M and 302 M without embeddings, 278 M and 560 M with them, for the first two).
HUB_SHAPES = {
    "FacebookAI/xlm-roberta-base": (768, 12, 3072, 250_002),
    "FacebookAI/xlm-roberta-large": (1024, 24, 4096, 250_002),
    "facebook/xlm-roberta-xl": (2560, 36, 10_240, 250_880),
    "nreimers/mMiniLMv2-L6-H384-distilled-from-XLMR-Large": (384, 6, 1536, 250_002),
    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large": (384, 12, 1536, 250_002),
}
POSITIONS = 514

# Tokens of one example (all its windows or choices, special tokens included) and rows that it makes, measured on real text with
# a Unigram tokenizer of 20,000 pieces for 41 languages; XLM-R's has 250,002 and makes fewer. Training lengths of each task:
# windows of 384 tokens that overlap by 128, everything else cut at 256. Test lengths are means over 4 to 34 languages.
LENGTHS: dict[str, tuple[float, float]] = {
    "mnli": (50, 1),  # English dev pairs of XNLI, which are MNLI's kind
    "snli": (44, 1),
    "xnli": (52, 1),
    "mnli_mt": (52, 1),
    "pawsx": (87, 1),  # German
    "pawsx_mt": (87, 1),
    "commonsenseqa": (149, 1),
    "hellaswag": (544, 1),
    "cosmosqa": (623, 1),
    "xcopa": (71, 1),
    "copa": (71, 1),
    "udpos": (40, 1),
    "panx": (20, 1),
    "squad_v1": (304, 1.16),
    "squad_v2": (336, 1.22),
    "xquad": (334, 1.29),
    "mlqa": (360, 1.41),  # German
    "tydiqa": (270, 1.18),
    "squad_pairs": (232, 1),
    "lareqa": (116, 1),
    "tatoeba": (30, 2),
}
# Means of the above, for tasks of which there was nothing to measure (ANLI's paragraphs are longer, QQP's questions shorter).
USUAL: dict[str, tuple[float, float]] = {
    "classify": (60, 1),
    "choice": (347, 1),
    "tag": (30, 1),
    "span": (325, 1.25),
    "rank": (174, 1),
    "embed": (30, 2),
    "mine": (15, 1),
}
# Bytes that one example takes in the store as text, as a prediction and as a tally, measured in a finished study.
FETCHED_BYTES = {"classify": 250, "choice": 300, "tag": 350, "span": 1100, "embed": 170, "mine": 170, "rank": 300, "mlm": 2000}
PREDICTED_BYTES = {"classify": 50, "choice": 50, "tag": 180, "span": 95}
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


def weights_of(stage: Stage) -> Weights:
    """Of the encoder that a stage starts from. Raises Unknown."""
    while stage.kind != "encoder":
        stage = stage.inputs["init"]
    source = stage.config["source"]
    match source["kind"]:
        case "random":
            return weights_of(stage.inputs["like"])
        case "hub" if source["id"] in HUB_SHAPES:
            return weights(*HUB_SHAPES[source["id"]])
        case "hub":
            raise Unknown(f"encoder {source['id']}: its size is not known here")
        case "folder":
            config = read_json(Path(stage.context["folder"]) / "config.json") or {}
            names = ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size", "max_position_embeddings")
            if not all(isinstance(config.get(name), int) for name in names):
                raise Unknown(f"encoder {stage.slug}: its config.json does not say its size in the usual words")
            return weights(*(config[name] for name in names))
        case "scratch":
            shape, vocabulary = source["architecture"], stage.inputs["tokenizer"].config["vocabulary"]
            return weights(shape["hidden"], shape["layers"], shape["feed_forward"], vocabulary, shape["positions"])
    raise Unknown(EMBEDDED)


def length(task: Task) -> tuple[float, float]:
    """Tokens of an example of a task, and rows that it makes."""
    return LENGTHS.get(task.name) or USUAL[task.format.name]


def examples(stage: Stage) -> float:
    """How many examples a fetch stage reads, as catalogued and limited by the study. Raises Unknown."""
    config = stage.config
    task = find_task(config["task"])
    if task.synthetic:
        raise Unknown(EMBEDDED)
    split, language, limit = config["split"], config["language"], config["limit"]
    count: float | None = task.splits[resolve_split(task, split)].counts.get(language)
    if count is None:
        raise Unknown(f"{task.name} ({split})", language)
    if task.heldout and "dev" not in task.splits:
        count *= 1 / task.heldout if split == "dev" else 1 - 1 / task.heldout
    return min(count, limit) if limit else count


def known_examples(stages: Collection[Stage], gaps: list[Unknown]) -> float:
    """The sum over fetch stages; those of unknown size become gaps. Raises Unknown if all are."""
    counts: list[float] = []
    missed: list[Unknown] = []
    for stage in stages:
        try:
            counts.append(examples(stage))
        except Unknown as error:
            missed.append(error)
    gaps += missed
    if missed and not counts:
        raise missed[0]
    return sum(counts)
