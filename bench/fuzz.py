"""Damaged files for every reader of the package: `python bench/fuzz.py --minutes 30`, or by a test with a fixed seed.

A reader may give its values or raise InputError, nothing else. What it gives can be written again as UTF-8 (so no half
character came in), and its message is short. An input is a file of the fixtures, or one made here, changed at one to six places:
bytes, lines, columns, values of JSON and YAML, and values that readers are known to stumble over. Each target gets the same time.
What fails is kept below `--keep` with its target in its name. It is then a case of a test of its reader.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import struct
import tarfile
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from xstilts.attacks.code_mixing.word_list import read_word_list
from xstilts.claims import built_in_claims, read_claims
from xstilts.data.language import LANGUAGES
from xstilts.data.yaml_records import parse_yaml
from xstilts.errors import InputError
from xstilts.formats.jsonl import to_record
from xstilts.model.encoder_files import check_files, count_positions, read_tokenizer_model
from xstilts.plan.compile import compile_study
from xstilts.reading import check_name, fill_pattern, parse_json
from xstilts.stages.own_inputs import _read_lines
from xstilts.study import built_in_studies, load_study
from xstilts.study.read import change_field
from xstilts.submission.gold import make_gold_finder
from xstilts.submission.layout import file_name, write_predictions
from xstilts.submission.read import read_file
from xstilts.submission.score import _score
from xstilts.tasks.files.archive import unpack
from xstilts.tasks.files.locate import check_examples, locate, read_examples
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.task import ReadRequest
from xstilts.tasks.user import user_tasks
from xstilts.vision.picture import open_picture

FIXTURES = Path(__file__).resolve().parents[1] / "tests" / "fixtures"
MOST_SECONDS = 10.0  # of the processor, for one input
MOST_BYTES = 400_000
LONGEST_MESSAGE = 13_000
NASTY: list[bytes] = [
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\\ud83d", b"\x0b", b"\x1b[31m", b"\\e[2J", b"\r", b"\r\n", b"\n\n"),
    *("\u2028".encode(), "\u202e".encode(), "\u0085".encode(), "\u200b".encode(), "\u00a0".encode(), "\U0001f600".encode()),
    *(b"\t", b"\t\t", b'"', b"'", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-" + b"1" * 4400, b"-1", b"0"),
    *(b"[" * 3000, b'{"a":' * 3000, b"null", b"true", b"[]", b"{}", b'""', b"\xef\xbb\xbf", b"=cmd|' /C calc'!A0", b"*", b"&a"),
    *(
        b"!!python/object/apply:os.system ['true']",
        b"<<: *x",
        b"- ",
        b": ",
        b"#",
        b"..",
        b"/",
        b"~",
        b"~nobody",
        b"**x",
        b"[z-a]",
    ),
    *(b"{lang}", b"{0}", b"{lang.__class__}", b"{lang!r:>999999999}", b"{nope}", b"}", b"2026-01-01", b"2026-99-99", b".inf"),
    *(b"0x1F", b"1_000", b"1:30", b"!!binary aGk=", b"!!set {a, b}", b"? [a]\n: b", b"%s%n", b"\\u0000", b"\\", b"A" * 70_000),
    *(
        b"[/b]",
        b"[red]",
        b"1" * 400,
        b"1e400",
        b"!!int x",
        b"&x [*x]",
        b"a: " * 200,
        b"| \n" * 3,
        b'"x"',
        b"5",
        b"[1]",
        b'{"a":1}',
    ),
]
_TOKEN = re.compile(rb'"[^"]*"|\d+|true|false|null|[\w./]+')


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with one to six changes."""
    data = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        if not data:
            data += rng.choice(NASTY)
        begin = rng.randrange(len(data))
        end = min(len(data), begin + rng.choice([1, 2, 5, 20, 200]))
        match rng.randrange(11):
            case 0:
                data[begin] = rng.randrange(256)
            case 1:
                del data[begin:end]
            case 2:
                data[begin:begin] = rng.choice(NASTY)
            case 3:
                data[begin:end] = rng.choice(NASTY)
            case 4:
                del data[begin:]
            case 5:
                data[begin:begin] = data[begin:end] * rng.choice([1, 2, 50])
            case 6 | 7 | 8 as kind:
                data = _change_lines(data, kind, rng)
            case 9 | 10 as kind:
                tokens = [found.span() for found in _TOKEN.finditer(bytes(data[:50_000]))]
                if tokens:
                    (begin, end), (first, last) = rng.choice(tokens), rng.choice(tokens)
                    data[begin:end] = rng.choice(NASTY) if kind == 9 else data[first:last]
    return bytes(data[:MOST_BYTES])


def _change_lines(data: bytearray, kind: int, rng: random.Random) -> bytearray:
    lines = bytes(data).split(b"\n")
    place = rng.randrange(len(lines))
    match kind:
        case 6:
            lines[place : place + 20] = rng.sample(lines[place : place + 20], len(lines[place : place + 20]))
        case 7:
            lines.insert(place, rng.choice(lines))
        case 8:
            cells = lines[place].split(rng.choice([b"\t", b" ", b",", b":"]))
            lines[place] = b"\t".join(rng.sample(cells, len(cells)))
    return bytearray(b"\n".join(lines))


@dataclass(frozen=True)
class Seed:
    """What is changed, and what reads it: `read` gets a folder for its files, which is new for each input, and the bytes."""

    raw: bytes
    read: Callable[[Path, bytes], Any]


Targets = dict[str, list[Seed]]


def put(folder: Path, name: str, raw: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def write_again(examples: Iterable[Any]) -> None:
    """What a stage does with examples: UnicodeEncodeError is a half character that came in."""
    for example in examples:
        json.dumps(to_record(example), ensure_ascii=False).encode()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


@contextlib.contextmanager
def same_catalogue() -> Iterator[None]:
    """Without the tasks and languages that were declared inside."""
    tables: list[dict[Any, Any]] = [CATALOGUE, LANGUAGES, user_tasks._registered]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, earlier in zip(tables, before, strict=True):
            table.clear()
            table.update(earlier)


def _data_seeds(task: Any, root: Path) -> Iterator[Seed]:
    """Each file of a task."""
    for split, source in task.splits.items():
        for language in source.languages:
            files: tuple[Path, ...] = ()
            with contextlib.suppress(InputError):  # what lies beside them is not here
                files = locate(task, split, language, root)
            for place in range(len(files)):
                name, raw = files[place].name.removesuffix(".gz"), files[place].read_bytes()

                def read(
                    folder: Path, raw: bytes, task: Any = task, split: str = split, language: str = language,
                    files: tuple[Path, ...] = files, place: int = place, name: str = name,
                ) -> None:  # fmt: skip
                    changed = (*files[:place], put(folder, name, raw), *files[place + 1 :])
                    request = ReadRequest(task, split, language, changed)
                    write_again(check_examples(task, split, task.read(request), "x"))

                yield Seed(gzip.decompress(raw) if files[place].suffix == ".gz" else raw, read)


def catalogue() -> Iterator[Seed]:
    for name in sorted(path.name for path in FIXTURES.iterdir() if path.name in CATALOGUE):
        yield from _data_seeds(find_task(name), FIXTURES)


def packed() -> Iterator[Seed]:
    """Damage inside gzip."""

    def read(folder: Path, raw: bytes) -> None:
        path = put(folder, "test-en.tsv.gz", raw)
        write_again(find_task("xnli").read(ReadRequest(find_task("xnli"), "test", "en", (path,))))

    yield Seed(gzip.compress((FIXTURES / "xnli" / "test-en.tsv").read_bytes()), read)


def user_data() -> Iterator[Seed]:
    root = FIXTURES / "user_tasks"
    for path in sorted(root.glob("*.yaml")):
        for task in user_tasks.register(path):
            yield from _data_seeds(task, root)


def declarations() -> Iterator[Seed]:
    def read(folder: Path, raw: bytes) -> None:
        with same_catalogue():
            path = put(folder, "task.yaml", raw)
            for kind in ("choices", "pairs", "questions", "reviews", "tags"):
                (folder / kind).symlink_to(FIXTURES / "user_tasks" / kind)
            for task in user_tasks.register(path):
                for split, source in task.splits.items():
                    for language in source.languages[:2]:
                        write_again(read_examples(task, split, language, folder))

    for path in sorted((FIXTURES / "user_tasks").glob("*.yaml")):
        yield Seed(path.read_bytes(), read)


def studies() -> Iterator[Seed]:
    def read(folder: Path, raw: bytes) -> None:
        with same_catalogue():
            study = load_study(str(put(folder, "study.yaml", raw)))
            grid = len(study.seeds) * len(study.chains) * len(study.targets) * len(study.encoders)
            if grid * (1 + len(study.conditions)) < 50:
                compile_study(study, base=folder, draft=True)

    for path in built_in_studies().values():
        yield Seed(path.read_bytes(), read)


def claims() -> Iterator[Seed]:
    def read(folder: Path, raw: bytes) -> None:
        read_claims(put(folder, "claims.yaml", raw))

    built_in_claims()
    import xstilts.claims

    for path in sorted((Path(xstilts.claims.__file__).parent / "builtin").glob("*.yaml")):
        yield Seed(b"\n  - ".join(path.read_bytes().split(b"\n  - ")[:4]), read)


def submissions() -> Iterator[Seed]:
    find_gold = make_gold_finder(FIXTURES, None, None)
    root = Path(tempfile.mkdtemp())
    for name in ("xnli", "xcopa", "panx", "udpos", "xquad", "tatoeba", "bucc2018", "lareqa"):
        task = find_task(name)
        language = next(code for code in task.splits["test"].languages if locate(task, "test", code, FIXTURES))
        with contextlib.suppress(InputError, AttributeError, KeyError):
            gold = find_gold(task, language)
            from xstilts.formats.prediction import Prediction

            right = [Prediction(e.id, e.answer[0].text if name == "xquad" else e.answer) for e in gold.examples]  # type: ignore[index]
            path = write_predictions(task, language, list(read_examples(task, "test", language, FIXTURES)), right, root)

            def read(folder: Path, raw: bytes, task: Any = task, language: str = language, gold: Any = gold) -> None:
                put(folder, file_name(task, language), raw)
                found, problems = read_file(task, language, folder, gold)
                for problem in problems:
                    assert len(problem.text) < LONGEST_MESSAGE
                if found:
                    for value in _score(task, language, gold.examples, found).values():
                        assert -1e-9 <= value <= 100 + 1e-9, value

            yield Seed(path.read_bytes(), read)
    shutil.rmtree(root)


def inputs() -> Iterator[Seed]:
    for name, line in (
        ("xnli", '{"texts": ["a b", "c"], "n": 1}'),
        ("panx", '{"words": ["a", "b"]}'),
        ("xquad", '{"question": "q", "context": "c"}'),
    ):
        form = find_task(name).format

        def read(folder: Path, raw: bytes, form: Any = form) -> None:
            for fields, example in _read_lines(put(folder, "in.jsonl", raw), form):
                json.dumps(fields, ensure_ascii=False).encode()
                write_again([example])

        yield Seed((line + "\n").encode() * 3, read)


def word_lists() -> Iterator[Seed]:
    def read(folder: Path, raw: bytes) -> None:
        read_word_list(put(folder, "words.tsv", raw))

    yield Seed(b"en\tde\tsw\nhouse\tHaus\tnyumba\nriver\tFluss\tmto\n", read)


def _pack(rng: random.Random) -> tuple[str, bytes]:
    names = [
        "a.txt",
        "d/b.txt",
        "../x",
        "/abs",
        "d/../../y",
        "..\\w",
        "a" * 300,
        "n\0ul",
        "d/",
        "",
        ".",
        " ",
        "CON",
        "A.TXT",
        "x/" * 200 + "y",
    ]
    sink = io.BytesIO()
    if rng.random() < 0.5:
        kind = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
        with zipfile.ZipFile(sink, "w", kind) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that come twice
            for _ in range(rng.randrange(1, 5)):
                info = zipfile.ZipInfo("q")
                info.filename = rng.choice(names)
                info.external_attr = rng.choice([0, 0o100644, 0o120777, 0o040755, 0o060644]) << 16
                with contextlib.suppress(Exception):
                    file.writestr(info, b"hello\n" * rng.randrange(200))
        return "x.zip", sink.getvalue()
    packing = rng.choice(["", ".gz", ".bz2"])
    with tarfile.open(fileobj=sink, mode=f"w:{packing[1:]}") as packed:
        for _ in range(rng.randrange(1, 5)):
            member = tarfile.TarInfo(rng.choice(names) or "e")
            member.type, member.linkname = rng.choice([b"0", b"0", b"5", b"1", b"2", b"4", b"6", b"S"]), "../x"
            content = b"hi\n" * rng.randrange(200)
            member.size = len(content) if member.type == b"0" else 0
            with contextlib.suppress(Exception):
                packed.addfile(member, io.BytesIO(content))
    return f"x.tar{packing}", sink.getvalue()


def archives() -> Iterator[Seed]:
    """Nothing is written outside the folder, and no link or device."""
    rng = random.Random(0)
    for _ in range(200):
        name, raw = _pack(rng)

        def read(folder: Path, raw: bytes, name: str = name) -> None:
            inside = unpack(put(folder / "in", name, raw), folder / "in")
            for path in inside.rglob("*"):
                assert not path.is_symlink() and (path.is_dir() or path.is_file()), path
            assert [path.name for path in folder.iterdir()] == ["in"]

        yield Seed(raw, read)


def encoders() -> Iterator[Seed]:
    config = {"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"], "num_hidden_layers": 1, "vocab_size": 8}
    config |= {"hidden_size": 4, "intermediate_size": 4, "max_position_embeddings": 16, "pad_token_id": 1}
    tensors = {
        "embeddings.word_embeddings.weight": np.zeros((8, 4), np.float32),
        "encoder.layer.0.x.weight": np.zeros(4, np.float32),
    }
    files = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": save_tensors(tensors, {"format": "pt"}),
        "tokenizer.json": b'{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", -1.0]]}}',
        "model.safetensors.index.json": b'{"weight_map": {"a": "model.safetensors"}}',
    }
    for changed in files:

        def read(folder: Path, raw: bytes, changed: str = changed) -> None:
            for name, content in files.items():
                put(folder, name, raw if name == changed else content)
            check_files(folder)
            count_positions(folder)
            read_tokenizer_model(folder)

        yield Seed(files[changed], read)
    header = json.dumps(
        {"embeddings.word_embeddings.weight": {"dtype": "F32", "shape": [10**9] * 2, "data_offsets": [0, 4]}}
    ).encode()
    yield Seed(
        struct.pack("<Q", len(header)) + header + b"abcd",
        lambda folder, raw: check_files(put(folder, "model.safetensors", raw).parent),
    )


def pictures() -> Iterator[Seed]:
    for kind in ("PNG", "JPEG", "GIF", "BMP"):
        sink = io.BytesIO()
        Image.new("RGB", (16, 12), (200, 30, 30)).save(sink, kind)
        yield Seed(sink.getvalue(), lambda folder, raw: open_picture(put(folder, "p", raw)))


def values() -> Iterator[Seed]:
    """The functions themselves, without files."""
    record = b'{"a": [1, 2.5, "x", null, true], "b": {"c": "\\u00e9 \\ud83d\\ude00"}}'
    yield Seed(record, lambda _, raw: json.dumps(parse_json(_text(raw), "x"), ensure_ascii=False).encode())
    document = b'a: 1\nb: [x, "y", 2.5, &n {c: d}, *n]\nc:\n  - e: |\n      text\n  - f: 2026-01-01\n'
    yield Seed(document, lambda _, raw: json.dumps(parse_yaml(_text(raw), "x"), ensure_ascii=False).encode())
    yield Seed(b"limits.train=[1, a]", lambda _, raw: change_field({"limits": {}}, _text(raw)))

    def fill(_: Path, raw: bytes) -> None:
        with contextlib.suppress(ValueError):
            fill_pattern(_text(raw), lang="de", code="de", name="German")
            check_name(_text(raw))

    yield Seed(b"x/{lang}/{code}-*.tsv", fill)


TARGETS: tuple[Callable[[], Iterator[Seed]], ...] = (
    *(catalogue, packed, user_data, declarations, studies, claims, submissions, inputs, word_lists, archives, encoders),
    *(pictures, values),
)


class TooSlow(BaseException):
    """Not to be caught by a reader."""


def _alarm(*_: object) -> None:
    raise TooSlow


def judge(seed: Seed, folder: Path, raw: bytes) -> str:
    """What became of an input: "read", "refused", or what is wrong, with the place in the package."""
    folder.mkdir()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        seed.read(folder, raw)
        return "read"
    except InputError as error:
        str(error).encode()
        return "refused" if len(str(error)) <= LONGEST_MESSAGE else "a message without end"
    except TooSlow:
        return f"more than {MOST_SECONDS:g} seconds"
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/xstilts/" in f.filename or "bench" in f.filename]
        last = frames[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} ({str(error)[:80]!r})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        shutil.rmtree(folder, ignore_errors=True)


def fuzz(
    names: Iterable[str], seed: int, inputs_each: int, seconds_each: float, keep: Path | None = None
) -> dict[str, collections.Counter[str]]:
    """Target -> outcome -> how many of its inputs had it."""
    signal.signal(signal.SIGPROF, _alarm)
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
    found: dict[str, collections.Counter[str]] = {}
    for target in (target for target in TARGETS if target.__name__ in names):
        with tempfile.TemporaryDirectory() as name, same_catalogue():
            rng, seeds, counts = random.Random(f"{seed} {target.__name__}"), list(target()), collections.Counter[str]()
            end = time.monotonic() + seconds_each
            while counts.total() < inputs_each and time.monotonic() < end:
                one = rng.choice(seeds)
                raw = mutate(one.raw, rng)
                outcome = judge(one, Path(name) / "input", raw)
                counts[outcome] += 1
                if keep is not None and outcome not in ("read", "refused") and counts[outcome] == 1:
                    put(keep, f"{target.__name__}-{seed}-{len(counts)}-{seeds.index(one)}", raw)
            found[target.__name__] = counts
    shutil.rmtree(os.environ.pop("XDG_CACHE_HOME"), ignore_errors=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    every = [target.__name__ for target in TARGETS]
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", choices=every, default=every)
    parser.add_argument("--keep", type=Path, help="The folder for inputs that a reader failed on.")
    asked = parser.parse_args()
    found = fuzz(asked.targets, asked.seed, 1 << 62, 60 * asked.minutes / len(asked.targets), asked.keep)
    for name, counts in found.items():
        print(f"{name:14}{counts.total():>10,}  read {counts['read']:,}  refused {counts['refused']:,}")
        for outcome in sorted(set(counts) - {"read", "refused"}):
            print(f"{'':14}{counts[outcome]:>10,}  {outcome}")
    total = sum(counts.total() for counts in found.values())
    wrong = total - sum(counts["read"] + counts["refused"] for counts in found.values())
    print(f"{total:,} inputs, {wrong:,} wrong")


if __name__ == "__main__":
    main()
