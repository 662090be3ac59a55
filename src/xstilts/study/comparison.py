"""What a study's question is about: comparisons of one chain with another (or with the mean of several), and the pairs of chain
and target that its answer rests on.

They decide what the report answers, and not what is run: they are in no stage key.
"""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import Field, field_validator

from xstilts.data.yaml_records import Record
from xstilts.errors import nearest


class ChainComparison(Record):
    """`chain` is compared with `over`: another chain, or the mean score of several, seed by seed. A single name needs no list."""

    chain: str
    over: tuple[str, ...] = Field(min_length=1)

    @field_validator("over", mode="before")
    @classmethod
    def _accept_one_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class PrimaryPair(Record):
    """A chain and a target whose gain over no chain the answer rests on. A field that is left out stands for every one."""

    chain: str = ""
    target: str = ""

    def covers(self, chain: str, target: str) -> bool:
        return self.chain in ("", chain) and self.target in ("", target)


def is_primary(primary: Sequence[PrimaryPair], chain: str, target: str) -> bool:
    """Whether the answer rests on a pair; without any primary pairs it rests on all."""
    return not primary or any(one.covers(chain, target) for one in primary)


def check_primary(primary: Sequence[PrimaryPair], chains: Collection[str], targets: Collection[str], none: str) -> None:
    """Raises ValueError for an unknown chain or target, for the chain `none`, and for a pair that is given twice."""
    for number, one in enumerate(primary):
        where = f"primary.{number}"
        if one.chain == none:
            raise ValueError(f"{where}.chain: gains are measured from '{none}'; name another chain")
        if one.chain and one.chain not in chains:
            raise ValueError(f"{where}.chain: '{one.chain}' is not a chain of this study{nearest(one.chain, chains)}")
        if one.target and one.target not in targets:
            raise ValueError(f"{where}.target: '{one.target}' is not a target of this study{nearest(one.target, targets)}")
        if one in primary[:number]:
            raise ValueError(f"{where}: given twice; leave one out")


def check_comparisons(comparisons: Sequence[ChainComparison], chains: Collection[str], none: str) -> None:
    """Raises ValueError for an unknown chain, for the chain `none`, and for a comparison that is given twice or with itself."""
    for number, one in enumerate(comparisons):
        where = f"compare.{number}"
        for field, names in (("chain", (one.chain,)), ("over", one.over)):
            for name in names:
                if name not in chains:
                    raise ValueError(f"{where}.{field}: '{name}' is not a chain of this study{nearest(name, chains)}")
                if name == none:
                    raise ValueError(f"{where}.{field}: every chain is compared with '{none}' anyway; name another chain")
        if one.chain in one.over or len(set(one.over)) < len(one.over):
            raise ValueError(f"{where}: a chain is named twice; name different chains")
        if one in comparisons[:number]:
            raise ValueError(f"{where}: {one.chain} over {', '.join(one.over)} is given twice; leave one out")
