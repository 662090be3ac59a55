"""The ACL Anthology, which has no search API but one BibTeX file of all papers with their abstracts, and one for each paper:
https://aclanthology.org/faq/bib/. The large file is fetched once, kept, and searched here."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xstilts.documents.names import parse_name
from xstilts.documents.paper import Found, Paper
from xstilts.documents.reading.bibtex import parse_bibtex
from xstilts.documents.services.client import Client, NotThere, Retry, refuse_page
from xstilts.errors import InputError

NAME = "ACL Anthology"
BASE = "https://aclanthology.org"
INTERVAL = 1.0
ALL = "/anthology+abstracts.bib.gz"


@dataclass
class AclAnthology:
    """The papers of the ACL Anthology."""

    cache: Path
    base: str = BASE
    interval: float = INTERVAL
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(NAME, self.base, self.cache / "acl-anthology", self.interval)

    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found:
        """The papers that have all words and "phrases" of the query in title or abstract, at most `limit`: those first that have
        most of them in the title. Raises InputError."""
        terms = [(phrase or word).lower() for phrase, word in re.findall(r"\"([^\"]+)\"|([^\s\"]+)", query)]
        if not terms:
            raise InputError("an empty query; expected words to search for")
        needed = [re.compile(rf"(?<!\w){re.escape(term)}") for term in terms]
        matches, date = self.client.ask(ALL, lambda path: _select(path, needed, from_year, to_year), suffix=".bib.gz")
        matches = sorted(matches, key=lambda match: -match[0])
        papers, refused = _read(entry for _, entry in matches[:limit])
        years = f" ({from_year or ''}-{to_year or ''})" if from_year or to_year else ""
        notes = [f"{len(matches):,} records match; {limit:,} of them were read."] if len(matches) > limit else []
        return Found(NAME, f"{query}{years}", date, len(matches), papers, refused, notes)

    def by_id(self, ids: Sequence[str]) -> Found:
        """Papers by Anthology ids such as "2020.aacl-main.56". Those that it does not have are in `refused`. Raises InputError
        for what is no such id."""
        papers: list[Paper] = []
        refused: list[str] = []
        date = ""
        wanted = []
        for x in ids:
            name = parse_name(x)
            if name is None or not name[0].startswith("acl:"):
                raise InputError(f"{x}: not an id of the ACL Anthology; expected one such as 2020.aacl-main.56")
            wanted.append(name[0].removeprefix("acl:"))
        for x in dict.fromkeys(wanted):
            try:
                (found, bad), date_of_answer = self.client.ask(f"/{x}.bib", _read_one, suffix=".bib")
            except NotThere:
                refused.append(f"{NAME} has no paper {x}")
                continue
            date = date or date_of_answer
            papers += found
            refused += bad
        return Found(NAME, ", ".join(dict.fromkeys(wanted)), date, len(set(wanted)), papers, refused)


def _entries(path: Path) -> Iterator[str]:
    """The entries of a large BibTeX file, one at a time: each begins with @ at the start of a line."""
    entry: list[str] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("@"):
                    yield "".join(entry)
                    entry = []
                entry.append(line)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Retry(f"the file is cut off or damaged ({error})") from None
    yield "".join(entry)


def _select(path: Path, needed: Sequence[re.Pattern[str]], from_year: int | None, to_year: int | None) -> list[tuple[int, str]]:
    """(how many terms are in the title, entry) of the entries that have all terms and are of these years."""
    refuse_page(path, NAME, "BibTeX")
    found, count = [], 0
    for entry in _entries(path):
        fields = dict(re.findall(r"^\s*(title|abstract|year)\s*=\s*(.*)$", entry, re.MULTILINE))
        if "title" not in fields or re.match(r"@proceedings", entry, re.IGNORECASE):
            continue
        count += 1
        year = re.search(r"\d{4}", fields.get("year", ""))
        if (from_year and (not year or int(year[0]) < from_year)) or (to_year and (not year or int(year[0]) > to_year)):
            continue
        title = _plain(fields["title"])
        text = f"{title} {_plain(fields.get('abstract', ''))}"
        if all(term.search(text) for term in needed):
            found.append((sum(bool(term.search(title)) for term in needed), entry))
    if not count:
        raise InputError(f"{NAME}: the answer has no entries of BibTeX: its format may have changed; report it")
    return found


def _plain(value: str) -> str:
    return re.sub(r"[{}\\]", "", value).lower()


def _read(entries: Iterator[str]) -> tuple[list[Paper], list[str]]:
    return parse_bibtex("\n".join(entries), NAME, NAME)


def _read_one(path: Path) -> tuple[list[Paper], list[str]]:
    refuse_page(path, NAME, "BibTeX")
    papers, refused = parse_bibtex(path.read_text(encoding="utf-8", errors="replace"), NAME, NAME)
    if not papers and not refused:
        raise InputError(f"{NAME}: the answer is no BibTeX: its format may have changed; report it")
    if not papers:
        raise Retry(refused[0])
    return papers, refused
