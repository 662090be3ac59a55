"""A comparison that a study's question is about: one chain over another, or over the mean of several.

It says what the report answers, not what is run: no key knows of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import Field, field_validator

from xstilts.data.yaml_records import Record
from xstilts.errors import nearest


class Comparison(Record):
    """`chain` over another one, or over the mean of the scores of several, seed by seed. One name may stand without brackets."""

    chain: str
    over: tuple[str, ...] = Field(min_length=1)

    @field_validator("over", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def check_comparisons(compare: Sequence[Comparison], chains: Collection[str], none: str) -> None:
    """ValueError for a comparison of what are no chains of the study, of `none`, or one that says nothing new."""
    for number, one in enumerate(compare):
        where = f"compare.{number}"
        for field, names in (("chain", (one.chain,)), ("over", one.over)):
            for name in names:
                if name not in chains:
                    raise ValueError(f"{where}.{field}: '{name}' is no chain of this study{nearest(name, chains)}")
                if name == none:
                    raise ValueError(f"{where}.{field}: every chain is compared with '{none}' anyway; name another chain")
        if one.chain in one.over or len(set(one.over)) < len(one.over):
            raise ValueError(f"{where}: a chain stands there twice; name chains that differ")
        if one in compare[:number]:
            raise ValueError(f"{where}: {one.chain} over {', '.join(one.over)} stands there twice; leave one out")
