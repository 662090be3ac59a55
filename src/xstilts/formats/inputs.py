"""Inputs of one's own: what a person gives to be predicted -> an example without an answer.

An input is a mapping with the fields of the format's examples (`Format.asked` shows them); it may have an `id` and other fields.
In short, it is the value of the only field, or the values of all fields in their order: `["Who?", "She did."]`.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from xstilts.errors import InputError
from xstilts.formats.format import Example, Format


def list_fields(spec: Format) -> dict[str, bool]:
    """The fields of an input, and whether each holds several texts."""
    kind = spec.examples[0]
    types = get_type_hints(kind)
    return {field.name: types[field.name] is not str for field in fields(kind) if field.name not in ("id", "answer")}


def name_fields(spec: Format, given: Any) -> dict[str, Any]:
    """The fields of an input, from its full or its short form. Raises InputError if it is neither."""
    names = list_fields(spec)
    if isinstance(given, Mapping):
        for name in names:
            if name not in given:
                raise InputError(f"no field '{name}'; expected {spec.asked}")
        return dict(given)
    if len(names) == 1:
        (name,) = names
        return {name: [given] if spec.takes_text and isinstance(given, str) else given}
    if isinstance(given, list | tuple) and len(given) == len(names):
        return dict(zip(names, given, strict=True))
    raise InputError(f"found {given!r:.60}; expected {spec.asked}")


def read_input(spec: Format, given: Any, id: str) -> Example:
    """The example that a person gives. Its id is its own, if it has one, else `id`. Raises InputError for another shape than the
    format's."""
    values = name_fields(spec, given)
    found: dict[str, Any] = {"id": str(values.get("id", id)), "answer": None}
    for name, several in list_fields(spec).items():
        value = values[name]
        texts = value if several and isinstance(value, list | tuple) else [value]
        if not all(isinstance(text, str) for text in texts) or (several and isinstance(value, str)):
            raise InputError(f"'{name}' is {value!r:.60}; expected {spec.asked}")
        found[name] = tuple(texts) if several else value
    example = spec.examples[0].from_fields(found)
    if fault := spec.find_fault(example):
        raise InputError(f"{fault}; expected {spec.asked}")
    return example
