"""From meanings to words: an event becomes tokens in the order of a tongue, and its lexicon turns tokens into words.

A token has its concept (for the lexicon, or for code-switching), its part of speech and its role (to find the answer to a
question). Adpositions and markers have no role: the answer to "where" is "the garden".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from xstilts.world.concepts import ARTICLE, NAMES, NEGATION, OBJECT, TAG_OF, WH
from xstilts.world.event import Event, Phrase
from xstilts.world.tongue import Tongue


class Token(NamedTuple):
    """A word as a concept. `role` is agent, verb, patient, place, time or empty."""

    concept: str
    role: str = ""

    @property
    def tag(self) -> str:
        """The part of speech."""
        return TAG_OF[self.concept]


def build_phrase(tongue: Tongue, what: Phrase, role: str) -> list[Token]:
    """A noun phrase or a name, without case marker or adposition."""
    if what.head in NAMES:
        return [Token(name, role) for name in (what.head, what.second) if name]
    noun = [Token(what.head, role)]
    if what.adjective:
        adjective = Token(what.adjective, role)
        noun = [*noun, adjective] if tongue.noun_adjective else [adjective, *noun]
    if what.number:
        return [Token(what.number, role), *noun]
    return [Token(ARTICLE, role), *noun] if tongue.article else noun


def build_constituent(tongue: Tongue, event: Event, role: str, question: bool = False) -> list[Token]:
    """One constituent with its marker or adposition. A question word if `question`; empty if it is not expressed."""
    if question:
        return [Token(WH[role], role)]
    if role == "agent":
        return build_phrase(tongue, event.agent, role)
    if role == "patient":
        tokens = build_phrase(tongue, event.patient, role)
        return [*tokens, Token(OBJECT)] if tongue.object_marker else tokens
    if role == "place":
        if not event.place:
            return []
        tokens = build_phrase(tongue, Phrase(event.place), role)
        adposition = Token(event.adposition)
        return [*tokens, adposition] if tongue.postpositions else [adposition, *tokens]
    if role == "time":
        return [Token(event.time, role)] if event.time else []
    parts = {"tense": event.tense, "negation": NEGATION if event.negated else "", "verb": event.verb}
    return [Token(parts[part], "verb" if part == "verb" else "") for part in tongue.verb if parts[part]]


def build_clause(
    tongue: Tongue, event: Event, *, asks: str = "", keeps: Sequence[str] | None = None, fronted: bool = False
) -> list[Token]:
    """A statement, or the question for the role `asks`, without final punctuation.

    `keeps` are the roles to express (default: all). `fronted` puts place and time first, in any tongue."""
    order: tuple[str, ...] = tongue.order
    if fronted:
        order = ("time", "place", *(role for role in order if role not in ("time", "place")))
    if asks and tongue.wh_first:
        order = (asks, *(role for role in order if role != asks))
    tokens: list[Token] = []
    for role in order:
        if role == asks or keeps is None or role in keeps:
            tokens += build_constituent(tongue, event, role, question=role == asks)
    return tokens


def build_definition(tongue: Tongue, subject: Sequence[Token], category: str) -> list[Token]:
    """ "(The) dog is kind animal", with the verb where the tongue puts its verbs."""
    is_, kind = Token("is"), (Token("kind"), Token(category))
    if tongue.order[0] == "verb" and subject[0].concept not in WH.values():
        return [is_, *subject, *kind]
    return [*subject, *reversed(kind), is_] if tongue.order[-1] == "verb" else [*subject, is_, *kind]


def to_words(lexicon: Mapping[str, str], tokens: Iterable[Token]) -> list[str]:
    """The words of a language for tokens."""
    return [lexicon[token.concept] for token in tokens]


def to_text(lexicon: Mapping[str, str], tokens: Iterable[Token]) -> str:
    """The words of a language for tokens, separated by blanks."""
    return " ".join(to_words(lexicon, tokens))
