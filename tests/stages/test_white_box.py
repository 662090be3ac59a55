"""Gradients of a model against its own examples, on tiny models that read one word."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from xstilts.attacks.attack import edit_example
from xstilts.attacks.edits import list_places, parts
from xstilts.attacks.model_based import HOTFLIP
from xstilts.attacks.search import ProposedSearch, search, success_rate
from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.codec import IGNORED, margins_of
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages import white_box
from xstilts.stages.white_box import Flipper, measure_noise
from xstilts.train import robust
from xstilts.train.evaluate import measure_margins

pytestmark = pytest.mark.tiny


def draw_texts(count: int) -> list[tuple[str, str]]:
    """Pairs of texts of one to four words; half of the pairs have no "mi"."""
    rng = Random(0)
    pairs = []
    for i in range(count):
        words = ["bo", "ka"] if i % 2 else ["bo", "ka", "mi"]
        first, second = (" ".join(rng.choices(words, k=rng.randint(1, 4))) for _ in range(2))
        pairs.append((first, second))
    return pairs


TEXTS = draw_texts(96)
PLAIN = [first for first, _ in TEXTS[1::2]]
FORMATS: dict[str, tuple[Any, list[Example]]] = {  # the answer is where "mi" is
    "classify": (
        Classify(labels=("y", "n"), texts=2),
        [ClassifyExample(str(i), pair, "y" if "mi" in " ".join(pair) else "n") for i, pair in enumerate(TEXTS)],
    ),
    "choice": (
        Choice(choices=2),
        [ChoiceExample(f"{i}", "bo ka", (f"{a} mi", a)[:: 1 - 2 * k], k) for i, a in enumerate(PLAIN) for k in [i % 2]],
    ),
    "tag": (
        Tag(labels=("N", "V")),
        [
            TagExample(str(i), tuple(w), tuple("NV"[x == "mi"] for x in w))
            for i, w in enumerate(" ".join(p).split() for p in TEXTS)
        ],
    ),
}


class Planted:
    """Stands where a `Predictor` does: a model of a format that was taught to find "mi", and gets its examples right."""

    def __init__(self, folder: Path, form: str = "classify", precision: str = "fp32"):
        spec, self.examples = FORMATS[form]
        self.head = "t"
        self.codec = CODECS[form](spec, load_tokenizer(folder / "encoder"), Recipe(lr=1e-2, max_length=24))
        torch.manual_seed(0)
        self.model = fresh_model(folder, {"t": self.codec}, 0.0)
        features = self.codec.encode(self.examples, training=True)
        batch = self.codec.collate(features)
        self.codec.targets(features, batch, np.random.default_rng(0))
        optimizer = torch.optim.Adam(self.model.parameters(), lr=3e-3)
        for _ in range(300):  # until it is sure, and no longer: an answer that is all too sure has no slope
            optimizer.zero_grad()
            head = self.model.head("t")
            logits_NC = self.codec.logits(head, self.codec.hidden(self.model.encoder, head, batch), batch)
            right_N = batch["labels"].flatten()
            if margins_of(logits_NC, right_N[right_N != IGNORED]).min() > 1:
                break
            self.codec.loss_of(logits_NC, batch).backward()
            optimizer.step()
        self.model.eval()
        self.examples = self.examples[:10]
        self.codec.recipe = self.codec.recipe.model_copy(update={"precision": precision})
        assert min(self.margins(self.examples)) > 0

    def margins(self, examples: Sequence[Example]) -> list[float]:
        return measure_margins(self.model, "t", self.codec, examples)

    def deafen(self) -> None:
        """Cut the words off: without attention the first token's state depends on nothing else."""
        with torch.no_grad():
            for name, weight in self.model.encoder.named_parameters():
                if "attention.output.dense" in name:
                    weight.zero_()

    def give_own_answers(self) -> None:
        """Let what it answers be right."""
        flip = {"y": "n", "n": "y"}
        margins = self.margins(self.examples)
        self.examples = [
            replace(e, answer=flip[e.answer]) if margin < 0 else e for e, margin in zip(self.examples, margins, strict=True)
        ]


_plant = lru_cache(Planted)


def plant(folder: Path, form: str = "classify", precision: str = "fp32") -> Any:
    return copy.deepcopy(_plant(folder, form, precision))


every_format = pytest.mark.parametrize("form", list(FORMATS))


@every_format
def test_noise_of_no_size_changes_nothing(tiny_folder: Path, form: str) -> None:
    planted = plant(tiny_folder, form)
    for own, path in zip(planted.margins(planted.examples), measure_noise(planted, planted.examples, 0.0), strict=True):
        assert path == pytest.approx([own] * 11, abs=1e-4)


@every_format
def test_large_noise_breaks_everything(tiny_folder: Path, form: str) -> None:
    planted = plant(tiny_folder, form)
    small, large = ([min(path) < 0 for path in measure_noise(planted, planted.examples, size)] for size in (0.001, 5.0))
    assert sum(small) == 0 and sum(large) == len(large)


def test_more_steps_find_no_less_and_more_noise_breaks_no_less(tiny_folder: Path) -> None:
    planted = plant(tiny_folder)
    paths = [measure_noise(planted, planted.examples, 0.3, steps) for steps in (2, 5, 10)]
    for few, many in pairwise(paths):
        for fewer, more in zip(few, many, strict=True):
            assert more[: len(fewer)] == pytest.approx(fewer, abs=1e-4)
    assert all(path[1] < path[0] for path in paths[0]), "one step down the slope"
    rates = [sum(min(p) < 0 for p in measure_noise(planted, planted.examples, size)) for size in (0.01, 0.1, 0.3, 1, 3)]
    assert rates == sorted(rates) and len(set(rates)) > 1


def test_padding_and_other_examples_change_nothing(tiny_folder: Path) -> None:
    planted = plant(tiny_folder)
    together = measure_noise(planted, planted.examples, 0.3)
    alone = [measure_noise(planted, [example], 0.3)[0] for example in planted.examples]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-3)


def test_special_tokens_get_no_noise(tiny_folder: Path) -> None:
    """A deaf model reads the first token alone."""
    planted = plant(tiny_folder)
    planted.deafen()
    for path in measure_noise(planted, planted.examples, 3.0):
        assert path == pytest.approx([path[0]] * 11, abs=1e-5)


def test_noise_drawn_at_random_has_the_norm_of_the_ball_and_harms_less(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step does depends on no other example; a model that hears no words hears no noise."""
    planted, norms = plant(tiny_folder), []

    def add_noise(encoder: Any, delta_BLD: torch.Tensor, mask_BL: torch.Tensor) -> Any:
        norms.append(delta_BLD.detach().norm(dim=-1).max(dim=-1).values)
        return robust.add_noise(encoder, delta_BLD, mask_BL)

    monkeypatch.setattr(white_box, "add_noise", add_noise)
    for way in (False, True):
        measure_noise(planted, planted.examples[:1], 0.5, blind=way)
    inside, edge = torch.stack(norms[1:11]), torch.stack(norms[12:])
    assert torch.allclose(edge, edge[:1].expand_as(edge), rtol=1e-4) and (inside <= edge * 1.0001).all()
    assert (inside.max(dim=0).values > edge[0] / 2).all()
    down, blind = (measure_noise(planted, planted.examples[:4], 0.5, blind=way) for way in (False, True))
    assert [path[0] for path in down] == pytest.approx([path[0] for path in blind], abs=1e-4)
    assert all(min(path) < min(other) for path, other in zip(down, blind, strict=True))
    assert all(len(set(path)) == 11 for path in blind)
    alone = [measure_noise(planted, [example], 0.5, blind=True)[0] for example in planted.examples[:4]]
    for one, other in zip(blind, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-3)
    planted.deafen()
    for path in measure_noise(planted, planted.examples[:4], 3.0, blind=True):
        assert path == pytest.approx([path[0]] * 11, abs=1e-5)


def test_half_precision_has_gradients(tiny_folder: Path) -> None:
    planted = plant(tiny_folder, precision="bf16")
    assert all(min(path) < path[0] for path in measure_noise(planted, planted.examples, 0.5))


@every_format
def test_proposals_replace_the_word_that_the_model_reads(tiny_folder: Path, form: str) -> None:
    planted = plant(tiny_folder, form)
    flipper = Flipper(planted, "en")
    hits = []
    for example in planted.examples:
        places = list_places(example)
        proposed = flipper(example)
        assert {number for number, _ in proposed} == set(range(len(places))) and len(proposed) == 2 * len(places)
        assert all(word in ("bo", "ka", "mi") and word != places[number].word for number, word in proposed)
        number, word = proposed[0]
        hits.append("mi" in (places[number].word, word))
    assert sum(hits) > 0.5 * len(hits), "to first order; by chance it is less than half"


def test_proposals_are_in_the_order_of_their_slope(tiny_folder: Path) -> None:
    """Against small moves of single embeddings in the table."""
    planted = plant(tiny_folder)
    example = ClassifyExample("1", ("bo ka", "mi"), "y")
    pieces = planted.codec.tokenizer.get_vocab()
    rises = []
    for number, word in Flipper(planted, "en")(example):
        moved = copy.deepcopy(planted)
        table = moved.model.encoder.get_input_embeddings().weight
        old, new = pieces[f"▁{list_places(example)[number].word}"], pieces[f"▁{word}"]
        with torch.no_grad():
            table[old] += 3e-2 * (table[new] - table[old])
        rises.append(planted.margins([example])[0] - moved.margins([example])[0])
    assert len(rises) == 6 and rises[0] > 1e-5
    assert all(later <= earlier + 1e-5 for earlier, later in pairwise(rises))


def test_words_of_several_pieces_stay(tiny_folder: Path) -> None:
    planted = plant(tiny_folder)
    example = ClassifyExample("1", ("bo zzzz", "ka"), "y")
    places = list_places(example)
    assert {places[number].word for number, _ in Flipper(planted, "en")(example)} <= {"bo", "ka"}


@every_format
def test_a_keyword_model_breaks_within_the_budget(tiny_folder: Path, form: str) -> None:
    """With three flips a model that reads one word is broken, and with one it is not where two texts have it. What is found
    holds for the text, tokenised anew."""
    planted = plant(tiny_folder, form)
    examples = [example for example in planted.examples if " ".join(parts(example)).split().count("mi") <= 2]
    found = search(planted.margins, HOTFLIP, examples, "en", ProposedSearch(Flipper(planted, "en")))
    assert success_rate(found) == 1
    for one, clean in zip(found, examples, strict=True):
        assert one.variant is not None and 1 <= len(one.variant.edits) <= 3
        assert planted.margins([one.variant.example]) == pytest.approx([one.score], abs=1e-4)
        again = edit_example(clean, one.variant.edits)
        assert again is not None and parts(again.example) == parts(one.variant.example)
    fewer = search(planted.margins, HOTFLIP, examples, "en", ProposedSearch(Flipper(planted, "en")), budget=1)
    assert success_rate(fewer) <= 1 and all(len(one.variant.edits) == 1 for one in fewer if one.variant)
    assert form == "tag" or any(not one.broken for one in fewer)


def test_blind_flips_are_the_same_each_time_and_of_words_that_can_be_flipped(tiny_folder: Path) -> None:
    planted = plant(tiny_folder)
    blind, seeing = Flipper(planted, "en", blind=True), Flipper(planted, "en")
    for example in planted.examples:
        assert blind(example) == blind(example) != seeing(example)
        assert {number for number, _ in blind(example)} <= {number for number, _ in seeing(example)}
    assert Flipper(planted, "en", blind=True)(ClassifyExample("1", ("?", "?"), "y")) == []


def test_a_model_that_reads_no_word_is_not_flipped(tiny_folder: Path) -> None:
    planted = plant(tiny_folder)
    planted.deafen()
    planted.give_own_answers()
    found = search(planted.margins, HOTFLIP, planted.examples, "en", ProposedSearch(Flipper(planted, "en")))
    assert success_rate(found) == 0 and all(one.queries > 0 for one in found)


def test_a_script_without_words_in_the_tokenizer_is_said(tiny_folder: Path) -> None:
    with pytest.raises(InputError, match="no words in Hangul letters that are one piece; leave ko out"):
        Flipper(plant(tiny_folder), "ko")
