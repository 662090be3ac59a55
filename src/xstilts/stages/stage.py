"""A stage: one node of a plan, named by everything that decides its result.

Key = sha256 of the canonical JSON of {kind, kind version, config, keys of the inputs}. Paths, devices, hosts, batch
splits and library versions are context: they are recorded in the run and never in the key. Code enters as the kind's
version, bumped by hand when a body's results change (golden tests watch over it).

A new kind of stage is a config and an inputs class (`contracts.py`), a row of `KINDS`, a class here, a body, and a case in
`plan/cost/estimate.py`, which mypy asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from xstilts.stages import contracts
from xstilts.store.fingerprint import hash_spelled, join_fields

ConfigT = TypeVar("ConfigT", bound=contracts.Config)
InputsT = TypeVar("InputsT", bound=contracts.Inputs[Any])
KindName = Literal["fetch", "attack", "see", "tokenizer", "encoder", "train", "predict", "embed", "mine", "score"]


@dataclass(frozen=True)
class Kind:
    """A kind of stage: its version, which is part of the key; the `module:function` of its body, which only a worker imports;
    the classes of its config and inputs; and how many seconds it usually takes, for the first estimate of a run."""

    name: KindName
    version: int
    body: str
    config: type[contracts.Config]
    inputs: type[contracts.Inputs[Any]]
    usual_seconds: float


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("fetch", 1, "xstilts.stages.fetch:run", contracts.FetchConfig, contracts.Inputs, 0.5),
        Kind("attack", 1, "xstilts.stages.attack:run", contracts.AttackConfig, contracts.AttackInputs, 0.5),
        Kind("see", 1, "xstilts.stages.see:run", contracts.SeeConfig, contracts.SeeInputs, 5.0),
        Kind("tokenizer", 1, "xstilts.stages.tokenizer:run", contracts.TokenizerConfig, contracts.TokenizerInputs, 30.0),
        Kind("encoder", 2, "xstilts.stages.encoder:run", contracts.EncoderConfig, contracts.EncoderInputs, 2.0),
        Kind("train", 4, "xstilts.stages.train:run", contracts.TrainConfig, contracts.TrainInputs, 20.0),
        Kind("predict", 2, "xstilts.stages.predict:run", contracts.PredictConfig, contracts.PredictInputs, 5.0),
        Kind("embed", 3, "xstilts.stages.embed:run", contracts.EmbedConfig, contracts.EmbedInputs, 5.0),
        Kind("mine", 1, "xstilts.stages.mine:run", contracts.MineConfig, contracts.MineInputs, 5.0),
        Kind("score", 3, "xstilts.stages.score:run", contracts.ScoreConfig, contracts.ScoreInputs, 0.3),
    )
}
_KIND_OF: Mapping[Any, KindName] = {kind.config: kind.name for kind in KINDS.values()}


@dataclass(frozen=True)
class Context:
    """What a worker must know and no key does: the data folder, the folder of an encoder, the files of a user's own attack and
    word list, the name of a vision tower (with the commit that the plan found, or as an absolute path), and the user's own tasks
    (path -> what was declared when the plan was made)."""

    data: str = ""
    folder: str = ""
    attack: str = ""
    words: str = ""
    tower: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Stage(Generic[ConfigT, InputsT]):
    """`config` and `inputs` decide the key. `slug` is for people, `context` for the worker: neither is in the key. `title`: what
    the stage works on, in a word; stages of one kind and title take about the same time."""

    config: ConfigT
    inputs: InputsT
    slug: str
    title: str = ""
    context: Context = field(default_factory=Context)

    @property
    def kind(self) -> KindName:
        return _KIND_OF[type(self.config)]

    @property
    def label(self) -> str:
        """Kind and title."""
        return f"{self.kind} {self.title}".rstrip()

    @cached_property
    def named_inputs(self) -> Mapping[str, Stage]:
        """The stages that it reads, by the names of its inputs."""
        return self.inputs.named()

    @cached_property
    def parents(self) -> tuple[Stage, ...]:
        """The stages that it reads."""
        return tuple(self.named_inputs.values())

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What the key is the hash of."""
        return {
            "kind": self.kind,
            "version": KINDS[self.kind].version,
            "config": contracts.write_config(self.config),
            "inputs": {name: stage.key for name, stage in self.named_inputs.items()},
        }

    @cached_property
    def key(self) -> str:
        """`compute_key` of the fingerprint, put together from parts that are spelled once for all stages that share them."""
        config, kind = contracts.spell_config(self.config), self.kind
        inputs = join_fields({name: f'"{stage.key}"' for name, stage in self.named_inputs.items()})
        return hash_spelled(f'{{"config":{config},"inputs":{inputs},"kind":"{kind}","version":{KINDS[kind].version}}}')

    def record(self) -> dict[str, Any]:
        """The content of `stage.json`."""
        kinds = {name: stage.kind for name, stage in self.named_inputs.items()}
        return {**self.fingerprint, "key": self.key, "slug": self.slug, "input_kinds": kinds, "context": asdict(self.context)}


class FetchStage(_Stage[contracts.FetchConfig, contracts.Inputs["Stage"]]): ...


class AttackStage(_Stage[contracts.AttackConfig, contracts.AttackInputs["Stage"]]): ...


class SeeStage(_Stage[contracts.SeeConfig, contracts.SeeInputs["Stage"]]): ...


class TokenizerStage(_Stage[contracts.TokenizerConfig, contracts.TokenizerInputs["Stage"]]): ...


class EncoderStage(_Stage[contracts.EncoderConfig, contracts.EncoderInputs["Stage"]]): ...


class TrainStage(_Stage[contracts.TrainConfig, contracts.TrainInputs["Stage"]]): ...


class PredictStage(_Stage[contracts.PredictConfig, contracts.PredictInputs["Stage"]]): ...


class EmbedStage(_Stage[contracts.EmbedConfig, contracts.EmbedInputs["Stage"]]): ...


class MineStage(_Stage[contracts.MineConfig, contracts.MineInputs["Stage"]]): ...


class ScoreStage(_Stage[contracts.ScoreConfig, contracts.ScoreInputs["Stage"]]): ...


Checkpoint = EncoderStage | TrainStage
Stage = FetchStage | AttackStage | SeeStage | TokenizerStage | Checkpoint | PredictStage | EmbedStage | MineStage | ScoreStage


def upstream(stages: Iterable[Stage]) -> list[Stage]:
    """Every stage that the given ones rest on, and themselves, each key once, inputs before what needs them."""
    found: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        for parent in stage.parents:
            if parent.key not in found:
                visit(parent)
        found[stage.key] = stage

    for stage in stages:
        if stage.key not in found:
            visit(stage)
    return list(found.values())
