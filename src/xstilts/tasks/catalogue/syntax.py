"""Syntactic tagging as training data: CCG supertags (Hockenmaier and Steedman 2007), and dependency relations as tags, which
are free.

CCGbank belongs to the LDC and cannot be redistributed. So only a user's own copy is read, in the form that jiant reads
(nyu-mll/jiant, jiant/tasks/lib/ccg.py): `text<TAB>tag tag ...` on each line, and tags_to_id.json, which is the label set. The
tag of a word in `ud_relations` is its universal dependency relation without subtype, with the side of its head: `nsubj>` (the
head is to the right), `obj<` (to the left), `root`. It replaces supertagging, as a task about each word's place in the syntax,
but it is *not* CCG: other text, other tags, other numbers. Its words are the syntactic ones.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import InputError
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.tag import TAG_ACCURACY
from xstilts.tasks.catalogue.conllu import clean_form, is_readable, list_syntactic_words, read_blocks
from xstilts.tasks.files.read import check_label, read_json_object, read_lines, split_columns
from xstilts.tasks.task import Download, ReadRequest, Source, Task

_LABEL_FILE = "tags_to_id.json"


def _find_labels(folder: Path) -> tuple[str, ...] | None:
    """The tags of a folder's label file in the order of their ids; None if there is no such file."""
    for path in (folder / _LABEL_FILE, folder / f"{_LABEL_FILE}.gz"):
        if path.is_file():
            try:
                ids = {tag: int(id) for tag, id in read_json_object(path).items()}
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}: the id of a tag is not a whole number ({error})") from None
            if len(set(ids.values())) != len(ids):
                raise InputError(f"{path}: two tags have the same id, expected one each")
            return tuple(sorted(ids, key=ids.__getitem__))
    return None


def read_ccg_labels(root: Path) -> tuple[str, ...]:
    """The supertags of the CCGbank below a data folder. InputError if their file is missing."""
    labels = _find_labels(root / "ccg") or _find_labels(root)
    if labels is None:
        raise InputError(f"task ccg: {_LABEL_FILE} is missing; searched {root / 'ccg'} and {root} for the label set")
    return labels


def read_ccg(request: ReadRequest) -> Iterator[TagExample]:
    (path,) = request.files
    labels = frozenset(_find_labels(path.parent) or ())
    if not labels:
        raise InputError(f"{path.parent / _LABEL_FILE}: missing or empty; expected the label set beside {path.name}")
    for number, (where, line) in enumerate(read_lines(path), start=1):
        if line.strip():
            text, tags = split_columns(line, 2, where, "text<TAB>tag tag ...")[:2]
            words, answer = tuple(text.split()), tuple(tags.split())
            if len(words) != len(answer):
                raise InputError(f"{where}: {len(words)} words but {len(answer)} tags")
            for tag in answer:
                if tag not in labels:
                    raise InputError(f"{where}: unknown tag {tag!r}; expected one of the {len(labels)} in {_LABEL_FILE}")
            yield TagExample(f"ccg-{request.split}-{number}", words, answer)


_LDC = "https://catalog.ldc.upenn.edu/LDC2005T13"

CCG = Task(
    name="ccg",
    version=1,
    format=Tag(labels=()),
    metric=TAG_ACCURACY,
    languages=("en",),
    splits={
        split: Source(paths=(f"ccg/ccg.{split}", f"ccg.{split}"), languages=("en",), url=_LDC)
        for split in ("train", "dev", "test")
    },
    read=read_ccg,
    trains_on="ccg",
    license="LDC User Agreement for Non-Members",
    cite="hockenmaier2007ccgbank",
    url=_LDC,
    description="CCG supertags of the Wall Street Journal (CCGbank): the category of each word in a derivation.",
    notes="Licensed data, which cannot be downloaded here. Put ccg.train, ccg.dev, ccg.test (text<TAB>tag tag ...) and"
    " tags_to_id.json into ccg/. jiant's label set has 1,363 tags.",
    labels_of=read_ccg_labels,
)

# The 37 relations of UD v2 (https://universaldependencies.org/u/dep/).
RELATIONS = (
    "acl advcl advmod amod appos aux case cc ccomp clf compound conj cop csubj dep det discourse dislocated expl fixed flat"
    " goeswith iobj list mark nmod nsubj nummod obj obl orphan parataxis punct reparandum root vocative xcomp"
)
DIRECTED = (*(f"{relation}{side}" for relation in RELATIONS.split() if relation != "root" for side in "<>"), "root")


def read_relations(request: ReadRequest) -> Iterator[TagExample]:
    (path,) = request.files
    for number, block in enumerate(read_blocks(path), start=1):
        words = list_syntactic_words(block)
        if is_readable(words):
            tags = []
            for place, word in enumerate(words, start=1):
                side = "" if word.head == 0 else ">" if word.head > place else "<"
                tags.append(check_label(word.relation.partition(":")[0] + side, DIRECTED, word.where))
            id = f"{request.task.name}-{request.split}-{number}"
            yield TagExample(id, tuple(clean_form(word.form) for word in words), tuple(tags))


_EWT = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/r2.7/"
# Checksums and sentences: universal_dependencies in the dataset_infos.json of huggingface/datasets before 8803c182e6.
_EWT_FILES = {
    "train": ("4e45f7b6f6d4e8d33e0ba7090fc37f2385a91711edb20d456d3fb5f45ac0fc28", 12_543),
    "dev": ("57703dcd3b04c32dda6cb7c2a9d836daf65c2b9141a670163693d230b46559c8", 2002),
    "test": ("25ef2d6fe772b8f05be374e093693f14284ccdd870fc27a9295f7e5a0fc3253a", 2077),
}


def _relations(split: str) -> Source:
    file = f"UD_English-EWT/en_ewt-ud-{split}.conllu"
    sha256, count = _EWT_FILES[split]
    folders = ("ud_relations/", "udpos/", "udpos/ud-treebanks-v2.7/", "ud-treebanks-v2.7/", "")
    return Source(
        paths=tuple(folder + file for folder in folders),
        languages=("en",),
        url=f"{_EWT}{Path(file).name}",
        sha256={"en": sha256},
        archives=("ud-treebanks-v2.7.tgz",),
        downloads=(Download(f"{_EWT}{Path(file).name}", f"ud_relations/{file}", {"": sha256}),),
        counts={"en": count},
    )


UD_RELATIONS = Task(
    name="ud_relations",
    version=1,
    format=Tag(labels=DIRECTED),
    metric=TAG_ACCURACY,
    languages=("en",),
    splits={split: _relations(split) for split in _EWT_FILES},
    read=read_relations,
    trains_on="ud_relations",
    same_texts=("udpos",),
    license="CC-BY-SA-4.0",
    cite="silveira2014gold",
    url="https://universaldependencies.org/treebanks/en_ewt/",
    description="Universal dependency relation and direction of the head of each word, in the English Web Treebank of UD 2.7."
    " A free syntactic tagging task that replaces CCG supertagging; it is not CCG.",
)
