"""Pictures of events, and inference from them: does a scene show what a sentence says?

A scene shows who does what to what, and one detail: where or when. It is a grid of nine places for glyphs of 8 x 8 pixels: agent,
verb and patient, below them place and time; the others, and the detail that is not shown, are grey. A glyph stands for a concept
in every language. The name of a picture spells its concepts, so that it can be drawn from its name.

The sentence is drawn first, and the scene after it and the label, so that neither side alone tells the label. The sentence names
one detail, may name the patient by its kind, and may deny. A scene shows all of it (true), another agent, kind of patient or the
opposite verb (false), or the other detail (unknown). What is true is entailed if it is affirmed and contradicted if it is
denied; what is false the other way round; what is unknown is neutral.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from xstilts.formats.classify import ClassifyExample
from xstilts.formats.image_pair import ImagePairExample
from xstilts.world.clause import Token, build_clause, to_text
from xstilts.world.concepts import ANTONYM, CATEGORY_OF, CITIES, GIVEN, NOUNS, PLACES, TIMES, VERBS
from xstilts.world.config import WorldConfig
from xstilts.world.draw import draw_meanings
from xstilts.world.event import Event, Phrase, draw_flat, drop_roles
from xstilts.world.inference import NLI_LABELS
from xstilts.world.tongue import TONGUES, make_lexicons

SIDE = 8  # pixels of a glyph
GRID = 3  # glyphs in a row, and rows
SIZE = (GRID * SIDE, GRID * SIDE)
GREY = (128, 128, 128)
# What a scene can show, by the place of the glyph.
SHOWN: dict[str, tuple[str, ...]] = {
    "agent": GIVEN,
    "verb": VERBS,
    "patient": NOUNS,
    "place": (*PLACES, *CITIES),
    "time": TIMES,
}
DETAILS = ("place", "time")


class Scene(NamedTuple):
    """The concepts that a picture shows; an empty place or time is not shown."""

    agent: str
    verb: str
    patient: str
    place: str
    time: str

    @property
    def name(self) -> str:
        """ "ana-feed-dog-market-": the concepts in their order."""
        return "-".join(self)

    @classmethod
    def of_name(cls, name: str) -> "Scene":
        """The inverse of `name`. Raises ValueError for a name that spells no scene."""
        parts = name.split("-")
        if len(parts) != len(SHOWN) or any(
            part not in known and not (not part and role in DETAILS)
            for part, (role, known) in zip(parts, SHOWN.items(), strict=True)
        ):
            raise ValueError(f"{name!r} spells no scene of the embedded world, such as 'ana-feed-dog-market-'")
        return cls(*parts)


class Seen(NamedTuple):
    """A scene, a sentence and the label."""

    scene: Scene
    sentence: Event
    label: str


def draw_seen(rng: random.Random) -> Seen | None:
    """A sentence, and a scene for its label; None if the two events that they are made of have a role in common."""
    event, other = (_plain(draw_flat(rng)) for _ in range(2))
    denied, general = rng.random() < 1 / 3, rng.random() < 0.5
    told, shown = rng.choice(DETAILS), rng.choice(DETAILS)
    changed, label = rng.choice(("agent", "verb", "patient")), rng.choice(NLI_LABELS)
    if (
        event.agent == other.agent
        or CATEGORY_OF[event.patient.head] == CATEGORY_OF[other.patient.head]
        or event.place == other.place
        or event.time == other.time
    ):
        return None  # under every label, as in the other inference
    if label == "neutral":
        shown = DETAILS[1 - DETAILS.index(told)]
    elif (label == "entailment") != denied:
        shown = told
    else:
        one = {
            "agent": event._replace(agent=other.agent),
            "verb": event._replace(verb=ANTONYM[event.verb]),
            "patient": event._replace(patient=other.patient),
        }[changed]
        return Seen(_show(one, shown), _say(event, told, denied, general), label)
    return Seen(_show(event, shown), _say(event, told, denied, general), label)


def _plain(event: Event) -> Event:
    """Without what no glyph shows: second names, adjectives and tense."""
    return event._replace(agent=Phrase(event.agent.head), patient=Phrase(event.patient.head), tense="", adposition="in")


def _show(event: Event, detail: str) -> Scene:
    details = {one: getattr(event, one) if one == detail else "" for one in DETAILS}
    return Scene(event.agent.head, event.verb, event.patient.head, **details)


def _say(event: Event, detail: str, denied: bool, general: bool) -> Event:
    event = drop_roles(event, place=detail != "place", time=detail != "time")._replace(negated=denied)
    return event._replace(patient=Phrase(CATEGORY_OF[event.patient.head])) if general else event


def judge(scene: Scene, sentence: Event) -> str:
    """The label, from the scene and the sentence alone."""
    patient = sentence.patient.head
    same = patient in (scene.patient, CATEGORY_OF[scene.patient])
    if sentence.agent.head != scene.agent or sentence.verb != scene.verb or not same:
        return "entailment" if sentence.negated else "contradiction"
    told = next(detail for detail in DETAILS if getattr(sentence, detail))
    seen = getattr(scene, told)
    if not seen:
        return "neutral"
    return "entailment" if (seen == getattr(sentence, told)) != sentence.negated else "contradiction"


def describe(scene: Scene) -> Event:
    """The sentence that says what a scene shows."""
    whole = Event(Phrase(scene.agent), scene.verb, Phrase(scene.patient), scene.place, "in", scene.time)
    return drop_roles(whole, place=not scene.place)


def generate_scenes(config: WorldConfig, split: str, language: str) -> Iterator[ImagePairExample]:
    """The examples of `xvnli`. The caption says in the same language what the picture shows."""
    tongue, lexicon = TONGUES[language], make_lexicons(config)[language]
    for name, (scene, sentence, label) in draw_meanings(config, "xvnli", split, draw_seen):
        text, caption = (to_text(lexicon, [*build_clause(tongue, event), Token(".")]) for event in (sentence, describe(scene)))
        yield ImagePairExample(name, scene.name, text, label, caption)


def generate_texts_of_scenes(config: WorldConfig, split: str, language: str, captions: bool) -> Iterator[ClassifyExample]:
    """The same examples without pictures: caption and text, or the text alone."""
    for seen in generate_scenes(config, split, language):
        yield ClassifyExample(seen.id, (seen.caption, seen.text) if captions else (seen.text,), seen.answer)


# -- pixels ------------------------------------------------------------------------------------------------------------


def draw_scene(scene: Scene) -> bytes:
    """The picture: red, green and blue of each pixel, row by row, for `SIZE`."""
    concepts = [*scene, *("" for _ in range(GRID**2 - len(scene)))]
    rows = []
    for first in range(0, len(concepts), GRID):
        glyphs = [_draw_glyph(concept) for concept in concepts[first : first + GRID]]
        rows += [b"".join(glyph[y] for glyph in glyphs) for y in range(SIDE)]
    return b"".join(rows)


@cache
def _draw_glyph(concept: str) -> tuple[bytes, ...]:
    """The rows of a glyph: sixteen squares of two pixels in two colours of its own."""
    if not concept:
        return (bytes(GREY) * SIDE,) * SIDE
    rng = random.Random(f"glyph {concept}")
    colours = [bytes(rng.randrange(256) for _ in range(3)) for _ in range(2)]
    squares = [[rng.choice(colours) for _ in range(SIDE // 2)] for _ in range(SIDE // 2)]
    return tuple(b"".join(square * 2 for square in squares[y // 2]) for y in range(SIDE))
