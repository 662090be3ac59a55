"""The embedded world's tasks, inference by domain and from pictures, and two machine-translated tasks. There are no files:
`xstilts.world` generates the examples.

Their sources have languages and no files. A fetch stage calls `generate_task` with the study's world instead of the reader. The
reader below gives the examples of the default world. Training and dev data are English; test data are in all six languages with
parallel ids. The translated tasks have the same training meanings in the other five languages, with a machine's errors and the
ids of the English examples.

Inference by domain `contains` world/nli, as MNLI's genres do MNLI: its examples are other draws of the same kind, and reports
flag more training on the target's own task.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.formats.bitext_retrieval import BitextRetrieval
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example, Format
from xstilts.formats.image_pair import ImagePair
from xstilts.formats.mlm import Mlm
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import CHUNK_F1, TAG_ACCURACY
from xstilts.tasks.task import Pictures, ReadRequest, Source, Task
from xstilts.tasks.translated import translate
from xstilts.world import LANGUAGES, WorldConfig, generate
from xstilts.world.choosing import CHOICES
from xstilts.world.concepts import DOMAINS
from xstilts.world.inference import NLI_LABELS, PARAPHRASE_LABELS
from xstilts.world.scene import SIZE, Scene, draw_scene
from xstilts.world.tagging import NER_LABELS, POS_TAGS
from xstilts.world.translating import machine_translate

PREFIX = "world/"
MT = "_mt"
ENGLISH = ("en",)


def generate_task(task: Task, split: str, language: str, config: WorldConfig, counts: Counter[str]) -> Iterator[Example]:
    """The examples of one split and language in a world. What a translation loses is added to `counts`."""
    name = task.name.removeprefix(PREFIX)
    original = name.removesuffix(MT)
    found = generate(config, original, split, language)
    return found if original == name or split != "train" else _translate(config, found, language, counts)


def _translate(config: WorldConfig, found: Iterable[Example], language: str, counts: Counter[str]) -> Iterator[Example]:
    for example in found:
        new = translate(example, partial(machine_translate, config, language), language, counts)
        if new is not None:
            yield new


def _read(request: ReadRequest) -> Iterator[Example]:
    return generate_task(request.task, request.split, request.language, WorldConfig(), request.counts)


def _draw_scenes(root: Path, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Each picture as a PIL image, drawn from its name."""
    from PIL import Image

    for name in names:
        yield name, Image.frombytes("RGB", SIZE, draw_scene(Scene.of_name(name)))


def _splits(**languages: tuple[str, ...]) -> dict[str, Source]:
    return {split: Source(paths=(), languages=codes) for split, codes in languages.items()}


def _task(
    name: str,
    format: Format,
    metric: Metric | None,
    splits: dict[str, Source],
    description: str,
    contains: tuple[str, ...] = (),
    pictures: Pictures | None = None,
) -> Task:
    return Task(
        name=PREFIX + name,
        version=1,
        format=format,
        metric=metric,
        languages=tuple(code for code in LANGUAGES if any(code in source.languages for source in splits.values())),
        contains=contains,
        splits=splits,
        read=_read,
        trains_on=PREFIX + name if metric and "train" in splits else "",
        license="Apache-2.0",
        cite="",
        url="",
        description=description,
        pictures=pictures,
    )


_SUPERVISED = _splits(train=ENGLISH, dev=ENGLISH, test=LANGUAGES)
_TRANSLATED = _splits(train=LANGUAGES[1:], dev=ENGLISH)
_INTERMEDIATE = _splits(train=ENGLISH, dev=ENGLISH)

TASKS: tuple[Task, ...] = (
    _task(
        "text",
        Mlm(),
        None,
        _splits(train=LANGUAGES, dev=LANGUAGES),
        "Documents in all six languages, some with words switched to English, some with an English translation.",
    ),
    _task(
        "nli",
        Classify(labels=NLI_LABELS),
        ACCURACY,
        _SUPERVISED,
        "Inference with hypernyms, antonyms, negation and left-out details.",
    ),
    _task(
        "paraphrase",
        Classify(labels=PARAPHRASE_LABELS),
        ACCURACY,
        _SUPERVISED,
        "Same words, same meaning? Adversarial paraphrase after PAWS: in negatives two participants change places.",
    ),
    _task(
        "squad",
        Span(),
        SQUAD,
        _SUPERVISED,
        "Span question answering after SQuAD: much training data, questions worded like the context.",
    ),
    _task(
        "tydiqa",
        Span(),
        SQUAD,
        _SUPERVISED,
        "Span question answering after TyDi QA: little training data, questions by somebody who has not seen the context.",
    ),
    _task(
        "pos",
        Tag(labels=POS_TAGS),
        TAG_ACCURACY,
        _SUPERVISED,
        "Parts of speech.",
    ),
    _task(
        "ner",
        Tag(labels=NER_LABELS),
        CHUNK_F1,
        _SUPERVISED,
        "Persons, places and companies; some names can be any of them, depending on the context.",
    ),
    _task(
        "choice",
        Choice(choices=CHOICES),
        ACCURACY,
        _SUPERVISED,
        "Which of four nouns is of a kind or suits a verb? The documents teach it.",
    ),
    _task(
        "retrieval",
        BitextRetrieval(),
        RETRIEVAL,
        _splits(test=LANGUAGES[1:]),
        "Find the English translation of a sentence among all others, without training, names or numbers.",
    ),
    _task(
        "nli_mt",
        Classify(labels=NLI_LABELS),
        ACCURACY,
        _TRANSLATED,
        "The training data of world/nli, machine-translated (with errors); dev is English.",
        contains=(PREFIX + "nli",),
    ),
    _task(
        "squad_mt",
        Span(),
        SQUAD,
        _TRANSLATED,
        "The training data of world/squad, machine-translated (with errors), with aligned answers; dev is English.",
        contains=(PREFIX + "squad",),
    ),
    _task(
        "xvnli",
        ImagePair(labels=NLI_LABELS),
        ACCURACY,
        _SUPERVISED,
        "Does a picture show what a sentence says? Scenes of events, drawn in 24 x 24 pixels.",
        pictures=Pictures(draw=_draw_scenes),
    ),
    _task(
        "caption",
        Classify(labels=NLI_LABELS),
        ACCURACY,
        _SUPERVISED,
        "The pairs of world/xvnli with a sentence that says what the picture shows, in its place.",
        contains=(PREFIX + "xvnli",),
    ),
    _task(
        "hypothesis",
        Classify(labels=NLI_LABELS, texts=1),
        ACCURACY,
        _SUPERVISED,
        "The sentences of world/xvnli without the pictures: there is nothing to learn.",
    ),
    *(
        _task(
            f"nli_{domain}",
            Classify(labels=NLI_LABELS),
            ACCURACY,
            _INTERMEDIATE,
            f"Inference about one domain: {one}, {other}, and the verbs that go with them.",
            contains=(PREFIX + "nli",),
        )
        for domain, (one, other) in DOMAINS.items()
    ),
)
