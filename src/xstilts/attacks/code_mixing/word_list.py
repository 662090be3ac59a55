"""Code-mixing with a user's own word list: `code_mix_from` makes the attack that a user's file defines as ATTACK.

Two layouts are read, both in UTF-8, plain or packed with gzip:

- a table: the first line has a code of a language in each column, and each line has the words of one meaning;
- two columns, divided by a tab or by blanks, as in MUSE's and PanLex's lists: `languages` says which they are.

Entries of several words are left out, and so are lines that were there before and lines with fewer than two words; the attack's
`resource` says how many. A list whose words hardly occur in the test set is refused, since it is in another language: a widely
copied list of Swahili words is Swedish. Robust training reads such lists too (`code_mix` of `recipe/robust.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.code_mixing.parallel import find_translation, is_fixed, list_guests, list_spans, needs_blanks, stands_alone
from xstilts.attacks.edits import Place
from xstilts.data.language import LANGUAGES, explain_code
from xstilts.errors import InputError
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag
from xstilts.reading import MAX_DOCUMENT, check_length, decode_utf8, open_uncompressed, read_bytes

OCCURRING = 0.05  # of the words, or of the test set's if these are fewer; right lists had 0.12 to 0.85, wrong ones up to 0.03
ENOUGH = 20  # words, to judge by
MIXED_BY_LIST = (Classify, Choice, Tag, Span)  # formats whose words any translation can replace


@dataclass(frozen=True, eq=False)
class WordList:
    """`meanings`: the words of each meaning by language. `counted`: what was read and what was left out, in words."""

    path: Path
    languages: tuple[str, ...]
    meanings: tuple[Mapping[str, str], ...]
    counted: str

    def words(self, language: str) -> frozenset[str]:
        """The words of a language without case that are spelled otherwise in another one."""
        return frozenset(
            row[language].casefold()
            for row in self.meanings
            if language in row and any(word.casefold() != row[language].casefold() for word in row.values())
        )


def read_word_list(path: Path, languages: Sequence[str] = ()) -> WordList:
    """The words of a file. `languages`: those of its two columns; none if its first line names them. Columns of languages that
    are not known here are left out. Raises InputError with the file and the line."""
    lines = _read_lines(path)
    first = 1
    columns = list(languages)
    if not languages:
        columns = lines[0].split("\t") if lines else []
        first = 2
        if sum(code in LANGUAGES for code in columns) < 2:
            raise InputError(
                f"{path}, line 1: expected codes of languages between tabs, found {' '.join(columns)[:60]!r}; for a list of two"
                ' columns say which languages these are, as in languages=("en", "sw"); in a recipe, columns: [en, sw]'
            )
    elif len(languages) != 2:
        raise InputError(f"{path}: languages: expected the two of its columns, found {len(languages)}")
    for code in languages:
        if code not in LANGUAGES:
            raise InputError(f"{path}: languages: unknown language {code!r}{explain_code(code)}")
    meanings: list[dict[str, str]] = []
    seen: set[str] = set()
    counts = {"short": 0, "twice": 0, "long": 0}
    for number, line in enumerate(lines[first - 1 :], start=first):
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line or not languages else line.split())]
        if any(cells) and len(cells) != len(columns):
            raise InputError(f"{path}, line {number}: expected {len(columns)} columns, found {len(cells)}")
        row = {code: cell for code, cell in zip(columns, cells, strict=False) if cell and code in LANGUAGES}
        single = {code: word for code, word in row.items() if list_spans(word) == [(0, len(word))]}
        counts["long"] += len(row) - len(single)
        if len(single) < 2:
            counts["short"] += 1
        elif line in seen:
            counts["twice"] += 1
        else:
            seen.add(line)
            meanings.append(single)
    counted = f"{len(meanings):,} lines; left out: {counts['short']:,} with fewer than two words, {counts['twice']:,} that were"
    counted += f" there before, {counts['long']:,} entries that are no single word"
    if not meanings:
        raise InputError(f"{path}: no words in two languages ({counted})")
    return WordList(path, tuple(dict.fromkeys(code for code in columns if code in LANGUAGES)), tuple(meanings), counted)


def _read_lines(path: Path) -> list[str]:
    with open_uncompressed(path, "a word list") as file:
        content = check_length(file.read(MAX_DOCUMENT + 1), str(path))
    lines: list[str] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        lines.append(decode_utf8(line, f"{path}:{number}"))
    return lines


@lru_cache(maxsize=64)
def _translations(words: WordList, language: str, other: str) -> dict[str, tuple[str, ...]]:
    """Word without case -> its translations, in the order of the list, without those that mean something else in `language`."""
    found: dict[str, dict[str, None]] = {}
    for row in words.meanings:
        if language in row and other in row and row[language].casefold() != row[other].casefold():
            found.setdefault(row[language].casefold(), {})[row[other]] = None
    return {word: tuple(new for new in some if new.casefold() not in found) for word, some in found.items()}


@lru_cache(maxsize=64)
def _check(words: WordList, language: str, pool: Pool, other: str) -> None:
    """Raises InputError if the words of `language` hardly occur in its texts: `pool.same`, or those of the `other` language."""
    own = words.words(language)
    there = Pool(tuple(pool.parallel[other].values())).words if other else pool.words
    fewest = min(len(own), len(there))
    if fewest >= ENOUGH and len(own & there) < OCCURRING * fewest:
        raise InputError(
            f"{words.path}: only {len(own & there):,} of its {len(own):,} words in {language} ({LANGUAGES[language].name}) occur"
            f" in the data, which have {len(there):,} words; is the list in another language?"
        )


def code_mix_from(
    path: str | Path,
    name: str,
    languages: Sequence[str] = (),
    *,
    parallel: bool = True,
    others: Sequence[str] = (),
    version: int = 1,
) -> Attack:
    """The attack `name` with the words of a file. With `parallel`, only translations that the same example has in the other
    language are used, so that the test set must be parallel. Without it, any translation of the list is used, and sentences that
    are tagged fit too. `others`: the languages that words are replaced from, all those of the list by default. The bytes of the
    file are a part of the attack's identity. Raises InputError."""
    path = Path(path)
    words = read_word_list(path, languages)
    for code in others:
        if code not in words.languages:
            raise InputError(f"{path}: it has no words of {code!r}; it has {', '.join(words.languages)}")
    usable = tuple(sorted(others or words.languages))

    def leaves_out(language: str) -> str:
        if language not in words.languages:
            return needs_blanks(language) or f"{path.name} has no words of it"
        return needs_blanks(language) or ("" if set(usable) - {language} else "words of no other language are asked for")

    def mix(example: Example, place: Place, language: str, rng: Random, pool: Pool) -> str | None:
        _check(words, language, pool, "")
        if is_fixed(example, place.part, place.start, place.end):
            return None
        found: list[list[str]] = []
        guests = [other for other in list_guests(example, language, pool) if other in usable] if parallel else usable
        for other in guests:
            known = _translations(words, language, other).get(place.word.casefold(), ()) if other != language else ()
            if parallel and known:
                _check(words, other, pool, other)
                there = _list_words(find_translation(example, place.part, pool.parallel[other][example.id]))
                known = tuple(there[word.casefold()] for word in known if word.casefold() in there)
            found += [list(known)] if known else []
        return rng.choice(rng.choice(found)) if found else None

    return Attack(
        name=name,
        title="words of other languages, from a list",
        description=f"Words become their translations in {', '.join(others or words.languages)}.",
        level="R1",
        goal="invariance",
        formats=(Classify, Choice, Span) if parallel else MIXED_BY_LIST,
        cite="Tan and Joty 2021 (PolyGloss)",
        vary_in=mix,
        mixes_languages=parallel,
        leaves_out=leaves_out,
        budget=0.3,
        unit="share of words",
        version=version,
        resource=f"{path.name}: {words.counted}",
        license="that of the list",
        declared=hashlib.sha256(read_bytes(path)).hexdigest(),
    )


@lru_cache(maxsize=256)
def _list_words(text: str) -> dict[str, str]:
    """Word without case -> the first one as it is written, of those that stand alone."""
    words = [text[start:end] for start, end in list_spans(text) if stands_alone(text, start, end)]
    return {word.casefold(): word for word in reversed(words)}
