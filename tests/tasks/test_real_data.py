"""The real data, read whole: the program finds in the data folder what the folder's MANIFEST.tsv lists.

The data folder is $XSTILTS_DATA, or `shared/data` beside the checkout. The manifest has one row a file, with the number of
records and the sha256, so a file is tested as soon as it has a row. A file of a data set of the catalogue that no task reads
must be named in NOT_READ with the reason. `hf_dummy` holds a few real records a data set in the layout of the official
archives: each zip is unpacked and becomes a data folder.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from tests.conftest import SHARED

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.mlm import MlmExample
from xstilts.formats.ranking import Ranking
from xstilts.formats.tag import TagExample
from xstilts.tasks.catalogue import bitext, nli, pictures, qa
from xstilts.tasks.files.check import check_task
from xstilts.tasks.files.locate import find_languages, locate, read_examples
from xstilts.tasks.files.read import open_uncompressed, read_lines
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.task import ReadRequest, Task
from xstilts.tasks.user.corpus import declare_corpus
from xstilts.tasks.user.plain_text import STRETCH_CHARACTERS

ROOT = Path(os.environ.get("XSTILTS_DATA") or SHARED / "data")
TEXT = SHARED / "text"
pytestmark = pytest.mark.skipif(
    not (ROOT / "MANIFEST.tsv").is_file(), reason=f"no data folder with a MANIFEST.tsv at {ROOT}; set XSTILTS_DATA"
)


def read_manifest() -> dict[str, dict[str, str]]:
    if not (ROOT / "MANIFEST.tsv").is_file():
        return {}
    with (ROOT / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


MANIFEST = read_manifest()
TASKS = [task for task in CATALOGUE.values() if not (task.synthetic or task.parts or task.translates)]

NOT_READ = {
    r"commonsenseqa/test_rand_split_no_answers\.jsonl": "it has no answers",
    r"mlqa/\w+/\w+-context-(..)-question-(?!\1)..\.json": "question and context are in two languages; the task has one",
    r"xvnli/../train_\d+\.jsonl": "few-shot training data in the target language; the task is zero-shot",
    r"xcopa/data/en/test\.en\.jsonl": "the test data of COPA: the task has SuperGLUE's train and dev",
}
# The manifest counts the blank lines between the sentences of these files, one less than there are sentences.
MISCOUNTED = re.compile(r"panx/dev-..\.tsv\.gz")
# The treebanks are of other releases of UD than the tasks count, and of some languages only some are there.
OTHER_RELEASE = {"udpos", "ud_relations"}


def is_complete(path: str) -> bool:
    """Whether all records of an official file are there, in its own layout."""
    return MANIFEST[path]["kind"] in ("official", "converted")


def task_id(task: Task) -> str:
    return task.name


@pytest.mark.parametrize("task", TASKS, ids=task_id)
def test_every_record_of_every_file_is_read(task: Task) -> None:
    found = check_task(task, ROOT)
    if not found.files:
        pytest.skip(f"no data of {task.name} below {ROOT}")
    assert [row.problem for row in found.rows if row.problem] == []
    for file in found.files:
        assert file.sha256 == MANIFEST[file.path]["sha256_raw"], file.path
        if not MISCOUNTED.fullmatch(file.path):
            assert file.records == int(MANIFEST[file.path]["records"]), file.path
    records = {file.path: file.records for file in found.files}
    for row in found.rows:
        if not row.files:
            continue
        each = [records[path] for path in row.files]
        if isinstance(task.format, BitextRetrieval):  # the two sides of a pair
            assert set(each) == {row.examples}, row
        elif not isinstance(task.format, BitextMining | Ranking):  # candidates are examples too
            assert sum(each) == row.examples, row
        if row.expected is not None and task.name not in OTHER_RELEASE and all(map(is_complete, row.files)):
            assert row.examples == row.expected, row
        if any(MANIFEST[path]["kind"] == "derived" for path in row.files):
            assert row.checksum != "official", row
        if "download checksum" in " ".join(MANIFEST[path]["notes"] for path in row.files):
            assert row.checksum == "official", row


def files_read() -> set[str]:
    """The paths of all files that some task of the catalogue reads, in some split and language."""
    return {
        path.relative_to(ROOT).as_posix()
        for task in TASKS
        for split in task.splits
        for language in task.splits[split].languages
        for path in locate(task, split, language, ROOT)
    }


def test_no_file_of_a_data_set_is_passed_over() -> None:
    """Official and converted files, and stand-ins for official ones. The folder of a data set bears the name of its task."""
    read = files_read()
    sets = {path.split("/")[0] for path in MANIFEST}
    named = {name for name in sets if any(task.name == name or task.name.startswith(f"{name}_v") for task in TASKS)}
    assert len(named) > 10
    assert named <= {path.split("/")[0] for path in read}
    expected = {path for path in MANIFEST if path.split("/")[0] in named and (is_complete(path) or "/derived/" in path)}
    excused = {path for path in expected for pattern in NOT_READ if re.fullmatch(pattern + r"(\.gz)?", path)}
    assert expected - read == excused


def test_questions_and_contexts_in_two_languages_are_read_whole() -> None:
    """The pairs of MLQA, which no task has yet: their offsets are right, and the reader of SQuAD takes them."""
    pairs = [path for path in MANIFEST if re.fullmatch(r"mlqa/\w+/\w+-context-..-question-..\.json\.gz", path)]
    if not pairs:
        pytest.skip("no pairs of languages")
    for path in pairs:
        read = qa.SQUAD_V1.read(ReadRequest(qa.SQUAD_V1, "train", "en", (ROOT / path,)))
        assert sum(1 for _ in read) == int(MANIFEST[path]["records"]), path


# -- What the notes of the tasks say of their data


def languages_of(task: Task, split: str, *required: str) -> tuple[str, ...]:
    """The languages whose data are there; skips where there are none, or not all that are required."""
    found = find_languages(task, split, ROOT)
    if not found or not set(required) <= set(found):
        pytest.skip(f"no {split} data of {task.name} in {' '.join(required) or 'any language'} below {ROOT}")
    return found


@pytest.mark.parametrize("name", ["xnli", "xquad", "pawsx", "xcopa", "xvnli"])
def test_parallel_tests_agree_in_ids_and_labels(name: str) -> None:
    """But for PAWS-X, where up to 32 of 2,000 labels of a language are others than in English."""
    task = find_task(name)
    read = [list(read_examples(task, "test", language, ROOT)) for language in languages_of(task, "test")]
    assert len({tuple(e.id for e in found) for found in read}) == 1
    if name in ("xnli", "xcopa", "xvnli"):
        assert len({tuple(e.answer for e in found) for found in read}) == 1


def test_pairs_of_xvnli_are_of_357_photographs_and_14_have_no_gold_label() -> None:
    languages_of(pictures.XVNLI, "test", "en")
    found = [e for e in read_examples(pictures.XVNLI, "test", "en", ROOT) if isinstance(e, ImagePairExample)]
    assert len({e.picture for e in found}) == 357
    assert len({e.caption for e in found}) == 388
    assert Counter(e.answer for e in found) == {"entailment": 394, "neutral": 381, "contradiction": 375, None: 14}


def test_a_hypothesis_alone_gives_away_much_of_xvnli() -> None:
    """Naive Bayes on the words of SNLI hypotheses: far above the 34 % of one label for all, in English."""
    for task, split in ((pictures.SNLI_HYPOTHESIS, "train"), (pictures.XVNLI_HYPOTHESIS, "test")):
        languages_of(task, split, "en")
    train = list(read_examples(pictures.SNLI_HYPOTHESIS, "train", "en", ROOT))
    test = [e for e in read_examples(pictures.XVNLI_HYPOTHESIS, "test", "en", ROOT) if e.answer]
    words = CountVectorizer()
    model = MultinomialNB().fit(words.fit_transform([e.strings()[0] for e in train]), [e.answer for e in train])
    right = model.predict(words.transform([e.strings()[0] for e in test])) == [e.answer for e in test]
    assert 0.5 < np.mean(right) < 0.65


def test_no_caption_of_xvnli_is_a_premise_of_the_nli_data() -> None:
    """They are SNLI test pairs; SNLI's other splits have other captions."""
    languages_of(pictures.XVNLI, "test", "en")
    captions = {e.caption.strip() for e in read_examples(pictures.XVNLI, "test", "en", ROOT) if isinstance(e, ImagePairExample)}
    languages_of(nli.SNLI, "train", "en")
    assert not captions & {e.strings()[0] for e in read_examples(nli.SNLI, "train", "en", ROOT)}


def test_every_picture_of_nlvr_can_be_drawn() -> None:
    languages_of(pictures.NLVR, "test", "en")
    found = [e for e in read_examples(pictures.NLVR, "test", "en", ROOT) if isinstance(e, ImagePairExample)]
    drawn = dict(pictures.draw_nlvr(ROOT, [e.picture for e in found]))
    assert len(drawn) == len(found) == 990
    assert {picture.size for picture in drawn.values()} == {(400, 100)}


def test_tatoeba_sentences_are_unlike_across_languages() -> None:
    """Why its ids are not parallel: the English sides of two languages hold different sentences at the same line."""
    sides = [
        [e.english for e in read_examples(bitext.TATOEBA, "test", code, ROOT) if isinstance(e, BitextRetrievalExample)]
        for code in languages_of(bitext.TATOEBA, "test")[:2]
    ]
    assert sum(a == b for a, b in zip(*sides, strict=False)) < 10


def test_the_checksums_of_tatoeba_are_those_of_the_files() -> None:
    checked = 0
    for download in bitext.TATOEBA.splits["test"].downloads:
        for code, expected in download.sha256.items():
            path = f"{bitext.TATOEBA.fill(download.path, code)}.gz"
            if path in MANIFEST:
                assert MANIFEST[path]["sha256_raw"] == expected, path
                checked += 1
    assert checked == sum(path.startswith("tatoeba/") for path in MANIFEST)


def test_tydiqa_holds_out_a_twentieth_of_its_training_questions() -> None:
    languages_of(qa.TYDIQA, "train", "en")
    train, dev = (sum(1 for _ in read_examples(qa.TYDIQA, split, "en", ROOT)) for split in ("train", "dev"))
    assert train + dev == 3696
    assert 130 < dev < 240


def test_unanswerable_questions_are_read_as_such() -> None:
    languages_of(qa.SQUAD_V2, "train")
    with open_uncompressed(locate(qa.SQUAD_V2, "train", "en", ROOT)[0]) as file:
        impossible = file.read().count(b'"is_impossible": true')
    found = [e.answer for e in read_examples(qa.SQUAD_V2, "train", "en", ROOT)]
    assert found.count(()) == impossible > 1000
    assert None not in found


def test_the_notes_on_pawsx_are_true() -> None:
    for split, placeholders in (("dev", 68), ("test", 32)):
        languages_of(find_task("pawsx"), split, "de")
        found = [e for e in read_examples(find_task("pawsx"), split, "de", ROOT) if isinstance(e, ClassifyExample)]
        assert sum("NS" in e.texts for e in found) == placeholders


def test_the_notes_on_xcopa_are_true() -> None:
    task = find_task("xcopa")
    languages_of(task, "test", "et", "sw", "tr", "vi")

    def asked(split: str, language: str) -> list[str]:
        found = (e for e in read_examples(task, split, language, ROOT) if isinstance(e, ChoiceExample))
        return [e.prompt.rpartition(" ")[2] for e in found]

    assert set(asked("dev", "tr")) == {"effect?"}
    other = {
        code: sum(a != b for a, b in zip(asked("test", code), asked("test", "et"), strict=True)) for code in ("sw", "tr", "vi")
    }
    assert other == {"sw": 37, "tr": 51, "vi": 0}


def test_the_official_file_of_xnli_is_read_for_the_languages_it_has() -> None:
    folder = ROOT / "xnli/official_layout_first600/selected"
    if not folder.is_dir():
        pytest.skip("no slice of the official file")
    languages = find_languages(nli.XNLI, "test", folder)
    assert languages == ("ar", "de", "en", "es", "sw", "vi", "zh")
    labels = {tuple(e.answer for e in read_examples(nli.XNLI, "test", language, folder)) for language in languages}
    assert [len(found) for found in labels] == [600]
    assert list(read_examples(nli.XNLI, "test", "de", folder)) == list(read_examples(nli.XNLI, "test", "de", ROOT))[:600]


@pytest.mark.parametrize(
    ("name", "language"), [("udpos", "he"), ("udpos", "vi"), ("udpos", "fa"), ("panx", "ru"), ("panx", "zh")]
)
def test_words_of_real_sentences_are_visible_and_tagged(name: str, language: str) -> None:
    task = find_task(name)
    split = "test" if language in find_languages(task, "test", ROOT) else "dev"
    languages_of(task, split, language)
    for example in read_examples(task, split, language, ROOT):
        assert isinstance(example, TagExample) and example.answer is not None
        assert len(example.words) == len(example.answer)
        assert all(word and " " not in word and "\u200c" not in word for word in example.words)


def test_relations_of_a_real_treebank_have_one_root_a_sentence_and_heads_on_both_sides() -> None:
    task = find_task("ud_relations")
    languages_of(task, "dev", "en")
    tags: Counter[str] = Counter()
    for example in read_examples(task, "dev", "en", ROOT):
        assert isinstance(example, TagExample) and example.answer is not None
        assert len(example.words) == len(example.answer)
        assert example.answer.count("root") == 1
        tags.update(example.answer)
    assert tags["nsubj>"] > 10 * tags["nsubj<"]  # English subjects stand before their verb
    assert tags["obj<"] > 10 * tags["obj>"]


@pytest.mark.parametrize("language", bitext.BUCC_LANGUAGES)
def test_the_stand_in_for_bucc_is_read_as_bucc(language: str) -> None:
    root = ROOT / "bucc2018_standin"
    for split, part in (("dev", "sample"), ("test", "training")):
        if not (files := locate(bitext.BUCC2018, split, language, root)):
            pytest.skip("no stand-in")
        count = {path.name.split(".")[2]: sum(1 for _ in read_lines(path)) for path in files}
        read = [e for e in read_examples(bitext.BUCC2018, split, language, root) if isinstance(e, PoolExample)]
        assert all(part in path.name for path in files)
        assert Counter(e.role for e in read) == {"query": count[language], "candidate": count["en"]}
        assert sum(len(e.answer or ()) for e in read) == count["gold"]
        candidates = {e.id for e in read if e.role == "candidate"}
        assert all(id in candidates for e in read for id in e.answer or ())


# -- Plain text and aligned text


@pytest.fixture
def text() -> Path:
    if not TEXT.is_dir():
        pytest.skip(f"no plain text at {TEXT}")
    return TEXT


@pytest.mark.parametrize("language", ["jv", "th"])
def test_every_line_of_plain_text_is_read_once(text: Path, language: str) -> None:
    (task,) = declare_corpus(text)
    assert len(task.languages) == len(list(text.glob("*.txt.gz")))
    found = [e.texts for e in read_examples(task, "train", language, Path("/nowhere")) if isinstance(e, MlmExample)]
    with gzip.open(text / f"{language}.txt.gz", "rt", encoding="utf-8", newline="\n") as file:
        stripped = [line.strip() for line in file]
    assert " ".join(part for (part,) in found) == " ".join(filter(None, stripped))
    assert max(len(part) for (part,) in found) <= max(STRETCH_CHARACTERS, *map(len, stripped))


def test_ntrex_is_aligned_with_its_english_side(text: Path) -> None:
    sizes = Counter[str]()
    for path, row in MANIFEST.items():
        if path.startswith("ntrex/newstest2019-ref"):
            sizes[row["languages"]] += int(row["records"])
    if not sizes:
        pytest.skip("no NTREX here")
    _, news = declare_corpus(text, ROOT / "ntrex")
    assert len(news.languages) == len(sizes)
    counts: Counter[str] = Counter()
    read = {code: [e.texts for e in read_examples(news, "train", code, Path("/nowhere"), counts)] for code in ("ar", "es", "zh")}  # type: ignore[union-attr]
    assert {code: len(found) for code, found in read.items()} == {"ar": sizes["arb"], "es": sizes["spa"], "zh": sizes["zho-CN"]}
    assert not counts
    assert {texts[1] for texts in read["ar"]} == {texts[1] for texts in read["zh"]}


# -- The few real records of hf_dummy, in the layouts of the official archives

# Path of a zip -> its task and the splits that it has; the group `lang`, if there is one, is the only language.
LAYOUTS = {
    r"commonsense_qa/.*": "commonsenseqa train dev",
    r"hellaswag/.*": "hellaswag train dev",
    r"cosmos_qa/.*": "cosmosqa train dev",
    r"glue/dummy/mnli/.*": "mnli train dev",
    r"glue/dummy/qqp/.*": "qqp train dev",
    r"snli/.*": "snli train dev test",
    r"(xnli/dummy/plain_text|xtreme/dummy/XNLI)/.*": "xnli dev test",
    r"xcopa/dummy/(?P<lang>..)/.*": "xcopa dev test",
    r"(xquad/dummy/xquad\.|xtreme/dummy/XQuAD\.?)(?P<lang>..)/.*": "xquad test",
    r"squad_v2/dummy/1\.0\.0/.*": "xquad test",
    r"squad_v2/dummy/squad_v2/.*": "squad_v2 train dev",
    r"(mlqa/dummy/mlqa|xtreme/dummy/MLQA)\.en\.(?P<lang>en)/.*": "mlqa dev test",
    r"mlqa/dummy/mlqa-translate-train\.(?P<lang>..)/.*": "squad_v1_mt train dev",
    r"(tydiqa/dummy/secondary_task|xtreme/dummy/tydiqa)/.*": "tydiqa train test",
}
ZIPS = [path.removeprefix("hf_dummy/") for path in MANIFEST if path.startswith("hf_dummy/")]


def unpack(path: str, into: Path) -> Path:
    """The data folder that a zip becomes. Files with too general a name lie in a folder that bears the name of their task."""
    with zipfile.ZipFile(ROOT / "hf_dummy" / path) as archive:
        archive.extractall(into)
    general = {"cosmos_qa": "cosmosqa", "anli": "anli/R1"}.get(path.split("/")[0])
    if not general:
        return into / "dummy_data"
    (into / "data" / general).parent.mkdir(parents=True)
    (into / "dummy_data").rename(into / "data" / general)
    return into / "data"


def count_records(path: Path) -> int:
    """Questions of a JSON of SQuAD; else lines after the header, without those that have no gold label."""
    if path.suffix == ".json":
        record = json.loads(path.read_text("utf-8"))
        return sum(len(paragraph["qas"]) for article in record["data"] for paragraph in article["paragraphs"])
    found = [line for line in path.read_bytes().split(b"\n") if line.strip() and not line.startswith(b"-\t")]
    return len(found) - (path.suffix != ".jsonl")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_official_archives_are_read(layout: str, tmp_path: Path) -> None:
    name, *splits = LAYOUTS[layout].split()
    task, found = find_task(name), 0
    for path in ZIPS:
        if match := re.fullmatch(layout, path):
            root = unpack(path, tmp_path / str(found))
            for split in splits:
                languages = find_languages(task, split, root)
                assert languages == (match.groupdict().get("lang"),) or (languages and "lang" not in match.groupdict()), path
                for language in languages:
                    files = locate(task, split, language, root)
                    assert all(file.is_relative_to(root) for file in files)
                    read = list(read_examples(task, split, language, root))
                    assert len(read) == sum(map(count_records, files)) > 0, path
            found += 1
    if not ZIPS:
        pytest.skip("no folder hf_dummy")
    assert found


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        # Abductive NLI (aNLI), which is another task: two observations and two hypotheses.
        ("anli/dummy/0.1.0/dummy_data.zip", "anli", r"R1/train\.jsonl:1: field 'context' is missing"),
        # Made up: no header that names the columns, which are 8 in one file and 10 in another.
        ("multi_nli/dummy/plain_text/1.0.0/dummy_data.zip", "mnli", r"txt:2: 8 columns, but the header has 1"),
        # Made up: answers that the context does not hold.
        ("squad/dummy/plain_text/1.0.0/dummy_data.zip", "squad_v1", r"question \d+: its context of .* does not have the answer"),
    ],
)
def test_what_only_bears_the_name_of_a_data_set_is_refused(path: str, name: str, message: str, tmp_path: Path) -> None:
    if path not in ZIPS:
        pytest.skip(f"no {path}")
    root = unpack(path, tmp_path)
    with pytest.raises(InputError, match=message):
        list(read_examples(find_task(name), "train", "en", root))
