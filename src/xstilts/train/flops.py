"""FLOPs: how fast this machine multiplies matrices, and how much work a training is.

The peak is measured, not read from a data sheet: it is the best rate of square matrix products in the training's precision, on
the threads (or the card) in use. The work of a training counts real tokens only. It follows from the weights and the lengths: 6
x weights x tokens, and 12 x hidden x length**2 for the attention of each block. The ratio of the two, the utilisation, falls
with padding, small batches and everything else that is not a product. Work that the loop skips, because its result is not
needed (`unpadding.states`), does not count.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

PEAK_SECONDS = 0.15
_WIDTHS = (256, 512, 1024, 2048, 4096, 8192)
_peaks: dict[tuple[str, str, int], float] = {}
_BLOCK = re.compile(r"(?:^|\.)layers?\.(\d+)\.")
_BELOW_ATTENTION = re.compile(r"\b(query|key|value|q_lin|k_lin|v_lin|query_proj|key_proj|value_proj)\b")


def measure_peak_flops(device: torch.device, precision: str) -> float:
    """FLOP/s of the best square matrix product found in about 0.2 s. `precision` is "fp32" or "bf16". A process measures once
    for each device, precision and number of threads. Other load lowers the number on a CPU. On a card, which several processes
    use by turns, the single products are timed, so that waiting for a turn does not count."""
    place = (str(device), precision, torch.get_num_threads())
    if place not in _peaks:
        _peaks[place] = _measure_products(device, torch.bfloat16 if precision == "bf16" else torch.float32)
    return _peaks[place]


def _measure_products(device: torch.device, dtype: torch.dtype) -> float:
    """Multiply matrices of growing width while the next one fits into the time, then the widest again until the time is used
    up."""
    time_products = _time_on_card if device.type == "cuda" else _time_on_cpu
    numbers = torch.Generator(device).manual_seed(0)  # random, since a card multiplies constants faster than real weights
    best, began = 0.0, 0.0
    for width in _WIDTHS:
        if best and 3 * 2 * width**3 / best > began + PEAK_SECONDS - time.perf_counter():
            break
        a_NN = torch.randn((width, width), generator=numbers, device=device, dtype=dtype)
        out_NN = torch.empty_like(a_NN)
        if not best:
            time_products(a_NN, out_NN)  # the first product loads libraries and starts threads
            began = time.perf_counter()
        best = max(best, 2 * width**3 / time_products(a_NN, out_NN))
    while time.perf_counter() - began < PEAK_SECONDS:
        best = max(best, 2 * width**3 / time_products(a_NN, out_NN))
    return best


def _time_on_cpu(a_NN: torch.Tensor, out_NN: torch.Tensor) -> float:
    """Seconds of the fastest of three products."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        torch.mm(a_NN, a_NN, out=out_NN)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _time_on_card(a_NN: torch.Tensor, out_NN: torch.Tensor) -> float:
    """Seconds of the fastest of ten products that are queued at once."""
    with torch.cuda.device(a_NN.device):
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(11)]
        marks[0].record()
        for mark in marks[1:]:
            torch.mm(a_NN, a_NN, out=out_NN)
            mark.record()
        torch.cuda.synchronize()
        return max(min(float(one.elapsed_time(other)) for one, other in pairwise(marks)) / 1000, 1e-6)


@dataclass(frozen=True)
class Work:
    """FLOPs of forward and backward pass: for each token, and for the square of each sequence's length. A token whose last
    hidden state is not needed (`unpadding.states`) costs `per_skipped` less."""

    per_token: float
    per_square: float
    per_skipped: float

    def flops(self, lengths: Sequence[int], skipped: int = 0) -> float:
        """FLOPs of sequences with these real lengths (with special tokens, without padding). The last hidden states of
        `skipped` of their tokens are not computed."""
        sizes = np.asarray(lengths, dtype=np.float64)
        return float(self.per_token * sizes.sum() - self.per_skipped * skipped + self.per_square * (sizes**2).sum())


def count_training_work(encoder: Any, of_words: bool = False, of_weights: bool = True) -> Work:
    """The cost of a token in the encoder's blocks, given the weights that are trained now. A product costs 2 FLOPs per weight
    in the forward pass, 2 for the gradient of its input if anything at or below it is trained, and 2 for its own gradient if it
    is. `of_words`: the gradient of the word embeddings is computed in any case; `of_weights`: that of the weights is.

    Embedding look-ups, norms, activations and softmax are not products and do not count. The heads do not count either: their
    share is small, except in masked language modelling with a large vocabulary, so the utilisation is too low there.
    """
    linear: dict[int, list[tuple[str, nn.Linear]]] = {}
    for name, module in encoder.named_modules():
        found = _BLOCK.search(name)
        if found and isinstance(module, nn.Linear):
            linear.setdefault(int(found[1]), []).append((name, module))
    below = of_words or any(weight.requires_grad for name, weight in encoder.named_parameters() if not _BLOCK.search(name))
    per_token, per_square, per_skipped = 0, 0, 0
    for _, block in sorted(linear.items()):
        trained = below or any(module.weight.requires_grad for _, module in block)
        per_skipped = 0  # the last block's counts
        for name, module in block:
            below_attention = bool(_BELOW_ATTENTION.search(name))
            of_input = below if below_attention and "lora_B" not in name else trained
            work = 2 * (1 + of_input + (of_weights and module.weight.requires_grad)) * module.weight.numel()
            per_token += work
            per_skipped += 0 if below_attention else work
        per_square += (12 if trained else 4) * encoder.config.hidden_size
        below = trained
    return Work(per_token, per_square, per_skipped)
