"""Texts about pictures: XVNLI with its two sets of training data, and NLVR; and the same tasks without pictures.

XVNLI: Bugliarello et al. 2022 (IGLUE). Its test pairs are a part of SNLI's test pairs, translated: a caption, a hypothesis about
it, and the photograph of Flickr30k that the caption describes. The picture is the premise; the caption is kept as the text
oracle. SNLI-VE (Xie et al. 2019) has SNLI's pairs with their photographs. Both have splits of their own by picture, other than
SNLI's, so SNLI-VE's training pairs may have XVNLI's test pictures: such pairs are left out, with the test file beside the
training file, and counted. All captions and hypotheses of a picture have its id, so no pair of the test data stays.

NLVR: Suhr et al. 2017, its first version: a sentence about three boxes of drawn objects. A record lists the objects, and the
picture is drawn from it (`nlvr_drawing.py`). A picture has the name of its record.

Ids of XVNLI and SNLI-VE are their `pairID`, which is the same in all languages of XVNLI. Not here: MaRVL, whose sentence is about
two pictures, and xGQA, whose answers are no small closed set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.classify import XVNLI as XVNLI_ACCURACY
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.catalogue.nli import LABELS, NO_AGREEMENT, SNLI
from xstilts.tasks.catalogue.nlvr_drawing import draw_boxes
from xstilts.tasks.files.locate import explain_missing, locate
from xstilts.tasks.files.read import check_label, get_field, get_fields, name_hub_rows, read_json_lines
from xstilts.tasks.task import Download, Hub, Pictures, ReadRequest, Source, Task

if TYPE_CHECKING:
    from PIL.Image import Image

Records = Iterable[tuple[str, Mapping[str, Any]]]  # where, record

FLICKR30K = Pictures(
    tuple(
        f"{folder}{{picture}}.jpg"
        for folder in (
            "flickr30k-images/",
            "flickr30k_images/",
            "flickr30k/flickr30k-images/",
            "flickr30k/flickr30k_images/",
            "flickr30k/images/",
            "flickr30k/",
        )
    ),
    advice="The photographs are those of Flickr30k, for research only: ask for them at"
    " https://shannon.cs.illinois.edu/DenotationGraph/ and unpack flickr30k-images there",
)


# -- XVNLI and SNLI-VE


@dataclass(frozen=True)
class _Fields:
    """The names of the fields of a pair in one layout: `texts` are id, caption, hypothesis and label; `picture` has the names
    that files give to the id of the photograph."""

    texts: str
    picture: tuple[str, ...]


_OFFICIAL = _Fields("pairID sentence1 sentence2 gold_label", ("Flikr30kID", "Flickr30K_ID"))
_HUB = _Fields("pair_id caption hypothesis label", ("flikr30k_id",))


def _get_picture(record: Mapping[str, Any], names: tuple[str, ...], where: str) -> str:
    """The id of the photograph. Some files write it with `.jpg`."""
    name = next((name for name in names if name in record), names[0])
    return get_field(record, name, str, where).strip().removesuffix(".jpg")


def _make_pairs(request: ReadRequest, records: Records, named: _Fields, left_out: frozenset[str]) -> Iterator[ImagePairExample]:
    """Pairs without a gold label stay in test data, without an answer, and are left out of training and dev data."""
    for where, record in records:
        id, caption, text, label = get_fields(record, named.texts, str, where)
        picture = _get_picture(record, named.picture, where)
        label = label.strip()
        if picture in left_out:
            request.counts["test_pictures"] += 1
        elif label != NO_AGREEMENT or request.split == "test":
            answer = None if label == NO_AGREEMENT else check_label(label, LABELS, where)
            yield ImagePairExample(id, picture, text.strip(), answer, caption.strip())
        else:
            request.counts["unlabelled"] += 1


def read_pairs(request: ReadRequest) -> Iterator[ImagePairExample]:
    """Training and dev files come with XVNLI's English test file, whose pictures they must not have."""
    path, *test = request.files
    if bool(test) == (request.split == "test"):
        raise InputError(
            f"{path}: {len(test)} files beside it; expected XVNLI's English test file, for training and dev data only"
        )
    tested = (_get_picture(record, _OFFICIAL.picture, where) for file in test for where, record in read_json_lines(file))
    return _make_pairs(request, read_json_lines(path), _OFFICIAL, frozenset(tested))


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[ImagePairExample]:
    return _make_pairs(request, name_hub_rows(rows), _HUB, frozenset())


def _get_hub_picture(row: Mapping[str, Any]) -> tuple[str, bytes]:
    name = _get_picture(row, _HUB.picture, "Hub row")
    where = f"Hub row of picture {name}"
    return name, get_field(get_field(row, "image", dict, where), "bytes", bytes, where)


# The layout of the repository, and that of the data folder. The checksums of the test files are those at the commit.
_IGLUE = "https://raw.githubusercontent.com/e-bug/iglue/43cbac91513388d40b2c6d93925f00ca9fc08a98/datasets/XVNLI/annotations/"
_FOLDERS = ("xvnli/", "xvnli/annotations/", "XVNLI/annotations/")
_ANY_FOLDER = "[xX][vV][nN][lL][iI]/**/"  # the three of them
XVNLI_LANGUAGES = languages("ar en es fr ru")
XVNLI_TEST = Download(f"{_IGLUE}{{lang}}/test.jsonl", "xvnli/{lang}/test.jsonl", read_checksums("xvnli"))
ENGLISH_TEST = Download(f"{_IGLUE}en/test.jsonl", "xvnli/en/test.jsonl", {"": XVNLI_TEST.sha256["en"]})
_TEST_BESIDE = (f"{_ANY_FOLDER}en/test.jsonl",)


def _xvnli(split: str, packed: str = "") -> Source:
    """A split in English. `packed`: the end of the name of the archive that it is in."""
    archive = f"{split}.jsonl{packed}"
    paths = [f"{folder}{{lang}}/{split}.jsonl" for folder in _FOLDERS]
    return Source(
        paths=(*paths, f"{split}.jsonl") if packed else tuple(paths),
        languages=("en",),
        url="https://github.com/e-bug/iglue",
        archives=(archive,) if packed else (),
        downloads=(Download(f"{_IGLUE}{{lang}}/{archive}", f"xvnli/{'' if packed else '{lang}/'}{archive}"), ENGLISH_TEST),
        beside=_TEST_BESIDE,
    )


XVNLI = Task(
    name="xvnli",
    version=1,
    format=ImagePair(LABELS),
    metric=XVNLI_ACCURACY,
    languages=XVNLI_LANGUAGES,
    splits={
        "train": _xvnli("train", ".zip"),
        "dev": _xvnli("dev"),
        "test": Source(
            paths=tuple(f"{folder}{{lang}}/test.jsonl" for folder in _FOLDERS),
            languages=XVNLI_LANGUAGES,
            url="https://github.com/e-bug/iglue",
            sha256=XVNLI_TEST.sha256,
            hub=Hub("floschne/xvnli", "default", "{lang}", "3629bd9181647d10b9c8fbe05c8e86c69169df5d"),
            downloads=(XVNLI_TEST,),
            counts=dict.fromkeys(XVNLI_LANGUAGES, 1164),
        ),
    },
    read=read_pairs,
    read_hub=read_hub,
    trains_on="xvnli",
    license="MIT (IGLUE); its texts are of SNLI, CC-BY-SA-4.0; Flickr30k's photographs are for research only",
    cite="bugliarello2022iglue",
    url="https://github.com/e-bug/iglue",
    description="Does a photograph entail, contradict or leave open the hypothesis? Pairs of SNLI, translated by people.",
    notes="14 of the 1,164 test pairs have no gold label ('-'). The headline is over the other 1,150, as in CCLM's evaluation;"
    " accuracy_1164 counts the 14 as wrong, as VOLTA does, whose scores IGLUE reports. All texts are SNLI's: the test pairs are"
    " SNLI test pairs, the training pairs are SNLI's in another split. Training and dev pairs with a test picture are left out"
    " (test_pictures). The inside of train.jsonl.zip was not seen: unpack it as xvnli/en/train.jsonl if it is not found. The"
    " Hub has the test data only, with the photographs inside.",
    same_texts=("snli", "snli_ve", "snli_hypothesis", "xvnli_caption", "xvnli_hypothesis"),
    pictures=replace(FLICKR30K, hub=_get_hub_picture),
)

_SNLI_VE_SITE = "https://huggingface.co/datasets/HuggingFaceM4/SNLI-VE/resolve/0d63227a7475c39fd45683c2eec9308f30880535/"


def _snli_ve(split: str, counts: Mapping[str, int] | None = None) -> Source:
    file = f"snli_ve_{split}.jsonl"
    download = Download(_SNLI_VE_SITE + file, f"snli_ve/{file}")
    return Source(
        paths=tuple(f"{folder}{file}" for folder in ("snli_ve/", "snli_ve/annotations/", "snli-ve/", "SNLI-VE/data/", "")),
        languages=("en",),
        url="https://github.com/necla-ml/SNLI-VE",
        downloads=(download,) if split == "test" else (download, ENGLISH_TEST),
        counts=counts or {},
        beside=() if split == "test" else _TEST_BESIDE,
    )


SNLI_VE = replace(
    XVNLI,
    name="snli_ve",
    metric=ACCURACY,
    languages=("en",),
    splits={"train": _snli_ve("train"), "dev": _snli_ve("dev"), "test": _snli_ve("test", {"en": 17_901})},
    read_hub=None,
    trains_on="snli_ve",
    license="BSD-3-Clause; its texts are of SNLI, CC-BY-SA-4.0; Flickr30k's photographs are for research only",
    cite="xie2019snlive",
    url="https://github.com/necla-ml/SNLI-VE",
    description="Visual entailment: SNLI's pairs with the photograph in place of its caption, English; training data for XVNLI.",
    notes="The official split (529,527 training and 17,858 dev pairs), which is neither SNLI's nor IGLUE's. Training and dev"
    " pairs with a test picture of XVNLI are left out (test_pictures), so XVNLI's English test file is needed too.",
    same_texts=("snli", "xvnli", "snli_hypothesis", "xvnli_caption", "xvnli_hypothesis"),
    pictures=FLICKR30K,
)


# -- Without pictures


def _as_texts(read: Callable[..., Iterator[Example]], fields: Sequence[str]) -> Callable[..., Iterator[ClassifyExample]]:
    """A reader of the same examples as texts: these fields of theirs. It takes a request, and rows if `read` does."""

    def read_texts(request: ReadRequest, *rows: Any) -> Iterator[ClassifyExample]:
        return (ClassifyExample(e.id, tuple(getattr(e, f) for f in fields), e.answer) for e in read(request, *rows))

    return read_texts


def _without_pictures(task: Task, name: str, fields: str, description: str, notes: str, same_texts: str) -> Task:
    """The task whose texts are these fields of the examples, with the same ids."""
    assert isinstance(task.format, ImagePair)
    names = fields.split()
    return replace(
        task,
        name=name,
        format=Classify(task.format.labels, texts=len(names)),
        read=_as_texts(task.read, names),
        read_hub=_as_texts(task.read_hub, names) if task.read_hub else None,
        trains_on=name,
        description=description,
        notes=notes,
        same_texts=tuple(same_texts.split()),
        pictures=None,
    )


_SEE_XVNLI = "Same files, ids and denominators as xvnli; see its notes."
XVNLI_HYPOTHESIS = _without_pictures(
    XVNLI,
    "xvnli_hypothesis",
    "text",
    "XVNLI without its pictures: what the hypothesis alone gives away. A control for xvnli.",
    _SEE_XVNLI,
    "snli snli_ve snli_hypothesis xvnli xvnli_caption",
)
XVNLI_CAPTION = _without_pictures(
    XVNLI,
    "xvnli_caption",
    "caption text",
    "XVNLI with the caption in place of the picture: the text oracle for xvnli.",
    f"{_SEE_XVNLI} SNLI is training data for it too.",
    "snli snli_ve snli_hypothesis xvnli xvnli_hypothesis",
)


def _keep_hypothesis(found: Iterator[Example]) -> Iterator[ClassifyExample]:
    return (replace(e, texts=e.texts[1:]) for e in found if isinstance(e, ClassifyExample))


def _read_hypotheses(request: ReadRequest) -> Iterator[ClassifyExample]:
    return _keep_hypothesis(SNLI.read(request))


def _read_hub_hypotheses(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[ClassifyExample]:
    assert SNLI.read_hub is not None
    return _keep_hypothesis(SNLI.read_hub(request, rows))


SNLI_HYPOTHESIS = replace(
    SNLI,
    name="snli_hypothesis",
    format=Classify(LABELS, texts=1),
    read=_read_hypotheses,
    read_hub=_read_hub_hypotheses,
    trains_on="snli_hypothesis",
    description="SNLI without its premises: what the hypothesis alone gives away, English.",
    notes="Training data for xvnli_hypothesis, as snli is for xvnli_caption. Do not report its test data beside XVNLI's, which"
    " is a part of them.",
    same_texts=("snli", "snli_ve", "xvnli", "xvnli_caption", "xvnli_hypothesis"),
)


# -- NLVR

NLVR_LABELS = ("false", "true")
_NLVR_SHA256 = {
    "dev": "0d312c3d7309393c0e36d286c70b884fb276819699e9f8f2bcea2854ad46537b",
    "test": "9a337ac016455eebe8aef70a6e94977dbcd9e75aec56f0fb09477a9c1038528d",
}
_NLVR_SITE = "https://raw.githubusercontent.com/lil-lab/nlvr/18924841aa96d519cfb8584f0945350f07a6d860/nlvr/"


def read_nlvr(request: ReadRequest) -> Iterator[ImagePairExample]:
    (path,) = request.files
    for where, record in read_json_lines(path):
        name, sentence, label = get_fields(record, "identifier sentence label", str, where)
        yield ImagePairExample(name, name, sentence.strip(), check_label(label.strip(), NLVR_LABELS, where))


def draw_nlvr(root: Path, names: Iterable[str]) -> Iterator[tuple[str, Image]]:
    """(name, picture) of each named record in NLVR's files below the data folder. Raises InputError if some are in none."""
    wanted = set(names)
    files = (path for split in NLVR.splits for path in locate(NLVR, split, "en", root))
    while wanted and (path := next(files, None)):
        for where, record in read_json_lines(path):
            if (name := get_field(record, "identifier", str, where)) in wanted:
                wanted.remove(name)
                yield name, draw_boxes(get_field(record, "structured_rep", list, where), where)
    if not wanted:
        return
    absent = [split for split in NLVR.splits if not locate(NLVR, split, "en", root)]
    why = "; ".join(explain_missing(NLVR, split, "en", root) for split in absent)
    raise InputError(f"no record of {len(wanted):,} pictures, such as {min(wanted)!r}, in the files of nlvr. {why}".rstrip())


def _nlvr(split: str, count: int) -> Source:
    paths = tuple(f"{folder}{split}.json" for folder in (f"nlvr/{split}/", f"nlvr/nlvr/{split}/", "nlvr/"))
    sha256 = {"en": _NLVR_SHA256[split]} if split in _NLVR_SHA256 else {}
    url = f"{_NLVR_SITE}{split}/{split}.json"
    return Source(paths, ("en",), url, sha256, None, (), (Download(url, paths[0], sha256),), {"en": count})


NLVR = Task(
    name="nlvr",
    version=1,
    format=ImagePair(NLVR_LABELS),
    metric=ACCURACY,
    languages=("en",),
    splits={"train": _nlvr("train", 12_410), "dev": _nlvr("dev", 989), "test": _nlvr("test", 990)},
    read=read_nlvr,
    trains_on="nlvr",
    license="CC-BY-4.0",
    cite="suhr2017nlvr",
    url="https://lil.nlp.cornell.edu/nlvr/",
    description="Is the sentence true of three boxes of drawn objects? English, version 1; people wrote the sentences.",
    notes="One picture a record, with the boxes in its order; the official pictures also have the five other orders. test is the"
    " public test set. nlvr_dev has the dev set as training data.",
    pictures=Pictures(draw=draw_nlvr),
)
_NLVR_DEV_NOTES = "For target nlvr's `train`, where the training file is not at hand; do not report dev scores then."
NLVR_DEV = replace(
    NLVR,
    name="nlvr_dev",
    splits={"train": NLVR.splits["dev"]},
    trains_on="nlvr_dev",
    heldout=10,
    description="NLVR's dev set as training data.",
    notes=f"{_NLVR_DEV_NOTES} A sentence is about up to four pictures, which may be on both sides of the held-out split.",
)
NLVR_TEXT, NLVR_DEV_TEXT = (
    _without_pictures(
        task,
        f"{task.name}_text",
        "text",
        f"{title} without its pictures: what the sentence alone gives away. A control for nlvr.",
        f"Same files and ids as {task.name}; see its notes.",
        task.name,
    )
    for task, title in ((NLVR, "NLVR"), (NLVR_DEV, "NLVR's dev set as training data,"))
)

TASKS = (
    XVNLI,
    XVNLI_HYPOTHESIS,
    XVNLI_CAPTION,
    SNLI_VE,
    SNLI_HYPOTHESIS,
    NLVR,
    NLVR_DEV,
    NLVR_TEXT,
    NLVR_DEV_TEXT,
)
