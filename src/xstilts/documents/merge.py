"""Records of the same version of the same paper made one, and counted.

Records are of one work if they share a name (work or `same`), or have the same title, first author and year. Versions of a
work stay apart, since they may disagree. A record that does not say its version joins the version with the same abstract, or
the only one there is if one of the two has no abstract; else it stays apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xstilts.documents.names import ORDER
from xstilts.documents.paper import Paper
from xstilts.documents.reading.headings import find_abstract

EXTENTS = ("title", "abstract", "full text")
SAME_ABSTRACT = 0.9  # share of words in common (F1) from which two abstracts are one text


@dataclass(frozen=True)
class Merged:
    """`papers` in the order in which they came first. `records`: how many there were before. `duplicates`: one sentence for each
    record that went into another, so records = papers + duplicates."""

    papers: Sequence[Paper]
    records: int
    duplicates: Sequence[str]


def merge(papers: Sequence[Paper]) -> Merged:
    """Make records of the same version of the same paper one: the longest extent wins, and what it lacks the others give."""
    groups = _group_works(papers)
    kept: dict[int, Paper] = {}
    duplicates: list[str] = []
    for group in groups:
        for members in _group_versions([papers[i] for i in group]):
            records = [papers[group[i]] for i in members]
            merged = _merge_records(records, _choose_work([papers[i] for i in group]))
            kept[group[members[0]]] = merged
            best = _find_best(records)
            duplicates += [
                f"{x.title} ({x.id}, {x.origin}): the same as {best.id} of {best.origin}" for x in records if x is not best
            ]
    return Merged([kept[i] for i in sorted(kept)], len(papers), duplicates)


def normalise_title(title: str) -> str:
    """Letters and digits of a title in lower case, without accents: what two spellings of it share."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    return "".join(c for c in plain if c.isalnum())


def _title_key(paper: Paper) -> tuple[str, str, int] | None:
    if not paper.authors or not paper.year:
        return None
    family = normalise_title(paper.authors[0].split()[-1]) if paper.authors[0].split() else ""
    return normalise_title(paper.title), family, paper.year


def _group_works(papers: Sequence[Paper]) -> list[list[int]]:
    """The places of the records of each work, in order."""
    parents = list(range(len(papers)))

    def find(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    first: dict[object, int] = {}
    for i, paper in enumerate(papers):
        for name in (paper.work, *paper.same, _title_key(paper)):
            if name:
                a, b = sorted((find(first.setdefault(name, i)), find(i)))
                parents[b] = a
    groups: dict[int, list[int]] = {}
    for i in range(len(papers)):
        groups.setdefault(find(i), []).append(i)
    return list(groups.values())


def _group_versions(papers: Sequence[Paper]) -> list[list[int]]:
    """The places of the records of each version of one work."""
    versions: dict[str, list[int]] = {}
    unknown = []
    for i, paper in enumerate(papers):
        if paper.version:
            versions.setdefault(paper.version, []).append(i)
        else:
            unknown.append(i)
    groups = list(versions.values())
    for i in unknown:
        likeness = [_compare(papers[i], [papers[k] for k in group]) for group in groups]
        same = [group for group, like in zip(groups, likeness, strict=True) if like is True]
        silent = [group for group, like in zip(groups, likeness, strict=True) if like is None]
        if same:
            same[0].append(i)
        elif len(groups) == 1 and silent:
            silent[0].append(i)
        else:
            groups.append([i])
    return [sorted(group) for group in groups]


def _compare(paper: Paper, others: Sequence[Paper]) -> bool | None:
    """Whether the abstracts are one text; None if there are no two to compare."""
    abstract = _words(find_abstract(paper.sections))
    texts = [words for other in others if (words := _words(find_abstract(other.sections)))]
    if not abstract or not texts:
        return None
    return any(2 * (abstract & text).total() / (abstract.total() + text.total()) >= SAME_ABSTRACT for text in texts)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _choose_work(papers: Sequence[Paper]) -> str:
    """One name for all versions of a work: that of the first kind in ORDER that any record has."""
    names = list(dict.fromkeys(name for paper in papers for name in (paper.work, *paper.same)))
    return next((name for prefix in ORDER for name in names if name.startswith(prefix)), names[0])


def _find_best(records: Sequence[Paper]) -> Paper:
    """The record that says most: by its extent, then by the length of its text, then the first."""
    return max(records, key=lambda paper: (EXTENTS.index(paper.extent), sum(len(section.text) for section in paper.sections)))


def _merge_records(records: Sequence[Paper], work: str) -> Paper:
    best = _find_best(records)
    names = dict.fromkeys(name for paper in records for name in (paper.work, *paper.same))
    by_length = [best, *(paper for paper in records if paper is not best)]
    others = [paper.origin for paper in by_length[1:]]
    notes = dict.fromkeys(note for paper in by_length for note in paper.notes)
    return replace(
        best,
        work=work,
        version=next((paper.version for paper in by_length if paper.version), ""),
        authors=next((paper.authors for paper in by_length if paper.authors), ()),
        year=next((paper.year for paper in by_length if paper.year), None),
        venue=next((paper.venue for paper in by_length if paper.venue), ""),
        url=next((paper.url for paper in by_length if paper.url), ""),
        tables=next((paper.tables for paper in by_length if paper.tables), ()),
        same=tuple(name for name in names if name != work and name.startswith(ORDER)),
        withdrawn=any(paper.withdrawn for paper in records),
        notes=(*notes, *([f"Also in {', '.join(others)}."] if others else [])),
    )
