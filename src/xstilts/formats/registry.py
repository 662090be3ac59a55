"""All formats by name, and the classes of their examples by the name that they have in files."""

from collections.abc import Mapping
from typing import Any

from xstilts.formats.bitext_mining import BitextMining
from xstilts.formats.bitext_retrieval import BitextRetrieval
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example, Format, to_tuples
from xstilts.formats.image_pair import ImagePair
from xstilts.formats.mlm import Mlm
from xstilts.formats.ranking import Ranking
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag

FORMATS: dict[str, type[Format]] = {
    format.name: format for format in (Classify, Choice, Tag, Span, Mlm, ImagePair, BitextRetrieval, BitextMining, Ranking)
}
EXAMPLES: dict[str, type[Example]] = {example.kind: example for format in FORMATS.values() for example in format.examples}


def format_of(record: Mapping[str, Any]) -> Format:
    """The inverse of `Format.record`."""
    fields = {name: to_tuples(value) for name, value in record.items() if name != "name"}
    return FORMATS[record["name"]](**fields)
