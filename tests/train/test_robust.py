"""Robust training: what each method adds to the plain step, and what it must leave as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.test_step import texts
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import XLMRobertaConfig, XLMRobertaModel

from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.adapt import adapt
from xstilts.model.codecs.codec import IGNORED
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model
from xstilts.model.sampled_rows import SampledRows, cut_anew, mix_anew
from xstilts.model.segmentation import SampledTokenizer
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import CodeMix, Segmentation
from xstilts.train.ddp import Group
from xstilts.train.loop import MixtureTask, PhaseSpec, Training
from xstilts.train.robust import Passes, Words, add_noise, compute_gradient, count_passes, symmetric_divergence
from xstilts.train.step import Stepper, make_optimizer, split_micro_batches

pytestmark = pytest.mark.tiny
# With noise that is large enough to be seen in single precision.
METHODS: dict[str, dict[str, Any]] = {
    "noise": {"method": "noise", "size": 0.3},
    "uniform": {"method": "noise", "size": 0.3, "distribution": "uniform"},
    "r3f": {"method": "r3f", "noise": 0.05},
    "freelb": {"method": "freelb", "steps": 3},
    "smart": {"method": "smart", "noise": 0.01, "step": 0.05, "radius": 0.05},
}
SILENT: dict[str, dict[str, Any]] = {
    "noise": {"method": "noise", "size": 0},
    "r3f": {"method": "r3f", "noise": 0},
    "r3f of no weight": {"method": "r3f", "noise": 1, "weight": 0},
    "freelb of one step": {"method": "freelb", "steps": 1, "step": 0, "init": 0},
    "freelb": {"method": "freelb", "steps": 4, "step": 0, "init": 0},
    "smart": {"method": "smart", "noise": 0, "step": 0},
    "smart in a ball of 0": {"method": "smart", "radius": 0},
    "segmentation": {"method": "segmentation"},  # the rows are given
}
CONTEXT = "bo ka mi kami bobo ka bokami mibo ka kaka bo mi kabo mi bobo"
FORMATS: dict[str, tuple[Any, list[Any]]] = {
    "classify": (Classify(labels=("y", "n")), texts()),
    "choice": (Choice(choices=2), [ChoiceExample(str(i), "kami " * i, ("mika", "bo ka"), i % 2) for i in range(1, 7)]),
    "tag": (Tag(labels=("N", "V")), [TagExample(str(n), ("bo", "kami") * n, ("N", "V") * n) for n in range(1, 7)]),
    "span": (
        Span(no_answer=False),
        [SpanExample(str(n), "bo ?" * n, CONTEXT[: 13 + n * 7], (SpanAnswer("mi", 6),)) for n in range(1, 6)],
    ),
    "mlm": (Mlm(), [MlmExample(str(n), ("bo kami " * n,)) for n in range(1, 7)]),
}


def stepper_of(
    folder: Path, robust: Any, form: str = "classify", dropout: float = 0.0, budget: int = 2048, **fields: Any
) -> tuple[Stepper, Any, Any]:
    recipe = Recipe(lr=1e-2, max_length=24, stride=6, robust=robust, **fields)
    spec, examples = FORMATS[form]
    codec = CODECS[form](spec, load_tokenizer(folder / "encoder"), recipe)
    torch.manual_seed(0)
    model = fresh_model(folder, {"t": codec}, dropout)
    adapt(model.encoder, recipe)
    with torch.no_grad():  # fresh heads say next to nothing, so noise would not show
        for weight in model.heads.parameters():
            weight.mul_(20 if weight.ndim > 1 else 1)
    return Stepper(model, make_optimizer(model, recipe), recipe, 0, Group(), budget), codec, codec.encode(examples, True)


def gradient(made: tuple[Stepper, Any, Any], step: int = 0) -> tuple[float, dict[str, Tensor]]:
    stepper, codec, features = made
    stepper.model.train()
    loss = stepper._compute_gradient("t", codec, features, step)
    return loss, {name: p.grad.clone() for name, p in stepper.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", SILENT)
def test_no_noise_is_the_plain_step(tiny_folder: Path, name: str, form: str) -> None:
    """With dropout: all passes have the same masks. Exactly, but where passes are averaged."""
    loss, plain = gradient(stepper_of(tiny_folder, None, form, dropout=0.3))
    ours, found = gradient(stepper_of(tiny_folder, SILENT[name], form, dropout=0.3))
    exact = name in ("noise", "freelb of one step", "segmentation")
    assert ours == (loss if exact else pytest.approx(loss, rel=1e-5))
    assert set(plain) == set(found)
    for weight, value in plain.items():
        if exact:
            assert torch.equal(found[weight], value), weight
        else:
            torch.testing.assert_close(found[weight], value, rtol=1e-4, atol=1e-6, msg=weight)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_does_something_to_every_format(tiny_folder: Path, name: str, form: str) -> None:
    loss, plain = gradient(stepper_of(tiny_folder, None, form))
    ours, found = gradient(stepper_of(tiny_folder, METHODS[name], form))
    assert math.isfinite(ours)
    assert ours != loss
    assert any(not torch.equal(plain[weight], found[weight]) for weight in plain)
    if name in ("r3f", "smart"):
        assert ours > loss, "a divergence is not negative"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", METHODS)
def test_micro_batches_change_nothing(tiny_folder: Path, name: str, form: str) -> None:
    whole, small = stepper_of(tiny_folder, METHODS[name], form), stepper_of(tiny_folder, METHODS[name], form, budget=30)
    assert len(split_micro_batches(small[2], 30)) > 2
    if form == "mlm":  # whose masks are drawn by micro-batch
        for made in (whole, small):
            made[1].targets = lambda _, batch, rng: batch.update(
                labels=batch["input_ids"].masked_fill(batch["attention_mask"] == 0, IGNORED)
            )
    (loss, plain), (ours, found) = gradient(whole, 3), gradient(small, 3)
    assert ours == pytest.approx(loss, rel=1e-4)
    for weight, value in plain.items():
        torch.testing.assert_close(found[weight], value, rtol=1e-3, atol=1e-5, msg=weight)


def passes_of(made: tuple[Stepper, Any, Any], seed: int = 1) -> Passes:
    stepper, codec, features = made
    batch = codec.collate(features)
    codec.targets(features, batch, np.random.default_rng(0))
    return Passes(stepper.model.encoder, stepper.model.head("t"), codec, batch, codec.loss_terms(batch), seed)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_noise_is_on_words_alone_and_of_its_size(tiny_folder: Path, distribution: Any) -> None:
    passes = passes_of(stepper_of(tiny_folder, None))
    seeds = list(range(len(passes.batch["input_ids"])))
    words = Words.of(passes, seeds)
    noise_BLD = words.draw(distribution)
    special = set(passes.codec.tokenizer.all_special_ids)
    for b, row in enumerate(passes.batch["input_ids"].tolist()):
        for place, token in enumerate(row):
            assert bool(noise_BLD[b, place].any()) == (token not in special), (b, place)
    spread = float(noise_BLD[words.real_BL1[..., 0].bool()].square().mean())
    assert spread == pytest.approx(1 if distribution == "gaussian" else 1 / 3, rel=0.1)
    again = Words(words.table, words.ids_BL, words.real_BL1, seeds[::-1]).draw(distribution)
    assert not torch.equal(again, noise_BLD)
    alone = Words(words.table, words.ids_BL[3:4, :], words.real_BL1[3:4], seeds[3:4]).draw(distribution)
    assert torch.equal(alone[0], noise_BLD[3]), "a row's noise does not depend on the others"
    norms = words.mean_norms()[:, 0, 0]
    table = passes.encoder.get_input_embeddings().weight
    kept = [t for t in passes.batch["input_ids"][2].tolist() if t not in special]
    assert float(norms[2]) == pytest.approx(float(table[kept].norm(dim=1).mean()), rel=1e-5)


def test_noise_is_added_once_to_padded_and_to_unpadded_rows(tiny_folder: Path) -> None:
    """Against transformers' own way in for embeddings, which adds positions and types to them and normalises them once."""
    made = stepper_of(tiny_folder, None)
    passes, encoder = passes_of(made), made[0].model.encoder.eval()
    ids_BL, mask_BL = passes.batch["input_ids"], passes.batch["attention_mask"]
    assert not bool(mask_BL.all()), "so the rows are laid end to end"
    delta_BLD = Words.of(passes, range(len(ids_BL))).draw("gaussian")
    with torch.no_grad():
        words_BLD = encoder.get_input_embeddings()(ids_BL) + delta_BLD
        with add_noise(encoder, delta_BLD, mask_BL):
            unpadded_BD = passes.codec.hidden(encoder, passes.head, passes.batch)[:, 0]
        for b, count in enumerate(mask_BL.sum(1).tolist()):
            positions = torch.arange(2, 2 + count)[None]
            words_1LD = words_BLD[b : b + 1, :count]
            expected = encoder(inputs_embeds=words_1LD, position_ids=positions).last_hidden_state[:, 0]
            torch.testing.assert_close(unpadded_BD[b : b + 1], expected, rtol=1e-4, atol=1e-5)
            alone = {name: x[b : b + 1, :count] for name, x in passes.batch.items() if name != "labels"}
            with add_noise(encoder, delta_BLD[b : b + 1, :count], alone["attention_mask"]):
                padded = passes.codec.hidden(encoder, passes.head, alone)[:, 0]
            torch.testing.assert_close(padded, expected, rtol=1e-4, atol=1e-5)
    assert not encoder.get_input_embeddings()._forward_hooks, "the hook is gone"


class Deaf(nn.Module):
    """A head that does not listen to the encoder."""

    def __init__(self, classes: int):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(classes))
        self.dropout = nn.Dropout(0.5)

    def forward(self, hidden_BLD: Tensor) -> Tensor:
        return self.dropout(self.bias.expand(len(hidden_BLD), -1)) + 0 * hidden_BLD[:, 0, :1]


@pytest.mark.parametrize("name", ["r3f", "smart"])
def test_a_model_that_ignores_its_embeddings_pays_nothing(tiny_folder: Path, name: str) -> None:
    made = stepper_of(tiny_folder, METHODS[name])
    passes = passes_of(made)
    passes.head = Deaf(2).train()
    seeds = list(range(len(passes.batch["input_ids"])))
    assert float(compute_gradient(made[0].recipe.robust, passes, seeds)) == float(compute_gradient(None, passes, seeds))


def watch(monkeypatch: pytest.MonkeyPatch, made: tuple[Stepper, Any, Any]) -> list[Tensor]:
    """What dropout makes of ones in each pass, after all else. The noise of the passes goes into `deltas` of the stepper."""
    seen: list[Tensor] = []
    codec, real = made[1], made[1].logits

    def logits(head: nn.Module, hidden_BLD: Tensor, batch: Any) -> Tensor:
        seen.append(nn.functional.dropout(torch.ones(50), 0.5))
        return real(head, hidden_BLD, batch)

    monkeypatch.setattr(codec, "logits", logits)
    original = add_noise

    def noted(encoder: Any, delta_BLD: Tensor, mask_BL: Tensor) -> Any:
        deltas.append(delta_BLD.detach().clone())
        return original(encoder, delta_BLD, mask_BL)

    deltas: list[Tensor] = []
    monkeypatch.setattr("xstilts.train.robust.add_noise", noted)
    made[0].deltas = deltas  # type: ignore[attr-defined]
    return seen


def test_freelb_climbs_in_a_ball_with_the_same_dropout_masks(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robust = {"method": "freelb", "steps": 4, "step": 0.2, "init": 0.1, "radius": 0.3}
    made = stepper_of(tiny_folder, robust, dropout=0.3)
    seen = watch(monkeypatch, made)
    gradient(made)
    deltas = list(made[0].deltas)  # type: ignore[attr-defined]
    assert len(seen) == len(deltas) == 4
    assert all(torch.equal(masks, seen[0]) for masks in seen)
    norms = [delta.flatten(1).norm(dim=1) for delta in deltas]
    assert bool((norms[0] <= 0.1).all())
    assert bool((norms[0] > 0.03).all())
    assert all(bool((norm <= 0.3 + 1e-5).all()) for norm in norms)
    assert bool((norms[-1] > 0.29).all()), "after three steps of 0.2"
    passes = passes_of(made, seed=5)
    losses = [float(passes.loss(passes.logits(delta))) for delta in deltas]
    assert losses[-1] > losses[0], "noise along the gradient makes the loss larger"


def test_freelb_averages_the_gradients_of_its_steps(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stepper_of(tiny_folder, METHODS["freelb"])
    watch(monkeypatch, made)
    loss, found = gradient(made)
    passes, model = passes_of(made), made[0].model
    order = [i for group in split_micro_batches(made[2], 2048) for i in group]
    passes.batch = passes.codec.collate([made[2][i] for i in order])
    passes.codec.targets([made[2][i] for i in order], passes.batch, np.random.default_rng(0))
    deltas = list(made[0].deltas)  # type: ignore[attr-defined]
    model.zero_grad()
    losses = [passes.loss(passes.logits(delta)) for delta in deltas]
    (sum(losses) / len(losses)).backward()
    assert loss == pytest.approx(float(sum(losses)) / len(losses), rel=1e-5)
    for name, p in model.named_parameters():
        torch.testing.assert_close(found[name], p.grad, rtol=1e-3, atol=1e-6, msg=name)


def test_smart_climbs_once_within_its_radius(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stepper_of(tiny_folder, METHODS["smart"], dropout=0.3)
    seen = watch(monkeypatch, made)
    gradient(made)
    first, second = made[0].deltas  # type: ignore[attr-defined]
    assert len(seen) == 3
    assert all(torch.equal(masks, seen[0]) for masks in seen)
    assert float(second.abs().max()) == pytest.approx(0.05)
    passes = passes_of(made, seed=5)
    order = [i for group in split_micro_batches(made[2], 2048) for i in group]
    passes.batch = passes.codec.collate([made[2][i] for i in order])
    passes.codec.targets([made[2][i] for i in order], passes.batch, np.random.default_rng(0))
    clean = passes.logits()
    assert float(passes.divergence(clean, passes.logits(second))) > float(passes.divergence(clean, passes.logits(first)))


def test_the_divergence_by_hand() -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    expected = float((p * np.log(p / q)).sum() + (q * np.log(q / p)).sum())
    logits, others = torch.tensor(np.log(p))[None] + 3, torch.tensor(np.log(q))[None] - 1
    assert float(symmetric_divergence(logits, others)) == pytest.approx(expected, rel=1e-5)
    masked = torch.tensor([[0.0, 1.0, -1e9]])
    assert float(symmetric_divergence(masked, masked + torch.tensor([0.0, 1.0, 0.0]))) > 0
    assert float(symmetric_divergence(masked, masked)) == 0


def test_ranking_takes_no_noise(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe(max_length=24, robust=METHODS["r3f"])
    codec = CODECS["rank"](Ranking(), load_tokenizer(tiny_folder / "encoder"), recipe)
    features = codec.encode([RankingExample("a", "bo", "ka", "mi")], True)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    task = MixtureTask("t", codec, features)
    with pytest.raises(InputError, match="r3f does not fit ranking"):
        Training(model, [task], recipe, PhaseSpec(Mixture(mix=("t",)).rule, 0), tmp_path)


@pytest.mark.parametrize("name", METHODS)
def test_bf16_counts_every_pass(tiny_folder: Path, name: str) -> None:
    """Weights are cast once a step, with their graph: no pass loses its gradient."""
    _, plain = gradient(stepper_of(tiny_folder, METHODS[name], budget=60))
    _, found = gradient(stepper_of(tiny_folder, METHODS[name], budget=60, precision="bf16"))
    for weight, value in plain.items():
        if not weight.endswith("key.bias"):  # which has no gradient
            assert float((found[weight] - value).norm()) < 0.2 * float(value.norm()), weight


@pytest.mark.parametrize("name", METHODS)
def test_recomputed_activations_change_nothing(tiny_folder: Path, name: str) -> None:
    plain, other = stepper_of(tiny_folder, METHODS[name], dropout=0.3), stepper_of(tiny_folder, METHODS[name], dropout=0.3)
    other[0].model.encoder.gradient_checkpointing_enable({"use_reentrant": False})
    (loss, expected), (ours, found) = gradient(plain), gradient(other)
    assert ours == loss
    assert all(torch.equal(found[weight], value) for weight, value in expected.items())


@pytest.mark.parametrize("fields", [{}, {"freeze": 1}, {"lora": 2}])
@pytest.mark.parametrize("name", METHODS)
def test_the_work_of_a_step_is_what_pytorch_counts(name: str, fields: dict[str, Any]) -> None:
    recipe = Recipe(robust=METHODS[name], **fields)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    config._attn_implementation = "eager"
    encoder = XLMRobertaModel(config, add_pooling_layer=False).train()
    adapt(encoder, recipe)

    class Plain:
        """Every state is an output; no head, so that the blocks are all that is counted."""

        class tokenizer:
            all_special_ids = (0, 1, 2)

        def hidden(self, encoder: Any, head: Any, batch: Any) -> Tensor:
            return encoder(input_ids=batch["input_ids"]).last_hidden_state  # type: ignore[no-any-return]

        def logits(self, head: Any, hidden_BLD: Tensor, batch: Any) -> Tensor:
            return hidden_BLD.flatten(0, 1)

        def loss_of(self, logits: Tensor, batch: Any) -> Tensor:
            return logits.square().sum()

        def loss_terms(self, batch: Any) -> int:
            return 1

    ids = torch.randint(5, 50, (2, 9), generator=torch.Generator().manual_seed(1))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with FlopCounterMode(display=False) as counter:
        compute_gradient(recipe.robust, Passes(encoder, nn.Identity(), Plain(), batch, 1, 0), [1, 2])  # type: ignore[arg-type]
    works = count_passes(recipe.robust, encoder)
    assert sum(work.flops([9, 9]) for work in works) == counter.get_total_flops()
    plain = count_passes(None, encoder)[0].flops([9, 9])
    if not fields:
        assert sum(work.flops([9, 9]) for work in works) == pytest.approx(recipe.passes * plain, rel=0.05)


# -- trainings ---------------------------------------------------------------------------------------------------------


class StopAfter:
    def __init__(self, steps: int):
        self.steps, self.seen = steps, set[int]()

    def see(self, report: dict[str, Any]) -> None:
        self.seen.add(report["step"])

    def __call__(self) -> bool:
        return len(self.seen) > self.steps


def train(folder: Path, checkpoint: Path, robust: Any, stop: Any = None, **fields: Any) -> tuple[Any, Any]:
    recipe = Recipe(**{"lr": 5e-3, "batch": 4, "steps": 12, "max_length": 24, "policy": "last", "robust": robust, **fields})
    tokenizer = load_tokenizer(folder / "encoder")
    codec = CODECS["classify"](Classify(labels=("y", "n")), tokenizer, recipe)
    torch.manual_seed(3)
    model = fresh_model(folder, {"t": codec}, 0.1)
    examples = [replace(e, answer="yn"["kami" in e.texts[0]]) for e in texts(20)]
    task = MixtureTask("t", codec, codec.encode(examples, True))
    match recipe.robust:
        case Segmentation(alpha=alpha):
            task.sampled = SampledRows(cut_anew(codec, SampledTokenizer(tokenizer, alpha), examples), np.arange(20))
        case CodeMix(words=words, share=share) as mix:
            attack = mix.make_attack(Path(words))
            task.sampled = SampledRows(mix_anew(codec, attack, share, {"en": examples}), np.arange(20))
    plan = PhaseSpec(Mixture(mix=("t",)).rule, 1, identity="x")
    see, asked = (stop.see, stop) if stop else (lambda _: None, lambda: False)
    return model, Training(model, [task], recipe, plan, checkpoint, see, asked).run()


def redrawn(folder: Path, name: str) -> dict[str, Any]:
    """A method of METHODS, or one that draws its rows anew."""
    (folder / "words.tsv").write_text("en\tsw\tde\nbo\tbobobo\tmikabo\nka\tkaka\tkabo\n", encoding="utf-8")
    mixed = {"method": "code_mix", "words": str(folder / "words.tsv"), "share": 0.3}
    return METHODS.get(name) or {"segmentation": {"method": "segmentation", "alpha": 0.1}, "code_mix": mixed}[name]


@pytest.mark.parametrize("name", [*METHODS, "segmentation", "code_mix"])
def test_a_stopped_training_goes_on_to_the_same_bits(tiny_folder: Path, tmp_path: Path, name: str) -> None:
    robust = redrawn(tmp_path, name)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole, record = train(tiny_folder, tmp_path / "a", robust)
    for _ in range(12):
        model, pieces = train(tiny_folder, tmp_path / "b", robust, StopAfter(3))
        if pieces is not None:
            break
    assert pieces["losses"] == record["losses"]
    assert (pieces["tokens"], pieces["flops"]) == (record["tokens"], record["flops"])
    for weight, value in whole.state_dict().items():
        assert torch.equal(value, model.state_dict()[weight]), weight


@pytest.mark.parametrize("name", [None, *METHODS, "segmentation", "code_mix"])
def test_the_loss_goes_down(tiny_folder: Path, tmp_path: Path, name: str | None) -> None:
    robust = redrawn(tmp_path, name) if name else None
    _, record = train(tiny_folder, tmp_path, robust, steps=80, lr=1e-2, evaluations=4)
    losses = [loss for _, loss in record["losses"]]
    assert losses[-1] < 0.8 * losses[0]
    assert record.get("passes") == (None if robust is None else Recipe(robust=robust).passes)
    assert record["recorded"]["steps"] == 0


def test_sampled_segmentation_trains_on_more_tokens(tiny_folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    _, plain = train(tiny_folder, tmp_path / "a", None)
    _, found = train(tiny_folder, tmp_path / "b", {"method": "segmentation", "alpha": 0.1})
    assert found["tokens"] > plain["tokens"]
    assert found["flops"] > plain["flops"]
