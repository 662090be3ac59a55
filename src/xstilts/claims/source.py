"""Where a statement or a number comes from, and how it is known."""

from typing import Literal

from xstilts.data.yaml_records import Record


class ClaimSource(Record):
    """`basis`: "read" in the source that is named, "derived" by arithmetic from numbers that were read, "recalled" from memory,
    "repeated" by others without a source that could be read, or "asked" as a question, so that nobody claims it."""

    document: str
    version: str = ""
    locator: str = ""
    arxiv: str = ""
    basis: Literal["read", "derived", "recalled", "repeated", "asked"]
    note: str = ""
