"""Multiple choice about facts of the world: four nouns of four categories, one of which fits the question.

The question is "what is kind animal ?" or "what did ana feed ?", where one category suits the verb. There is no text with the
answer: it must have been learned from documents. The four nouns are drawn first, and the right one among them is drawn
uniformly, so the choices alone tell nothing.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from xstilts.formats.choice import ChoiceExample
from xstilts.world.clause import Token, build_clause, build_definition, build_phrase, to_text
from xstilts.world.concepts import CATEGORIES, PREFERS, WH
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_flat, drop_roles
from xstilts.world.tongue import TONGUES, make_lexicons

CHOICES = 4


class Riddle(NamedTuple):
    """Four nouns, the index of the right one, its category, and the event whose patient is asked for (None: the question is
    about its kind)."""

    nouns: tuple[str, ...]
    right: int
    category: str
    event: Event | None


def draw_riddle(rng: random.Random) -> Riddle | None:
    """A question of either kind; None if no verb prefers the category of the right noun to the other three."""
    categories = rng.sample(tuple(CATEGORIES), CHOICES)
    nouns = tuple(rng.choice(CATEGORIES[category]) for category in categories)
    right = rng.randrange(CHOICES)
    if rng.random() < 0.5:
        return Riddle(nouns, right, categories[right], None)
    event = drop_roles(draw_flat(rng)._replace(patient=Phrase("")), place=True, time=True)
    if [category in PREFERS[event.verb] for category in categories] != [i == right for i in range(CHOICES)]:
        return None
    return Riddle(nouns, right, categories[right], event)


def generate_choices(config: WorldConfig, split: str, language: str) -> Iterator[ChoiceExample]:
    """The examples of `choice`."""
    tongue, lexicon = TONGUES[language], make_lexicons(config)[language]
    for name, (nouns, right, category, event) in draw_meanings(config, "choice", split, draw_riddle):
        if event:
            question = build_clause(tongue, event, asks="patient")
        else:
            question = build_definition(tongue, [Token(WH["patient"])], category)
        choices = tuple(to_text(lexicon, build_phrase(tongue, Phrase(noun), "")) for noun in nouns)
        yield ChoiceExample(name, to_text(lexicon, [*question, Token("?")]), choices, right)
