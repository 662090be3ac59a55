"""Documents for masked language modelling: what the pre-training corpus of the six languages is made of.

A document tells an event, at times a second one, and comes back to one of them: in other words (adjuncts moved to the
front or back), or by a question and its answer, as running text on the web does; a few end by saying what kind of
thing something is. Documents of different languages tell different events: the corpus is not parallel, except for the
anchors (see `config`): documents with words switched to English, and pairs of a sentence and its English translation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from xstilts.formats.mlm import MlmExample
from xstilts.world.clause import Token, clause, definition, phrase, text
from xstilts.world.concepts import CATEGORY_OF, NOUNS, OBJECT
from xstilts.world.config import WorldConfig
from xstilts.world.event import Event, Phrase, natural, zipf
from xstilts.world.tongue import TONGUES, Tongue, lexicons

STOP, ASK = Token("."), Token("?")


def answer_tokens(tongue: Tongue, event: Event, role: str) -> list[Token]:
    """The short answer to the question for `role`."""
    if role == "time":
        return [Token(event.time, role)]
    what = {"agent": event.agent, "patient": event.patient, "place": Phrase(event.place)}[role]
    return phrase(tongue, what, role)


def document(rng: random.Random, tongue: Tongue) -> list[Token]:
    """The tokens of one document."""
    first = natural(rng)
    fronted = rng.random() < 0.3
    tokens = [*clause(tongue, first, fronted=fronted), STOP]
    events = [first]
    if rng.random() < 0.3:
        second = natural(rng)
        second = second._replace(agent=first.agent) if rng.random() < 0.5 else second
        events.append(second)
        tokens += [*clause(tongue, second), STOP]
    if rng.random() < 0.15:
        noun = zipf(rng, NOUNS)
        return [*tokens, *definition(tongue, phrase(tongue, Phrase(noun), ""), CATEGORY_OF[noun]), STOP]
    again = rng.choice(events)
    expressed = ["agent", "patient", *(["place"] if again.place else []), *(["time"] if again.time else [])]
    if rng.random() < 0.5:
        asks = rng.choice(expressed)
        given = rng.choice([role for role in expressed if role != asks])
        question = clause(tongue, again, asks=asks, keeps=("verb", given))
        return [*tokens, *question, ASK, *answer_tokens(tongue, again, asks), STOP]
    return [*tokens, *clause(tongue, again, fronted=not fronted), STOP]


def generate_text(config: WorldConfig, split: str, language: str) -> Iterator[MlmExample]:
    """The documents of one language."""
    tongue, english = TONGUES[language], TONGUES["en"]
    lexicon, english_lexicon = lexicons(config)[language], lexicons(config)["en"]
    rng = random.Random(f"{config.seed} text {split} {language}")
    for number in range(config.text if split == "train" else config.dev):
        name = f"text-{split}-{language}-{number}"
        roll = 1.0 if language == "en" else rng.random()
        if roll < config.pair_rate:
            event, fronted = natural(rng), rng.random() < 0.3
            texts = (
                text(words, [*clause(side, event, fronted=fronted), STOP])
                for side, words in ((tongue, lexicon), (english, english_lexicon))
            )
            yield MlmExample(name, tuple(texts))
        elif roll < config.pair_rate + config.switch_rate:
            words = (
                (english_lexicon if token.concept != OBJECT and rng.random() < config.switch_words else lexicon)[token.concept]
                for token in document(rng, tongue)
            )
            yield MlmExample(name, (" ".join(words),))
        else:
            yield MlmExample(name, (text(lexicon, document(rng, tongue)),))
