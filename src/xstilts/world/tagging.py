"""Two tagging tasks on single sentences: parts of speech and named entities.

Entities need their context. A family name alone or after a given name is a person; before "company" it is an organisation. The
same holds for the names of cities, which are locations elsewhere. Parts of speech are the easy task: every word has one, so the
task tests whether the words of another language mean what the English ones do.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from xstilts.formats.tag import TagExample
from xstilts.world.clause import Token, build_clause, to_words
from xstilts.world.concepts import CITIES, COMPANY, FAMILY, NAMES, TAGS
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_company, draw_flat, draw_natural, draw_person, draw_place, draw_zipf
from xstilts.world.tongue import TONGUES, make_lexicons

POS_TAGS = TAGS
NER_LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")


def draw_newsworthy(rng: random.Random) -> Event:
    """An event between persons and companies, in half of the cases in a city."""
    one, two = (
        rng.choice((draw_person(rng), draw_person(rng), draw_company(rng), draw_company(rng), Phrase(draw_zipf(rng, FAMILY))))
        for _ in range(2)
    )
    place = rng.choice(CITIES) if rng.random() < 0.5 else draw_place(rng)
    return draw_flat(rng)._replace(agent=one, patient=two, place=place)


def label_entities(sentence: Sequence[Token]) -> tuple[str, ...]:
    """One label for each token: an entity is a run of names (and "company") within one role."""
    labels: list[str] = []
    for i, token in enumerate(sentence):
        if token.concept not in NAMES and token.concept != COMPANY:
            labels.append("O")
            continue
        inside = i > 0 and labels[-1] != "O" and sentence[i - 1].role == token.role
        organisation = Token(COMPANY, token.role) in sentence[i : i + 2]
        kind = "ORG" if organisation else "LOC" if token.concept in CITIES else "PER"
        labels.append(("I-" if inside else "B-") + kind)
    return tuple(labels)


MEANINGS: dict[str, Callable[[random.Random], Event]] = {"pos": draw_natural, "ner": draw_newsworthy}
LABELS: dict[str, Callable[[Sequence[Token]], tuple[str, ...]]] = {
    "pos": lambda sentence: tuple(token.tag for token in sentence),
    "ner": label_entities,
}


def generate_tags(config: WorldConfig, task: str, split: str, language: str) -> Iterator[TagExample]:
    """The examples of `pos` or `ner`."""
    tongue, lexicon = TONGUES[language], make_lexicons(config)[language]
    for name, event in draw_meanings(config, task, split, MEANINGS[task]):
        sentence = [*build_clause(tongue, event), Token(".")]
        yield TagExample(name, tuple(to_words(lexicon, sentence)), LABELS[task](sentence))
