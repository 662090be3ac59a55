"""Two tasks on pairs of sentences: inference (entailment, neutral, contradiction) and adversarial paraphrase.

Inference follows the logic of its sentences. An affirmed sentence entails its more general versions (hypernym, details left
out), a denied one its more specific versions. Neither side tells the label: premise, hypothesis and the alternative of a
neutral hypothesis are drawn before the label, and a hypothesis has one of two details under every label. A third of the
sentences of either side are denied under every label. To achieve this, half of the contradictions of an affirmed premise use
the antonym of its verb.

Inference by domain (`nli_<domain>`) has the same logic, with nouns and verbs of one domain in all events that are drawn, since
a noun from elsewhere would mark a neutral hypothesis. The checksum of a meaning decides its split, so none is in `nli`'s test
data.

Paraphrase is after PAWS (https://arxiv.org/abs/1904.01130). Both sentences have the same words; in a negative pair two
participants have changed places. One sentence of each pair has its adjuncts in front, so that positive pairs are not copies.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from xstilts.formats.classify import ClassifyExample
from xstilts.world.clause import Token, build_clause, to_text
from xstilts.world.concepts import ANTONYM, CATEGORY_OF, DOMAINS
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_flat, draw_flat_within, draw_person, draw_thing, drop_roles
from xstilts.world.tongue import TONGUES, make_lexicons

NLI_LABELS = ("entailment", "neutral", "contradiction")
PARAPHRASE_LABELS = ("0", "1")


class Sentence(NamedTuple):
    """An event, and whether its adjuncts stand in front."""

    event: Event
    fronted: bool = False


class Pair(NamedTuple):
    """Two sentences and their label."""

    first: Sentence
    second: Sentence
    label: str


def _generalise(event: Event) -> Event:
    return event._replace(patient=Phrase(CATEGORY_OF[event.patient.head]))


def draw_inference(rng: random.Random, draws: Callable[[random.Random], Event] = draw_flat) -> Pair | None:
    """A premise and a hypothesis from events that `draws` gives; None if the two events have a role in common."""
    event, other = (e._replace(patient=Phrase(e.patient.head)) for e in (draws(rng), draws(rng)))
    denied, denied_otherwise = rng.random() < 1 / 3, rng.random() < 1 / 3
    detail = rng.choice(("place", "time"))
    general, antonym = rng.random() < 0.5, rng.random() < 0.5
    changed = rng.choice(("agent", "patient", detail))
    label = rng.choice(NLI_LABELS)
    if (
        event.agent.head == other.agent.head
        or CATEGORY_OF[event.patient.head] == CATEGORY_OF[other.patient.head]
        or event.place == other.place
        or event.time == other.time
    ):
        return None  # under every label; otherwise neutral ones would have rarer words
    premise, hypothesis = event._replace(negated=denied), event._replace(negated=denied)
    if label == "neutral":
        hypothesis = hypothesis._replace(negated=denied_otherwise, **{changed: getattr(other, changed)})
    elif label == "contradiction" and antonym and not denied:
        hypothesis = hypothesis._replace(verb=ANTONYM[event.verb])
    elif label == "contradiction":
        hypothesis = hypothesis._replace(negated=not denied)
    untold = {"place": detail == "time", "time": detail == "place"}
    return Pair(
        Sentence(drop_roles(_generalise(premise), **untold) if denied else premise),
        Sentence(drop_roles(_generalise(hypothesis) if general else hypothesis, **untold)),
        label,
    )


def draw_paraphrase(rng: random.Random) -> Pair | None:
    """Two sentences of the same words. Agent and patient are both persons or both things."""
    one, two = (draw_person(rng), draw_person(rng)) if rng.random() < 0.7 else (draw_thing(rng), draw_thing(rng))
    if one.head == two.head:
        return None
    event = draw_flat(rng)._replace(agent=one, patient=two)
    label = rng.choice(PARAPHRASE_LABELS)
    fronted = rng.random() < 0.5
    return Pair(
        Sentence(event, fronted), Sentence(event if label == "1" else event._replace(agent=two, patient=one), not fronted), label
    )


NLI_OF_DOMAIN = tuple(f"nli_{domain}" for domain in DOMAINS)
MEANINGS: dict[str, Callable[[random.Random], Pair | None]] = {
    "nli": draw_inference,
    "paraphrase": draw_paraphrase,
    **{f"nli_{domain}": partial(draw_inference, draws=partial(draw_flat_within, domain=domain)) for domain in DOMAINS},
}


def generate_pairs(config: WorldConfig, task: str, split: str, language: str) -> Iterator[ClassifyExample]:
    """The examples of `nli`, `paraphrase` or one of `nli_<domain>`."""
    tongue, lexicon = TONGUES[language], make_lexicons(config)[language]
    for name, (first, second, label) in draw_meanings(config, task, split, MEANINGS[task]):
        sides = ([*build_clause(tongue, side.event, fronted=side.fronted), Token(".")] for side in (first, second))
        yield ClassifyExample(name, tuple(to_text(lexicon, side) for side in sides), label)
