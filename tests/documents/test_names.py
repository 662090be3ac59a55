"""Names of works as files and services write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.documents.names import choose_names, find_stamp, find_year, parse_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2005.13013", ("arxiv:2005.13013", "")),
        ("arXiv:2005.13013v2", ("arxiv:2005.13013", "v2")),
        ("http://arxiv.org/abs/2005.13013v1", ("arxiv:2005.13013", "v1")),
        ("https://arxiv.org/pdf/2005.13013v1.pdf", ("arxiv:2005.13013", "v1")),
        ("https://ar5iv.labs.arxiv.org/html/2005.13013", ("arxiv:2005.13013", "")),
        ("cs/9902021", ("arxiv:cs/9902021", "")),
        ("10.48550/arXiv.2005.13013", ("arxiv:2005.13013", "")),
        ("2020.aacl-main.56", ("acl:2020.aacl-main.56", "published")),
        ("N18-1089", ("acl:N18-1089", "published")),
        ("https://aclanthology.org/2020.aacl-main.56/", ("acl:2020.aacl-main.56", "published")),
        ("https://doi.org/10.18653/v1/2020.aacl-main.56", ("acl:2020.aacl-main.56", "published")),
        ("10.1162/TACL_a_00288", ("doi:10.1162/tacl_a_00288", "")),
        ("notes", None),
        ("", None),
        ("2005.1", None),
        ("https://example.org/2005.13013", None),
    ],
)
def test_names(text: str, name: tuple[str, str] | None) -> None:
    assert parse_name(text) == name


def test_the_first_kind_of_name_is_the_work_and_the_others_are_kept() -> None:
    names = [None, "10.1000/x", "2020.aacl-main.56", "2005.13013v2"]
    assert choose_names(names, "file") == ("arxiv:2005.13013", "v2", ("acl:2020.aacl-main.56", "doi:10.1000/x"))
    assert choose_names(["2020.aacl-main.56", "2005.13013"], "file")[:2] == ("arxiv:2005.13013", ""), (
        "the version is that of the name"
    )
    assert choose_names([None, "notes"], "notes.txt") == ("notes.txt", "", ())


def test_the_stamp_of_arxiv() -> None:
    assert find_stamp("x arXiv:2005.13013v2 [cs.CL] 1 Oct 2020 y") == ("arxiv:2005.13013", "v2", 2020)
    assert find_stamp("as in arXiv:2005.13013") is None


def test_years() -> None:
    works = ("acl:N18-1089", "acl:C96-1001", "acl:2020.aacl-main.56", "arxiv:2005.13013", "arxiv:cs/9902021", "doi:10.1/x")
    assert [find_year(work) for work in works] == [2018, 1996, 2020, 2020, None, None]


@given(st.text())
def test_any_text_is_a_name_or_none(text: str) -> None:
    assert parse_name(text) is None or parse_name(text)[0].startswith(("arxiv:", "acl:", "doi:"))  # type: ignore[index]
