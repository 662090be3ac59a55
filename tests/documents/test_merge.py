"""The same paper from several sources is one; versions stay apart; all is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.documents.merge import merge, normalise_title
from xstilts.documents.paper import Paper, Section

BASE = Paper("arxiv:2005.90001", "v1", "Bending Trees", "a", "abstract", (Section("Abstract", "Trees bend by 8.4 points."),))


def make(**changes: Any) -> Paper:
    if "abstract" in changes:
        text = changes.pop("abstract")
        changes["sections"] = (Section("Abstract", text),) if text else ()
    return replace(BASE, **changes)


def test_versions_stay_apart_and_equal_versions_become_one() -> None:
    merged = merge([BASE, make(version="v2", origin="b"), make(origin="c", year=2020)])
    assert [p.id for p in merged.papers] == ["arxiv:2005.90001v1", "arxiv:2005.90001v2"]
    assert merged.papers[0].year == 2020 and merged.papers[0].notes == ("Also in c.",)
    assert merged.duplicates == ["Bending Trees (arxiv:2005.90001v1, c): the same as arxiv:2005.90001v1 of a"]
    assert merged.records == 3


def test_the_longest_extent_wins_and_the_others_fill_it() -> None:
    full = make(origin="f", extent="full text", sections=(Section("1 Introduction", "Trees."),), authors=())
    merged = merge([make(authors=("Ada Fern",), venue="Forest", notes=("n",)), full]).papers[0]
    assert (merged.extent, merged.origin, merged.authors, merged.venue) == ("full text", "f", ("Ada Fern",), "Forest")
    assert merged.notes == ("n", "Also in a.")


def test_other_names_join_works_also_by_a_third_record() -> None:
    acl = make(work="acl:2020.trees-main.56", version="published", origin="b")
    doi = make(work="doi:10.1/x", version="published", origin="c")
    link = make(version="published", same=("acl:2020.trees-main.56", "doi:10.1/x"), origin="d")
    assert len(merge([acl, doi]).papers) == 2
    merged = merge([acl, doi, link])
    assert [p.id for p in merged.papers] == ["arxiv:2005.90001 published"] and len(merged.duplicates) == 2
    assert merged.papers[0].same == ("acl:2020.trees-main.56", "doi:10.1/x")


def test_title_author_and_year_join_works_but_not_the_title_alone() -> None:
    first = make(work="a.pdf", version="", title="Béndïng Trees!", authors=("Ada Fern",), year=2020)
    second = make(work="b.bib#x", version="", title="bending trees", authors=("A. Fern", "Bo Moss"), year=2020)
    assert len(merge([first, second]).papers) == 1
    for change in ({"year": 2021}, {"year": None}, {"authors": ("Bo Moss",)}, {"authors": ()}, {"title": "Trees"}):
        assert len(merge([first, replace(second, **change)]).papers) == 2, change  # type: ignore[arg-type]


def test_a_record_without_version_joins_the_version_that_says_the_same() -> None:
    two = [BASE, make(version="v2", abstract="Trees bend by 5.4 points, we find, in each of nine forests.")]
    unknown = make(version="", abstract="trees bend  by 8.4 points", origin="s2")
    merged = merge([unknown, *two])
    assert [p.version for p in merged.papers] == ["v1", "v2"]
    other = make(version="", abstract="Something else entirely is said here.", origin="s2")
    assert [p.version for p in merge([*two, other]).papers] == ["v1", "v2", ""]
    silent = make(version="", abstract="", extent="title", origin="s2")
    assert [p.version for p in merge([BASE, silent]).papers] == ["v1"]
    assert [p.version for p in merge([*two, silent]).papers] == ["v1", "v2", ""], "it may be either"


def test_one_withdrawn_record_marks_the_paper() -> None:
    assert merge([BASE, make(withdrawn=True, origin="b")]).papers[0].withdrawn


def test_titles_in_any_script() -> None:
    assert normalise_title("Ágnes: 木 & Деревья") == "agnes木деревья"
    assert (
        merge(
            [make(work="x", title="木", authors=("李",), year=2020), make(work="y", title="林", authors=("李",), year=2020)]
        ).duplicates
        == []
    )


papers = st.builds(
    make,
    work=st.sampled_from(["arxiv:1", "arxiv:2", "acl:1", "f.pdf"]),
    version=st.sampled_from(["", "v1", "v2"]),
    same=st.sampled_from([(), ("acl:1",), ("arxiv:2",)]),
    abstract=st.sampled_from(["", "Trees bend.", "Leaves fall in the long winter."]),
    origin=st.text("abc", min_size=1, max_size=3),
)


@given(st.lists(papers, max_size=8))
@settings(max_examples=60)
def test_nothing_is_lost_and_merging_again_changes_nothing(records: list[Paper]) -> None:
    merged = merge(records)
    assert merged.records == len(records) == len(merged.papers) + len(merged.duplicates)
    assert len({p.id for p in merged.papers if p.version}) == len([p for p in merged.papers if p.version])
    assert {p.version for p in merged.papers} >= {p.version for p in records if p.version}
    again = merge(merged.papers)
    assert (list(again.papers), again.duplicates) == (list(merged.papers), [])
