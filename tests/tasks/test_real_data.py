"""The real files, where they are: published counts, official checksums, parallel ids.

They are looked for in $XSTILTS_DATA, else in `shared/data` beside the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.tag import TagExample
from xstilts.tasks.catalogue import choice, nli, qa, tagging
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.files.read import read_lines
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

ROOT = Path(os.environ.get("XSTILTS_DATA") or Path(__file__).parents[3] / "shared" / "data")

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no data folder at {ROOT}; set XSTILTS_DATA")

COUNTS = {
    ("xnli", "test"): dict.fromkeys(nli.XNLI_LANGUAGES, 5010),
    ("xnli", "dev"): dict.fromkeys(nli.XNLI_LANGUAGES, 2490),
    ("xquad", "test"): dict.fromkeys(qa.XQUAD_LANGUAGES, 1190),
    ("tydiqa", "test"): {"en": 440, "ar": 921, "bn": 113, "id": 565, "ru": 812, "sw": 499, "te": 669, "ko": 276},
    ("commonsenseqa", "train"): {"en": 9741},
    ("commonsenseqa", "dev"): {"en": 1221},
    ("panx", "train"): dict.fromkeys(("de", "en", "es", "ru"), 20_000),
    ("panx", "dev"): dict.fromkeys(("de", "en", "es", "ru"), 10_000),
    ("panx", "test"): dict.fromkeys(("de", "en", "es", "ru"), 10_000),
    ("tatoeba", "test"): {
        **dict.fromkeys(("ar", "bn", "bg", "zh", "de", "et", "eu", "fi", "fr", "he", "hi", "id", "it", "ja"), 1000),
        **dict.fromkeys(("ko", "mr", "nl", "fa", "pt", "ru", "es", "tl", "tr", "vi"), 1000),
        **{"jv": 205, "ka": 746, "kk": 575, "ml": 687, "sw": 390, "ta": 307, "te": 234, "th": 548},
    },
}  # fmt: skip


def found(task: Task, split: str) -> tuple[str, ...]:
    languages = find_languages(task, split, ROOT)
    if not languages:
        pytest.skip(f"no {split} data of {task.name} below {ROOT}")
    return languages


def count(task: Task, split: str, language: str) -> int:
    return sum(1 for _ in read_examples(task, split, language, ROOT))


@pytest.mark.parametrize(("name", "split"), COUNTS, ids=str)
def test_every_example_is_read(name: str, split: str) -> None:
    task, expected = find_task(name), COUNTS[name, split]
    languages = [language for language in found(task, split) if language in expected]
    assert {language: count(task, split, language) for language in languages} == {code: expected[code] for code in languages}


def test_tydiqa_holds_out_a_twentieth_of_its_training_questions() -> None:
    found(qa.TYDIQA, "train")
    train, dev = (count(qa.TYDIQA, split, "en") for split in ("train", "dev"))
    assert train + dev == 3696
    assert 130 < dev < 240


def test_udpos_reads_every_sentence_of_a_treebank() -> None:
    if "en" in found(tagging.UDPOS, "train"):
        ids = [example.id for example in read_examples(tagging.UDPOS, "train", "en", ROOT)]
        assert sum(id.startswith("en_ewt-ud-train-") for id in ids) == 12_544
    for language in {"de", "he", "ko", "te"} & set(found(tagging.UDPOS, "test")):
        begins = [line for file in locate(tagging.UDPOS, "test", language, ROOT) for _, line in read_lines(file)]
        assert count(tagging.UDPOS, "test", language) == sum(line.startswith("# sent_id") for line in begins)


def test_udpos_words_are_visible_and_fused() -> None:
    if "he" not in found(tagging.UDPOS, "test"):
        pytest.skip("no Hebrew treebank")
    for example in read_examples(tagging.UDPOS, "test", "he", ROOT):
        assert isinstance(example, TagExample)
        assert example.answer is not None
        assert len(example.words) == len(example.answer)
        assert all(word and " " not in word for word in example.words)


def test_parallel_tests_agree_in_ids_and_labels() -> None:
    for task in (nli.XNLI, qa.XQUAD):
        languages = found(task, "test")[:3]
        ids = {tuple(e.id for e in read_examples(task, "test", language, ROOT)) for language in languages}
        assert len(ids) == 1
    labels = {tuple(e.answer for e in read_examples(nli.XNLI, "test", code, ROOT)) for code in found(nli.XNLI, "test")[:3]}
    assert len(labels) == 1


def test_tatoeba_sentences_are_unlike_across_languages() -> None:
    """Why its ids are not parallel: the English sides of two languages hold different sentences at the same line."""
    task = find_task("tatoeba")
    sides = [
        [e.english for e in read_examples(task, "test", code, ROOT) if isinstance(e, BitextRetrievalExample)]
        for code in found(task, "test")[:2]
    ]
    assert sum(a == b for a, b in zip(*sides, strict=False)) < 10


@pytest.mark.parametrize("task", [qa.XQUAD, choice.COMMONSENSEQA], ids=lambda task: task.name)
def test_official_files_have_their_published_checksum(task: Task) -> None:
    for split, source in task.splits.items():
        for language in found(task, split):
            assert hash_contents(locate(task, split, language, ROOT)) == source.sha256[language]
