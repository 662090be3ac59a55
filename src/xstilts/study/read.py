"""The files of studies, built in or the user's own, as plain fields with `--set FIELD=VALUE` changes."""

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from xstilts.data.yaml_records import parse_yaml, read_fields
from xstilts.errors import InputError, nearest
from xstilts.reading import expand_home
from xstilts.study.condition import resolve_paths


def built_in_studies() -> dict[str, Path]:
    """The files of the studies that come with the package, by name."""
    folder = Path(str(resources.files("xstilts.study") / "builtin"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_study(name: str) -> Path:
    """The file of a built-in study, or the YAML file of that path. Raises InputError with the nearest name."""
    known = built_in_studies()
    if name in known:
        return known[name]
    path = expand_home(name)
    if os.path.isdir(path):
        raise InputError(f"study {name}: this is a folder; expected a YAML file or one of {', '.join(known)}")
    if not os.path.exists(path):
        hint = nearest(name, known) if path.suffix not in (".yaml", ".yml") else ""
        raise InputError(f"study {name}: no such file and no built-in study{hint}")
    return path


def read_study(name: str, changes: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """The file of a study and its changed fields, not yet checked; paths of tasks, attacks, word lists and a vision tower are
    relative to the file. Raises InputError."""
    path = find_study(name)
    fields = read_fields(path, "study")
    for change in changes:
        change_field(fields, change)
    if isinstance(fields.get("tasks"), list):
        fields["tasks"] = [str(path.parent / expand_home(str(task))) for task in fields["tasks"]]
    if "conditions" in fields:
        fields["conditions"] = resolve_paths(fields["conditions"], path.parent)
    for field in ("recipes", "pretrain", "chains"):
        _resolve_words(fields.get(field), path.parent)
    if isinstance(tower := fields.get("tower"), str) and os.path.isdir(folder := path.parent / expand_home(tower)):
        fields["tower"] = str(folder.absolute())
    return path, fields


def _resolve_words(value: Any, folder: Path) -> None:
    """In place: the word list of every robust recipe inside, relative to the folder."""
    robust = value.get("robust") if isinstance(value, dict) else None
    if isinstance(robust, dict) and isinstance(robust.get("words"), str):
        robust["words"] = str(folder / expand_home(robust["words"]))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _resolve_words(inner, folder)


def change_field(fields: dict[str, Any], change: str) -> None:
    """Change one field of a plain record in place: `limits.train=100`. Raises InputError."""
    name, equals, value = change.partition("=")
    if not equals or not name:
        raise InputError(f"--set {change}: expected FIELD=VALUE, e.g. --set limits.train=100")
    *parents, last = name.split(".")
    inner = fields
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {change}: '{parent}' has no fields of its own; set it as a whole")
    inner[last] = parse_yaml(value, f"--set {name}")
