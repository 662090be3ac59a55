"""Records that people write: YAML in, a checked record out, one sentence for each error.

A study and a user's task are such records. A duplicate field is refused with its line, an unknown field with the nearest known
name or the name that others use for it. YAML and pydantic alone would lose the first silently and explain the second in terms of
types. As in YAML 1.2, only `true` and `false` are truth values: `no` is Norwegian, and `[yes, no]` are labels.
"""

import math
import re
import reprlib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from xstilts.data.language import to_code
from xstilts.errors import InputError, nearest
from xstilts.reading import MAX_DEPTH, check_name, explain_half, list_inside, read_bytes

MAX_YAML = 1 << 20  # bytes; a minute to read
MAX_VALUES = 200_000  # of a document, those of aliases counted each time
MAX_ALIASES = 1_000


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
# What something is called that has files or columns of its own.
Name = Annotated[str, AfterValidator(check_name)]


class _Loader(yaml.SafeLoader):
    """YAML without what would be lost, would not end, or could not be written again: a name twice in one mapping, thousands of
    lists inside each other, numbers without end, half a character."""

    def __init__(self, text: str):
        super().__init__(text)
        self.aliases = 0

    def fetch_flow_collection_start(self, token: Any) -> None:
        self._check_depth(self.flow_level + len(self.indents))
        super().fetch_flow_collection_start(token)  # type: ignore[no-untyped-call]

    def add_indent(self, column: int) -> bool:
        self._check_depth(self.flow_level + len(self.indents))
        return bool(super().add_indent(column))  # type: ignore[no-untyped-call]

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            problem = f"lists and fields are more than {MAX_DEPTH} deep inside each other"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())  # type: ignore[no-untyped-call]

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.aliases += self.check_event(yaml.AliasEvent)  # type: ignore[no-untyped-call]
        if self.aliases > MAX_ALIASES:
            problem = f"more than {MAX_ALIASES:,} aliases (*name); write some of them out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)  # type: ignore[no-untyped-call]

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)  # type: ignore[no-untyped-call]
        except (ValueError, LookupError) as error:  # of a value that is not what its tag or its digits say
            digits = "digits" in str(error)  # Python's limit on whole numbers
            problem = (
                "a number of more than 4,300 digits"
                if digits
                else f"no value of {node.tag.rpartition(':')[2]}: {node.value!r:.60}"
            )
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None
        if problem := _explain_scalar(value):
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return value


def _explain_scalar(value: Any) -> str:
    """Why a value cannot be used; empty if it can."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected a number, found {value}"
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return "a number beyond 64 bits"
    if isinstance(value, str):
        if "\0" in value:
            return "a NUL character (\\0); leave it out"
        if half := re.search("[\ud800-\udfff]", value):
            return explain_half(ord(half[0]))
    return ""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value if isinstance(node.value, list) else ():
        if key_node.tag == "tag:yaml.org,2002:merge":
            problem = "fields are not merged (<<); write them out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        key = loader.construct_object(key_node)
        if not isinstance(key, Hashable):
            problem = f"expected text as the name of a field, found a {type(key).__name__}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"'{key}' occurs twice", problem_mark=key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


# Text, numbers, lists and fields, nothing else: truth values as in YAML 1.2, and a day such as 2026-01-31 stays text.
_TYPES = [f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "seq", "map", "str")]
_Loader.yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in (*_TYPES, None)}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def parse_yaml(text: str, where: str) -> Any:
    """YAML to plain values. Raises InputError with file and line."""
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{where}{line}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = f", line {text.count(chr(10), 0, error.position) + 1}"
        raise InputError(f"{where}{line}: not valid YAML: the character {chr(error.character)!r} may not stand in it") from None
    _check_size(value, where)
    return value


def _check_size(value: Any, where: str) -> None:
    """Aliases can make a short document without end."""
    level, count = [value], 0
    for _ in range(2 * MAX_DEPTH):
        level = list_inside(level)
        count += len(level)
        if count > MAX_VALUES:
            raise InputError(f"{where}: more than {MAX_VALUES:,} values, those of aliases (*name) counted each time")
        if not level:
            return
    raise InputError(f"{where}: aliases (*name) are more than {2 * MAX_DEPTH} deep inside each other")


def read_fields(path: Path, what: str) -> dict[str, Any]:
    """The fields of a YAML file. `what` is what it should be ("study"). Raises InputError."""
    try:
        text = read_bytes(path, f"a {what}", MAX_YAML).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save the {what} as UTF-8") from None
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
            raise InputError(f"{where}: a field name must be text, found {reprlib.repr(name)}")
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError("\n".join(f"{where}: {_explain(kind, e)}" for e in _deepest(error.errors()))) from None


def _is_union_branch(part: Any) -> bool:
    """Whether part of a pydantic location is no field but names what was tried of a union, such as `tuple[str, ...]`."""
    return isinstance(part, str) and (part in ("str", "int", "float", "bool") or "[" in part)


def _deepest(errors: Sequence[Any]) -> list[Any]:
    """Without those of the other branches, where a value fits no branch of a union: what fits best is wrong furthest inside."""
    kept: list[Any] = []
    unions: dict[tuple[Any, ...], dict[Any, list[Any]]] = {}  # field -> branch -> errors
    for error in errors:
        branch = next((i for i, part in enumerate(error["loc"]) if part != "[key]" and _is_union_branch(part)), None)
        if branch is None:
            kept.append(error)
        else:
            unions.setdefault(error["loc"][:branch], {}).setdefault(error["loc"][branch], []).append(error)
    for branches in unions.values():
        kept += max(branches.values(), key=lambda found: max(len(error["loc"]) for error in found))
    return kept


def locate_error(error: Any) -> str:
    """The field of a pydantic error, such as `limits.train`."""
    return ".".join(str(part) for part in error["loc"] if not _is_union_branch(part))


# What pydantic's types of values are called here. The first word of an error's type is the key.
EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list, such as [a, b]",
    "list": "a list, such as [a, b]",
    "dict": "fields, such as {name: value}",
    "model": "fields, such as {name: value}",
}
# What people write who know other programs.
SYNONYMS = {
    "learning_rate": "lr", "batch_size": "batch", "train_batch_size": "batch", "per_device_train_batch_size": "batch",
    "num_epochs": "epochs", "num_train_epochs": "epochs", "max_steps": "steps", "max_seq_length": "max_length",
    "warmup_ratio": "warmup", "max_grad_norm": "clip", "seed": "seeds", "model": "encoders", "models": "encoders",
    "encoder": "encoders", "language": "languages", "target": "targets", "chain": "chains",
}  # fmt: skip


def _explain(kind: type[BaseModel], error: Any) -> str:
    field = locate_error(error)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        *parents, name = error["loc"]
        return f"unknown field '{field}'{_suggest(kind, str(name), parents)}"
    if error["type"] == "missing":
        return f"the field '{field}' is missing"
    message = re.sub(r"^Value error, ", "", error["msg"])
    is_type = error["type"].endswith(("_type", "_parsing", "_from_float"))
    wanted = EXPECTED.get(error["type"].split("_")[0]) if is_type else None
    if wanted:
        message = f"expected {wanted}"
    message = re.sub(r"^Input should be (?=greater|less|finite)", "expected a value ", message)
    message = re.sub(r"^Input should be ", "expected ", message)
    found = "" if error["type"] == "value_error" else f", found {reprlib.repr(error['input'])}"
    return f"{field}: {message}{found}" if field else message


def _suggest(kind: type[BaseModel], name: str, parents: list[Any]) -> str:
    """The field that is probably meant: another word for it, one of a record further inside, or the nearest of the known."""
    known, usual = _fields_at(kind, parents), SYNONYMS.get(name, name)
    if usual not in known:
        inside = next((field for field, annotation in known.items() if usual in _fields_of(annotation)), None)
        if inside:
            return f" (did you mean '{usual}', a field inside '{inside}'?)"
    return f" (did you mean '{usual}'?)" if usual in known else nearest(name, known)


def _fields_at(kind: type[BaseModel], parents: list[Any]) -> Mapping[str, Any]:
    """The fields of the record inside `kind` that the path leads to; list indices and names of a mapping are passed over, and the
    name of one of several records (`method: r3f`) leads to it."""
    annotation: Any = kind
    fields = _fields_of(kind)
    for name in parents:
        if name in fields:
            annotation = fields[name]
            fields = _fields_of(annotation) or fields
        else:
            fields = next((x for x in _records_in(annotation) if any(name in get_args(tag) for tag in x.values())), fields)
    return fields


def _records_in(annotation: Any) -> list[Mapping[str, Any]]:
    """The fields of each record in an annotation such as `A | B | None`."""
    inner = get_args(annotation)
    return [x for part in inner for x in _records_in(part)] if inner else [x] if (x := _fields_of(annotation)) else []


def _fields_of(annotation: Any) -> Mapping[str, Any]:
    """Field -> annotation of the record, dataclass or typed dict in an annotation such as `tuple[Target, ...]`."""
    if inner := get_args(annotation):
        return next((found for part in inner if (found := _fields_of(part))), {})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    return getattr(annotation, "__annotations__", {}) if isinstance(annotation, type) else {}
