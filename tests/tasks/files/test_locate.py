"""Finding files, choosing examples by hash, and what is said when something is missing."""

from __future__ import annotations

import gzip
import hashlib
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.mlm import MlmExample
from xstilts.tasks.files import locate as module
from xstilts.tasks.files.locate import (
    find_languages,
    hash_contents,
    is_held_out,
    locate,
    read_examples,
    read_undivided,
    subsample,
)
from xstilts.tasks.files.read import open_uncompressed
from xstilts.tasks.registry import find_task

FIXTURES = Path(__file__).parents[2] / "fixtures"
XNLI, UDPOS, SQUAD, XQUAD = (find_task(name) for name in ("xnli", "udpos", "squad_v1", "xquad"))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"x") if name.endswith(".gz") else b"x")


def found(task: str, split: str, language: str, root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in locate(find_task(task), split, language, root)]


def test_the_first_pattern_that_finds_a_file_wins(tmp_path: Path) -> None:
    touch(tmp_path, "xquad.de.json", "xquad/xquad.de.json.gz")
    assert found("xquad", "test", "de", tmp_path) == ["xquad/xquad.de.json.gz"]


def test_a_plain_file_wins_over_its_packed_double_and_packed_ones_join_plain_ones(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "UD_B/de_b-ud-test.conllu",
        "UD_B/de_b-ud-test.conllu.gz",
        "UD_C/de_a-ud-test.conllu.gz",
        "UD_B/en_b-ud-test.conllu",
    )
    assert found("udpos", "test", "de", tmp_path) == ["UD_C/de_a-ud-test.conllu.gz", "UD_B/de_b-ud-test.conllu"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert locate(XNLI, "test", "en", tmp_path / "missing") == ()
    assert locate(XNLI, "test", "ja", FIXTURES) == ()


def test_a_file_of_many_languages_counts_only_for_those_in_it() -> None:
    assert find_languages(XNLI, "test", FIXTURES) == ("de", "en", "fr")
    assert find_languages(XNLI, "dev", FIXTURES) == ("en",)


def test_a_damaged_file_is_found_and_complains_when_read(tmp_path: Path) -> None:
    (tmp_path / "xnli.test.tsv").write_bytes(b"")
    assert find_languages(XNLI, "test", tmp_path) == XNLI.languages
    with pytest.raises(InputError, match="empty"):
        list(read_examples(XNLI, "test", "sw", tmp_path))


def test_a_missing_file_is_named_with_where_it_was_looked_for_and_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_examples(XNLI, "test", "fr", tmp_path)
    for part in ("xnli/test-fr.tsv[.gz]", "XNLI-1.0/xnli.test.tsv[.gz]", str(tmp_path), "XNLI-1.0.zip"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("task", "split", "language", "message"),
    [
        ("xquad", "train", "en", "no train split of its own .* trained on squad_v1"),
        ("xnli", "test", "ja", r"no test data in 'ja' \(it has: ar bg"),
        ("xnli", "tset", "en", "did you mean 'test'"),
        ("udpos", "dev", "th", "no dev data in 'th'"),
    ],
)
def test_what_a_task_does_not_have_is_said(task: str, split: str, language: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_examples(find_task(task), split, language, FIXTURES)


def test_the_fingerprint_is_of_the_uncompressed_contents_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two.gz"
    one.write_bytes(b"first")
    two.write_bytes(gzip.compress(b"second"))
    assert hash_contents([one]) == hashlib.sha256(b"first").hexdigest()
    assert hash_contents([one, two]) == hashlib.sha256(b"firstsecond").hexdigest()


def test_a_fingerprint_is_remembered_as_long_as_size_and_times_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counting(path: Path) -> object:
        read.append(path.name)
        return open_uncompressed(path)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "open_uncompressed", counting)
    monkeypatch.setattr(module, "_SETTLED_SECONDS", -1.0)  # every file has been at rest for long
    path = tmp_path / "file"
    path.write_bytes(b"first")
    assert [hash_contents([path]) for _ in range(3)] == [hashlib.sha256(b"first").hexdigest()] * 3
    assert read == ["file"]
    times = path.stat().st_mtime_ns
    path.write_bytes(b"other")
    os.utime(path, ns=(times, times))  # the size and the time of change are those of before; its change of state is not
    assert hash_contents([path]) == hashlib.sha256(b"other").hexdigest()
    for damaged in (b"cut of", b"\0" * 64, b"\xff" * 64):  # the last two: as a file system leaves it after a power cut
        for memory in (tmp_path / "cache").rglob("sha256/*"):
            memory.write_bytes(damaged)
        assert hash_contents([path]) == hashlib.sha256(b"other").hexdigest()


def test_a_fingerprint_of_a_file_that_just_changed_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_SETTLED_SECONDS", 1e9)
    (tmp_path / "file").write_bytes(b"first")
    hash_contents([tmp_path / "file"])
    assert not (tmp_path / "cache").exists()


def test_a_fingerprint_does_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_bytes(b"a file where a folder is expected")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_SETTLED_SECONDS", -1.0)
    assert hash_contents([tmp_path / "cache"]) == hashlib.sha256(b"a file where a folder is expected").hexdigest()


def test_a_held_out_dev_and_the_rest_make_up_the_training_data() -> None:
    train, dev = ([e.id for e in read_examples(SQUAD, split, "en", FIXTURES)] for split in ("train", "dev"))
    assert not set(train) & set(dev)
    assert len(train) + len(dev) == 120
    assert [is_held_out(id, SQUAD.heldout) for id in train + dev] == [False] * len(train) + [True] * len(dev)
    files = locate(SQUAD, "train", "en", FIXTURES)
    assert {e.id for e in read_undivided(SQUAD, "train", "en", files)} == {*train, *dev}


IDS = st.lists(st.text(max_size=5), unique=True, min_size=1, max_size=30)


@dataclass(frozen=True)
class Watched(MlmExample):
    """An example whose end can be seen (the others have slots, and no room for a weak reference)."""


def made(ids: list[str]) -> list[MlmExample]:
    return [MlmExample(id, (id,)) for id in ids]


@given(IDS, st.integers(1, 40))
def test_a_subsample_keeps_order_and_size(ids: list[str], limit: int) -> None:
    chosen = [e.id for e in subsample(made(ids), limit)]
    assert len(chosen) == min(limit, len(ids))
    assert chosen == [id for id in ids if id in chosen]


@given(IDS, st.integers(1, 20), st.integers(0, 20), st.randoms(use_true_random=False))
def test_a_subsample_grows_and_does_not_depend_on_order(ids: list[str], limit: int, more: int, random: object) -> None:
    small = {e.id for e in subsample(made(ids), limit)}
    assert small <= {e.id for e in subsample(made(ids), limit + more)}
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {e.id for e in subsample(made(shuffled), limit)} == small


def sorted_subsample(found: list[MlmExample], limit: int, salt: str) -> list[MlmExample]:
    """What `subsample` means, with everything in memory."""

    def rank(place: int) -> tuple[bytes, int]:
        return hashlib.sha256(f"{salt}{found[place].id}".encode()).digest()[:8], place

    chosen = set(sorted(range(len(found)), key=rank)[:limit])
    return [example for place, example in enumerate(found) if place in chosen]


@given(st.lists(st.text(max_size=2), max_size=40), st.integers(1, 40), st.text(max_size=3))
def test_a_stream_is_subsampled_as_a_list_would_be(ids: list[str], limit: int, salt: str) -> None:
    """Ids that come twice included: then the earlier example wins."""
    assert list(subsample(iter(made(ids)), limit, salt)) == sorted_subsample(made(ids), limit, salt)


def test_a_subsample_of_a_stream_holds_no_more_than_its_limit() -> None:
    alive: weakref.WeakSet[Watched] = weakref.WeakSet()
    most = 0

    def stream() -> Iterator[Watched]:
        nonlocal most
        for number in range(500):
            example = Watched(str(number), ())
            alive.add(example)
            most = max(most, len(alive))
            yield example

    assert len(list(subsample(stream(), 10))) == 10
    assert most <= 10 + 3  # and those on their way


def test_a_salt_gives_another_subsample() -> None:
    everything = made([str(number) for number in range(100)])
    assert subsample(everything, 10) == subsample(everything, 10) != subsample(everything, 10, salt="2")
    assert list(subsample(iter(everything), None)) == everything
    with pytest.raises(InputError, match="at least 1"):
        subsample(everything, 0)


def test_parallel_languages_keep_the_same_examples() -> None:
    kept = [{e.id for e in subsample(read_examples(XQUAD, "test", code, FIXTURES), 1)} for code in ("en", "de")]
    assert kept[0] == kept[1]


def test_a_limited_pool_keeps_what_answers_its_queries() -> None:
    def pool(queries: int, candidates: int) -> list[PoolExample]:
        asked = [PoolExample(f"q{i}", "?", "", "query", (f"c{i}",) if i % 2 else ()) for i in range(queries)]
        return asked + [PoolExample(f"c{i}", "!", "", "candidate", None) for i in range(candidates)]

    everything = pool(40, 60)
    kept = list(subsample(everything, 10))
    queries = [e for e in kept if e.role == "query"]
    ids = [e.id for e in kept if e.role == "candidate"]
    assert [e.id for e in queries] == [e.id for e in subsample(everything[:40], 10)]
    assert len(ids) == 10
    assert {id for e in queries for id in e.answer or ()} <= set(ids)
    assert [e for e in everything if e in kept] == kept
    assert list(subsample(everything, 1000)) == everything
    assert list(subsample([], 3)) == []
