"""Recorded steps: on a card, the forward and backward pass of a batch as one CUDA graph.

A step of a small encoder is 1,500 kernels of a few microseconds each, and a processor needs ten times as long to launch them as
the card to compute them (docs/performance.md). A CUDA graph launches all of them at once. It repeats what was recorded, shape by
shape: so rows are widened to a multiple of 16 tokens, padding is computed too, and one graph is recorded for each shape that
comes often. Where the card is the bound and not the launches, steps stay as they are, without padding.

Only with XSTILTS_RECORD=1: on a card recorded steps were found equal to others, but how fast they are was not measured yet.

A recording is used only after it has given the loss and the gradient of the same step without it. What cannot be recorded is
computed as before, and `Recorder.off` says why.

Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import math
import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xstilts.model.codecs.codec import Batch, Codec
from xstilts.model.encoder import blocks, max_positions
from xstilts.model.model import Model
from xstilts.model.unpadding import can_unpad, fix_shapes
from xstilts.recipe.recipe import Recipe
from xstilts.train.evaluate import use_precision
from xstilts.train.flops import measure_peak_flops

MULTIPLE = 16
# How often a shape comes before it is recorded, which takes as long as some steps.
VISITS = 2
# A processor takes at least so long to launch a block's forward and backward pass. A card is taken to reach half of its peak.
LAUNCH_SECONDS = 2e-3
TOLERANCE = 0.02


@dataclass(frozen=True)
class Recording:
    """A graph, and the tensors that it reads and writes. It writes the gradients of `trained` into `gradients`."""

    graph: torch.cuda.CUDAGraph
    batch: Batch
    scale: Tensor
    loss: Tensor
    trained: list[nn.Parameter]
    gradients: list[Tensor]


class Recorder:
    """Records and repeats the passes of one training. `off`: why it does not (any more); empty if it does. `steps`: how many
    were repeated."""

    def __init__(self, model: Model, recipe: Recipe, device: torch.device):
        self.model, self.recipe, self.device = model, recipe, device
        self.steps = 0
        self.off = ""
        if recipe.robust is not None:
            self.off = "the recipe is robust: its steps have other passes, or rows that are drawn anew"
        elif device.type != "cuda":
            self.off = "not on a card"
        elif os.environ.get("XSTILTS_RECORD") != "1":
            self.off = "XSTILTS_RECORD is not 1"
        elif not can_unpad(model.encoder):
            self.off = "this architecture is computed with its padding"
        self._visits: Counter[object] = Counter()
        self._recordings: dict[object, Recording] = {}
        self._gradients: dict[nn.Parameter, Tensor] = {}
        self._memory: Any = None  # what `CUDAGraph.pool` gives

    def compute(self, task: str, codec: Codec, batch: Batch, weight: float, seed: int, flops: float) -> Tensor | None:
        """The loss of a batch, divided by `weight`; its gradient is in the parameters then. None: it is not recorded, and no
        gradient was computed. `flops`: the work of the batch with its padding."""
        if self.off or not codec.recordable:
            return None
        length = batch["input_ids"].shape[1]
        batch = codec.widen(batch, max(length, min(-(-length // MULTIPLE) * MULTIPLE, max_positions(self.model.encoder))))
        rate = measure_peak_flops(self.device, self.recipe.precision) / 2
        if flops / rate > LAUNCH_SECONDS * len(blocks(self.model.encoder)):
            return None
        shape = (task, tuple((name, tuple(tensor.shape)) for name, tensor in batch.items()))
        if self._visits[shape] < VISITS:
            self._visits[shape] += 1
            return None
        if shape not in self._recordings:
            try:
                self._recordings[shape] = self._record(task, codec, batch, weight, seed)
            except RuntimeError as error:  # torch.OutOfMemoryError is one
                self._give_up(" ".join(str(error).split())[:200])
                return None
        recording = self._recordings[shape]
        for name, tensor in batch.items():
            recording.batch[name].copy_(tensor)
        recording.scale.fill_(1 / weight)
        self._repeat(recording, seed)
        self.steps += 1
        return recording.loss

    def _repeat(self, recording: Recording, seed: int) -> None:
        torch.manual_seed(seed)
        recording.graph.replay()
        self._forget_gradients()
        for parameter, gradient in zip(recording.trained, recording.gradients, strict=True):
            parameter.grad = gradient

    def _record(self, task: str, codec: Codec, batch: Batch, weight: float, seed: int) -> Recording:
        """Raises RuntimeError if a recording fails or does not repeat the step."""
        head = self.model.head(task)
        here = {name: tensor.to(self.device) for name, tensor in batch.items()}
        scale = torch.full((), 1 / weight, device=self.device)
        loss = torch.zeros((), device=self.device)

        def compute() -> None:
            with fix_shapes(), use_precision(self.recipe, self.device):
                found = codec.loss(head, codec.hidden(self.model.encoder, head, here), here) * scale
            found.backward()  # type: ignore[no-untyped-call]
            loss.copy_(found.detach())

        now, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        beside.wait_stream(now)
        with torch.cuda.stream(beside):
            for _ in range(3):  # libraries choose and load their kernels
                self._forget_gradients()
                torch.manual_seed(seed)
                compute()
        now.wait_stream(beside)
        trained = [p for p in self.model.parameters() if p.grad is not None]
        expected = float(loss), self._norm(trained)
        for p in trained:
            if p not in self._gradients:
                self._gradients[p] = torch.zeros_like(p)
        gradients = [self._gradients[p] for p in trained]
        for p, gradient in zip(trained, gradients, strict=True):
            p.grad = gradient
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            torch._foreach_zero_(gradients)
            compute()
        self._memory = graph.pool()  # the graphs share it: nothing in it outlives a repetition
        recording = Recording(graph, here, scale, loss, trained, gradients)
        self._repeat(recording, seed)
        got = float(loss), self._norm(trained)
        if not all(math.isclose(a, b, rel_tol=TOLERANCE) for a, b in zip(expected, got, strict=True)):
            raise RuntimeError(f"a recorded step has loss and gradient {got}, the same step without recording {expected}")
        return recording

    def _norm(self, trained: list[nn.Parameter]) -> float:
        return float(torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None]))

    def _forget_gradients(self) -> None:
        for p in self.model.parameters():
            p.grad = None

    def _give_up(self, why: str) -> None:
        self.off = why
        self._recordings.clear()
        self._gradients.clear()
        self._forget_gradients()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
