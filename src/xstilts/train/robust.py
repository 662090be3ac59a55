"""Robust training: the gradient of a micro-batch under a recipe's `robust` (recipe/robust.py says what the methods are).

Noise enters by a hook on the word embeddings, so positions, token types and the layer norm are applied once, in padded and in
unpadded rows. It is drawn row by row from (seed, step, place in the batch), so micro-batches and processes change nothing. All
passes of a micro-batch have the same dropout masks: they differ by the noise alone.
Shapes: B rows of a micro-batch, L tokens, D the size of a word embedding; N distributions over C classes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.model.codecs.codec import Batch, Codec
from xstilts.recipe.robust import R3F, CodeMix, Distribution, FreeLB, Noise, Robust, Segmentation, Smart
from xstilts.train.flops import Work, count_training_work

TINY = 1e-8


@dataclass
class Passes:
    """The passes of one micro-batch: its loss is divided by `weight`, and each pass begins with the random state `seed`."""

    encoder: Any
    head: nn.Module
    codec: Codec
    batch: Batch
    weight: int
    seed: int

    def logits(self, delta_BLD: Tensor | None = None) -> Tensor:
        """The logits with this noise."""
        torch.manual_seed(self.seed)
        if delta_BLD is None:
            return self.codec.logits(self.head, self.codec.hidden(self.encoder, self.head, self.batch), self.batch)
        with add_noise(self.encoder, delta_BLD, self.batch["attention_mask"]):
            return self.codec.logits(self.head, self.codec.hidden(self.encoder, self.head, self.batch), self.batch)

    def loss(self, logits_NC: Tensor) -> Tensor:
        return self.codec.loss_of(logits_NC, self.batch) / self.weight

    def divergence(self, logits_NC: Tensor, others_NC: Tensor) -> Tensor:
        """The symmetric divergence of two sets of logits, on the scale of the loss: the mean over all distributions times the
        terms of the loss (a span has two distributions and one term)."""
        terms = self.codec.loss_terms(self.batch)
        return symmetric_divergence(logits_NC, others_NC) * (terms / max(len(logits_NC), 1)) / self.weight


def symmetric_divergence(logits_NC: Tensor, others_NC: Tensor) -> Tensor:
    """KL(p, q) + KL(q, p), summed over the rows."""
    p_NC, q_NC = functional.log_softmax(logits_NC.float(), -1), functional.log_softmax(others_NC.float(), -1)
    return ((p_NC.exp() - q_NC.exp()) * (p_NC - q_NC)).sum()


@contextmanager
def add_noise(encoder: Any, delta_BLD: Tensor, mask_BL: Tensor) -> Iterator[None]:
    """Inside, the word embeddings of a padded batch are those of the table plus `delta_BLD`, in unpadded rows too."""

    def hook(_: nn.Module, inputs: Any, words: Tensor) -> Tensor:
        return words + (delta_BLD if words.shape == delta_BLD.shape else delta_BLD[mask_BL.bool()][None])

    handle = encoder.get_input_embeddings().register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def compute_gradient(robust: Robust | None, passes: Passes, seeds: Sequence[int]) -> Tensor:
    """Add the gradient of a micro-batch to the parameters' and give its loss, without a graph. `seeds`: those of the noise of
    each row."""
    match robust:
        case None | Segmentation() | CodeMix():
            torch.manual_seed(passes.seed)
            hidden_BLD = passes.codec.hidden(passes.encoder, passes.head, passes.batch)
            loss = passes.codec.loss(passes.head, hidden_BLD, passes.batch) / passes.weight
        case FreeLB():
            return _ascend_freely(robust, passes, Words.of(passes, seeds))
        case Noise():
            words = Words.of(passes, seeds)
            per_coordinate = robust.size * words.mean_norms() / words.size**0.5
            if robust.distribution == "uniform":
                per_coordinate = per_coordinate * 3**0.5  # the bound of a uniform number with standard deviation 1
            loss = passes.loss(passes.logits(words.draw(robust.distribution) * per_coordinate))
        case R3F():
            delta_BLD = robust.noise * Words.of(passes, seeds).draw(robust.distribution)
            clean_NC, noisy_NC = passes.logits(), passes.logits(delta_BLD)
            loss = passes.loss(clean_NC) + robust.weight * passes.divergence(clean_NC, noisy_NC)
        case Smart():
            clean_NC = passes.logits()
            noisy_NC = passes.logits(_ascend_once(robust, passes, Words.of(passes, seeds), clean_NC.detach()))
            loss = passes.loss(clean_NC) + robust.weight * passes.divergence(clean_NC, noisy_NC)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _ascend_freely(robust: FreeLB, passes: Passes, words: "Words") -> Tensor:
    """The mean loss and gradient along the steps of ascent; after the last pass the noise does not move, so that pass needs no
    gradient of it."""
    total = torch.zeros((), device=words.real_BL1.device)
    coordinates_B11 = words.real_BL1.sum((1, 2), keepdim=True).clamp(min=1) * words.size
    delta_BLD = words.draw("uniform") * (robust.init / coordinates_B11**0.5)
    for step in range(robust.steps):
        moves = step + 1 < robust.steps
        delta_BLD = delta_BLD.detach().requires_grad_(moves)
        loss = passes.loss(passes.logits(delta_BLD)) / robust.steps
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
        if moves and delta_BLD.grad is not None:
            gradient_BLD = delta_BLD.grad * words.real_BL1
            delta_BLD = delta_BLD.detach() + robust.step * gradient_BLD / _norm(gradient_BLD).clamp(min=TINY)
            delta_BLD = delta_BLD * (robust.radius / _norm(delta_BLD).clamp(min=TINY)).clamp(max=1)
    return total


def _ascend_once(robust: Smart, passes: Passes, words: "Words", clean_NC: Tensor) -> Tensor:
    """The noise after one step that makes the divergence from the clean predictions larger."""
    delta_BLD = (robust.noise * words.draw("gaussian")).requires_grad_()
    grown = passes.divergence(clean_NC, passes.logits(delta_BLD))
    gradient_BLD = torch.autograd.grad(grown, delta_BLD)[0] * words.real_BL1
    largest_B11 = gradient_BLD.abs().amax((1, 2), keepdim=True)
    # The divergence of tiny noise can have no gradient at all in single precision; then it stays where it is.
    moved_BLD = delta_BLD.detach() + robust.step * torch.where(largest_B11 > 0, gradient_BLD / largest_B11, 0)
    return moved_BLD.clamp(-robust.radius, robust.radius)


def _norm(delta_BLD: Tensor) -> Tensor:
    """Of the noise of each row: (B, 1, 1)."""
    norms_B: Tensor = delta_BLD.flatten(1).norm(dim=1)
    return norms_B[:, None, None]


@dataclass
class Words:
    """Where a micro-batch has words: `real_BL1` is 1 on tokens that are neither padding nor special. `seeds`: one a row."""

    table: Any
    ids_BL: Tensor
    real_BL1: Tensor
    seeds: Sequence[int]

    @classmethod
    def of(cls, passes: Passes, seeds: Sequence[int]) -> "Words":
        ids_BL = passes.batch["input_ids"]
        special = torch.tensor(passes.codec.tokenizer.all_special_ids, device=ids_BL.device)
        real_BL = passes.batch["attention_mask"].bool() & ~torch.isin(ids_BL, special)
        return cls(passes.encoder.get_input_embeddings(), ids_BL, real_BL[..., None].float(), seeds)

    @property
    def size(self) -> int:
        return int(self.table.weight.shape[1])

    def draw(self, distribution: Distribution) -> Tensor:
        """Noise on the words, (B, L, D): each coordinate gaussian with standard deviation 1, or uniform in (-1, 1). A row's does
        not depend on the other rows, nor on its padding."""
        noise_BLD = torch.zeros((*self.ids_BL.shape, self.size), device=self.ids_BL.device)
        generator = torch.Generator(self.ids_BL.device)
        for b, seed in enumerate(self.seeds):
            generator.manual_seed(seed)
            here_L = self.real_BL1[b, :, 0].bool()
            shape = (int(here_L.sum()), self.size)
            if distribution == "gaussian":
                noise_BLD[b, here_L] = torch.randn(shape, generator=generator, device=noise_BLD.device)
            else:
                noise_BLD[b, here_L] = 2 * torch.rand(shape, generator=generator, device=noise_BLD.device) - 1
        return noise_BLD

    def mean_norms(self) -> Tensor:
        """The mean norm of the word embeddings of each row, (B, 1, 1)."""
        with torch.no_grad():
            norms_BL1: Tensor = self.table(self.ids_BL).float().norm(dim=-1, keepdim=True) * self.real_BL1
        return norms_BL1.sum(1, keepdim=True) / self.real_BL1.sum(1, keepdim=True).clamp(min=1)


def count_passes(robust: Robust | None, encoder: Any) -> list[Work]:
    """The work of each pass of a step."""
    plain = count_training_work(encoder)
    match robust:
        case R3F():
            return [plain] * 2
        case FreeLB():
            return [plain] + [count_training_work(encoder, of_words=True)] * (robust.steps - 1)
        case Smart():
            return [plain] * 2 + [count_training_work(encoder, of_words=True, of_weights=False)]
    return [plain]
