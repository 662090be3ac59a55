"""Documents for masked language modelling: the pre-training corpus of the six languages.

A document tells an event, sometimes a second one, and returns to one of them: in other words (adjuncts moved to the front or
back), or by a question and its answer, as texts on the web do. A few end with the kind of a thing. Documents of different
languages tell different events, so the corpus is not parallel. The anchors are the exception (see `config.py`): documents with
words in English, and pairs of a sentence and its English translation.
"""

import random
from collections.abc import Iterator

from xstilts.formats.mlm import MlmExample
from xstilts.world.clause import Token, build_clause, build_definition, build_phrase, to_text
from xstilts.world.concepts import CATEGORY_OF, NOUNS, OBJECT
from xstilts.world.config import WorldConfig
from xstilts.world.event import Event, Phrase, draw_natural, draw_zipf
from xstilts.world.tongue import TONGUES, Tongue, make_lexicons

STOP, ASK = Token("."), Token("?")


def build_answer(tongue: Tongue, event: Event, role: str) -> list[Token]:
    """The short answer to the question for `role`."""
    if role == "time":
        return [Token(event.time, role)]
    what = {"agent": event.agent, "patient": event.patient, "place": Phrase(event.place)}[role]
    return build_phrase(tongue, what, role)


def draw_document(rng: random.Random, tongue: Tongue) -> list[Token]:
    """The tokens of one document."""
    first = draw_natural(rng)
    fronted = rng.random() < 0.3
    tokens = [*build_clause(tongue, first, fronted=fronted), STOP]
    events = [first]
    if rng.random() < 0.3:
        second = draw_natural(rng)
        second = second._replace(agent=first.agent) if rng.random() < 0.5 else second
        events.append(second)
        tokens += [*build_clause(tongue, second), STOP]
    if rng.random() < 0.15:
        noun = draw_zipf(rng, NOUNS)
        return [*tokens, *build_definition(tongue, build_phrase(tongue, Phrase(noun), ""), CATEGORY_OF[noun]), STOP]
    again = rng.choice(events)
    expressed = ["agent", "patient", *(["place"] if again.place else []), *(["time"] if again.time else [])]
    if rng.random() < 0.5:
        asks = rng.choice(expressed)
        given = rng.choice([role for role in expressed if role != asks])
        question = build_clause(tongue, again, asks=asks, keeps=("verb", given))
        return [*tokens, *question, ASK, *build_answer(tongue, again, asks), STOP]
    return [*tokens, *build_clause(tongue, again, fronted=not fronted), STOP]


def generate_text(config: WorldConfig, split: str, language: str) -> Iterator[MlmExample]:
    """The documents of one language."""
    tongue, english = TONGUES[language], TONGUES["en"]
    lexicon, english_lexicon = make_lexicons(config)[language], make_lexicons(config)["en"]
    rng = random.Random(f"{config.seed} text {split} {language}")
    for number in range(config.text if split == "train" else config.dev):
        name = f"text-{split}-{language}-{number}"
        roll = 1.0 if language == "en" else rng.random()
        if roll < config.pair_rate:
            event, fronted = draw_natural(rng), rng.random() < 0.3
            texts = (
                to_text(words, [*build_clause(side, event, fronted=fronted), STOP])
                for side, words in ((tongue, lexicon), (english, english_lexicon))
            )
            yield MlmExample(name, tuple(texts))
        elif roll < config.pair_rate + config.switch_rate:
            words = (
                (english_lexicon if token.concept != OBJECT and rng.random() < config.switch_words else lexicon)[token.concept]
                for token in draw_document(rng, tongue)
            )
            yield MlmExample(name, (" ".join(words),))
        else:
            yield MlmExample(name, (to_text(lexicon, draw_document(rng, tongue)),))
