"""MLQA exact match and F1 (Lewis et al. 2020, https://aclanthology.org/2020.acl-main.653; its official script, which XTREME
uses): SQuAD's measures with a normalisation for each language, so each language has its own metric.

The order is lower case, punctuation, articles, tokens. Punctuation is every character of a Unicode class P* and all of ASCII's.
Tokens are separated by blanks; in Chinese each character U+4E00-9FA5 is also one. Hindi and Chinese have no articles.
Surprising and official: the Arabic article is removed wherever its two letters stand, also inside words, and leaves a blank.
(The script's pattern has a second alternative that no text can match. It is left out here.)
"""

import re
import string
import unicodedata
from dataclasses import replace
from functools import cache

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Tally, match_answers
from xstilts.metrics.squad import SQUAD, score_best


def _words(articles: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{articles.replace(' ', '|')})\b")


_ARTICLES: dict[str, re.Pattern[str] | None] = {
    "en": _words("a an the"),
    "es": _words("un una unos unas el la los las"),
    "de": _words("ein eine einen einem eines einer der die das den dem des"),
    "vi": _words("của là cái chiếc những"),
    "ar": re.compile("ال"),
    "hi": None,
    "zh": None,
}
_CHINESE_TOKEN = re.compile(r"[\u4e00-\u9fa5]|[^\s\u4e00-\u9fa5]+")


@cache
def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def normalise(text: str, language: str) -> list[str]:
    """The tokens that are compared. InputError for a language that MLQA does not have."""
    if language not in _ARTICLES:
        raise InputError(f"metric mlqa is not defined for {language!r}; it has a normalisation for {', '.join(_ARTICLES)}")
    text = "".join(character for character in text.lower() if not _is_punctuation(character))
    if articles := _ARTICLES[language]:
        text = articles.sub(" ", text)
    return _CHINESE_TOKEN.findall(text) if language == "zh" else text.split()


def _tally_in(language: str) -> Tally:
    normalise("", language)

    def tally(example: Example, prediction: Prediction) -> tuple[float, ...]:
        gold, text = match_answers(example, prediction, str)
        return *score_best([normalise(answer.text, language) for answer in gold], normalise(text, language)), 1.0

    return tally


def _refuse(example: Example, prediction: Prediction) -> tuple[float, ...]:
    raise InputError("metric mlqa is defined by language; score each language with metric.for_language(code)")


MLQA = replace(SQUAD, name="mlqa", tally=_refuse, cite="lewis2020mlqa", tally_in=_tally_in)
