"""The readers of tagging: XTREME's own layout, official archives, odd sentences, supertags and relations."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.tag import TagExample
from xstilts.tasks.catalogue.syntax import DIRECTED, RELATIONS, read_ccg_labels
from xstilts.tasks.files.locate import find_languages, locate, read_examples
from xstilts.tasks.registry import find_task

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRATCH = tempfile.TemporaryDirectory(prefix="xstilts-")
UDPOS, PANX, CCG = (find_task(name) for name in ("udpos", "panx", "ccg"))


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(root: Path, task: str, split: str, language: str = "en") -> list[TagExample]:
    return [e for e in read_examples(find_task(task), split, language, root) if isinstance(e, TagExample)]


def pairs(found: list[TagExample]) -> list[list[tuple[str, str]]]:
    return [list(zip(e.words, e.answer or (), strict=True)) for e in found]


def conllu(*rows: str) -> str:
    """Sentences out of rows `id form tag head relation`; an empty row ends one."""
    filled = [row and "{}\t{}\t_\t{}\t_\t_\t{}\t{}\t_\t_".format(*row.split(" ")) for row in rows]
    return "\n".join(filled) + "\n"


def tar(path: Path, mode: str, members: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))


# -- As XTREME's scripts leave them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "tag", "missing"), [("udpos", "NOUN", "X"), ("panx", "I-LOC", "O")])
def test_the_layout_of_xtreme(task: str, tag: str, missing: str, tmp_path: Path) -> None:
    put(tmp_path, f"{task}/dev-en.tsv", f"\nBrenn\t{tag}\nsleeps\t{missing}\n\n\nsoftly\nnow\t{missing}\n")
    found = read(tmp_path, task, "dev")
    assert pairs(found) == [[("Brenn", tag), ("sleeps", missing)], [("softly", missing), ("now", missing)]]
    assert [e.id for e in found] == [f"{task}-en-dev-1", f"{task}-en-dev-2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\n", r"test-en\.tsv:1: no word of this sentence has a tag \(XTREME's download script removes the tags"),
        ("a\tO\n\nb\n", r"test-en\.tsv:3: no word of this sentence"),
        ("a\tO\tO\n", r"test-en\.tsv:1: 3 columns, expected word<TAB>tag"),
        ("a\tB-MISC\n", r"test-en\.tsv:1: unknown label 'B-MISC'"),
    ],
)
def test_what_is_wrong_there_is_named(content: str, message: str, tmp_path: Path) -> None:
    put(tmp_path, "panx/test-en.tsv", content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, "panx", "test")


def test_official_files_come_before_those_of_xtreme(tmp_path: Path) -> None:
    put(tmp_path, "panx/test-en.tsv", "a\n")
    official = put(tmp_path, "panx/panx_dataset/en/test", "en:Ada\tB-PER\n")
    assert locate(PANX, "test", "en", tmp_path) == (official,)
    put(tmp_path, "udpos/test-en.tsv", "a\n")
    treebank = put(tmp_path, "udpos/UD_X/en_x-ud-test.conllu", conllu("1 a X 0 root"))
    assert locate(UDPOS, "test", "en", tmp_path) == (treebank,)


# -- Official archives and releases -----------------------------------------------------------------------------------


def test_a_language_comes_from_the_release_that_the_benchmark_takes_it_from(tmp_path: Path) -> None:
    for release, word in (("2.5", "old"), ("2.7", "new")):
        for code in ("lt", "en"):
            name = f"ud-treebanks-v{release}/UD_X/{code}_x-ud-test.conllu"
            put(tmp_path / "loose", f"udpos/{name}", conllu(f"1 {word} X 0 root"))
            tar(tmp_path / f"packed-{code}/udpos/ud-treebanks-v{release}.tgz", "w:gz", {name: conllu(f"1 {word} X 0 root")})
    for code, word in (("en", "old"), ("lt", "new")):
        assert read(tmp_path / "loose", "udpos", "test", code)[0].words == (word,)
        assert read(tmp_path / f"packed-{code}", "udpos", "test", code)[0].words == (word,)


def test_a_release_that_the_benchmark_does_not_use_is_not_taken(tmp_path: Path) -> None:
    put(tmp_path, "ud-treebanks-v2.7/UD_X/en_x-ud-test.conllu", conllu("1 a X 0 root"))
    put(tmp_path, "ud-treebanks-v2.5/UD_X/pl_x-ud-test.conllu", conllu("1 a X 0 root"))
    assert find_languages(UDPOS, "test", tmp_path) == ()


def test_a_treebank_in_several_files_is_read_whole(tmp_path: Path) -> None:
    for part in ("a-1", "a-2", "b-1"):
        put(tmp_path, f"UD_German-HDT/de_hdt-ud-train-{part}.conllu", conllu(f"1 {part} X 0 root"))
    assert [e.words[0] for e in read(tmp_path, "udpos", "train", "de")] == ["a-1", "a-2", "b-1"]


def test_languages_without_training_data_in_their_release() -> None:
    lacking = {split: set(UDPOS.languages) - set(source.languages) for split, source in UDPOS.splits.items()}
    assert lacking == {"train": {"th", "tl", "yo"}, "dev": {"th", "tl", "yo", "kk"}, "test": set()}


def test_the_archive_of_one_language_inside_that_of_all(tmp_path: Path) -> None:
    content = {code: f"{code}:Ada\tB-PER\n{code}:sang\tO\n" for code in ("de", "en")}
    for code, text in content.items():
        tar(tmp_path / f"made/{code}.tar.gz", "w:gz", {"dev": text, "test": text, "train": text})
    (tmp_path / "zip/panx").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "zip/panx/panx_dataset.zip", "w") as archive:
        for code in content:
            archive.write(tmp_path / f"made/{code}.tar.gz", f"{code}.tar.gz")
    put(tmp_path, "loose/panx_dataset/de.tar.gz", (tmp_path / "made/de.tar.gz").read_bytes())
    for root, codes in (("zip", ("en", "de")), ("loose", ("de",))):
        assert find_languages(PANX, "test", tmp_path / root) == codes
        assert pairs(read(tmp_path / root, "panx", "test", "de")) == [[("Ada", "B-PER"), ("sang", "O")]]


def test_a_file_that_is_just_called_test_is_of_the_language_of_its_prefixes(tmp_path: Path) -> None:
    put(tmp_path, "test", "de:Ada\tB-PER\n\nde:Bo\tO\n")
    assert find_languages(PANX, "test", tmp_path) == ("de",)
    assert [e.words for e in read(tmp_path, "panx", "test", "de")] == [("Ada",), ("Bo",)]


# -- Odd sentences ----------------------------------------------------------------------------------------------------


def test_a_chunk_may_begin_without_its_b(tmp_path: Path) -> None:
    put(tmp_path, "panx_dataset/en/test", "en:New\tI-LOC\nen:York\tI-LOC\nen:Ada\tI-PER\n")
    assert read(tmp_path, "panx", "test")[0].answer == ("I-LOC", "I-LOC", "I-PER")


@pytest.mark.parametrize("word", ["\u200b", "\u00ad", "\u200c", "\ufeff", "\u2028"])
def test_words_that_show_nothing_keep_their_label(word: str, tmp_path: Path) -> None:
    put(tmp_path, "UD_X/en_x-ud-test.conllu", conllu("1 a NOUN 0 root", f"2 {word} SYM 1 dep", "3 b VERB 1 dep"))
    put(tmp_path, "panx_dataset/en/test", f"en:a\tO\nen:{word}\tB-PER\nen:b\tO\n")
    (pos,), (names,) = read(tmp_path, "udpos", "test"), read(tmp_path, "panx", "test")
    assert pos.answer == ("NOUN", "SYM", "VERB") and len(pos.words) == 3
    assert names.answer == ("O", "B-PER", "O") and len(names.words) == 3


def test_a_blank_line_inside_a_conllu_sentence_is_an_error_and_empty_sentences_are_not(tmp_path: Path) -> None:
    put(tmp_path, "UD_X/en_x-ud-test.conllu", "\n# text = \n\n\n" + conllu("1 a X 0 root", "", "", "1 b X 0 root", "2 c X 1 dep"))
    assert [e.words for e in read(tmp_path, "udpos", "test")] == [("a",), ("b", "c")]
    put(tmp_path, "UD_X/en_x-ud-test.conllu", conllu("1 a X 0 root", "", "2 b X 1 dep"))
    with pytest.raises(InputError, match=r"conllu:3: word number '2', expected 1 or a range from it; is there a blank line"):
        read(tmp_path, "udpos", "test")
    put(tmp_path, "UD_X/en_x-ud-test.conllu", conllu("1 a X 0 root", "1 b X 0 root"))
    with pytest.raises(InputError, match=r"conllu:2: word number '1', expected 2 .* or none between two"):
        read(tmp_path, "udpos", "test")


WORD = st.text(st.characters(whitelist_categories=("L", "N", "P", "Cf"), blacklist_characters="\ufeff"), min_size=1, max_size=5)
SENTENCE = st.lists(st.tuples(WORD, st.sampled_from(["NOUN", "X", "PUNCT"])), min_size=1, max_size=5)


@given(st.lists(SENTENCE, min_size=1, max_size=4))
def test_sentences_survive_the_layout_of_xtreme(sentences: list[list[tuple[str, str]]]) -> None:
    root = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    put(root, "udpos/train-fi.tsv", "\n\n".join("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences))
    assert pairs(read(root, "udpos", "train", "fi")) == sentences


# -- CCG --------------------------------------------------------------------------------------------------------------


def test_supertags_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    assert read_ccg_labels(FIXTURES)[:3] == ("N", "NP", "NP/N")
    put(tmp_path, "tags_to_id.json", json.dumps({"S/NP": "2", "N": 0, "NP/N": 1}))
    assert read_ccg_labels(tmp_path) == ("N", "NP/N", "S/NP")
    assert CCG.labels_of is read_ccg_labels
    first = read(FIXTURES, "ccg", "train")[0]
    assert (first.id, first.words, first.answer) == (
        "ccg-train-1",
        ("The", "ferry", "left", "."),
        ("NP/N", "N", "S[dcl]\\NP", "."),
    )


@pytest.mark.parametrize(
    ("content", "tags", "message"),
    [
        ("A b\tN\n", '{"N": 0}', "ccg.dev:1: 2 words but 1 tags"),
        ("A\tN\nb\n", '{"N": 0}', r"ccg.dev:2: 1 column\(s\), expected text<TAB>tag tag"),
        ("A\tNP\n", '{"N": 0}', "ccg.dev:1: unknown tag 'NP'; expected one of the 1 in tags_to_id.json"),
        ("A\tN\n", '{"N": 0, "NP": 0}', "tags_to_id.json: two tags have the same id"),
        ("A\tN\n", '{"N": "zero"}', "tags_to_id.json: the id of a tag is not a whole number"),
        ("A\tN\n", "{}", "tags_to_id.json: missing or empty"),
        ("A\tN\n", "", "tags_to_id.json: missing or empty"),
    ],
)
def test_a_bad_copy_of_ccgbank_is_named(content: str, tags: str, message: str, tmp_path: Path) -> None:
    put(tmp_path, "ccg/ccg.dev", content)
    if tags:
        put(tmp_path, "ccg/tags_to_id.json", tags)
    with pytest.raises(InputError, match=message):
        read(tmp_path, "ccg", "dev")


def test_without_a_copy_of_ccgbank_it_is_said_where_one_is_had(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tags_to_id\.json is missing; searched .*ccg and"):
        read_ccg_labels(tmp_path)
    with pytest.raises(InputError, match=r"no file for train in en; .*https://catalog\.ldc\.upenn\.edu/LDC2005T13"):
        read(tmp_path, "ccg", "train")
    assert not any(source.downloads or source.hub for source in CCG.splits.values())


# -- Relations --------------------------------------------------------------------------------------------------------


def test_a_relation_points_to_where_its_head_is() -> None:
    first, second = read(FIXTURES, "ud_relations", "train")
    assert first.words == ("Gulls", "steal", "warm", "bread", ".")
    assert first.answer == ("nsubj>", "root", "amod>", "obj<", "punct<")
    assert second.words == ("She", "ca", "n't", "swim", "!")  # syntactic words
    assert second.answer == ("nsubj>", "aux>", "advmod>", "root", "punct<")
    (dev,) = read(FIXTURES, "ud_relations", "dev")
    assert dev.answer == ("det>", "nsubj>", "root")  # nsubj:pass without its subtype


def test_the_relations_are_the_37_of_ud_on_both_sides_and_one_root() -> None:
    assert len(set(RELATIONS.split())) == 37
    assert len(set(DIRECTED)) == 2 * 36 + 1 == len(DIRECTED)
    assert find_task("ud_relations").format.labels == DIRECTED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("1 a X 2 nsubjx", "2 b X 0 root"), "conllu:1: unknown label 'nsubjx>'"),
        (("1 a X 0 nsubj",), "conllu:1: unknown label 'nsubj'"),
        (("1 a X 2 root", "2 b X 0 root"), "conllu:1: unknown label 'root>'"),
    ],
)
def test_a_bad_relation_is_named(rows: tuple[str, ...], message: str, tmp_path: Path) -> None:
    put(tmp_path, "UD_English-EWT/en_ewt-ud-test.conllu", conllu(*rows))
    with pytest.raises(InputError, match=message):
        read(tmp_path, "ud_relations", "test")


def test_it_says_that_it_is_not_ccg() -> None:
    assert "it is not CCG" in find_task("ud_relations").description
