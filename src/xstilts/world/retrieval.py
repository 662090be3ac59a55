"""Retrieval of translations: a foreign sentence, and the English sentence with the same meaning, after Tatoeba.

Names and numbers are left out. They are spelled alike in most of the languages, so finding a sentence about the same person
would not show a shared meaning.
"""

import random
from collections.abc import Iterator

from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.world.clause import Token, build_clause, to_text
from xstilts.world.concepts import CATEGORIES, NOUNS, PLACES
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_natural, draw_thing, draw_zipf
from xstilts.world.tongue import TONGUES, make_lexicons


def draw_nameless(rng: random.Random) -> Event | None:
    """A natural event of animals and things, not in a city."""
    event = draw_natural(rng)
    if event.patient.head not in NOUNS:
        return None
    agent = Phrase(draw_zipf(rng, CATEGORIES["animal"]), adjective=draw_thing(rng).adjective)
    place = draw_zipf(rng, PLACES) if event.place else ""
    return event._replace(agent=agent, place=place, patient=event.patient._replace(number=""))


def generate_translations(config: WorldConfig, split: str, language: str) -> Iterator[BitextRetrievalExample]:
    """The sentences of one language with their English translations."""
    words = make_lexicons(config)
    for name, event in draw_meanings(config, "retrieval", split, draw_nameless):
        foreign, english = (to_text(words[code], [*build_clause(TONGUES[code], event), Token(".")]) for code in (language, "en"))
        yield BitextRetrievalExample(name, foreign, english, name)
