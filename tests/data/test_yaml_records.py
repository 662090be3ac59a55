from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from xstilts.data.yaml_records import Record, make_record, read_fields
from xstilts.errors import InputError


class Limit(Record):
    most: int = 3


class Plan(Record):
    name: str
    limit: Limit = Limit()
    chains: dict[str, tuple[Limit, ...]] = Field(default_factory=dict)


def test_fields_with_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfname: a\r\nlimit: {most: 4}\r\n")
    assert make_record(Plan, read_fields(tmp_path / "x.yaml", "plan"), "x") == Plan(name="a", limit=Limit(most=4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"x\.yaml: the plan is empty"),
        (b"- a\n", r"x\.yaml: expected fields \(name: \.\.\.\), found a list"),
        (b"a: [\n", r"x\.yaml, line 2: not valid YAML"),
        (b"a: {b: 1, b: 2}\n", r"x\.yaml, line 1: not valid YAML: 'b' occurs twice"),
        (b"name: \xfc\n", r"x\.yaml: not UTF-8 \(byte 6\); save the plan as UTF-8"),
    ],
)
def test_what_is_not_a_record(text: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(text)
    with pytest.raises(InputError, match=message):
        read_fields(tmp_path / "x.yaml", "plan")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"^here: the field 'name' is missing$"),
        ({"name": "a", "nmae": "b"}, r"^here: unknown field 'nmae' \(did you mean 'name'\?\)$"),
        ({"name": "a", "limit": {"mots": 3}}, r"unknown field 'limit\.mots' \(did you mean 'most'\?\)"),
        ({"name": "a", "chains": {"x": [{}, {"mots": 3}]}}, r"unknown field 'chains\.x\.1\.mots' \(did you mean 'most'\?\)"),
        ({"name": "a", "limit": {"most": "many"}}, r"limit\.most: Input should be a valid integer"),
        ({3: "a"}, r"here: a field name must be text, found 3"),
    ],
)
def test_each_wrong_field_is_named_with_the_nearest_of_its_record(fields: dict[Any, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_record(Plan, fields, "here")
