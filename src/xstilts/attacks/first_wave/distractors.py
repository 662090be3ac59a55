"""Distractors: a sentence of another example that has nothing to do with the question.

Inference: the premise gets a second sentence. What a premise entails or contradicts, it still does; a neutral pair might not stay
neutral, so it is left alone. Questions: the sentence stands before or behind the whole context, away from the answer. A
distractor shares less than half of its words with the question or the hypothesis and holds no gold answer.
"""

from random import Random

import regex

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example
from xstilts.attacks.edits import Edit, parts
from xstilts.attacks.text import is_placeholder, list_units
from xstilts.data.script import Script, find_script
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example, Format
from xstilts.formats.span import Span, SpanExample

ENTAILMENT, CONTRADICTION = "entailment", "contradiction"
_DRAWS = 20  # examples that are tried
_MOST_SHARED = 0.5
_SENTENCE = regex.compile(r"\S.*?(?:[.!?।؟۔။](?=\s|$)|[。！？]|$)")


def wants_inference(format: Format) -> str:
    labels = format.answers
    return "" if {ENTAILMENT, CONTRADICTION} <= set(labels) else "it needs the labels entailment and contradiction of two texts"


def needs_sentences(language: str) -> str:
    script = find_script(language)
    return "nothing marks the end of a sentence" if script is not None and not script.stop else ""


def needs_script(language: str) -> str:
    """The script says what stands between two sentences."""
    return ""


def _is_unrelated(sentence: str, question: str, script: Script) -> bool:
    spaced = script.kind not in ("unspaced", "logographic")
    asked = list_units(question, spaced)
    return len(asked & list_units(sentence, spaced)) < _MOST_SHARED * len(asked)


def add_premises(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The pair with other premises behind its own."""
    script = find_script(language)
    premise, hypothesis = parts(example)
    if script is None or example.answer not in (ENTAILMENT, CONTRADICTION) or is_placeholder(premise):
        return None
    added: list[str] = []
    for other in rng.sample(pool.same, min(_DRAWS, len(pool.same))):
        found = parts(other)[0].strip()
        if len(added) == int(budget):
            break
        if found not in (premise, *added) and not is_placeholder(found) and _is_unrelated(found, hypothesis, script):
            added.append(found)
    return edit_example(example, [Edit(0, len(premise), len(premise), "".join(script.blank + one for one in added))])


def add_sentences(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The question with sentences of other contexts around its own. A context without a full stop at its end gets none behind
    it."""
    assert isinstance(example, SpanExample)
    script = find_script(language)
    if script is None or is_placeholder(example.context):
        return None
    golds = [answer.text.casefold() for answer in example.answer or ()]
    ends_whole = _ends_sentence(example.context)
    before: list[str] = []
    behind: list[str] = []
    for other in rng.sample(pool.same, min(_DRAWS, len(pool.same))):
        if len(before) + len(behind) == int(budget):
            break
        sentences = [found for found in _SENTENCE.findall(parts(other)[1]) if _ends_sentence(found)]
        sentence = rng.choice(sentences) if sentences else ""
        at_end = rng.random() < 0.5 and ends_whole
        if not sentence or sentence in example.context or sentence in (*before, *behind):
            continue
        if any(gold in sentence.casefold() for gold in golds) or not _is_unrelated(sentence, example.question, script):
            continue
        (behind if at_end else before).append(sentence)
    end = len(example.context)
    return edit_example(
        example,
        [
            Edit(1, 0, 0, "".join(sentence + script.blank for sentence in before)),
            Edit(1, end, end, "".join(script.blank + sentence for sentence in behind)),
        ],
    )


def _ends_sentence(text: str) -> bool:
    return text.rstrip().endswith(tuple(".!?।؟۔။。！？"))


DISTRACTOR_PREMISE = Attack(
    name="distractor_premise",
    title="a second premise",
    description="The premise of another pair is appended. Entailment and contradiction stay; neutral pairs are left alone.",
    level="R0",
    goal="invariance",
    formats=(Classify,),
    cite="Jia and Liang 2017 (AddSent), carried over to inference",
    compose=add_premises,
    leaves_out=needs_script,
    wants=wants_inference,
    budget=1,
    most=3,
    unit="premises",
    resource="premises of the same test set",
)
DISTRACTOR_SENTENCE = Attack(
    name="distractor_sentence",
    title="a foreign sentence",
    description="A sentence of another context is put before or behind the context; it holds no gold answer and few words of the"
    " question.",
    level="R0",
    goal="invariance",
    formats=(Span,),
    cite="Jia and Liang 2017 (AddSent)",
    compose=add_sentences,
    leaves_out=needs_sentences,
    budget=1,
    most=3,
    unit="sentences",
    resource="contexts of the same test set",
)
