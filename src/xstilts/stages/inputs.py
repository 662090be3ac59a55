"""What a stage of each kind reads: its inputs, one frozen class for each kind.

An input is a stage in a plan, and in the worker the `out/` folder of that stage: the classes are generic over this. `named`
gives inputs the names that stand in keys, such as `train:<task>:<language>`, and `read` is its inverse; nothing else writes
or parses these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

P = TypeVar("P")


@dataclass(frozen=True)
class Inputs(Generic[P]):
    """Of a stage that reads no other one."""

    def named(self) -> dict[str, P]:
        """The inputs by the names that stand in keys."""
        return {}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        """The inverse of `named`."""
        return cls()


@dataclass(frozen=True)
class TokenizerInputs(Inputs[P]):
    """`train`: corpus -> language -> text."""

    train: Mapping[str, Mapping[str, P]]

    def named(self) -> dict[str, P]:
        return _by_two("train", self.train)

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        return cls(_two_after("train", named))


@dataclass(frozen=True)
class EncoderInputs(Inputs[P]):
    """`like`: the encoder whose architecture a random one has; `tokenizer`: that of an encoder from scratch."""

    like: P | None = None
    tokenizer: P | None = None

    def named(self) -> dict[str, P]:
        return {name: x for name, x in (("like", self.like), ("tokenizer", self.tokenizer)) if x is not None}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        return cls(**named)


@dataclass(frozen=True)
class TrainInputs(Inputs[P]):
    """`init`: the encoder or training to start from. `train`: task -> language -> training data. `dev`: task -> its dev data in
    English (or a language that it is trained on). `oracle`: task -> language -> dev data of the target languages. `match`: the
    trainings whose tokens a compute-matched training adds to its own."""

    init: P
    train: Mapping[str, Mapping[str, P]]
    dev: Mapping[str, P] = field(default_factory=dict)
    oracle: Mapping[str, Mapping[str, P]] = field(default_factory=dict)
    match: tuple[P, ...] = ()

    def named(self) -> dict[str, P]:
        found = {"init": self.init}
        for task in self.train:
            found |= _by_two("train", {task: self.train[task]})
            found |= {f"dev:{task}": self.dev[task]} if task in self.dev else {}
            found |= _by_two("oracle", {task: self.oracle.get(task, {})})
        return found | {f"match:{number}": x for number, x in enumerate(self.match)}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        trained, oracle = _two_after("train", named), _two_after("oracle", named)
        return cls(named["init"], trained, _after("dev", named), oracle, tuple(_after("match", named).values()))


@dataclass(frozen=True)
class PredictInputs(Inputs[P]):
    """`model`: the trained checkpoint. `test`: language -> examples; in keys the language alone is the name."""

    model: P
    test: Mapping[str, P]

    def named(self) -> dict[str, P]:
        return {"model": self.model, **self.test}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        return cls(named["model"], {language: x for language, x in named.items() if language != "model"})


@dataclass(frozen=True)
class EmbedInputs(Inputs[P]):
    """`model`: the checkpoint. `test` and, for mining, `dev`: language -> texts."""

    model: P
    test: Mapping[str, P]
    dev: Mapping[str, P] = field(default_factory=dict)

    def named(self) -> dict[str, P]:
        return {"model": self.model, **self.test, **_by_one("dev", self.dev)}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        test = {language: x for language, x in named.items() if language != "model" and ":" not in language}
        return cls(named["model"], test, _after("dev", named))


@dataclass(frozen=True)
class MineInputs(Inputs[P]):
    vectors: P

    def named(self) -> dict[str, P]:
        return {"vectors": self.vectors}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        return cls(**named)


@dataclass(frozen=True)
class ScoreInputs(Inputs[P]):
    """`predictions`: what a predict, embed or mine stage leaves. `gold` and, for mining, `dev`: language -> examples."""

    predictions: P
    gold: Mapping[str, P]
    dev: Mapping[str, P] = field(default_factory=dict)

    def named(self) -> dict[str, P]:
        return {"predictions": self.predictions, **_by_one("gold", self.gold), **_by_one("dev", self.dev)}

    @classmethod
    def read(cls, named: Mapping[str, P]) -> Self:
        return cls(named["predictions"], _after("gold", named), _after("dev", named))


def _by_one(word: str, found: Mapping[str, P]) -> dict[str, P]:
    return {f"{word}:{name}": x for name, x in found.items()}


def _by_two(word: str, found: Mapping[str, Mapping[str, P]]) -> dict[str, P]:
    return {f"{word}:{task}:{language}": x for task, languages in found.items() for language, x in languages.items()}


def _after(word: str, named: Mapping[str, P]) -> dict[str, P]:
    return {name.removeprefix(f"{word}:"): x for name, x in named.items() if name.startswith(f"{word}:")}


def _two_after(word: str, named: Mapping[str, P]) -> dict[str, dict[str, P]]:
    found: dict[str, dict[str, P]] = {}
    for name, x in _after(word, named).items():
        task, _, language = name.rpartition(":")
        found.setdefault(task, {})[language] = x
    return found
