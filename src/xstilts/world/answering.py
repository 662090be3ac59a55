"""Span question answering in two styles, after SQuAD and TyDi QA (https://arxiv.org/abs/2003.05002).

Both have a context of two events and ask for one role of one of them. A `squad` question is a sentence of the context with a
question word in place of the answer. A `tydiqa` question is written by somebody who has not seen the context. It names its
topic first and then asks. It leaves out tense and a role, and it calls the patient by its hypernym. Most sentences of its
contexts begin with the adjuncts; few of SQuAD's do. The contexts of the two tasks are drawn separately.

The roles are drawn independently (`draw_flat`), so the question alone does not tell which of two candidates is the answer. In
half of the examples the other event shares the verb or a role that the question names, so one word is not enough.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.world.clause import Token, build_clause, build_constituent, to_text
from xstilts.world.concepts import CATEGORY_OF, WH
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_flat
from xstilts.world.tongue import TONGUES, Tongue, make_lexicons

EVENTS = 2
ROLES = ("agent", "patient", "place", "time")


class Quiz(NamedTuple):
    """Events in the order of the context, each with its adjuncts `fronted` or not. The question asks for role `asks` of event
    `about`. It gives the verb, the role `given` and perhaps more."""

    events: tuple[Event, ...]
    fronted: tuple[bool, ...]
    about: int
    asks: str
    given: str


def _get_cue(event: Event, role: str, hypernym: bool) -> object:
    """What a question says about a role."""
    if role == "patient" and hypernym:
        return CATEGORY_OF[event.patient.head]
    return getattr(event, role)


def draw_quiz(rng: random.Random, *, tydi: bool) -> Quiz | None:
    """Two events and a question; None if the question has several answers or the answers are equal."""
    events = [draw_flat(rng) for _ in range(EVENTS)]
    about, decoy = rng.sample(range(EVENTS), 2)
    asks, given = rng.sample(ROLES, 2)
    shared = rng.choice(("verb", given, "", ""))
    if shared:
        events[decoy] = events[decoy]._replace(**{shared: getattr(events[about], shared)})
    if len({getattr(event, asks) for event in events}) < EVENTS:
        return None
    cues = [(event.verb, _get_cue(event, given, hypernym=tydi)) for event in events]
    if cues.count(cues[about]) > 1:
        return None
    fronted = tuple(rng.random() < (0.7 if tydi else 0.3) for _ in events)
    return Quiz(tuple(events), fronted, about, asks, given)


def ask_squad(tongue: Tongue, event: Event, asks: str, given: str) -> list[Token]:
    """The sentence with a question word."""
    return [*build_clause(tongue, event, asks=asks), Token("?")]


def ask_tydiqa(tongue: Tongue, event: Event, asks: str, given: str) -> list[Token]:
    """Topic, comma, question word, verb, one more role."""
    also = next(role for role in ROLES if role not in (asks, given))
    if "patient" in (given, also):
        event = event._replace(patient=Phrase(CATEGORY_OF[event.patient.head]))
    topic, more = build_constituent(tongue, event, given), build_constituent(tongue, event, also)
    return [*topic, Token(","), Token(WH[asks]), Token(event.verb), *more, Token("?")]


QUESTIONS: dict[str, Callable[[Tongue, Event, str, str], list[Token]]] = {"squad": ask_squad, "tydiqa": ask_tydiqa}


def generate_spans(config: WorldConfig, task: str, split: str, language: str) -> Iterator[SpanExample]:
    """The examples of `squad` or `tydiqa`."""
    tongue, lexicon = TONGUES[language], make_lexicons(config)[language]
    tydi = task == "tydiqa"
    for name, (events, fronted, about, asks, given) in draw_meanings(config, task, split, lambda rng: draw_quiz(rng, tydi=tydi)):
        context: list[Token] = []
        gold: list[Token] = []
        start = 0
        for number, (event, front) in enumerate(zip(events, fronted, strict=True)):
            sentence = [*build_clause(tongue, event, fronted=front), Token(".")]
            if number == about:
                first = next(i for i, token in enumerate(sentence) if token.role == asks)
                start = len(to_text(lexicon, [*context, *sentence[:first]])) + (1 if context or first else 0)
                gold = [token for token in sentence if token.role == asks]
            context += sentence
        question = QUESTIONS[task](tongue, events[about], asks, given)
        yield SpanExample(
            name, to_text(lexicon, question), to_text(lexicon, context), (SpanAnswer(to_text(lexicon, gold), start),)
        )
