"""One step: the same whatever the micro-batches, and what it does when memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs import codec as codec_module
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import Model, fresh_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.train.ddp import Group
from xstilts.train.step import Stepper, make_optimizer, split_micro_batches

pytestmark = pytest.mark.tiny
RECIPE = Recipe(lr=1e-2, max_length=24)
WORDS = ["bo", "ka", "mi", "kami", "bobo"]


def texts(count: int = 12) -> list[ClassifyExample]:
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(WORDS, int(n))) for n in rng.integers(1, 12, count)]
    return [ClassifyExample(str(i), (text, "ka"), "yn"[i % 2]) for i, text in enumerate(words)]


def stepper_of(folder: Path, recipe: Recipe = RECIPE, budget: int = 2048) -> tuple[Stepper, Any, Any]:
    codec = CODECS["classify"](Classify(labels=("y", "n")), load_tokenizer(folder / "encoder"), recipe)
    torch.manual_seed(0)
    model = fresh_model(folder, {"t": codec}, 0.0)
    return Stepper(model, make_optimizer(model, recipe), recipe, 0, Group(), budget), codec, codec.encode(texts(), True)


def weights(stepper: Stepper) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in stepper.model.state_dict().items()}


def three_steps(stepper: Stepper, codec: Any, features: Any) -> list[float]:
    return [stepper.step("t", codec, features, step, 1e-2) for step in range(3)]


def test_micro_batches_change_nothing(tiny_folder: Path) -> None:
    whole, small = stepper_of(tiny_folder), stepper_of(tiny_folder, budget=30)
    assert len(split_micro_batches(small[2], 30)) > 4
    losses, others = three_steps(*whole), three_steps(*small)
    assert losses == pytest.approx(others, rel=1e-4)
    for name, value in weights(whole[0]).items():
        torch.testing.assert_close(value, weights(small[0])[name], rtol=1e-3, atol=1e-5, msg=name)


def test_bf16_casts_once_and_counts_every_micro_batch(tiny_folder: Path) -> None:
    """The weights are turned into bf16 once for all micro-batches of a step; the plain way does it for each."""
    recipe = RECIPE.model_copy(update={"precision": "bf16"})
    stepper, codec, features = stepper_of(tiny_folder, recipe, budget=30)
    stepper._compute_gradient("t", codec, features, 0)
    ours = {name: p.grad.clone() for name, p in stepper.model.named_parameters() if p.grad is not None}
    stepper.model.zero_grad()
    for group in split_micro_batches(features, 30):
        chosen = [features[i] for i in group]
        batch = codec.collate(chosen)
        codec.targets(chosen, batch, np.random.default_rng(0))
        with torch.autocast("cpu", torch.bfloat16):
            head = stepper.model.head("t")
            loss = codec.loss(head, codec.hidden(stepper.model.encoder, head, batch), batch) / len(features)
        loss.backward()
    for name, p in stepper.model.named_parameters():
        torch.testing.assert_close(ours[name], p.grad, rtol=1e-2, atol=1e-2 * float(p.grad.abs().max()), msg=name)


def test_a_row_longer_than_the_budget_goes_alone(tiny_folder: Path) -> None:
    whole, narrow = stepper_of(tiny_folder), stepper_of(tiny_folder, budget=1)
    assert [len(group) for group in split_micro_batches(narrow[2], 1)] == [1] * 12
    assert three_steps(*whole) == pytest.approx(three_steps(*narrow), rel=1e-4)


def test_empty_texts_are_rows_of_special_tokens(tiny_folder: Path) -> None:
    stepper, codec, _ = stepper_of(tiny_folder)
    features = codec.encode([ClassifyExample("a", ("", ""), "y"), ClassifyExample("b", ("bo", ""), "n")], True)
    assert np.isfinite(stepper.step("t", codec, features, 0, 1e-2))


def limited(monkeypatch: pytest.MonkeyPatch, tokens: int) -> list[int]:
    """A trunk that runs out of memory above so many tokens at a time; gives the sizes that were tried."""
    real, tried = codec_module.last_states, []

    def last_states(encoder: Any, ids_BL: Tensor, *others: Tensor | None) -> Tensor:
        tried.append(ids_BL.numel())
        if ids_BL.numel() > tokens:
            raise torch.OutOfMemoryError("out of memory (a test)")
        return real(encoder, ids_BL, *others)

    monkeypatch.setattr(codec_module, "last_states", last_states)
    return tried


def test_out_of_memory_halves_the_micro_batch_and_not_the_batch(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, tight = stepper_of(tiny_folder), stepper_of(tiny_folder)
    losses = three_steps(*plain)
    limited(monkeypatch, 70)
    assert losses == pytest.approx(three_steps(*tight), rel=1e-4)
    assert tight[0].halved >= 1
    assert tight[0].budget <= 140
    for name, value in weights(plain[0]).items():
        torch.testing.assert_close(value, weights(tight[0])[name], rtol=1e-3, atol=1e-5, msg=name)


def test_nothing_fits(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tight = stepper_of(tiny_folder)
    before = weights(tight[0])
    limited(monkeypatch, 3)
    with pytest.raises(InputError, match=r"out of memory even with one row of \d+ tokens.*lower max_length"):
        three_steps(*tight)
    assert all(torch.equal(value, before[name]) for name, value in weights(tight[0]).items())


def test_recomputed_activations_change_nothing(tiny_folder: Path) -> None:
    """What is done when not even one row fits, on packed rows with dropout."""
    recipe = RECIPE.model_copy(update={"dropout": 0.3})
    plain, recomputing = stepper_of(tiny_folder, recipe), stepper_of(tiny_folder, recipe)
    recomputing[0].model.encoder.gradient_checkpointing_enable({"use_reentrant": False})
    assert three_steps(*plain) == three_steps(*recomputing)
    for name, value in weights(plain[0]).items():
        assert torch.equal(value, weights(recomputing[0])[name]), name


def test_a_tagging_loss_is_the_mean_over_words_of_the_whole_batch(tiny_folder: Path) -> None:
    codec = CODECS["tag"](Tag(labels=("N", "V")), load_tokenizer(tiny_folder / "encoder"), RECIPE)
    torch.manual_seed(0)
    model: Model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    items = [TagExample(str(n), ("bo",) * n, ("N", "V") * (n // 2)) for n in (2, 4, 10, 16)]
    features = codec.encode(items, True)
    stepper = Stepper(model, make_optimizer(model, RECIPE), RECIPE, 0, Group(), 20)
    loss = stepper._compute_gradient("t", codec, features, 0)
    batch = codec.collate(features)
    codec.targets(features, batch, np.random.default_rng(0))
    assert codec.loss_terms(batch) == 32
    assert loss == pytest.approx(
        codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch).item() / 32, rel=1e-5
    )
