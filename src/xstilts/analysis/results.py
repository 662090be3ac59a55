"""What a report is made from: plain records, read from score artefacts by `analysis/gather.py`.

Everything after the gathering is a pure function of `Results`, so that a report can be rendered and tested without a store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis.truth import Truth
from xstilts.execution.freeze import FrozenDesign
from xstilts.execution.language_pairs import PairScore
from xstilts.formats.registry import FORMATS
from xstilts.metrics.metric import Metric
from xstilts.plan.design import CodeVersion, Design
from xstilts.recipe.mixture import Mixture
from xstilts.study import Control, Layer, PrimaryPair, is_primary

LEAK = "oracle: chosen on target-language dev data — a leak"
CONTROL_WORDS = {"placebo": "placebo", "compute": "compute-matched"}


@dataclass(frozen=True)
class LanguageScore:
    """One language of one cell. `counts_NC` holds the metric's tally rows, in the order of `ids_N`; values are 0-1. `baseline`:
    the headline of the best trivial rule, such as one label for all (`metrics.baseline`). `attack`: under a condition, how the
    variants fared, as the score stage says it. `sizes`: as in `Metric.count_examples`."""

    values: Mapping[str, float]
    headline: float
    ids_N: NDArray[np.str_]
    counts_NC: NDArray[np.float64]
    baseline: float | None = None
    attack: Mapping[str, float | None] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def count_examples(self, value: str = "headline") -> int:
        """How many examples a value is over."""
        return self.sizes.get(value, len(self.ids_N))


@dataclass(frozen=True)
class Treatment:
    """What one chain learned of one of its tasks with one seed: the score on `examples` dev examples at the end of the phase, and
    that of the best trivial rule (0-1)."""

    encoder: str
    chain: str
    task: str
    seed: int
    score: float
    baseline: float
    examples: int


@dataclass(frozen=True)
class LayerScore:
    """Retrieval accuracy (0-1) of one language at one layer (0 = embeddings) and pooling, with or without centring."""

    layer: int
    pooling: str
    centred: bool
    language: str
    accuracy: float


@dataclass(frozen=True)
class Cell:
    """The scores of one grid point. `chain` is a chain's name; `control` is "" or "random-init" (then `chain` is "none"). `leak`:
    a phase took the weights that are best on dev data of the target languages, so the score is an upper bound. `pairs`: under an
    attack that mixes languages, the scores of each pair."""

    encoder: str
    chain: str
    target: str
    seed: int
    control: str
    languages: Mapping[str, LanguageScore]
    layers: tuple[LayerScore, ...]
    layer: int | None
    key: str
    leak: bool = False
    pairs: tuple[PairScore, ...] = ()


@dataclass(frozen=True)
class ChainInfo:
    """`control`: "" (the chain is no control), "placebo" (labels were shuffled) or "compute" (no chain, but each target is
    trained longer, by as many real tokens as the chain `of` saw). `of` is the chain that it controls for. A placebo that is
    written out in the study names none, and controls for the chains of the same tasks."""

    name: str
    phases: tuple[Mixture, ...]
    tasks: tuple[str, ...]
    control: Control | Literal[""] = ""
    of: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """Each phase in words, e.g. ("squad_v1", "snli + commonsenseqa (de, fr)")."""
        if self.control == "compute":
            return (f"the target's own training, longer by the tokens of {self.of}",)
        return tuple(_words(mixture) for mixture in self.phases)


def _words(mixture: Mixture) -> str:
    words = " + ".join(mixture.mix)
    if mixture.languages:
        words += f" ({', '.join(mixture.languages)})"
    return f"{words} (shuffled labels)" if mixture.labels == "shuffled" else words


@dataclass(frozen=True)
class TargetInfo:
    """`chance` is the score of guessing (None if it has no simple value). `missing` are languages of the task that were asked
    for and have no data. `metric_name` is e.g. "squad", `headline_name` e.g. "mean of F1 and EM". `training_data` are the
    tasks whose training data it is fine-tuned on, those inside others and those with the same texts included; `split` is the
    data that it is scored on; `margin` is the difference (0-1) that is too small to matter."""

    name: str
    format: str
    metric_name: str
    headline_name: str
    values: tuple[str, ...]
    trains_on: str
    languages: tuple[str, ...]
    missing: tuple[str, ...]
    chance: float | None
    license: str
    cite: str
    url: str
    notes: str
    training_data: frozenset[str] = frozenset()
    split: str = "test"
    margin: float = 0.01

    @property
    def trained(self) -> bool:
        """Whether it is fine-tuned. If not, the encoder is scored as the chain leaves it."""
        return FORMATS[self.format].trained

    @property
    def coverage(self) -> str:
        """ "" when no language is missing, else e.g. "7/15"."""
        asked = len(set(self.languages) | set(self.missing))
        return f"{asked - len(self.missing)}/{asked}" if self.missing else ""


@dataclass(frozen=True)
class ConditionInfo:
    """An attack on the test data: `name` with what differs from its defaults, budget and count in words (`strength`), `goal` as
    in `Attack.goal`, `cite` whose idea it is. `attack`: its name alone; `unit`: what the budget counts. `stands_alone`: its
    variants have nothing of the clean examples, so no drop is compared."""

    name: str
    title: str
    description: str
    goal: str
    strength: str
    cite: str
    attack: str
    unit: str
    budget: float
    count: int
    seed: int
    mixes_languages: bool = False
    stands_alone: bool = False


@dataclass(frozen=True)
class StageCost:
    """One stage of the plan: its last run's seconds, peak memory and facts, and how many cells of the study need it. `runs`
    counts attempts; `phase` is that of a training: pre-training, intermediate training or fine-tuning; `inputs` are the keys
    of the stages whose outputs it read. `task`, `split` and `language` say which data a fetch stage read."""

    kind: str
    slug: str
    key: str
    status: str  # done | missing | failed | blocked
    seconds: float | None
    peak_mib: float | None
    used_by: int
    made_before: bool
    error: str
    runs: int = 1
    phase: str = ""
    inputs: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    split: str = ""
    language: str = ""


@dataclass(frozen=True)
class Results:
    """`retrieval` says in words how retrieval is scored ("" if no target is retrieval); `layer`, `pooling` and `centred` are
    the study's setting. `metrics` maps the name of each target's metric to the metric, for bootstraps from the tallies.
    `sizes` are the weights of each encoder's blocks (no embeddings), if its files are in the store. `compare` are the study's
    own comparisons: a chain, and the chains whose mean it is compared with. `primary` are the pairs that the answer rests on
    (all of them if there are none). `treatments`: what the chains learned, where the store knows it. `frozen` are the designs
    that were frozen under the study's name, the oldest first; with any, `design` and `code` are what they are held against.
    `truth`: the true gains, where they are known. `conditions`: what was done to the test data.
    `attacked`: condition -> the same cells under it, apart from `cells`, so that no gain, score or claim counts them.
    `unattacked`: (condition, target) -> language -> why there is no such attack."""

    study: str
    question: str
    encoders: tuple[str, ...]
    chains: tuple[ChainInfo, ...]
    targets: tuple[TargetInfo, ...]
    seeds: tuple[int, ...]
    limits: Mapping[str, int]
    recipes: Mapping[str, Mapping[str, object]]
    cells: tuple[Cell, ...]
    costs: tuple[StageCost, ...]
    notes: tuple[str, ...]
    retrieval: str
    layer: Layer
    pooling: str
    centred: bool
    policy: str
    version: str
    made: str
    fingerprint: str
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    language_names: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    compare: tuple[tuple[str, tuple[str, ...]], ...] = ()
    primary: tuple[PrimaryPair, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    frozen: tuple[FrozenDesign, ...] = ()
    design: Design | None = None
    code: CodeVersion | None = None
    truth: Truth | None = None
    conditions: tuple[ConditionInfo, ...] = ()
    attacked: Mapping[str, tuple[Cell, ...]] = field(default_factory=dict)
    unattacked: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def is_primary(self, chain: str, target: str) -> bool:
        return is_primary(self.primary, chain, target)
