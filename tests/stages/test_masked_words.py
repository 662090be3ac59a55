"""Words that a pretrained encoder puts in the place of others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoConfig, XLMRobertaForMaskedLM

from xstilts.attacks.edits import list_places
from xstilts.errors import InputError
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages.masked_words import MaskedWords

pytestmark = pytest.mark.tiny
EXAMPLE = ClassifyExample("1", ("bo ka", "mi ?"), "y")


def made_from(folder: Path) -> tuple[Any, Any]:
    """A store with one encoder, and the stage that left it."""
    return SimpleNamespace(outputs=lambda *place: folder), SimpleNamespace(kind="encoder", slug="e", key="k")


@pytest.fixture(scope="module")
def pretrained(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder with a head that likes "mi" best, then "ka", then "bo", wherever it is."""
    folder = tmp_path_factory.mktemp("mlm")
    tokenizer = load_tokenizer(tiny_folder / "encoder")
    tokenizer.save_pretrained(folder / "encoder")
    model = XLMRobertaForMaskedLM(AutoConfig.from_pretrained(tiny_folder / "encoder"))
    with torch.no_grad():
        model.lm_head.layer_norm.weight.zero_()
        model.lm_head.bias.zero_()
        for piece, likes in (("mi", 9.0), ("<s>", 8.0), ("▁mi", 3.0), ("▁ka", 2.0), ("▁bo", 1.0)):
            model.lm_head.bias[tokenizer.get_vocab()[piece]] = likes
    model.save_pretrained(folder / "encoder")
    return folder


def test_the_likeliest_whole_words_that_are_others(pretrained: Path) -> None:
    """No special token, no piece inside of a word, and not the word itself."""
    proposed = MaskedWords(*made_from(pretrained), "en")(EXAMPLE)
    assert [place.word for place in list_places(EXAMPLE)] == ["bo", "ka", "mi"]
    assert proposed == [(0, "mi"), (0, "ka"), (1, "mi"), (1, "bo"), (2, "ka"), (2, "bo")]


def test_words_of_options_are_places_too(pretrained: Path) -> None:
    example = ChoiceExample("1", "bo", ("ka", "mi mi"), 0)
    assert [number for number, _ in MaskedWords(*made_from(pretrained), "en")(example)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_an_example_without_words_has_no_proposals(pretrained: Path) -> None:
    assert MaskedWords(*made_from(pretrained), "en")(ClassifyExample("1", ("?", "?"), "y")) == []


def test_an_encoder_without_a_head_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(InputError, match="no masked-language-modelling head, so it proposes no words"):
        MaskedWords(*made_from(tiny_folder), "en")
