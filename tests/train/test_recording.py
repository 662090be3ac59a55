"""A recorded step is the step: with its padding computed on any device, and as a CUDA graph on a card."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.model.unpadding import fix_shapes
from xstilts.recipe.recipe import Recipe
from xstilts.train import recording
from xstilts.train.ddp import Group
from xstilts.train.step import Stepper, make_optimizer

pytestmark = pytest.mark.tiny
on_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
TEXTS = ["bo ka mi", "kami", "bobo ka bo ka", "mi", "ka ka ka bo mi bo"]
CASES: dict[str, tuple[Any, list[Any]]] = {
    "classify": (
        Classify(labels=("y", "n")),
        [ClassifyExample(str(i), (text, "ka"), "yn"[i % 2]) for i, text in enumerate(TEXTS)],
    ),
    "choice": (Choice(choices=2), [ChoiceExample(str(i), text, ("bo", "ka mi ka"), i % 2) for i, text in enumerate(TEXTS)]),
    "tag": (
        Tag(labels=("A", "B")),
        [
            TagExample(str(i), tuple(text.split()), tuple("AB"[j % 2] for j in range(len(text.split()))))
            for i, text in enumerate(TEXTS)
        ],
    ),
    "span": (Span(), [SpanExample(str(i), text, "ka", (SpanAnswer(text[:2], 0),)) for i, text in enumerate(TEXTS)]),
}


def stepper_of(kind: str, folder: Path, device: str = "cpu", **recipe: Any) -> tuple[Stepper, Any, list[Any]]:
    form, examples = CASES[kind]
    chosen = Recipe(lr=1e-2, max_length=24, stride=4, **recipe)
    codec = CODECS[form.name](form, load_tokenizer(folder / "encoder"), chosen)
    other = CODECS["classify"](CASES["classify"][0], codec.tokenizer, chosen)
    torch.manual_seed(0)
    model = fresh_model(folder, {"t": codec, "unused": other}, 0.0).to(device)
    return Stepper(model, make_optimizer(model, chosen), chosen, 0, Group(), 2048), codec, codec.encode(examples, True)


def gradients(model: Any) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", CASES)
def test_with_fixed_shapes_a_loss_and_its_gradient_stay(kind: str, tiny_folder: Path) -> None:
    stepper, codec, features = stepper_of(kind, tiny_folder)
    model, found = stepper.model.train(), []
    batch = codec.collate(features)
    codec.targets(features, batch, None)
    wide = codec.widen(batch, 32)
    assert wide["input_ids"].shape[1] == 32 > batch["input_ids"].shape[1]
    model.zero_grad()
    codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch).backward()
    found.append(gradients(model))
    model.zero_grad()
    with fix_shapes():
        loss = codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), wide), wide)
    loss.backward()
    plain = codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch)
    torch.testing.assert_close(loss, plain, rtol=1e-5, atol=1e-6)
    other = gradients(model)
    assert other.keys() == found[0].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(other[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_what_cannot_be_recorded_says_why(tiny_folder: Path) -> None:
    stepper, codec, features = stepper_of("classify", tiny_folder)
    for step in range(4):
        stepper.step("t", codec, features, step, 1e-3)
    assert (stepper.recorder.steps, stepper.recorder.off) == (0, "not on a card")


@on_a_card
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", CASES)
def test_recorded_steps_are_steps(kind: str, precision: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps on two shapes in turn, all but the first two of each recorded; the head of another task is left alone. (In bf16
    AdamW makes whole steps of rounding errors, so weights are compared in fp32.)"""
    after: list[dict[str, Tensor]] = []
    losses: list[list[float]] = []
    for record in ("0", "1"):
        monkeypatch.setenv("XSTILTS_RECORD", record)
        stepper, codec, features = stepper_of(kind, tiny_folder, "cuda", precision=precision)
        parts = [features, features[:3]]
        losses.append([stepper.step("t", codec, parts[step % 2], step, 1e-3) for step in range(10)])
        if record == "1":
            assert (stepper.recorder.off, stepper.recorder.steps) == ("", 10 - 2 * recording.VISITS)
        after.append({name: p.detach().clone() for name, p in stepper.model.named_parameters()})
    assert losses[1] == pytest.approx(losses[0], rel=0.03 if precision == "bf16" else 1e-3)
    for name, value in after[0].items():
        if name.startswith("heads.unused"):
            assert torch.equal(after[1][name], value), name
        elif precision == "fp32":
            torch.testing.assert_close(after[1][name], value, rtol=0.02, atol=2e-3, msg=name)


@on_a_card
def test_each_repetition_draws_its_own_dropout(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same batch at other steps gives other losses, at the same step the same one."""
    monkeypatch.setenv("XSTILTS_RECORD", "1")
    stepper, codec, features = stepper_of("classify", tiny_folder, "cuda")
    for module in stepper.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    losses = [stepper.step("t", codec, features, step, 0.0) for step in (0, 1, 2, 3, 4, 3)]
    assert stepper.recorder.steps == 4 and not stepper.recorder.off
    assert losses[3] == losses[5] and len({*losses[2:5]}) == 3


@on_a_card
def test_a_recording_that_differs_is_not_used(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_RECORD", "1")
    monkeypatch.setattr(recording, "math", SimpleNamespace(isclose=lambda *_, **__: False))
    stepper, codec, features = stepper_of("classify", tiny_folder, "cuda")
    losses = [stepper.step("t", codec, features, step, 1e-3) for step in range(5)]
    assert stepper.recorder.steps == 0 and "without recording" in stepper.recorder.off
    assert all(loss > 0 for loss in losses)


@pytest.mark.parametrize("robust", [{"method": "r3f"}, {"method": "segmentation"}])
def test_robust_recipes_are_not_recorded(tiny_folder: Path, robust: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_RECORD", "1")
    stepper, codec, features = stepper_of("classify", tiny_folder, robust=robust)
    assert stepper.recorder.off.startswith("the recipe is robust")
    assert stepper.recorder.compute("t", codec, codec.collate(features), 1.0, 0, 1.0) is None
