"""The record that decides everything in the world. If a field changes, every text may change; with equal fields every byte is
the same. It has numbers and strings only, so that it can enter a key.

The default world has many anchors (code-switched documents, translation pairs). Without them the languages align too, but much
less in the short pre-training of a demo (measured; see `docs/decisions.md`). With both rates 0, languages have only shared
names, digits and cognates in common.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

TRANSLATION_NOISE = 0.05
NLI_DOMAIN = 3000
XVNLI = 6000
Rate = int | float  # 0 stays 0: with 0.0 the key would be another


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """`switch_rate` and `pair_rate` are shares of the documents of a foreign language. The first are documents with
    `switch_words` of their words in English. The second are a sentence with its English translation.

    `text` is the number of documents in each language. The other sizes are numbers of training examples (English). `dev` and
    `test` are the sizes for every task and language, `nli_domain` that of each of the four `nli_<domain>`. `translation_noise`
    is the share of content words that machine translation gets wrong."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # a study may not name an unknown field

    seed: int = 0
    switch_rate: Rate = 0.6
    switch_words: Rate = 0.5
    pair_rate: Rate = 0.3
    text: int = 10000
    nli: int = 6000
    paraphrase: int = 4000
    squad: int = 8000
    tydiqa: int = 150
    pos: int = 500
    ner: int = 1000
    choice: int = 3000
    dev: int = 200
    test: int = 300
    translation_noise: Rate = TRANSLATION_NOISE
    nli_domain: int = NLI_DOMAIN
    xvnli: int = XVNLI

    def fingerprint(self) -> dict[str, Any]:
        """The fields for a key. A later field is left out at its default, so that it moves no older key."""
        later = {"translation_noise": TRANSLATION_NOISE, "nli_domain": NLI_DOMAIN, "xvnli": XVNLI}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}
