"""All formats: the union of their records and of their examples, and the name of each example's kind in files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanExample
from xstilts.formats.tag import Tag, TagExample

Format = Classify | Choice | Tag | Span | Mlm | BitextRetrieval | BitextMining | Ranking

Example = (
    ClassifyExample
    | ChoiceExample
    | TagExample
    | SpanExample
    | BitextRetrievalExample
    | PoolExample
    | RankingExample
    | MlmExample
)

KINDS: dict[str, type[Any]] = {
    "texts": ClassifyExample,
    "choice": ChoiceExample,
    "words": TagExample,
    "span": SpanExample,
    "translation": BitextRetrievalExample,
    "pool": PoolExample,
    "pair": RankingExample,
    "plain": MlmExample,
}

_FORMATS: dict[str, type[Any]] = {f.name: f for f in get_args(Format)}


def format_record(spec: Format) -> dict[str, Any]:
    """A format as JSON: its name and fields."""
    return {"name": spec.name, **dataclasses.asdict(spec)}


def format_of(record: Mapping[str, Any]) -> Format:
    """The inverse of `format_record`."""
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "name"}
    spec: Format = _FORMATS[record["name"]](**fields)
    return spec
