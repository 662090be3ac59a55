"""Templates of questions as TSV files, one a language, named by its code (`de.tsv`), in UTF-8. Two kinds of lines:

{name}	Anna	Ben	Clara                                                            a slot and its values
comparison	{name1} is older than {name2}.	Who is older?	{name1}              a kind, context, question, answer

A digit tells draws of one slot apart, which are never equal: `{name1}` and `{name2}`. A value may have forms, divided by "|"
(`tall|taller`): `{quality}` is the first, `{quality.2}` the second, `{quality1.2}` that of the first draw. Blank lines, and lines
that begin with "#", say nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path

import regex

from xstilts.errors import InputError

OWN = Path(__file__).with_name("templates")
MOST = 20_000  # items of one template
_SLOT = regex.compile(r"\{([^\W\d]+)(\d?)(?:\.(\d))?\}")


@dataclass(frozen=True, slots=True)
class Item:
    """A context, a question and the answer, which occurs once in the context."""

    context: str
    question: str
    answer: str


Items = Mapping[str, tuple[tuple[Item, ...], ...]]  # kind -> the items of each of its templates


def list_languages(folder: Path) -> tuple[str, ...]:
    """The codes of the files."""
    return tuple(sorted(path.stem for path in folder.glob("*.tsv")))


def hash_templates(folder: Path) -> str:
    """The identity of all files."""
    files = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.glob("*.tsv"))]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def read_items(path: Path) -> Items:
    """All items of a file. Raises InputError with the line for a template that is not one, a slot that no line defines, and an
    answer that does not occur once in its context."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: expected templates ({error.strerror})") from None
    return _parse(path, text)


@lru_cache(maxsize=64)
def _parse(path: Path, text: str) -> Items:
    slots: dict[str, list[tuple[str, ...]]] = {}
    templates: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.rstrip("\t ").split("\t")]
        if cells == [""] or line.startswith("#"):
            continue
        if slot := _SLOT.fullmatch(cells[0]):
            if cells[0] != f"{{{slot[1]}}}" or len(cells) < 2 or not all(cells) or slot[1] in slots:
                raise InputError(f"{path}, line {number}: expected a new slot such as {{name}}, a tab and its values")
            slots[slot[1]] = [tuple(form.strip() for form in value.split("|")) for value in cells[1:]]
        elif len(cells) != 4 or not all(cells):
            raise InputError(
                f"{path}, line {number}: expected kind, context, question and answer between tabs, found {len(cells)} fields"
            )
        else:
            templates.append((number, cells))
    found: dict[str, list[tuple[Item, ...]]] = {}
    for number, (kind, *texts) in templates:
        found.setdefault(kind, []).append(tuple(_fill(f"{path}, line {number}", texts, slots)))
    if not found:
        raise InputError(f"{path}: no templates; expected lines of kind, context, question and answer between tabs")
    return {kind: tuple(items) for kind, items in found.items()}


def _fill(where: str, texts: list[str], slots: Mapping[str, list[tuple[str, ...]]]) -> Iterator[Item]:
    """The items of a template, in the order of the values."""
    draws = list(dict.fromkeys((found[1], found[2]) for text in texts for found in _SLOT.finditer(text)))
    for name, _ in draws:
        if name not in slots:
            raise InputError(f"{where}: no line defines the slot {{{name}}}; expected one of {', '.join(slots) or 'none'}")
    if (size := prod(len(slots[name]) for name, _ in draws)) > MOST:
        raise InputError(f"{where}: it has {size:,} items, at most {MOST:,} are read; give its slots fewer values")
    writers = [_split(where, text, draws, slots) for text in texts]
    made = False
    for values in product(*(slots[name] for name, _ in draws)):
        if len({(name, value) for (name, _), value in zip(draws, values, strict=True)}) < len(draws):
            continue  # two draws of a slot are equal
        context, question, answer = (
            "".join(one if isinstance(one, str) else values[one[0]][one[1]] for one in w) for w in writers
        )
        if (times := context.count(answer)) != 1:
            raise InputError(f"{where}: the answer {answer!r} occurs {times} times in {context!r}; expected once")
        made = True
        yield Item(context, question, answer)
    if not made:
        raise InputError(f"{where}: no item, since a slot has fewer values than it has draws")


def _split(
    where: str, text: str, draws: list[tuple[str, str]], slots: Mapping[str, list[tuple[str, ...]]]
) -> list[str | tuple[int, int]]:
    """A text as its words and, for each slot in it, the places of the draw and of the form."""
    written: list[str | tuple[int, int]] = []
    end = 0
    for found in _SLOT.finditer(text):
        form = int(found[3] or 1)
        short = [value for value in slots[found[1]] if not 1 <= form <= len(value)]
        if short:
            raise InputError(f"{where}: {found[0]} asks for a form that {'|'.join(short[0])!r} does not have")
        written += [text[end : found.start()], (draws.index((found[1], found[2])), form - 1)]
        end = found.end()
    return [*written, text[end:]]
