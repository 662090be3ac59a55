"""Records that people write: YAML in, a checked record out, one sentence for each error.

A study and a user's task are such records. A duplicate field is refused with its line, an unknown field with the nearest known
name. YAML and pydantic alone would lose the first silently and explain the second in terms of types.
"""

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from xstilts.data.language import to_code
from xstilts.errors import InputError, nearest


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# Marks a field that a record did not have from the start, or that not all of its kind have (pydantic: `json_schema_extra`,
# dataclass: `metadata`): the JSON that enters keys leaves it out at its default, so that it moves no other key.
LATER: dict[str, Any] = {"later": True}


def unset_later_fields(record: BaseModel) -> set[str]:
    """The fields marked LATER that have their default."""
    marked = {name: field for name, field in type(record).model_fields.items() if field.json_schema_extra == LATER}
    return {name for name, field in marked.items() if getattr(record, name) == field.default}


R = TypeVar("R", bound=BaseModel)
# A language as people write it: it becomes our code, if it has one.
LanguageCode = Annotated[str, AfterValidator(to_code)]


class _UniqueLoader(yaml.SafeLoader):
    """YAML in which a duplicate name in one mapping is an error, not a silent loss."""


def _unique_mapping(loader: _UniqueLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)  # type: ignore[no-untyped-call]
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"'{key}' occurs twice", problem_mark=key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def parse_yaml(text: str, where: str) -> Any:
    """YAML to plain values. Raises InputError with file and line."""
    try:
        return yaml.load(text, Loader=_UniqueLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{where}{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {error}") from None


def read_fields(path: Path, what: str) -> dict[str, Any]:
    """The fields of a YAML file. `what` is what it should be ("study"). Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save the {what} as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    fields = parse_yaml(text, str(path))
    if fields is None:
        raise InputError(f"{path}: the {what} is empty; expected fields (name: ...)")
    if not isinstance(fields, dict):
        raise InputError(f"{path}: expected fields (name: ...), found a {type(fields).__name__}")
    return fields


def make_record(kind: type[R], fields: Mapping[Any, Any], where: str) -> R:
    """The record with these fields. Raises InputError with each wrong field and what is allowed."""
    for name in fields:
        if not isinstance(name, str):
            raise InputError(f"{where}: a field name must be text, found {name!r}")
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError("\n".join(f"{where}: {_explain(kind, e)}" for e in error.errors())) from None


def locate_error(error: Any) -> str:
    """The field of a pydantic error, such as `limits.train`."""
    return ".".join(str(part) for part in error["loc"] if part != "[key]")


def _explain(kind: type[BaseModel], error: Any) -> str:
    field = locate_error(error)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        *parents, name = error["loc"]
        return f"unknown field '{field}'{nearest(str(name), _fields_at(kind, parents))}"
    if error["type"] == "missing":
        return f"the field '{field}' is missing"
    message = re.sub(r"^Value error, ", "", error["msg"])
    found = "" if error["type"] == "value_error" else f", found {reprlib.repr(error['input'])}"
    return f"{field}: {message}{found}" if field else message


def _fields_at(kind: type[BaseModel], parents: list[Any]) -> Mapping[str, Any]:
    """The fields of the record inside `kind` that the path leads to; list indices and names of a mapping are passed over."""
    fields = _fields_of(kind)
    for name in parents:
        if name in fields:
            fields = _fields_of(fields[name]) or fields
    return fields


def _fields_of(annotation: Any) -> Mapping[str, Any]:
    """Field -> annotation of the record, dataclass or typed dict in an annotation such as `tuple[Target, ...]`."""
    if inner := get_args(annotation):
        return next((found for part in inner if (found := _fields_of(part))), {})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    return getattr(annotation, "__annotations__", {})
