"""Stress tests of inference: words that say nothing, so that only the surface changes (words in common, a negation, the length).

After Naik et al. 2018, whose English strings are "and true is true" and "and false is not true". The other languages were
written for this package in the same sense. A language without two strings that are certain is left out.
"""

from random import Random

import regex

from xstilts.attacks.attack import Attack, Compose, Pool, Variant, edit_example
from xstilts.attacks.edits import Edit, parts
from xstilts.attacks.first_wave.distractors import wants_inference
from xstilts.attacks.text import is_placeholder
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example

TIMES = 5
# "and true is true", "and false is not true", with what separates them from the text before.
TAUTOLOGIES: dict[str, tuple[str, str]] = {
    "en": (" and true is true", " and false is not true"),
    "de": (" und wahr ist wahr", " und falsch ist nicht wahr"),
    "nl": (" en waar is waar", " en onwaar is niet waar"),
    "fr": (" et le vrai est vrai", " et le faux n'est pas vrai"),
    "es": (" y lo verdadero es verdadero", " y lo falso no es verdadero"),
    "it": (" e il vero è vero", " e il falso non è vero"),
    "pt": (" e o verdadeiro é verdadeiro", " e o falso não é verdadeiro"),
    "ru": (" и истина есть истина", " и ложь не есть истина"),
    "bg": (" и истината е истина", " и лъжата не е истина"),
    "el": (" και το αληθές είναι αληθές", " και το ψευδές δεν είναι αληθές"),
    "tr": (" ve doğru doğrudur", " ve yanlış doğru değildir"),
    "ar": (" والصحيح صحيح", " والخطأ ليس صحيحا"),
    "hi": (" और सच सच है", " और झूठ सच नहीं है"),
    "ur": (" اور سچ سچ ہے", " اور جھوٹ سچ نہیں ہے"),
    "sw": (" na kweli ni kweli", " na uongo si kweli"),
    "th": (" และความจริงคือความจริง", " และความเท็จไม่ใช่ความจริง"),
    "vi": (" và đúng là đúng", " và sai không phải là đúng"),
    "zh": ("，并且真就是真", "，并且假不是真"),
}
_FINAL = regex.compile(r"\s*[.!?…。！？।؟۔]*\s*$")


def leaves_out(language: str) -> str:
    return "" if language in TAUTOLOGIES else "its two strings are not written; add them to `TAUTOLOGIES`"


def _append(part: int, which: int, times: int) -> Compose:
    def compose(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
        """The pair with the words before the final mark of one text."""
        text = parts(example)[part]
        final = _FINAL.search(text)
        assert final is not None
        if is_placeholder(text) or not final.start():
            return None
        return edit_example(example, [Edit(part, final.start(), final.start(), TAUTOLOGIES[language][which] * times)])

    return compose


def _stress(name: str, title: str, description: str, compose: Compose) -> Attack:
    return Attack(
        name=name,
        title=title,
        description=description,
        level="R0",
        goal="invariance",
        formats=(Classify,),
        cite="Naik et al. 2018 (stress tests)",
        compose=compose,
        leaves_out=leaves_out,
        wants=wants_inference,
        unit="the words once",
        resource="two strings a language, written for this package",
    )


STRESS_OVERLAP = _stress(
    "stress_overlap", "stress: overlap", '"and true is true" is appended to the hypothesis.', _append(1, 0, 1)
)
STRESS_NEGATION = _stress(
    "stress_negation", "stress: negation", '"and false is not true" is appended to the hypothesis.', _append(1, 1, 1)
)
STRESS_LENGTH = _stress(
    "stress_length", "stress: length", f'"and true is true" is appended to the premise {TIMES} times.', _append(0, 0, TIMES)
)
