"""A folder of everything: what can be read is read, what cannot is named, and nothing else is lost."""

from __future__ import annotations

import gzip
import importlib
import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SHARED
from tests.documents.pdfs import column, make_pdf, make_scan

from xstilts.documents.folder import read_file, read_folder
from xstilts.documents.merge import merge
from xstilts.documents.reading.files import decode
from xstilts.documents.reading.headings import find_abstract
from xstilts.errors import InputError

TEXT = "Trees in Text\n\nAbstract\n\nTrees bend.\n"
DOCUMENTS = SHARED / "data" / "documents"


def test_bad_files_are_named_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("  \n")
    (tmp_path / "scan.pdf").write_bytes(make_scan())
    (tmp_path / "locked.pdf").write_bytes(make_pdf([column(72, 700, ["Trees"])], encrypted=True))
    (tmp_path / "cut.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<<")
    (tmp_path / "page.pdf").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (tmp_path / "noise.pdf").write_bytes(bytes(range(256)))
    (tmp_path / "error.html").write_text("<html><head><title>404 Not Found</title></head><body>Nothing here.</body></html>")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"title": "T"}' * 99)[:-9])
    (tmp_path / "picture.png").write_bytes(b"PNG")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.md").write_text("# Leaves\n\nLeaves fall.\n")
    (tmp_path / ".hidden.txt").write_text(TEXT)
    found = read_folder(tmp_path)
    assert [p.title for p in found.papers] == ["Trees in Text", "Leaves"]
    assert [p.work for p in found.papers] == ["good.txt", "more/other.md"]
    assert found.total == 10 and len(found.refused) == 8
    reasons = {Path(sentence.partition(": ")[0]).name: sentence.partition(": ")[2] for sentence in found.refused}
    expected = {
        "empty.txt": "the file is empty",
        "scan.pdf": "a scan; recognise its text",
        "locked.pdf": "encrypted",
        "cut.pdf": "damaged or truncated",
        "page.pdf": "not a PDF but an HTML page",
        "noise.pdf": "not a PDF but another kind of file",
        "error.html": "an error page ('404 Not Found')",
        "cut.jsonl.gz": "truncated or damaged gzip",
    }
    assert set(reasons) == set(expected)
    assert all(part in reasons[name] for name, part in expected.items()), reasons
    assert found.notes == ["Left out, because they are no documents: 1 of .png."]


def test_pipes_and_links_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text(TEXT)
    (folder / "inside.txt").write_text(TEXT)
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.txt").symlink_to(folder / "inside.txt")
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    (folder / "nothing.txt").symlink_to(folder / "gone.txt")
    os.mkfifo(folder / "pipe.txt")
    found = read_folder(folder)
    assert [p.work for p in found.papers] == ["in.txt", "inside.txt"]
    assert sorted(sentence.rpartition("/")[2].partition(":")[0] for sentence in found.refused) == [
        "circle.txt",
        "nothing.txt",
        "out.txt",
        "pipe.txt",
    ]
    assert any("a link out of the folder" in sentence for sentence in found.refused)
    assert any("this is a pipe" in sentence for sentence in found.refused)


def test_files_of_one_name_in_two_folders_are_two_works(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text(TEXT)
        (tmp_path / name / "refs.bib").write_text("@misc{k, title={A title}, note={" + name + "}}")
    found = read_folder(tmp_path)
    assert [p.work for p in found.papers] == ["a/notes.txt", "a/refs.bib#k", "b/notes.txt", "b/refs.bib#k"]


def test_the_same_paper_from_several_files_is_one(tmp_path: Path) -> None:
    (tmp_path / "2005.90001v1.txt").write_text(TEXT)
    (tmp_path / "x.jsonl").write_text(
        '{"title": "Trees in Text", "arxiv": "2005.90001", "version": "v1 (2 May 2020)", "abstract": "Trees bend."}'
    )
    (tmp_path / "y.bib").write_text("@misc{k, title={Trees in Text}, eprint={2005.90001v2}, archiveprefix={arXiv}}")
    merged = merge(read_folder(tmp_path).papers)
    assert [(p.id, p.extent) for p in merged.papers] == [("arxiv:2005.90001v1", "full text"), ("arxiv:2005.90001v2", "title")]
    assert len(merged.duplicates) == 1


def test_what_is_no_folder_or_no_known_format_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("")
    with pytest.raises(InputError, match="there is no such folder"):
        read_folder(tmp_path / "gone")
    with pytest.raises(InputError, match="there is no such file"):
        read_file(tmp_path / "gone.pdf")
    with pytest.raises(InputError, match=r"no known format; expected a name that ends in .*\.pdf"):
        read_file(tmp_path / "x.png")
    with pytest.raises(InputError, match="this is a folder"):
        read_file(tmp_path.rename(tmp_path.with_name("odd.txt")))


def test_without_a_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(make_scan())
    (tmp_path / "b.txt").write_text(TEXT)
    original = importlib.import_module

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("pypdfium2"):
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(InputError, match=r"pypdfium2 is not installed.*pip install 'xstilts\[review\]'"):
        read_folder(tmp_path)
    assert read_file(tmp_path / "b.txt").papers


def test_encodings(tmp_path: Path) -> None:
    text = "Bäume für alle"
    assert decode(text.encode(), tmp_path) == (text, ())
    assert decode(text.encode("utf-16"), tmp_path) == (text, ())
    assert decode(b"\xef\xbb\xbf" + text.encode(), tmp_path) == (text, ())
    assert decode(text.encode("latin-1"), tmp_path, "latin-1") == (text, ())
    found, notes = decode(text.encode("cp1252"), tmp_path, "nonsense")
    assert found == text and "not UTF-8 (first at byte 1)" in notes[0]
    with pytest.raises(InputError, match="not text"):
        decode(bytes(range(256)) * 4, tmp_path)


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"needs {DOCUMENTS}")
def test_the_real_documents() -> None:
    found = read_folder(DOCUMENTS)
    assert not found.refused and found.total == len(found.papers) >= 1000
    merged = merge(found.papers)
    ours = {p.version: find_abstract(p.sections) for p in merged.papers if p.work == "arxiv:2005.13013"}
    assert set(ours) == {"v1", "published"}
    assert "8.4 points" in ours["v1"] and "5.4 point" in ours["published"]
    pdfs = [p for p in found.papers if p.origin.endswith(".pdf")]
    for paper in pdfs:
        titles = [section.title for section in paper.sections]
        assert titles[0] == "Abstract" and any("Introduction" in t for t in titles) and any("Conclusion" in t for t in titles)
        assert paper.authors and paper.year and paper.tables
        text = " ".join(section.text for section in paper.sections)
        assert not any(ord(c) < 32 and c != "\n" for c in text) and "\ufffe" not in text
        assert "\nProceedings of" not in text and len(text) > 15_000
    stamped = {p.work: p.version for p in pdfs}
    assert stamped["arxiv:1711.04903"] == "v2" and stamped["acl:P19-1493"] == "published"
    assert sum(p.origin.endswith(".tei.xml.gz") and p.tables != () for p in found.papers) >= 8
    assert len(merged.duplicates) >= 10
    assert sum(p.extent == "full text" for p in merged.papers) == 14
