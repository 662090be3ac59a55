"""Machine translation in the world: alike for the same string, wrong at the rate asked for, never outside its vocabulary."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from xstilts.formats.span import SpanExample
from xstilts.world import WorldConfig, generate
from xstilts.world.concepts import TAG_OF
from xstilts.world.config import TRANSLATION_NOISE
from xstilts.world.tongue import make_lexicons
from xstilts.world.translating import machine_translate

SMALL = WorldConfig(squad=200)


@pytest.mark.parametrize("language", ["l1", "l5"])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_content_words_go_wrong_at_the_rate_asked_for(language: str, noise: float) -> None:
    config = replace(SMALL, translation_noise=noise)
    concept = {word: name for name, word in make_lexicons(config)[language].items()}
    content = wrong = 0
    for example in generate(config, "squad", "train", language):
        assert isinstance(example, SpanExample)
        made = machine_translate(config, language, example.context)
        assert made == machine_translate(config, language, example.context)
        for before, after in zip(example.context.split(" "), made.split(" "), strict=True):
            tag = TAG_OF[concept[before]]
            assert TAG_OF[concept[after]] == tag
            assert tag in ("NOUN", "VERB", "ADJ", "ADV") or before == after
            content += tag in ("NOUN", "VERB", "ADJ", "ADV")
            wrong += before != after
    assert content > 1000
    assert noise - 0.05 <= wrong / content <= noise  # a few wrong words are the right one by chance


def test_a_field_that_came_later_moves_no_older_key() -> None:
    later = ("translation_noise", "nli_domain", "xvnli")
    assert WorldConfig().fingerprint() == {n: v for n, v in asdict(WorldConfig()).items() if n not in later}
    assert replace(SMALL, translation_noise=0.2).fingerprint()["translation_noise"] == 0.2
    assert replace(SMALL, nli_domain=80).fingerprint()["nli_domain"] == 80
    assert WorldConfig(**SMALL.fingerprint()).translation_noise == TRANSLATION_NOISE
