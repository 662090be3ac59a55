"""The four services against a server that speaks their formats: search, ids, pages, years, duplicates, and odd answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.documents.pdfs import make_pdf, make_scan
from tests.documents.server import FakeServices, Record, serve

from xstilts.documents.merge import merge
from xstilts.documents.reading.headings import find_abstract
from xstilts.documents.services import SERVICES, AclAnthology, ArXiv, OpenAlex, SemanticScholar
from xstilts.documents.services.arxiv import make_query
from xstilts.documents.services.openalex import join_abstract
from xstilts.errors import InputError


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServices]:
    with serve() as services:
        yield services


@pytest.fixture
def services(running: FakeServices) -> FakeServices:
    running.requests.clear()
    running.failures.clear()
    running.repeat, running.pdf = False, b""
    return running


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("S2_API_KEY", "OPENALEX_API_KEY", "OPENALEX_MAILTO"):
        monkeypatch.delenv(name, raising=False)


def make(kind: Any, services: FakeServices, folder: Path, **more: Any) -> Any:
    service = kind(folder, services.base, 0.0, **more)
    service.client.sleep = lambda _: None
    return service


ALL = [ArXiv, SemanticScholar, OpenAlex, AclAnthology]


@pytest.mark.parametrize("kind", ALL)
def test_a_search_gives_papers_and_counts(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    found = make(kind, services, tmp_path).search("trees")
    assert found.total == len(found.papers) == {ArXiv: 3, AclAnthology: 2}.get(kind, 4)
    first = next(p for p in found.papers if p.title == "Bending Trees Across Languages")
    assert first.authors == ("Ada Fern", "Bo Moss") and first.year == 2020 and first.extent == "abstract"
    assert find_abstract(first.sections) == "Bending trees gains 5.4 points on nine tasks."
    assert first.work == ("acl:2020.trees-main.56" if kind is AclAnthology else "arxiv:2005.90001")
    assert first.version == {ArXiv: "v2", AclAnthology: "published"}.get(kind, "")
    assert found.date.startswith("20") and not found.refused and not found.notes


@pytest.mark.parametrize("kind", ALL)
def test_a_second_search_sends_nothing(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    first = make(kind, services, tmp_path).search("trees", 1)
    again = make(kind, services, tmp_path)
    assert again.search("trees", 1) == first
    assert again.client.requests == 0
    assert len(first.papers) == 1 and first.total > 1
    assert "records match" in first.notes[0]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("mode", ["cut", "half", "500"])
def test_failures_that_pass_change_nothing(kind: Any, mode: str, services: FakeServices, tmp_path: Path) -> None:
    whole = make(kind, services, tmp_path / "a").search("trees")
    services.fail(mode, mode)
    found = make(kind, services, tmp_path / "b").search("trees")
    assert (found.papers, found.total) == (whole.papers, whole.total)


@pytest.mark.parametrize("kind", ALL)
def test_a_web_page_is_an_error(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    services.fail("html")
    with pytest.raises(InputError, match="answers a web page"):
        make(kind, services, tmp_path).search("trees")


@pytest.mark.parametrize("kind", [ArXiv, SemanticScholar, OpenAlex])
def test_another_shape_is_an_error(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    services.fail("shape")
    with pytest.raises(InputError, match="its format may have changed"):
        make(kind, services, tmp_path).search("trees")


@pytest.mark.parametrize("kind", ALL)
def test_nothing_found_and_nothing_asked(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    found = make(kind, services, tmp_path).search("mushrooms")
    assert (found.total, list(found.papers)) == (0, [])
    with pytest.raises(InputError, match="an empty query"):
        make(kind, services, tmp_path).search("  ")


@pytest.mark.parametrize("kind", [ArXiv, SemanticScholar, OpenAlex])
def test_pages_are_turned_and_records_that_come_twice_are_one(kind: Any, tmp_path: Path) -> None:
    records = [Record(f"Tree number {i}", ("Ada Fern",), 2020, ("A tree.",), f"2001.{i:05}") for i in range(1, 251)]
    with serve(records) as services:
        found = make(kind, services, tmp_path).search("tree", 250)
        assert [p.title for p in found.papers] == [r.title for r in records]
        assert len(services.requests) == 3
        services.repeat = True
        found = make(kind, services, tmp_path / "b").search("tree", 500)
        assert len(found.papers) == 250 and found.total == 500
        assert found.notes


def test_an_empty_page_of_arxiv_is_asked_for_again(services: FakeServices, tmp_path: Path) -> None:
    services.fail("empty")
    service = make(ArXiv, services, tmp_path)
    assert len(service.search("trees").papers) == 3
    assert service.client.requests == 2


def test_versions_of_arxiv_are_two_papers(services: FakeServices, tmp_path: Path) -> None:
    found = make(ArXiv, services, tmp_path).by_id(["2005.90001v1", "arXiv:2005.90001v2", "2101.90002", "1999.99999"])
    assert [p.id for p in found.papers] == ["arxiv:2005.90001v1", "arxiv:2005.90001v2", "arxiv:2101.90002v1"]
    assert "8.4" in find_abstract(found.papers[0].sections) and "5.4" in find_abstract(found.papers[1].sections)
    assert found.refused == ["arXiv has no paper 1999.99999"] and found.total == 4
    assert merge(found.papers).duplicates == []
    both = make(ArXiv, services, tmp_path).by_id(["2005.90001v1", "2005.90001"])
    assert [p.version for p in both.papers] == ["v1", "v2"], "an id without a version is the latest one"
    with pytest.raises(InputError, match="not an arXiv id"):
        make(ArXiv, services, tmp_path).by_id(["P18-9001"])


@pytest.mark.parametrize("kind", [ArXiv, SemanticScholar, OpenAlex])
def test_a_withdrawn_paper_is_marked(kind: Any, services: FakeServices, tmp_path: Path) -> None:
    found = make(kind, services, tmp_path).search("trees")
    assert [p.title for p in found.papers if p.withdrawn] == ["Trees That Fell"]


def test_a_query_in_the_syntax_of_arxiv() -> None:
    assert make_query('bending, "many trees" ?', None, None) == 'all:bending AND all:"many trees"'
    assert (
        make_query("ti:trees OR abs:moss", 2019, None)
        == "(ti:trees OR abs:moss) AND submittedDate:[201901010000 TO 209912312359]"
    )


def test_years_are_asked_for(services: FakeServices, tmp_path: Path) -> None:
    make(SemanticScholar, services, tmp_path).search("trees", 10, 2019, 2021)
    assert services.requests[-1][1]["year"] == "2019-2021"
    make(OpenAlex, services, tmp_path).search("trees", 10, 2019, 2021)
    assert services.requests[-1][1]["filter"] == "from_publication_date:2019-01-01,to_publication_date:2021-12-31"
    found = make(AclAnthology, services, tmp_path).search("trees", 10, 2019, 2021)
    assert [p.work for p in found.papers] == ["acl:2020.trees-main.56"]


def test_keys_come_from_the_environment(services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2_API_KEY", "k1")
    monkeypatch.setenv("OPENALEX_API_KEY", "k2")
    monkeypatch.setenv("OPENALEX_MAILTO", "ada@example.org")
    make(SemanticScholar, services, tmp_path).search("trees")
    assert services.requests[-1][3]["x-api-key"] == "k1"
    make(OpenAlex, services, tmp_path).search("trees")
    assert services.requests[-1][1]["api_key"] == "k2" and services.requests[-1][1]["mailto"] == "ada@example.org"


def test_semantic_scholar_gets_no_hyphens(services: FakeServices, tmp_path: Path) -> None:
    found = make(SemanticScholar, services, tmp_path).search("bending-trees")
    assert found.total == 1 and found.asked == "bending-trees"


def test_semantic_scholar_by_many_kinds_of_ids(services: FakeServices, tmp_path: Path) -> None:
    found = make(SemanticScholar, services, tmp_path).by_id(["2005.90001", "P18-9001", "10.1/nothing", "2101.90002v1"])
    assert services.requests[-1][2] == {"ids": ["ARXIV:2005.90001", "ACL:P18-9001", "10.1/nothing", "ARXIV:2101.90002"]}
    assert [p.work for p in found.papers] == ["arxiv:2005.90001", "acl:P18-9001", "arxiv:2101.90002"]
    assert [p.extent for p in found.papers] == ["abstract", "abstract", "title"]
    assert found.refused == ["Semantic Scholar has no paper 10.1/nothing"] and found.total == 4


def test_openalex_by_ids(services: FakeServices, tmp_path: Path) -> None:
    found = make(OpenAlex, services, tmp_path).by_id(["2020.trees-main.56", "arXiv:2101.90002", "10.18653/v1/nothing"])
    assert [p.work for p in found.papers] == ["arxiv:2005.90001", "arxiv:2101.90002"]
    assert found.papers[0].same == ("acl:2020.trees-main.56",)
    assert found.refused == ["OpenAlex has no work with the DOI 10.18653/v1/nothing"]
    assert join_abstract({"trees": [1, 4], "bend": [0], "?": [-1], "x": "y"}) == "? bend trees trees"


def test_the_anthology_by_ids(services: FakeServices, tmp_path: Path) -> None:
    found = make(AclAnthology, services, tmp_path).by_id(["P18-9001", "acl:2020.trees-main.56", "P18-9999"])
    assert [p.id for p in found.papers] == ["acl:P18-9001 published", "acl:2020.trees-main.56 published"]
    assert found.refused == ["ACL Anthology has no paper P18-9999"]
    with pytest.raises(InputError, match="not an id of the ACL Anthology"):
        make(AclAnthology, services, tmp_path).by_id(["2005.90001"])


def test_the_anthology_wants_all_words_and_puts_titles_first(tmp_path: Path) -> None:
    records = [
        Record("About {M}oss", ("A B",), 2020, ("A tree in moss.",), acl="2020.x-main.1"),
        Record("A Moss Tree", ("A B",), 2020, ("Nothing.",), acl="2020.x-main.2"),
        Record("Mossy stones", ("A B",), 2020, ("Nothing.",), acl="2020.x-main.3"),
    ]
    with serve(records) as services:
        found = make(AclAnthology, services, tmp_path).search("moss tree")
        assert [p.title for p in found.papers] == ["A Moss Tree", "About Moss"]
        assert len(make(AclAnthology, services, tmp_path).search('"moss tree"').papers) == 1
        assert len(services.requests) == 1, "the large file is fetched once"


def test_full_texts_of_arxiv(services: FakeServices, tmp_path: Path) -> None:
    services.pdf = make_pdf(
        [
            [
                (72, 720, 16, "Bending Trees"),
                (72, 690, 12, "1 Introduction"),
                *((72, 670 - 12 * i, 10, "Trees bend a lot.") for i in range(9)),
            ]
        ]
    )
    service = make(ArXiv, services, tmp_path, full_text=True)
    paper = service.by_id(["2005.90001v1"]).papers[0]
    assert services.requests[-1][0] == "/pdf/2005.90001v1"
    assert paper.extent == "full text" and paper.id == "arxiv:2005.90001v1"
    assert [s.title for s in paper.sections] == ["Abstract", "1 Introduction"]
    again = make(ArXiv, services, tmp_path, full_text=True)
    assert again.by_id(["2005.90001v1"]).papers[0] == paper and again.client.requests == 0


@pytest.mark.parametrize("pdf", [b"", make_scan()])
def test_without_a_readable_pdf_the_abstract_is_kept_and_said(pdf: bytes, services: FakeServices, tmp_path: Path) -> None:
    services.pdf = pdf
    paper = make(ArXiv, services, tmp_path, full_text=True).by_id(["2101.90002"]).papers[0]
    assert paper.extent == "abstract" and "Its full text could not be had" in paper.notes[-1]
    assert str(tmp_path) not in paper.notes[-1]


def test_the_same_paper_of_three_services_is_one(services: FakeServices, tmp_path: Path) -> None:
    kinds = (ArXiv, SemanticScholar, OpenAlex)
    papers = [p for kind in kinds for p in make(kind, services, tmp_path).search("bending").papers]
    merged = merge(papers)
    assert merged.records == 3 and len(merged.papers) == 1 and len(merged.duplicates) == 2
    assert merged.papers[0].id == "arxiv:2005.90001v2" and merged.papers[0].venue == "Forest"


def test_every_service_has_a_name(tmp_path: Path) -> None:
    assert {type(make_service(tmp_path)) for make_service in SERVICES.values()} == set(ALL)
