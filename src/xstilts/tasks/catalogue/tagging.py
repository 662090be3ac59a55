"""Tagging: parts of speech from Universal Dependencies (Nivre et al. 2020) and names from WikiANN (PAN-X; Pan et al. 2017,
splits of Rahimi et al. 2019). `syntax.py` has the syntactic tags, which are only training data.

UDPOS follows XTREME (google-research/xtreme, utils_preprocess.py): all treebanks of a language one after the other, written
words (`conllu.py`), no sentences with withheld texts. XTREME-R takes its five new languages from UD 2.7 and keeps the others at
2.5, so the release depends on the language. Both tasks are also read as XTREME's scripts write them, `word<TAB>tag`. A word
without a tag is X or O there. A sentence without any tag is refused, since the scripts remove the tags of test files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.tag import CHUNK_F1, POS_F1
from xstilts.tasks.catalogue.conllu import clean_form, is_readable, list_written_words, read_blocks
from xstilts.tasks.catalogue.syntax import CCG, UD_RELATIONS
from xstilts.tasks.files.read import check_label, get_field, look_up_label, split_columns
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task

# In the order of the class indices on the Hub (google/xtreme).
UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
# In the order of the class indices on the Hub (unimelb-nlp/wikiann).
NER = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def _make_id(request: ReadRequest, number: int) -> str:
    return f"{request.task.name}-{request.language}-{request.split}-{number}"


def _strip_gz(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _read_preprocessed(request: ReadRequest, path: Path, labels: Sequence[str], missing: str) -> Iterator[TagExample]:
    """The sentences of a file that XTREME's scripts wrote, `{split}-{language}.tsv`."""
    for number, block in enumerate(read_blocks(path), start=1):
        rows = [line.split("\t") for _, line in block]
        if all(len(row) == 1 for row in rows):
            raise InputError(
                f"{block[0][0]}: no word of this sentence has a tag (XTREME's download script removes the tags of test"
                f" files; the original is in {request.task.splits[request.split].url})"
            )
        tags = []
        for (where, _), row in zip(block, rows, strict=True):
            if len(row) > 2:
                raise InputError(f"{where}: {len(row)} columns, expected word<TAB>tag")
            tags.append(check_label(row[1].strip(), labels, where) if row[1:] else missing)
        yield TagExample(_make_id(request, number), tuple(row[0].strip() for row in rows), tuple(tags))


def read_udpos(request: ReadRequest) -> Iterator[TagExample]:
    for path in request.files:
        name, _, suffix = _strip_gz(path).partition(".")
        if suffix == "tsv":
            yield from _read_preprocessed(request, path, UPOS, "X")
            continue
        for number, block in enumerate(read_blocks(path), start=1):
            words = list_written_words(block, request.language)
            if is_readable(words):
                answer = tuple(check_label(word.tag, UPOS, word.where) for word in words)
                yield TagExample(f"{name}-{number}", tuple(clean_form(word.form) for word in words), answer)


def read_panx(request: ReadRequest) -> Iterator[TagExample]:
    """If neither the name nor the folder of a file tells its language, the prefixes in it do: in the official archive of a
    language the file is only called `test`."""
    (path,) = request.files
    name, code = _strip_gz(path), request.language
    if name.endswith(".tsv"):
        yield from _read_preprocessed(request, path, NER, "O")
        return
    named = path.parent.name == code or name.startswith(f"{code}-")
    layout = f"'{code}:token<TAB>TAG'"
    for number, block in enumerate(read_blocks(path), start=1):
        if not named and not block[0][1].startswith(f"{code}:"):
            continue
        words, tags = [], []
        for where, line in block:
            token, tag = split_columns(line, 2, where, layout)[:2]
            _, colon, word = token.partition(":")
            if not colon:
                raise InputError(f"{where}: found {token!r:.80}, expected {layout}")
            words.append(word.strip())
            tags.append(check_label(tag.strip(), NER, where))
        yield TagExample(_make_id(request, number), tuple(words), tuple(tags))


ReadHub = Callable[[ReadRequest, Iterable[dict[str, Any]]], Iterator[TagExample]]


def _read_hub(column: str, labels: Sequence[str]) -> ReadHub:
    def read(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[TagExample]:
        for number, row in enumerate(rows, start=1):
            where = f"Hub row {number}"
            words, tags = get_field(row, "tokens", list, where), get_field(row, column, list, where)
            if len(words) != len(tags):
                raise InputError(f"{where}: {len(words)} words but {len(tags)} tags")
            answer = tuple(look_up_label(tag, labels, where) for tag in tags)
            yield TagExample(_make_id(request, number), tuple(map(clean_form, words)), answer)

    return read


# Sentences in train, dev and test. Sources: dataset_infos.json of huggingface/datasets before 8803c182e6: google/xtreme for UD
# 2.5, universal_dependencies for the five languages of 2.7, summed over treebanks. In de and el the former counts other
# languages as well (see the notes of UDPOS). They are subtracted with the latter's counts. In fr, ru and zh they cannot be
# separated.
_SENTENCES = """
af 1315 194 425, ar 6075 909 1680, bg 8907 1115 1116, de 166849 19233 22358, el 1662 403 456, en 21253 3974 5440,
es 28492 3054 3147, et 25749 3125 3760, eu 5396 1798 1799, fa 4798 599 600, fi 27198 3239 4422, he 5241 484 491,
hi 13304 1659 2684, hu 910 441 449, id 4477 559 1557, it 29685 2278 3518, ja 7125 511 2372, kk 31 0 1047,
ko 27410 3016 4276, lt 2494 770 837, mr 373 46 47, nl 18051 1394 1471, pl 31496 3960 4942, pt 17992 1770 2681,
ro 35911 2247 2272, ta 400 80 120, te 1051 131 146, th 0 0 1000, tl 0 0 55, tr 3664 988 4785, uk 5496 672 892,
ur 4043 552 535, vi 1400 800 800, wo 1188 449 470, yo 0 0 100
"""
_COUNTS = {
    split: {code: int(numbers[place]) for code, *numbers in map(str.split, _SENTENCES.split(","))}
    for place, split in enumerate(("train", "dev", "test"))
}

UDPOS_LANGUAGES = languages(
    "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh lt pl uk wo ro"
)
UD_RELEASES = {code: "2.7" if code in ("lt", "pl", "uk", "wo", "ro") else "2.5" for code in UDPOS_LANGUAGES}
_LINDAT = "https://lindat.mff.cuni.cz/repository/xmlui/bitstream/handle/11234/"
_UD_25_SHA256 = {"": "5ff973e44345a5f69b94cc1427158e14e851c967d58773cc2ac5a1d3adaca409"}
_UD_ARCHIVES = tuple(
    Download(
        f"{_LINDAT}{handle}/ud-treebanks-v{release}.tgz",
        f"udpos/ud-treebanks-v{release}.tgz",
        sha256,
        tuple(code for code, its in UD_RELEASES.items() if its == release),
    )
    for release, handle, sha256 in (("2.5", "1-3105", _UD_25_SHA256), ("2.7", "1-3424", {}))
)
_HUB_SPLIT = {"train": "train", "dev": "validation", "test": "test"}


def _udpos(split: str) -> Source:
    """`{lang}` in its patterns is the release."""
    treebanks = f"UD_*/{{code}}_*-ud-{split}*.conllu"
    folders = ("udpos/", "udpos/ud-treebanks-v{lang}/", "ud-treebanks-v{lang}/", "")
    counts = _COUNTS[split]
    return Source(
        paths=(*(folder + treebanks for folder in folders), f"udpos/{split}-{{code}}.tsv"),
        languages=tuple(code for code in UDPOS_LANGUAGES if counts.get(code) != 0),
        url="http://hdl.handle.net/11234/1-3105",
        hub=Hub("google/xtreme", "udpos.{name}", _HUB_SPLIT[split], "main"),
        archives=("ud-treebanks-v{lang}.tgz",),
        downloads=_UD_ARCHIVES,
        counts={code: count for code, count in counts.items() if count},
    )


UDPOS = Task(
    name="udpos",
    version=1,
    format=Tag(labels=UPOS),
    metric=POS_F1,
    languages=UDPOS_LANGUAGES,
    splits={split: _udpos(split) for split in _HUB_SPLIT},
    read=read_udpos,
    read_hub=_read_hub("pos_tags", UPOS),
    trains_on="udpos",
    parallel_ids=r"[a-z]+_(pud-ud-test-\d+)",  # the parallel treebanks have the same sentences in the same order
    codes=UD_RELEASES,
    license="per treebank; many CC-BY-SA-4.0, some non-commercial",
    cite="nivre2020ud",
    url="https://universaldependencies.org",
    description="Universal part-of-speech tags, of all treebanks of UD 2.5, and of UD 2.7 for the languages XTREME-R adds.",
    notes="The Hub's copy is of UD 2.5 in XTREME's 33 languages. It does not fuse multi-word tokens, and has Swiss German under"
    " German, and likewise Ancient Greek, Old French, Old Russian and Classical Chinese. The repositories of UD have the"
    " current release. XTREME's paper has at most 20,436 test sentences a language, which is German without UD_German-LIT.",
)

PANX_LANGUAGES = languages(
    "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et fi hu"
    " qu pl uk az lt pa gu ro"
)
# Where the number of sentences is not 20,000 in train and 10,000 in dev and test; the same source, wikiann.
_PANX_SIZES = {
    100: {"train": "jv yo my qu pa gu", "dev": "jv yo my qu pa gu", "test": "jv yo my qu pa gu"},
    1000: {
        "train": "te sw kk",
        "dev": "te sw kk af hi mr tl ml bn az ta ms ur",
        "test": "te sw kk af hi mr tl ml bn az ta ms ur",
    },
    5000: {"train": "af hi mr"},
    10_000: {"train": "tl ml bn az eu ka lt"},
    15_000: {"train": "ta et"},
}
PANX_ZIP = Download(
    "https://s3.amazonaws.com/datasets.huggingface.co/wikiann/1.1.0/panx_dataset.zip",
    "panx/panx_dataset.zip",
    {"": "164814b64f749ad000988b5ab45050b5116913b3db466ab173008955ddf649a4"},
)


def _panx(split: str) -> Source:
    counts = dict.fromkeys(PANX_LANGUAGES, 20_000 if split == "train" else 10_000)
    for size, codes in _PANX_SIZES.items():
        counts |= dict.fromkeys(codes.get(split, "").split(), size)
    official = (f"{{lang}}/{split}", f"{{lang}}-{split}")
    return Source(
        paths=(
            *(f"{folder}panx_dataset/{file}" for folder in ("panx/", "") for file in official),
            f"panx/{split}-{{lang}}.tsv",
            split,
        ),
        languages=PANX_LANGUAGES,
        url="https://github.com/afshinrahimi/mmner",
        hub=Hub("unimelb-nlp/wikiann", "{lang}", _HUB_SPLIT[split], "main"),
        archives=("{lang}.tar.gz", "panx_dataset.zip", "AmazonPhotos.zip"),
        downloads=(PANX_ZIP,),
        counts=counts,
    )


PANX = Task(
    name="panx",
    version=1,
    format=Tag(labels=NER),
    metric=CHUNK_F1,
    languages=PANX_LANGUAGES,
    splits={split: _panx(split) for split in _HUB_SPLIT},
    read=read_panx,
    read_hub=_read_hub("ner_tags", NER),
    trains_on="panx",
    license="not stated by WikiANN",
    cite="pan2017wikiann",
    url="https://github.com/afshinrahimi/mmner",
    description="Persons, organisations and places in sentences of Wikipedia, tagged from its links.",
    notes="Splits of Rahimi et al. 2019: 20,000/10,000/10,000 sentences in large languages, 100 each in the smallest. XTREME's"
    " own download is AmazonPhotos.zip, by hand. The zip that is downloaded here has the same archives, one for each language.",
)

TASKS = (UDPOS, PANX, CCG, UD_RELATIONS)
