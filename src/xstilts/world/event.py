"""Meanings: an event is a verb with its roles. It does not depend on any language.

There are two ways to draw. `draw_natural` follows the preferences of the verb; documents are made of it. `draw_flat` draws
every role independently of the others, so that exchanging roles between events, or a verb for its antonym, leaves no trace. The
tasks are made of it, so that no part of an example tells its label.
"""

import random
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from xstilts.world import concepts


class Phrase(NamedTuple):
    """A head and what may stand around it: a noun with a number or an adjective, a name with a second name (or "company")."""

    head: str
    adjective: str = ""
    number: str = ""
    second: str = ""


class Event(NamedTuple):
    """Who does what to whom, where and when. An empty string or None is a role that is not expressed."""

    agent: Phrase
    verb: str
    patient: Phrase
    place: str = ""
    adposition: str = "in"
    time: str = ""
    tense: str = ""
    negated: bool = False


_ZIPF = {n: tuple(accumulate(1 / (rank + 1) for rank in range(n))) for n in range(1, 50)}
_NOUNS_FOR = {verb: tuple(noun for c in concepts.PREFERS[verb] for noun in concepts.CATEGORIES[c]) for verb in concepts.VERBS}
_PAIRS = tuple(concepts.VERB_PAIRS)
_WHERE = (*concepts.PLACES, *concepts.CITIES)
_NOUNS_OF = {
    domain: tuple(noun for noun in concepts.NOUNS if concepts.CATEGORY_OF[noun] in concepts.DOMAINS[domain])
    for domain in concepts.DOMAINS
}
_PAIRS_OF = {
    domain: tuple(pair for pair in _PAIRS if set(concepts.VERB_PAIRS[pair]) & set(concepts.DOMAINS[domain]))
    for domain in concepts.DOMAINS
}


def draw_zipf(rng: random.Random, items: Sequence[str]) -> str:
    """One of `items`, with weight 1 / (rank + 1): earlier ones are more likely."""
    return rng.choices(items, cum_weights=_ZIPF[len(items)])[0]


def draw_verb(rng: random.Random) -> str:
    """A verb. The two antonyms of a pair are equally likely."""
    return rng.choice(rng.choices(_PAIRS, cum_weights=_ZIPF[len(_PAIRS)])[0])


def draw_person(rng: random.Random) -> Phrase:
    """A named person. One in five has a family name."""
    return Phrase(draw_zipf(rng, concepts.GIVEN), second=draw_zipf(rng, concepts.FAMILY) if rng.random() < 0.2 else "")


def draw_company(rng: random.Random) -> Phrase:
    """A company named after a family or a city."""
    return Phrase(rng.choice((*concepts.FAMILY, *concepts.CITIES)), second=concepts.COMPANY)


def draw_thing(rng: random.Random) -> Phrase:
    """A noun and, in half of the cases, an adjective, both independent of everything else."""
    return Phrase(draw_zipf(rng, concepts.NOUNS), adjective=draw_zipf(rng, concepts.ADJECTIVES) if rng.random() < 0.5 else "")


def draw_place(rng: random.Random) -> str:
    """A place: a common noun or the name of a city."""
    return draw_zipf(rng, _WHERE) if rng.random() < 0.5 else rng.choice(concepts.PLACES)


def draw_flat(rng: random.Random) -> Event:
    """An affirmed event with all roles expressed, each drawn independently of the others."""
    return Event(
        agent=draw_person(rng),
        verb=draw_verb(rng),
        patient=draw_thing(rng),
        place=draw_place(rng),
        adposition=rng.choice(concepts.ADPOSITIONS),
        time=draw_zipf(rng, concepts.TIMES),
        tense=rng.choice(concepts.TENSES),
    )


def draw_flat_within(rng: random.Random, domain: str) -> Event:
    """A flat event with verb and patient of one domain."""
    pairs, nouns = _PAIRS_OF[domain], _NOUNS_OF[domain]
    what = rng.choice(rng.choices(pairs, cum_weights=_ZIPF[len(pairs)])[0])
    return draw_flat(rng)._replace(verb=what, patient=Phrase(draw_zipf(rng, nouns)))


def _draw_participant(rng: random.Random) -> Phrase:
    """Who acts in documents: mostly persons, by given or family name, some animals and companies."""
    roll = rng.random()
    if roll < 0.15:
        return Phrase(draw_zipf(rng, concepts.CATEGORIES["animal"]))
    if roll < 0.25:
        return draw_company(rng)
    return Phrase(draw_zipf(rng, concepts.FAMILY)) if roll < 0.35 else draw_person(rng)


@cache
def _draw_favourites(concept: str, among: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(random.Random(f"{concept} {among[0]}").sample(among, min(3, len(among))))


def draw_liked(rng: random.Random, concept: str, among: tuple[str, ...]) -> str:
    """One of `among` that goes with `concept`: in nine of ten cases one of its three favourites."""
    if rng.random() < 0.1:
        return rng.choice(among)
    return rng.choices(_draw_favourites(concept, among), cum_weights=(4, 6, 7)[: len(among)])[0]


def _draw_suitable(rng: random.Random, what: str) -> Phrase:
    """A noun that suits the verb `what`, with an adjective that suits the noun, or a number, or neither."""
    noun = draw_liked(rng, what, _NOUNS_FOR[what]) if rng.random() < 0.95 else draw_zipf(rng, concepts.NOUNS)
    roll = rng.random()
    return Phrase(
        concepts.CATEGORY_OF[noun] if rng.random() < 0.1 else noun,
        adjective=draw_liked(rng, noun, concepts.SUITS[concepts.CATEGORY_OF[noun]]) if roll < 0.5 else "",
        number=draw_liked(rng, noun, concepts.DIGITS) if roll > 0.8 else "",
    )


def draw_natural(rng: random.Random) -> Event:
    """An event of a document. Its roles suit each other. Place, time and negation are expressed or not."""
    agent = _draw_participant(rng)
    what = draw_liked(rng, agent.head, concepts.VERBS)
    patient = _draw_participant(rng) if rng.random() < 0.1 else _draw_suitable(rng, what)
    place = draw_liked(rng, what, _WHERE)
    adposition = draw_liked(rng, place, concepts.ADPOSITIONS)
    time = draw_liked(rng, place, concepts.TIMES)
    tense = draw_liked(rng, time, concepts.TENSES)
    event = Event(agent, what, patient, place, adposition, time, tense, negated=rng.random() < 0.15)
    return drop_roles(event, place=rng.random() < 0.4, time=rng.random() < 0.5)


def drop_roles(event: Event, *, place: bool = False, time: bool = False) -> Event:
    """The event without these roles. No trace of them is left, so that events of the same words are equal."""
    if place:
        event = event._replace(place="", adposition="")
    return event._replace(time="") if time else event
