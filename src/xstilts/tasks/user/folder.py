"""A folder of plain text as a task, without a declaration. The names of its files say which languages they have.

`<code>.txt` is text of one language (task `text/<folder>`). Files `<anything>.<code>.txt` are aligned by line with the only
English one among them, and `<code>.tsv` has a sentence and its English translation in two columns (task `parallel/<folder>`). A
folder may hold both text and translations. A code is any of the table's (`CODES`), with anything after a hyphen (`zho-CN`). An
unknown code is an error, since nobody would notice a language that is skipped silently.
"""

import re
from pathlib import Path
from typing import Any

from xstilts.data.language import CODES, LANGUAGES
from xstilts.data.yaml_records import make_record
from xstilts.errors import InputError
from xstilts.tasks.user.declaration import Declaration

_FILE = re.compile(r"(?:(?P<stem>.+)\.)?(?P<code>[a-z][a-z0-9]{1,2}(?:[-_][A-Za-z0-9]+)*)\.(?P<end>txt|tsv)(?:\.gz)?")

_FileCodes = dict[str, str]  # our code of a language -> the code in the names of its files


def declare_folder(folder: Path) -> tuple[tuple[str, Declaration], ...]:
    """(name, declaration) of the one or two tasks of a folder. Raises InputError if its files make none."""
    alone, aligned, tables, english = _sort_files(folder)
    name = re.sub(r"[^\w.-]+", "-", folder.name)
    found = []
    if alone:
        found.append((f"text/{name}", _make_declaration(folder, alone, "{lang}.txt")))
    if aligned and tables:
        raise InputError(f"{folder}: translations in <anything>.<code>.txt and in <code>.tsv; keep only one kind in this folder")
    if aligned:
        if len(english) != 1:
            said = f"expected one English file (<anything>.en.txt), found {', '.join(sorted(english)) or 'none'}"
            raise InputError(f"{folder}: its files <anything>.<code>.txt are aligned by line with an English one; {said}")
        found.append((f"parallel/{name}", _make_declaration(folder, aligned, "*.{lang}.txt", english=english.pop())))
    if tables:
        found.append((f"parallel/{name}", _make_declaration(folder, tables, "{lang}.tsv", texts=(0, 1))))
    if not found:
        raise InputError(f"{folder}: found no <code>.txt[.gz] with the text of a language, such as de.txt, and no translations")
    return tuple(found)


def _sort_files(folder: Path) -> tuple[_FileCodes, _FileCodes, _FileCodes, set[str]]:
    """Files of one language, files aligned with English, tables of translations, and the English files."""
    alone, aligned, tables = _FileCodes(), _FileCodes(), _FileCodes()
    english = set[str]()
    for path in sorted(folder.iterdir()):
        file = _FILE.fullmatch(path.name)
        if not file or not path.is_file() or (file["end"] == "tsv" and file["stem"]):
            continue
        code = CODES.get(re.split("[-_]", file["code"])[0])
        if code is None:
            raise InputError(
                f"{path}: unknown language {file['code']!r}; expected one of {' '.join(sorted(LANGUAGES))}, or the ISO 639-3"
                " code of one of these (a declaration in YAML may name others, as `new_languages`)"
            )
        if file["stem"] and code == "en":
            english.add(path.name.removesuffix(".gz"))
            continue
        codes = tables if file["end"] == "tsv" else aligned if file["stem"] else alone
        if codes.setdefault(code, file["code"]) != file["code"]:
            both = f"{codes[code]!r} and {file['code']!r}"
            raise InputError(f"{path}: {both} are both {LANGUAGES[code].name}; remove one of the two from the folder")
    return alone, aligned, tables, english


def _make_declaration(folder: Path, codes: _FileCodes, pattern: str, **more: Any) -> Declaration:
    fields = {
        "name": "corpus",
        "format": "mlm",
        "files": {"train": pattern},
        "languages": tuple(sorted(codes)),
        "codes": {code: its for code, its in codes.items() if code != its},
        "license": "not stated: a folder of your own",
        "description": f"{'Sentences and their English translations' if more else 'Plain text'}, from the folder {folder.name}.",
    }
    return make_record(Declaration, {**fields, **more}, str(folder))
