"""A judge that reads examples of the embedded world and labels them anew, from nothing but their texts.

It undoes what a reader would not notice (case, width, invisible characters, look-alikes, diacritics), and takes a word that it
does not know for the known words at a distance of one edit. Then it parses the sentences and answers by the rules of the world.
Where several readings give several answers, it does not judge.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby, islice, product
from typing import Any, NamedTuple

from xstilts.attacks.edits import Edit, apply, parts
from xstilts.attacks.first_wave.invisible import LOOK_ALIKES, ZERO_WIDTH_JOINER, ZERO_WIDTH_SPACE
from xstilts.attacks.text import find_words
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample
from xstilts.world.concepts import (
    ADJECTIVES,
    ADPOSITIONS,
    ANTONYM,
    ARTICLE,
    CATEGORIES,
    CATEGORY_OF,
    CITIES,
    COMPANY,
    DIGITS,
    FAMILY,
    GIVEN,
    NAMES,
    NEGATION,
    OBJECT,
    PLACES,
    PREFERS,
    PUNCTUATION,
    TAG_OF,
    TIMES,
    VERBS,
    WH,
)
from xstilts.world.config import WorldConfig
from xstilts.world.tongue import TONGUES, Tongue, make_lexicons

READINGS = 200  # the most that are tried
_TO_LATIN = {
    **{other: latin for latin, other in LOOK_ALIKES["Latin"].items()},
    **LOOK_ALIKES["Greek"],
}
_THINGS = {*CATEGORY_OF, *CATEGORIES}


class Unreadable(Exception):
    """No parse."""


class Said(NamedTuple):
    """A sentence: who, what, to whom, where, when. A noun phrase is its concepts in alphabetical order."""

    agent: tuple[str, ...]
    verb: str
    patient: tuple[str, ...]
    place: tuple[str, ...]
    time: str
    tense: str
    denied: bool


# -- words -------------------------------------------------------------------------------------------------------------


def _plain(word: str) -> str:
    word = unicodedata.normalize("NFKC", word.replace(ZERO_WIDTH_SPACE, "").replace(ZERO_WIDTH_JOINER, ""))
    return word.casefold()


def _skeleton(word: str) -> str:
    """The word in Latin look-alikes and without diacritics."""
    letters = "".join(_TO_LATIN.get(letter, letter) for letter in unicodedata.normalize("NFKC", word))
    letters = "".join(c for c in unicodedata.normalize("NFD", _plain(letters)) if unicodedata.category(c) != "Mn")
    return "".join(_TO_LATIN.get(letter, letter) for letter in letters)


def _is_near(one: str, other: str) -> bool:
    """Whether one edit leads from one word to the other: a letter more, less, another, or two exchanged."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    first = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[first:], other[first:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])


@cache
def _lexicon(config: WorldConfig, language: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Word -> concept, and skeleton -> concepts."""
    words = {word: concept for concept, word in make_lexicons(config)[language].items()}
    skeletons: dict[str, list[str]] = {}
    for word, concept in words.items():
        skeletons.setdefault(_skeleton(word), []).append(concept)
    return words, skeletons


@cache
def read_word(config: WorldConfig, language: str, word: str) -> tuple[str, ...]:
    """The concepts that a word may stand for."""
    words, skeletons = _lexicon(config, language)
    if _plain(word) in words:
        return (words[_plain(word)],)
    if found := skeletons.get(_skeleton(word)):
        return tuple(found)
    return tuple(concept for known, concept in words.items() if _is_near(_plain(word), known))


def read(config: WorldConfig, language: str, words: Sequence[str]) -> Iterator[list[str]]:
    """All readings of a sentence as concepts."""
    choices = [read_word(config, language, word) for word in words]
    return map(list, islice(product(*choices), READINGS))


def split_words(text: str) -> list[str]:
    for mark in PUNCTUATION:
        text = text.replace(mark, f" {mark} ")
    return text.split()


def read_mixed(config: WorldConfig, language: str, clean: Example, variant: Example) -> tuple[Example, int, int]:
    """A code-mixed variant as a reader of all languages takes it, in its own language; with how many runs of foreign words there
    are, and how many of these say something else than the words that they stand for. Within a run, the order is that of the other
    language."""
    lexicons = make_lexicons(config)
    concepts = {word: concept for code in (*lexicons, language) for concept, word in lexicons[code].items()}
    edits: list[Edit] = []
    runs = wrong = 0
    for part, (text, mixed) in enumerate(zip(parts(clean), parts(variant), strict=True)):
        ours, theirs = ([(start, end) for start, end in find_words(one)] for one in (text, mixed))
        pairs = [(text[a:b], mixed[c:d], a, b) for (a, b), (c, d) in zip(ours, theirs, strict=True)]
        for differs, group in groupby(pairs, lambda pair: pair[0] != pair[1]):
            run = list(group)
            said, meant = ([concepts[_plain(pair[side])] for pair in run] for side in (1, 0))
            runs += differs
            if differs and Counter(said) != Counter(meant):
                wrong += 1
                own = " ".join(lexicons[language].get(concept, "") for concept in said)
                edits.append(Edit(part, run[0][2], run[-1][3], own))
    return apply(clean, edits), runs, wrong


# -- sentences ---------------------------------------------------------------------------------------------------------


def split_phrases(tongue: Tongue, concepts: Sequence[str]) -> list[tuple[str, ...]]:
    """Noun phrases that stand side by side. Raises Unreadable."""
    phrases: list[tuple[str, ...]] = []
    rest = list(concepts)
    while rest:
        phrase: list[str] = []
        if rest[0] == ARTICLE or rest[0] in DIGITS:
            head = rest.pop(0)
            phrase += [head] if head in DIGITS else []
        if rest and rest[0] in NAMES:
            phrase.append(rest.pop(0))
            if rest and (rest[0] == COMPANY or (phrase[-1] in GIVEN and rest[0] in FAMILY)):
                phrase.append(rest.pop(0))
        else:
            if rest and rest[0] in ADJECTIVES and not tongue.noun_adjective:
                phrase.append(rest.pop(0))
            if not rest or rest[0] not in _THINGS | set(PLACES):
                raise Unreadable
            phrase.append(rest.pop(0))
            if rest and rest[0] in ADJECTIVES and tongue.noun_adjective:
                phrase.append(rest.pop(0))
        phrases.append(tuple(phrase))
    return phrases


def parse(tongue: Tongue, concepts: Sequence[str]) -> Said:
    """One statement. Raises Unreadable."""
    rest = [concept for concept in concepts if concept not in (*PUNCTUATION, OBJECT)]
    if sum(c in VERBS for c in rest) != 1 or sum(c in TIMES for c in rest) > 1 or sum(c in ADPOSITIONS for c in rest) > 1:
        raise Unreadable
    found = {kind: next((c for c in rest if c in kind), "") for kind in (VERBS, TIMES, ("did", "will"))}
    denied = NEGATION in rest
    place: tuple[str, ...] = ()
    adposition = next((i for i, c in enumerate(rest) if c in ADPOSITIONS), None)
    if adposition is not None:
        step = -1 if tongue.postpositions else 1
        taken = [adposition]
        while 0 <= taken[-1] + step < len(rest) and rest[taken[-1]] not in (*PLACES, *NAMES):
            taken.append(taken[-1] + step)
        if rest[taken[-1]] not in (*PLACES, *NAMES):
            raise Unreadable
        place = (rest[adposition], rest[taken[-1]])
        rest = ["" if i in taken else c for i, c in enumerate(rest)]
    # What was taken out still separates two phrases.
    groups: list[list[str]] = [[]]
    for concept in rest:
        if concept in ("", NEGATION, "did", "will", *VERBS, *TIMES):
            groups.append([])
        else:
            groups[-1].append(concept)
    phrases = [phrase for group in groups for phrase in split_phrases(tongue, group)]
    if len(phrases) != 2:
        raise Unreadable
    agent, patient = (tuple(sorted(phrase)) for phrase in phrases)
    return Said(agent, found[VERBS], patient, place, found[TIMES], found["did", "will"], denied)


def split_sentences(concepts: Sequence[str]) -> list[list[str]]:
    sentences: list[list[str]] = [[]]
    for concept in concepts:
        if concept == ".":
            sentences.append([])
        else:
            sentences[-1].append(concept)
    return [sentence for sentence in sentences if sentence]


def follows(special: Said, general: Said) -> bool:
    """Whether the general one is true wherever the special one is, both taken as affirmed."""
    (noun, *more), wide = special.patient, general.patient
    return (
        special.agent == general.agent
        and special.verb == general.verb
        and special.tense == general.tense
        and (special.patient == wide or (not more and wide == (CATEGORY_OF.get(noun),)))
        and general.place in ((), special.place)
        and general.time in ("", special.time)
    )


def infer(premises: Sequence[Said], hypothesis: Said) -> str:
    """The label of inference; several premises are all true."""
    labels = {_infer(premise, hypothesis) for premise in premises} - {"neutral"}
    return labels.pop() if len(labels) == 1 else "both" if labels else "neutral"


def _infer(premise: Said, hypothesis: Said) -> str:
    if premise.denied:
        if not follows(hypothesis, premise):
            return "neutral"
        return "entailment" if hypothesis.denied else "contradiction"
    if follows(premise, hypothesis):
        return "contradiction" if hypothesis.denied else "entailment"
    opposite = premise._replace(verb=ANTONYM[premise.verb])
    return "contradiction" if not hypothesis.denied and follows(opposite, hypothesis) else "neutral"


def find_answer(context: Sequence[Said], question: Sequence[str]) -> tuple[str, ...]:
    """The phrase of the context that answers a question. Raises Unreadable unless exactly one event fits."""
    asked = [role for role, word in WH.items() if word in question]
    silent = {ARTICLE, NEGATION, OBJECT, "did", "will", *ADPOSITIONS, *PUNCTUATION, *WH.values()}
    cues = {concept for concept in question if concept not in silent}
    fits = [
        said
        for said in context
        if cues
        <= {*said.agent, said.verb, *said.patient, *said.place, said.time, *(CATEGORY_OF.get(c, "") for c in said.patient)}
    ]
    if len(fits) != 1 or len(asked) != 1:
        raise Unreadable
    (said,) = fits
    match asked[0]:
        case "time":
            return (said.time,)
        case "place":
            return said.place[1:]
    return said.agent if asked[0] == "agent" else said.patient


def tag_entities(tongue: Tongue, concepts: Sequence[str]) -> tuple[str, ...]:
    tags = ["O"] * len(concepts)
    place = 0
    while place < len(concepts):
        concept = concepts[place]
        if concept not in NAMES:
            place += 1
            continue
        after = concepts[place + 1] if place + 1 < len(concepts) else ""
        if concept in GIVEN and after in FAMILY and tongue.order[0] == "verb":
            raise Unreadable  # one person, or two: agent and patient stand side by side
        long = after == COMPANY or (concept in GIVEN and after in FAMILY)
        kind = "ORG" if after == COMPANY else "LOC" if concept in CITIES else "PER"
        tags[place] = f"B-{kind}"
        if long:
            tags[place + 1] = f"I-{kind}"
        place += 1 + long
    return tuple(tags)


# -- examples ----------------------------------------------------------------------------------------------------------


def judge(config: WorldConfig, task: str, example: Any, languages: Sequence[str]) -> Any:
    """The answer of an example as the judge finds it, None if it cannot tell. `languages`: that of each text. For `span` it says
    whether the gold span is the answer, for `retrieval` whether the two sentences mean the same."""
    answers = set()
    for reading in _read_example(config, example, languages):
        try:
            answers.add(_answer(config, task, example, reading, [TONGUES[code] for code in languages]))
        except Unreadable:
            continue
    return answers.pop() if len(answers) == 1 else None


def _read_example(config: WorldConfig, example: Example, languages: Sequence[str]) -> Iterator[tuple[list[str], ...]]:
    match example:
        case ClassifyExample(texts=texts):
            pass
        case SpanExample(question=question, context=context, answer=(gold,)):
            texts = (question, context[: gold.start], gold.text, context[gold.start + len(gold.text) :])
            languages = (languages[0], *[languages[-1]] * 3)
        case ChoiceExample(prompt=prompt, choices=choices):
            texts = (prompt, *choices)
        case TagExample(words=words):
            return ((reading,) for reading in read(config, languages[0], words))
        case BitextRetrievalExample(text=text, english=english):
            texts, languages = (text, english), (languages[0], "en")
        case _:
            raise AssertionError(example)
    codes = [*languages, *[languages[-1]] * (len(texts) - len(languages))]
    lists = [list(read(config, code, split_words(text))) for code, text in zip(codes, texts, strict=True)]
    return islice(product(*lists), READINGS)


def _answer(config: WorldConfig, task: str, example: Any, reading: tuple[list[str], ...], tongues: Sequence[Tongue]) -> Any:
    first, last = tongues[0], tongues[-1]
    match task:
        case "nli":
            premises = [parse(first, sentence) for sentence in split_sentences(reading[0])]
            return infer(premises, parse(last, reading[1]))
        case "paraphrase":
            return "1" if parse(first, reading[0]) == parse(last, reading[1]) else "0"
        case "squad" | "tydiqa":
            question, before, gold, after = reading
            context = [parse(last, sentence) for sentence in split_sentences([*before, *gold, *after])]
            return Counter(find_answer(context, question)) == Counter(c for c in gold if c not in (ARTICLE, *PUNCTUATION))
        case "choice":
            prompt, *choices = reading
            wanted = {c for c in prompt if c in CATEGORIES} or {c for verb in prompt for c in PREFERS.get(verb, ())}
            fits = [i for i, choice in enumerate(choices) if any(CATEGORY_OF.get(c) in wanted for c in choice)]
            if len(fits) != 1:
                raise Unreadable
            return fits[0]
        case "pos":
            return tuple(TAG_OF[concept] for concept in reading[0])
        case "ner":
            return tag_entities(first, reading[0])
        case "retrieval":
            silent = (ARTICLE, OBJECT, *PUNCTUATION)
            one, other = (Counter(c for c in side if c not in silent) for side in reading)
            return one == other
    raise AssertionError(task)


def is_right(task: str, example: Any, answer: Any) -> bool:
    """Whether the judge's answer is that of the example."""
    return bool(answer) if task in ("squad", "tydiqa", "retrieval") else bool(answer == example.answer)
