"""What comes in from outside: files that are none, JSON, patterns and names, with their limits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import LONGEST_LINE, MOST_LINES, InputError
from xstilts.reading import (
    MAX_NAME,
    NotJson,
    check_glob,
    check_name,
    expand_home,
    fill_pattern,
    open_file,
    open_uncompressed,
    parse_json,
    read_bytes,
)

DEEP = 5_000


def test_only_a_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    (tmp_path / "round").symlink_to("round")
    for name, reason in {
        "pipe": "this is a pipe; expected a study",
        "link": "this is a device; expected a study",
        ".": "this is a folder; expected a study",
        "round": r"expected a study \(Too many levels of symbolic links\)",
        "nothing": r"expected a study \(No such file",
        "n" * DEEP: r"expected a study \(File name too long\)",
        "a\0b": "it has a NUL character",
    }.items():
        with pytest.raises(InputError, match=reason):
            open_file(tmp_path / name, "a study")
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "good").symlink_to("file")
    assert open_file(tmp_path / "good").read() == b"abc"


def test_a_pipe_is_not_waited_for_inside_other_readers(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gz")
    with pytest.raises(InputError, match="a pipe"), open_uncompressed(tmp_path / "pipe.gz"):
        pass


def test_a_document_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abcd")
    assert read_bytes(tmp_path / "x", most=4) == b"abcd"
    with pytest.raises(InputError, match=r"x: more than 3 bytes, the most that is read at once"):
        read_bytes(tmp_path / "x", most=3)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ('{"a": }', "not JSON (Expecting value at column 7)", 1),
        ('{"a": 1,\n "b": x}', "not JSON (Expecting value at column 7)", 2),
        ("[" * DEEP, "more than 100 deep", 1),
        ('{"a":' * DEEP, "more than 100 deep", 1),
        ("[" * 300 + "]" * 300, "more than 100 deep", 1),
        ("9" * DEEP, "a number of more than 4,300 digits", 1),
        ("[NaN]", "NaN is no number of JSON", 1),
        ("[-Infinity]", "-Infinity is no number of JSON", 1),
        ('["a",\n "\\ud83d"]', "\\ud83d is half a character", 2),
        ('{"\\uDE00": 1}', "\\ude00 is half a character", 1),
        ('"\\ude00\\ud83d"', "is half a character", 1),
        ('"\ud83d"', "is half a character", 1),
    ],
)
def test_what_is_no_json(text: str, reason: str, line: int) -> None:
    with pytest.raises(NotJson) as caught:
        parse_json(text, "x.json")
    assert str(caught.value).startswith("x.json:") and reason in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "value", ["\U0001f600", "é", {"a": [1, 2.5, None, True]}, "\\ud83d", [[0]] * 500, 10**300, json.loads("[" * 90 + "]" * 90)]
)
def test_json_that_is_read(value: Any) -> None:
    for ascii in (True, False):
        assert parse_json(json.dumps(value, ensure_ascii=ascii), "x") == value


def test_fields_that_come_twice_are_the_readers_own_matter() -> None:
    assert parse_json('{"a": 1, "a": 2}', "x", list) == [("a", 1), ("a", 2)]


def test_a_pattern_has_only_the_names_that_it_is_given() -> None:
    assert fill_pattern("x/{lang}-{code}.{lang}", lang="deu", code="de") == "x/deu-de.deu"
    assert fill_pattern("{lang}", lang="{code}") == "{code}"
    for pattern in ("{lang.nope}", "{lang.__class__}", "{lang!r:>999999999}", "{0}", "{}", "{", "}", "{{lang}}", "{lang[0]}"):
        with pytest.raises(ValueError, match=r"expected only \{lang\} and \{code\} in braces"):
            fill_pattern(pattern, lang="deu", code="de")


@pytest.mark.parametrize("pattern", ["", ".", "/abs", "~/x", "a/**x", "x**/b"])
def test_patterns_with_which_no_file_can_be_looked_for(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_glob(pattern)


def test_patterns_of_files(tmp_path: Path) -> None:
    for pattern in ("a/**/b-*.tsv", "[xX]/?", "[z-a]", "[", "a.b"):
        assert check_glob(pattern) == pattern
        assert list(tmp_path.glob(pattern)) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a" * (MAX_NAME + 1), "é" * MAX_NAME, "a\0b", "a\nb", "a\x1b[31m", "\ud83d"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        check_name(name)


def test_a_name_is_a_file_name(tmp_path: Path) -> None:
    for name in ("a" * MAX_NAME, "ê" * (MAX_NAME // 2), "..a", "सं"):
        (tmp_path / check_name(name)).write_text("x")


def test_a_home_that_nobody_has_is_no_error() -> None:
    assert expand_home("~nobody-at-all/x") == Path("~nobody-at-all/x")
    assert expand_home("~") == Path.home()


def test_of_a_long_message_beginning_and_end_are_kept() -> None:
    message = str(InputError("here: found " + "x" * 100_000 + "; do that"))
    assert message.startswith("here: found xxx") and message.endswith("xxx; do that") and len(message) < LONGEST_LINE + 10
    lines = str(InputError("\n".join(map(str, range(100))))).split("\n")
    assert lines == [*map(str, range(MOST_LINES)), "and 88 more lines"]
