"""The canonical JSON of a value, and the key that is its sha256.

One value has one form on every machine and Python version: JSON, sorted names, no blanks, shortest float form. A value without
a canonical form (a set, a path, a function, NaN, a name that is not a string) raises an error, so that a key never rests on a
guess. The idea that a fingerprint must raise is from marin and tango.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as _quote
from typing import Any


def _check(value: Any, place: tuple[str | int, ...]) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict or isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{_spell(place)}: the name {name!r} is not a string")
        return {name: _check(value[name], (*place, name)) for name in value}
    if isinstance(value, list | tuple):
        return [_check(item, (*place, i)) for i, item in enumerate(value)]
    if kind is float:
        if not math.isfinite(value):
            raise TypeError(f"{_spell(place)}: {value!r} has no canonical JSON form; expected a finite number")
        return value
    if isinstance(value, str):
        return value
    raise TypeError(
        f"{_spell(place)}: {kind.__name__} has no canonical JSON form; expected None, bool, int, float, str, list or dict"
    )


def _spell(place: tuple[str | int, ...]) -> str:
    return "value" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: Any) -> str:
    """The canonical JSON of `value`. Raises TypeError, with the place, for a value that has none."""
    return _ENCODER.encode(_check(value, ()))


def join_fields(fields: Mapping[str, str]) -> str:
    """The canonical JSON of a mapping, from that of its values: what many values share is spelled once."""
    return "{" + ",".join([f"{_quote(name)}:{text}" for name, text in sorted(fields.items())]) + "}"


def compute_key(value: Any) -> str:
    """sha256 of the canonical JSON, 64 hexadecimal digits."""
    return hash_spelled(canonical_json(value))


def hash_spelled(text: str) -> str:
    """The key of a value, from its canonical JSON."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def list_differences(old: Any, new: Any, where: str = "") -> list[str]:
    """The fields in which two fingerprints differ, such as `recipe.lr 1e-05 -> 2e-05`, in a stable order."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: list[str] = []
        for name in sorted({*old, *new}):
            path = f"{where}.{name}" if where else name
            if name not in old:
                found.append(f"{path} (absent) -> {_shorten(new[name])}")
            elif name not in new:
                found.append(f"{path} {_shorten(old[name])} -> (absent)")
            else:
                found += list_differences(old[name], new[name], path)
        return found
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        return [d for i, (a, b) in enumerate(zip(old, new, strict=True)) for d in list_differences(a, b, f"{where}[{i}]")]
    return [] if old == new and type(old) is type(new) else [f"{where} {_shorten(old)} -> {_shorten(new)}"]


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:57] + "..."
