from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.store.fingerprint import canonical_json, compute_key, join_fields, list_differences

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@settings(max_examples=50)
@given(VALUES)
def test_spelling_loses_nothing(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_fields_that_are_spelled_alone_make_the_same_text(value: dict[str, object]) -> None:
    assert join_fields({name: canonical_json(part) for name, part in value.items()}) == canonical_json(value)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_order_of_names_does_not_matter(value: dict[str, object]) -> None:
    assert compute_key(value) == compute_key(dict(reversed(value.items())))


@settings(max_examples=50)
@given(VALUES, VALUES)
def test_no_difference_means_one_spelling(a: object, b: object) -> None:
    if not list_differences(a, b) and type(a) is type(b):
        assert canonical_json(a) == canonical_json(b)
    if canonical_json(a) == canonical_json(b):
        assert not list_differences(a, b)


def test_kinds_of_values_are_kept_apart() -> None:
    assert len({canonical_json(v) for v in (1, 1.0, True, "1", None, "null", [1], {"1": 1})}) == 8


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), float("inf"), {1: 2}, object(), b"x", {"a": [{"b": {3}}]}])
def test_what_has_no_spelling_raises(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_the_error_names_the_place() -> None:
    with pytest.raises(TypeError, match=r"value\.a\[0\]\.b"):
        canonical_json({"a": [{"b": {3}}]})


def test_key_is_golden_and_the_same_in_another_process() -> None:
    code = "from xstilts.store.fingerprint import compute_key; print(compute_key({'b': [1, 2.5, None], 'a': 'ü', 'c': 1e-05}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    here = compute_key({"c": 1e-05, "a": "ü", "b": [1, 2.5, None]})
    assert other.stdout.strip() == here
    assert canonical_json({"c": 1e-05, "a": "ü", "b": [1, 2.5, None]}) == '{"a":"\\u00fc","b":[1,2.5,null],"c":1e-05}'


def test_differences_read_well() -> None:
    assert list_differences({"recipe": {"lr": 1e-5, "batch": 32}}, {"recipe": {"lr": 2e-5, "batch": 32}}) == [
        "recipe.lr 1e-05 -> 2e-05"
    ]
    assert list_differences({"a": [1, 2]}, {"a": [1, 3]}) == ["a[1] 2 -> 3"]
    assert list_differences({"a": 1}, {"b": 1}) == ["a 1 -> (absent)", "b (absent) -> 1"]
