"""One optimizer step on one batch of the recipe's size, in micro-batches that fit into memory.

The batch is sorted by length and computed in micro-batches of a few thousand tokens. So there is little padding (none where the
encoder unpads), memory is bounded, and the normalisation is that of the recipe's batch: the sum of losses over the sum of loss
terms of the *whole* batch. When memory runs out, the micro-batch is halved and the step starts again. When it cannot get
smaller, activations are recomputed instead of kept. All randomness inside a step is a function of (seed, step, micro-batch).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from xstilts.errors import InputError
from xstilts.model.codecs.codec import Batch, Codec, Feature
from xstilts.model.model import Model
from xstilts.model.token_batches import split_token_batches
from xstilts.model.unpadding import can_unpad
from xstilts.recipe.recipe import Recipe
from xstilts.train.ddp import Group
from xstilts.train.evaluate import use_precision
from xstilts.train.malloc import keep_freed_memory
from xstilts.train.recording import Recorder
from xstilts.train.robust import Passes, compute_gradient, count_passes

MICRO_TOKENS = {"cpu": 2048, "cuda": 8192}


def choose_micro_tokens(device: torch.device) -> int:
    """The most padded tokens of a micro-batch: `$XSTILTS_MICRO_TOKENS`, or the default of the device."""
    return int(os.environ.get("XSTILTS_MICRO_TOKENS") or MICRO_TOKENS.get(device.type, 8192))


def split_micro_batches(features: Sequence[Feature], tokens: int) -> list[list[int]]:
    """Indices of the features, shortest first, in groups of at most `tokens` padded tokens (at least one feature each)."""
    return split_token_batches([feature.size for feature in features], tokens)


def make_optimizer(model: Model, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with no weight decay on biases and layer norms."""
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, recipe.adam_beta2), eps=recipe.adam_epsilon, fused=True)


@dataclass
class Stepper:
    """Takes optimizer steps. `budget`: the most padded tokens of a micro-batch. `halved`: how often it was halved. `flops`: the
    FLOPs of the last step, of all processes together (`flops.py`). `on_rows` is called after each micro-batch with the rows of
    the batch that are done and all of them; it may raise to give the step up, and the model stays as it was."""

    model: Model
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    seed: int
    group: Group
    budget: int
    halved: int = 0
    recomputed: bool = False
    flops: float = 0.0
    on_rows: Callable[[int, int], None] = lambda *_: None

    def __post_init__(self) -> None:
        self._passes = count_passes(self.recipe.robust, self.model.encoder)
        self.recorder = Recorder(self.model, self.recipe, next(self.model.parameters()).device)
        keep_freed_memory()

    def step(self, task: str, codec: Codec, features: Sequence[Feature], step: int, lr: float) -> float:
        """Train the model on one batch and give the batch's mean loss. If it is not finite, the model stays as it was. Raises
        InputError if not even one feature fits into memory."""
        self.model.train()
        while True:
            try:
                loss = self._compute_gradient(task, codec, features, step)
                break
            except torch.OutOfMemoryError:
                self._make_room(codec, features)
        if np.isfinite(loss):
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = lr
            self.optimizer.step()
        return loss

    def _compute_gradient(self, task: str, codec: Codec, features: Sequence[Feature], step: int) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        device = next(self.model.parameters()).device
        rng = np.random.default_rng([self.seed, 0x57E9, step])
        groups = self._group(codec, features)
        batches = list(self._make_batches(codec, features, groups, rng))
        weight = sum(codec.loss_terms(batch) for batch in batches)
        skipped = sum(self._count_skipped(codec, batch) for batch in batches)
        lengths = [len(row) for feature in features for row in feature.rows]
        self.flops = sum(work.flops(lengths, skipped) for work in self._passes)
        if len(batches) == 1 and self.group.size == 1:
            flops = self._passes[0].flops([batches[0]["input_ids"].shape[1]] * len(batches[0]["input_ids"]))
            loss = self.recorder.compute(task, codec, batches[0], max(weight, 1), self._draw(step, 0), flops)
            if loss is not None:
                return float(loss)
        head = self.model.head(task)
        total = torch.zeros(1, device=device)
        rows = [len(batch["input_ids"]) for batch in batches]
        with use_precision(self.recipe, device):  # around all micro-batches, so that weights are cast to bf16 once a step
            for i in range(self.group.rank, len(batches), self.group.size):
                batch = {name: tensor.to(device) for name, tensor in batches[i].items()}
                passes = Passes(self.model.encoder, head, codec, batch, max(weight, 1), self._draw(step, i))
                total += compute_gradient(self.recipe.robust, passes, self._draw_noise(features, groups[i], step))
                self.on_rows(sum(rows[: i + 1]), sum(rows))
        if self.group.size > 1:
            shared = [p for part in (self.model.encoder, head) for p in part.parameters() if p.requires_grad]
            for p in shared:
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            self.group.all_reduce([total, *(p.grad for p in shared if p.grad is not None)])
        return float(total)

    def _draw(self, step: int, part: int) -> int:
        """The seed of a micro-batch."""
        return int(np.random.default_rng([self.seed, 0xD20, step, part]).integers(2**62))

    def _draw_noise(self, features: Sequence[Feature], group: Sequence[int], step: int) -> list[int]:
        """The seed of the noise of each row of a micro-batch: that of its place in the step's batch."""
        places = [(place, row) for place in group for row in range(len(features[place].rows))]
        return [int(np.random.default_rng([self.seed, 0x401CE, step, *place]).integers(2**62)) for place in places]

    def _count_skipped(self, codec: Codec, batch: Batch) -> int:
        """Tokens whose last hidden state is not computed."""
        needed = codec.needed_positions(batch)
        return 0 if needed is None or not can_unpad(self.model.encoder) else int(batch["attention_mask"].sum() - needed.sum())

    def _group(self, codec: Codec, features: Sequence[Feature]) -> list[list[int]]:
        """The places of the features of each micro-batch."""
        return [list(range(len(features)))] if codec.whole_batch else split_micro_batches(features, self._choose_tokens(features))

    def _make_batches(
        self, codec: Codec, features: Sequence[Feature], groups: Sequence[Sequence[int]], rng: np.random.Generator
    ) -> Iterator[Batch]:
        for group in groups:
            part = [features[i] for i in group]
            batch = codec.collate(part)
            codec.targets(part, batch, rng)
            yield batch

    def _choose_tokens(self, features: Sequence[Feature]) -> int:
        """The budget, or less if some of the recipe's processes would otherwise have nothing to do. (The recipe's processes,
        not the group's: so one process can repeat what several did.)"""
        if self.recipe.processes == 1:
            return self.budget
        return min(self.budget, -(-sum(f.longest * len(f.rows) for f in features) // self.recipe.processes))

    def _make_room(self, codec: Codec, features: Sequence[Feature]) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        smallest = codec.whole_batch or len(split_micro_batches(features, self.budget)) == len(features)
        if not smallest and self.group.size == 1:
            self.budget = max(1, min(self.budget, sum(f.longest * len(f.rows) for f in features)) // 2)
            self.halved += 1
            return
        encoder = self.model.encoder
        if self.recomputed or not getattr(encoder, "supports_gradient_checkpointing", False):
            longest = max(feature.tokens for feature in features)
            raise InputError(
                f"out of memory even with one row of {longest} tokens at a time and activations recomputed; lower max_length, "
                "train adapters (lora) or use a device with more memory"
            )
        encoder.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator, union-attr]
        self.recomputed = True
        self.recorder.off = "activations are recomputed"
