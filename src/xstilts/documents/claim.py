"""A claim as it is stated in words, with what can be read off it by rule. A field that the text does not give stays empty.

`population` and the rest have the names of the ledger's record (`claims/record.py`), so that a claim from a document and a
claim that runs test are the same claim.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import regex

from xstilts.data.language import LANGUAGES
from xstilts.documents.numbers import POINTS, Quantity, find_quantities
from xstilts.documents.polarity import Polarity, find_polarity
from xstilts.documents.words import list_words

Kind = Literal["number", "comparison", "null", "fact"]
LONGEST = 5000  # letters
# How papers write the names of tasks and encoders, and what they are called here.
NAMES = {
    "squad_v2": r"SQuAD\s?(?:v)?2(?:\.0)?", "squad_v1": r"SQuAD(?:\s?(?:v)?1(?:\.1)?)?", "anli_plus": r"ANLI\+?",
    "mnli": r"MultiNLI|MNLI", "snli": r"SNLI", "qqp": r"QQP|Quora Question Pairs", "hellaswag": r"HellaSwag",
    "cosmosqa": r"Cosmos\s?QA", "commonsenseqa": r"Commonsense\s?QA|CSQA", "siqa": r"Social\s?IQA|SIQA",
    "ccg": r"CCG(?:bank)?", "copa": r"(?<!X)COPA", "xnli": r"XNLI", "pawsx": r"PAWS-?X",
    "udpos": r"UDPOS|POS(?: tagging)?|part-of-speech tagging", "panx": r"PAN-?X|WikiANN|NER",
    "xquad": r"XQuAD", "mlqa": r"MLQA", "tydiqa": r"TyDi\s?QA(?:-GoldP)?", "bucc2018": r"BUCC", "tatoeba": r"Tatoeba",
    "xcopa": r"XCOPA", "lareqa": r"LAReQA", "mewslix": r"Mewsli-X", "xvnli": r"XVNLI",
    "xtreme-r": r"XTREME-R", "xtreme": r"XTREME(?!-[A-Z])",
}  # fmt: skip
INTERMEDIATE = (
    "anli_plus",
    "mnli",
    "snli",
    "qqp",
    "squad_v1",
    "squad_v2",
    "hellaswag",
    "cosmosqa",
    "commonsenseqa",
    "siqa",
    "ccg",
)
MODELS = {
    "xlm-roberta-large": r"XLM-?R(?:oBERTa)?[ -]Large", "xlm-roberta-base": r"XLM-?R(?:oBERTa)?[ -]Base",
    "xlm-roberta": r"XLM-?R(?:oBERTa)?\b", "mbert": r"mBERT|multilingual BERT", "mt5": r"mT5",
}  # fmt: skip
_SPLITS = {
    "dev": r"\b(?:dev|development|validation)\b",
    "test": r"\btest (?:set|sets|data|split)\b",
    "train": r"\btraining (?:set|examples|data)\b",
}
_LANGUAGES = regex.compile(rf"\b(?:{'|'.join(sorted({one.name for one in LANGUAGES.values()}, key=len, reverse=True))})\b")
_METRIC = regex.compile(r"\b(F1|accuracy|BLEU|exact match|EM|MAP|mAP@20|average|mean)\b", regex.IGNORECASE)
_THAN = regex.compile(
    r"\b(?:than|compared (?:to|with)|against|outperforms?|versus|vs\.?|improvement over|gains? over)\s+(?P<what>[^,.;?(]{3,80})",
    regex.IGNORECASE,
)
_OUR_TEST = regex.compile(r"\s*\(here [^)]*\)", regex.IGNORECASE)  # how a study tests a claim of the ledger, not what is claimed


@dataclass(frozen=True)
class StatedClaim:
    """`origin`: the id of the paper that states it ("" if a person gave it), `place` where. `cites`: ids of papers that are
    said to support it. `ledger`: the id of the ledger's claim that tests it with runs. `magnitude`: in points. `seen`: what the
    one who repeats it says about it; never used as evidence."""

    id: str
    text: str
    language: str = "en"
    origin: str = ""
    place: str = ""
    cites: tuple[str, ...] = ()
    ledger: str = ""
    kind: Kind = "fact"
    treatment: tuple[str, ...] = ()
    control: str = ""
    metric: str = ""
    direction: Literal["", "+", "-", "0"] = ""
    magnitude: tuple[float, ...] = ()
    model: str = ""
    targets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    split: str = ""
    quantities: tuple[Quantity, ...] = ()
    polarity: Polarity = field(default_factory=lambda: Polarity(0, False))

    @property
    def words(self) -> tuple[str, ...]:
        return list_words(self.text)


def read_claim(
    id: str, text: str, *, language: str = "en", origin: str = "", place: str = "", cites: tuple[str, ...] = (), ledger: str = ""
) -> StatedClaim:
    """The claim with what its text gives."""
    text = _OUR_TEST.sub("", text).strip()
    quantities = find_quantities(text, language)
    polarity = find_polarity(text) if language == "en" else Polarity(0, False)
    found = _find_names(text, NAMES)
    treatment = tuple(name for name in found if name in INTERMEDIATE)
    than = _THAN.search(text)
    splits = [name for name, pattern in _SPLITS.items() if regex.search(pattern, text, regex.IGNORECASE)]
    metric = _METRIC.search(text)
    points = tuple(one.value for one in quantities if one.unit == POINTS)
    up = {1: "+", -1: "-", 0: ""}[polarity.direction]
    direction: Literal["", "+", "-", "0"] = "0" if polarity.denied and up else up  # type: ignore[assignment]
    kind: Kind = "null" if direction == "0" else "number" if quantities else "comparison" if direction or than else "fact"
    return StatedClaim(
        id, text, language, origin, place, cites, ledger, kind,
        treatment=treatment,
        control=than["what"].strip() if than else "",
        metric=metric[1] if metric else "",
        direction=direction,
        magnitude=points,
        model=next(iter(_find_names(text, MODELS)), ""),
        targets=tuple(name for name in found if name not in INTERMEDIATE),
        languages=tuple(dict.fromkeys(_LANGUAGES.findall(text))),
        split=splits[0] if len(splits) == 1 else "",
        quantities=quantities,
        polarity=polarity,
    )  # fmt: skip


def _find_names(text: str, names: dict[str, str]) -> list[str]:
    """The names that occur, in their order. Of two that begin at one place the first in `names` counts: "XLM-R Large" is not
    "XLM-R" as well."""
    found: dict[str, int] = {}
    for name, pattern in names.items():
        for match in regex.finditer(rf"(?<![\p{{L}}\p{{N}}])(?:{pattern})(?![\p{{L}}\p{{N}}])", text):
            if match.start() not in found.values():
                found.setdefault(name, match.start())
    return sorted(found, key=lambda name: found[name])
