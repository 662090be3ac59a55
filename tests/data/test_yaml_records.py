from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from xstilts.data.yaml_records import Record, make_record, parse_yaml, read_fields
from xstilts.errors import InputError


class Limit(Record):
    most: int = 3


class Plan(Record):
    name: str
    on: bool = False
    codes: Literal["all"] | tuple[str, ...] = "all"
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
        ({"name": "a", "limit": {"most": "many"}}, r"limit\.most: expected a whole number"),
        ({3: "a"}, r"here: a field name must be text, found 3"),
        ({"name": 3}, r"^here: name: expected text, found 3$"),
        (
            {"name": "a", "codes": [4, "x", 3]},
            r"^here: codes\.0: expected text, found 4\nhere: codes\.2: expected text, found 3$",
        ),
        ({"name": "a", "chains": {"none": 3}}, r"^here: chains\.none: expected a list, such as \[a, b\], found 3$"),
        ({"name": "a", "codes": ["x", 3]}, r"^here: codes\.1: expected text, found 3$"),
        ({"name": "a", "limit": 3}, r"limit: expected fields, such as \{name: value\}, found 3"),
        ({"name": "a", "chains": {"x": 3}}, r"chains\.x: expected a list, such as \[a, b\], found 3"),
    ],
)
def test_each_wrong_field_is_named_with_the_nearest_of_its_record(fields: dict[Any, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_record(Plan, fields, "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 3000, r"line 1: not valid YAML: lists and fields are more than 100 deep"),
        ("- " * 3000, "more than 100 deep"),
        ("? " * 3000, "more than 100 deep"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), "line 102: .*more than 100 deep"),
        ("b: 1\na: .inf", "line 2: not valid YAML: expected a number, found inf"),
        ("a: .nan", "expected a number, found nan"),
        ("a: " + "9" * 5000, "a number of more than 4,300 digits"),
        ("a: 0x" + "F" * 5000, "a number beyond 64 bits"),
        ("? [a]\n: b", "expected text as the name of a field, found a list"),
        ("{a: 1}: b", "expected text as the name of a field, found a dict"),
        (r'a: "\ud83d"', r"\\ud83d is half a character"),
        (r'a: "x\0y"', "a NUL character"),
        ("a: x\x1b[31m", r"line 1: not valid YAML: the character '\\x1b' may not stand in it"),
        ("a: &x {b: *x}", "recursive"),
        ("a: &x [*x]", "recursive"),
        ("a: !!bool 5", "no value of bool: '5'"),
        ("!!int '': 3", "no value of int: ''"),
        ("a: !!timestamp 2026-99-99", "could not determine a constructor"),
        ("a: !!set {a, b}", "could not determine a constructor"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "line 3: not valid YAML: fields are not merged"),
        ("a: !!map x", "expected a mapping node"),
        ("a: &x 1\nb: [" + "*x, " * 2000 + "]", "more than 1,000 aliases"),
        ("a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 20)), "more than 200,000 values"),
        ("a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400)), "more than 200 deep"),
    ],
)
def test_yaml_that_would_be_lost_or_not_end(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^here.*{message}"):
        parse_yaml(text, "here")


def test_a_day_stays_text_and_aliases_stand_for_what_they_name() -> None:
    assert parse_yaml("a: 2026-01-31\nb: &x [1, no]\nc: *x\nd: 1:30", "x") == {
        "a": "2026-01-31", "b": [1, "no"], "c": [1, "no"], "d": parse_yaml("1:30", "x")
    }  # fmt: skip


def test_no_more_is_read_than_people_write(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"a" * (1 << 20) + b"b")
    with pytest.raises(InputError, match=r"x\.yaml: more than 1,048,576 bytes"):
        read_fields(tmp_path / "x.yaml", "plan")


def test_names_that_other_programs_use() -> None:
    class Recipe(Record):
        lr: float = 1.0

    class Study(Record):
        recipe: Recipe = Recipe()
        seeds: tuple[int, ...] = ()

    for fields, hint in [
        ({"recipe": {"learning_rate": 1}}, r"'recipe\.learning_rate' \(did you mean 'lr'\?\)"),
        ({"learning_rate": 1}, r"'learning_rate' \(did you mean 'lr', a field inside 'recipe'\?\)"),
        ({"seed": 1}, r"'seed' \(did you mean 'seeds'\?\)"),
    ]:
        with pytest.raises(InputError, match=hint):
            make_record(Study, fields, "here")


def test_only_true_and_false_are_truth_values(tmp_path: Path) -> None:
    """YAML 1.1 reads the language code `no` and the label `yes` as such."""
    (tmp_path / "x.yaml").write_text("name: no\non: true\ncodes: [yes, no, off]\n")
    assert make_record(Plan, read_fields(tmp_path / "x.yaml", "plan"), "x") == Plan(
        name="no", on=True, codes=("yes", "no", "off")
    )
    (tmp_path / "y.yaml").write_text("name: y\non: yes\n")
    assert make_record(Plan, read_fields(tmp_path / "y.yaml", "plan"), "y").on, "what people wrote before means the same"
