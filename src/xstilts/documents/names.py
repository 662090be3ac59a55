"""Names of works: arXiv ids, ACL Anthology ids and DOIs, in the many ways in which files and services write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

ARXIV_ID = r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})"
ACL_ID = r"(?:\d{4}\.[a-z0-9]+-[a-z0-9]+\.\d+|[A-Z]\d{2}-\d{4})"
ORDER = ("arxiv:", "acl:", "doi:")

_ARXIV = re.compile(
    rf"(?:arxiv:|(?:https?://)?(?:[\w-]+\.)*arxiv\.org/(?:abs|pdf|html)/|(?:https?://)?ar5iv\.[\w.]+/(?:abs|html)/)?({ARXIV_ID})(v\d+)?"
    r"(?:\.pdf)?/?",
    re.IGNORECASE,
)
_ACL = re.compile(
    rf"(?:acl:|(?:https?://)?(?:www\.)?aclanthology\.org/|(?:https?://)?aclweb\.org/anthology/)?({ACL_ID})(?:v\d+)?(?:\.pdf)?/?"
)
_DOI = re.compile(r"(?:doi:\s*|(?:https?://)?(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ARXIV_DOI = re.compile(rf"10\.48550/arxiv\.({ARXIV_ID})", re.IGNORECASE)
_ACL_DOI = re.compile(rf"10\.(?:18653/v1|3115/v1)/({ACL_ID})", re.IGNORECASE)
_STAMP = re.compile(rf"arXiv:({ARXIV_ID})(v\d+)?\s+\[[\w.-]+\]\s+(?:\d{{1,2}} \w{{3}} (\d{{4}}))?")


def parse_name(text: str) -> tuple[str, str] | None:
    """(work, version) of an arXiv id, an ACL Anthology id, a DOI or an address of one: "arXiv:2005.13013v2" gives
    ("arxiv:2005.13013", "v2"). The version may be empty. None if the text is no such name."""
    text = text.strip()
    if found := _ARXIV.fullmatch(text):
        return f"arxiv:{found[1]}", (found[2] or "").lower()
    if found := _ACL.fullmatch(text):
        return f"acl:{found[1]}", "published"
    if found := _DOI.fullmatch(text):
        if inner := _ARXIV_DOI.fullmatch(found[1]):
            return f"arxiv:{inner[1]}", ""
        if inner := _ACL_DOI.fullmatch(found[1]):
            return f"acl:{inner[1]}", "published"
        return f"doi:{found[1].lower().rstrip('.,;')}", ""
    return None


def choose_names(texts: Iterable[str | None], otherwise: str) -> tuple[str, str, tuple[str, ...]]:
    """(work, version, its other names) of a record that has these names. arXiv comes before the ACL Anthology, and it before
    DOIs, so that all versions of a work have one name; `otherwise` is the work if none is known."""
    found = dict.fromkeys(name for text in texts if text and (name := parse_name(text)))
    works = sorted(dict.fromkeys(work for work, _ in found), key=lambda work: ORDER.index(work[: work.index(":") + 1]))
    if not works:
        return otherwise, "", ()
    versions = [version for work, version in found if work == works[0] and version]
    return works[0], versions[0] if versions else "", tuple(works[1:])


def find_stamp(text: str) -> tuple[str, str, int | None] | None:
    """(work, version, year) of the stamp that arXiv prints on the first page, "arXiv:2005.13013v2 [cs.CL] 1 Oct 2020"."""
    found = _STAMP.search(text)
    return (f"arxiv:{found[1]}", found[2] or "", int(found[3]) if found[3] else None) if found else None


def find_year(work: str) -> int | None:
    """The year that an ACL Anthology id or an arXiv id of a work tells: 2019 of "acl:N19-1253". An arXiv id tells that of v1."""
    if found := re.fullmatch(r"acl:(?:(\d{4})\.|[A-Z](\d{2})-).*", work):
        return int(found[1]) if found[1] else (1900 if int(found[2]) > 60 else 2000) + int(found[2])
    found = re.fullmatch(r"arxiv:(\d{2})\d{2}\.\d{4,5}", work)
    return 2000 + int(found[1]) if found else None
